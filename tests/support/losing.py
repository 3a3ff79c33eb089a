"""Calls whose answers are lost, at every exchange, on a clock that the test turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import attrs
import pytest

from specie.runtime import Nonces, OutcomeUnknown, Timeout
from specie.sandbox import Sandbox

from .calls import connected
from .replay import exchanges

NOW_MS = 1_790_000_000_000
PATIENCE = Timeout(connect=10.0, read=10.0, total=30.0)
HASTE = Timeout(connect=10.0, read=0.25, total=30.0)  # for what would keep a client waiting

# A bid far below the market of each exchange: it is taken, and rests.
ORDERS: dict[str, dict[str, Any]] = {
    "bibox": {"symbol": "BTC_USDT", "side": "buy", "type": "limit", "quantity": Decimal("0.01"), "price": Decimal(1000)},
    "bitexbit": {"pair": "BTC_USD", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000)},
    "bitok": {"pair": "btc_usd", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000)},
    "bitopro": {"pair": "btc_twd", "action": "BUY", "type": "LIMIT", "amount": Decimal("0.001"), "price": Decimal(100000)},
}  # fmt: skip
OWN_ID = {"bibox": "client_order_id", "bitopro": "client_id"}
FIRST_ID = {"bibox": 4611688217450643456, "bitexbit": 0, "bitok": 0, "bitopro": 4_000_000_000}


@attrs.define
class Bench:
    """One sandbox for all tests of this file, and its time."""

    sandbox: Sandbox
    nonces: Nonces
    clock: list[int]

    @contextmanager
    def client(self, name: str, body: str, **more: Any) -> Iterator[Any]:
        given = {"timeout": PATIENCE, "clock": lambda: self.clock[0], "nonces": self.nonces, **more}
        with connected(exchanges()[name], body, **self.sandbox.client_options_of(name), **given) as client:
            yield client

    def wait(self, seconds: int) -> None:
        self.clock[0] += seconds * 1000

    def orders(self, name: str) -> dict[str, Any]:
        """The orders in the books of the exchange, by the ids that it tells."""
        market = self.sandbox.market(name)
        assert market is not None
        found = [order for account in market.accounts for order in market.orders(account)]
        return {str(FIRST_ID[name] + order.id): order for order in found}

    def lose(self, client: Any, name: str, fault: str, **more: Any) -> OutcomeUnknown:
        """An order whose answer is lost."""
        return self.lose_call(fault, f"{name}.orders.create", lambda: client.orders.create(**{**ORDERS[name], **more}))

    def lose_call(self, fault: str, operation: str, call: Callable[[], Any]) -> OutcomeUnknown:
        """A call whose answer is lost, and which the exchange is done with; its client may have given up before."""
        before = len(self.sandbox.requests)
        self.sandbox.fault(f"{fault} on {operation}")
        with pytest.raises(OutcomeUnknown) as caught:
            call()
        deadline = time.monotonic() + 10
        while len(self.sandbox.requests) <= before and time.monotonic() < deadline:
            time.sleep(0.005)
        return caught.value


@contextmanager
def losing() -> Iterator[Bench]:
    """All exchanges, while the block lasts."""
    clock = [NOW_MS]
    with Sandbox(models=list(exchanges().values()), clock=lambda: clock[0], limits=False) as sandbox:
        yield Bench(sandbox, Nonces(), clock)
