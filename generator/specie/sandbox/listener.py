"""One port of this machine, served from a thread of its own with a loop of its own.

So blocking clients and asyncio clients may both use it, in the same process.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
Got = TypeVar("Got")


class SandboxUnavailable(RuntimeError):
    """The sandbox cannot be started; the message says what to do."""


class Listener:
    """Serves requests by `answer` while it is started; any port that is free, unless one is wanted.

    `opening` is awaited before the first request is taken, and `closing` before connections are closed in the end.
    """

    def __init__(
        self,
        answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        port: int,
        opening: Callable[[], Awaitable[None]],
        closing: Callable[[], Awaitable[None]],
    ) -> None:
        self._answer = answer
        self._before, self._after = opening, closing
        self._wanted_port = port
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._http: web.Server | None = None
        self._busy: set[web.RequestHandler] = set()
        self._door: asyncio.Server | None = None
        self._shut: socket.socket | None = None
        self._opening: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def running(self) -> bool:
        return self._thread is not None

    def start(self) -> None:
        """Begin to listen; returns when requests are served."""
        if self._thread is not None:
            raise RuntimeError("this sandbox is started already")
        try:
            importlib.import_module("aiohttp.web")  # only a sandbox that is started needs it
        except ImportError:
            raise SandboxUnavailable("the sandbox needs aiohttp: pip install 'specie[sandbox]'") from None
        ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="specie-sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise SandboxUnavailable(f"cannot listen on {HOST}:{self._wanted_port}: {self._failure}")

    def close(self) -> None:
        """Stop listening, and end the thread. Closing twice does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()

    def do(self, action: Callable[[], Got]) -> Got:
        """Do something between two requests, and give what comes of it."""
        loop = self._loop
        if self._thread is None or loop is None or threading.current_thread() is self._thread:
            return action()

        async def act() -> Got:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), loop).result()

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something that takes a while, between and beside requests, and wait for its end."""
        if self._thread is None or self._loop is None:
            asyncio.run(work())
            return
        if threading.current_thread() is self._thread:
            raise RuntimeError("this waits for the sandbox's own thread, on that thread")
        asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def refuse(self, seconds: float) -> None:
        """Take no connection for so long. The port stays ours, and requests on their way are answered.

        On the listener's own thread, connections that rest are surely gone only after `quiet()`.
        """
        loop = self._loop
        if self._thread is None or loop is None:
            return
        if threading.current_thread() is self._thread:
            self._shut_door(seconds)
            return

        async def shut() -> None:
            self._shut_door(seconds)
            await self.quiet()

        asyncio.run_coroutine_threadsafe(shut(), loop).result()

    async def quiet(self) -> None:
        """While no connection is taken, wait until those that rest are closed: a client could still use them."""
        for _ in range(50):
            if self._door is not None or self._http is None or self._busy.issuperset(self._http.connections):
                break
            await asyncio.sleep(0.002)

    def open(self) -> None:
        """Take connections again, at once."""
        loop = self._loop
        if self._thread is None or loop is None or self._opening is None:
            return
        if threading.current_thread() is self._thread:
            loop.call_soon(self._open_after, 0)
            return

        async def open_now() -> None:
            await self._open_after(0)

        asyncio.run_coroutine_threadsafe(open_now(), loop).result()

    # --- on the thread -----------------------------------------------------------------------------------------------

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except OSError as error:
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        from aiohttp import web

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._shut = _bound(self._wanted_port)
        self.port = self._shut.getsockname()[1]
        # A client that gives up ends the answer to its request, which may be waiting for just that.
        self._http = web.Server(self._answer_busily, handler_cancellation=True, access_log=None)
        try:
            await self._before()
            await self._open_door()
            ready.set()
            await self._stop.wait()
        finally:
            self._close_door()
            await self._after()
            self._http.pre_shutdown()
            await self._http.shutdown(0.2)

    async def _answer_busily(self, request: web.BaseRequest) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            return await self._answer(request)
        finally:
            self._busy.discard(request.protocol)

    async def _open_door(self) -> None:
        if self._shut is not None and self._loop is not None and self._http is not None:
            self._door = await self._loop.create_server(self._http, sock=self._shut, backlog=1024)
            self._shut = None

    def _close_door(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._door is not None:
            self._door.close()
        if self._shut is not None:
            self._shut.close()
        self._opening = self._door = self._shut = None

    def _shut_door(self, seconds: float) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None
            # Bound and not listening: connecting is refused, and nobody else can take the port.
            self._shut = _bound(self.port)
        for connection in self._http.connections if self._http is not None else ():
            if connection in self._busy:
                connection.close()  # once it has been answered
            else:
                connection.force_close()
        self._open_after(seconds)

    def _open_after(self, seconds: float) -> asyncio.Task[None]:
        async def open_door() -> None:
            await asyncio.sleep(seconds)
            await self._open_door()

        if self._opening is not None:
            self._opening.cancel()
        self._opening = asyncio.create_task(open_door())
        return self._opening


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        with suppress(AttributeError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
    except BaseException:
        found.close()
        raise
    found.setblocking(False)
    return found
