"""`specie list`: every operation, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specie.compiler.model import Caveats, Exchange, Operation


def listing(exchanges: Iterable[Exchange], as_json: bool) -> str:
    """All operations of `exchanges`, as text for a person or, `as_json`, for a program."""
    rows = [facts(exchange, operation) for exchange in exchanges for operation in exchange.operations]
    return json.dumps(rows, indent=2, ensure_ascii=False) if as_json else _table(rows)


def facts(exchange: Exchange, operation: Operation) -> dict[str, Any]:
    """What there is to know of one operation at a glance."""
    inherited = exchange.private_limits if operation.auth else exchange.public_limits
    caveats = _caveats(exchange, operation)
    return {
        "exchange": exchange.name,
        "group": operation.group,
        "name": operation.name,
        "method": operation.method,
        "path": operation.path,
        "server": operation.server,
        "auth": operation.auth,
        "permissions": list(operation.permissions),
        "effect": operation.effect,
        "limits": [limit.text for limit in (*operation.limits, *inherited)],
        "pages": operation.pages.kind if operation.pages else None,
        "page": exchange.url(operation.see),
        "assumed": list(caveats.assumed),
        "conflicts": list(caveats.conflict),
        "spec": f"{operation.place.file}:{operation.place.line}",
    }


def _caveats(exchange: Exchange, operation: Operation) -> Caveats:
    """What is assumed or in conflict of an operation, and of the types that it takes and gives."""
    from specie.compiler.model import Enum, gather
    from specie.compiler.types import reached

    used = [operation.returns.type, *(one.type for one in operation.parameters)]
    sources = [("", operation.all_caveats)]
    for name in sorted({name for kind in used for name in reached(kind, exchange.named)}):
        found = exchange.named[name]
        sources.append((name, found.caveats))
        parts = found.members if isinstance(found, Enum) else found.fields
        sources += [(f"{name}.{part.name}", part.caveats) for part in parts]
    return gather(sources)


def _table(rows: list[dict[str, Any]]) -> str:
    heads = ("OPERATION", "CALL", "AUTH", "EFFECT", "LIMIT", "ASSUMED", "CONFLICTS")
    cells = [
        (
            f"{row['exchange']}.{row['group']}.{row['name']}",
            f"{row['method']} {row['path']}",
            "/".join(row["permissions"]) or ("yes" if row["auth"] else "-"),
            row["effect"],
            row["limits"][0] if row["limits"] else "-",
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
    return "\n".join([*lines, "", f"{len(rows)} operations"])
