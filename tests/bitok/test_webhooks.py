"""bitok.webhooks, against transcripts of the documented notifications, signed with the secret of the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from support.exact import exactly
from support.replay import exchanges

from specie.bitok import (
    RedemptionCancelled,
    RedemptionPaid,
    RequestCancelled,
    RequestStatus,
    VoucherCancelled,
    VoucherPaid,
    WithdrawalCancelled,
    WithdrawalPaid,
    webhooks,
)
from specie.cassettes.transcript import Notification
from specie.runtime import Id, WebhookSignatureMismatch
from specie.sandbox import demo_credentials

SECRET = demo_credentials(exchanges()["bitok"])["api_secret"]
PAID: dict[str, Any] = {
    "id": Id("12345678"),
    "invoice": "XXXXXXXXX",
    "amount": Decimal("0.123"),
    "currency": "btc",
    "status": RequestStatus.PROCESSED,
}
CANCELLED: dict[str, Any] = {**PAID, "status": RequestStatus.CANCELLED}


def both(notifications: Sequence[Notification], webhook: Any = None) -> list[Any]:
    paid, cancelled = (
        webhooks.parse(one.headers, one.body.encode(), secret=SECRET, webhook=webhook) for one in notifications
    )
    for one in notifications:
        with pytest.raises(WebhookSignatureMismatch):
            webhooks.parse(one.headers, one.body, secret=f"{SECRET}x", webhook=webhook)
    return [paid, cancelled]


def test_withdrawal(notifications: Any) -> None:
    paid = WithdrawalPaid(**PAID, txid=Id("12345678"))
    exactly(both(notifications, "withdrawal"), [paid, WithdrawalCancelled(**CANCELLED, error="Not enough funds")])
    # Without a word from the address, a cancellation may be of any request.
    exactly(both(notifications), [paid, RequestCancelled(**CANCELLED, error="Not enough funds")])


def test_voucher(notifications: Any) -> None:
    paid = VoucherPaid(**PAID, voucher_code="8v34408a987ax35d")
    exactly(both(notifications, "voucher"), [paid, VoucherCancelled(**CANCELLED, error="Not enough funds")])
    exactly(both(notifications), [paid, RequestCancelled(**CANCELLED, error="Not enough funds")])


def test_redemption(notifications: Any) -> None:
    paid = RedemptionPaid(**PAID)
    exactly(both(notifications, "redemption"), [paid, RedemptionCancelled(**CANCELLED, error="Voucher does not exist")])
    exactly(both(notifications), [paid, RequestCancelled(**CANCELLED, error="Voucher does not exist")])
