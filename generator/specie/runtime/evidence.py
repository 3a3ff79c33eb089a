"""Whether a record of the exchange can stem from a call, must stem from it, or cannot.

A record that cannot is never believed, and one that merely can is never claimed: between the two tests lies what no
document settles, such as how far the clocks of an exchange's servers are apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple

from .scalars import EPOCH
from .shapes import Scalar, shapes_of

__all__ = ["Condition", "Span", "plain_value", "sent_between", "time_of"]

# The time of an order comes from the exchange's engine, the `Date` of a reply from whatever stands before it. A record
# this much too early is still taken for a possible one, so that a slow clock in there makes no order disappear.
DOUBT_MS: Final = 10_000
# A record this much too early or too late is still taken for a sure one.
MARGIN_MS: Final = 2_000
# How wrong a clock is taken to be of which nothing is known.
UNKNOWN_CLOCK_MS: Final = 24 * 3_600_000


class Span(NamedTuple):
    """When the exchange can have got a call, by its own clock, in milliseconds since 1970.

    Attributes:
        first: Not earlier.
        last: Not later, unless it was delayed.
        known: Whether the two clocks were ever compared; if not, the bounds are wide and prove nothing.
    """

    first: int
    last: int
    known: bool

    @property
    def since(self) -> int:
        """Where reading begins so as to miss no record of the call."""
        return self.first - DOUBT_MS

    def rules_out(self, time: Span | None) -> bool:
        """Whether a record of that time is older than the call."""
        return time is not None and time.last < self.since

    def holds(self, time: Span | None, patience_ms: int) -> bool:
        """Whether a record of that time surely came with the call, or within the time that it may have been delayed."""
        if time is None or not self.known:
            return False
        return time.last >= self.first - MARGIN_MS and time.first <= self.last + patience_ms + MARGIN_MS


def sent_between(sent_ms: int, uncertainty_ms: int | None) -> Span:
    """The span of a call that was sent at a time, by a clock that is so uncertain."""
    slack = UNKNOWN_CLOCK_MS if uncertainty_ms is None else uncertainty_ms
    return Span(sent_ms - slack, sent_ms + slack, uncertainty_ms is not None)


def time_of(record: object, field: str) -> Span | None:
    """The time that a field of a record holds, as a span as wide as its unit; None where it holds none."""
    value = getattr(record, field)
    if value is None:
        return None
    unit = _unit(type(record), field)
    if unit == "iso":
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        ms = int((moment - EPOCH).total_seconds() * 1000)
    else:
        ms = int(Decimal(value) * (1 if unit == "millis" else 1000))
    if ms < _PLAUSIBLE_MS:
        return None
    return Span(ms, ms + (999 if unit == "seconds" else 0), True)


_PLAUSIBLE_MS: Final = 10**11
"""Milliseconds below this are of 1973 or before: no order's time, but one in another unit than is documented."""


def _unit(cls: type[object], field: str) -> str:
    shape = next((one.shape for one in shapes_of(cls) if one.name == field), None)
    return shape.unit if isinstance(shape, Scalar) else ""


class Condition:
    """What a field must be for its record to stem from a call: `field` or `field or field`, and what was sent: `name`,
    `up to name` or `plus or minus name`, with ` unless other` behind it. Without such an argument in the call it holds.
    """

    __slots__ = ("_argument", "_fields", "_unless", "_way")

    def __init__(self, fields: str, wanted: str) -> None:
        way, argument, unless = parse_wanted(wanted)
        self._fields = tuple(fields.split(" or "))
        self._way = _WAYS[way]
        self._argument = argument
        self._unless = unless

    def holds(self, record: Any, sent: Mapping[str, object]) -> bool:
        """Whether it holds for a record and the arguments of a call."""
        wanted = sent.get(self._argument)
        if wanted is None or (self._unless and sent.get(self._unless) is not None):
            return True
        return any(self._fits(getattr(record, field), plain_value(wanted)) for field in self._fields)

    def _fits(self, found: object, wanted: object) -> bool:
        return found is not None and self._way(plain_value(found), wanted)


_WANTED = re.compile(r"(?P<way>up to |plus or minus |)(?P<name>[a-z][a-z0-9_]*)(?: unless (?P<other>[a-z][a-z0-9_]*))?")


def parse_wanted(text: str) -> tuple[str, str, str]:
    """How a field is compared (`""`, `up to` or `plus or minus`), with which argument, and unless which is given.

    Raises:
        ValueError: It is none.
    """
    match = _WANTED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no argument, nor 'up to', 'plus or minus' or 'unless' with one")
    return match["way"].strip(), match["name"], match["other"] or ""


def plain_value(value: object) -> object:
    """A value as it is compared: that of an enum's member, and the value itself of anything else."""
    return value.value if isinstance(value, Enum) else value


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, Decimal) or isinstance(wanted, Decimal):
        return _number(found) == _number(wanted)
    return str(found) == str(wanted)


def _up_to(found: object, wanted: object) -> bool:
    return abs(_number(found)) <= abs(_number(wanted))


def _but_for_sign(found: object, wanted: object) -> bool:
    return abs(_number(found)) == abs(_number(wanted))


def _number(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


_WAYS: Final[Mapping[str, Callable[[object, object], bool]]] = {
    "": _same,
    "up to": _up_to,
    "plus or minus": _but_for_sign,
}


def all_hold(conditions: Iterable[Condition], record: Any, sent: Mapping[str, object]) -> bool:
    """Whether all of several conditions hold."""
    return all(one.holds(record, sent) for one in conditions)
