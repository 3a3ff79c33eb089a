"""Small things that many modules speak of: headers, timeouts, and what kinds of data JSON has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard, TypeVar, overload

__all__ = ["Headers", "Timeout", "is_array", "is_many", "is_mapping", "is_object", "is_tuple"]


T = TypeVar("T")


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether parsed JSON is an array."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether parsed JSON is an object."""
    return isinstance(value, dict)


def is_many(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether it is several values: anything to go through but text, bytes and mappings."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether it is a tuple."""
    return isinstance(value, tuple)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether it is a mapping of any kind."""
    return isinstance(value, Mapping)


class Headers(Mapping[str, str]):
    """Response headers; names in any case. Of a name that came twice, the values are joined by a comma."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            earlier = self._values.get(name.lower())
            self._values[name.lower()] = (name, value) if earlier is None else (earlier[0], f"{earlier[1]}, {value}")

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()][1]

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: T) -> str | T: ...
    def get(self, name: str, /, default: T | None = None) -> str | T | None:
        # A mapping's own goes by way of an exception where there is none, and every reply is asked for what it lacks.
        found = self._values.get(name.lower())
        return default if found is None else found[1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"


class Timeout(NamedTuple):
    """How long a call may take, in seconds.

    Attributes:
        connect: To connect.
        read: Between two pieces of an answer.
        total: The whole call, with everything that is tried again; `None` for no bound.
    """

    connect: float = 5.0
    read: float = 15.0
    total: float | None = 60.0

    @classmethod
    def of(cls, given: Timeout | float | None) -> Timeout:
        """A timeout; a number bounds each of connecting and waiting for an answer, and the whole call at four times
        that.
        """
        if given is None:
            return cls()
        if isinstance(given, Timeout):
            return given
        return cls(float(given), float(given), 4.0 * float(given))

    def left(self, elapsed: float) -> Timeout:
        """What is left of it after so many seconds."""
        if self.total is None:
            return self
        rest = max(self.total - elapsed, 0.001)
        return Timeout(min(self.connect, rest), min(self.read, rest), rest)
