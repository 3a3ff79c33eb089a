"""Annotations resolved into shapes: what a value is on the wire, once and for all, for decoding, checking and sending
alike.
"""

from __future__ import annotations

import types
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from .models import MISSING, WireField, info_of, is_model
from .scalars import ID_MARK, Amount, ExactSeconds, IsoTime, Millis, Seconds

__all__ = ["Keyed", "keyed"]


class Keyed:
    """Marks a list whose items come as an object: each key becomes the item's field of this name."""

    __slots__ = ("field",)

    def __init__(self, field: str) -> None:
        self.field = field

    def __repr__(self) -> str:
        return f"Keyed({self.field!r})"


def keyed(item: type[Any], field: str) -> Any:
    """The type of a list whose items come as an object, for `returns=`: `keyed(Transaction, "id")` is a
    `list[Transaction]`.

    Args:
        item: The model of one item.
        field: The field of the item that the key becomes.
    """
    return Annotated[list[item], Keyed(field)]  # type: ignore[valid-type]


class Scalar(NamedTuple):
    """A value that is not made of others. `kind` says what it is in Python, `unit` which time it counts (ticks to a
    second).
    """

    kind: str  # text, id, int, bool, decimal, json, nothing
    word: str  # what the spec calls it
    unit: str = ""  # millis, seconds, exact, iso


class EnumShape(NamedTuple):
    """One of the values of an open enum."""

    cls: type[Enum]
    numeric: bool


class ListShape(NamedTuple):
    """An array of items, or (with `key`) an object whose keys become that field of its items."""

    item: Shape
    key: str | None = None


class MapShape(NamedTuple):
    """An object with free keys."""

    item: Shape


class ModelShape(NamedTuple):
    """An object, or (with `row`) an array, that becomes an instance of a model."""

    cls: type[Any]
    row: bool


Shape: TypeAlias = Scalar | EnumShape | ListShape | MapShape | ModelShape


class FieldShape(NamedTuple):
    """One field of a model, resolved."""

    name: str
    wire: str
    shape: Shape
    optional: bool
    default: Any
    field: WireField
    annotation: Any
    slot: Any  # the slot's descriptor: reads and writes what frozen instances otherwise refuse to have written


TEXT: Final = Scalar("text", "str")
ID: Final = Scalar("id", "id")
INT: Final = Scalar("int", "int")
BOOL: Final = Scalar("bool", "bool")
DECIMAL: Final = Scalar("decimal", "decimal")
JSON: Final = Scalar("json", "json")
NOTHING: Final = Scalar("nothing", "nothing")
MILLIS: Final = Scalar("int", "millis", "millis")
SECONDS: Final = Scalar("int", "seconds", "seconds")
EXACT_SECONDS: Final = Scalar("decimal", "exact_seconds", "exact")
ISO_TIME: Final = Scalar("text", "iso_time", "iso")

_SCALARS: Final[dict[Any, Scalar]] = {
    str: TEXT,
    int: INT,
    bool: BOOL,
    Decimal: DECIMAL,
    Any: JSON,
    object: JSON,
    None: NOTHING,
    type(None): NOTHING,
    Millis: MILLIS,
    Seconds: SECONDS,
    ExactSeconds: EXACT_SECONDS,
    IsoTime: ISO_TIME,
}
_AMOUNT: Final = frozenset(get_args(Amount))


def shape_of(annotation: Any) -> Shape:
    """The shape of a type as generated code writes it.

    Raises:
        TypeError: The language has no such type.
    """
    try:
        known = _SCALARS.get(annotation)
    except TypeError:  # unhashable, so it is none of them
        known = None
    if known is not None:
        return known
    if is_model(annotation):
        return ModelShape(annotation, info_of(annotation).row)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return EnumShape(annotation, issubclass(annotation, int))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        for mark in arguments[1:]:
            if mark is ID_MARK:
                return ID
            if isinstance(mark, Keyed):
                return ListShape(cast(ListShape, shape_of(arguments[0])).item, mark.field)
        return shape_of(arguments[0])
    if origin in (list, tuple) or (
        origin is not None and getattr(origin, "__name__", "") in ("Sequence", "Collection", "Iterable")
    ):
        return ListShape(shape_of(arguments[0]))
    if origin is dict or (origin is not None and getattr(origin, "__name__", "") == "Mapping"):
        return MapShape(shape_of(arguments[1]))
    if origin in (Union, types.UnionType):
        inner, _ = without_none(annotation)
        if inner is not annotation:
            return shape_of(inner)
        if frozenset(arguments) == _AMOUNT:
            return DECIMAL
        lists = [argument for argument in arguments if get_origin(argument) is not None and get_args(argument)]
        if lists:  # "one value may be given for a list": the list says what the items are
            return shape_of(lists[0])
    raise TypeError(f"{annotation!r} is not a type of the spec language")


def without_none(annotation: Any) -> tuple[Any, bool]:
    """A type without its `None`, and whether it had one."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    arguments = get_args(annotation)
    kept = [argument for argument in arguments if argument is not type(None)]
    if len(kept) == len(arguments):
        return annotation, False
    inner = kept[0]
    for argument in kept[1:]:
        inner = inner | argument
    return inner, True


def shapes_of(cls: type[Any]) -> tuple[FieldShape, ...]:
    """The fields of a model, resolved at first use."""
    info = info_of(cls)
    if info.shapes is None:
        hints = get_type_hints(cls, include_extras=True)
        found: list[FieldShape] = []
        for field in info.fields:
            inner, has_none = without_none(hints[field.name])
            shape = shape_of(field.type if field.type is not None else inner)
            if field.keyed is not None and isinstance(shape, ListShape):
                shape = ListShape(shape.item, field.keyed)
            default = None if field.default is MISSING else field.default
            optional = has_none or field.default is not MISSING
            slot = cls.__dict__[field.name]
            found.append(FieldShape(field.name, field.wire, shape, optional, default, field, hints[field.name], slot))
        info.shapes = tuple(found)
    return cast("tuple[FieldShape, ...]", info.shapes)


def describe(shape: Shape) -> str:
    """What a shape asks for, in the words of an error."""
    if isinstance(shape, Scalar):
        return {
            "text": "text",
            "id": "an id (text or a whole number)",
            "int": "a whole number",
            "bool": "true or false",
            "decimal": "a number",
        }.get(shape.kind, "anything")
    if isinstance(shape, EnumShape):
        return f"a {'whole number' if shape.numeric else 'text'} ({shape.cls.__name__})"
    if isinstance(shape, ListShape):
        return "an object of items" if shape.key else "an array"
    if isinstance(shape, MapShape):
        return "an object"
    return f"an array ({shape.cls.__name__})" if shape.row else f"an object ({shape.cls.__name__})"
