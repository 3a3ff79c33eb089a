"""What all groups of BitoPro say alike: how figures are written, how ids are made, and the words of refusals.

The texts of refusals are those that were recorded. Where none was, the words are ours, and the status is the one that
the exchange has for refusals of that class.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from ...market import (
    AboveMaximum,
    BelowMinimum,
    InsufficientFunds,
    OrderNotFound,
    OrderNotOpen,
    PrecisionExceeded,
    Refusal,
    TooManyOpenOrders,
    UnknownCurrency,
    UnknownInstrument,
)
from ...wire import Refused
from .. import Call
from ..live import LiveFace, numeric_id, places, trimmed

R = TypeVar("R")

DAY_MS = 86_400_000
SPAN_MS = 90 * DAY_MS
"""How far back histories reach, and how long a range may be."""


def text(value: Decimal) -> str:
    """A figure without zeros at its end, as most replies have it."""
    return format(trimmed(value), "f")


def coins(value: Decimal) -> str:
    """A figure with eight places, as tickers, public trades and lists of transfers have it."""
    return format(places(value, 8), "f")


def limited(rows: list[R], given: Mapping[str, Any], default: int) -> list[R]:
    """So many rows as were asked for."""
    return rows[: given.get("limit", default)]


def time_range(given: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """The times that a history is asked for: 90 days, unless less is said.

    A longer range can only come from a `start` alone that is too early; the page says that it is adjusted, and here its
    begin is.
    """
    end = given.get("end", now_ms)
    return max(given.get("start", end - SPAN_MS), end - SPAN_MS), end


def refusal(error: str, message: str, status: int = 422) -> Refused:
    """A refusal in the exchange's own words; 422 is the status of the recorded ones."""
    return Refused(error, message, status=status, verbatim=True)


def wrong_parameter(wire: str) -> Refused:
    return refusal("InvalidRequest", f"Wrong parameter: {wire}")


def number(wanted: str, wire: str) -> int:
    """What a list is asked for by id, as a number."""
    try:
        return numeric_id(wanted)
    except OrderNotFound:
        raise wrong_parameter(wire) from None


class BitoProGroup(LiveFace):
    """What the groups share."""

    def pair(self, name: str) -> str:
        """A pair as the market calls it; the exchange takes either case."""
        if name.upper() not in self.market.instruments:
            raise UnknownInstrument(name)
        return name.upper()

    def currency(self, name: str) -> str:
        """A currency as the market calls it."""
        if name.upper() not in self.market.currencies:
            raise UnknownCurrency(name)
        return name.upper()

    def refused(self, refusal: Refusal, call: Call) -> Refused:
        return _worded(refusal, call) or super().refused(refusal, call)


def _worded(said: Refusal, call: Call) -> Refused | None:
    match said:
        case UnknownInstrument():
            return refusal("InvalidSymbol", f"Unsupported trading pair {said.pair.lower()}.")
        case UnknownCurrency():
            return refusal("InvalidSymbol", "Unsupported currency.")
        case InsufficientFunds():
            has, ordered = text(said.available), text(said.needed)
            message = f"Balance for {said.currency.lower()} not enough, only has {has}, but ordered {ordered}."
            return refusal("InsufficientFunds", message)
        case PrecisionExceeded() | BelowMinimum() | AboveMaximum() if call.operation.group == "wallet":
            return wrong_parameter("amount")
        case PrecisionExceeded():
            limit = -int(trimmed(said.unit).as_tuple().exponent)
            return refusal("InvalidOrder", f"Invalid {_figure(said.what)} {said.value:f}, decimal limit is {limit}.")
        case BelowMinimum():
            least = text(said.minimum)
            return refusal("InvalidOrder", f"Invalid {_figure(said.what)} {said.value:f}, minimum is {least}.")
        case AboveMaximum():
            most = text(said.maximum)
            return refusal("InvalidOrder", f"Invalid {_figure(said.what)} {said.value:f}, maximum is {most}.")
        case OrderNotOpen():
            # No reply was recorded. An order that has ended is as good as unknown to a call that is to end it.
            return refusal("OrderNotFound", f"The order is not open, but {said.order.state.value}.", 404)
        case TooManyOpenOrders():
            return refusal("InvalidOrder", f"No more than {said.limit} orders of {said.pair.lower()} may be open.")
        case _:
            return None


def _figure(what: str) -> str:
    """Which of the two recorded sentences speaks of a figure."""
    return "price" if "price" in what else "amount"
