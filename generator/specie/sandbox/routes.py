"""Which operation a request means: method, server and path template, and then what the operation always sends.

Literal segments come before templated ones (`/orders/open` before `/orders/{pair}`), and of several operations on one
path the one wins of whose constants (a form field `method`, say) the most are there and none is contradicted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import attrs

from specie.compiler.model import Exchange, Operation, Value

from .values import json_document
from .wire import FORM, Received, Refused, unescaped

_HOLE = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class _Route:
    operation: Operation
    pattern: re.Pattern[str]
    holes: tuple[str, ...]
    literal: tuple[bool, ...]
    """For each segment whether it holds no parameter: what is literal earlier is more specific."""


@attrs.define
class Routes:
    """The operations of one exchange, by server."""

    exchange: Exchange
    _routes: dict[str, list[_Route]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._routes = {server.name: [] for server in self.exchange.servers}
        for operation in self.exchange.operations:
            self._routes[operation.server].append(self._route(operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: route.literal, reverse=True)

    def _route(self, operation: Operation) -> _Route:
        base = urlsplit(next(one.url for one in self.exchange.servers if one.name == operation.server)).path
        template = base.rstrip("/") + operation.path
        parts = _HOLE.split(template)
        pattern = "".join("([^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        literal = tuple("{" not in segment for segment in template.split("/"))
        return _Route(operation, re.compile(pattern + r"\Z"), tuple(parts[1::2]), literal)

    def find(self, server: str, received: Received) -> tuple[Operation, dict[str, str]]:
        """The operation, and what stands in the holes of its path, by the names that stand there."""
        fitting = [
            (route, match)
            for route in self._routes.get(server, ())
            if (match := route.pattern.match(received.real_path)) is not None
        ]
        there = [(route, match) for route, match in fitting if route.operation.method == received.method]
        if not there:
            methods = sorted({route.operation.method for route, _ in fitting})
            hint = f"; that path takes {', '.join(methods)}" if methods else ""
            raise Refused("NotFound", f"there is no {received.method} {received.real_path}{hint}")
        first = there[0][0]
        same = [(route, match) for route, match in there if route.pattern == first.pattern]
        route, match = same[0]
        if len(same) > 1:
            counted = [(_agreement(one.operation, received), one, found) for one, found in same]
            agreeing = [item for item in counted if item[0] is not None]
            if not agreeing:
                raise Refused("InvalidRequest", _choice([one.operation for one, _ in same]))
            _, route, match = max(agreeing, key=lambda item: item[0] or 0)
        held = zip(route.holes, match.groups(), strict=True)
        return route.operation, {name: unescaped(text, "path") for name, text in held}


def _agreement(operation: Operation, received: Received) -> int | None:
    """How many constants of an operation came; None if something else came in the place of one."""
    count = 0
    for value in operation.parameters:
        if value.const is None:
            continue
        sent = _sent(value, received)
        if sent is None:
            continue
        if sent != constant(value.const):
            return None
        count += 1
    return count


def _sent(value: Value, received: Received) -> str | None:
    if value.where == "header":
        return received.header(value.wire)
    if value.where == "query":
        return next((text for name, text in received.query_pairs if name == value.wire), None)
    if value.where == "form":
        return next((text for name, text in received.fields if name == value.wire), None)
    if value.where == "body" and received.content_type != FORM and received.body:
        document = json_document(received.text)
        if isinstance(document, Mapping):
            found = cast("Mapping[str, Any]", document).get(value.wire)
            return None if found is None else constant(found)
    return None


def constant(value: Any) -> str:
    """A constant as text, whatever it was written as."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choice(operations: list[Operation]) -> str:
    first = next(value for value in operations[0].parameters if value.const is not None)
    values = [constant(value.const) for one in operations for value in one.parameters if value.wire == first.wire]
    return f"parameter '{first.wire}' has a bad value: it must be one of {', '.join(values)}"
