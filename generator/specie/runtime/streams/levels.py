"""One side of an order book: prices in order, each with its amount; changed by bisection, read best first.

Amounts are exact: nothing is ever rounded, whatever the precision that the program has set for its own decimals.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final, NamedTuple

__all__ = ["Level", "Side", "Unusable", "exact_sum", "positive"]

_EXACT: Final = Context(prec=500, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_ZERO: Final = Decimal(0)


class Level(NamedTuple):
    """A price of an order book.

    Attributes:
        price: In quote currency.
        amount: What is offered at that price, in base currency.
    """

    price: Decimal
    amount: Decimal


class Unusable(Exception):
    """What was received cannot be part of a book, or does not follow what came before; the text says why."""


def positive(value: object, what: str, *, zero: bool = False) -> Decimal:
    """The value, if it is a finite number above zero (or zero, where that means something).

    Raises:
        Unusable: It is not.
    """
    if not isinstance(value, Decimal):
        raise Unusable(f"{what} is missing" if value is None else f"{what} is {value!r}, no decimal")
    if not value.is_finite() or not (value > _ZERO or (zero and value == _ZERO)):
        raise Unusable(f"{what} is {value}")
    return value


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts, to the last digit.

    Raises:
        Unusable: It has more digits than any amount of money has.
    """
    total = _ZERO
    try:
        for amount in amounts:
            total = _EXACT.add(total, amount)
    except DecimalException:
        raise Unusable("the amounts are too far apart in size to be added exactly") from None
    return total


class Side:
    """One side of a book.

    Args:
        highest_first: Whether the highest price is the best one: of bids it is, of asks it is not.
    """

    __slots__ = ("_amounts", "_prices", "highest_first")

    def __init__(self, highest_first: bool) -> None:
        self.highest_first = highest_first
        self._amounts: dict[Decimal, Decimal] = {}
        self._prices: list[Decimal] = []  # ascending on both sides

    @property
    def name(self) -> str:
        """`bids` or `asks`."""
        return "bids" if self.highest_first else "asks"

    def replace(self, levels: Iterable[tuple[Decimal, Decimal]]) -> None:
        """Take these levels for all there are. A level of zero is none.

        Raises:
            Unusable: A number is out of range, or a price is given twice.
        """
        amounts: dict[Decimal, Decimal] = {}
        given = 0
        for price, amount in levels:
            amounts[positive(price, "a price")] = positive(amount, "an amount", zero=True)
            given += 1
        if len(amounts) != given:
            raise Unusable(f"a price is given twice among the {self.name}")
        self._amounts = {price: amount for price, amount in amounts.items() if amount}
        self._prices = sorted(self._amounts)

    def change(self, levels: Iterable[tuple[Decimal, Decimal]]) -> None:
        """Set the amounts of these prices; an amount of zero ends a level.

        Raises:
            Unusable: A number is out of range.
        """
        amounts = self._amounts
        for price, amount in levels:
            positive(price, "a price")
            positive(amount, "an amount", zero=True)
            if amount and price in amounts:
                amounts[price] = amount  # most changes are of this kind
            else:
                self.set(price, amount)

    def set(self, price: Decimal, amount: Decimal) -> None:
        """Set the amount of a price; zero ends the level. Both are known to be in range."""
        if price in self._amounts:
            if amount:
                self._amounts[price] = amount
            else:
                del self._amounts[price]
                del self._prices[bisect_left(self._prices, price)]
        elif amount:
            self._amounts[price] = amount
            self._prices.insert(bisect_left(self._prices, price), price)

    def trim(self, depth: int) -> None:
        """Drop all but the best levels."""
        excess = len(self._prices) - depth
        if excess > 0:
            worst = self._prices[:excess] if self.highest_first else self._prices[-excess:]
            for price in worst:
                del self._amounts[price]
            self._prices = self._prices[excess:] if self.highest_first else self._prices[:-excess]

    def clear(self) -> None:
        """Forget all levels."""
        self._amounts = {}
        self._prices = []

    def copy(self) -> Side:
        """A side of its own with the same levels."""
        other = Side(self.highest_first)
        other._amounts = self._amounts.copy()
        other._prices = self._prices.copy()
        return other

    def amount_at(self, price: Decimal) -> Decimal:
        """What is offered at exactly this price; zero if nothing."""
        return self._amounts.get(price, _ZERO)

    @property
    def best_price(self) -> Decimal | None:
        """The best price; `None` if there is none."""
        return self._prices[-1 if self.highest_first else 0] if self._prices else None

    def best(self) -> Level | None:
        """The best level; `None` if there is none."""
        price = self.best_price
        return None if price is None else Level(price, self._amounts[price])

    def top(self, levels: int | None = None) -> list[Level]:
        """The best levels, best first; all of them unless a number is given."""
        return [Level(price, self._amounts[price]) for price in self._best_prices(levels)]

    def volume(self, *, price: Decimal | None = None, levels: int | None = None) -> Decimal:
        """What is offered in sum, at this price or a better one and within so many levels."""
        within = self._best_prices(levels)
        if price is not None:
            highest_first = self.highest_first
            within = (one for one in within if (one >= price if highest_first else one <= price))
        return exact_sum(self._amounts[one] for one in within)

    def _best_prices(self, levels: int | None) -> Iterable[Decimal]:
        if not self.highest_first:
            return self._prices if levels is None else self._prices[:levels]
        if levels is None:
            return reversed(self._prices)
        return reversed(self._prices[max(0, len(self._prices) - levels) :])

    def __len__(self) -> int:
        return len(self._prices)

    def __iter__(self) -> Iterator[Level]:
        return iter(self.top())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Side):
            return NotImplemented
        return self.highest_first == other.highest_first and self._amounts == other._amounts

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self)} levels, best {self.best()}>"


def spread_of(bids: Side, asks: Side) -> Decimal | None:
    """How far the best prices are apart; `None` if a side is empty."""
    bid, ask = bids.best(), asks.best()
    return None if bid is None or ask is None else _EXACT.subtract(ask.price, bid.price)


def crossing(bids: Side, asks: Side) -> str | None:
    """Why the sides cannot be those of one market, if they cannot: somebody offers more than somebody else asks."""
    bid, ask = bids.best_price, asks.best_price
    if bid is None or ask is None or bid < ask:
        return None
    return f"the book is crossed: the best bid is {bid}, the best ask {ask}"
