"""Limits as exchanges count them, and stores of slots in a time that passes only when the test says so."""

from __future__ import annotations

import heapq
import itertools
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from specie.runtime import FileBudgets, MemoryBudgets, RedisBudgets, redis_budgets
from specie.runtime.budgets import Charge, Ticket

STORES = ("memory", "file", "redis")


def charge(allowed: int, seconds: int, key: str = "acme calls", **more: Any) -> Charge:
    """What one call costs under a limit."""
    return Charge(key, allowed, seconds, text=f"{allowed}/{seconds}s per ip", **more)


def most_in_a_window(times: Sequence[float], seconds: float) -> int:
    """The most calls that any window of this length holds, wherever it begins: what a sliding window counts."""
    times = sorted(times)
    return max((index + 1 - bisect_right(times, at - seconds) for index, at in enumerate(times)), default=0)


def most_by_the_clock(times: Sequence[float], seconds: float, begins: float = 0.0) -> int:
    """The most calls between two strokes of a clock: what a fixed window counts."""
    return max(Counter((at - begins) // seconds for at in times).values(), default=0)


@contextmanager
def store(kind: str, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A store, and what sets its time in seconds."""
    if kind == "memory":
        yield MemoryBudgets(), lambda now: None
    elif kind == "file":
        kept = FileBudgets(folder / "limits.db")
        yield kept, lambda now: None
        kept.close()
    else:
        from redis import Redis

        told = "redis.call('LRANGE', 'time of the test', 0, 1)"
        script = redis_budgets._SCRIPT
        assert "redis.call('TIME')" in script
        monkeypatch.setattr(redis_budgets, "_SCRIPT", script.replace("redis.call('TIME')", told))
        with Redis.from_url(url) as client:

            def set_time(now: float) -> None:
                with client.pipeline() as together:
                    together.delete("time of the test")
                    together.rpush("time of the test", int(now), round(now % 1 * 1_000_000))
                    together.execute()

            set_time(0)
            yield RedisBudgets(client), set_time


class Day:
    """Many calls of one store in virtual time: some wait, some get no reply, some are never sent.

    Args:
        budgets: The store.
        set_time: Sets its time, if it has one of its own.
        charges: What each call costs.
        seed: Decides who calls when, how long the ways take, and what goes wrong.
        troubled: Whether replies may be lost and calls may fail to leave.
    """

    LEASE = 3.0

    def __init__(
        self, budgets: Any, set_time: Any, charges: tuple[Charge, ...], seed: int, *, troubled: bool = True
    ) -> None:
        self.budgets = budgets
        self.set_time = set_time
        self.charges = charges
        self.random = random.Random(seed)
        self.troubled = troubled
        self.counted: list[float] = []
        self.came: list[int] = []
        self.went: list[int] = []
        self.ended = 0.0
        self._events: list[tuple[float, int, Any]] = []
        self._numbers = itertools.count()

    def at(self, when: float, what: Any) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what))

    def run(self, calls: int, within: float) -> None:
        """All calls begin within so many seconds, and are made, however long that takes."""
        for number in range(calls):
            self.at(1000 + self.random.random() * within, lambda now, number=number: self._ask(number, 0, now))
        while self._events:
            now, _, what = heapq.heappop(self._events)
            self.set_time(now)
            self.ended = now
            what(now)

    def _ask(self, number: int, place: int, now: float) -> None:
        if place == 0:
            self.came.append(number)
        answer = self.budgets.take(self.charges, now, lease=self.LEASE, place=place)
        if not isinstance(answer, Ticket):
            assert answer.nap > 0
            assert answer.place > 0
            self.at(now + answer.nap, lambda later: self._ask(number, answer.place, later))
            return
        self.went.append(number)
        luck = self.random.random() if self.troubled else 1.0
        if luck < 0.1:  # nothing left this machine
            self.at(now + 0.01, lambda later: self.budgets.release(answer))
        elif luck < 0.2:  # it arrived, and no reply came
            self.at(now + self.random.random() * self.LEASE, self.counted.append)
        else:
            there = self.random.choice([0.0, 0.001, 0.3, 1.5]) * self.random.random()
            back = self.random.choice([0.0, 0.01, 0.7]) * self.random.random()
            self.at(now + there, self.counted.append)
            self.at(now + there + back, lambda later: self.budgets.settle(answer, later))
