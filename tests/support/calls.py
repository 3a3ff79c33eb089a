"""Every operation of every exchange, called with arguments that work: what a test that walks the specs stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from specie.cassettes import arguments as of_examples
from specie.cassettes.arguments import argument, call, python_type, typed
from specie.compiler.model import Enum, Exchange, MapOf, Operation, Plain, Ref
from specie.runtime import Retries

from .bodies import Blocking
from .replay import client_class, exchanges, options
from .stubs import Wire

__all__ = [
    "AT_ONCE",
    "BODIES",
    "ONCE",
    "argument",
    "arguments",
    "call",
    "connected",
    "declared",
    "example",
    "operations",
    "python_type",
    "typed",
]

BODIES = ("blocking", "asyncio")
ONCE = Retries(attempts=0)
AT_ONCE = Retries(attempts=2, base=0.0)


def operations(
    wanted: Callable[[Exchange, Operation], bool] = lambda _exchange, _operation: True, *, each: bool = True
) -> list[Any]:
    """Pytest parameters `exchange, operation`, of all operations that are wanted; unless `each`, of the one of each
    exchange that has most to decode."""
    found: list[Any] = []
    for exchange in exchanges().values():
        chosen = [one for one in exchange.operations if wanted(exchange, one)]
        if not each and chosen:
            chosen = [max(chosen, key=lambda one: _weight(exchange, one))]
        found += [pytest.param(exchange, one, id=f"{exchange.name}.{one.id}") for one in chosen]
    return found


def declared(exchange: Exchange) -> int:
    """How many things a spec declares that become a method, or a way to receive something."""
    groups = exchange.groups
    lost = [group for group in groups if any(one.reconcile for one in group.operations)]
    rules = [group for group in groups if group.rules]
    books = [one for one in exchange.streams if one.book]
    told = (*exchange.operations, *exchange.streams, *exchange.webhooks, *books, *lost, *rules)
    return len(told)


def _weight(exchange: Exchange, operation: Operation) -> int:
    """How many kinds of values a reply holds: the more there are, the more can be wrong with it."""
    kinds: set[str] = set()

    def walk(kind: Any) -> None:
        if isinstance(kind, Ref):
            named = exchange.named[kind.name]
            if isinstance(named, Enum):
                kinds.add("enum")
                return
            for field in named.fields:
                if field.required:
                    walk(field.type)
        elif isinstance(kind, Plain):
            kinds.add(kind.name)
        else:
            kinds.add(type(kind).__name__)
            walk(kind.value if isinstance(kind, MapOf) else kind.item)

    walk(operation.returns.type)
    return len(kinds)


def example(exchange: Exchange, operation: Operation) -> bytes:
    """The reply that the exchange documents."""
    return (Path(exchange.folder) / "examples" / operation.group / f"{operation.name}.json").read_bytes()


# -- arguments -------------------------------------------------------------------------------------------------------


def arguments(exchange: Exchange, operation: Operation, *, full: bool = False) -> dict[str, Any]:
    """Arguments that work: those that must be given, and `full`, all others that go with them."""
    return dict(_arguments(exchange.name, operation.id, full))


@cache
def _arguments(exchange_name: str, operation_id: str, full: bool) -> dict[str, Any]:
    exchange = exchanges()[exchange_name]
    operation = next(one for one in exchange.operations if one.id == operation_id)
    return of_examples.arguments(exchange, operation, full=full)


# -- calls -----------------------------------------------------------------------------------------------------------


@contextmanager
def connected(exchange: Exchange, body: str, wire: Wire | None = None, **more: Any) -> Iterator[Any]:
    """A client, used the blocking way whichever body it has; over `wire`, unless a `base_url` says where to go."""
    given = {**options(exchange), "retries": ONCE, **more}
    if body == "blocking":
        with client_class(exchange.name)(**given, session=wire.blocking if wire else None) as client:
            yield client
        return
    loop = asyncio.new_event_loop()
    try:
        client = client_class(exchange.name, "Async")(**given, session=wire.asyncio if wire else None)
        try:
            yield Blocking(client, loop)
        finally:
            loop.run_until_complete(client.close())
            # aiohttp closes its sockets in the rounds after.
            for _ in range(0 if wire else 3):
                loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
