"""Streams over a real socket.io server on this machine."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import socketio
from acme_streams import Left, Placed
from socketio_server import Raw, Server
from stream_server import Blocking, Tasks

from specie.runtime import (
    AuthenticationFailed,
    Connected,
    MalformedMessage,
    Reconnecting,
    StreamRefused,
    Subscribed,
    UnknownMessage,
)

PLACED = Raw('{"oid": 12345678901234567890, "price": 0.10000000000000000001}')
LEFT = Raw('{"oid": 2, "pair": "BTC_USD", "cancelled": true}')


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(params=[Blocking, Tasks], ids=lambda kind: kind.name)
def body(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as made:
        yield made


def test_events_become_messages_with_every_digit(server: Server, body: Any) -> None:
    server.messages = [("book_BTC_USD", PLACED), ("book_BTC_USD", LEFT)]
    stream = body.open(server.url, "event_orders", "BTC_USD")
    placed, left = body.take(stream, 2)
    assert placed == Placed(pair="BTC_USD", oid="12345678901234567890", price=Decimal("0.10000000000000000001"))
    assert left == Left(pair="BTC_USD", oid="2")
    assert stream.channel == "book_BTC_USD"
    assert server.joined == ["book_BTC_USD"]
    body.do(stream, "add", "ETH_USD")
    body.take(stream, 2)
    body.do(stream, "drop", "BTC_USD")
    for _ in range(500):
        if server.left:
            break
        threading.Event().wait(0.01)
    assert server.left == ["book_BTC_USD"]


def test_json_within_json_is_read_and_garbage_told(server: Server, body: Any) -> None:
    server.messages = [
        ("book_a", Raw('"{\\"oid\\": 1, \\"price\\": 1.50}"')),
        ("book_a", Raw("{broken")),
        ("book_a", Raw('{"oid": 2}')),
        ("news", Raw('{"oid": 3}')),
        ("book_a", PLACED),
    ]
    found = body.events(body.open(server.url, "event_orders", "a"), 7)
    assert [type(item) for item in found] == [
        *(Connected, Subscribed, Placed, MalformedMessage, MalformedMessage, UnknownMessage, Placed)
    ]
    assert found[2].price == Decimal("1.50")
    assert str(found[2].price) == "1.50"
    assert (found[4].path, found[4].channel) == ("$.price", "book_a")


def test_a_lost_connection_is_made_again(server: Server, body: Any) -> None:
    server.messages, server.cuts = [("book_a", PLACED)], 1
    found = body.events(body.open(server.url, "event_orders", "a", first_pause=0.01), 7)
    assert [type(item) for item in found] == [
        *(Connected, Subscribed, Placed, Reconnecting, Connected, Subscribed, Placed)
    ]


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (404, StreamRefused)])
def test_a_refused_handshake_is_an_error_at_once(server: Server, body: Any, status: int, kind: type[Exception]) -> None:
    server.status = status
    with pytest.raises(kind, match=str(status)):
        body.take(body.open(server.url, "event_orders", "a"), 1)


def test_the_package_is_imported_beside_the_loop_of_the_user() -> None:
    code = f"""
import asyncio, sys, threading
sys.path[:0] = {sys.path!r}
from acme_streams import AsyncAcme
from specie.runtime import StreamEnded

seen = []

class Finder:
    def find_spec(self, name, *_):
        if name in ("engineio", "aiohttp"):
            seen.append(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Finder())

async def main():
    async with AsyncAcme(base_url={{"io": "ws://127.0.0.1:9"}}) as acme:
        try:
            await acme.streams.with_options(attempts=1).event_orders("a").get()
        except StreamEnded:
            print(seen and not any(seen))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True", done.stderr


def test_other_users_of_the_package_keep_their_json_and_their_loggers(server: Server) -> None:
    before = socketio.packet.Packet.json
    handlers = list(logging.getLogger("socketio.client").handlers), list(logging.getLogger("engineio.client").handlers)
    server.messages = [("book_a", PLACED)]
    with Blocking() as body:
        body.take(body.open(server.url, "event_orders", "a"), 1)
    assert socketio.packet.Packet.json is before
    after = list(logging.getLogger("socketio.client").handlers), list(logging.getLogger("engineio.client").handlers)
    assert after == handlers
