"""The limits of a spec: how often, for whom together, and in what unit; `1200/min per ip+account`."""

from __future__ import annotations

import re

from .diagnostics import suggest
from .model import Exchange, Limit
from .source import Mapping, Node, Scalar, Sequence
from .values import Scope, tidy

__all__ = ["check_costs", "read", "read_cost"]

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_LIMIT = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})?(s|min|h|d) per ([a-z_]+(?:\+[a-z_]+)*)")
_SCOPES = ("ip", "account", "endpoint")
_REPORTED = ("cost", "used", "left")


def read(node: Node | None, scope: Scope) -> tuple[Limit, ...]:
    """The limits that a `limit:` says: one, or a list."""
    if node is None:
        return ()
    found = [_read(one, scope) for one in (node.items if isinstance(node, Sequence) else (node,))]
    return tuple(one for one in found if one is not None)


def _read(node: Node, scope: Scope) -> Limit | None:
    said = node if isinstance(node, Mapping) else Mapping((), node.place)
    rate = said.get("rate") if isinstance(node, Mapping) else node
    if not isinstance(rate, Scalar) or rate.broken:
        return None
    match = _LIMIT.fullmatch(rate.raw)
    if not match:
        message = f"'{rate.raw}' is not a limit; write COUNT/WINDOW per SCOPE, such as 1200/min per ip+account"
        scope.complaints.add("E057", rate.place, message)
        return None
    count, times, unit, scopes = match.groups()
    position = len(rate.raw) - len(scopes)
    for word in scopes.split("+"):
        if word not in _SCOPES:
            place = rate.part(position, position + len(word))
            scope.complaints.add("E057", place, f"unknown scope '{word}'{suggest(word, _SCOPES)}")
        position += len(word) + 1
    return Limit(
        count=int(count),
        seconds=int(times or 1) * _UNITS[unit],
        scope=tuple(scopes.split("+")),
        text=rate.raw,
        unit=said.text("unit"),
        reported=_reported(said, scope),
        doc=tidy(said.text("doc")),
        caveats=scope.caveats(said),
    )


def _reported(said: Mapping, scope: Scope) -> tuple[str, str] | None:
    """The header that tells what calls cost, and how it is read."""
    node = said.entry("reported")
    headers = list(said.mapping("reported"))
    if node is None or not headers:
        return None
    if "unit" not in said:
        message = "what is reported is a cost; say what is counted besides calls, such as `unit: points`"
        scope.complaints.add("E057", node.place, message)
    if len(headers) > 1:
        scope.complaints.add("E057", headers[1].place, "a limit is reported by one header")
    words = said.mapping("reported").get(headers[0].key)
    if not isinstance(words, Scalar) or words.broken:
        return None
    named = [word for word in re.findall(r"[A-Za-z]+", words.raw) if word in _REPORTED]
    if not named or len(named) != len(set(named)):
        message = f"'{words.raw}' must hold the words cost, used or left, each at most once; such as cost:used:left"
        scope.complaints.add("E057", words.place, message)
    return headers[0].key, words.raw


def read_cost(node: Node | None) -> int:
    """The `cost:` of an endpoint; 1 unless said."""
    return int(node.raw) if isinstance(node, Scalar) and not node.broken else 1


def check_costs(exchange: Exchange, scope: Scope) -> None:
    """Complain of costs that count under no limit, or under one that can never bear them."""
    for operation in exchange.operations:
        if operation.cost == 1:
            continue
        bearing = [one for one in exchange.limits_of(operation) if one.unit]
        if not bearing:
            message = f"{operation.id} has a cost, and no limit says by `unit:` that it counts costs"
            scope.complaints.add("E058", operation.place, message)
        for one in bearing:
            if operation.cost > one.count:
                message = f"{operation.id} costs {operation.cost}, and the limit {one.text} can never bear that"
                scope.complaints.add("E058", operation.place, message)
