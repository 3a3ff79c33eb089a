"""Bitexbit over a living market: bare JSON, money as numbers of 8 places, times as seconds with a fraction.

Where the page is silent this does what its spec believes: most lists have the newest first, the refusals have the words
of the framework that the exchange seems to be built on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from specie.compiler.model import Exchange

from ...market import (
    BookOrder,
    Candle,
    Currency,
    Fill,
    Instrument,
    InsufficientFunds,
    Level,
    Market,
    NewOrder,
    Order,
    OrderFlow,
    OrderNotFound,
    OrderNotOpen,
    OrderOfAnother,
    OrderState,
    Refusal,
    Role,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferState,
    UnknownCurrency,
    UnknownInstrument,
    Window,
)
from ...wire import Refused
from .. import Call
from ..live import LiveFace, numeric_id, places, trimmed
from .streams import BitexbitStreams

R = TypeVar("R")

_SIGNS = {"BTC": "Ƀ", "ETH": "Ξ", "USD": "$"}
_PLACES = 8

_MINUTE_MS = 60_000
_ACTIVE, _CANCELLED, _DONE = 1, 2, 3
_ORDER_STATUSES = {
    OrderState.OPEN: _ACTIVE,
    OrderState.PARTLY_FILLED: _ACTIVE,
    OrderState.FILLED: _DONE,
    OrderState.CANCELLED: _CANCELLED,
    OrderState.PARTLY_CANCELLED: _CANCELLED,
}
_WITHDRAWAL_STATUSES = {
    TransferState.NEW: 10,
    TransferState.VERIFIED: 20,
    TransferState.PROCESSING: 30,
    # There is no status for what is paid: a moderator's approval is the last that is told.
    TransferState.COMPLETED: 30,
    TransferState.REFUSED: 40,
    TransferState.CANCELLED: 50,
}


def face(exchange: Exchange, *, now_ms: int, seed: int) -> LiveFace:
    """Bitexbit with four pairs, of which the last is quiet: nobody else trades it."""
    instruments = [
        _instrument("BTC_USD", precision=3, least="0.0001"),
        _instrument("ETH_USD", precision=3, least="0.001"),
        _instrument("ETH_BTC", precision=6, least="0.001"),
        _instrument("LTC_USD", precision=2, least="0.01"),
    ]
    flows = {
        "BTC_USD": OrderFlow(Decimal("36911.519"), Decimal("0.05")),
        "ETH_USD": OrderFlow(Decimal("2013.25"), Decimal("0.8")),
        "ETH_BTC": OrderFlow(Decimal("0.054543"), Decimal("0.6"), pace_ms=3_000),
    }
    currencies = [
        Currency("BTC", withdrawal_fee=Decimal("0.0005"), min_withdrawal=Decimal("0.001")),
        Currency("ETH", withdrawal_fee=Decimal("0.005"), min_withdrawal=Decimal("0.01")),
        Currency("LTC", withdrawal_fee=Decimal("0.01"), min_withdrawal=Decimal("0.1")),
        Currency("USD"),
    ]
    market = Market(instruments, now_ms=now_ms, flows=flows, currencies=currencies, seed=seed)
    funds = {"USD": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(30), "LTC": Decimal(500)}
    return BitexbitFace(exchange, market, funds)


def _instrument(pair: str, *, precision: int, least: str) -> Instrument:
    base, _, quote = pair.partition("_")
    return Instrument(
        pair,
        base,
        quote,
        price_tick=Decimal(1).scaleb(-precision),
        amount_step=Decimal("0.00000001"),
        min_amount=Decimal(least),
        max_amount=Decimal(100_000_000),
        min_notional=Decimal(0),
        maker_fee=Decimal("0.002"),
        taker_fee=Decimal("0.002"),
    )


class BitexbitFace(LiveFace):
    """One method for each operation, and the stream."""

    @cached_property
    def streams(self) -> BitexbitStreams:
        return BitexbitStreams(self)

    # market

    def market_currencies(self, call: Call) -> Any:
        del call
        return [
            {**({"sign": _SIGNS[code]} if code in _SIGNS else {}), "short_name": code}
            for code in self.market.currencies
        ]

    def market_pairs(self, call: Call) -> Any:
        base, quote = call.arguments.get("base_currency"), call.arguments.get("quote_currency")
        return [
            _pair(one)
            for one in self.market.instruments.values()
            if base in (None, one.base) and quote in (None, one.quote)
        ]

    def market_order_book(self, call: Call) -> Any:
        book = self.market.book_orders(call.arguments["pair"])
        return {
            "sell": [_book_order(one) for one in _head(book.asks, call, "limit_sell")],
            "buy": [_book_order(one) for one in _head(book.bids, call, "limit_buy")],
        }

    def market_order_book_grouped(self, call: Call) -> Any:
        book = self.market.book(call.arguments["pair"])
        return {
            "sell": [_level(one) for one in _head(book.asks, call, "limit_sell")],
            "buy": [_level(one) for one in _head(book.bids, call, "limit_buy")],
        }

    def market_trades(self, call: Call) -> Any:
        return [_trade(one) for one in _page(self.market.trades(call.arguments.get("pair")), call)]

    def market_candles(self, call: Call) -> Any:
        given = call.arguments
        span = (24 * 60 if given["interval"] == "D" else int(given["interval"])) * _MINUTE_MS
        found = self.market.candles(given["pair"], span, start_ms=_ms(given, "since"), end_ms=_ms(given, "until"))
        return [_candle(one) for one in _head(found[::-1], call, "limit", 720)]

    # account and wallet

    def account_balances(self, call: Call) -> Any:
        return [
            # The balance is the whole, as clients of the exchange's sister take it.
            {"currency": one.currency, "balance": _figure(one.total), "reserve": _figure(one.held)}
            for one in self.market.balances(call.account)
            if self._currency(call) in (None, one.currency)
        ]

    def wallet_deposits(self, call: Call) -> Any:
        deposits = self.market.transfers(call.account, kind=TransferKind.DEPOSIT)
        # No field says how far a deposit is, so there are only those that came in.
        return [_deposit(one) for one in reversed(deposits) if one.state is TransferState.COMPLETED]

    def wallet_withdrawals(self, call: Call) -> Any:
        currency, status = self._currency(call), call.arguments.get("status")
        found = self.market.transfers(call.account, kind=TransferKind.WITHDRAWAL, currency=currency)
        return [_withdrawal(one) for one in reversed(found) if status in (None, _WITHDRAWAL_STATUSES[one.state])]

    # orders

    def orders_create(self, call: Call) -> Any:
        given = call.arguments
        new = NewOrder(given["pair"], Side(given["side"]), amount=given["amount"], price=given["price"])
        order = self.market.place(call.account, new, now_ms=call.now_ms)
        fills = self.market.fills(call.account, Window(start_ms=order.created_ms), order_id=order.id)
        return {
            "success": True,
            "type": order.side.value,
            "date": _seconds(order.created_ms),
            "oid": order.id,
            "price": _figure(order.price or Decimal(0)),
            "amount": _figure(order.remaining),
            "trades": [_met(one) for one in fills],
        }

    def orders_cancel(self, call: Call) -> Any:
        order_id = numeric_id(call.arguments["order_id"])
        return {"order": self.market.cancel(call.account, order_id, now_ms=call.now_ms).id}

    def orders_get(self, call: Call) -> Any:
        order = _order(self.market.order(call.account, numeric_id(call.arguments["order_id"])))
        # The one place where the status is text.
        return {**order, "status": str(order["status"])}

    def orders_history(self, call: Call) -> Any:
        given = call.arguments
        found = [
            one
            for one in reversed(self.market.orders(call.account, pair=given.get("pair")))
            if given.get("side") in (None, one.side.value) and given.get("status") in (None, _ORDER_STATUSES[one.state])
        ]
        return [_order(one) for one in _head(found, call, "limit", 2000)]

    def orders_trades(self, call: Call) -> Any:
        # One entry for each trade: where both sides are one's own, the later fill stands for it, which is the taker's.
        fills = {one.trade_id: one for one in self.market.fills(call.account, pair=call.arguments.get("pair"))}
        side = call.arguments.get("side")
        found = [_own_trade(one) for one in fills.values()]
        return _page([one for one in found if side in (None, one["type"])], call)

    # within

    def refused(self, refusal: Refusal, call: Call) -> Refused:
        match refusal:
            case InsufficientFunds():
                lacking = trimmed(refusal.available - refusal.needed)
                return Refused("InsufficientFunds", f"Out of balance {lacking:f} {refusal.currency}", verbatim=True)
            case OrderOfAnother():
                return Refused("PermissionDenied", "You do not have permission to perform this action.")
            case OrderNotFound() if call.operation.id == "orders.get":
                return Refused("OrderNotFound", "Not found.")
            case OrderNotFound() | OrderNotOpen():
                # What was sent must be changed, as the table has it for 400; it does not have 404.
                return Refused("InvalidRequest", f"Order {call.arguments['order_id']} is not active")
            case UnknownInstrument():
                return Refused("InvalidSymbol", f"Unknown pair {refusal.pair}")
            case UnknownCurrency():
                return Refused("InvalidSymbol", f"Unknown currency {refusal.currency}")
            case _:
                return super().refused(refusal, call)

    def _currency(self, call: Call) -> str | None:
        """The currency that a call asks for, if it does."""
        currency: str | None = call.arguments.get("currency")
        if currency is not None and currency not in self.market.currencies:
            raise UnknownCurrency(currency)
        return currency


# --- parts of lists --------------------------------------------------------------------------------------------------


def _natural(call: Call, name: str, default: int) -> int:
    number: int = call.arguments.get(name, default)
    if number < 0:
        raise Refused("InvalidRequest", f"{name}: ensure this value is greater than or equal to 0.")
    return number


def _head(records: Sequence[R], call: Call, limit: str, default: int | None = None) -> Sequence[R]:
    return records[: _natural(call, limit, len(records) if default is None else default)]


def _page(ascending: Sequence[R], call: Call) -> Sequence[R]:
    """Of a list in ascending order of ids, what limit, offset and ordering leave."""
    ordered = ascending if call.arguments.get("ordering") == "id" else ascending[::-1]
    offset = _natural(call, "offset", 0)
    return ordered[offset : offset + _natural(call, "limit", 100)]


def _ms(given: Mapping[str, Any], name: str) -> int | None:
    return given[name] * 1000 if name in given else None


# --- figures ---------------------------------------------------------------------------------------------------------


def _figure(value: Decimal) -> Decimal:
    return places(value, _PLACES)


def _seconds(ms: int) -> Decimal:
    """Seconds with a fraction, of which a place is always there."""
    return places(Decimal(ms).scaleb(-3), 1)


# --- records ---------------------------------------------------------------------------------------------------------


def _pair(instrument: Instrument) -> Any:
    return {
        "name": instrument.pair,
        "currency1": instrument.base,
        "currency2": instrument.quote,
        "minimum_order_size": _figure(instrument.min_amount),
        "maximum_order_size": _figure(instrument.max_amount),
        "price_precision": -int(trimmed(instrument.price_tick).as_tuple().exponent),
    }


def _book_order(order: BookOrder) -> Any:
    return {
        "price": trimmed(order.price),
        "id": order.id,
        "amount": trimmed(order.amount),
        "timestamp": _seconds(order.time_ms),
    }


def _level(level: Level) -> Any:
    return {"price": trimmed(level.price), "amount": trimmed(level.amount)}


def _trade(trade: Trade) -> Any:
    return {
        "id": trade.id,
        "price": _figure(trade.price),
        "pair": trade.pair,
        "type": trade.taker_side.value,
        "timestamp": _seconds(trade.time_ms),
        "amount": _figure(trade.amount),
    }


def _candle(candle: Candle) -> Any:
    figures: Iterable[tuple[str, Decimal]] = (
        ("volume", candle.volume),
        ("high", candle.high),
        ("low", candle.low),
        ("close", candle.close),
        ("open", candle.open),
    )
    return {**{name: trimmed(figure) for name, figure in figures}, "time": candle.open_ms // 1000}


def _order(order: Order) -> dict[str, Any]:
    return {
        # The original amount, as the page's sample of a filled order has it; its sister has what is still open.
        "amount": _figure(order.amount),
        "pair": order.pair,
        "type": order.side.value,
        "status": _ORDER_STATUSES[order.state],
        "price": _figure(order.price or Decimal(0)),
        "id": order.id,
    }


def _met(fill: Fill) -> Any:
    """A trade of a new order, told from the side of the order that it met."""
    return {
        "type": fill.side.opposite.value,
        "price": _figure(fill.price),
        "o_id": fill.counter_order_id,
        "amount": _figure(fill.amount),
        "tid": fill.trade_id,
    }


def _own_trade(fill: Fill) -> dict[str, Any]:
    taker = fill.side if fill.role is Role.TAKER else fill.side.opposite
    return {
        "id": fill.trade_id,
        "price": _figure(fill.price),
        "pair": fill.pair,
        "type": taker.value,
        "my_side": fill.side.value,
        "timestamp": _seconds(fill.time_ms),
        "amount": _figure(fill.amount),
    }


def _deposit(transfer: Transfer) -> Any:
    return {
        "timestamp": _seconds(transfer.updated_ms),
        "id": transfer.id,
        "currency": transfer.currency,
        "amount": _figure(transfer.amount),
    }


def _withdrawal(transfer: Transfer) -> Any:
    return {
        "id": transfer.id,
        "timestamp": _seconds(transfer.created_ms),
        "currency": transfer.currency,
        "amount": _figure(transfer.amount),
        "status": _WITHDRAWAL_STATUSES[transfer.state],
    }
