"""Slots of limits: never one too many, nobody overtaken, nothing lost; the same in memory, in a file, in Redis."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.counting import STORES, Day, charge, most_by_the_clock, most_in_a_window, store

from specie.runtime import FileBudgets, InvalidValue, Limit, MemoryBudgets, RedisBudgets
from specie.runtime.budgets import Charge, Room, Ticket, Wait, span_of
from specie.runtime.limit import Told


class Kept:
    """A store whose time the test sets."""

    def __init__(self, budgets: Any, set_time: Any) -> None:
        self.budgets = budgets
        self.set_time = set_time
        self.now = 1000.0
        set_time(self.now)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.set_time(self.now)

    def take(self, *charges: Charge, lease: float = 60.0, place: int = 0, queue: bool = True) -> Ticket | Wait:
        return self.budgets.take(charges, self.now, lease=lease, place=place, queue=queue)

    def ticket(self, *charges: Charge, **more: Any) -> Ticket:
        taken = self.take(*charges, **more)
        assert isinstance(taken, Ticket)
        return taken

    def wait(self, *charges: Charge, **more: Any) -> Wait:
        refused = self.take(*charges, **more)
        assert isinstance(refused, Wait)
        return refused

    def settle(self, ticket: Ticket, told: dict[str, Told] | None = None) -> None:
        self.budgets.settle(ticket, self.now, told)

    def room(self, *charges: Charge) -> list[Room]:
        return self.budgets.headroom(charges, self.now)


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    with store(request.param, tmp_path, url, monkeypatch) as (budgets, set_time):
        yield Kept(budgets, set_time)


TWO = charge(2, 10)


def test_a_slot_is_free_one_window_after_the_reply(kept: Kept) -> None:
    first, second = kept.ticket(TWO), kept.ticket(TWO)
    kept.pass_time(5)
    kept.settle(first)
    kept.pass_time(1)
    kept.settle(second)
    assert kept.wait(TWO, queue=False).seconds == pytest.approx(span_of(10) - 1, abs=0.002)
    kept.pass_time(8.9)
    assert isinstance(kept.take(TWO, queue=False), Wait)
    kept.pass_time(0.2)
    assert kept.room(TWO) == [Room(1, 0.0)]
    kept.ticket(TWO)


def test_what_a_caller_held_that_died_is_free_one_window_after_its_deadline(kept: Kept) -> None:
    kept.ticket(TWO, lease=30)
    kept.ticket(TWO, lease=30)
    kept.pass_time(39.9)
    assert isinstance(kept.take(TWO, queue=False), Wait)
    kept.pass_time(0.2)
    kept.ticket(TWO)


def test_what_was_never_sent_is_free_at_once(kept: Kept) -> None:
    kept.ticket(TWO)
    kept.budgets.release(kept.ticket(TWO))
    assert kept.room(TWO) == [Room(1, 0.0)]
    kept.ticket(TWO)


def test_a_reply_that_comes_after_all_is_counted_from_then(kept: Kept) -> None:
    late = kept.ticket(TWO, lease=1)
    kept.pass_time(100)
    assert kept.room(TWO) == [Room(0, 0.0)]
    kept.settle(late)
    assert kept.room(TWO) == [Room(1, 0.0)]


def test_under_several_limits_all_or_nothing_is_taken(kept: Kept) -> None:
    wide, narrow = charge(100, 10, "wide"), charge(1, 1, "narrow")
    kept.ticket(wide, narrow)
    refused = kept.wait(wide, narrow)
    assert refused.charge == narrow
    assert [room.used for room in kept.room(wide, narrow)] == [1, 1]


def test_nobody_is_overtaken_for_room_that_an_earlier_one_waits_for(kept: Kept) -> None:
    for _ in range(2):
        kept.settle(kept.ticket(TWO))
    early = kept.wait(TWO)
    kept.pass_time(span_of(10) - 0.1)  # asks again in time, as it was told
    early = kept.wait(TWO, place=early.place)
    kept.wait(TWO, place=kept.wait(TWO).place)
    kept.pass_time(0.2)
    third = kept.take(TWO)
    assert isinstance(third, Wait), "two slots for the two who were there before"
    kept.ticket(TWO, place=early.place)


def test_room_that_nobody_waits_for_is_given_away(kept: Kept) -> None:
    wide, narrow = charge(3, 10, "wide"), charge(1, 10, "narrow")
    kept.settle(kept.ticket(narrow))
    kept.wait(wide, narrow)  # waits for the narrow one, and has its slot of the wide one kept for it
    kept.ticket(wide)
    kept.ticket(wide)
    assert isinstance(kept.take(wide), Wait)


def test_who_does_not_ask_again_loses_the_place(kept: Kept) -> None:
    kept.settle(kept.ticket(TWO))
    kept.settle(kept.ticket(TWO))
    assert [kept.wait(TWO).nap, kept.wait(TWO).nap] == pytest.approx([span_of(10) / 2] * 2)
    kept.pass_time(span_of(10))
    kept.ticket(TWO)
    kept.ticket(TWO)


def test_who_leaves_makes_room_for_the_next(kept: Kept) -> None:
    kept.settle(kept.ticket(TWO))
    kept.settle(kept.ticket(TWO))
    early = [kept.wait(TWO), kept.wait(TWO)]
    kept.pass_time(0.5)
    late = kept.wait(TWO)
    assert late.seconds == pytest.approx(2 * span_of(10) - 0.5, abs=0.002)
    for one in early:
        kept.budgets.leave((TWO,), one.place)
    assert kept.wait(TWO, place=late.place).seconds == pytest.approx(span_of(10) - 0.5, abs=0.002)


def test_those_who_wait_wake_one_after_the_other(kept: Kept) -> None:
    three = charge(3, 10)
    for _ in range(3):
        kept.settle(kept.ticket(three))
        kept.pass_time(1)
    waits = [kept.wait(three).seconds for _ in range(7)]
    span = span_of(10)
    expected = [span - 3, span - 2, span - 1, 2 * span - 3, 2 * span - 2, 2 * span - 1, 3 * span - 3]
    assert waits == pytest.approx(expected, abs=0.002)


def test_without_a_place_nothing_is_remembered(kept: Kept) -> None:
    one = charge(1, 10)
    kept.settle(kept.ticket(one))
    assert kept.wait(one, queue=False).place == 0
    kept.pass_time(span_of(10))
    kept.ticket(one)


def test_a_refusal_stops_everybody_for_as_long_as_the_exchange_asks(kept: Kept) -> None:
    minute, day = charge(600, 60, "minute"), charge(5, 86400, "day")
    kept.budgets.penalise((minute,), kept.now, 20.0)
    kept.budgets.penalise((minute,), kept.now, 3.0)  # never shortens what was asked before
    assert kept.wait(minute, queue=False).seconds == pytest.approx(20, abs=0.002)
    assert kept.room(minute)[0] == Room(0, pytest.approx(20, abs=0.002))
    kept.pass_time(20.01)
    kept.ticket(minute)
    kept.budgets.penalise((minute, day), kept.now, None)
    assert kept.wait(minute, queue=False).seconds == pytest.approx(6, abs=0.002)
    assert kept.wait(day, queue=False).seconds == pytest.approx(30, abs=0.002)
    kept.budgets.penalise((minute,), kept.now, 1e9)
    assert kept.wait(minute, queue=False).seconds == pytest.approx(3600, abs=0.002)


def test_what_is_told_afterwards_puts_the_weight_right(kept: Kept) -> None:
    points = charge(100, 10, "points")._replace(weight=30)
    dear, cheap, told = kept.ticket(points), kept.ticket(points), kept.ticket(points)
    assert kept.room(points)[0].used == 90
    kept.settle(dear, {"points": Told(60, None)})
    kept.settle(cheap, {"points": Told(0, None)})
    assert kept.room(points)[0].used == 90
    kept.settle(told, {"points": Told(10, 95)})  # others at the same address used the rest
    assert kept.room(points)[0].used == 95
    kept.pass_time(span_of(10))
    assert kept.room(points) == [Room(0, 0.0)]


def test_what_costs_more_than_is_allowed_takes_all(kept: Kept) -> None:
    points = charge(100, 10, "points")._replace(weight=1000)
    kept.settle(kept.ticket(points))
    assert kept.room(points)[0].used == 100


@pytest.mark.parametrize("seed", range(4))
def test_no_window_ever_holds_too_many(kept: Kept, seed: int) -> None:
    """Whatever the ways and the replies do, and however the exchange counts."""
    charges = (charge(7, 2, "short"), charge(20, 10, "long"))
    day = Day(kept.budgets, kept.set_time, charges, seed)
    day.run(60 if kept.budgets.blocking else 400, within=20)
    assert len(day.counted) > 40
    for one in charges:
        assert most_in_a_window(day.counted, one.seconds) <= one.allowed
        for begins in (0.0, 0.37, 1.99):
            assert most_by_the_clock(day.counted, one.seconds, begins) <= one.allowed


def test_all_that_is_allowed_is_used_and_first_come_is_first_served(kept: Kept) -> None:
    calls = 60 if kept.budgets.blocking else 400
    day = Day(kept.budgets, kept.set_time, (charge(10, 1),), 1, troubled=False)
    day.run(calls, within=0.5)
    assert day.went == day.came
    assert len(day.counted) == calls
    # Ways of up to two seconds hold a slot for up to three; with none at all it is ten a second.
    assert day.ended - 1000 < calls / 10 * 3 + 3


def test_fixed_and_sliding_windows_are_counted_as_an_exchange_does() -> None:
    assert most_in_a_window([0.0, 0.5, 0.99, 1.0], 1) == 3
    assert most_by_the_clock([0.0, 0.5, 0.99, 1.0], 1) == 3
    assert most_by_the_clock([0.0, 0.5, 0.99, 1.0], 1, begins=0.5) == 3
    assert most_in_a_window([], 1) == most_by_the_clock([], 1) == 0


# -- what only one of them does --------------------------------------------------------------------------------------


def test_a_file_outlives_a_process_that_died_with_slots(tmp_path: Path) -> None:
    path = tmp_path / "limits.db"
    child = os.fork()
    if child == 0:
        FileBudgets(path).take((TWO,), 1000.0, lease=5)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    kept = FileBudgets(path)
    assert kept.headroom((TWO,), 1001.0) == [Room(1, 0.0)]
    assert kept.headroom((TWO,), 1016.0) == [Room(0, 0.0)]
    kept.close()


def test_a_machine_that_was_restarted_forgets_nothing(tmp_path: Path) -> None:
    kept = FileBudgets(tmp_path / "limits.db")
    for _ in range(2):
        ticket = kept.take((TWO,), 50_000.0, lease=60)
        assert isinstance(ticket, Ticket)
        kept.settle(ticket, 50_001.0)
    after = kept.take((TWO,), 30.0, lease=60, queue=False)  # time began anew
    assert isinstance(after, Wait)
    assert after.seconds == pytest.approx(span_of(10))
    assert isinstance(kept.take((TWO,), 30.01 + span_of(10), lease=60), Ticket)
    kept.close()


def test_a_forked_child_goes_on_with_the_file_and_leaves_its_parents_alone(tmp_path: Path) -> None:
    kept = FileBudgets(tmp_path / "limits.db")
    kept.take((TWO,), 1000.0, lease=5)
    child = os.fork()
    if child == 0:
        kept.take((TWO,), 1001.0, lease=5)
        kept.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert kept.headroom((TWO,), 1002.0)[0].used == 2
    kept.close()


def test_a_forked_child_knows_what_was_used_in_memory() -> None:
    kept = MemoryBudgets()
    kept.take((TWO,), 1000.0, lease=5)
    with kept.lock:
        pass
    child = os.fork()
    if child == 0:
        os._exit(0 if kept.headroom((TWO,), 1001.0)[0].used == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("These are no limits. " * 100)
    with pytest.raises(InvalidValue, match="is not a file of limits"):
        FileBudgets(tmp_path / "text.db")
    with pytest.raises(InvalidValue, match="cannot be opened"):
        FileBudgets(tmp_path / "nowhere" / "limits.db")
    kept = FileBudgets(tmp_path / "limits.db")
    kept.close()
    kept.close()
    with pytest.raises(InvalidValue, match="is closed"):
        kept.headroom((TWO,), 0.0)


def test_machines_with_different_addresses_share_what_is_counted_by_account(redis_url: str) -> None:
    from redis import Redis

    by_ip, by_account = charge(9, 60, "acme a", scope=("ip",)), charge(9, 60, "acme b", scope=("account",))
    with Redis.from_url(redis_url) as client:
        here, there = RedisBudgets(client, address="a"), RedisBudgets(client, address="b")
        assert isinstance(here.take((by_ip, by_account), 0.0, lease=9), Ticket)
        assert [room.used for room in there.headroom((by_ip, by_account), 0.0)] == [0, 1]
        assert [room.used for room in here.headroom((by_ip, by_account), 0.0)] == [1, 1]
        ours = RedisBudgets(client, prefix="other").headroom((by_ip, by_account), 0.0)
        assert [room.used for room in ours] == [0, 0]
        assert all(client.ttl(key) > 0 for key in client.keys("*acme*") if not key.endswith(b"places"))


def test_redis_is_given_as_a_url_or_a_blocking_client(redis_url: str) -> None:
    import redis.asyncio

    kept = RedisBudgets(redis_url)
    assert "127.0.0.1" not in repr(kept)
    kept.close()
    with pytest.raises(TypeError, match=r"takes a blocking redis\.Redis or a URL"):
        RedisBudgets(redis.asyncio.Redis.from_url(redis_url))  # type: ignore[arg-type]


# -- what a spec says ------------------------------------------------------------------------------------------------


def test_a_limit_is_read_as_a_spec_words_it() -> None:
    limit = Limit("1200/min per ip+account")
    assert (limit.count, limit.seconds, limit.scope, limit.unit) == (1200, 60, ("ip", "account"), "calls")
    assert Limit("10/10s per endpoint").seconds == 10
    assert Limit("1/2h per ip").seconds == 7200
    assert Limit("1/d per ip").seconds == 86400
    with pytest.raises(ValueError, match="'often' is not a limit; write COUNT/WINDOW per SCOPE"):
        Limit("often")


@pytest.mark.parametrize(
    ("words", "header", "told"),
    [
        ("cost:used:left", "12:340:9660", Told(12, 340)),
        ("cost:used:left", " 12.2:340.5:9660 ", Told(13, 341)),
        ("left", "9000", Told(None, 1000)),
        ("used of 10000", "7 of 10000", Told(None, 7)),
        ("used/left (cost)", "99999/0 (99999)", Told(10000, 10000)),
        ("cost", "0", Told(0, None)),
        ("cost:used:left", "", None),
        ("cost:used:left", "1:2", None),
        ("cost:used:left", "-1:2:3", None),
        ("cost", "NaN", None),
        ("cost", "9" * 400, None),
    ],
)
def test_what_a_header_tells(words: str, header: str, told: Told | None) -> None:
    assert Limit("10000/10s per ip", unit="points", reported={"X-Usage": words}).told(header) == told


def test_any_order_of_many_seeds_in_memory() -> None:
    for seed in range(5, 25):
        limits = (charge(random.Random(seed).randrange(1, 9), 1, "a"), charge(9, 3, "b"))
        day = Day(MemoryBudgets(), lambda now: None, limits, seed)
        day.run(120, within=5)
        assert all(most_in_a_window(day.counted, one.seconds) <= one.allowed for one in limits)
