"""bitopro.streams, against transcripts of the documented messages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
from support.exact import exactly

from specie.bitopro import (
    BalancesUpdate,
    BookLevel,
    BookSide,
    BookUpdate,
    Fill,
    OrderStatus,
    OrdersUpdate,
    OrderType,
    Side,
    StopCondition,
    StreamBalance,
    StreamOrder,
    TickerUpdate,
    TimeInForce,
    Trade,
    TradesUpdate,
    UserTrade,
)
from specie.runtime import Id, Millis, Resynced, Seconds

FIRST, LATER = "dadf4ac1-665a-4f39-a139-ab95da102374", "88038887-1de1-4521-b411-93440156cb41"
TOLD_AT, TOLD_AT_TEXT = Millis(1136185445000), "2006-01-02T15:04:05.700Z"
ONE = Decimal("1")


def test_order_book(client: Any) -> None:
    def book(pair: str, event_id: str) -> BookUpdate:
        return BookUpdate(
            event="ORDER_BOOK",
            event_id=event_id,
            pair=pair,
            bids=[BookLevel(price=ONE, amount=ONE, count=1, total=ONE)],
            asks=[BookLevel(price=Decimal("0.9"), amount=ONE, count=2, total=Decimal("2"))],
            timestamp=TOLD_AT,
            datetime_text=TOLD_AT_TEXT,
        )

    heard = client.streams.order_book(["BTC_TWD", "eth_twd"])
    told = [book("BTC_TWD", FIRST), book("ETH_TWD", FIRST), book("ETH_TWD", LATER)]
    exactly(heard.messages, [*told, *told, told[-1]])
    assert heard.channels[:3] == ["BTC_TWD", "ETH_TWD", "ETH_TWD"]
    assert all(heard.wholes)


def test_ticker(client: Any) -> None:
    def ticker(pair: str, event_id: str) -> TickerUpdate:
        return TickerUpdate(
            event="TICKER",
            event_id=event_id,
            pair=pair,
            last_price=ONE,
            is_buyer=True,
            price_change_24h=ONE,
            volume_24h=ONE,
            high_24h=ONE,
            low_24h=ONE,
            timestamp=TOLD_AT,
            datetime_text=TOLD_AT_TEXT,
        )

    heard = client.streams.ticker(["BTC_TWD", "BITO_ETH"])
    told = [ticker("BTC_TWD", FIRST), ticker("BITO_ETH", LATER)]
    exactly(heard.messages, [*told, *told, told[-1]])
    assert heard.messages[0].timestamp_utc.isoformat() == "2006-01-02T07:04:05+00:00"
    assert all(heard.wholes)


def test_trades(client: Any) -> None:
    def trades(pair: str, event_id: str) -> TradesUpdate:
        each = [Trade(price=ONE, amount=ONE, is_buyer=buyer, timestamp=Seconds(1136185445)) for buyer in (False, True)]
        return TradesUpdate(
            event="TRADE",
            event_id=event_id,
            pair=pair,
            timestamp=TOLD_AT,
            datetime_text=TOLD_AT_TEXT,
            trades=each,
        )

    heard = client.streams.trades(["BTC_TWD", "BITO_ETH"])
    told = [trades("BTC_TWD", FIRST), trades("BITO_ETH", LATER)]
    exactly(heard.messages, [*told, *told, told[-1]])
    assert not any(heard.wholes)


SOL = StreamOrder(
    id=Id("8917255503"),
    pair="sol_usdt",
    price=Decimal("107"),
    average_execution_price=Decimal("0"),
    action=Side.SELL,
    type=OrderType.LIMIT,
    status=OrderStatus.IN_PROGRESS,
    original_amount=Decimal("0.02"),
    remaining_amount=Decimal("0.02"),
    executed_amount=Decimal("0"),
    fee=Decimal("0"),
    fee_symbol="usdt",
    bito_fee=Decimal("0"),
    total=Decimal("0"),
    sequence=Id("SOLUSDT3273528249"),
    time_in_force=TimeInForce.GTC,
    created=Millis(1639386803663),
    updated=Millis(1639386803663),
    timestamp=Millis(1639386803663),
)
USDC = attrs.evolve(
    SOL,
    id=Id("3452766477"),
    pair="usdc_twd",
    price=Decimal("10"),
    action=Side.BUY,
    original_amount=Decimal("0.01"),
    remaining_amount=Decimal("0.01"),
    fee_symbol="usdc",
    sequence=Id("USDCTWD2310459465"),
    timestamp=Millis(1638258713957),
)
STOPPED = StreamOrder(
    id=Id("SL-397992807"),
    pair="eth_twd",
    price=Decimal("980"),
    average_execution_price=Decimal("980"),
    action=Side.SELL,
    type=OrderType.SL_OCO_STOPLIMIT,
    status=OrderStatus.COMPLETED,
    original_amount=ONE,
    remaining_amount=Decimal("0"),
    executed_amount=ONE,
    fee=Decimal("0.588"),
    fee_symbol="twd",
    bito_fee=Decimal("0"),
    total=Decimal("980"),
    sequence=Id("ETHTWD1508692221"),
    stop_price=Decimal("980"),
    condition=StopCondition.AT_OR_BELOW,
    time_in_force=TimeInForce.GTC,
    created=Millis(1701703831000),
    updated=Millis(1701703883000),
    timestamp=Millis(1701703883000),
    stop_loss_price_percentage=Decimal("2"),
    stop_profit_price_percentage=Decimal("0"),
    parent_order_id=Id("3829575872"),
)


def orders(event: str, **by_pair: list[StreamOrder]) -> OrdersUpdate:
    return OrdersUpdate(
        event=event,
        event_id=FIRST,
        timestamp=Millis(1639552073346),
        datetime_text="2021-12-15T07:07:53.346Z",
        orders=by_pair,
    )


def test_open_orders(client: Any) -> None:
    heard = client.streams.open_orders()
    exactly(heard.messages, [orders("ACTIVE_ORDERS", sol_usdt=[SOL], usdc_twd=[USDC])] * 3)
    # Of all pairs at first, again after the reconnect; later of one pair.
    assert heard.wholes == [True, True, False]


def test_order_history(client: Any) -> None:
    heard = client.streams.order_history()
    told = orders("RECENT_HISTORY_ORDERS", sol_usdt=[SOL], usdc_twd=[USDC], eth_twd=[STOPPED])
    exactly(heard.messages, [told] * 3)
    assert heard.wholes == [True, True, False]


def test_balances(client: Any) -> None:
    def balances(event_id: str, *each: StreamBalance) -> BalancesUpdate:
        return BalancesUpdate(
            event="ACCOUNT_BALANCE",
            event_id=event_id,
            timestamp=Millis(1639553303365),
            datetime_text="2021-12-15T07:28:23.365Z",
            balances={one.currency: one for one in each},
        )

    def balance(currency: str, amount: str, *, tradable: bool = True) -> StreamBalance:
        return StreamBalance(
            currency=currency,
            amount=Decimal(amount),
            available=Decimal(amount),
            stake=Decimal("0"),
            tradable=tradable,
        )

    most = "999999999999.99999999"
    whole = balances(
        FIRST,
        balance("ADA", most),
        balance("ALLN", "0", tradable=False),
        *(balance(currency, "0") for currency in ("BCD", "BCH", "BCHSV")),
        balance("BITO", "9999799"),
        balance("BNB", "8500"),
        balance("BTC", most),
        balance("DOGE", most),
        balance("EOS", "0"),
        balance("MITH", "0", tradable=False),
    )
    changed = balances(LATER, attrs.evolve(balance("ADA", most), available=Decimal("0")))
    heard = client.streams.balances()
    exactly(heard.messages, [whole, changed, whole, changed, changed])
    assert heard.wholes == [True, False, True, False, False]


def test_user_trades(client: Any) -> None:
    def fill(order: str, action: Side, fee: str, *, taker: bool) -> Fill:
        return Fill(
            trade_id=Id("3109362209"),
            order_id=Id(order),
            price=Decimal("530"),
            action=action,
            base_amount=Decimal("600"),
            quote_amount=Decimal("318000"),
            fee=Decimal(fee),
            fee_symbol="ETH",
            is_taker=taker,
            created=Millis(1628054591943),
            timestamp=Millis(1628054591943),
        )

    heard = client.streams.user_trades()
    told = UserTrade(
        base="usdt",
        quote="twd",
        side=BookSide.ASK,
        price=Decimal("32.039"),
        volume=ONE,
        fee=Decimal("6407800"),
        fee_currency="twd",
        transaction_timestamp=Seconds(1694667358),
        event_timestamp=Seconds(1694667358),
        order_id=Id("390733918"),
        order_type=OrderType.LIMIT,
        match_id=Id("bd07673a-94b1-419e-b5ee-d7b723261a5d"),
        is_market=False,
        is_maker=False,
    )
    # Told four times, it comes once. What orders.trades has is given after the gap, and not again after messages that
    # cannot be read, though it is asked for then as well.
    missed = [fill("7977988235", Side.SELL, "95.4", taker=False), fill("2854846630", Side.BUY, "0.66", taker=True)]
    exactly(heard.messages, [told, *missed])
    assert [one.missed for one in heard.events if isinstance(one, Resynced)] == [2, 0, 0]
