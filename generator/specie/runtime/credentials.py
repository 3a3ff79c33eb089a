"""The credentials of an account: read by `sign()`, shown by nothing.

A value is a text, a function that gives it each time it is needed (a key store), or a signer that never gives it at
all (an HSM). Whatever was read is remembered only to be masked in what could be printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn, TypeGuard, cast, overload

from .errors import InvalidType, InvalidValue
from .scalars import Secret, Signer
from .signing import Held, sha256

__all__ = ["BaseCredentials", "credential", "mask", "optional_credential"]

MASK = "***"


class _Credential:
    """One credential of an exchange: set in the constructor, read by `sign()`, shown by nothing."""

    def __init__(self, required: bool) -> None:
        self.required = required
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def read(self, instance: BaseCredentials) -> str | Held | None:
        given = instance.given(self.name)
        if isinstance(given, str) or given is None:
            return given
        if _signs(given):
            return Held(self.name, given)
        value = cast(Callable[[], object], given)()
        if not isinstance(value, str):
            raise InvalidType(
                f"the function given as {self.name} returned {type(value).__name__}, not str", parameter=self.name
            )
        instance.seen[self.name] = value
        if not value and self.required:
            raise InvalidValue(f"the function given as {self.name} returned nothing", parameter=self.name)
        return _checked(self.name, value)


class credential(_Credential):  # noqa: N801 - reads as a field specifier where it is used
    """A credential without which nothing can be signed."""

    def __init__(self) -> None:
        super().__init__(True)

    @overload
    def __get__(self, instance: None, owner: type) -> credential: ...
    @overload
    def __get__(self, instance: BaseCredentials, owner: type) -> str: ...
    def __get__(self, instance: BaseCredentials | None, owner: type) -> credential | str:
        if instance is None:
            return self
        value = self.read(instance)
        # A signer passes for the text, and refuses to be used as one but by the words `hmac_…`.
        return value if isinstance(value, str) else cast(str, value or "")


class optional_credential(_Credential):  # noqa: N801
    """A credential that an account may lack."""

    def __init__(self) -> None:
        super().__init__(False)

    @overload
    def __get__(self, instance: None, owner: type) -> optional_credential: ...
    @overload
    def __get__(self, instance: BaseCredentials, owner: type) -> str | None: ...
    def __get__(self, instance: BaseCredentials | None, owner: type) -> optional_credential | str | None:
        if instance is None:
            return self
        value = self.read(instance)
        return value or None if isinstance(value, str) else cast("str | None", value)


def _signs(given: object) -> TypeGuard[Signer]:
    return callable(getattr(given, "hmac", None))


def _checked(name: str, value: str) -> str:
    # A stray newline (a key read from a file) would end a header early, or make every signature wrong without a word.
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise InvalidValue(f"{name} holds a line break or another control character; strip it", parameter=name)
    if value != value.strip():
        raise InvalidValue(f"{name} begins or ends with a space; strip it", parameter=name)
    return value


class BaseCredentials:
    """The credentials of one account. Printing, formatting or comparing never shows a value, and pickling is refused.

    A subclass names them, and passes what it is given on to `super().__init__`:

        class Credentials(BaseCredentials):
            api_key = credential()
            api_secret = credential()
            identity = optional_credential()
    """

    _fields: ClassVar[tuple[_Credential, ...]] = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._fields = tuple(value for value in vars(cls).values() if isinstance(value, _Credential))

    def __init__(self, **values: Secret | None) -> None:
        for name, value in values.items():
            if value is not None and not isinstance(value, str) and not callable(value) and not _signs(value):
                raise InvalidType(
                    f"{name} must be a str, a function that returns one, or a Signer, not {type(value).__name__}",
                    parameter=name,
                )
            if isinstance(value, str):
                _checked(name, value)
        self._known = ("", "")
        self._values: dict[str, Secret | None] = values
        self._missing = tuple(field.name for field in self._fields if field.required and not self._has(field.name))
        self.blocking = any(value is not None and not isinstance(value, str) for value in values.values())
        """Whether reading or signing may take its time, since a function or a signer does it."""
        self.seen: dict[str, str] = {}
        """What functions gave last, so that it can be masked without asking them again."""

    def given(self, name: str) -> Secret | None:
        """What was given as a credential: its text, a function, or a signer."""
        return self._values.get(name)

    def missing(self) -> tuple[str, ...]:
        """Names of the credentials that signing needs and that were not given."""
        return self._missing

    def _has(self, name: str) -> bool:
        value = self._values.get(name)
        return value is not None and value != ""

    def fingerprint(self) -> str:
        """A short text that stands for the account and does not give it away; nonces are kept by it."""
        if self._known[1] and not self.blocking:
            return self._known[1]
        first = next((value for field in self._fields if isinstance(value := field.read(self), str) and value), "")
        if first != self._known[0]:
            self._known = (first, sha256(first).hex()[:16])
        return self._known[1]

    def secrets(self) -> list[str]:
        """The values themselves, for masking what could be printed."""
        given = [value for field in self._fields if isinstance(value := self._values.get(field.name), str)]
        found = {value for value in (*given, *list(self.seen.values())) if len(value) > 3}
        return sorted(found, key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text with every credential in it replaced."""
        return mask(text, self.secrets())

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}={MASK if self._has(field.name) else None}" for field in self._fields)
        return f"{type(self).__name__}({shown})"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return format(repr(self), specification)

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled; give each process its own, or a function that reads them")


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text with every one of the secrets in it replaced by `***`, however it is written there."""
    for secret in secrets:
        for written in _ways_to_write(secret):
            text = text.replace(written, MASK)
    return text


def _ways_to_write(secret: str) -> list[str]:
    """As it is, as JSON (with `\\/` too, as PHP does), in a URL, in a form, and in HTML; the longest first."""
    from html import escape
    from json import dumps
    from urllib.parse import quote, quote_plus

    quoted = [dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]]
    ways = {secret, *quoted, *(way.replace("/", "\\/") for way in quoted), quote(secret), quote(secret, safe="")}
    return sorted(ways | {quote_plus(secret), escape(secret)}, key=len, reverse=True)
