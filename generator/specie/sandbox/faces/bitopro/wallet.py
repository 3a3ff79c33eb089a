"""What the account holds, and how it comes and goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...market import Balance, Transfer, TransferKind, TransferState, Window
from .. import Call
from .listing import CHAINS
from .words import BitoProGroup, coins, limited, number, refusal, text, time_range, wrong_parameter

_FIRST_TRANSFER = 3_200_000_000
WHITELIST = "demo-"
"""How the addresses begin that the demo account's owner has set up on the website, as withdrawals of coins demand."""
_BANK_ACCOUNT = "demo-8050001020286850"
"""The verified account, where TWD goes unless another is named."""

# The pages list the words without explaining them; this is the order that they suggest.
_DEPOSITS = {
    TransferState.NEW: "WAIT_PROCESS",
    TransferState.VERIFIED: "PROCESSING",
    TransferState.PROCESSING: "PROCESSING",
    TransferState.COMPLETED: "COMPLETE",
    TransferState.CANCELLED: "CANCELLED",
    TransferState.REFUSED: "INVALID",
}
_WITHDRAWALS = {
    **_DEPOSITS,
    TransferState.VERIFIED: "PROCESSING",
    TransferState.PROCESSING: "WAIT_CONFIRMATION",  # The chain has the transaction from here on.
}
_OF_TWD = {"WAIT_CONFIRMATION": "PROCESSING", "INVALID": "FAILED"}
"""The words that TWD has in place of others."""


class WalletGroup(BitoProGroup):
    """The operations of `account` and `wallet`."""

    def account_balances(self, call: Call) -> Any:
        return [balance_row(one) for one in self.market.balances(call.account)]

    def wallet_deposits(self, call: Call) -> Any:
        return self._history(TransferKind.DEPOSIT, call)

    def wallet_withdrawals(self, call: Call) -> Any:
        return self._history(TransferKind.WITHDRAWAL, call)

    def wallet_withdrawal(self, call: Call) -> Any:
        return _single(self._withdrawal(call, "serial"))

    def wallet_withdrawal_by_id(self, call: Call) -> Any:
        return _single(self._withdrawal(call, "id"))

    def wallet_withdraw(self, call: Call) -> Any:
        given = call.arguments
        currency, protocol = self.currency(given["currency"]), given.get("protocol", "MAIN")
        if protocol not in [chain.protocol for chain in CHAINS[currency]]:
            raise wrong_parameter("protocol")
        address = given.get("address", "")
        if currency == "TWD":
            address = given.get("bank_account_serial", address or _BANK_ACCOUNT)
        elif not address.startswith(WHITELIST):
            raise refusal("InvalidRequest", "Address not in whitelist.")
        transfer = self.market.withdraw(
            call.account,
            currency,
            given["amount"],
            address,
            now_ms=call.now_ms,
            chain=protocol,
            memo=given.get("message", ""),
        )
        return {
            "serial": _serial(transfer),
            "currency": transfer.currency,
            "protocol": _protocol(transfer),
            "address": transfer.address,
            "amount": text(transfer.amount),
            "fee": text(transfer.fee),
            "total": text(transfer.total),
            **_message(transfer),
            "id": _id(transfer),
        }

    def _history(self, kind: TransferKind, call: Call) -> list[Any]:
        given = call.arguments
        currency, (start, end) = self.currency(given["currency"]), time_range(given, call.now_ms)
        last_id = number(given["id"], "id") - _FIRST_TRANSFER if "id" in given else None
        window = Window(start_ms=start, end_ms=end, last_id=last_id)
        found = [
            _listed(transfer)
            for transfer in reversed(self.market.transfers(call.account, window, kind=kind, currency=currency))
            if _status(transfer) in given.get("statuses", (_status(transfer),))
            and given.get("transaction_id") in (None, _transaction_id(transfer))
        ]
        return limited(found, given, 20)

    def _withdrawal(self, call: Call, key: str) -> Transfer:
        """The withdrawal of a call's path, by its serial or id."""
        currency, wanted = self.currency(call.arguments["currency"]), call.arguments[key]
        name = _serial if key == "serial" else _id
        for transfer in self.market.transfers(call.account, kind=TransferKind.WITHDRAWAL, currency=currency):
            if name(transfer) == wanted:
                return transfer
        raise refusal("NotFound", f"There is no withdrawal {wanted}.", 404)


def balance_row(balance: Balance) -> dict[str, Any]:
    """A balance, as lists of them have it."""
    return {
        "currency": balance.currency.lower(),
        "amount": text(balance.total),
        "available": text(balance.available),
        "stake": "0",
        "tradable": True,
    }


def _listed(transfer: Transfer) -> dict[str, Any]:
    """A transfer as lists have it."""
    row = _row(transfer)
    txid = _transaction_id(transfer)
    return row if txid is None else {**row, "txid": txid}


def _single(transfer: Transfer) -> dict[str, Any]:
    """A withdrawal that was asked for alone: with another time, and without its transaction."""
    return {**_row(transfer), "datetime": str(transfer.created_ms // 1000)}


def _row(transfer: Transfer) -> dict[str, Any]:
    return {
        "serial": _serial(transfer),
        "timestamp": str(transfer.created_ms),
        "address": transfer.address,
        "amount": coins(transfer.amount),
        "fee": coins(transfer.fee),
        "total": coins(transfer.total),
        "status": _status(transfer),
        **_message(transfer),
        "protocol": _protocol(transfer),
        "id": _id(transfer),
    }


def _id(transfer: Transfer) -> str:
    return str(_FIRST_TRANSFER + transfer.id)


def _serial(transfer: Transfer) -> str:
    """The day, TW for a bank or BW for a chain, and a number: 20200417TW51258295."""
    day = datetime.fromtimestamp(transfer.created_ms // 1000, UTC)
    return f"{day:%Y%m%d}{'TW' if transfer.currency == 'TWD' else 'BW'}{51_000_000 + transfer.id}"


def _status(transfer: Transfer) -> str:
    word = (_WITHDRAWALS if transfer.kind is TransferKind.WITHDRAWAL else _DEPOSITS)[transfer.state]
    return _OF_TWD.get(word, word) if transfer.currency == "TWD" else word


def _protocol(transfer: Transfer) -> str:
    return transfer.chain or CHAINS[transfer.currency][0].protocol


def _transaction_id(transfer: Transfer) -> str | None:
    """None for a bank, and until the transaction is on the chain."""
    return None if transfer.currency == "TWD" else transfer.txid


def _message(transfer: Transfer) -> Mapping[str, str]:
    return {"message": transfer.memo} if transfer.memo else {}
