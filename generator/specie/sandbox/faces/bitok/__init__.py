"""Bitok over a living market: one address for every call, lists as objects keyed by id, and errors that are text alone.

The exchange is written in PHP, which writes an object without members as `[]`; so do all lists here that are empty.
What becomes of a withdrawal or a voucher it posts to the address that the client gave (`notices`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from specie.compiler.model import Exchange

from ...market import (
    Currency,
    DuplicateReference,
    EntryKind,
    Fill,
    Instrument,
    InsufficientFunds,
    LedgerEntry,
    Market,
    NewOrder,
    Order,
    OrderFlow,
    OrderNotFound,
    OrderNotOpen,
    Refusal,
    Role,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferState,
    UnknownCurrency,
    UnknownInstrument,
    UnknownVoucher,
    VoucherSpent,
    Window,
)
from ...wire import Refused
from .. import Call
from ..live import LiveFace, numeric_id, places, trimmed, whole_number
from .notices import Notices, address_of

R = TypeVar("R")

_COINS = ("btc", "ltc", "nmc")
_FEE = Decimal("0.002")
_PUBLIC_LENGTH = 150
"""How much the public lists hold; undocumented, and that of the exchange whose API this one follows."""

_ENTRIES: Mapping[EntryKind, tuple[str, str]] = {
    EntryKind.TRADE: ("trade", "payment"),
    EntryKind.FEE: ("fee", "fee"),
    EntryKind.DEPOSIT: ("deposit", "deposit"),
    EntryKind.WITHDRAWAL: ("withdraw", "withdrawal"),
    EntryKind.WITHDRAWAL_FEE: ("fee", "withdrawal fee"),
    EntryKind.VOUCHER: ("voucher", "voucher"),
}
"""Type and description; only that of a trade is documented."""
_STATES = {
    TransferState.NEW: ("new", 0),
    TransferState.VERIFIED: ("new", 1),
    TransferState.PROCESSING: ("processing", 2),
    TransferState.COMPLETED: ("confirmed", 3),
    TransferState.CANCELLED: ("cancelled", 0),
    TransferState.REFUSED: ("cancelled", 0),
}
"""Status and confirmations of a transfer; only that of one that is completed is documented."""
_TRANSFERS = {TransferKind.DEPOSIT: "deposit", TransferKind.WITHDRAWAL: "withdraw"}


def face(exchange: Exchange, *, now_ms: int, seed: int) -> LiveFace:
    """Bitok with four pairs, of which the last is quiet: nobody else trades it."""
    instruments = [
        _instrument("btc_usd", price_tick="0.01", least="0.0001"),
        _instrument("ltc_eur", price_tick="0.001", least="0.01"),
        _instrument("ltc_btc", price_tick="0.000001", least="0.01"),
        _instrument("nmc_usd", price_tick="0.001", least="0.1"),
    ]
    flows = {
        "btc_usd": OrderFlow(Decimal("36325.5"), Decimal("0.05")),
        "ltc_eur": OrderFlow(Decimal("66.121"), Decimal(8)),
        "ltc_btc": OrderFlow(Decimal("0.001952"), Decimal(8), pace_ms=3_000),
    }
    currencies = [
        Currency("btc", withdrawal_fee=Decimal("0.0005"), min_withdrawal=Decimal("0.001")),
        Currency("ltc", withdrawal_fee=Decimal("0.01"), min_withdrawal=Decimal("0.1")),
        Currency("nmc", withdrawal_fee=Decimal("0.1"), min_withdrawal=Decimal(1)),
        Currency("usd"),
        Currency("eur"),
    ]
    market = Market(instruments, now_ms=now_ms, flows=flows, currencies=currencies, seed=seed)
    funds = {"usd": 100_000, "eur": 10_000, "btc": 2, "ltc": 300, "nmc": 5_000}
    return BitokFace(exchange, market, {currency: Decimal(amount) for currency, amount in funds.items()})


def _instrument(pair: str, *, price_tick: str, least: str) -> Instrument:
    base, _, quote = pair.partition("_")
    return Instrument(
        pair,
        base,
        quote,
        price_tick=Decimal(price_tick),
        amount_step=Decimal("0.00000001"),
        min_amount=Decimal(least),
        max_amount=Decimal(1_000_000),
        min_notional=Decimal(0),
        maker_fee=_FEE,
        taker_fee=_FEE,
    )


class BitokFace(LiveFace):
    """One method for each operation, and what is posted when a transfer has come to its end."""

    @cached_property
    def callbacks(self) -> Notices:
        return Notices()

    # market

    def market_pairs(self, call: Call) -> Any:
        del call
        return list(self.market.instruments)

    def market_fee(self, call: Call) -> Any:
        return {"trade": self._instrument(call).taker_fee}

    def market_ticker(self, call: Call) -> Any:
        return {"vol_cur": trimmed(self.market.ticker(call.arguments["pair"]).volume)}

    def market_trades(self, call: Call) -> Any:
        return [_public_trade(one) for one in reversed(self.market.trades(call.arguments["pair"])[-_PUBLIC_LENGTH:])]

    def market_order_book(self, call: Call) -> Any:
        book = self.market.book(call.arguments["pair"], _PUBLIC_LENGTH)
        sides = {"asks": book.asks, "bids": book.bids}
        return {name: [[trimmed(one.price), trimmed(one.amount)] for one in side] for name, side in sides.items()}

    # account

    def account_info(self, call: Call) -> Any:
        balances = self.market.balances(call.account)
        return {
            "funds": self._funds(call),
            "funds_on_hold": {one.currency: trimmed(one.held) for one in balances},
            "affiliate_amount": {one.currency: 0 for one in balances},
            "rights": {"info": 1, "trade": 1},
            "transaction_count": len(self._transactions(call, Window())),
            "open_orders": len(self.market.open_orders(call.account)),
            "server_time": self.market.now_ms // 1000,
        }

    def account_transactions(self, call: Call) -> Any:
        found = self._transactions(call, _window(call))
        rows = {one.id: _transaction(one) for one in _page(found, call)}
        return {"total": len(self._transactions(call, Window())), "rows": _keyed(rows)}

    def account_fee(self, call: Call) -> Any:
        return self.market_fee(call)

    # orders

    def orders_create(self, call: Call) -> Any:
        given = call.arguments
        new = NewOrder(given["pair"], Side(given["side"]), amount=given["amount"], price=given["price"])
        order = self.market.place(call.account, new, now_ms=call.now_ms)
        return {
            "received": trimmed(order.filled),
            "remains": trimmed(order.remaining),
            "order_id": order.id if order.is_open else 0,
            "funds": self._funds(call),
        }

    def orders_cancel(self, call: Call) -> Any:
        order = self.market.cancel(call.account, numeric_id(call.arguments["order_id"]), now_ms=call.now_ms)
        return {"order_id": order.id, "funds": self._funds(call)}

    def orders_open(self, call: Call) -> Any:
        found = self.market.open_orders(call.account, call.arguments.get("pair"))
        return _keyed({one.id: _order(one) for one in reversed(found)})

    def orders_trades(self, call: Call) -> Any:
        trades: dict[int, Fill] = {}
        for fill in self.market.fills(call.account, pair=call.arguments.get("pair")):
            # Where both sides are one's own, the first fill stands for the trade, which is the maker's.
            trades.setdefault(fill.trade_id, fill)
        found = _window(call).of(list(trades.values()), _trade_id, _time)
        return _keyed({one.trade_id: _trade(one) for one in _page(found, call)})

    # wallet

    def wallet_history(self, call: Call) -> Any:
        currency = self._currency(call) if "currency" in call.arguments else None
        found = [one for one in self.market.transfers(call.account, currency=currency) if one.kind in _TRANSFERS]
        return _keyed({one.id: _transfer(one) for one in _page(found, call, count=10)})

    def wallet_deposit_address(self, call: Call) -> Any:
        return {"address": self.market.deposit_address(call.account, self._coin(call))}

    def wallet_withdraw(self, call: Call) -> Any:
        given, address = call.arguments, address_of(call)
        transfer = self.market.withdraw(
            call.account,
            self._coin(call),
            given["amount"],
            given["address"],
            now_ms=call.now_ms,
            reference=given["invoice"],
        )
        return self._requested(transfer, address)

    def wallet_create_voucher(self, call: Call) -> Any:
        given, address = call.arguments, address_of(call)
        transfer = self.market.create_voucher(
            call.account, self._currency(call), given["amount"], now_ms=call.now_ms, reference=given["invoice"]
        )
        return self._requested(transfer, address)

    def wallet_redeem_voucher(self, call: Call) -> Any:
        given, address = call.arguments, address_of(call)
        transfer = self.market.redeem_voucher(
            call.account, given["voucher_code"], now_ms=call.now_ms, reference=given["invoice"]
        )
        return self._requested(transfer, address)

    # within

    def _requested(self, transfer: Transfer, address: str) -> Any:
        """It is always new: what becomes of it is told by a callback."""
        self.callbacks.expect(transfer, address)
        return {"status": "new", "id": transfer.id}

    def refused(self, refusal: Refusal, call: Call) -> Refused:
        """Text is all that the exchange says; of two refusals it is known, of the others it is ours."""
        match refusal:
            case InsufficientFunds():
                words = "Not enough funds"
            case UnknownVoucher() | VoucherSpent():
                words = "Voucher does not exist"
            case OrderNotFound() | OrderNotOpen():
                words = f"There is no active order {call.arguments['order_id']}"
            case UnknownInstrument():
                words = f"Unknown pair {refusal.pair}"
            case UnknownCurrency():
                words = f"Unknown currency {refusal.currency}"
            case DuplicateReference():
                words = f"Invoice {refusal.reference} is not unique"
            case _:
                words = str(refusal)
        return Refused(super().refused(refusal, call).error, words, verbatim=True)

    def _instrument(self, call: Call) -> Instrument:
        pair = call.arguments["pair"]
        try:
            return self.market.instruments[pair]
        except KeyError:
            raise UnknownInstrument(pair) from None

    def _currency(self, call: Call) -> str:
        currency: str = call.arguments["currency"]
        if currency not in self.market.currencies:
            raise UnknownCurrency(currency)
        return currency

    def _coin(self, call: Call) -> str:
        currency = self._currency(call)
        if currency not in _COINS:
            raise Refused("InvalidRequest", f"{currency} is not a cryptocurrency", verbatim=True)
        return currency

    def _funds(self, call: Call) -> Any:
        """What is available: in the page's samples, cancelling an order adds what it held."""
        return {one.currency: trimmed(one.available) for one in self.market.balances(call.account)}

    def _transactions(self, call: Call, window: Window) -> Sequence[LedgerEntry]:
        """What changed a balance; what is only held has not moved."""
        return [one for one in self.market.ledger(call.account, window) if one.kind in _ENTRIES]


# --- parts of lists --------------------------------------------------------------------------------------------------


def _window(call: Call) -> Window:
    """Bounds by id and by time, which is known in whole seconds: the last of them counts to its end."""
    given = call.arguments
    return Window(
        given["since"] * 1000 if "since" in given else None,
        given["end"] * 1000 + 999 if "end" in given else None,
        _id(call, "from_id"),
        _id(call, "end_id"),
    )


def _id(call: Call, name: str) -> int | None:
    if name not in call.arguments:
        return None
    number = whole_number(call.arguments[name])
    if number is None:
        raise Refused("InvalidRequest", f"Invalid parameter {name}", verbatim=True)
    return number


def _natural(call: Call, name: str, wire: str, default: int) -> int:
    number: int = call.arguments.get(name, default)
    if number < 0:
        raise Refused("InvalidRequest", f"Invalid parameter {wire}", verbatim=True)
    return number


def _page(ascending: Sequence[R], call: Call, count: int = 1000) -> Sequence[R]:
    """Of a list in ascending order of ids, what offset, number and order leave. With a time it is always ascending."""
    given = call.arguments
    forward = given.get("order") == "ASC" or "since" in given or "end" in given
    ordered = ascending if forward else ascending[::-1]
    offset = _natural(call, "offset", "from", 0)
    return ordered[offset : offset + _natural(call, "count", "count", count)]


def _keyed(rows: Mapping[int, Any]) -> Any:
    return dict(rows) if rows else []


def _trade_id(fill: Fill) -> int:
    return fill.trade_id


def _time(fill: Fill) -> int:
    return fill.time_ms


# --- records ---------------------------------------------------------------------------------------------------------


def _public_trade(trade: Trade) -> Any:
    return {
        "date": trade.time_ms // 1000,
        "price": trimmed(trade.price),
        "amount": trimmed(trade.amount),
        "tid": trade.id,
        "trade_type": "bid" if trade.taker_side is Side.BUY else "ask",
    }


def _transaction(entry: LedgerEntry) -> Any:
    kind, words = _ENTRIES[entry.kind]
    return {
        "type": kind,
        "amount": format(places(abs(entry.amount), 10), "f"),
        "currency": entry.currency,
        "timestamp": entry.time_ms // 1000,
        "direction": "income" if entry.amount > 0 else "outcome",
        "status": 2,
        "desc": f"{entry.currency.upper()} {words}",
    }


def _order(order: Order) -> Any:
    return {
        "pair": order.pair,
        "type": order.side.value,
        # What is still open: the list is of what waits in the book.
        "amount": places(order.remaining, 8),
        "rate": places(order.price or Decimal(0), 8),
        "timestamp_created": order.created_ms // 1000,
        "status": 0,
    }


def _trade(fill: Fill) -> Any:
    """The order is the one that waited in the book, one's own or that of somebody else."""
    own = fill.role is Role.MAKER
    return {
        "pair": fill.pair,
        "type": fill.side.value,
        "amount": trimmed(fill.amount),
        "rate": trimmed(fill.price),
        "order_id": fill.order_id if own else fill.counter_order_id,
        "is_your_order": int(own),
        "timestamp": fill.time_ms // 1000,
    }


def _transfer(transfer: Transfer) -> Any:
    status, confirmations = _STATES[transfer.state]
    coins = transfer.currency in _COINS
    extra: Iterable[tuple[str, Any]] = ()
    if coins and transfer.txid is not None:
        extra = [("extra", {"ps_id": transfer.txid, "confirmations": confirmations})]
    return {
        "tx_id": transfer.id,
        "amount": _money(transfer.amount),
        "base_amount": _money(transfer.amount),
        "fee": _money(transfer.fee),
        "type": _TRANSFERS[transfer.kind],
        "status": status,
        "rejected": int(transfer.state is TransferState.REFUSED),
        "timestamp": transfer.created_ms // 1000,
        "currency": transfer.currency,
        "provider": "coins" if coins else "bank",
        **dict(extra),
    }


def _money(value: Decimal) -> str:
    return format(places(value, 2), "f")
