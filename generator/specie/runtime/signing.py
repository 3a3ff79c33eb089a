"""The words in which a printed `sign()` is written, and what it is given.

Each function does what its name says to text as UTF-8, and nothing else, so that a reader can lay `sign()` beside the
exchange's page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeAlias, cast, overload

from .errors import InvalidType, InvalidValue
from .scalars import Secret

__all__ = [
    "Additions",
    "BaseCredentials",
    "Pairs",
    "Unsigned",
    "base64",
    "base64url",
    "compact_json",
    "credential",
    "form",
    "hmac_md5",
    "hmac_sha256",
    "hmac_sha384",
    "hmac_sha512",
    "md5",
    "optional_credential",
    "sha256",
    "sha384",
    "sha512",
    "sorted_pairs",
    "without",
]

Pairs: TypeAlias = Sequence[tuple[str, str]]
"""Form or query fields in their order: names and values as text, not yet encoded."""


class Unsigned:
    """A request that is whole but for its signature; what `sign()` looks at.

    Attributes:
        method: `GET`, `POST` …
        path: As sent, with the server's own path, without the query.
        query: As sent, without the question mark.
        body: As sent; empty if there is none.
        fields: The form fields, as names and values.
        nonce: Milliseconds, strictly increasing for this key; 0 where the exchange knows no nonce.
        now_ms: The client's clock, milliseconds since 1970.
    """

    __slots__ = ("body", "fields", "method", "nonce", "now_ms", "path", "query")

    def __init__(
        self,
        *,
        method: str = "GET",
        path: str = "/",
        query: str = "",
        body: str = "",
        fields: Pairs = (),
        nonce: int = 0,
        now_ms: int = 0,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.fields = fields
        self.nonce = nonce
        self.now_ms = now_ms


class Additions:
    """What signing puts into a request before it is serialised; a `None` is left out."""

    __slots__ = ("body", "form", "headers", "query")

    def __init__(
        self,
        *,
        query: Mapping[str, str | int | None] | None = None,
        form: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str | int | None] | None = None,
    ) -> None:
        self.query = query or {}
        self.form = form or {}
        self.body = body or {}
        self.headers = headers or {}


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def base64(value: str | bytes) -> str:
    """Base64 with `+` and `/`, padded."""
    from base64 import b64encode

    return b64encode(_bytes(value)).decode("ascii")


def base64url(value: str | bytes) -> str:
    """Base64 with `-` and `_`, padded."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(_bytes(value)).decode("ascii")


def _hmac(key: str | bytes, value: str | bytes, name: str) -> bytes:
    import hmac

    return hmac.digest(_bytes(key), _bytes(value), name)


def _digest(value: str | bytes, name: str) -> bytes:
    import hashlib

    return hashlib.new(name, _bytes(value), usedforsecurity=False).digest()


def hmac_md5(key: str | bytes, value: str | bytes) -> bytes:
    """HMAC with MD5."""
    return _hmac(key, value, "md5")


def hmac_sha256(key: str | bytes, value: str | bytes) -> bytes:
    """HMAC with SHA-256."""
    return _hmac(key, value, "sha256")


def hmac_sha384(key: str | bytes, value: str | bytes) -> bytes:
    """HMAC with SHA-384."""
    return _hmac(key, value, "sha384")


def hmac_sha512(key: str | bytes, value: str | bytes) -> bytes:
    """HMAC with SHA-512."""
    return _hmac(key, value, "sha512")


def md5(value: str | bytes) -> bytes:
    """MD5 digest."""
    return _digest(value, "md5")


def sha256(value: str | bytes) -> bytes:
    """SHA-256 digest."""
    return _digest(value, "sha256")


def sha384(value: str | bytes) -> bytes:
    """SHA-384 digest."""
    return _digest(value, "sha384")


def sha512(value: str | bytes) -> bytes:
    """SHA-512 digest."""
    return _digest(value, "sha512")


def compact_json(**values: str | int | None) -> str:
    """A JSON object without a space, in the order given; what is `None` is left out."""
    from json.encoder import encode_basestring as text

    members = [f"{text(name)}:{json_scalar(value)}" for name, value in values.items() if value is not None]
    return "{" + ",".join(members) + "}"


def json_scalar(value: str | int) -> str:
    """Text or a whole number as JSON."""
    if isinstance(value, str):
        from json.encoder import encode_basestring

        return encode_basestring(value)
    return "true" if value is True else "false" if value is False else int.__repr__(value)


def form(pairs: Pairs) -> str:
    """`application/x-www-form-urlencoded`, as PHP and Python write it: `+` for a space, only `-_.~` and alphanumerics
    as they are.
    """
    from urllib.parse import quote_plus

    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def sorted_pairs(pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs by name; pairs of one name keep their order."""
    return sorted(pairs, key=lambda pair: pair[0])


def without(pairs: Pairs, name: str) -> list[tuple[str, str]]:
    """The pairs but those of this name."""
    return [pair for pair in pairs if pair[0] != name]


# -- credentials -----------------------------------------------------------------------------------------------------

MASK = "***"


class _Credential:
    """One credential of an exchange: set in the constructor, read by `sign()`, shown by nothing."""

    def __init__(self, required: bool) -> None:
        self.required = required
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def read(self, instance: BaseCredentials) -> str | None:
        given = instance.given(self.name)
        if given is None or isinstance(given, str):
            return given
        value = cast(object, given())
        if not isinstance(value, str):
            raise InvalidType(
                f"the function given as {self.name} returned {type(value).__name__}, not str", parameter=self.name
            )
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
        return self if instance is None else self.read(instance) or ""


class optional_credential(_Credential):  # noqa: N801
    """A credential that an account may lack."""

    def __init__(self) -> None:
        super().__init__(False)

    @overload
    def __get__(self, instance: None, owner: type) -> optional_credential: ...
    @overload
    def __get__(self, instance: BaseCredentials, owner: type) -> str | None: ...
    def __get__(self, instance: BaseCredentials | None, owner: type) -> optional_credential | str | None:
        return self if instance is None else self.read(instance) or None


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
            if value is not None and not isinstance(value, str) and not callable(value):
                raise InvalidType(
                    f"{name} must be a str or a function that returns one, not {type(value).__name__}", parameter=name
                )
            if isinstance(value, str):
                _checked(name, value)
        self._known = ("", "")
        self._values: dict[str, str | Callable[[], str] | None] = values

    def given(self, name: str) -> Secret | None:
        """What was given as a credential: its text, or a function."""
        return self._values.get(name)

    def missing(self) -> tuple[str, ...]:
        """Names of the credentials that signing needs and that were not given."""
        return tuple(field.name for field in self._fields if field.required and not self._values.get(field.name))

    def fingerprint(self) -> str:
        """A short text that stands for the account and does not give it away; nonces are kept by it."""
        first = next((value for field in self._fields if (value := field.read(self))), "")
        if first != self._known[0]:
            self._known = (first, sha256(first).hex()[:16])
        return self._known[1]

    def secrets(self) -> list[str]:
        """The values themselves, for masking what could be printed."""
        found: list[str] = []
        for field in self._fields:
            try:
                value = field.read(self)
            except Exception:  # noqa: S112 - a failing key store must not hide the error being masked
                continue
            if value and len(value) > 3:
                found.append(value)
        return sorted(found, key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text with every credential in it replaced."""
        return mask(text, self.secrets())

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}={MASK if self._values.get(field.name) else None}" for field in self._fields)
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
