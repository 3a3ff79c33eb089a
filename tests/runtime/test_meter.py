"""A call and its limits: what it costs, its turn, what the exchange tells, and what becomes of it without room."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from specie.runtime import Exchange, Headers, Limit, LimitReached, MemoryBudgets, NotSent
from specie.runtime.budgets import Ticket, span_of
from specie.runtime.meter import Meter, Policy
from specie.runtime.steps import Blocking, Sleep

POINTS = Limit("1000/10s per ip", unit="points", reported={"X-Usage": "cost:used:left"})


def exchange(**limits: Any) -> Exchange:
    servers = {"rest": "https://api.acme.example/v1", "other": "https://other.acme.example"}
    return Exchange(name="acme", title="Acme", environment="ACME", servers=servers, **limits)


ACME = exchange(limits=("3/10s per ip",), private_limits=("2/10s per account",))


class Server(NamedTuple):
    """A server as settings know it."""

    origin: str


class Meters:
    """Meters over one store, in time that the test passes."""

    def __init__(self, budgets: Any = None) -> None:
        self.budgets = budgets or MemoryBudgets()
        self.now = 1000.0
        self.slept: list[float] = []

    def meter(self, policy: Policy = "wait", of: Exchange = ACME, **servers: str) -> Meter:
        addresses = {name: Server("/".join(url.split("/")[:3])) for name, url in {**of.servers, **servers}.items()}
        return Meter(of, addresses, self.budgets, policy, lambda: self.now)

    def drive(self, steps: Any) -> Any:
        resume: Callable[[Any], Any] = steps.send
        answer: Any = None
        while True:
            try:
                step = resume(answer)
            except StopIteration as done:
                return done.value
            resume, answer = steps.send, None
            if isinstance(step, Sleep):
                self.slept.append(step.seconds)
                self.now += step.seconds
            else:
                assert isinstance(step, Blocking)
                try:
                    answer = step.call()
                except Exception as error:
                    resume, answer = steps.throw, error

    def admit(self, meter: Meter, *, auth: bool = False, left: float | None = 60.0, **more: Any) -> Ticket:
        account = "0123456789abcdef" if auth else ""
        charges = meter.charges("market.ticker", auth=auth, server="rest", **{"account": account, **more})
        ticket = self.drive(meter.admit(charges, "market.ticker", left))
        assert isinstance(ticket, Ticket)
        return ticket

    def call(self, meter: Meter, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        self.drive(meter.settle(self.admit(meter, **more), Headers((headers or {}).items())))


def test_a_call_waits_for_room() -> None:
    meters = Meters()
    meter = meters.meter()
    for _ in range(3):
        meters.call(meter)
    assert meters.slept == []
    meters.call(meter)
    assert sum(meters.slept) == pytest.approx(span_of(10))


def test_a_call_that_would_wait_too_long_is_not_sent_at_once() -> None:
    meters = Meters()
    meter = meters.meter()
    for _ in range(3):
        meters.call(meter)
    with pytest.raises(
        LimitReached, match=r"market.ticker: nothing was sent: the limit 3/10s per ip leaves no room for 10 s"
    ):
        meters.admit(meter, left=9.0)
    assert meters.slept == []
    with pytest.raises(LimitReached) as caught:
        meters.admit(meters.meter("raise"))
    assert meters.slept == []
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert isinstance(error, NotSent)
        assert (error.operation, error.limit) == ("market.ticker", "3/10s per ip")
        assert error.seconds == pytest.approx(span_of(10))
    meters.now += span_of(10)
    for _ in range(3):
        meters.admit(meter, left=0.5)  # nobody who gave up left a place behind


def test_who_ignores_the_limits_asks_nobody() -> None:
    meters = Meters()
    meter = meters.meter("ignore")
    assert meter.charges("market.ticker", auth=True, server="rest", account="a") == ()
    assert meters.drive(meter.admit((), "market.ticker", 1.0)) is None
    for steps in (meter.settle(None, Headers()), meter.refused(None, 1.0), meter.unsent(None)):
        assert meters.drive(steps) is None
    assert [one.used for one in meter.headroom()] == [0]


def test_all_clients_of_a_store_share_what_is_counted_alike() -> None:
    meters = Meters()
    meters.call(meters.meter())
    meters.call(meters.meter())
    meters.call(meters.meter(), auth=True)  # private calls count for the address too
    elsewhere = meters.meter(rest="http://127.0.0.1:8080")
    assert meters.meter("raise").headroom()[0].used == 3
    assert elsewhere.headroom()[0].used == 0
    with pytest.raises(LimitReached):
        meters.admit(meters.meter("raise"), auth=True)
    meters.call(elsewhere)


def test_accounts_are_counted_apart_and_show_no_key() -> None:
    meters = Meters()
    meter = meters.meter(of=exchange(private_limits=("1/min per account",)))
    charges = [meter.charges("a", auth=True, server="rest", account=one) for one in ("first", "second")]
    assert charges[0][0].key != charges[1][0].key
    assert meter.charges("a", auth=False, server="rest") == ()


def test_an_operations_own_limit_counts_it_alone() -> None:
    own = (Limit("1/min per ip+account"),)
    meter = Meters().meter()
    ticker, trades = (
        meter.charges(name, auth=False, server="rest", limits=own) for name in ("market.ticker", "market.trades")
    )
    assert [one.text for one in ticker] == ["1/min per ip+account", "3/10s per ip"]
    assert ticker[0].key != trades[0].key
    assert ticker[1].key == trades[1].key
    each = Meters().meter(of=exchange(limits=("1/min per ip+endpoint",)))
    assert each.charges("a", auth=False, server="rest")[0].key != each.charges("b", auth=False, server="rest")[0].key


def test_what_was_not_sent_leaves_its_room() -> None:
    meters = Meters()
    meter = meters.meter("raise")
    for _ in range(10):
        meters.drive(meter.unsent(meters.admit(meter)))


def test_a_refusal_stops_the_others_too() -> None:
    meters = Meters()
    ticket = meters.admit(meters.meter())
    meters.drive(meters.meter().settle(ticket, Headers()))
    meters.drive(meters.meter().refused(ticket, 4.0))
    meters.call(meters.meter())
    assert sum(meters.slept) == pytest.approx(4.0)


def test_a_call_that_is_cancelled_while_it_waits_gives_up_its_place() -> None:
    meters = Meters()
    meter = meters.meter()
    for _ in range(3):
        meters.call(meter)
    charges = meter.charges("market.ticker", auth=False, server="rest")
    waiting = [meter.admit(charges, "market.ticker", 60.0) for _ in range(5)]
    for one in waiting:
        assert isinstance(next(one), Sleep)
    for one in waiting:
        one.close()
    meters.call(meter)
    assert sum(meters.slept) == pytest.approx(span_of(10))


def test_costs_are_weights() -> None:
    meters = Meters()
    meter = meters.meter("raise", exchange(limits=(Limit("10/10s per ip", unit="points"), "100/10s per ip")))
    charges = meter.charges("market.ticker", auth=False, server="rest", cost=4)
    assert [(one.allowed, one.weight) for one in charges] == [(10, 4), (100, 1)]
    meters.call(meter, cost=4)
    meters.call(meter, cost=4)
    with pytest.raises(LimitReached):
        meters.admit(meter, cost=4)


def test_costs_that_are_told_afterwards_are_learned() -> None:
    meters = Meters()
    meter = meters.meter(of=exchange(limits=(POINTS,)))

    def weight(name: str = "market.ticker") -> int:
        return meter.charges(name, auth=False, server="rest")[0].weight

    assert weight() == 10  # a hundredth of what is allowed, until one was told
    meters.call(meter, headers={"x-usage": "200:230:770"})
    assert weight() == 200
    assert weight("market.trades") == 10
    (room,) = meter.headroom()
    assert (room.used, room.allowed, room.unit, room.limit, room.operation) == (
        230,
        1000,
        "points",
        "1000/10s per ip",
        "",
    )
    for _ in range(60):
        meters.now += 1
        meters.call(meter, headers={"X-Usage": "2:2:998"})
    assert weight() in (2, 3)
    meters.call(meter, headers={"X-Usage": "dear:1:2"})
    meters.call(meter, headers={})
    assert weight() in (2, 3)


def test_the_headroom_shows_every_limit_that_is_known() -> None:
    meters = Meters()
    meter = meters.meter()
    assert [(one.limit, one.used, one.free_in) for one in meter.headroom("me")] == [
        ("3/10s per ip", 0, 0.0),
        ("2/10s per account", 0, 0.0),
    ]
    assert [one.limit for one in meter.headroom()] == ["3/10s per ip"]
    for _ in range(2):
        meters.call(meter, auth=True, account="me", limits=(Limit("5/s per account"),))
    shown = {one.limit: one for one in meter.headroom("me")}
    assert set(shown) == {"3/10s per ip", "2/10s per account", "5/s per account"}
    assert shown["5/s per account"].operation == "market.ticker"
    assert shown["2/10s per account"][1:7] == (("account",), "", "calls", 2, 2, 10)
    assert shown["2/10s per account"].free_in == pytest.approx(span_of(10))
    assert shown["3/10s per ip"].free_in == 0.0
    assert Meters().meter(of=exchange()).headroom("me") == []


class Gone:
    """A store that cannot be reached."""

    blocking = True

    def take(self, *_: Any, **__: Any) -> Any:
        raise OSError("no route to the store")

    settle = release = leave = penalise = headroom = take

    def __repr__(self) -> str:
        return "Gone()"


def test_without_its_store_a_call_is_not_sent() -> None:
    meters = Meters(Gone())
    with pytest.raises(NotSent, match=r"Gone\(\) cannot be reached to ask for room: no route to the store"):
        meters.admit(meters.meter())


def test_an_answer_is_never_lost_for_want_of_a_store(caplog: pytest.LogCaptureFixture) -> None:
    meters = Meters(Gone())
    meter = meters.meter()
    ticket = Ticket("1", meter.charges("market.ticker", auth=False, server="rest"))
    with caplog.at_level(logging.WARNING, "specie.acme"):
        meters.drive(meter.settle(ticket, Headers()))
        meters.drive(meter.refused(ticket, None))
        meters.drive(meter.unsent(ticket))
    assert [one.getMessage() for one in caplog.records] == ["limits: Gone(): no route to the store"] * 3


def test_a_store_that_may_block_is_asked_in_steps_of_their_own() -> None:
    class Slow(MemoryBudgets):
        blocking = True  # type: ignore[misc,assignment]

    meters = Meters(Slow())
    meter = meters.meter()
    for _ in range(3):
        meters.call(meter)
    with pytest.raises(LimitReached):
        meters.admit(meter, left=1.0)
    meters.call(meter)
    charges = meter.charges("market.ticker", auth=False, server="rest")
    waiting = meter.admit(charges, "market.ticker", 60.0)
    assert isinstance(next(waiting), Blocking)
    waiting.close()
