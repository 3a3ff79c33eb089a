"""Readers of streams of generated clients, blocking and for asyncio, behind one interface; and what they leave behind.

A reader reads as a user would: in a thread of its own, or in a task, until the stream ends or raises.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import attrs

from specie.runtime import Connected, Reconnecting, StreamEvent, Subscribed

PATIENCE_S = 20
BODIES = ("blocking", "asyncio")


@attrs.define(eq=False)
class Followed:
    """A stream or a local book, and all that was read of it so far, in its order."""

    stream: Any
    items: list[Any] = attrs.field(factory=list)
    wholes: list[bool] = attrs.field(factory=list)
    """For each item whether it is the whole state of its channel."""
    error: Exception | None = None
    over: bool = False

    @property
    def messages(self) -> list[Any]:
        return [item for item in self.items if not isinstance(item, StreamEvent)]

    @property
    def events(self) -> list[StreamEvent]:
        return [item for item in self.items if isinstance(item, StreamEvent)]

    @property
    def state(self) -> list[Any]:
        """The messages from the last one on that is the whole state; all if none is."""
        first = max((index for index, whole in enumerate(self.wholes) if whole), default=0)
        return [item for item in self.items[first : len(self.wholes)] if not isinstance(item, StreamEvent)]

    @property
    def latest(self) -> list[Any]:
        """The messages since the connection was made last."""
        first = max((index for index, item in enumerate(self.items) if isinstance(item, Connected)), default=0)
        return [item for item in self.items[first:] if not isinstance(item, StreamEvent)]

    def took(self, item: Any) -> None:
        self.items.append(item)
        self.wholes.append(not isinstance(item, StreamEvent) and getattr(self.stream, "whole", False))

    def subscribed(self, since: int = 0) -> bool:
        """Whether it has what it subscribed to, and was told so after so many items."""
        kinds = [type(item) for item in self.items[since:]]
        last = max((index for index, kind in enumerate(kinds) if kind is Subscribed), default=-1)
        return last >= 0 and Reconnecting not in kinds[last:]

    def kinds(self) -> list[str]:
        """The names of the events so far."""
        return [type(event).__name__ for event in self.events]


class Threads:
    """Followers of blocking clients."""

    prefix = ""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def made(self, make: Callable[[], Any]) -> Any:
        """What `make` makes, where it may be used."""
        return make()

    def follow(self, stream: Any) -> Followed:
        followed = Followed(stream)

        def read() -> None:
            try:
                for item in _items(stream):
                    followed.took(item)
            except Exception as error:
                followed.error = error
            followed.over = True

        thread = threading.Thread(target=read, name="follower", daemon=True)
        self._threads.append(thread)
        thread.start()
        return followed

    def do(self, call: Callable[[], Any]) -> Any:
        """The result of a call of a client."""
        return call()

    def __enter__(self) -> Self:
        return self

    def finish(self) -> None:
        """Wait until every follower has come to its end."""
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a stream of a closed client does not end"

    def __exit__(self, *_: object) -> None:
        self.finish()


class Tasks:
    """Followers of clients for asyncio, in a loop of one thread."""

    prefix = "Async"

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []
        return self

    def made(self, make: Callable[[], Any]) -> Any:
        async def made() -> Any:
            return make()

        return self._run(made())

    def follow(self, stream: Any) -> Followed:
        followed = Followed(stream)

        async def read() -> None:
            try:
                async for item in _items(stream):
                    followed.took(item)
            except Exception as error:
                followed.error = error
            followed.over = True

        async def begin() -> None:
            self._tasks.append(asyncio.create_task(read()))

        self._run(begin())
        return followed

    def do(self, call: Callable[[], Any]) -> Any:
        async def done() -> Any:
            result = call()
            return await result if hasattr(result, "__await__") else result

        return self._run(done())

    def finish(self) -> None:
        """Wait until every follower has come to its end."""
        self._run(self._finished())

    def __exit__(self, *_: object) -> None:
        left = self._run(self._left())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._runner.close()
        assert left == [], f"tasks outlive their client: {left}"

    async def _finished(self) -> None:
        if self._tasks:
            _, waiting = await asyncio.wait(self._tasks, timeout=PATIENCE_S)
            assert not waiting, "a stream of a closed client does not end"

    async def _left(self) -> list[str]:
        await self._finished()
        await asyncio.sleep(0)
        return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S + 10)


def _items(stream: Any) -> Any:
    return stream.with_events() if hasattr(stream, "with_events") else stream


def body_of(name: str) -> Threads | Tasks:
    return Threads() if name == "blocking" else Tasks()


def until(
    condition: Callable[[], object], *, said: Callable[[], object] = lambda: "", within_s: float = PATIENCE_S
) -> None:
    """Wait for something to be so; nothing is asserted of how long it takes.

    Args:
        condition: Whether it is.
        said: What is said where it does not come to be.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, said() or "it does not come to be"
        time.sleep(0.005)


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread is left after the block, and no socket: a socket that is not closed is a `ResourceWarning`, which
    collecting the garbage makes an error of the test.
    """
    before = set(threading.enumerate())
    yield
    gc.collect()
    # Workers that made the blocking REST calls of a loop end with it; they need a moment to.
    until(
        lambda: not set(threading.enumerate()) - before,
        said=lambda: f"left: {[one.name for one in set(threading.enumerate()) - before]}",
    )
