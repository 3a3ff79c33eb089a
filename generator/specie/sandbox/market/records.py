"""What trading is told in: instruments, orders, trades and fills, as records that never change.

Prices and values are in the quote currency, amounts in the base currency, times in milliseconds of Unix time. An order
that changes is replaced by a new record; who kept the old one has the past.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

import attrs

from .amounts import ZERO, ratio


class Side(Enum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(Enum):
    LIMIT = "limit"
    MARKET = "market"
    STOP_LIMIT = "stop-limit"


class TimeInForce(Enum):
    """How long an order stands. A market order never stands, whatever it says."""

    GTC = "good till cancelled"
    IOC = "immediate or cancel"
    POST_ONLY = "post only"
    """Cancelled rather than taking."""


class StopWhen(Enum):
    """How the last trade price must stand to the stop price to trigger an order."""

    AT_OR_ABOVE = "at or above"
    AT_OR_BELOW = "at or below"


class OrderState(Enum):
    NOT_TRIGGERED = "not triggered"
    OPEN = "open"
    PARTLY_FILLED = "partly filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    PARTLY_CANCELLED = "cancelled after a part was filled"
    POST_ONLY_CANCELLED = "cancelled as post-only"
    REJECTED = "rejected"
    """A market order that met an empty book."""

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self in _OPEN


_OPEN = frozenset({OrderState.NOT_TRIGGERED, OrderState.OPEN, OrderState.PARTLY_FILLED})


class Role(Enum):
    MAKER = "maker"
    TAKER = "taker"


class FeeIn(Enum):
    """The currency that a fee is taken in."""

    RECEIVED = "what the trade brought"
    QUOTE = "the quote currency"
    """A buyer then needs funds for the fee besides the value."""


@attrs.frozen
class Currency:
    """Something that accounts hold. The withdrawal figures are in the currency itself."""

    code: str
    unit: Decimal = Decimal("0.00000001")
    """The least amount that a balance can change by."""
    withdrawal_fee: Decimal = ZERO
    min_withdrawal: Decimal = ZERO
    max_withdrawal: Decimal | None = None


@attrs.frozen
class Instrument:
    """A pair that is traded, and the rules of its orders."""

    pair: str
    base: str
    quote: str
    price_tick: Decimal
    """Prices are multiples of it."""
    amount_step: Decimal
    """Amounts are multiples of it."""
    min_amount: Decimal
    max_amount: Decimal
    min_notional: Decimal
    """Least price × amount; also the least quote amount of a market order that buys."""
    maker_fee: Decimal
    """Share of what the fee is taken from: 0.001 is 0.1 percent."""
    taker_fee: Decimal
    fee_in: FeeIn = FeeIn.RECEIVED
    max_open_orders: int | None = None
    """Of one account; none: as many as it likes."""


@attrs.frozen
class NewOrder:
    """An order as somebody wants it.

    A limit order has an amount and a price; a stop-limit order a stop price and its condition besides; a market order
    has an amount, or, if it buys, a quote amount to spend in its place.
    """

    pair: str
    side: Side
    type: OrderType = OrderType.LIMIT
    amount: Decimal | None = None
    quote_amount: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_when: StopWhen | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    client_id: str | None = None
    """The account's own name for the order, of which it has only one open at a time."""


def _no_fees() -> Mapping[str, Decimal]:
    return {}


@attrs.frozen(kw_only=True)
class Order:
    """An order of an account, and what became of it until `updated_ms`."""

    id: int
    account: str
    pair: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    state: OrderState
    price: Decimal | None
    """The limit; none for a market order."""
    amount: Decimal
    """Of an order by quote amount: what it has bought."""
    quote_amount: Decimal | None = None
    """What a market order was to spend; none if its amount was given."""
    stop_price: Decimal | None = None
    stop_when: StopWhen | None = None
    client_id: str | None = None
    filled: Decimal = ZERO
    value: Decimal = ZERO
    """Of what was filled."""
    fees: Mapping[str, Decimal] = attrs.field(factory=_no_fees)
    """Paid so far, by currency."""
    fill_count: int = 0
    held: Decimal = ZERO
    """What the order still binds of the account's balance, in `hold_currency`."""
    hold_currency: str
    created_ms: int
    updated_ms: int
    update_id: int
    """Rises with each change of any order of the market."""

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.filled

    @property
    def average_price(self) -> Decimal:
        """Of what was filled, to 8 places; 0 while nothing was."""
        return ratio(self.value, self.filled)

    @property
    def is_open(self) -> bool:
        return self.state.is_open


@attrs.frozen
class Trade:
    """Two orders that met, as everybody sees it."""

    id: int
    pair: str
    price: Decimal
    amount: Decimal
    value: Decimal
    taker_side: Side
    maker_order_id: int
    taker_order_id: int
    time_ms: int


@attrs.frozen
class Fill:
    """One side of a trade, as its account sees it. A trade with oneself has two fills, with the same trade id."""

    id: int
    trade_id: int
    order_id: int
    counter_order_id: int
    """The order that was met, whoever's it is."""
    account: str
    pair: str
    side: Side
    role: Role
    price: Decimal
    amount: Decimal
    value: Decimal
    fee: Decimal
    fee_currency: str
    time_ms: int
