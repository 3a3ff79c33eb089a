"""What the market says no to, each with its facts, for a face to put into its exchange's words.

A refusal leaves nothing behind: no order, no hold, no event.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .records import Order
    from .transfers import Transfer


class Refusal(Exception):
    """The market does not do what it was asked to."""


@attrs.define(eq=False)
class UnknownAccount(Refusal):
    account: str

    def __str__(self) -> str:
        return f"there is no account {self.account}"


@attrs.define(eq=False)
class AccountExists(Refusal):
    account: str

    def __str__(self) -> str:
        return f"there is an account {self.account} already"


@attrs.define(eq=False)
class UnknownInstrument(Refusal):
    pair: str

    def __str__(self) -> str:
        return f"there is no pair {self.pair}"


@attrs.define(eq=False)
class UnknownCurrency(Refusal):
    currency: str

    def __str__(self) -> str:
        return f"there is no currency {self.currency}"


@attrs.define(eq=False)
class InvalidOrder(Refusal):
    """Its parts do not go together."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@attrs.define(eq=False)
class PrecisionExceeded(Refusal):
    """A figure is no multiple of its unit. `what` is price, stop_price, amount or quote_amount."""

    what: str
    value: Decimal
    unit: Decimal

    def __str__(self) -> str:
        return f"the {self.what} {self.value:f} is no multiple of {self.unit:f}"


@attrs.define(eq=False)
class BelowMinimum(Refusal):
    """A figure is too small. `what` is price, stop_price, amount, quote_amount or notional (price × amount)."""

    what: str
    value: Decimal
    minimum: Decimal

    def __str__(self) -> str:
        return f"the {self.what} {self.value:f} is below {self.minimum:f}"


@attrs.define(eq=False)
class AboveMaximum(Refusal):
    """A figure is too great. `what` is as in `BelowMinimum`."""

    what: str
    value: Decimal
    maximum: Decimal

    def __str__(self) -> str:
        return f"the {self.what} {self.value:f} is above {self.maximum:f}"


@attrs.define(eq=False)
class InsufficientFunds(Refusal):
    account: str
    currency: str
    available: Decimal
    needed: Decimal

    def __str__(self) -> str:
        return f"{self.needed:f} {self.currency} are needed and {self.available:f} are available"


@attrs.define(eq=False)
class TooManyOpenOrders(Refusal):
    pair: str
    limit: int

    def __str__(self) -> str:
        return f"no more than {self.limit} orders of {self.pair} may be open"


@attrs.define(eq=False)
class DuplicateClientId(Refusal):
    """An open order of the account, `order_id`, bears this client id."""

    client_id: str
    order_id: int

    def __str__(self) -> str:
        return f"the open order {self.order_id} has the client id {self.client_id}"


@attrs.define(eq=False)
class OrderNotFound(Refusal):
    """No order has this id, or this client id."""

    order_id: int | str

    def __str__(self) -> str:
        return f"there is no order {self.order_id}"


@attrs.define(eq=False)
class OrderOfAnother(OrderNotFound):
    """The order exists, and is not this account's; a face need not tell the two apart."""


@attrs.define(eq=False)
class OrderNotOpen(Refusal):
    """The order, as it stands, can no longer be cancelled."""

    order: Order

    def __str__(self) -> str:
        return f"the order {self.order.id} is {self.order.state.value}"


@attrs.define(eq=False)
class TransferNotFound(Refusal):
    transfer_id: int

    def __str__(self) -> str:
        return f"there is no transfer {self.transfer_id}"


@attrs.define(eq=False)
class TransferNotCancellable(Refusal):
    transfer: Transfer

    def __str__(self) -> str:
        return f"the transfer {self.transfer.id} is {self.transfer.state.value}"


@attrs.define(eq=False)
class DuplicateReference(Refusal):
    """The account gave this reference to a transfer before, `transfer_id`."""

    reference: str
    transfer_id: int

    def __str__(self) -> str:
        return f"the transfer {self.transfer_id} has the reference {self.reference}"


@attrs.define(eq=False)
class UnknownVoucher(Refusal):
    code: str

    def __str__(self) -> str:
        return f"there is no voucher {self.code}"


@attrs.define(eq=False)
class VoucherSpent(Refusal):
    code: str

    def __str__(self) -> str:
        return f"the voucher {self.code} was redeemed already"
