"""Where the connections of a client live: for asyncio, in the user's own loop; for a client that blocks, in a loop of a
thread of its own, which is there as long as something is subscribed, and no longer.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet, ref

from ..errors import ClientClosed, StreamClosed, StreamError
from ..forks import renew_in_children
from .board import Board, Subscription

if TYPE_CHECKING:
    from ..client import AsyncClient, Client

__all__ = ["AsyncHub", "Hub"]

T = TypeVar("T")
_RUNNING: WeakSet[Hub] = WeakSet()


class Hub:
    """The connections of a client that blocks.

    Args:
        client: The client; it is not kept alive.
    """

    def __init__(self, client: Client) -> None:
        self._settings = client._settings  # pyright: ignore[reportPrivateUsage]
        self._client = ref(client)
        self.forked()
        renew_in_children(self)

    def forked(self) -> None:
        """Begin anew, in a child of a fork: it has not inherited the thread."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None
        self._pending = 0
        self._closed = False

    def run(self, function: Callable[[Board], T]) -> T:
        """Call a function in the loop, and wait for its result.

        Raises:
            ClientClosed: The client is closed.
        """
        result: Future[T] = Future()

        def work() -> None:
            try:
                result.set_result(function(self._board))
            except BaseException as error:  # it is raised where it was asked for
                result.set_exception(error)
            finally:
                with self._lock:
                    self._pending -= 1
                self._stir()

        with self._lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            if self._loop is None:
                self._begin()
            self._pending += 1
            loop = self._loop
            assert loop is not None  # noqa: S101 - begun above
            if threading.current_thread() is not self._thread:
                loop.call_soon_threadsafe(work)
        if threading.current_thread() is self._thread:
            work()  # called by a listener
        return result.result()

    def post(self, function: Callable[[], object]) -> None:
        """Have a function called in the loop if there still is one; never waits, so it may be called by finalizers."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(function)

    def closer(self, subscription: Subscription) -> Callable[[], None]:
        """A function that closes a subscription from wherever it is called, and can be kept by a finalizer."""
        return lambda: self.post(subscription.close)

    def rouse(self) -> None:
        """A reader made room; called in the loop."""
        self._board.rouse()

    def close(self) -> None:
        """End everything, and wait for the thread to end. Closing twice does nothing more."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self.post(self._stir)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _begin(self) -> None:
        if self._thread is not None:
            self._thread.join()  # it is at its end
        self._pending = 0
        ready = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(ready,), name="specie-streams", daemon=True)
        self._thread.start()
        ready.wait()
        if self._loop is None:
            raise StreamError(f"the thread that reads streams could not begin: {self._fault}") from self._fault
        _RUNNING.add(self)

    def _live(self, ready: threading.Event) -> None:
        # The loop is known before the runner begins, so that whoever started the thread can speak to it at once.
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._main(ready))
        except BaseException as error:  # such as no file being left for a loop
            self._fault = error
        finally:
            self._loop = None
            ready.set()

    async def _main(self, ready: threading.Event) -> None:
        self._stirred = asyncio.Event()
        self._board = Board(self._settings, self._call, self._stir)
        ready.set()
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            with self._lock:
                if self._closed or (not self._pending and self._board.idle):
                    self._loop = None  # the next one who wants something begins another thread
                    break
        await self._board.close()

    def _stir(self) -> None:
        self._stirred.set()

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        client = self._client()
        if client is None:
            raise ClientClosed(f"{name}: the client is gone", operation=name)
        return await asyncio.to_thread(_called, client, name, arguments)


def _called(client: Client, name: str, arguments: Mapping[str, Any]) -> Any:
    group, _, method = name.partition(".")
    result = getattr(getattr(client, group), method)(**arguments)
    return list(result) if isinstance(result, Iterator) else result  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


@atexit.register
def _end_all() -> None:
    for hub in list(_RUNNING):
        hub.close()


class AsyncHub:
    """The connections of a client for asyncio.

    Args:
        client: The client; it is not kept alive.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._settings = client._settings  # pyright: ignore[reportPrivateUsage]
        self._client = ref(client)
        self._board: Board | None = None
        self._closed = False

    def board(self) -> Board:
        """The connections in the running loop.

        Raises:
            ClientClosed: The client is closed.
        """
        if self._closed:
            raise ClientClosed("the client is closed")
        board = self._board
        if board is None or board.loop is not asyncio.get_running_loop():
            # What belonged to another loop has ended with it.
            board = self._board = Board(self._settings, self._call)
        return board

    async def close(self) -> None:
        """End everything. Closing twice does nothing more."""
        self._closed = True
        board, self._board = self._board, None
        if board is not None and board.loop is asyncio.get_running_loop():
            await board.close()

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        client = self._client()
        if client is None:
            raise StreamClosed(f"{name}: the client is gone")
        group, _, method = name.partition(".")
        result = getattr(getattr(client, group), method)(**arguments)
        if hasattr(result, "__aiter__"):
            return [item async for item in result]
        return await result
