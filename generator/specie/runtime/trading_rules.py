"""What an order in one market must keep to, and orders made to fit: never larger and never worse than asked for.

    rules = client.market.rules("btc_twd")
    order = rules.order("BUY", amount="0.12345678901", price="2850000.7")
    order.amount, order.price, order.changes

Amounts are rounded down, the price of a buyer down, that of a seller up. What rounding cannot mend is refused before
anything is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary

from .errors import InvalidType, InvalidValue
from .evidence import plain_value
from .operation import Operation
from .scalars import Amount

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Bounds", "Change", "Figure", "PairRules", "SizedOrder", "TradingRules"]

T = TypeVar("T")

# More digits than any product or quotient of two arguments has in front of its last certain one.
_EXACT: Final = Context(prec=600)


class Bounds(NamedTuple):
    """What one figure of an order must keep to; `None` where nothing is known.

    Attributes:
        step: It is a multiple of this.
        least: It is not below this.
        most: It is not above this.
    """

    step: Decimal | None = None
    least: Decimal | None = None
    most: Decimal | None = None


class Change(NamedTuple):
    """What was changed of an order to make it fit.

    Attributes:
        figure: `amount`, `quote_amount` or `price`.
        asked: What was asked for.
        given: What it is now.
        why: The rule that demanded it.
    """

    figure: str
    asked: Decimal
    given: Decimal
    why: str


class SizedOrder(NamedTuple):
    """The figures of an order that fits its market; those that it does not have are `None`.

    Attributes:
        pair: The market.
        side: As it was given.
        amount: In base currency.
        quote_amount: What a market order that buys spends, in quote currency.
        price: In quote currency; `None` for a market order.
        changes: What differs from what was asked for; empty if nothing does.
    """

    pair: str
    side: str
    amount: Decimal | None
    quote_amount: Decimal | None
    price: Decimal | None
    changes: tuple[Change, ...]


class TradingRules(Generic[T]):
    """What an order in one market must keep to.

    Args:
        pair: The market.
        price: Bounds of a price, in quote currency.
        amount: Bounds of an amount, in base currency.
        value: Bounds of price times amount, in quote currency.
        quote_amount: Bounds of what a market order that buys spends, in quote currency; `None` where there are no
            market orders.
        source: What the exchange says of the market, in its own words.
    """

    __slots__ = ("amount", "pair", "price", "quote_amount", "source", "value")

    def __init__(
        self,
        pair: str,
        *,
        price: Bounds,
        amount: Bounds,
        value: Bounds,
        quote_amount: Bounds | None,
        source: T,
    ) -> None:
        self.pair = pair
        self.price = price
        self.amount = amount
        self.value = value
        self.quote_amount = quote_amount
        self.source = source

    def __repr__(self) -> str:
        figures = ("price", "amount", "value", "quote_amount")
        return f"TradingRules({self.pair!r}, {', '.join(f'{name}={getattr(self, name)!r}' for name in figures)})"

    def order(
        self,
        side: str,
        *,
        amount: Amount | None = None,
        quote_amount: Amount | None = None,
        price: Amount | None = None,
    ) -> SizedOrder:
        """Figures of an order that fits, never larger and never worse than these.

        Args:
            side: Buy or sell: a text in capitals or small letters, or the exchange's own `Side`.
            amount: How much to trade, in base currency.
            quote_amount: How much a market order that buys spends, in quote currency; in place of `amount`.
            price: Price of a limit order, in quote currency; none for a market order.

        Raises:
            InvalidValue: It cannot be made to fit; `parameter` and `rule` say what is in the way.
            InvalidType: A figure is no number, or a float.
        """
        buys = self._buys(side)
        self._check_kind(buys, amount, quote_amount, price)
        fitted = _Fitted(self.pair)
        kept = None if amount is None else fitted.figure("amount", amount, self.amount, ROUND_FLOOR)
        spent = None
        if quote_amount is not None and self.quote_amount is not None:
            spent = fitted.figure("quote_amount", quote_amount, self.quote_amount, ROUND_FLOOR)
        worst = None
        if price is not None:
            worst = fitted.figure("price", price, self.price, ROUND_FLOOR if buys else ROUND_CEILING)
        if kept is not None and worst is not None:
            fitted.bounded("value", _EXACT.multiply(kept, worst), self.value, "amount")
        return SizedOrder(self.pair, side, kept, spent, worst, tuple(fitted.changes))

    @staticmethod
    def _buys(side: str) -> bool:
        word = str(plain_value(side)).upper()
        if word not in ("BUY", "SELL"):
            raise InvalidValue(f"side: {side!r} is neither buy nor sell", parameter="side")
        return word == "BUY"

    def _check_kind(self, buys: bool, amount: Amount | None, quote_amount: Amount | None, price: Amount | None) -> None:
        def wrong(parameter: str, reason: str) -> InvalidValue:
            return InvalidValue(f"{self.pair}: {parameter}: {reason}", parameter=parameter)

        if (amount is None) == (quote_amount is None):
            raise wrong("amount", "give one of amount, in base currency, and quote_amount, in quote currency")
        if price is not None:
            if quote_amount is not None:
                raise wrong("quote_amount", "this is what a market order that buys spends; a limit order takes amount")
        elif self.quote_amount is None:
            raise wrong("price", "is required: there are limit orders only")
        elif buys and quote_amount is None:
            raise wrong(
                "amount",
                "a market order that buys takes no amount in base currency: say by quote_amount how much it may "
                "spend, in quote currency; or give a price, for a limit order",
            )
        elif not buys and quote_amount is not None:
            raise wrong("quote_amount", "a market order that sells takes amount, in base currency")


def _plain(number: Decimal) -> str:
    return format(number, "f")


class _Fitted:
    """The figures of one order, and what was changed of them."""

    def __init__(self, pair: str) -> None:
        self.pair = pair
        self.changes: list[Change] = []

    def figure(self, name: str, asked: Amount, bounds: Bounds, rounding: str) -> Decimal:
        """A figure that fits."""
        from .converters import Bad, exact

        try:
            wanted = exact(asked)
        except Bad as bad:
            raise bad.error(self.pair, name) from None
        if wanted <= 0:
            raise self._refused(name, f"{_plain(wanted)} is not above 0", "> 0")
        found = wanted
        if bounds.step is not None:
            found = _EXACT.multiply(
                _EXACT.divide(wanted, bounds.step).to_integral_value(rounding, context=_EXACT), bounds.step
            )
            if found != wanted:
                self.changes.append(Change(name, wanted, found, f"a multiple of {_plain(bounds.step)}"))
            if not found:
                rule = f"a multiple of {_plain(bounds.step)}"
                raise self._refused(name, f"{_plain(wanted)} is less than one step of {_plain(bounds.step)}", rule)
        self.bounded(name, found, bounds, name)
        return found

    def bounded(self, name: str, found: Decimal, bounds: Bounds, parameter: str) -> None:
        """Refuse what lies outside of its bounds."""
        if bounds.least is not None and found < bounds.least:
            raise self._refused(parameter, f"{self._said(name, found)} is below {_plain(bounds.least)}", "least")
        if bounds.most is not None and found > bounds.most:
            raise self._refused(parameter, f"{self._said(name, found)} is above {_plain(bounds.most)}", "most")

    def _said(self, name: str, found: Decimal) -> str:
        if name == "value":
            return f"{_plain(found)}, which is price times amount,"
        rounded = any(one.figure == name for one in self.changes)
        return f"{_plain(found)}, to which it is rounded," if rounded else _plain(found)

    def _refused(self, parameter: str, reason: str, rule: str) -> InvalidValue:
        return InvalidValue(f"{self.pair}: {parameter}: {reason}", parameter=parameter, rule=rule)


# -- from an exchange's list of pairs --------------------------------------------------------------------------------


class Figure(NamedTuple):
    """Where a pair's record holds the bounds of one figure; fields by name, or what holds for all pairs.

    Attributes:
        step: Field that it is a multiple of.
        places: Field with its decimal places, or their number.
        least: Field with the least.
        most: Field with the greatest.
    """

    step: str | None = None
    places: str | int | None = None
    least: str | None = None
    most: str | None = None

    def of(self, record: Any) -> Bounds:
        """The bounds that a record holds."""

        def at(name: str | None) -> Decimal | None:
            value = None if name is None else getattr(record, name)
            return None if value is None else Decimal(value)

        step, least, most = at(self.step), at(self.least), at(self.most)
        if self.places is not None:
            places = self.places if isinstance(self.places, int) else getattr(record, self.places)
            step = None if places is None else Decimal(1).scaleb(-int(places))
        if least is not None and most is not None and least > most:
            least = most = None  # a record that contradicts itself bounds nothing; the exchange will judge
        return Bounds(step or None, least, most)


class PairRules(Generic[T]):
    """Where an exchange tells its trading rules.

    Args:
        operation: The list of its pairs.
        pair: Field that names a pair.
        price: Bounds of prices.
        amount: Bounds of amounts.
        value: Bounds of price times amount.
        quote_amount: Bounds of what market orders that buy spend; `None` where there are no market orders.
    """

    def __init__(
        self,
        operation: Operation[list[T]],
        *,
        pair: str,
        price: Figure,
        amount: Figure,
        value: Figure | None = None,
        quote_amount: Figure | None = None,
    ) -> None:
        self.operation = operation
        self.pair = pair
        self._price = price
        self._amount = amount
        self._value = value or Figure()
        self._quote_amount = quote_amount
        self._books: WeakKeyDictionary[object, RuleBook[T]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, record: T) -> TradingRules[T]:
        """The rules of one pair."""
        spent = self._quote_amount
        return TradingRules(
            str(getattr(record, self.pair)),
            price=self._price.of(record),
            amount=self._amount.of(record),
            value=self._value.of(record),
            quote_amount=None if spent is None else spent.of(record),
            source=record,
        )

    def book(self, settings: Settings) -> RuleBook[T]:
        """What a client and its copies keep of the list."""
        with self._lock:
            found = self._books.get(settings.owner)
            if found is None:
                found = self._books[settings.owner] = RuleBook(self, settings.monotonic)
            return found


class RuleBook(Generic[T]):
    """The list of pairs as it was last asked for. Threads may share it."""

    def __init__(self, rules: PairRules[T], monotonic: Callable[[], float]) -> None:
        self._rules = rules
        self._monotonic = monotonic
        self._told: tuple[float, Mapping[str, T]] | None = None

    def known(self, pair: str, max_age: float, pairs: Iterable[T] | None) -> TradingRules[T] | None:
        """The rules of a pair without asking: from a list that is given, or else from the last one while it is young
        enough; `None` if the exchange must be asked.

        Raises:
            InvalidType: The pair is no text.
            InvalidValue: The list that was given has no such pair.
        """
        if not isinstance(cast(object, pair), str):
            raise InvalidType(f"pair must be a str, not {pair!r}", parameter="pair")
        if pairs is not None:
            return self._found(pair, self._by_name(pairs))
        told = self._told
        if told is None or self._monotonic() - told[0] >= max_age or pair.upper() not in told[1]:
            return None
        return self._rules.of(told[1][pair.upper()])

    def learned(self, pair: str, pairs: Iterable[T]) -> TradingRules[T]:
        """The rules of a pair from a list that was just asked for, which is kept.

        Raises:
            InvalidValue: The exchange has no such pair.
        """
        self._told = (self._monotonic(), self._by_name(pairs))
        return self._found(pair, self._told[1])

    def _by_name(self, pairs: Iterable[T]) -> dict[str, T]:
        return {str(getattr(one, self._rules.pair)).upper(): one for one in pairs}

    def _found(self, pair: str, by_name: Mapping[str, T]) -> TradingRules[T]:
        record = by_name.get(pair.upper())
        if record is None:
            from difflib import get_close_matches

            near = get_close_matches(pair.upper(), by_name, n=1)
            hint = f"; did you mean {getattr(by_name[near[0]], self._rules.pair)}?" if near else ""
            raise InvalidValue(f"pair: there is no market {pair!r}{hint}", parameter="pair")
        return self._rules.of(record)
