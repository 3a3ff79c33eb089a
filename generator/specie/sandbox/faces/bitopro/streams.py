"""What BitoPro tells as it happens. There is nothing to subscribe to: the address of a connection says it all.

The exchange itself was seen to round amounts in all books but the first; here they are exact, as REST has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from ...market import (
    BalanceChanged,
    BookChanged,
    FillMade,
    Market,
    Order,
    OrderType,
    OrderUpdated,
    Role,
    Side,
    TradeMade,
)
from ...streams.sessions import Batches, Beat, Carrier, Declined, Message, Session, Wanted
from ...wire import Received, Refused, Reply, unescaped
from .market import levels_of, recent_trades, ticker_of
from .orders import history_of, open_orders_of, order_id, order_row
from .wallet import balance_row
from .words import text

if TYPE_CHECKING:
    from ..live import LiveFace

_PUBLIC = re.compile(r"/ws/v1/pub/(order-books|tickers|trades)(?:/([^/]+))?")
_PUBLIC_NAMES = {"order-books": "order_book", "tickers": "ticker", "trades": "trades"}
_PRIVATE_NAMES = {
    "/ws/v1/pub/auth/orders": "open_orders",
    "/ws/v1/pub/auth/orders/histories": "order_history",
    "/ws/v1/pub/auth/account-balance": "balances",
    "/ws/v1/pub/auth/user-trades": "user_trades",
}
_LIMITS = (1, 5, 10, 20, 30, 50)
_BOOK_PAUSE_MS = 1_000
"""Books come every second, if they changed."""
_WALL_TIME = timedelta(hours=8)
"""How far the `datetime` of some streams is ahead of the time that its Z claims, in the documents' own samples."""
_FEE_UNIT = Decimal("0.00000001")
"""Of the fee of one's own trades: the sample of the page has 6407800 for 0.2 % of 32.039."""
_MATCHES = UUID("6f1d6b3e-3f0c-4b57-9a3c-0c8d2f7f5a11")
"""The namespace of match ids."""


class BitoProStreams:
    """All streams of BitoPro."""

    servers: Mapping[str, Carrier] = {"ws": "websocket"}
    names: Sequence[str] = (*_PUBLIC_NAMES.values(), *_PRIVATE_NAMES.values())

    def __init__(self, face: LiveFace) -> None:
        self.beat: Beat | None = Beat(20, 5)
        self._face = face
        self._market = face.market
        self._stamps = _Stamps(face.market)

    def wanted(self, server: str, received: Received) -> Wanted:
        del server
        private = _PRIVATE_NAMES.get(received.real_path)
        if private is not None:
            return Wanted((private,), True, lambda account: self._private(private, account))
        match = _PUBLIC.fullmatch(received.real_path)
        if match is None:
            raise Refused("NotFound", "404 NOT FOUND", status=404, verbatim=True)
        name = _PUBLIC_NAMES[match[1]]
        entries = self._entries(match[2], received)
        return Wanted((name,), False, lambda _: _PUBLIC_SESSIONS[name](self._market, self._stamps, entries))

    def _private(self, name: str, account: str) -> Session:
        self._face.welcome(account, self._market.now_ms)
        return _PRIVATE[name](self._market, self._stamps, account)

    def _entries(self, path: str | None, received: Received) -> list[tuple[str, int]]:
        """Pairs and limits. Pairs that are unknown are passed over, unless the path has no other."""
        if path is not None:
            words = unescaped(path, "path").split(",")
        else:
            words = [word for name, text in received.query_pairs if name == "pairs" for word in text.split(",")]
        found: dict[tuple[str, int], None] = {}
        for word in words:
            pair, _, limit = word.partition(":")
            if pair.upper() in self._market.instruments:
                number = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 4 else 0
                found[pair.upper(), number if number in _LIMITS else 5] = None
        if path is not None and not found:
            raise Declined(Reply(200, b"", "text/plain"))
        return list(found)


class _Stamps:
    """What every message bears besides its content."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._chance = Random("events")  # noqa: S311 - ids that are the same each time are what is wanted

    def event(self, name: str) -> dict[str, Any]:
        return {"event": name, "eventID": str(UUID(int=self._chance.getrandbits(128), version=4))}

    def times(self, *, ahead: bool) -> dict[str, Any]:
        now_ms = self._market.now_ms
        shown = datetime.fromtimestamp(now_ms // 1000, UTC) + (_WALL_TIME if ahead else timedelta())
        return {"timestamp": now_ms, "datetime": f"{shown:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03}Z"}


class _Public:
    """A stream of pairs. Each is told whole, at once and when it has changed."""

    stream = ""
    pause_ms = 0
    """How much time there is at least between two messages of a pair."""

    def __init__(self, market: Market, stamps: _Stamps, entries: Sequence[tuple[str, int]]) -> None:
        self._market = market
        self._stamps = stamps
        self._entries = entries
        self._changed: set[str] = set()
        self._told_ms: dict[str, int] = {}

    def opened(self) -> Iterable[Message]:
        return self._tell({pair for pair, _ in self._entries})

    def heard(self, text: str, event: str) -> Iterable[Message]:
        del text, event
        return ()  # what a client says is ignored

    def moved(self, batches: Batches) -> Iterable[Message]:
        self._changed |= {pair for batch in batches for one in batch if (pair := self.pair_of(one)) is not None}
        now_ms = self._market.now_ms
        never = now_ms - self.pause_ms
        due = {pair for pair in self._changed if now_ms - self._told_ms.get(pair, never) >= self.pause_ms}
        self._changed -= due
        return self._tell(due) if due else ()

    def pair_of(self, event: object) -> str | None:
        """The pair that an event changes."""
        return event.trade.pair if isinstance(event, TradeMade) else None

    def body(self, pair: str, limit: int) -> Any:
        """How a pair stands."""
        raise NotImplementedError

    def _tell(self, due: set[str]) -> Iterable[Message]:
        entries = [entry for entry in self._entries if entry[0] in due]
        self._told_ms.update((pair, self._market.now_ms) for pair, _ in entries)
        return [Message(self.stream, self.body(*entry)) for entry in entries]


class _Books(_Public):
    stream = "order_book"
    pause_ms = _BOOK_PAUSE_MS

    def pair_of(self, event: object) -> str | None:
        return event.pair if isinstance(event, BookChanged) else None

    def body(self, pair: str, limit: int) -> Any:
        book = self._market.book(pair, limit)
        return {
            **self._stamps.event("ORDER_BOOK"),
            "pair": pair,
            "limit": limit,
            "scale": 0,
            "bids": levels_of(book.bids),
            "asks": levels_of(book.asks),
            **self._stamps.times(ahead=True),
        }


class _Tickers(_Public):
    stream = "ticker"

    def body(self, pair: str, limit: int) -> Any:
        del limit
        row = {**ticker_of(self._market.ticker(pair)), "pair": pair}
        return {**self._stamps.event("TICKER"), **row, **self._stamps.times(ahead=True)}


class _Trades(_Public):
    stream = "trades"

    def body(self, pair: str, limit: int) -> Any:
        del limit
        stamps = self._stamps
        trades = recent_trades(self._market, pair)
        return {**stamps.event("TRADE"), "pair": pair, **stamps.times(ahead=True), "data": trades}


class _Private:
    """A stream of an account: at first all of it, then what has changed."""

    stream = ""
    event = ""
    ahead = False

    def __init__(self, market: Market, stamps: _Stamps, account: str) -> None:
        self._market = market
        self._stamps = stamps
        self._account = account

    def opened(self) -> Iterable[Message]:
        return [self._message(self.all())]

    def heard(self, text: str, event: str) -> Iterable[Message]:
        del text, event
        return ()

    def moved(self, batches: Batches) -> Iterable[Message]:
        return [self._message(data) for batch in batches for data in self.changes(batch)]

    def all(self) -> Any:
        """What a client is told when it connects."""
        raise NotImplementedError

    def changes(self, batch: Sequence[object]) -> Iterable[Any]:
        """What a client is told of one action."""
        raise NotImplementedError

    def _message(self, data: Any) -> Message:
        body = {**self._stamps.event(self.event), **self._stamps.times(ahead=self.ahead), "data": data}
        return Message(self.stream, body)


class _Orders(_Private):
    """Orders by pair. When one of them changes, its pair is told anew."""

    def all(self) -> Any:
        pairs = {pair: self.rows(pair) for pair in self._market.instruments}
        return {pair.lower(): rows for pair, rows in pairs.items() if rows}

    def changes(self, batch: Sequence[object]) -> Iterable[Any]:
        orders = [one.order for one in batch if isinstance(one, OrderUpdated) and one.order.account == self._account]
        pairs = dict.fromkeys(order.pair for order in orders if self.concerns(order))
        return [{pair.lower(): self.rows(pair)} for pair in pairs]

    def concerns(self, order: Order) -> bool:
        """Whether a changed order changes what is told."""
        raise NotImplementedError

    def rows(self, pair: str) -> list[Any]:
        """What is told of a pair."""
        raise NotImplementedError


class _OpenOrders(_Orders):
    stream = "open_orders"
    event = "ACTIVE_ORDERS"

    def concerns(self, order: Order) -> bool:
        del order
        return True

    def rows(self, pair: str) -> list[Any]:
        return [_row(order) for order in open_orders_of(self._market, self._account, pair)]


class _History(_Orders):
    stream = "order_history"
    event = "RECENT_HISTORY_ORDERS"

    def concerns(self, order: Order) -> bool:
        return not order.is_open

    def rows(self, pair: str) -> list[Any]:
        return [_row(order) for order in history_of(self._market, self._account, pair)]


class _Balances(_Private):
    stream = "balances"
    event = "ACCOUNT_BALANCE"

    def all(self) -> Any:
        return {one.currency: self._row(one) for one in self._market.balances(self._account)}

    def changes(self, batch: Sequence[object]) -> Iterable[Any]:
        changed = [one.balance for one in batch if isinstance(one, BalanceChanged)]
        rows = {one.currency: self._row(one) for one in changed if one.account == self._account}
        return [rows] if rows else ()

    def _row(self, balance: Any) -> Any:
        return {**balance_row(balance), "currency": balance.currency}


class _UserTrades(_Private):
    stream = "user_trades"
    event = "USER_TRADE"
    ahead = True

    def opened(self) -> Iterable[Message]:
        return ()  # only what is new

    def changes(self, batch: Sequence[object]) -> Iterable[Any]:
        fills = [one.fill for one in batch if isinstance(one, FillMade) and one.fill.account == self._account]
        for fill in fills:
            order = self._market.order(self._account, fill.order_id)
            base, _, quote = fill.pair.lower().partition("_")
            name = order_id(order)
            yield {
                "base": base,
                "quote": quote,
                "side": "bid" if fill.side is Side.BUY else "ask",
                "price": text(fill.price),
                "volume": text(fill.amount),
                "fee": text((fill.fee / _FEE_UNIT).to_integral_value()),
                "feeCurrency": fill.fee_currency.lower(),
                "transactionTimestamp": fill.time_ms // 1000,
                "eventTimestamp": fill.time_ms // 1000,
                "orderID": int(name) if name.isdigit() else name,
                "orderType": order_row(order)["type"],
                "matchID": str(uuid5(_MATCHES, str(fill.trade_id))),
                "isMarket": order.type is OrderType.MARKET,
                "isMaker": fill.role is Role.MAKER,
            }


def _row(order: Order) -> Any:
    """An order as streams have it: REST writes clientId where they write clientID, and has no `timestamp` in lists."""
    row = order_row(order)
    if "clientId" in row:
        row["clientID"] = row.pop("clientId")
    return {**row, "timestamp": order.updated_ms}


_PUBLIC_SESSIONS: Mapping[str, Callable[[Market, _Stamps, Sequence[tuple[str, int]]], Session]] = {
    one.stream: one for one in (_Books, _Tickers, _Trades)
}
_PRIVATE: Mapping[str, Callable[[Market, _Stamps, str], Session]] = {
    one.stream: one for one in (_OpenOrders, _History, _Balances, _UserTrades)
}
