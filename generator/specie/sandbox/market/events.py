"""What happened, told to whoever listens: one call per action, when the action is over and the market whole again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import attrs

from .ledger import Balance
from .records import Fill, Order, Side, Trade
from .transfers import Transfer


@attrs.frozen
class TradeMade:
    """Two orders met."""

    trade: Trade


@attrs.frozen
class BookChanged:
    """One order of a book, and with it one level, changed."""

    pair: str
    update_id: int
    """The book's after the change; the last one of this pair was one less."""
    side: Side
    price: Decimal
    amount: Decimal
    """Of the level now; 0 if it is gone."""
    count: int
    """Orders of the level now."""
    order_id: int
    order_amount: Decimal
    """Left of the order now; 0 if it is gone."""
    time_ms: int


@attrs.frozen
class OrderUpdated:
    """An order of an account is new or has changed; told once per action, as it is in the end."""

    order: Order


@attrs.frozen
class FillMade:
    """An order of an account traded."""

    fill: Fill


@attrs.frozen
class BalanceChanged:
    """A balance of an account changed; told once per action, as it is in the end."""

    balance: Balance


@attrs.frozen
class TransferUpdated:
    """A transfer of an account is new or has moved on."""

    transfer: Transfer


Event: TypeAlias = TradeMade | BookChanged | OrderUpdated | FillMade | BalanceChanged | TransferUpdated
Listener: TypeAlias = Callable[[Sequence[Event]], None]


class Outbox:
    """Collects the events of one action, and delivers them together."""

    def __init__(self) -> None:
        self.delivering = False
        self.listeners: list[Listener] = []
        self._events: list[Event] = []
        self._orders: dict[int, Order] = {}

    def add(self, event: Event) -> None:
        if self.listeners:
            self._events.append(event)

    def order(self, order: Order) -> None:
        """Note the present state of an order."""
        if self.listeners:
            self._orders[order.id] = order

    def deliver(self, balances: Sequence[Balance]) -> None:
        """Tell what has happened since the last time."""
        events, orders = self._events, self._orders
        if not events and not orders and not balances:
            return
        self._events, self._orders = [], {}
        events += [OrderUpdated(order) for order in orders.values()]
        events += [BalanceChanged(balance) for balance in balances]
        batch = tuple(events)
        self.delivering = True
        try:
            for listener in tuple(self.listeners):
                listener(batch)
        finally:
            self.delivering = False
