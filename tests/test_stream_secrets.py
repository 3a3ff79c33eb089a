"""Credentials show nowhere: not in events, errors, logs or what is printed of a stream, whatever a server does with
the handshake that it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

import pytest
from support.calls import BODIES
from support.replay import exchanges
from support.streams import Hearer, hearing_of
from test_secrets import KEY, SECRET, assert_shows_nothing, canaries, everything_about, listening, variables_of
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from specie.compiler.model import Exchange
from specie.compiler.stream_model import Stream
from specie.runtime import (
    MalformedMessage,
    MissingCredentials,
    Reconnecting,
    SpecieError,
    StreamError,
    StreamEvent,
    UnknownMessage,
)
from specie.runtime.streams.quiet import silent_logger
from specie.sandbox import Sandbox

both_bodies = pytest.mark.parametrize("body", BODIES)


def _signed(exchange: Exchange) -> Iterator[Stream]:
    signed = {one.name for group in exchange.groups for one in group.connections if one.auth}
    yield from (one for one in exchange.streams if one.connection in signed)


PRIVATE = [
    pytest.param(exchange, stream, id=f"{exchange.name}.{stream.name}")
    for exchange in exchanges().values()
    for stream in list(_signed(exchange))[:2]
]


class Server:
    """A websocket server that knows everything, and says so."""

    def __init__(self, status: int, behave: Callable[[ServerConnection, str], None]) -> None:
        self._status = status
        self._behave = behave
        self.handshakes: list[str] = []
        self._server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._request,
            ping_interval=None,
            close_timeout=1,
            logger=silent_logger("test server"),
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def _request(self, connection: ServerConnection, request: Any) -> Any:
        head = "; ".join(f"{name}: {value}" for name, value in request.headers.raw_items())
        self.handshakes.append(head)
        if self._status == HTTPStatus.SWITCHING_PROTOCOLS:
            return None
        told = f"{head}; secret {SECRET}"
        return connection.respond(HTTPStatus(self._status), json.dumps({"error": told, "message": told}))

    def _serve(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            self._behave(socket, self.handshakes[-1])
            socket.recv()

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()


@contextmanager
def hearer_of(exchange: Exchange, body: str, url: str, heard: list[StreamEvent], **more: Any) -> Iterator[Hearer]:
    servers = {one.name: url for one in exchange.servers if one.url.startswith("ws")}
    given: dict[str, Any] = {**canaries(exchange), "base_url": servers, **more}
    with hearing_of(exchange, body, None, given=given, listener=heard.append, first_pause=0.001) as hearer:
        yield hearer


def look_over(hearer: Hearer, stream: Any, logged: list[str], events: list[StreamEvent]) -> SpecieError:
    """Listen to the end, and look for the canaries everywhere; gives the error that it ended in."""
    told = hearer.hear(stream)
    assert isinstance(told.end, SpecieError), told.end
    for event in [*told.events, *events]:
        assert_shows_nothing(f"{event!r} {event}", f"a {type(event).__name__}")
    assert_shows_nothing(f"{stream!r} {stream}", "the stream")
    group = hearer.client.streams
    assert_shows_nothing(f"{group!r} {group}", "the group")
    assert_shows_nothing("\n".join(logged), "the log")
    for what, text in everything_about(told.end):
        assert_shows_nothing(text, f"{what} of {type(told.end).__name__}")
    for variables in variables_of(told.end):
        assert_shows_nothing(variables, "a variable", [SECRET])
    return told.end


@both_bodies
@pytest.mark.parametrize("status", [401, 403, 400, 429, 500, 503, 302])
@pytest.mark.parametrize(("exchange", "stream"), PRIVATE)
def test_nothing_shows_when_a_handshake_is_refused(exchange: Exchange, stream: Stream, status: int, body: str) -> None:
    events: list[StreamEvent] = []
    with (
        Server(status, lambda socket, head: None) as server,
        listening() as logged,
        hearer_of(exchange, body, server.url, events) as hearer,
    ):
        look_over(hearer, hearer.open(stream.name), logged, events)
    assert KEY in server.handshakes[0]
    assert SECRET not in server.handshakes[0]


def _says_all(socket: ServerConnection, head: str) -> None:
    """Messages that are unknown, broken and complaints, each with all that the server knows."""
    told = f"{head}; {KEY}; {SECRET}"
    for message in (
        json.dumps({"stream": "order", "event": "USER_TRADE", "data": told}),
        json.dumps({"stream": told, "event": told}),
        json.dumps({"stream": "order", "event": "ACTIVE_ORDERS", "data": {told: told}, "timestamp": told}),
        json.dumps({"id": 1, "error": {"message": told}, "message": told}),
        json.dumps({"error": told, "message": told, "code": 99}),
        json.dumps(f"{told}"),
        f"{told} is no JSON",
    ):
        socket.send(message)
    socket.close(1008, f"{KEY} {SECRET}"[:120])


@both_bodies
@pytest.mark.parametrize(("exchange", "stream"), PRIVATE)
def test_nothing_shows_of_what_a_server_says(exchange: Exchange, stream: Stream, body: str) -> None:
    events: list[StreamEvent] = []
    with (
        Server(101, _says_all) as server,
        listening() as logged,
        hearer_of(exchange, body, server.url, events) as hearer,
    ):
        error = look_over(hearer, hearer.open(stream.name), logged, events)
    assert isinstance(error, StreamError)
    kinds = {type(one) for one in events}
    assert {UnknownMessage, MalformedMessage, Reconnecting} <= kinds
    assert len(server.handshakes) >= 2
    assert not any(SECRET in one for one in server.handshakes)


@both_bodies
@pytest.mark.parametrize(("exchange", "stream"), PRIVATE)
def test_nothing_shows_without_credentials_or_a_server(exchange: Exchange, stream: Stream, body: str) -> None:
    events: list[StreamEvent] = []
    with listening() as logged:
        with hearer_of(exchange, body, "ws://127.0.0.1:9", events) as hearer:
            look_over(hearer, hearer.open(stream.name), logged, events)
        lacking = dict.fromkeys(canaries(exchange)) | {"api_key": KEY}
        with hearer_of(exchange, body, "ws://127.0.0.1:9", events, **lacking) as hearer:
            with pytest.raises(MissingCredentials) as caught:
                hearer.open(stream.name)
            assert_shows_nothing(str(caught.value), "the error")


@both_bodies
@pytest.mark.parametrize("name", ["bibox", "bitexbit", "bitopro"])
def test_nothing_shows_of_streams_that_work(name: str, body: str) -> None:
    """At the level DEBUG, libraries tell of each frame and each header."""
    exchange = exchanges()[name]
    with Sandbox(models=[exchange], seed=7, limits=False) as sandbox, listening() as logged:
        options = sandbox.client_options_of(name)
        secret = options["api_secret"]
        events: list[StreamEvent] = []
        given = {**options, "clock": None}
        with hearing_of(exchange, body, None, given=given, listener=events.append) as hearer:
            public = hearer.open("order_book", *_market(exchange), **_depth(exchange))
            streams = [public, *(hearer.open(one.name) for one in list(_signed(exchange))[:1])]
            for stream in streams:
                first = hearer.first(stream)
                for text in (repr(first), repr(stream)):
                    assert_shows_nothing(text, "what is printed", [secret])
        log = "\n".join(logged)
        assert_shows_nothing(log, "the log", [secret])
        # What was signed is logged by nobody either.
        for header, _ in exchange.auth.headers if exchange.auth else ():
            assert f"{header}:" not in log
            assert f"'{header}': '" not in log


def _market(exchange: Exchange) -> list[str]:
    return {"bibox": ["BTC_USDT"], "bitexbit": ["BTC_USD"], "bitopro": ["BTC_TWD"]}[exchange.name]


def _depth(exchange: Exchange) -> dict[str, int]:
    return {"depth": 5} if exchange.name == "bibox" else {}


def test_the_scan_sees_what_it_looks_for() -> None:
    with pytest.raises(AssertionError, match="shows"):
        assert_shows_nothing(f"{UnknownMessage(SECRET.encode())!r}", "an event")
