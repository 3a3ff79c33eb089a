"""A book told order by order: who came, whom that traded with, who left; and how such messages find their place in a
snapshot that bears no number.

The snapshot was made at some moment between two of the messages, and the ids and amounts in it tell between which: of
all such moments, those that fit everything known must lead to one and the same book, or the snapshot proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from .levels import Side, Unusable, crossing, exact_sum, positive
from .upkeep import BookRule

__all__ = ["Cancellation", "Order", "OrdersBook", "OrdersComparison", "Placement", "place_in_time"]

_REMEMBERED: Final = 100_000
_MOST_EVENTS: Final = 2000
_STATES: Final = 500


class Order(NamedTuple):
    """An order that waits in the book."""

    bid: bool
    price: Decimal
    amount: Decimal


class Placement(NamedTuple):
    """An order came, traded with those that waited (id and amount), and waits with what is left."""

    id: str
    order: Order
    fills: tuple[tuple[str, Decimal], ...]


class Cancellation(NamedTuple):
    """An order left."""

    id: str


Event: TypeAlias = Placement | Cancellation
Orders: TypeAlias = Mapping[str, Order]


class OrdersBook:
    """A book whose messages tell of single orders.

    Args:
        rule: How its messages are to be read.
    """

    settle: Final = 0.5
    """Seconds to wait after a snapshot came, for messages about what is in it already."""

    def __init__(self, rule: BookRule) -> None:
        self.bids = Side(highest_first=True)
        self.asks = Side(highest_first=False)
        self.rule = rule
        self.orders: dict[str, Order] = {}
        self._done: dict[tuple[str, str], Event] = {}  # in the order in which they came

    sequence: None = None

    def clear(self) -> None:
        """Forget everything."""
        self.bids.clear()
        self.asks.clear()
        self.orders = {}
        self._done = {}

    def replace(self, message: object) -> None:
        """Such books are never told whole.

        Raises:
            Unusable: Always.
        """
        raise Unusable(f"a message of a whole book was not expected: {type(message).__name__}")

    def follow(self, message: object) -> bool:
        """Take the next message; false if it is an old one, or says nothing of the book.

        Raises:
            Unusable: It speaks of an order that is not here, or brings one that is.
        """
        event = self._event(message)
        if event is None or not self._is_new(event):
            return False
        for order_id, order in advance(self.orders, event).items():
            self._put(order_id, order)
        reason = crossing(self.bids, self.asks)
        if reason is not None:
            raise Unusable(reason)
        return True

    def adopt(self, snapshot: object, messages: Sequence[object]) -> None:
        """Take a snapshot made by REST, and the messages since it was asked for.

        Args:
            snapshot: The result of the call.
            messages: All messages since it was asked for, in their order.

        Raises:
            Unusable: They do not tell which of them are in it.
        """
        self.clear()
        events: list[Event] = []
        for message in messages:
            event = self._event(message)
            if event is not None and self._is_new(event):
                events.append(event)
        for order_id, order in place_in_time(self.orders_of(snapshot), events).items():
            self._put(order_id, order)
        reason = crossing(self.bids, self.asks)
        if reason is not None:
            raise Unusable(reason)

    def _put(self, order_id: str, order: Order | None) -> None:
        for one, sign in ((self.orders.pop(order_id, None), -1), (order, 1)):
            if one is not None:
                side = self.bids if one.bid else self.asks
                side.set(one.price, exact_sum((side.amount_at(one.price), one.amount * sign)))
        if order is not None:
            self.orders[order_id] = order

    def _is_new(self, event: Event) -> bool:
        key = (type(event).__name__, event.id)
        before = self._done.get(key)
        if before is not None and before != event:
            raise Unusable(f"two different messages speak of the order {event.id}")
        if before is None:
            self._done[key] = event
            if len(self._done) > _REMEMBERED:
                del self._done[next(iter(self._done))]
        return before is None

    def _event(self, message: object) -> Event | None:
        placed, cancelled = self.rule.placed, self.rule.cancelled
        if cancelled is not None and isinstance(message, cancelled.type):
            return Cancellation(_id(message, cancelled.id))
        if placed is None or not isinstance(message, placed.type):
            return None
        fills: Sequence[Any] = () if placed.fills is None else attrgetter(placed.fills)(message) or ()
        return Placement(
            _id(message, placed.id),
            Order(
                _is_bid(attrgetter(placed.side)(message), placed.buy),
                positive(attrgetter(placed.price)(message), "the price of an order"),
                positive(attrgetter(placed.amount)(message), "the amount of an order", zero=True),
            ),
            tuple(
                (
                    _id(fill, placed.maker or ""),
                    positive(attrgetter(placed.filled or "")(fill), "the amount of a trade"),
                )
                for fill in fills
            ),
        )

    def comparison(self) -> OrdersComparison:
        """Begin to compare with what REST says."""
        return OrdersComparison(self)

    def orders_of(self, snapshot: object) -> dict[str, Order]:
        """The orders of a snapshot.

        Raises:
            Unusable: It cannot be one.
        """
        how = self.rule.snapshot
        if how is None:
            raise TypeError("a book of this kind has no snapshot")
        orders: dict[str, Order] = {}
        for bid, field in ((True, how.bids), (False, how.asks)):
            items = attrgetter(field)(snapshot)
            if items is None:
                raise Unusable(f"the {'bids' if bid else 'asks'} are missing")
            for item in items:
                order_id = _id(item, how.id or "id")
                if order_id in orders:
                    raise Unusable(f"the order {order_id} is given twice")
                price, amount = attrgetter(how.price, how.amount)(item)
                orders[order_id] = Order(bid, positive(price, "a price"), positive(amount, "an amount"))
        return orders


def _id(item: object, field: str) -> str:
    value = attrgetter(field)(item)
    if value is None or value == "":
        raise Unusable(f"{field} is missing")
    return str(value)


def _is_bid(side: Any, buy: Any) -> bool:
    if buy is not None:
        return bool(side == buy)
    word = str(side.value if isinstance(side, Enum) else side).lower()
    if word in ("buy", "bid", "sell", "ask"):
        return word in ("buy", "bid")
    raise Unusable(f"the side of an order is {word!r}")


def advance(orders: Orders, event: Event) -> dict[str, Order | None]:
    """What an event makes of orders: those that it touches, `None` for one that is gone.

    Raises:
        Unusable: It speaks of an order that is not there, or brings one that is.
    """
    if isinstance(event, Cancellation):
        if event.id not in orders:
            raise Unusable(f"the order {event.id} was cancelled, and was not in the book")
        return {event.id: None}
    if event.id in orders:
        raise Unusable(f"the order {event.id} came, and was in the book already")
    changed: dict[str, Order | None] = {}
    for maker_id, filled in event.fills:
        maker = changed[maker_id] if maker_id in changed else orders.get(maker_id)
        changed[maker_id] = _reduced(maker_id, maker, filled)
    if event.order.amount:
        changed[event.id] = event.order
    return changed


def _reduced(order_id: str, order: Order | None, filled: Decimal) -> Order | None:
    if order is None or order.amount < filled:
        raise Unusable(f"{filled} of the order {order_id} was traded, and so much of it was not in the book")
    left = exact_sum((order.amount, -filled))
    return order._replace(amount=left) if left else None


def place_in_time(snapshot: Orders, events: Sequence[Event]) -> dict[str, Order]:
    """The orders after all events, given a snapshot that was made somewhere among them.

    Args:
        snapshot: All orders at one moment.
        events: What happened, in its order, each once.

    Raises:
        Unusable: No moment fits, so something is missing; or several do and lead to different books.
    """
    if len(events) > _MOST_EVENTS:
        raise Unusable("too much happened while the snapshot was made")
    touched = {event.id for event in events}
    touched.update(maker for event in events if isinstance(event, Placement) for maker, _ in event.fills)
    there = {one: snapshot[one] for one in touched if one in snapshot}
    known: dict[str, Order | None] = {}  # what the events up to that moment tell, whatever was before them
    outcome: dict[str, Order] | None = None
    for moment in range(len(events) + 1):
        if moment > 0:
            _learn(known, events[moment - 1])
        if any(there.get(one) != order for one, order in known.items()):
            continue
        after = _run(there, events[moment:])
        if after is None:
            continue
        if outcome is not None and outcome != after:
            raise Unusable("the messages do not tell which of them are in the snapshot")
        outcome = after
    if outcome is None:
        raise Unusable("the snapshot fits no moment between the messages")
    return {**{one: order for one, order in snapshot.items() if one not in touched}, **outcome}


def _learn(known: dict[str, Order | None], event: Event) -> None:
    if isinstance(event, Cancellation):
        if event.id in known and known[event.id] is None:
            raise Unusable(f"the order {event.id} was cancelled after it was gone")
        known[event.id] = None
        return
    if event.id in known:
        raise Unusable(f"the order {event.id} was there before it came")
    for maker_id, filled in event.fills:
        if maker_id in known:
            known[maker_id] = _reduced(maker_id, known[maker_id], filled)
    known[event.id] = event.order if event.order.amount else None


def _run(orders: Orders, events: Sequence[Event]) -> dict[str, Order] | None:
    state = dict(orders)
    for event in events:
        try:
            changed = advance(state, event)
        except Unusable:
            return None
        for order_id, order in changed.items():
            if order is None:
                del state[order_id]
            else:
                state[order_id] = order
    return state


class OrdersComparison:
    """The states of a book while REST is asked, one of which its answer must be."""

    patience: Final = 0.5

    def __init__(self, book: OrdersBook) -> None:
        self._book = book
        self._states: list[dict[str, Order]] = []
        self.note()

    def note(self) -> None:
        """The book changed."""
        if len(self._states) <= _STATES:
            self._states.append(dict(self._book.orders))

    def differs(self, answer: object, *, last: bool) -> str | None:
        """How the book differs from the answer: empty if it does not, or if they cannot be compared.

        Args:
            answer: The result of the call.
            last: Whether no more states will come.

        Returns:
            `None` while that cannot be known yet.
        """
        states = self._states
        if len(states) > _STATES:
            return ""
        try:
            orders = self._book.orders_of(answer)
        except Unusable:
            return ""
        if orders in states:
            return ""
        if not last:
            return None
        missing, extra = len(orders.keys() - states[-1].keys()), len(states[-1].keys() - orders.keys())
        return f"{missing} orders there are not here, and {extra} here are not there"
