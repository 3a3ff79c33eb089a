"""The words of the type language as Python types: ids, times with their unit, open enums.

A type says on the wire's behalf what a name cannot: that an id is text however large the number, and in which unit a
time is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Final, NewType, Protocol, Self, TypeAlias, overload

from .errors import InvalidValue

__all__ = [
    "NOW",
    "Amount",
    "ExactSeconds",
    "Id",
    "IsoTime",
    "Millis",
    "OpenIntEnum",
    "OpenStrEnum",
    "Seconds",
    "Secret",
    "Signer",
    "Time",
    "utc_exact",
    "utc_iso",
    "utc_millis",
    "utc_seconds",
]


class IdMark:
    """Marks a `str` that may be a number of any size on the wire."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Id"


ID_MARK: Final = IdMark()

Id: TypeAlias = Annotated[str, ID_MARK]
"""An id: text in Python, text or a number of any size on the wire."""

Millis = NewType("Millis", int)
"""Whole milliseconds since 1970, UTC."""
Seconds = NewType("Seconds", int)
"""Whole seconds since 1970, UTC."""
ExactSeconds = NewType("ExactSeconds", Decimal)
"""Seconds since 1970, UTC, with a fraction."""
IsoTime = NewType("IsoTime", str)
"""A time in ISO 8601."""

Amount: TypeAlias = Decimal | int | str
"""An exact number: `Decimal`, `int`, or a text that holds one. Never a `float`."""
Time: TypeAlias = int | datetime
"""A time: an aware `datetime`, or a whole number in the unit that the parameter names."""


class Signer(Protocol):
    """A key that signs where it lies, in an HSM or a key store, and never leaves it."""

    def hmac(self, digest: str, message: bytes) -> bytes:
        """The HMAC of a message under the key, as bytes.

        Args:
            digest: `sha256`, `sha384`, `sha512` or `md5`, as the exchange wants it.
            message: What is signed.
        """
        ...


Secret: TypeAlias = str | Callable[[], str] | Signer
"""A credential: its text, a function that gives it each time it is needed, or a `Signer` that never gives it."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - `datetime.UTC` is the same object under a newer name
_MICROSECOND: Final = timedelta(microseconds=1)


def _since_epoch(value: object, span: Callable[[], timedelta]) -> datetime:
    try:
        return EPOCH + span()
    except (OverflowError, ArithmeticError, ValueError) as error:
        raise InvalidValue(f"{value!r} is not a time that a datetime can hold") from error


@overload
def utc_millis(value: int) -> datetime: ...
@overload
def utc_millis(value: int | None) -> datetime | None: ...
def utc_millis(value: int | None) -> datetime | None:
    """The aware UTC `datetime` of whole milliseconds since 1970; `None` of `None`.

    Raises:
        InvalidValue: The year is not between 1 and 9999.
    """
    return None if value is None else _since_epoch(value, lambda: timedelta(milliseconds=value))


@overload
def utc_seconds(value: int) -> datetime: ...
@overload
def utc_seconds(value: int | None) -> datetime | None: ...
def utc_seconds(value: int | None) -> datetime | None:
    """The aware UTC `datetime` of whole seconds since 1970; `None` of `None`.

    Raises:
        InvalidValue: The year is not between 1 and 9999.
    """
    return None if value is None else _since_epoch(value, lambda: timedelta(seconds=value))


@overload
def utc_exact(value: Decimal) -> datetime: ...
@overload
def utc_exact(value: Decimal | None) -> datetime | None: ...
def utc_exact(value: Decimal | None) -> datetime | None:
    """The aware UTC `datetime` of seconds with a fraction since 1970, cut to microseconds; `None` of `None`.

    Raises:
        InvalidValue: The year is not between 1 and 9999.
    """
    if value is None:
        return None
    if value.adjusted() > 15:
        raise InvalidValue(f"{value!r} is not a time that a datetime can hold")
    return _since_epoch(value, lambda: timedelta(microseconds=int(value.scaleb(6).to_integral_value("ROUND_FLOOR"))))


@overload
def utc_iso(value: str) -> datetime: ...
@overload
def utc_iso(value: str | None) -> datetime | None: ...
def utc_iso(value: str | None) -> datetime | None:
    """The aware UTC `datetime` of an ISO 8601 text; a text without a zone is taken for UTC. `None` of `None`.

    Raises:
        InvalidValue: The text is not ISO 8601.
    """
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidValue(f"{value!r} is not a time in ISO 8601") from error
    return when.replace(tzinfo=EPOCH.tzinfo) if when.tzinfo is None else when.astimezone(EPOCH.tzinfo)


def microseconds(when: datetime) -> int:
    """Whole microseconds from 1970 to an aware datetime, exactly."""
    return (when - EPOCH) // _MICROSECOND


class OpenStrEnum(StrEnum):
    """Text values that the exchange may add to: an unknown one is kept, equals its text, and says so by `is_known`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = str(value)
        return member

    @property
    def is_known(self) -> bool:
        """Whether the spec lists this value."""
        return self._value_ in type(self)._value2member_map_

    def __repr__(self) -> str:
        known = f".{self._name_}" if self.is_known else ""
        return f"<{type(self).__name__}{known}: {self._value_!r}>"

    def __reduce_ex__(self, proto: Any) -> tuple[Any, ...]:
        return type(self), (self._value_,)


class OpenIntEnum(IntEnum):
    """Whole-number values that the exchange may add to: an unknown one is kept, equals its number, and says so by
    `is_known`.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = int(value)
        return member

    @property
    def is_known(self) -> bool:
        """Whether the spec lists this value."""
        return self._value_ in type(self)._value2member_map_

    def __repr__(self) -> str:
        known = f".{self._name_}" if self.is_known else ""
        return f"<{type(self).__name__}{known}: {self._value_!r}>"

    def __reduce_ex__(self, proto: Any) -> tuple[Any, ...]:
        return type(self), (self._value_,)


class _Now:
    """The client's clock at the moment of sending, in the parameter's own unit."""

    def __repr__(self) -> str:
        return "NOW"


NOW: Final = _Now()
"""The client's clock at the moment of sending, in the parameter's own unit."""
