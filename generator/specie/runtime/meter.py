"""What a call costs under each limit of its exchange, and its turn to be sent.

The limits are data of the spec, the slots lie in a store that clients share; this stands between them: it names whose
limit it is, asks for room, waits, and reads what the exchange tells of costs. What a call costs may be told only by its
reply: until then it is taken to cost what such calls cost of late, and the store is put right afterwards, also for what
others on the same address used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from math import ceil
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from .basics import Headers
from .budgets import Budgets, Charge, Ticket, Wait
from .errors import ClientClosed, LimitReached, NotSent
from .limit import Limit, Told
from .operation import Exchange
from .steps import Blocking, Sleep, Step

__all__ = ["Headroom", "Meter", "Policy"]

T = TypeVar("T")
Policy: TypeAlias = Literal["wait", "raise", "ignore"]
"""What becomes of a call that finds no room: it waits as long as its timeout allows, it raises `LimitReached` at once,
or limits are left to the caller.
"""
_UNBOUNDED: Final = 600.0  # seconds for which a slot is held for a call that may take for ever
_FIRST_COST: Final = 100  # until one was told, a call is taken to cost this part of what is allowed


class Headroom(NamedTuple):
    """What is used of a limit now, by all who share it.

    Attributes:
        limit: As the spec words it, such as `600/min per ip`.
        scope: What it is counted for: `ip`, `account`, `endpoint`.
        operation: The only operation that it limits, or empty for all.
        unit: What is counted: `calls`, or what calls cost.
        used: How much is used: calls that came to their end less than a window ago, and those on their way.
        allowed: How much is allowed in a window.
        seconds: The window.
        free_in: Seconds until there is room for one more call, and for those that wait already; 0.0 if there is.
    """

    limit: str
    scope: tuple[str, ...]
    operation: str
    unit: str
    used: int
    allowed: int
    seconds: int
    free_in: float


class _Server(Protocol):
    @property
    def origin(self) -> str: ...


class _Known(NamedTuple):
    """A limit of one operation and account."""

    limit: Limit
    own: bool  # of the operation, not of all calls
    charge: Charge


class Meter:
    """The limits of one exchange as one client keeps them. Safe for threads.

    Args:
        exchange: The exchange.
        servers: By name; a server elsewhere, such as a sandbox, counts for itself.
        budgets: Where the slots are kept.
        policy: What becomes of a call that finds no room.
        monotonic: `time.monotonic`.
    """

    def __init__(
        self,
        exchange: Exchange,
        servers: Mapping[str, _Server],
        budgets: Budgets,
        policy: Policy,
        monotonic: Callable[[], float],
    ) -> None:
        self.policy: Policy = policy
        self.budgets = budgets
        self._exchange = exchange
        self._servers = servers
        self._monotonic = monotonic
        self._charges: dict[tuple[str, str, str], tuple[Charge, ...]] = {}
        self._known: dict[str, _Known] = {}
        self._told: dict[str, Limit] = {}  # limits whose costs are told afterwards, by key
        self._costs: dict[tuple[str, str], float] = {}  # what calls cost of late, by key and operation

    def with_policy(self, policy: Policy) -> Meter:
        """The same limits under another policy."""
        return Meter(self._exchange, self._servers, self.budgets, policy, self._monotonic)

    # -- what a call costs -------------------------------------------------------------------------------------------

    def charges(
        self,
        name: str,
        *,
        auth: bool,
        server: str,
        account: str = "",
        limits: tuple[Limit, ...] = (),
        cost: int = 1,
    ) -> tuple[Charge, ...]:
        """What one call costs; empty if nothing limits it, or nobody asks.

        Args:
            name: The operation.
            auth: Whether the call is signed.
            server: Name of the server.
            account: A fingerprint of the account; never the key.
            limits: Those of the operation itself.
            cost: What the call costs under limits that do not count calls.
        """
        if self.policy == "ignore":
            return ()
        key = (name, server, account)
        charges = self._charges.get(key)
        if charges is None:
            charges = self._charges[key] = self._worked_out(name, auth, server, account, limits, cost)
        if not self._told:
            return charges
        return tuple(one if one.key not in self._told else one._replace(weight=self._cost(one)) for one in charges)

    def _worked_out(
        self, name: str, auth: bool, server: str, account: str, limits: tuple[Limit, ...], cost: int
    ) -> tuple[Charge, ...]:
        found: dict[str, Charge] = {}
        common = self._exchange.private_limits if auth else self._exchange.public_limits
        for limit, own in [*((one, True) for one in limits), *((one, False) for one in common)]:
            charge = self._charge(limit, own, name, server, account, cost)
            found.setdefault(charge.key, charge)
            self._known.setdefault(charge.key, _Known(limit, own, charge))
            if limit.header:
                self._told[charge.key] = limit
        return tuple(found.values())

    def _charge(self, limit: Limit, own: bool, name: str, server: str, account: str, cost: int) -> Charge:
        one = self._servers.get(server)
        whose = [
            self._exchange.name,
            one.origin if one is not None else server,
            f"{limit.count}/{limit.seconds}s",
            limit.unit,
            "+".join(limit.scope),
            name if own or "endpoint" in limit.scope else "*",
            account if "account" in limit.scope else "*",
        ]
        weight = 1 if limit.unit == "calls" else cost
        return Charge(" ".join(whose), limit.count, limit.seconds, weight, limit.scope, limit.text, name)

    def _cost(self, charge: Charge) -> int:
        first = max(charge.weight, charge.allowed // _FIRST_COST)
        return ceil(self._costs.get((charge.key, charge.operation), first))

    # -- its turn ----------------------------------------------------------------------------------------------------

    def admit(self, charges: tuple[Charge, ...], name: str, left: float | None) -> Generator[Step, Any, Ticket | None]:
        """Wait for room and take it.

        Args:
            charges: What the call costs.
            name: The operation.
            left: Seconds that are left of the call's timeout; `None` if it may take for ever.

        Raises:
            LimitReached: If there is no room in time.
            NotSent: If the store cannot be reached: a call that might be one too many is not sent.
            ClientClosed: If the client was closed meanwhile.
        """
        if not charges:
            return None
        budgets, queue = self.budgets, self.policy == "wait"
        started = now = self._monotonic()
        place = 0
        try:
            while True:
                rest = None if left is None else max(left - (now - started), 0.0)
                lease = _UNBOUNDED if rest is None else rest
                if budgets.blocking:
                    take = partial(budgets.take, charges, now, lease=lease, place=place, queue=queue)
                    answer = yield from self._asked(take, name)
                else:
                    answer = budgets.take(charges, now, lease=lease, place=place, queue=queue)
                if isinstance(answer, Ticket):
                    place = 0
                    return answer
                place = answer.place
                if not queue or (rest is not None and answer.seconds >= rest):
                    if place:
                        yield from self._told_to(partial(budgets.leave, charges, place))
                        place = 0
                    raise _reached(name, answer)
                if (yield Sleep(answer.nap)):
                    if place:
                        yield from self._told_to(partial(budgets.leave, charges, place))
                        place = 0
                    raise ClientClosed(f"{name}: the client is closed", operation=name)
                now = self._monotonic()
        finally:
            # Of a call that was cancelled. A store that may block must not be asked now; there, the place lapses.
            if place and not budgets.blocking:
                budgets.leave(charges, place)

    def settle(self, ticket: Ticket | None, headers: Headers | None = None) -> Generator[Step, Any, None]:
        """A reply came, whatever it says, or none will come any more. Never raises.

        Args:
            ticket: What `admit` gave.
            headers: Those of the reply, if one came.
        """
        if ticket is None:
            return
        told = self._read(ticket, headers) if headers is not None and self._told else None
        yield from self._told_to(partial(self.budgets.settle, ticket, self._monotonic(), told))

    def ended(self, ticket: Ticket, sent: bool, headers: Headers | None = None) -> None:
        """The same at once, for a store that does not block; nothing is told to one that may.

        Args:
            ticket: What `admit` gave.
            sent: Whether anything may have left this machine.
            headers: Those of the reply, if one came.
        """
        if self.budgets.blocking:
            return
        if sent:
            told = self._read(ticket, headers) if headers is not None and self._told else None
            self.budgets.settle(ticket, self._monotonic(), told)
        else:
            self.budgets.release(ticket)

    def refused(self, ticket: Ticket | None, retry_after: float | None) -> Generator[Step, Any, None]:
        """The exchange says that it was one too many: nobody sends under these limits for a while. Never raises."""
        if ticket is not None:
            penalise = partial(self.budgets.penalise, ticket.charges, self._monotonic(), retry_after)
            yield from self._told_to(penalise)

    def unsent(self, ticket: Ticket | None) -> Generator[Step, Any, None]:
        """Nothing left this machine. Never raises."""
        if ticket is not None:
            yield from self._told_to(partial(self.budgets.release, ticket))

    def _asked(self, call: Callable[[], T], name: str) -> Generator[Step, Any, T]:
        try:
            answer: T = yield Blocking(call)
        except Exception as error:
            raise NotSent(
                f"{name}: nothing was sent: {self.budgets!r} cannot be reached to ask for room: {error}",
                operation=name,
            ) from error
        return answer

    def _told_to(self, call: Callable[[], None]) -> Generator[Step, Any, None]:
        if not self.budgets.blocking:
            call()
            return
        try:
            yield Blocking(call)
        except Exception as error:
            import logging

            # The call came to its end, which must not be lost; the slot is given back by itself, only later.
            logging.getLogger(f"specie.{self._exchange.name}").warning("limits: %r: %s", self.budgets, error)

    def _read(self, ticket: Ticket, headers: Headers) -> dict[str, Told]:
        found: dict[str, Told] = {}
        for charge in ticket.charges:
            limit = self._told.get(charge.key)
            told = limit.told(headers.get(limit.header, "")) if limit is not None else None
            if told is None:
                continue
            found[charge.key] = told
            if told.cost is not None:
                # At once when calls become dear, slowly when they become cheap.
                key = (charge.key, charge.operation)
                self._costs[key] = max(1.0, told.cost, 0.9 * self._costs.get(key, 0.0) + 0.1 * told.cost)
        return found

    # -- how much is left --------------------------------------------------------------------------------------------

    def headroom(self, account: str = "") -> list[Headroom]:
        """What is used of each limit of the exchange, and of those of the operations that were called.

        Args:
            account: A fingerprint of the account, if there is one.

        Raises:
            OSError, or what else the store raises: If it cannot be reached.
        """
        known = dict(self._known)
        for limits, whose in ((self._exchange.public_limits, ""), (self._exchange.private_limits, account)):
            for limit in limits if limits is self._exchange.public_limits or account else ():
                charge = self._charge(limit, False, "", "rest", whose, 1)
                if "endpoint" not in limit.scope:
                    known.setdefault(charge.key, _Known(limit, False, charge))
        charges = [one.charge._replace(weight=1) for one in known.values()]
        rooms = self.budgets.headroom(charges, self._monotonic()) if charges else []
        return [
            Headroom(
                limit=one.limit.text,
                scope=one.limit.scope,
                operation=one.charge.operation if one.own or "endpoint" in one.limit.scope else "",
                unit=one.limit.unit,
                used=room.used,
                allowed=one.limit.count,
                seconds=one.limit.seconds,
                free_in=room.free_in,
            )
            for one, room in zip(known.values(), rooms, strict=True)
        ]


def _reached(name: str, wait: Wait) -> LimitReached:
    return LimitReached(
        f"{name}: nothing was sent: the limit {wait.charge.text} leaves no room for {wait.seconds:.3g} s",
        operation=name,
        seconds=wait.seconds,
        limit=wait.charge.text,
    )
