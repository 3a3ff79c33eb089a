"""What is asked after a reconnect, so that nothing is missed: which operations, with which arguments."""

from __future__ import annotations

import re

import attrs

from . import placeholders
from .diagnostics import Place, suggest
from .lookup import Lookup
from .model import TIMES, Enum, Model, Operation, Plain, Ref
from .source import Entry, Mapping, Node, Scalar
from .stream_model import Call, Closed, Resync
from .values import UNKNOWN


def resync(entry: Entry, look: Lookup) -> Resync | None:
    """The `resync:` of a stream."""
    node = entry.value
    if not isinstance(node, Mapping):
        return None
    called = node.get("call")
    operation = look.operation(called)
    message = look.message("resync", entry.place)
    if operation is None or called is None:
        return None
    item = look.listed(called, operation)
    items = look.model(item)
    given = _each(node.get("each"), message, look)
    since = node.get("since")
    if isinstance(since, Scalar) and not since.broken:
        _check_since(since, operation, look)
        given[since.raw] = ("", since.place)
    call = look.call(called, operation, given)
    each = attrs.evolve(call, arguments=tuple(one for one in call.arguments if one[0] != node.text("since")))
    same: list[tuple[str, str]] = []
    for pair in node.mapping("same"):
        fields = {one.name: one for one in message.fields} if message else {}
        if message and pair.key not in fields:
            look.wrong("E054", pair.place, f"{message.name} has no field '{pair.key}'{suggest(pair.key, fields)}")
        look.field(pair.value, items)
        same.append((pair.key, pair.value.raw if isinstance(pair.value, Scalar) else ""))
    return Resync(
        call=each,
        known=_known(node, dict(each.arguments), look),
        since=node.text("since"),
        same=tuple(same),
        closed=_closed(node.get("closed"), message, items, look),
        item=item,
        place=entry.place,
    )


def _each(node: Node | None, message: Model | None, look: Lookup) -> dict[str, tuple[str, Place]]:
    """Arguments that messages give: a field, or a template over fields."""
    found: dict[str, tuple[str, Place]] = {}
    for entry in node if isinstance(node, Mapping) else ():
        said = entry.value
        if not isinstance(said, Scalar) or said.broken:
            continue
        if re.search(r"[{}]", said.raw):
            placeholders.read(said, [one.name for one in message.fields] if message else (), look.scope)
        else:
            look.field(said, message)
        found[entry.key] = (said.raw, entry.place)
    return found


def _check_since(said: Scalar, operation: Operation, look: Lookup) -> None:
    parameters = {one.name: one for one in operation.parameters if one.argument}
    found = parameters.get(said.raw)
    if found and found.type is not UNKNOWN and not (isinstance(found.type, Plain) and found.type.name in TIMES):
        look.wrong("E088", said.place, f"'{said.raw}' of {operation.id} is no time, so a gap cannot start by it")


def _known(node: Mapping, each: dict[str, str], look: Lookup) -> Call | None:
    entry = node.entry("known")
    if entry is None or not isinstance(entry.value, Mapping):
        return None
    called = entry.value.get("call")
    operation = look.operation(called)
    if operation is None or called is None:
        return None
    item = look.model(look.listed(called, operation))
    given = look.fields_of(entry.value.get("each"), item)
    for name, (_, place) in given.items():
        if name not in each:
            look.wrong("E053", place, f"'{name}' is not under each: of resync{suggest(name, each)}")
    # It is called without arguments: what it lists gives those of the other call.
    call = look.call(called, operation, {})
    return attrs.evolve(call, arguments=tuple((name, source) for name, (source, _) in given.items()))


def _closed(node: Node | None, message: Model | None, items: Model | None, look: Lookup) -> Closed | None:
    if not isinstance(node, Mapping):
        return None
    called = node.get("call")
    operation = look.operation(called)
    if operation is None or called is None:
        return None
    by = node.get("by")
    given = look.fields_of(by, items)
    if isinstance(by, Scalar) and not by.broken:
        look.field(by, items)
        given = {by.raw: (by.raw, by.place)}
    # What a message tells of may be asked for as well as what a list told of.
    for said in [by] if isinstance(by, Scalar) else [one.value for one in by] if isinstance(by, Mapping) else []:
        look.field(said, message)
    found = look.model(operation.returns.type)
    if items and operation.returns.type is not UNKNOWN and (found is None or found.name != items.name):
        look.wrong("E088", called.place, f"{operation.id} does not give one {items.name}, of which the list consists")
    open_: list[tuple[str, str]] = []
    for entry in node.mapping("open"):
        for model in (message, items):
            _check_member(entry, model, look)
        open_.append((entry.key, entry.value.raw if isinstance(entry.value, Scalar) else ""))
    return Closed(look.call(called, operation, given), tuple(open_))


def _check_member(entry: Entry, model: Model | None, look: Lookup) -> None:
    fields = {one.name: one for one in model.fields} if model else {}
    if model is None or not isinstance(entry.value, Scalar) or entry.value.broken:
        return
    if entry.key not in fields:
        look.wrong("E054", entry.place, f"{model.name} has no field '{entry.key}'{suggest(entry.key, fields)}")
        return
    kind = fields[entry.key].type
    enum = look.scope.named.get(kind.name) if isinstance(kind, Ref) else None
    if isinstance(enum, Enum):
        known = [one.name for one in enum.members]
        if entry.value.raw not in known:
            message = f"{enum.name} has no '{entry.value.raw}'{suggest(entry.value.raw, known)}"
            look.wrong("E051", entry.value.place, message)
    elif kind is not UNKNOWN and kind not in (Plain("str"), Plain("bool")):
        look.wrong("E087", entry.place, f"{model.name}.{entry.key} tells nothing by words: it is no enum, str or bool")
