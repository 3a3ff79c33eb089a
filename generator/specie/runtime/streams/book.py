"""A book told price by price: whole, or whole once and then the changes, in the order of their numbers.

Nothing is guessed: a message that does not surely follow the one before makes the book unusable, and whoever keeps it
starts anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, NamedTuple

from .levels import Side, Unusable, crossing
from .upkeep import BookRule

__all__ = ["Numbering", "PriceBook", "PriceComparison"]

_REMEMBERED: Final = 10_000
_BACKWARD: Final = 100
_STATES: Final = 500
_HABIT: Final = 2


def number_in(message: object, field: str) -> int:
    """The sequence number that a message bears.

    Raises:
        Unusable: It bears none.
    """
    return _whole_number(attrgetter(field)(message), field)


def _whole_number(value: object, field: str) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return int(value)
        except ValueError:
            pass
    raise Unusable(f"{field} is {value!r}, no number to go by")


class Numbering:
    """Whether a message follows the last one, by the numbers that they bear.

    With a step, or with the number of the message before, a missing one is noticed. Where numbers merely rise, it is
    not; but a late one is, since it is lower than the last one and was not seen.
    """

    def __init__(self, rule: BookRule) -> None:
        self._rule = rule
        self._number = None if rule.sequence is None else attrgetter(rule.sequence)
        self._merely_rises = rule.kind == "deltas" and rule.step is None and rule.previous is None
        self._older = 0
        self._told_older = False
        self._seen: set[int] = set()
        self._order: deque[int] = deque()
        self._first = -1
        self._whole_first = False
        self._latest: object = None
        self._backward = 0
        self._between = False
        self.last: int | None = None

    def start(self, last: int | None, message: object = None, *, between: bool = False) -> None:
        """Go on from here; `between`: the number is a snapshot's, and may lie between those of two messages."""
        if last is not None:
            self._older = self._older + 1 if self._told_older else 0
            self._told_older = False
        self._seen.clear()
        self._order.clear()
        self._first = -1 if last is None else last
        self._whole_first = last is not None and not between and self._rule.kind == "deltas"
        self._latest = message
        self._backward = 0
        self._between = between
        self.last = last

    def follows(self, message: object) -> bool:
        """Whether the message is the next one; if not, it is an old one.

        Raises:
            Unusable: It is neither, so one is missing or too late.
        """
        last = self.last
        if self._number is None:
            return True
        number = _whole_number(self._number(message), self._rule.sequence or "")
        if last is None or number > last:
            self._check_gap(message, number, last)
            self._take(number, message)
            return True
        if number == last:
            if self._latest is not None and self._latest != message:
                raise Unusable(f"two different messages bear the number {number}")
            return False
        self._check_late(number, last)
        return False

    def _check_gap(self, message: object, number: int, last: int | None) -> None:
        rule = self._rule
        if last is None or rule.kind == "whole":
            return
        if rule.previous is not None:
            before = number_in(message, rule.previous)
            if before != last and not (self._between and before < last):
                raise Unusable(f"a message is missing: {number} follows {before}, and {last} was the last one")
        elif rule.step is not None and number != last + rule.step:
            raise Unusable(f"a message is missing: {number} came after {last}")

    def _check_late(self, number: int, last: int) -> None:
        self._backward += 1
        if self._backward > _BACKWARD:
            raise Unusable(f"the numbers went back: {number} after {last}, and no higher one since")
        if self._merely_rises and number > self._first and number not in self._seen:
            raise Unusable(f"a message came too late: {number} after {last}")
        if self._whole_first and number < self._first and not self._told_older:
            # What was taken for the whole book was perhaps none, and this one is. An exchange that sends older messages
            # behind each whole book does so again, and is believed then.
            self._told_older = True
            if self._older < _HABIT:
                raise Unusable(f"a message came that is older than the whole book: {number} after {self._first}")

    def _take(self, number: int, message: object) -> None:
        self.last = number
        self._latest = message
        self._backward = 0
        self._between = False
        if self._merely_rises:
            self._seen.add(number)
            self._order.append(number)
            if len(self._order) > _REMEMBERED:
                self._seen.discard(self._order.popleft())


class PriceBook:
    """A book whose messages tell amounts of prices.

    Args:
        rule: How its messages are to be read.
        depth: How many levels a side may have, where what lies deeper must be dropped.
        shown: How many levels of a side both the stream and REST show, where that is known.
    """

    settle: Final = 0.0

    def __init__(self, rule: BookRule, depth: int | None = None, shown: int | None = None) -> None:
        self.bids = Side(highest_first=True)
        self.asks = Side(highest_first=False)
        self.rule = rule
        self.depth = depth
        self.shown = shown or 0
        self._numbering = Numbering(rule)
        self._levels = _level_reader(rule.price, rule.amount)
        self._bids_of = attrgetter(rule.bids)
        self._asks_of = attrgetter(rule.asks)

    @property
    def sequence(self) -> int | None:
        """The number of the last message that is in it."""
        return self._numbering.last

    def clear(self) -> None:
        """Forget everything."""
        self.bids.clear()
        self.asks.clear()
        self._numbering.start(None)

    def replace(self, message: object) -> None:
        """Take a message for the whole book.

        Raises:
            Unusable: It cannot be one.
        """
        rule = self.rule
        self._fill(self.bids, message, rule.bids, self._levels)
        self._fill(self.asks, message, rule.asks, self._levels)
        self._numbering.start(None if rule.sequence is None else number_in(message, rule.sequence), message)
        self._finish()

    def follow(self, message: object) -> bool:
        """Take the next message; false if it is an old one.

        Raises:
            Unusable: It does not follow, or cannot be part of a book.
        """
        rule = self.rule
        if not self._numbering.follows(message):
            return False
        if rule.kind == "whole":
            self._fill(self.bids, message, rule.bids, self._levels)
            self._fill(self.asks, message, rule.asks, self._levels)
        else:
            # A side that a message of changes lacks has none.
            if bids := self._bids_of(message):
                self.bids.change(self._levels(bids))
            if asks := self._asks_of(message):
                self.asks.change(self._levels(asks))
        self._finish()
        return True

    def adopt(self, snapshot: object, messages: Sequence[object]) -> None:
        """Take a snapshot made by REST, and the messages since it was asked for.

        Amounts are those that a price has, not differences, so changes that the snapshot has already do no harm.

        Args:
            snapshot: The result of the call.
            messages: All messages since it was asked for, in their order.

        Raises:
            Unusable: It is too old, a message is missing, or something cannot be part of a book.
        """
        rule, how = self.rule, self.rule.snapshot
        if how is None:
            raise TypeError("a book of this kind has no snapshot")
        levels = _level_reader(how.price, how.amount)
        self._fill(self.bids, snapshot, how.bids, levels)
        self._fill(self.asks, snapshot, how.asks, levels)
        if rule.sequence is not None and how.sequence is not None:
            self._numbering.start(number_in(snapshot, how.sequence), between=True)
        else:
            self._numbering.start(None)
        for message in messages:
            self.follow(message)
        self._finish()

    def _fill(self, side: Side, message: object, field: str, levels: LevelReader) -> None:
        given = attrgetter(field)(message)
        if given is None:
            raise Unusable(f"the {side.name} are missing")
        side.replace(levels(given))

    def _finish(self) -> None:
        if self.depth is not None:
            self.bids.trim(self.depth)
            self.asks.trim(self.depth)
        reason = crossing(self.bids, self.asks)
        if reason is not None:
            raise Unusable(reason)

    def comparison(self) -> PriceComparison:
        """Begin to compare with what REST says."""
        return PriceComparison(self)


LevelReader = Callable[[Iterable[Any]], Iterable[tuple[Decimal, Decimal]]]


def _level_reader(price: str, amount: str) -> LevelReader:
    read: Callable[[Any], tuple[Decimal, Decimal]] = attrgetter(price, amount)
    return lambda levels: map(read, levels)


class _State(NamedTuple):
    sequence: int | None
    bids: Side
    asks: Side


class PriceComparison:
    """The states of a book while REST is asked, one of which its answer should be.

    Only what can be compared is: the same number on both sides, or, without numbers, a book that did not change
    meanwhile; and no deeper than both go.
    """

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._states: list[_State] = []
        self.patience: float = 5.0 if book.rule.sequence is not None else 0.5
        self.note()

    def note(self) -> None:
        """The book changed."""
        if len(self._states) <= _STATES:
            book = self._book
            self._states.append(_State(book.sequence, book.bids.copy(), book.asks.copy()))

    def differs(self, answer: object, *, last: bool) -> str | None:
        """How the book differs from the answer: empty if it does not, or if they cannot be compared.

        Args:
            answer: The result of the call.
            last: Whether no more states will come.

        Returns:
            `None` while that cannot be known yet.
        """
        rule, states = self._book.rule, self._states
        if len(states) > _STATES:
            return ""
        if rule.sequence is None:
            return (self._difference(states[0], answer) if len(states) == 1 else "") if last else None
        try:
            number = number_in(answer, rule.sequence)
        except Unusable:
            return ""
        for state in states:
            if state.sequence == number:
                return self._difference(state, answer)
        if number < (states[-1].sequence or 0):
            return ""
        return self._difference(states[-1], answer) if last else None

    def _difference(self, state: _State, answer: object) -> str:
        rule = self._book.rule
        levels = _level_reader(rule.price, rule.amount)
        bids, asks = Side(highest_first=True), Side(highest_first=False)
        try:
            bids.replace(levels(attrgetter(rule.bids)(answer) or ()))
            asks.replace(levels(attrgetter(rule.asks)(answer) or ()))
        except Unusable:
            return ""
        # Either list may be cut at a depth that nobody tells; but a side that is shorter than the other one of the same
        # list, or than what is shown, cannot have been cut.
        shown = self._book.shown
        ours, theirs = max(len(state.bids), len(state.asks), shown), max(len(bids), len(asks), shown)
        for mine, other in ((state.bids, bids), (state.asks, asks)):
            depth = min(len(mine), len(other))
            wrong = next((one for one in zip(mine.top(depth), other.top(depth), strict=True) if one[0] != one[1]), None)
            if wrong is not None:
                here, there = wrong
                return (
                    f"the {mine.name} differ: {here.amount} at {here.price} here, {there.amount} at {there.price} there"
                )
            if (len(mine) > depth and len(other) < theirs) or (len(other) > depth and len(mine) < ours):
                return f"there are {len(mine)} {mine.name} here and {len(other)} there"
        return ""
