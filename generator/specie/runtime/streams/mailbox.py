"""Messages that wait for their reader: bounded, in order, with a policy for when there are too many.

The loop that reads the connection puts them in and never waits; the reader, a thread or a task, waits as long as it
wants. Neither takes a lock as long as there is something to take.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import SlowConsumer
from .channels import Channel
from .events import Dropped, Resynced, ResyncFailed, StreamEvent
from .options import Options
from .sink import Sink, notify

__all__ = ["Ended", "Item", "Mailbox", "TaskMailbox", "ThreadMailbox"]

Item: TypeAlias = tuple[Any, Channel, bool] | tuple[StreamEvent]
"""A message, its channel, and whether it is the whole state; or an event."""


class Ended(Exception):
    """Nothing is left, and nothing will come."""


class Mailbox(Sink):
    """Messages of one stream.

    Args:
        name: Of the stream, for errors.
        options: Bound and policy.
    """

    def __init__(self, name: str, options: Options) -> None:
        self.events = False  # whether the reader wants events as well
        self.on_over: Callable[[], None] = _nothing  # nothing more is wanted
        self.on_room: Callable[[], None] = _nothing  # the reader made room
        self._name = name
        self._options = options
        self._limit = options.queue
        self._blocks = options.overflow == "block"
        self._items: deque[Item] = deque()
        self._dropped = 0
        self._error: Exception | None = None
        self._over = False
        self._waiting = 0
        self._was_full = False

    # -- the loop's side ---------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether the connection should not be read until there is room."""
        if not self._blocks or self._over or len(self._items) < self._limit:
            return False
        self._was_full = True
        # The reader may have made room between the two lines above, and not have seen that it should say so.
        return len(self._items) >= self._limit

    def deliver(self, channel: Channel, message: Any, whole: bool) -> None:
        """A message came."""
        if self._over or (len(self._items) >= self._limit and not self._blocks and not self._make_room()):
            return
        self._items.append((message, channel, whole))
        if self._waiting:
            self._rouse()

    def tell(self, event: StreamEvent, channels: tuple[Channel, ...] | None) -> None:  # noqa: ARG002
        """Something happened."""
        if isinstance(event, (Resynced, ResyncFailed)):
            notify(self._options, event)  # these are of this stream alone, not of its connection
        if self.events and not self._over:
            if len(self._items) >= self._limit and not self._blocks and not self._make_room():
                return
            self._items.append((event,))
            if self._waiting:
                self._rouse()

    def fail(self, error: Exception) -> None:
        """It is over, after what is there."""
        if not self._over:
            self._error = error
            self._over = True
            self._rouse()
            self.on_over()

    def end(self) -> None:
        """It is over, at once."""
        if self._error is None:
            self._over = True
            self._items.clear()
        self._rouse()

    def _make_room(self) -> bool:
        if self._options.overflow == "drop_oldest":
            self._items.popleft()
            self._dropped += 1
            notify(self._options, Dropped(1))
            return True
        told = f"{self._limit} messages waited to be read, and the next one came"
        self.fail(SlowConsumer(f"{self._name}: {told}; see the options queue and overflow"))
        return False

    def _rouse(self) -> None:
        raise NotImplementedError

    # -- the reader's side -------------------------------------------------------------------------------------------

    def poll(self) -> Item | None:
        """What is there; `None` for nothing.

        Raises:
            Ended: It was closed.
            Exception: It failed, and everything that came before was taken.
        """
        if self._dropped and self.events:
            count, self._dropped = self._dropped, 0
            return (Dropped(count),)
        try:
            item = self._items.popleft()
        except IndexError:
            if self._items or not self._over:
                return None
            if self._error is not None:
                raise self._error.with_traceback(None) from self._error.__cause__
            raise Ended from None
        if self._was_full and len(self._items) <= self._limit // 2:
            self._was_full = False
            self.on_room()
        return item


class ThreadMailbox(Mailbox):
    """A mailbox that threads read."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self._condition = threading.Condition()

    def get(self, timeout: float | None) -> Item:
        """The next item.

        Raises:
            TimeoutError: None came in time.
            Ended: It was closed.
            Exception: It failed.
        """
        item = self.poll()
        if item is not None:
            return item
        until = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            # Counted before looking once more: whoever puts something in afterwards sees that somebody waits.
            self._waiting += 1
            try:
                while (item := self.poll()) is None:
                    left = None if until is None else until - time.monotonic()
                    if left is not None and left <= 0:
                        raise TimeoutError(f"{self._name}: no message came in {timeout:g} seconds")
                    self._condition.wait(left)
                return item
            finally:
                self._waiting -= 1

    def _rouse(self) -> None:
        with self._condition:
            self._condition.notify_all()


class TaskMailbox(Mailbox):
    """A mailbox that tasks of the same loop read."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self._futures: list[asyncio.Future[None]] = []

    async def get(self, timeout: float | None) -> Item:
        """The next item; see `ThreadMailbox.get`."""
        item = self.poll()
        if item is not None:
            return item
        try:
            async with asyncio.timeout(timeout):
                return await self._wait()
        except TimeoutError:
            raise TimeoutError(f"{self._name}: no message came in {timeout or 0:g} seconds") from None

    async def _wait(self) -> Item:
        while (item := self.poll()) is None:
            future = asyncio.get_running_loop().create_future()
            self._futures.append(future)
            self._waiting += 1
            try:
                await future
            finally:
                self._waiting -= 1
                if future in self._futures:
                    self._futures.remove(future)
        return item

    def _rouse(self) -> None:
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():
                future.set_result(None)


def _nothing() -> None:
    pass
