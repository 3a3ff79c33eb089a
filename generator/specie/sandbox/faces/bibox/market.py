"""What anyone may see at Bibox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...market import Candle, Instrument, Level, Ticker, Trade, UnknownInstrument
from .. import Call
from ..live import trimmed
from .words import MAX_PRICE, Words, part, text, window_of

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
SPANS: Mapping[str, Any] = {
    "1m": _MINUTE_MS,
    "3m": 3 * _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS,
    "2h": 120 * _MINUTE_MS,
    "4h": 240 * _MINUTE_MS,
    "6h": 360 * _MINUTE_MS,
    "12h": 720 * _MINUTE_MS,
    "1d": _DAY_MS,
    "3d": 3 * _DAY_MS,
    "1W": 7 * _DAY_MS,
    "1M": "month",
}


class MarketGroup(Words):
    """The operations of the group market."""

    def market_pairs(self, call: Call) -> Any:
        return [_pair(self._instrument(symbol)) for symbol in self._symbols(call)]

    def market_order_book(self, call: Call) -> Any:
        instrument = self._instrument(call.arguments["symbol"])
        dropped = call.arguments.get("price_scale", 0)
        grouping = instrument.price_tick.scaleb(dropped) if dropped else None
        book = self.market.book(instrument.pair, call.arguments.get("level", 100), grouping=grouping)
        return {"i": str(book.update_id), "t": str(book.time_ms), "b": _levels(book.bids), "a": _levels(book.asks)}

    def market_candles(self, call: Call) -> Any:
        given = call.arguments
        span = SPANS[given["time_frame"]]
        # A bound may be any number, and the calendar ends somewhere.
        end_ms = min(max(given.get("before", self.market.now_ms), 0), self.market.now_ms)
        found = self.market.candles(given["symbol"], span, start_ms=given.get("after"), end_ms=end_ms)
        return [candle_row(one) for one in part(found, given)]

    def market_trades(self, call: Call) -> Any:
        found = self.market.trades(call.arguments["symbol"], window_of(call))
        return [trade_row(one) for one in part(found, call.arguments)]

    def market_tickers(self, call: Call) -> Any:
        return [ticker_row(self.market.ticker(symbol)) for symbol in self._symbols(call)]

    def market_api_domains(self, call: Call) -> Any:
        del call
        return {"result": ["https://api.bibox.com", "https://api.bibox.tel"], "state": 0}

    def _symbols(self, call: Call) -> Sequence[str]:
        symbols: Sequence[str] = call.arguments.get("symbols", tuple(self.market.instruments))
        return symbols

    def _instrument(self, symbol: str) -> Instrument:
        try:
            return self.market.instruments[symbol]
        except KeyError:
            raise UnknownInstrument(symbol) from None


def _pair(instrument: Instrument) -> Any:
    return {
        "symbol": instrument.pair,
        "base": instrument.base,
        "quote": instrument.quote,
        "status": "tradable",
        "min_price": text(instrument.price_tick),
        "max_price": text(MAX_PRICE),
        "price_increment": text(instrument.price_tick),
        "price_scale": _scale(instrument.price_tick),
        "min_quantity": text(instrument.min_amount),
        "max_quantity": text(instrument.max_amount),
        "quantity_increment": text(instrument.amount_step),
        "quantity_scale": _scale(instrument.amount_step),
        "min_order_value": text(instrument.min_notional),
    }


def _scale(unit: Decimal) -> int:
    return max(0, -int(trimmed(unit).as_tuple().exponent))


def level_row(price: Decimal, amount: Decimal) -> Any:
    """A level of a book."""
    return [format(price, "f"), format(amount, "f")]


def _levels(levels: Sequence[Level]) -> Any:
    return [level_row(level.price, level.amount) for level in levels]


def candle_row(candle: Candle) -> Any:
    """A candle, by position."""
    figures = (candle.open, candle.high, candle.low, candle.close, candle.volume, candle.value)
    return [str(candle.open_ms), *(text(one) for one in figures), str(candle.first_trade_id), candle.count]


def trade_row(trade: Trade) -> Any:
    """A trade of anybody's."""
    return {
        "i": str(trade.id),
        "p": text(trade.price),
        "q": text(trade.amount),
        "s": trade.taker_side.value,
        "t": str(trade.time_ms),
    }


def ticker_row(ticker: Ticker) -> Any:
    """What the last 24 hours came to. Nothing is written as 0: all fields are always there."""
    return {
        "s": ticker.pair,
        "o": text(ticker.open, 8),
        "h": text(ticker.high, 8),
        "l": text(ticker.low, 8),
        "p": text(ticker.last, 8),
        "q": text(ticker.last_amount),
        "v": text(ticker.volume, 8),
        "a": text(ticker.value, 8),
        "c": text(ticker.change_ratio, 8),
        "t": ticker.time_ms,
        "n": ticker.count,
        "f": ticker.first_trade_id or 0,
        "bp": trimmed(ticker.bid or Decimal(0)),
        "bq": trimmed(ticker.bid_amount or Decimal(0)),
        "ap": trimmed(ticker.ask or Decimal(0)),
        "aq": trimmed(ticker.ask_amount or Decimal(0)),
    }
