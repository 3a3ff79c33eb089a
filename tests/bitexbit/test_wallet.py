"""bitexbit.wallet, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitexbit import Deposit, Withdrawal, WithdrawalStatus
from specie.runtime import ExactSeconds


def test_deposits(client: Any) -> None:
    deposits = client.wallet.deposits()
    exactly(
        deposits,
        [
            Deposit(
                id="317",
                currency="BTC",
                amount=Decimal("530.00000000"),
                timestamp=ExactSeconds(Decimal("1485363039.18359")),
            )
        ],
    )
    assert deposits[0].timestamp_utc == datetime(2017, 1, 25, 16, 50, 39, 183590, tzinfo=UTC)


def test_withdrawals(client: Any) -> None:
    withdrawals = client.wallet.withdrawals()
    exactly(
        withdrawals,
        [
            Withdrawal(
                id="403",
                currency="BTC",
                amount=Decimal("0.53000000"),
                status=WithdrawalStatus.VERIFIED,
                timestamp=ExactSeconds(Decimal("1485363466.868539")),
            )
        ],
    )
    assert withdrawals[0].timestamp_utc == datetime(2017, 1, 25, 16, 57, 46, 868539, tzinfo=UTC)
    assert client.wallet.withdrawals(currency="BTC", status=WithdrawalStatus.VERIFIED) == withdrawals
    for status in WithdrawalStatus:
        assert client.wallet.withdrawals(status=status) == withdrawals
