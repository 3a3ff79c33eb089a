"""What Bitexbit tells as it happens: every order that is placed and every one that is cancelled, by socket.io.

The page names channels, and no events: those by which a client joins and leaves, and under which messages come, are the
ones that the spec assumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from ...market import BookChanged, Market, OrderUpdated, Side, Trade, TradeMade
from ...streams.sessions import Batches, Beat, Carrier, Message, Wanted
from ...wire import Received
from ..live import places, trimmed

if TYPE_CHECKING:
    from ..live import LiveFace

_JOIN, _LEAVE = "subscribe", "unsubscribe"
_CHANNEL = "book_"
_FIRST_CANCELLATION = 900_000_001


class BitexbitStreams:
    """The one stream of Bitexbit."""

    servers: Mapping[str, Carrier] = {"stream": "socketio"}
    names: Sequence[str] = ("order_book",)
    beat: Beat | None = None
    """Pings are the business of socket.io."""

    def __init__(self, face: LiveFace) -> None:
        self._market = face.market
        self._cancellations = count(_FIRST_CANCELLATION)

    def wanted(self, server: str, received: Received) -> Wanted:
        del server, received
        return Wanted(tuple(self.names), False, lambda _: _Session(self._market, self._cancellations))


class _Session:
    """A connection that is told of the pairs whose channels it has joined."""

    def __init__(self, market: Market, cancellations: count[int]) -> None:
        self._market = market
        self._cancellations = cancellations
        self._pairs: dict[str, _Orders] = {}

    def opened(self) -> Iterable[Message]:
        return ()

    def heard(self, text: str, event: str) -> Iterable[Message]:
        """Join or leave a channel. What is no channel is passed over: no page says what becomes of it."""
        pair = text.removeprefix(_CHANNEL) if text.startswith(_CHANNEL) else ""
        if event == _JOIN and pair in self._market.instruments:
            self._pairs[pair] = _Orders(self._market, pair)
        elif event == _LEAVE:
            self._pairs.pop(pair, None)
        return ()

    def moved(self, batches: Batches) -> Iterable[Message]:
        for batch in batches:
            for pair, orders in self._pairs.items():
                for body in orders.changes(batch, self._cancellations):
                    yield Message("order_book", body, _CHANNEL + pair)


@attrs.define
class _Placed:
    """An order that came in, as far as it is known yet."""

    side: Side
    price: Decimal
    rest: Decimal = Decimal(0)
    trades: list[Trade] = attrs.field(factory=list[Trade])


class _Orders:
    """The orders of a pair, from what is told of its book: who is new in it, and who is gone without a trade."""

    def __init__(self, market: Market, pair: str) -> None:
        self._pair = pair
        book = market.book_orders(pair)
        self._left = {one.id: one.amount for one in (*book.bids, *book.asks)}

    def changes(self, batch: Sequence[object], cancellations: count[int]) -> Iterable[Any]:
        """The messages of one action."""
        placed: dict[int, _Placed] = {}
        makers: set[int] = set()
        limits = {one.order.id: one.order.price for one in batch if isinstance(one, OrderUpdated)}
        time_ms = 0
        for one in batch:
            if isinstance(one, TradeMade) and one.trade.pair == self._pair:
                trade, time_ms = one.trade, one.trade.time_ms
                makers.add(trade.maker_order_id)
                order = placed.setdefault(trade.taker_order_id, _Placed(trade.taker_side, trade.price))
                order.trades.append(trade)
                # Of a stranger's order that met others at once nothing is known but what it paid.
                order.price = limits.get(trade.taker_order_id) or trade.price
            elif isinstance(one, BookChanged) and one.pair == self._pair:
                time_ms = one.time_ms
                before = self._left.pop(one.order_id, None)
                if one.order_amount:
                    self._left[one.order_id] = one.order_amount
                if before is None:
                    order = placed.setdefault(one.order_id, _Placed(one.side, one.price))
                    order.price, order.rest = one.price, one.order_amount
                elif not one.order_amount and one.order_id not in makers:
                    yield _cancelled(one, before, next(cancellations))
        for order_id, order in placed.items():
            yield _new(order_id, order, time_ms)


def _new(order_id: int, order: _Placed, time_ms: int) -> Any:
    return {
        "success": True,
        "date": _figure(Decimal(time_ms).scaleb(-3)),
        "oid": order_id,
        "type": order.side.value,
        "price": _figure(order.price),
        "amount": _figure(order.rest),
        "trades": [
            {
                "tid": trade.id,
                "type": order.side.opposite.value,
                "price": format(places(trade.price, 2), "f"),
                "amount": format(trimmed(trade.amount), "f"),
                "o_id": trade.maker_order_id,
            }
            for trade in order.trades
        ],
    }


def _cancelled(gone: BookChanged, amount: Decimal, number: int) -> Any:
    return {
        "success": True,
        "date": _figure(Decimal(gone.time_ms).scaleb(-3)),
        "oid": number,
        "cancel_order_id": gone.order_id,
        "price": _figure(gone.price),
        "type": gone.side.value,
        "amount": _figure(amount),
        "pair": gone.pair,
        "cancelled": True,
    }


def _figure(value: Decimal) -> Decimal:
    """A number with a decimal place at least, as the samples have them."""
    return places(value, 1)
