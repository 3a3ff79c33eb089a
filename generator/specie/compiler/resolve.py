"""From checked YAML to the model.

Names find their types, what is said once is inherited, and what cannot be meant is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from specie import runtime

from . import endpoints, names, signing, types
from .diagnostics import Complaints, Place, suggest
from .model import (
    Auth,
    Docs,
    Enum,
    Envelope,
    Errors,
    Exchange,
    Group,
    Model,
    NamedType,
    Operation,
    Refusal,
    Server,
    TypeExpression,
    gather,
)
from .source import Entry, Mapping, Scalar
from .values import Scope, plain, sentences, tidy

_URL = re.compile(r"(?:https?|wss?)://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")


def resolve(name: str, folder: str, files: dict[str, Mapping], complaints: Complaints) -> Exchange | None:
    """The model of one exchange from its files: `exchange` and one for each group. None where something is wrong."""
    top = files["exchange"]
    scope = Scope(complaints, case=top.text("case") or "snake")
    groups = {stem: node for stem, node in files.items() if stem != "exchange"}
    declared = [(stem, entry) for stem, node in files.items() for entry in node.mapping("types")]
    for _, entry in declared:
        types.declare(entry, scope)
    for stem, entry in declared:
        found = types.read(entry, "" if stem == "exchange" else stem, scope)
        if found is not None:
            scope.named.setdefault(found.name, found)
    servers = tuple(_servers(top, scope))
    known = tuple(one.name for one in servers)
    auth = signing.read(top.mapping("auth"), scope) if "auth" in top else None
    read = [_group(stem, node, scope, known, "auth" in top) for stem, node in groups.items()]
    _mark_direction(scope, read)
    read = [attrs.evolve(group, types=_types_of(group.name, scope)) for group in read]
    _check_values(scope, read, auth)
    _check_keyed(scope)
    for _, definition in declared:
        model = scope.named.get(definition.key)
        if isinstance(model, Model) and isinstance(definition.value, Mapping):
            scope.check_rules(definition.value.get("require"), model.fields)
    _check_circles(scope, read)
    exchange = Exchange(
        name=name,
        title=tidy(top.text("title")),
        class_name=_class_name(top, scope),
        doc=tidy(top.text("doc")),
        docs=Docs(top.mapping("docs").text("base"), top.mapping("docs").text("version")),
        servers=servers,
        query_sorted=top.text("query") == "sorted",
        envelope=_envelope(top),
        environment=top.text("environment") or name.upper(),
        public_limits=endpoints.limits(top.mapping("limits").get("public"), scope),
        private_limits=endpoints.limits(top.mapping("limits").get("private"), scope),
        auth=auth,
        errors=_errors(top.mapping("errors"), scope),
        types=_types_of("", scope),
        groups=tuple(read),
        # What holds wherever a named scalar is used is said once, where the exchange is spoken of as a whole.
        caveats=gather([("", scope.caveats(top)), *((name, one.caveats) for name, one in scope.scalars.items())]),
        folder=folder,
        place=top.place,
    )
    _check_exports(exchange, complaints)
    return exchange


def _class_name(top: Mapping, scope: Scope) -> str:
    title = top.get("title")
    name = names.class_name(top.text("title"))
    if isinstance(title, Scalar) and not title.broken:
        if not (name.isascii() and name.isidentifier()):
            message = (
                f"'{title.raw}' does not make the name of a class in Python: ASCII letters and digits, no digit first"
            )
            scope.complaints.add("E014", title.place, message)
        elif hasattr(runtime, name) or names.refused_type(name):
            message = f"'{title.raw}' makes the class {name}, which the printed code has already"
            scope.complaints.add("E014", title.place, message)
    return name


def _servers(top: Mapping, scope: Scope) -> list[Server]:
    found: list[Server] = []
    for entry in top.mapping("servers"):
        said = entry.value if isinstance(entry.value, Mapping) else Mapping((), entry.place)
        url = said.get("url") if isinstance(entry.value, Mapping) else entry.value
        if not isinstance(url, Scalar) or url.broken:
            continue
        if not _URL.fullmatch(url.raw):
            scope.complaints.add(
                "E014", url.place, f"'{url.raw}' is not an address, such as https://api.acme.example/v1"
            )
        found.append(
            Server(entry.key, url.raw.rstrip("/"), tidy(said.text("doc")), said.text("see"), scope.caveats(said))
        )
    servers = top.entry("servers")
    if servers and isinstance(servers.value, Mapping) and "rest" not in servers.value:
        message = "'rest' is missing: it is the server of every endpoint that names none"
        scope.complaints.add("E012", servers.place, message)
    return found


def _envelope(top: Mapping) -> Envelope | None:
    if "envelope" not in top:
        return None
    node = top.mapping("envelope")
    return Envelope(node.text("result"), tuple((entry.key, plain(entry.value)) for entry in node.mapping("ok")))


def _group(stem: str, node: Mapping, scope: Scope, servers: tuple[str, ...], signed: bool) -> Group:
    found: list[Operation] = []
    for entry in node.mapping("endpoints"):
        operation = endpoints.read(entry, stem, scope, servers, signed)
        if operation is not None:
            found.append(operation)
    _check_methods(found, scope)
    doc, file = tidy(node.text("doc")), node.place.file
    return Group(stem, doc, file, (), tuple(found), scope.caveats(node), node.place)


def _check_methods(operations: list[Operation], scope: Scope) -> None:
    taken = {operation.name for operation in operations}
    for operation in operations:
        iterator = f"iter_{operation.name}"
        if operation.pages and iterator in taken:
            message = f"'{iterator}' is already the iterator over the pages of '{operation.name}'"
            scope.complaints.add("E016", operation.place, message)
        if operation.pages and f"{operation.name}_pages" in taken:
            message = f"'{operation.name}' has pages, so no other endpoint can be called '{operation.name}_pages'"
            scope.complaints.add("E016", operation.place, message)


def _types_of(group: str, scope: Scope) -> tuple[NamedType, ...]:
    return tuple(one for one in scope.named.values() if one.group == group)


def _mark_direction(scope: Scope, groups: list[Group]) -> None:
    """Which models are sent, and which are received: it decides what their fields may be given."""
    sent: set[str] = set()
    received: set[str] = set()
    for group in groups:
        for operation in group.operations:
            for parameter in operation.parameters:
                sent |= types.reached(parameter.type, scope.named)
            received |= types.reached(operation.returns.type, scope.named)
    for name, one in scope.named.items():
        if isinstance(one, Model):
            marked = attrs.evolve(one, sent=name in sent, received=name in received or name not in sent)
            scope.named[name] = marked
            types.check_wire_names(marked, scope.complaints)
            types.check_received(marked, scope.complaints)


def _check_values(scope: Scope, groups: list[Group], auth: Auth | None) -> None:
    """What can be judged of a value only when all types are known."""
    models = [one for one in scope.named.values() if isinstance(one, Model)]
    operations = [operation for group in groups for operation in group.operations]
    values = [value for model in models for value in model.fields]
    values += [value for operation in operations for value in operation.parameters]
    for value in [*values, *(auth.options if auth else ())]:
        scope.check_examples(value)
        scope.check_place(value)


def _check_keyed(scope: Scope) -> None:
    for keyed, place in scope.keyed:
        model = scope.named.get(keyed.item.name)
        if isinstance(model, Model) and not any(field.name == keyed.key for field in model.fields):
            known = [field.name for field in model.fields]
            message = f"{model.name} has no field '{keyed.key}'{suggest(keyed.key, known)}"
            scope.complaints.add("E054", place, message)
        elif isinstance(model, Enum):
            message = f"'keyed' names a type with fields, and {model.name} is an enum"
            scope.complaints.add("E020", place, message)


def _check_circles(scope: Scope, groups: list[Group]) -> None:
    """Groups become modules that import one another's types, which must not go round in a circle."""
    needs: dict[str, dict[str, _Use]] = {"": {}, **{group.name: {} for group in groups}}

    def note(user: str, what: str, place: Place, used: Iterable[TypeExpression]) -> None:
        for name in (name for one in used for name in types.mentioned(one)):
            owner = scope.named[name].group if name in scope.named else user
            if owner != user:
                needs[user].setdefault(owner, _Use(what, name, place))

    for one in scope.named.values():
        for field in one.fields if isinstance(one, Model) else ():
            note(one.group, f"{one.name}.{field.name}", field.place, [field.type])
    for group in groups:
        for operation in group.operations:
            used = [operation.returns.type, *(one.type for one in operation.parameters)]
            note(group.name, operation.id, operation.place, used)
    reported: set[frozenset[str]] = set()
    for user, uses in needs.items():
        for owner, use in uses.items():
            pair = frozenset({user, owner})
            if user in _reachable(owner, needs) and pair not in reported:
                reported.add(pair)
                message = (
                    f"{use.user} uses {use.type} of '{owner or 'exchange'}', which uses types of '{user or 'exchange'}'"
                )
                scope.complaints.add("E025", use.place, f"{message}; move what both use to exchange.yaml")


@attrs.frozen
class _Use:
    """That something of one group uses a type of another."""

    user: str
    type: str
    place: Place


def _reachable(start: str, needs: dict[str, dict[str, _Use]]) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        for following in needs.get(name, {}):
            if following not in found:
                found.add(following)
                ahead.append(following)
    return found


def _check_exports(exchange: Exchange, complaints: Complaints) -> None:
    """The package exports its types beside the clients and the groups' classes; no name may be taken twice."""
    taken = {exchange.class_name: "the client", f"Async{exchange.class_name}": "the client"}
    for group in exchange.groups:
        own = names.class_name(group.name)
        why = names.refused_group(group.name)
        if why is None and (hasattr(runtime, own) or hasattr(runtime, f"Async{own}")):
            why = f"a group cannot be called '{group.name}': '{own}' is taken by the printed code"
        if why is None and own in taken:
            why = f"a group cannot be called '{group.name}': '{own}' is the class of {taken[own]}"
        if why:
            complaints.add("E014", Place(group.file, 1, 1), why)
        taken |= {own: f"the group '{group.name}'", f"Async{own}": f"the group '{group.name}'"}
    for one in exchange.named.values():
        if one.name in taken:
            message = f"'{one.name}' is the class of {taken[one.name]}; choose another name for the type"
            complaints.add("E023", one.place, message)


# --- errors -----------------------------------------------------------------------------------------------------------


def _raisable() -> list[str]:
    base = runtime.ApiError
    return [name for name, one in vars(runtime).items() if isinstance(one, type) and issubclass(one, base)]


def _errors(node: Mapping, scope: Scope) -> Errors:
    return Errors(
        message=sentences(node.get("message")),
        code=node.text("code"),
        status=tuple(_refusal(entry, scope) for entry in node.mapping("status")),
        codes=tuple(_refusal(entry, scope) for entry in node.mapping("codes")),
        texts=tuple(_refusal(entry, scope) for entry in node.mapping("texts")),
    )


def _refusal(entry: Entry, scope: Scope) -> Refusal:
    said: Mapping = entry.value if isinstance(entry.value, Mapping) else Mapping((), entry.place)
    raised = said.get("raise") if isinstance(entry.value, Mapping) else entry.value
    name = raised.raw if isinstance(raised, Scalar) and not raised.broken else "ApiError"
    known = _raisable()
    if raised is not None and name not in known:
        scope.complaints.add("E070", raised.place, f"unknown error '{name}'{suggest(name, known)}")
    number = entry.number
    match = number if isinstance(number, int) and not isinstance(number, bool) else entry.key
    return Refusal(match, name, tidy(said.text("doc")), said.text("see"), scope.caveats(said))
