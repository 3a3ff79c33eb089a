"""The orders and fills of all accounts, open and closed, and the ways to find them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .events import FillMade, Outbox
from .records import Fill, Order
from .refusals import DuplicateClientId, OrderNotFound, OrderOfAnother
from .window import Window


def _fill_id(fill: Fill) -> int:
    return fill.id


def _fill_time(fill: Fill) -> int:
    return fill.time_ms


class Orders:
    """Holds the newest record of each order."""

    def __init__(self, outbox: Outbox) -> None:
        self.open: dict[tuple[str, str], dict[int, None]] = {}
        """Ids of open orders, by account and pair."""
        self._outbox = outbox
        self._orders: dict[int, Order] = {}
        self._of_account: dict[str, list[int]] = {}
        self._fills: dict[str, list[Fill]] = {}
        self._fills_of: dict[tuple[str, int], list[Fill]] = {}
        self._client_ids: dict[tuple[str, str], int] = {}
        self._last_fill_id = 0
        self._last_update_id = 0

    def __getitem__(self, order_id: int) -> Order:
        return self._orders[order_id]

    def all(self) -> Iterable[Order]:
        return self._orders.values()

    def next_update_id(self) -> int:
        self._last_update_id += 1
        return self._last_update_id

    def next_fill_id(self) -> int:
        self._last_fill_id += 1
        return self._last_fill_id

    def require_free(self, account: str, client_id: str) -> None:
        """Refuse a client id that an open order bears."""
        order_id = self._client_ids.get((account, client_id))
        if order_id is not None and self._orders[order_id].is_open:
            raise DuplicateClientId(client_id, order_id)

    def add(self, order: Order) -> None:
        """Take in a new order."""
        self._of_account.setdefault(order.account, []).append(order.id)
        if order.client_id is not None:
            self._client_ids[order.account, order.client_id] = order.id
        self.put(order)

    def put(self, order: Order) -> None:
        """Replace an order by its newer self."""
        self._orders[order.id] = order
        ids = self.open.setdefault((order.account, order.pair), {})
        if order.is_open:
            ids[order.id] = None
        else:
            ids.pop(order.id, None)
        self._outbox.order(order)

    def add_fill(self, fill: Fill) -> None:
        self._fills.setdefault(fill.account, []).append(fill)
        self._fills_of.setdefault((fill.account, fill.order_id), []).append(fill)
        self._outbox.add(FillMade(fill))

    def find(self, account: str, order_id: int) -> Order:
        order = self._orders.get(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        if order.account != account:
            raise OrderOfAnother(order_id)
        return order

    def find_by_client_id(self, account: str, client_id: str) -> Order:
        """The newest that bears it."""
        try:
            return self._orders[self._client_ids[account, client_id]]
        except KeyError:
            raise OrderNotFound(client_id) from None

    def open_of(self, account: str, pairs: Iterable[str]) -> list[Order]:
        ids = [order_id for pair in pairs for order_id in self.open.get((account, pair), ())]
        return [self._orders[order_id] for order_id in sorted(ids)]

    def history(self, account: str, window: Window) -> Sequence[Order]:
        ids = window.of(self._of_account.get(account, []), int, lambda order_id: self._orders[order_id].created_ms)
        return [self._orders[order_id] for order_id in ids]

    def fills(self, account: str, window: Window, order_id: int | None = None) -> Sequence[Fill]:
        """Those of an account, or of one order of it."""
        fills = self._fills.get(account, []) if order_id is None else self._fills_of.get((account, order_id), [])
        return window.of(fills, _fill_id, _fill_time)
