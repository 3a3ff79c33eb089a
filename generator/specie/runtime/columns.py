"""Whole columns of freshly decoded values, looked over at once: the numbers that must be finite, the ids that must be
text.

A loop over a thousand objects costs more than decoding them; `map` over one field of all of them costs next to nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import chain
from typing import Any, TypeAlias

from .shapes import FieldShape, Scalar

__all__ = [
    "Doubtful",
    "Fix",
    "as_text",
    "each",
    "finite",
    "in_lists",
    "in_maps",
    "keys",
    "later",
    "optional",
    "present",
]


class Doubtful(Exception):
    """The fast pass read something that it cannot vouch for."""


Fix: TypeAlias = Callable[[list[Any]], list[Any]]
"""Looks over a column of values and gives it back, or a corrected one; an empty column is never passed."""


def each(put: Callable[[Any, Any], object], targets: Iterable[Any], values: Iterable[Any]) -> None:
    """Put the values into the targets, one each."""
    deque(map(put, targets, values), maxlen=0)


def finite(column: list[Any]) -> list[Any]:
    """Decimals that are numbers; `Decimal("NaN")` is none."""
    if not all(map(Decimal.is_finite, column)):
        raise Doubtful("a number that is none")
    return column


def as_text(column: list[Any]) -> list[Any]:
    """Ids as text, whichever way they came."""
    if int not in set(map(type, column)):
        return column
    if not _PERHAPS_ROUNDED.isdisjoint(column):
        raise Doubtful("a number that may have been rounded")
    return list(map(str, column))


_PERHAPS_ROUNDED = frozenset((2**53, -(2**53)))
"""msgspec takes 9007199254740993.0 for a whole number too, and rounds it to the first of these; it refuses what is
larger and written so, and keeps every digit of what is written without a point.
"""


def present(inner: Fix | None) -> Fix:
    """Values of which none may be missing."""

    def fix(column: list[Any]) -> list[Any]:
        # Absent keys are None here and filled in by `keys`; where no key stands outside, the reference pass says what
        # is missing.
        if None in column:
            raise Doubtful("a required field is missing")
        return column if inner is None else inner(column)

    return fix


def optional(inner: Fix | None, textual: bool) -> Fix | None:
    """Values that may be missing; an empty text is a missing one."""
    if inner is None and not textual:
        return None

    def fix(column: list[Any]) -> list[Any]:
        if textual and "" in column:
            column = [None if value == "" else value for value in column]
        if inner is None:
            return column
        there = [value for value in column if value is not None]
        if not there:
            return column
        fixed = inner(there)
        if fixed is there:
            return column
        if len(fixed) == len(column):
            return fixed
        remaining = iter(fixed)
        return [None if value is None else next(remaining) for value in column]

    return fix


def in_lists(inner: Fix) -> Fix:
    """The items of lists."""

    def fix(lists: list[Any]) -> list[Any]:
        if len(lists) == 1:
            only = lists[0]
            return [inner(only)] if only else lists
        flat = list(chain.from_iterable(lists))
        if flat and (fixed := inner(flat)) is not flat:
            start = 0
            for items in lists:
                items[:] = fixed[start : start + len(items)]
                start += len(items)
        return lists

    return fix


def in_maps(inner: Fix) -> Fix:
    """The values of maps."""

    def fix(maps: list[Any]) -> list[Any]:
        flat = list(chain.from_iterable(map(dict[str, Any].values, maps)))
        if flat and (fixed := inner(flat)) is not flat:
            start = 0
            for members in maps:
                members.update(zip(members, fixed[start : start + len(members)], strict=True))
                start += len(members)
        return maps

    return fix


def keys(inner: Fix | None, key: FieldShape) -> Fix:
    """Maps whose keys become a field of their items, as lists."""
    kind = key.shape.kind if isinstance(key.shape, Scalar) else ""
    if kind not in ("text", "id"):
        return _doubt  # the key must be converted; the reference pass does that

    def fix(maps: list[Any]) -> list[Any]:
        lists: list[Any] = []
        for members in maps:
            items = list(members.values())
            each(key.slot.__set__, items, members)
            lists.append(items)
        flat = list(chain.from_iterable(lists))
        if flat and inner is not None and inner(flat) is not flat:
            raise Doubtful("keyed items that are made anew")
        return lists

    return fix


def _doubt(_: list[Any]) -> list[Any]:
    raise Doubtful("keys that are not text")


def later(fixes: dict[type[Any], Fix | None], cls: type[Any]) -> Fix:
    """A fix that is not made yet: a model within itself."""

    def fix(column: list[Any]) -> list[Any]:
        now = fixes[cls]
        return column if now is None else now(column)

    return fix
