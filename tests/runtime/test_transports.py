"""Both clients against a real socket on this machine: what is sent to the byte, and how each fault ends."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests
from handwritten import Acme, AsyncAcme, OrderType, Side, Trade
from local_server import Server, closed_port

from specie.runtime import (
    ApiError,
    ClientClosed,
    InvalidValue,
    Nonces,
    NoReply,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    ServerError,
    Timeout,
)

NOW_MS = 1_700_000_000_000
ORDER: dict[str, Any] = {"side": Side.BUY, "type": OrderType.LIMIT, "amount": "0.5", "price": "10"}
RECEIPT = {"orderId": 1, "amount": "0.5"}


def options(url: str, **more: Any) -> dict[str, Any]:
    return {
        "api_key": "k" * 20,
        "api_secret": "s" * 20,
        "base_url": {"rest": f"{url}/v1", "old": url},
        "clock": lambda: NOW_MS,
        "nonces": Nonces(),
        "timeout": Timeout(0.5, 0.5, 5.0),
        "retries": 0,
        **more,
    }


def blocking(url: str, calls: Callable[[Any], Any], **more: Any) -> Any:
    with Acme(**options(url, **more)) as client:
        return calls(client)


def awaiting(url: str, calls: Callable[[Any], Any], **more: Any) -> Any:
    async def run() -> Any:
        async with AsyncAcme(**options(url, **more)) as client:
            result = calls(client)
            return await result if inspect.isawaitable(result) else result

    return asyncio.run(run())


both = pytest.mark.parametrize("run", [blocking, awaiting])


@both
def test_the_bytes_on_the_wire(server: Server, run: Any) -> None:
    server.script = [RECEIPT]
    receipt = run(server.url, lambda client: client.orders.create("btc é/twd".replace("/", ""), **ORDER))
    assert receipt.amount == Decimal("0.5")
    got = server.got[0]
    assert (got.method, got.target) == ("POST", "/v1/orders/btc%20%C3%A9twd")
    assert got.body == b'{"action":"BUY","type":"LIMIT","amount":"0.5","price":"10","timestamp":1700000000000}'
    assert got.headers["content-type"] == "application/json"
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["x-key"] == "k" * 20
    assert "cookie" not in got.headers


def test_both_clients_send_the_same(server: Server) -> None:
    for run in (blocking, awaiting):
        server.script.append(RECEIPT)
        run(server.url, lambda client: client.orders.create("btc_twd", **ORDER))
    first, second = server.got
    assert first[:2] == second[:2]
    assert first.body == second.body
    named = ("accept", "user-agent", "x-key", "x-payload", "x-signature", "content-type")
    assert [first.headers.get(name) for name in named] == [second.headers.get(name) for name in named]


@both
def test_odd_characters_of_a_query_arrive_as_written(server: Server, run: Any) -> None:
    server.script = [{"data": []}]
    run(server.url, lambda client: client.request("GET", "/x%2Fy", query={"a": "b c+d&e=f/é,%'()*~", "l": ["1", "2"]}))
    assert server.got[0].target == "/v1/x%2Fy?a=b%20c%2Bd%26e%3Df%2F%C3%A9%2C%25%27%28%29%2A~&l=1&l=2"


@both
@pytest.mark.parametrize(
    "fault",
    [
        "reset",
        "hang up",
        "truncated",
        "silence",
        (500, {}, b"x"),
        (502, {}, b"<html>"),
        (200, {}, b"<html>"),
        (307, {"Location": "http://127.0.0.1:1/"}, b""),
    ],
)
def test_an_effect_that_gets_no_answer_is_unknown_and_sent_once(server: Server, run: Any, fault: Any) -> None:
    server.script = [fault, RECEIPT, RECEIPT]
    with pytest.raises(OutcomeUnknown) as caught:
        run(server.url, lambda client: client.orders.create("p", **ORDER))
    assert caught.value.sent["amount"] == Decimal("0.5")
    assert len(server.got) == 1


@both
@pytest.mark.parametrize("fault", ["reset", "hang up", "truncated", "silence"])
def test_a_read_that_gets_no_answer_says_so(server: Server, run: Any, fault: Any) -> None:
    server.script = [fault]
    with pytest.raises(NoReply):
        run(server.url, lambda client: client.orders.list())


@both
@pytest.mark.parametrize(
    "fault", ["reset", "hang up", "truncated", (500, {}, b"x"), (429, {"Retry-After": "0"}, b"x"), (200, {}, b"<html>")]
)
def test_a_read_that_is_made_again_succeeds(server: Server, run: Any, fault: Any) -> None:
    server.script = [fault, {"data": []}]
    assert run(server.url, lambda client: client.orders.list(), retries=1) == []
    assert server.got[0].headers["x-signature"] != server.got[1].headers["x-signature"]


@both
@pytest.mark.parametrize("call", ["create", "list"])
def test_without_a_connection_nothing_was_sent(run: Any, call: str) -> None:
    calls = (
        (lambda client: client.orders.create("p", **ORDER))
        if call == "create"
        else (lambda client: client.orders.list())
    )
    with pytest.raises(NotSent, match="no connection"):
        run(f"http://127.0.0.1:{closed_port()}", calls)


@both
def test_without_tls_nothing_was_sent(server: Server, run: Any) -> None:
    with pytest.raises((NotSent, OutcomeUnknown)) as caught:
        run(server.url.replace("http:", "https:"), lambda client: client.orders.create("p", **ORDER))
    assert server.got == []
    assert not isinstance(caught.value, ApiError)


@both
def test_a_cancel_on_a_connection_that_died_quietly_is_sent_once(server: Server, run: Any) -> None:
    """aiohttp would send a DELETE again by itself when a kept connection turns out to be closed."""
    server.script = ["answer and close silently", "hang up", {}]

    def calls(client: Any) -> Any:
        if isinstance(client, Acme):
            client.request("GET", "/a")
            return client.orders.cancel("1")

        async def go() -> None:
            await client.request("GET", "/a")
            await client.orders.cancel("1")

        return go()

    with pytest.raises(OutcomeUnknown):
        run(server.url, calls)
    assert [got.method for got in server.got].count("DELETE") <= 1


@both
def test_errors_of_the_exchange(server: Server, run: Any) -> None:
    server.script = [(429, {"retry-AFTER": "7", "X-Request-Id": "r1"}, b'{"error":"slow down"}')]
    with pytest.raises(RateLimited) as caught:
        run(server.url, lambda client: client.orders.create("p", **ORDER))
    assert (caught.value.retry_after, caught.value.request_id, caught.value.message) == (7.0, "r1", "slow down")
    server.script = [(503, {}, b"")]
    with pytest.raises(ServerError):
        run(server.url, lambda client: client.orders.list())


@both
def test_redirects_are_not_followed(server: Server, run: Any) -> None:
    server.script = [(302, {"Location": f"{server.url}/elsewhere"}, b"")]
    with pytest.raises(ApiError, match="not followed"):
        run(server.url, lambda client: client.orders.list())
    assert len(server.got) == 1


@both
def test_cookies_are_not_kept(server: Server, run: Any) -> None:
    server.script = [(200, {"Set-Cookie": "a=b"}, b'{"data":[]}'), {"data": []}]

    def calls(client: Any) -> Any:
        if isinstance(client, Acme):
            client.orders.list()
            return client.orders.list()

        async def go() -> None:
            await client.orders.list()
            await client.orders.list()

        return go()

    run(server.url, calls)
    assert "cookie" not in server.got[1].headers
    assert server.connections == 1, "connections are kept"


@both
def test_capture_is_the_door_to_raw_replies(server: Server, run: Any) -> None:
    server.script = [{"data": [], "more": 1.50}, (422, {}, b'{"error":"x"}'), {"data": []}]

    def calls(client: Any) -> Any:
        if isinstance(client, Acme):
            with client.capture() as replies:
                client.orders.list()
                with pytest.raises(ApiError):
                    client.with_options(retries=0).orders.list()
            client.orders.list()
            return replies

        async def go() -> Any:
            with client.capture() as replies:
                await client.orders.list()
                with pytest.raises(ApiError):
                    await client.with_options(retries=0).orders.list()
            await client.orders.list()
            return replies

        return go()

    replies = run(server.url, calls)
    assert [reply.status for reply in replies] == [200, 422]
    assert replies[0].json() == {"data": [], "more": Decimal("1.5")}
    assert replies[0].unaccounted() == ["$.more"]
    assert "content-length" in replies[0].headers
    assert repr(replies[0]).startswith("Reply(orders.list, HTTP 200")


@both
def test_pages(server: Server, run: Any) -> None:
    row = {"action": "BUY", "price": 1, "amount": 1, "timestamp": NOW_MS}
    server.script = [
        {"data": [{**row, "tradeId": 3}, {**row, "tradeId": 2}]},
        {"data": [{**row, "tradeId": 2}, {**row, "tradeId": 1}]},
        {"data": [{**row, "tradeId": 1}]},
    ]

    def calls(client: Any) -> Any:
        if isinstance(client, Acme):
            return list(client.orders.iter_list(limit=2))

        async def go() -> list[Trade]:
            return [trade async for trade in client.orders.iter_list(limit=2)]

        return go()

    assert [trade.trade_id for trade in run(server.url, calls)] == ["3", "2", "1"]
    assert [got.target for got in server.got] == [
        "/v1/fills?limit=2",
        "/v1/fills?tradeId=2&limit=2",
        "/v1/fills?tradeId=1&limit=2",
    ]


@both
def test_the_escape_hatch_signs_and_judges(server: Server, run: Any) -> None:
    server.script = [{"a": 1.10}, {"ok": True}, {"ok": True}, (400, {}, b'{"error":"no"}'), (500, {}, b"")]
    assert str(run(server.url, lambda client: client.request("GET", "/a", auth=True))["a"]) == "1.1"
    assert "x-signature" in server.got[0].headers
    run(
        server.url,
        lambda client: client.request("POST", "/b", body={"x": Decimal("1.50"), "y": [1]}, headers={"X-More": "1"}),
    )
    assert server.got[1].body == b'{"x":1.50,"y":[1]}'
    assert "x-signature" not in server.got[1].headers
    assert server.got[1].headers["x-more"] == "1"
    run(server.url, lambda client: client.request("POST", "/c", form={"a": "b c", "n": None}, auth=True, server="old"))
    assert server.got[2].body == b"a=b+c&nonce=1700000000000"
    assert server.got[2].target == "/c"
    with pytest.raises(ApiError, match="no"):
        run(server.url, lambda client: client.request("POST", "/d", body={}))
    with pytest.raises(OutcomeUnknown):
        run(server.url, lambda client: client.request("POST", "/d", body={}))
    for bad in ("x", "/a?b=c", "/../a", "/a b", "//evil\n"):
        with pytest.raises(InvalidValue):
            run(server.url, lambda client, bad=bad: client.request("GET", bad))


# -- clients -----------------------------------------------------------------------------------------------------------


@both
def test_a_closed_client_sends_nothing(server: Server, run: Any) -> None:
    def calls(client: Any) -> Any:
        if isinstance(client, Acme):
            client.close()
            client.close()
            assert client.closed
            return client.orders.list()

        async def go() -> Any:
            await client.close()
            await client.close()
            return await client.orders.list()

        return go()

    with pytest.raises(ClientClosed):
        run(server.url, calls)
    assert server.got == []


def test_a_session_that_was_passed_in_is_used_and_stays_open(server: Server) -> None:
    server.script = [{"data": []}, {}]
    with requests.Session() as session:
        session.headers["X-Mine"] = "1"
        with Acme(**options(server.url, session=session)) as client:
            client.orders.list()
        assert server.got[0].headers["x-mine"] == "1"
        assert session.get(server.url).status_code == 200


def test_an_aiohttp_session_that_was_passed_in_stays_open(server: Server) -> None:
    import aiohttp

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            async with AsyncAcme(**options(server.url, session=session)) as client:
                assert await client.orders.list() == []
            assert not session.closed

    server.script = [{"data": []}]
    asyncio.run(run())


def test_an_async_client_outlives_its_loop(server: Server) -> None:
    server.script = [{"data": []}, {"data": []}]
    # In a process of its own: connections of a loop that is gone cannot be closed, and asyncio rightly warns of them.
    code = f"""
import asyncio
from handwritten import AsyncAcme
client = AsyncAcme(api_key="k" * 20, api_secret="s" * 20, base_url={server.url!r})
print(asyncio.run(client.orders.list()), asyncio.run(client.orders.list()))
asyncio.run(client.close())
"""
    assert python(code) == "[] []"


def test_cancelling_an_effect_in_flight_tells_that_it_may_have_been_done(server: Server) -> None:
    server.script = ["silence", "silence", {"data": []}]

    async def run() -> None:
        async with AsyncAcme(**options(server.url, timeout=Timeout(2, 2, 5))) as client:
            task = asyncio.create_task(client.orders.create("p", **ORDER))
            while not server.got:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(OutcomeUnknown):
                await task
            with pytest.raises(OutcomeUnknown):
                async with asyncio.timeout(1.0):
                    await client.orders.create("p", **ORDER)
            task = asyncio.create_task(client.orders.list())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.orders.list() == []

    asyncio.run(run())


def test_threads_share_a_client(server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server.script = [{"data": []} for _ in range(40)]
    with Acme(**options(server.url)) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.orders.list(), range(40)))
    nonces = [got.headers["x-payload"] for got in server.got]
    assert len(set(nonces)) == 40


def test_base_urls() -> None:
    client = Acme(base_url="http://127.0.0.1:1/api/")
    assert client._settings.servers["rest"].origin == "http://127.0.0.1:1"
    assert client._settings.servers["rest"].path == "/api"
    assert client._settings.servers["old"].origin == "https://old.acme.example"
    for bad in ("127.0.0.1", "ftp://x", "http://", "http://a?b", "http://user@host", "http://a b"):
        with pytest.raises(InvalidValue):
            Acme(base_url=bad)
    with pytest.raises(InvalidValue, match="no server 'tset'"):
        Acme(base_url={"tset": "http://x"})


def test_options_are_shared_but_for_patience() -> None:
    client = Acme()
    hasty = client.with_options(timeout=1.0, retries=0)
    assert hasty._transport is client._transport
    assert hasty._settings.timeout == Timeout(1.0, 1.0, 4.0)
    assert client._settings.timeout == Timeout()
    assert hasty.orders is not client.orders
    client.close()
    assert hasty.closed


def test_importing_the_runtime_loads_nothing_heavy() -> None:
    code = "import sys, specie.runtime; print([m for m in ('requests', 'aiohttp', 'msgspec', 'attr', 'asyncio', 'urllib3', 'ssl', 'http.client', 'email') if m in sys.modules])"
    assert python(code) == "[]"


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout.strip()
