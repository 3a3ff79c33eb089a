"""Arguments to the wire: each checked against its type, range, choices and length, and written for its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring as json_text
from typing import Any, cast

from .converters import Bad, ListConverter, converter_of, shown
from .errors import InvalidValue
from .models import MISSING, info_of
from .ranges import in_range, of_length
from .scalars import EPOCH, NOW
from .shapes import Scalar, Shape, shapes_of

__all__ = ["Codec", "check_input", "plan_of"]


class Codec:
    """Everything about sending one parameter of a call, or one field of an input model."""

    def __init__(
        self,
        name: str,
        wire: str,
        shape: Shape,
        *,
        required: bool,
        form: str | None,
        default: object,
        const: object,
        range: str | None,
        choices: tuple[object, ...] | None,
        length: str | None,
        join: str | None,
    ) -> None:
        self.name = name
        self.wire = wire
        self.shape = shape
        self.required = required
        self.default = default
        self.join = join
        self.converter = converter_of(shape, form)
        self.many = isinstance(self.converter, ListConverter)
        self._checks: list[Callable[[Any], None]] = []
        if range is not None:
            self._checks.append(self._each(in_range(range)))
        if choices is not None:
            self._checks.append(self._each(self._among(choices)))
        if length is not None:
            self._checks.append(of_length(length))
        self.const: Any = MISSING if const is MISSING else self.converter.accept(const)
        joined = self.many and join is not None
        self.json: Callable[[Any, int], str] = self._joined_json if joined else self.converter.json
        """An accepted value as JSON; the clock is for defaults inside it."""
        self.member = f"{json_text(wire)}:"
        self.silent = const is MISSING and default is MISSING  # not sent unless given
        self.accept: Callable[[Any], Any] = self._checked if self._checks else self.converter.accept
        """The value in comparable form, or `Bad`."""
        self.unit = shape.unit if isinstance(shape, Scalar) else ""

    def _checked(self, value: Any) -> Any:
        accepted = self.converter.accept(value)
        for check in self._checks:
            check(accepted)
        return accepted

    def unsent(self, now_ms: int) -> Any:
        """What is sent where nothing was given: None for nothing."""
        if self.const is not MISSING:
            return self.const
        if self.default is MISSING:
            return None
        return self.now(now_ms) if self.default is NOW else self.converter.accept(self.default)

    def now(self, now_ms: int) -> Any:
        """The clock in this parameter's unit."""
        word = self.shape.word if isinstance(self.shape, Scalar) else ""
        if word == "seconds":
            return now_ms // 1000
        if word == "exact_seconds":
            return Decimal(now_ms).scaleb(-3)
        if word == "iso_time":
            return (
                datetime.fromtimestamp(now_ms // 1000, EPOCH.tzinfo)
                .replace(microsecond=now_ms % 1000 * 1000)
                .isoformat(timespec="milliseconds")
                .replace("+00:00", "Z")
            )
        return str(now_ms) if word in ("id", "str") else Decimal(now_ms) if word == "decimal" else now_ms

    def texts(self, value: Any) -> list[str]:
        """An accepted value as one text, or as several where a list is repeated."""
        if not self.many:
            return [self.converter.text(value)]
        item = cast(ListConverter, self.converter).item
        return list(map(item.text, value))

    def joined(self, value: Any) -> str:
        """An accepted list as one text."""
        texts = self.texts(value)
        if self.join is None:
            if len(texts) != 1:
                raise Bad("takes just one value here")
            return texts[0]
        if not texts:
            raise Bad("an empty list cannot be sent; leave it out, or give None")
        for text in texts:
            if self.join in text:
                raise Bad(f"{shown(text)} holds {self.join!r}, which separates the items")
        return self.join.join(texts)

    def _joined_json(self, value: Any, _now_ms: int) -> str:
        return json_text(self.joined(value))

    def _each(self, check: Callable[[Any], None]) -> Callable[[Any], None]:
        if not self.many:
            return check

        def check_all(values: Any) -> None:
            for value in values:
                check(value)

        return check_all

    def _among(self, choices: tuple[object, ...]) -> Callable[[Any], None]:
        item = cast(ListConverter, self.converter).item if self.many else self.converter
        accepted = [item.accept(choice) for choice in choices]
        listed = ", ".join(str(choice) for choice in accepted)

        def check(value: Any) -> None:
            if value not in accepted:
                raise Bad(f"{shown(value)} is not one of {listed}", rule=f"one of {listed}")

        return check


class InputPlan:
    """How an input model is checked and written."""

    def __init__(self, cls: type[Any]) -> None:
        from .plan import Checks

        self.name = cls.__name__
        info = info_of(cls)
        self.codecs = [
            Codec(
                field.name,
                field.wire,
                field.shape,
                required=not field.optional,
                form=field.field.form,
                default=field.field.send,
                const=field.field.const,
                range=field.field.range,
                choices=field.field.choices,
                length=field.field.length,
                join=field.field.join,
            )
            for field in shapes_of(cls)
        ]
        self.row = info.row
        self.checks = Checks(info.require, {codec.name: codec for codec in self.codecs})

    def accept(self, instance: Any) -> dict[str, Any]:
        """The fields that were given, in comparable form."""
        given: dict[str, Any] = {}
        for codec in self.codecs:
            value = getattr(instance, codec.name)
            try:
                if value is None:
                    if codec.required:
                        raise Bad("is required, and cannot be None", type=True)
                    continue
                given[codec.name] = codec.accept(value)
            except Bad as bad:
                raise bad.error(self.name, codec.name) from None
        for rule, check in self.checks(given):
            broken = check(given)
            if broken is not None:
                parameter, reason = broken
                raise InvalidValue(
                    f"{self.name}: {reason}; the rule is: {rule.text}",
                    operation=self.name,
                    parameter=parameter,
                    rule=rule.text,
                )
        return given

    def pieces(self, instance: Any, now_ms: int) -> list[tuple[str, str]]:
        """Wire names and JSON of what is sent."""
        given = self.accept(instance)
        found: list[tuple[str, str]] = []
        for codec in self.codecs:
            value = given.get(codec.name)
            if value is None:
                value = codec.unsent(now_ms)
            if value is not None:
                found.append((codec.wire, codec.json(value, now_ms)))
            elif self.row:
                found.append((codec.wire, "null"))
        return found


def plan_of(cls: type[Any]) -> InputPlan:
    """How an input model is checked and written, worked out at first use."""
    info = info_of(cls)
    if info.plan is None:
        info.plan = InputPlan(cls)
    return cast(InputPlan, info.plan)


def check_input(instance: object) -> None:
    """Check the fields of an input model, as a call does; its constructor calls this.

    Raises:
        ArgumentError: A field cannot be sent as it is.
    """
    cls: type[Any] = type(instance)
    plan_of(cls).accept(instance)
