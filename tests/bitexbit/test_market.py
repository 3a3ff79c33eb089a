"""bitexbit.market, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitexbit import (
    BookLevel,
    BookOrder,
    Candle,
    Currency,
    GroupedOrderBook,
    Interval,
    OrderBook,
    Side,
    Trade,
    TradeOrdering,
    TradingPair,
)
from specie.runtime import ExactSeconds, Seconds


def test_currencies(client: Any) -> None:
    exactly(client.market.currencies(), [Currency(code="BTC", sign="Ƀ"), Currency(code="ETH", sign="Ξ")])


def test_pairs(client: Any) -> None:
    pairs = [
        TradingPair(
            name="BTC_USD",
            base_currency="BTC",
            quote_currency="USD",
            minimum_order_size=Decimal("0.00000001"),
            maximum_order_size=Decimal("100000000.00000000"),
            price_precision=3,
        )
    ]
    exactly(client.market.pairs(), pairs)
    exactly(client.market.pairs(base_currency="BTC", quote_currency="USD"), pairs)
    exactly(client.market.pairs(quote_currency="USD"), pairs)


def test_order_book(client: Any) -> None:
    book = client.market.order_book("BTC_USD", limit_sell=1, limit_buy=2)
    exactly(
        book,
        OrderBook(
            asks=[
                BookOrder(
                    id="44667",
                    price=Decimal("911.519"),
                    amount=Decimal("0.000446"),
                    timestamp=ExactSeconds(Decimal("1485777324.410015")),
                )
            ],
            bids=[
                BookOrder(
                    id="44647",
                    price=Decimal("911.122"),
                    amount=Decimal("0.001233"),
                    timestamp=ExactSeconds(Decimal("1485777124.415542")),
                )
            ],
        ),
    )
    assert book.asks[0].timestamp_utc == datetime(2017, 1, 30, 11, 55, 24, 410015, tzinfo=UTC)
    assert book.bids[0].timestamp_utc == datetime(2017, 1, 30, 11, 52, 4, 415542, tzinfo=UTC)
    assert client.market.order_book("BTC_USD") == book


def test_order_book_grouped(client: Any) -> None:
    book = client.market.order_book_grouped("BTC_USD", limit_sell=1, limit_buy=2)
    exactly(
        book,
        GroupedOrderBook(
            asks=[BookLevel(price=Decimal("911.519"), amount=Decimal("0.000446"))],
            bids=[BookLevel(price=Decimal("911.122"), amount=Decimal("0.001233"))],
        ),
    )
    assert client.market.order_book_grouped("BTC_USD") == book


def test_trades(client: Any) -> None:
    trades = client.market.trades()
    exactly(
        trades,
        [
            Trade(
                id="6030",
                pair="BTC_USD",
                side=Side.SELL,
                price=Decimal("839.36000000"),
                amount=Decimal("0.00281167"),
                timestamp=ExactSeconds(Decimal("1483705817.735508")),
            )
        ],
    )
    assert trades[0].timestamp_utc == datetime(2017, 1, 6, 12, 30, 17, 735508, tzinfo=UTC)
    found = client.market.trades(pair="BTC_USD", limit=10, offset=20, ordering=TradeOrdering.ASCENDING)
    assert found == trades
    assert client.market.trades(offset=0, ordering=TradeOrdering.DESCENDING) == trades


def test_candles(client: Any) -> None:
    candles = client.market.candles("BTC_USD", interval=Interval.ONE_HOUR, limit=1)
    exactly(
        candles,
        [
            Candle(
                open_time=Seconds(1485777600),
                open=Decimal("910.424"),
                high=Decimal("912.236"),
                low=Decimal("910.086"),
                close=Decimal("911.915"),
                volume=Decimal("0.262929"),
            )
        ],
    )
    assert candles[0].open_time_utc == datetime(2017, 1, 30, 12, tzinfo=UTC)
    found = client.market.candles(
        "BTC_USD", interval=Interval.ONE_DAY, limit=720, since=1483228800, until=datetime(2017, 1, 30, 12, tzinfo=UTC)
    )
    assert found == candles
    for interval in Interval:
        assert client.market.candles("BTC_USD", interval=interval) == candles
