"""Nonces that only go up: one source per exchange and key, shared by everything in the process.

A nonce is the clock's milliseconds where they are higher than the last one given, else the last one plus one, so
neither two threads nor a clock that is set back can repeat or lower it.
"""

from __future__ import annotations

import threading
from typing import Protocol

__all__ = ["NonceSource", "Nonces", "shared_nonces"]


class NonceSource(Protocol):
    """Where nonces come from; what shares them among processes or machines implements this."""

    def next(self, scope: str, now_ms: int) -> int:
        """A number higher than every one given before for this scope, and not below `now_ms`.

        Args:
            scope: The exchange and a fingerprint of the key; never the key.
            now_ms: Milliseconds since 1970 by the client's clock.
        """
        ...


class Nonces:
    """Nonces of one process, safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}

    def next(self, scope: str, now_ms: int) -> int:
        with self._lock:
            value = max(now_ms, self._last.get(scope, 0) + 1)
            self._last[scope] = value
            return value


_SHARED = Nonces()


def shared_nonces() -> Nonces:
    """The source that all clients of this process share unless they are given another."""
    return _SHARED
