"""The `auth` of an exchange: its credentials, the steps that sign a request, and the vectors that prove them."""

from __future__ import annotations

import keyword
from typing import Any, cast

from . import names
from .diagnostics import suggest
from .expressions import Expression, parse
from .model import Addition, Auth, Credential, Plain, Step, Value, Vector
from .source import Mapping, Node, Scalar, Sequence
from .values import Scope, plain, text_of, tidy

REQUEST = {
    "method": "text",
    "path": "text",
    "query": "text",
    "body": "text",
    "fields": "pairs",
    "nonce": "int",
    "now_ms": "int",
}
_PLACES = {"query": "query", "body": "body", "form": "form", "headers": "header"}


def read(node: Mapping, scope: Scope) -> Auth:
    credentials = _credentials(node.mapping("credentials"), scope)
    options = tuple(scope.value(entry, None) for entry in node.mapping("options"))
    _check_names([*credentials, *options], scope)
    for option in options:
        if not isinstance(option.type, Plain):
            message = f"option '{option.name}' is one value: str, int, bool, decimal or a time"
            scope.complaints.add("E033", option.place, message)
    known = dict(REQUEST)
    for credential in credentials:
        known[credential.name] = "text" if credential.required else "text?"
    for option in options:
        known[option.name] = _option_kind(option) + ("" if option.required else "?")
    # What is added is part of what is signed, so no step can stand in it.
    adds = tuple(_additions(node.mapping("adds"), known, scope))
    steps = read_steps(node.mapping("steps"), known, names.SIGN, scope)
    headers = [(one.key, _header(one.value, known, scope)) for one in node.mapping("headers")]
    return Auth(
        doc=tidy(node.text("doc")),
        see=node.text("see"),
        credentials=credentials,
        options=options,
        adds=adds,
        steps=steps,
        headers=tuple((name, expression) for name, expression in headers if expression is not None),
        vectors=read_vectors(node.get("vectors"), known, _results(known, headers), scope),
        caveats=scope.caveats(node),
        place=node.place,
        nonce="increasing" if node.text("nonce") == "increasing" else "unique",
    )


def _results(known: dict[str, str], headers: list[tuple[str, Expression | None]]) -> list[str]:
    """What a vector may expect something of: all but the request, and the headers."""
    return [name for name in known if name not in REQUEST] + [name for name, _ in headers]


def read_steps(node: Mapping, known: dict[str, str], reserved: frozenset[str], scope: Scope) -> tuple[Step, ...]:
    """Steps in their order, each of which becomes `known` to the next; `reserved` are words of the printed function."""
    steps: list[Step] = []
    for entry in node:
        if entry.key in known:
            message = f"'{entry.key}' is known already; choose another name for the step"
            scope.complaints.add("E066", entry.place, message)
            continue
        if entry.key in reserved or keyword.iskeyword(entry.key):
            message = f"'{entry.key}' is a word of the printed sign(); choose another name for the step"
            scope.complaints.add("E066", entry.place, message)
            continue
        expression = _expression(entry.value, known, scope)
        if expression is not None:
            steps.append(Step(entry.key, expression))
            known[entry.key] = expression.kind + ("?" if expression.optional else "")
        else:
            known[entry.key] = "text"
    return tuple(steps)


def _credentials(node: Mapping, scope: Scope) -> tuple[Credential, ...]:
    found: list[Credential] = []
    for entry in node:
        name = entry.key.removesuffix("?")
        doc = entry.value.raw if isinstance(entry.value, Scalar) else ""
        found.append(Credential(name, tidy(doc), not entry.key.endswith("?"), entry.place))
        if why := names.refused(name):
            scope.complaints.add("E015", entry.place, why.partition(",")[0])
    return tuple(found)


def _check_names(given: list[Credential | Value], scope: Scope) -> None:
    seen: set[str] = set()
    for one in given:
        if one.name in names.CONSTRUCTOR or one.name in names.CREDENTIALS or one.name in REQUEST:
            message = f"'{one.name}' means something else here; choose another name"
            scope.complaints.add("E015", one.place, message)
        if one.name in seen:
            scope.complaints.add("E048", one.place, f"'{one.name}' stands here twice, as a credential or an option")
        seen.add(one.name)


def _option_kind(option: Value) -> str:
    return "int" if isinstance(option.type, Plain) and option.type.name in ("int", "millis", "seconds") else "text"


def _additions(node: Mapping, known: dict[str, str], scope: Scope) -> list[Addition]:
    found: list[Addition] = []
    for place in node:
        for entry in node.mapping(place.key):
            expression = _expression(entry.value, known, scope)
            if expression is not None:
                found.append(Addition(cast(Any, _PLACES[place.key]), entry.key, expression))
    return found


def _header(node: Node, known: dict[str, str], scope: Scope) -> Expression | None:
    expression = _expression(node, known, scope)
    if expression is not None and expression.kind in ("bytes", "pairs"):
        remedy = "wrap it in hex() or base64()" if expression.kind == "bytes" else "wrap it in form()"
        scope.complaints.add(
            "E063", node.place, f"a header is text, and '{expression.text}' is {expression.kind}; {remedy}"
        )
    return expression


def _expression(node: Node, known: dict[str, str], scope: Scope) -> Expression | None:
    if not isinstance(node, Scalar) or node.broken:
        return None
    return parse(node.raw, known, node.place, scope.complaints, quoted=not node.plain)


def read_vectors(node: Node | None, known: dict[str, str], results: list[str], scope: Scope) -> tuple[Vector, ...]:
    """Worked examples; `results` are the names of what may be expected."""
    if not isinstance(node, Sequence):
        return ()
    found: list[Vector] = []
    for item in node:
        if not isinstance(item, Mapping):
            continue
        for entry in item.mapping("given"):
            if entry.key not in known:
                message = f"nothing is called '{entry.key}'{suggest(entry.key, known)}"
                scope.complaints.add("E067", entry.place, message)
        for entry in item.mapping("expect"):
            if entry.key not in results:
                message = f"no step or header is called '{entry.key}'{suggest(entry.key, results)}"
                scope.complaints.add("E067", entry.place, message)
        found.append(
            Vector(
                source=tidy(item.text("from")),
                derived=item.flag("derived"),
                given=cast("dict[str, Any]", plain(item.mapping("given"))),
                expect={name: text_of(value) for name, value in plain(item.mapping("expect")).items()},
                place=item.place,
            )
        )
    return tuple(found)
