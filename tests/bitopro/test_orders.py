"""bitopro.orders, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitopro import (
    CancelReceipt,
    Fill,
    NewOrder,
    Order,
    OrderReceipt,
    OrderStatus,
    OrderStrategySetting,
    OrderType,
    Side,
    StatusKind,
    StopCondition,
    StrategyOrderType,
    StrategySetting,
    TimeInForce,
)
from specie.runtime import Millis

BOTH_PAIRS = {"BTC_USDT": ["12234566", "12234567"], "ETH_USDT": ["44566712", "24552212"]}
NONE = Decimal("0")


def test_create(client: Any) -> None:
    receipt = client.orders.create(
        "bito_eth",
        action=Side.BUY,
        type=OrderType.LIMIT,
        amount=250,
        price=Decimal("0.000075"),
        timestamp=1504262258000,
        time_in_force=TimeInForce.POST_ONLY,
        client_id=12345,
    )
    exactly(
        receipt,
        OrderReceipt(
            order_id="1234567890",
            action=Side.BUY,
            amount=Decimal("250"),
            price=Decimal("0.000075"),
            timestamp=Millis(1504262258000),
            time_in_force=TimeInForce.POST_ONLY,
            client_id=12345,
        ),
    )
    assert receipt.timestamp_utc == datetime(2017, 9, 1, 10, 37, 38, tzinfo=UTC)
    # The one field `amount` is quote currency in a market order that buys, base currency in all others.
    create = client.orders.create
    assert create("btc_twd", action=Side.BUY, type=OrderType.MARKET, quote_amount="1000.50") == receipt
    assert create("btc_twd", action=Side.SELL, type=OrderType.MARKET, amount="123.250", percentage=100) == receipt
    stopped = create(
        "btc_twd",
        action=Side.SELL,
        type=OrderType.STOP_LIMIT,
        amount=Decimal("1E-8"),
        price="3500",
        stop_price=Decimal("3564.2563"),
        condition=StopCondition.AT_OR_BELOW,
        timestamp=datetime(2017, 9, 1, 10, 37, 38, tzinfo=UTC),
        time_in_force=TimeInForce.GTC,
        client_id=2147483647,
    )
    assert stopped == receipt


def test_create_batch(client: Any) -> None:
    receipts = client.orders.create_batch(
        [
            NewOrder(
                pair="BTC_TWD",
                action=Side.BUY,
                type=OrderType.LIMIT,
                price=210000,
                amount=1,
                timestamp=1504262258000,
                time_in_force=TimeInForce.GTC,
                client_id=123,
            ),
            NewOrder(pair="BTC_TWD", action=Side.SELL, type=OrderType.MARKET, amount=2, timestamp=1504262258000),
        ]
    )
    exactly(
        receipts,
        [
            OrderReceipt(
                order_id="1234567890",
                action=Side.BUY,
                amount=Decimal("1"),
                price=Decimal("210000"),
                timestamp=Millis(1504262258000),
                time_in_force=TimeInForce.GTC,
                client_id=123,
            ),
            OrderReceipt(
                order_id="3234567891",
                action=Side.SELL,
                amount=Decimal("2"),
                price=None,
                timestamp=Millis(1504262258000),
                time_in_force=TimeInForce.GTC,
                client_id=None,
            ),
        ],
    )
    assert receipts[0].timestamp_utc == datetime(2017, 9, 1, 10, 37, 38, tzinfo=UTC)
    spend = NewOrder(pair="eth_twd", action=Side.BUY, type=OrderType.MARKET, quote_amount=Decimal("99.90"))
    assert client.orders.create_batch(spend) == receipts


def test_cancel(client: Any) -> None:
    receipt = client.orders.cancel("bito_eth", "12234566")
    exactly(
        receipt,
        CancelReceipt(
            order_id="12234566",
            action=Side.BUY,
            amount=Decimal("2.3"),
            price=Decimal("1.2"),
            timestamp=Millis(1504262258000),
        ),
    )
    assert receipt.timestamp_utc == datetime(2017, 9, 1, 10, 37, 38, tzinfo=UTC)
    assert client.orders.cancel("bito_eth", 2959906694, cancel_strategies=False) == receipt
    assert client.orders.cancel(pair="bito_eth", order_id="SL-648784180", cancel_strategies=True) == receipt


def test_cancel_batch(client: Any) -> None:
    exactly(client.orders.cancel_batch(BOTH_PAIRS), BOTH_PAIRS)
    exactly(client.orders.cancel_batch({"BTC_TWD": [12234566, "SL-1133804403"]}), BOTH_PAIRS)


def test_cancel_all(client: Any) -> None:
    exactly(client.orders.cancel_all(), BOTH_PAIRS)


def test_cancel_all_of_pair(client: Any) -> None:
    exactly(client.orders.cancel_all_of_pair("btc_usdt"), {"BTC_USDT": ["12234566", "12234567"]})


def test_get(client: Any) -> None:
    order = client.orders.get("bito_eth", "SL-9014867155")
    exactly(
        order,
        Order(
            id="SL-9014867155",
            pair="bito_eth",
            price=Decimal("0.001"),
            average_execution_price=NONE,
            action=Side.BUY,
            type=OrderType.STOP_LIMIT,
            status=OrderStatus.NOT_TRIGGERED,
            original_amount=Decimal("1000"),
            remaining_amount=Decimal("1000"),
            executed_amount=NONE,
            fee=NONE,
            fee_symbol="bito",
            bito_fee=NONE,
            total=NONE,
            sequence="BITOETH3946175424",
            stop_price=Decimal("0.002"),
            condition=StopCondition.AT_OR_ABOVE,
            time_in_force=TimeInForce.GTC,
            client_id=None,
            created=Millis(1571032128185),
            updated=Millis(1571032129185),
            timestamp=Millis(1571032129185),
            stop_profit_setting=None,
            stop_loss_setting=None,
            strategy_setting=None,
        ),
    )
    assert order.created_utc == datetime(2019, 10, 14, 5, 48, 48, 185000, tzinfo=UTC)
    assert order.updated_utc == datetime(2019, 10, 14, 5, 48, 49, 185000, tzinfo=UTC)
    assert order.timestamp_utc == order.updated_utc


def _bito(id: str, sequence: str, **differing: Any) -> Order:
    """One of the pages' orders for 1000 BITO, of which nothing was traded."""
    fields: dict[str, Any] = {
        "pair": "bito_eth",
        "price": Decimal("0.05"),
        "average_execution_price": NONE,
        "action": Side.BUY,
        "type": OrderType.STOP_LIMIT,
        "status": OrderStatus.NOT_TRIGGERED,
        "original_amount": Decimal("1000"),
        "remaining_amount": Decimal("1000"),
        "executed_amount": NONE,
        "fee": NONE,
        "fee_symbol": "bito",
        "bito_fee": NONE,
        "total": NONE,
        "stop_price": Decimal("10"),
        "condition": StopCondition.AT_OR_ABOVE,
        "time_in_force": TimeInForce.GTC,
        "client_id": 123,
    }
    return Order(id=id, sequence=sequence, **{**fields, **differing})


def _done(id: str, pair: str, sequence: str, price: str, fee: str, fee_symbol: str, **differing: Any) -> Order:
    """One of the page's orders that were completed: the one that was placed, or the one that followed it."""
    placed = not id.startswith("SL-")
    amount = Decimal("1") if placed else Decimal("0.9994")
    return Order(
        id=id,
        pair=pair,
        sequence=sequence,
        price=Decimal(price),
        average_execution_price=Decimal(price),
        action=Side.BUY if placed else Side.SELL,
        status=OrderStatus.COMPLETED,
        original_amount=amount,
        remaining_amount=NONE,
        executed_amount=amount,
        fee=Decimal(fee),
        fee_symbol=fee_symbol,
        bito_fee=NONE,
        time_in_force=TimeInForce.GTC,
        **differing,
    )


TRIGGERED_LATER = _bito(
    "SL-6256946008", "BITOETH2471338952", created=Millis(1570591525690), updated=Millis(1570601523550)
)
TAKE_PROFIT = OrderStrategySetting(
    strategy_setting_id="401717013",
    strategies_id="6263708251",
    parent_order_id="6202635890",
    order_id="SL-648784180",
    condition=StopCondition.AT_OR_ABOVE,
    stop_price=Decimal("100"),
    price=Decimal("220"),
    price_percentage=Decimal("120.000"),
    amount=Decimal("0.9994"),
    timestamp=Millis(1707039441000),
    order_type=StrategyOrderType.TAKE_PROFIT,
    price_input_type=2,
    triggered_timestamp=Millis(1707039510000),
    base="eth",
    quote="twd",
)
STOP_LOSS = OrderStrategySetting(
    strategy_setting_id="5278575407",
    strategies_id="1140566646",
    parent_order_id="4391867898",
    order_id="SL-9277712889",
    condition=StopCondition.AT_OR_BELOW,
    stop_price=Decimal("90"),
    price=Decimal("90"),
    price_percentage=Decimal("10.000"),
    amount=Decimal("0.9994"),
    timestamp=Millis(1707039634000),
    order_type=StrategyOrderType.STOP_LOSS,
    price_input_type=1,
    triggered_timestamp=Millis(1707039779000),
    base="btc",
    quote="twd",
)


def test_history(client: Any) -> None:
    orders = client.orders.history("bito_eth", status_kind=StatusKind.ALL, limit=100)
    exactly(
        orders,
        [
            _bito(
                "887521192",
                "BITOETH8913789893",
                price=Decimal("0.005"),
                type=OrderType.LIMIT,
                status=OrderStatus.IN_PROGRESS,
                stop_price=None,
                condition=None,
                created=Millis(1570591525592),
                updated=Millis(1570601523551),
            ),
            _bito("SL-1133804403", "BITOETH4618822599", timestamp=Millis(1570591225827)),
            TRIGGERED_LATER,
            _done(
                "6202635890",
                "eth_twd",
                "ETHTWD7445691022",
                "100",
                "0.0006",
                "eth",
                type=OrderType.LIMIT,
                total=Decimal("100"),
                created=Millis(1707039441341),
                updated=Millis(1707039510358),
                stop_profit_setting=StrategySetting(
                    stop_price=Decimal("100"),
                    price=Decimal("220"),
                    price_percentage=Decimal("120.000"),
                    price_input_type=2,
                    strategies_id="6263708251",
                    strategy_setting_id="401717013",
                    order_id="SL-648784180",
                    parent_order_id="6202635890",
                ),
            ),
            _done(
                "SL-648784180",
                "eth_twd",
                "ETHTWD1740658317",
                "220",
                "0.1319208",
                "twd",
                type=OrderType.SP_OCO_STOPLIMIT,
                total=Decimal("219.868"),
                condition=StopCondition.AT_OR_ABOVE,
                created=Millis(1707039510455),
                updated=Millis(1707039580165),
                strategy_setting=TAKE_PROFIT,
            ),
            _done(
                "4391867898",
                "btc_twd",
                "BTCTWD1796315895",
                "100",
                "0.0006",
                "btc",
                type=OrderType.LIMIT,
                total=Decimal("100"),
                created=Millis(1707039634662),
                updated=Millis(1707039779521),
                stop_loss_setting=StrategySetting(
                    stop_price=Decimal("90"),
                    price=Decimal("90"),
                    price_percentage=Decimal("10.000"),
                    price_input_type=1,
                    strategies_id="1140566646",
                    strategy_setting_id="5278575407",
                    order_id="SL-9277712889",
                    parent_order_id="4391867898",
                ),
            ),
            _done(
                "SL-9277712889",
                "btc_twd",
                "BTCTWD6091283189",
                "90",
                "0.0539676",
                "twd",
                type=OrderType.SL_OCO_STOPLIMIT,
                total=Decimal("89.946"),
                condition=StopCondition.AT_OR_BELOW,
                created=Millis(1707039779597),
                updated=Millis(1707039856455),
                strategy_setting=STOP_LOSS,
            ),
        ],
    )
    placed, timed, *_, stopped = orders
    assert placed.created_utc == datetime(2019, 10, 9, 3, 25, 25, 592000, tzinfo=UTC)
    assert placed.updated_utc == datetime(2019, 10, 9, 6, 12, 3, 551000, tzinfo=UTC)
    assert (timed.created_utc, timed.updated_utc) == (None, None)
    assert timed.timestamp_utc == datetime(2019, 10, 9, 3, 20, 25, 827000, tzinfo=UTC)
    assert stopped.strategy_setting.timestamp_utc == datetime(2024, 2, 4, 9, 40, 34, tzinfo=UTC)
    assert stopped.strategy_setting.triggered_timestamp_utc == datetime(2024, 2, 4, 9, 42, 59, tzinfo=UTC)
    # Every filter there is, each under its own name.
    found = client.orders.history(
        "bito_eth",
        start=1605857448852,
        end=datetime(2021, 2, 18, 7, 30, 48, 852000, tzinfo=UTC),
        status_kind=StatusKind.OPEN,
        status=OrderStatus.NOT_TRIGGERED,
        order_id=6432441674,
        limit=1000,
        client_id=12345,
        ignore_time_limit=True,
    )
    assert found == orders
    for kind in StatusKind:
        assert client.orders.history("bito_eth", status_kind=kind) == orders
    for status in OrderStatus:
        assert client.orders.history("bito_eth", status=status) == orders


def test_open(client: Any) -> None:
    orders = client.orders.open(pair="bito_eth")
    exactly(
        orders,
        [
            _bito(
                "SL-1133804403",
                "BITOETH4618822599",
                type=OrderType.LIMIT,
                stop_price=None,
                condition=None,
                client_id=None,
                created=Millis(1570591525690),
                updated=Millis(1570601523550),
            ),
            TRIGGERED_LATER,
        ],
    )
    assert orders[0].created_utc == datetime(2019, 10, 9, 3, 25, 25, 690000, tzinfo=UTC)
    assert client.orders.open() == orders


def test_trades(client: Any) -> None:
    def fill(order_id: str, action: Side, fee: str, is_taker: bool) -> Fill:
        return Fill(
            trade_id="3109362209",
            order_id=order_id,
            price=Decimal("530"),
            action=action,
            base_amount=Decimal("600"),
            quote_amount=Decimal("318000"),
            fee=Decimal(fee),
            fee_symbol="ETH",
            is_taker=is_taker,
            created=Millis(1628054591943),
            timestamp=Millis(1628054591943),
        )

    trades = client.orders.trades("btc_twd", limit=100)
    exactly(trades, [fill("7977988235", Side.SELL, "95.4", False), fill("2854846630", Side.BUY, "0.66", True)])
    assert trades[0].created_utc == trades[0].timestamp_utc == datetime(2021, 8, 4, 5, 23, 11, 943000, tzinfo=UTC)
    found = client.orders.trades(
        "bito_eth",
        start=datetime(2020, 6, 14, 23, 6, 3, tzinfo=UTC),
        end=1592203563000,
        order_id="6995795641",
        trade_id=8473494907,
        limit=0,
    )
    assert found == trades
