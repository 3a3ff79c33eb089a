"""What is read of a market: books, candles, the last 24 hours."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from specie.sandbox.market import Candle, Market, OrderFlow, Side, Trade, Window

from .conftest import NOW, Place, instrument, limit, quiet

BUY, SELL = Side.BUY, Side.SELL
D = Decimal
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def candle(trades: list[Trade], open_ms: int) -> Candle:
    prices = [trade.price for trade in trades]
    return Candle(
        open_ms,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum((trade.amount for trade in trades), D(0)),
        sum((trade.value for trade in trades), D(0)),
        trades[0].id,
        len(trades),
    )


@pytest.fixture(scope="module")
def lively() -> Market:
    return quiet(flows={"BTC_USD": OrderFlow(D(60_000), D("0.1"))}, seed=5)


@pytest.mark.parametrize("span", [MINUTE, 5 * MINUTE, HOUR, 3 * HOUR, DAY])
def test_candles_are_the_trades(lively: Market, span: int) -> None:
    trades = lively.trades("BTC_USD")
    spans = sorted({trade.time_ms // span * span for trade in trades})
    expected = [candle([t for t in trades if t.time_ms // span * span == at], at) for at in spans]
    assert lively.candles("BTC_USD", span) == expected
    middle = len(spans) // 2
    assert lively.candles("BTC_USD", span, start_ms=spans[middle]) == expected[middle:]
    assert lively.candles("BTC_USD", span, end_ms=spans[middle]) == expected[: middle + 1]
    assert (
        lively.candles("BTC_USD", span, start_ms=spans[middle] + 1, end_ms=spans[-1] - 1) == expected[middle + 1 : -1]
    )


def test_the_ticker_is_the_trades_of_24_hours(lively: Market) -> None:
    ticker = lively.ticker("BTC_USD")
    day = candle(lively.trades("BTC_USD", Window(start_ms=NOW - DAY + 1)), 0)
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == (day.open, day.high, day.low, day.close)
    assert (ticker.volume, ticker.value, ticker.count) == (day.volume, day.value, day.count)
    assert ticker.first_trade_id == day.first_trade_id
    assert ticker.change == day.close - day.open
    book = lively.book("BTC_USD", 1)
    assert (ticker.bid, ticker.bid_amount) == (book.bids[0].price, book.bids[0].amount)
    assert (ticker.ask, ticker.ask_amount) == (book.asks[0].price, book.asks[0].amount)


def test_the_ticker_forgets_after_24_hours(market: Market, place: Place) -> None:
    nothing = market.ticker("BTC_USD")
    assert (nothing.last, nothing.open, nothing.volume, nothing.bid, nothing.change, nothing.count) == (
        None,
        None,
        0,
        None,
        0,
        0,
    )
    for step, price in enumerate(("100", "80", "120", "110")):
        market.place("ann", limit(SELL, "1", price), now_ms=NOW + step * HOUR)
        market.place("bob", limit(BUY, "1", price), now_ms=NOW + step * HOUR)
    ticker = market.ticker("BTC_USD")
    assert (ticker.open, ticker.high, ticker.low, ticker.last, ticker.volume) == (100, 120, 80, 110, 4)
    assert (ticker.change, ticker.change_ratio) == (10, D("0.1"))
    market.advance(NOW + DAY + HOUR)
    ticker = market.ticker("BTC_USD")
    assert (ticker.open, ticker.high, ticker.low, ticker.volume, ticker.value) == (120, 120, 110, 2, 230)
    market.advance(NOW + 3 * DAY)
    ticker = market.ticker("BTC_USD")
    assert (ticker.open, ticker.high, ticker.last, ticker.volume, ticker.first_trade_id) == (110, 110, 110, 0, None)


def test_weeks_open_on_mondays_and_months_on_the_first(market: Market) -> None:
    for days in (0, 1, 6, 20, 40):
        market.place("ann", limit(SELL, "1", "100"), now_ms=NOW + days * DAY)
        market.place("bob", limit(BUY, "1", "100"), now_ms=NOW + days * DAY)
    weeks = market.candles("BTC_USD", 7 * DAY)
    assert {datetime.fromtimestamp(week.open_ms // 1000, UTC).weekday() for week in weeks} == {0}
    assert sum(week.count for week in weeks) == 5
    months = market.candles("BTC_USD", "month")
    opened = [datetime.fromtimestamp(month.open_ms // 1000, UTC) for month in months]
    assert [(at.year, at.month, at.day, at.hour) for at in opened] == [(2023, 11, 1, 0), (2023, 12, 1, 0)]
    assert market.candles("BTC_USD", "month", end_ms=months[0].open_ms) == months[:1]
    with pytest.raises(ValueError, match="minutes"):
        market.candles("BTC_USD", 1_000)


def test_a_book_can_be_grouped(market: Market, place: Place) -> None:
    for price in ("99.99", "99.5", "99", "98.4"):
        place("ann", limit(BUY, "1", price))
    for price in ("100.01", "100.5", "101", "101.01"):
        place("ann", limit(SELL, "1", price))
    book = market.book("BTC_USD", 2, grouping=D(1))
    assert [(level.price, level.amount, level.count) for level in book.bids] == [(99, 3, 3), (98, 1, 1)]
    assert [(level.price, level.amount, level.count) for level in book.asks] == [(101, 3, 3), (102, 1, 1)]
    assert [level.price for level in market.book("BTC_USD", 1).asks] == [D("100.01")]


def test_a_book_order_by_order(market: Market, place: Place) -> None:
    ids = [place("ann", limit(BUY, "1", price)).id for price in ("99", "100", "99")]
    assert [order.id for order in market.book_orders("BTC_USD").bids] == [ids[1], ids[0], ids[2]]
    assert len(market.book_orders("BTC_USD", 2).bids) == 2
    before = market.book("BTC_USD").update_id
    market.cancel("ann", ids[0], now_ms=NOW)
    assert market.book("BTC_USD").update_id == before + 1


def test_trades_of_all_pairs_are_one_list() -> None:
    flows = {pair: OrderFlow(D(60_000), D("0.1")) for pair in ("BTC_USD", "ETH_USD")}
    market = quiet(instrument(), instrument("ETH_USD"), flows=flows)
    trades = market.trades()
    assert [trade.id for trade in trades] == sorted(trade.id for trade in trades)
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms for trade in trades)
    assert {trade.pair for trade in trades} == set(flows)
    assert market.trades(None, Window(first_id=trades[10].id, last_id=trades[19].id)) == trades[10:20]
