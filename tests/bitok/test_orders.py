"""bitok.orders, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitok import Side, SortOrder
from specie.bitok.orders import CancelReceipt, Order, OrderReceipt, Trade
from specie.runtime import Seconds


def funds(btc: str) -> dict[str, Decimal]:
    figures = {"usd": "325", "btc": btc, "sc": "121.998", "ltc": "0", "ruc": "0", "nmc": "0"}
    return {currency: Decimal(figure) for currency, figure in figures.items()}


def test_create(client: Any) -> None:
    receipt = client.orders.create("btc_usd", side=Side.BUY, price=Decimal("325.00"), amount="0.1")
    expected = OrderReceipt(received=Decimal("0.1"), remaining=Decimal("0"), order_id="0", funds=funds("2.498"))
    exactly(receipt, expected)
    exactly(client.orders.create("ltc_eur", side=Side.SELL, price=3, amount=Decimal("1E-8")), expected)


def test_cancel(client: Any) -> None:
    exactly(client.orders.cancel(343154), CancelReceipt(order_id="343154", funds=funds("24.998")))
    exactly(client.orders.cancel("343154"), CancelReceipt(order_id="343154", funds=funds("24.998")))


def test_open(client: Any) -> None:
    expected = Order(
        id="343152",
        pair="btc_usd",
        side=Side.SELL,
        amount=Decimal("1.00000000"),
        price=Decimal("3.00000000"),
        created=Seconds(1342448420),
        status=0,
    )
    orders = client.orders.open()
    exactly(orders, [expected])
    assert orders[0].created_utc == datetime(2012, 7, 16, 14, 20, 20, tzinfo=UTC)
    exactly(client.orders.open(pair="btc_usd"), [expected])


def test_trades(client: Any) -> None:
    expected = Trade(
        id="166830",
        pair="btc_usd",
        side=Side.SELL,
        amount=Decimal("1"),
        price=Decimal("1"),
        order_id="343148",
        is_your_order=True,
        timestamp=Seconds(1342445793),
    )
    trades = client.orders.trades()
    exactly(trades, [expected])
    assert trades[0].timestamp_utc == datetime(2012, 7, 16, 13, 36, 33, tzinfo=UTC)
    everything = client.orders.trades(
        offset=0,
        count=10,
        from_id=166830,
        end_id="166830",
        order=SortOrder.ASC,
        since=1342445793,
        end=datetime(2012, 7, 16, 13, 36, 34, tzinfo=UTC),
        pair="btc_usd",
    )
    exactly(everything, [expected])
    exactly(client.orders.trades(count=1000, from_id="1", end_id=166831, order=SortOrder.DESC), [expected])
