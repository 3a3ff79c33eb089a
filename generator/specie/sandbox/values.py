"""One value off the wire: is it what its type says, written as the exchange writes it?

What passes comes out in one form, whatever it was written as: text, int, Decimal, bool, list, dict; a model as a dict
by Python names. Anything else is a `Misfit`, which says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice, product
from typing import Any, cast

import attrs

from specie.compiler.model import Enum, KeyedBy, ListOf, MapOf, Model, NamedType, Plain, Ref, TypeExpression, Value

from .wire import Refused


class Misfit(Exception):
    """Why a value is not what it should be."""


_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_RANGE = re.compile(r"(-?[0-9][0-9.]*?)?\.\.(-?[0-9][0-9.]*)?\Z")
_BOUND = re.compile(r"(>=|<=|>|<)\s*(-?[0-9.]+)\Z")


# --- JSON -----------------------------------------------------------------------------------------------------------


def json_document(text: str) -> Any:
    """A JSON text with every digit kept; a name given twice, NaN, and exponents are refused."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            raise ValueError(f"'{twice}' stands in it twice")
        return dict(found)

    def exact(digits: str) -> Decimal:
        if "e" in digits.lower():
            raise ValueError(f"{digits} is written with an exponent")
        return Decimal(digits)

    def never(word: str) -> Any:
        raise ValueError(f"{word} is no number")

    try:
        return json.loads(text, parse_float=exact, parse_constant=never, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise Refused("InvalidRequest", f"the body is not JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise Refused("InvalidRequest", f"the body is not good JSON: {error}") from None


# --- shared names ---------------------------------------------------------------------------------------------------


def meanings(values: Sequence[Value], came: Callable[[Value], bool]) -> Iterator[tuple[Value, ...]]:
    """What came, as the values that it may be meant for: several ways where two of them share a wire name."""
    groups: dict[tuple[str, str], list[Value]] = {}
    for value in values:
        if came(value):
            groups.setdefault((value.where or "", value.wire), []).append(value)
    # Few share a name; the bound only keeps an absurd spec from holding up the server.
    return islice(product(*groups.values()), 64)


# --- types ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Reader:
    """Reads values of one exchange's types."""

    named: Mapping[str, NamedType]
    judge: Callable[[Model, dict[str, Any]], None]
    """Holds the fields of a model against its `require:`."""

    def texts(self, value: Value, given: list[str]) -> Any:
        """What a query, form, path or header says."""
        if isinstance(value.type, ListOf):
            item = value.type.item
            items = given[0].split(value.join) if value.join and len(given) == 1 else given
            if value.join and len(given) > 1:
                raise Misfit(f"came {len(given)} times; a list is joined by '{value.join}'")
            found = [self._text(item, one, value.sent_as) for one in items]
        else:
            if len(given) > 1:
                raise Misfit(f"came {len(given)} times")
            found = self._text(value.type, given[0], value.sent_as)
        self._bounds(value, found)
        return found

    def json(self, value: Value, given: Any) -> Any:
        """What a JSON body says."""
        if isinstance(value.type, ListOf) and value.join:
            if not isinstance(given, str):
                raise Misfit(f"must be one text, joined by '{value.join}'")
            return self.texts(value, [given])
        found = self._json(value.type, given, value.sent_as)
        self._bounds(value, found)
        return found

    def _text(self, kind: TypeExpression, text: str, sent_as: str) -> Any:
        if isinstance(kind, Ref) and isinstance(enum := self.named[kind.name], Enum):
            return self._member(enum, int(text) if enum.integer and _WHOLE.match(text) else text)
        if not isinstance(kind, Plain):
            return self._json(kind, json_document(text), sent_as)
        if kind.name == "bool":
            words = {"1": True, "0": False} if sent_as == "number" else {"true": True, "false": False}
            if text not in words:
                raise Misfit(f"'{text}' is not one of {', '.join(words)}")
            return words[text]
        if kind.name == "json":
            return text
        return _scalar(kind.name, text)

    def _json(self, kind: TypeExpression, given: Any, sent_as: str) -> Any:
        if isinstance(kind, ListOf):
            if not isinstance(given, list):
                raise Misfit("must be a list")
            listed = cast("Sequence[Any]", given)
            return [self._json(kind.item, one, sent_as) for one in listed]
        if isinstance(kind, MapOf):
            held = _object(given)
            return {name: self._json(kind.value, one, sent_as) for name, one in held.items()}
        if isinstance(kind, KeyedBy):
            return {name: self._json(kind.item, one, sent_as) for name, one in _object(given).items()}
        if isinstance(kind, Ref):
            named = self.named[kind.name]
            if isinstance(named, Model):
                return self._model(named, given)
            return self._member(named, _written(given, "number" if named.integer else "string", sent_as))
        if kind.name == "json":
            return given
        if kind.name == "bool" and not sent_as:
            if not isinstance(given, bool):
                raise Misfit("must be true or false")
            return given
        if isinstance(given, bool):
            raise Misfit("may not be true or false")
        usual = "string" if kind.name in ("str", "id", "decimal", "iso_time") else "number"
        text = _written(given, usual, sent_as)
        return self._text(kind, format(text, "f") if isinstance(text, Decimal) else str(text), sent_as)

    def _member(self, enum: Enum, given: Any) -> Any:
        values = [member.value for member in enum.members]
        given = int(given) if enum.integer and isinstance(given, str) and _WHOLE.match(given) else given
        if given not in values or isinstance(given, bool):
            raise Misfit(f"'{given}' is not one of {', '.join(str(value) for value in values)}")
        return given

    def _model(self, model: Model, given: Any) -> dict[str, Any]:
        if model.row:
            if not isinstance(given, list):
                raise Misfit("must be a list")
            places = cast("Sequence[Any]", given)
            if len(places) > len(model.fields):
                raise Misfit(f"has more than {len(model.fields)} places")
            held = {field.wire: one for field, one in zip(model.fields, places, strict=False) if one is not None}
        else:
            held = _object(given)
        unknown = [name for name in held if name not in {field.wire for field in model.fields}]
        if unknown:
            raise Misfit(f"'{unknown[0]}' is not known in it")
        misfits: list[Misfit] = []
        for choice in meanings(model.fields, lambda field: field.wire in held):
            try:
                return self._fields(model, choice, held)
            except Misfit as misfit:
                misfits.append(misfit)
        raise misfits[0]

    def _fields(self, model: Model, choice: tuple[Value, ...], held: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in choice:
            try:
                found[field.name] = self.json(field, held[field.wire])
            except Misfit as misfit:
                raise Misfit(f"'{field.wire}' {misfit}") from None
            if field.const is not None and str(found[field.name]) != str(field.const):
                raise Misfit(f"'{field.wire}' must be {field.const}")
        for field in model.fields:
            if (field.required or field.const is not None) and field.wire not in held:
                raise Misfit(f"'{field.wire}' is lacking in it")
        self.judge(model, found)
        return found

    def _bounds(self, value: Value, found: Any) -> None:
        items = cast("Sequence[Any]", found) if isinstance(found, list) else [found]
        for one in items:
            if value.range and not within(value.range, Decimal(one)):
                raise Misfit(f"{one} is out of range, which is {value.range}")
            if value.choices and str(one) not in [str(choice) for choice in value.choices]:
                raise Misfit(f"{one} is not one of {', '.join(str(choice) for choice in value.choices)}")
        if value.length:
            low, dots, high = value.length.partition("..")
            high = high if dots else low
            size = len(cast("str | list[Any] | dict[str, Any]", found))
            if size < int(low or 0) or (high and size > int(high)):
                raise Misfit(f"has a length of {size}, which must be {value.length}")


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Misfit("must be an object")
    return cast("dict[str, Any]", given)


def _written(given: Any, usual: str, sent_as: str) -> Any:
    """The value, if it is written as text or as a number, as it should be."""
    if (sent_as or usual) == "string":
        if not isinstance(given, str):
            raise Misfit("must be text")
    elif not isinstance(given, (int, Decimal)) or isinstance(given, bool):
        raise Misfit("must be a number")
    return given


def _scalar(name: str, text: str) -> Any:
    if name in ("str", "id", "iso_time"):
        if not text and name == "id":
            raise Misfit("is empty")
        if name == "iso_time":
            try:
                datetime.fromisoformat(text)
            except ValueError:
                raise Misfit(f"'{text}' is not a time in ISO 8601") from None
        return text
    if name in ("decimal", "exact_seconds"):
        if not _DECIMAL.match(text):
            raise Misfit(f"'{text}' is not a decimal number")
        number = Decimal(text)
        if name == "exact_seconds" and number >= 10**11:
            raise Misfit(f"{text} is milliseconds, not seconds")
        return number
    if not _WHOLE.match(text):
        raise Misfit(f"'{text}' is not a whole number")
    whole = int(text)
    if name == "seconds" and whole >= 10**11:
        raise Misfit(f"{text} is milliseconds, not seconds")
    if name == "millis" and 10**9 <= whole < 10**10:
        raise Misfit(f"{text} is seconds, not milliseconds")
    return whole


def within(range: str, number: Decimal) -> bool:
    """Whether a number lies in a range such as `1..1000`, `..80` or `> 0`."""
    bound = _BOUND.match(range.strip())
    if bound:
        limit = Decimal(bound[2])
        return {
            ">": number > limit,
            ">=": number >= limit,
            "<": number < limit,
            "<=": number <= limit,
        }[bound[1]]
    ends = _RANGE.match(range.strip())
    if not ends:
        raise ValueError(f"'{range}' is not a range")
    return (ends[1] is None or number >= Decimal(ends[1])) and (ends[2] is None or number <= Decimal(ends[2]))
