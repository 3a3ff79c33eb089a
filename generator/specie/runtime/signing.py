"""The words in which a printed `sign()` is written, and what it is given.

Each function does what its name says to text as UTF-8, and nothing else, so that a reader can lay `sign()` beside the
exchange's page.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias, cast

from .errors import InvalidType
from .scalars import Signer

__all__ = [
    "Additions",
    "Held",
    "Pairs",
    "Unsigned",
    "base64",
    "base64url",
    "compact_json",
    "form",
    "hmac_md5",
    "hmac_sha256",
    "hmac_sha384",
    "hmac_sha512",
    "md5",
    "php_form",
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


class Held:
    """What `sign()` is given in place of a secret that lies elsewhere: a key that signs by HMAC and cannot be read.

    Any other use of it is refused, so that nothing is ever signed with the wrong text.
    """

    __slots__ = ("_name", "_signer")

    def __init__(self, name: str, signer: Signer) -> None:
        self._name = name
        self._signer = signer

    def hmac(self, digest: str, message: bytes) -> bytes:
        """The HMAC that the signer makes."""
        import hashlib

        made = cast(object, self._signer.hmac(digest, message))
        size = hashlib.new(digest, usedforsecurity=False).digest_size
        if not isinstance(made, bytes) or len(made) != size:
            raise InvalidType(
                f"the signer given as {self._name} must return the {size} bytes of an HMAC with {digest}",
                parameter=self._name,
            )
        return made

    def _refuse(self, *_: object) -> NoReturn:
        raise InvalidType(
            f"this exchange needs the text of {self._name}, not only an HMAC made with it; give a str, or a function "
            "that returns one",
            parameter=self._name,
        )

    __str__ = __format__ = __add__ = __radd__ = __iter__ = encode = _refuse

    def __repr__(self) -> str:
        return "***"


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def base64(value: str | bytes) -> str:
    """Base64 with `+` and `/`, padded."""
    return b2a_base64(_bytes(value), newline=False).decode("ascii")


def base64url(value: str | bytes) -> str:
    """Base64 with `-` and `_`, padded."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(_bytes(value)).decode("ascii")


def _hmac(key: str | bytes | Held, value: str | bytes, name: str) -> bytes:
    import hmac

    if isinstance(key, Held):
        return key.hmac(name, _bytes(value))
    return hmac.digest(_bytes(key), _bytes(value), name)


def _digest(value: str | bytes, name: str) -> bytes:
    import hashlib

    return hashlib.new(name, _bytes(value), usedforsecurity=False).digest()


def hmac_md5(key: str | bytes | Held, value: str | bytes) -> bytes:
    """HMAC with MD5."""
    return _hmac(key, value, "md5")


def hmac_sha256(key: str | bytes | Held, value: str | bytes) -> bytes:
    """HMAC with SHA-256."""
    return _hmac(key, value, "sha256")


def hmac_sha384(key: str | bytes | Held, value: str | bytes) -> bytes:
    """HMAC with SHA-384."""
    return _hmac(key, value, "sha384")


def hmac_sha512(key: str | bytes | Held, value: str | bytes) -> bytes:
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
    """`application/x-www-form-urlencoded`, as Python writes it: `+` for a space, only `-_.~` and alphanumerics as they
    are.
    """
    from urllib.parse import quote_plus

    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def php_form(pairs: Pairs) -> str:
    """`application/x-www-form-urlencoded`, as PHP's `http_build_query` writes it: as `form`, but `~` is escaped."""
    return form(pairs).replace("~", "%7E")


def sorted_pairs(pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs by name; pairs of one name keep their order."""
    return sorted(pairs, key=lambda pair: pair[0])


def without(pairs: Pairs, name: str) -> list[tuple[str, str]]:
    """The pairs but those of this name."""
    return [pair for pair in pairs if pair[0] != name]
