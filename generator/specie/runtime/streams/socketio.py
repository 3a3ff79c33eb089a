"""socket.io, by the package `python-socketio` over websockets: events in, events out, every digit kept.

It dials once: reconnecting is the session's business. Its logs are dropped, as they would hold credentials.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ..reference import Mismatch, parse
from .links import MAX_SIZE, Data, Frame, Gone, Refused, Unreachable, Untrusted
from .quiet import pause, silent_logger

__all__ = ["SocketioDialer"]

E = TypeVar("E", bound=BaseException)
_UNREADABLE: Final = "\0unreadable"
"""Stands for the event of a message that is no JSON."""
_MOST_WAITING: Final = 10_000
_CLOSE_PATIENCE: Final = 0.5


class _Json:
    """JSON as `python-socketio` uses it, with every digit kept; what is none becomes an event that says so."""

    @staticmethod
    def loads(text: str | bytes) -> Any:
        body = text.encode() if isinstance(text, str) else text
        try:
            return parse(body)
        except Mismatch:
            return [_UNREADABLE, body]

    @staticmethod
    def dumps(value: Any, **more: Any) -> str:
        return json.dumps(value, default=_plain, **more)


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


@cache
def _packets() -> Any:
    # A class of its own: the package would put our JSON into the one that the whole process shares.
    base: Any = import_module("socketio.packet").Packet
    return type("Packet", (base,), {"json": _Json})


class SocketioLink:
    """One connection."""

    def __init__(self, client: Any, session: Any) -> None:
        self._client = client
        self._session = session
        self._frames: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._over = False
        client.on("*", self._event)
        client.on("disconnect", self._disconnected)

    async def _event(self, event: str, *arguments: Any) -> None:
        data: Any = arguments[0] if len(arguments) == 1 else list(arguments)
        if isinstance(data, str):
            self._put(Data(data.encode(), event))  # JSON within JSON
        elif isinstance(data, bytes):
            self._put(Data(data, "" if event == _UNREADABLE else event))
        else:
            self._put(Data(data, event, parsed=True))

    async def _disconnected(self, *reason: Any) -> None:
        told = str(reason[0]) if reason else "no reason given"
        self._put(Gone(f"the connection ended ({told})"))

    def _put(self, frame: Frame) -> None:
        if self._over:
            return
        if len(self._frames) >= _MOST_WAITING:
            frame = Gone(f"{_MOST_WAITING} messages waited to be taken")
        self._over = isinstance(frame, Gone)
        self._frames.append(frame)
        self._arrived.set()

    def poll(self) -> Frame | None:
        """A frame that is there already."""
        return self._frames.popleft() if self._frames else None

    async def receive(self, until: float | None) -> Frame | None:
        """The next frame; `None` if the time came first, or `wake` was called."""
        if not self._frames:
            await pause(until, self._arrived)
        self._arrived.clear()
        return self.poll()

    def wake(self) -> None:
        """Let `receive` return."""
        self._arrived.set()

    async def send(self, data: Any, event: str = "") -> None:
        """Emit an event."""
        try:
            await self._client.emit(event, data)
        except Exception as error:  # the package has many
            self._put(Gone(f"nothing could be sent ({type(error).__name__})"))

    async def ping(self) -> None:
        """Nothing: heartbeats are socket.io's own."""

    async def close(self) -> None:
        """Say goodbye, and cut the connection if that takes long."""
        self._over = True
        # aiohttp lets TLS say goodbye in its own time, which the loop may not have. It has no public way to its
        # transport, and forgets it when it closes.
        transport: Any = getattr(getattr(self._client.eio.ws, "_conn", None), "transport", None)
        try:
            with suppress(Exception):
                async with asyncio.timeout(_CLOSE_PATIENCE):
                    await self._client.disconnect()
        finally:
            await _cut(self._client, self._session)
            if transport is not None:
                transport.abort()
                await asyncio.sleep(0)


class SocketioDialer:
    """Dials socket.io servers.

    Args:
        tls: Whom to trust; the usual authorities unless given.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._logger = silent_logger("socketio.client")

    def now(self) -> float:
        """The machine's monotonic clock."""
        return time.monotonic()

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> SocketioLink:
        """Make a connection. socket.io's own path, `/socket.io`, is put under that of the address.

        Raises:
            Refused: The handshake was answered with a no.
            Untrusted: The certificate is not trusted.
            Unreachable: It came to nothing for another reason.
        """
        if "socketio" not in sys.modules:
            await asyncio.to_thread(import_module, "socketio")
        import aiohttp
        from yarl import URL

        package: Any = import_module("socketio")
        extra: dict[str, Any] = {"max_msg_size": MAX_SIZE, "proxy": _proxy(address)}
        if self._tls is not None:
            extra["ssl"] = self._tls
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "specie"})
        client = package.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            logger=self._logger,
            engineio_logger=self._logger,
            serializer=_packets(),
            http_session=session,
            websocket_extra_options=extra,
            request_timeout=timeout,
        )
        link = SocketioLink(client, session)
        path = URL(address).path.rstrip("/") + "/socket.io"
        try:
            async with asyncio.timeout(timeout):
                await client.connect(
                    address, headers=headers, transports=["websocket"], socketio_path=path, wait_timeout=timeout
                )
        except BaseException as error:
            await _cut(client, session)
            if not isinstance(error, Exception):
                raise  # cancelled
            failed = error
        else:
            return link
        distrust = _within(failed, aiohttp.ClientConnectorCertificateError)
        if distrust is not None:
            raise Untrusted(distrust.certificate_error)
        refusal = _within(failed, aiohttp.WSServerHandshakeError)
        if refusal is not None:
            status = int(refusal.status)
            raise Refused(status, dict(refusal.headers or {}), b"")
        if isinstance(failed, TimeoutError):
            raise Unreachable("no connection in time")
        raise Unreachable(f"no connection ({_cause(failed)})")

    async def pause(self, until: float | None, wake: asyncio.Event) -> None:
        """Wait for a time, or until the event is set."""
        await pause(until, wake)

    def hold(self) -> AbstractContextManager[None]:
        """Nothing: time is the machine's."""
        return nullcontext()


async def _cut(client: Any, session: Any) -> None:
    engine = client.eio
    tasks = [getattr(engine, name, None) for name in ("read_loop_task", "write_loop_task")]
    with suppress(Exception):
        async with asyncio.timeout(_CLOSE_PATIENCE):
            await engine.disconnect(abort=True)
    for task in tasks:
        if task is not None and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
    await session.close()


def _proxy(address: str) -> str | None:
    """The proxy that the environment names. aiohttp would look for one of `wss:` alone, which nobody sets."""
    parts = urlsplit(address)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    secure = parts.scheme in ("wss", "https")
    proxies = getproxies()
    return next((proxies[name] for name in (["wss", "https"] if secure else ["ws", "http"]) if name in proxies), None)


def _within(error: BaseException, kind: type[E]) -> E | None:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _cause(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return type(error).__name__
