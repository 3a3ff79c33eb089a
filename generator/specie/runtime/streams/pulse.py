"""Whether the other side lives: when it was heard last, when silence is told, and when it is taken for dead."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Finding", "Pulse"]


class Finding(NamedTuple):
    """What is to be done about a silence.

    Attributes:
        dead: Why the connection counts as dead; empty if it does not.
        stale: How long nothing was heard, if that is to be told now.
        ping: Whether it is time for a ping.
    """

    dead: str = ""
    stale: float | None = None
    ping: bool = False


class Pulse:
    """The signs of life of one connection.

    Args:
        silence: Seconds without one after which it counts as dead; half of them are told.
        ping: Seconds between pings; `None` for none.

    Attributes:
        heard_at: When the last one came.
    """

    def __init__(self, silence: float, ping: float | None) -> None:
        self.heard_at = 0.0
        self._silence = silence
        self._ping = ping
        self._stale = False
        self._pinged_at = 0.0
        self._ping_open = False

    def begin(self, now: float) -> None:
        """The connection stands."""
        self._pinged_at = now
        self.heard(now)

    def heard(self, now: float) -> None:
        """A sign of life."""
        self.heard_at = now
        self._stale = self._ping_open = False

    def ponged(self) -> None:
        """A ping was answered. That shows a link, and not that anybody there has something to send: it counts as
        silence.
        """
        self._ping_open = False

    @property
    def deadline(self) -> float:
        """When to look."""
        at = self.heard_at + (self._silence if self._stale else self._silence / 2)
        return at if self._ping is None else min(at, self._pinged_at + self._ping)

    def look(self, now: float) -> Finding:
        """What is to be done now."""
        quiet = now - self.heard_at
        if quiet >= self._silence:
            return Finding(f"no sign of life for {quiet:g} seconds")
        ping = self._ping is not None and now >= self._pinged_at + self._ping
        if ping and self._ping_open:
            return Finding("a ping was not answered")
        if ping:
            self._pinged_at = now
            self._ping_open = True
        told = quiet >= self._silence / 2 and not self._stale
        self._stale = self._stale or told
        return Finding(stale=quiet if told else None, ping=ping)
