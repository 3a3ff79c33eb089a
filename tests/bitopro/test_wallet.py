"""bitopro.wallet, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitopro import (
    Deposit,
    DepositStatus,
    Protocol,
    Withdrawal,
    WithdrawalReceipt,
    WithdrawalStatus,
)
from specie.runtime import Millis, Seconds

ONE = "2N7sfszCocGkDst3mULPP7JmdctgDWeCpGf"
OTHER = "2N1LFhSACBKCY4cWQoNr11JJzPmWMUXzp3k"


def test_deposits(client: Any) -> None:
    def deposit(id: str, serial: str, timestamp: int, amount: str, txid: str, message: str | None) -> Deposit:
        return Deposit(
            id=id,
            serial=serial,
            timestamp=Millis(timestamp),
            address=ONE,
            amount=Decimal(amount),
            fee=Decimal("0"),
            total=Decimal(amount),
            status=DepositStatus.WAIT_PROCESS,
            transaction_id=txid,
            message=message,
            protocol=Protocol.MAIN,
        )

    deposits = client.wallet.deposits("btc", limit=30, statuses=[DepositStatus.CANCELLED, DepositStatus.WAIT_PROCESS])
    exactly(
        deposits,
        [
            deposit(
                "3255779687",
                "20210126BW05262128",
                1611660419000,
                "200000000",
                "00d618f6ecb5697c674a47cd1a40edf399c99eaeb045f0ff7ab3ee2be6f5",
                "test",
            ),
            deposit(
                "8378921292",
                "20210126BW21101833",
                1611660400000,
                "300000000",
                "00e1d6aec3cb40080bace4ec70a3e4ad95af1ca7ca68ef7be02a3f59fcf9",
                None,
            ),
        ],
    )
    assert deposits[0].timestamp_utc == datetime(2021, 1, 26, 11, 26, 59, tzinfo=UTC)
    found = client.wallet.deposits(
        "usdt",
        start=1592203563000,
        end=datetime(2020, 9, 13, 6, 46, 3, tzinfo=UTC),
        limit=100,
        id=3255779687,
        statuses=DepositStatus.COMPLETE,
        transaction_id="414b4d22c07d815834213d83f368",
    )
    assert found == deposits
    assert client.wallet.deposits("twd", statuses=list(DepositStatus)) == deposits


def test_withdrawals(client: Any) -> None:
    def withdrawal(
        id: str,
        serial: str,
        timestamp: int,
        address: str,
        amount: str,
        txid: str,
        status: WithdrawalStatus = WithdrawalStatus.WAIT_PROCESS,
        message: str | None = None,
    ) -> Withdrawal:
        return Withdrawal(
            id=id,
            serial=serial,
            timestamp=Millis(timestamp),
            legacy_time=None,
            address=address,
            amount=Decimal(amount),
            fee=Decimal("0"),
            total=Decimal(amount),
            status=status,
            transaction_id=txid,
            message=message,
            protocol=Protocol.MAIN,
        )

    withdrawals = client.wallet.withdrawals(
        "btc", limit=30, statuses=[WithdrawalStatus.CANCELLED, WithdrawalStatus.WAIT_PROCESS]
    )
    exactly(
        withdrawals,
        [
            withdrawal(
                "3255779687",
                "20210126BW05262128",
                1611660419000,
                ONE,
                "200000000",
                "00d618f6ecb5697c674a47cd1a40edf399c99eaeb045f0ff7ab3ee2be6f5",
                message="test",
            ),
            withdrawal(
                "8378921292",
                "20210126BW21101833",
                1611660400000,
                ONE,
                "300000000",
                "00e1d6aec3cb40080bace4ec70a3e4ad95af1ca7ca68ef7be02a3f59fcf9",
            ),
            withdrawal(
                "3994629320",
                "20210126BW16517260",
                1611648549000,
                OTHER,
                "300000000",
                "02b3309db5b615d77a5658d7426e4a8fcd919b1456afcba025be0b50a523",
            ),
            withdrawal(
                "9117770925",
                "20210126BW01177362",
                1611648540000,
                OTHER,
                "200000000",
                "095bf1437f2c0e18e02fba593cec3b0c2588ef1fe256d068371ba7e259ed",
            ),
            withdrawal(
                "4240912531",
                "20210126BW66914816",
                1611648161000,
                OTHER,
                "100000000",
                "14d7bf233251703cdca17a23a26094b49ab6e209382efa3a14d5efa52470",
                status=WithdrawalStatus.CANCELLED,
            ),
        ],
    )
    assert withdrawals[0].timestamp_utc == datetime(2021, 1, 26, 11, 26, 59, tzinfo=UTC)
    assert withdrawals[0].legacy_time_utc is None
    found = client.wallet.withdrawals(
        "usdt",
        start=datetime(2020, 6, 15, 6, 46, 3, tzinfo=UTC),
        end=1599979563000,
        limit=1,
        id="3255779687",
        statuses=list(WithdrawalStatus),
        transaction_id="414b4d22c07d815834213d83f368",
    )
    assert found == withdrawals


WITHDRAWAL = Withdrawal(
    id="3994629320",
    serial="20200417TW51258295",
    timestamp=Millis(1601951443123),
    legacy_time=Seconds(1601951443),
    address="64382xx3234",
    amount=Decimal("12353"),
    fee=Decimal("15"),
    total=Decimal("12368"),
    status=WithdrawalStatus.WAIT_PROCESS,
    transaction_id=None,
    message="test",
    protocol=Protocol.MAIN,
)


def test_withdrawal(client: Any) -> None:
    withdrawal = client.wallet.withdrawal("twd", "20200417TW51258295")
    exactly(withdrawal, WITHDRAWAL)
    assert withdrawal.timestamp_utc == datetime(2020, 10, 6, 2, 30, 43, 123000, tzinfo=UTC)
    assert withdrawal.legacy_time_utc == datetime(2020, 10, 6, 2, 30, 43, tzinfo=UTC)


def test_withdrawal_by_id(client: Any) -> None:
    exactly(client.wallet.withdrawal_by_id("twd", 3994629320), WITHDRAWAL)


def test_withdraw(client: Any) -> None:
    receipt = client.wallet.withdraw(
        "twd",
        amount=12353,
        protocol=Protocol.MAIN,
        message="test",
        bank_account_serial="1020000286850710",
        bank_serial="805",
    )
    exactly(
        receipt,
        WithdrawalReceipt(
            serial="20200417TW51258295",
            id="12368",
            currency="TWD",
            protocol=Protocol.MAIN,
            address="64382xx3234",
            amount=Decimal("12353"),
            fee=Decimal("15"),
            total=Decimal("12368"),
            message="test",
        ),
    )
    sent = client.wallet.withdraw(
        "usdt", amount=Decimal("10.50"), protocol=Protocol.ERC20, address="0x00", timestamp=1504262258000
    )
    assert sent == receipt
    for protocol in Protocol:
        assert client.wallet.withdraw("usdt", amount="0.1", protocol=protocol, address="0x00") == receipt
