"""Threads, event loops, processes and machines call an exchange at once, and it counts no call over its limit.

The sandbox counts by the last seconds, each call when it comes in. It would refuse one that is too many; nobody is to
be refused here, and nobody tries again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.calling import call_at_once, call_by_processes
from support.replay import exchanges

from specie.runtime import MemoryBudgets
from specie.sandbox import Sandbox

pytest.importorskip("aiohttp")

LIMIT = "100/s per ip"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("bitexbit", models=[exchanges()["bitexbit"]]) as running:
        yield running


def counted(sandbox: Sandbox) -> int:
    """How many calls the sandbox counted; none of them over the limit."""
    (usage,) = [one for one in sandbox.usage("bitexbit") if one.limit == LIMIT]
    assert usage.refused == 0
    assert 0 < usage.most <= usage.allowed == 100
    return len(sandbox.requests)


def test_32_threads_and_2_loops_of_a_process(sandbox: Sandbox) -> None:
    url = sandbox.base_url("bitexbit")["rest"]
    answered = call_at_once(url, MemoryBudgets(), threads=32, loops=2, calls=8)
    assert answered == 34 * 8 == counted(sandbox)


def test_4_processes_share_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    url, path = sandbox.base_url("bitexbit")["rest"], str(tmp_path / "limits.db")
    answered = call_by_processes(url, path, processes=4, threads=8, loops=2, calls=8)
    assert answered == 4 * 10 * 8 == counted(sandbox)


def test_4_machines_share_a_redis(sandbox: Sandbox, redis_url: str) -> None:
    url = sandbox.base_url("bitexbit")["rest"]
    answered = call_by_processes(url, redis_url, processes=4, threads=8, loops=2, calls=8)
    assert answered == 4 * 10 * 8 == counted(sandbox)


def test_without_sharing_they_are_too_many(tmp_path: Path) -> None:
    """So the tests above do ask for more than is allowed."""
    with Sandbox("bitexbit", models=[exchanges()["bitexbit"]], limits=False) as sandbox:
        call_by_processes(sandbox.base_url("bitexbit")["rest"], "memory", processes=4, threads=8, loops=2, calls=8)
        (usage,) = [one for one in sandbox.usage("bitexbit") if one.limit == LIMIT]
        assert usage.most > usage.allowed
