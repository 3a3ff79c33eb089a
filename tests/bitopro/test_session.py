"""Streams of BitoPro while orders are traded: recorded from its seeded market, played back to both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bitopro import BookUpdate, Fill, OrderType, Side, UserTrade
from specie.runtime import Connected, Reconnecting, Resynced

PAIR = "btc_twd"
AMOUNT = Decimal("0.001")


def test_a_session(session: Any) -> None:
    client = session.client

    def take(price: Decimal) -> str:
        order = client.orders.create(PAIR, action=Side.BUY, type=OrderType.LIMIT, amount=AMOUNT, price=price)
        return str(order.order_id)

    fills = session.listen("user_trades")
    session.wait_for_calls(1)  # which pairs have orders
    books = session.listen("order_book", PAIR, limit=5)
    book = books.message()
    assert isinstance(book, BookUpdate)
    assert book.bids[0].price < book.asks[0].price
    assert len(book.bids) == len(book.asks) == 5
    price = book.asks[4].price

    # An order that is filled at once: the stream tells of it, and of what is left in the book.
    first = take(price)
    fill = fills.message()
    assert isinstance(fill, UserTrade)
    assert (fill.order_id, fill.volume, fill.is_maker) == (first, AMOUNT, False)
    later = books.message()
    assert later.timestamp > book.timestamp
    assert later.bids[0].price < later.asks[0].price

    # One that is filled while the connection breaks: it is asked for, and comes once.
    session.fault("drop on streams.user_trades")
    second = take(price)
    missed = fills.message()
    assert isinstance(missed, Fill)
    assert (missed.order_id, missed.base_amount) == (second, AMOUNT)
    resynced = fills.next()
    assert isinstance(resynced, Resynced)
    assert resynced.missed == 1
    kinds = [type(event) for event in fills.events]
    assert (kinds.count(Connected), kinds.count(Reconnecting)) == (2, 1)

    # The stream goes on; the book's connection is another one, and never broke.
    third = take(price)
    fill = fills.message()
    assert isinstance(fill, UserTrade)
    assert fill.order_id == third
    assert Reconnecting not in [type(event) for event in books.events]
