"""bibox.market, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bibox import Side
from specie.bibox.market import BookLevel, Candle, OrderBook, PairStatus, Ticker, Trade, TradingPair
from specie.runtime import Millis


def test_pairs(client: Any) -> None:
    expected = TradingPair(
        symbol="BTC_USDT",
        base="BTC",
        quote="USDT",
        status=PairStatus.TRADABLE,
        min_price=Decimal("100000000"),  # the page has the two bounds the wrong way round
        max_price=Decimal("0.0001"),
        price_increment=Decimal("0.0001"),
        price_scale=4,
        min_quantity=Decimal("0.0001"),
        max_quantity=Decimal("1000000"),
        quantity_increment=Decimal("0.0001"),
        quantity_scale=4,
        min_order_value=Decimal("10"),
    )
    exactly(client.market.pairs(), [expected])
    exactly(client.market.pairs(symbols="BTC_USDT"), [expected])
    exactly(client.market.pairs(symbols=["BTC_USDT", "ETH_USDT"]), [expected])


def test_order_book(client: Any) -> None:
    book = client.market.order_book("BTC_USDT", level=20, price_scale=2)
    level = BookLevel(price=Decimal("46125.7"), quantity=Decimal("0.079045"))
    exactly(book, OrderBook(update_id="1027024", time=Millis(1644558642100), bids=[level] * 3, asks=[level] * 3))
    assert book.time_utc == datetime(2022, 2, 11, 5, 50, 42, 100_000, UTC)


def test_candles(client: Any) -> None:
    candle = Candle(
        open_time=Millis(1644224940000),
        open=Decimal("10190.53"),
        high=Decimal("10192.5"),
        low=Decimal("9806.82"),
        close=Decimal("10127.37"),
        volume=Decimal("0.834"),
        value=Decimal("8370.40506"),
        first_trade_id="1",
        trade_count=278,
    )
    candles = client.market.candles("BTC_USDT", time_frame="1m", limit=3)
    exactly(candles, [candle] * 3)
    assert candles[0].open_time_utc == datetime(2022, 2, 7, 9, 9, tzinfo=UTC)
    noon = datetime(2022, 2, 7, 12, tzinfo=UTC)
    exactly(client.market.candles("BTC_USDT", time_frame="1W", before=noon), [candle] * 3)
    exactly(client.market.candles("BTC_USDT", time_frame="1M", after=1644224940000, limit=1000), [candle] * 3)


def test_trades(client: Any) -> None:
    trade = Trade(
        id="17122255",
        price=Decimal("46125.7"),
        quantity=Decimal("0.079045"),
        side=Side.BUY,
        time=Millis(1628738748319),
    )
    trades = client.market.trades("BTC_USDT")
    exactly(trades, [trade] * 3)
    assert trades[0].time_utc == datetime(2021, 8, 12, 3, 25, 48, 319_000, UTC)
    since = datetime(2021, 8, 12, 3, 25, tzinfo=UTC)
    exactly(client.market.trades("BTC_USDT", start_time=since, end_time=1628738748319, limit=3), [trade] * 3)
    exactly(client.market.trades("BTC_USDT", before="17122256", limit=1000), [trade] * 3)
    exactly(client.market.trades("BTC_USDT", after=17122254), [trade] * 3)


def test_tickers(client: Any) -> None:
    expected = Ticker(
        symbol="BTC_USDT",
        open_price=Decimal("99.00000000"),
        high_price=Decimal("100.00000000"),
        low_price=Decimal("0.10000000"),
        last_price=Decimal("4.00000200"),
        last_quantity=Decimal("0.002"),
        volume=Decimal("8913.30000000"),
        value=Decimal("15.30000000"),
        change=Decimal("-94.99999800"),
        time=Millis(123456),  # a count, says the page; recorded replies have a time here
        trade_count=None,
        first_trade_id="1234",
        bid_price=Decimal("9959.87"),
        bid_quantity=Decimal("0.007"),
        ask_price=Decimal("10022.77"),
        ask_quantity=Decimal("0.006"),
    )
    tickers = client.market.tickers(["BTC_USDT", "ETH_USDT"])
    exactly(tickers, [expected])
    assert tickers[0].time_utc == datetime(1970, 1, 1, 0, 2, 3, 456_000, UTC)
    exactly(client.market.tickers("BTC_USDT"), [expected])


def test_api_domains(client: Any) -> None:
    expected = {"result": ["https://api.bibox.com", "https://api.bibox.tel"], "state": 0}
    exactly(client.market.api_domains(), expected)
