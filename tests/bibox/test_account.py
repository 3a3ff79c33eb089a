"""bibox.account, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bibox.account import Balance, LedgerEntry, LedgerEntryType
from specie.runtime import Millis


def test_balances(client: Any) -> None:
    expected = [
        Balance(asset=asset, available=Decimal("10000"), frozen=Decimal("0")) for asset in ("USDT", "BTC", "ETH")
    ]
    exactly(client.account.balances(), expected)
    exactly(client.account.balances(assets=["BTC", "ETH"]), expected)
    exactly(client.account.balances(assets="BTC"), expected)


def test_ledger(client: Any) -> None:
    expected = [
        LedgerEntry(
            id="1125899906842648350",
            asset=asset,
            type=LedgerEntryType.TRADE,
            amount=Decimal("0.003"),
            balance=Decimal("10.009"),
            time=Millis(1643289492985),
        )
        for asset in ("BTC", "USDT", "ETH")
    ]
    entries = client.account.ledger(assets=["BTC"], end_time=1651895799668, limit=10)
    exactly(entries, expected)
    assert entries[0].time_utc == datetime(2022, 1, 27, 13, 18, 12, 985_000, UTC)
    assert entries[0].type.is_known
    exactly(client.account.ledger(), expected)
    new_year = datetime(2022, 1, 1, tzinfo=UTC)
    everything = client.account.ledger(
        assets=["BTC", "USDT", "ETH"],
        start_time=new_year,
        end_time=datetime(2022, 1, 31, 23, 59, 59, 999_000, UTC),
        before="1125899906842648351",
        after=1125899906842648349,
        limit=100,
    )
    exactly(everything, expected)
