"""The documented examples, value by value: nothing is overlooked, no digit lost, no unit mistaken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any

import pytest
from support.calls import arguments, call, connected, example, operations
from support.meaning import CROSSED, DATED, FIRST_BLOCK, LATEST, UNACCOUNTED, UTC_OF, anywhere, books
from support.replay import exchanges
from support.replies import Site, parsed, sites
from support.stubs import Answer, Wire

from specie.cassettes.documented import documented_messages
from specie.compiler.model import Exchange, KeyedBy, ListOf, MapOf, Model, Operation, Ref, TypeExpression
from specie.compiler.stream_model import Condition, Stream, Webhook

every_operation = pytest.mark.parametrize(("exchange", "operation"), operations())


def decoded(exchange: Exchange, operation: Operation) -> tuple[Any, list[Site], list[str]]:
    """The result, each of its values, and the paths that no field took."""
    text = example(exchange, operation)
    wire = Wire(Answer(text))
    with connected(exchange, "blocking", wire) as client, client.capture() as replies:
        result = call(client, operation, arguments(exchange, operation))
    return result, list(sites(exchange, operation, parsed(text), result)), replies[0].unaccounted()


@every_operation
def test_nothing_is_overlooked(exchange: Exchange, operation: Operation) -> None:
    _, _, left = decoded(exchange, operation)
    explained = UNACCOUNTED.get(f"{exchange.name}.{operation.id}", {})
    assert {anywhere(path) for path in left} == set(explained)


@every_operation
def test_every_digit_is_kept(exchange: Exchange, operation: Operation) -> None:
    _, found, _ = decoded(exchange, operation)
    for site in found:
        if site.scalar in ("decimal", "exact_seconds") and site.value is not None:
            assert type(site.value) is Decimal, site.shown
            assert site.value.as_tuple() == Decimal(str(site.raw)).as_tuple(), site.shown


@every_operation
def test_every_id_and_count_is_what_was_sent(exchange: Exchange, operation: Operation) -> None:
    _, found, _ = decoded(exchange, operation)
    for site in found:
        if site.raw is None or site.raw == "":
            assert site.value is None or not site.required or site.value == site.raw, site.shown
        elif site.scalar in ("str", "id", "int", "millis", "seconds", "iso_time"):
            assert str(site.value) == str(site.raw), site.shown
        elif site.scalar == "bool":
            assert site.value is (str(site.raw).lower() in ("1", "true")), site.shown


@every_operation
def test_every_enum_value_is_known(exchange: Exchange, operation: Operation) -> None:
    _, found, _ = decoded(exchange, operation)
    for site in found:
        if isinstance(site.value, PythonEnum):
            assert getattr(site.value, "is_known", False), f"{site.shown}: {site.value!r}"
            assert str(site.value.value) == str(site.raw)


@every_operation
def test_no_time_is_of_another_age(exchange: Exchange, operation: Operation) -> None:
    """A unit that is mistaken by a thousand shows as 1970, or as the year 50000."""
    _, found, _ = decoded(exchange, operation)
    for site in found:
        if site.scalar in UTC_OF and site.value is not None and f"{exchange.name}.{site.owner}" not in DATED:
            when = UTC_OF[site.scalar](site.value)
            assert when.tzinfo is UTC, site.shown
            assert FIRST_BLOCK < when < LATEST, f"{site.shown}: {when}"


@every_operation
def test_times_have_a_property_beside_them(exchange: Exchange, operation: Operation) -> None:
    result, _, _ = decoded(exchange, operation)
    kind: Any = operation.returns.type
    while isinstance(kind, ListOf | MapOf | KeyedBy):
        kind = kind.value if isinstance(kind, MapOf) else kind.item
        result = next(iter(result.values() if isinstance(result, dict) else result), None)
    if result is None or not isinstance(kind, Ref) or not isinstance(model := exchange.named[kind.name], Model):
        return
    for field in model.fields:
        if getattr(field.type, "name", "") in UTC_OF:
            value = getattr(result, field.name)
            expected = None if value is None else UTC_OF[field.type.name](value)  # type: ignore[union-attr]
            assert getattr(result, f"{field.name}_utc") == expected


@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, one: "book" in one.name))
def test_bids_lie_below_asks(exchange: Exchange, operation: Operation) -> None:
    result, _, _ = decoded(exchange, operation)
    assert result.bids
    assert result.asks
    if not books(result):
        return
    book = result
    assert book.bids
    assert book.asks
    bids, asks = ([level.price for level in side] for side in (book.bids, book.asks))
    in_order = max(bids) < min(asks)
    assert in_order is (f"{exchange.name}.{operation.id}" not in CROSSED)
    if in_order:
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
    assert all(level.price > 0 for level in (*book.bids, *book.asks))


def test_every_exchange_has_a_book() -> None:
    with_books = {param.values[0].name for param in operations(lambda _, one: "book" in one.name)}
    assert with_books == {param.values[0].name for param in operations()}


def test_the_tables_above_name_what_there_is() -> None:
    ids = {param.id for param in operations()}
    assert {*UNACCOUNTED, *CROSSED} <= ids
    owners = {f"{param.values[0].name}.{site.owner}" for param in operations() for site in decoded(*param.values)[1]}
    assert set(DATED) <= owners | {f"{exchange.name}.{field}" for exchange, field in fields_told()}


def test_the_examples_show_most_of_what_the_models_have() -> None:
    """A field that no example shows is proved by nothing; there may be few of them."""
    shown: Counter[str] = Counter()
    for param in operations():
        shown.update(site.owner for site in decoded(*param.values)[1])
    shown.update(field for _, field in fields_told())
    for exchange in {param.values[0].name: param.values[0] for param in operations()}.values():
        fields = [
            f"{model.name}.{field.name}"
            for model in exchange.named.values()
            if isinstance(model, Model) and model.received and not model.sent
            for field in model.fields
            if field.required
        ]
        keys = {f"{one.item.name}.{one.key}" for one in _keyed(exchange)}
        assert not [one for one in fields if not shown[one] and one not in keys]


def fields_told() -> Iterator[tuple[Exchange, str]]:
    """The fields that the documented messages of streams and webhooks show."""
    for exchange in exchanges().values():
        for entry in (*exchange.streams, *exchange.webhooks):
            for message in documented_messages(exchange, entry):
                for field in fields_of_message(exchange, entry, message):
                    yield exchange, field


def fields_of_message(exchange: Exchange, entry: Stream | Webhook, message: Any) -> Iterator[str]:
    """The fields that a documented message shows: of the first type that it fits, and of the one that is for messages
    which fit several webhooks."""
    content = message
    if isinstance(entry, Stream):
        for key in entry.at:
            content = content[key]
        content = content | dict(entry.fill) if entry.fill else content
    kind = _type_of(entry, content)
    assert kind is not None
    yield from _shown(exchange, kind, content)
    if isinstance(entry, Webhook) and sum(_type_of(one, content) is not None for one in exchange.webhooks) > 1:
        otherwise = next(group.otherwise for group in exchange.groups if group.name == entry.group)
        yield from _shown(exchange, otherwise, content)


def _type_of(entry: Stream | Webhook, content: Any) -> TypeExpression | None:
    fitting = (one.type for one in entry.yields if all(_holds(condition, content) for condition in one.when))
    return next(fitting, None)


def _holds(condition: Condition, content: Any) -> bool:
    for key in condition.key.split("."):
        content = content.get(key) if isinstance(content, dict) else None
    return {"present": content is not None, "absent": content is None}.get(
        condition.test, str(content) == condition.wanted
    )


def _shown(exchange: Exchange, kind: Any, raw: Any) -> Iterator[str]:
    if isinstance(kind, ListOf):
        for one in raw:
            yield from _shown(exchange, kind.item, one)
    elif isinstance(kind, MapOf | KeyedBy):
        for one in raw.values():
            yield from _shown(exchange, kind.value if isinstance(kind, MapOf) else kind.item, one)
    elif isinstance(kind, Ref) and isinstance(model := exchange.named[kind.name], Model):
        for index, field in enumerate(model.fields):
            step: Any = index if model.row else field.wire
            if len(raw) > index if model.row else field.wire in raw:
                yield f"{model.name}.{field.name}"
                if raw[step] not in (None, ""):
                    yield from _shown(exchange, field.type, raw[step])


def _keyed(exchange: Exchange) -> list[KeyedBy]:
    found: list[KeyedBy] = []

    def walk(kind: Any) -> None:
        if isinstance(kind, KeyedBy):
            found.append(kind)
        elif isinstance(kind, ListOf | MapOf):
            walk(kind.value if isinstance(kind, MapOf) else kind.item)

    for operation in exchange.operations:
        walk(operation.returns.type)
    for model in exchange.named.values():
        for field in model.fields if isinstance(model, Model) else ():
            walk(field.type)
    return found
