"""Operations: what is called, with what, and what comes back."""

from __future__ import annotations

import re
from typing import Any, cast

import attrs

from . import grammar, limits, names
from .diagnostics import Place, suggest
from .model import (
    TIMES,
    KeyedBy,
    ListOf,
    Model,
    Operation,
    Pages,
    Plain,
    Ref,
    Returns,
    Rule,
    Server,
    TypeExpression,
    Value,
    Where,
)
from .rules import kept_apart
from .source import Entry, Mapping, Scalar
from .values import UNKNOWN, Scope, plain, scalars, sentences, tidy

_PLACES: dict[str, Where] = {"path": "path", "query": "query", "body": "body", "form": "form", "headers": "header"}


def read(entry: Entry, group: str, scope: Scope, servers: tuple[Server, ...], signed: bool) -> Operation | None:
    """One entry of `endpoints:`. `servers` are the exchange's; `signed`: whether it has auth."""
    node = entry.value
    if not isinstance(node, Mapping):
        return None
    return _Endpoint(entry, node, group, scope, servers, signed).read()


@attrs.frozen
class _Endpoint:
    entry: Entry
    node: Mapping
    group: str
    scope: Scope
    servers: tuple[Server, ...]
    signed: bool

    def read(self) -> Operation | None:
        name = self.entry.key
        why = names.refused_method(name)
        if why:
            self._wrong("E015", self.entry.place, why)
        method, path = self._route()
        parameters = self._parameters(method, path)
        require = self.scope.rules(self.node.get("require"))
        self.scope.check_rules(self.node.get("require"), parameters)
        self._check_shared_names(parameters, require)
        auth, permissions = self._auth()
        returns = self._returns()
        return Operation(
            name=name,
            group=self.group,
            method=method,
            path=path,
            server=self._server(),
            doc=tidy(self.node.text("doc")),
            see=self.node.text("see"),
            auth=auth,
            permissions=permissions,
            effect=self._effect(method),
            limits=limits.read(self.node.get("limit"), self.scope),
            cost=limits.read_cost(self.node.get("cost")),
            parameters=parameters,
            require=require,
            returns=returns,
            pages=self._pages(parameters, returns),
            deprecated=tidy(self.node.text("deprecated")),
            caveats=self.scope.caveats(self.node),
            place=self.entry.place,
        )

    def _wrong(self, code: str, place: Place, message: str) -> None:
        self.scope.complaints.add(code, place, message)

    def _route(self) -> tuple[str, str]:
        said = [one for one in self.node if one.key in grammar.METHODS]
        if len(said) != 1:
            what = f"are {len(said)} of them" if said else "is none"
            place = said[1].place if said else self.entry.place
            self._wrong("E045", place, f"'{self.entry.key}' has one of get, post, put, patch and delete; here {what}")
        if not said:
            return "GET", "/"
        return said[0].key.upper(), self.node.text(said[0].key)

    def _server(self) -> str:
        name = self.node.text("server") or "rest"
        node = self.node.get("server")
        known = {one.name: one for one in self.servers}
        if node is None or not known:
            return name
        if name not in known:
            self._wrong("E047", node.place, f"unknown server '{name}'{suggest(name, known)}")
        elif not known[name].url.startswith("http"):
            message = f"'{name}' is {known[name].url.partition(':')[0]}://, and an endpoint is called at https://"
            self._wrong("E085", node.place, message)
        return name

    def _auth(self) -> tuple[bool, tuple[str, ...]]:
        node = self.node.get("auth")
        if node is None or (isinstance(node, Scalar) and node.value is False):
            return False, ()
        if not self.signed:
            self._wrong("E046", node.place, "nothing says how to sign: say it in exchange.yaml under 'auth'")
        if isinstance(node, Scalar) and node.value is True:
            return True, ()
        return True, sentences(node)

    def _effect(self, method: str) -> Any:
        effect = self.node.text("effect")
        if "effect" not in self.node and method != "GET":
            message = "'effect' is missing: read, create, cancel or transfer; it decides what may be sent again"
            self._wrong("E012", self.entry.place, message)
        return effect or "read"

    def _parameters(self, method: str, path: str) -> tuple[Value, ...]:
        found: list[Value] = []
        for key, where in _PLACES.items():
            found += self.scope.values(self.node.mapping(key), where)
        self._check_path(path, found)
        if "body" in self.node and "form" in self.node:
            second = [one for one in self.node if one.key in ("body", "form")][1]
            self._wrong("E042", second.place, "an operation has a JSON body or a form, not both")
        for entry in self.node:
            if method == "GET" and entry.key in ("body", "form"):
                self._wrong("E043", entry.place, "a GET carries no body; say query:")
        body = [one for one in found if one.where == "body"]
        whole = [one for one in body if one.whole]
        if whole and len(body) > 1:
            self._wrong(
                "E044", whole[0].place, f"'{whole[0].name}' is the whole body; there is no room for other fields"
            )
        seen: dict[str, Value] = {}
        for one in found:
            if one.name in seen and (one.argument or seen[one.name].argument):
                self._wrong(
                    "E048", one.place, f"parameter '{one.name}' stands here twice; one of them needs another name"
                )
            seen[one.name] = one
        return tuple(found)

    def _check_path(self, path: str, parameters: list[Value]) -> None:
        slots = re.findall(r"\{([^{}]*)\}", path)
        given = [one for one in parameters if one.where == "path"]
        node = next((one.value for one in self.node if one.key in grammar.METHODS), None)
        if node is None or not path:
            return
        place = node.place
        for slot in slots:
            if not any(one.name == slot for one in given):
                known = [one.name for one in given]
                self._wrong(
                    "E040", place, f"the path has '{{{slot}}}', but 'path' has no such parameter{suggest(slot, known)}"
                )
        for one in given:
            if one.name not in slots:
                self._wrong("E041", one.place, f"the path has no '{{{one.name}}}'{suggest(one.name, slots)}")
            if not one.required:
                self._wrong(
                    "E041", one.place, f"'{one.name}' is part of the path and cannot be left out; write two endpoints"
                )

    def _check_shared_names(self, parameters: tuple[Value, ...], require: tuple[Rule, ...]) -> None:
        apart = kept_apart(require)
        seen: dict[tuple[str | None, str], Value] = {}
        for one in parameters:
            if one.where == "header" and not re.fullmatch(grammar.HEADER_NAME, one.wire):
                self._wrong("E014", one.place, f"'{one.wire}' cannot be the name of a header")
            other = seen.setdefault((one.where, one.wire), one)
            if one.name == other.name or one.where == "path" or frozenset({one.name, other.name}) in apart:
                continue
            message = f"'{one.name}' and '{other.name}' are both '{one.wire}' on the wire"
            self._wrong("E049", one.place, f"{message}; keep them apart: one of {other.name}, {one.name}")

    def _returns(self) -> Returns:
        node = self.node.get("returns")
        said = node if isinstance(node, Mapping) and "type" in node else Mapping((), self.entry.place)
        returned = self.scope.type(said.get("type") if said.entries else node, whole=True)
        at = said.text("at") or said.text("at?")
        if "at" in said and "at?" in said:
            self._wrong(
                "E011", [one for one in said if one.key in ("at", "at?")][1].place, "say 'at' or 'at?', not both"
            )
        return Returns(
            type=returned,
            at=tuple(at.split(".")) if at else (),
            at_optional="at?" in said,
            bare=said.flag("bare"),
            sole=said.flag("sole"),
            ok=tuple((one.key, plain(one.value)) for one in said.mapping("ok")),
            doc=tidy(said.text("doc")),
            caveats=self.scope.caveats(said),
            place=node.place if node is not None else self.entry.place,
            server_time=self._server_time(said, returned),
        )

    def _server_time(self, said: Mapping, returned: TypeExpression) -> str:
        node = said.get("server_time")
        if not isinstance(node, Scalar) or not node.raw or returned is UNKNOWN:
            return ""
        holder = self.scope.named.get(returned.name) if isinstance(returned, Ref) else None
        fields = {one.name: one for one in holder.fields} if isinstance(holder, Model) else {}
        times = [name for name, one in fields.items() if isinstance(one.type, Plain) and one.type.name in TIMES]
        if node.raw not in times:
            what = returned.name if isinstance(returned, Ref) else "what is returned"
            self._wrong("E054", node.place, f"{what} has no time '{node.raw}'{suggest(node.raw, times)}")
            return ""
        return node.raw

    # --- pages ------------------------------------------------------------------------------------------------------

    def _pages(self, parameters: tuple[Value, ...], returns: Returns) -> Pages | None:
        node = self.node.get("pages")
        if not isinstance(node, Mapping):
            return None
        kinds = [kind for kind in ("offset", "page", "cursor") if kind in node]
        place = next(one.place for one in self.node if one.value is node)
        if len(kinds) > 1 or (not kinds and "window" not in node):
            message = "pages go on by one of offset, page and cursor, or by a window, alone or with one of them"
            self._wrong("E055", place, message)
            return None
        if ("cursor" in node) != ("from" in node):
            self._wrong("E055", place, "a cursor goes with from: first.FIELD or last.FIELD")
        window = [item.raw for item in scalars(node.get("window"))]
        if ("window" in node) != ("span" in node) or len(window) not in (0, 2):
            self._wrong("E055", place, "a window is two parameters and a span: {window: [start, end], span: 90d}")
        known = [one.name for one in parameters if one.argument]
        named = [node.get(key) for key in ("offset", "page", "cursor", "size")]
        for said in named + scalars(node.get("window")) + scalars(node.get("without")):
            if isinstance(said, Scalar) and said.raw and said.raw not in known:
                self._wrong("E053", said.place, f"no parameter '{said.raw}'{suggest(said.raw, known)}")
        items = node.text("items")
        item = self._item(returns.type, node, items)
        start = node.text("from")
        unique = sentences(node.get("unique")) or ((start.partition(".")[2],) if start else ())
        self._check_item_fields(node, item)
        return Pages(
            kind=cast(Any, kinds[0] if kinds else "window"),
            offset=node.text("offset"),
            page=node.text("page"),
            cursor=node.text("cursor"),
            start=start,
            size=node.text("size"),
            window=tuple(window),
            span=node.text("span"),
            unique=unique,
            without=sentences(node.get("without")),
            items=items,
            order=cast(Any, node.text("order") or "descending"),
            item=item,
        )

    def _item(self, returned: TypeExpression, node: Mapping, items: str) -> TypeExpression:
        if items:
            holder = self.scope.named.get(returned.name) if isinstance(returned, Ref) else None
            if not isinstance(holder, Model):
                return UNKNOWN if isinstance(returned, Ref) or returned is UNKNOWN else self._no_list(node)
            fields = {one.name: one for one in holder.fields}
            if items not in fields:
                said = node.get("items") or node
                self._wrong("E054", said.place, f"{holder.name} has no field '{items}'{suggest(items, fields)}")
                return UNKNOWN
            returned = fields[items].type
        if isinstance(returned, (ListOf, KeyedBy)):
            return returned.item
        return UNKNOWN if returned is UNKNOWN else self._no_list(node)

    def _no_list(self, node: Mapping) -> TypeExpression:
        place = next(one.place for one in self.node if one.value is node)
        self._wrong("E056", place, "only a list has pages; if it lies inside the reply, say items: FIELD")
        return UNKNOWN

    def _check_item_fields(self, node: Mapping, item: TypeExpression) -> None:
        holder = self.scope.named.get(item.name) if isinstance(item, Ref) else None
        if not isinstance(holder, Model):
            return
        known = [one.name for one in holder.fields]
        start = node.get("from")
        if isinstance(start, Scalar) and start.raw and (field := start.raw.partition(".")[2]) not in known:
            place = start.part(len(start.raw) - len(field), len(start.raw))
            self._wrong("E054", place, f"{holder.name} has no field '{field}'{suggest(field, known)}")
        for said in scalars(node.get("unique")):
            if said.raw not in known:
                self._wrong("E054", said.place, f"{holder.name} has no field '{said.raw}'{suggest(said.raw, known)}")
