"""The streams of a small exchange, written by hand exactly as the compiler would print them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Self, Unpack

from handwritten import Credentials, sign

from specie.runtime import (
    PRESENT,
    AsyncClient,
    AsyncStream,
    AsyncStreamGroup,
    Auth,
    AuthenticationFailed,
    Client,
    ClockSkew,
    Connection,
    ErrorMap,
    Exchange,
    Feed,
    Id,
    InvalidSymbol,
    Model,
    RateLimited,
    ReplyRule,
    Stream,
    StreamGroup,
    StreamOptions,
    model,
    parameter,
    wire,
)


@model
class Level(Model):
    """One price."""

    price: Decimal
    amount: Decimal


@model
class Book(Model):
    """A book, or a change of it."""

    sequence: int = wire("i")
    bids: list[Level]
    asks: list[Level]


@model
class Trade(Model):
    """A trade."""

    id: Id
    price: Decimal


@model
class Ticker(Model):
    """A ticker."""

    event: str
    pair: str
    last: Decimal


@model
class Fill(Model):
    """A part of an order that was traded."""

    match_id: Id = wire("matchID")
    amount: Decimal


@model
class Placed(Model):
    """An order that was taken."""

    pair: str
    oid: Id
    price: Decimal


@model
class Left(Model):
    """An order that left."""

    pair: str
    oid: Id


MARKET = Connection(
    name="market",
    server="ws",
    subscribe={"id": "{request}", "method": "SUBSCRIBE", "params": "{channels}"},
    unsubscribe={"id": "{request}", "method": "UNSUBSCRIBE", "params": "{channels}"},
    reply=ReplyRule(id="id", error="error", message="message"),
    ping=30.0,
    silence=120.0,
)
PATHS = Connection(name="paths", server="ws", server_ping=20.0, silence=60.0, refusals={200: InvalidSymbol})
USER = Connection(name="user", server="ws", auth=True, ping=30.0, silence=600.0)
DESK = Connection(
    name="desk",
    server="ws",
    auth=True,
    login={"id": "{request}", "op": "login", "args": ["{X-KEY}", "{X-SIGNATURE}"]},
    subscribe={"id": "{request}", "op": "sub", "channel": "{channel}"},
    unsubscribe={"id": "{request}", "op": "unsub", "channel": "{channel}"},
    reply=ReplyRule(id="id", error="error", message="message"),
    silence=60.0,
)
EVENTS = Connection(
    name="events",
    server="io",
    transport="socketio",
    options={"join_event": "join", "message_event": "{channel}"},
    subscribe={"event": "{join_event}", "data": "{channel}"},
    unsubscribe={"event": "leave", "data": "{channel}"},
    silence=600.0,
)

BOOK: Feed[Book] = Feed(
    name="streams.book",
    connection=MARKET,
    parameters=(parameter("pair", str), parameter("depth", int, required=False, choices=(5, 10))),
    channel="{pair}.book[.{depth}]",
    when={"stream": "{channel}"},
    at="data",
    yields=Book,
    whole="first",
)
TRADES: Feed[list[Trade]] = Feed(
    name="streams.trades",
    connection=MARKET,
    parameters=(parameter("pair", str),),
    channel="{pair}.trades",
    when={"stream": "{channel}"},
    at="data",
    yields=list[Trade],
)
TICKER: Feed[Ticker] = Feed(
    name="streams.ticker",
    connection=PATHS,
    parameters=(parameter("pair", str, letters="upper"), parameter("limit", int, required=False)),
    channel="{pair}[:{limit}]",
    address=("/v1/tickers/{channel}", "/v1/tickers?pairs={channels}"),
    when={"event": "TICKER", "pair": "{pair}"},
    yields=Ticker,
    whole="always",
)
FILLS: Feed[Fill] = Feed(
    name="streams.fills", connection=USER, when={"stream": "fill"}, at="data", yields=Fill, unique=("match_id",)
)
ORDERS: Feed[Fill] = Feed(name="streams.orders", connection=USER, when={"stream": "order"}, at="data", yields=Fill)
NOTICES: Feed[Fill] = Feed(
    name="streams.notices",
    connection=DESK,
    parameters=(parameter("kind", str),),
    channel="{kind}",
    when={"channel": "{channel}"},
    at="data",
    yields=Fill,
)
EVENT_ORDERS: Feed[Placed | Left] = Feed(
    name="streams.event_orders",
    connection=EVENTS,
    parameters=(parameter("pair", str),),
    channel="book_{pair}",
    event="{message_event}",
    fill={"pair": "{pair}"},
    yields=((Left, {"cancelled": PRESENT}), (Placed, {})),
)


class Streams(StreamGroup):
    """What happens, as it happens."""

    def book(self, pair: str | Sequence[str], *, depth: int | None = None) -> Stream[Book]:
        return self._open(BOOK, pair=pair, depth=depth)

    def trades(self, pair: str | Sequence[str]) -> Stream[list[Trade]]:
        return self._open(TRADES, pair=pair)

    def ticker(self, pair: str | Sequence[str], *, limit: int | None = None) -> Stream[Ticker]:
        return self._open(TICKER, pair=pair, limit=limit)

    def fills(self) -> Stream[Fill]:
        return self._open(FILLS)

    def orders(self) -> Stream[Fill]:
        return self._open(ORDERS)

    def notices(self, kind: str | Sequence[str]) -> Stream[Fill]:
        return self._open(NOTICES, kind=kind)

    def event_orders(self, pair: str | Sequence[str]) -> Stream[Placed | Left]:
        return self._open(EVENT_ORDERS, pair=pair)

    def with_options(
        self, *, join_event: str | None = None, message_event: str | None = None, **options: Unpack[StreamOptions]
    ) -> Self:
        return self._with_options({"join_event": join_event, "message_event": message_event}, options)


class AsyncStreams(AsyncStreamGroup):
    """What happens, as it happens."""

    def book(self, pair: str | Sequence[str], *, depth: int | None = None) -> AsyncStream[Book]:
        return self._open(BOOK, pair=pair, depth=depth)

    def trades(self, pair: str | Sequence[str]) -> AsyncStream[list[Trade]]:
        return self._open(TRADES, pair=pair)

    def ticker(self, pair: str | Sequence[str], *, limit: int | None = None) -> AsyncStream[Ticker]:
        return self._open(TICKER, pair=pair, limit=limit)

    def fills(self) -> AsyncStream[Fill]:
        return self._open(FILLS)

    def orders(self) -> AsyncStream[Fill]:
        return self._open(ORDERS)

    def notices(self, kind: str | Sequence[str]) -> AsyncStream[Fill]:
        return self._open(NOTICES, kind=kind)

    def event_orders(self, pair: str | Sequence[str]) -> AsyncStream[Placed | Left]:
        return self._open(EVENT_ORDERS, pair=pair)

    def with_options(
        self, *, join_event: str | None = None, message_event: str | None = None, **options: Unpack[StreamOptions]
    ) -> Self:
        return self._with_options({"join_event": join_event, "message_event": message_event}, options)


EXCHANGE = Exchange(
    name="acme",
    title="Acme",
    environment="ACME",
    servers={
        "rest": "https://api.acme.example/v1",
        "ws": "wss://stream.acme.example/ws",
        "io": "wss://io.acme.example",
    },
    errors=ErrorMap(
        message=("error", "message"),
        code="code",
        statuses={409: ClockSkew, 470: RateLimited},
        codes={-2006: AuthenticationFailed, -3002: InvalidSymbol, -429: RateLimited},
        texts={"Bad key*": AuthenticationFailed},
    ),
    auth=Auth(Credentials, sign, nonce="unique"),
)


class Acme(Client):
    """Acme, blocking."""

    def __init__(self, *, api_key: str | None = None, api_secret: str | None = None, **options: Any) -> None:
        super().__init__(EXCHANGE, Credentials(api_key=api_key, api_secret=api_secret), **options)

    @cached_property
    def streams(self) -> Streams:
        return Streams(self)


class AsyncAcme(AsyncClient):
    """Acme, for asyncio."""

    def __init__(self, *, api_key: str | None = None, api_secret: str | None = None, **options: Any) -> None:
        super().__init__(EXCHANGE, Credentials(api_key=api_key, api_secret=api_secret), **options)

    @cached_property
    def streams(self) -> AsyncStreams:
        return AsyncStreams(self)
