"""Other people: a seeded stream of their orders around a price that drifts, and the hours of trades before it.

One step is one thing that somebody does: rest an order near the middle, take a little from the book, or cancel. Makers
do not look at the book; when the middle has moved beyond an old order they take it, and so the book follows. All chance
comes from one generator for each instrument, in whole numbers of ticks and steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from heapq import heapify, heapreplace
from math import isqrt
from random import Random

import attrs

from .agenda import Agenda
from .amounts import EXACT
from .matching import Listing, Matching
from .records import Side, Trade

_MAX_STEPS = 1_000
"""How many steps there are within one call, about; in a longer time people act more slowly."""
_PULL = 20
"""The middle is drawn back to where it began as soon as it is a share of 1/20 away."""


@attrs.frozen
class OrderFlow:
    """How other people trade an instrument."""

    opening_price: Decimal
    """Where the history begins."""
    typical_amount: Decimal
    """What an order is usually for, give or take; in base currency."""
    pace_ms: int = 1_000
    """Mean time between two steps, in milliseconds."""
    depth: int = 25
    """How many orders rest on each side, about."""
    history_ms: int = 8 * 3_600_000
    """How long the instrument has been traded before the market opens, in milliseconds."""
    history_pace_ms: int = 30_000
    """Mean time between two trades of that history, in milliseconds."""


class Crowd:
    """The other people of one instrument."""

    def __init__(self, flow: OrderFlow, listing: Listing, matching: Matching, seed: int) -> None:
        self.flow = flow
        instrument = listing.instrument
        self._listing = listing
        self._matching = matching
        self._chance = Random(f"{seed} {instrument.pair}")  # noqa: S311 - repeatable chance is what is wanted
        self._tick, self._step = instrument.price_tick, instrument.amount_step
        self._home = self._middle = max(1, int(flow.opening_price // self._tick))
        self._gap = max(1, self._home // 5_000)
        """Usual distance of two prices, in ticks: 2 basis points."""
        self._size = max(1, int(max(flow.typical_amount, instrument.min_amount) // self._step))
        self._least = max(1, -int(-instrument.min_amount // self._step))
        self._orders: dict[Side, list[int]] = {side: [] for side in Side}

    def pause(self, mean_ms: int) -> int:
        """Milliseconds until the next step, at random about a mean."""
        return 1 + self._chance.randrange(2 * mean_ms)

    def past_trade(self, time_ms: int) -> None:
        """Two other people traded, before the market opened."""
        self._drift(4)
        matching, side = self._matching, self._side()
        price, amount = self._price(self._middle), self._amount(4)
        value = matching.value(self._listing.instrument, price, amount)
        self._listing.tape.add(
            Trade(
                matching.next_trade_id(),
                self._listing.instrument.pair,
                price,
                amount,
                value,
                side,
                matching.next_order_id(),
                matching.next_order_id(),
                time_ms,
            )
        )

    def open_book(self, time_ms: int) -> None:
        """Fill an empty book to its depth."""
        for place in range(self.flow.depth):
            for side in Side:
                self._rest(side, self._gap * place + self._chance.randrange(self._gap) + 1, time_ms)

    def step(self, time_ms: int, stretch: int) -> None:
        """Do one thing. Of a stretch of steps that are done as one, the middle moves as far as all of them."""
        self._drift(isqrt(stretch))
        side, roll = self._side(), self._chance.randrange(10)
        book, own = self._listing.book.orders, self._orders[side]
        own[:] = [order_id for order_id in own if order_id in book]
        if roll < 2:
            self._take(side, time_ms)
        elif roll < 7 and len(own) >= self.flow.depth:
            self._matching.cancel_other(self._listing, own[self._chance.randrange(len(own))], time_ms)
        else:
            self._rest(side, 1 + self._distance(), time_ms)

    def _rest(self, side: Side, distance: int, time_ms: int) -> None:
        ticks = self._middle - distance if side is Side.BUY else self._middle + distance
        order_id = self._matching.place_other(
            self._listing, side, self._price(ticks), self._amount(10), time_ms, rest=True
        )
        self._orders[side].append(order_id)

    def _take(self, side: Side, time_ms: int) -> None:
        best = self._listing.book.best(side.opposite)
        if best is not None:
            self._matching.place_other(self._listing, side, best.price, self._amount(4), time_ms, rest=False)

    def _drift(self, times: int) -> None:
        move = self._chance.randint(-1, 1) * self._gap * times
        away = self._middle - self._home
        if abs(away) * _PULL > self._home and (move > 0) == (away > 0):
            move = -move
        self._middle = max(self._gap + 1, self._middle + move)

    def _distance(self) -> int:
        """From the middle, in ticks; the nearer the likelier."""
        far = self._gap * self.flow.depth
        return min(self._chance.randrange(far), self._chance.randrange(far))

    def _side(self) -> Side:
        return Side.BUY if self._chance.getrandbits(1) else Side.SELL

    def _price(self, ticks: int) -> Decimal:
        return EXACT.multiply(self._tick, Decimal(max(1, ticks)))

    def _amount(self, tenths: int) -> Decimal:
        """Up to twice so many tenths of the typical amount."""
        steps = 1 + self._chance.randrange(max(1, self._size * tenths // 5))
        return EXACT.multiply(self._step, Decimal(max(self._least, steps)))


class Crowds:
    """The other people of all instruments, in one order of time."""

    def __init__(self, crowds: Sequence[Crowd], agenda: Agenda) -> None:
        self._crowds = crowds
        self._agenda = agenda
        self._stretch = 1
        self._until_ms = 0

    def begin(self, now_ms: int) -> None:
        """Live through the history until now, fill the books, and get going."""
        past = [
            (now_ms - crowd.flow.history_ms + crowd.pause(crowd.flow.history_pace_ms), number)
            for number, crowd in enumerate(self._crowds)
        ]
        heapify(past)
        while past and past[0][0] < now_ms:
            time_ms, number = past[0]
            crowd = self._crowds[number]
            crowd.past_trade(time_ms)
            heapreplace(past, (time_ms + crowd.pause(crowd.flow.history_pace_ms), number))
        for crowd in self._crowds:
            crowd.open_book(now_ms)
            self._agenda.note(now_ms + crowd.pause(crowd.flow.pace_ms), partial(self._step, crowd))

    def expect(self, from_ms: int, until_ms: int) -> None:
        """Be told the time that is about to be lived through, to choose a pace for which it is not too long."""
        steps = sum((until_ms - from_ms) // crowd.flow.pace_ms for crowd in self._crowds)
        self._stretch, self._until_ms = max(1, -(-steps // _MAX_STEPS)), until_ms

    def _step(self, crowd: Crowd, due_ms: int) -> None:
        crowd.step(due_ms, self._stretch)
        pause = crowd.pause(crowd.flow.pace_ms)
        next_ms = due_ms + pause * self._stretch
        if self._stretch > 1 and next_ms > self._until_ms:
            next_ms = self._until_ms + pause
        self._agenda.note(next_ms, partial(self._step, crowd))
