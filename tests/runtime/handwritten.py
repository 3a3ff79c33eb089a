"""A small exchange, written by hand exactly as the compiler would print it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from specie.runtime import (
    NOW,
    Additions,
    Amount,
    AsyncClient,
    AsyncGroup,
    Auth,
    BaseCredentials,
    Client,
    Clock,
    ClockSkew,
    Envelope,
    ErrorMap,
    ExactSeconds,
    Exchange,
    Group,
    Id,
    InsufficientFunds,
    InvalidRequest,
    InvalidSignature,
    Millis,
    Model,
    NonceSource,
    OpenIntEnum,
    OpenStrEnum,
    Operation,
    Pages,
    Retries,
    Seconds,
    Secret,
    Time,
    Timeout,
    Unsigned,
    body,
    credential,
    form,
    header,
    keyed,
    model,
    optional_credential,
    path,
    query,
    utc_exact,
    utc_millis,
    utc_seconds,
    wire,
)
from specie.runtime.signing import base64, compact_json, hmac_sha384

if TYPE_CHECKING:
    import aiohttp
    import requests


class Side(OpenStrEnum):
    """Side of an order."""

    BUY = "BUY"
    """Buys."""
    SELL = "SELL"


class OrderType(OpenStrEnum):
    """How an order is priced."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LIMIT = "STOP_LIMIT"


class Status(OpenIntEnum):
    """State of an order."""

    ACTIVE = 1
    DONE = 3


@model
class Trade(Model):
    """One trade."""

    trade_id: Id = wire("tradeId")
    side: Side = wire("action")
    price: Decimal
    amount: Decimal
    fee: Decimal | None = None
    note: str | None = None
    maker: bool | None = wire("isMaker", default=None)
    timestamp: Millis

    @property
    def timestamp_utc(self) -> datetime:
        """`timestamp` as an aware datetime."""
        return utc_millis(self.timestamp)


@model(row=True)
class Level(Model):
    """One price of a book."""

    price: Decimal
    quantity: Decimal
    count: int | None = None


@model
class Book(Model):
    """An order book."""

    bids: list[Level] = wire("b")
    asks: list[Level] = wire("a")
    best: Level | None = None
    time: ExactSeconds | None = wire("t", default=None)

    @property
    def time_utc(self) -> datetime | None:
        """`time` as an aware datetime."""
        return utc_exact(self.time)


@model
class Transaction(Model):
    """A movement of the account, keyed by its id."""

    id: Id
    amount: Decimal
    currency: str
    timestamp: Seconds

    @property
    def timestamp_utc(self) -> datetime:
        """`timestamp` as an aware datetime."""
        return utc_seconds(self.timestamp)


@model
class History(Model):
    """Movements, and how many there are."""

    total: int
    rows: list[Transaction] = wire(keyed="id")


@model
class OrderReceipt(Model):
    """What the exchange says of an order that it took."""

    order_id: Id = wire("orderId")
    status: Status | None = None
    amount: Decimal
    price: Decimal | None = None
    extra: Any = None
    trades: list[Trade] | None = None


@model(input=True, require=("price unless type == MARKET",))
class BatchOrder(Model):
    """One order of a batch."""

    pair: str
    type: OrderType
    amount: Amount = wire(range="> 0")
    price: Amount | None = wire(default=None, form="number")
    timestamp: Time | None = wire(default=None, send=NOW, type=Millis)


_TRADES: Operation[list[Trade]] = Operation(
    name="market.trades",
    method="GET",
    path="/trades/{pair}",
    parameters=(
        path("pair", str),
        query("limit", int, required=False, range="1..1000"),
        query("symbols", list[str], required=False, join=","),
        query("sides", list[Side], wire="side", required=False),
    ),
    returns=list[Trade],
)
_BOOK: Operation[Book] = Operation(
    name="market.book", method="GET", path="/book", parameters=(query("symbol", str),), returns=Book, bare=True
)
_HISTORY: Operation[list[Transaction]] = Operation(
    name="market.history", method="GET", path="/history", parameters=(), returns=keyed(Transaction, "id"), at="rows"
)
_CREATE: Operation[OrderReceipt] = Operation(
    name="orders.create",
    method="POST",
    path="/orders/{pair}",
    auth=True,
    effect="create",
    parameters=(
        path("pair", str),
        body("side", Side, wire="action"),
        body("type", OrderType),
        body("amount", Decimal, required=False, range="> 0"),
        body("quote_amount", Decimal, wire="amount", required=False, range="> 0"),
        body("price", Decimal, required=False),
        body("stop_price", Decimal, wire="stopPrice", required=False),
        body("client_id", int, wire="clientId", required=False, range="1..2147483647"),
        body("timestamp", Millis, required=False, default=NOW),
        header("trace", str, wire="X-Trace", required=False),
    ),
    require=(
        "price unless type == MARKET",
        "stop_price only when type == STOP_LIMIT",
        "stop_price when type == STOP_LIMIT",
        "one of amount, quote_amount",
    ),
    returns=OrderReceipt,
    bare=True,
)
_CANCEL: Operation[None] = Operation(
    name="orders.cancel",
    method="DELETE",
    path="/orders/{order_id}",
    auth=True,
    effect="cancel",
    parameters=(path("order_id", Id, wire="orderId"),),
    returns=None,
)
_BATCH: Operation[list[OrderReceipt]] = Operation(
    name="orders.batch",
    method="POST",
    path="/orders/batch",
    auth=True,
    effect="create",
    parameters=(body("orders", list[BatchOrder], whole=True, length="1..10"),),
    returns=list[OrderReceipt],
)
_LIST: Operation[list[Trade]] = Operation(
    name="orders.list",
    method="GET",
    path="/fills",
    auth=True,
    parameters=(
        query("trade_id", Id, wire="tradeId", required=False),
        query("start", Millis, required=False),
        query("end", Millis, required=False),
        query("limit", int, required=False, range="1..1000"),
    ),
    require=("start < end", "end - start <= 90d"),
    returns=list[Trade],
)
_LIST_PAGES: Pages[Trade] = Pages(_LIST, cursor="trade_id", start="last.trade_id", size="limit")
_INFO: Operation[dict[str, Decimal]] = Operation(
    name="orders.info",
    method="POST",
    path="/",
    auth=True,
    effect="read",
    server="old",
    parameters=(form("method", str, const="getInfo"), form("pair", str, required=False)),
    returns=dict[str, Decimal],
)


class Market(Group):
    """Prices."""

    def trades(
        self,
        pair: str,
        *,
        limit: int | None = None,
        symbols: str | Sequence[str] | None = None,
        sides: Side | Sequence[Side] | None = None,
    ) -> list[Trade]:
        """The last trades."""
        return self._call(_TRADES, pair=pair, limit=limit, symbols=symbols, sides=sides)

    def book(self, symbol: str) -> Book:
        """The book."""
        return self._call(_BOOK, symbol=symbol)

    def history(self) -> list[Transaction]:
        """The history."""
        return self._call(_HISTORY)


class Orders(Group):
    """Orders."""

    def create(
        self,
        pair: str,
        *,
        side: Side,
        type: OrderType,
        amount: Amount | None = None,
        quote_amount: Amount | None = None,
        price: Amount | None = None,
        stop_price: Amount | None = None,
        client_id: int | None = None,
        timestamp: Time | None = None,
        trace: str | None = None,
    ) -> OrderReceipt:
        """Place an order."""
        return self._call(
            _CREATE,
            pair=pair,
            side=side,
            type=type,
            amount=amount,
            quote_amount=quote_amount,
            price=price,
            stop_price=stop_price,
            client_id=client_id,
            timestamp=timestamp,
            trace=trace,
        )

    def cancel(self, order_id: str | int) -> None:
        """Cancel an order."""
        return self._call(_CANCEL, order_id=order_id)

    def batch(self, orders: Sequence[BatchOrder]) -> list[OrderReceipt]:
        """Place several orders."""
        return self._call(_BATCH, orders=orders)

    def list(
        self,
        *,
        trade_id: str | None = None,
        start: Time | None = None,
        end: Time | None = None,
        limit: int | None = None,
    ) -> list[Trade]:
        """The account's trades."""
        return self._call(_LIST, trade_id=trade_id, start=start, end=end, limit=limit)

    def iter_list(
        self, *, start: Time | None = None, end: Time | None = None, limit: int | None = None
    ) -> Iterator[Trade]:
        """All of them."""
        return self._iterate(_LIST_PAGES, start=start, end=end, limit=limit)

    def info(self, *, pair: str | None = None) -> dict[str, Decimal]:
        """Balances."""
        return self._call(_INFO, pair=pair)


class AsyncOrders(AsyncGroup):
    """Orders."""

    async def create(
        self, pair: str, *, side: Side, type: OrderType, amount: Amount | None = None, price: Amount | None = None
    ) -> OrderReceipt:
        """Place an order."""
        return await self._call(_CREATE, pair=pair, side=side, type=type, amount=amount, price=price)

    async def cancel(self, order_id: str | int) -> None:
        """Cancel an order."""
        return await self._call(_CANCEL, order_id=order_id)

    async def list(self, *, trade_id: str | None = None) -> list[Trade]:
        """The account's trades."""
        return await self._call(_LIST, trade_id=trade_id)

    def iter_list(self, *, limit: int | None = None) -> AsyncIterator[Trade]:
        """All of them."""
        return self._iterate(_LIST_PAGES, limit=limit)


class Credentials(BaseCredentials):
    """The credentials of an account."""

    api_key = credential()
    api_secret = credential()
    identity = optional_credential()

    def __init__(
        self,
        *,
        api_key: Secret | None = None,
        api_secret: Secret | None = None,
        identity: Secret | None = None,
        expire_after: int | None = None,
    ) -> None:
        super().__init__(api_key=api_key, api_secret=api_secret, identity=identity)
        self.expire_after = expire_after


def add(credentials: Credentials, request: Unsigned) -> Additions:
    """The nonce goes into the form."""
    return Additions(form={"nonce": request.nonce} if request.fields else {})


def sign(credentials: Credentials, request: Unsigned) -> dict[str, str | None]:
    """HMAC-SHA384 over the base64 of the body, or of a nonce where there is no body."""
    content = request.body or compact_json(identity=credentials.identity, nonce=request.nonce)
    payload = base64(content)
    signature = hmac_sha384(credentials.api_secret, payload).hex()
    expires = None if credentials.expire_after is None else str(request.now_ms + credentials.expire_after)
    return {"X-KEY": credentials.api_key, "X-PAYLOAD": payload, "X-SIGNATURE": signature, "X-EXPIRES": expires}


EXCHANGE = Exchange(
    name="acme",
    title="Acme",
    environment="ACME",
    servers={"rest": "https://api.acme.example/v1", "old": "https://old.acme.example"},
    envelope=Envelope(result="data"),
    errors=ErrorMap(
        message=("error", "message"),
        code="code",
        statuses={409: ClockSkew},
        codes={-2006: InvalidSignature},
        texts={"Balance for * not enough*": InsufficientFunds, "Try another *": InvalidRequest},
    ),
    auth=Auth(Credentials, sign, add=add, nonce="increasing"),
)


class Acme(Client):
    """Acme, blocking."""

    def __init__(
        self,
        *,
        api_key: Secret | None = None,
        api_secret: Secret | None = None,
        identity: Secret | None = None,
        expire_after: int | None = None,
        base_url: str | Mapping[str, str] | None = None,
        timeout: Timeout | float | None = None,
        clock: Clock | None = None,
        session: requests.Session | None = None,
        retries: Retries | int | None = None,
        nonces: NonceSource | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            EXCHANGE,
            Credentials(api_key=api_key, api_secret=api_secret, identity=identity, expire_after=expire_after),
            base_url=base_url,
            timeout=timeout,
            clock=clock,
            session=session,
            retries=retries,
            nonces=nonces,
            **more,
        )

    @classmethod
    def from_env(cls, *, base_url: str | Mapping[str, str] | None = None) -> Self:
        """With credentials from the environment."""
        return cls(
            api_key=EXCHANGE.env("api_key"),
            api_secret=EXCHANGE.env("api_secret"),
            identity=EXCHANGE.env("identity"),
            base_url=base_url,
        )

    @cached_property
    def market(self) -> Market:
        """Prices."""
        return Market(self)

    @cached_property
    def orders(self) -> Orders:
        """Orders."""
        return Orders(self)


class AsyncAcme(AsyncClient):
    """Acme, for asyncio."""

    def __init__(
        self,
        *,
        api_key: Secret | None = None,
        api_secret: Secret | None = None,
        identity: Secret | None = None,
        base_url: str | Mapping[str, str] | None = None,
        timeout: Timeout | float | None = None,
        clock: Clock | None = None,
        session: aiohttp.ClientSession | None = None,
        retries: Retries | int | None = None,
        nonces: NonceSource | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            EXCHANGE,
            Credentials(api_key=api_key, api_secret=api_secret, identity=identity),
            base_url=base_url,
            timeout=timeout,
            clock=clock,
            session=session,
            retries=retries,
            nonces=nonces,
            **more,
        )

    @cached_property
    def orders(self) -> AsyncOrders:
        """Orders."""
        return AsyncOrders(self)
