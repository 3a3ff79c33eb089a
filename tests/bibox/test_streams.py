"""bibox.streams, against transcripts of the documented messages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bibox import (
    Balance,
    BookLevel,
    Candle,
    Order,
    OrderBook,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Side,
    Ticker,
    TimeInForce,
    Trade,
)
from specie.runtime import Id, Millis, Resynced


def test_order_book(client: Any) -> None:
    heard = client.streams.order_book("BTC_USDT", depth=20)
    levels = [BookLevel(price=Decimal("46125.7"), quantity=Decimal("0.079045"))] * 3
    book = OrderBook(update_id=Id("1027024"), time=Millis(1644558642100), bids=levels, asks=levels)
    exactly(heard.messages, [book] * 3)
    # Whole at first, and again after the reconnect; a change later.
    assert heard.wholes == [True, True, False]
    assert set(heard.channels) == {"BTC_USDT.order_book.20"}


def test_trades(client: Any) -> None:
    heard = client.streams.trades("BTC_USDT")
    trade = Trade(
        id=Id("17122255"),
        price=Decimal("46125.7"),
        quantity=Decimal("0.079045"),
        side=Side.BUY,
        time=Millis(1628738748319),
    )
    exactly(heard.messages, [[trade] * 3] * 3)
    assert not any(heard.wholes)


def test_candles(client: Any) -> None:
    heard = client.streams.candles("BTC_USDT", time_frame="1m")
    candle = Candle(
        open_time=Millis(1644224940000),
        open=Decimal("10190.53"),
        high=Decimal("10192.5"),
        low=Decimal("9806.82"),
        close=Decimal("10127.37"),
        volume=Decimal("0.834"),
        value=Decimal("8370.40506"),
        first_trade_id=Id("1"),
        trade_count=278,
    )
    exactly(heard.messages, [[candle] * 3] * 3)
    assert not any(heard.wholes)


def test_ticker(client: Any) -> None:
    heard = client.streams.ticker("BTC_USDT")
    ticker = Ticker(
        symbol="BTC_USDT",
        open_price=Decimal("99.00000000"),
        high_price=Decimal("100.00000000"),
        low_price=Decimal("0.10000000"),
        last_price=Decimal("4.00000200"),
        last_quantity=Decimal("0.002"),
        volume=Decimal("8913.30000000"),
        value=Decimal("15.30000000"),
        change=Decimal("-94.99999800"),
        time=Millis(123456),
        first_trade_id=Id("1234"),
        bid_price=Decimal("9959.87"),
        bid_quantity=Decimal("0.007"),
        ask_price=Decimal("10022.77"),
        ask_quantity=Decimal("0.006"),
    )
    exactly(heard.messages, [ticker] * 3)
    assert all(heard.wholes)


def test_balances(client: Any) -> None:
    heard = client.streams.balances()
    usdt, btc, eth = (
        Balance(asset=asset, available=Decimal("10000"), frozen=Decimal("0")) for asset in ("USDT", "BTC", "ETH")
    )
    # After the gap, and after each message that cannot be read, all of them are asked for.
    missed = [btc, eth, usdt]
    assert [one.missed for one in heard.events if isinstance(one, Resynced)] == [3, 3, 3]
    exactly(sorted(heard.messages[1:4], key=lambda one: one.asset), missed)
    exactly([heard.messages[0], heard.messages[4], heard.messages[-1]], [usdt] * 3)
    assert len(heard.messages) == 3 + 3 * 3


def test_orders(client: Any) -> None:
    heard = client.streams.orders()
    update = OrderUpdate(
        id=Id("4611688217450643477"),
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
    )
    # The same order, as the page on orders.open shows it.
    unsettled = Order(
        id=Id("4611688217450643477"),
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
    )
    exactly(heard.messages, [update, unsettled, update, update])
    assert [one.missed for one in heard.events if isinstance(one, Resynced)] == [1, 0, 0]
