"""The orders that rest in one instrument, by price and then by time.

Prices are counted in ticks here, so that finding a place is a matter of integers. The best price of a side is the last
of its sorted keys; a key is the price for bids, and its negative for asks.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

import attrs

from .amounts import EXACT, ZERO, ceil_to, floor_to
from .records import Instrument, Side


@attrs.define
class Resting:
    """An order in the book."""

    id: int
    account: str
    side: Side
    price: Decimal
    amount: Decimal
    """What is left of it."""
    time_ms: int


@attrs.frozen
class Level:
    """The orders at one price."""

    price: Decimal
    amount: Decimal
    count: int


@attrs.frozen
class Book:
    """A book summed by price, best prices first."""

    pair: str
    update_id: int
    """Rises by one with each change of the book."""
    time_ms: int
    """Of the last change."""
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@attrs.frozen
class BookOrder:
    """An order in the book, as everybody sees it."""

    id: int
    side: Side
    price: Decimal
    amount: Decimal
    """What is left of it."""
    time_ms: int


@attrs.frozen
class BookOrders:
    """A book order by order, best first."""

    pair: str
    update_id: int
    time_ms: int
    bids: tuple[BookOrder, ...]
    asks: tuple[BookOrder, ...]


@attrs.define
class _Level:
    price: Decimal
    amount: Decimal
    orders: dict[int, Resting]


class _Ladder:
    """One side: levels by key, and the keys in order."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, _Level] = {}
        self.keys: list[int] = []

    def walk(self) -> Iterator[_Level]:
        """Levels, best first."""
        for key in reversed(self.keys):
            yield self.levels[key]


class OrderBook:
    """The book of one instrument. It does not match: that is asked of it level by level."""

    def __init__(self, instrument: Instrument, now_ms: int) -> None:
        self.instrument = instrument
        self.update_id = 0
        self.time_ms = now_ms
        self.orders: dict[int, Resting] = {}
        self._sides = {Side.BUY: _Ladder(1), Side.SELL: _Ladder(-1)}

    def best(self, side: Side) -> Resting | None:
        """The first in line."""
        ladder = self._sides[side]
        if not ladder.keys:
            return None
        return next(iter(ladder.levels[ladder.keys[-1]].orders.values()))

    def top(self, side: Side) -> tuple[Decimal, Decimal] | None:
        """Best price of a side, and the amount there."""
        ladder = self._sides[side]
        level = ladder.levels[ladder.keys[-1]] if ladder.keys else None
        return None if level is None else (level.price, level.amount)

    def line(self, side: Side) -> Iterator[Resting]:
        """All of a side in the order in which they would be met. The book must not change meanwhile."""
        for level in self._sides[side].walk():
            yield from level.orders.values()

    def would_take(self, side: Side, price: Decimal) -> bool:
        """Whether an order of this side and price would meet another."""
        best = self.best(side.opposite)
        return best is not None and crosses(side, price, best.price)

    def add(self, order: Resting, now_ms: int) -> tuple[Decimal, int]:
        """Put an order last in line at its price. Gives amount and count of the level."""
        ladder = self._sides[order.side]
        key = self._key(ladder, order.price)
        level = ladder.levels.get(key)
        if level is None:
            level = ladder.levels[key] = _Level(order.price, ZERO, {})
            insort(ladder.keys, key)
        level.orders[order.id] = order
        level.amount += order.amount
        self.orders[order.id] = order
        return self._changed(level, now_ms)

    def reduce(self, order: Resting, amount: Decimal, now_ms: int) -> tuple[Decimal, int]:
        """Take an amount off an order, and the order out if nothing is left. Gives amount and count of the level."""
        ladder = self._sides[order.side]
        key = self._key(ladder, order.price)
        level = ladder.levels[key]
        order.amount -= amount
        level.amount -= amount
        if not order.amount:
            del level.orders[order.id]
            del self.orders[order.id]
            if not level.orders:
                del ladder.levels[key]
                if ladder.keys[-1] == key:
                    ladder.keys.pop()
                else:
                    del ladder.keys[bisect_left(ladder.keys, key)]
        return self._changed(level, now_ms)

    def summed(self, depth: int | None, grouping: Decimal | None) -> Book:
        """Levels, as many as wanted on each side. Grouped prices are rounded away from the other side."""
        bids, asks = (
            tuple(self._levels(side, len(self.orders) if depth is None else depth, grouping)) for side in Side
        )
        return Book(self.instrument.pair, self.update_id, self.time_ms, bids, asks)

    def detailed(self, depth: int | None) -> BookOrders:
        """Orders, as many as wanted on each side."""
        bids, asks = (tuple(self._queue(side, len(self.orders) if depth is None else depth)) for side in Side)
        return BookOrders(self.instrument.pair, self.update_id, self.time_ms, bids, asks)

    def _queue(self, side: Side, depth: int) -> Iterator[BookOrder]:
        for order, _ in zip(self.line(side), range(depth), strict=False):
            yield BookOrder(order.id, order.side, order.price, order.amount, order.time_ms)

    def _levels(self, side: Side, depth: int, grouping: Decimal | None) -> Iterator[Level]:
        round_to = floor_to if side is Side.BUY else ceil_to
        found: list[Level] = []
        for level in self._sides[side].walk():
            price = level.price if grouping is None else round_to(level.price, grouping)
            if found and found[-1].price == price:
                last = found[-1]
                found[-1] = Level(price, EXACT.add(last.amount, level.amount), last.count + len(level.orders))
            elif len(found) < depth:
                found.append(Level(price, level.amount, len(level.orders)))
            else:
                break
        return iter(found)

    def _changed(self, level: _Level, now_ms: int) -> tuple[Decimal, int]:
        self.update_id += 1
        self.time_ms = now_ms
        return level.amount, len(level.orders)

    def _key(self, ladder: _Ladder, price: Decimal) -> int:
        return ladder.sign * int(price // self.instrument.price_tick)


def crosses(side: Side, price: Decimal, other: Decimal) -> bool:
    """Whether an order of this side and limit meets one of the other side at a price."""
    return price >= other if side is Side.BUY else price <= other
