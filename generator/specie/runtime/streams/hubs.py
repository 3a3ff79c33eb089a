"""Where the connections of a client live: for asyncio, in the user's own loop; for a client that blocks, in a loop of a
thread of its own, which is there as long as something is subscribed, and no longer.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet, ref

from ..errors import ClientClosed, StreamClosed, StreamError
from ..forks import renew_in_children
from .board import Board, Subscription

if TYPE_CHECKING:
    from ..client import AsyncClient, Client

__all__ = ["AsyncHub", "Hub"]

T = TypeVar("T")
_RUNNING: WeakSet[Hub] = WeakSet()
_HERE: Final = threading.local()
_MOST_CALLS: Final = 8
_PARTING: Final = 0.5


class _Unwaited(ThreadPoolExecutor):
    """What a loop does besides, such as looking up a name. The end of the loop does not wait for it."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: ARG002
        super().shutdown(wait=False, cancel_futures=cancel_futures)


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
        self._workers: set[threading.Thread] = set()

    def refuse_waiting(self, name: str) -> None:
        """Let nobody wait in the thread that reads: what is waited for would never come.

        Args:
            name: What is waited for.

        Raises:
            StreamError: A listener asks.
        """
        if getattr(_HERE, "reads", False):
            raise StreamError(
                f"{name}: a listener is called by the thread that reads the connections, which must not wait; put what "
                "it was told into a queue.Queue, and read the stream in another thread"
            )

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
        """End everything but calls that are under way, and wait for the thread to end. Closing twice does no more."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self.post(self._stir)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def join(self) -> None:
        """Wait, but not for long, for calls that streams and books had under way; they were cut."""
        here = threading.current_thread()
        if here is self._thread:
            return
        until = time.monotonic() + _PARTING
        for worker in self._workers.copy():
            if worker is not here:
                worker.join(max(0.0, until - time.monotonic()))

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
        _HERE.reads = True
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._loop.set_default_executor(_Unwaited())
                runner.run(self._main(ready))
        except BaseException as error:  # such as no file being left for a loop
            self._fault = error
        finally:
            self._loop = None
            ready.set()

    async def _main(self, ready: threading.Event) -> None:
        self._stirred = asyncio.Event()
        self._room = asyncio.Semaphore(_MOST_CALLS)
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
        async with self._room:
            return await self._beside(lambda: _called(client, name, arguments))

    async def _beside(self, function: Callable[[], Any]) -> Any:
        # Not `asyncio.to_thread`: the loop, and the end of the process, would wait for what hangs.
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if answer.done():
                return  # nobody wants it any more
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        def work() -> None:
            result: Any = None
            failed: BaseException | None = None
            try:
                result = context.run(function)
            except BaseException as error:  # it is raised where it is awaited
                failed = error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, result, failed)
            failed = None  # its traceback holds this frame, and so the client
            self._workers.discard(threading.current_thread())

        context = copy_context()
        worker = threading.Thread(target=work, name="specie-upkeep", daemon=True)
        self._workers.add(worker)
        try:
            worker.start()
        except BaseException:
            self._workers.discard(worker)
            raise
        return await answer


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
