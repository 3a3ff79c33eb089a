"""Named types: enums, models and rows, from their YAML."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import cast

from . import names
from .diagnostics import Complaints
from .model import (
    SCALARS,
    TIMES,
    Caveats,
    Enum,
    KeyedBy,
    ListOf,
    MapOf,
    Member,
    Model,
    NamedType,
    Plain,
    Ref,
    TypeExpression,
    Value,
)
from .rules import kept_apart
from .source import Entry, Mapping, Node, Scalar, Sequence
from .values import UNKNOWN, NamedScalar, Scope, plain, tidy

_KINDS = ("enum", "fields", "row", "scalar")
# Keys that only some kinds of types have.
_OWN_KEYS = {"require": ("fields",), "example": ("scalar",), "range": ("scalar",), "length": ("scalar",)}


def declare(entry: Entry, scope: Scope) -> None:
    """Make a type's name known, before any type is read."""
    why = names.refused_type(entry.key)
    if why:
        scope.complaints.add("E023", entry.place, why)
    first = scope.declared.get(entry.key)
    if first:
        scope.complaints.add("E022", entry.place, f"type '{entry.key}' is defined twice, first in {first}")
        return
    scope.declared[entry.key] = entry.place
    node = entry.value
    if isinstance(node, Mapping) and "scalar" in node:
        scope.scalars[entry.key] = _named_scalar(node, scope)


def _named_scalar(node: Mapping, scope: Scope) -> NamedScalar:
    said = node.get("scalar")
    kind: TypeExpression = UNKNOWN
    if isinstance(said, Scalar) and said.raw in SCALARS and said.raw != "nothing":
        kind = Plain(said.raw)
    elif said is not None and not (isinstance(said, Scalar) and said.broken):
        known = ", ".join(name for name in SCALARS if name != "nothing")
        scope.complaints.add("E020", said.place, f"a named scalar stands for one of {known}")
    return NamedScalar(
        type=kind,
        doc=tidy(node.text("doc")),
        example=plain(node.get("example")),
        range=node.text("range"),
        length=node.text("length"),
        caveats=scope.caveats(node),
    )


def read(entry: Entry, group: str, scope: Scope) -> NamedType | None:
    """The type that an entry of `types:` defines; None for a named scalar, which is gone once it is inherited."""
    node = entry.value
    if not isinstance(node, Mapping):
        return None
    kinds = [kind for kind in _KINDS if kind in node]
    if len(kinds) != 1:
        what = " and ".join(kinds) if kinds else "none of them"
        message = f"type '{entry.key}' is one of enum, fields, row and scalar; here is {what}"
        scope.complaints.add("E024", entry.place, message)
        return None
    kind = kinds[0]
    for one in node:
        if one.key in _OWN_KEYS and kind not in _OWN_KEYS[one.key]:
            wanted = " and ".join(_OWN_KEYS[one.key])
            scope.complaints.add("E024", one.place, f"'{one.key}' goes with {wanted}, and this type is {kind}")
    inner = node.get(kind)
    if kind == "scalar" or not isinstance(inner, (Mapping, Sequence)):
        return None
    return _enum(entry, node, group, scope) if kind == "enum" else _model(entry, node, group, kind == "row", scope)


def _enum(entry: Entry, node: Mapping, group: str, scope: Scope) -> Enum | None:
    before = len(scope.complaints.found)
    inner = node.get("enum")
    members = _members(inner, scope)
    if len(scope.complaints.found) > before or (inner and inner.broken):
        return None
    if not members:
        scope.complaints.add("E026", entry.place, f"enum '{entry.key}' has no values")
        return None
    if len({isinstance(member.value, int) for member in members}) > 1:
        message = f"the values of '{entry.key}' are partly numbers, partly text; put the numbers in quotes"
        scope.complaints.add("E026", entry.place, message)
        return None
    for what in ("name", "value"):
        seen: dict[str | int, Member] = {}
        for member in members:
            said = getattr(member, what)
            if said in seen:
                scope.complaints.add("E026", member.place, f"'{said}' is the {what} of two members of '{entry.key}'")
            seen[said] = member
    return Enum(
        entry.key, group, tidy(node.text("doc")), tuple(members), node.text("see"), scope.caveats(node), entry.place
    )


def _members(node: Node | None, scope: Scope) -> list[Member]:
    members: list[Member] = []
    if isinstance(node, Sequence):
        for item in node:
            if not isinstance(item, Scalar) or item.broken:
                continue
            name = names.member_name(item.raw)
            if name is None:
                quoted = item.raw if isinstance(item.value, int) else json.dumps(item.raw, ensure_ascii=False)
                message = f"'{item.raw}' cannot be a name in Python; give it one: {{NAME: {quoted}}}"
                scope.complaints.add("E026", item.place, message)
                continue
            members.append(Member(name, _member_value(item), "", Caveats(), item.place))
    elif isinstance(node, Mapping):
        for entry in node:
            said = entry.value if isinstance(entry.value, Mapping) else Mapping((), entry.place)
            value = said.get("value") if isinstance(entry.value, Mapping) else entry.value
            if isinstance(value, Scalar) and not value.broken:
                doc = tidy(said.text("doc"))
                members.append(Member(entry.key, _member_value(value), doc, scope.caveats(said), entry.place))
    return members


def _member_value(node: Scalar) -> str | int:
    whole = isinstance(node.value, int) and not isinstance(node.value, bool)
    return cast(int, node.value) if whole else node.raw


def _model(entry: Entry, node: Mapping, group: str, row: bool, scope: Scope) -> Model:
    if row:
        cells = node.get("row")
        rows = [one for one in cells if isinstance(one, Mapping)] if isinstance(cells, Sequence) else []
        fields = tuple(field for one in rows for field in scope.values(one))
        _check_row(fields, scope.complaints)
    else:
        fields = scope.values(node.mapping("fields"))
    said = node.get("row" if row else "fields")
    if not fields and said and not said.broken:
        scope.complaints.add("E024", entry.place, f"type '{entry.key}' has no fields")
    _check_names(fields, scope.complaints)
    return Model(
        name=entry.key,
        group=group,
        doc=tidy(node.text("doc")),
        fields=fields,
        row=row,
        require=scope.rules(node.get("require")),
        see=node.text("see"),
        caveats=scope.caveats(node),
        place=entry.place,
    )


def _check_row(fields: tuple[Value, ...], complaints: Complaints) -> None:
    for before, after in pairwise(fields):
        if not before.required and after.required:
            message = (
                f"'{after.name}' must be there although '{before.name}' before it may be missing; '?' goes at the end"
            )
            complaints.add("E029", after.place, message)


def _check_names(fields: tuple[Value, ...], complaints: Complaints) -> None:
    seen: dict[str, Value] = {}
    for field in fields:
        if field.name in seen:
            complaints.add("E048", field.place, f"field '{field.name}' stands here twice")
        seen[field.name] = field
    for field in fields:
        beside = seen.get(field.name.removesuffix("_utc")) if field.name.endswith("_utc") else None
        if beside and isinstance(beside.type, Plain) and beside.type.name in TIMES:
            message = f"'{field.name}' is the name of the datetime beside '{beside.name}'; choose another name"
            complaints.add("E027", field.place, message)


def check_wire_names(model: Model, complaints: Complaints) -> None:
    """An object has each of its keys once, unless rules keep apart what is sent under it."""
    apart = set[frozenset[str]]() if model.received else kept_apart(model.require)
    wires: dict[str, Value] = {}
    for field in () if model.row else model.fields:
        twin = wires.setdefault(field.wire, field)
        if twin.name != field.name and frozenset({twin.name, field.name}) not in apart:
            message = f"'{field.name}' and '{twin.name}' are both '{field.wire}' on the wire"
            complaints.add("E049", field.place, message)


def check_received(model: Model, complaints: Complaints) -> None:
    """What only the sender of a value decides has no meaning in a reply."""
    if model.sent:
        return
    for field in model.fields:
        said = {"const": field.const, "default": field.default, "join": field.join, "choices": field.choices}
        for key in (key for key, value in said.items() if value not in (None, "", ())):
            message = f"'{key}' is for what is sent, and {model.name} is only received"
            complaints.add("E031", field.place, message)
    if model.require:
        message = f"'require' is for what is sent, and {model.name} is only received"
        complaints.add("E024", model.require[0].place, message)


def mentioned(type: TypeExpression) -> list[str]:
    """Names of the named types in a type expression."""
    match type:
        case Ref():
            return [type.name]
        case ListOf():
            return mentioned(type.item)
        case MapOf():
            return mentioned(type.value)
        case KeyedBy():
            return [type.item.name]
        case Plain():
            return []


def reached(type: TypeExpression, named: dict[str, NamedType]) -> set[str]:
    """Names of all types that a value of `type` may hold, at any depth."""
    found: set[str] = set()
    ahead = mentioned(type)
    while ahead:
        name = ahead.pop()
        if name in found or name not in named:
            continue
        found.add(name)
        inner = named[name]
        if isinstance(inner, Model):
            ahead += [one for field in inner.fields for one in mentioned(field.type)]
    return found
