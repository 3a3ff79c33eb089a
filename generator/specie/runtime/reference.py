"""The second pass over a reply, in plain Python: it takes everything that the language takes, refuses the rest, and
says where and why.

The fast pass is an optimisation of this one; where it cannot go on, or cannot be trusted, this one decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn, cast

from .basics import is_array, is_object
from .shapes import EnumShape, ListShape, MapShape, ModelShape, Scalar, Shape, describe, shapes_of

__all__ = ["Mismatch", "parse", "read", "unaccounted"]

_INTEGER = re.compile(r"-?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LARGEST_INTEGER = 4300  # digits; the interpreter's own bound


class Mismatch(Exception):
    """A reply is not what it claims to be.

    Attributes:
        path: Where.
        expected: What should be there.
        whole: What is there, uncut; secrets are masked in it before it is cut.
    """

    def __init__(self, path: str, expected: str, whole: str) -> None:
        super().__init__(path, expected)
        self.path = path
        self.expected = expected
        self.whole = whole

    @property
    def found(self) -> str:
        """What is there, cut to what a sentence bears."""
        return cut(self.whole)

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


def cut(text: str) -> str:
    """A text, cut to what a sentence bears."""
    return text if len(text) <= 60 else text[:57] + "…"


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


def parse(body: bytes) -> Any:
    """JSON with every digit kept: whole numbers are `int`, all others `Decimal`. Of a key given twice, the last one
    counts.

    Raises:
        Mismatch: It is not JSON.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, ArithmeticError):
        raise Mismatch("$", "JSON", _start(body)) from None


def _start(body: bytes) -> str:
    text = body[:4000].decode("utf-8", "replace").strip()
    if not text:
        return "nothing"
    return f"HTML or XML: {text}" if text.startswith("<") else repr(text)


def read(shape: Shape, value: Any, path: str = "$") -> Any:
    """A parsed reply as the Python value of its shape.

    Raises:
        Mismatch: It cannot be that.
    """
    if isinstance(shape, Scalar):
        return _scalar(shape, value, path)
    if isinstance(shape, EnumShape):
        return _enum(shape, value, path)
    if isinstance(shape, ListShape):
        if shape.key is not None:
            return _keyed(shape, value, path)
        if _is_empty(value, path):
            return []
        if not is_array(value):
            _fail(shape, value, path)
        return [read(shape.item, item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape):
        return {key: read(shape.item, item, step(path, key)) for key, item in _object(shape, value, path).items()}
    return _row(shape, value, path) if shape.row else _model(shape, value, path)


def _object(shape: Shape, value: Any, path: str) -> dict[str, Any]:
    if _is_empty(value, path):
        return {}
    if not is_object(value):
        _fail(shape, value, path)
    return value


def _is_empty(value: Any, path: str) -> bool:
    # Servers write null, [] and {} for a list or map without members; but a reply that is just `null` says nothing.
    return value in ([], {}) or (value is None and path != "$")


def _model(shape: ModelShape, value: Any, path: str, skip: str | None = None) -> Any:
    if not is_object(value):
        _fail(shape, value, path)
    members = value
    instance: Any = object.__new__(shape.cls)
    for field in shapes_of(shape.cls):
        if field.name == skip:
            continue
        found = members.get(field.wire, _ABSENT)
        if field.optional and (found is _ABSENT or found is None or found == ""):
            result = field.default
        elif found is _ABSENT:
            raise Mismatch(step(path, field.wire), describe(field.shape), "nothing (the field is missing)")
        else:
            result = (
                _optional(field.shape, found, step(path, field.wire))
                if field.optional
                else read(field.shape, found, step(path, field.wire))
            )
        field.slot.__set__(instance, result)
    return instance


def _row(shape: ModelShape, value: Any, path: str) -> Any:
    if not is_array(value):
        _fail(shape, value, path)
    places = value
    instance: Any = object.__new__(shape.cls)
    for index, field in enumerate(shapes_of(shape.cls)):
        at = f"{path}[{index}]"
        found = places[index] if index < len(places) else _ABSENT
        if field.optional and (found is _ABSENT or found is None or found == ""):
            result = field.default
        elif found is _ABSENT:
            raise Mismatch(at, f"{describe(field.shape)} ({field.name})", f"nothing (the row has {len(places)} places)")
        else:
            result = _optional(field.shape, found, at) if field.optional else read(field.shape, found, at)
        field.slot.__set__(instance, result)
    return instance


def _optional(shape: Shape, found: Any, path: str) -> Any:
    # Some exchanges write the word for nothing as text where a number would stand.
    if (
        isinstance(shape, Scalar)
        and shape.kind in ("int", "bool", "decimal")
        and isinstance(found, str)
        and found.lower() == "null"
    ):
        return None
    return read(shape, found, path)


def _keyed(shape: ListShape, value: Any, path: str) -> list[Any]:
    item = cast(ModelShape, shape.item)
    key_field = next(field for field in shapes_of(item.cls) if field.name == shape.key)
    found: list[Any] = []
    for key, member in _object(shape, value, path).items():
        at = step(path, key)
        instance = _model(item, member, at, skip=shape.key)
        key_field.slot.__set__(instance, read(key_field.shape, key, at))
        found.append(instance)
    return found


def _scalar(shape: Scalar, value: Any, path: str) -> Any:
    kind = shape.kind
    if kind == "json":
        return value
    if kind == "nothing":
        return None
    if kind == "text":
        if isinstance(value, str):
            return value
    elif kind == "id":
        if isinstance(value, str):
            return value
        whole = _whole(value, text=False)
        if whole is not None:
            return str(whole)
    elif kind == "int":
        whole = _whole(value, text=True)
        if whole is not None:
            return whole
    elif kind == "bool":
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
            return value.lower() in ("true", "1")
    elif kind == "decimal":
        if isinstance(value, bool):
            _fail(shape, value, path)
        if isinstance(value, (int, Decimal)):
            return Decimal(value)
        if isinstance(value, str) and _NUMBER.match(value.strip()):
            return Decimal(value)
    _fail(shape, value, path)


def _whole(value: Any, *, text: bool) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if text and isinstance(value, str):
        if _INTEGER.match(value) and len(value) <= _LARGEST_INTEGER:
            return int(value)
        value = Decimal(value) if _NUMBER.match(value.strip()) else None
    # 5.0 and 1e3 are whole; 1e999999999 is a bomb.
    if isinstance(value, Decimal) and value.adjusted() < 40 and value == value.to_integral_value():
        return int(value)
    return None


def _enum(shape: EnumShape, value: Any, path: str) -> Any:
    if shape.numeric:
        whole = _whole(value, text=True)
        if whole is None:
            _fail(shape, value, path)
        return shape.cls(whole)
    if isinstance(value, str):
        return shape.cls(value)
    if isinstance(value, int) and not isinstance(value, bool) and str(value) in shape.cls._value2member_map_:
        return shape.cls(str(value))
    _fail(shape, value, path)


_ABSENT = object()


def _fail(shape: Shape, value: Any, path: str) -> NoReturn:
    raise Mismatch(path, describe(shape), found(value))


def found(value: Any) -> str:
    """A value of a reply, in the words of an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_object(value):
        return f"an object of {len(value)}"
    if is_array(value):
        return f"an array of {len(value)}"
    return repr(value) if isinstance(value, str) else str(value)


def step(path: str, key: str) -> str:
    """The JSON path of a member."""
    return f"{path}.{key}" if _NAME.match(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def unaccounted(shape: Shape, value: Any, path: str = "$") -> Iterator[str]:
    """The JSON paths of a parsed reply that no field of a model took, and of enum values that the spec does not
    list.
    """
    if isinstance(shape, EnumShape):
        member = _enum(shape, value, path) if isinstance(value, (str, int)) and value != "" else None
        if member is not None and not getattr(member, "is_known", True):
            yield path
    elif isinstance(shape, ListShape) and is_array(value):
        for index, item in enumerate(value):
            yield from unaccounted(shape.item, item, f"{path}[{index}]")
    elif isinstance(shape, (ListShape, MapShape)) and is_object(value):
        for key, item in value.items():
            yield from unaccounted(shape.item, item, step(path, key))
    elif isinstance(shape, ModelShape) and shape.row and is_array(value):
        fields = shapes_of(shape.cls)
        for index, item in enumerate(value):
            at = f"{path}[{index}]"
            if index >= len(fields):
                yield at
            else:
                yield from unaccounted(fields[index].shape, item, at)
    elif isinstance(shape, ModelShape) and not shape.row and is_object(value):
        by_wire = {field.wire: field for field in shapes_of(shape.cls)}
        for key, item in value.items():
            at = step(path, key)
            if key not in by_wire:
                yield at
            else:
                yield from unaccounted(by_wire[key].shape, item, at)
