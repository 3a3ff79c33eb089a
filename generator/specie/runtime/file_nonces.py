"""Nonces that the processes of a machine share: a small text file that holds the last one of each key.

A draw locks the file, reads one line, writes it anew, in some ten microseconds; the lock is the operating system's, and
goes with the process that held it, however that ends. So nonces survive a crash, a restart, and a clock that is set
back in between; not a loss of power, after which the clock is trusted once.

The same file keeps the order of calls among the processes, with a lock for each place in the queue: a process that
dies there makes room for the next by dying.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from typing import ClassVar, Final
from urllib.parse import quote

from .forks import renew_in_children
from .nonce import MOST_SPENT, NonceSource, Series
from .turnstile import GatedTurnstile, Turnstile

__all__ = ["FileNonces", "NonceFile"]

_HEADING: Final = b"specie nonces, format 1: scope, calls in order, the last nonce, its run, nonces to step over\n"
_WIDTH: Final = (4 + 2 * MOST_SPENT) * 20
"""The numbers of a scope are filled up with spaces to this, so that each line stays where it is."""

# Locks need no bytes to be there. The first one guards the file; the places of each queue are far behind its end.
_GUARD: Final = 0
_QUEUES: Final = 2**61
_PLACES: Final = 2**40


class FileNonces(NonceSource):
    """Nonces shared by all processes of this machine that name the same file.

    Where an exchange wants nonces to arrive in order, the processes that share a key by it also make their signed
    calls one at a time. The file must be on a local disk, and is worth nothing to anybody: it holds fingerprints of
    keys, not keys. It needs the file locks of POSIX, which Windows has not.

    Args:
        path: The file; made if it is not there, in a folder that is. While anybody uses it, it must not be removed, nor
            opened by other code of these processes: such locks are lost when any part of a process closes the file.

    Raises:
        OSError: The file cannot be opened, or there are no such locks here.
    """

    blocking = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file = NonceFile.at(self._path)

    def next(self, scope: str, now_ms: int) -> int:
        """See `NonceSource.next`.

        Raises:
            OSError: The file cannot be read or written.
            ValueError: The file is damaged.
        """
        return self._file.next(scope, now_ms)

    def rewind(self, scope: str, now_ms: int) -> None:
        """See `NonceSource.rewind`; raises as `next` does."""
        self._file.rewind(scope, now_ms)

    def turnstile(self, scope: str) -> Turnstile:
        """One for all processes that share the file."""
        return self._file.turnstile(scope)

    def __reduce__(self) -> tuple[type[FileNonces], tuple[str]]:
        return FileNonces, (self._path,)

    def __repr__(self) -> str:
        return f"FileNonces({self._path!r})"


class NonceFile:
    """The file, opened once in a process whoever uses it there: locks of POSIX are a process's, and any file
    descriptor that is closed would drop them all. So it stays open until the process ends.
    """

    _open: ClassVar[dict[tuple[int, int], NonceFile]] = {}
    _family: ClassVar[NonceFile | None] = None
    _opening: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, descriptor: int, name: str, *, nameless: bool = False) -> None:
        self._descriptor = descriptor
        self._name = name
        self._nameless = nameless
        self._lock = threading.Lock()
        self._places: dict[str, int] = {}  # where the numbers of a scope are
        self._turnstiles: dict[str, Turnstile] = {}
        renew_in_children(self)

    @classmethod
    def at(cls, path: str) -> NonceFile:
        """The file of a path."""
        if os.name == "nt":
            raise OSError("FileNonces needs the file locks of POSIX, which Windows has not; RedisNonces does without")
        with cls._opening:
            try:
                there = os.stat(path)
            except FileNotFoundError:
                pass
            else:
                # Looked for before opening it: a second descriptor could not be closed again.
                if known := cls._open.get((there.st_dev, there.st_ino)):
                    return known
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            there = os.fstat(descriptor)
            return cls._open.setdefault((there.st_dev, there.st_ino), cls(descriptor, path))

    @classmethod
    def of_this_family(cls) -> NonceFile:
        """A file without a name, which this process shares with the children that it forks."""
        with cls._opening:
            if cls._family is None:
                if hasattr(os, "memfd_create"):
                    descriptor = os.memfd_create("nonces")
                else:
                    with tempfile.TemporaryFile() as file:
                        descriptor = os.dup(file.fileno())
                    os.set_inheritable(descriptor, False)
                cls._family = cls(descriptor, "the memory shared with forked processes", nameless=True)
            return cls._family

    def next(self, scope: str, now_ms: int) -> int:
        """The next nonce of a scope."""
        with self._lock, _Guard(self._descriptor):
            place, series, tail = self._read(scope)
            series = series.drawn(now_ms)
            self._write(place, series, tail)
            return series.last

    def rewind(self, scope: str, now_ms: int) -> None:
        """Go back to the clock as far as nothing can come twice."""
        with self._lock, _Guard(self._descriptor):
            place, series, tail = self._read(scope)
            self._write(place, series.rewound(now_ms), tail)

    def keep(self, scope: str, series: Series) -> None:
        """Start a scope from what was given elsewhere before."""
        with self._lock, _Guard(self._descriptor):
            place, _, tail = self._read(scope)
            self._write(place, series, tail)

    def turnstile(self, scope: str) -> Turnstile:
        """The turnstile of a scope: one in this process, before a gate that all processes come to."""
        with self._lock:
            known = self._turnstiles.get(scope)
            if known is None:
                known = self._turnstiles[scope] = GatedTurnstile(_FileGate(self, scope))
            return known

    def take_place(self, scope: str) -> tuple[int, int]:
        """The last place in the queue of a scope, held by a lock: where the queue begins, and how far on it is."""
        with self._lock, _Guard(self._descriptor):
            place, series, tail = self._read(scope)
            start = _QUEUES + place * _PLACES
            tail += 1
            _try_lock(self._descriptor, start + tail, 1)
            self._write(place, series, tail)
            return start, tail

    def is_free(self, start: int, length: int) -> bool:
        """Whether nobody holds a place there."""
        if not _try_lock(self._descriptor, start, length):
            return False
        _unlock(self._descriptor, start, length)
        return True

    def give_up(self, place: int) -> None:
        """Let go of a place."""
        _unlock(self._descriptor, place, 1)

    # -- lines -------------------------------------------------------------------------------------------------------

    def _read(self, scope: str) -> tuple[int, Series, int]:
        if not self._nameless and os.fstat(self._descriptor).st_nlink == 0:
            raise OSError(errno.ESTALE, "was removed while in use; start anew all that use it", self._name)
        place = self._places.get(scope) or self._find(scope)
        text = os.pread(self._descriptor, _WIDTH, place)
        words = text.split()
        if len(text) != _WIDTH or text[-1:] != b"\n" or len(words) % 2 or not b"".join(words).isdigit():
            raise ValueError(self._damage(place))
        tail, last, since, before, *spent = map(int, words)
        return place, Series(last, since, before, tuple(zip(spent[::2], spent[1::2], strict=True))), tail

    def _write(self, place: int, series: Series, tail: int) -> None:
        if os.pwrite(self._descriptor, _line(series, tail), place) != _WIDTH:
            raise OSError(errno.ENOSPC, "the disk is full", self._name)

    def _find(self, scope: str) -> int:
        """Where the numbers of a scope are; a new line is written if there is none."""
        size = os.fstat(self._descriptor).st_size
        text = os.pread(self._descriptor, size, 0)
        if not text:
            os.pwrite(self._descriptor, _HEADING, 0)
            text = _HEADING
        if not text.startswith(_HEADING) or not text.endswith(b"\n"):
            raise ValueError(self._damage(0 if not text.startswith(_HEADING) else len(text)))
        name = quote(scope, safe=":/").encode()
        at = text.find(b"\n" + name + b" ")
        place = (at if at >= 0 else len(text) - 1) + len(name) + 2
        if at < 0:
            line = name + b" " + _line(Series(), 0)
            if os.pwrite(self._descriptor, line, len(text)) != len(line):
                os.ftruncate(self._descriptor, len(text))
                raise OSError(errno.ENOSPC, "the disk is full", self._name)
        self._places[scope] = place
        return place

    def _damage(self, place: int) -> str:
        return (
            f"{self._name} is damaged at byte {place}, or no file of nonces; stop all that use it, put it aside, and "
            "nonces start anew from the clock"
        )

    def forked(self) -> None:
        """See `forks`."""
        self._lock = threading.Lock()
        type(self)._opening = threading.Lock()


def _line(series: Series, tail: int) -> bytes:
    numbers = (tail, *series[:3], *(number for run in series.spent for number in run))
    return " ".join(map(str, numbers)).ljust(_WIDTH - 1).encode() + b"\n"


class _FileGate:
    """The queue of a scope, in which each process has one place at most: the places are bytes of the file, each locked
    by who has it, and the gate is open to whom no earlier byte is locked.
    """

    def __init__(self, file: NonceFile, scope: str) -> None:
        self._file = file
        self._scope = scope
        self._place: tuple[int, int] | None = None

    def join(self) -> None:
        self._place = self._file.take_place(self._scope)

    def is_open(self) -> bool:
        return self._place is not None and self._file.is_free(*self._place)

    def leave(self) -> None:
        if self._place is not None:
            start, number = self._place
            self._place = None
            self._file.give_up(start + number)

    def forked(self) -> None:
        self._place = None  # locks stay with the parent


class _Guard:
    """Alone with the file among all processes; waited for."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        import fcntl

        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, _GUARD)
                return
            except OSError as error:
                # What the system takes for a deadlock: it counts what other threads of both processes wait for.
                if error.errno != errno.EDEADLK:
                    raise
                time.sleep(0.001)

    def __exit__(self, *_: object) -> None:
        _unlock(self._descriptor, _GUARD, 1)


def _try_lock(descriptor: int, start: int, length: int) -> bool:
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(descriptor: int, start: int, length: int) -> None:
    import fcntl

    fcntl.lockf(descriptor, fcntl.LOCK_UN, length, start)
