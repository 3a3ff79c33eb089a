"""bibox.orders, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bibox import Side
from specie.bibox.orders import Fee, Fill, LiquidityRole, Order, OrderStatus, OrderType, TimeInForce
from specie.runtime import Millis

FILL = Fill(
    id="13",
    time=Millis(1643193746464),
    price=Decimal("10043.85"),
    quantity=Decimal("-0.009"),
    role=LiquidityRole.MAKER,
    fee=Fee(asset="USDT", amount=Decimal("0.09039465000")),
    order_id=None,
    symbol=None,
    trade_id=None,
)
EARLIER_FILL = Fill(
    id="12",
    time=Millis(1643193746266),
    price=Decimal("10043.85"),
    quantity=Decimal("-0.001"),
    role=LiquidityRole.MAKER,
    fee=Fee(asset="USDT", amount=Decimal("0.01004385000")),
    order_id=None,
    symbol=None,
    trade_id=None,
)
ORDER = Order(
    id="4611688217450643477",
    client_order_id=None,
    symbol="BTC_USDT",
    type=OrderType.LIMIT,
    side=Side.SELL,
    quantity=Decimal("-0.0100"),
    price=Decimal("10043.8500"),
    time_in_force=TimeInForce.GTC,
    post_only=False,
    status=OrderStatus.FILLED,
    filled_quantity=Decimal("-0.0100"),
    filled_value=Decimal("-100.43850000"),
    created=Millis(1643193746043),
    updated=Millis(1643193746464),
    fill_count=2,
    fills=[FILL, EARLIER_FILL],
    fees=[Fee(asset="USDT", amount=Decimal("0.10043850000"))],
    update_id=None,
    failure_code=None,
    failure_message=None,
)


def test_create(client: Any) -> None:
    order = client.orders.create(
        "BTC_USDT",
        side=Side.SELL,
        type=OrderType.LIMIT,
        quantity=Decimal("0.0100"),
        price="10043.8500",
        time_in_force=TimeInForce.GTC,
        post_only=False,
        client_order_id=1643193746043,
    )
    exactly(order, ORDER)
    assert order.created_utc == datetime(2022, 1, 26, 10, 42, 26, 43_000, UTC)
    assert order.updated_utc == datetime(2022, 1, 26, 10, 42, 26, 464_000, UTC)
    # The page's own sample, with nothing that is optional.
    least = client.orders.create(
        "BTC_USDT", side=Side.SELL, type=OrderType.LIMIT, quantity=Decimal("0.0001"), price=50000
    )
    exactly(least, ORDER)
    other = client.orders.create(
        "BTC_USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal("1E-8"),
        price=Decimal("5E+4"),
        time_in_force=TimeInForce.IOC,
        post_only=True,
        client_order_id=9223372036854775807,
    )
    exactly(other, ORDER)


def test_get(client: Any) -> None:
    exactly(client.orders.get("4611688217450643477"), ORDER)
    exactly(client.orders.get(4611688217450643477), ORDER)
    exactly(client.orders.get("c:123"), ORDER)


def test_open(client: Any) -> None:
    waiting = Order(
        id="4611688217450643477",
        client_order_id=None,
        symbol="BTC_USDT",
        type=OrderType.LIMIT,
        side=Side.SELL,
        quantity=Decimal("-0.0100"),
        price=Decimal("10043.8500"),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        status=OrderStatus.ACCEPTED,
        filled_quantity=Decimal("0"),
        filled_value=Decimal("0"),
        created=Millis(1643193746043),
        updated=Millis(1643193746043),
        fill_count=0,
        fills=[],
        fees=[],
        update_id=None,
        failure_code=None,
        failure_message=None,
    )
    exactly(client.orders.open(symbol="BTC_USDT"), [waiting])
    exactly(client.orders.open(), [waiting])


def test_history(client: Any) -> None:
    exactly(client.orders.history("BTC_USDT", limit=2), [ORDER])
    since = datetime(2022, 1, 26, tzinfo=UTC)
    exactly(client.orders.history("BTC_USDT", start_time=since, end_time=1643193746464, limit=100), [ORDER])
    exactly(client.orders.history("BTC_USDT", before="1125899906842648351"), [ORDER])
    exactly(client.orders.history("BTC_USDT", after=1125899906842648349, limit=2), [ORDER])


def test_cancel(client: Any) -> None:
    exactly(client.orders.cancel("14244173146202090"), ORDER)
    exactly(client.orders.cancel(4611688217450643477), ORDER)
    exactly(client.orders.cancel("c:123"), ORDER)


def test_cancel_all(client: Any) -> None:
    assert client.orders.cancel_all("BTC_USDT") is None


def test_fills(client: Any) -> None:
    fills = client.orders.fills(symbol="BTC_USDT", limit=2)
    exactly(fills, [FILL] * 3)
    assert fills[0].time_utc == datetime(2022, 1, 26, 10, 42, 26, 464_000, UTC)
    exactly(client.orders.fills(order_id=4611688217450643477, before="14", limit=100), [FILL] * 3)
    since = datetime(2022, 1, 26, 10, 42, tzinfo=UTC)
    exactly(client.orders.fills(symbol="BTC_USDT", start_time=since, end_time=1643193746464), [FILL] * 3)
    exactly(client.orders.fills(symbol="BTC_USDT", after="11"), [FILL] * 3)
