"""Nonces never repeat and never go back: in a process, in the children that it forks, and after the clock was wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from specie.runtime import Nonces, NonceSource
from specie.runtime.nonce import Series, shared_nonces
from specie.runtime.turnstile import shared_turnstile

NOW = 1_700_000_000_000
MOMENTS = st.one_of(st.integers(0, 60), st.integers(0, 60_000), st.sampled_from([0, 1, 600_000, 600_001, 3_600_000]))
STEPS = st.lists(st.tuples(st.booleans(), MOMENTS), max_size=60)


@given(st.lists(st.integers(0, 2**45), min_size=1, max_size=50))
def test_nonces_only_go_up_whatever_the_clock_does(clock: list[int]) -> None:
    nonces = Nonces()
    drawn = [nonces.next("a", now) for now in clock]
    assert all(before < after for before, after in pairwise(drawn))
    assert all(nonce >= now for nonce, now in zip(drawn, clock, strict=True))


def test_nonces_of_many_threads_are_distinct_and_each_threads_go_up() -> None:
    nonces = Nonces()
    drawn: list[list[int]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def draw(mine: list[int]) -> None:
        start.wait()
        mine.extend(nonces.next("a", NOW) for _ in range(2000))

    threads = [threading.Thread(target=draw, args=(mine,)) for mine in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({nonce for mine in drawn for nonce in mine}) == 16_000
    assert all(mine == sorted(mine) for mine in drawn)


def test_each_account_has_nonces_of_its_own() -> None:
    nonces = Nonces()
    assert nonces.next("a", 5) == nonces.next("b", 5) == 5
    assert nonces.next("a", 5) == 6
    assert shared_nonces() is shared_nonces()


# -- after the clock was ahead ---------------------------------------------------------------------------------------


@given(STEPS)
@example([(False, 600_000), (True, 0), (False, 0), (False, 600_000)])
@example([(False, 600_000), (True, 0), (False, 0), (False, 1_200_000), (True, 1), (False, 600_000), (False, 1_200_000)])
def test_no_nonce_comes_twice_however_often_the_clock_is_wrong(steps: list[tuple[bool, int]]) -> None:
    nonces = Nonces()
    drawn: list[int] = []
    for back, moment in steps:
        if back:
            nonces.rewind("a", NOW + moment)
        else:
            drawn.append(nonces.next("a", NOW + moment))
            assert drawn[-1] >= NOW + moment
    assert len(set(drawn)) == len(drawn)


@given(STEPS, MOMENTS)
def test_a_rewind_goes_back_to_the_clock_from_a_leap_ahead(steps: list[tuple[bool, int]], ahead: int) -> None:
    series = Series()
    for back, moment in steps:
        series = series.rewound(NOW + moment) if back else series.drawn(NOW + moment)
    now = max(series.last, NOW, *(last for _, last in series.spent)) + 1
    series = series.drawn(now).drawn(now + 6_000 + ahead)
    assert series.last == now + 6_000 + ahead
    assert series.rewound(now + 10).drawn(now + 10).last == now + 10


def test_what_was_given_ahead_of_time_is_stepped_over_when_its_time_comes() -> None:
    nonces = Nonces()
    assert nonces.next("a", NOW) == NOW
    ahead = [nonces.next("a", NOW + 600_000) for _ in range(3)]
    nonces.rewind("a", NOW + 20)
    assert nonces.next("a", NOW + 20) == NOW + 20
    assert nonces.next("a", ahead[0] - 1) == ahead[0] - 1
    assert nonces.next("a", ahead[0]) == ahead[-1] + 1


def test_runs_that_were_ahead_stay_apart_until_there_are_too_many() -> None:
    nonces = Nonces()
    nonces.next("a", NOW)
    for minutes in range(10, 130, 10):
        ahead = nonces.next("a", NOW + minutes * 60_000)
        assert ahead == NOW + minutes * 60_000
        nonces.rewind("a", NOW + minutes)
        assert nonces.next("a", NOW + minutes) == NOW + minutes
    assert nonces.next("a", NOW + 125 * 60_000) == NOW + 125 * 60_000
    series = Series(NOW)
    for minutes in range(10, 130, 10):
        series = series.drawn(NOW + minutes * 60_000).rewound(NOW + minutes)
    assert len(series.spent) == 8
    assert [first for first, _ in series.spent][-7:] == [NOW + minutes * 60_000 for minutes in range(60, 130, 10)]
    assert series.spent[0] == (NOW + 10 * 60_000, NOW + 50 * 60_000)


def test_a_clock_that_is_hardly_ahead_is_waited_for() -> None:
    """What was learned of an exchange's clock moves by fractions of a second: no reason to leave anything behind."""
    nonces = Nonces()
    ahead = nonces.next("a", NOW + 4_000)
    nonces.rewind("a", NOW)
    assert nonces.next("a", NOW) == ahead + 1


def test_a_rewind_steps_over_nothing_that_may_have_been_given() -> None:
    nonces = Nonces()
    drawn = [nonces.next("a", NOW + 1000 * second) for second in range(60)]  # no leap: the clock is merely fast
    nonces.rewind("a", NOW)
    assert nonces.next("a", NOW) == drawn[-1] + 1
    nonces.rewind("never used", NOW)
    assert nonces.next("never used", NOW) == NOW


# -- another source --------------------------------------------------------------------------------------------------


def test_a_source_of_ones_own_writes_next_alone() -> None:
    class Mine(NonceSource):
        def next(self, scope: str, now_ms: int) -> int:
            return now_ms

    mine = Mine()
    mine.rewind("a", NOW)
    assert mine.blocking
    assert not Nonces().blocking
    assert mine.turnstile("a") is shared_turnstile("a") is Nonces().turnstile("a")
    assert shared_turnstile("b") is not shared_turnstile("a")


# -- forks -----------------------------------------------------------------------------------------------------------


def forked(script: str) -> Any:
    """What a script that forks prints, as JSON: it runs by itself, since a fork takes the threads of pytest along."""
    given = textwrap.dedent(script)
    ignored = ["-W", "ignore::DeprecationWarning"]  # since 3.12 Python advises against forks beside threads
    done = subprocess.run(
        [sys.executable, *ignored, "-c", given], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


def test_a_child_never_repeats_what_its_parent_draws() -> None:
    drawn = forked(
        """
        import json, os, threading
        from specie.runtime.nonce import Nonces, shared_nonces

        def draw(sources, count=500):
            mine = [[] for _ in range(4)]
            def run(numbers):
                numbers.extend(nonces.next("a", 1_700_000_000_000) for nonces in sources for _ in range(count))
            threads = [threading.Thread(target=run, args=(numbers,)) for numbers in mine]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            return mine

        def fork(work):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                with os.fdopen(writing, "w") as pipe: json.dump(work(), pipe)
                os._exit(0)
            os.close(writing)
            return pid, os.fdopen(reading)

        def child():
            grandchild = fork(lambda: draw([nonces]))
            mine = draw([nonces])
            with grandchild[1] as pipe: mine += json.load(pipe)
            os.waitpid(grandchild[0], 0)
            return mine

        nonces, other = Nonces(), Nonces()
        before = [nonces.next("a", 1_700_000_000_000) for _ in range(3)]
        other_before = other.next("a", 1_700_000_000_000)
        children = [fork(child) for _ in range(2)]
        mine = draw([nonces])
        for pid, pipe in children:
            with pipe: mine += json.load(pipe)
            os.waitpid(pid, 0)
        print(json.dumps({"before": before, "mine": mine, "other": [other_before, other.next("a", 1_700_000_000_000)]}))
        """
    )
    numbers = [number for thread in drawn["mine"] for number in thread]
    assert len(drawn["mine"]) == 4 * 5
    assert sorted(numbers + drawn["before"]) == list(range(NOW, NOW + 5 * 4 * 500 + 3))
    assert all(thread == sorted(thread) for thread in drawn["mine"])
    assert drawn["other"] == [NOW, NOW + 1]


def test_a_fork_while_others_draw_leaves_no_lock_behind() -> None:
    assert (
        forked(
            """
        import os, threading
        from specie.runtime.nonce import Nonces

        nonces, stop = Nonces(), threading.Event()
        def run():
            while not stop.is_set(): nonces.next("a", 0)
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads: thread.start()
        ended = []
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                nonces.next("a", 0)
                os._exit(0)
            ended.append(os.waitpid(pid, 0)[1])
        stop.set()
        for thread in threads: thread.join()
        print(ended)
        """
        )
        == [0] * 20
    )


def test_a_child_that_cannot_share_draws_nothing() -> None:
    told = forked(
        """
        import errno, json, os, tempfile
        from specie.runtime.nonce import Nonces

        def refuse(*_, **__): raise OSError(errno.ENOMEM, "no memory")
        os.memfd_create = tempfile.TemporaryFile = refuse
        nonces = Nonces()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try: nonces.next("a", 5)
            except OSError as error: os.write(writing, str(error).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        print(json.dumps([os.read(reading, 1000).decode(), nonces.next("a", 5)]))
        """
    )
    assert "this process was forked" in told[0]
    assert "FileNonces" in told[0]
    assert told[1] == 5
