"""`specie list`: every operation, stream and webhook, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specie.compiler.model import Caveats, Exchange, Operation, TypeExpression
    from specie.compiler.stream_model import Stream, Webhook


def listing(exchanges: Iterable[Exchange], as_json: bool) -> str:
    """All operations, streams and webhooks of `exchanges`, as text for a person or, `as_json`, for a program."""
    exchanges = list(exchanges)
    rows = [row for exchange in exchanges for row in _rows(exchange)]
    return json.dumps(rows, indent=2, ensure_ascii=False) if as_json else _table(rows, counted(exchanges))


def counted(exchanges: Iterable[Exchange]) -> str:
    """How many of each there are: `71 operations, 15 streams and 3 webhooks`."""
    found = list(exchanges)
    counts = {
        "operation": sum(len(one.operations) for one in found),
        "stream": sum(len(one.streams) for one in found),
        "webhook": sum(len(one.webhooks) for one in found),
    }
    shown = {kind: count for kind, count in counts.items() if count or kind == "operation"}
    said = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in shown.items()]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _rows(exchange: Exchange) -> list[dict[str, Any]]:
    return [
        *(facts(exchange, one) for one in exchange.operations),
        *(stream_facts(exchange, one) for one in exchange.streams),
        *(webhook_facts(exchange, one) for one in exchange.webhooks),
    ]


def facts(exchange: Exchange, operation: Operation) -> dict[str, Any]:
    """What there is to know of one operation at a glance."""
    used = [operation.returns.type, *(one.type for one in operation.parameters)]
    caveats = _caveats(exchange, operation.all_caveats, used)
    return {
        "kind": "operation",
        "exchange": exchange.name,
        "group": operation.group,
        "name": operation.name,
        "method": operation.method,
        "path": operation.path,
        "server": operation.server,
        "auth": operation.auth,
        "permissions": list(operation.permissions),
        "effect": operation.effect,
        "limits": [limit.title for limit in exchange.limits_of(operation)],
        "pages": operation.pages.kind if operation.pages else None,
        "page": exchange.url(operation.see),
        "assumed": list(caveats.assumed),
        "conflicts": list(caveats.conflict),
        "spec": f"{operation.place.file}:{operation.place.line}",
    }


def stream_facts(exchange: Exchange, stream: Stream) -> dict[str, Any]:
    """What there is to know of one stream at a glance."""
    from specie.compiler.model import gather

    connections = {one.name: one for group in exchange.groups for one in group.connections}
    connection = connections[stream.connection]
    options = [(f"option {one.name}", one.caveats) for one in connection.options]
    refusals = [(f"refusal {one.match}", one.caveats) for one in connection.refusals]
    own = [("", stream.all_caveats), (f"connection {connection.name}", connection.caveats)]
    used = [*stream.types, *(one.type for one in stream.parameters)]
    caveats = _caveats(exchange, gather([*own, *options, *refusals]), used)
    return {
        "kind": "stream",
        "exchange": exchange.name,
        "group": stream.group,
        "name": stream.name,
        "connection": connection.name,
        "transport": connection.transport,
        "channel": stream.channel,
        "address": stream.address_one,
        "server": connection.server,
        "auth": connection.auth,
        "permissions": list(connection.permissions),
        "whole": stream.whole,
        "book": stream.book.kind if stream.book else None,
        "resync": stream.resync.call.operation if stream.resync else None,
        "page": exchange.url(stream.see),
        "assumed": list(caveats.assumed),
        "conflicts": list(caveats.conflict),
        "spec": f"{stream.place.file}:{stream.place.line}",
    }


def webhook_facts(exchange: Exchange, webhook: Webhook) -> dict[str, Any]:
    """What there is to know of one webhook at a glance."""
    from specie.compiler.model import gather

    verified = [("signature", one.verify.caveats) for one in exchange.groups if one.verify]
    caveats = _caveats(exchange, gather([("", webhook.caveats), *verified]), list(webhook.types))
    return {
        "kind": "webhook",
        "exchange": exchange.name,
        "group": webhook.group,
        "name": webhook.name,
        "of": webhook.of,
        "page": exchange.url(webhook.see),
        "assumed": list(caveats.assumed),
        "conflicts": list(caveats.conflict),
        "spec": f"{webhook.place.file}:{webhook.place.line}",
    }


def _caveats(exchange: Exchange, own: Caveats, used: list[TypeExpression]) -> Caveats:
    """What is assumed or in conflict of something, and of the types that it takes and gives."""
    from specie.compiler.model import Enum, gather
    from specie.compiler.types import reached

    sources = [("", own)]
    for name in sorted({name for kind in used for name in reached(kind, exchange.named)}):
        found = exchange.named[name]
        sources.append((name, found.caveats))
        parts = found.members if isinstance(found, Enum) else found.fields
        sources += [(f"{name}.{part.name}", part.caveats) for part in parts]
    return gather(sources)


def _table(rows: list[dict[str, Any]], total: str) -> str:
    heads = ("OPERATION", "CALL", "AUTH", "EFFECT", "LIMIT", "ASSUMED", "CONFLICTS")
    cells = [
        (
            f"{row['exchange']}.{row['group']}.{row['name']}",
            _call(row),
            "/".join(row.get("permissions", ())) or ("yes" if row.get("auth") else "-"),
            row.get("effect", row["kind"]),
            next(iter(row.get("limits", ())), "-"),
            str(len(row["assumed"]) or "-"),
            str(len(row["conflicts"]) or "-"),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [heads, *cells]) for column in range(len(heads))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [heads, *cells]
    ]
    return "\n".join([*lines, "", total])


def _call(row: dict[str, Any]) -> str:
    """What is called, listened to or received."""
    match row["kind"]:
        case "operation":
            return f"{row['method']} {row['path']}"
        case "stream":
            return str(row["address"] or row["channel"] or row["connection"])
        case _:
            return f"after {row['of']}" if row["of"] else "-"
