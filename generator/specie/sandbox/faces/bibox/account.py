"""What an account holds at Bibox, and what changed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...market import Balance, EntryKind, LedgerEntry, UnknownCurrency
from .. import Call
from ..live import trimmed
from .words import Words, part, window_of

# Ids are as great as the documented ones, which no float holds.
_FIRST_ENTRY = 1125899906842624000
_ENTRIES = {
    EntryKind.DEPOSIT: "transfer_in",
    EntryKind.WITHDRAWAL: "transfer_out",
    EntryKind.WITHDRAWAL_FEE: "transfer_out",
    EntryKind.TRADE: "trade",
    EntryKind.FEE: "fee",
}


class AccountGroup(Words):
    """The operations of the group account."""

    def account_balances(self, call: Call) -> Any:
        return [balance_row(one) for one in (self.market.balance(call.account, asset) for asset in self._assets(call))]

    def account_ledger(self, call: Call) -> Any:
        assets = set(self._assets(call))
        # What is bound in orders is no change of a balance here: the kinds of entries have no name for it.
        entries = [
            one
            for one in self.market.ledger(call.account, window_of(call, _FIRST_ENTRY))
            if one.kind in _ENTRIES and one.currency in assets
        ]
        return [_entry(one) for one in part(entries, call.arguments)]

    def _assets(self, call: Call) -> Sequence[str]:
        assets: Sequence[str] = call.arguments.get("assets", tuple(self.market.currencies))
        unknown = next((one for one in assets if one not in self.market.currencies), None)
        if unknown is not None:
            raise UnknownCurrency(unknown)
        return assets


def balance_row(balance: Balance) -> Any:
    """What there is of an asset: free, and bound in orders."""
    return {"s": balance.currency, "a": trimmed(balance.available), "h": trimmed(balance.held)}


def _entry(entry: LedgerEntry) -> Any:
    return {
        "i": _FIRST_ENTRY + entry.id,
        "s": entry.currency,
        "T": _ENTRIES[entry.kind],
        "a": trimmed(entry.amount),
        "b": trimmed(entry.balance),
        "t": entry.time_ms,
    }
