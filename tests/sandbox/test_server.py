"""The desks behind a port: real sockets, on this machine alone."""

from __future__ import annotations

import http.client
import io
import json
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from specie.cli import main
from specie.compiler.model import Exchange
from specie.sandbox import Sandbox, SandboxUnavailable, run

pytest.importorskip("aiohttp")

SPECS = Path(__file__).parents[2] / "specs"


def get(
    url: str, method: str = "GET", body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        response = connection.getresponse()
        assert response.headers["content-type"] == "application/json"
        return response.status, response.read()
    finally:
        connection.close()


def test_it_serves_while_the_block_lasts(acme: Exchange, acme_folder: Path) -> None:
    with Sandbox("acme", specs=acme_folder.parent) as sandbox:
        base = sandbox.url("acme")
        assert base == f"http://127.0.0.1:{sandbox.port}/acme/rest/v1"
        assert sandbox.url("acme", "charts") == f"http://127.0.0.1:{sandbox.port}/acme/charts"
        expected = (acme_folder / "examples/market/ticker.json").read_bytes()
        assert get(f"{base}/ticker?symbol=A%20B") == (200, expected)
        status, body = get(f"{base}/nothing")
        assert (status, list(json.loads(body))) == (404, ["message"])
        seen = sandbox.requests
        assert [(one.method, one.operation, one.status, one.signed) for one in seen] == [
            ("GET", "market.ticker", 200, False),
            ("GET", "", 404, False),
        ]
        assert seen[0].path == "/acme/rest/v1/ticker?symbol=A%20B"
        assert seen[0].verdict == "ok"
        assert seen[1].verdict.startswith("NotFound: ")
    with pytest.raises(OSError):  # noqa: PT011 - refused, reset or unreachable: nobody is there
        get(f"{base}/ticker?symbol=A")
    sandbox.close()


def test_what_a_client_is_made_with(acme: Exchange, formica: Exchange) -> None:
    with Sandbox(models=[acme]) as sandbox:
        assert sandbox.client_options == {
            "base_url": {"rest": sandbox.url("acme"), "charts": sandbox.url("acme", "charts")},
            "api_key": "demo-acme-api-key",
            "api_secret": "demo-acme-api-secret",
            "identity": "demo-acme-identity",
        }
        with pytest.raises(ValueError, match="acme has no server 'ws' here; it has rest, charts"):
            sandbox.url("acme", "ws")
    both = Sandbox(models=[acme, formica])
    assert both.exchanges == ("acme", "formica")
    assert both.client_options_of("formica")["api_key"] == "demo-formica-api-key"
    with pytest.raises(ValueError, match="client_options_of"):
        _ = both.client_options
    with pytest.raises(ValueError, match="other is not served"):
        both.url("other")


def test_several_exchanges_behind_one_port(acme: Exchange, formica: Exchange) -> None:
    with Sandbox(models=[acme, formica]) as sandbox:
        assert get(sandbox.url("acme") + "/ticker?symbol=A")[0] == 200
        status, body = get(sandbox.url("formica") + "/", "POST", "method=getInfo&nonce=1")
        assert (status, json.loads(body)["success"]) == (200, 0)
        status, body = get(f"http://127.0.0.1:{sandbox.port}/")
        assert status == 404
        assert sandbox.url("formica") in json.loads(body)["error"]


def test_many_at_once(acme: Exchange) -> None:
    with Sandbox(models=[acme]) as sandbox:
        statuses: list[int] = []
        url = sandbox.url("acme") + "/ticker?symbol=A"
        threads = [threading.Thread(target=lambda: statuses.append(get(url)[0])) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 16
        assert len(sandbox.requests) == 16


def test_a_port_that_is_taken(acme: Exchange, capsys: pytest.CaptureFixture[str], acme_folder: Path) -> None:
    with Sandbox(models=[acme]) as sandbox:
        other = Sandbox(models=[acme], port=sandbox.port)
        with pytest.raises(SandboxUnavailable, match=f"cannot listen on 127.0.0.1:{sandbox.port}"):
            other.start()
        with pytest.raises(RuntimeError, match="started already"):
            sandbox.start()
        assert run(["acme"], specs=acme_folder.parent, port=sandbox.port) == 1
    assert "cannot listen" in capsys.readouterr().err


def test_without_aiohttp_it_says_what_to_install(acme: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp.web", None)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SandboxUnavailable, match=r"pip install 'specie\[sandbox\]'"):
        Sandbox(models=[acme]).start()


def told(*exchanges: str, **options: Any) -> list[str]:
    """What the command says when it starts."""
    said = io.StringIO()
    assert run(exchanges, output=said, wait=lambda: None, **options) == 0
    return said.getvalue().splitlines()


def test_the_command_says_where_and_with_which_keys(acme_folder: Path) -> None:
    said = io.StringIO()
    asked: list[Any] = []

    def wait() -> None:
        base = next(line.split()[1] for line in said.getvalue().splitlines() if line.strip().startswith("rest"))
        asked.append(get(f"{base}/ticker?symbol=A")[0])
        raise KeyboardInterrupt

    assert run([], specs=acme_folder.parent, output=said, wait=wait) == 0
    assert asked == [200]
    lines = said.getvalue().splitlines()
    assert lines[0] == "Acme, answers with its documents' examples"
    assert "  api_secret   demo-acme-api-secret" in lines
    assert lines[-1] == "Ctrl-C ends it."


def test_the_command_tells_of_markets_keys_and_faults() -> None:
    lines = told("bibox", "bitopro", specs=SPECS, seed=3, faults=["status:502 x3 on orders.create", "clock:+5s"])
    assert lines[0].startswith("Bibox, a living market, seed 3: BTC_USDT, ")
    assert "  with a key that may only view" in lines
    assert "    api_key      demo-bibox-view-api-key" in lines
    assert any(line.startswith("BitoPro, a living market, seed 3: BTC_TWD, ") for line in lines)
    assert lines[-3] == "Faults to come: status:502 x3 on orders.create, clock:+5s"
    assert "/control/faults, /state and /check" in lines[-2]
    assert "examples" in told("bitopro", specs=SPECS, examples=True)[0]


@pytest.mark.parametrize(
    ("fault", "message"),
    [("accept-then-timout", "did you mean 'accept-then-timeout'?"), ("reset on orders.creat", "did you mean 'orders.")],
)
def test_the_command_with_a_fault_that_is_none(fault: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "bitopro", "--specs", str(SPECS), "--fault", fault]) == 1
    assert message in capsys.readouterr().err


def test_the_command_lists_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--fault", "list"]) == 0
    assert "accept-then-timeout" in capsys.readouterr().out


def test_control_is_a_name_of_the_sandbox(acme: Exchange) -> None:
    with pytest.raises(ValueError, match="an exchange cannot be called 'control' here"):
        Sandbox(models=[attrs.evolve(acme, name="control")])
