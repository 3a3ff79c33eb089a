"""From checked YAML to the model.

Names find their types, what is said once is inherited, and what cannot be meant is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from specie import runtime

from . import connections, endpoints, limits, names, outcomes, refusals, signing, streams, types, webhooks
from .diagnostics import Complaints, Place, suggest
from .model import (
    Auth,
    Docs,
    Enum,
    Envelope,
    Exchange,
    Group,
    Model,
    NamedType,
    Operation,
    Server,
    TypeExpression,
    gather,
)
from .source import Mapping, Scalar
from .values import Scope, plain, tidy

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
    auth = signing.read(top.mapping("auth"), scope) if "auth" in top else None
    read = _groups(groups, scope, servers, auth)
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
        limits=limits.read(top.mapping("limits").get("all"), scope),
        public_limits=limits.read(top.mapping("limits").get("public"), scope),
        private_limits=limits.read(top.mapping("limits").get("private"), scope),
        auth=auth,
        errors=refusals.read(top.mapping("errors"), scope),
        types=_types_of("", scope),
        groups=tuple(read),
        # What holds wherever a named scalar is used is said once, where the exchange is spoken of as a whole.
        caveats=gather([("", scope.caveats(top)), *((name, one.caveats) for name, one in scope.scalars.items())]),
        folder=folder,
        place=top.place,
    )
    limits.check_costs(exchange, scope)
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


def _groups(files: dict[str, Mapping], scope: Scope, servers: tuple[Server, ...], auth: Auth | None) -> list[Group]:
    """The groups, in the order of the files. Streams and webhooks speak of operations, which are read before them."""
    plain_files = {stem: node for stem, node in files.items() if stem not in ("streams", "webhooks")}
    found = {stem: _group(stem, node, scope, servers, auth) for stem, node in plain_files.items()}
    operations = {operation.id: operation for group in found.values() for operation in group.operations}
    if "streams" in files:
        found["streams"] = _streams(files["streams"], scope, servers, auth, operations)
    if "webhooks" in files:
        found["webhooks"] = _webhooks(files["webhooks"], scope, auth, operations)
    return [found[stem] for stem in files]


def _bare_group(stem: str, node: Mapping, scope: Scope) -> Group:
    return Group(stem, tidy(node.text("doc")), node.place.file, (), (), scope.caveats(node), node.place)


def _group(stem: str, node: Mapping, scope: Scope, servers: tuple[Server, ...], auth: Auth | None) -> Group:
    found: list[Operation] = []
    for entry in node.mapping("endpoints"):
        operation = endpoints.read(entry, stem, scope, servers, auth is not None)
        if operation is not None:
            found.append(operation)
    found = outcomes.attach(node, found, scope)
    rules = outcomes.pair_rules(node, found, scope)
    _check_methods(found, scope)
    return attrs.evolve(_bare_group(stem, node, scope), operations=tuple(found), rules=rules)


def _streams(
    node: Mapping, scope: Scope, servers: tuple[Server, ...], auth: Auth | None, operations: dict[str, Operation]
) -> Group:
    headers = tuple(name for name, _ in auth.headers) if auth else None
    around = connections.Surroundings(servers, headers)
    dialled = connections.read(node.mapping("connections"), scope, around)
    found = streams.read(node.mapping("streams"), "streams", scope, dialled, operations)
    return attrs.evolve(_bare_group("streams", node, scope), connections=dialled, streams=found)


def _webhooks(node: Mapping, scope: Scope, auth: Auth | None, operations: dict[str, Operation]) -> Group:
    found = webhooks.read(node, "webhooks", scope, operations)
    return attrs.evolve(
        _bare_group("webhooks", node, scope),
        webhooks=found,
        verify=webhooks.verify(node, auth, scope),
        otherwise=webhooks.otherwise(node, found, scope),
    )


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
        for told in _told(group):
            received |= types.reached(told, scope.named)
    for name, one in scope.named.items():
        if isinstance(one, Model):
            marked = attrs.evolve(one, sent=name in sent, received=name in received or name not in sent)
            scope.named[name] = marked
            types.check_wire_names(marked, scope.complaints)
            types.check_received(marked, scope.complaints)


def _told(group: Group) -> list[TypeExpression]:
    """The types of what an exchange tells by itself."""
    found = [one for stream in group.streams for one in stream.types]
    found += [one for webhook in group.webhooks for one in webhook.types]
    return [*found, group.otherwise] if group.otherwise else found


def _check_values(scope: Scope, groups: list[Group], auth: Auth | None) -> None:
    """What can be judged of a value only when all types are known."""
    models = [one for one in scope.named.values() if isinstance(one, Model)]
    operations = [operation for group in groups for operation in group.operations]
    values = [value for model in models for value in model.fields]
    values += [value for operation in operations for value in operation.parameters]
    values += [value for group in groups for stream in group.streams for value in stream.parameters]
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
        for stream in group.streams:
            note(group.name, stream.id, stream.place, [*stream.types, *(one.type for one in stream.parameters)])
        for webhook in group.webhooks:
            note(group.name, webhook.id, webhook.place, webhook.types)
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
        if group.kind == "webhooks":
            taken["Event"] = "what webhooks are read as"
            continue
        own = names.class_name(group.name)
        why = names.refused_group(group.name)
        if why is None and (hasattr(runtime, own) or hasattr(runtime, f"Async{own}")):
            why = f"a group cannot be called '{group.name}': '{own}' is taken by the printed code"
        if why is None and own in taken:
            why = f"a group cannot be called '{group.name}': '{own}' is the class of {taken[own]}"
        if why:
            complaints.add("E014", Place(group.file, 1, 1), why)
        taken |= {own: f"the group '{group.name}'", f"Async{own}": f"the group '{group.name}'"}
        if any(one.reconcile and not one.reconcile.none for one in group.operations):
            taken[f"{own}Outcome"] = f"what {group.name}.reconcile() may answer"
    for one in exchange.named.values():
        if one.name in taken:
            message = f"'{one.name}' is the class of {taken[one.name]}; choose another name for the type"
            complaints.add("E023", one.place, message)
