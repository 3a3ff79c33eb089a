"""Signed calls of one key, made by threads, tasks and processes at once: the sandbox refuses no nonce of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.calls import connected
from support.replay import exchanges
from support.trading import answered_at_once, answered_in_processes, read

from specie.runtime import ApiError, FileNonces, Nonces, ServerClock
from specie.runtime.clock import system_clock
from specie.sandbox import Sandbox

pytest.importorskip("aiohttp")

SIGNED = [name for name, one in exchanges().items() if one.auth is not None and one.auth.uses_nonce]
INCREASING = [name for name in SIGNED if (auth := exchanges()[name].auth) is not None and auth.nonce == "increasing"]
TEN_MINUTES = 600_000


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(request.param, models=[exchanges()[request.param]], seed=5, limits=False) as running:
        yield running


def name_of(sandbox: Sandbox) -> str:
    return next(iter(sandbox.exchanges))


def verdicts(sandbox: Sandbox) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in sandbox.requests:
        found[one.verdict] = found.get(one.verdict, 0) + 1
    return found


each_signed = pytest.mark.parametrize(("sandbox", "name"), [(name, name) for name in SIGNED], indirect=["sandbox"])
each_increasing = pytest.mark.parametrize(
    ("sandbox", "name"), [(name, name) for name in INCREASING], indirect=["sandbox"]
)


def test_there_are_exchanges_of_both_kinds() -> None:
    assert INCREASING
    assert set(INCREASING) < set(SIGNED)


@each_signed
def test_threads_and_tasks_of_one_key(sandbox: Sandbox, name: str) -> None:
    options = {**sandbox.client_options, "nonces": Nonces(), "limits": "ignore", "retries": 0}
    assert answered_at_once(name, options, threads=8, tasks=8, calls=10) == 160
    assert verdicts(sandbox) == {"ok": 160}


@each_signed
def test_processes_of_one_key(sandbox: Sandbox, name: str, tmp_path: Path) -> None:
    options = sandbox.client_options
    answered = answered_in_processes(4, name, options, tmp_path / "nonces", threads=2, tasks=2, calls=6)
    assert answered == [24] * 4
    assert verdicts(sandbox) == {"ok": 96}


@each_increasing
def test_a_restart_after_the_clock_was_set_back(sandbox: Sandbox, name: str, tmp_path: Path) -> None:
    exchange, options, file = exchanges()[name], sandbox.client_options, tmp_path / "nonces"
    with connected(exchange, "blocking", **options, clock=system_clock, nonces=FileNonces(file)) as client:
        read(client)
    assert answered_in_processes(1, name, options, file, skew=-TEN_MINUTES, threads=1, tasks=0, calls=2) == [2]
    assert verdicts(sandbox) == {"ok": 3}


@each_increasing
def test_what_no_file_remembers_is_refused_until_the_clock_is_learned(sandbox: Sandbox, name: str) -> None:
    exchange, options = exchanges()[name], sandbox.client_options
    with connected(exchange, "blocking", **options, clock=lambda: system_clock() - 5_000, nonces=Nonces()) as client:
        read(client)
    late = ServerClock(lambda: system_clock() - TEN_MINUTES)
    with connected(exchange, "blocking", **options, clock=late, nonces=Nonces()) as client:
        with pytest.raises(ApiError):
            read(client)
        read(client)
