"""Orders whose answers are lost, at every exchange: what `reconcile` says is what the exchange's own books show."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from support.calls import BODIES
from support.losing import HASTE, ORDERS, OWN_ID, PATIENCE, Bench, losing

from specie.runtime import AuthenticationFailed, InvalidType, InvalidValue, NotPlaced, Placed, StillUnknown

pytest.importorskip("aiohttp")

both_bodies = pytest.mark.parametrize("body", BODIES)
FAULTS = {
    "accept-then-reset": True,
    "read-then-reset": False,
    "accept-then-timeout": True,
    "timeout": False,
    "accept-then-status:502": True,
    "status:502": False,
    "garbage": True,
    "truncated": True,
}
each_exchange = pytest.mark.parametrize("name", list(ORDERS))


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    with losing() as bench:
        yield bench


@pytest.fixture
def bench(served: Bench) -> Iterator[Bench]:
    served.wait(600)  # what earlier tests did is long ago
    yield served
    served.sandbox.clear_faults()
    served.sandbox.check()


@both_bodies
@each_exchange
@pytest.mark.parametrize("fault", FAULTS)
def test_it_says_what_the_books_show(bench: Bench, name: str, body: str, fault: str) -> None:
    with bench.client(name, body, timeout=HASTE if "timeout" in fault else PATIENCE) as client:
        before = bench.orders(name)
        unknown = bench.lose(client, name, fault)
        unknown = pickle.loads(pickle.dumps(unknown))
        made = bench.orders(name).keys() - before.keys()
        assert len(made) == FAULTS[fault]
        outcome = client.orders.reconcile(unknown, known=before)
        if FAULTS[fault]:
            assert isinstance(outcome, Placed)
            assert {outcome.order.id} == made
            assert client.orders.reconcile(unknown, known=before) == outcome
        else:
            assert isinstance(outcome, StillUnknown), outcome
            assert outcome.candidates == ()
            assert outcome.again_in is not None
            assert 0 < outcome.again_in <= 60
            bench.wait(61)
            assert isinstance(client.orders.reconcile(unknown, known=before), NotPlaced)
        assert bench.orders(name).keys() - before.keys() == made, "asking changed something"


@both_bodies
@pytest.mark.parametrize("name", list(OWN_ID))
@pytest.mark.parametrize("placed", [True, False])
def test_an_own_id_tells_equal_orders_apart(bench: Bench, name: str, body: str, placed: bool) -> None:
    with bench.client(name, body) as client, bench.client(name, body) as other:
        number = 7_000_000 + bench.clock[0] // 1000 % 1_000_000
        other.orders.create(**{**ORDERS[name], OWN_ID[name]: number})
        before = bench.orders(name)
        fault = "accept-then-reset" if placed else "read-then-reset"
        unknown = bench.lose(client, name, fault, **{OWN_ID[name]: number + 1})
        assert unknown.client_order_id == str(number + 1)
        bench.wait(61)
        outcome = client.orders.reconcile(unknown)
        if placed:
            assert isinstance(outcome, Placed)
            assert {outcome.order.id} == bench.orders(name).keys() - before.keys()
        else:
            assert isinstance(outcome, NotPlaced)


@each_exchange
def test_orders_of_the_same_client_are_not_taken_for_the_lost_one(bench: Bench, name: str) -> None:
    with bench.client(name, "blocking") as client:
        before = bench.orders(name)
        client.orders.create(**ORDERS[name])
        unknown = bench.lose(client, name, "read-then-reset")
        client.orders.create(**ORDERS[name])
        assert len(bench.orders(name)) == len(before) + 2
        bench.wait(61)
        assert isinstance(client.orders.reconcile(unknown, known=before), NotPlaced)


@each_exchange
def test_an_equal_order_of_somebody_else_keeps_it_unknown(bench: Bench, name: str) -> None:
    with bench.client(name, "blocking") as client, bench.client(name, "blocking") as other:
        before = bench.orders(name)
        theirs = other.orders.create(**ORDERS[name])
        unknown = bench.lose(client, name, "accept-then-reset")
        made = bench.orders(name).keys() - before.keys()
        outcome = client.orders.reconcile(unknown, known=before)
        assert isinstance(outcome, StillUnknown)
        assert {one.id for one in outcome.candidates} == made
        assert outcome.again_in is None
        id_of_theirs = theirs.order_id if hasattr(theirs, "order_id") else theirs.id
        outcome = client.orders.reconcile(unknown, known=[*before, id_of_theirs])
        assert isinstance(outcome, Placed)
        assert {outcome.order.id} == made - {id_of_theirs}


@pytest.mark.parametrize("name", ["bibox", "bitok", "bitopro"])
def test_an_equal_order_of_earlier_is_another_one(bench: Bench, name: str) -> None:
    with bench.client(name, "blocking") as client, bench.client(name, "blocking") as other:
        other.orders.create(**ORDERS[name])
        bench.wait(20)
        unknown = bench.lose(client, name, "read-then-reset")
        bench.wait(61)
        assert isinstance(client.orders.reconcile(unknown), NotPlaced)


@each_exchange
def test_two_lost_calls_are_never_found_to_be_one_order(bench: Bench, name: str) -> None:
    with bench.client(name, "blocking") as client:
        before = bench.orders(name)
        first = bench.lose(client, name, "accept-then-reset")
        second = bench.lose(client, name, "read-then-reset")
        bench.wait(61)
        outcomes = [client.orders.reconcile(one, known=before) for one in (first, second, first)]
        assert [type(one) for one in outcomes] == [Placed, NotPlaced, Placed]
        assert outcomes[0] == outcomes[2]


@both_bodies
@each_exchange
def test_a_clock_that_is_off_is_seen_through(bench: Bench, name: str, body: str) -> None:
    # An order's time may be off by a minute at most at one of them, or it is refused at once.
    behind = 30_000 if name == "bitopro" else 600_000
    with bench.client(name, body, clock=lambda: bench.clock[0] - behind) as client:
        before = bench.orders(name)
        for fault, placed in (("accept-then-reset", True), ("read-then-reset", False)):
            unknown = bench.lose(client, name, fault)
            if not placed:
                bench.wait(61)
            outcome = client.orders.reconcile(unknown, known=before)
            assert type(outcome) is (Placed if placed else NotPlaced), (fault, outcome)
            before = bench.orders(name)


def test_what_passes_while_asking_is_no_error(bench: Bench) -> None:
    with bench.client("bitopro", "blocking", retries=0, timeout=HASTE) as client:
        unknown = bench.lose(client, "bitopro", "accept-then-reset")
        for fault in ("status:502", "status:429", "accept-then-timeout", "garbage"):
            bench.sandbox.fault(f"{fault} on bitopro.orders.history")
            outcome = client.orders.reconcile(unknown)
            assert isinstance(outcome, StillUnknown)
            assert outcome.again_in == 1
            assert "orders.history" in outcome.why
        assert isinstance(client.orders.reconcile(unknown), Placed)


def test_a_refusal_to_be_asked_is_raised(bench: Bench) -> None:
    with bench.client("bitopro", "blocking") as client:
        unknown = bench.lose(client, "bitopro", "accept-then-reset")
        bench.sandbox.fault("status:401 on bitopro.orders.history")
        with pytest.raises(AuthenticationFailed):
            client.orders.reconcile(unknown)


def test_the_client_of_another_exchange_is_refused(bench: Bench) -> None:
    with bench.client("bitopro", "blocking") as client, bench.client("bibox", "blocking") as other:
        unknown = bench.lose(client, "bitopro", "accept-then-reset")
        seen = len(bench.sandbox.requests)
        with pytest.raises(InvalidValue, match="reconcile with the client that sent it"):
            other.orders.reconcile(unknown)
        with pytest.raises(
            InvalidValue, match=r"orders\.create cannot be reconciled here; here it is wallet\.withdraw"
        ):
            client.wallet.reconcile(unknown)
        with pytest.raises(InvalidType, match="not a ValueError"):
            client.orders.reconcile(ValueError("x"))
        assert len(bench.sandbox.requests) == seen
