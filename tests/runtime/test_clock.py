"""The clock learned from replies: it is right as far as it says, finds the exchange's time, and leaves a right clock alone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from specie.runtime import Headers, ServerClock
from specie.runtime.clock import server_date, shared_clock, system_clock

NOW = 1_700_000_000_000
OFFSETS = st.integers(-86_400_000, 86_400_000)


class World:
    """A machine whose clock is off by `-truth` from that of an exchange."""

    def __init__(self, truth: int) -> None:
        self.truth = truth
        self.local = NOW
        self.clock = ServerClock(lambda: self.local)

    def reply(self, out: int, back: int, precision: int = 1000, *, after: int = 0, resync: bool = False) -> bool:
        """A call, after so long a pause, of which each way takes its time."""
        self.local += after
        sent = self.local
        said = (sent + out + self.truth) // precision * precision
        self.local = sent + out + back
        learn = self.clock.resync if resync else self.clock.observe
        return learn(sent, self.local, said, precision)

    @property
    def error(self) -> int:
        return self.clock() - (self.local + self.truth)


CALLS = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from([1, 1000]), st.integers(0, 3_600_000)),
    min_size=1,
    max_size=40,
)


@given(OFFSETS, CALLS)
def test_the_true_time_is_within_the_uncertainty_that_it_states(
    truth: int, calls: list[tuple[int, int, int, int]]
) -> None:
    world = World(truth)
    assert world.clock.uncertainty_ms is None
    for out, back, precision, after in calls:
        world.reply(out, back, precision, after=after)
        assert world.clock.uncertainty_ms is not None
        assert abs(world.error) <= world.clock.uncertainty_ms + 1


@given(OFFSETS, CALLS)
def test_a_clock_moves_only_if_it_was_wrong_by_more_than_is_uncertain(
    truth: int, calls: list[tuple[int, int, int, int]]
) -> None:
    world = World(truth)
    for out, back, precision, after in calls:
        before = world.clock.offset_ms
        moved = world.reply(out, back, precision, after=after)
        assert moved == (world.clock.offset_ms != before)
        if moved:
            assert abs(before - truth) > 50


@given(st.integers(-40, 40), CALLS)
def test_a_right_clock_is_left_alone(truth: int, calls: list[tuple[int, int, int, int]]) -> None:
    world = World(truth)
    for out, back, precision, after in calls:
        assert not world.reply(out, back, precision, after=after)
    assert world.clock.offset_ms == 0


@given(OFFSETS)
@example(600_000)
@example(-600_000)
def test_whole_seconds_soon_tell_the_time_to_within_a_round_trip(truth: int) -> None:
    world = World(truth)
    for call in range(40):
        world.reply(30, 30, after=370 + call)
    assert world.clock.uncertainty_ms is not None
    assert world.clock.uncertainty_ms <= 60 + 2 * 50 + 60
    assert abs(world.error) <= world.clock.uncertainty_ms


def test_the_offset_is_half_way_through_the_first_round_trip() -> None:
    world = World(600_000)
    assert world.reply(40, 40, 1)
    assert abs(world.error) <= 1
    assert world.clock.uncertainty_ms == 40 + 50 + 1
    assert repr(world.clock) == f"<ServerClock offset {world.clock.offset_ms} ms, within 91 ms>"
    assert world.clock.now_ms() == world.clock() == world.clock.local_ms() + world.clock.offset_ms


def test_what_was_learned_grows_uncertain_with_time() -> None:
    world = World(0)
    world.reply(10, 10, 1)
    fresh = world.clock.uncertainty_ms
    assert fresh is not None
    world.local += 3_600_000
    assert world.clock.uncertainty_ms == fresh + 360


def test_one_reply_that_contradicts_is_nonsense_two_are_believed() -> None:
    world = World(0)
    world.reply(10, 10)
    sent = world.local
    assert not world.clock.observe(sent, sent + 20, sent - 90_000)
    assert not world.reply(10, 10, after=5000)  # the true time again
    assert not world.clock.observe(sent, sent + 20, sent - 90_000)
    assert not world.clock.observe(sent, sent + 20, sent + 90_000)
    assert world.clock.offset_ms == 0
    world.truth = 600_000  # the clock of this machine is set back
    assert not world.reply(10, 10, after=5000)
    assert world.reply(10, 10, after=5000)
    assert abs(world.error) <= 600


def test_a_resync_believes_one_reply_at_once() -> None:
    world = World(0)
    world.reply(10, 10)
    world.truth = -600_000
    assert world.reply(10, 10, resync=True)
    assert abs(world.error) <= 600
    assert not world.reply(10, 10)


@pytest.mark.parametrize("learn", ["observe", "resync"])
@pytest.mark.parametrize(
    ("sent", "received", "server"),
    [
        (NOW, NOW - 1, NOW),
        (NOW, NOW + 60_001, NOW),
        (NOW, NOW + 10, 0),
        (NOW, NOW + 10, -1),
        (NOW, NOW + 10, NOW // 1000),
        (NOW, NOW + 10, NOW * 1000),
    ],
    ids=["back in time", "under way too long", "1970", "before 1970", "seconds for milliseconds", "microseconds"],
)
def test_nonsense_teaches_nothing(learn: str, sent: int, received: int, server: int) -> None:
    clock = ServerClock(lambda: NOW)
    assert not getattr(clock, learn)(sent, received, server)
    assert (clock.offset_ms, clock.uncertainty_ms, clock()) == (0, None, NOW)
    assert repr(clock) == "<ServerClock nothing learned>"


def test_threads_may_learn_at_once() -> None:
    clock = ServerClock(lambda: NOW)
    start = threading.Barrier(8)

    def learn(number: int) -> None:
        start.wait()
        for round_trip in range(200):
            clock.observe(NOW, NOW + round_trip % 50, NOW + 600_000 + number, 1)

    threads = [threading.Thread(target=learn, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert abs(clock.offset_ms - 600_000) <= 110


def test_one_clock_for_each_server_of_an_exchange() -> None:
    clock = shared_clock("acme", "https://api.acme.example")
    assert clock is shared_clock("acme", "https://api.acme.example")
    assert clock is not shared_clock("acme", "http://127.0.0.1:8000")
    assert clock is not shared_clock("emca", "https://api.acme.example")
    before = system_clock()
    assert before <= clock() <= system_clock()


# -- Date ------------------------------------------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_date_is_read_as_it_is_written(moment: datetime) -> None:
    told = server_date(Headers([("Date", format_datetime(moment, usegmt=True))]))
    assert told == int(moment.replace(microsecond=0).timestamp()) * 1000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000),
        ("Sun, 06 Nov 1994 08:49:37 UTC", 784_111_777_000),
        ("Sun, 06 Nov 1994 08:49:37 +0100", None),
        ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ("Sun Nov  6 08:49:37 1994", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, 06 Noz 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov -994 08:49:37 GMT", None),
        ("784111777", None),
        ("", None),
    ],
)
def test_dates(text: str, told: int | None) -> None:
    assert server_date(Headers([("date", text)])) == told


def test_no_date_and_the_date_of_a_cache_say_nothing() -> None:
    date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
    assert server_date(Headers()) is None
    assert server_date(Headers([date, ("Age", "12")])) is None
    assert server_date(Headers([date, ("Age", "0")])) == 784_111_777_000
