"""What a client did itself: the receipts that it was given, and the records that it found to stem from lost calls.

So a reconciliation takes no order for the lost one that another call placed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .basics import is_array
from .clock import ServerClock
from .errors import OutcomeUnknown

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Memory", "memory_of", "remember"]

_KEPT: Final = 1000


class Receipt(NamedTuple):
    """That the exchange took something from this client: which effect, under which id, and when."""

    effect: str
    id: str
    at_ms: int


class Memory:
    """The latest receipts of a client and its copies, and the records that were found to stem from lost calls."""

    def __init__(self, settings: Settings) -> None:
        self._lock = threading.Lock()
        self._receipts: deque[Receipt] = deque(maxlen=_KEPT)
        self._claims: deque[tuple[str, str]] = deque(maxlen=_KEPT)
        # A clock that the user gave is obeyed as it is; how far it is off is learned beside it, for this alone.
        clock = settings.clock
        self.clock = clock if isinstance(clock, ServerClock) else ServerClock(clock)
        self.learns = not isinstance(clock, ServerClock)

    def took(self, effect: str, ids: Iterable[str], at_ms: int) -> None:
        """Keep receipts."""
        with self._lock:
            self._receipts.extend([Receipt(effect, one, at_ms) for one in ids])

    def took_since(self, effect: str, since_ms: int) -> bool:
        """Whether there is a receipt of that time or later."""
        with self._lock:
            return any(one.effect == effect and one.at_ms >= since_ms for one in self._receipts)

    def others(self, effect: str, unknown: OutcomeUnknown) -> set[str]:
        """Ids of what this client knows to stem from other calls."""
        with self._lock:
            taken = {one.id for one in self._receipts if one.effect == effect}
            taken |= {one for kind, one in self._claims if kind == effect}
            return taken - set(unknown.reconciled_ids)

    def claim(self, effect: str, unknown: OutcomeUnknown, ids: Iterable[str]) -> bool:
        """Keep what a lost call was found to be, so that no other is found to be the same; False if one was already."""
        claimed = [(effect, one) for one in ids]
        with self._lock:
            if unknown.reconciled_ids:
                return True
            if any(one in self._claims for one in claimed):
                return False
            self._claims.extend(claimed)
            unknown.reconciled_ids = tuple(one for _, one in claimed)
            return True


_making: Final = threading.Lock()


def memory_of(settings: Settings) -> Memory:
    """The memory of a client; its copies share it."""
    owner = settings.owner
    if owner.memory is None:
        with _making:
            owner.memory = owner.memory or Memory(settings)
    return owner.memory


def remember(settings: Settings, effect: str, field: str, result: Any) -> None:
    """Keep the ids of a receipt, or of several, so that their orders are not taken for one that was lost.

    Args:
        settings: Those of the client.
        effect: What the call did.
        field: The field that holds the id.
        result: What the call gave.
    """
    receipts = result if is_array(result) else [result]
    memory_of(settings).took(effect, [str(getattr(one, field)) for one in receipts], settings.clock())
