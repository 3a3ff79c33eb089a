"""Exact money: decimals that are rounded where it is said, and nowhere else.

All arithmetic of the market runs in a context that traps every inexact result. What has to be rounded (a value finer
than a currency's unit, a fee) is rounded by the functions here, to whole multiples of a unit.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

ZERO = Decimal(0)
EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""The context of all that changes a market."""

LIMIT = Decimal("1E30")
"""No figure that comes in may be greater; what is counted stays far below what the context can hold."""

_ROUNDING = Context(prec=120, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_PLACES = Decimal("0.00000001")


def floor_to(value: Decimal, unit: Decimal) -> Decimal:
    """The greatest multiple of the unit that is not above a value (never negative), written to the unit's places."""
    return EXACT.multiply(EXACT.divide_int(value, unit), unit)


def ceil_to(value: Decimal, unit: Decimal) -> Decimal:
    """The least multiple of the unit that is not below a value (never negative), written to the unit's places."""
    floor = floor_to(value, unit)
    return floor if floor == value else floor + unit


def is_multiple(value: Decimal, unit: Decimal) -> bool:
    """Whether a value is a whole number of units."""
    return floor_to(value, unit) == value


def ratio(value: Decimal, of: Decimal) -> Decimal:
    """A quotient, rounded to 8 places; 0 where there is nothing to divide by."""
    return _ROUNDING.quantize(_ROUNDING.divide(value, of), _PLACES) if of else ZERO
