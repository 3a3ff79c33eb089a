"""Bibox's streams on the sandbox, as a plain websocket client sees them, held against its documents and REST."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.hearing import Caller, Ear, listening, refusal

from specie.sandbox import Sandbox

ORDER = {"i", "I", "m", "T", "s", "Q", "P", "t", "o", "S", "E", "e", "C", "U", "V", "n"}
"""As the page has it, and the update id that recorded orders have besides."""


@pytest.fixture
def me(sandbox: Sandbox) -> Caller:
    return Caller(sandbox, "bibox")


@pytest.fixture
def market(sandbox: Sandbox) -> Iterator[Ear]:
    with market_stream(sandbox) as ear:
        yield ear


def market_stream(sandbox: Sandbox) -> Any:
    return listening(sandbox.base_url("bibox")["market_stream"])


def user(me: Caller) -> Any:
    return listening(me.sandbox.base_url("bibox")["user_stream"], me.headers())


def ask(ear: Ear, method: str, *names: str, number: Any = 1) -> list[Any]:
    """What comes of a request: its acknowledgement, and what is told at once."""
    ear.say({"id": number, "method": method, "params": list(names)})
    return ear.all()


def place(me: Caller, side: str = "buy", price: str = "30000", quantity: str = "0.01", **more: Any) -> Any:
    order = {"symbol": "BTC_USDT", "side": side, "type": "limit", "quantity": quantity, "price": price, **more}
    return me.do("POST", "/v4/userdata/order", order)


class Book:
    """A book kept from what is told."""

    def __init__(self, first: Any) -> None:
        self.sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.update_id = 0
        self.apply(first)

    def apply(self, data: Any) -> None:
        assert int(data["i"]) > self.update_id
        self.update_id = int(data["i"])
        for name, side in self.sides.items():
            for price, amount in data[name]:
                if Decimal(amount):
                    side[price] = amount
                else:
                    del side[price]  # what is deleted was there

    @property
    def levels(self) -> Any:
        """As REST has them."""
        bids = sorted(self.sides["b"].items(), key=lambda one: -Decimal(one[0]))
        asks = sorted(self.sides["a"].items(), key=lambda one: Decimal(one[0]))
        return {"b": [list(one) for one in bids], "a": [list(one) for one in asks]}


def test_requests_are_acknowledged_by_their_id(market: Ear) -> None:
    assert ask(market, "SUBSCRIBE", "BTC_USDT.trades", "ETH_USDT.ticker", number=123) == [{"id": 123, "result": None}]
    assert ask(market, "UNSUBSCRIBE", "BTC_USDT.trades", number="x") == [{"id": "x", "result": None}]
    assert ask(market, "SUBSCRIBE", number=9) == [{"id": 9, "result": None}]


@pytest.mark.parametrize(
    ("request_", "number", "error"),
    [
        ("no json", None, -2005),
        ("[1]", None, -2005),
        ({"id": 5}, 5, -2003),
        ({"id": 5, "method": "SUBSCRIBE", "params": "BTC_USDT.trades"}, 5, -2003),
        ({"id": 5, "method": "LIST", "params": []}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": [7]}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": ["BTC_USDT.order_book.7"]}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": ["BTC_USDT.order_book"]}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": ["BTC_USDT.candles.3d"]}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": ["BTC_USDT.candles.1W"]}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": ["BTC_USDT.trades.5"]}, 5, -2004),
        ({"id": 5, "method": "SUBSCRIBE", "params": ["NO_PE.trades"]}, 5, -3002),
        ({"method": "UNSUBSCRIBE", "params": ["btc_usdt.trades"]}, None, -3002),
    ],
)
def test_requests_that_are_wrong(market: Ear, request_: Any, number: Any, error: int) -> None:
    market.say(request_)
    (answer,) = market.all()
    assert list(answer) == ["id", "error", "message"]
    assert (answer["id"], answer["error"]) == (number, error)


def test_a_request_is_done_whole_or_not_at_all(sandbox: Sandbox, market: Ear) -> None:
    (answer,) = ask(market, "SUBSCRIBE", "BTC_USDT.trades", "BTC_USDT.nothing")
    assert answer["error"] == -2004
    sandbox.advance(60)
    assert market.all() == []


@pytest.mark.parametrize("depth", [5, 10, 20, 50, 100, 200, 500, 1000])
def test_a_book_is_told_whole_and_then_by_its_changes(sandbox: Sandbox, me: Caller, market: Ear, depth: int) -> None:
    name = f"BTC_USDT.order_book.{depth}"
    _, first = ask(market, "SUBSCRIBE", name)
    assert list(first) == ["stream", "data"]
    assert first["stream"] == name
    assert list(first["data"]) == ["i", "t", "b", "a"]
    book = Book(first["data"])
    assert [len(side) for side in book.sides.values()] == [min(depth, 25)] * 2
    sandbox.advance(90)
    rest = me.get(f"/v4/marketdata/order_book?symbol=BTC_USDT&level={depth}")
    told = market.all()
    assert len(told) > 10
    for one in told:
        book.apply(one["data"])
        assert all(len(side) <= depth for side in book.sides.values())
    assert book.levels == {"b": rest["b"], "a": rest["a"]}
    assert book.update_id <= int(rest["i"])


def test_levels_beyond_the_depth_are_deleted_and_added(sandbox: Sandbox, me: Caller, market: Ear) -> None:
    _, first = ask(market, "SUBSCRIBE", "BIX_USDT.order_book.5")  # quiet: nobody else trades it
    assert (first["data"]["b"], first["data"]["a"]) == ([], [])
    prices = [0.11, 0.12, 0.13, 0.14, 0.15]
    for price in prices:
        place(me, symbol="BIX_USDT", price=str(price), quantity="200")
    assert [[float(price) for price, _ in one["data"]["b"]] for one in market.all()] == [[price] for price in prices]
    best = place(me, symbol="BIX_USDT", price="0.2", quantity="100")["i"]
    (told,) = market.all()
    assert [(Decimal(price), Decimal(amount)) for price, amount in told["data"]["b"]] == [
        (Decimal("0.11"), 0),
        (Decimal("0.2"), 100),
    ]
    # Worse than all of the five: nothing to tell.
    place(me, symbol="BIX_USDT", price="0.105", quantity="200")
    assert market.all() == []
    me.do("DELETE", "/v4/userdata/order", {"id": str(best)})
    (told,) = market.all()
    assert [(Decimal(price), Decimal(amount)) for price, amount in told["data"]["b"]] == [
        (Decimal("0.2"), 0),
        (Decimal("0.11"), 200),
    ]


def test_subscribing_again_tells_the_whole_book_again(sandbox: Sandbox, market: Ear) -> None:
    ask(market, "SUBSCRIBE", "BTC_USDT.order_book.10")
    sandbox.advance(5)
    market.all()
    _, again = ask(market, "SUBSCRIBE", "BTC_USDT.order_book.10", number=2)
    assert [len(again["data"][side]) for side in ("b", "a")] == [10, 10]


def test_what_is_unsubscribed_is_told_no_more(sandbox: Sandbox, market: Ear) -> None:
    ask(market, "SUBSCRIBE", "BTC_USDT.trades", "ETH_USDT.trades")
    sandbox.advance(60)
    assert {one["stream"] for one in market.all()} == {"BTC_USDT.trades", "ETH_USDT.trades"}
    ask(market, "UNSUBSCRIBE", "BTC_USDT.trades")
    sandbox.advance(60)
    assert {one["stream"] for one in market.all()} == {"ETH_USDT.trades"}


def test_trades_come_once_each_as_rest_has_them(sandbox: Sandbox, me: Caller, market: Ear) -> None:
    before = {one["i"] for one in me.get("/v4/marketdata/trades?symbol=BTC_USDT&limit=1000")}
    assert ask(market, "SUBSCRIBE", "BTC_USDT.trades") == [{"id": 1, "result": None}]
    sandbox.advance(120)
    rest = me.get("/v4/marketdata/trades?symbol=BTC_USDT&limit=1000")
    told = [trade for one in market.all() for trade in one["data"]]
    assert told == [one for one in rest if one["i"] not in before]
    assert len(told) > 10


@pytest.mark.parametrize(("frame", "rest_frame"), [("1m", "1m"), ("1h", "1h"), ("1w", "1W"), ("1M", "1M")])
def test_candles_as_they_grow(sandbox: Sandbox, me: Caller, market: Ear, frame: str, rest_frame: str) -> None:
    assert len(ask(market, "SUBSCRIBE", f"BTC_USDT.candles.{frame}")) == 1
    sandbox.advance(180)
    rest = {one[0]: one for one in me.get(f"/v4/marketdata/candles?symbol=BTC_USDT&time_frame={rest_frame}")}
    told = [candle for one in market.all() for candle in one["data"]]
    assert [type(value) for value in told[0]] == [str] * 8 + [int]
    last = {candle[0]: candle for candle in told}  # the last word on each
    assert last.items() <= rest.items()
    assert len(last) >= (3 if frame == "1m" else 1)
    opened = [int(candle[0]) for candle in told]
    assert opened == sorted(opened)


def test_the_ticker_when_it_changes(sandbox: Sandbox, me: Caller, market: Ear) -> None:
    assert len(ask(market, "SUBSCRIBE", "BTC_USDT.ticker")) == 1
    sandbox.advance(60)
    (rest,) = me.get("/v4/marketdata/ticker?symbol=BTC_USDT")
    told = [one["data"] for one in market.all()]
    assert len(told) > 5
    assert set(told[-1]) == set(rest)
    assert {name: told[-1][name] for name in rest if name != "t"} == {name: rest[name] for name in rest if name != "t"}


# --- the account -------------------------------------------------------------------------------------------------------


def test_orders_and_balances_of_the_account(sandbox: Sandbox, me: Caller) -> None:
    with user(me) as ear:
        assert ear.all() == []
        order = place(me)
        told = ear.all()
        assert [one["stream"] for one in told] == ["order", "account"]
        assert set(told[0]["data"]) == ORDER
        assert told[0]["data"] == {name: order[name] for name in order if name not in ("F", "f")}
        assert told[1]["data"] == {"s": "USDT", "a": 99700, "h": 300}
        assert told[1]["data"] in me.read("/v4/userdata/accounts?asset=USDT")
        me.do("DELETE", "/v4/userdata/order", {"id": str(order["i"])})
        told = ear.all()
        assert [(one["stream"], one["data"].get("S"), one["data"].get("h")) for one in told] == [
            ("order", "cancelled", None),
            ("account", None, 0),
        ]


def test_a_sale_is_negative_and_changes_two_balances(sandbox: Sandbox, me: Caller) -> None:
    with user(me) as ear:
        order = place(me, "sell", price="10000", quantity="0.01", time_in_force="ioc")
        told = ear.all()
        assert order["S"] == "filled"
        (mine,) = (one["data"] for one in told if one["stream"] == "order")
        assert (mine["Q"], mine["E"], mine["S"]) == (Decimal("-0.01"), Decimal("-0.01"), "filled")
        balances = {one["data"]["s"]: one["data"] for one in told if one["stream"] == "account"}
        assert set(balances) == {"BTC", "USDT"}
        rest = {one["s"]: one for one in me.read("/v4/userdata/accounts")}
        assert balances == {asset: rest[asset] for asset in balances}


def test_what_a_client_says_on_the_users_stream_is_ignored(sandbox: Sandbox, me: Caller) -> None:
    with user(me) as ear:
        ear.say({"id": 1, "method": "SUBSCRIBE", "params": []})
        assert ear.all() == []


def test_the_handshake_signs_the_empty_text(sandbox: Sandbox, me: Caller) -> None:
    url = sandbox.base_url("bibox")["user_stream"]
    good = me.headers()
    wrong = [
        {},
        {"BIBOX-API-KEY": me.key},
        {**good, "BIBOX-API-KEY": "another"},
        {**good, "BIBOX-API-SIGN": "0" * 64},
        me.headers(body="{}"),
        {**good, "Bibox-Expire-Time": "1000"},
    ]
    for headers in wrong:
        status, body = refusal(url, headers)
        assert status >= 400
        answer = json.loads(body)
        assert set(answer) == {"error", "message"}
        assert answer["error"] in (-2001, -2002, -2006, -2104), headers
    with listening(url, {**good, "Bibox-Expire-Time": "99999999999999"}) as ear:
        assert ear.all() == []
    assert sandbox.requests[-1].operation == "streams"


def test_a_key_that_may_only_view_hears_too(sandbox: Sandbox) -> None:
    viewer = Caller(sandbox, "bibox", sandbox.client_options_of("bibox", permission="view"))
    with user(viewer) as ear:
        place(Caller(sandbox, "bibox"))
        assert [one["stream"] for one in ear.all()] == ["order", "account"]


@given(st.text(max_size=200) | st.binary(max_size=50))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_client_says_it_is_answered_or_ignored(sandbox: Sandbox, said: str | bytes) -> None:
    with market_stream(sandbox) as ear:
        ear.socket.send(said)
        assert [set(one) for one in ear.all()] == [{"id", "error", "message"}] * isinstance(said, str)
        assert ask(ear, "SUBSCRIBE", "BTC_USDT.trades") == [{"id": 1, "result": None}]


def test_who_offers_compression_gets_it(sandbox: Sandbox) -> None:
    url = sandbox.base_url("bibox")["market_stream"]
    with listening(url) as ear:
        assert ear.socket.response is not None
        assert "permessage-deflate" in ear.socket.response.headers["Sec-WebSocket-Extensions"]
        ask(ear, "SUBSCRIBE", "BTC_USDT.order_book.1000")
    with listening(url, compression=None) as ear:
        assert ear.socket.response is not None
        assert "Sec-WebSocket-Extensions" not in ear.socket.response.headers
        assert len(ask(ear, "SUBSCRIBE", "BTC_USDT.order_book.1000")) == 2


def test_pings_are_answered_with_what_they_bore(sandbox: Sandbox, market: Ear) -> None:
    assert market.socket.ping(b"1700000000000").wait(10)
