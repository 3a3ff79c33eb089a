"""A stream over socket.io, as python-socketio serves it.

Its packets are written here, so that a `Decimal` keeps its digits. What it has to send stands in a queue of its own
without bounds, so no more is put there than a client has taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import attrs

from ..faces.live import to_json
from ..faults import Faults
from ..listener import SandboxUnavailable
from .hub import Hub
from .line import Line, Parcel
from .sessions import Session

if TYPE_CHECKING:
    from aiohttp import web

_AHEAD = 32
"""How many packets may wait in a client's own queue."""
_AWAITED = 1_000
"""How many connections may be between their handshake and their first packet."""
_PAUSE_S = 0.01


@attrs.frozen
class Admission:
    """A handshake that passed, until its connection is complete."""

    session: Session
    silent: bool


class _Exact:
    """JSON that keeps every digit of a `Decimal`, by the names that python-socketio calls."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return to_json(value)

    loads = staticmethod(json.loads)


class SocketIO:
    """The socket.io connections of one exchange."""

    def __init__(self, hub: Hub, faults: Faults) -> None:
        try:
            library: Any = importlib.import_module("socketio")
        except ImportError:
            raise SandboxUnavailable("this stream needs python-socketio: pip install 'specie[sandbox]'") from None
        packet: Any = importlib.import_module("socketio.packet")
        # A subclass: the class itself is shared with every other user of the library in this process.
        exact = type("ExactPacket", (packet.Packet,), {"json": _Exact})
        self._hub = hub
        self._faults = faults
        self._server: Any = library.AsyncServer(async_mode="aiohttp", serializer=exact, cors_allowed_origins="*")
        self._admissions: deque[tuple[web.BaseRequest, Admission]] = deque(maxlen=_AWAITED)
        self._lines: dict[str, tuple[Line, asyncio.Task[None]]] = {}
        self._transports: dict[str, asyncio.Transport] = {}
        """By engine.io's id, of the connections that have become websockets."""
        self._cutting: set[asyncio.Task[None]] = set()
        self._server.on("connect", self._connected)
        self._server.on("disconnect", self._disconnected)
        self._server.on("*", self._said)

    @staticmethod
    def is_handshake(request: web.BaseRequest) -> bool:
        """Whether a request begins a connection; others belong to one that is there."""
        return "sid" not in parse_qs(request.query_string)

    async def serve(self, request: web.BaseRequest, admission: Admission | None) -> web.StreamResponse:
        """Answer a request of a connection; that which begins it comes with its admission."""
        if admission is not None:
            self._admissions.append((request, admission))
        query = parse_qs(request.query_string)
        if "sid" in query and query.get("transport") == ["websocket"] and request.transport is not None:
            self._transports[query["sid"][0]] = request.transport
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = self._server.handle_request
        return await handle(request)

    async def close(self) -> None:
        """End all connections."""
        for line, _ in tuple(self._lines.values()):
            line.cut(at_once=True)
        await asyncio.gather(*self._cutting, return_exceptions=True)
        await self._server.shutdown()

    async def _connected(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        del auth
        request: web.BaseRequest = environ["aiohttp.request"]
        admission = next(one for asked, one in self._admissions if asked is request)
        eio_sid: str = self._server.manager.eio_sid_from_sid(sid, "/")
        if parse_qs(request.query_string).get("transport") == ["websocket"] and request.transport is not None:
            self._transports[eio_sid] = request.transport

        async def send(parcel: Parcel) -> None:
            await self._server.emit(parcel.event, parcel.body, to=sid)
            await self._taken(eio_sid, _AHEAD)

        line = Line(
            self._hub.exchange, self._faults, send, lambda at_once: self._cut(eio_sid, at_once), silent=admission.silent
        )
        self._lines[sid] = (line, asyncio.create_task(line.run()))
        self._hub.join(line, admission.session)

    async def _disconnected(self, sid: str, reason: Any = None) -> None:
        del reason
        line, task = self._lines.pop(sid)
        line.ended = True
        self._hub.leave(line)
        task.cancel()

    async def _said(self, event: str, sid: str, *data: Any) -> None:
        if sid in self._lines:
            text = data[0] if data and isinstance(data[0], str) else ""
            self._hub.heard(self._lines[sid][0], text, event)

    async def _taken(self, eio_sid: str, most: int) -> None:
        """Wait until no more than so many packets stand in the library's queue for a client."""
        while (socket := self._server.eio.sockets.get(eio_sid)) is not None and socket.queue.qsize() > most:
            await asyncio.sleep(_PAUSE_S)

    def _cut(self, eio_sid: str, at_once: bool) -> None:
        async def end() -> None:
            if not at_once:
                await self._taken(eio_sid, 0)
            transport = self._transports.pop(eio_sid, None)
            if transport is not None:
                (transport.abort if at_once else transport.close)()
            with contextlib.suppress(KeyError):
                await self._server.eio.disconnect(eio_sid)

        task = asyncio.create_task(end())
        self._cutting.add(task)
        task.add_done_callback(self._cutting.discard)
