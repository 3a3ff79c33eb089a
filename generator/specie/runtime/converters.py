"""What each type of the language does to an argument: what it means, and how it is written.

`accept` gives one comparable value for each meaning; `text` and `json` write that. Nothing is rounded, guessed or
converted in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring as json_text
from typing import Any, Final, NoReturn, Protocol

from .basics import is_array, is_many, is_mapping, is_tuple
from .errors import ArgumentError, InvalidType, InvalidValue
from .scalars import EPOCH, microseconds
from .shapes import EnumShape, ListShape, MapShape, ModelShape, Shape

__all__ = ["Bad", "Converter", "ListConverter", "converter_of", "exact", "plain", "shown"]


class Bad(Exception):
    """An argument that cannot be sent: why, and what to write instead. The caller adds whose argument it was."""

    def __init__(self, reason: str, *, type: bool = False, rule: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.type = type
        self.rule = rule

    def error(self, operation: str, parameter: str | None) -> ArgumentError:
        """The exception that the caller of an operation gets."""
        where = ": ".join(part for part in (operation, parameter) if part)
        made = InvalidType if self.type else InvalidValue
        return made(f"{where}: {self.reason}", operation=operation, parameter=parameter, rule=self.rule)


class Converter(Protocol):
    """What one type of the language does to an argument."""

    def accept(self, value: Any, /) -> Any:
        """The value in comparable form; raises `Bad`."""
        ...

    def text(self, value: Any, /) -> str:
        """An accepted value as text, for query, form, path and header."""
        ...

    def json(self, value: Any, now_ms: int, /) -> str:
        """An accepted value as JSON; the clock is for defaults inside it."""
        ...


_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?\Z")
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_DIGITS_MAX: Final = 100


def shown(value: object) -> str:
    """An argument, in the words of an error."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than the interpreter prints
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "…"


def whole(value: int) -> int:
    """A whole number as a plain `int`, or `Bad`."""
    if abs(value) >= 10**_DIGITS_MAX:
        raise Bad(f"a whole number of more than {_DIGITS_MAX} digits cannot be sent")
    return int(value)


def _refuse_float(value: float) -> NoReturn:
    raise Bad(
        f"{value!r} is a float, and floats cannot hold most decimal fractions; "
        f"write Decimal({str(value)!r}) or {str(value)!r}",
        type=True,
    )


class _Text:
    def accept(self, value: Any) -> str:
        if type(value) is str and value.isascii():
            return value
        if not isinstance(value, str):
            raise Bad(f"{shown(value)} is not a str", type=True)
        text = str(value.value) if isinstance(value, Enum) else str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Bad(f"{shown(value)} holds half a character (a lone surrogate)") from None
        return text

    def text(self, value: str) -> str:
        return value

    def json(self, value: str, _now_ms: int) -> str:
        return json_text(value)


class _Id(_Text):
    def __init__(self, number: bool) -> None:
        self._number = number

    def accept(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(whole(value))
        if not isinstance(value, str):
            raise Bad(f"{shown(value)} is not an id; ids are str or int", type=True)
        text = super().accept(value)
        if not text:
            raise Bad("an id cannot be empty; leave it out, or give None")
        if self._number and not _WHOLE.match(text):
            raise Bad(f"{shown(value)} is not a number, and this id is one")
        return text

    def json(self, value: str, _now_ms: int) -> str:
        return value if self._number else json_text(value)


class _Int:
    def __init__(self, string: bool) -> None:
        self._string = string

    def accept(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            if isinstance(value, float) and value.is_integer():
                raise Bad(f"{shown(value)} is not an int; write {int(value)}", type=True)
            raise Bad(f"{shown(value)} is not an int", type=True)
        return whole(value)

    def text(self, value: int) -> str:
        return str(value)

    def json(self, value: int, _now_ms: int) -> str:
        return f'"{value}"' if self._string else str(value)


class _Bool:
    def __init__(self, form: str | None) -> None:
        self._form = form

    def accept(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Bad(f"{shown(value)} is not a bool; write True or False", type=True)
        return value

    def text(self, value: bool) -> str:
        return ("1" if value else "0") if self._form == "number" else ("true" if value else "false")

    def json(self, value: bool, _now_ms: int) -> str:
        text = self.text(value)
        return f'"{text}"' if self._form == "string" else text


def exact(value: Any) -> Decimal:
    """An amount as a `Decimal`, or `Bad`."""
    if type(value) is Decimal:
        number = value
    elif isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        if isinstance(value, float):
            _refuse_float(value)
        raise Bad(f"{shown(value)} is not a number; write a Decimal, an int, or a str such as '0.01'", type=True)
    elif isinstance(value, str):
        if not _DECIMAL.match(value):
            hint = (
                "; leave it out, or give None" if not value else "; write digits with at most one point, such as '0.01'"
            )
            raise Bad(f"{shown(value)} is not a number{hint}")
        number = Decimal(value)
    else:
        number = Decimal(value)
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise Bad(f"{shown(value)} is not a number that can be sent")  # an infinity, or none at all
    size = len(digits)
    if size > _DIGITS_MAX or exponent < -_DIGITS_MAX or abs(exponent + size - 1) > _DIGITS_MAX:
        raise Bad(f"{shown(value)} has more than {_DIGITS_MAX} digits")
    return number


def plain(number: Decimal) -> str:
    """A decimal without an exponent, each of its digits kept."""
    return format(number.copy_abs() if number.is_zero() else number, "f")


class _Decimal:
    def __init__(self, number: bool) -> None:
        self._number = number

    def accept(self, value: Any) -> Decimal:
        return exact(value)

    def text(self, value: Decimal) -> str:
        return plain(value)

    def json(self, value: Decimal, _now_ms: int) -> str:
        return plain(value) if self._number else f'"{plain(value)}"'


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None or value.utcoffset() is None:
        raise Bad(f"{shown(value)} has no time zone; write datetime.now(timezone.utc), or .replace(tzinfo=…)")
    return value


def _not_a_time(value: object, unit: str) -> NoReturn:
    if isinstance(value, date):
        raise Bad(f"{shown(value)} is a date without a time and a zone; write an aware datetime", type=True)
    raise Bad(f"{shown(value)} is not a time; write an aware datetime, or {unit} since 1970 as an int", type=True)


class _Millis(_Int):
    unit = "millis"

    def accept(self, value: Any) -> int:
        if isinstance(value, datetime):
            return microseconds(_aware(value)) // 1000
        if isinstance(value, bool) or not isinstance(value, int):
            _not_a_time(value, "milliseconds")
        # 1e8 seconds is 1973, and 1e11 milliseconds is 1973 too: between them lie all seconds that anyone means, and
        # no milliseconds.
        if 10**8 <= value < 10**11:
            raise Bad(
                f"{value} would be {_day(value / 1000)} in milliseconds; it looks like seconds: write {value * 1000}"
            )
        if value >= 10**14:
            looks = "microseconds" if value < 10**17 else "nanoseconds"
            raise Bad(f"{shown(value)} is too large for milliseconds; it looks like {looks}")
        return int(value)


class _Seconds(_Int):
    unit = "seconds"

    def accept(self, value: Any) -> int:
        if isinstance(value, datetime):
            return microseconds(_aware(value)) // 1_000_000
        if isinstance(value, bool) or not isinstance(value, int):
            _not_a_time(value, "seconds")
        if value >= 10**11:
            raise Bad(f"{shown(value)} is too large for seconds; it looks like milliseconds: divide by 1000")
        return int(value)


class _ExactSeconds(_Decimal):
    def accept(self, value: Any) -> Decimal:
        if isinstance(value, datetime):
            return Decimal(microseconds(_aware(value))).scaleb(-6)
        number = exact(value)
        if number >= 10**11:
            raise Bad(f"{shown(value)} is too large for seconds; it looks like milliseconds")
        return number


class _IsoTime(_Text):
    def accept(self, value: Any) -> str:
        if isinstance(value, datetime):
            return _aware(value).astimezone(EPOCH.tzinfo).isoformat().replace("+00:00", "Z")
        if not isinstance(value, str):
            raise Bad(f"{shown(value)} is not a time; write an aware datetime, or a text in ISO 8601", type=True)
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise Bad(f"{shown(value)} is not a time in ISO 8601, such as '2026-01-31T12:00:00Z'") from None
        return value


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, EPOCH.tzinfo).strftime("%Y-%m-%d")


class _Enum:
    def __init__(self, shape: EnumShape, form: str | None) -> None:
        self._cls = shape.cls
        self._quoted = (form == "string") if shape.numeric else (form != "number")
        self._numeric = shape.numeric

    def accept(self, value: Any) -> Any:
        if isinstance(value, self._cls):
            return value.value
        if isinstance(value, Enum):
            raise Bad(f"{shown(value)} is not one of {self._cls.__name__}", type=True)
        if isinstance(value, bool) or not isinstance(value, (int if self._numeric else str)):
            raise Bad(f"{shown(value)} is not one of {self._cls.__name__}: {self._listed()}", type=True)
        if value in self._cls._value2member_map_:
            return value
        raise Bad(f"{shown(value)} is not one of {self._cls.__name__}{self._meant(value)}")

    def _listed(self) -> str:
        return ", ".join(f"{self._cls.__name__}.{member.name}" for member in self._cls)

    def _meant(self, value: object) -> str:
        import difflib

        by_word = {str(word).lower(): member for member in self._cls for word in (member.name, member.value)}
        near = difflib.get_close_matches(str(value).lower(), list(by_word), 1, 0.6)
        if near:
            member = by_word[near[0]]
            return f"; did you mean {self._cls.__name__}.{member.name} ({member.value!r})?"
        return f": {self._listed()}; {self._cls.__name__}({value!r}) sends a value that the spec does not list"

    def text(self, value: Any) -> str:
        return str(value)

    def json(self, value: Any, _now_ms: int) -> str:
        return json_text(str(value)) if self._quoted else str(value)


class ListConverter:
    """A list, or one value for a list."""

    def __init__(self, item: Converter) -> None:
        self.item = item

    def accept(self, value: Any) -> list[Any]:
        if not is_many(value):
            return [self._one(value, None)]  # one value may be given for a list
        return [self._one(item, index) for index, item in enumerate(value)]

    def _one(self, value: Any, index: int | None) -> Any:
        try:
            if value is None:
                raise Bad("None cannot stand in a list", type=True)
            return self.item.accept(value)
        except Bad as bad:
            if index is not None:
                bad.reason = f"[{index}]: {bad.reason}"
            raise

    def text(self, _value: list[Any]) -> str:
        raise Bad("a list cannot be written as one text here")

    def json(self, value: list[Any], now_ms: int) -> str:
        return "[" + ",".join([self.item.json(item, now_ms) for item in value]) + "]"


class _Map:
    def __init__(self, item: Converter) -> None:
        self.item = item

    def accept(self, value: Any) -> dict[str, Any]:
        if not is_mapping(value):
            raise Bad(f"{shown(value)} is not a mapping", type=True)
        accepted: dict[str, Any] = {}
        for key, item in value.items():
            try:
                accepted[_Text().accept(key)] = self.item.accept(item)
            except Bad as bad:
                bad.reason = f"[{shown(key)}]: {bad.reason}"
                raise
        return accepted

    def text(self, _value: dict[str, Any]) -> str:
        raise Bad("a mapping cannot be written as text")

    def json(self, value: dict[str, Any], now_ms: int) -> str:
        return "{" + ",".join(f"{json_text(key)}:{self.item.json(item, now_ms)}" for key, item in value.items()) + "}"


class _Json:
    """Whatever no document describes: JSON as Python has it, with exact numbers."""

    def accept(self, value: Any) -> Any:
        self.json(value, 0)
        return value

    def text(self, value: Any) -> str:
        return value if isinstance(value, str) else self.json(value, 0)

    def json(self, value: Any, now_ms: int) -> str:
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Enum):
            return self.json(value.value, now_ms)
        if isinstance(value, str):
            return json_text(_Text().accept(value))
        if isinstance(value, int):
            return str(whole(value))
        if isinstance(value, float):
            _refuse_float(value)
        if isinstance(value, Decimal):
            return plain(exact(value))
        if is_mapping(value):
            return (
                "{"
                + ",".join(f"{json_text(_Text().accept(key))}:{self.json(item, now_ms)}" for key, item in value.items())
                + "}"
            )
        items: Sequence[Any] | None = value if is_array(value) or is_tuple(value) else None
        if items is not None:
            return "[" + ",".join([self.json(item, now_ms) for item in items]) + "]"
        raise Bad(f"{shown(value)} cannot be written as JSON", type=True)


class _Model:
    """An input model: its own fields, rules and defaults."""

    def __init__(self, shape: ModelShape) -> None:
        self.cls = shape.cls
        self.row = shape.row

    def accept(self, value: Any) -> Any:
        if not isinstance(value, self.cls):
            raise Bad(f"{shown(value)} is not a {self.cls.__name__}", type=True)
        return value

    def text(self, _value: Any) -> str:
        raise Bad(f"a {self.cls.__name__} cannot be written as text")

    def json(self, value: Any, now_ms: int) -> str:
        from .encode import plan_of

        pieces = plan_of(self.cls).pieces(value, now_ms)
        if self.row:
            return "[" + ",".join(text for _, text in pieces) + "]"
        return "{" + ",".join(f"{json_text(name)}:{text}" for name, text in pieces) + "}"


def converter_of(shape: Shape, form: str | None) -> Converter:
    """The converter of a shape; `form` is `number`, `string` or, for what the type is sent as by itself, None."""
    if isinstance(shape, EnumShape):
        return _Enum(shape, form)
    if isinstance(shape, ListShape):
        return ListConverter(converter_of(shape.item, form))
    if isinstance(shape, MapShape):
        return _Map(converter_of(shape.item, form))
    if isinstance(shape, ModelShape):
        return _Model(shape)
    made: dict[str, Callable[[], Converter]] = {
        "str": _Text,
        "id": lambda: _Id(form == "number"),
        "int": lambda: _Int(form == "string"),
        "bool": lambda: _Bool(form),
        "decimal": lambda: _Decimal(form == "number"),
        "millis": lambda: _Millis(form == "string"),
        "seconds": lambda: _Seconds(form == "string"),
        "exact_seconds": lambda: _ExactSeconds(form != "string"),
        "iso_time": _IsoTime,
    }
    return made.get(shape.word, _Json)()
