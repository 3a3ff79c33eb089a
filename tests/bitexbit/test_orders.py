"""bitexbit.orders, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitexbit import (
    CancelReceipt,
    Order,
    OrderFill,
    OrderReceipt,
    OrderStatus,
    OwnTrade,
    Side,
    TradeOrdering,
)
from specie.runtime import ExactSeconds


def test_create(client: Any) -> None:
    receipt = client.orders.create("BTC_USD", side=Side.BUY, amount="1.0", price=Decimal("870.69"))
    exactly(
        receipt,
        OrderReceipt(
            id="11268",
            side=Side.BUY,
            price=Decimal("870.69000000"),
            remaining=Decimal("0.00000000"),
            timestamp=ExactSeconds(Decimal("1483721079.51632")),
            trades=[
                OrderFill(
                    id="6049",
                    order_id="11266",
                    side=Side.SELL,
                    price=Decimal("870.69000000"),
                    amount=Decimal("0.00010000"),
                )
            ],
        ),
    )
    assert receipt.timestamp_utc == datetime(2017, 1, 6, 16, 44, 39, 516320, tzinfo=UTC)
    # The order of the sample that signs, and an amount that Python would write with an exponent.
    assert client.orders.create("BTC_USD", side=Side.BUY, amount="0.0001", price="0.1") == receipt
    assert client.orders.create(pair="ETH_USD", side=Side.SELL, amount=Decimal("1E-8"), price=1000) == receipt


def test_cancel(client: Any) -> None:
    exactly(client.orders.cancel("63568"), CancelReceipt(id="63568"))
    exactly(client.orders.cancel(order_id=63568), CancelReceipt(id="63568"))


def test_get(client: Any) -> None:
    order = Order(
        id="11259",
        pair="BTC_USD",
        side=Side.BUY,
        status=OrderStatus.ACTIVE,
        price=Decimal("870.69000000"),
        amount=Decimal("0.1250000"),
    )
    exactly(client.orders.get("11259"), order)
    exactly(client.orders.get(53189), order)


def test_history(client: Any) -> None:
    orders = [
        Order(
            id="11249",
            pair="ETH_USD",
            side=Side.BUY,
            status=OrderStatus.DONE,
            price=Decimal("0.00113000"),
            amount=Decimal("0.500000000"),
        )
    ]
    exactly(client.orders.history(), orders)
    exactly(client.orders.history(side=Side.BUY, pair="ETH_USD", status=OrderStatus.DONE, limit=2000), orders)
    exactly(client.orders.history(pair="ETH_USD"), orders)
    for status in OrderStatus:
        exactly(client.orders.history(side=Side.SELL, status=status), orders)


def test_trades(client: Any) -> None:
    trades = client.orders.trades(side=Side.BUY, pair="BTC_USD", limit=100, offset=5, ordering=TradeOrdering.DESCENDING)
    exactly(
        trades,
        [
            OwnTrade(
                id="6049",
                pair="BTC_USD",
                side=Side.SELL,
                my_side=Side.BUY,
                price=Decimal("870.69000000"),
                amount=Decimal("0.00010000"),
                timestamp=ExactSeconds(Decimal("1483721079.51632")),
            )
        ],
    )
    assert trades[0].timestamp_utc == datetime(2017, 1, 6, 16, 44, 39, 516320, tzinfo=UTC)
    assert client.orders.trades() == trades
    assert client.orders.trades(ordering=TradeOrdering.ASCENDING) == trades
