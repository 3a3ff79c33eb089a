"""A book as it was at one moment: what a strategy reads, and cannot read while it may be wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from ..errors import BookInvalid, InvalidType, InvalidValue
from ..scalars import Amount
from .levels import Level, Side, spread_of

__all__ = ["BookView", "ReadsBook"]


class ReadsBook:
    """What can be read of a book; all but `valid` and `reason` raises `BookInvalid` while the book may be wrong."""

    __slots__ = ()

    def view(self) -> BookView:
        """The book as it is now, for reading several things of one and the same moment."""
        raise NotImplementedError

    @property
    def valid(self) -> bool:
        """Whether the book surely is what the exchange told last, with nothing missing, and not crossed."""
        return not self.view().reason

    @property
    def reason(self) -> str:
        """Why the book is not valid; empty if it is."""
        return self.view().reason

    @property
    def best_bid(self) -> Level | None:
        """The highest offer to buy; `None` if there is none."""
        return self.view().side("bids").best()

    @property
    def best_ask(self) -> Level | None:
        """The lowest offer to sell; `None` if there is none."""
        return self.view().side("asks").best()

    @property
    def spread(self) -> Decimal | None:
        """How far the best ask is above the best bid, in quote currency; `None` if a side is empty."""
        view = self.view()
        return spread_of(view.side("bids"), view.side("asks"))

    @property
    def bids(self) -> list[Level]:
        """The offers to buy, best first."""
        return self.view().side("bids").top()

    @property
    def asks(self) -> list[Level]:
        """The offers to sell, best first."""
        return self.view().side("asks").top()

    @property
    def sequence(self) -> int | None:
        """The exchange's number of the last message that is in it; `None` where messages bear none."""
        view = self.view()
        view.side("bids")
        return view.last_sequence

    @property
    def updated_at_ms(self) -> int:
        """When the last message came that changed it: milliseconds since 1970, by the client's clock."""
        view = self.view()
        view.side("bids")
        return view.last_update_ms

    def depth(self, levels: int) -> tuple[list[Level], list[Level]]:
        """The best levels of both sides, best first: bids and asks of one moment.

        Args:
            levels: How many of each side, at most.

        Raises:
            BookInvalid: The book may be wrong.
            InvalidValue: It is no whole number above 0.
        """
        view, levels = self.view(), _checked_levels(levels)
        return view.side("bids").top(levels), view.side("asks").top(levels)

    def volume(
        self, side: Literal["bids", "asks"], *, price: Amount | None = None, levels: int | None = None
    ) -> Decimal:
        """What a side offers in sum, in base currency.

        Args:
            side: `bids` or `asks`.
            price: Down to this price of bids, or up to this price of asks; without bound unless given.
            levels: Within so many of the best levels; within all unless given.

        Raises:
            BookInvalid: The book may be wrong.
            InvalidValue: There is no such side, or a bound cannot be one.
            InvalidType: A price of another type; a float would not be the price that you see.
        """
        if side not in ("bids", "asks"):
            raise InvalidValue(f"side must be 'bids' or 'asks', not {side!r}", parameter="side")
        bound = None if price is None else _checked_price(price)
        return self.view().side(side).volume(price=bound, levels=None if levels is None else _checked_levels(levels))


class BookView(ReadsBook):
    """A book as it was at one moment; it does not change.

    Attributes:
        last_sequence: As `sequence`, whether it is valid or not.
        last_update_ms: As `updated_at_ms`, whether it is valid or not; 0 if no message came yet.
    """

    __slots__ = ("_asks", "_bids", "_name", "_reason", "last_sequence", "last_update_ms")

    def __init__(
        self, name: str, bids: Side, asks: Side, *, reason: str, last_sequence: int | None, last_update_ms: int
    ) -> None:
        self._name = name
        self._bids = bids
        self._asks = asks
        self._reason = reason
        self.last_sequence = last_sequence
        self.last_update_ms = last_update_ms

    def view(self) -> BookView:
        """Itself."""
        return self

    @property
    def valid(self) -> bool:
        """Whether the book surely was what the exchange told last, with nothing missing, and not crossed."""
        return not self._reason

    @property
    def reason(self) -> str:
        """Why the book was not valid; empty if it was."""
        return self._reason

    def side(self, side: Literal["bids", "asks"]) -> Side:
        """One side, for reading.

        Raises:
            BookInvalid: The book may be wrong.
        """
        if self._reason:
            raise BookInvalid(f"the book of {self._name} is not valid: {self._reason}", reason=self._reason)
        return self._bids if side == "bids" else self._asks

    def shown_as(self, what: str) -> str:
        """Its `repr`, for something that stands for it."""
        if self._reason:
            return f"<{what} {self._name}, not valid: {self._reason}>"
        return f"<{what} {self._name}: {_shown(self._bids)} to {_shown(self._asks)}>"

    def __repr__(self) -> str:
        return self.shown_as(type(self).__name__)


def _shown(side: Side) -> str:
    best = side.best()
    return "nothing" if best is None else f"{best.price}"


def _checked_levels(levels: object) -> int:
    if not isinstance(levels, int) or isinstance(levels, bool) or levels < 1:
        raise InvalidValue(f"levels must be a whole number above 0, not {levels!r}", parameter="levels")
    return levels


def _checked_price(price: object) -> Decimal:
    if isinstance(price, bool) or not isinstance(price, (Decimal, int, str)):
        raise InvalidType(
            f"price must be a Decimal, an int or a str, not {type(price).__name__}: write Decimal('{price}')",
            parameter="price",
        )
    try:
        checked = Decimal(price)
    except ArithmeticError:
        raise InvalidValue(f"price must be a number, not {price!r}", parameter="price") from None
    if not checked.is_finite():
        raise InvalidValue(f"price must be a finite number, not {price!r}", parameter="price")
    return checked
