"""A session: streams that are listened to while orders are traded, and one of them loses its connection.

`specie record <exchange> session` records it anew from the sandbox's living market; the test plays it with both clients.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import attrs

from specie.cassettes import recording
from specie.cassettes.label import SANDBOX, label
from specie.cassettes.listening import RecordingDialer
from specie.cassettes.transcript import playing
from specie.compiler.model import Exchange
from specie.runtime import Hooks, Nonces, Replay, StreamEvent, Subscribed
from specie.runtime.streams.links import Dialer, Link
from specie.sandbox import Sandbox, demo_credentials

from .bodies import Blocking
from .replay import CASSETTES, NOW_MS, RECORDING, SEED, client_class

SESSION = "session"
_PATIENCE_S = 30.0
_BREATH_S = 0.5
"""While recording: how long what is on its way may take."""


def session_path(exchange: str) -> Path:
    return CASSETTES / exchange / "streams" / f"{SESSION}.yaml"


@attrs.define
class Ear:
    """One stream, listened to item by item."""

    _items: Iterator[Any]
    stream: Any
    events: list[StreamEvent] = attrs.field(factory=list)

    def next(self) -> Any:
        """The next message or event."""
        item = next(self._items, None)
        assert item is not None, f"{self.stream!r} ended, or was closed because nothing more came"
        if isinstance(item, StreamEvent):
            self.events.append(item)
        return item

    def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The next message or event that is wanted."""
        while not wanted(item := self.next()):
            pass
        return item

    def message(self) -> Any:
        """The next message."""
        return self.until(lambda item: not isinstance(item, StreamEvent))

    def subscribed(self) -> None:
        """Wait until it stands."""
        self.until(lambda item: isinstance(item, Subscribed))


@attrs.define
class Session:
    """What the scenario of a session needs."""

    exchange: Exchange
    sandbox: Sandbox | None
    client: Any
    _target: Any
    _dialer: Dialer
    _loop: asyncio.AbstractEventLoop | None
    _stack: ExitStack
    calls: int = 0

    def call_begins(self, _: object) -> None:
        """A hook of the client: what is received from now on may come of the call."""
        if isinstance(self._dialer, RecordingDialer):
            self._dialer.called()

    def call_ends(self, _: object) -> None:
        """A hook of the client: what comes of the call can come. Never are two calls under way, as vcrpy would have it."""
        self.calls += 1
        if isinstance(self._dialer, Replay):
            self._dialer.called()

    def listen(self, name: str, *arguments: Any, **named: Any) -> Ear:
        """Open a stream, and wait until it stands."""
        group = self._target.streams.with_options(dialer=self._dialer)
        stream = getattr(group, name)(*arguments, **named)
        ear = Ear(self._each(stream), stream)
        watch = threading.Timer(_PATIENCE_S, stream.close) if self._loop is None else None
        if watch is not None:
            watch.start()
            self._stack.callback(watch.join)
            self._stack.callback(watch.cancel)
        ear.subscribed()
        return ear

    def _each(self, stream: Any) -> Iterator[Any]:
        if self._loop is None:
            self._stack.callback(stream.close)
            yield from stream.with_events()
            return
        self._stack.callback(lambda: self._run(stream.close()))
        items = stream.with_events()
        while True:
            yield self._run(asyncio.wait_for(anext(items), _PATIENCE_S))

    def _run(self, awaitable: Any) -> Any:
        assert self._loop is not None
        return self._loop.run_until_complete(awaitable)

    def wait_for_calls(self, number: int) -> None:
        """Wait until so many calls are over, those of streams among them: who comes first has the first nonce."""
        self._wait(lambda: self.calls >= number, f"{number} calls, of which {self.calls} were made")

    def breathe(self) -> None:
        """Let what is on its way arrive. It is in a transcript already."""
        if self.sandbox is not None:
            time.sleep(_BREATH_S)

    def fault(self, line: str) -> None:
        """Something goes wrong at the exchange. In a transcript it did."""
        if self.sandbox is not None:
            self.sandbox.fault(line)

    def settle(self) -> None:
        """Wait until everything was told."""
        self.breathe()
        dialer = self._dialer
        if isinstance(dialer, Replay):
            self._wait(lambda: not dialer.unplayed, f"the end of {dialer.unplayed[:3]}")

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + _PATIENCE_S
        while not ready():
            assert time.monotonic() < until, f"waited in vain for {what}"
            if self._loop is not None:
                self._run(asyncio.sleep(0.001))
            else:
                time.sleep(0.001)


@contextmanager
def session_at(exchange: Exchange, body: str, failed: Callable[[], bool] = lambda: False) -> Iterator[Session]:
    """A session at `exchange`, recorded from its seeded market, and played back to both clients."""
    path = session_path(exchange.name)
    with ExitStack() as stack:
        sandbox, base_url = None, {}
        if RECORDING and body == "blocking":
            sandbox = stack.enter_context(
                Sandbox(exchange.name, models=[exchange], seed=SEED, limits=False, clock=lambda: NOW_MS)
            )
            base_url = {"base_url": sandbox.client_options["base_url"]}
            own = {one.name: one.url for one in exchange.servers}
            origins = {url: own[name] for name, url in sandbox.client_options["base_url"].items()}
            dialer: Any = RecordingDialer(_network(exchange), origins)
            head = label(exchange, SESSION, SANDBOX)
            take = stack.enter_context(recording(path, exchange, head, base_url["base_url"]))
            take.connections = dialer.connections
            stack.callback(lambda: take.discard() if failed() else None)
        else:
            dialer = stack.enter_context(playing(path, exchange))
        hooks = Hooks(
            before_send=lambda sending: session.call_begins(sending),
            after_reply=lambda replied: session.call_ends(replied),
        )
        given: dict[str, Any] = {**demo_credentials(exchange), **base_url, "clock": lambda: NOW_MS, "nonces": Nonces()}
        given |= {"retries": 0, "limits": "ignore", "hooks": hooks}
        if body == "blocking":
            client = stack.enter_context(client_class(exchange.name)(**given))
            session = Session(exchange, sandbox, client, client, dialer, None, stack)
        else:
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)
            client = client_class(exchange.name, "Async")(**given)
            stack.callback(lambda: loop.run_until_complete(client.close()))
            session = Session(exchange, sandbox, Blocking(client, loop), client, dialer, loop, stack)
        yield session
        if not failed():
            session.settle()


def _network(exchange: Exchange) -> Dialer:
    """The dialer that the streams of the exchange use."""
    transports = {one.transport for group in exchange.groups for one in group.connections}
    if transports == {"websocket"}:
        from specie.runtime.streams.websocket import WebsocketDialer

        return WebsocketDialer()
    assert transports == {"socketio"}
    return _Unheard()


class _Unheard:
    """socket.io without vcrpy, which takes its handshake for a call and waits for the end of the reply."""

    def __init__(self) -> None:
        import aiohttp

        from specie.runtime.streams.socketio import SocketioDialer

        self._dialer = SocketioDialer()
        self._session: Any = aiohttp.ClientSession
        self._request = self._session._request  # as it is before anything is recorded
        self.now, self.pause, self.hold = self._dialer.now, self._dialer.pause, self._dialer.hold

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> Link:
        with mock.patch.object(self._session, "_request", self._request):
            return await self._dialer.dial(address, headers, timeout)
