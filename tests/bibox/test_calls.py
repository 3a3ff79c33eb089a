"""What Bibox's calls have beside their documented examples: refusals on both sides, pages, errors and oddities."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.stage import BODIES, Served, served

from specie.bibox import OrderType, Side
from specie.bibox.account import LedgerEntryType
from specie.bibox.market import PairStatus
from specie.bibox.orders import LiquidityRole, OrderStatus, TimeInForce
from specie.runtime import (
    ApiError,
    ArgumentError,
    AuthenticationFailed,
    ClockSkew,
    InvalidRequest,
    InvalidResponse,
    InvalidSignature,
    InvalidSymbol,
    InvalidType,
    InvalidValue,
    NotFound,
    OrderNotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from specie.sandbox import Call, Reply

MILLIS = 1643193746464
AWARE = datetime(2022, 1, 26, 10, 42, 26, tzinfo=UTC)
NAIVE = datetime(2022, 1, 26, 10, 42, 26)  # noqa: DTZ001 - what is refused


@pytest.fixture(params=BODIES)
def body(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=BODIES)
def empty(request: pytest.FixtureRequest) -> Iterator[Served]:
    """An exchange that has nothing, and says so to every call."""
    with served("bibox", request.param, lambda call: []) as stage:
        yield stage


def order(**changed: Any) -> dict[str, Any]:
    """Good arguments of orders.create, but for what is changed."""
    return {
        "symbol": "BTC_USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "quantity": Decimal("0.01"),
        "price": "50000",
        **changed,
    }


# --- what is never sent --------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any], type[ArgumentError], str, str]] = {
    # operation, arguments, error, parameter, words of the message
    "float quantity": ("orders.create", order(quantity=0.01), InvalidType, "quantity", "Decimal('0.01')"),
    "float price": ("orders.create", order(price=50000.0), InvalidType, "price", "is a float"),
    "zero quantity": ("orders.create", order(quantity=0), InvalidValue, "quantity", "0"),
    "negative quantity": ("orders.create", order(quantity="-0.01"), InvalidValue, "quantity", "-0.01"),
    "zero price": ("orders.create", order(price=Decimal("0.00")), InvalidValue, "price", "0"),
    "not a number": ("orders.create", order(price=Decimal("NaN")), InvalidValue, "price", "NaN"),
    "infinite": ("orders.create", order(price="Infinity"), InvalidValue, "price", "Infinity"),
    "thousands": ("orders.create", order(price="50_000"), InvalidValue, "price", "50_000"),
    "no amount": ("orders.create", order(quantity=None), InvalidType, "quantity", "required"),
    "empty amount": ("orders.create", order(quantity=""), InvalidValue, "quantity", "leave it out"),
    "bool for an amount": ("orders.create", order(quantity=True), InvalidType, "quantity", "True"),
    "side misspelt": ("orders.create", order(side="bye"), InvalidValue, "side", "did you mean Side.BUY ('buy')?"),
    "side in capitals": ("orders.create", order(side="SELL"), InvalidValue, "side", "did you mean Side.SELL"),
    "no such type": ("orders.create", order(type="market"), InvalidValue, "type", "OrderType.LIMIT"),
    "no such time": ("orders.create", order(time_in_force="fok"), InvalidValue, "time_in_force", "TimeInForce.IOC"),
    "enum of another": ("orders.create", order(side=TimeInForce.GTC), InvalidType, "side", "not one of Side"),
    "post_only as text": ("orders.create", order(post_only="true"), InvalidType, "post_only", "True or False"),
    "client id 0": ("orders.create", order(client_order_id=0), InvalidValue, "client_order_id", "0"),
    "client id below 0": ("orders.create", order(client_order_id=-1), InvalidValue, "client_order_id", "-1"),
    "client id beyond int64": (
        "orders.create",
        order(client_order_id=2**63),
        InvalidValue,
        "client_order_id",
        "9223372036854775808",
    ),
    "client id as text": ("orders.create", order(client_order_id="1"), InvalidType, "client_order_id", "not an int"),
    "no symbol": ("orders.create", order(symbol=None), InvalidType, "symbol", "required"),
    "no id": ("orders.get", {"id": None}, InvalidType, "id", "required"),
    "empty id": ("orders.cancel", {"id": ""}, InvalidValue, "id", "empty"),
    "float id": ("orders.cancel", {"id": 4.6e18}, InvalidType, "id", "not an id"),
    "no pair to clear": ("orders.cancel_all", {"symbol": None}, InvalidType, "symbol", "required"),
    "level between": ("market.order_book", {"symbol": "BTC_USDT", "level": 25}, InvalidValue, "level", "1, 2, 5, 10"),
    "level as text": ("market.order_book", {"symbol": "BTC_USDT", "level": "20"}, InvalidType, "level", "int"),
    "scale beyond": ("market.order_book", {"symbol": "BTC_USDT", "price_scale": 6}, InvalidValue, "price_scale", "5"),
    "week of the streams": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "1w"},
        InvalidValue,
        "time_frame",
        "1W",
    ),
    "no candle so long": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "3M"},
        InvalidValue,
        "time_frame",
        "1M",
    ),
    "no time frame": ("market.candles", {"symbol": "BTC_USDT", "time_frame": None}, InvalidType, "time_frame", "req"),
    "candles both ways": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "1m", "before": MILLIS, "after": MILLIS},
        InvalidValue,
        "after",
        "at most one of before, after",
    ),
    "candles by seconds": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "1m", "before": 1643193746},
        InvalidValue,
        "before",
        "write 1643193746000",
    ),
    "limit 0": ("market.trades", {"symbol": "BTC_USDT", "limit": 0}, InvalidValue, "limit", "0"),
    "limit beyond": ("market.trades", {"symbol": "BTC_USDT", "limit": 1001}, InvalidValue, "limit", "1001"),
    "limit of candles beyond": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "1m", "limit": 1001},
        InvalidValue,
        "limit",
        "1001",
    ),
    "scale as text": (
        "market.order_book",
        {"symbol": "BTC_USDT", "price_scale": "1"},
        InvalidType,
        "price_scale",
        "int",
    ),
    "limit of trades as text": ("market.trades", {"symbol": "BTC_USDT", "limit": "2"}, InvalidType, "limit", "int"),
    "limit of candles as text": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "1m", "limit": "2"},
        InvalidType,
        "limit",
        "int",
    ),
    "limit of the ledger as text": ("account.ledger", {"limit": "2"}, InvalidType, "limit", "int"),
    "limit of history as text": ("orders.history", {"symbol": "BTC_USDT", "limit": "2"}, InvalidType, "limit", "int"),
    "limit of fills as text": ("orders.fills", {"symbol": "BTC_USDT", "limit": "2"}, InvalidType, "limit", "int"),
    "no history at all": ("orders.history", {"symbol": "BTC_USDT", "limit": 0}, InvalidValue, "limit", "0"),
    "no fills at all": ("orders.fills", {"symbol": "BTC_USDT", "limit": 0}, InvalidValue, "limit", "0"),
    "no candles at all": (
        "market.candles",
        {"symbol": "BTC_USDT", "time_frame": "1m", "limit": 0},
        InvalidValue,
        "limit",
        "0",
    ),
    "naive start": ("market.trades", {"symbol": "BTC_USDT", "start_time": NAIVE}, InvalidValue, "start_time", "zone"),
    "date": ("market.trades", {"symbol": "BTC_USDT", "end_time": date(2022, 1, 26)}, InvalidType, "end_time", "zone"),
    "float time": ("market.trades", {"symbol": "BTC_USDT", "end_time": 1.6e12}, InvalidType, "end_time", "not a time"),
    "trades by time and id": (
        "market.trades",
        {"symbol": "BTC_USDT", "end_time": MILLIS, "before": "17"},
        InvalidValue,
        "before",
        "only one of",
    ),
    "trades both ways": (
        "market.trades",
        {"symbol": "BTC_USDT", "before": "17", "after": "15"},
        InvalidValue,
        "after",
        "not before and after together",
    ),
    "no ticker": ("market.tickers", {"symbols": None}, InvalidType, "symbols", "required"),
    "empty list": ("market.tickers", {"symbols": []}, InvalidValue, "symbols", "empty list"),
    "comma in a symbol": ("market.tickers", {"symbols": ["BTC_USDT,ETH_USDT"]}, InvalidValue, "symbols", "','"),
    "None in a list": ("account.balances", {"assets": ["BTC", None]}, InvalidType, "assets", "[1]"),
    "naive end of ledger": ("account.ledger", {"end_time": NAIVE}, InvalidValue, "end_time", "time zone"),
    "ledger of none": ("account.ledger", {"limit": 0}, InvalidValue, "limit", "0"),
    "history of a pair alone": ("orders.history", {"symbol": "BTC_USDT"}, InvalidValue, "start_time", "required"),
    "history of no pair": ("orders.history", {"symbol": None, "limit": 2}, InvalidType, "symbol", "required"),
    "history by time and id": (
        "orders.history",
        {"symbol": "BTC_USDT", "start_time": AWARE, "after": 1},
        InvalidValue,
        "after",
        "only one of",
    ),
    "history both ways": (
        "orders.history",
        {"symbol": "BTC_USDT", "before": 2, "after": 1},
        InvalidValue,
        "after",
        "only one of",
    ),
    "fills of nothing": ("orders.fills", {}, InvalidValue, "order_id", "one of order_id and symbol is required"),
    "fills of both": (
        "orders.fills",
        {"order_id": 1, "symbol": "BTC_USDT"},
        InvalidValue,
        "symbol",
        "only one of order_id and symbol",
    ),
    "fills of an order since": (
        "orders.fills",
        {"order_id": 1, "start_time": AWARE},
        InvalidValue,
        "start_time",
        "symbol was not given",
    ),
    "fills of an order until": ("orders.fills", {"order_id": 1, "end_time": AWARE}, InvalidValue, "end_time", "symbol"),
    "fills of an order after": ("orders.fills", {"order_id": 1, "after": 1}, InvalidValue, "after", "symbol"),
    "fills by time and id": (
        "orders.fills",
        {"symbol": "BTC_USDT", "end_time": AWARE, "before": 9},
        InvalidValue,
        "before",
        "only one of",
    ),
}


def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
    group, name = operation.split(".")
    return getattr(getattr(client, group), name)(**arguments)


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_it_is_sent(empty: Served, case: str) -> None:
    operation, arguments, error, parameter, words = REFUSED[case]
    before = len(empty.came)
    with pytest.raises(error) as caught:
        call(empty.client, operation, arguments)
    assert (caught.value.operation, caught.value.parameter) == (operation, parameter)
    assert words in str(caught.value)
    assert len(empty.came) == before


SERVED: dict[str, tuple[str, dict[str, Any]]] = {
    # every combination that the page lists, but for limit, which goes with all
    "candles": ("market.candles", {"symbol": "BTC_USDT", "time_frame": "3d", "limit": 1}),
    "candles before": ("market.candles", {"symbol": "BTC_USDT", "time_frame": "1M", "before": AWARE}),
    "candles after": ("market.candles", {"symbol": "BTC_USDT", "time_frame": "1W", "after": MILLIS}),
    "trades": ("market.trades", {"symbol": "BTC_USDT", "limit": 1000}),
    "trades since": ("market.trades", {"symbol": "BTC_USDT", "start_time": AWARE}),
    "trades until": ("market.trades", {"symbol": "BTC_USDT", "end_time": AWARE, "limit": 1}),
    "trades between": ("market.trades", {"symbol": "BTC_USDT", "start_time": AWARE, "end_time": MILLIS}),
    "trades before": ("market.trades", {"symbol": "BTC_USDT", "before": "17122255", "limit": 9}),
    "trades after": ("market.trades", {"symbol": "BTC_USDT", "after": 17122255}),
    "history since": ("orders.history", {"symbol": "BTC_USDT", "start_time": AWARE}),
    "history until": ("orders.history", {"symbol": "BTC_USDT", "end_time": AWARE, "limit": 2}),
    "history between": ("orders.history", {"symbol": "BTC_USDT", "start_time": AWARE, "end_time": MILLIS}),
    "history before": ("orders.history", {"symbol": "BTC_USDT", "before": 2, "limit": 2}),
    "history after": ("orders.history", {"symbol": "BTC_USDT", "after": "1"}),
    "history latest": ("orders.history", {"symbol": "BTC_USDT", "limit": 2}),
    "fills of a pair": ("orders.fills", {"symbol": "BTC_USDT"}),
    "fills of a pair since": ("orders.fills", {"symbol": "BTC_USDT", "start_time": AWARE}),
    "fills of a pair until": ("orders.fills", {"symbol": "BTC_USDT", "end_time": AWARE, "limit": 3}),
    "fills of a pair between": ("orders.fills", {"symbol": "BTC_USDT", "start_time": AWARE, "end_time": MILLIS}),
    "fills of a pair before": ("orders.fills", {"symbol": "BTC_USDT", "before": 13}),
    "fills of a pair after": ("orders.fills", {"symbol": "BTC_USDT", "after": 12, "limit": 1}),
    "fills of an order": ("orders.fills", {"order_id": 4611688217450643477, "limit": 1}),
    "fills of an order before": ("orders.fills", {"order_id": "4611688217450643477", "before": 13}),
}


@pytest.mark.parametrize("case", SERVED)
def test_what_the_page_lists_is_sent(empty: Served, case: str) -> None:
    operation, arguments = SERVED[case]
    before = len(empty.came)
    assert call(empty.client, operation, arguments) == []
    assert len(empty.came) == before + 1


# --- pages ---------------------------------------------------------------------------------------------------------------


def trade(number: int) -> dict[str, Any]:
    return {"i": str(number), "p": "1", "q": "1", "s": "buy", "t": str(MILLIS + number)}


def page_of(call: Call, items: dict[int, Any], *, inclusive: bool) -> list[Any]:
    """The last items before a bound, oldest first, as Bibox gives them."""
    before = call.arguments.get("before")
    bound = max(items, default=0) if before is None else int(before) - (not inclusive)
    return [items[key] for key in sorted(items) if key <= bound][-call.arguments.get("limit", 100) :]


@pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("size", [2, 10, 24, 25, 26])
def test_trades_are_walked_back_without_repeats_or_loss(body: str, inclusive: bool, size: int) -> None:
    # Whether `before` is in the page itself is not documented: both must do.
    there = {17122255 + number: trade(17122255 + number) for number in range(25)}

    def answer(call: Call) -> Any:
        page = page_of(call, there, inclusive=inclusive)
        there[max(there) + 1] = trade(max(there) + 1)  # the market goes on; what is new is not for this walk
        return page

    with served("bibox", body, answer) as stage:
        found = [int(one.id) for one in stage.client.market.iter_trades("BTC_USDT", limit=size)]
    assert found == list(range(17122279, 17122254, -1))
    assert stage.calls[0].received.query == f"limit={size}&symbol=BTC_USDT"
    first_of_page = found[min(size, 25) - 1]
    assert stage.calls[1].received.query == f"before={first_of_page}&limit={size}&symbol=BTC_USDT"


def test_the_next_page_is_asked_for_when_it_is_needed(body: str) -> None:
    there = {number: trade(number) for number in range(1, 26)}
    with served("bibox", body, lambda call: page_of(call, there, inclusive=False)) as stage:
        trades = stage.client.market.iter_trades("BTC_USDT", limit=10, before=21)
        assert stage.calls == []
        assert [int(next(trades).id) for _ in range(10)] == list(range(20, 10, -1))
        assert [one.received.query for one in stage.calls] == ["before=21&limit=10&symbol=BTC_USDT"]
        assert [int(one.id) for one in trades] == list(range(10, 0, -1))


def test_candles_are_walked_back_by_their_time(body: str) -> None:
    minutes = {MILLIS + 60_000 * number: number for number in range(12)}
    rows = {time: [str(time), "1", "2", "0.5", "1.5", "3", "4.5", str(number), 7] for time, number in minutes.items()}

    def answer(call: Call) -> Any:
        page = page_of(call, rows, inclusive=True)
        return {"t": "60000", "e": page} if len(page) % 2 else page  # the page's shape, and the recorded one

    with served("bibox", body, answer) as stage:
        candles = list(stage.client.market.iter_candles("BTC_USDT", time_frame="1m", limit=5))
    assert [one.open_time for one in candles] == sorted(minutes, reverse=True)
    assert stage.calls[1].received.query == f"before={MILLIS + 7 * 60_000}&limit=5&symbol=BTC_USDT&time_frame=1m"


def test_the_ledger_is_walked_back_and_entries_that_share_an_id_are_kept(body: str) -> None:
    first = 1125899906842648350  # beyond 2**53: a float would make repeats of neighbours

    def entry(number: int) -> dict[str, Any]:
        asset, kind = [("BTC", "trade"), ("USDT", "trade"), ("USDT", "fee")][number % 3]
        return {"i": first + number // 3, "s": asset, "T": kind, "a": 0.003, "b": 10.009, "t": MILLIS}

    entries = [entry(number) for number in range(30)]  # ten ids, each of three entries, as in the page's sample

    def answer(call: Call) -> Any:
        before = int(call.arguments.get("before", first + 99))
        return [one for one in entries if one["i"] <= before][-7:]

    with served("bibox", body, answer) as stage:
        found = list(stage.client.account.iter_ledger(assets=["BTC", "USDT"], start_time=AWARE, limit=7))
    assert [(int(one.id), one.asset, one.type.value) for one in found] == [
        (one["i"], one["s"], one["T"]) for one in reversed(entries)
    ]
    asked = stage.calls[1].received.query
    assert asked == f"asset=BTC,USDT&before={first + 7}&limit=7&start_time=1643193746000"


def placed(number: int, **changed: Any) -> dict[str, Any]:
    """An order as recorded replies have it: with an update id, and 0 for what it lacks."""
    return {
        "i": 4611688217450643477 + number,
        "I": "0",
        "m": "BTC_USDT",
        "T": "limit",
        "s": "sell",
        "Q": -0.01,
        "P": 10043.85,
        "t": "gtc",
        "o": False,
        "S": "cancelled",
        "E": 0,
        "e": 0,
        "C": MILLIS,
        "U": MILLIS,
        "V": 1125899906842648350 - 2 * number,
        "n": 0,
        "F": [],
        "f": [],
        "r": 3,
        "M": "",
        **changed,
    }


@pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])
def test_history_is_walked_back_by_the_update_id(body: str, inclusive: bool) -> None:
    # The update id is not the order's id; here they even run against one another.
    orders = {one["V"]: one for one in map(placed, range(11))}
    with served("bibox", body, lambda call: page_of(call, orders, inclusive=inclusive)) as stage:
        found = list(stage.client.orders.iter_history("BTC_USDT", limit=4))
    assert [one.id for one in found] == [str(4611688217450643477 + number) for number in range(11)]
    update_id = 1125899906842648350 - 2 * 3
    assert stage.calls[1].received.query == f"before={update_id}&limit=4&status=settled&symbol=BTC_USDT"


def test_a_walk_through_history_must_begin_somewhere(empty: Served) -> None:
    with pytest.raises(InvalidValue, match="limit"):
        list(empty.client.orders.iter_history("BTC_USDT"))
    assert list(empty.client.orders.iter_history("BTC_USDT", before=10)) == []


def test_fills_of_an_order_are_walked_back(body: str) -> None:
    fills = {
        number: {"i": number, "t": MILLIS, "p": 1, "q": -1, "l": "taker", "f": {"a": "USDT", "m": 0.001}}
        for number in range(1, 31)
    }
    with served("bibox", body, lambda call: page_of(call, fills, inclusive=False)) as stage:
        found = [int(one.id) for one in stage.client.orders.iter_fills(order_id=4611688217450643477, limit=20)]
    assert found == list(range(30, 0, -1))
    assert [one.received.query for one in stage.calls] == [
        "limit=20&order_id=4611688217450643477",
        "before=11&limit=20&order_id=4611688217450643477",
        "before=1&limit=20&order_id=4611688217450643477",
    ]


@pytest.mark.parametrize(
    "walk",
    [
        lambda client: client.market.iter_trades("BTC_USDT"),
        lambda client: client.market.iter_candles("BTC_USDT", time_frame="1m"),
        lambda client: client.account.iter_ledger(),
        lambda client: client.orders.iter_history("BTC_USDT", limit=1),
        lambda client: client.orders.iter_fills(symbol="BTC_USDT"),
    ],
    ids=["trades", "candles", "ledger", "history", "fills"],
)
def test_a_walk_through_nothing_asks_once(empty: Served, walk: Callable[[Any], Iterator[Any]]) -> None:
    before = len(empty.came)
    assert list(walk(empty.client)) == []
    assert len(empty.came) == before + 1


# --- refusals of the exchange --------------------------------------------------------------------------------------------

CODES: dict[int, type[ApiError]] = {
    -1000: ServerError,
    -2001: AuthenticationFailed,
    -2002: AuthenticationFailed,
    -2003: InvalidRequest,
    -2004: InvalidRequest,
    -2005: InvalidRequest,
    -2006: InvalidSignature,
    -2101: RateLimited,
    -2102: RateLimited,
    -2103: PermissionDenied,
    -2104: ClockSkew,
    -3001: InvalidSymbol,
    -3002: InvalidSymbol,
    -3003: OrderNotFound,
    -3004: OrderNotFound,
}


def refusal(code: int, message: str = "no", status: int = 200) -> Callable[[Call], Reply]:
    return lambda call: Reply(status, f'{{"error":{code},"message":"{message}"}}'.encode())


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("code", CODES)
def test_a_code_says_what_a_refusal_means_whatever_the_status(code: int, status: int) -> None:
    with served("bibox", "blocking", refusal(code, "No, said it", status)) as stage, pytest.raises(ApiError) as caught:
        stage.client.orders.get(1)
    error = caught.value
    assert type(error) is CODES[code]
    assert (error.code, error.message, error.status) == (str(code), "No, said it", status)
    assert error.operation == "orders.get"


@pytest.mark.parametrize("code", CODES)
def test_a_refused_order_was_refused_unless_the_exchange_failed(body: str, code: int) -> None:
    expected: type[Exception] = OutcomeUnknown if code == -1000 else CODES[code]
    with served("bibox", body, refusal(code)) as stage, pytest.raises(expected) as caught:
        stage.client.orders.create(**order(client_order_id=77))
    assert type(caught.value) is expected
    # Refused for its clock it was surely not done, so it is sent once more, by the clock that the refusal tells.
    assert len(stage.came) == (2 if expected is ClockSkew else 1)
    if isinstance(caught.value, OutcomeUnknown):
        assert caught.value.client_order_id == "77"
        assert isinstance(caught.value.__cause__, ServerError)
        assert (caught.value.method, caught.value.path) == ("POST", "/bibox/rest/api/v4/userdata/order")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ApiError),
        (400, InvalidRequest),
        (401, AuthenticationFailed),
        (403, PermissionDenied),
        (404, NotFound),
        (418, ApiError),
        (422, InvalidRequest),
        (429, RateLimited),
        (500, ServerError),
    ],
)
def test_a_code_that_nobody_knows_leaves_it_to_the_status(body: str, status: int, expected: type[ApiError]) -> None:
    with served("bibox", body, refusal(-9999, "New", status)) as stage, pytest.raises(ApiError) as caught:
        stage.client.account.balances()
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.message) == ("-9999", "New")


@pytest.mark.parametrize(
    "text", ['{"error":-3002}', '{"error":-3002,"message":""}', '{"message":"no","error":"-3002"}']
)
def test_a_code_alone_is_a_refusal_too(body: str, text: str) -> None:
    # Nothing but an error says `error` here; taken for an answer, this would say that all orders are cancelled.
    with served("bibox", body, lambda call: Reply(200, text.encode())) as stage:
        with pytest.raises(InvalidSymbol, match="-3002"):
            stage.client.orders.cancel_all("BTC_USTD")
        with pytest.raises(InvalidSymbol, match="-3002"):
            stage.client.market.order_book("BTC_USTD")


def test_a_failure_message_of_an_order_is_no_refusal(body: str) -> None:
    with served("bibox", body, lambda call: placed(0, S="rejected", M="price", r=3)) as stage:
        found = stage.client.orders.get("c:5")
    assert (found.status, found.failure_message, found.failure_code) == (OrderStatus.REJECTED, "price", "3")


def test_a_wrong_secret_is_told_as_such(body: str) -> None:
    with (
        served("bibox", body, lambda call: [], api_secret="wrong") as stage,
        pytest.raises(InvalidSignature) as caught,
    ):
        stage.client.account.balances()
    assert caught.value.code == "-2006"


# --- how it is signed ----------------------------------------------------------------------------------------------------


def test_an_expiry_is_sent_and_not_signed(body: str) -> None:
    with served("bibox", body, lambda call: [], expire_after=5000, clock=lambda: 4102444800000) as stage:
        stage.client.account.balances(assets=["BTC"])
        stage.client.orders.cancel_all("BTC_USDT")
        stage.client.market.pairs()
    asked, cancelled, public = (one.received for one in stage.calls)
    assert asked.header("Bibox-Expire-Time") == cancelled.header("Bibox-Expire-Time") == "4102444805000"
    assert asked.header("Bibox-Api-Sign") == signature("asset=BTC")
    assert cancelled.header("Bibox-Api-Sign") == signature('{"symbol":"BTC_USDT"}')
    assert [name for name, _ in public.headers if name.lower().startswith("bibox-")] == []


def signature(text: str) -> str:
    return hmac.new(b"demo-bibox-api-secret", text.encode(), hashlib.sha256).hexdigest()


def test_a_call_that_expired_on_its_way_is_a_matter_of_the_clock(body: str) -> None:
    with (
        served("bibox", body, lambda call: [], expire_after=5000, clock=lambda: MILLIS) as stage,
        pytest.raises(ClockSkew) as caught,
    ):
        stage.client.account.balances()
    assert caught.value.code == "-2104"


def test_what_is_signed_is_what_is_sent(body: str) -> None:
    with served("bibox", body, lambda call: placed(0) if call.operation.name == "get" else []) as stage:
        stage.client.account.balances()
        stage.client.account.balances(assets=["BTC", "A&B=C D"])
        stage.client.orders.get("c:123")
    queries = [one.received.query for one in stage.calls]
    assert queries == ["", "asset=BTC,A%26B%3DC%20D", "id=c%3A123"]
    assert [one.received.header("Bibox-Api-Sign") for one in stage.calls] == [signature(query) for query in queries]


def test_what_no_spec_knows_is_sorted_and_signed_all_the_same(body: str) -> None:
    with served("bibox", body, lambda call: {"result": 1}) as stage, pytest.raises(NotFound):
        stage.client.request("GET", "/v4/userdata/new", query={"symbol": "BTC_USDT", "asset": "BTC"}, auth=True)
    assert stage.came == ["GET /bibox/rest/api/v4/userdata/new?asset=BTC&symbol=BTC_USDT"]
    assert stage.sandbox.requests[0].signed


# --- oddities ------------------------------------------------------------------------------------------------------------


def test_an_order_as_recorded_keeps_what_the_page_does_not_show(body: str) -> None:
    fill = {"i": 5, "s": "BTC_USDT", "o": 4611688217450643477, "T": 17122255, "t": MILLIS, "p": 1.0, "q": -0.010}
    fill |= {"l": "taker", "f": {"a": "USDT", "m": 1e-8}}
    with (
        served("bibox", body, lambda call: placed(0, S="expired", F=[fill], X="new")) as stage,
        stage.client.capture() as replies,
    ):
        found = stage.client.orders.get(4611688217450643477)
    assert (found.id, found.client_order_id, found.update_id) == ("4611688217450643477", "0", "1125899906842648350")
    assert (found.failure_code, found.failure_message) == ("3", None)
    assert (str(found.status), found.status.is_known) == ("expired", False)
    one = found.fills[0]
    assert (one.order_id, one.symbol, one.trade_id) == ("4611688217450643477", "BTC_USDT", "17122255")
    assert (one.fee.amount, str(one.price), one.role) == (Decimal("0.00000001"), "1.0", LiquidityRole.TAKER)
    assert replies[0].unaccounted() == ["$.S", "$.X"]


def test_a_ticker_as_recorded_has_numbers_a_time_and_a_count(body: str) -> None:
    recorded = Reply(
        200,
        b'[{"s":"ADA_USDT","o":0.371735,"h":0.373105,"l":0.361060,"p":0.361708,"q":18.9,"v":27056.2,"a":9931.6,'
        b'"c":-0.0267,"t":1665659482164,"f":4198750,"n":2189,"bp":0.361641,"bq":4.29,"ap":0.361842,"aq":11.2}]',
    )
    with served("bibox", body, lambda call: recorded) as stage:
        (found,) = stage.client.market.tickers("ADA_USDT")
    assert (str(found.low_price), found.change, repr(found.trade_count)) == ("0.361060", Decimal("-0.0267"), "2189")
    assert found.time_utc == datetime(2022, 10, 13, 11, 11, 22, 164_000, UTC)


def test_numbers_and_texts_are_both_understood(body: str) -> None:
    replies = {
        "order_book": b'{"i":9007199254740993,"t":1644558642100,"b":[[46125.70,0.079045,"more"]],"a":[]}',
        "candles": b'[[1644224940000,1.0,2.0,0.5,1.50,0,0.00,9007199254740993,"278"]]',
        "trades": b'[{"i":9007199254740993,"p":46125.70,"q":1E-8,"s":"sell","t":1628738748319}]',
        "tickers": b'[{"s":"A_B","o":1,"h":1,"l":1,"p":1,"q":1,"v":1,"a":1,"c":0,"t":"1665659482164","f":"9007199254740993",'
        b'"bp":"9959.870","bq":"1","ap":"1","aq":"1"}]',
        "balances": b'[{"s":"BTC","a":"0.10","h":"0E-8"}]',
        "ledger": b'[{"i":"1125899906842648350","s":"BTC","T":"fee","a":"-0.0030","b":"0","t":"1643289492985"}]',
    }
    with served("bibox", body, lambda call: Reply(200, replies[call.operation.name])) as stage:
        market, account = stage.client.market, stage.client.account
        book = market.order_book("BTC_USDT")
        (candle,) = market.candles("BTC_USDT", time_frame="1d")
        (one,) = market.trades("BTC_USDT")
        (ticker,) = market.tickers("A_B")
        (balance,) = account.balances()
        (entry,) = account.ledger()
    assert (book.update_id, book.time, str(book.bids[0].price)) == ("9007199254740993", 1644558642100, "46125.70")
    assert (candle.open_time, str(candle.close), str(candle.value)) == (1644224940000, "1.50", "0.00")
    assert (candle.first_trade_id, candle.trade_count) == ("9007199254740993", 278)
    assert (one.id, str(one.price), one.quantity) == ("9007199254740993", "46125.70", Decimal("0.00000001"))
    assert (ticker.time, ticker.first_trade_id, str(ticker.bid_price)) == (
        1665659482164,
        "9007199254740993",
        "9959.870",
    )
    assert (str(balance.available), balance.frozen) == ("0.10", 0)
    assert (entry.id, str(entry.amount), entry.time) == ("1125899906842648350", "-0.0030", 1643289492985)


def test_a_pair_as_recorded_has_no_status(body: str) -> None:
    pair = {
        "symbol": "BTC_USDT",
        "base": "BTC",
        "quote": "USDT",
        "min_price": "0.0001",
        "max_price": "100000000",
        "price_increment": "0.01",
        "price_scale": "2",
        "min_quantity": "0.000001",
        "max_quantity": "1000000",
        "quantity_increment": "0.000001",
        "quantity_scale": 6,
        "min_order_value": "1",
    }
    with served("bibox", body, lambda call: [pair]) as stage:
        (found,) = stage.client.market.pairs()
    assert (found.status, found.price_scale, found.max_price) == (None, 2, Decimal("100000000"))


def test_what_may_be_said_in_replies_is_known() -> None:
    kinds = ["transfer", "trade", "fee", "transfer_in", "transfer_out", "trade_finish_ask", "trade_finish_bid"]
    assert [str(kind) for kind in LedgerEntryType] == kinds
    assert [str(status) for status in OrderStatus] == ["accepted", "filled", "cancelled", "rejected"]
    assert [str(role) for role in LiquidityRole] == ["maker", "taker"]
    assert [str(status) for status in PairStatus] == ["tradable"]
    assert not LedgerEntryType("airdrop").is_known


def test_a_key_in_the_other_case_is_another_key(body: str) -> None:
    # t and T, s and S, e and E, f and F, i and I, o and O: a reader that does not mind the case would mix them up.
    lacking = {key: value for key, value in placed(0).items() if key != "t"}
    with served("bibox", body, lambda call: lacking) as stage, pytest.raises(InvalidResponse) as caught:
        stage.client.orders.get(1)
    assert (caught.value.path, caught.value.status) == ("$.t", 200)


def test_a_row_that_is_too_short_is_no_candle(body: str) -> None:
    with (
        served("bibox", body, lambda call: {"t": "60000", "e": [["1644224940000", "1"]]}) as stage,
        pytest.raises(InvalidResponse) as caught,
    ):
        stage.client.market.candles("BTC_USDT", time_frame="1m")
    assert caught.value.path == "$.e[0][2]"


def test_the_other_domains_are_asked_at_another_server(body: str) -> None:
    with served("bibox", body, lambda call: {"anything": [1, "2", None]}) as stage:
        assert stage.client.market.api_domains() == {"anything": [1, "2", None]}
    assert stage.came == ["GET /bibox/domains/v1/public/queryApiDomain"]
