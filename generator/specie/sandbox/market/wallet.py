"""Deposits, withdrawals and vouchers: they ask the ledger at their beginning and their end, and the agenda between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from hashlib import sha256

import attrs

from .agenda import Agenda
from .amounts import LIMIT, ZERO, floor_to, is_multiple
from .events import Outbox, TransferUpdated
from .ledger import VOUCHERS, EntryKind, Ledger
from .records import Currency
from .refusals import (
    AboveMaximum,
    BelowMinimum,
    DuplicateReference,
    PrecisionExceeded,
    TransferNotCancellable,
    TransferNotFound,
    UnknownCurrency,
    UnknownVoucher,
    VoucherSpent,
)
from .transfers import PATHS, Path, Stage, Transfer, TransferKind, TransferState
from .window import Window

_CANCELLABLE = frozenset({TransferState.NEW, TransferState.VERIFIED})


@attrs.define
class _Voucher:
    currency: str
    amount: Decimal
    redeemed_by: int | None = None
    """The transfer that redeems it, or did."""


class Wallet:
    """The transfers of all accounts."""

    def __init__(
        self,
        currencies: Mapping[str, Currency],
        ledger: Ledger,
        agenda: Agenda,
        outbox: Outbox,
        seed: int,
        paths: Mapping[TransferKind, Path],
    ) -> None:
        self._currencies = currencies
        self._ledger = ledger
        self._agenda = agenda
        self._outbox = outbox
        self._seed = seed
        self._paths = {**PATHS, **paths}
        for path in self._paths.values():
            _verify(path)
        self._transfers: dict[int, Transfer] = {}
        self._of_account: dict[str, list[int]] = {}
        self._references: dict[tuple[str, str], int] = {}
        self._vouchers: dict[str, _Voucher] = {}
        self.refuses = False
        """Whether what is asked for next is refused at the end of its path."""

    def find(self, account: str, transfer_id: int) -> Transfer:
        self._ledger.require(account)
        transfer = self._transfers.get(transfer_id)
        if transfer is None or transfer.account != account:
            raise TransferNotFound(transfer_id)
        return transfer

    def history(self, account: str, window: Window) -> Sequence[Transfer]:
        self._ledger.require(account)
        transfers, numbers = self._transfers, self._of_account.get(account, [])
        return [transfers[number] for number in window.of(numbers, int, lambda number: transfers[number].created_ms)]

    def address(self, account: str, currency: str, chain: str) -> str:
        """Where an account receives a currency; always the same."""
        self._ledger.require(account)
        self._currency(currency)
        return "sandbox-" + self._digest("address", account, currency, chain)[:34]

    def require_amount(self, currency: str, amount: Decimal) -> None:
        """Refuse what cannot be an amount of a currency."""
        unit = self._currency(currency).unit
        if not amount.is_finite() or amount <= 0:
            raise BelowMinimum("amount", amount, unit)
        if amount > LIMIT:
            raise AboveMaximum("amount", amount, LIMIT)
        if not is_multiple(amount, unit):
            raise PrecisionExceeded("amount", amount, unit)

    def open(self, transfer: Transfer, path: Path | None = None) -> Transfer:
        """Take a transfer in; its id is given here."""
        account, currency = transfer.account, self._currency(transfer.currency)
        self._ledger.require(account)
        stages = self._paths[transfer.kind] if path is None else path
        _verify(stages)
        if self.refuses and transfer.kind is not TransferKind.DEPOSIT:
            stages = (*stages[:-1], attrs.evolve(stages[-1], state=TransferState.REFUSED))
        if transfer.kind is TransferKind.WITHDRAWAL:
            transfer = attrs.evolve(transfer, fee=currency.withdrawal_fee)
        self._permit(transfer, currency)
        amount = floor_to(transfer.amount, currency.unit)
        transfer = attrs.evolve(transfer, id=len(self._transfers) + 1, amount=amount)
        if _leaves(transfer.kind):
            self._ledger.hold(account, currency.code, transfer.total, transfer.id, EntryKind.HOLD_TRANSFER)
        if transfer.kind is TransferKind.VOUCHER_REDEMPTION and transfer.voucher_code is not None:
            self._vouchers[transfer.voucher_code].redeemed_by = transfer.id
        if transfer.reference is not None:
            self._references[account, transfer.reference] = transfer.id
        self._of_account.setdefault(account, []).append(transfer.id)
        self._put(transfer)
        for stage in stages:
            if stage.after_ms <= 0:
                self._reach(transfer.id, stage, transfer.created_ms)
            else:
                self._agenda.note(transfer.created_ms + stage.after_ms, partial(self._reach, transfer.id, stage))
        return self._transfers[transfer.id]

    def cancel(self, account: str, transfer_id: int, now_ms: int) -> Transfer:
        transfer = self.find(account, transfer_id)
        if transfer.state not in _CANCELLABLE:
            raise TransferNotCancellable(transfer)
        self._reach(transfer_id, Stage(TransferState.CANCELLED, 0), now_ms)
        return self._transfers[transfer_id]

    def voucher(self, code: str) -> tuple[str, Decimal]:
        """Currency and amount of a voucher that may be redeemed."""
        voucher = self._vouchers.get(code)
        if voucher is None:
            raise UnknownVoucher(code)
        if voucher.redeemed_by is not None:
            raise VoucherSpent(code)
        return voucher.currency, voucher.amount

    def held(self) -> dict[tuple[str, str], Decimal]:
        """By account and currency, what transfers hold."""
        found: dict[tuple[str, str], Decimal] = {}
        for transfer in self._transfers.values():
            if _leaves(transfer.kind) and not transfer.is_final:
                key = (transfer.account, transfer.currency)
                found[key] = found.get(key, ZERO) + transfer.total
        return found

    def unredeemed(self) -> dict[str, Decimal]:
        """By currency, what vouchers are worth whose redemption is not completed."""
        found: dict[str, Decimal] = {}
        for voucher in self._vouchers.values():
            taker = voucher.redeemed_by
            if taker is None or self._transfers[taker].state is not TransferState.COMPLETED:
                found[voucher.currency] = found.get(voucher.currency, ZERO) + voucher.amount
        return found

    def _permit(self, transfer: Transfer, currency: Currency) -> None:
        amount = transfer.amount
        self.require_amount(transfer.currency, amount)
        if transfer.kind is TransferKind.WITHDRAWAL:
            if amount < currency.min_withdrawal:
                raise BelowMinimum("amount", amount, currency.min_withdrawal)
            if currency.max_withdrawal is not None and amount > currency.max_withdrawal:
                raise AboveMaximum("amount", amount, currency.max_withdrawal)
        if transfer.reference is not None:
            known = self._references.get((transfer.account, transfer.reference))
            if known is not None:
                raise DuplicateReference(transfer.reference, known)

    def _reach(self, transfer_id: int, stage: Stage, now_ms: int) -> None:
        transfer = self._transfers[transfer_id]
        if transfer.is_final:
            return
        transfer = attrs.evolve(transfer, state=stage.state, updated_ms=now_ms)
        on_chain = transfer.kind in (TransferKind.DEPOSIT, TransferKind.WITHDRAWAL)
        moving = stage.state in (TransferState.PROCESSING, TransferState.COMPLETED)
        if on_chain and moving and transfer.txid is None:
            transfer = attrs.evolve(transfer, txid=self._digest("txid", str(transfer.id)))
        if stage.state is TransferState.COMPLETED:
            transfer = self._complete(transfer)
        elif stage.state.is_final:
            self._undo(transfer)
        self._put(transfer)

    def _complete(self, transfer: Transfer) -> Transfer:
        ledger, account, currency, number = self._ledger, transfer.account, transfer.currency, transfer.id
        match transfer.kind:
            case TransferKind.DEPOSIT:
                ledger.deposit(account, currency, transfer.amount, number)
            case TransferKind.WITHDRAWAL:
                ledger.withdraw(account, currency, transfer.amount, number)
                ledger.pay_fee(account, currency, transfer.fee, EntryKind.WITHDRAWAL_FEE, number)
            case TransferKind.VOUCHER_CREATION:
                code = self._digest("voucher", str(number))[:20]
                self._vouchers[code] = _Voucher(currency, transfer.amount)
                ledger.spend(account, currency, transfer.amount, EntryKind.VOUCHER, number)
                ledger.credit(VOUCHERS, currency, transfer.amount, EntryKind.VOUCHER, number)
                return attrs.evolve(transfer, voucher_code=code)
            case TransferKind.VOUCHER_REDEMPTION:
                ledger.debit(VOUCHERS, currency, transfer.amount, EntryKind.VOUCHER, number)
                ledger.credit(account, currency, transfer.amount, EntryKind.VOUCHER, number)
        return transfer

    def _undo(self, transfer: Transfer) -> None:
        if _leaves(transfer.kind):
            self._ledger.release(
                transfer.account, transfer.currency, transfer.total, transfer.id, EntryKind.RELEASE_TRANSFER
            )
        elif transfer.kind is TransferKind.VOUCHER_REDEMPTION and transfer.voucher_code is not None:
            self._vouchers[transfer.voucher_code].redeemed_by = None

    def _put(self, transfer: Transfer) -> None:
        self._transfers[transfer.id] = transfer
        self._outbox.add(TransferUpdated(transfer))

    def _currency(self, code: str) -> Currency:
        try:
            return self._currencies[code]
        except KeyError:
            raise UnknownCurrency(code) from None

    def _digest(self, *parts: str) -> str:
        return sha256("\0".join((str(self._seed), *parts)).encode()).hexdigest()


def _leaves(kind: TransferKind) -> bool:
    return kind in (TransferKind.WITHDRAWAL, TransferKind.VOUCHER_CREATION)


def _verify(path: Path) -> None:
    times = [stage.after_ms for stage in path]
    final = [stage.state.is_final for stage in path]
    if not path or times != sorted(times) or final != [False] * (len(path) - 1) + [True]:
        raise ValueError(f"a path ascends in time to its one final state: {path}")
