"""bitok.market, against cassettes of replies that are assumed: the exchange documents none of these."""

from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitok.market import OrderBook, Ticker, TradingFee


def test_fee(client: Any) -> None:
    exactly(client.market.fee("btc_usd"), TradingFee(rate=Decimal("0.002")))


def test_ticker(client: Any) -> None:
    exactly(client.market.ticker("btc_usd"), Ticker(volume=Decimal("121.998")))


def test_trades(client: Any) -> None:
    expected = [{"date": 1457960494, "price": 325, "amount": Decimal("0.1"), "tid": 166830, "trade_type": "bid"}]
    exactly(client.market.trades("ltc_eur"), expected)


def test_order_book(client: Any) -> None:
    exactly(client.market.order_book("btc_usd"), OrderBook(asks=[[326, Decimal("0.5")]], bids=[[324, 1]]))


def test_pairs(client: Any) -> None:
    exactly(client.market.pairs(), ["btc_usd", "ltc_eur"])
