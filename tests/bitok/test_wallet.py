"""bitok.wallet, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitok.wallet import DepositAddress, RequestReceipt, RequestStatus, Transfer, TransferDetails
from specie.runtime import Seconds

NOTIFY_URL = "https://yourdomain.com/notify-url?shop=1&name=J. Müller"
RECEIPT = RequestReceipt(id="12345678", status=RequestStatus.NEW)


def test_history(client: Any) -> None:
    expected = Transfer(
        tx_id="40",
        type="deposit",
        currency="btc",
        amount=Decimal("2.00"),
        base_amount=Decimal("2.00"),
        fee=Decimal("0.01"),
        status="confirmed",
        rejected=False,
        timestamp=Seconds(1394698058),
        provider="coins",
        extra=TransferDetails(
            ps_id="ed6c1c20588be8d29abe25f23b7cda314187cb22bf2bbad4de23192b7e1913b0",
            confirmations=3,
        ),
    )
    transfers = client.wallet.history()
    exactly(transfers, [expected])
    assert transfers[0].timestamp_utc == datetime(2014, 3, 13, 8, 7, 38, tzinfo=UTC)
    exactly(client.wallet.history(offset=10, count=100, currency="btc"), [expected])


def test_deposit_address(client: Any) -> None:
    expected = DepositAddress(address="1G3FtRHSfW5Saiq3pti2qm1dJ1bwFL48RD1")
    exactly(client.wallet.deposit_address("btc"), expected)


def test_withdraw(client: Any) -> None:
    receipt = client.wallet.withdraw(
        amount=Decimal("0.1230"),
        currency="btc",
        address="1G3FtRHSfW5Saiq3pti2qm1dJ1bwFL48RD1",
        invoice="invoice 1/2026",
        notify_url=NOTIFY_URL,
    )
    exactly(receipt, RECEIPT)
    assert receipt.status.is_known
    least = client.wallet.withdraw(
        amount="0.123", currency="btc", address="1G3FtRHSfW5Saiq3pti2qm1dJ1bwFL48RD1", invoice="invoice-1"
    )
    exactly(least, RECEIPT)


def test_create_voucher(client: Any) -> None:
    receipt = client.wallet.create_voucher(amount=100, currency="usd", invoice="invoice-2", notify_url=NOTIFY_URL)
    exactly(receipt, RECEIPT)
    exactly(client.wallet.create_voucher(amount=Decimal("0.123"), currency="usd", invoice="invoice-3"), RECEIPT)


def test_redeem_voucher(client: Any) -> None:
    receipt = client.wallet.redeem_voucher("8v34408a987ax35d", invoice="invoice-3", notify_url=NOTIFY_URL)
    exactly(receipt, RECEIPT)
    exactly(client.wallet.redeem_voucher("8v34408a987ax35d", invoice="invoice-4"), RECEIPT)
