"""A documented reply, walked along the model: which value stands where, of what type, and what became of it in Python.

So a test can put something hostile in just the right place, or hold every decoded value against what was sent.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from specie.compiler.model import Enum, Exchange, KeyedBy, ListOf, MapOf, Operation, Plain, Ref, TypeExpression, Value

Path: TypeAlias = tuple[str | int, ...]


@attrs.frozen
class Site:
    """One value of a reply."""

    path: Path
    type: TypeExpression
    raw: Any
    """As it stands in the JSON; whole numbers are int, all others Decimal."""
    value: Any
    """What it was decoded to."""
    owner: str
    """`Model.field`, or what else it is part of: the same for all items of a list."""
    required: bool
    field: Value | None = None
    of_row: bool = False

    @property
    def scalar(self) -> str:
        """The scalar's name, or nothing for what is made of others."""
        return self.type.name if isinstance(self.type, Plain) else ""

    @property
    def shown(self) -> str:
        return json_path(self.path)


def json_path(path: Path) -> str:
    """The place, as errors write it: `$.data[0].price`, `$["BTC-USD"]`."""
    text = "$"
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", step):
            text += f".{step}"
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def parsed(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def result_path(exchange: Exchange, operation: Operation, reply: Any) -> Path:
    """Where the result lies in a reply."""
    returns = operation.returns
    path: list[str | int] = []
    keys = [] if returns.bare or exchange.envelope is None else exchange.envelope.result.split(".")
    for key in filter(None, keys):
        path.append(key)
    inner = at(reply, tuple(path))
    if returns.at and not (returns.at_optional and not isinstance(inner, dict)):
        path += returns.at
    inner = at(reply, tuple(path))
    if returns.sole and isinstance(inner, list):
        path.append(0)
    return tuple(path)


def sites(
    exchange: Exchange, operation: Operation, reply: Any, result: Any, towards: Path | None = None
) -> Iterator[Site]:
    """Every value of a reply that the model knows, from the outside in; or only those on the way `towards` a place."""
    path = result_path(exchange, operation, reply)
    yield from _walk(exchange, Site(path, operation.returns.type, at(reply, path), result, "result", True), towards)


def sites_of(exchange: Exchange, kind: TypeExpression, raw: Any, value: Any) -> Iterator[Site]:
    """Every value of something that was told, and of what type it is."""
    yield from _walk(exchange, Site((), kind, raw, value, "told", True), None)


def _walk(exchange: Exchange, site: Site, towards: Path | None) -> Iterator[Site]:
    if towards is not None and site.path != towards[: len(site.path)]:
        return
    yield site
    kind, raw, value = site.type, site.raw, site.value
    if raw is None or raw == "" or value is None:
        return
    if isinstance(kind, ListOf):
        for index, (one, decoded) in enumerate(zip(raw, value, strict=True)):
            yield from _walk(
                exchange, Site((*site.path, index), kind.item, one, decoded, f"{site.owner} item", True), towards
            )
    elif isinstance(kind, MapOf):
        for key, one in raw.items() if isinstance(raw, dict) else ():
            yield from _walk(
                exchange, Site((*site.path, key), kind.value, one, value[key], f"{site.owner} value", True), towards
            )
    elif isinstance(kind, KeyedBy):
        for (key, one), decoded in zip(raw.items() if isinstance(raw, dict) else (), value, strict=True):
            assert str(getattr(decoded, kind.key, towards)) == key
            yield from _fields(exchange, kind.item, (*site.path, key), one, decoded, kind.key, towards)
    elif isinstance(kind, Ref) and not isinstance(exchange.named[kind.name], Enum):
        yield from _fields(exchange, kind, site.path, raw, value, "", towards)


def _fields(
    exchange: Exchange, kind: Ref, path: Path, raw: Any, value: Any, skip: str, towards: Path | None
) -> Iterator[Site]:
    model = exchange.named[kind.name]
    assert not isinstance(model, Enum)
    for index, field in enumerate(model.fields):
        step: str | int = index if model.row else field.wire
        there = len(raw) > index if model.row else field.wire in raw
        if not there or field.name == skip:
            continue
        owner = f"{model.name}.{field.name}"
        decoded = getattr(value, field.name)
        yield from _walk(
            exchange,
            Site((*path, step), field.type, raw[step], decoded, owner, field.required, field, model.row),
            towards,
        )


def first_of_each(found: Iterator[Site]) -> list[Site]:
    """One site for each field of each model."""
    kept: dict[str, Site] = {}
    for site in found:
        kept.setdefault(site.owner, site)
    return list(kept.values())


# -- mutations -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Raw:
    """JSON to be written as it stands, well-formed or not."""

    text: str


def at(reply: Any, path: Path) -> Any:
    for step in path:
        reply = reply[step]
    return reply


def put(reply: Any, path: Path, value: Any) -> Any:
    """The reply with another value there."""
    if not path:
        return value
    changed = copy.copy(reply)
    changed[path[0]] = put(reply[path[0]], path[1:], value) if len(path) > 1 else value
    return changed


def drop(reply: Any, path: Path) -> Any:
    """The reply without what stands there."""
    without = copy.copy(at(reply, path[:-1]))
    del without[path[-1]]
    return put(reply, path[:-1], without)


def written(reply: Any) -> bytes:
    """A reply as bytes, every digit kept."""
    raws: list[str] = []

    def literal(value: Any) -> str:
        raws.append(value.text if isinstance(value, Raw) else format(value, "f"))
        return f"@raw{len(raws) - 1}@"

    text = json.dumps(reply, default=literal, ensure_ascii=False)
    return re.sub('"@raw([0-9]+)@"', lambda match: raws[int(match[1])], text).encode()
