"""Both clients against a real socket on this machine: what is sent to the byte, and how each fault ends."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest
import requests
import trustme
from connect_proxy import ConnectProxy
from handwritten import Acme, AsyncAcme, OrderType, Side, Trade
from local_server import Server, closed_port

from specie.runtime import (
    ApiError,
    AsyncClient,
    ClientClosed,
    Exchange,
    InvalidType,
    InvalidValue,
    MemoryBudgets,
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


LIMITED = Exchange(
    name="acme",
    title="Acme",
    environment="ACME",
    servers={"rest": "https://api.acme.example/v1", "old": "https://old.acme.example"},
    public_limits=("5/min per ip",),
)


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
    server.script = [{"data": []}] * 3
    client = AsyncAcme(**options(server.url))
    # Without a word about sockets of the loop before: warnings are errors here.
    for _ in range(3):
        assert asyncio.run(client.orders.list()) == []
        gc.collect()
    asyncio.run(client.close())
    assert server.connections == 3


def test_an_async_client_that_nobody_closed_leaves_nothing_open(server: Server) -> None:
    server.script = [{"data": []}]
    code = f"""
import asyncio, gc, sys
from handwritten import AsyncAcme
print(asyncio.run(AsyncAcme(api_key="k" * 20, api_secret="s" * 20, base_url={server.url!r}).orders.list()))
gc.collect()
"""
    assert python(code, warnings="always") == "[]"


def test_an_async_client_works_in_several_loops_at_a_time(server: Server) -> None:
    server.script = [{"data": []}] * 40
    client = AsyncAcme(**options(server.url))
    ready = threading.Barrier(3)
    results: list[Any] = []

    async def ten(last: bool) -> None:
        results.extend(await asyncio.gather(*(client.orders.list() for _ in range(10))))
        ready.wait(10)
        if last:
            await client.close()
        else:
            while not client.closed or client._transport._kept:
                await asyncio.sleep(0.01)
            with pytest.raises(ClientClosed):
                await client.orders.list()

    threads = [threading.Thread(target=asyncio.run, args=(ten(index == 2),)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [[]] * 30


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


def test_a_call_that_is_cancelled_before_it_is_sent_has_used_nothing(server: Server) -> None:
    server.script = ["silence"]

    async def run() -> None:
        budgets = MemoryBudgets()
        given = options(server.url, connections=1, timeout=Timeout(2, 0.6, 5), budgets=budgets)
        async with AsyncClient(
            LIMITED, None, **{key: given[key] for key in given if not key.startswith("api_")}
        ) as one:
            first = asyncio.create_task(one.request("GET", "/a"))
            while not server.got:
                await asyncio.sleep(0.01)
            second = asyncio.create_task(one.request("POST", "/b"))
            while (await one.limits())[0].used < 2:
                await asyncio.sleep(0.01)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert (await one.limits())[0].used == 1
            with pytest.raises(NoReply):
                await first

    asyncio.run(run())
    assert len(server.got) == 1


def test_threads_share_a_client(server: Server) -> None:
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


@both
@pytest.mark.parametrize("part", ["head", "body", "chunked"])
@pytest.mark.parametrize("name", ["create", "list"])
def test_an_answer_that_trickles_ends_at_the_deadline(run: Any, part: str, name: str) -> None:
    """A byte now and then: no timeout between two bytes ever expires."""

    def calls(client: Any) -> Any:
        return client.orders.create("p", **ORDER) if name == "create" else client.orders.list()

    with Trickle(part) as trickle, pytest.raises(OutcomeUnknown if name == "create" else NoReply, match="in time"):
        run(trickle.url, calls, timeout=Timeout(5, 5, 0.3))


@both
def test_connections_are_bounded_and_waiting_for_one_sent_nothing(server: Server, run: Any) -> None:
    server.script = ["silence"]

    def calls(client: Any) -> Any:
        hasty = client.with_options(timeout=Timeout(2, 2, 0.2))
        if isinstance(client, Acme):
            with ThreadPoolExecutor(1) as pool:
                first = pool.submit(client.request, "GET", "/a")
                until(lambda: bool(server.got))
                with pytest.raises(NotSent, match="free in time"):
                    hasty.request("POST", "/b")
                with pytest.raises(NoReply):
                    first.result()
            return None

        async def go() -> None:
            first = asyncio.create_task(client.request("GET", "/a"))
            while not server.got:
                await asyncio.sleep(0.01)
            with pytest.raises(NotSent, match="free in time"):
                await hasty.request("POST", "/b")
            with pytest.raises(NoReply):
                await first

        return go()

    run(server.url, calls, connections=1, timeout=Timeout(2, 0.8, 5))
    assert len(server.got) == 1


def test_a_call_that_waits_while_its_client_is_closed_sends_nothing(server: Server) -> None:
    server.script = ["silence"]
    client = Acme(**options(server.url, connections=1, timeout=Timeout(2, 0.8, 5)))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.request, "GET", "/a")
        until(lambda: bool(server.got))
        second = pool.submit(client.request, "POST", "/b")
        until(lambda: client._transport._free._value == 0)
        client.close()
        with pytest.raises(NoReply):
            first.result()
        with pytest.raises(NotSent):
            second.result()
    assert client._transport._session is None, "nothing was opened after closing"
    assert len(server.got) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("passed_in", [False, True])
def test_a_forked_child_opens_connections_of_its_own(server: Server, passed_in: bool) -> None:
    server.script = [{"data": []}] * 3
    code = f"""
import os, requests
from handwritten import Acme
session = requests.Session() if {passed_in} else None
client = Acme(api_key="k" * 20, api_secret="s" * 20, base_url={server.url!r}, session=session)
assert client.orders.list() == []
with client._transport._lock:  # as another thread might hold it just then
    child = os.fork()
if child == 0:
    os._exit(0 if client.orders.list() == [] else 1)
print(os.waitpid(child, 0)[1], client.orders.list())
"""
    assert python(code) == "0 []"
    assert server.connections == 2, "the parent goes on with its own connection"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_touch_the_connections_of_asyncio(server: Server) -> None:
    server.script = [{"data": []}] * 3
    code = f"""
import asyncio, gc, os, sys
from handwritten import AsyncAcme

async def main():
    async with AsyncAcme(api_key="k" * 20, api_secret="s" * 20, base_url={server.url!r}) as client:
        await client.orders.list()
        child = os.fork()
        if child == 0:
            loop = asyncio.events._get_running_loop()
            asyncio.events._set_running_loop(None)
            done = []
            import threading
            thread = threading.Thread(target=lambda: done.append(asyncio.run(client.orders.list())))
            thread.start()
            thread.join()
            gc.collect()
            os._exit(0 if done == [[]] else 1)
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            await asyncio.sleep(0.01)
        return await client.orders.list()

print(asyncio.run(main()))
"""
    assert python(code) == "[]"
    assert server.connections == 2, "the parent goes on with its own connection"


# -- whom to trust -----------------------------------------------------------------------------------------------------


@both
def test_a_given_authority_is_trusted_and_no_other(run: Any, tmp_path: Path) -> None:
    (shown, bundle), (_, other) = certificate(tmp_path / "one"), certificate(tmp_path / "other")
    context = ssl.create_default_context(cafile=bundle)
    with Server(tls=shown) as server:
        for trusted in (str(bundle), bundle, context):
            server.script = [{"data": []}]
            assert run(server.url, lambda client: client.orders.list(), verify=trusted) == []
        for given in ({}, {"verify": other}):
            with pytest.raises(NotSent, match="not trusted"):
                run(server.url, lambda client: client.orders.create("p", **ORDER), **given)
    assert len(server.got) == 3


@both
def test_calls_go_by_the_proxy_of_the_environment_and_trust_it_no_more(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shown, bundle), (_, other) = certificate(tmp_path / "one"), certificate(tmp_path / "other")
    with Server(tls=shown) as server, ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        server.script = [{"data": []}, {"data": []}]
        assert run(server.url, lambda client: client.orders.list(), verify=bundle) == []
        assert proxy.asked == [f"127.0.0.1:{server.port}"]
        with pytest.raises(NotSent, match="not trusted"):
            run(server.url, lambda client: client.orders.create("p", **ORDER), verify=other)
        assert len(proxy.asked) == 2
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert run(server.url, lambda client: client.orders.list(), verify=bundle) == []
        assert len(proxy.asked) == 2
        assert len(server.got) == 2


def test_verification_cannot_be_turned_off(tmp_path: Path) -> None:
    wrong: Any = False
    with pytest.raises(InvalidType, match="cannot be turned off"):
        Acme(verify=wrong)
    loose = ssl.create_default_context()
    loose.check_hostname = False
    with pytest.raises(InvalidValue, match="accepts certificates of anybody"):
        Acme(verify=loose)
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "nothing.pem", tmp_path / "empty.pem"):
        with pytest.raises(InvalidValue, match="no readable CA bundle"):
            Acme(verify=path)


def test_options_that_cannot_be() -> None:
    with requests.Session() as session:
        for given in ({"connections": 3}, {"verify": ssl.create_default_context()}):
            with pytest.raises(InvalidValue, match="set it there"):
                Acme(session=session, **given)
    with pytest.raises(InvalidValue, match="1 or more"):
        Acme(connections=0)
    with pytest.raises(InvalidValue, match="'wait', 'raise' or 'ignore'"):
        Acme(limits="never")
    with pytest.raises(TypeError, match=r"Acme\(\) got an unexpected .* 'retrys'; did you mean 'retries'"):
        Acme(retrys=3)


class Trickle:
    """Answers with one byte every 20 ms, in its head or its body, for as long as anybody listens."""

    def __init__(self, part: str) -> None:
        self._start = {
            "head": b"HTTP/1.1 200 OK\r\nX-Long: ",
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        }[part]
        self._piece = b"1\r\n \r\n" if part == "chunked" else b" "
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(self._start)
            while not self._over.wait(0.02):
                connection.sendall(self._piece)


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Key and certificate of 127.0.0.1 in one file, and in another one the authority that signed it."""
    folder.mkdir()
    authority = trustme.CA()
    server, bundle = folder / "server.pem", folder / "authority.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(server))
    authority.cert_pem.write_to_path(str(bundle))
    return server, bundle


def python(code: str, warnings: str = "ignore") -> str:
    """What a fresh interpreter prints, warnings included."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": warnings}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return (done.stdout + "".join(line for line in done.stderr.splitlines() if "Warning" in line)).strip()
