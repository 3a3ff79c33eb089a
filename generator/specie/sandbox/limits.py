"""The limits of a spec, counted per address, account and operation; what is too much is refused.

No document says whether an exchange counts by the clock's minutes or by the last sixty seconds. The last sixty are
counted here: whoever keeps to them keeps to both. What is refused is not counted, so that waiting helps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import attrs

from specie.compiler.model import Exchange, Limit, Operation

from .wire import Refused


@attrs.frozen
class Usage:
    """What came under one limit."""

    limit: str
    """As the spec has it: `600/min per ip`."""
    allowed: int
    """How many requests are allowed in one window."""
    operation: str
    """The only one that is counted, or empty for all together."""
    counted_for: str
    """The address and account that are counted, as far as the limit asks."""
    in_window: int
    """Requests in the window that ends now, as of the last request."""
    most: int
    """The most that ever came in one window."""
    refused: int


@attrs.define
class _Counter:
    limit: Limit
    operation: str
    counted_for: str
    times: deque[int] = attrs.field(factory=deque[int])
    most: int = 0
    refused: int = 0

    def full(self, now_ms: int) -> bool:
        while self.times and self.times[0] <= now_ms - self.limit.seconds * 1000:
            self.times.popleft()
        return len(self.times) >= self.limit.count

    def count(self, now_ms: int) -> None:
        self.times.append(now_ms)
        self.most = max(self.most, len(self.times))


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
            self._counter(limit, own, operation, address, account)
            for limit, own in self._limits(operation)
            if ("account" in limit.scope) == bool(account)
        ]
        full = [one for one in concerned if one.full(now_ms)]
        if full and self._enforced:
            for one in full:
                one.refused += 1
            raise Refused("RateLimited", f"too many requests: {full[0].limit.text}")
        for one in concerned:
            one.count(now_ms)

    @property
    def usage(self) -> list[Usage]:
        return [
            Usage(
                one.limit.text,
                one.limit.count,
                one.operation,
                one.counted_for,
                len(one.times),
                one.most,
                one.refused,
            )
            for one in self._counters.values()
        ]

    def _limits(self, operation: Operation) -> Iterable[tuple[Limit, bool]]:
        """The limits of an operation, and whether each is its own."""
        common = self._exchange.private_limits if operation.auth else self._exchange.public_limits
        return [*((one, True) for one in operation.limits), *((one, False) for one in common)]

    def _counter(self, limit: Limit, own: bool, operation: Operation, address: str, account: str) -> _Counter:
        counted = operation.id if own or "endpoint" in limit.scope else ""
        whose = " ".join(who for scope, who in (("ip", address), ("account", account)) if scope in limit.scope)
        # Public and private calls have one allowance if they have the same limit: there is one gate for both.
        key = (limit.count, limit.seconds, limit.scope, counted, whose)
        return self._counters.setdefault(key, _Counter(limit, counted, whose))
