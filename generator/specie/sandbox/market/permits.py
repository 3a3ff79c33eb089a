"""Whether an order may be as it is asked for: its parts, its precision, its size. Funds are not looked at here."""

from __future__ import annotations

from decimal import Decimal

import attrs

from .amounts import LIMIT, ZERO, floor_to, is_multiple
from .records import Instrument, NewOrder, OrderType, Side
from .refusals import AboveMaximum, BelowMinimum, InvalidOrder, PrecisionExceeded


def permitted(order: NewOrder, instrument: Instrument, quote_unit: Decimal) -> NewOrder:
    """The order with its figures written to the places of their units, or a refusal."""
    _shape(order)
    price = _figure("price", order.price, instrument.price_tick)
    stop_price = _figure("stop_price", order.stop_price, instrument.price_tick)
    amount = _figure("amount", order.amount, instrument.amount_step)
    quote_amount = _figure("quote_amount", order.quote_amount, quote_unit)
    if amount is not None:
        if amount < instrument.min_amount:
            raise BelowMinimum("amount", amount, instrument.min_amount)
        if amount > instrument.max_amount:
            raise AboveMaximum("amount", amount, instrument.max_amount)
    if quote_amount is not None and quote_amount < instrument.min_notional:
        raise BelowMinimum("quote_amount", quote_amount, instrument.min_notional)
    if price is not None and amount is not None and price * amount < instrument.min_notional:
        raise BelowMinimum("notional", price * amount, instrument.min_notional)
    return attrs.evolve(order, price=price, stop_price=stop_price, amount=amount, quote_amount=quote_amount)


def _shape(order: NewOrder) -> None:
    market = order.type is OrderType.MARKET
    stop = order.type is OrderType.STOP_LIMIT
    if market and order.price is not None:
        raise InvalidOrder("a market order has no price")
    if not market and order.price is None:
        raise InvalidOrder(f"a {order.type.value} order needs a price")
    if stop and (order.stop_price is None or order.stop_when is None):
        raise InvalidOrder("a stop-limit order needs a stop price and a condition")
    if not stop and (order.stop_price is not None or order.stop_when is not None):
        raise InvalidOrder(f"a {order.type.value} order has no stop price")
    if order.quote_amount is not None and not (market and order.side is Side.BUY):
        raise InvalidOrder("only a market order that buys can have a quote amount")
    if (order.amount is None) == (order.quote_amount is None):
        raise InvalidOrder("an order needs an amount" if order.amount is None else "an order has one amount only")


def _figure(what: str, value: Decimal | None, unit: Decimal) -> Decimal | None:
    if value is None:
        return None
    if not value.is_finite():
        raise InvalidOrder(f"the {what} is no number")
    if value <= ZERO:
        raise BelowMinimum(what, value, unit)
    if value > LIMIT:
        raise AboveMaximum(what, value, LIMIT)
    if not is_multiple(value, unit):
        raise PrecisionExceeded(what, value, unit)
    return floor_to(value, unit)
