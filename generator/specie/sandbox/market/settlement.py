"""What a trade moves: value one way, amount the other, fees to the house, and holds that shrink with what is left.

Values, fees and holds are rounded down to the unit of their currency. A hold is enough nevertheless: what several
trades pay, each rounded down, is never more than what one trade of their sum would pay, rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs

from .amounts import ZERO, floor_to
from .ledger import FEES, OTHERS, EntryKind, Ledger
from .orders import Orders
from .records import Currency, FeeIn, Fill, Instrument, Order, OrderState, Role, Side, Trade


class Settlement:
    """Moves money when orders have met."""

    def __init__(self, currencies: Mapping[str, Currency], ledger: Ledger, orders: Orders) -> None:
        self._units = {code: currency.unit for code, currency in currencies.items()}
        self._ledger = ledger
        self._orders = orders

    def value(self, instrument: Instrument, price: Decimal, amount: Decimal) -> Decimal:
        """What an amount comes to."""
        return floor_to(price * amount, self._units[instrument.quote])

    def cost(self, instrument: Instrument, price: Decimal, amount: Decimal) -> Decimal:
        """What a taker pays who buys an amount at one price."""
        value = self.value(instrument, price, amount)
        return value + self._added_fee(instrument, value, Role.TAKER)

    def worst_cost(self, instrument: Instrument, price: Decimal, amount: Decimal) -> Decimal:
        """What a buyer can come to pay, whoever takes and in however many trades."""
        rate = max(instrument.maker_fee, instrument.taker_fee)
        return floor_to(price * amount * _with_fee(instrument, rate), self._units[instrument.quote])

    def affordable(self, instrument: Instrument, price: Decimal, budget: Decimal) -> Decimal:
        """The greatest amount that a taker can buy at one price."""
        step = instrument.amount_step
        return budget // (price * step * _with_fee(instrument, instrument.taker_fee)) * step

    def settle(self, instrument: Instrument, trade: Trade, account: str, order_id: int, side: Side, role: Role) -> None:
        """Move what one side of a trade gives and gets."""
        ledger, base, quote = self._ledger, instrument.base, instrument.quote
        given, gives = (quote, trade.value) if side is Side.BUY else (base, trade.amount)
        taken, takes = (base, trade.amount) if side is Side.BUY else (quote, trade.value)
        if account == OTHERS:
            ledger.debit(OTHERS, given, gives, EntryKind.TRADE, trade.id)
            ledger.credit(OTHERS, taken, takes, EntryKind.TRADE, trade.id)
            return
        order = self._orders[order_id]
        added = self._added_fee(instrument, trade.value, role) if side is Side.BUY else ZERO
        ledger.spend(account, given, gives, EntryKind.TRADE, trade.id)
        ledger.pay_fee(account, given, added, EntryKind.FEE, trade.id)
        ledger.credit(account, taken, takes, EntryKind.TRADE, trade.id)
        fee, fee_currency = added, quote
        if side is Side.SELL or instrument.fee_in is FeeIn.RECEIVED:
            fee, fee_currency = floor_to(takes * _rate(instrument, role), self._units[taken]), taken
            ledger.debit(account, taken, fee, EntryKind.FEE, trade.id)
            ledger.credit(FEES, taken, fee, EntryKind.FEE, trade.id)
        fill = Fill(
            self._orders.next_fill_id(),
            trade.id,
            order_id,
            trade.maker_order_id if role is Role.TAKER else trade.taker_order_id,
            account,
            trade.pair,
            side,
            role,
            trade.price,
            trade.amount,
            trade.value,
            fee,
            fee_currency,
            trade.time_ms,
        )
        self._orders.add_fill(fill)
        self._orders.put(self._filled(instrument, order, fill, gives + added))

    def _filled(self, instrument: Instrument, order: Order, fill: Fill, paid: Decimal) -> Order:
        """The order after a fill; what it no longer has to hold is freed."""
        by_budget = order.quote_amount is not None
        filled = order.filled + fill.amount
        amount = filled if by_budget else order.amount
        done = filled == amount and not by_budget
        held = order.held - paid
        if done or order.price is not None:
            left = ZERO
            if not done and order.side is Side.SELL:
                left = amount - filled
            elif not done and order.price is not None:
                left = self.worst_cost(instrument, order.price, amount - filled)
            self._ledger.release(order.account, order.hold_currency, held - left, order.id)
            held = left
        return attrs.evolve(
            order,
            state=OrderState.FILLED if done else OrderState.PARTLY_FILLED,
            amount=amount,
            filled=filled,
            value=order.value + fill.value,
            fees={**order.fees, fill.fee_currency: order.fees.get(fill.fee_currency, ZERO) + fill.fee},
            fill_count=order.fill_count + 1,
            held=held,
            updated_ms=fill.time_ms,
            update_id=self._orders.next_update_id(),
        )

    def _added_fee(self, instrument: Instrument, value: Decimal, role: Role) -> Decimal:
        """What a buyer pays besides the value."""
        if instrument.fee_in is FeeIn.RECEIVED:
            return ZERO
        return floor_to(value * _rate(instrument, role), self._units[instrument.quote])


def _rate(instrument: Instrument, role: Role) -> Decimal:
    return instrument.maker_fee if role is Role.MAKER else instrument.taker_fee


def _with_fee(instrument: Instrument, rate: Decimal) -> Decimal:
    """What a buyer pays in all, as a multiple of the value."""
    return Decimal(1) if instrument.fee_in is FeeIn.RECEIVED else 1 + rate
