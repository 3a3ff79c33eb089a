"""Who may send now: slots of every limit, given back one window after the reply came.

When an exchange counts a call is not known to its caller: some time between sending and the reply. So a slot is taken
before a call is sent, and is free again one window after the reply, or after it was clear that none will come: a
connection that broke brings nothing later, and what got no answer in time arrived long before. Whether the exchange
counts by the clock's minutes or by the last sixty seconds, it never counts more than the limit from those who share the
slots, unless a network holds a request back for longer than its caller waits for the answer. Such a request may be one
too many, and be refused; to wait for it longer would leave an account without its cancels for two answers that were
lost. Only what a caller held that died is kept until its call's deadline, and one window more.

Who finds no room gets a place in a queue and the time at which to ask again: nobody is overtaken for room that an
earlier one waits for, and not all wake at once. Nothing here waits; that is done by whoever asks.

Why not pyrate-limiter, which has memory, SQLite and Redis too? Of its 4.5.1 was measured, with 10 calls allowed in 0.2
seconds: where calls were up to 0.15 seconds on their way, 15 or 16 were counted in a window (here 10), since it counts
when a call may go and knows nothing of replies; of four processes sharing its SQLite, with or without its file lock, 11
or 12, though each was counted as soon as it might go; and thirty who waited were served in no order. By its interface
a weight cannot be put right when the exchange tells what a call cost, and limits of several scopes are several buckets:
a call that the third has no room for has spent its slots of the first two.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from .forks import hold_through_forks, renew_in_children
from .limit import Told

__all__ = [
    "GRACE",
    "Budgets",
    "Charge",
    "MemoryBudgets",
    "Room",
    "Ticket",
    "Wait",
    "nap_of",
    "pause_of",
    "shared_budgets",
    "span_of",
    "wait_for",
]

GRACE: Final = 2.0
"""Seconds for which a place in the queue is kept for who does not ask again in time."""


class Charge(NamedTuple):
    """What one call costs under one limit.

    Attributes:
        key: Whose limit it is: exchange, server, limit, operation and a fingerprint of the account; never the key.
        allowed: How much is allowed in a window.
        seconds: The window.
        weight: What this call costs.
        scope: What the limit is counted for: `ip`, `account`, `endpoint`.
        text: The limit as the spec words it.
        operation: The operation that is called.
    """

    key: str
    allowed: int
    seconds: int
    weight: int = 1
    scope: tuple[str, ...] = ()
    text: str = ""
    operation: str = ""


class Ticket(NamedTuple):
    """The right to send one call; to be settled when it came to its end, or released if it was never sent.

    Attributes:
        id: Known to the store that gave it.
        charges: What was taken.
    """

    id: str
    charges: tuple[Charge, ...]


class Wait(NamedTuple):
    """No room now, and nothing was taken.

    Attributes:
        seconds: Until there may be room.
        nap: Seconds after which to ask again; places may have become free before.
        place: The place in the queue, to be given when asking again; 0 for none.
        charge: The charge that there is no room for, for the longest time.
    """

    seconds: float
    nap: float
    place: int
    charge: Charge


class Room(NamedTuple):
    """What is used of one limit now.

    Attributes:
        used: Slots in use, those of calls that are on their way among them.
        free_in: Seconds until there is room for one more call.
    """

    used: int
    free_in: float


class Budgets(Protocol):
    """Where the slots are kept: in this process, in a file for those of a machine, in Redis for several machines.

    `now` is `time.monotonic()`, which all processes of a machine share. All methods are safe for threads.
    """

    @property
    def blocking(self) -> bool:
        """Whether a method may wait for a disk or a network."""
        ...

    def take(
        self, charges: Sequence[Charge], now: float, *, lease: float, place: int = 0, queue: bool = True
    ) -> Ticket | Wait:
        """Take a slot under every one of these limits, or none at all.

        Args:
            charges: What the call costs; no key may come twice.
            now: Seconds.
            lease: Seconds for which the slots are held, and one window more, if they are never settled or released.
            place: The place that an earlier `Wait` gave.
            queue: Whether to get a place in the queue if there is no room.
        """
        ...

    def settle(self, ticket: Ticket, now: float, told: Mapping[str, Told] | None = None) -> None:
        """A reply came, or none will come any more: the slots are free one window from now.

        Args:
            ticket: What `take` gave; each is settled or released once.
            now: Seconds.
            told: What the exchange told of costs, by the charge's key.
        """
        ...

    def release(self, ticket: Ticket) -> None:
        """The call was never sent: the slots are free at once."""
        ...

    def leave(self, charges: Sequence[Charge], place: int) -> None:
        """Give up a place in the queue."""
        ...

    def penalise(self, charges: Sequence[Charge], now: float, seconds: float | None) -> None:
        """The exchange refused for want of room: nobody sends under these limits for so many seconds, an hour at
        most; without a number, for a part of each window.
        """
        ...

    def headroom(self, charges: Sequence[Charge], now: float) -> list[Room]:
        """What is used under each of these limits, and when there is room for such a charge."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Closing twice does nothing more."""
        ...


def span_of(seconds: float) -> float:
    """For how long a slot is kept back: the window, and a little for clocks that run at different speed and cut off
    milliseconds.
    """
    return seconds * 1.001 + 0.002


def pause_of(charge: Charge, seconds: float | None) -> float:
    """How long nobody sends after a refusal: as the exchange asks, an hour at most; unasked a tenth of the window, at
    least one call's share of it, and half a minute at most.
    """
    if seconds is None:
        return min(charge.seconds / min(charge.allowed, 10), 30.0)
    return min(max(seconds, 0.0), 3600.0)


def nap_of(wait: float) -> float:
    """How long to sleep before asking again, if there is room after `wait` at the soonest: not all of a long wait,
    since those before may give up, and slots may be released.
    """
    return min(max(wait, 0.001), max(1.0, wait / 2))


def wait_for(need: int, charge: Charge, slots: Iterable[tuple[float, int]], now: float) -> float:
    """Seconds until `need` of the slots in use may be free.

    Args:
        need: How many are lacking, for this call and those before it in the queue.
        charge: The limit.
        slots: When each slot in use becomes free, and its weight; those of calls that are on their way become free one
            window from now at the soonest.
        now: Seconds.
    """
    slots = sorted(slots)
    used = sum(weight for _, weight in slots)
    laps = max(0, math.ceil((need - used) / charge.allowed))  # those before us use the slots so many times over
    need -= laps * charge.allowed
    free_at = now
    for at, weight in slots:
        if need <= 0:
            break
        need -= weight
        free_at = at
    return max(free_at - now, 0.0) + laps * span_of(charge.seconds)


def _weight(charge: Charge) -> int:
    # What costs more than is ever allowed must be sent some time: then it takes all there is.
    return charge.weight if charge.weight < charge.allowed else charge.allowed


class _Window:
    """The slots of one limit."""

    __slots__ = ("asking", "held", "paused_until", "span", "spent", "used")

    def __init__(self, seconds: float) -> None:
        self.span = span_of(seconds)
        self.used = 0
        self.spent: list[tuple[float, int]] = []  # a heap: when it is free, weight
        self.held: dict[str, tuple[float, int]] = {}  # by ticket: when it is free if it is never settled, weight
        self.asking: dict[int, tuple[float, int]] = {}  # by place: until when it is kept, weight
        self.paused_until = 0.0

    def wait(self, charge: Charge, now: float, place: int) -> float:
        """Seconds until there may be room; 0 if there is."""
        ahead = self._ahead(now, place) if self.asking else 0
        weight = _weight(charge)
        if self.used + ahead + weight > charge.allowed:
            self.forget(now)
        need = self.used + ahead + weight - charge.allowed
        wait = 0.0
        if need > 0:
            soonest = now + self.span
            held = [(min(at, soonest), weight) for at, weight in self.held.values()]
            wait = wait_for(need, charge, [*self.spent, *held], now)
        if self.paused_until > now:
            share = min(1.0, ahead / charge.allowed) * charge.seconds
            wait = max(wait, self.paused_until - now + share)
        return wait

    def _ahead(self, now: float, place: int) -> int:
        for lapsed in [one for one, (until, _) in self.asking.items() if until <= now]:
            del self.asking[lapsed]
        return sum(weight for one, (_, weight) in self.asking.items() if not place or one < place)

    def forget(self, now: float) -> None:
        """Give back what is free by now."""
        while self.spent and self.spent[0][0] <= now:
            self.used -= heapq.heappop(self.spent)[1]
        for lost in [one for one, (at, _) in self.held.items() if at <= now]:
            self.used -= self.held.pop(lost)[1]

    def hold(self, ticket: str, until: float, weight: int) -> None:
        """Keep back until a time, and one window more, what is not settled before."""
        self.held[ticket] = (until + self.span, weight)
        self.used += weight

    def drop(self, ticket: str) -> None:
        """Give up what a ticket holds, unless its time was over."""
        held = self.held.pop(ticket, None)
        if held is not None:
            self.used -= held[1]

    def spend(self, now: float, weight: int) -> None:
        """Keep back for one window what was used up to now."""
        if weight > 0:
            heapq.heappush(self.spent, (now + self.span, weight))
            self.used += weight

    def room(self, charge: Charge, now: float) -> Room:
        self.forget(now)
        return Room(self.used, self.wait(charge, now, 0))


class MemoryBudgets:
    """Slots of one process, for all its clients, threads and event loops. A forked child has its own from then on,
    with what was used until then.
    """

    blocking: bool = False

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._windows: dict[str, _Window] = {}
        self._numbers = itertools.count(1)
        hold_through_forks(self)
        renew_in_children(self)

    def take(
        self, charges: Sequence[Charge], now: float, *, lease: float, place: int = 0, queue: bool = True
    ) -> Ticket | Wait:
        with self.lock:
            pairs: list[tuple[_Window, Charge]] = []
            roomy = True
            for charge in charges:
                window = self._windows.get(charge.key) or self._window(charge)
                pairs.append((window, charge))
                if window.asking or window.used + charge.weight > charge.allowed or window.paused_until > now:
                    roomy = False
            if not roomy and (wait := self._refused(pairs, now, place, queue)) is not None:
                return wait
            ticket = Ticket(str(next(self._numbers)), tuple(charges))
            until = now + lease
            for window, charge in pairs:
                window.hold(ticket.id, until, _weight(charge))
                if place:
                    window.asking.pop(place, None)
            return ticket

    def _refused(self, pairs: list[tuple[_Window, Charge]], now: float, place: int, queue: bool) -> Wait | None:
        # Looked at closely, there may be room after all.
        waits = [window.wait(charge, now, place) for window, charge in pairs]
        longest = max(waits)
        if longest <= 0:
            return None
        charge = pairs[waits.index(longest)][1]
        if not queue:
            return Wait(longest, 0.0, 0, charge)
        nap = nap_of(longest)
        place = place or next(self._numbers)
        for window, one in pairs:
            window.asking[place] = (now + nap + GRACE, _weight(one))
        return Wait(longest, nap, place, charge)

    def settle(self, ticket: Ticket, now: float, told: Mapping[str, Told] | None = None) -> None:
        with self.lock:
            for charge in ticket.charges:
                window = self._window(charge)
                cost, used = told.get(charge.key, _NOTHING) if told else _NOTHING
                window.drop(ticket.id)
                window.spend(now, _weight(charge) if cost is None else cost)
                if used is not None:
                    window.forget(now)
                    window.spend(now, used - window.used)  # others share the limit, from elsewhere

    def release(self, ticket: Ticket) -> None:
        with self.lock:
            for charge in ticket.charges:
                self._window(charge).drop(ticket.id)

    def leave(self, charges: Sequence[Charge], place: int) -> None:
        with self.lock:
            for charge in charges:
                self._window(charge).asking.pop(place, None)

    def penalise(self, charges: Sequence[Charge], now: float, seconds: float | None) -> None:
        with self.lock:
            for charge in charges:
                window = self._window(charge)
                window.paused_until = max(window.paused_until, now + pause_of(charge, seconds))

    def headroom(self, charges: Sequence[Charge], now: float) -> list[Room]:
        with self.lock:
            return [self._window(charge).room(charge, now) for charge in charges]

    def close(self) -> None:
        """Nothing to let go of."""

    def _window(self, charge: Charge) -> _Window:
        window = self._windows.get(charge.key)
        if window is None:
            window = self._windows[charge.key] = _Window(charge.seconds)
        return window

    def forked(self) -> None:
        """See `forks`."""
        for window in self._windows.values():
            window.asking.clear()  # who asks waits in a thread that this process does not have

    def __repr__(self) -> str:
        return f"MemoryBudgets({len(self._windows)} limits)"


_NOTHING: Final = Told(None, None)
_shared = MemoryBudgets()


def shared_budgets() -> MemoryBudgets:
    """The store that all clients of this process share unless they are given another."""
    return _shared
