"""A socket.io server on this machine that sends what the test says, to the letter."""

from __future__ import annotations

import asyncio
import json
import threading
from ssl import SSLContext
from typing import Any, Self

import socketio
from aiohttp import web


class Packet(socketio.packet.Packet):  # type: ignore[misc]
    """Messages as they stand in the test, so that they hold what Python's numbers cannot."""

    class json:  # noqa: N801
        @staticmethod
        def dumps(value: Any, **_: Any) -> str:
            if isinstance(value, list) and len(value) == 2 and isinstance(value[1], Raw):
                return f"[{json.dumps(value[0])},{value[1]}]"
            return json.dumps(value)

        @staticmethod
        def loads(text: str) -> Any:
            return json.loads(text)


class Raw(str):
    """JSON as it is."""


class Server:
    """Serves socket.io under a path of its own; a subscriber is sent the messages, and cut off if the test says so."""

    def __init__(self, tls: SSLContext | None = None) -> None:
        """`tls`: the certificate that it shows; it speaks no TLS unless given."""
        self._tls = tls
        self.messages: list[tuple[str, Any]] = []
        self.cuts = 0
        self.status = 0
        self.joined: list[Any] = []
        self.left: list[Any] = []

    async def _run(self, ready: threading.Event) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        sio = socketio.AsyncServer(async_mode="aiohttp", serializer=Packet, cors_allowed_origins=[])
        app = web.Application(middlewares=[self._refuse])
        sio.attach(app, socketio_path="/acme/io/socket.io")

        async def join(sid: str, channel: Any) -> None:
            self.joined.append(channel)
            for event, message in self.messages:
                await sio.emit(event, message, to=sid)
            if self.cuts:
                self.cuts -= 1
                await sio.disconnect(sid)

        async def leave(_: str, channel: Any) -> None:
            self.left.append(channel)

        sio.on("join", join)
        sio.on("leave", leave)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.url = f"ws{'s' if self._tls else ''}://127.0.0.1:{runner.addresses[0][1]}/acme/io"
        ready.set()
        await self._stop.wait()
        await sio.shutdown()
        await runner.cleanup()

    @web.middleware
    async def _refuse(self, request: web.Request, handler: Any) -> Any:
        return web.Response(status=self.status) if self.status else await handler(request)

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)))
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
