"""Every operation of every exchange, called with arguments that work: what a test that walks the specs stands on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from specie.compiler.model import Enum, Exchange, KeyedBy, ListOf, MapOf, Model, Operation, Plain, Ref, Value
from specie.runtime import ArgumentError, Retries

from .bodies import Blocking
from .replay import NOW_MS, client_class, exchanges, options
from .stubs import NoAnswerError, Wire

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
    taken = [one for one in operation.parameters if one.argument]
    values = {one.name: argument(exchange, one, index) for index, one in enumerate(taken)}
    given = {one.name: values[one.name] for one in taken if one.demanded}
    others = [one.name for one in taken if not one.demanded]
    for count in range(len(others) + 1):
        chosen = next(
            (
                {name: values[name] for name in values if name in given or name in more}
                for more in itertools.combinations(others, count)
                if _accepted(exchange, operation, {**given, **{name: values[name] for name in more}})
            ),
            None,
        )
        if chosen is not None:
            break
    else:
        raise AssertionError(f"{exchange_name}.{operation_id}: no arguments from its examples are accepted")
    for name in others if full else ():
        wider = {each: values[each] for each in values if each in chosen or each == name}
        if _accepted(exchange, operation, wider):
            chosen = wider
    return chosen


def _accepted(exchange: Exchange, operation: Operation, given: dict[str, Any]) -> bool:
    wire = Wire()
    with connected(exchange, "blocking", wire) as client:
        try:
            call(client, operation, given)
        except ArgumentError:
            assert not wire.requests
            return False
        except NoAnswerError:
            return True
    raise AssertionError("a call without an answer ended well")


_PLAIN: dict[str, Any] = {
    "str": "text",
    "id": "123456",
    "bool": True,
    "json": {"any": "thing"},
    "iso_time": "2023-11-14T22:13:20Z",
}


def argument(exchange: Exchange, value: Value, index: int = 0) -> Any:
    """A good argument: the documented example, or else the first thing that its type allows."""
    if value.example is not None:
        return typed(exchange, value.type, value.example)
    kind = value.type.item if isinstance(value.type, ListOf) else value.type
    if value.choices:
        made = typed(exchange, kind, value.choices[0])
    elif isinstance(kind, Ref) and isinstance(enum := exchange.named[kind.name], Enum):
        made = typed(exchange, kind, enum.members[0].value)
    elif isinstance(kind, Plain) and kind.name in ("int", "decimal"):
        number = next(one for one in (1, 5, 50, 500, 0) if _in_range(value.range, one))
        made = typed(exchange, kind, number)
    elif isinstance(kind, Plain) and kind.name in ("millis", "seconds", "exact_seconds"):
        # Later parameters are later times, so that `start < end` holds.
        made = NOW_MS // (1 if kind.name == "millis" else 1000) + index
    elif isinstance(kind, Plain):
        made = _PLAIN[kind.name]
    else:
        raise AssertionError(f"{value.place}: {value.name} needs an example")
    return [made] if isinstance(value.type, ListOf) else made


def _in_range(range: str, number: int) -> bool:
    from specie.sandbox.values import within

    return not range or within(range, Decimal(number))


def typed(exchange: Exchange, kind: Any, raw: Any) -> Any:
    """An example of a spec, as a user would write it in Python."""
    if isinstance(kind, ListOf):
        return [typed(exchange, kind.item, one) for one in (raw if isinstance(raw, list) else [raw])]
    if isinstance(kind, MapOf | KeyedBy):
        inner = kind.value if isinstance(kind, MapOf) else kind.item
        return {key: typed(exchange, inner, one) for key, one in raw.items()}
    if isinstance(kind, Ref):
        named, cls = exchange.named[kind.name], python_type(exchange, kind.name)
        if not isinstance(named, Model):
            return cls(raw)
        fields = {field.name: field for field in named.fields}
        return cls(**{name: typed(exchange, fields[name].type, one) for name, one in raw.items()})
    return Decimal(str(raw)) if kind.name == "decimal" else raw


def python_type(exchange: Exchange, name: str) -> Any:
    """The generated class of a named type."""
    return getattr(import_module(f"specie.{exchange.name}"), name)


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


def call(client: Any, operation: Operation, given: dict[str, Any]) -> Any:
    """Call an operation by its names."""
    return getattr(getattr(client, operation.group), operation.name)(**given)
