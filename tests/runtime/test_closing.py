"""Closing a client that blocks while other threads are in its calls: it waits for nobody, and nobody waits for ever."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
import trustme
from handwritten import Acme, OrderType, Side
from local_server import Server
from mute_server import SOON, Caller, Mute

from specie.runtime import (
    Client,
    ClientClosed,
    Exchange,
    Hooks,
    MemoryBudgets,
    Nonces,
    NoReply,
    NotSent,
    OutcomeUnknown,
    Retries,
    SpecieError,
    Timeout,
)

ORDER: dict[str, Any] = {"side": Side.BUY, "type": OrderType.LIMIT, "amount": "0.5", "price": "10"}
LONG = 60.0


def client(url: str, **options: Any) -> Acme:
    return Acme(
        api_key="k" * 20,
        api_secret="s" * 20,
        base_url={"rest": f"{url}/v1", "old": url},
        nonces=Nonces(),
        timeout=Timeout(LONG, LONG, 4 * LONG),
        **options,
    )


@pytest.fixture
def trusted() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows, and a client that trusts it."""
    made = trustme.CA()
    server, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    made.issue_cert("127.0.0.1").configure_cert(server)
    made.configure_trust(trusting)
    return server, trusting


READ: Callable[[Any], Any] = lambda acme: acme.orders.list()  # noqa: E731
PLACE: Callable[[Any], Any] = lambda acme: acme.orders.create("p", **ORDER)  # noqa: E731


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(("call", "outcome"), [(READ, NoReply), (PLACE, OutcomeUnknown)], ids=["read", "order"])
def test_what_is_in_flight_is_cut(
    call: Any, outcome: type[SpecieError], encrypted: bool, trusted: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    tls = trusted if encrypted else (None, None)
    with Mute(tls=tls[0]) as server:
        server.handshake.set()
        acme = client(server.url, **({"verify": tls[1]} if encrypted else {}))
        caller = Caller(lambda: call(acme))
        assert server.asked.wait(SOON)
        acme.close()
        error = caller.outcome()
        assert type(error) is outcome
        assert "the client was closed meanwhile" in str(error)
        assert server.left.wait(SOON)
        assert server.requests == 1, "a closed client makes nothing again"


def test_part_of_an_answer_is_not_taken_for_all_of_it() -> None:
    """Where the end of a body is that of the connection, it looks whole when the connection is cut."""
    with Mute(b"HTTP/1.1 200 OK\r\n\r\n[]") as server:
        acme = client(server.url)
        caller = Caller(lambda: acme.orders.list())
        assert server.asked.wait(SOON)
        acme.close()
        assert isinstance(caller.outcome(), NoReply)


def test_nothing_is_sent_over_a_connection_that_comes_to_stand_later(
    trusted: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with Mute(tls=trusted[0]) as server:
        acme = client(server.url, verify=trusted[1])
        caller = Caller(lambda: acme.orders.create("p", **ORDER))
        assert server.connected.wait(SOON)
        acme.close()
        server.handshake.set()
        error = caller.outcome()
        assert type(error) is NotSent
        assert "the client was closed" in str(error)
        assert server.left.wait(SOON)
        assert server.requests == 0


def test_a_pause_before_another_attempt_ends() -> None:
    paused = threading.Event()
    with Server() as server:
        server.script = [(503, {"Retry-After": "50"}, b"{}")]
        acme = client(server.url, hooks=Hooks(on_retry=lambda _: paused.set()), retries=Retries(2, longest_wait=LONG))
        caller = Caller(lambda: acme.orders.list())
        assert paused.wait(SOON)
        acme.close()
        assert type(caller.outcome()) is ClientClosed
        assert len(server.got) == 1


def test_who_waits_for_room_under_a_limit_waits_no_more() -> None:
    exchange = Exchange(
        name="acme",
        title="Acme",
        environment="ACME",
        servers={"rest": "https://api.acme.example"},
        public_limits=("1/h per ip",),
    )
    waiting = threading.Event()

    class Watched(MemoryBudgets):
        def take(self, *arguments: Any, **more: Any) -> Any:
            answer = super().take(*arguments, **more)
            if hasattr(answer, "nap"):
                waiting.set()
            return answer

    with Server() as server:
        acme = Client(exchange, base_url=server.url, budgets=Watched(), timeout=Timeout(5, 5, None))
        acme.request("GET", "/a")
        caller = Caller(lambda: acme.request("GET", "/b"))
        assert waiting.wait(SOON)
        acme.close()
        error = caller.outcome()
        assert type(error) is ClientClosed
        assert str(error) == "GET /b: the client is closed"
        assert len(server.got) == 1


def test_a_session_that_was_passed_in_is_not_cut() -> None:
    answered = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n["
    with Mute(answered) as server, requests.Session() as session:
        acme = client(server.url, session=session)
        caller = Caller(lambda: acme.orders.list())
        assert server.asked.wait(SOON)
        acme.close()
        assert not server.left.is_set()
        assert caller.is_alive()
        server.hang_up()
        assert isinstance(caller.outcome(), NoReply)


def test_closing_works_from_within_a_call() -> None:
    with Server() as server:
        server.script = [(503, {}, b"{}")]
        acme = client(server.url, hooks=Hooks(on_retry=lambda _: acme.close()))
        with pytest.raises(ClientClosed):
            acme.orders.list()
        assert len(server.got) == 1
