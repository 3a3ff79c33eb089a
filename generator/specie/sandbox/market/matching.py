"""Orders meet: price-time priority, trades at the price of the one that waited, and everything that follows from it.

One action (an order placed, an order cancelled) is carried to its end, with the stop orders that it triggers, before
anything else happens. Orders of other people rest in the book like all others, and are nothing more than that: no
record, no hold, no fee. Trading with oneself is allowed; both sides then have a fill and pay a fee.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs

from .amounts import ZERO
from .book import OrderBook, Resting, crosses
from .events import BookChanged, Outbox, TradeMade
from .ledger import OTHERS, Ledger
from .orders import Orders
from .permits import permitted
from .records import (
    Currency,
    Instrument,
    NewOrder,
    Order,
    OrderState,
    OrderType,
    Role,
    Side,
    TimeInForce,
    Trade,
)
from .refusals import InsufficientFunds, OrderNotOpen, TooManyOpenOrders
from .settlement import Settlement
from .stops import Stops, is_met
from .tape import Tape

_AFTER = {OrderState.OPEN: OrderState.CANCELLED, OrderState.PARTLY_FILLED: OrderState.PARTLY_CANCELLED}


class Listing:
    """An instrument with all that belongs to it."""

    def __init__(self, instrument: Instrument, now_ms: int) -> None:
        self.instrument = instrument
        self.book = OrderBook(instrument, now_ms)
        self.tape = Tape()
        self.stops = Stops()


@attrs.define
class _Taker:
    """An order on its way through the book."""

    id: int
    account: str
    side: Side
    limit: Decimal | None
    """Worst price; none takes any."""
    amount: Decimal | None
    """What is left to trade; none where the budget decides."""
    budget: Decimal | None = None
    """What is left to spend, in quote currency."""
    low: Decimal | None = None
    """Lowest and highest price at which it traded."""
    high: Decimal | None = None


class Matching:
    """Places and cancels orders."""

    def __init__(self, currencies: Mapping[str, Currency], ledger: Ledger, outbox: Outbox) -> None:
        self.orders = Orders(outbox)
        self._ledger = ledger
        self._outbox = outbox
        self._settlement = Settlement(currencies, ledger, self.orders)
        self._currencies = currencies
        self._last_order_id = 0
        self._last_trade_id = 0

    def next_order_id(self) -> int:
        self._last_order_id += 1
        return self._last_order_id

    def next_trade_id(self) -> int:
        self._last_trade_id += 1
        return self._last_trade_id

    def value(self, instrument: Instrument, price: Decimal, amount: Decimal) -> Decimal:
        """What an amount comes to, in quote currency."""
        return self._settlement.value(instrument, price, amount)

    def place(self, listing: Listing, account: str, new: NewOrder, now_ms: int) -> Order:
        """Carry out the order of an account. It comes back as it is in the end."""
        instrument = listing.instrument
        new = permitted(new, instrument, self._currencies[instrument.quote].unit)
        if new.client_id is not None:
            self.orders.require_free(account, new.client_id)
        limit = instrument.max_open_orders
        if limit is not None and len(self.orders.open.get((account, instrument.pair), ())) >= limit:
            raise TooManyOpenOrders(instrument.pair, limit)
        currency, need = self._need(listing, new)
        available = self._ledger.balance(account, currency).available
        if available < need:
            raise InsufficientFunds(account, currency, available, need)
        order = Order(
            id=self.next_order_id(),
            account=account,
            pair=instrument.pair,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            state=OrderState.NOT_TRIGGERED if new.type is OrderType.STOP_LIMIT else OrderState.OPEN,
            price=new.price,
            amount=ZERO if new.amount is None else new.amount,
            quote_amount=new.quote_amount,
            stop_price=new.stop_price,
            stop_when=new.stop_when,
            client_id=new.client_id,
            held=need,
            hold_currency=currency,
            created_ms=now_ms,
            updated_ms=now_ms,
            update_id=self.orders.next_update_id(),
        )
        if need:
            self._ledger.hold(account, currency, need, order.id)
        self.orders.add(order)
        if order.stop_when is not None and order.stop_price is not None:
            last = listing.tape.last
            if last is None or not is_met(order.stop_when, order.stop_price, last.price, last.price):
                listing.stops.add(order.id, order.stop_when, order.stop_price)
                return order
            order = self._triggered(order, now_ms)
        self._run(listing, self._execute(listing, order, now_ms), now_ms)
        return self.orders[order.id]

    def cancel(self, listing: Listing, order: Order, now_ms: int) -> Order:
        """Take an order of an account back."""
        if not order.is_open:
            raise OrderNotOpen(order)
        if order.state is OrderState.NOT_TRIGGERED:
            if order.stop_when is not None and order.stop_price is not None:
                listing.stops.remove(order.id, order.stop_when, order.stop_price)
            return self._close(order, OrderState.CANCELLED, now_ms)
        resting = listing.book.orders[order.id]
        self._reduce(listing, resting, resting.amount, now_ms)
        return self._close(order, _AFTER[order.state], now_ms)

    def place_other(
        self, listing: Listing, side: Side, price: Decimal, amount: Decimal, now_ms: int, *, rest: bool
    ) -> int:
        """Carry out a limit order of other people; what is left of it rests, or not. Gives its id."""
        taker = _Taker(self.next_order_id(), OTHERS, side, price, amount)
        self._match(listing, taker, now_ms)
        if rest and taker.amount:
            left = Resting(taker.id, OTHERS, side, price, taker.amount, now_ms)
            self._add(listing, left, now_ms)
        self._run(listing, taker, now_ms)
        return taker.id

    def cancel_other(self, listing: Listing, order_id: int, now_ms: int) -> None:
        """Take an order of other people back, if it is still there."""
        resting = listing.book.orders.get(order_id)
        if resting is not None:
            self._reduce(listing, resting, resting.amount, now_ms)

    def _need(self, listing: Listing, new: NewOrder) -> tuple[str, Decimal]:
        """What an order must hold, and in which currency."""
        instrument, settlement = listing.instrument, self._settlement
        if new.side is Side.SELL:
            return instrument.base, new.amount or ZERO
        if new.quote_amount is not None:
            return instrument.quote, new.quote_amount
        amount = new.amount or ZERO
        if new.price is not None:
            return instrument.quote, settlement.worst_cost(instrument, new.price, amount)
        cost = ZERO
        for resting in listing.book.line(Side.SELL):
            part = min(amount, resting.amount)
            cost += settlement.cost(instrument, resting.price, part)
            amount -= part
            if not amount:
                break
        return instrument.quote, cost

    def _execute(self, listing: Listing, order: Order, now_ms: int) -> _Taker:
        """Let an order take what it may, and do with the rest what is to be done."""
        taker = _Taker(order.id, order.account, order.side, order.price, order.remaining)
        if order.quote_amount is not None:
            taker.amount, taker.budget = None, order.quote_amount
        price = order.price
        if price is None:
            empty = listing.book.best(order.side.opposite) is None
            self._match(listing, taker, now_ms)
            self._end(listing, taker, OrderState.REJECTED if empty else OrderState.CANCELLED, now_ms)
            return taker
        if order.time_in_force is TimeInForce.POST_ONLY and listing.book.would_take(order.side, price):
            self._close(order, OrderState.POST_ONLY_CANCELLED, now_ms)
            return taker
        self._match(listing, taker, now_ms)
        order = self.orders[order.id]
        if not order.is_open:
            return taker
        if order.time_in_force is TimeInForce.IOC:
            self._end(listing, taker, OrderState.CANCELLED, now_ms)
            return taker
        left = Resting(order.id, order.account, order.side, price, order.remaining, now_ms)
        self._add(listing, left, now_ms)
        return taker

    def _end(self, listing: Listing, taker: _Taker, unfilled: OrderState, now_ms: int) -> None:
        """End an order that does not rest."""
        order = self.orders[taker.id]
        if not order.is_open:
            return
        state = OrderState.PARTLY_CANCELLED if order.filled else unfilled
        if taker.budget is not None and taker.high is not None:
            another = listing.book.best(taker.side.opposite)
            price = another.price if another is not None else taker.high
            if not self._settlement.affordable(listing.instrument, price, taker.budget):
                state = OrderState.FILLED  # what is left of the budget buys no more
        self._close(order, state, now_ms)

    def _run(self, listing: Listing, taker: _Taker, now_ms: int) -> None:
        """Trigger the stop orders that trades have called, and those that their trades call, until all is still."""
        called: list[int] = self._called(listing, taker)
        while called:
            order = self.orders[called.pop(0)]
            called += self._called(listing, self._execute(listing, self._triggered(order, now_ms), now_ms))

    def _triggered(self, order: Order, now_ms: int) -> Order:
        """A stop order, as a limit order from now on."""
        triggered = attrs.evolve(
            order, state=OrderState.OPEN, updated_ms=now_ms, update_id=self.orders.next_update_id()
        )
        self.orders.put(triggered)
        return triggered

    def _called(self, listing: Listing, taker: _Taker) -> list[int]:
        if taker.low is None or taker.high is None:
            return []
        return listing.stops.take(taker.low, taker.high)

    def _match(self, listing: Listing, taker: _Taker, now_ms: int) -> None:
        book, instrument = listing.book, listing.instrument
        other_side = taker.side.opposite
        while (resting := book.best(other_side)) is not None:
            price = resting.price
            if taker.limit is not None and not crosses(taker.side, taker.limit, price):
                return
            amount = resting.amount
            if taker.amount is not None:
                amount = min(amount, taker.amount)
            if taker.budget is not None:
                amount = min(amount, self._settlement.affordable(instrument, price, taker.budget))
            if not amount:
                return
            trade = Trade(
                self.next_trade_id(),
                instrument.pair,
                price,
                amount,
                self.value(instrument, price, amount),
                taker.side,
                resting.id,
                taker.id,
                now_ms,
            )
            listing.tape.add(trade)
            self._outbox.add(TradeMade(trade))
            self._reduce(listing, resting, amount, now_ms)
            if taker.account != OTHERS or resting.account != OTHERS:
                settle = self._settlement.settle
                settle(instrument, trade, resting.account, resting.id, other_side, Role.MAKER)
                settle(instrument, trade, taker.account, taker.id, taker.side, Role.TAKER)
            if taker.amount is not None:
                taker.amount -= amount
            if taker.budget is not None:
                taker.budget -= self._settlement.cost(instrument, price, amount)
            taker.low = price if taker.low is None else min(taker.low, price)
            taker.high = price if taker.high is None else max(taker.high, price)

    def _close(self, order: Order, state: OrderState, now_ms: int) -> Order:
        """End an order, and free what it still holds."""
        self._ledger.release(order.account, order.hold_currency, order.held, order.id)
        closed = attrs.evolve(order, state=state, held=ZERO, updated_ms=now_ms, update_id=self.orders.next_update_id())
        self.orders.put(closed)
        return closed

    def _add(self, listing: Listing, resting: Resting, now_ms: int) -> None:
        amount, count = listing.book.add(resting, now_ms)
        self._tell(listing, resting, amount, count)

    def _reduce(self, listing: Listing, resting: Resting, by: Decimal, now_ms: int) -> None:
        amount, count = listing.book.reduce(resting, by, now_ms)
        self._tell(listing, resting, amount, count)

    def _tell(self, listing: Listing, resting: Resting, amount: Decimal, count: int) -> None:
        if self._outbox.listeners:
            book = listing.book
            self._outbox.add(
                BookChanged(
                    listing.instrument.pair,
                    book.update_id,
                    resting.side,
                    resting.price,
                    amount,
                    count,
                    resting.id,
                    resting.amount,
                    book.time_ms,
                )
            )
