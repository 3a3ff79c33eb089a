"""One operation, ready to be called: arguments in, a draft of the request out.

A draft is whole but for what signing adds; serialising it (once) gives the very bytes that are signed and sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring as json_text
from typing import Any, Final
from urllib.parse import quote

from .converters import Bad
from .encode import Codec
from .errors import InvalidType, InvalidValue
from .models import MISSING
from .operation import Operation, Parameter
from .rules import Rule, compile_rule, may_break, parse_rule
from .shapes import EnumShape, ListShape, shape_of
from .signing import form as form_text
from .signing import json_scalar

__all__ = ["Checks", "Draft", "Plan", "codec_of", "plan_for"]

Check = Callable[[Mapping[str, Any]], tuple[str, str] | None]
"""Gives the parameter and what is wrong with it, if anything is."""


class Checks:
    """The rules of an operation or an input model, ready to look at what was given.

    Args:
        rules: Their sentences.
        codecs: Those of the parameters, by name.
    """

    def __init__(self, rules: Iterable[str], codecs: Mapping[str, Codec]) -> None:
        def known(name: str, word: str) -> frozenset[object]:
            shape = codecs[name].shape
            shape = shape.item if isinstance(shape, ListShape) else shape
            if isinstance(shape, EnumShape) and word in shape.cls.__members__:
                return frozenset((shape.cls.__members__[word].value,))
            return frozenset((word, {"true": True, "false": False}.get(word, word)))

        parsed = map(parse_rule, rules)
        self._all = [(rule, compile_rule(rule, known, lambda name: codecs[name].unit)) for rule in parsed]
        self._open: dict[tuple[str, ...], list[tuple[Rule, Check]]] = {}

    def __call__(self, given: Mapping[str, Any]) -> list[tuple[Rule, Check]]:
        """The rules that such a call may break. Most cannot be broken once it is known which parameters were given,
        whatever their values; that is worked out once for each set of them.
        """
        names = tuple(given)
        found = self._open.get(names)
        if found is None:
            found = self._open[names] = [one for one in self._all if may_break(one[0], given)]
        return found


class Draft:
    """A request before it is signed: everything in its place, nothing serialised."""

    __slots__ = ("body", "fields", "has_body", "has_form", "headers", "method", "path", "query", "whole")

    def __init__(self, method: str, path: str) -> None:
        self.method = method
        self.path = path
        self.query: list[tuple[str, str]] = []  # encoded
        self.fields: list[tuple[str, str]] = []  # not encoded: signing sees them as they are
        self.body: list[str] = []  # its members as JSON
        self.whole: str | None = None
        self.headers: dict[str, str] = {}
        self.has_body = False
        self.has_form = False

    def query_text(self, sort: bool) -> str:
        """The query as it is sent."""
        pairs = sorted(self.query, key=lambda pair: pair[0]) if sort else self.query
        return "&".join(f"{name}={value}" for name, value in pairs)

    def body_text(self) -> str:
        """The body as it is sent; empty if there is none."""
        if self.whole is not None:
            return self.whole
        if self.has_body or self.body:
            return "{" + ",".join(self.body) + "}"
        return form_text(self.fields)

    def content_type(self) -> str | None:
        """What the body is."""
        if self.whole is not None or self.has_body or self.body:
            return "application/json"
        return "application/x-www-form-urlencoded" if self.has_form or self.fields else None

    def add_query(self, name: str, value: str) -> None:
        """One more query parameter, not yet encoded."""
        self.query.append((encode(name), encode(value)))

    def add_body(self, name: str, value: str | int) -> None:
        """One more member of the body."""
        if self.whole is not None:
            raise InvalidValue(f"{name} cannot be added to a body that is no object")
        self.body.append(f"{json_text(name)}:{json_scalar(value)}")


def encode(text: str) -> str:
    """RFC 3986: everything but `A-Za-z0-9-._~` percent-encoded."""
    return text if _UNRESERVED.match(text) else quote(text, safe="")


_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]*\Z")
_HOLE: Final = re.compile(r"\{([^{}]*)\}")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\x80-\xff]*\Z")


def is_header_value(text: str) -> bool:
    """Whether a text can stand in a header: Latin-1 without control characters."""
    return (text.isascii() and text.isprintable()) or _HEADER_VALUE.match(text) is not None


class Plan:
    """How the calls of one operation are checked and drafted."""

    def __init__(self, operation: Operation[Any]) -> None:
        self.operation = operation
        self.parameters: list[tuple[Parameter, Codec]] = [
            (parameter, codec_of(parameter)) for parameter in operation.parameters
        ]
        self.codecs = {codec.name: codec for _, codec in self.parameters}
        self._taken = [(codec.name, codec) for parameter, codec in self.parameters if parameter.const is MISSING]
        self._names = frozenset(name for name, _ in self._taken)
        self._checks = Checks(operation.require, self.codecs)
        self._has_body = any(parameter.place == "body" for parameter, _ in self.parameters)
        self._has_form = any(parameter.place == "form" for parameter, _ in self.parameters)
        self._path = _HOLE.split(operation.path)
        self._by_hole = {
            key: codec
            for parameter, codec in self.parameters
            if parameter.place == "path"
            for key in (parameter.wire, parameter.name)
        }
        self._rest = [(parameter, codec) for parameter, codec in self.parameters if parameter.place != "path"]
        names = [operation.client_id] if operation.client_id else ["client_order_id", "client_id"]
        self._client_id = next((name for name in names if name in self.codecs), None)

    def accept(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the caller gave, checked and in comparable form.

        Raises:
            ArgumentError: It cannot be sent as it is.
        """
        name = self.operation.name
        given: dict[str, Any] = {}
        if not self._names.issuperset(arguments):
            unknown = next(key for key in arguments if key not in self._names)
            raise InvalidType(f"{name}: there is no parameter {unknown!r}", operation=name, parameter=unknown)
        for key, codec in self._taken:
            value = arguments.get(key)
            if value is not None:
                try:
                    given[key] = codec.accept(value)
                except Bad as bad:
                    raise bad.error(name, key) from None
            elif codec.required:
                raise InvalidType(f"{name}: {key}: is required", operation=name, parameter=key)
        for rule, check in self._checks(given):
            broken = check(given)
            if broken is not None:
                parameter_name, reason = broken
                raise InvalidValue(
                    f"{name}: {reason}; the rule is: {rule.text}",
                    operation=name,
                    parameter=parameter_name,
                    rule=rule.text,
                )
        return given

    def draft(self, given: Mapping[str, Any], now_ms: int) -> Draft:
        """The request of a call that was accepted, as of now."""
        name = self.operation.name
        draft = Draft(
            self.operation.method, self._path_text(given, now_ms) if len(self._path) > 1 else self.operation.path
        )
        draft.has_body = self._has_body
        draft.has_form = self._has_form
        for parameter, codec in self._rest:
            value = given.get(codec.name)
            if value is None and (codec.silent or (value := codec.unsent(now_ms)) is None):
                continue
            try:
                _place(draft, parameter, codec, value, now_ms)
            except Bad as bad:
                raise bad.error(name, codec.name) from None
        return draft

    def client_order_id(self, given: Mapping[str, Any]) -> str | None:
        """The caller's own id of the order, if it was given."""
        value = given.get(self._client_id) if self._client_id else None
        return None if value is None else str(value)

    def _path_text(self, given: Mapping[str, Any], now_ms: int) -> str:
        pieces: list[str] = []
        for index, piece in enumerate(self._path):
            if index % 2 == 0:
                pieces.append(piece)
                continue
            codec = self._by_hole[piece]
            value = given.get(codec.name)
            value = codec.unsent(now_ms) if value is None else value
            text = codec.joined(value) if codec.many else codec.converter.text(value)
            if not text or text in (".", "..") or "/" in text or "\\" in text:
                raise InvalidValue(
                    f"{self.operation.name}: {codec.name}: {text!r} cannot stand in a path; "
                    "it may not be empty, '.', '..', or hold a slash",
                    operation=self.operation.name,
                    parameter=codec.name,
                )
            pieces.append(encode(text))
        return "".join(pieces)


def _place(draft: Draft, parameter: Parameter, codec: Codec, value: Any, now_ms: int) -> None:
    place = parameter.place
    if place == "body":
        if parameter.whole:
            draft.whole = codec.json(value, now_ms)
        else:
            draft.body.append(codec.member + codec.json(value, now_ms))
    elif place == "query":
        name = encode(codec.wire)
        if codec.many and codec.join is not None:
            codec.joined(value)  # refuses what cannot be told apart again
            draft.query.append((name, codec.join.join(map(encode, codec.texts(value)))))
        else:
            draft.query.extend((name, encode(text)) for text in codec.texts(value))
    elif place == "form":
        if codec.many and codec.join is not None:
            draft.fields.append((codec.wire, codec.joined(value)))
        else:
            draft.fields.extend((codec.wire, text) for text in codec.texts(value))
    else:
        text = codec.joined(value) if codec.many else codec.converter.text(value)
        if not is_header_value(text):
            raise Bad(
                "cannot stand in a header: it holds a line break, a control character or a character beyond Latin-1"
            )
        draft.headers[codec.wire] = text


def codec_of(parameter: Parameter) -> Codec:
    """Everything about sending a parameter."""
    return Codec(
        parameter.name,
        parameter.wire,
        shape_of(parameter.type),
        required=parameter.required,
        form=parameter.form,
        default=parameter.default,
        const=parameter.const,
        range=parameter.range,
        choices=parameter.choices,
        length=parameter.length,
        join=parameter.join,
    )


def plan_for(operation: Operation[Any]) -> Plan:
    """The plan of an operation, worked out at its first call."""
    plan = operation.plan
    if plan is None:
        plan = operation.plan = Plan(operation)
    return plan  # type: ignore[no-any-return]
