"""Reconciling as a conversation: what is asked, what is concluded from the answers, and what is never concluded."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest
from handwritten import EXCHANGE, Credentials
from talk import KEY, NOW_MS, SECRET, Clock, lost, reply

from specie.runtime import (
    Cancelled,
    Filled,
    InvalidType,
    Look,
    Millis,
    Model,
    Nonces,
    NotCancelled,
    NotPlaced,
    Operation,
    OutcomeUnknown,
    Placed,
    Reconciliation,
    Retries,
    Seconds,
    StateLook,
    StillUnknown,
    Timeout,
    Trace,
    body,
    model,
    query,
)
from specie.runtime.clock import ServerClock
from specie.runtime.evidence import Condition, sent_between, time_of
from specie.runtime.flow import call
from specie.runtime.reconciling import reconcile
from specie.runtime.settings import Settings
from specie.runtime.steps import Send, Sleep

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # NOW_MS


@model
class Order(Model):
    id: str
    price: Decimal
    amount: Decimal
    made: Millis | None = None
    state: int = 1


@model
class Fill(Model):
    id: str
    order_id: str
    amount: Decimal
    time: Seconds


@model
class Receipt(Model):
    id: str


CREATE: Operation[Receipt] = Operation(
    name="orders.create",
    method="POST",
    path="/orders",
    effect="create",
    bare=True,
    receipt="id",
    parameters=(
        body("price", Decimal),
        body("amount", Decimal),
        body("own", int, required=False),
        body("share", int, required=False),
    ),
    returns=Receipt,
)
CANCEL: Operation[None] = Operation(
    name="orders.cancel",
    method="DELETE",
    path="/orders",
    effect="cancel",
    bare=True,
    parameters=(query("id", str),),
    returns=None,
)
GET: Operation[Order] = Operation(
    name="orders.get", method="GET", path="/order", bare=True, parameters=(query("id", str),), returns=Order
)
HISTORY: Operation[list[Order]] = Operation(
    name="orders.history",
    method="GET",
    path="/orders",
    bare=True,
    parameters=(query("start", Millis, required=False), query("limit", int, required=False)),
    returns=list[Order],
)
FILLS: Operation[list[Fill]] = Operation(
    name="orders.fills",
    method="GET",
    path="/fills",
    bare=True,
    parameters=(query("since", Seconds, required=False),),
    returns=list[Fill],
)
CONDITIONS = {"price": "price", "amount": "amount unless share"}
TIMED: Reconciliation[Any] = Reconciliation(
    Trace(
        CREATE,
        by="own",
        exact=(Look(GET, {"id": "c:{own}"}, match=CONDITIONS, time="made"),),
        looks=(Look(HISTORY, {"start": "since", "limit": 3}, match=CONDITIONS, time="made", full=3),),
        settle=30,
    ),
    Trace(
        CANCEL,
        state=StateLook(GET, {"id": "id"}, "state", cancelled=(3,), open=(1,), over=(2,)),
        settle=30,
    ),
)
UNTIMED: Reconciliation[Any] = Reconciliation(Trace(CREATE, looks=(Look(HISTORY, {}, match=CONDITIONS),), settle=30))
FILLED: Reconciliation[Any] = Reconciliation(
    Trace(
        CREATE,
        looks=(
            Look(HISTORY, {}, match=CONDITIONS, time="made"),
            Look(FILLS, {"since": "since"}, ids=("id", "order_id"), time="time", total=("amount", "amount")),
        ),
        settle=30,
    )
)


class Case:
    """A client with a lost call, and the conversations about it."""

    def __init__(self, *, learns: bool = True, **given: Any) -> None:
        self.clock = Clock()
        exchange = EXCHANGE
        self.settings = Settings(
            exchange,
            Credentials(api_key=KEY, api_secret=SECRET),
            exchange.servers,
            clock=ServerClock(self.clock) if learns else self.clock,
            nonces=Nonces(),
            monotonic=self.clock.monotonic,
            random=lambda: 1.0,
            timeout=Timeout(),
            retries=Retries(0),
        )
        self.asked: list[Send] = []
        self.slept: list[float] = []
        self.unknown = self.lose(**given)

    def lose(self, **given: Any) -> OutcomeUnknown:
        arguments = {"price": 100, "amount": 2, **given}
        with pytest.raises(OutcomeUnknown) as caught:
            self.drive(call(self.settings, lambda: False, CREATE, arguments), [lost()])
        return caught.value

    def place(self, order_id: str) -> None:
        self.drive(call(self.settings, lambda: False, CREATE, {"price": 100, "amount": 2}), [reply({"id": order_id})])

    def drive(self, steps: Any, answers: list[Any]) -> Any:
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                answer = None
                if isinstance(step, Sleep):
                    self.slept.append(step.seconds)
                    self.clock.ms += round(step.seconds * 1000)
                else:
                    self.asked.append(step)
                    answer = answers.pop(0)
        except StopIteration as done:
            assert not answers, "nobody asked for the rest"
            return done.value

    def ask(
        self, *bodies: Any, how: Reconciliation[Any] = TIMED, known: Any = None, wait: float = 0, date: str = DATE
    ) -> Any:
        answers = [one if hasattr(one, "status") or hasattr(one, "sent") else reply(one, date=date) for one in bodies]
        self.asked.clear()
        return self.drive(reconcile(self.settings, lambda: False, how, self.unknown, known, wait), answers)


def order(id: str = "7", made: int | None = NOW_MS, **more: Any) -> dict[str, Any]:
    return {"id": id, "price": "100.0", "amount": "2", "made": made, **more}


def later(case: Case, seconds: int = 31) -> str:
    """Time goes by; the `Date` of the exchange then."""
    case.clock.ms += seconds * 1000
    minutes, rest = divmod(13 * 60 + 20 + seconds, 60)
    return f"Tue, 14 Nov 2023 22:{minutes}:{rest:02} GMT"


# --- by values --------------------------------------------------------------------------------------------------------


def test_a_single_record_of_its_time_is_the_order() -> None:
    case = Case()
    outcome = case.ask([order()])
    assert isinstance(outcome, Placed)
    assert outcome.order.id == "7"
    assert case.unknown.reconciled_ids == ("7",)
    # Nothing was known of the clock before the first reply, so it was read from far back.
    assert f"start={NOW_MS - 24 * 3_600_000 - 10_000}" in case.asked[0].request.url
    case.unknown = case.lose()
    case.ask([])
    start = int(case.asked[0].request.url.partition("start=")[2].partition("&")[0])
    assert 0 < NOW_MS - 10_000 - start < 2_000


def test_nothing_is_only_certain_when_nothing_can_come_any_more() -> None:
    case = Case()
    outcome = case.ask([])
    assert isinstance(outcome, StillUnknown)
    assert outcome.again_in is not None
    assert 28 < outcome.again_in <= 30
    assert isinstance(case.ask([], date=later(case)), NotPlaced)


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (order(made=NOW_MS - 60_000), NotPlaced),  # older
        (order(price="100.01"), NotPlaced),
        (order(amount="1"), NotPlaced),
        (order(made=None), StillUnknown),  # its time is not told
        (order(made=NOW_MS // 1000), StillUnknown),  # a time of 1970 is in another unit
        (order(made=NOW_MS - 8_000), StillUnknown),  # too early to be claimed, too late to be dismissed
        (order(made=NOW_MS + 25_000), Placed),  # it was on its way for a while
        (order(made=NOW_MS + 3_600_000), StillUnknown),  # an hour later: who knows
    ],
)
def test_what_a_record_proves(record: dict[str, Any], outcome: type[Any]) -> None:
    case = Case()
    found = case.ask([record], date=later(case))
    assert type(found) is outcome, found
    if isinstance(found, StillUnknown):
        assert [one.id for one in found.candidates] == ["7"]


def test_two_records_are_claimed_for_neither() -> None:
    case = Case()
    found = case.ask([order("7"), order("8")])
    assert isinstance(found, StillUnknown)
    assert [one.id for one in found.candidates] == ["7", "8"]
    assert found.again_in is None
    assert isinstance(case.ask([order("7"), order("8")], known=[8]), Placed)


def test_a_list_that_may_be_cut_off_proves_nothing() -> None:
    case = Case()
    found = case.ask([order(str(n), price="1") for n in range(3)], date=later(case))
    assert isinstance(found, StillUnknown)
    assert "cut off" in found.why
    assert found.again_in is None


def test_an_argument_that_was_not_sent_is_not_compared_nor_one_beside_which_it_does_not_count() -> None:
    case = Case(share=50)
    assert isinstance(case.ask([order(amount="0.7")]), Placed)


def test_without_times_nothing_is_claimed_unless_the_caller_says_what_he_knew() -> None:
    case = Case()
    found = case.ask([order(made=None)], how=UNTIMED)
    assert isinstance(found, StillUnknown)
    assert "known=" in found.why
    assert isinstance(case.ask([order(made=None)], how=UNTIMED, known=()), Placed)


@pytest.mark.parametrize(
    "given", [{"known": "77"}, {"known": b"7"}, {"known": 7}, {"wait": "9"}, {"wait": True}, {"wait": float("nan")}]
)
def test_what_would_be_read_otherwise_than_it_was_meant_is_refused(given: Any) -> None:
    with pytest.raises(InvalidType, match=f"{next(iter(given))} must be"):
        Case().ask(**given)


def test_receipts_of_the_client_are_known() -> None:
    case = Case()
    case.place("8")
    found = case.ask([order("7"), order("8")])
    assert isinstance(found, Placed)
    assert found.order.id == "7"
    other = Case()
    assert isinstance(other.ask([order("7"), order("8")]), StillUnknown), "receipts of another client were taken"


# --- by an id of one's own ----------------------------------------------------------------------------------------------


def test_its_own_id_is_enough_before_any_clock_is_compared() -> None:
    case = Case(own=5)
    found = case.ask(reply(order(made=None)))
    assert isinstance(found, Placed)
    assert case.asked[0].request.url.endswith("/order?id=c%3A5")
    case = Case(own=5)
    assert isinstance(case.ask(reply({"error": "no such order"}, 404)), StillUnknown)
    case.clock.ms += 31_000
    assert isinstance(case.ask(reply({"error": "no such order"}, 404)), NotPlaced)


def test_another_order_under_the_same_id_proves_nothing() -> None:
    for record in (order(made=NOW_MS - 3_600_000), order(price="5")):
        case = Case(own=5)
        found = case.ask(record, date=later(case))
        assert isinstance(found, StillUnknown)
        assert [one.id for one in found.candidates] == ["7"]
        assert found.again_in is None


# --- by trades --------------------------------------------------------------------------------------------------------


def fill(id: str, amount: str, time: int = NOW_MS // 1000, order_id: str = "99") -> dict[str, Any]:
    return {"id": id, "order_id": order_id, "amount": amount, "time": time}


def test_trades_that_make_up_the_order_are_its_own() -> None:
    case = Case()
    found = case.ask([], [fill("1", "0.5"), fill("2", "1.5")], how=FILLED)
    assert isinstance(found, Filled)
    assert [one.id for one in found.fills] == ["1", "2"]
    assert case.ask([], [fill("1", "0.5"), fill("2", "1.5")], how=FILLED) == found
    case.unknown = case.lose()
    date = later(case)
    assert isinstance(case.ask([], [fill("1", "0.5"), fill("2", "1.5")], how=FILLED, date=date), NotPlaced)


@pytest.mark.parametrize(
    "fills", [[fill("1", "0.5")], [fill("1", "2"), fill("2", "1")], [fill("1", "2", NOW_MS // 1000 - 8)]]
)
def test_other_trades_prove_nothing(fills: list[dict[str, Any]]) -> None:
    case = Case()
    found = case.ask([], fills, how=FILLED, date=later(case))
    assert isinstance(found, StillUnknown)
    assert len(found.candidates) == len(fills)


def test_trades_of_orders_that_are_known_do_not_count() -> None:
    case = Case()
    found = case.ask([], [fill("1", "2"), fill("2", "1", order_id="55")], how=FILLED, known=["55"])
    assert isinstance(found, Filled)


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learns", [True, False])
def test_a_clock_that_is_an_hour_off_is_seen_through(learns: bool) -> None:
    case = Case(learns=learns)
    case.unknown.sent_at_ms -= 3_600_000
    case.clock.ms -= 3_600_000
    assert isinstance(case.ask([order()]), Placed)
    assert isinstance(case.ask([order(made=NOW_MS - 60_000)]), StillUnknown)
    case.clock.ms += 31_000
    assert isinstance(case.ask([order(made=NOW_MS - 60_000)], date="Tue, 14 Nov 2023 22:13:51 GMT"), NotPlaced)


def test_without_any_clock_of_the_exchange_times_prove_nothing() -> None:
    case = Case()
    case.clock.ms += 31_000
    assert isinstance(case.ask(reply([order()])), StillUnknown)
    assert isinstance(case.ask(reply([order(made=NOW_MS - 3_600_000)])), StillUnknown)
    assert isinstance(case.ask(reply([order(made=NOW_MS - 30 * 3_600_000)])), NotPlaced)


def test_what_was_known_of_the_clock_at_the_call_travels_with_it() -> None:
    case = Case()
    case.ask([])
    unknown = pickle.loads(pickle.dumps(case.lose()))
    assert unknown.clock_uncertainty_ms is not None
    other = Case()
    other.unknown = unknown
    assert isinstance(other.ask(reply([order()])), Placed)


# --- asking on, and cancels -------------------------------------------------------------------------------------------


def test_it_asks_on_while_that_may_help() -> None:
    case = Case()
    outcome = case.ask([], reply([], date="Tue, 14 Nov 2023 22:13:50 GMT"), wait=60)
    assert isinstance(outcome, NotPlaced)
    (slept,) = case.slept
    assert 28 < slept <= 30
    case = Case()
    assert isinstance(case.ask(lost(), lost(), [order()], wait=60), Placed)
    assert case.slept == [1, 1]
    case = Case()
    assert isinstance(case.ask(lost(), lost(), lost(), wait=2), StillUnknown)
    assert case.slept == [1, 1]


@pytest.mark.parametrize(
    ("state", "at_once", "afterwards"),
    [
        (1, StillUnknown, NotCancelled),
        (2, NotCancelled, NotCancelled),
        (3, Cancelled, Cancelled),
        (9, StillUnknown, StillUnknown),
    ],
)
def test_a_cancel_by_the_state_of_its_order(state: int, at_once: type[Any], afterwards: type[Any]) -> None:
    case = Case()
    with pytest.raises(OutcomeUnknown) as caught:
        case.drive(call(case.settings, lambda: False, CANCEL, {"id": "7"}), [lost()])
    case.unknown = caught.value
    assert type(case.ask(order(state=state))) is at_once
    assert type(case.ask(order(state=state), date=later(case))) is afterwards
    assert isinstance(case.ask(reply({"error": "no such order"}, 404)), StillUnknown)


# --- small things -----------------------------------------------------------------------------------------------------


def test_answers_are_values() -> None:
    one = Placed(5)
    assert one == Placed(5) != Cancelled(5)
    assert one != Placed(6)
    assert len({one, Placed(5), NotPlaced("x")}) == 2
    assert pickle.loads(pickle.dumps(StillUnknown([1], "why", 2.0))) == StillUnknown((1,), "why", 2.0)
    assert repr(StillUnknown([1], "why")) == "StillUnknown(candidates=(1,), why='why', again_in=None)"
    for change in (lambda: setattr(one, "order", 6), lambda: delattr(one, "order")):
        with pytest.raises(AttributeError, match="a Placed does not change"):
            change()
    match one:
        case Placed(value):
            assert value == 5


@pytest.mark.parametrize(
    ("wanted", "found", "holds"),
    [
        ("amount", Decimal("2.0"), True),
        ("amount", Decimal("2.1"), False),
        ("amount", None, False),
        ("up to amount", Decimal("1.9"), True),
        ("up to amount", Decimal("2.1"), False),
        ("plus or minus amount", Decimal(-2), True),
        ("plus or minus amount", Decimal(-1), False),
        ("missing", None, True),
        ("amount unless other", Decimal(5), True),
        ("amount unless missing", Decimal(5), False),
    ],
)
def test_conditions(wanted: str, found: Decimal | None, holds: bool) -> None:
    record = type("Record", (), {"field": found, "empty": None})
    sent = {"amount": Decimal(2), "other": 1}
    assert Condition("field", wanted).holds(record, sent) is holds
    assert Condition("empty or field", wanted).holds(record, sent) is holds


def test_times_of_records_are_as_wide_as_their_unit() -> None:
    seconds = time_of(Fill(id="1", order_id="2", amount=Decimal(1), time=Seconds(NOW_MS // 1000)), "time")
    assert seconds is not None
    assert (seconds.first, seconds.last) == (NOW_MS, NOW_MS + 999)
    span = sent_between(NOW_MS, 500)
    assert (span.first, span.last, span.known) == (NOW_MS - 500, NOW_MS + 500, True)
    assert span.holds(seconds, 0)
    assert not span.rules_out(None)
    assert not sent_between(NOW_MS, None).holds(seconds, 10**9)
