"""Models: immutable attrs classes with slots, whose fields know what they are called on the wire.

A client of two hundred models must import in no time, and attrs compiles each class. So the class is laid out at
once, with its slots, and attrs takes it in hand when somebody constructs one or asks attrs about it; decoding needs
neither.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, Final, NoReturn, TypeVar, cast, dataclass_transform, overload

__all__ = ["Model", "model", "wire"]

T = TypeVar("T", bound="Model")


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class WireField:
    """What a model says of one field; `wire()` makes it, `model` gives it its name."""

    __slots__ = (
        "choices",
        "const",
        "default",
        "form",
        "join",
        "keyed",
        "length",
        "name",
        "range",
        "send",
        "type",
        "wire",
    )

    def __init__(
        self,
        wire: str | None = None,
        *,
        default: object = MISSING,
        send: object = MISSING,
        form: str | None = None,
        type: object = None,
        keyed: str | None = None,
        range: str | None = None,
        choices: tuple[object, ...] | None = None,
        length: str | None = None,
        join: str | None = None,
        const: object = MISSING,
    ) -> None:
        self.name = ""
        self.wire = wire or ""
        self.default = default
        self.send = send
        self.form = form
        self.type = type
        self.keyed = keyed
        self.range = range
        self.choices = choices
        self.length = length
        self.join = join
        self.const = const


def wire(
    name: str | None = None,
    *,
    default: Any = MISSING,
    send: Any = MISSING,
    form: str | None = None,
    type: object = None,
    keyed: str | None = None,
    range: str | None = None,
    choices: tuple[object, ...] | None = None,
    length: str | None = None,
    join: str | None = None,
) -> Any:
    """Say of a model's field what its name and type do not.

    Args:
        name: Its name on the wire; the Python name unless given.
        default: Makes it optional: what the field holds where the wire has nothing.
        send: In an input model, what is sent where nothing was given; `NOW` is the client's clock.
        form: `"number"` or `"string"`: how it is written on the wire.
        type: What it is on the wire, where the annotation does not tell: `Millis` for a `Time`.
        keyed: The field is a list whose items come as an object; each key becomes the item's field of this name.
        range: In an input model, the allowed values, such as `"1..1000"` or `"> 0"`.
        choices: In an input model, the allowed values, one by one.
        length: In an input model, the allowed length of a text or list, such as `"1..10"`.
        join: In an input model, what a list is joined with.
    """
    return WireField(
        name,
        default=default,
        send=send,
        form=form,
        type=type,
        keyed=keyed,
        range=range,
        choices=choices,
        length=length,
        join=join,
    )


class ModelInfo:
    """What the runtime knows of a model class."""

    __slots__ = ("fields", "input", "plan", "require", "row", "shapes", "values")

    def __init__(self, fields: tuple[WireField, ...], *, row: bool, input: bool, require: tuple[str, ...]) -> None:
        self.fields = fields
        self.row = row
        self.input = input
        self.require = require
        self.shapes: Any = None  # resolved fields, by shapes.py at first use
        self.plan: Any = None  # how to send it, by encode.py at first use
        names = [field.name for field in fields]
        self.values: Callable[[Any], tuple[Any, ...]] = attrgetter(*names) if len(names) > 1 else _few(names)


def _few(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    # attrgetter gives no tuple for one name, and takes no fewer
    return lambda instance: tuple(getattr(instance, name) for name in names)


class _LazyAttrs:
    """Stands for `__attrs_attrs__` until somebody asks; then attrs takes the class in hand."""

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        if "__specie__" not in owner.__dict__:
            raise AttributeError("__attrs_attrs__")
        complete(owner)
        return owner.__dict__["__attrs_attrs__"]


LOCK: Final = threading.RLock()
"""Held while a class is being changed: attrs once, and the decoder's short-lived view of it."""


def complete(cls: type[Model]) -> None:
    """Let attrs make the constructor and `__attrs_attrs__` of a model class, once."""
    import attr

    from .shapes import shapes_of

    with LOCK:
        if "__attrs_attrs__" in cls.__dict__:
            return
        info = info_of(cls)
        if info.input:
            from .encode import check_input

            cls.__attrs_post_init__ = check_input  # type: ignore[attr-defined]
        hints = {field.name: field.annotation for field in shapes_of(cls)}
        these = {
            # `setters.frozen` also tells attrs' constructor to write around `Model.__setattr__`.
            field.name: attr.ib(
                default=attr.NOTHING if field.default is MISSING else field.default,
                kw_only=True,
                on_setattr=attr.setters.frozen,
            )
            for field in info.fields
        }
        written = cls.__annotations__
        cls.__annotations__ = hints  # resolved, so that attrs.fields() knows types and not texts
        try:
            # In place: the class has its slots already.
            attr.s(these=these, kw_only=True, eq=False, repr=False, order=False, slots=False)(cls)
        finally:
            cls.__annotations__ = written


def _frozen(_self: object, _name: str, _value: object = None) -> NoReturn:
    from attr.exceptions import FrozenInstanceError

    raise FrozenInstanceError


def _restore(cls: type[Any], values: tuple[Any, ...]) -> Any:
    instance = object.__new__(cls)
    for field, value in zip(info_of(cls).fields, values, strict=True):
        object.__setattr__(instance, field.name, value)
    return instance


class Model:
    """The base of every model: compared and printed by its fields, never changed.

    Every model is an attrs class: `attrs.fields`, `attrs.asdict` and `attrs.evolve` work on it. Constructors take
    keywords only.
    """

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any] = _LazyAttrs()

    def __init__(self, **fields: Any) -> None:
        cls = type(self)
        if "__specie__" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} is not a model: it lacks the @model decorator")
        complete(cls)
        cls.__init__(self, **fields)

    __setattr__ = _frozen
    __delattr__ = _frozen

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        values = info_of(type(self)).values
        return values(self) == values(other)

    def __hash__(self) -> int:
        return hash((type(self), info_of(type(self)).values(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in info_of(type(self)).fields)
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), info_of(type(self)).values(self))


def info_of(cls: type[Any]) -> ModelInfo:
    """What is known of a model class."""
    return cast(ModelInfo, cls.__specie__)


def is_model(candidate: object) -> bool:
    """Whether it is a model class."""
    return isinstance(candidate, type) and "__specie__" in candidate.__dict__


def _build(cls: type[T], row: bool, input: bool, require: tuple[str, ...]) -> type[T]:
    namespace = dict(cls.__dict__)
    fields: list[WireField] = []
    for name in cast("dict[str, Any]", namespace.get("__annotations__", {})):
        given = namespace.pop(name, MISSING)
        field = given if isinstance(given, WireField) else WireField(default=given)
        field.name = name
        field.wire = field.wire or name
        fields.append(field)
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    namespace["__slots__"] = tuple(field.name for field in fields)
    namespace["__specie__"] = ModelInfo(tuple(fields), row=row, input=input, require=require)
    metaclass = cast(Any, type(cls))
    return cast("type[T]", metaclass(cls.__name__, cls.__bases__, namespace))


@overload
def model(cls: type[T], /) -> type[T]: ...
@overload
def model(*, row: bool = ..., input: bool = ..., require: tuple[str, ...] = ...) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(wire,))
def model(
    cls: type[T] | None = None, /, *, row: bool = False, input: bool = False, require: tuple[str, ...] = ()
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a model of a class derived from `Model`: slots, immutable, keyword-only.

    Args:
        cls: The class, where the decorator stands without parentheses.
        row: Its values come as an array, in the order of the fields.
        input: It may be sent; its constructor checks its fields as a call does.
        require: For an input model, what its fields demand of one another.
    """
    if cls is not None:
        return _build(cls, row, input, require)
    return lambda decorated: _build(decorated, row, input, require)
