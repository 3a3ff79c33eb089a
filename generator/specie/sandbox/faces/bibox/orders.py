"""Orders and fills at Bibox: what is sold is negative."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ...market import Fill, NewOrder, Order, OrderState, Side, TimeInForce, Window
from .. import Call
from ..live import numeric_id, trimmed
from .words import MAX_PRICE, Words, bad, part, signed, window_of

# Ids are as great as the documented ones, which no float holds.
_FIRST_ORDER = 4611688217450643456
# Three months, after which only what was traded is remembered.
_KEPT_MS = 90 * 24 * 3_600_000
_STATUSES = {
    OrderState.OPEN: "accepted",
    OrderState.PARTLY_FILLED: "accepted",
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.PARTLY_CANCELLED: "cancelled",
    OrderState.POST_ONLY_CANCELLED: "rejected",
}


class OrdersGroup(Words):
    """The operations of the group orders."""

    def orders_create(self, call: Call) -> Any:
        given = call.arguments
        time_in_force = TimeInForce.IOC if given.get("time_in_force") == "ioc" else TimeInForce.GTC
        if given.get("post_only"):
            if time_in_force is TimeInForce.IOC:
                raise bad("post_only", "an order that does not wait cannot be maker")
            time_in_force = TimeInForce.POST_ONLY
        if given["price"] > MAX_PRICE:
            raise bad("price", f"it is above {MAX_PRICE}")
        client_id = given.get("client_order_id")
        order = NewOrder(
            given["symbol"],
            Side(given["side"]),
            amount=given["quantity"],
            price=given["price"],
            time_in_force=time_in_force,
            client_id=None if client_id is None else str(client_id),
        )
        return self.order_row(self.market.place(call.account, order, now_ms=call.now_ms))

    def orders_get(self, call: Call) -> Any:
        return self.order_row(self._found(call))

    def orders_open(self, call: Call) -> Any:
        return [self.order_row(one) for one in self.market.open_orders(call.account, call.arguments.get("symbol"))]

    def orders_history(self, call: Call) -> Any:
        given, window = call.arguments, window_of(call)
        times = Window(start_ms=window.start_ms, end_ms=window.end_ms)
        settled = [
            one
            for one in self.market.orders(call.account, times, pair=given["symbol"])
            if not one.is_open and (one.filled or one.updated_ms >= self.market.now_ms - _KEPT_MS)
        ]
        settled.sort(key=_update_id)
        bounds = Window(first_id=window.first_id, last_id=window.last_id)
        return [self.order_row(one) for one in part(bounds.of(settled, _update_id, _updated), given)]

    def orders_cancel(self, call: Call) -> Any:
        return self.order_row(self.market.cancel(call.account, self._found(call).id, now_ms=call.now_ms))

    def orders_cancel_all(self, call: Call) -> Any:
        self.market.cancel_all(call.account, call.arguments["symbol"], now_ms=call.now_ms)
        return []

    def orders_fills(self, call: Call) -> Any:
        given = call.arguments
        order_id = numeric_id(given["order_id"]) - _FIRST_ORDER if "order_id" in given else None
        if order_id is not None:
            self.market.order(call.account, order_id)  # that of another is refused
        found = self.market.fills(call.account, window_of(call), pair=given.get("symbol"), order_id=order_id)
        return [{**_fill(one), **_whereabouts(one)} for one in part(found, given)]

    def _found(self, call: Call) -> Order:
        """The order of an id, which is the exchange's or, after `c:`, the caller's own."""
        text: str = call.arguments["id"]
        if text.startswith("c:"):
            return self.market.order_by_client_id(call.account, text.removeprefix("c:"))
        return self.market.order(call.account, numeric_id(text) - _FIRST_ORDER)

    def order_row(self, order: Order) -> Any:
        """An order with its fees and its latest fills."""
        alive = Window(start_ms=order.created_ms, end_ms=order.updated_ms)
        fills = self.market.fills(order.account, alive, order_id=order.id) if order.fill_count else []
        failure: dict[str, Any] = {}
        if order.state is OrderState.POST_ONLY_CANCELLED:
            failure = {"r": 1, "M": "the order is post only, and would have been taker"}
        return {
            "i": _FIRST_ORDER + order.id,
            "I": order.client_id or "",
            "m": order.pair,
            "T": "limit",
            "s": order.side.value,
            "Q": signed(order.side, order.amount),
            "P": order.price,
            "t": "ioc" if order.time_in_force is TimeInForce.IOC else "gtc",
            "o": order.time_in_force is TimeInForce.POST_ONLY,
            "S": _STATUSES[order.state],
            "E": signed(order.side, order.filled),
            "e": signed(order.side, order.value),
            "C": order.created_ms,
            "U": order.updated_ms,
            "V": order.update_id,
            "n": order.fill_count,
            "F": [_fill(one) for one in reversed(fills[-20:])],
            "f": [_fee(currency, amount) for currency, amount in order.fees.items()],
            **failure,
        }


def _update_id(order: Order) -> int:
    return order.update_id


def _updated(order: Order) -> int:
    return order.updated_ms


def _fill(fill: Fill) -> Any:
    return {
        "i": fill.id,
        "t": fill.time_ms,
        "p": trimmed(fill.price),
        "q": signed(fill.side, trimmed(fill.amount)),
        "l": fill.role.value,
        "f": _fee(fill.fee_currency, fill.fee),
    }


def _whereabouts(fill: Fill) -> Any:
    """What replies have besides, where the fill does not stand in its order."""
    return {"o": _FIRST_ORDER + fill.order_id, "s": fill.pair, "T": fill.trade_id}


def _fee(asset: str, amount: Decimal) -> Any:
    return {"a": asset, "m": amount}
