"""The exchange's clock, learned from its replies.

A reply that was asked for at `sent`, came at `received` (by the clock of this machine) and bears the exchange's time
proves that the offset between the two clocks lies within an interval as wide as the round trip and the precision of
that time. Intervals of several replies are intersected, so a few `Date` headers, whole seconds though they are, soon
tell the offset to within a round trip. The clock moves only when the offset in use is proven wrong: a machine whose
clock is right is left alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from .forks import renew_in_children

__all__ = ["Clock", "ServerClock", "offset_of", "server_date", "shared_clock", "system_clock"]

Clock: TypeAlias = Callable[[], int]
"""Gives milliseconds since 1970."""

_DRIFT: Final = 1e-4
"""How fast two clocks may part: 100 ppm is more than quartz does."""
_SLACK_MS: Final = 50
"""Servers read the time a little before they send it, and some keep the text of a `Date` for a while."""
_LONGEST_TRIP_MS: Final = 60_000
_EARLIEST_MS: Final = 946_684_800_000  # 2000
_LATEST_MS: Final = 4_102_444_800_000  # 2100


def system_clock() -> int:
    """The clock of this machine, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class _Span(NamedTuple):
    """The offset lies between these, milliseconds; told at a moment of the local clock."""

    low: float
    high: float
    told_ms: int

    def grown(self, now_ms: int) -> float:
        """By how much it is less certain at a later moment, either way."""
        return abs(now_ms - self.told_ms) * _DRIFT

    def aged(self, now_ms: int) -> _Span:
        """The same at a later moment: less certain."""
        grown = self.grown(now_ms)
        return _Span(self.low - grown, self.high + grown, now_ms)

    def within(self, other: _Span) -> _Span | None:
        """What both allow; None if they contradict one another."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Span(low, high, max(self.told_ms, other.told_ms)) if low <= high else None

    @property
    def middle(self) -> int:
        return round((self.low + self.high) / 2)


class ServerClock:
    """A clock that learns how far the exchange's is from it. It is a `Clock` itself: call it for the exchange's time.

    A client without a `clock=` of its own has one, shared with all clients of that exchange in the process. A reply
    whose time contradicts what was learned is taken for nonsense until a second one says the same; so a clock that is
    set by hand, or by the network, is noticed after two replies, or at once when the exchange refuses a call for it.

    Args:
        clock: The clock to correct; this machine's unless given.
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        renew_in_children(self)
        self._offset = 0
        self._span: _Span | None = None
        self._rival: _Span | None = None  # what the last reply said, if it contradicts the span

    def __call__(self) -> int:
        """The exchange's time as far as it is known, milliseconds since 1970."""
        return self._clock() + self._offset

    def now_ms(self) -> int:
        """The exchange's time as far as it is known, milliseconds since 1970."""
        return self._clock() + self._offset

    def local_ms(self) -> int:
        """The clock as it is, not corrected: what `sent_ms` and `received_ms` are read from."""
        return self._clock()

    @property
    def offset_ms(self) -> int:
        """What is added to the clock, milliseconds; negative where it is ahead of the exchange's."""
        return self._offset

    @property
    def uncertainty_ms(self) -> int | None:
        """How wrong the offset may be either way, milliseconds; `None` if nothing was learned yet."""
        span = self._span
        if span is None:
            return None
        return round(max(span.high - self._offset, self._offset - span.low) + span.grown(self._clock()))

    def observe(self, sent_ms: int, received_ms: int, server_ms: int, precision_ms: int = 1000) -> bool:
        """Learn from a reply.

        Args:
            sent_ms: `local_ms()` before the request was sent.
            received_ms: `local_ms()` when the reply was there.
            server_ms: The exchange's time in it.
            precision_ms: What that time is cut down to: 1000 for whole seconds, as in a `Date` header.

        Returns:
            Whether the clock moved. It does only if the offset in use cannot be right.
        """
        low, high = _bounds(sent_ms, received_ms, server_ms, precision_ms)
        span = self._span
        if span is not None and self._rival is None:
            grown = span.grown(received_ms)
            if low <= span.low - grown and span.high + grown <= high:
                return False  # nothing new, as most replies: no closer than what is known, and no contradiction
        sample = _sample(sent_ms, received_ms, server_ms, precision_ms)
        if sample is None:
            return False
        with self._lock:
            known = sample if self._span is None else self._span.aged(received_ms).within(sample)
            if known is None:
                rival = self._rival
                known = None if rival is None else rival.aged(received_ms).within(sample)
                if known is None:
                    self._rival = sample
                    return False
            self._span, self._rival = known, None
            return self._move(known, low=known.low, high=known.high)

    def resync(self, sent_ms: int, received_ms: int, server_ms: int, precision_ms: int = 1000) -> bool:
        """Believe this reply alone, at once: for when the exchange refused a call because the clocks differ.

        The arguments are those of `observe`. Returns whether the clock moved.
        """
        sample = _sample(sent_ms, received_ms, server_ms, precision_ms)
        if sample is None:
            return False
        with self._lock:
            known = None if self._span is None else self._span.aged(received_ms).within(sample)
            self._span, self._rival = known or sample, None
            return self._move(self._span, low=self._span.middle, high=self._span.middle)

    def _move(self, span: _Span, *, low: float, high: float) -> bool:
        if low <= self._offset <= high:
            return False
        self._offset = span.middle
        return True

    def forked(self) -> None:
        """See `forks`."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        uncertainty = self.uncertainty_ms
        told = "nothing learned" if uncertainty is None else f"offset {self._offset} ms, within {uncertainty} ms"
        return f"<ServerClock {told}>"


def _sample(sent_ms: int, received_ms: int, server_ms: int, precision_ms: int) -> _Span | None:
    """What a reply proves; None if it is nonsense."""
    if not 0 <= received_ms - sent_ms <= _LONGEST_TRIP_MS or not _EARLIEST_MS <= server_ms <= _LATEST_MS:
        return None
    return _Span(*_bounds(sent_ms, received_ms, server_ms, precision_ms), received_ms)


def _bounds(sent_ms: int, received_ms: int, server_ms: int, precision_ms: int) -> tuple[int, int]:
    return server_ms - received_ms - _SLACK_MS, server_ms + precision_ms - sent_ms + _SLACK_MS


def offset_of(clock: Clock) -> int:
    """What was added to a clock so far, milliseconds; 0 for one that does not learn."""
    return clock.offset_ms if isinstance(clock, ServerClock) else 0


def server_date(headers: Mapping[str, str]) -> int | None:
    """The time in a reply's `Date` header, milliseconds since 1970, to whole seconds.

    None if there is none or it is malformed; and if an `Age` says that a cache answered: the date is then that of an
    answer to somebody else.
    """
    date = headers.get("date")
    if date is None:
        return None
    age = headers.get("age")
    return _date(date) if age is None or age.strip() == "0" else None


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=16)
def _date(text: str) -> int | None:
    from calendar import timegm

    # The one form that HTTP writes dates in: Sun, 06 Nov 1994 08:49:37 GMT. The names are English in every locale.
    words = text.replace(",", " ").replace(":", " ").split()
    try:
        _, day, month, year, hour, minute, second, zone = words
        if zone not in ("GMT", "UTC"):
            return None
        moment = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        if not (1970 <= moment[0] <= 9999 and 1 <= moment[2] <= 31 and moment[3] < 24 and moment[4] < 60):
            return None
        return timegm(moment) * 1000
    except ValueError:
        return None


_SHARED: dict[tuple[str, str], ServerClock] = {}


def shared_clock(exchange: str, origin: str) -> ServerClock:
    """The clock of an exchange's server that all clients of this process share.

    Args:
        exchange: The exchange's name.
        origin: Scheme, host and port of the server.
    """
    return _SHARED.setdefault((exchange, origin), ServerClock())
