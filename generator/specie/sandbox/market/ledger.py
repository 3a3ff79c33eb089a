"""Who holds what: every balance is the sum of its entries, and no entry makes money.

Money comes in by `deposit`, goes out by `withdraw`, and else only moves: between what an account has available and what
it has held, or from one account to another. Three accounts are the market's own. What moves in those of the accounts
is written down; of the market's own only the balances are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum

import attrs

from .amounts import ZERO
from .refusals import AccountExists, InsufficientFunds, UnknownAccount
from .window import Window

OTHERS = "~others"
"""Everybody who is no account of ours; has what it needs."""
FEES = "~fees"
"""Where fees go."""
VOUCHERS = "~vouchers"
"""What vouchers are worth that were not redeemed yet."""


class EntryKind(Enum):
    """Why a balance changed; what the entry's reference is the id of stands behind."""

    DEPOSIT = "deposit"
    """A transfer."""
    WITHDRAWAL = "withdrawal"
    """A transfer."""
    WITHDRAWAL_FEE = "withdrawal fee"
    """A transfer."""
    VOUCHER = "voucher"
    """A transfer."""
    HOLD = "hold"
    """An order; for a transfer, `HOLD_TRANSFER`."""
    RELEASE = "release"
    """An order; for a transfer, `RELEASE_TRANSFER`."""
    HOLD_TRANSFER = "hold for a transfer"
    RELEASE_TRANSFER = "release of a transfer"
    TRADE = "trade"
    """A trade."""
    FEE = "fee"
    """A trade."""


@attrs.frozen
class Balance:
    """What an account has of a currency."""

    account: str
    currency: str
    available: Decimal = ZERO
    held: Decimal = ZERO
    """Bound in orders and transfers."""

    @property
    def total(self) -> Decimal:
        return self.available + self.held


@attrs.frozen
class LedgerEntry:
    """One change of a balance."""

    id: int
    account: str
    currency: str
    kind: EntryKind
    available: Decimal
    """Change of what is available."""
    held: Decimal
    """Change of what is held."""
    balance: Decimal
    """Both together, after the change."""
    reference: int
    time_ms: int

    @property
    def amount(self) -> Decimal:
        """Change of both together; 0 for holds and releases."""
        return self.available + self.held


def _entry_id(entry: LedgerEntry) -> int:
    return entry.id


def _entry_time(entry: LedgerEntry) -> int:
    return entry.time_ms


class Ledger:
    """The balances of all accounts. `now_ms` is the time that entries bear; `changed` the balances that changed."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.changed: dict[tuple[str, str], None] = {}
        self.external: dict[str, Decimal] = {}
        """By currency: what came in from outside, less what went out."""
        self.balances: dict[tuple[str, str], Balance] = {}
        self._entries: dict[str, list[LedgerEntry]] = {}
        self._last_id = 0

    @property
    def accounts(self) -> tuple[str, ...]:
        """Those that were opened, without the market's own."""
        return tuple(self._entries)

    def open(self, account: str) -> None:
        if account in self._entries or account in (OTHERS, FEES, VOUCHERS):
            raise AccountExists(account)
        self._entries[account] = []

    def balance(self, account: str, currency: str) -> Balance:
        return self.balances.get((account, currency)) or Balance(account, currency)

    def entries(self, account: str, window: Window) -> Sequence[LedgerEntry]:
        return window.of(self._of(account), _entry_id, _entry_time)

    def require(self, account: str) -> None:
        """Refuse an account that was not opened."""
        self._of(account)

    def deposit(self, account: str, currency: str, amount: Decimal, reference: int) -> None:
        """Bring money in from outside."""
        self.external[currency] = self.external.get(currency, ZERO) + amount
        self._change(account, currency, EntryKind.DEPOSIT, amount, ZERO, reference)

    def withdraw(self, account: str, currency: str, amount: Decimal, reference: int) -> None:
        """Send money out that was held."""
        self.external[currency] = self.external.get(currency, ZERO) - amount
        self._change(account, currency, EntryKind.WITHDRAWAL, ZERO, -amount, reference)

    def hold(
        self, account: str, currency: str, amount: Decimal, reference: int, kind: EntryKind = EntryKind.HOLD
    ) -> None:
        """Bind money that is available."""
        available = self.balance(account, currency).available
        if available < amount:
            raise InsufficientFunds(account, currency, available, amount)
        self._change(account, currency, kind, -amount, amount, reference)

    def release(
        self, account: str, currency: str, amount: Decimal, reference: int, kind: EntryKind = EntryKind.RELEASE
    ) -> None:
        """Free money that is held."""
        if amount < 0:
            raise RuntimeError(f"{account} cannot be freed of {amount} {currency}")
        if amount:
            self._change(account, currency, kind, amount, -amount, reference)

    def spend(self, account: str, currency: str, amount: Decimal, kind: EntryKind, reference: int) -> None:
        """Take money that is held; it is to be credited to another."""
        if amount:
            self._change(account, currency, kind, ZERO, -amount, reference)

    def credit(self, account: str, currency: str, amount: Decimal, kind: EntryKind, reference: int) -> None:
        """Give money that another has spent."""
        if amount:
            self._change(account, currency, kind, amount, ZERO, reference)

    def pay_fee(self, account: str, currency: str, amount: Decimal, kind: EntryKind, reference: int) -> None:
        """Take a fee from what is held."""
        self.spend(account, currency, amount, kind, reference)
        self.credit(FEES, currency, amount, kind, reference)

    def debit(self, account: str, currency: str, amount: Decimal, kind: EntryKind, reference: int) -> None:
        """Take money that is available; it is to be credited to another. The others get what they lack from outside."""
        if account == OTHERS:
            lacking = amount - self.balance(account, currency).available
            if lacking > 0:
                self.deposit(account, currency, lacking, reference)
        if amount:
            self._change(account, currency, kind, -amount, ZERO, reference)

    def _change(
        self, account: str, currency: str, kind: EntryKind, available: Decimal, held: Decimal, reference: int
    ) -> None:
        key = (account, currency)
        before = self.balance(account, currency)
        after = Balance(account, currency, before.available + available, before.held + held)
        if after.available < 0 or after.held < 0:
            raise RuntimeError(f"{kind.value} would leave {after}")
        self.balances[key] = after
        entries = self._entries.get(account)
        if entries is not None:
            self._last_id += 1
            self.changed[key] = None
            entries.append(
                LedgerEntry(
                    self._last_id, account, currency, kind, available, held, after.total, reference, self.now_ms
                )
            )

    def _of(self, account: str) -> list[LedgerEntry]:
        try:
            return self._entries[account]
        except KeyError:
            raise UnknownAccount(account) from None
