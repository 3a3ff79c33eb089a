"""Arguments for an operation, from the examples of its spec: those that must be given, and no more than it takes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from typing import Any, cast

import requests
from requests.adapters import BaseAdapter

from specie.compiler.model import (
    Enum,
    Exchange,
    KeyedBy,
    ListOf,
    MapOf,
    Model,
    Operation,
    Plain,
    Ref,
    TypeExpression,
    Value,
)
from specie.runtime import ArgumentError, Nonces
from specie.sandbox import demo_credentials

NOW_MS = 1_700_000_000_000
"""The clock of recordings whose replies know no time: 14 November 2023, 22:13:20 UTC."""

_PLAIN: Mapping[str, Any] = {
    "str": "text",
    "id": "123456",
    "bool": True,
    "json": {"any": "thing"},
    "iso_time": "2023-11-14T22:13:20Z",
}


def client_class(exchange: Exchange, prefix: str = "", package: str = "specie") -> Any:
    """The generated client, or with the prefix `Async` the other one."""
    return getattr(import_module(f"{package}.{exchange.name}"), prefix + exchange.class_name)


def call(client: Any, operation: Operation, given: Mapping[str, Any]) -> Any:
    """Call an operation by its names."""
    return getattr(getattr(client, operation.group), operation.name)(**given)


def arguments(
    exchange: Exchange,
    operation: Operation,
    *,
    full: bool = False,
    said: Mapping[str, Any] | None = None,
    package: str = "specie",
) -> dict[str, Any]:
    """Arguments that a client takes: the demanded ones, and of the others the fewest that the rules want, or all that
    go with them.

    Args:
        exchange: The exchange.
        operation: Its operation.
        full: Give all that go together.
        said: What is given in any case, as the spec would write it, by names.
        package: Where the generated client is.
    """
    taken = [one for one in operation.parameters if one.argument]
    values = {one.name: argument(exchange, one, index, package) for index, one in enumerate(taken)}
    values |= {
        one.name: typed(exchange, one.type, said[one.name], package) for one in taken if said and one.name in said
    }
    given = {one.name: values[one.name] for one in taken if one.demanded or (said and one.name in said)}
    others = [name for name in values if name not in given]

    def among(names: set[str]) -> dict[str, Any]:
        return {name: values[name] for name in values if name in names}

    fewest = (
        among({*given, *more}) for count in range(len(others) + 1) for more in itertools.combinations(others, count)
    )
    chosen = next((one for one in fewest if accepted(exchange, operation, one, package)), None)
    if chosen is None:
        raise ValueError(f"{exchange.name}.{operation.id}: no arguments from its examples are accepted")
    for name in others if full else ():
        wider = among({*chosen, name})
        if accepted(exchange, operation, wider, package):
            chosen = wider
    return chosen


def accepted(exchange: Exchange, operation: Operation, given: Mapping[str, Any], package: str = "specie") -> bool:
    """Whether a client would send these arguments."""
    with Dry() as dry, dry.client(exchange, demo_credentials(exchange), NOW_MS, package) as client:
        try:
            call(client, operation, given)
        except ArgumentError:
            return False
        except SentDry:
            return True
    raise AssertionError("a call without an answer ended well")


def argument(exchange: Exchange, value: Value, index: int = 0, package: str = "specie") -> Any:
    """A good argument: the documented example, or else the first thing that its type allows."""
    if value.example is not None:
        return typed(exchange, value.type, value.example, package)
    kind = value.type.item if isinstance(value.type, ListOf) else value.type
    if value.choices:
        made = typed(exchange, kind, value.choices[0], package)
    elif isinstance(kind, Ref) and isinstance(enum := exchange.named[kind.name], Enum):
        made = typed(exchange, kind, enum.members[0].value, package)
    elif isinstance(kind, Plain) and kind.name in ("int", "decimal"):
        number = next(one for one in (1, 5, 50, 500, 0) if _in_range(value.range, one))
        made = typed(exchange, kind, number, package)
    elif isinstance(kind, Plain) and kind.name in ("millis", "seconds", "exact_seconds"):
        # Later parameters are later times, so that `start < end` holds.
        made = NOW_MS // (1 if kind.name == "millis" else 1000) + index
    elif isinstance(kind, Plain):
        made = _PLAIN[kind.name]
    else:
        raise ValueError(f"{value.place}: {value.name} needs an example")
    return [made] if isinstance(value.type, ListOf) else made


def _in_range(range: str, number: int) -> bool:
    from specie.sandbox.values import within

    return not range or within(range, Decimal(number))


def typed(exchange: Exchange, kind: TypeExpression, raw: Any, package: str = "specie") -> Any:
    """An example of a spec, as a user would write it in Python."""
    if isinstance(kind, ListOf):
        items = cast("Sequence[Any]", raw if isinstance(raw, list) else [raw])
        return [typed(exchange, kind.item, one, package) for one in items]
    if isinstance(kind, MapOf | KeyedBy):
        inner = kind.value if isinstance(kind, MapOf) else kind.item
        return {key: typed(exchange, inner, one, package) for key, one in raw.items()}
    if isinstance(kind, Ref):
        named, cls = exchange.named[kind.name], python_type(exchange, kind.name, package)
        if not isinstance(named, Model):
            return cls(int(raw) if named.integer else raw)
        fields = {field.name: field for field in named.fields}
        return cls(**{name: typed(exchange, fields[name].type, one, package) for name, one in raw.items()})
    if kind.name in ("int", "millis", "seconds") and isinstance(raw, str):
        return int(raw)
    return Decimal(str(raw)) if kind.name == "decimal" else raw


def python_type(exchange: Exchange, name: str, package: str = "specie") -> Any:
    """The generated class of a named type."""
    return getattr(import_module(f"{package}.{exchange.name}"), name)


# --- calls that go nowhere -------------------------------------------------------------------------------------------


class SentDry(Exception):
    """A request was made up to its last byte, and not sent."""


class Dry:
    """A session that keeps the request it is given, and sends nothing."""

    def __init__(self) -> None:
        self.request: Any = None
        self._session = requests.Session()
        self._session.trust_env = False  # looking for proxies costs more than everything else here
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self))

    def client(self, exchange: Exchange, credentials: Mapping[str, str], now_ms: int, package: str = "specie") -> Any:
        """A client of the exchange's own addresses that goes nowhere."""
        cls = client_class(exchange, package=package)
        options = {"clock": lambda: now_ms, "nonces": Nonces(), "retries": 0, "limits": "ignore"}
        return cls(**credentials, session=self._session, **options)

    def __enter__(self) -> Dry:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()


class _Adapter(BaseAdapter):
    def __init__(self, dry: Dry) -> None:
        super().__init__()
        self._dry = dry

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self._dry.request = request
        raise SentDry

    def close(self) -> None:
        pass
