"""A stream over a websocket of aiohttp's own server side, which compresses for clients that offer it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ..faults import Faults
from .hub import Hub
from .line import Line, Parcel
from .sessions import Beat, Session

if TYPE_CHECKING:
    from aiohttp import web

_LONGEST_REQUEST = 1 << 20


def is_handshake(request: web.BaseRequest) -> bool:
    """Whether a request asks for a websocket."""
    from aiohttp import web

    return web.WebSocketResponse().can_prepare(request).ok


async def serve(
    request: web.BaseRequest, hub: Hub, session: Session, beat: Beat | None, faults: Faults, *, silent: bool
) -> web.StreamResponse:
    """Take a handshake, and serve its connection until that ends; a silent one only answers pings."""
    from aiohttp import WSMsgType, web

    socket = web.WebSocketResponse(autoping=False, max_msg_size=_LONGEST_REQUEST)
    await socket.prepare(request)
    transport = request.transport

    async def send(parcel: Parcel) -> None:
        await socket.send_str(parcel.text)

    def cut(at_once: bool) -> None:
        if transport is not None:
            # Closing writes what is buffered; a client that does not read would keep that waiting for ever.
            (transport.abort if at_once else transport.close)()

    line = Line(hub.exchange, faults, send, cut, silent=silent)
    hub.join(line, session)
    answered = asyncio.Event()
    tasks = [asyncio.create_task(line.run())]
    if beat is not None and not silent:
        tasks.append(asyncio.create_task(_ping(socket, line, beat, answered)))
    try:
        with contextlib.suppress(ConnectionError):
            async for message in socket:
                if message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is WSMsgType.PONG:
                    answered.set()
                elif message.type is WSMsgType.TEXT:
                    hub.heard(line, message.data)
    finally:
        line.ended = True
        hub.leave(line)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return socket


async def _ping(socket: web.WebSocketResponse, line: Line, beat: Beat, answered: asyncio.Event) -> None:
    """Ping now and then, and cut the connection of a client that does not answer."""
    with contextlib.suppress(ConnectionError):
        while True:
            await asyncio.sleep(beat.every_s)
            answered.clear()
            await socket.ping()
            try:
                await asyncio.wait_for(answered.wait(), beat.patience_s)
            except TimeoutError:
                line.cut(at_once=True)
                return
