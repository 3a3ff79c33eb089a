"""After a gap: what was missed is told once, in its place, and nothing of it is left out in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime import (
    ClosedRule,
    Connected,
    Connection,
    Feed,
    Id,
    KnownRule,
    MalformedMessage,
    Millis,
    Model,
    NotFound,
    OpenStrEnum,
    Reconnecting,
    Resync,
    Resynced,
    ResyncFailed,
    Seconds,
    ServerError,
    StreamEvent,
    model,
)
from specie.runtime.streams.gaps import chronological, time_ms
from specie.runtime.streams.resync import Reconciled
from specie.runtime.streams.sink import Sink

D = Decimal
START = 1_700_000_000_000


class Status(OpenStrEnum):
    """Of an order."""

    OPEN = "OPEN"
    DONE = "DONE"


@model
class Fill(Model):
    """As the stream tells it: in seconds, and without the id that REST has."""

    base: str
    quote: str
    order: Id
    price: Decimal
    volume: Decimal
    at: Seconds


@model
class Trade(Model):
    """As REST tells it."""

    trade: Id
    order: Id
    price: Decimal
    amount: Decimal
    at: Millis
    tags: list[str]


@model
class Order(Model):
    """An order, in both."""

    id: Id
    status: Status
    updated: Millis


@model
class Balance(Model):
    """A balance, in both."""

    currency: str
    amount: Decimal


FILLS = Resync(
    call="orders.iter_trades",
    each={"pair": "{base}_{quote}"},
    known=KnownRule(call="orders.open", each={"pair": "pair"}),
    since="start",
    same={"order": "order", "price": "price", "volume": "amount"},
)
ORDERS = Resync(
    call="orders.open",
    same={"id": "id", "updated": "updated"},
    closed=ClosedRule(call="orders.get", by={"id": "id"}, open={"status": Status.OPEN}),
)
BALANCES = Resync(call="account.balances")
CONNECTION = Connection(name="user", server="user")


class Inner(Sink):
    """What a stream's reader would see."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.events: list[StreamEvent] = []

    def deliver(self, channel: Any, message: Any, whole: bool) -> None:
        self.messages.append(message)

    def tell(self, event: StreamEvent, channels: Any) -> None:
        self.events.append(event)


class Subscription:
    channels = ("channel",)


class Board:
    """A loop without a clock: sleeping takes no time, and is written down."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self.ms = START
        self.answer = answer
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.slept: list[float] = []
        self.meanwhile: Callable[[], None] | None = None
        self.tasks: list[asyncio.Task[Any]] = []

    def wall_ms(self) -> int:
        return self.ms

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        self.calls.append((name, arguments))
        if self.meanwhile is not None:
            self.meanwhile()
        await asyncio.sleep(0)
        answer = self.answer(name, arguments)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Talk:
    """A stream that is told things, and what became of them."""

    def __init__(self, rule: Resync, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self.inner = Inner()
        self.board = Board(answer)
        self.sink = Reconciled(Feed(name="streams.user", connection=CONNECTION, yields=Fill, resync=rule), self.inner)
        self.sink.attach(self.board, Subscription())  # type: ignore[arg-type]

    def say(self, *messages: Any) -> None:
        for message in messages:
            self.sink.deliver("channel", message, False)  # type: ignore[arg-type]

    async def connect(self, gap: float | None = None) -> None:
        self.sink.tell(Connected("user", 1, gap), None)
        await self.rest()

    async def rest(self) -> None:
        while pending := [task for task in self.board.tasks if not task.done()]:
            await asyncio.wait(pending)

    async def lose(self, seconds: float = 5.0) -> None:
        self.sink.tell(Reconnecting("cut", 0.0, 1), None)
        self.board.ms += round(seconds * 1000)
        await self.connect(seconds)

    def told(self, kind: type[StreamEvent]) -> list[Any]:
        return [event for event in self.inner.events if isinstance(event, kind)]


def fill(number: int, second: int = 0, *, volume: str = "1", order: int = 1) -> Fill:
    at = Seconds(START // 1000 + second)
    return Fill(base="BTC", quote="TWD", order=str(order), price=D(100 + number), volume=D(volume), at=at)


def trade(number: int, second: int = 0, *, volume: str = "1.0", order: int = 1, id: str = "") -> Trade:
    at = Millis(START + second * 1000 + 123)
    return Trade(
        trade=id or f"t{number}.{second}", order=str(order), price=D(100 + number), amount=D(volume), at=at, tags=[]
    )


def amounts(messages: list[Any]) -> list[Decimal]:
    return [message.price for message in messages]


def fills_of(trades: list[Trade]) -> Callable[[str, dict[str, Any]], Any]:
    return lambda name, arguments: [] if name == "orders.open" else list(trades)


# -- fills -------------------------------------------------------------------------------------------------------------


def test_what_was_missed_is_told_once_and_before_what_came_after() -> None:
    async def main() -> None:
        trades = [trade(3, 8), trade(2, 7), trade(1, 1)]
        talk = Talk(FILLS, fills_of(trades))
        await talk.connect()
        talk.say(fill(1, 1))
        talk.board.ms += 6000
        talk.board.meanwhile = lambda: (
            talk.say(fill(4, 12)) if talk.board.calls[-1][0] == "orders.iter_trades" else None
        )
        await talk.lose()
        assert talk.inner.messages == [fill(1, 1), trade(2, 7), trade(3, 8), fill(4, 12)]
        assert talk.told(Resynced) == [Resynced(5.0, 2)]

    asyncio.run(main())


def test_it_is_asked_from_before_the_gap_but_not_from_before_the_stream() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([]))
        await talk.connect()
        talk.say(fill(1, 1))
        talk.board.ms += 2500
        await talk.lose()
        talk.board.ms += 60_000
        await talk.lose()
        starts = [arguments["start"] for name, arguments in talk.board.calls if name == "orders.iter_trades"]
        assert starts == [START, START + 67_500 - 15_000 - 500]

    asyncio.run(main())


def test_two_alike_of_which_one_was_told_leave_one() -> None:
    async def main() -> None:
        alike = [trade(1, 1, id="a"), trade(1, 1, id="b")]
        talk = Talk(FILLS, fills_of(alike))
        await talk.connect()
        talk.say(fill(1, 1))
        await talk.lose()
        assert amounts(talk.inner.messages) == [101, 101]
        await talk.lose()
        assert amounts(talk.inner.messages) == [101, 101]

    asyncio.run(main())


def test_what_waited_and_is_in_the_answer_is_told_once() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([trade(1, 5), trade(2, 5)]))
        await talk.connect()
        talk.say(fill(9, 0))
        talk.board.meanwhile = lambda: talk.say(fill(2, 5)) if talk.board.calls[-1][0] == "orders.iter_trades" else None
        await talk.lose()
        assert talk.inner.messages == [fill(9, 0), trade(1, 5), fill(2, 5)]

    asyncio.run(main())


def test_what_comes_after_the_answer_that_had_it_is_not_told_again() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([trade(1, 5)]))
        await talk.connect()
        talk.say(fill(9, 0))
        await talk.lose()
        talk.say(fill(1, 5), fill(1, 5), fill(1, 6))
        # The second is another trade, as the same one does not come twice.
        assert talk.inner.messages == [fill(9, 0), trade(1, 5), fill(1, 5), fill(1, 6)]

    asyncio.run(main())


def test_what_happened_in_the_gap_does_not_hide_what_is_like_it_later() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([trade(1, 2)]))
        await talk.connect()
        talk.say(fill(9, 0))
        await talk.lose(60.0)
        talk.say(fill(1, 2))
        assert amounts(talk.inner.messages) == [109, 101, 101]

    asyncio.run(main())


def test_it_is_asked_once_for_each_market_that_is_known_in_whatever_letters() -> None:
    @model
    class Open(Model):
        pair: str

    async def main() -> None:
        opened = [Open(pair="btc_twd"), Open(pair="eth_twd")]
        answers: dict[str, list[Any]] = {"orders.open": opened, "orders.iter_trades": [trade(1, 2)]}
        talk = Talk(FILLS, lambda name, arguments: answers[name])
        await talk.connect()
        talk.say(fill(9, 0))
        await talk.lose()
        asked = [arguments["pair"] for name, arguments in talk.board.calls if name == "orders.iter_trades"]
        assert asked == ["btc_twd", "eth_twd"]
        # One that two calls give is one.
        assert amounts(talk.inner.messages) == [109, 101]

    asyncio.run(main())


def test_nothing_is_asked_where_no_market_is_known() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([]))
        await talk.connect()
        await talk.lose()
        assert [name for name, _ in talk.board.calls] == ["orders.open", "orders.open"]
        assert talk.told(Resynced) == [Resynced(5.0, 0)]

    asyncio.run(main())


def test_calls_that_fail_are_told_and_made_again_and_messages_do_not_wait() -> None:
    async def main() -> None:
        failures = [ServerError("down", status=503), ServerError("down", status=503)]

        def answer(name: str, arguments: dict[str, Any]) -> Any:
            if name == "orders.open":
                return []
            return failures.pop() if failures else [trade(1, 2)]

        talk = Talk(FILLS, answer)
        await talk.connect()
        talk.say(fill(9, 0))
        talk.board.meanwhile = lambda: (
            talk.say(fill(5 + len(failures), 9)) if talk.board.calls[-1][0] == "orders.iter_trades" else None
        )
        await talk.lose()
        assert [(event.attempt, event.pause) for event in talk.told(ResyncFailed)] == [(1, 1.0), (2, 2.0)]
        assert "HTTP 503" in talk.told(ResyncFailed)[0].reason
        assert talk.inner.messages == [fill(9, 0), fill(7, 9), fill(6, 9), trade(1, 2), fill(5, 9)]
        assert len(talk.told(Resynced)) == 1

    asyncio.run(main())


def test_a_gap_in_a_gap_is_asked_for_from_the_first_one_on() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([]))
        await talk.connect()
        talk.say(fill(9, 0))
        talk.board.ms += 100_000
        talk.sink.tell(Reconnecting("cut", 0.0, 1), None)
        talk.sink.tell(Connected("user", 1, 1.0), None)
        talk.board.ms += 30_000
        await talk.lose()
        starts = [arguments["start"] for name, arguments in talk.board.calls if name == "orders.iter_trades"]
        assert starts == [START + 100_000 - 1000 - 15_000]

    asyncio.run(main())


def test_what_could_not_be_read_is_asked_for() -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([trade(1, 2)]))
        await talk.connect()
        talk.say(fill(9, 0))
        for _ in range(3):
            talk.sink.tell(MalformedMessage("x", "$", "JSON", 1, ""), None)
        await talk.rest()
        assert talk.inner.messages == [fill(9, 0), trade(1, 2)]
        assert len(talk.told(Resynced)) <= 2

    asyncio.run(main())


@pytest.mark.parametrize("how", ["end", "fail", "detach"])
def test_nothing_goes_on_after_the_end(how: str) -> None:
    async def main() -> None:
        talk = Talk(FILLS, fills_of([]))
        await talk.connect()
        talk.say(fill(9, 0))
        talk.sink.tell(Reconnecting("cut", 0.0, 1), None)
        talk.sink.tell(Connected("user", 1, 1.0), None)
        talk.sink.fail(ServerError("x")) if how == "fail" else getattr(talk.sink, how)()
        await talk.rest()
        assert talk.board.tasks[-1].cancelled()
        assert talk.told(Resynced) == []

    asyncio.run(main())


def test_too_many_that_wait_wait_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specie.runtime.streams.resync._MOST_HELD", 3)

    async def main() -> None:
        talk = Talk(FILLS, fills_of([trade(1, 2)]))
        await talk.connect()
        talk.say(fill(9, 0))
        flood = [fill(number, 9) for number in range(20, 25)]
        talk.board.meanwhile = lambda: talk.say(*flood) if talk.board.calls[-1][0] == "orders.iter_trades" else None
        await talk.lose()
        assert talk.inner.messages == [fill(9, 0), *flood, trade(1, 2)]

    asyncio.run(main())


PATTERNS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=4),  # told: which fill, seconds later
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=4),  # missed
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=3),  # told while it is asked for
        st.booleans(),  # whether the first call fails
    ),
    max_size=6,
)


@given(PATTERNS, st.booleans())
def test_each_fill_is_told_exactly_once_through_any_pattern_of_drops(patterns: list[Any], newest_first: bool) -> None:
    """Fills that are alike are counted; none is swallowed, and none told twice."""

    async def main() -> None:
        happened: list[tuple[int, int]] = [(9, 0)]
        failing = False
        second = 1

        def answer(name: str, arguments: dict[str, Any]) -> Any:
            nonlocal failing
            if name == "orders.open":
                return []
            if failing:
                failing = False
                return ServerError("down", status=503)
            trades = [trade(number, at, id=str(index)) for index, (number, at) in enumerate(happened)]
            trades = [one for one in trades if one.at >= arguments["start"]]
            return trades[::-1] if newest_first else trades

        talk = Talk(FILLS, answer)

        def take_place(number: int, later: int) -> Fill:
            nonlocal second
            second += later
            talk.board.ms = max(talk.board.ms, START + second * 1000)
            happened.append((number, second))
            return fill(number, second)

        await talk.connect()
        talk.say(fill(9, 0))
        for told, missed, meanwhile, fails in patterns:
            for number, later in told:
                talk.say(take_place(number, later))
            lost_at = talk.board.ms
            talk.sink.tell(Reconnecting("cut", 0.0, 1), None)
            second += 1
            for number, later in missed:
                take_place(number, later)
            second += 6  # what is told later has another second than what was missed
            failing, waiting = fails, list(meanwhile)

            def during(waiting: list[tuple[int, int]] = waiting) -> None:
                if talk.board.calls[-1][0] == "orders.iter_trades" and waiting:
                    talk.say(take_place(*waiting.pop()))

            talk.board.meanwhile = during
            await talk.connect((talk.board.ms - lost_at) / 1000)
            talk.board.meanwhile = None
            for number, later in waiting:
                talk.say(take_place(number, later))
            second += 1
        assert sorted(amounts(talk.inner.messages)) == sorted(D(100 + number) for number, _ in happened)

    asyncio.run(main())


# -- states ------------------------------------------------------------------------------------------------------------


def order(id: int, status: Status = Status.OPEN, updated: int = 0) -> Order:
    return Order(id=str(id), status=status, updated=Millis(START + updated))


def test_states_that_changed_are_told_and_what_vanished_is_asked_for() -> None:
    async def main() -> None:
        listed: list[Order] = [order(1), order(2)]
        asked: list[dict[str, Any]] = []

        def answer(name: str, arguments: dict[str, Any]) -> Any:
            if name == "orders.open":
                return list(listed)
            asked.append(arguments)
            return order(int(arguments["id"]), Status.DONE, 90)

        talk = Talk(ORDERS, answer)
        await talk.connect()
        assert talk.inner.messages == []
        talk.say(order(3, updated=10), order(4, updated=10), order(4, Status.DONE, 20))
        listed[:] = [order(2, updated=50), order(3, updated=10), order(5, updated=60)]
        await talk.lose()
        assert asked == [{"id": "1"}]
        assert talk.inner.messages[3:] == [order(2, updated=50), order(5, updated=60), order(1, Status.DONE, 90)]
        assert talk.told(Resynced) == [Resynced(5.0, 3)]
        await talk.lose()
        assert len(talk.inner.messages) == 6

    asyncio.run(main())


def test_a_message_knows_better_than_an_answer_that_was_asked_for_before_it() -> None:
    async def main() -> None:
        talk = Talk(ORDERS, lambda name, arguments: [order(1, updated=5)] if name == "orders.open" else order(1))
        await talk.connect()
        talk.board.meanwhile = lambda: talk.say(order(1, Status.DONE, 9))
        await talk.lose()
        assert talk.inner.messages == [order(1, Status.DONE, 9)]
        assert [name for name, _ in talk.board.calls] == ["orders.open", "orders.open"]

    asyncio.run(main())


def test_an_order_that_is_nowhere_is_told_of() -> None:
    async def main() -> None:
        answers: dict[str, Any] = {"orders.open": [order(1)], "orders.get": NotFound("no such order", status=404)}
        talk = Talk(ORDERS, lambda name, arguments: answers[name])
        await talk.connect()
        answers["orders.open"] = []
        await talk.lose()
        (event,) = talk.told(ResyncFailed)
        assert event.reason.startswith("id 1 is no longer open, and: no such order")
        assert event.pause is None
        await talk.lose()
        assert len(talk.told(ResyncFailed)) == 1

    asyncio.run(main())


def test_what_cannot_be_compared_is_told_whole_before_what_waited() -> None:
    async def main() -> None:
        here, there = Balance(currency="BTC", amount=D(1)), Balance(currency="BTC", amount=D(2))
        talk = Talk(BALANCES, lambda name, arguments: [there])
        await talk.connect()
        assert talk.board.calls == []
        newer = Balance(currency="BTC", amount=D(3))
        talk.say(here)
        talk.board.meanwhile = lambda: talk.say(newer)
        await talk.lose()
        assert talk.inner.messages == [here, there, newer]

    asyncio.run(main())


def test_an_object_that_is_no_list_is_one_item() -> None:
    async def main() -> None:
        only = Balance(currency="BTC", amount=D(2))
        talk = Talk(BALANCES, lambda name, arguments: only)
        await talk.connect()
        await talk.lose()
        assert talk.inner.messages == [only]

    asyncio.run(main())


# -- time --------------------------------------------------------------------------------------------------------------


def test_times_are_compared_in_one_unit() -> None:
    assert time_ms(fill(1, 5)) == START + 5000
    assert time_ms(trade(1, 5)) == START + 5123
    assert time_ms(Balance(currency="BTC", amount=D(1))) is None
    assert time_ms([fill(1)]) is None


def test_items_are_put_in_their_order_whichever_way_the_list_goes() -> None:
    first, second, third = trade(1, 1), trade(2, 1), trade(3, 2)
    assert chronological([third, second, first]) == [first, second, third]
    assert chronological([first, second, third]) == [first, second, third]
    unordered = [Balance(currency="B", amount=D(1)), Balance(currency="A", amount=D(1))]
    assert chronological(unordered) == unordered
