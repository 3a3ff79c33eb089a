"""What holds for every test: no network; and clients that cassettes answer, for the tests of an exchange's operations."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from support.network import forbid_network

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


@pytest.fixture(params=["blocking", "asyncio"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The client of an exchange, answered by a cassette: `tests/bitopro/test_orders.py::test_create` plays
    `cassettes/bitopro/orders/create.yaml`, once blocking and once on asyncio."""
    from support.replay import exchanges, replayed

    exchange = exchanges()[request.path.parent.name]
    wanted = f"{request.path.stem.removeprefix('test_')}.{request.function.__name__.removeprefix('test_')}"
    operation = next((one for one in exchange.operations if one.id == wanted), None)
    if operation is None:
        raise LookupError(
            f"{exchange.name} has no operation {wanted}: a test is named after the operation that it calls"
        )
    with replayed(exchange, operation, request.param, lambda: request.node.stash.get(FAILED, False)) as one:
        yield one


@pytest.fixture(params=["blocking", "asyncio"])
def day(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A trading day at an exchange: `tests/bitopro/test_trading_day.py` plays `cassettes/bitopro/trading_day.yaml`."""
    from support.replay import exchanges, trading_day

    exchange = exchanges()[request.path.parent.name]
    with trading_day(exchange, request.param, lambda: request.node.stash.get(FAILED, False)) as one:
        yield one
