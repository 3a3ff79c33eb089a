"""bitopro.account, against cassettes of the documented examples."""

from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitopro import Balance


def test_balances(client: Any) -> None:
    def balance(currency: str, amount: str, available: str, stake: str, tradable: bool) -> Balance:
        return Balance(
            currency=currency,
            amount=Decimal(amount),
            available=Decimal(available),
            stake=Decimal(stake),
            tradable=tradable,
        )

    exactly(
        client.account.balances(),
        [
            balance("bito", "10001", "1.0", "10000", True),
            balance("btc", "0.0", "1.0", "0", True),
            balance("eth", "3.0", "0.01", "0", True),
            balance("twd", "30000", "2500", "0", True),
            balance("npxs", "30000", "2500", "0", False),
        ],
    )
