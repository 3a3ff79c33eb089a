"""What all groups of Bibox say alike: ids, bounds, figures and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from ...market import (
    AboveMaximum,
    BelowMinimum,
    DuplicateClientId,
    InsufficientFunds,
    OrderNotFound,
    OrderNotOpen,
    PrecisionExceeded,
    Refusal,
    Side,
    UnknownCurrency,
    UnknownInstrument,
    Window,
)
from ...wire import Refused
from .. import Call
from ..live import LiveFace, places, whole_number

R = TypeVar("R")

MAX_PRICE = Decimal(100_000_000)
"""Of every pair; the core knows no such bound."""
_PARAMETERS = {"price": "price", "amount": "quantity", "notional": "quantity"}


class Words(LiveFace):
    """A face that refuses in the words of Bibox."""

    def refused(self, refusal: Refusal, call: Call) -> Refused:
        """Codes are chosen by words: these are the words of the table of codes."""
        match refusal:
            case OrderNotFound() | OrderNotOpen() if call.operation.id == "orders.cancel":
                return Refused("OrderNotFound", "the order to be cancelled is settled already, or never was")
            case OrderNotFound():
                return Refused("OrderNotFound", "there is no such order")
            case UnknownInstrument():
                return Refused("InvalidSymbol", f"there is no such trading pair: {refusal.pair}")
            case UnknownCurrency():
                return Refused("InvalidSymbol", f"there is no such asset: {refusal.currency}")
            case PrecisionExceeded() | BelowMinimum() | AboveMaximum():
                return bad(_PARAMETERS[refusal.what], str(refusal))
            case DuplicateClientId():
                return bad("client_order_id", str(refusal))
            case InsufficientFunds():
                return bad("quantity", f"the balance is not enough: {refusal}", error="InsufficientFunds")
            case _:
                return super().refused(refusal, call)


def window_of(call: Call, first: int = 0) -> Window:
    """The bounds of a call; its ids count from `first`."""
    given = call.arguments
    ids = {name: _number(name, given[name]) - first for name in ("before", "after") if name in given}
    return Window(given.get("start_time"), given.get("end_time"), ids.get("after"), ids.get("before"))


def part(records: Sequence[R], given: Mapping[str, Any]) -> Sequence[R]:
    """The end of a list, or its beginning if the call says where to begin and not where to end."""
    limit = given.get("limit", 100)
    begins = "after" in given or ("start_time" in given and "end_time" not in given)
    return records[:limit] if begins else records[-limit:]


def _number(name: str, text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise bad(name, "it is no whole number")
    return number


def bad(parameter: str, why: str, error: str = "InvalidOrder") -> Refused:
    """The words that clients have seen, and then why."""
    return Refused(error, f"Invalid parameter '{parameter}', it has a bad value: {why}")


def text(value: Decimal | None, count: int = 0) -> str:
    return format(places(value or Decimal(0), count), "f")


def signed(side: Side, value: Decimal) -> Decimal | int:
    """Negative for a sale; nothing is a plain 0."""
    if not value:
        return 0
    return -value if side is Side.SELL else value
