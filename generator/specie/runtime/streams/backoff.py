"""How long to wait before dialling anew: longer with each failure in a row, and never at the same time as others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .options import Options

__all__ = ["Backoff"]

_SETTLED: Final = 10.0
"""Seconds that a connection must have held for its loss not to count as one more failure in a row."""
_LONGEST_WAIT: Final = 300.0
"""The longest that a `Retry-After` is obeyed."""


class Backoff:
    """The pauses of one connection.

    Args:
        options: The user's.
        random: Gives a number from 0 to 1.
    """

    def __init__(self, options: Options, random: Callable[[], float]) -> None:
        self._options = options
        self._random = random
        self._failures = 0

    def held(self, seconds: float) -> None:
        """It was lost after it had held for so long."""
        if seconds >= _SETTLED:
            self._failures = 0

    def pause(self, wait: float | None) -> float | None:
        """Seconds to wait after one more failure; `None` if that was the last attempt.

        Args:
            wait: Seconds that the exchange asks to wait.
        """
        self._failures += 1
        options = self._options
        if options.attempts is not None and self._failures >= options.attempts:
            return None
        bound = min(options.longest_pause, options.first_pause * 2.0 ** min(self._failures - 1, 60))
        return max(self._random() * bound, min(wait or 0.0, _LONGEST_WAIT))
