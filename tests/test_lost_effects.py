"""Lost cancels, transfers, and orders that were filled at once: found out where the documents show how."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from support.calls import BODIES
from support.losing import ORDERS, Bench, losing

from specie.runtime import (
    Cancelled,
    Filled,
    InvalidValue,
    NotCancelled,
    NotPlaced,
    NotTransferred,
    Placed,
    StillUnknown,
    Transferred,
)

pytest.importorskip("aiohttp")

both_bodies = pytest.mark.parametrize("body", BODIES)
cancelling = pytest.mark.parametrize("name", ["bibox", "bitexbit", "bitopro"])


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    with losing() as bench:
        yield bench


@pytest.fixture
def bench(served: Bench) -> Iterator[Bench]:
    served.wait(600)
    yield served
    served.sandbox.clear_faults()
    served.sandbox.check()


def placed_order(client: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """The id of an order that rests, and what cancels it."""
    receipt = client.orders.create(**ORDERS[name])
    order_id = getattr(receipt, "order_id", None) or receipt.id
    more = {"bibox": {"id": order_id}, "bitopro": {"pair": "btc_twd", "order_id": order_id}}
    return order_id, more.get(name, {"order_id": order_id})


# --- cancels --------------------------------------------------------------------------------------------------------


@both_bodies
@cancelling
@pytest.mark.parametrize(("fault", "done"), [("accept-then-reset", True), ("read-then-reset", False)])
def test_a_cancel(bench: Bench, name: str, body: str, fault: str, done: bool) -> None:
    with bench.client(name, body) as client:
        order_id, given = placed_order(client, name)
        unknown = bench.lose_call(fault, "orders.cancel", lambda: client.orders.cancel(**given))
        outcome = client.orders.reconcile(unknown)
        if not done:
            assert isinstance(outcome, StillUnknown)
            assert [one.id for one in outcome.candidates] == [order_id]
            bench.wait(61)
            outcome = client.orders.reconcile(unknown)
        assert isinstance(outcome, Cancelled if done else NotCancelled)
        assert outcome.order.id == order_id
        assert bench.orders(name)[order_id].is_open != done


@cancelling
def test_a_cancel_of_an_order_that_was_filled_before(bench: Bench, name: str) -> None:
    with bench.client(name, "blocking") as client:
        order = {**ORDERS[name], "price": crossing_price(bench, name)}
        receipt = client.orders.create(**order)
        order_id = getattr(receipt, "order_id", None) or receipt.id
        given = {"bibox": {"id": order_id}, "bitopro": {"pair": "btc_twd", "order_id": order_id}}
        cancel = given.get(name, {"order_id": order_id})
        unknown = bench.lose_call("read-then-reset", "orders.cancel", lambda: client.orders.cancel(**cancel))
        outcome = client.orders.reconcile(unknown)
        assert isinstance(outcome, NotCancelled)
        assert "ended otherwise" in outcome.why


def crossing_price(bench: Bench, name: str) -> Decimal:
    """A price at which a buyer meets the best offers at once."""
    market = bench.sandbox.market(name)
    assert market is not None
    pair = {"bibox": "BTC_USDT", "bitexbit": "BTC_USD", "bitok": "BTC_USD", "bitopro": "BTC_TWD"}[name]
    found = next(one for one in market.instruments if one.upper() == pair)
    return (market.book(found).asks[0].price * Decimal("1.1")).quantize(Decimal(1))


# --- transfers ------------------------------------------------------------------------------------------------------


@both_bodies
@pytest.mark.parametrize(("fault", "done"), [("accept-then-reset", True), ("read-then-reset", False)])
def test_a_withdrawal(bench: Bench, body: str, fault: str, done: bool) -> None:
    with bench.client("bitopro", body) as client:
        before = {one.serial for one in client.wallet.withdrawals("usdt")}
        given = {"amount": Decimal(100), "address": "demo-somewhere", "protocol": "ERC20"}
        unknown = bench.lose_call(fault, "wallet.withdraw", lambda: client.wallet.withdraw("usdt", **given))
        bench.wait(61)
        made = [one for one in client.wallet.withdrawals("usdt") if one.serial not in before]
        outcome = client.wallet.reconcile(unknown)
        if done:
            assert isinstance(outcome, Transferred)
            assert [outcome.transfer.serial] == [one.serial for one in made]
        else:
            assert made == []
            assert isinstance(outcome, NotTransferred)


def test_what_cannot_be_found_out_is_refused(bench: Bench) -> None:
    with bench.client("bitopro", "blocking") as client:
        unknown = bench.lose_call("accept-then-reset", "orders.cancel_all", client.orders.cancel_all)
        with pytest.raises(InvalidValue, match=r"orders\.cancel_all cannot be reconciled here"):
            client.orders.reconcile(unknown)
        assert "What open() still shows" in client.orders.cancel_all.__doc__


# --- orders that are filled at once ---------------------------------------------------------------------------------


@both_bodies
@pytest.mark.parametrize("name", list(ORDERS))
@pytest.mark.parametrize(("fault", "done"), [("accept-then-reset", True), ("read-then-reset", False)])
def test_an_order_that_is_filled_at_once(bench: Bench, name: str, body: str, fault: str, done: bool) -> None:
    with bench.client(name, body) as client:
        known = bench.orders(name)
        order = {**ORDERS[name], "price": crossing_price(bench, name)}
        unknown = bench.lose_call(fault, "orders.create", lambda: client.orders.create(**order))
        bench.wait(61)
        outcome = client.orders.reconcile(unknown, known=known)
        made = [one for key, one in bench.orders(name).items() if key not in known]
        assert len(made) == done
        if not done:
            assert isinstance(outcome, NotPlaced)
        elif name == "bitok":
            assert isinstance(outcome, Filled)
            assert sum(one.amount for one in outcome.fills) == made[0].amount
        else:
            assert isinstance(outcome, Placed)
            assert outcome.order.id in bench.orders(name)


def test_trades_of_two_orders_are_claimed_for_neither(bench: Bench) -> None:
    with bench.client("bitok", "blocking") as client:
        client.orders.open()
        order = {**ORDERS["bitok"], "price": crossing_price(bench, "bitok")}
        client.orders.create(**order)
        unknown = bench.lose_call("read-then-reset", "orders.create", lambda: client.orders.create(**order))
        bench.wait(61)
        outcome = client.orders.reconcile(unknown)
        assert isinstance(outcome, StillUnknown), "the trades of the first order were taken for those of the second"
        assert outcome.candidates


# --- market orders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize(("fault", "done"), [("accept-then-reset", True), ("read-then-reset", False)])
def test_a_market_order(bench: Bench, side: str, fault: str, done: bool) -> None:
    with bench.client("bitopro", "blocking") as client:
        known = bench.orders("bitopro")
        size = {"quote_amount": Decimal(5000)} if side == "BUY" else {"amount": Decimal("0.002")}
        unknown = bench.lose_call(
            fault,
            "orders.create",
            lambda: client.orders.create("btc_twd", action=side, type="MARKET", **size),
        )
        bench.wait(61)
        outcome = client.orders.reconcile(unknown)
        made = bench.orders("bitopro").keys() - known.keys()
        assert type(outcome) is (Placed if done else NotPlaced), outcome
        if isinstance(outcome, Placed):
            assert {outcome.order.id} == made
