"""The first pass over a reply: msgspec writes straight into the slots of the models, then whole columns are looked
over at once.

msgspec fills an attrs class attribute by attribute, by the names on the wire. So each wire name is made a second name
of the field's slot, and while a decoder is being built, the class shows msgspec a view of itself in wire names. That
leans on how msgspec looks at classes; `available()` tries it on a sample, and without it every reply takes the
reference pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from .columns import Doubtful, Fix, as_text, each, finite, in_lists, in_maps, keys, later, optional, present
from .models import LOCK, MISSING
from .shapes import EnumShape, FieldShape, ListShape, MapShape, ModelShape, Scalar, Shape, shapes_of

__all__ = ["Doubtful", "FastDecoder", "available"]


_PLAIN: Final[dict[str, Any]] = {"text": str, "int": int, "bool": bool, "decimal": Decimal, "json": Any, "nothing": Any}


class _View(NamedTuple):
    """As much of an attrs attribute as msgspec looks at."""

    name: str
    default: Any
    validator: None = None


class FastDecoder:
    """Decodes one shape by msgspec.

    Args:
        shape: What a reply is.
        mixed: Ids may be numbers.
        wrap: Makes of the msgspec type of the shape the type of the whole body.
    """

    def __init__(self, shape: Shape, *, mixed: bool, wrap: Callable[[Any], Any] | None = None) -> None:
        import msgspec

        self._mixed = mixed
        self._structs: dict[type[Any], tuple[type[Any], list[str]]] = {}
        self._fixes: dict[type[Any], Fix | None] = {}
        self._decimals = False
        self._unbounded = True
        self._keys = _key_fields(shape)
        classes = list(dict.fromkeys(_models_in(shape)))
        direct = [cls for cls in classes if _alias(cls)]
        self._direct = frozenset(direct)
        for cls in classes:
            if cls not in self._direct or _is_row(cls):
                self._structs[cls] = (_forward(cls), [])
        with LOCK:
            for cls in classes:
                if cls in self._structs:
                    self._structs[cls] = self._struct(cls)
            kept = [(cls, _show(cls, self._view(cls))) for cls in direct if cls not in self._structs]
            try:
                kind = self._type(shape)
                self._decoder: Any = msgspec.json.Decoder(
                    wrap(kind) if wrap else kind, strict=False, float_hook=Decimal
                )
            finally:
                for cls, old in kept:
                    _unshow(cls, old)
        self._decode: Callable[[bytes], Any] = self._decoder.decode
        self._fix = self._fixing(shape)
        # Where no number can be NaN or infinite, as the text shows, none is looked at: that is half of the work.
        self._unbounded, self._fixes = False, {}
        self._fix_finite = self._fixing(shape)
        self._errors = (msgspec.MsgspecError, UnicodeDecodeError, AttributeError, ArithmeticError, RecursionError)

    def decode(self, body: bytes, unwrap: Callable[[Any], Any] | None = None) -> Any:
        """The value of a body.

        Raises:
            Doubtful: It is not what it should be, or may not be: ask the reference pass.
        """
        if not body.isascii():
            _look_over(body, self._decimals)
        fix = self._fix
        if self._decimals:
            if b"_" in body or b"\\" in body:
                if _underscored(body):
                    raise Doubtful("digits and underscores")
                if _ESCAPED.search(body):
                    raise Doubtful("an escaped underscore or digit")
            elif not _may_be_no_number(body):
                fix = self._fix_finite
        try:
            value = self._decode(body)
            if unwrap is not None:
                value = unwrap(value)
            return value if fix is None else fix([value])[0]
        except self._errors as error:
            raise Doubtful(str(error)) from None

    # -- types for msgspec -------------------------------------------------------------------------------------------

    def _type(self, shape: Shape) -> Any:
        if isinstance(shape, Scalar):
            if shape.kind == "decimal":
                self._decimals = True
            if shape.kind == "id":
                return int | str if self._mixed else str
            return _PLAIN[shape.kind]
        if isinstance(shape, EnumShape):
            return shape.cls
        if isinstance(shape, ListShape):
            item = self._type(shape.item)
            return dict[str, item] if shape.key is not None else list[item]  # type: ignore[valid-type]
        if isinstance(shape, MapShape):
            return dict[str, self._type(shape.item)]  # type: ignore[misc]
        if shape.cls in self._structs:
            return self._structs[shape.cls][0]
        return shape.cls

    def _field_type(self, field: FieldShape) -> Any:
        kind = self._type(field.shape)
        return kind | None if field.optional and kind is not Any else kind

    def _view(self, cls: type[Any]) -> tuple[tuple[_View, ...], dict[str, Any]]:
        from attrs import NOTHING

        views: list[_View] = []
        types: dict[str, Any] = {}
        for field in shapes_of(cls):
            # The key of a keyed item is outside the item; elsewhere its absence shows as a None among the keys.
            lenient = field.optional or field.name in self._keys.get(cls, ())
            views.append(_View(field.wire, field.default if lenient else NOTHING))
            types[field.wire] = self._field_type(field)
        return tuple(views), types

    def _struct(self, cls: type[Any]) -> tuple[type[Any], list[str]]:
        import msgspec

        names: list[str] = []
        columns: list[Any] = []
        for index, field in enumerate(shapes_of(cls)):
            name = f"f{index}"
            names.append(name)
            lenient = field.optional or field.name in self._keys.get(cls, ())
            default = field.default if lenient else msgspec.NODEFAULT
            columns.append((name, self._field_type(field), msgspec.field(name=field.wire, default=default)))
        return msgspec.defstruct(cls.__name__, columns, array_like=_is_row(cls), gc=True), names

    # -- columns -----------------------------------------------------------------------------------------------------

    def _fixing(self, shape: Shape) -> Fix | None:
        if isinstance(shape, Scalar):
            if shape.kind == "decimal":
                return finite if self._unbounded else None
            return as_text if shape.kind == "id" and self._mixed else None
        if isinstance(shape, EnumShape):
            return None
        if isinstance(shape, MapShape):
            inner = self._fixing(shape.item)
            return None if inner is None else in_maps(inner)
        if isinstance(shape, ListShape):
            inner = self._fixing(shape.item)
            if shape.key is None:
                return None if inner is None else in_lists(inner)
            key = next(field for field in shapes_of(cast(ModelShape, shape.item).cls) if field.name == shape.key)
            return keys(inner, key)
        if shape.cls in self._fixes:
            return later(self._fixes, shape.cls)  # a model within itself
        self._fixes[shape.cls] = None
        fix = self._into_models(shape.cls) if shape.cls in self._structs else self._in_models(shape.cls)
        self._fixes[shape.cls] = fix
        return fix

    def _field_fixing(self, cls: type[Any], field: FieldShape) -> Fix | None:
        inner = self._fixing(field.shape)
        if field.optional:
            textual = isinstance(field.shape, EnumShape) or (
                isinstance(field.shape, Scalar) and field.shape.kind in ("text", "id")
            )
            return optional(inner, textual)
        if field.name in self._keys.get(cls, ()):
            return present(inner)
        return inner

    def _in_models(self, cls: type[Any]) -> Fix | None:
        steps = [
            (attrgetter(field.name), field.slot.__set__, fix)
            for field in shapes_of(cls)
            if (fix := self._field_fixing(cls, field)) is not None
        ]
        if not steps:
            return None

        def fix_models(models: list[Any]) -> list[Any]:
            for get, put, fix in steps:
                column = list(map(get, models))
                fixed = fix(column)
                if fixed is not column:
                    each(put, models, fixed)
            return models

        return fix_models

    def _into_models(self, cls: type[Any]) -> Fix:
        names = self._structs[cls][1]
        steps = [
            (attrgetter(name), field.slot.__set__, self._field_fixing(cls, field))
            for name, field in zip(names, shapes_of(cls), strict=True)
        ]

        def make_models(structs: list[Any]) -> list[Any]:
            models = list(map(object.__new__, repeat(cls, len(structs))))
            for get, put, fix in steps:
                column = list(map(get, structs))
                each(put, models, column if fix is None else fix(column))
            return models

        return make_models


# -- classes ---------------------------------------------------------------------------------------------------------


def _is_row(cls: type[Any]) -> bool:
    return bool(cls.__specie__.row)


def _models_in(shape: Shape, seen: set[type[Any]] | None = None) -> Iterable[type[Any]]:
    """The models of a shape, the inner ones first."""
    seen = set() if seen is None else seen
    if isinstance(shape, (ListShape, MapShape)):
        yield from _models_in(shape.item, seen)
    elif isinstance(shape, ModelShape) and shape.cls not in seen:
        seen.add(shape.cls)
        for field in shapes_of(shape.cls):
            yield from _models_in(field.shape, seen)
        yield shape.cls


def _key_fields(shape: Shape) -> dict[type[Any], set[str]]:
    found: dict[type[Any], set[str]] = {}
    seen: set[type[Any]] = set()

    def visit(current: Shape) -> None:
        if isinstance(current, (ListShape, MapShape)):
            if isinstance(current, ListShape) and current.key is not None:
                found.setdefault(cast(ModelShape, current.item).cls, set()).add(current.key)
            visit(current.item)
        elif isinstance(current, ModelShape) and current.cls not in seen:
            seen.add(current.cls)
            for field in shapes_of(current.cls):
                visit(field.shape)

    visit(shape)
    return found


def _alias(cls: type[Any]) -> bool:
    """Give each slot its wire name as a second name; False where such a name is taken by something else."""
    with LOCK:
        for field in shapes_of(cls):
            if field.wire != field.name and getattr(cls, field.wire, field.slot) is not field.slot:
                return False
        for field in shapes_of(cls):
            if field.wire != field.name:
                setattr(cls, field.wire, field.slot)
    return True


def _show(cls: type[Any], view: tuple[tuple[_View, ...], dict[str, Any]]) -> dict[str, Any]:
    shown = {"__attrs_attrs__": view[0], "__annotations__": view[1], "__attrs_post_init__": None}
    old = {name: cls.__dict__.get(name, MISSING) for name in (*shown, "__msgspec_cache__")}
    for name, value in shown.items():
        setattr(cls, name, value)
    return old


def _unshow(cls: type[Any], old: dict[str, Any]) -> None:
    for name, value in old.items():
        if value is not MISSING:
            setattr(cls, name, value)
        elif name in cls.__dict__:
            delattr(cls, name)


def _forward(cls: type[Any]) -> type[Any]:
    return cls


# -- text that Decimal takes and the language does not ---------------------------------------------------------------

_UNDERSCORE = re.compile(rb'_[0-9.eE_+-]*"')
_NUMERIC = re.compile(rb'"[0-9.eE_+-]*[0-9][0-9.eE_+-]*"')
_FOREIGN_DIGIT = re.compile(r"(?=[^\x00-\x7f])\d")
_ESCAPED = re.compile(rb"\\u005[fF]|\\u(?!00)")


def _underscored(body: bytes) -> bool:
    """Whether a text of digits and underscores stands in the body: `Decimal("1_000")` is 1000, and no exchange means
    that.
    """
    for hit in _UNDERSCORE.finditer(body):
        start = body.rfind(b'"', 0, hit.start())
        if start >= 0 and _NUMERIC.fullmatch(body, start, hit.end()):
            return True
    return False


def _may_be_no_number(body: bytes) -> bool:
    """Whether `NaN` or `Infinity`, which Decimal reads in any letters, may stand in a body without underscores."""
    if b"n" not in body and b"N" not in body:
        return False
    body = body.lower()
    return b"nan" in body or b"inf" in body


def _look_over(body: bytes, decimals: bool) -> None:
    # msgspec steps over what no field takes, damaged text included; and Decimal reads the digits of every script.
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Doubtful("not UTF-8") from None
    if decimals and _FOREIGN_DIGIT.search(text):
        raise Doubtful("digits of another script")


@cache
def available() -> bool:
    """Whether msgspec can be used as this module does; tried once on a sample."""
    from .models import Model, model, wire

    try:

        class Sample(Model):
            name_here: str = wire("nameThere")
            amount: Decimal
            note: str | None = None

        Sample.__annotations__ = {"name_here": str, "amount": Decimal, "note": str | None}
        sample = model(Sample)
        decoder = FastDecoder(ListShape(ModelShape(sample, False)), mixed=True)
        (read,) = decoder.decode(b'[{"nameThere":"a","amount":1.10,"more":[]}]')
        return type(read) is sample and (read.name_here, str(read.amount), read.note) == ("a", "1.10", None)
    except Exception:
        return False
