"""What Bibox tells as it happens: of the market what a client subscribes to, and of an account all.

The books that are told are cut off at the depth that was asked for. A level that falls beyond it is deleted as one that
is gone, and one that comes within it is added, so that whoever keeps to what is told has just that many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import attrs

from ...market import BalanceChanged, BookChanged, Level, Market, Order, OrderUpdated, Trade, TradeMade
from ...streams.sessions import Batches, Beat, Carrier, Message, Session, Wanted
from ...wire import Received, Refused
from .account import balance_row
from .market import SPANS, candle_row, level_row, ticker_row, trade_row

if TYPE_CHECKING:
    from ..live import LiveFace

_DEPTHS = frozenset((5, 10, 20, 50, 100, 200, 500, 1000))
# The same as in REST, but that a week is written in small letters and there are no three days.
_TIME_FRAMES = {name.replace("W", "w"): span for name, span in SPANS.items() if name != "3d"}
_MARKET = ("order_book", "trades", "candles", "ticker")
_ACCOUNT = ("balances", "orders")

# Those of the table of errors.
_NOT_FOUND, _NO_PARAMETER, _BAD_VALUE, _NO_JSON = -3002, -2003, -2004, -2005


class BiboxStreams:
    """All streams of Bibox."""

    servers: Mapping[str, Carrier] = {"market_stream": "websocket", "user_stream": "websocket"}
    names: Sequence[str] = (*_MARKET, *_ACCOUNT)
    beat: Beat | None = None
    """It is the client that pings."""

    def __init__(self, face: LiveFace, order_row: Callable[[Order], Any]) -> None:
        self._face = face
        self._market = face.market
        self._order_row = order_row

    def wanted(self, server: str, received: Received) -> Wanted:
        if received.real_path not in ("", "/"):
            raise Refused("NotFound", f"there is no {received.real_path}")
        if server == "user_stream":
            return Wanted(_ACCOUNT, True, self._user)
        return Wanted(_MARKET, False, lambda _: _MarketSession(self._market))

    def _user(self, account: str) -> Session:
        self._face.welcome(account, self._market.now_ms)
        return _UserSession(account, self._order_row)


class _Wrong(Exception):
    """A request cannot be done: a code of the table of errors, and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _MarketSession:
    """A connection that is told what it has subscribed to."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._channels: dict[str, _Channel] = {}

    def opened(self) -> Iterable[Message]:
        return ()

    def heard(self, text: str, event: str) -> Iterable[Message]:
        del event
        number: object = None
        try:
            request = _object(text)
            number = request.get("id")
            told = self._done(request)
        except _Wrong as wrong:
            return [Message("", {"id": number, "error": wrong.code, "message": str(wrong)})]
        return [Message("", {"id": number, "result": None}), *told]

    def moved(self, batches: Batches) -> Iterable[Message]:
        return [message for one in self._channels.values() for message in one.changes(batches)]

    def _done(self, request: Mapping[str, object]) -> list[Message]:
        """Do what is asked, all of it or nothing; gives what a new subscriber is told first."""
        method, names = request.get("method"), request.get("params")
        if not isinstance(names, list):
            raise _Wrong(_NO_PARAMETER, "params is lacking: the names of streams")
        channels = [self._channel(name) for name in cast("list[object]", names)]
        if method == "SUBSCRIBE":
            for one in channels:
                self._channels[one.name] = one
            return [message for one in channels for message in one.first()]
        if method == "UNSUBSCRIBE":
            for one in channels:
                self._channels.pop(one.name, None)
            return []
        raise _Wrong(_BAD_VALUE, f"bad value of method: {json.dumps(method)} is not SUBSCRIBE or UNSUBSCRIBE")

    def _channel(self, name: object) -> _Channel:
        if not isinstance(name, str):
            raise _Wrong(_BAD_VALUE, "bad value of params: the name of a stream is a text")
        symbol, _, rest = name.partition(".")
        kind, _, detail = rest.partition(".")
        if symbol not in self._market.instruments:
            raise _Wrong(_NOT_FOUND, f"there is no such trading pair: {symbol}")
        if kind == "order_book" and detail.isascii() and detail.isdigit() and int(detail[:5]) in _DEPTHS:
            return _Books(self._market, name, symbol, int(detail))
        if kind == "candles" and detail in _TIME_FRAMES:
            return _Candles(self._market, name, symbol, _TIME_FRAMES[detail])
        if kind in ("trades", "ticker") and rest == kind:
            return (_Trades if kind == "trades" else _Ticker)(self._market, name, symbol)
        raise _Wrong(_BAD_VALUE, f"bad value of params: there is no stream {name}")


def _object(text: str) -> Mapping[str, object]:
    try:
        found: object = json.loads(text)
    except ValueError:
        raise _Wrong(_NO_JSON, "the request is not JSON") from None
    if not isinstance(found, dict):
        raise _Wrong(_NO_JSON, "the request is not a JSON object")
    return cast("Mapping[str, object]", found)


@attrs.define
class _Channel:
    """One subscription."""

    market: Market
    name: str
    symbol: str
    stream = ""

    def first(self) -> Iterable[Message]:
        """What a new subscriber is told at once."""
        return ()

    def changes(self, batches: Batches) -> Iterable[Message]:
        """What a subscriber is told when the market has moved."""
        raise NotImplementedError

    def trades(self, batches: Batches) -> list[Trade]:
        """The trades of the pair."""
        found = [one.trade for batch in batches for one in batch if isinstance(one, TradeMade)]
        return [trade for trade in found if trade.pair == self.symbol]

    def message(self, data: Any) -> Message:
        return Message(self.stream, {"stream": self.name, "data": data})


@attrs.define
class _Books(_Channel):
    depth: int
    told: tuple[dict[Decimal, Decimal], ...] = ()
    """Amounts by price, as they were told last: bids and asks."""
    stream = "order_book"

    def first(self) -> Iterable[Message]:
        self.told = ({}, {})
        return [self._told()]

    def changes(self, batches: Batches) -> Iterable[Message]:
        changed = any(isinstance(one, BookChanged) and one.pair == self.symbol for batch in batches for one in batch)
        if not changed:
            return ()
        message = self._told()
        data = message.body["data"]
        return [message] if data["b"] or data["a"] else ()

    def _told(self) -> Message:
        """The book, as far as it differs from what was told last."""
        book = self.market.book(self.symbol, self.depth)
        before, self.told = self.told, (_amounts(book.bids), _amounts(book.asks))
        bids, asks = (_difference(*pair) for pair in zip(before, self.told, strict=True))
        return self.message({"i": str(book.update_id), "t": str(book.time_ms), "b": bids, "a": asks})


def _amounts(levels: Iterable[Level]) -> dict[Decimal, Decimal]:
    return {level.price: level.amount for level in levels}


def _difference(before: Mapping[Decimal, Decimal], now: Mapping[Decimal, Decimal]) -> list[Any]:
    """What is deleted, and then what is new or another amount."""
    gone = [level_row(price, Decimal(0)) for price in before if price not in now]
    return gone + [level_row(price, amount) for price, amount in now.items() if before.get(price) != amount]


class _Trades(_Channel):
    stream = "trades"

    def changes(self, batches: Batches) -> Iterable[Message]:
        trades = self.trades(batches)
        return [self.message([trade_row(one) for one in trades])] if trades else ()


@attrs.define
class _Candles(_Channel):
    span: Any
    stream = "candles"

    def changes(self, batches: Batches) -> Iterable[Message]:
        trades = self.trades(batches)
        if not trades:
            return ()
        # A month is the longest that a candle may have been open before the first of these trades.
        start_ms = trades[0].time_ms - (31 * 86_400_000 if self.span == "month" else self.span)
        candles = self.market.candles(self.symbol, self.span, start_ms=max(0, start_ms + 1))
        while len(candles) > 1 and candles[1].open_ms <= trades[0].time_ms:
            del candles[0]
        return [self.message([candle_row(one) for one in candles])] if candles else ()


@attrs.define
class _Ticker(_Channel):
    told: Any = None
    stream = "ticker"

    def changes(self, batches: Batches) -> Iterable[Message]:
        if not any(_concerns(one, self.symbol) for batch in batches for one in batch):
            return ()
        row = ticker_row(self.market.ticker(self.symbol))
        before, self.told = self.told, {**row, "t": None}
        return [self.message(row)] if self.told != before else ()


def _concerns(event: object, symbol: str) -> bool:
    if isinstance(event, TradeMade):
        return event.trade.pair == symbol
    return isinstance(event, BookChanged) and event.pair == symbol


class _UserSession:
    """A connection that is told all of an account."""

    def __init__(self, account: str, order_row: Callable[[Order], Any]) -> None:
        self._account = account
        self._order_row = order_row

    def opened(self) -> Iterable[Message]:
        return ()

    def heard(self, text: str, event: str) -> Iterable[Message]:
        del text, event
        return ()

    def moved(self, batches: Batches) -> Iterable[Message]:
        for batch in batches:
            for one in batch:
                if isinstance(one, OrderUpdated) and one.order.account == self._account:
                    row = {key: value for key, value in self._order_row(one.order).items() if key not in ("F", "f")}
                    yield Message("orders", {"stream": "order", "data": row})
                elif isinstance(one, BalanceChanged) and one.balance.account == self._account:
                    yield Message("balances", {"stream": "account", "data": balance_row(one.balance)})
