"""What is to happen later, in order of time; at the same time, in the order in which it was noted."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Agenda:
    def __init__(self) -> None:
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._noted = 0

    def note(self, due_ms: int, action: Callable[[int], None]) -> None:
        """Have an action called at a time, which it is told."""
        self._noted += 1
        heappush(self._due, (due_ms, self._noted, action))

    def take(self, until_ms: int) -> tuple[int, Callable[[int], None]] | None:
        """The next action that is due by a time."""
        if not self._due or self._due[0][0] > until_ms:
            return None
        due_ms, _, action = heappop(self._due)
        return due_ms, action
