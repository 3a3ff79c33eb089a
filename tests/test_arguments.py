"""Every parameter of every operation, given wrongly in every way: refused by name, with what to write, and nothing is sent."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.calls import BODIES, argument, arguments, call, connected, example, operations, python_type
from support.replay import exchanges
from support.stubs import Answer, Wire

from specie.compiler.model import Enum, Exchange, ListOf, MapOf, Model, Operation, Plain, Ref, Value
from specie.runtime import ArgumentError, InvalidType, InvalidValue

TIMES = ("millis", "seconds", "exact_seconds", "iso_time")
PARAMETERS: list[Any] = [
    pytest.param(exchange, operation, value, id=f"{exchange.name}.{operation.id}-{value.name}")
    for exchange in exchanges().values()
    for operation in exchange.operations
    for value in operation.parameters
    if value.argument
]
every_parameter = pytest.mark.parametrize(("exchange", "operation", "value"), PARAMETERS)


def refusal(exchange: Exchange, operation: Operation, given: dict[str, Any], body: str = "blocking") -> ArgumentError:
    """What a call is refused with; nothing is sent."""
    wire = Wire(Answer(example(exchange, operation)))
    with connected(exchange, body, wire) as client, pytest.raises(ArgumentError) as caught:
        call(client, operation, given)
    assert not wire.requests
    return caught.value


def assert_refused(
    exchange: Exchange, operation: Operation, name: str, wrong: Any, kind: type[ArgumentError], says: str = ""
) -> ArgumentError:
    error = refusal(exchange, operation, {**arguments(exchange, operation, full=True), name: wrong})
    assert type(error) is kind, error
    assert error.operation == operation.id
    assert error.parameter == name
    assert str(error).startswith(f"{operation.id}: {name}")
    assert re.search(says, str(error)), error
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error


def kind_of(exchange: Exchange, value: Value) -> str:
    """The scalar, or `enum`, `model`, `map`; of a list, of its items."""
    kind = value.type.item if isinstance(value.type, ListOf) else value.type
    if isinstance(kind, Ref):
        return "enum" if isinstance(exchange.named[kind.name], Enum) else "model"
    return kind.name if isinstance(kind, Plain) else "map"


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    chosen = [one for one in PARAMETERS if kind_of(one.values[0], one.values[2]) in kinds]
    return pytest.mark.parametrize(("exchange", "operation", "value"), chosen)


def shaped(value: Value, one: Any) -> Iterator[Any]:
    """A single value as the parameter takes it: as it is, and in a list where it takes lists."""
    yield one
    if isinstance(value.type, ListOf):
        yield [one]


# -- types -----------------------------------------------------------------------------------------------------------


@every_parameter
def test_a_float(exchange: Exchange, operation: Operation, value: Value) -> None:
    kind = kind_of(exchange, value)
    if kind == "json":
        pytest.skip("anything goes")
    says = r"Decimal\('0\.1'\)" if kind == "decimal" else ""
    for wrong in shaped(value, 0.1):
        assert_refused(exchange, operation, value.name, wrong, InvalidType, says)


@of_kind("decimal")
def test_floats_of_every_kind_are_no_money(exchange: Exchange, operation: Operation, value: Value) -> None:
    for wrong in (1.0, 1e-08, float("nan"), float("inf")):
        assert_refused(exchange, operation, value.name, wrong, InvalidType, "float")
    for text in ("NaN", "Infinity", "-inf", "1_000", "1,000", "", " 1", "0x10", "１", "one", "1e9999999"):
        assert_refused(exchange, operation, value.name, text, InvalidValue)
    for number in (Decimal("NaN"), Decimal("Infinity"), Decimal("sNaN")):
        assert_refused(exchange, operation, value.name, number, InvalidValue)


_WRONG: dict[str, tuple[Any, ...]] = {
    "str": (1, True, b"bytes", object(), Decimal(1)),
    "id": (True, 1.5, b"1", Decimal(1), object()),
    "int": ("1", True, Decimal(1), b"1", object()),
    "bool": (1, 0, "true", object()),
    "decimal": (True, b"1", object(), 1 + 2j),
    "millis": ("1700000000000", True, date(2024, 1, 1), Decimal(1), object()),
    "seconds": ("1700000000", True, date(2024, 1, 1), Decimal(1), object()),
    "exact_seconds": (True, date(2024, 1, 1), object()),
    "iso_time": (1700000000, True, date(2024, 1, 1), object()),
    "enum": (object(), True, b"BUY", Decimal(1)),
    "model": ({"pair": "a"}, "text", 1, object()),
    "map": ("text", 1, object()),
}


@every_parameter
def test_a_value_of_another_type(exchange: Exchange, operation: Operation, value: Value) -> None:
    for one in _WRONG.get(kind_of(exchange, value), ()):
        for wrong in shaped(value, one):
            assert_refused(exchange, operation, value.name, wrong, InvalidType)
    if not isinstance(value.type, ListOf | MapOf) and kind_of(exchange, value) != "json":
        for wrong in ([argument(exchange, value)], {"a": 1}, ()):
            assert_refused(exchange, operation, value.name, wrong, InvalidType)


@every_parameter
def test_none_in_a_list(exchange: Exchange, operation: Operation, value: Value) -> None:
    if isinstance(value.type, ListOf):
        good = argument(exchange, value)
        error = assert_refused(exchange, operation, value.name, [*good, None], InvalidType)
        assert f"[{len(good)}]" in str(error)


@of_kind("millis", "seconds")
def test_times_of_another_unit_or_without_a_zone(exchange: Exchange, operation: Operation, value: Value) -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    assert_refused(exchange, operation, value.name, naive, InvalidValue, "time zone")
    other = 1_700_000_000 if kind_of(exchange, value) == "millis" else 1_700_000_000_000
    assert_refused(exchange, operation, value.name, other, InvalidValue, "looks like")


# -- values ----------------------------------------------------------------------------------------------------------


@of_kind("enum")
def test_a_value_that_is_not_in_the_enum(exchange: Exchange, operation: Operation, value: Value) -> None:
    kind = value.type.item if isinstance(value.type, ListOf) else value.type
    assert isinstance(kind, Ref)
    enum, cls = exchange.named[kind.name], python_type(exchange, kind.name)
    assert isinstance(enum, Enum)
    wrong: Any
    if enum.integer:
        wrong, near = max(int(one.value) for one in enum.members) + 77, None
    else:
        near = max(enum.members, key=lambda one: len(str(one.value)))
        wrong = f"{near.value}x"
    for one in shaped(value, wrong):
        error = assert_refused(exchange, operation, value.name, one, InvalidValue, cls.__name__)
        if near is not None and len(str(near.value)) > 1:
            assert f"did you mean {cls.__name__}.{near.name}" in str(error)
        else:
            members = [f"{cls.__name__}.{member.name}" in str(error) for member in enum.members]
            assert all(members) or "did you mean" in str(error)


@of_kind("enum")
def test_a_member_of_another_enum(exchange: Exchange, operation: Operation, value: Value) -> None:
    from specie.runtime import OpenStrEnum

    class Other(OpenStrEnum):
        BUY = "BUY"

    for wrong in shaped(value, Other.BUY):
        assert_refused(exchange, operation, value.name, wrong, InvalidType)


BOUND = re.compile(r"(-?[0-9.]*?)\.\.(-?[0-9.]*)\Z|(>=|>)\s*(-?[0-9.]+)\Z")


@pytest.mark.parametrize(("exchange", "operation", "value"), [one for one in PARAMETERS if one.values[2].range])
def test_out_of_range(exchange: Exchange, operation: Operation, value: Value) -> None:
    number: Callable[[Any], Any] = Decimal if kind_of(exchange, value) == "decimal" else int
    found = BOUND.match(value.range)
    assert found
    low, high, above, bound = found.groups()
    wrong = [number(low) - 1] if low else []
    wrong += [number(high) + 1] if high else []
    wrong += [number(bound) - 1] if above else []
    wrong += [number(bound)] if above == ">" else []
    assert wrong
    for one in wrong:
        error = assert_refused(exchange, operation, value.name, one, InvalidValue)
        assert error.rule
        assert set(re.findall("[0-9]+", value.range)) <= set(re.findall("[0-9]+", str(error)))


@pytest.mark.parametrize(("exchange", "operation", "value"), [one for one in PARAMETERS if one.values[2].choices])
def test_not_one_of_the_choices(exchange: Exchange, operation: Operation, value: Value) -> None:
    wrong: Any = "no such choice" if kind_of(exchange, value) == "str" else max(map(int, value.choices)) + 1
    error = assert_refused(exchange, operation, value.name, wrong, InvalidValue)
    assert all(str(choice) in str(error) for choice in value.choices)


@pytest.mark.parametrize(("exchange", "operation", "value"), [one for one in PARAMETERS if one.values[2].length])
def test_too_long(exchange: Exchange, operation: Operation, value: Value) -> None:
    longest = value.length.rpartition("..")[2]
    if longest:
        good = argument(exchange, value)
        wrong = (good * (int(longest) + 1))[: int(longest) + 1]
        assert longest in str(assert_refused(exchange, operation, value.name, wrong, InvalidValue))


@pytest.mark.parametrize(
    ("exchange", "operation", "value"), [one for one in PARAMETERS if one.values[2].where == "path"]
)
def test_what_cannot_stand_in_a_path(exchange: Exchange, operation: Operation, value: Value) -> None:
    if kind_of(exchange, value) in ("str", "id"):
        for wrong in ("", ".", "..", "a/b", "../orders", "a\\b"):
            error = refusal(exchange, operation, {**arguments(exchange, operation), value.name: wrong})
            assert type(error) is InvalidValue
            # A rule that speaks of this parameter may have been first.
            assert error.parameter == value.name or (error.rule and value.name in error.rule)


@of_kind("str", "id")
def test_half_a_character(exchange: Exchange, operation: Operation, value: Value) -> None:
    for wrong in shaped(value, "\ud800"):
        assert_refused(exchange, operation, value.name, wrong, InvalidValue)


# -- presence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("exchange", "operation", "value"), [one for one in PARAMETERS if one.values[2].demanded])
def test_a_required_one_that_is_missing(exchange: Exchange, operation: Operation, value: Value, body: str) -> None:
    good = arguments(exchange, operation)
    error = refusal(exchange, operation, {**good, value.name: None}, body)
    assert type(error) is InvalidType
    assert (error.operation, error.parameter) == (operation.id, value.name)
    assert "required" in str(error)
    # Left out altogether, Python itself says so, as for any function.
    wire = Wire(Answer(example(exchange, operation)))
    left = {name: one for name, one in good.items() if name != value.name}
    with connected(exchange, body, wire) as client, pytest.raises(TypeError, match=value.name):
        call(client, operation, left)
    assert not wire.requests


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_an_unknown_one(exchange: Exchange, operation: Operation, body: str) -> None:
    wire = Wire(Answer(example(exchange, operation)))
    given = {**arguments(exchange, operation), "no_such_parameter": 1}
    with connected(exchange, body, wire) as client, pytest.raises(TypeError, match="no_such_parameter"):
        call(client, operation, given)
    assert not wire.requests


@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_constants_are_no_arguments(exchange: Exchange, operation: Operation) -> None:
    for value in operation.parameters:
        if not value.argument:
            wire = Wire(Answer(example(exchange, operation)))
            given = {**arguments(exchange, operation), value.name: value.const}
            with connected(exchange, "blocking", wire) as client, pytest.raises(TypeError):
                call(client, operation, given)
            assert not wire.requests


# -- input models ----------------------------------------------------------------------------------------------------

SENT = [
    pytest.param(exchange, model, id=f"{exchange.name}.{model.name}")
    for exchange in exchanges().values()
    for model in exchange.named.values()
    if isinstance(model, Model) and model.sent
]


def an_instance(exchange: Exchange, model: Model) -> dict[str, Any]:
    """Fields of a good instance: those of the first example of the operations that send it."""
    for operation in exchange.operations:
        for value in operation.parameters:
            kind = value.type.item if isinstance(value.type, ListOf) else value.type
            if kind == Ref(model.name):
                found = argument(exchange, value)
                one = found[0] if isinstance(found, list) else found
                return {field.name: getattr(one, field.name) for field in model.fields}
    raise AssertionError(f"{model.place}: no operation sends it with an example")


@pytest.mark.parametrize(("exchange", "model"), SENT)
def test_an_input_model_refuses_when_it_is_made(exchange: Exchange, model: Model) -> None:
    cls, good = python_type(exchange, model.name), an_instance(exchange, model)
    assert cls(**good) == cls(**good)
    for field in model.fields:
        wrongs: list[tuple[Any, type[ArgumentError]]] = [
            (0.1, InvalidType),
            *((one, InvalidType) for one in _WRONG.get(kind_of(exchange, field), ())),
        ]
        if field.required and not field.send:
            wrongs.append((None, InvalidType))
        if kind_of(exchange, field) == "enum":
            wrongs.append(("no such value", InvalidValue))
        if field.range.startswith(">"):
            wrongs.append((-1, InvalidValue))
        for wrong, kind in wrongs:
            with pytest.raises(ArgumentError) as caught:
                cls(**{**good, field.name: wrong})
            assert type(caught.value) is kind
            assert caught.value.parameter == field.name
            assert str(caught.value).startswith(f"{model.name}: {field.name}")


# -- what is sent ----------------------------------------------------------------------------------------------------


@of_kind("decimal")
def test_money_goes_in_plain_notation(exchange: Exchange, operation: Operation, value: Value) -> None:
    good = arguments(exchange, operation)
    if value.name not in good:
        return
    for text in ("0.00000001", "1E-8", "12345678901234567890.10", "1E+3", "0.100"):
        plain = format(Decimal(text), "f")
        for one in (Decimal(text), text):
            wire = Wire(Answer(example(exchange, operation)))
            with connected(exchange, "blocking", wire) as client:
                call(client, operation, {**good, value.name: one})
            (sent,) = wire.requests
            assert plain in f"{sent.url} {sent.body.decode()}"
            assert "E" not in re.findall(r"[0-9][0-9.]*E[0-9+-]+", sent.body.decode())
