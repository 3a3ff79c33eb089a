"""Slots in a file, for all processes of a machine: SQLite, in transactions too short to be noticed.

What a process holds when it dies is given back when its calls' deadlines and one window are over, so nothing needs to
be cleaned up. Times are those of `time.monotonic()`, which the processes of a machine share and which no clock setting
moves; when it went back, the machine was restarted, and all slots are kept as if no time had passed since.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .budgets import GRACE, Charge, Room, Ticket, Wait, nap_of, pause_of, span_of, wait_for
from .errors import InvalidValue
from .forks import hold_through_forks, renew_in_children
from .limit import Told

if TYPE_CHECKING:
    import sqlite3

__all__ = ["FileBudgets"]

_SCHEMA: Final = """
create table if not exists slots (limit_key text, ticket text, free_at real, weight integer, held integer);
create index if not exists slots_by_time on slots (limit_key, free_at, weight);
create index if not exists slots_by_ticket on slots (ticket);
create table if not exists places (limit_key text, place integer, kept_until real, weight integer);
create index if not exists places_by_limit on places (limit_key, place);
create table if not exists pauses (limit_key text primary key, until real);
create table if not exists counter (id integer primary key check (id = 1), last_seen real, number integer);
insert or ignore into counter values (1, 0, 0);
"""
_RESTARTED: Final = 60.0  # seconds by which time must go back: more than anyone waits for the file


class FileBudgets:
    """Slots that all processes share which are given the same path. The file is made if it is not there; it holds no
    secret.

    A process that is forked may go on using it. It must lie on a local disk, not on one that machines share.

    Args:
        path: The file; its folder must be there.
        timeout: Seconds to wait for another process's transaction; they take well under a millisecond.

    Raises:
        InvalidValue: If the file cannot be opened.
    """

    blocking: bool = True

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        self.lock = threading.Lock()
        self._path = Path(path)
        self._timeout = timeout
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._connect()
        hold_through_forks(self)
        renew_in_children(self)

    def take(
        self, charges: Sequence[Charge], now: float, *, lease: float, place: int = 0, queue: bool = True
    ) -> Ticket | Wait:
        with self._transaction(now) as sql:
            waits = [_wait(sql, charge, now, place) for charge in charges]
            longest = max(waits, default=0.0)
            if place:
                sql.execute("delete from places where place = ?", (place,))
            if longest <= 0:
                ticket = Ticket(f"{os.getpid()}.{_next(sql)}", tuple(charges))
                sql.executemany(
                    "insert into slots values (?, ?, ?, ?, 1)",
                    [(one.key, ticket.id, now + lease + span_of(one.seconds), _weight(one)) for one in charges],
                )
                return ticket
            charge = charges[waits.index(longest)]
            if not queue:
                return Wait(longest, 0.0, 0, charge)
            nap = nap_of(longest)
            place = place or _next(sql)
            sql.executemany(
                "insert into places values (?, ?, ?, ?)",
                [(one.key, place, now + nap + GRACE, _weight(one)) for one in charges],
            )
            return Wait(longest, nap, place, charge)

    def settle(self, ticket: Ticket, now: float, told: Mapping[str, Told] | None = None) -> None:
        with self._transaction(now) as sql:
            sql.execute("delete from slots where ticket = ?", (ticket.id,))
            for charge in ticket.charges:
                cost, used = (told or {}).get(charge.key, Told(None, None))
                _spend(sql, charge, now, _weight(charge) if cost is None else cost)
                if used is not None:
                    _spend(sql, charge, now, used - _used(sql, charge, now))  # others share the limit, from elsewhere

    def release(self, ticket: Ticket) -> None:
        with self._transaction() as sql:
            sql.execute("delete from slots where ticket = ?", (ticket.id,))

    def leave(self, charges: Sequence[Charge], place: int) -> None:
        with self._transaction() as sql:
            sql.executemany(
                "delete from places where limit_key = ? and place = ?", [(one.key, place) for one in charges]
            )

    def penalise(self, charges: Sequence[Charge], now: float, seconds: float | None) -> None:
        with self._transaction(now) as sql:
            sql.executemany(
                "insert into pauses values (?, ?) "
                "on conflict (limit_key) do update set until = max(until, excluded.until)",
                [(one.key, now + pause_of(one, seconds)) for one in charges],
            )

    def headroom(self, charges: Sequence[Charge], now: float) -> list[Room]:
        with self._transaction(now) as sql:
            return [Room(_used(sql, one, now), _wait(sql, one, now, 0)) for one in charges]

    def close(self) -> None:
        """Close the file. Closing twice does nothing more."""
        with self.lock:
            self._closed = True
            if self._finalizer is not None:
                self._finalizer()
            self._connection = self._finalizer = None

    # -- the file ----------------------------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        try:
            connection = sqlite3.connect(
                self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise InvalidValue(f"{self._path} cannot be opened: {error}", parameter="path") from error
        self._connection, self._finalizer = connection, weakref.finalize(self, connection.close)
        try:
            _use_write_ahead_log(connection)
            # A crash of the machine may lose the last moments; the machine takes longer than that to come back.
            connection.execute("pragma synchronous = normal")
            connection.execute("begin immediate")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("commit")
        except sqlite3.Error as error:
            self._finalizer()
            raise InvalidValue(f"{self._path} is not a file of limits: {error}", parameter="path") from error
        return connection

    @contextmanager
    def _transaction(self, now: float | None = None) -> Generator[sqlite3.Connection]:
        with self.lock:
            if self._closed:
                raise InvalidValue(f"{self!r} is closed")
            sql = self._connection or self._connect()
            sql.execute("begin immediate")
            try:
                if now is not None:
                    _pass_time(sql, now)
                yield sql
                sql.execute("commit")
            except BaseException:
                sql.execute("rollback")
                raise

    def forked(self) -> None:
        """See `forks`."""
        # SQLite's connections must not be used, nor closed, by a child: it opens one of its own when it needs one.
        _INHERITED.append(self._connection)
        if self._finalizer is not None:
            self._finalizer.detach()
        self._connection = self._finalizer = None

    def __repr__(self) -> str:
        return f"FileBudgets({str(self._path)!r})"


def _use_write_ahead_log(sql: sqlite3.Connection) -> None:
    # SQLite waits for other processes everywhere but here; to write is to wait for whoever does the same just now.
    for _ in range(100):
        try:
            sql.execute("pragma journal_mode = wal")
            return
        except sql.OperationalError:
            sql.execute("begin immediate")
            sql.execute("commit")
    sql.execute("pragma journal_mode = wal")


def _pass_time(sql: sqlite3.Connection, now: float) -> None:
    (last_seen,) = sql.execute("select last_seen from counter").fetchone()
    if now < last_seen - _RESTARTED:
        sql.execute("update slots set free_at = free_at + ?", (now - last_seen,))
        sql.execute("update pauses set until = until + ?", (now - last_seen,))
        sql.execute("delete from places")
        sql.execute("update counter set last_seen = ?", (now,))
    elif now > last_seen:
        sql.execute("update counter set last_seen = ?", (now,))


def _next(sql: sqlite3.Connection) -> int:
    """A number that never comes again, higher than those before."""
    sql.execute("update counter set number = number + 1")
    return int(sql.execute("select number from counter").fetchone()[0])


def _weight(charge: Charge) -> int:
    return min(charge.weight, charge.allowed)


def _used(sql: sqlite3.Connection, charge: Charge, now: float) -> int:
    sql.execute("delete from slots where limit_key = ? and free_at <= ?", (charge.key, now))
    return int(sql.execute("select total(weight) from slots where limit_key = ?", (charge.key,)).fetchone()[0])


def _spend(sql: sqlite3.Connection, charge: Charge, now: float, weight: int) -> None:
    if weight > 0:
        at = now + span_of(charge.seconds)
        sql.execute("insert into slots values (?, '', ?, ?, 0)", (charge.key, at, weight))


def _wait(sql: sqlite3.Connection, charge: Charge, now: float, place: int) -> float:
    """Seconds until there may be room; 0 if there is."""
    sql.execute("delete from places where limit_key = ? and kept_until <= ?", (charge.key, now))
    before = "select total(weight) from places where limit_key = ? and (? = 0 or place < ?)"
    ahead = int(sql.execute(before, (charge.key, place, place)).fetchone()[0])
    need = _used(sql, charge, now) + ahead + _weight(charge) - charge.allowed
    wait = 0.0
    if need > 0:
        soonest = now + span_of(charge.seconds)
        slots: list[tuple[Any, ...]] = sql.execute(
            "select case when held then min(free_at, ?) else free_at end, weight from slots where limit_key = ?",
            (soonest, charge.key),
        ).fetchall()
        wait = wait_for(need, charge, [(float(at), int(weight)) for at, weight in slots], now)
    until = sql.execute("select until from pauses where limit_key = ? and until > ?", (charge.key, now)).fetchone()
    if until is not None:
        share = min(1.0, ahead / charge.allowed) * charge.seconds
        wait = max(wait, until[0] - now + share)
    return wait


_INHERITED: Final[list[object]] = []  # kept, so that no child closes what its parent uses
