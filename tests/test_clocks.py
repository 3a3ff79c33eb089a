"""A machine whose clock is wrong still trades: the exchange's time is learned from its replies, and from its refusals."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from support.calls import BODIES, connected
from support.replay import exchanges
from support.trading import read

from specie.runtime import ClockSkew, Nonces, ServerClock, flow
from specie.runtime.basics import Headers
from specie.runtime.clock import system_clock
from specie.runtime.steps import Enter, Response, Send
from specie.sandbox import Sandbox

pytest.importorskip("aiohttp")

TEN_MINUTES = 600_000

# A bid far below the market of each exchange: it is taken, and rests.
ORDERS: dict[str, dict[str, Any]] = {
    "bibox": {"symbol": "BTC_USDT", "side": "buy", "type": "limit", "quantity": Decimal("0.01"), "price": Decimal(1000)},
    "bitexbit": {"pair": "BTC_USD", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000)},
    "bitok": {"pair": "btc_usd", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000)},
    "bitopro": {"pair": "btc_twd", "action": "BUY", "type": "LIMIT", "amount": Decimal("0.001"), "price": Decimal(100000)},
}  # fmt: skip
NOTICED = {"bibox": {"expire_after": 5000}}  # where a wrong clock shows only by what a client chooses to send
REFUSES = [("bibox", -TEN_MINUTES), ("bitopro", -TEN_MINUTES), ("bitopro", TEN_MINUTES)]

each_exchange = pytest.mark.parametrize("name", list(ORDERS))
both_bodies = pytest.mark.parametrize("body", BODIES)


def options(sandbox: Sandbox, name: str) -> dict[str, Any]:
    return {**sandbox.client_options, **NOTICED.get(name, {}), "nonces": Nonces(), "limits": "ignore"}


def refusals(sandbox: Sandbox) -> list[str]:
    return [one.verdict.partition(":")[0] for one in sandbox.requests if one.verdict != "ok"]


def test_every_exchange_is_here() -> None:
    assert set(ORDERS) == set(exchanges())


@both_bodies
@each_exchange
@pytest.mark.parametrize("skew", [-TEN_MINUTES, TEN_MINUTES])
@pytest.mark.parametrize("first", ["a read", "an order"])
def test_a_machine_that_is_ten_minutes_off(name: str, body: str, skew: int, first: str) -> None:
    exchange = exchanges()[name]
    clock = ServerClock(lambda: system_clock() + skew)
    with (
        Sandbox(name, models=[exchange], seed=5, limits=False) as sandbox,
        connected(exchange, body, **options(sandbox, name), clock=clock) as client,
    ):
        if first == "a read":
            read(client)
        for _ in range(3):
            client.orders.create(**ORDERS[name])
        read(client)
        market = sandbox.market(name)
        assert market is not None
        assert [len(market.orders(account)) for account in market.accounts if market.orders(account)] == [3]
        assert refusals(sandbox) == (["ClockSkew"] if (name, skew) in REFUSES else [])
        assert clock.uncertainty_ms is not None
        assert abs(clock() - system_clock()) <= clock.uncertainty_ms + 5
        assert clock.uncertainty_ms < 2_000


@both_bodies
@each_exchange
def test_a_clock_that_is_set_while_it_trades(name: str, body: str) -> None:
    exchange = exchanges()[name]
    skew = [0]
    clock = ServerClock(lambda: system_clock() + skew[0])
    with (
        Sandbox(name, models=[exchange], seed=5, limits=False) as sandbox,
        connected(exchange, body, **options(sandbox, name), clock=clock) as client,
    ):
        for skew[0] in (0, -TEN_MINUTES, TEN_MINUTES, 0, TEN_MINUTES):
            for _ in range(2):
                client.orders.create(**ORDERS[name])
                read(client)
            assert abs(clock() - system_clock()) <= 2_000
        assert set(refusals(sandbox)) <= {"ClockSkew"}
        assert len(refusals(sandbox)) <= 4


@both_bodies
@pytest.mark.parametrize(("name", "skew"), REFUSES)
def test_a_clock_that_learns_nothing_is_obeyed_and_refused(name: str, body: str, skew: int) -> None:
    exchange = exchanges()[name]
    with (
        Sandbox(name, models=[exchange], seed=5, limits=False) as sandbox,
        connected(exchange, body, **options(sandbox, name), clock=lambda: system_clock() + skew) as client,
    ):
        for _ in range(2):
            with pytest.raises(ClockSkew):
                client.orders.create(**ORDERS[name])
            with pytest.raises(ClockSkew):
                read(client)
        assert refusals(sandbox) == ["ClockSkew"] * 4


@pytest.mark.parametrize("skew", [-TEN_MINUTES, TEN_MINUTES])
def test_a_field_that_is_the_exchanges_clock_is_learned_from(skew: int) -> None:
    exchange = exchanges()["bitok"]
    info = next(one for one in exchange.operations if one.id == "account.info")
    assert info.returns.server_time == "server_time"
    clock = ServerClock(lambda: system_clock() + skew)
    with connected(exchange, "sync", api_key="key", api_secret="secret", nonces=Nonces(), clock=clock) as client:
        operation = import_module("specie.bitok.account")._INFO
        steps = flow.call(client._settings, lambda: False, operation, {})
        step = next(steps)
        while not isinstance(step, Send):
            assert isinstance(step, Enter)
            step = steps.send(step.turnstile.enter())
        reply = {
            **{name: {} for name in ("funds", "funds_on_hold", "affiliate_amount")},
            **{"rights": {"info": 1, "trade": 1}, "transaction_count": 0, "open_orders": 0},
            "server_time": system_clock() // 1000,
        }
        body = json.dumps({"success": 1, "return": reply}).encode()
        with pytest.raises(StopIteration):
            steps.send(Response(200, Headers([]), body))  # no Date
    assert abs(clock() - system_clock()) < 5000
