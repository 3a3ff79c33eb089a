"""The life of one local book: when it may be believed, and what is done when it may not.

Sans I/O: it is told what happened and when, and says what to ask for. It never waits and never looks at a clock;
`deadline` is when it wants to be woken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from .book import PriceBook, PriceComparison
from .levels import Side, Unusable
from .orders_book import OrdersBook, OrdersComparison
from .upkeep import BookRule

__all__ = ["Action", "Ask", "Keeper", "Renew"]

_PATIENCE: Final = 30.0
_LONGEST_PAUSE: Final = 60.0
_LONGEST_RETAKE: Final = 5.0
_STEADY: Final = 60.0
_MOST_BUFFERED: Final = 20_000


class Ask(NamedTuple):
    """Ask for the whole book by REST; answer with `answered` or `refused` and the same token."""

    purpose: Literal["snapshot", "check"]
    token: int


class Renew(NamedTuple):
    """Subscribe anew; `joined` follows."""

    reason: str


Action: TypeAlias = Ask | Renew


class Keeper:
    """Keeps one book from the messages of one channel.

    It is invalid from the first moment, and again from each lost connection, gap, contradiction or unreadable message
    until it is surely the exchange's: nothing of the time before is carried over.

    Args:
        rule: How the book is kept.
        depth: How many levels a side may have, where what lies deeper must be dropped.
        shown: How many levels of a side both the stream and REST show, where that is known.
        check_every: Seconds between comparisons with REST; `None` for never.
        random: Gives numbers from 0 to 1, for pauses that do not coincide with others'.

    Attributes:
        reason: Why the book is not valid; empty if it is.
        version: Grows with each change of the book or of its validity.
        deadline: When to call `wake`, in the caller's seconds; `None` for never.
    """

    def __init__(
        self,
        rule: BookRule,
        *,
        depth: int | None = None,
        shown: int | None = None,
        check_every: float | None = 60.0,
        random: Callable[[], float],
    ) -> None:
        self._book: PriceBook | OrdersBook = (
            OrdersBook(rule) if rule.kind == "orders" else PriceBook(rule, depth, shown)
        )
        self._rule = rule
        self._check_every = check_every if (rule.snapshot if rule.kind == "orders" else rule.check) else None
        self._random = random
        self._stage: Literal["away", "waiting", "pausing", "valid"] = "away"
        self._failures = 0
        self._valid_since = 0.0
        self._token = 0
        self._buffer: list[object] = []
        self._snapshot: Any = None
        self._until: float | None = None  # the end of a pause or of patience, or when a snapshot has settled
        self._check_at: float | None = None
        self._check: PriceComparison | OrdersComparison | None = None
        self._answer: Any = None
        self.reason = "it is not subscribed yet"
        self.version = 0

    # -- what can be read ----------------------------------------------------------------------------------------------

    @property
    def valid(self) -> bool:
        """Whether the book may be read."""
        return self._stage == "valid"

    @property
    def bids(self) -> Side:
        """The offers to buy."""
        return self._book.bids

    @property
    def asks(self) -> Side:
        """The offers to sell."""
        return self._book.asks

    @property
    def sequence(self) -> int | None:
        """The number of the last message, where messages bear one."""
        return self._book.sequence

    @property
    def deadline(self) -> float | None:
        """When to call `wake`."""
        times = [one for one in (self._until, self._check_at) if one is not None]
        return min(times) if times else None

    # -- what happens --------------------------------------------------------------------------------------------------

    def joined(self, now: float) -> list[Action]:
        """The subscription stands; no message of the time before follows."""
        self._invalidate("the whole book did not come yet")
        return self._begin(now)

    def lost(self, now: float, reason: str) -> list[Action]:  # noqa: ARG002 - all inputs are told when they happened
        """The connection is gone, or was given up; `joined` follows."""
        self._invalidate(f"the connection was lost: {reason}")
        self._stage = "away"
        return []

    def message(self, now: float, message: object, whole: bool) -> list[Action]:
        """A message of the channel came."""
        try:
            if self._stage == "valid":
                self._follow(message, whole)
            elif self._rule.snapshot is not None:
                self._keep(message)
            elif whole or self._rule.kind == "whole":
                self._book.clear()
                self._book.replace(message)
                self._validate(now)
        except Unusable as unusable:
            return self._broken(now, str(unusable))
        return [] if self._answer is None else self._compare(now, last=False)

    def malformed(self, now: float, reason: str, *, ours: bool) -> list[Action]:
        """A message could not be read; `ours`: it is known to be of this channel."""
        gap_shows = self._rule.step is not None or self._rule.previous is not None
        if self._stage == "away" or (gap_shows and not ours):
            return []
        return self._broken(now, f"a message could not be read: {reason}")

    def answered(self, now: float, token: int, result: Any) -> list[Action]:
        """The answer to an `Ask`."""
        if token != self._token:
            return []
        if self._check is not None:
            self._answer = result
            self._check_at = now + self._check.patience
            return self._compare(now, last=False)
        self._snapshot = result
        if self._book.settle:
            self._until = now + self._book.settle
            return []
        return self._adopt(now)

    def refused(self, now: float, token: int, reason: str) -> list[Action]:
        """An `Ask` could not be answered."""
        if token != self._token:
            return []
        if self._check is not None:
            self._end_check(now)
            return []
        return self._broken(now, f"the whole book could not be had: {reason}")

    def wake(self, now: float) -> list[Action]:
        """The deadline came."""
        if self._until is not None and now >= self._until:
            self._until = None
            if self._stage == "pausing":
                return self._restart(now)
            if self._snapshot is not None:
                return self._adopt(now)
            return self._broken(now, f"the whole book did not come within {_PATIENCE:g} seconds")
        if self._check_at is not None and now >= self._check_at:
            self._check_at = None
            return self._begin_check() if self._check is None else self._compare(now, last=True)
        return []

    # -- becoming valid ------------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Action]:
        self._stage = "waiting"
        if self._rule.snapshot is None:
            # One that is always whole comes when something changes, however long that takes.
            self._until = now + _PATIENCE if self._rule.kind == "deltas" else None
            return []
        if self._book.settle:
            # Where nothing acknowledges a subscription, a snapshot asked for at once might be made before it holds, and
            # what happened between the two would be in neither.
            self._stage = "pausing"
            self._until = now + self._book.settle
            return []
        return self._ask_snapshot()

    def _ask_snapshot(self) -> list[Action]:
        # What came before it is asked for is in it.
        self._buffer = []
        self._snapshot = None
        self._token += 1
        return [Ask("snapshot", self._token)]

    def _keep(self, message: object) -> None:
        if self._stage == "waiting":
            self._buffer.append(message)
            if len(self._buffer) > _MOST_BUFFERED:
                raise Unusable(f"{_MOST_BUFFERED} messages came before the whole book did")

    def _adopt(self, now: float) -> list[Action]:
        snapshot = self._snapshot
        try:
            self._book.clear()
            self._book.adopt(snapshot, self._buffer)
        except Unusable as unusable:
            return self._broken(now, str(unusable))
        self._validate(now)
        return []

    def _validate(self, now: float) -> None:
        self._stage = "valid"
        self.reason = ""
        self.version += 1
        self._valid_since = now
        self._until = self._snapshot = None
        self._buffer = []
        self._end_check(now)

    def _follow(self, message: object, whole: bool) -> None:
        if whole and self._rule.kind == "deltas":
            self._book.clear()
            self._book.replace(message)
        elif not self._book.follow(message):
            return
        self.version += 1
        if self._check is not None:
            self._check.note()

    # -- becoming invalid ----------------------------------------------------------------------------------------------

    def _invalidate(self, reason: str) -> None:
        self._book.clear()
        self._buffer = []
        self._snapshot = None
        self._until = self._check_at = self._check = self._answer = None
        self._token += 1
        if self.valid or reason != self.reason:
            self.version += 1
        self.reason = reason

    def _broken(self, now: float, reason: str) -> list[Action]:
        if self.valid and now - self._valid_since >= _STEADY:
            self._failures = 0
        self._invalidate(reason)
        self._failures += 1
        if self._failures == 1:
            return self._restart(now)
        self._stage = "pausing"
        self._until = now + self._pause()
        return []

    def _pause(self) -> float:
        most = _LONGEST_RETAKE if self._rule.snapshot is not None else _LONGEST_PAUSE
        return min(most, 0.5 * 2.0 ** min(self._failures - 2, 10)) * (0.5 + self._random() / 2)

    def _restart(self, now: float) -> list[Action]:
        if self._rule.snapshot is not None:
            self._stage = "waiting"
            return self._ask_snapshot()
        # One that is always whole may be put right by its next message, before the subscription is renewed.
        self._stage = "waiting" if self._rule.kind == "whole" else "away"
        self._until = now + _PATIENCE if self._rule.kind == "deltas" else None
        return [Renew(self.reason)]

    # -- comparing with REST -------------------------------------------------------------------------------------------

    def _begin_check(self) -> list[Action]:
        self._check = self._book.comparison()
        self._token += 1
        return [Ask("check", self._token)]

    def _compare(self, now: float, *, last: bool) -> list[Action]:
        check = self._check
        difference = "" if check is None or self._answer is None else check.differs(self._answer, last=last)
        if difference is None:
            return []
        if difference:
            return self._broken(now, f"it is not what the exchange says by REST: {difference}")
        self._end_check(now)
        return []

    def _end_check(self, now: float) -> None:
        self._check = self._answer = None
        self._token += 1
        every = self._check_every
        self._check_at = None if every is None else now + every * (0.9 + self._random() / 5)
