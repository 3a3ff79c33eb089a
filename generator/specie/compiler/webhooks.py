"""Webhooks: calls that the exchange makes, how each proves whose it is, and what it is read as."""

from __future__ import annotations

import ast
from collections.abc import Mapping as Table

from . import names, signing
from .diagnostics import suggest
from .model import Auth, Model, Operation, Ref, Step, TypeExpression
from .source import Entry, Mapping, Scalar
from .stream_model import Alternative, Verify, Webhook
from .streams import yielded
from .values import UNKNOWN, Scope, tidy


def read(node: Mapping, group: str, scope: Scope, operations: Table[str, Operation]) -> tuple[Webhook, ...]:
    """The entries of `webhooks:`."""
    found: list[Webhook] = []
    for entry in node.mapping("webhooks"):
        if isinstance(entry.value, Mapping):
            found.append(_webhook(entry, entry.value, group, scope, operations))
    return tuple(found)


def _webhook(entry: Entry, node: Mapping, group: str, scope: Scope, operations: Table[str, Operation]) -> Webhook:
    of = node.get("of")
    if isinstance(of, Scalar) and not of.broken and of.raw not in operations:
        scope.complaints.add("E088", of.place, f"no operation '{of.raw}'{suggest(of.raw, operations)}")
    yields = yielded(node.get("yields"), (), scope)
    for one in yields:
        found = scope.named.get(one.type.name) if isinstance(one.type, Ref) else None
        if one.type is not UNKNOWN and not (isinstance(found, Model) and not found.row):
            message = "a webhook brings fields by name, so it is read as a type with fields"
            scope.complaints.add("E092", one.place, message)
    return Webhook(
        name=entry.key,
        group=group,
        doc=tidy(node.text("doc")),
        see=node.text("see"),
        of=node.text("of"),
        yields=yields,
        caveats=scope.caveats(node),
        place=entry.place,
    )


# --- which webhook a message is of --------------------------------------------------------------------------------


def ambiguous(one: Alternative, of: Webhook, webhooks: tuple[Webhook, ...]) -> Webhook | None:
    """The webhook that fits whenever this alternative of another one does; None where none always does."""
    others = [other for other in webhooks if other.name != of.name]
    return next((other for other in others if any(set(it.when) <= set(one.when) for it in other.yields)), None)


def parsed(webhooks: tuple[Webhook, ...], otherwise: TypeExpression | None) -> tuple[TypeExpression, ...]:
    """What a message may turn out to be where nobody says which webhook it is of."""
    found = [one.type for hook in webhooks for one in hook.yields if ambiguous(one, hook, webhooks) is None]
    return tuple(dict.fromkeys([*found, *([otherwise] if otherwise else [])]))


def otherwise(node: Mapping, webhooks: tuple[Webhook, ...], scope: Scope) -> TypeExpression | None:
    """What is given where several webhooks fit."""
    said = node.entry("otherwise")
    unclear = [
        (one, hook, other)
        for hook in webhooks
        for one in hook.yields
        if (other := ambiguous(one, hook, webhooks)) is not None
    ]
    if said is None:
        for one, hook, other in unclear:
            cure = "tell them apart, or say otherwise: TYPE"
            message = f"such a message of '{hook.name}' also fits '{other.name}'; {cure}"
            scope.complaints.add("E091", one.place, message)
        return None
    if not unclear and webhooks and not node.mapping("webhooks").broken:
        scope.complaints.add("E091", said.place, "every message tells of which webhook it is, so this is never given")
    return scope.type(said.value)


# --- whose it is ------------------------------------------------------------------------------------------------------


def verify(node: Mapping, auth: Auth | None, scope: Scope) -> Verify | None:
    """The `verify:` of a file."""
    entry = node.entry("verify")
    if entry is None or not isinstance(entry.value, Mapping):
        return None
    said = entry.value
    credentials = {one.name: "text" for one in auth.credentials} if auth else dict[str, str]()
    known = {"fields": "pairs", **credentials}
    steps = signing.read_steps(said.mapping("steps"), known, names.VERIFY, scope)
    used = tuple(name for name in credentials if any(name in step.expression.names for step in steps))
    whole = not said.mapping("steps").broken and len(steps) == len(said.mapping("steps").entries)
    if whole:
        _check_steps(entry, said, steps, used, scope)
    results = [name for name in known if name != "fields" and name not in credentials]
    return Verify(
        doc=tidy(said.text("doc")),
        see=said.text("see"),
        field=said.text("field"),
        credentials=used,
        steps=steps,
        vectors=signing.read_vectors(said.get("vectors"), known, results, scope),
        caveats=scope.caveats(said),
        place=entry.place,
    )


def _check_steps(entry: Entry, node: Mapping, steps: tuple[Step, ...], used: tuple[str, ...], scope: Scope) -> None:
    if not steps:
        scope.complaints.add("E090", entry.place, "no step says what the signature must be")
        return
    last = node.mapping("steps").entries[-1]
    kind = steps[-1].expression.scope
    if kind != "text":
        what = kind.replace("?", ", or nothing")
        message = f"the last step is what the signature must be, which is text, and this is {what}"
        scope.complaints.add("E090", last.value.place, message)
    if not used:
        message = "no step makes use of a credential, so anyone could make such a signature"
        scope.complaints.add("E090", entry.place, message)
    names_ = {name for step in steps for name in step.expression.names}
    if "fields" not in names_:
        scope.complaints.add("E090", entry.place, "no step makes use of the fields, so any message would do")
    field = node.text("field")
    for step, said in zip(steps, node.mapping("steps"), strict=True):
        if field and _signs(step.expression.tree, field):
            message = f"the signature itself is among the fields; write without(fields, '{field}')"
            scope.complaints.add("E090", said.value.place, message)


def _signs(tree: ast.expr, field: str) -> bool:
    """Whether `fields` stands somewhere in an expression without being rid of this field."""
    match tree:
        case ast.Name(id="fields"):
            return True
        case ast.Call(func=ast.Name(id="without"), args=[_, ast.Constant(value=name)]) if name == field:
            return False
        case _:
            return any(_signs(one, field) for one in ast.iter_child_nodes(tree) if isinstance(one, ast.expr))
