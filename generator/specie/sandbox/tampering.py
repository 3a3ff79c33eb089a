"""A good reply, altered as exchanges alter theirs from one day to the next.

What may be altered is told by the type that the operation returns: which arrays are lists, which objects models, which
words values of an enum. Error bodies are left alone, and so is what no document describes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs

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
    is_list,
    is_mapping,
)

from .delivery import gateway_page
from .faces.live import to_json
from .faults import Fault
from .wire import Reply

_FIELD = "fieldOfTomorrow"
_GARBAGE = b"\x00\xfe<\xff{{ this is not what you asked for"


def tampered(reply: Reply, fault: Fault, exchange: Exchange, operation: Operation) -> Reply:
    """The reply as the fault makes it; the same, if it concerns something else than bodies."""
    if fault.word == "garbage":
        return attrs.evolve(reply, body=_GARBAGE)
    if fault.word == "page":
        return gateway_page(reply.status)
    if fault.word == "empty":
        return attrs.evolve(reply, body=b"")
    if fault.word not in _ALTERATIONS:
        return reply
    document = json.loads(reply.body, parse_float=Decimal)
    alteration = _ALTERATIONS[fault.word](fault)
    document = _at_result(document, exchange, operation, _Walk(exchange, alteration).value)
    return attrs.evolve(reply, body=to_json(document).encode())


def _at_result(
    document: Any, exchange: Exchange, operation: Operation, alter: Callable[[TypeExpression, Any], Any]
) -> Any:
    """The document with its result altered, which may lie in an envelope."""
    returns = operation.returns
    envelope = exchange.envelope.result.split(".") if exchange.envelope and exchange.envelope.result else []
    keys = [*([] if returns.bare else envelope), *returns.at]
    holder, last = None, ""
    found = document
    for key in keys:
        if not is_mapping(found) or key not in found:
            break  # `at?`: the bare result
        holder, last, found = found, key, found[key]
    altered = _sole(returns.type, found, alter) if returns.sole else alter(returns.type, found)
    if holder is None:
        return altered
    holder[last] = altered
    return document


def _sole(kind: TypeExpression, found: Any, alter: Callable[[TypeExpression, Any], Any]) -> Any:
    """One object, or a list that holds just that one."""
    return [alter(kind, one) for one in found] if is_list(found) else alter(kind, found)


class Alteration:
    """What is done to the parts of a reply; as it stands, nothing."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def items(self, items: list[Any]) -> list[Any]:
        """A list, after its items."""
        return items

    def members(self, members: dict[str, Any]) -> dict[str, Any]:
        """An object whose keys are data, after its values."""
        return members

    def fields(self, fields: Any) -> Any:
        """An object or a row with known fields, after these."""
        return fields

    def field(self, field: Value, value: Any) -> Any:  # noqa: ARG002 - for those that look at it
        """One field of such an object."""
        return value

    def word(self, enum: Enum, value: Any) -> Any:  # noqa: ARG002 - for those that look at it
        """A value of an enum."""
        return value


class _Duplicated(Alteration):
    def items(self, items: list[Any]) -> list[Any]:
        return [*items[:1], *items]


class _Reordered(Alteration):
    def items(self, items: list[Any]) -> list[Any]:
        return items[::-1]

    def members(self, members: dict[str, Any]) -> dict[str, Any]:
        return dict(reversed(members.items()))


class _UnknownFields(Alteration):
    def fields(self, fields: Any) -> Any:
        if is_list(fields):
            return [*fields, "a place of tomorrow"]
        return {**fields, _FIELD: {"since": "tomorrow"}}


class _UnknownEnums(Alteration):
    def word(self, enum: Enum, value: Any) -> Any:
        if enum.integer:
            unknown = 1 + max(abs(int(member.value)) for member in enum.members)
            return str(unknown) if isinstance(value, str) else unknown
        return "VALUE_OF_TOMORROW"


class _Null(Alteration):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self._done = False

    def field(self, field: Value, value: Any) -> Any:
        if self.fault.value:
            return None if self.fault.value in (field.name, field.wire) else value
        if self._done or not field.required or not isinstance(field.type, (Plain, Ref)) or is_mapping(value):
            return value
        self._done = True
        return None


_ALTERATIONS: dict[str, Callable[[Fault], Alteration]] = {
    "duplicated": _Duplicated,
    "reordered": _Reordered,
    "unknown-fields": _UnknownFields,
    "unknown-enums": _UnknownEnums,
    "null": _Null,
}


@attrs.frozen
class _Walk:
    exchange: Exchange
    alteration: Alteration

    def value(self, kind: TypeExpression, value: Any) -> Any:
        """A value and all in it, altered; what is not of its type is left as it is."""
        match kind:
            case ListOf() if is_list(value):
                return self.alteration.items([self.value(kind.item, one) for one in value])
            case MapOf() | KeyedBy() if is_mapping(value):
                inner = kind.value if isinstance(kind, MapOf) else kind.item
                members = value
                return self.alteration.members({key: self.value(inner, one) for key, one in members.items()})
            case Ref():
                named = self.exchange.named[kind.name]
                if isinstance(named, Model):
                    return self._model(named, value)
                return value if value in (None, "") else self.alteration.word(named, value)
            case _:
                return value

    def _model(self, model: Model, value: Any) -> Any:
        if is_list(value):
            row = value
            places = [self._field(field, one) for field, one in zip(model.fields, row, strict=False)]
            return self.alteration.fields([*places, *row[len(places) :]])
        if not is_mapping(value):
            return value
        altered = dict(value)
        for field in model.fields:
            if field.wire in altered:
                altered[field.wire] = self._field(field, altered[field.wire])
        return self.alteration.fields(altered)

    def _field(self, field: Value, value: Any) -> Any:
        return self.alteration.field(field, self.value(field.type, value))
