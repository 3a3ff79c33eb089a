"""A market without an exchange: what stands behind the faces of the sandbox.

    market = Market([instrument], now_ms=now, flows={"BTC_USD": OrderFlow(Decimal(60_000), Decimal("0.1"))}, seed=1)
    market.open_account("me", {"USD": Decimal(1_000)}, now_ms=now)
    order = market.place("me", NewOrder("BTC_USD", Side.BUY, amount=..., price=...), now_ms=now)

It knows no exchange, no wire and no clock. Money is `Decimal`, exact; time is integer milliseconds and comes with every
call that changes something; the same seed and the same calls give the same everything. `market` is the way in;
`matching`, `settlement` and `book` trade, `ledger` keeps what everybody has, `wallet` moves it in and out, `flow` plays
the other people, `tape` remembers, `events` tells, `invariants` checks.
"""

from .book import Book, BookOrder, BookOrders, Level
from .events import (
    BalanceChanged,
    BookChanged,
    Event,
    FillMade,
    Listener,
    OrderUpdated,
    TradeMade,
    TransferUpdated,
)
from .flow import OrderFlow
from .invariants import InvariantBroken
from .ledger import Balance, EntryKind, LedgerEntry
from .market import Market
from .records import (
    Currency,
    FeeIn,
    Fill,
    Instrument,
    NewOrder,
    Order,
    OrderState,
    OrderType,
    Role,
    Side,
    StopWhen,
    TimeInForce,
    Trade,
)
from .refusals import (
    AboveMaximum,
    AccountExists,
    BelowMinimum,
    DuplicateClientId,
    DuplicateReference,
    InsufficientFunds,
    InvalidOrder,
    OrderNotFound,
    OrderNotOpen,
    OrderOfAnother,
    PrecisionExceeded,
    Refusal,
    TooManyOpenOrders,
    TransferNotCancellable,
    TransferNotFound,
    UnknownAccount,
    UnknownCurrency,
    UnknownInstrument,
    UnknownVoucher,
    VoucherSpent,
)
from .tape import Candle, Span, Ticker
from .transfers import Path, Stage, Transfer, TransferKind, TransferState
from .window import ALL, Window

__all__ = [
    "ALL",
    "AboveMaximum",
    "AccountExists",
    "Balance",
    "BalanceChanged",
    "BelowMinimum",
    "Book",
    "BookChanged",
    "BookOrder",
    "BookOrders",
    "Candle",
    "Currency",
    "DuplicateClientId",
    "DuplicateReference",
    "EntryKind",
    "Event",
    "FeeIn",
    "Fill",
    "FillMade",
    "Instrument",
    "InsufficientFunds",
    "InvalidOrder",
    "InvariantBroken",
    "LedgerEntry",
    "Level",
    "Listener",
    "Market",
    "NewOrder",
    "Order",
    "OrderFlow",
    "OrderNotFound",
    "OrderNotOpen",
    "OrderOfAnother",
    "OrderState",
    "OrderType",
    "OrderUpdated",
    "Path",
    "PrecisionExceeded",
    "Refusal",
    "Role",
    "Side",
    "Span",
    "Stage",
    "StopWhen",
    "Ticker",
    "TimeInForce",
    "TooManyOpenOrders",
    "Trade",
    "TradeMade",
    "Transfer",
    "TransferKind",
    "TransferNotCancellable",
    "TransferNotFound",
    "TransferState",
    "TransferUpdated",
    "UnknownAccount",
    "UnknownCurrency",
    "UnknownInstrument",
    "UnknownVoucher",
    "VoucherSpent",
    "Window",
]
