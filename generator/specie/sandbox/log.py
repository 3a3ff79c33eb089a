"""What came to a sandbox: the latest requests, and a count of all."""

from __future__ import annotations

from collections import Counter, deque

import attrs

KEPT = 10_000
"""How many requests are remembered."""


@attrs.frozen
class Seen:
    """One request that came, and what became of it."""

    method: str
    path: str
    exchange: str
    operation: str
    """`group.name`, or empty if none was meant. A handshake has the name of its stream, or `streams` if there may come
    several over the connection."""
    verdict: str
    """`ok`, or the class of the refusal and why; empty if a fault came before any judgement."""
    status: int
    """What was answered, or would have been but for a fault; 0 if nothing."""
    signed: bool
    """Whether it bore a header of a signature, needed or not."""
    fault: str = ""
    """What went wrong on purpose."""


class Log:
    """The requests of a sandbox."""

    def __init__(self) -> None:
        self._latest: deque[Seen] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, seen: Seen) -> None:
        self._latest.append(seen)
        self._counts[seen.exchange] += 1

    @property
    def latest(self) -> list[Seen]:
        """Those that are remembered, in their order."""
        return list(self._latest)

    @property
    def count(self) -> int:
        """How many came."""
        return self._counts.total()

    def count_of(self, exchange: str) -> int:
        """How many came to an exchange."""
        return self._counts[exchange]
