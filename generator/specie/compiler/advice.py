"""What is not wrong with a spec, but could be better: things that the sandbox, the cassettes or a reader will miss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .model import Enum, Exchange, Operation, Plain, Ref, Value


def advise(exchange: Exchange) -> Iterator[str]:
    """One line for each thing to better, with its place."""
    for operation in exchange.operations:
        for parameter in operation.parameters:
            if parameter.demanded and example_of(parameter, exchange) is None:
                why = f"has no example, so nothing can call {operation.id} by itself"
                yield f"{parameter.place} A001 '{parameter.name}' {why}"
        path = example_file(exchange, operation)
        if not path.is_file() and operation.returns.type != Plain("nothing"):
            yield f"{operation.place} A002 {operation.id} has no example reply: {path.as_posix()}"


def example_of(value: Value, exchange: Exchange) -> object:
    """An argument that works: the example, or the first choice or value of an enum; None where there is none."""
    if value.example is not None:
        return value.example
    if value.choices:
        return value.choices[0]
    named = exchange.named.get(value.type.name) if isinstance(value.type, Ref) else None
    return named.members[0].value if isinstance(named, Enum) else None


def example_file(exchange: Exchange, operation: Operation) -> Path:
    return Path(exchange.folder) / "examples" / operation.group / f"{operation.name}.json"
