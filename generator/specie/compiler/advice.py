"""What is not wrong with a spec, but could be better: things that the sandbox, the cassettes or a reader will miss."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .model import Enum, Exchange, Operation, Plain, Ref, Value
from .stream_model import Stream, Webhook


def advise(exchange: Exchange) -> Iterator[str]:
    """One line for each thing to better, with its place."""
    for operation in exchange.operations:
        for parameter in operation.parameters:
            if parameter.demanded and example_of(parameter, exchange) is None:
                why = f"has no example, so nothing can call {operation.id} by itself"
                yield f"{parameter.place} A001 '{parameter.name}' {why}"
        if operation.effect != "read" and operation.reconcile is None:
            why = "says neither how its outcome can be found out nor that it cannot: reconcile: {none: …}"
            yield f"{operation.place} A003 {operation.id} {why}"
        path = example_file(exchange, operation)
        if not path.is_file() and operation.returns.type != Plain("nothing"):
            yield f"{operation.place} A002 {operation.id} has no example reply: {path.as_posix()}"
    yield from _advise_streams(exchange)
    for webhook in exchange.webhooks:
        yield from _no_messages(exchange, webhook)


def _advise_streams(exchange: Exchange) -> Iterator[str]:
    for stream in exchange.streams:
        for parameter in stream.parameters:
            if parameter.demanded and example_of(parameter, exchange) is None:
                why = f"has no example, so nothing can listen to {stream.id} by itself"
                yield f"{parameter.place} A001 '{parameter.name}' {why}"
        yield from _no_messages(exchange, stream)
    used = {stream.connection for stream in exchange.streams}
    for connection in (one for group in exchange.groups for one in group.connections):
        if connection.name not in used:
            yield f"{connection.place} A004 no stream comes over '{connection.name}'"


def _no_messages(exchange: Exchange, told: Stream | Webhook) -> Iterator[str]:
    path = example_file(exchange, told)
    if not path.is_file():
        yield f"{told.place} A002 {told.id} has no example messages: {path.as_posix()}"


def example_of(value: Value, exchange: Exchange) -> object:
    """An argument that works: the example, or the first choice or value of an enum; None where there is none."""
    if value.example is not None:
        return value.example
    if value.choices:
        return value.choices[0]
    named = exchange.named.get(value.type.name) if isinstance(value.type, Ref) else None
    return named.members[0].value if isinstance(named, Enum) else None


def example_file(exchange: Exchange, one: Operation | Stream | Webhook) -> Path:
    """Where the documented reply of an operation lies, or a list of the documented messages of a stream or webhook."""
    return Path(exchange.folder) / "examples" / one.group / f"{one.name}.json"
