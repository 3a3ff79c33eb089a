"""bitexbit.account, against cassettes of the documented examples."""

from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitexbit import Balance


def test_balances(client: Any) -> None:
    balances = [Balance(currency="BTC", balance=Decimal("0.00000000"), reserve=Decimal("0.00000000"))]
    exactly(client.account.balances(), balances)
    exactly(client.account.balances(currency="BTC"), balances)
