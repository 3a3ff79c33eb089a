"""Stop-limit orders of one instrument that wait for their price."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

from .records import StopWhen


def is_met(when: StopWhen, stop_price: Decimal, low: Decimal, high: Decimal) -> bool:
    """Whether trades between two prices trigger an order."""
    return high >= stop_price if when is StopWhen.AT_OR_ABOVE else low <= stop_price


class Stops:
    """The orders by stop price; those that will be triggered next are at the ends that face the market."""

    def __init__(self) -> None:
        self._waiting: dict[StopWhen, list[tuple[Decimal, int]]] = {when: [] for when in StopWhen}

    def add(self, order_id: int, when: StopWhen, stop_price: Decimal) -> None:
        insort(self._waiting[when], (stop_price, order_id))

    def remove(self, order_id: int, when: StopWhen, stop_price: Decimal) -> None:
        waiting = self._waiting[when]
        del waiting[bisect_left(waiting, (stop_price, order_id))]

    def take(self, low: Decimal, high: Decimal) -> list[int]:
        """Take out the orders that trades between two prices trigger, in the order in which they were placed."""
        above, below = self._waiting[StopWhen.AT_OR_ABOVE], self._waiting[StopWhen.AT_OR_BELOW]
        if not (above and above[0][0] <= high) and not (below and below[-1][0] >= low):
            return []
        met = [order_id for price, order_id in above if price <= high]
        del above[: len(met)]
        kept = bisect_left(below, (low, 0))
        met += [order_id for _, order_id in below[kept:]]
        del below[kept:]
        return sorted(met)
