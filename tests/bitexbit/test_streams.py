"""bitexbit.streams, against transcripts of the documented messages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitexbit import OrderCancelled, OrderFill, OrderPlaced, Side
from specie.runtime import Id


def test_order_book(client: Any) -> None:
    heard = client.streams.order_book("BTC_USD")
    placed = OrderPlaced(
        pair="BTC_USD",  # the message does not say it
        id=Id("15234"),
        side=Side.SELL,
        price=Decimal("935.23"),
        remaining=Decimal("0.0"),
        trades=[
            OrderFill(
                id=Id("14876"),
                order_id=Id("15201"),
                side=Side.BUY,
                price=Decimal("936.00"),
                amount=Decimal("0.1"),
            )
        ],
        timestamp=Decimal("1485686507.0944622"),
        success=True,
    )
    cancelled = OrderCancelled(
        pair="BTC_USD",
        id=Id("4535"),
        message_order_id=Id("15235"),
        side=Side.SELL,
        price=Decimal("935.23"),
        amount=Decimal("0.0123"),
        timestamp=Decimal("1485686413.5688234"),
        cancelled=True,
        success=True,
    )
    exactly(heard.messages, [placed, cancelled, placed, cancelled, cancelled])
    assert set(heard.channels) == {"book_BTC_USD"}
