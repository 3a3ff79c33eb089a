"""One at a time, in the order of arrival: whoever holds the turn is alone, whether a thread or a task of any loop.

An exchange that wants each nonce above the last one refuses a call that is overtaken on its way. So the calls of one
key wait for their turn before they draw a nonce, and keep it until the answer is there. It is handed from one to the
next directly, so nobody can jump the queue. Waiting is done here, blocking or awaiting: this is a part of the drivers.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from .forks import renew_in_children

__all__ = ["Gate", "GatedTurnstile", "Turnstile", "shared_turnstile"]

_FIRST_PAUSE: Final = 0.0005
_LONGEST_PAUSE: Final = 0.005


class _Waiter:
    """Somebody in the queue, and how to tell that it is their turn."""

    __slots__ = ("come", "granted")

    def __init__(self, come: Callable[[], object]) -> None:
        self.come = come
        self.granted = False


class Turnstile:
    """Lets one pass at a time, first come first served: threads, and tasks of any number of event loops, mixed.

    It is one process's. Where processes share it (`FileNonces`), it is a `GatedTurnstile`.
    """

    def __init__(self) -> None:
        # Reentrant, because the collector of garbage may close a waiting coroutine while this is held.
        self._lock = threading.RLock()
        self._waiting: deque[_Waiter] = deque()
        self._taken = False
        renew_in_children(self)

    def enter(self, timeout: float | None = None) -> bool:
        """Wait for one's turn, blocking.

        Args:
            timeout: Seconds to wait at most; `None` for as long as it takes.

        Returns:
            Whether it is one's turn now. Then `leave` must follow; if not, one is out of the queue.
        """
        door = threading.Lock()
        door.acquire()
        waiter = self._line_up(door.release)
        if waiter is None:
            return True
        try:
            came = door.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX))
        except BaseException:
            self._give_up(waiter)
            raise
        return came or not self._withdraw(waiter)

    async def enter_async(self, timeout: float | None = None) -> bool:
        """Wait for one's turn, awaiting; else as `enter`. Who is cancelled meanwhile leaves the queue, and passes on a
        turn that just came.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        door = loop.create_future()
        waiter = self._line_up(lambda: loop.call_soon_threadsafe(_open, door))
        if waiter is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                await door
        except TimeoutError:
            return not self._withdraw(waiter)
        except BaseException:
            self._give_up(waiter)
            raise
        return True

    def leave(self) -> None:
        """Let the next one pass. This never blocks.

        Raises:
            RuntimeError: Nobody had entered.
        """
        with self._lock:
            if not self._taken:
                raise RuntimeError("a turnstile is left by somebody who had not entered")
            while self._waiting:
                waiter = self._waiting.popleft()
                # A loop that is closed takes no calls any more, and nobody waits there.
                with suppress(RuntimeError):
                    waiter.come()
                    waiter.granted = True
                    return
            self._taken = False

    def _line_up(self, come: Callable[[], object]) -> _Waiter | None:
        """None: it is one's turn."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return None
            waiter = _Waiter(come)
            self._waiting.append(waiter)
            return waiter

    def _withdraw(self, waiter: _Waiter) -> bool:
        """Leave the queue, unless one's turn has come in the meantime."""
        with self._lock:
            if not waiter.granted:
                with suppress(ValueError):
                    self._waiting.remove(waiter)
            return not waiter.granted

    def _give_up(self, waiter: _Waiter) -> None:
        if not self._withdraw(waiter):
            self.leave()

    def forked(self) -> None:
        """See `forks`: who held the turn, and who waited for it, are the parent's."""
        self._lock = threading.RLock()
        self._waiting.clear()
        self._taken = False


def _open(door: Any) -> None:
    if not door.done():
        door.set_result(None)


class Gate(Protocol):
    """What processes share behind their turnstiles: a queue of those who stand first in each. Nothing of it blocks."""

    def join(self) -> None:
        """Take the last place."""
        ...

    def is_open(self) -> bool:
        """Whether all who came before are gone."""
        ...

    def leave(self) -> None:
        """Give up the place, if there is one."""
        ...

    def forked(self) -> None:
        """This is a child now, and has no place."""
        ...


class GatedTurnstile(Turnstile):
    """A turnstile before a gate that other processes come to as well.

    In each process one passes at a time, and joins the queue of the processes then; so the processes take turns. The
    gate cannot call anybody, so whoever stands before it knocks, every 5 ms in the end.
    """

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def enter(self, timeout: float | None = None) -> bool:
        """Wait for one's turn among the threads of this process and among the processes, blocking."""
        end = None if timeout is None else time.monotonic() + timeout
        if not super().enter(timeout):
            return False
        entered, pause = False, _FIRST_PAUSE
        try:
            self._gate.join()
            while not (entered := self._gate.is_open()) and (end is None or time.monotonic() < end):
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        finally:
            if not entered:
                self.leave()
        return entered

    async def enter_async(self, timeout: float | None = None) -> bool:
        """Wait for one's turn among the tasks of this process and among the processes, awaiting."""
        import asyncio

        end = None if timeout is None else time.monotonic() + timeout
        if not await super().enter_async(timeout):
            return False
        entered, pause = False, _FIRST_PAUSE
        try:
            self._gate.join()
            while not (entered := self._gate.is_open()) and (end is None or time.monotonic() < end):
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        finally:
            if not entered:
                self.leave()
        return entered

    def leave(self) -> None:
        """Let the next one pass, of this process or another. This never blocks."""
        try:
            self._gate.leave()
        finally:
            super().leave()

    def forked(self) -> None:
        """See `forks`."""
        super().forked()
        self._gate.forked()


_SHARED: dict[str, Turnstile] = {}


def shared_turnstile(scope: str) -> Turnstile:
    """The turnstile of a scope (an exchange and a fingerprint of the key) that all clients of this process share."""
    return _SHARED.get(scope) or _SHARED.setdefault(scope, Turnstile())
