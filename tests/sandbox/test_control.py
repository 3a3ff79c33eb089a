"""The control endpoint: faults set, the state read and the books checked, over HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.calls import connected
from support.replay import exchanges

from specie.runtime import NotSent, ServerError
from specie.sandbox import Sandbox
from specie.sandbox.market import InvariantBroken

pytest.importorskip("aiohttp")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("bitopro", models=[exchanges()["bitopro"]], seed=4) as one:
        yield one


def ask(sandbox: Sandbox, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    parts = urlsplit(sandbox.control_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, parts.path + path, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_faults_are_set_between_calls(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/faults") == (200, {"faults": []})
    set_ = {"faults": ["status:500 x2 on market.tickers"]}
    assert ask(sandbox, "POST", "/faults", "status:500 x2 on market.tickers\n") == (200, set_)
    with connected(exchanges()["bitopro"], "blocking", **sandbox.client_options) as client:
        with pytest.raises(ServerError):
            client.market.tickers()
        assert ask(sandbox, "GET", "/faults")[1] == {"faults": ["status:500 on market.tickers"]}
        assert ask(sandbox, "DELETE", "/faults") == (200, {"faults": []})
        assert client.market.tickers()
    assert ask(sandbox, "POST", "/faults", '{"fault": "reset"}')[1] == {"faults": ["reset"]}
    assert ask(sandbox, "POST", "/faults", '{"faults": ["empty", "late:2s"]}')[1]["faults"] == [
        "reset",
        "empty",
        "late:2s",
    ]


def await_refusal(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    pytest.fail("connections are taken for ever")


def test_a_refusal_is_answered_before_it_begins(sandbox: Sandbox) -> None:
    def client() -> Any:
        return connected(exchanges()["bitopro"], "blocking", **sandbox.client_options)

    assert ask(sandbox, "POST", "/faults", "refuse:10s") == (200, {"faults": []})
    await_refusal(sandbox.port)
    # A client of its own: a connection that rests may be used for a moment longer than new ones are taken.
    with client() as late, pytest.raises(NotSent):
        late.market.tickers()
    sandbox.clear_faults()
    with client() as later:
        assert later.market.tickers()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the body is empty"),
        ("bang", "there is no fault 'bang'"),
        ('{"fault": 3}', "the body is a fault, or"),
        ('{"flaut": "reset"}', "the body is a fault, or"),
        ('{"faults": "reset"}', "the body is a fault, or"),
        ("{", "the body is not JSON"),
    ],
)
def test_what_is_not_a_fault(sandbox: Sandbox, body: str, message: str) -> None:
    status, said = ask(sandbox, "POST", "/faults", body)
    assert (status, message in said["error"]) == (400, True), said


def test_the_state(sandbox: Sandbox) -> None:
    with connected(exchanges()["bitopro"], "blocking", **sandbox.client_options, clock=None) as client:
        client.orders.create("btc_twd", action="BUY", type="LIMIT", amount="0.001", price="100000")
    status, state = ask(sandbox, "GET", "/state")
    assert (status, state["seed"], state["faults"]) == (200, 4, [])
    exchange = state["exchanges"]["bitopro"]
    assert exchange["base_url"] == sandbox.client_options["base_url"]
    assert exchange["requests"] == 1
    assert {one["limit"]: one["in_window"] for one in exchange["limits"]}["1200/min per ip+account"] == 1
    (account,) = exchange["market"]["accounts"].values()
    assert (account["orders"], account["open_orders"], account["fills"]) == (1, 1, 0)
    assert Decimal(account["balances"]["TWD"]["held"]) == 100


def test_the_check(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(sandbox, "GET", "/check") == (200, {"sound": True})

    def broken() -> None:
        raise InvariantBroken("TWD is short of 1")

    monkeypatch.setattr(sandbox.market("bitopro"), "check", broken)
    assert ask(sandbox, "GET", "/check") == (409, {"sound": False, "error": "TWD is short of 1"})


def test_what_leads_nowhere(sandbox: Sandbox) -> None:
    assert ask(sandbox, "GET", "/flaws")[0] == 404
    assert ask(sandbox, "PUT", "/faults")[0] == 405
    assert ask(sandbox, "POST", "/state")[0] == 405
    assert not sandbox.requests
