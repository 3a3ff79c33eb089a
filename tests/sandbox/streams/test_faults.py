"""What goes wrong with streams on purpose, as plain clients see it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from support.hearing import Caller, Ear, listening, refusal
from websockets.sync.client import connect

from specie.sandbox import Sandbox, UnknownFault


@pytest.fixture
def trades(sandbox: Sandbox) -> Iterator[Ear]:
    """Bibox's trades: each has an id, and each comes once."""
    with listening(sandbox.base_url("bibox")["market_stream"]) as ear:
        ear.say({"id": 1, "method": "SUBSCRIBE", "params": ["BTC_USDT.trades"]})
        assert ear.all() == [{"id": 1, "result": None}]
        yield ear


def ids(told: list[Any]) -> list[int]:
    return [int(trade["i"]) for one in told for trade in one["data"]]


def all_ids(sandbox: Sandbox) -> list[int]:
    """Those of all trades in the market."""
    market = sandbox.market("bibox")
    assert market is not None
    return [trade.id for trade in market.trades("BTC_USDT")]


def make_trades(sandbox: Sandbox) -> None:
    sandbox.advance(30, "bibox")


def test_without_faults_nothing_is_missing(sandbox: Sandbox, trades: Ear) -> None:
    before = all_ids(sandbox)
    make_trades(sandbox)
    assert ids(trades.all()) == all_ids(sandbox)[len(before) :]


def expected(sandbox: Sandbox, trades: Ear, fault: str) -> tuple[list[Any], list[Any]]:
    """What comes with a fault, and what came to somebody else whom it did not befall."""
    sandbox.fault(fault)
    with listening(sandbox.base_url("bibox")["market_stream"]) as other:
        other.say({"id": 1, "method": "SUBSCRIBE", "params": ["BTC_USDT.trades"]})
        other.all()
        make_trades(sandbox)
        assert sandbox.faults == ()
        whole = other.all()
    assert len(whole) > 4
    return trades.all(), whole


def test_a_message_is_lost(sandbox: Sandbox, trades: Ear) -> None:
    told, whole = expected(sandbox, trades, "message-lost on bibox.streams.trades")
    assert told == whole[1:]


def test_a_gap_of_two(sandbox: Sandbox, trades: Ear) -> None:
    before = len(all_ids(sandbox))
    make_trades(sandbox)
    first = trades.all()
    assert ids(first) == all_ids(sandbox)[before:]
    sandbox.fault("message-lost x2 on streams.trades")
    before = len(all_ids(sandbox))
    make_trades(sandbox)
    told = ids(trades.all())
    new = all_ids(sandbox)[before:]
    assert told == new[-len(told) :]
    assert len(new) - len(told) >= 2


def test_a_message_comes_twice(sandbox: Sandbox, trades: Ear) -> None:
    told, whole = expected(sandbox, trades, "message-twice on bibox")
    assert told == [whole[0], *whole]


def test_two_messages_are_swapped(sandbox: Sandbox, trades: Ear) -> None:
    told, whole = expected(sandbox, trades, "messages-swapped on bibox")
    assert told == [whole[1], whole[0], *whole[2:]]


def test_a_message_is_garbage(sandbox: Sandbox, trades: Ear) -> None:
    sandbox.fault("message-garbage on bibox.streams.trades")
    make_trades(sandbox)
    first, *others = trades.texts()
    with pytest.raises(json.JSONDecodeError):
        json.loads(first)
    assert str(first).startswith('{"stream":"BTC_USDT.trades"')
    assert len(others) > 4


def test_a_message_of_an_unknown_kind(sandbox: Sandbox, trades: Ear) -> None:
    told, whole = expected(sandbox, trades, "message-unknown on bibox")
    assert told == [{"sandbox": "a message of a kind that no document knows"}, *whole]


def test_a_message_is_late_and_those_behind_it_wait(sandbox: Sandbox, trades: Ear) -> None:
    sandbox.fault("message-late:300ms on bibox")
    started = time.monotonic()
    make_trades(sandbox)
    first = trades.next()
    assert time.monotonic() - started >= 0.3
    told = [first, *trades.all()]
    assert ids(told) == sorted(ids(told))


def test_a_flood(sandbox: Sandbox, trades: Ear) -> None:
    told, whole = expected(sandbox, trades, "flood:500 on bibox")
    assert told == [whole[0]] * 499 + whole
    sandbox.fault("flood")
    assert sandbox.faults == ("flood",)


def test_the_connection_drops_after_what_was_told_before(sandbox: Sandbox, trades: Ear) -> None:
    make_trades(sandbox)
    sandbox.fault("drop on streams.trades")
    before = trades.all()
    make_trades(sandbox)
    assert trades.until_cut() == []
    assert ids(before)
    with listening(sandbox.base_url("bibox")["market_stream"]) as again:
        again.say({"id": 1, "method": "SUBSCRIBE", "params": ["BTC_USDT.trades"]})
        again.all()
        make_trades(sandbox)
        assert ids(again.all())


def test_a_fault_of_one_stream_spares_the_others(sandbox: Sandbox, trades: Ear) -> None:
    sandbox.fault("drop always on bibox.streams.order_book")
    sandbox.fault("message-lost always on bitopro")
    make_trades(sandbox)
    assert ids(trades.all())
    assert sandbox.faults == ("drop always on bibox.streams.order_book", "message-lost always on bitopro")
    with listening(sandbox.base_url("bitopro")["ws"] + "/v1/pub/tickers/BTC_TWD") as ear:
        sandbox.advance(60)
        assert ear.all() == []
    sandbox.clear_faults()
    with listening(sandbox.base_url("bitopro")["ws"] + "/v1/pub/tickers/BTC_TWD") as ear:
        assert ear.next()["event"] == "TICKER"


def test_requests_are_spared_faults_of_streams_and_streams_those_of_requests(sandbox: Sandbox, trades: Ear) -> None:
    sandbox.fault("handshake:503 on bibox")
    sandbox.fault("drop on bibox.streams.order_book")
    sandbox.fault("status:500 on bibox")
    sandbox.fault("garbage on bibox")
    make_trades(sandbox)
    assert ids(trades.all())
    url = Caller(sandbox, "bibox").url("/v4/marketdata/ticker?symbol=BTC_USDT")
    assert [requests.get(url, timeout=10).status_code for _ in range(3)] == [500, 200, 200]
    assert sandbox.faults == ("handshake:503 on bibox", "drop on bibox.streams.order_book")


@pytest.mark.parametrize(
    ("status", "start"), [(503, b"<html>"), (401, b"{"), (429, b"{"), (302, b""), (200, b"")], ids=str
)
def test_a_handshake_is_refused(sandbox: Sandbox, status: int, start: bytes) -> None:
    sandbox.fault(f"handshake:{status} x2 on bitopro.streams.ticker")
    url = sandbox.base_url("bitopro")["ws"]
    with listening(url + "/v1/pub/trades/BTC_TWD") as ear:
        assert ear.next()["event"] == "TRADE"
    for _ in range(2):
        got, body = refusal(url + "/v1/pub/tickers/BTC_TWD")
        assert (got, body.startswith(start), bool(body)) == (status, True, bool(start))
    seen = sandbox.requests[-1]
    assert (seen.operation, seen.status, seen.fault) == ("streams.ticker", status, f"handshake:{status}")
    with listening(url + "/v1/pub/tickers/BTC_TWD") as ear:
        assert ear.next()["event"] == "TICKER"


def test_half_open_is_silent_and_answers_pings(sandbox: Sandbox) -> None:
    sandbox.fault("half-open on bibox")
    url = sandbox.base_url("bibox")["market_stream"]
    with listening(url) as ear:
        ear.say({"id": 1, "method": "SUBSCRIBE", "params": ["BTC_USDT.trades"]})
        make_trades(sandbox)
        assert ear.all() == []
    with listening(url) as ear:
        ear.say({"id": 1, "method": "SUBSCRIBE", "params": ["BTC_USDT.trades"]})
        assert ear.all() == [{"id": 1, "result": None}]


def test_half_open_at_an_exchange_that_would_tell_at_once(sandbox: Sandbox) -> None:
    sandbox.fault("half-open on streams.balances")
    me = Caller(sandbox, "bitopro")
    url = sandbox.base_url("bitopro")["ws"] + "/v1/pub/auth/account-balance"
    with listening(url, me.headers()) as ear:
        assert ear.all() == []


def test_whoever_does_not_read_is_hung_up_on_and_holds_up_nobody(
    sandbox: Sandbox, trades: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specie.sandbox.streams.line.LONGEST", 20)
    url = sandbox.base_url("bitopro")["ws"] + "/v1/pub/trades/BTC_TWD"
    with connect(url, max_queue=1, compression=None, proxy=None, close_timeout=0.1) as slow, listening(url) as quick:
        sandbox.fault("flood:3000 on bitopro")  # befalls the one who came first
        sandbox.advance(60, "bitopro")
        assert sandbox.faults == ()
        sandbox.advance(300, "bitopro")
        told = quick.all()
        assert 50 < len(told) < 500
        assert told[-1]["timestamp"] > told[0]["timestamp"] + 300_000
        make_trades(sandbox)
        assert ids(trades.all())
        assert Ear(slow).until_cut()


def test_over_http(sandbox: Sandbox, trades: Ear) -> None:
    for line in ("drop on bibox.streams.trades", "handshake:200 x2"):
        assert requests.post(f"{sandbox.control_url}/faults", data=line, timeout=10).status_code == 200
    assert sandbox.faults == ("drop on bibox.streams.trades", "handshake:200 x2")
    make_trades(sandbox)
    assert trades.until_cut() == []
    assert refusal(sandbox.base_url("bibox")["market_stream"]) == (200, b"")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("handshake", "'handshake' needs a value, such as handshake:503"),
        ("handshake:101", "'101' is not an HTTP status"),
        ("flood:0", "'0' of 'flood' is not a number from 1 to 1000000"),
        ("flood:x", "'x' of 'flood' is not a number"),
        ("drop:3", "'drop' takes no value"),
        ("message-late", "'message-late' needs a value, such as message-late:2s"),
        ("drop on streams.trade", "there is no stream streams.trade; did you mean 'streams.trades'?"),
        ("drop on orders.create", "there is no stream orders.create"),
        ("status:502 on streams.trades", "there is no operation streams.trades"),
        ("drop on bitok.streams.trades", "there is no stream streams.trades"),
        ("message-lots", "did you mean 'message-lost'?"),
    ],
)
def test_what_is_no_fault(sandbox: Sandbox, line: str, message: str) -> None:
    with pytest.raises(UnknownFault, match=message.replace("?", r"\?")):
        sandbox.fault(line)
