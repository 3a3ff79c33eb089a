"""What holds for every test: no network; and a client that a cassette answers, for the tests of an exchange's operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.network import forbid_network


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
    with replayed(exchange, operation, request.param) as one:
        yield one
