"""Streams of Bibox while orders are traded: recorded from its seeded market, played back to both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bibox import Order, OrderBook, OrderStatus, OrderType, OrderUpdate, Side
from specie.runtime import Connected, Reconnecting, Resynced

PAIR = "BTC_USDT"


def test_a_session(session: Any) -> None:
    client = session.client

    def bid(price: Decimal) -> Any:
        return client.orders.create(PAIR, side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=price)

    orders = session.listen("orders")
    session.wait_for_calls(1)  # which orders are open
    books = session.listen("order_book", PAIR, depth=5)
    book = books.message()
    assert isinstance(book, OrderBook)
    assert books.stream.whole
    assert book.bids[0].price < book.asks[0].price

    # An order that waits: the stream tells of it, and of the price that it has in the book.
    price = book.bids[0].price
    first = bid(price)
    update = orders.message()
    assert isinstance(update, OrderUpdate)
    assert (update.id, update.status, update.filled_quantity) == (first.id, OrderStatus.ACCEPTED, 0)
    change = books.message()
    assert not books.stream.whole
    assert int(change.update_id or 0) > int(book.update_id or 0)

    # It is cancelled while the connection breaks: what became of it is asked for.
    session.fault("drop on streams.orders")
    client.orders.cancel(first.id)
    missed = orders.message()
    assert isinstance(missed, Order)
    assert (missed.id, missed.status) == (first.id, OrderStatus.CANCELLED)
    resynced = orders.until(lambda item: isinstance(item, Resynced))
    assert resynced.missed == 1
    kinds = [type(event) for event in orders.events]
    assert (kinds.count(Connected), kinds.count(Reconnecting)) == (2, 1)

    # The stream goes on; the book's connection is another one, and never broke.
    second = bid(price)
    update = orders.message()
    assert (update.id, update.status) == (second.id, OrderStatus.ACCEPTED)
    assert Reconnecting not in [type(event) for event in books.events]
