"""The local order book that a stream makes: which fields and operations it is kept from."""

from __future__ import annotations

from typing import Any, cast

import attrs

from .diagnostics import suggest
from .lookup import Lookup
from .model import Enum, ListOf, Model, Operation, Ref, TypeExpression, Value
from .source import Entry, Mapping, Node, Scalar
from .stream_model import Book, Call, Cancelled, Placed, Snapshot
from .values import UNKNOWN

_NUMBERS = ("decimal",)
_COUNTS = ("int", "id", "millis", "seconds")
_LEVELS = ("bids", "asks", "price", "amount")
# Keys of a book by its kind: those it must have, and those that it may have.
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "whole": (_LEVELS, ("sequence", "check")),
    "deltas": (_LEVELS, ("sequence", "step", "previous", "snapshot", "check")),
    "orders": (("snapshot", "placed", "cancelled"), ()),
}
_BUYS = ("buy", "bid", "b")


def book(entry: Entry, look: Lookup) -> Book | None:
    """The `book:` of a stream."""
    node = entry.value
    if not isinstance(node, Mapping):
        return None
    kind = node.text("kind")
    if kind not in _KEYS:
        return None
    demanded, allowed = _KEYS[kind]
    for key in demanded:
        if key not in node:
            look.wrong("E087", entry.place, f"'{key}' is missing: a book of kind {kind} has {', '.join(demanded)}")
    for one in node:
        if one.key not in ("kind", *demanded, *allowed):
            look.wrong("E087", one.place, f"'{one.key}' is not for a book of kind {kind}")
    found = Book(kind=cast(Any, kind), place=entry.place)
    return _of_orders(found, node, look) if kind == "orders" else _of_levels(found, node, look)


def _of_levels(found: Book, node: Mapping, look: Lookup) -> Book:
    model = look.message("a book", found.place)
    if isinstance(look.yields[0].type if look.yields else None, ListOf):
        look.wrong("E087", found.place, "a message of a book is an object with bids and asks, and these are lists")
    _check_levels(node, model, look)
    for key in ("sequence", "previous"):
        look.field(node.get(key), model, _COUNTS)
    _check_wholeness(found, node, look)
    return attrs.evolve(
        found,
        bids=node.text("bids"),
        asks=node.text("asks"),
        price=node.text("price"),
        amount=node.text("amount"),
        sequence=node.text("sequence"),
        previous=node.text("previous"),
        step=int(node.text("step") or 0),
        check=_check(node, look),
        snapshot=_snapshot(node, look, orders=False),
    )


def _check_levels(node: Mapping, model: Model | None, look: Lookup) -> None:
    for side in ("bids", "asks"):
        level = look.items(node.get(side), model)
        for key in ("price", "amount"):
            look.field(node.get(key), level, _NUMBERS)


def _check_wholeness(found: Book, node: Mapping, look: Lookup) -> None:
    if found.kind == "whole" and look.whole != "always":
        look.wrong("E087", found.place, "a book of kind whole comes whole each time; say whole: always")
    if found.kind == "deltas" and look.whole == "always":
        look.wrong("E087", found.place, "messages that are always whole make a book of kind whole")
    if found.kind == "deltas" and look.whole == "never" and "snapshot" not in node:
        message = "nothing says where the changes begin: whole: first, or snapshot: OPERATION"
        look.wrong("E087", found.place, message)
    if found.kind == "deltas" and look.whole == "first" and (extra := node.entry("snapshot")):
        look.wrong("E087", extra.place, "the first message is the whole book already; a snapshot has no use")
    for key in ("step", "previous") if found.kind == "deltas" else ():
        said = node.entry(key)
        if said and "sequence" not in node:
            look.wrong("E087", said.place, f"'{key}' goes with 'sequence', which is not here")
    both = node.entry("previous")
    if both and "step" in node:
        look.wrong("E087", both.place, "'step' and 'previous' say the same thing; say one of them")


def _check(node: Mapping, look: Lookup) -> Call | None:
    said = node.get("check")
    called = said.get("call") if isinstance(said, Mapping) else said
    operation = look.operation(called)
    if operation is None or called is None:
        return None
    model = look.model(operation.returns.type)
    if model is None:
        look.wrong("E088", called.place, f"{operation.id} gives no book to compare with")
    else:
        wanted = [node.get(key) for key in ("bids", "asks", "sequence")]
        _compare([one for one in wanted if isinstance(one, Scalar)], model, called, operation, look)
    return look.call_by_parameters(called, operation, said.get("arguments") if isinstance(said, Mapping) else None)


def _compare(wanted: list[Scalar], model: Model, called: Node, operation: Operation, look: Lookup) -> None:
    names = [one.name for one in model.fields]
    for one in wanted:
        if not one.broken and one.raw not in names:
            look.wrong("E088", called.place, f"{model.name}, which {operation.id} gives, has no '{one.raw}' to compare")


def _snapshot(node: Mapping, look: Lookup, orders: bool) -> Snapshot | None:
    said = node.get("snapshot")
    own = said if isinstance(said, Mapping) else None
    called = own.get("call") if own else said
    operation = look.operation(called)
    if operation is None or called is None:
        return None
    # A snapshot by one word has the fields of the messages.
    given = own or node
    model = look.model(operation.returns.type)
    if model is None:
        look.wrong("E088", called.place, f"{operation.id} gives no book")
    wanted = (*_LEVELS, "id") if orders else (*_LEVELS, *(("sequence",) if "sequence" in node else ()))
    for key in wanted:
        if key not in given:
            look.wrong("E087", called.place, f"'{key}' is missing: such a snapshot has {', '.join(wanted)}")
    _check_levels(given, model, look)
    look.field(given.get("sequence"), model, _COUNTS)
    for side in ("bids", "asks") if orders else ():
        look.field(given.get("id"), look.items(given.get(side), model))
    return Snapshot(
        call=look.call_by_parameters(called, operation, own.get("arguments") if own else None),
        **{key: given.text(key) for key in (*_LEVELS, "sequence")},
        id=given.text("id") if own else "",
    )


def _of_orders(found: Book, node: Mapping, look: Lookup) -> Book:
    said = node.get("snapshot")
    if isinstance(said, Scalar) and not said.broken:
        message = (
            "a snapshot of orders says its fields: {call: OPERATION, bids: …, asks: …, price: …, amount: …, id: …}"
        )
        look.wrong("E087", said.place, message)
        return found
    return attrs.evolve(
        found,
        snapshot=_snapshot(node, look, orders=True),
        placed=_placed(node.get("placed"), look),
        cancelled=_cancelled(node.get("cancelled"), look),
    )


def _yielded(node: Mapping, look: Lookup) -> TypeExpression:
    said = node.get("type")
    found = look.scope.type(said)
    known = [one.type for one in look.yields]
    if said is not None and found is not UNKNOWN and found not in known:
        names = [one.name for one in known if isinstance(one, Ref)]
        message = f"no message is of this type{suggest(found.name, names) if isinstance(found, Ref) else ''}"
        look.wrong("E087", said.place, message)
    return found


def _placed(node: Node | None, look: Lookup) -> Placed | None:
    if not isinstance(node, Mapping):
        return None
    kind = _yielded(node, look)
    model = look.model(kind)
    look.field(node.get("id"), model)
    for key in ("price", "amount"):
        look.field(node.get(key), model, _NUMBERS)
    fill = look.items(node.get("fills"), model)
    for key in ("maker", "filled"):
        said = node.entry(key)
        if said and "fills" not in node:
            look.wrong("E087", said.place, f"'{key}' is a field of fills, which are not said")
        look.field(node.get(key), fill, _NUMBERS if key == "filled" else ())
    if "fills" in node and not ("maker" in node and "filled" in node):
        message = "fills say which order they took from, and how much: maker: FIELD, filled: FIELD"
        look.wrong("E087", node.get("fills").place, message)  # type: ignore[union-attr]
    return Placed(
        type=kind,
        buy=_buy(node, look.field(node.get("side"), model), look),
        **{key: node.text(key) for key in ("id", "side", "price", "amount", "fills", "maker", "filled")},
    )


def _buy(node: Mapping, side: Value | None, look: Lookup) -> str:
    """The member or text of the side that buys."""
    said, at = node.get("buy"), node.get("side")
    if side is None or at is None or side.type is UNKNOWN:
        return ""
    enum = look.scope.named.get(side.type.name) if isinstance(side.type, Ref) else None
    members = {one.name: one for one in enum.members} if isinstance(enum, Enum) else {}
    if isinstance(said, Scalar):
        if members and said.raw not in members:
            look.wrong("E051", said.place, f"{enum.name} has no '{said.raw}'{suggest(said.raw, members)}")  # type: ignore[union-attr]
        return said.raw
    for name, member in members.items():
        if name.casefold() in _BUYS or str(member.value).casefold() in _BUYS:
            return name
    look.wrong("E087", at.place, f"what '{side.name}' is for an order that buys is not plain; say buy: VALUE")
    return ""


def _cancelled(node: Node | None, look: Lookup) -> Cancelled | None:
    if not isinstance(node, Mapping):
        return None
    kind = _yielded(node, look)
    look.field(node.get("id"), look.model(kind))
    return Cancelled(kind, node.text("id"))
