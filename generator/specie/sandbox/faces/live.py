"""A face over a living market: one method for each operation, which gives the result as the exchange would write it.

A live face derives from `LiveFace` and has a method `<group>_<operation>(call)` for every operation of its exchange.
What a method returns is plain data: objects, arrays, text, and `Decimal` or `int` for what the exchange writes as JSON
numbers. The envelope is put round it here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from functools import cached_property
from typing import Any, cast

from specie.compiler.model import Exchange

from ..market import (
    AboveMaximum,
    BelowMinimum,
    DuplicateClientId,
    InsufficientFunds,
    InvalidOrder,
    Market,
    OrderNotFound,
    OrderNotOpen,
    PrecisionExceeded,
    Refusal,
    TooManyOpenOrders,
    TransferNotFound,
    UnknownCurrency,
    UnknownInstrument,
    UnknownVoucher,
    VoucherSpent,
)
from ..streams.sessions import Streams
from ..wire import Refused, Reply
from . import Call


class LiveFace:
    """What the faces of all exchanges have in common.

    Args:
        exchange: The model of the exchange.
        market: What is behind the face; shared with the streams of the same exchange.
        funds: What an account starts with, by currency: it is opened by the first call that its key signs.
    """

    def __init__(self, exchange: Exchange, market: Market, funds: Mapping[str, Decimal]) -> None:
        self.exchange = exchange
        self.market = market
        self.funds = dict(funds)

    @cached_property
    def streams(self) -> Streams | None:
        """What the exchange tells as it happens; None if it has no streams."""
        return None

    def welcome(self, account: str, now_ms: int) -> None:
        """Open an account if it is new."""
        if account and account not in self.market.accounts:
            self.market.open_account(account, self.funds, now_ms=now_ms)

    def answer(self, call: Call) -> Reply:
        self.market.advance(call.now_ms)
        self.welcome(call.account, call.now_ms)
        method = getattr(self, call.operation.id.replace(".", "_"))
        try:
            result = method(call)
        except Refusal as refusal:
            raise self.refused(refusal, call) from refusal
        return Reply(200, to_json(self.wrapped(result, call)).encode())

    def wrapped(self, result: Any, call: Call) -> Any:
        """A result in the envelope of the exchange."""
        envelope, returns = self.exchange.envelope, call.operation.returns
        # What may stand without the object around it stands so in the documents; the object is what was recorded.
        for key in () if returns.at_optional else reversed(returns.at):
            result = {key: result}
        if envelope is None or returns.bare:
            return result
        if envelope.result:
            for key in reversed(envelope.result.split(".")):
                result = {key: result}
        return {**dict(envelope.ok), **result}

    def refused(self, refusal: Refusal, call: Call) -> Refused:
        """What the exchange says when the market refuses: the class of the errors map, and its words.

        A face that knows its exchange's own words says those, and leaves the rest to this.
        """
        del call
        error = next((name for kind, name in _CLASSES if isinstance(refusal, kind)), "InvalidRequest")
        return Refused(error, str(refusal))


# The first that fits counts.
_CLASSES: tuple[tuple[type[Refusal], str], ...] = (
    (UnknownInstrument, "InvalidSymbol"),
    (UnknownCurrency, "InvalidSymbol"),
    (InsufficientFunds, "InsufficientFunds"),
    (OrderNotFound, "OrderNotFound"),
    (OrderNotOpen, "OrderNotFound"),
    (InvalidOrder, "InvalidOrder"),
    (PrecisionExceeded, "InvalidOrder"),
    (BelowMinimum, "InvalidOrder"),
    (AboveMaximum, "InvalidOrder"),
    (TooManyOpenOrders, "InvalidOrder"),
    (DuplicateClientId, "InvalidOrder"),
    (TransferNotFound, "NotFound"),
    (UnknownVoucher, "NotFound"),
    (VoucherSpent, "NotFound"),
)


def whole_number(text: str) -> int | None:
    """The number that a text is, such as an id; none if it is no number, or absurdly long."""
    # Python reads no number of thousands of digits.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 100 else None


def numeric_id(text: str) -> int:
    """An id of the core from its text; one that is not even a number is the id of no order."""
    number = whole_number(text)
    if number is None:
        raise OrderNotFound(text)
    return number


# What refusals tell of may have more digits than decimals have by default.
_WIDE = Context(prec=120)


def trimmed(value: Decimal) -> Decimal:
    """The same value without zeros at the end of its fraction: 10, not 10.00 and not 1E+1."""
    integral = value == value.to_integral_value()
    whole = value.quantize(Decimal(1), context=_WIDE) if integral else value.normalize(_WIDE)
    return whole if whole else abs(whole)  # never -0


def places(value: Decimal, count: int) -> Decimal:
    """The same value with at least so many decimal places; none that it has is lost."""
    have = -int(trimmed(value).as_tuple().exponent)
    return trimmed(value).quantize(Decimal(1).scaleb(-max(count, have)), context=_WIDE)


def to_json(value: Any) -> str:
    """JSON in which a `Decimal` is a number with all its digits, in plain notation."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value).items()
        return "{" + ",".join(f"{_quoted(str(key))}:{to_json(one)}" for key, one in members) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(to_json(one) for one in cast("Sequence[object]", value)) + "]"
    return _quoted(value)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
