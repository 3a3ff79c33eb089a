"""A part of a history: from a time or an id, to a time or an id.

Histories are kept in ascending order of both, so that a window is found by bisection. How many records a reply holds,
from which end and after which cursor, is a face's business.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs

R = TypeVar("R")


@attrs.frozen
class Window:
    """Bounds, all of them inclusive: times in milliseconds, and ids. None is no bound."""

    start_ms: int | None = None
    end_ms: int | None = None
    first_id: int | None = None
    last_id: int | None = None

    def of(self, records: Sequence[R], identity: Callable[[R], int], time_ms: Callable[[R], int]) -> Sequence[R]:
        """The records within the bounds, of records that ascend by id and by time."""
        low, high = 0, len(records)
        if self.first_id is not None:
            low = max(low, bisect_left(records, self.first_id, key=identity))
        if self.last_id is not None:
            high = min(high, bisect_right(records, self.last_id, key=identity))
        if self.start_ms is not None:
            low = max(low, bisect_left(records, self.start_ms, key=time_ms))
        if self.end_ms is not None:
            high = min(high, bisect_right(records, self.end_ms, key=time_ms))
        return records[low:high]


ALL = Window()
