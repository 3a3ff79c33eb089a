"""One at a time and in the order of arrival, whoever comes: threads, tasks of several loops, other processes."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from support.turning import Other

from specie.runtime import FileNonces
from specie.runtime.turnstile import Turnstile


def until(come: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not come():
        assert time.monotonic() < end
        time.sleep(0.001)


def queue(turnstile: Turnstile) -> int:
    return len(turnstile._waiting)


class Threads:
    """Threads that enter one after the other, and note when they did."""

    def __init__(self, turnstile: Turnstile) -> None:
        self.turnstile = turnstile
        self.entered: list[str] = []
        self.threads: list[threading.Thread] = []

    def start(self, name: str, *, awaiting: bool = False) -> None:
        before = queue(self.turnstile)

        async def enter() -> bool:
            return await self.turnstile.enter_async()

        def run() -> None:
            assert asyncio.run(enter()) if awaiting else self.turnstile.enter()
            self.entered.append(name)
            self.turnstile.leave()

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        until(lambda: queue(self.turnstile) > before)

    def join(self) -> list[str]:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()
        return self.entered


@pytest.fixture
def turnstile() -> Turnstile:
    return Turnstile()


def test_first_come_first_served_threads_and_loops_mixed(turnstile: Turnstile) -> None:
    others = Threads(turnstile)
    assert turnstile.enter()
    names = [f"{'task' if number % 3 else 'thread'} {number}" for number in range(12)]
    for name in names:
        others.start(name, awaiting=name.startswith("task"))
    assert others.entered == []
    turnstile.leave()
    assert others.join() == names
    assert turnstile.enter(0)


@pytest.mark.parametrize("kind", ["a process alone", "a shared file"])
def test_never_two_at_a_time(tmp_path: Path, kind: str) -> None:
    turnstile = Turnstile() if kind == "a process alone" else FileNonces(tmp_path / "nonces").turnstile("a")
    inside: list[int] = []
    most: list[int] = []

    def held() -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0)
        inside.pop()

    def blocking() -> None:
        for _ in range(50):
            assert turnstile.enter()
            held()
            turnstile.leave()

    async def task() -> None:
        for _ in range(25):
            assert await turnstile.enter_async()
            held()
            await asyncio.sleep(0)
            turnstile.leave()

    async def tasks() -> None:
        await asyncio.gather(*(task() for _ in range(4)))

    threads = [threading.Thread(target=blocking) for _ in range(4)]
    threads += [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 400


def test_who_waits_too_long_is_out_of_the_queue(turnstile: Turnstile) -> None:
    assert turnstile.enter(5)
    assert not turnstile.enter(0.001)
    assert not turnstile.enter(-1)
    assert not asyncio.run(turnstile.enter_async(0.001))
    assert queue(turnstile) == 0
    turnstile.leave()
    assert turnstile.enter(0)


def test_who_is_cancelled_is_out_of_the_queue(turnstile: Turnstile) -> None:
    async def main() -> None:
        assert await turnstile.enter_async()
        waiting = [asyncio.ensure_future(turnstile.enter_async()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait(waiting[1:2])
        assert queue(turnstile) == 2
        turnstile.leave()
        assert await waiting[0]
        turnstile.leave()
        assert await waiting[2]
        assert waiting[1].cancelled()

    asyncio.run(main())


def test_a_turn_that_comes_together_with_a_cancellation_is_passed_on(turnstile: Turnstile) -> None:
    async def main() -> None:
        assert await turnstile.enter_async()
        first, second = (asyncio.ensure_future(turnstile.enter_async()) for _ in range(2))
        await asyncio.sleep(0)
        turnstile.leave()  # it is the first one's turn, which does not know of it yet
        first.cancel()
        assert await second
        assert first.cancelled()

    asyncio.run(main())


def test_a_loop_that_ended_stands_in_nobodys_way(turnstile: Turnstile) -> None:
    assert turnstile.enter()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(turnstile.enter_async())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    others = Threads(turnstile)
    others.start("thread")
    turnstile.leave()
    assert others.join() == ["thread"]
    # Its coroutine is thrown away only now, and must not take anybody's turn along.
    assert turnstile.enter(0)
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    del waiting
    gc.collect()
    assert not turnstile.enter(0.001)


def test_who_did_not_enter_cannot_leave(turnstile: Turnstile) -> None:
    with pytest.raises(RuntimeError, match="had not entered"):
        turnstile.leave()


# -- among processes -------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nonces"


@pytest.fixture
def others(path: Path) -> Iterator[list[Other]]:
    with ExitStack() as stack:
        found: list[Other] = []
        for _ in range(3):
            found.append(Other(path, "acme:key"))
            stack.callback(found[-1].kill)
        yield found


def places_taken(path: Path) -> int:
    # Through the descriptor that is open: to open and close the file here would drop the locks of this process.
    words = os.pread(FileNonces(path)._file._descriptor, 1000, 0).split()
    return int(words[words.index(b"acme:key") + 1]) if b"acme:key" in words else 0


@pytest.mark.parametrize("enter", ["enter", "enter-async"])
def test_processes_take_turns_in_the_order_of_arrival(path: Path, others: list[Other], enter: str) -> None:
    turnstile = FileNonces(path).turnstile("acme:key")
    assert turnstile.enter()
    for place, other in enumerate(others, 2):
        other.told(enter)
        until(lambda place=place: places_taken(path) == place)
    late = Threads(turnstile)
    turnstile.leave()
    assert others[0].hears() == "entered"
    late.threads.append(threading.Thread(target=lambda: late.entered.append("late" if turnstile.enter() else "")))
    late.threads[-1].start()
    until(lambda: places_taken(path) == 5)
    for before, after in pairwise(others):
        assert before.asked("leave") == "left"
        assert after.hears() == "entered"
    assert late.entered == []
    assert others[-1].asked("leave") == "left"
    assert late.join() == ["late"]
    assert others[0].asked("enter 0.01") == "not in time"


def test_who_gives_up_or_dies_in_the_queue_makes_room(path: Path, others: list[Other]) -> None:
    turnstile = FileNonces(path).turnstile("acme:key")
    assert turnstile.enter()
    others[0].told("enter")
    until(lambda: places_taken(path) == 2)
    assert others[1].asked("enter 0.01") == "not in time"
    others[2].told("enter")
    until(lambda: places_taken(path) == 4)
    assert not turnstile.enter(0.001)
    turnstile.leave()
    assert others[0].hears() == "entered"
    others[0].kill()
    assert others[2].hears() == "entered"


def test_other_keys_are_other_queues(path: Path, others: list[Other]) -> None:
    assert others[0].asked("enter") == "entered"
    nonces = FileNonces(path)
    assert nonces.turnstile("acme:other").enter(0)
    assert not nonces.turnstile("acme:key").enter(0.01)
    with pytest.raises(RuntimeError, match="had not entered"):
        nonces.turnstile("acme:key").leave()


def test_a_cancelled_task_before_the_gate_makes_room(path: Path, others: list[Other]) -> None:
    turnstile = FileNonces(path).turnstile("acme:key")
    assert others[0].asked("enter") == "entered"

    async def main() -> None:
        waiting = asyncio.ensure_future(turnstile.enter_async())
        while places_taken(path) < 2:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()

    asyncio.run(main())
    assert others[0].asked("leave") == "left"
    assert others[1].asked("enter 10") == "entered"
    assert others[1].asked("leave") == "left"
    assert turnstile.enter(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_no_turn_and_waits_for_that_of_its_parent(path: Path) -> None:
    from test_nonce import forked

    assert forked(
        f"""
        import json, os
        from specie.runtime import FileNonces, Nonces

        def told(turnstile):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.write(writing, json.dumps([turnstile.enter(0.01), turnstile.enter(0)]).encode())
                os._exit(0)
            os.waitpid(pid, 0)
            return json.loads(os.read(reading, 100))

        alone, shared = Nonces().turnstile("a"), FileNonces({str(path)!r}).turnstile("a")
        assert alone.enter() and shared.enter()
        print(json.dumps([told(alone), told(shared)]))
        """
    ) == [[True, False], [False, False]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_the_nonces_of_a_process_have_one_turn_for_it_and_its_children() -> None:
    from test_nonce import forked

    assert forked(
        """
        import json, os
        from specie.runtime import Nonces

        nonces = Nonces()
        heard, say = os.pipe()
        assert nonces.turnstile("acme:x").enter(1)
        nonces.turnstile("acme:x").leave()
        told, tell = os.pipe()
        pid = os.fork()
        if not pid:
            os.read(heard, 1)  # the parent has its turn now
            turnstile = nonces.turnstile("acme:x")
            early = turnstile.enter(0.05)
            os.write(tell, b"1" if early else b"0")
            os.read(heard, 1)  # and has left
            os.write(tell, b"1" if turnstile.enter(5) else b"0")
            os._exit(0)
        turnstile = nonces.turnstile("acme:x")
        assert turnstile.enter(1)
        os.write(say, b".")
        early = os.read(told, 1)
        turnstile.leave()
        os.write(say, b".")
        late = os.read(told, 1)
        os.waitpid(pid, 0)
        print(json.dumps([early.decode(), late.decode()]))
        """
    ) == ["0", "1"]
