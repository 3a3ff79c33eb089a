"""Nonces that only go up: one source per exchange and key, shared by everything in the process.

A nonce is the clock's milliseconds where they are higher than the last one given, else the last one plus one, so
neither two threads nor a clock that is set back can repeat or lower it. Only where an exchange refuses a nonce for
being ahead of its clock, and asks for no more than that none comes twice, does the source go back; it remembers what it
gave out, and steps over that later.

`Nonces` serves a process (and the children that it forks), `FileNonces` the processes of a machine, `RedisNonces` the
machines that share a Redis.
"""

from __future__ import annotations

import itertools
import os
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple
from weakref import WeakSet

from .turnstile import Turnstile, shared_turnstile

if TYPE_CHECKING:
    from .file_nonces import NonceFile

__all__ = ["NonceSource", "Nonces", "Series", "shared_nonces"]

RUN_GAP_MS: Final = 5_000
MOST_SPENT: Final = 8


class NonceSource(ABC):
    """Where nonces come from. To keep them elsewhere, derive from this, and write `next`."""

    blocking: ClassVar[bool] = True
    """Whether drawing one may have to wait for a disk or a network; asyncio clients do it in a thread then."""

    @abstractmethod
    def next(self, scope: str, now_ms: int) -> int:
        """A number that was never given before for this scope, not below `now_ms`, and above all given before, but for
        those that a `rewind` left behind.

        What it raises ends the call in `NotSent`.

        Args:
            scope: The exchange and a fingerprint of the key; never the key.
            now_ms: Milliseconds since 1970 by the client's clock.
        """

    def rewind(self, scope: str, now_ms: int) -> None:  # noqa: B027 - only `next` must be written
        """Go back to the clock, which was ahead: called after the exchange refused a nonce for that, and only where
        nonces need not increase. What was given out above `now_ms` must not be given again. Does nothing unless
        overridden.
        """

    def turnstile(self, scope: str) -> Turnstile:
        """Where calls wait for one another if the exchange wants nonces to arrive in order: the calls of this process,
        unless overridden.
        """
        return shared_turnstile(scope)


class Series(NamedTuple):
    """The nonces of one scope: what must be remembered of them.

    A run is what was given without a leap of more than five seconds: it begins anew when the clock jumps ahead, so a
    rewind has to step over no more than the run that was ahead.
    """

    last: int = 0
    """The last one given."""
    since: int = 0
    """The first one of the run that it belongs to."""
    before: int = 0
    """The last one of the runs before."""
    spent: tuple[tuple[int, int], ...] = ()
    """First and last of each run that a rewind left behind, rising. Whatever was given above `before` is in one of
    these, or in the run."""

    def drawn(self, now_ms: int) -> Series:
        """The series with one nonce more."""
        value = max(now_ms, self.last + 1)
        for first, last in self.spent:
            if first <= value <= last:
                value = last + 1
        if value <= self.last + RUN_GAP_MS:
            return Series(value, self.since, self.before, self.spent)
        return Series(value, value, self.last, tuple(run for run in self.spent if run[1] > self.last))

    def rewound(self, now_ms: int) -> Series:
        """The series gone back to the clock, if it is ahead of it by a leap, and as far as no nonce can come twice."""
        last = max(now_ms - 1, self.before)
        if self.last <= last + RUN_GAP_MS or self.since <= last:
            return self
        return Series(last, last + 1, last, _joined([*self.spent, (self.since, self.last)]))


def _joined(runs: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The runs, rising; those that touch, and where there are too many, the nearest, made one."""
    runs.sort()
    while len(runs) > 1:
        gap, at = min((after[0] - before[1], at) for at, (before, after) in enumerate(pairwise(runs)))
        if gap > 1 and len(runs) <= MOST_SPENT:
            break
        runs[at : at + 2] = [(runs[at][0], max(runs[at][1], runs[at + 1][1]))]
    return tuple(runs)


class Nonces(NonceSource):
    """Nonces of one process, safe for threads. A child that it forks shares them with it.

    Processes that were started independently do not: give them a `FileNonces`.
    """

    blocking = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, Series] = {}
        self._number = next(_NUMBERS)
        self._file: NonceFile | None = None  # shared with parent and children, once there are any
        self._orphaned = False
        _ALL.add(self)

    def next(self, scope: str, now_ms: int) -> int:
        """See `NonceSource.next`.

        Raises:
            OSError: This is a forked child, and could not share the nonces of its parent.
        """
        with self._lock:
            if self._file is not None:
                return self._file.next(f"{self._number}/{scope}", now_ms)
            if self._orphaned:
                raise OSError(
                    "this process was forked, and no memory could be had to share nonces with its parent; give both "
                    "of them nonces=FileNonces(path)"
                )
            series = self._series[scope] = self._series.get(scope, _NONE).drawn(now_ms)
            return series.last

    def rewind(self, scope: str, now_ms: int) -> None:
        """See `NonceSource.rewind`."""
        with self._lock:
            if self._file is not None:
                self._file.rewind(f"{self._number}/{scope}", now_ms)
            elif scope in self._series:
                self._series[scope] = self._series[scope].rewound(now_ms)

    def turnstile(self, scope: str) -> Turnstile:
        """One for this process and, once it has forked, its children."""
        file = self._file
        return super().turnstile(scope) if file is None else file.turnstile(scope)

    def _before_fork(self, file: NonceFile | None) -> None:
        self._lock.acquire()
        if self._file is None and file is not None:
            for scope, series in self._series.items():
                file.keep(f"{self._number}/{scope}", series)
            self._file = file

    def _after_fork(self, child: bool) -> None:
        self._orphaned = self._orphaned or (child and self._file is None)
        self._lock.release()


_NONE: Final = Series()
_NUMBERS: Final = itertools.count()
_ALL: WeakSet[Nonces] = WeakSet()
_SHARED: Final = Nonces()


def shared_nonces() -> Nonces:
    """The source that all clients of this process share unless they are given another."""
    return _SHARED


_forking: Final = threading.Lock()
_held: list[Nonces] = []


def _before_fork() -> None:
    from .file_nonces import NonceFile

    _forking.acquire()
    file: NonceFile | None = None
    with suppress(OSError):
        file = NonceFile.of_this_family()
    for one in list(_ALL):
        _held.append(one)
        with suppress(OSError):  # then it stays without a file, and its copy in the child is an orphan
            one._before_fork(file)  # pyright: ignore[reportPrivateUsage]


def _after_fork(child: bool) -> None:
    while _held:
        _held.pop()._after_fork(child)  # pyright: ignore[reportPrivateUsage]
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )
