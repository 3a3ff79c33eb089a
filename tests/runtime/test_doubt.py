"""Whether something was sent is never guessed: answers that are none, and what is going on around a call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from handwritten import Acme, AsyncAcme, OrderType, Side
from local_server import Server, closed_port

from specie.runtime import (
    ApiError,
    Exchange,
    FileBudgets,
    InvalidType,
    Limit,
    Nonces,
    NoReply,
    NotSent,
    OutcomeUnknown,
    Timeout,
)

ORDER: dict[str, Any] = {"side": Side.BUY, "type": OrderType.LIMIT, "amount": "0.5", "price": "10"}
RECEIPT = b'{"orderId": 1, "amount": "0.5"}'


def options(url: str, **more: Any) -> dict[str, Any]:
    keys = {"api_key": "k" * 20, "api_secret": "s" * 20}
    urls = {"rest": f"{url}/v1", "old": url}
    return {**keys, "base_url": urls, "nonces": Nonces(), "timeout": Timeout(1, 1, 5), "retries": 0, **more}


def blocking(url: str, name: str, *arguments: Any, **named: Any) -> Any:
    with Acme(**options(url)) as client:
        return getattr(client.orders, name)(*arguments, **named)


def awaiting(url: str, name: str, *arguments: Any, **named: Any) -> Any:
    async def run() -> Any:
        async with AsyncAcme(**options(url)) as client:
            return await getattr(client.orders, name)(*arguments, **named)

    return asyncio.run(run())


both = pytest.mark.parametrize("run", [blocking, awaiting])


@both
def test_an_answer_that_contradicts_itself_is_one_that_came(server: Server, run: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 31\r\n\r\n" + RECEIPT
    server.script = [answer, answer]
    with pytest.raises(OutcomeUnknown):
        run(server.url, "create", "p", **ORDER)
    with pytest.raises(NoReply):
        run(server.url, "list")


@pytest.mark.parametrize("fault", ["reset", "hang up", "truncated", "silence"])
def test_what_the_caller_is_handling_is_not_taken_for_this_call(server: Server, fault: str) -> None:
    server.script = [fault]
    with Acme(**options(server.url)) as client, Acme(**options(f"http://127.0.0.1:{closed_port()}")) as unreachable:
        try:
            unreachable.orders.list()
        except NotSent:
            with pytest.raises(OutcomeUnknown):
                client.orders.create("p", **ORDER)
    assert len(server.got) == 1


@both
def test_hints_before_the_answer_are_no_answer(server: Server, run: Any) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(RECEIPT) + RECEIPT
    server.script = [hint + hint + answer]
    assert str(run(server.url, "create", "p", **ORDER).order_id) == "1"


@both
def test_a_server_that_goes_over_to_something_else_has_not_said_no(server: Server, run: Any) -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    server.script = [answer, answer]
    with pytest.raises(OutcomeUnknown):
        run(server.url, "create", "p", **ORDER)
    with pytest.raises(ApiError, match="HTTP 101"):
        run(server.url, "list")


def test_a_connection_that_was_gone_over_is_not_used_again(server: Server) -> None:
    server.script = [b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", {"data": []}]
    with Acme(**options(server.url)) as client:
        with pytest.raises(ApiError):
            client.orders.list()
        assert client.orders.list() == []
    assert server.connections == 2


class Slow(FileBudgets):
    """A store that takes its time to hear of an answer."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def settle(self, ticket: Any, now: float, told: Mapping[str, Any] | None = None) -> None:
        self.asked.set()
        assert self.go_on.wait(10)
        super().settle(ticket, now, told)


@pytest.mark.parametrize(("name", "ends"), [("create", OutcomeUnknown), ("list", asyncio.CancelledError)])
def test_cancelled_after_the_answer_came(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, ends: type[BaseException]
) -> None:
    monkeypatch.setattr(limited(), "private_limits", (Limit("100/min per account"),))
    server.script = [{"orderId": 1, "amount": "0.5"} if name == "create" else {"data": []}]

    async def run() -> None:
        store = Slow(tmp_path / "limits")
        async with AsyncAcme(**options(server.url, budgets=store)) as client:
            call = client.orders.create("p", **ORDER) if name == "create" else client.orders.list()
            task = asyncio.ensure_future(call)
            assert await asyncio.to_thread(store.asked.wait, 10)
            task.cancel()
            with pytest.raises(ends):
                await task
            store.go_on.set()
        store.close()

    asyncio.run(run())


def limited() -> Exchange:
    with Acme() as client:
        return client._settings.exchange


def test_a_session_that_is_closed_sends_nothing(server: Server) -> None:
    async def run() -> None:
        session = aiohttp.ClientSession()
        await session.close()
        async with AsyncAcme(**options(server.url), session=session) as client:
            with pytest.raises(NotSent, match="the session that was passed in is closed"):
                await client.orders.create("p", **ORDER)

    asyncio.run(run())


def test_sessions_of_another_library_are_refused() -> None:
    with pytest.raises(InvalidType, match=r"must be a requests\.Session, not a dict"):
        Acme(session={})
    with requests.Session() as session, pytest.raises(InvalidType, match=r"an aiohttp\.ClientSession, not a Session"):
        AsyncAcme(session=session)
    with pytest.raises(InvalidType, match=r"must be an aiohttp\.ClientSession, not a dict"):
        AsyncAcme(session={})
