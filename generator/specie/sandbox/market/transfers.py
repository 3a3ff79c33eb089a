"""Money that comes, goes, or is written on a voucher: one record for all, moving through states as time goes by.

What a transfer does to balances happens at two moments: when it is asked for (what leaves is held) and when it comes to
its end (completed: the money moves; else: it is freed). The way between is a path, which is for show.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import attrs


class TransferKind(Enum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    VOUCHER_CREATION = "creation of a voucher"
    VOUCHER_REDEMPTION = "redemption of a voucher"


class TransferState(Enum):
    NEW = "new"
    VERIFIED = "verified"
    """Its owner confirmed it, or the chain saw it."""
    PROCESSING = "processing"
    """On its way: it can no longer be cancelled."""
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    """By its owner."""
    REFUSED = "refused"
    """By the exchange."""

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({TransferState.COMPLETED, TransferState.CANCELLED, TransferState.REFUSED})


@attrs.frozen
class Stage:
    """A state, and how long after the request it is reached, in milliseconds."""

    state: TransferState
    after_ms: int


Path: TypeAlias = tuple[Stage, ...]
"""Ascending in time; the last stage, and no other, is final."""

PATHS: dict[TransferKind, Path] = {
    TransferKind.DEPOSIT: (
        Stage(TransferState.VERIFIED, 1_000),
        Stage(TransferState.PROCESSING, 2_000),
        Stage(TransferState.COMPLETED, 5_000),
    ),
    TransferKind.WITHDRAWAL: (
        Stage(TransferState.VERIFIED, 2_000),
        Stage(TransferState.PROCESSING, 5_000),
        Stage(TransferState.COMPLETED, 10_000),
    ),
    TransferKind.VOUCHER_CREATION: (Stage(TransferState.COMPLETED, 1_000),),
    TransferKind.VOUCHER_REDEMPTION: (Stage(TransferState.COMPLETED, 1_000),),
}
"""The paths of a market that is told no others."""


@attrs.frozen(kw_only=True)
class Transfer:
    """A transfer of an account, as it stood at `updated_ms`."""

    id: int
    account: str
    kind: TransferKind
    currency: str
    amount: Decimal
    """What is sent, received, or written on the voucher."""
    fee: Decimal
    """Charged besides."""
    state: TransferState
    address: str = ""
    """Where it goes to, or came in; empty for vouchers."""
    chain: str = ""
    memo: str = ""
    reference: str | None = None
    """The account's own name for it, used once."""
    txid: str | None = None
    """Of the chain's transaction, from the moment it is on its way."""
    voucher_code: str | None = None
    """Of a voucher that is redeemed, or was created and is completed."""
    created_ms: int
    updated_ms: int

    @property
    def total(self) -> Decimal:
        """Amount and fee."""
        return self.amount + self.fee

    @property
    def is_final(self) -> bool:
        return self.state.is_final
