"""Orders and what was traded through them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal
from itertools import count
from typing import Any

from specie.compiler.model import Exchange

from ...market import (
    BelowMinimum,
    Fill,
    Market,
    NewOrder,
    Order,
    OrderNotFound,
    OrderState,
    OrderType,
    Refusal,
    Role,
    Side,
    StopWhen,
    TimeInForce,
    Window,
)
from ...wire import Refused
from .. import Call
from ..live import numeric_id
from .listing import LISTED
from .words import SPAN_MS, BitoProGroup, limited, number, refusal, text, time_range

_FIRST_ORDER, _FIRST_TRADE, _FIRST_SEQUENCE = 4_000_000_000, 3_100_000_000, 8_900_000_000
"""Ids have ten digits. They rise with time here, as a cursor that finds ids as low or lower demands."""
_HISTORY = 100
"""How many ended orders a stream tells of a pair; no page says."""
_STOP = "SL-"
_MAX_SKEW_MS = 60_000
"""How far an order's time may be off; the page of the error says only that it must not differ."""

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET, "STOP_LIMIT": OrderType.STOP_LIMIT}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "POST_ONLY": TimeInForce.POST_ONLY}
_CONDITIONS = {">=": StopWhen.AT_OR_ABOVE, "<=": StopWhen.AT_OR_BELOW}
_WORDS = {one: word for table in (_SIDES, _TYPES, _TIMES_IN_FORCE, _CONDITIONS) for word, one in table.items()}

_STATUSES = {
    OrderState.NOT_TRIGGERED: -1,
    OrderState.OPEN: 0,
    OrderState.PARTLY_FILLED: 1,
    OrderState.FILLED: 2,
    OrderState.PARTLY_CANCELLED: 3,
    OrderState.CANCELLED: 4,
    OrderState.REJECTED: 4,  # a market order that met nobody
    OrderState.POST_ONLY_CANCELLED: 6,
}
_KINDS = {"ALL": frozenset(_STATUSES.values()), "OPEN": frozenset((-1, 0, 1)), "DONE": frozenset((2, 3))}


class OrdersGroup(BitoProGroup):
    """The operations of `orders`."""

    def __init__(self, exchange: Exchange, market: Market, funds: Mapping[str, Decimal]) -> None:
        super().__init__(exchange, market, funds)
        self._serials = count(1)

    # placing

    def orders_create(self, call: Call) -> Any:
        return self._place(call.arguments["pair"], call.arguments, call)

    def orders_create_batch(self, call: Call) -> Any:
        """Each order is judged by itself; one that is refused has no receipt, and the call fails if all are.

        No page says so, nor anything else: here at least no order is taken that the reply is silent about.
        """
        receipts: list[Any] = []
        refusals: list[Refusal | Refused] = []
        for given in call.arguments["orders"]:
            try:
                receipts.append(self._place(given["pair"], given, call))
            except (Refusal, Refused) as refused:
                refusals.append(refused)
        if refusals and not receipts:
            raise refusals[0]
        return receipts

    def _place(self, name: str, given: Mapping[str, Any], call: Call) -> Any:
        pair = self.pair(name)
        if abs(given["timestamp"] - call.clock_ms) > _MAX_SKEW_MS:
            message = f"Local Machine Time Mismatch: {given['timestamp']} was sent, and it is {call.clock_ms} now"
            raise Refused("ClockSkew", message, verbatim=True)
        side, type_ = _SIDES[given["action"].upper()], _TYPES[given["type"].upper()]
        quote_amount, least = given.get("quote_amount"), Decimal(LISTED[pair].min_market_buy)
        if quote_amount is not None and quote_amount < least:
            raise BelowMinimum("quote_amount", quote_amount, least)
        # Only limit orders have a choice of how long they stand.
        time_in_force = given.get("time_in_force", "GTC").upper() if type_ is OrderType.LIMIT else "GTC"
        new = NewOrder(
            pair,
            side,
            type_,
            amount=self._amount(pair, given, call),
            quote_amount=quote_amount,
            price=given.get("price"),
            stop_price=given.get("stop_price"),
            stop_when=_CONDITIONS[given["condition"]] if "condition" in given else None,
            time_in_force=_TIMES_IN_FORCE[time_in_force],
            client_id=self._client_id(given.get("client_id")),
        )
        order = self.market.place(call.account, new, now_ms=call.now_ms)
        return _receipt(order)

    def _amount(self, pair: str, given: Mapping[str, Any], call: Call) -> Decimal | None:
        """The amount, or what a percentage of the balance comes to.

        The page demands an amount besides a percentage; that the percentage counts is a guess, without which it would
        be for nothing.
        """
        if "percentage" not in given:
            return given.get("amount")
        instrument = self.market.instruments[pair]
        available = self.market.balance(call.account, instrument.base).available
        percentage: int = given["percentage"]
        return (available * percentage / 100).quantize(instrument.amount_step, ROUND_DOWN)

    def _client_id(self, own: int | None) -> str | None:
        """A client's number for an order, as the market's, which takes each but once: the number and a serial."""
        return None if own is None else f"{own}/{next(self._serials)}"

    # cancelling

    def orders_cancel(self, call: Call) -> Any:
        found = self._order(call)
        order = self.market.cancel(call.account, found.id, now_ms=call.now_ms)
        return {
            "action": _WORDS[order.side],
            "amount": text(order.amount),
            "orderId": order_id(order),
            "price": text(order.price or Decimal(0)),
            "timestamp": order.updated_ms,
        }

    def orders_cancel_batch(self, call: Call) -> Any:
        """Ids that cannot be cancelled are passed over; no page says what becomes of them."""
        wanted = {self.pair(name): set(ids) for name, ids in call.arguments["orders"].items()}
        open_orders = self.market.open_orders(call.account)
        chosen = [order.id for order in open_orders if order_id(order) in wanted.get(order.pair, ())]
        return _by_pair(self.market.cancel_several(call.account, chosen, now_ms=call.now_ms))

    def orders_cancel_all(self, call: Call) -> Any:
        return _by_pair(self.market.cancel_all(call.account, now_ms=call.now_ms))

    def orders_cancel_all_of_pair(self, call: Call) -> Any:
        pair = self.pair(call.arguments["pair"])
        return _by_pair(self.market.cancel_all(call.account, pair, now_ms=call.now_ms))

    # finding

    def orders_get(self, call: Call) -> Any:
        order = self._order(call)
        if order.created_ms < call.now_ms - SPAN_MS:
            raise _unknown(call.arguments["order_id"])
        return {**order_row(order), "timestamp": order.updated_ms}

    def orders_history(self, call: Call) -> Any:
        given = call.arguments
        pair, (start, end) = self.pair(given["pair"]), time_range(given, call.now_ms)
        last_id = _market_id(given)
        window = Window(start_ms=start, end_ms=end, last_id=last_id)
        if given.get("ignore_time_limit", False):
            window = Window(last_id=last_id)
        statuses = frozenset((given["status"],)) if "status" in given else _KINDS[given.get("status_kind", "ALL")]
        found = [
            order_row(order)
            for order in reversed(self.market.orders(call.account, window, pair=pair))
            if _STATUSES[order.state] in statuses and given.get("client_id") in (None, client_id(order))
        ]
        return limited(found, given, 100)

    def orders_open(self, call: Call) -> Any:
        pair = self.pair(call.arguments["pair"]) if "pair" in call.arguments else None
        return [order_row(order) for order in open_orders_of(self.market, call.account, pair)]

    def orders_trades(self, call: Call) -> Any:
        given = call.arguments
        pair, (start, end) = self.pair(given["pair"]), time_range(given, call.now_ms)
        wanted = _market_id(given)
        fills = self.market.fills(call.account, Window(start_ms=start, end_ms=end), pair=pair, order_id=wanted)
        if "trade_id" in given:
            last_id = number(given["trade_id"], "tradeId") - _FIRST_TRADE
            fills = [fill for fill in fills if fill.trade_id <= last_id]
        # The two rows of a trade with oneself stand together, the maker's first.
        fills = sorted(fills, key=lambda fill: (-fill.trade_id, fill.id))
        shown = limited(fills, given, 100)
        return [_fill_row(fill, self.market.order(call.account, fill.order_id)) for fill in shown]

    def _order(self, call: Call) -> Order:
        """The order of a call's path; an id under another pair is as unknown as one of another account."""
        pair, wanted = self.pair(call.arguments["pair"]), call.arguments["order_id"]
        try:
            order = self.market.order(call.account, numeric_id(wanted.removeprefix(_STOP)) - _FIRST_ORDER)
        except OrderNotFound:
            raise _unknown(wanted) from None
        if order.pair != pair or order_id(order) != wanted:
            raise _unknown(wanted)
        return order


def open_orders_of(market: Market, account: str, pair: str | None) -> list[Order]:
    """Open orders, of one pair or all, the one that changed last first."""
    return sorted(market.open_orders(account, pair), key=_last_change, reverse=True)


def history_of(market: Market, account: str, pair: str) -> list[Order]:
    """The latest orders of a pair that have come to their end, the one that changed last first."""
    ended = [order for order in market.orders(account, pair=pair) if not order.is_open]
    return sorted(ended, key=_last_change, reverse=True)[:_HISTORY]


def order_id(order: Order) -> str:
    """Stop orders keep their prefix when they are triggered."""
    prefix = _STOP if order.type is OrderType.STOP_LIMIT else ""
    return f"{prefix}{_FIRST_ORDER + order.id}"


def client_id(order: Order) -> int | None:
    """The number that the client gave the order."""
    return None if order.client_id is None else int(order.client_id.partition("/")[0])


def order_row(order: Order) -> dict[str, Any]:
    """An order, as all lists of orders have it."""
    base, _, quote = order.pair.lower().partition("_")
    fee_symbol = base if order.side is Side.BUY else quote
    row: dict[str, Any] = {
        "id": order_id(order),
        "pair": order.pair.lower(),
        "avgExecutionPrice": text(order.average_price),
        "action": _WORDS[order.side],
        "type": _WORDS[order.type],
        "status": _STATUSES[order.state],
        "originalAmount": text(order.amount),
        "remainingAmount": text(order.remaining),
        "executedAmount": text(order.filled),
        "fee": text(order.fees.get(fee_symbol.upper(), Decimal(0))),
        "feeSymbol": fee_symbol,
        "bitoFee": "0",
        "total": text(order.value),
        "seq": f"{(base + quote).upper()}{_FIRST_SEQUENCE + order.id}",
        "timeInForce": _WORDS[order.time_in_force],
        "createdTimestamp": order.created_ms,
        "updatedTimestamp": order.updated_ms,
    }
    if order.price is not None:  # A market order has none.
        row["price"] = text(order.price)
    if order.stop_price is not None and order.stop_when is not None:
        row |= {"stopPrice": text(order.stop_price), "condition": _WORDS[order.stop_when]}
    own = client_id(order)
    return row if own is None else {**row, "clientId": own}


def _receipt(order: Order) -> dict[str, Any]:
    name = order_id(order)
    receipt: dict[str, Any] = {
        # The page has a number; what begins with SL- cannot be one.
        "orderId": name if name.startswith(_STOP) else int(name),
        "action": _WORDS[order.side],
        "amount": text(order.amount if order.quote_amount is None else order.quote_amount),
    }
    if order.price is not None:
        receipt["price"] = text(order.price)
    receipt |= {"timestamp": order.created_ms, "timeInForce": _WORDS[order.time_in_force]}
    own = client_id(order)
    return receipt if own is None else {**receipt, "clientId": own}


def _fill_row(fill: Fill, order: Order) -> dict[str, Any]:
    return {
        "tradeId": str(_FIRST_TRADE + fill.trade_id),
        "orderId": order_id(order),
        "price": text(fill.price),
        "action": _WORDS[fill.side],
        "baseAmount": text(fill.amount),
        "quoteAmount": text(fill.value),
        "fee": text(fill.fee),
        "feeSymbol": fill.fee_currency,
        "isTaker": fill.role is Role.TAKER,
        "timestamp": fill.time_ms,
        "createdTimestamp": fill.time_ms,
    }


def _by_pair(orders: Iterable[Order]) -> dict[str, list[str]]:
    """Ids by pair in capitals; a pair of which nothing was cancelled is left out."""
    found: dict[str, list[str]] = {}
    for order in orders:
        found.setdefault(order.pair, []).append(order_id(order))
    return found


def _last_change(order: Order) -> int:
    return order.update_id


def _market_id(given: Mapping[str, Any]) -> int | None:
    """The market's id of the order that a list is asked for, if it is."""
    if "order_id" not in given:
        return None
    return number(given["order_id"].removeprefix(_STOP), "orderId") - _FIRST_ORDER


def _unknown(wanted: str) -> Refused:
    return refusal("OrderNotFound", f"There is no order {wanted}.", 404)
