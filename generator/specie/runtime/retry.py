"""When a read is made again, and after what pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Retries", "retry_after"]


class Retries(NamedTuple):
    """How often and how soon a read is made again. What has an effect is never made again.

    Attributes:
        attempts: How many more attempts after the first.
        base: Seconds: the pause before the first of them is a random part of this, doubled each time (full jitter).
        most: Seconds: the longest such pause.
        longest_wait: Seconds: the longest `Retry-After` that is waited for; a longer one ends the call with
            `RateLimited`.
    """

    attempts: int = 2
    base: float = 0.25
    most: float = 8.0
    longest_wait: float = 30.0

    @classmethod
    def of(cls, given: Retries | int | None) -> Retries:
        """Retries; a number says how many."""
        return cls() if given is None else given if isinstance(given, Retries) else cls(given)

    def wait(self, tried: int, asked: float | None, random: Callable[[], float]) -> float | None:
        """Seconds to wait after so many failed attempts, or None to give up."""
        if tried > self.attempts or (asked is not None and asked > self.longest_wait):
            return None
        pause: float = random() * min(self.most, self.base * 2 ** (tried - 1))
        # Never sooner than asked; a little later, and not everyone at once.
        return pause if asked is None else asked + min(pause, self.base)


def retry_after(value: str | None, now_ms: int) -> float | None:
    """The seconds of a `Retry-After` header: a number, or a date; None for nothing or nonsense."""
    if value is None:
        return None
    value = value.strip()
    if value.replace(".", "", 1).isdecimal() and value.isascii():
        return float(value)
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(value)
        if when.tzinfo is None:  # all dates of HTTP are in GMT; else it would be taken for this machine's zone
            when = when.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - now_ms / 1000)
    except (TypeError, ValueError, OverflowError):
        return None
