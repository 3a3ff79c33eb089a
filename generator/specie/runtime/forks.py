"""What must begin anew in a forked child: a child has none of its parent's other threads, and not what they held."""

from __future__ import annotations

import os
from threading import Lock
from typing import Protocol
from weakref import WeakSet

__all__ = ["Forked", "Locked", "hold_through_forks", "renew_in_children"]


class Forked(Protocol):
    """Something that holds what a child does not have."""

    def forked(self) -> None:
        """Begin anew; called in the child, before anything else runs there."""
        ...


_ALL: WeakSet[Forked] = WeakSet()


def renew_in_children(one: Forked) -> None:
    """Have its `forked` called in every child that this process forks, for as long as it lives."""
    _ALL.add(one)


def _after_fork_in_child() -> None:
    for one in list(_ALL):
        one.forked()


class Locked(Protocol):
    """Something whose state a lock guards."""

    @property
    def lock(self) -> Lock: ...


_LOCKED: WeakSet[Locked] = WeakSet()
_held: list[Locked] = []


def hold_through_forks(one: Locked) -> None:
    """Hold its `lock` while this process forks, for as long as it lives: a child finds the state whole, and the lock
    free.
    """
    _LOCKED.add(one)


def _before_fork() -> None:
    _held[:] = _LOCKED
    for one in _held:
        one.lock.acquire()


def _after_fork() -> None:
    for one in _held:
        one.lock.release()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
    os.register_at_fork(after_in_child=_after_fork_in_child)
