"""The stream of bitexbit while orders are traded: recorded from its seeded market, played back to both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bitexbit import OrderCancelled, OrderPlaced, Side
from specie.runtime import Connected, Reconnecting

PAIR = "BTC_USD"


def test_a_session(session: Any) -> None:
    client = session.client
    book = client.market.order_book(PAIR)
    low = (book.bids[-1].price * Decimal("0.9")).quantize(Decimal(1))
    orders = session.listen("order_book", PAIR)
    session.breathe()  # a subscription is not acknowledged

    # An order that waits, and one that takes: the stream tells of both, among those of other people.
    first = client.orders.create(PAIR, side=Side.BUY, amount=Decimal("0.01"), price=low)
    placed = orders.until(lambda item: getattr(item, "id", None) == first.id)
    assert isinstance(placed, OrderPlaced)
    assert (placed.pair, placed.side, placed.price, placed.remaining) == (PAIR, Side.BUY, low, Decimal("0.01"))
    assert placed.trades == []
    taken = client.orders.create(PAIR, side=Side.BUY, amount=Decimal("0.001"), price=book.asks[-1].price)
    assert taken.remaining == 0
    told = orders.until(
        lambda item: [one.id for one in getattr(item, "trades", ())] == [one.id for one in taken.trades]
    )
    assert sum(one.amount for one in told.trades) == Decimal("0.001")

    # The connection breaks; what was told meanwhile is lost, as no message brings it back.
    session.fault("drop on streams.order_book")
    client.market.order_book(PAIR)
    orders.subscribed()
    session.breathe()
    client.orders.cancel(first.id)
    gone = orders.until(lambda item: isinstance(item, OrderCancelled) and item.id == first.id)
    assert gone.amount == Decimal("0.01")
    kinds = [type(event) for event in orders.events]
    assert (kinds.count(Connected), kinds.count(Reconnecting)) == (2, 1)
