"""Websockets, by the package `websockets`: TLS verified, permessage-deflate offered, proxies of the environment used.

Its connection is made to show every frame, as a ping of the server is a sign of life and its public interface tells of
messages alone.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from .links import MAX_SIZE, Frame, Gone, Pinged, Ponged, Refused, Unreachable, Untrusted
from .quiet import pause, silent_logger

__all__ = ["WebsocketDialer"]

_TEXT, _BINARY, _CONT, _PING, _PONG = Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG
_MOST_WAITING = 512
"""Frames that may wait to be taken; then the socket is not read until they are."""
_SEND_PATIENCE = 10.0
"""Seconds that the other side may take to make room for what is sent."""
_CLOSE_PATIENCE = 0.5
"""Seconds that the other side has to answer a closing frame."""


class _Connection(ClientConnection):
    """A connection whose frames go to a link instead of a queue of messages."""

    link: WebsocketLink | None = None
    early: tuple[WireFrame, ...] = ()

    def process_event(self, event: Any) -> None:
        if self.response is None or not isinstance(event, WireFrame):
            super().process_event(event)
            return
        opcode = event.opcode
        if opcode is not _TEXT and opcode is not _BINARY and opcode is not _CONT:
            super().process_event(event)
        if self.link is None:
            self.early += (event,)
        else:
            self.link.take(event)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.link is not None:
            self.link.end()


class _Connect(connect):
    """A dialling that follows no redirect: it would carry the credentials elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebsocketLink:
    """One websocket.

    Args:
        connection: It, with the handshake done.
    """

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._frames: deque[Frame] = deque()
        self._parts: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self._held = False
        self._woken = False
        self._over = False
        early, connection.early = connection.early, ()
        connection.link = self
        for frame in early:
            self.take(frame)
        if connection.state is not connection.state.OPEN:
            self.end()

    def take(self, frame: WireFrame) -> None:
        """A frame came."""
        opcode = frame.opcode
        if opcode is _TEXT or opcode is _BINARY or opcode is _CONT:
            data = bytes(frame.data)
            if self._parts or not frame.fin:
                self._parts.append(data)
                if not frame.fin:
                    return
                data = b"".join(self._parts)
                self._parts.clear()
            self._frames.append(data)
        elif opcode is _PING:
            self._frames.append(Pinged())
        elif opcode is _PONG:
            self._frames.append(Ponged())
        else:
            return
        if not self._held and len(self._frames) > _MOST_WAITING:
            self._held = True
            self._connection.transport.pause_reading()
        if self._waiting is not None:
            self._rouse()

    def end(self) -> None:
        """The connection is gone."""
        if not self._over:
            self._over = True
            self._frames.append(_gone(self._connection))
            self._rouse()

    def poll(self) -> Frame | None:
        """A frame that is there already."""
        frames = self._frames
        if not frames:
            return None
        frame = frames.popleft()
        if self._held and len(frames) < _MOST_WAITING // 4:
            self._held = False
            if not self._over:
                self._connection.transport.resume_reading()
        return frame

    async def receive(self, until: float | None) -> Frame | None:
        """The next frame; `None` if the time came first, or `wake` was called."""
        if self._frames:
            return self.poll()
        if not self._woken and (until is None or until > time.monotonic()):
            self._waiting = self._loop.create_future()
            timer = None if until is None else self._loop.call_later(until - time.monotonic(), self._rouse)
            try:
                await self._waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        self._woken = False
        return self.poll()

    def wake(self) -> None:
        """Let `receive` return."""
        self._woken = True
        self._rouse()

    async def send(self, data: Any, event: str = "") -> None:  # noqa: ARG002 - websockets know no events
        """Send a message."""
        await self._write(self._connection.send(data))

    async def ping(self) -> None:
        """Send a ping."""
        await self._write(self._connection.ping())

    async def close(self) -> None:
        """Say goodbye, and cut the connection if there is no answer at once."""
        try:
            async with asyncio.timeout(_CLOSE_PATIENCE):
                await self._connection.close()
        except (TimeoutError, OSError, WebSocketException):
            pass
        finally:
            self._connection.transport.abort()

    async def _write(self, writing: Any) -> None:
        try:
            async with asyncio.timeout(_SEND_PATIENCE):
                await writing
        except TimeoutError:
            self._connection.transport.abort()
        except (ConnectionClosed, OSError):
            pass  # the end shows among the frames

    def _rouse(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _gone(connection: _Connection) -> Gone:
    protocol = connection.protocol
    sent, received = protocol.close_sent, protocol.close_rcvd
    if sent is not None and sent.code == 1009:
        return Gone(f"a message was larger than {MAX_SIZE // 2**20} MiB", 1009)
    if received is not None:
        words = f": {received.reason}" if received.reason else ""
        return Gone(f"the exchange closed the connection ({received.code}{words})", None)
    if sent is not None and sent.code not in (1000, 1001):
        return Gone(f"the exchange broke the rules of websockets ({sent.reason or sent.code})", None)
    return Gone("the connection broke", None)


class WebsocketDialer:
    """Dials websockets.

    Args:
        tls: Whom to trust; the usual authorities unless given.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._logger = silent_logger("websockets.client")

    def now(self) -> float:
        """The machine's monotonic clock."""
        return time.monotonic()

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> WebsocketLink:
        """Make a connection.

        Raises:
            Refused: The handshake was answered with a no.
            Untrusted: The certificate is not trusted.
            Unreachable: It came to nothing for another reason.
        """
        more: dict[str, Any] = {}
        if address.startswith("wss:") and self._tls is not None:
            more["ssl"] = self._tls
        try:
            connection = await _Connect(
                address,
                additional_headers=headers,
                user_agent_header="specie",
                compression="deflate",
                open_timeout=timeout,
                ping_interval=None,
                close_timeout=_CLOSE_PATIENCE,
                max_size=MAX_SIZE,
                logger=self._logger,
                create_connection=_Connection,
                **more,
            )
        except InvalidStatus as refusal:
            answer = refusal.response
            raise Refused(answer.status_code, dict(answer.headers.raw_items()), bytes(answer.body or b"")) from None
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(error) from None
        except (OSError, WebSocketException, ValueError, EOFError) as error:
            raise Unreachable(_why(error)) from None
        return WebsocketLink(cast(_Connection, connection))

    async def pause(self, until: float | None, wake: asyncio.Event) -> None:
        """Wait for a time, or until the event is set."""
        await pause(until, wake)

    def hold(self) -> AbstractContextManager[None]:
        """Nothing: time is the machine's."""
        return nullcontext()


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, ssl.SSLError):
        return "TLS could not be agreed on"
    if isinstance(error, ConnectionRefusedError):
        return "no connection: nobody listens there"
    if isinstance(error, InvalidHandshake):
        return f"the handshake failed ({type(error).__name__})"
    return f"no connection ({type(error).__name__})"
