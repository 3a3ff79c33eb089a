"""The limits of a spec, counted per address, account and operation; what is too much is refused.

A limit with a unit counts what operations cost: their `cost:`, or 1.

No document says whether an exchange counts by the clock's minutes or by the last sixty seconds. The last sixty are
counted here: whoever keeps to them keeps to both. What is refused is not counted, so that waiting helps.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

import attrs

from specie.compiler.model import Exchange, Limit, Operation

from .wire import Refused


@attrs.frozen
class Usage:
    """What came under one limit."""

    limit: str
    """As the spec has it: `600/min per ip`, `10000/10s per ip in points`."""
    allowed: int
    """How many requests are allowed in one window, or how much of what they cost."""
    operation: str
    """The only one that is counted, or empty for all together."""
    counted_for: str
    """The address and account that are counted, as far as the limit asks."""
    in_window: int
    """Requests, or what they cost, in the window that ends now, as of the last request."""
    most: int
    """The most that ever came in one window."""
    refused: int


@attrs.define
class _Counter:
    limit: Limit
    operation: str
    counted_for: str
    times: deque[tuple[int, int]] = attrs.field(factory=deque[tuple[int, int]])
    used: int = 0
    most: int = 0
    refused: int = 0

    def full(self, cost: int, now_ms: int) -> bool:
        while self.times and self.times[0][0] <= now_ms - self.limit.seconds * 1000:
            self.used -= self.times.popleft()[1]
        return self.used + cost > self.limit.count

    def count(self, cost: int, now_ms: int) -> None:
        self.times.append((now_ms, cost))
        self.used += cost
        self.most = max(self.most, self.used)


class Limits:
    """The limits of one exchange. Unless `enforced`, they are counted and nothing is refused."""

    def __init__(self, exchange: Exchange, *, enforced: bool) -> None:
        self._exchange = exchange
        self._enforced = enforced
        self._counters: dict[tuple[object, ...], _Counter] = {}

    def count(self, operation: Operation, address: str, account: str, now_ms: int) -> None:
        """Count a request under the limits that look at the address alone, or, when the account is known, under the
        others; or raise `Refused`."""
        concerned = [
            (self._counter(limit, own, operation, address, account), _cost(limit, operation))
            for limit, own in self._limits(operation)
            if ("account" in limit.scope) == bool(account)
        ]
        full = [one for one, cost in concerned if one.full(cost, now_ms)]
        if full and self._enforced:
            for one in full:
                one.refused += 1
            limit = full[0].limit
            raise Refused("RateLimited", f"too many {limit.unit or 'requests'}: {limit.text}")
        for one, cost in concerned:
            one.count(cost, now_ms)

    def reported(self, operation: Operation, address: str, account: str) -> tuple[tuple[str, str], ...]:
        """The headers that tell what a request cost, and what was used and is left."""
        found: list[tuple[str, str]] = []
        for limit, own in self._limits(operation):
            if limit.reported is None:
                continue
            header, text = limit.reported
            used = self._counter(limit, own, operation, address, account).used
            numbers = {"cost": _cost(limit, operation), "used": used, "left": max(limit.count - used, 0)}
            for word, number in numbers.items():
                text = re.sub(rf"\b{word}\b", str(number), text)
            found.append((header, text))
        return tuple(found)

    @property
    def usage(self) -> list[Usage]:
        return [
            Usage(
                one.limit.title,
                one.limit.count,
                one.operation,
                one.counted_for,
                one.used,
                one.most,
                one.refused,
            )
            for one in self._counters.values()
        ]

    def _limits(self, operation: Operation) -> Iterable[tuple[Limit, bool]]:
        """The limits of an operation, and whether each is its own."""
        own = len(operation.limits)
        return [(one, index < own) for index, one in enumerate(self._exchange.limits_of(operation))]

    def _counter(self, limit: Limit, own: bool, operation: Operation, address: str, account: str) -> _Counter:
        counted = operation.id if own or "endpoint" in limit.scope else ""
        whose = " ".join(who for scope, who in (("ip", address), ("account", account)) if scope in limit.scope)
        # Public and private calls have one allowance if they have the same limit: there is one gate for both.
        key = (limit.count, limit.seconds, limit.unit, limit.scope, counted, whose)
        return self._counters.setdefault(key, _Counter(limit, counted, whose))


def _cost(limit: Limit, operation: Operation) -> int:
    return operation.cost if limit.unit else 1
