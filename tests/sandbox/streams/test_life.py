"""How streams live: by which time, for how long, and what remains of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests
from support.hearing import PATIENCE_S, Caller, Ear, listening
from support.replay import exchanges

from specie.compiler.model import Exchange
from specie.sandbox import Sandbox
from specie.sandbox.faces.bitopro import BitoProFace, face
from specie.sandbox.living import START_MS
from specie.sandbox.streams.sessions import Beat, HasStreams


def ticker(sandbox: Sandbox) -> Any:
    return listening(sandbox.base_url("bitopro")["ws"] + "/v1/pub/tickers/BTC_TWD")


def bitopro(**options: Any) -> Sandbox:
    return Sandbox(models=[exchanges()["bitopro"]], **{"limits": False, **options})


@pytest.mark.parametrize("name", ["bibox", "bitexbit", "bitok", "bitopro"])
def test_the_streams_are_those_of_the_spec(name: str) -> None:
    model = exchanges()[name]
    with Sandbox(models=[model], seed=1) as sandbox:
        desk = sandbox._desk(name)
        assert isinstance(desk.face, HasStreams)
        served = desk.streams.names if desk.streams is not None else ()
        assert [f"streams.{one}" for one in served] == [one.id for one in model.streams]
        carried = set(desk.streams.servers) if desk.streams is not None else set()
        assert {server for server in sandbox.base_url(name) if desk.carries_streams(server)} == carried


def test_the_addresses_of_streams_are_among_the_base_urls(sandbox: Sandbox) -> None:
    host = f"127.0.0.1:{sandbox.port}"
    assert sandbox.base_url("bitopro") == {
        "rest": f"http://{host}/bitopro/rest/v3",
        "ws": f"ws://{host}/bitopro/ws/ws",
    }
    assert sandbox.base_url("bibox")["user_stream"] == f"ws://{host}/bibox/user_stream"
    for name in sandbox.exchanges:
        assert sandbox.client_options_of(name)["base_url"] == sandbox.base_url(name)
        assert set(sandbox.base_url(name)) == {server.name for server in exchanges()[name].servers}
    with pytest.raises(ValueError, match="nowhere is not served"):
        sandbox.base_url("nowhere")


def test_an_exchange_that_answers_with_examples_has_no_streams() -> None:
    with bitopro(examples=True) as sandbox:
        url = sandbox.base_url("bitopro")["ws"].replace("ws://", "http://")
        assert requests.get(f"{url}/v1/pub/tickers/BTC_TWD", timeout=10).status_code == 404


def test_a_seeded_market_stands_still_without_requests(sandbox: Sandbox) -> None:
    with ticker(sandbox) as ear:
        assert ear.next()["timestamp"] == START_MS
        assert ear.all() == []
        sandbox.advance(0.5)
        sandbox.advance(59.5, "bitopro")
        told = ear.all()
        assert told
        assert all(START_MS < one["timestamp"] <= START_MS + 60_000 for one in told)
    market = sandbox.market("bitopro")
    assert market is not None
    assert market.now_ms == START_MS + 60_000
    other = sandbox.market("bibox")
    assert other is not None
    assert other.now_ms == START_MS + 500


def test_the_same_seed_tells_the_same() -> None:
    def told() -> list[Any]:
        with bitopro(seed=5) as sandbox, ticker(sandbox) as ear:
            sandbox.advance(300)
            requests.get(sandbox.url("bitopro") + "/tickers", timeout=10)
            return ear.all()

    assert told() == told()


def test_time_goes_by_before_the_start_and_without_listeners() -> None:
    sandbox = bitopro(seed=5)
    sandbox.advance(3600)
    market = sandbox.market("bitopro")
    assert market is not None
    assert market.now_ms == START_MS + 3_600_000
    assert market.trades("BTC_TWD")[-1].time_ms > START_MS + 3_000_000


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e12])
def test_time_that_cannot_go_by(sandbox: Sandbox, seconds: float) -> None:
    with pytest.raises(ValueError, match="time goes by for 0 to"):
        sandbox.advance(seconds)


def test_time_goes_by_over_http(sandbox: Sandbox) -> None:
    def post(body: str) -> tuple[int, Any]:
        reply = requests.post(f"{sandbox.control_url}/advance", data=body, timeout=10)
        return reply.status_code, reply.json()

    with ticker(sandbox) as ear:
        ear.next()
        assert post("60") == (200, {"seconds": 60.0})
        assert ear.all()
    assert post("soon")[0] == 400
    assert post("-1")[0] == 400


def test_a_market_without_a_seed_moves_by_the_clock_while_somebody_listens() -> None:
    now = [1_700_000_000_000]
    with bitopro(clock=lambda: now[0]) as sandbox:
        with pytest.raises(ValueError, match="live by the clock"):
            sandbox.advance(1)
        with ticker(sandbox) as ear:
            assert ear.next()["timestamp"] == now[0]
            now[0] += 300_000
            later = ear.next()
            assert later["event"] == "TICKER"
            assert later["timestamp"] == now[0]


def test_the_server_pings_and_hangs_up_on_who_does_not_answer() -> None:
    def make(exchange: Exchange) -> BitoProFace:
        made = face(exchange, now_ms=START_MS, seed=7)
        assert isinstance(made, BitoProFace)
        made.streams.beat = Beat(0.05, 0.3)
        return made

    with bitopro(seed=7, faces={"bitopro": make}) as sandbox:
        with ticker(sandbox) as ear:
            pinged = threading.Event()
            answer = ear.socket.protocol.recv_frame

            def seen(frame: Any) -> None:
                if frame.opcode == 9:
                    pinged.set()
                answer(frame)

            ear.socket.protocol.recv_frame = seen  # type: ignore[method-assign]
            assert pinged.wait(PATIENCE_S)
            ear.next()
            assert ear.all() == []  # who answers stays
        with ticker(sandbox) as ear:
            deaf = ear.socket.protocol.recv_frame
            ear.socket.protocol.recv_frame = lambda frame: None if frame.opcode == 9 else deaf(frame)  # type: ignore[method-assign]
            assert [one["event"] for one in ear.until_cut()] == ["TICKER"]


def test_closing_the_sandbox_ends_what_is_open() -> None:
    before = set(threading.enumerate())
    sandbox = bitopro(seed=1).start()
    with ticker(sandbox) as ear:
        closing = threading.Thread(target=sandbox.close)
        closing.start()
        closing.join(PATIENCE_S)
        assert not closing.is_alive()
        assert [one["event"] for one in ear.until_cut()] == ["TICKER"]
    sandbox.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)  # those of the client may take a moment
        assert not thread.is_alive(), thread
    with sandbox, ticker(sandbox) as again:  # and it can be opened again
        assert again.next()["event"] == "TICKER"


def test_many_clients_come_and_go(sandbox: Sandbox) -> None:
    hub_of: Callable[[], Any] = lambda: sandbox._gate._places["bitopro"].hub  # noqa: E731
    ears: list[Ear] = []
    for _ in range(20):
        with ticker(sandbox) as ear:
            ears.append(ear)
            assert ear.next()["event"] == "TICKER"
    deadline = time.monotonic() + PATIENCE_S
    while hub_of().busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not hub_of().busy


# --- further accounts --------------------------------------------------------------------------------------------------


def test_a_further_account(sandbox: Sandbox) -> None:
    first = sandbox.open_account("bitopro", {"twd": "1000.5", "BTC": Decimal(2)})
    second = sandbox.open_account("bitopro")
    assert first == {
        "api_key": "demo-bitopro-2-api-key",
        "api_secret": "demo-bitopro-2-api-secret",
        "identity": "demo-bitopro-2-identity",
    }
    assert second["api_key"] == "demo-bitopro-3-api-key"
    has = {
        one["currency"]: one["amount"] for one in Caller(sandbox, "bitopro", first).read("/accounts/balance")["data"]
    }
    assert has == {"twd": "1000.5", "btc": "2", "eth": "0", "usdt": "0"}
    has = {
        one["currency"]: one["amount"] for one in Caller(sandbox, "bitopro", second).read("/accounts/balance")["data"]
    }
    assert has == {"twd": "3000000", "btc": "1", "eth": "20", "usdt": "50000"}


@pytest.mark.parametrize("name", ["bibox", "bitexbit", "bitok"])
def test_every_exchange_takes_further_accounts(sandbox: Sandbox, name: str) -> None:
    market = sandbox.market(name)
    assert market is not None
    credentials = sandbox.open_account(name, {next(iter(market.currencies)): 7})
    assert market.balance(credentials["api_key"], next(iter(market.currencies))).available == 7


@pytest.mark.parametrize(
    ("funds", "message"),
    [
        ({"XYZ": 1}, "there is no currency XYZ here; there is TWD, BTC"),
        ({"TWD": 1.5}, "1.5 TWD is no amount"),
        ({"TWD": "a"}, "'a' TWD is no amount"),
        ({"TWD": -1}, "-1 TWD is no amount"),
        ({"TWD": Decimal("Infinity")}, "is no amount"),
    ],
)
def test_funds_that_are_none(sandbox: Sandbox, funds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sandbox.open_account("bitopro", funds)


def test_no_account_where_there_is_no_market() -> None:
    with bitopro(examples=True) as sandbox, pytest.raises(ValueError, match="answers with examples"):
        sandbox.open_account("bitopro")


# --- what was seen -----------------------------------------------------------------------------------------------------


def test_only_the_latest_requests_are_remembered_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from specie.sandbox import log

    monkeypatch.setattr(log, "KEPT", 5)
    with bitopro(seed=1) as sandbox, requests.Session() as session:
        for number in range(8):
            session.get(f"{sandbox.url('bitopro')}/none/{number}", timeout=10)
        assert [one.path[-1] for one in sandbox.requests] == ["3", "4", "5", "6", "7"]
        assert (sandbox.request_count, sandbox.request_count_of("bitopro"), sandbox.request_count_of("bibox")) == (
            8,
            8,
            0,
        )
        state = session.get(f"{sandbox.control_url}/state", timeout=10).json()
        assert state["exchanges"]["bitopro"]["requests"] == 8


def test_refusing_by_http_closes_connections_that_rest_before_it_answers() -> None:
    with bitopro(seed=1) as sandbox, requests.Session() as resting:
        url = f"{sandbox.url('bitopro')}/tickers"
        assert resting.get(url, timeout=10).status_code == 200
        asked = requests.post(f"{sandbox.control_url}/faults", data="refuse:30s", timeout=10)
        assert asked.status_code == 200
        with pytest.raises(requests.ConnectionError, match="refused"):
            resting.get(url, timeout=10)
        sandbox.clear_faults()
        assert resting.get(url, timeout=10).status_code == 200
