"""What holds for every test: no network; and clients that cassettes answer, for the tests of an exchange's operations."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from support.network import forbid_network
from support.redis import running_redis

from specie.runtime import MemoryBudgets, budgets

FAILED = pytest.StashKey[bool]()
SCORE = "mutations of recorded requests"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The score of the mutations, from whichever worker made them."""
    scores = [
        score
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, score in report.user_properties
        if name == SCORE and report.when == "call"
    ]
    if scores:
        refused, made = (sum(score[index] for score in scores) for index in (0, 1))
        terminalreporter.write_line(f"{SCORE}: replay refused {refused} of {made}, {refused * 100 // made} %")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_network(monkeypatch)


@pytest.fixture(autouse=True)
def own_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for what an earlier one sent."""
    monkeypatch.setattr(budgets, "_shared", MemoryBudgets())


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis on this machine, one for all tests of a process."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a real Redis that is empty."""
    from redis import Redis

    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(params=["blocking", "asyncio"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The client of an exchange, answered by a cassette: `tests/bitopro/test_orders.py::test_create` plays
    `cassettes/bitopro/orders/create.yaml`, once blocking and once on asyncio.

    For a stream it plays the transcript, and each stream gives all that is heard of it, to its end."""
    from support.replay import exchanges, replayed

    exchange = exchanges()[request.path.parent.name]
    wanted = f"{request.path.stem.removeprefix('test_')}.{request.function.__name__.removeprefix('test_')}"
    stream = next((one for one in exchange.streams if one.id == wanted), None)
    if stream is not None:
        from support.streams import played

        with played(exchange, stream, request.param) as hearer:
            yield hearer
        return
    operation = next((one for one in exchange.operations if one.id == wanted), None)
    if operation is None:
        raise LookupError(
            f"{exchange.name} has no operation or stream {wanted}: a test is named after the one that it calls"
        )
    with replayed(exchange, operation, request.param, lambda: request.node.stash.get(FAILED, False)) as one:
        yield one


@pytest.fixture(params=["blocking", "asyncio"])
def session(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Streams and calls at an exchange: `tests/bitopro/test_session.py` plays `cassettes/bitopro/streams/session.yaml`."""
    from support.replay import exchanges
    from support.session import session_at

    exchange = exchanges()[request.path.parent.name]
    with session_at(exchange, request.param, lambda: request.node.stash.get(FAILED, False)) as one:
        yield one


@pytest.fixture
def notifications(request: pytest.FixtureRequest) -> Any:
    """What an exchange posts: `tests/bitok/test_webhooks.py::test_withdrawal` is given what stands in
    `cassettes/bitok/webhooks/withdrawal.yaml`."""
    from support.replay import CASSETTES

    from specie.cassettes.transcript import read_notifications

    group, name = request.path.stem.removeprefix("test_"), request.function.__name__.removeprefix("test_")
    _, found = read_notifications(CASSETTES / request.path.parent.name / group / f"{name}.yaml")
    return found


@pytest.fixture(params=["blocking", "asyncio"])
def day(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A trading day at an exchange: `tests/bitopro/test_trading_day.py` plays `cassettes/bitopro/trading_day.yaml`."""
    from support.replay import exchanges, trading_day

    exchange = exchanges()[request.path.parent.name]
    with trading_day(exchange, request.param, lambda: request.node.stash.get(FAILED, False)) as one:
        yield one
