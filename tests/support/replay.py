"""The tests' cassettes: one of each operation, and one of a trading day.

`specie record <exchange>` records them anew from the sandbox: those of operations from the examples of the documents,
the trading day from the living market. Every test plays its cassette with both clients.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

from specie.cassettes import arguments, recording, replaying
from specie.cassettes.label import SANDBOX, example_provenance, label
from specie.compiler import compile_specs
from specie.compiler.model import Exchange, Operation
from specie.runtime import ApiError, Nonces
from specie.sandbox import Sandbox, demo_credentials

from .bodies import Blocking

ROOT = Path(__file__).resolve().parents[2]
CASSETTES = ROOT / "cassettes"
NOW_MS = arguments.NOW_MS
RECORDING = os.environ.get("SPECIE_RECORD") == "1"
TRADING_DAY = "trading_day"
SEED = 7
STEP_MS = 1_000


@cache
def exchanges() -> dict[str, Exchange]:
    return {one.name: one for one in compile_specs(ROOT / "specs")}


def client_class(exchange: str, prefix: str = "") -> Any:
    return arguments.client_class(exchanges()[exchange], prefix)


def cassette_path(exchange: str, operation: Operation) -> Path:
    return CASSETTES / exchange / operation.group / f"{operation.name}.yaml"


def trading_day_path(exchange: str) -> Path:
    return CASSETTES / exchange / f"{TRADING_DAY}.yaml"


def options(exchange: Exchange) -> dict[str, Any]:
    """Clock, nonces and credentials that make every signature repeatable; and no waiting for limits."""
    return {**demo_credentials(exchange), "clock": lambda: NOW_MS, "nonces": Nonces(), "limits": "ignore"}


@contextmanager
def client_of(exchange: Exchange, body: str, **given: Any) -> Iterator[Any]:
    """A client, blocking or asyncio, used the blocking way."""
    if body == "blocking":
        with client_class(exchange.name)(**given) as client:
            yield client
        return
    loop = asyncio.new_event_loop()
    client = client_class(exchange.name, "Async")(**given)
    try:
        yield Blocking(client, loop)
    finally:
        loop.run_until_complete(client.close())
        loop.close()


@contextmanager
def replayed(
    exchange: Exchange, operation: Operation, body: str, failed: Callable[[], bool] = lambda: False
) -> Iterator[Any]:
    """A client of `exchange`, blocking or asyncio, whose calls are answered by the cassette of `operation`."""
    path = cassette_path(exchange.name, operation)
    if RECORDING and body == "blocking":
        head = label(exchange, operation, example_provenance(exchange, operation))
        with (
            Sandbox(exchange.name, specs=ROOT / "specs", examples=True, limits=False, clock=lambda: NOW_MS) as sandbox,
            recording(path, exchange, head, sandbox.client_options["base_url"]) as take,
            client_of(exchange, body, **options(exchange), base_url=sandbox.client_options["base_url"]) as client,
        ):
            yield client
            if failed():
                take.discard()
        return
    with replaying(path, exchange), client_of(exchange, body, **options(exchange)) as client:
        yield client


# -- a trading day ---------------------------------------------------------------------------------------------------


@attrs.define
class Day:
    """What the scenario of a trading day needs.

    Time in a seeded market goes by with requests, a second for each. The clients' clock goes with it.
    """

    exchange: Exchange
    body: str
    sandbox: Sandbox | None
    _stack: ExitStack
    _nonces: Nonces = attrs.field(factory=Nonces)
    _replies: list[list[Any]] = attrs.field(factory=list)
    client: Any = None
    refusals: set[str] = attrs.field(factory=set)

    def now_ms(self) -> int:
        """The time of the next request."""
        return NOW_MS + STEP_MS * (1 + sum(map(len, self._replies)))

    def another(self, permission: str = "", ahead_ms: int = 0, **changed: Any) -> Any:
        """Another client of the same account: with another key, secret or clock."""
        given: dict[str, Any] = {**demo_credentials(self.exchange, permission), **changed}
        if self.sandbox is not None:
            given["base_url"] = self.sandbox.client_options["base_url"]
        given |= {"clock": lambda: self.now_ms() + ahead_ms, "nonces": self._nonces, "retries": 0, "limits": "ignore"}
        client = self._stack.enter_context(client_of(self.exchange, self.body, **given))
        self._replies.append(self._stack.enter_context(client.capture()))
        return client

    @contextmanager
    def refused(self, error: type[ApiError], fault: str = "") -> Iterator[None]:
        """The call of the block is refused with just this class.

        By a `fault` the sandbox does so for no reason; the cassette needs none.
        """
        if fault and self.sandbox is not None:
            self.sandbox.fault(fault)
        with pytest.raises(error) as caught:
            yield
        assert type(caught.value) is error
        assert caught.value.message or caught.value.status >= 500
        self.refusals.add(error.__name__)


@contextmanager
def trading_day(exchange: Exchange, body: str, failed: Callable[[], bool] = lambda: False) -> Iterator[Day]:
    """A day at `exchange`, recorded from its seeded market, and replayed by both clients."""
    path = trading_day_path(exchange.name)
    with ExitStack() as stack:
        take, sandbox = None, None
        if RECORDING and body == "blocking":
            sandbox = stack.enter_context(
                Sandbox(exchange.name, models=[exchange], seed=SEED, limits=False, clock=lambda: day.now_ms())
            )
            head = label(exchange, TRADING_DAY, SANDBOX)
            take = stack.enter_context(recording(path, exchange, head, sandbox.client_options["base_url"]))
        else:
            stack.enter_context(replaying(path, exchange))
        day = Day(exchange, body, sandbox, stack)
        day.client = day.another()
        yield day
        if failed():
            if take is not None:
                take.discard()
            return
        assert not known_refusals(exchange) - day.refusals
        if sandbox is not None:
            sandbox.check()


def known_refusals(exchange: Exchange) -> set[str]:
    """The classes of refusals that the documents of an exchange know, and those that every exchange has."""
    errors = exchange.errors
    known = {one.error for one in (*errors.codes, *errors.status, *errors.texts)}
    return known | {"RateLimited", "ServerError"}
