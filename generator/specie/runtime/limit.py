"""A limit as a spec words it: how many calls, or how much of what calls cost, in any window of time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Final, NamedTuple

__all__ = ["Limit", "Told", "limits_of"]

_RATE: Final = re.compile(r"([0-9]+)/([0-9]*)(s|min|h|d) per ([a-z]+(?:\+[a-z]+)*)")
_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_WORDS: Final = re.compile(r"\b(?:cost|used|left)\b")
_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"


class Told(NamedTuple):
    """What an exchange told of a limit beside a reply.

    Attributes:
        cost: What this call cost; `None` where only the sum was told.
        used: What was used in the window that ends now, by everybody who shares the limit.
    """

    cost: int | None
    used: int | None


class Limit:
    """`count` calls in any `seconds`, counted for each of `scope` together.

    Args:
        rate: `COUNT/WINDOW per SCOPE`, such as `1200/min per ip+account`.
        unit: What is counted: `calls`, or what calls cost.
        reported: The header of each reply that tells what the call cost, and how to read it: the words `cost`, `used`
            and `left` stand for numbers, as in `{"X-Usage": "cost:used:left"}`.

    Raises:
        ValueError: If that is no limit.
    """

    __slots__ = ("_pattern", "count", "header", "reported", "scope", "seconds", "text", "unit")

    def __init__(self, rate: str, *, unit: str = "calls", reported: Mapping[str, str] | None = None) -> None:
        match = _RATE.fullmatch(rate)
        if match is None:
            raise ValueError(f"{rate!r} is not a limit; write COUNT/WINDOW per SCOPE, such as 1200/min per ip+account")
        count, times, window, scope = match.groups()
        self.text = rate
        self.count = int(count)
        self.seconds = int(times or 1) * _UNITS[window]
        self.scope = tuple(scope.split("+"))
        self.unit = unit
        self.reported = dict(reported or {})
        self.header = next(iter(self.reported), "")
        words = re.escape(self.reported.get(self.header, ""))
        self._pattern = re.compile(_WORDS.sub(lambda word: f"(?P<{word[0]}>{_NUMBER})", words))

    def told(self, header: str) -> Told | None:
        """What that header tells; None for nonsense, or for nothing."""
        match = self._pattern.fullmatch(header.strip())
        if match is None:
            return None
        said = {name: min(ceil(float(value)), self.count) for name, value in match.groupdict().items() if value}
        used = said.get("used", self.count - said["left"] if "left" in said else None)
        return Told(said.get("cost"), used)

    def __repr__(self) -> str:
        return f"Limit({self.text!r})" if self.unit == "calls" else f"Limit({self.text!r}, unit={self.unit!r})"


def limits_of(given: tuple[str | Limit, ...]) -> tuple[Limit, ...]:
    """Limits, of which some may be mere text."""
    return tuple(_limit(one) if isinstance(one, str) else one for one in given)


_limit = lru_cache(maxsize=256)(Limit)  # most operations that have limits have the same
