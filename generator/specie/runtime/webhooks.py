"""A notification that an exchange posts is believed only after its signature was found right; then it becomes a typed
event.

One pure function: no clock, no network, no state. Whoever can reach the receiver can post to it, so nothing but the
names of the fields and the signature is looked at before the signature fits.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

from .conditions import ABSENT, PRESENT, Condition, Presence
from .errors import InvalidType, InvalidValue, InvalidWebhook, WebhookSignatureMismatch

if TYPE_CHECKING:
    from .signing import Pairs

__all__ = ["WebhookHeaders", "Webhooks", "parse_form"]

T = TypeVar("T")

LARGEST_BODY = 65_536
"""Bytes; a notification has some hundreds."""
_MOST_FIELDS = 1000
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class _Items(Protocol):
    def items(self) -> Iterable[tuple[str, Any]]: ...


WebhookHeaders: TypeAlias = Mapping[str, str] | _Items
"""The headers of a request as servers give them: a mapping, or what has `items()`, as those of `http.server`,
`aiohttp`, Flask, Django and Starlette do. Names in any letters.
"""

Alternatives: TypeAlias = tuple[tuple[type[Any], Condition], ...]


class Webhooks(Generic[T]):
    """How the notifications of an exchange are verified, and what they become.

    Args:
        name: What errors call them.
        field: The form field that holds the signature.
        sign: Gives the signature that fields should have; its keyword arguments are the secrets.
        alternatives: By webhook, the types that its notification may be, each with its condition; the first whose
            condition holds counts.
        otherwise: The type of a notification that fits several webhooks alike.
    """

    def __init__(
        self,
        *,
        name: str,
        field: str,
        sign: Callable[..., str],
        alternatives: Mapping[str, Alternatives],
        otherwise: type[Any] | None = None,
    ) -> None:
        self.name = name
        self.field = field
        self.sign = sign
        self.alternatives = dict(alternatives)
        self.otherwise = otherwise

    def parse(
        self, headers: WebhookHeaders, body: bytes | str, secrets: Mapping[str, str], webhook: str | None = None
    ) -> Any:
        """Verify a notification and read it.

        Args:
            headers: The headers of the request.
            body: The body of the request, as it was received.
            secrets: What signs, by name.
            webhook: Which webhook it is, where the receiver's address tells; else what it holds must tell.

        Returns:
            One of the types that the webhooks yield.

        Raises:
            WebhookSignatureMismatch: The signature is missing or wrong; answer it with 401 or 403 and do nothing.
            InvalidWebhook: It is no notification; answer it with 400 and do nothing.
            InvalidValue: A secret is empty, or there is no such webhook.
            InvalidType: An argument of another type.
        """
        for name, secret in secrets.items():
            _check_secret(name, secret)
        if webhook is not None and webhook not in self.alternatives:
            raise InvalidValue(
                f"there is no webhook {webhook!r}; there are {', '.join(self.alternatives)}", parameter="webhook"
            )
        fields = parse_form(headers, body)
        self._verify(fields, secrets)
        message = dict(fields)
        return self._read(self._type_of(message, webhook), message)

    def _verify(self, fields: Pairs, secrets: Mapping[str, str]) -> None:
        signature = next((value for name, value in fields if name == self.field), "")
        if not signature:
            raise WebhookSignatureMismatch(f"the notification has no {self.field}: it is not signed", field=self.field)
        expected = self.sign(fields, **secrets)
        # As bytes, since a forged signature may hold any letter, and `compare_digest` takes only ASCII text.
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise WebhookSignatureMismatch(
                f"the {self.field} of the notification is wrong: it was not signed with this secret, "
                "or was changed on its way",
                field=self.field,
            )

    def _type_of(self, message: Mapping[str, str], webhook: str | None) -> type[Any]:
        asked = self.alternatives if webhook is None else {webhook: self.alternatives[webhook]}
        found: dict[str, type[Any]] = {}
        for name, alternatives in asked.items():
            fitting = next((kind for kind, when in alternatives if _holds(when, message)), None)
            if fitting is not None:
                found[name] = fitting
        kinds = list(dict.fromkeys(found.values()))
        if len(kinds) == 1:
            return kinds[0]
        if not kinds:
            names = f"the webhook {webhook}" if webhook is not None else "any webhook"
            raise InvalidWebhook(f"the notification is signed, but is not that of {names}: it has {_names(message)}")
        if self.otherwise is None:
            raise InvalidWebhook(
                f"the notification may be that of {' or '.join(found)}, and nothing in it tells which: "
                "say webhook=…, and give each its own address"
            )
        return self.otherwise

    def _read(self, kind: type[Any], message: Mapping[str, str]) -> Any:
        from .reference import Mismatch, read
        from .shapes import shape_of

        try:
            return read(shape_of(kind), message)
        except Mismatch as mismatch:
            reason, field = str(mismatch), mismatch.path.removeprefix("$.")
        raise InvalidWebhook(f"the notification is signed, but is no {kind.__name__}: {reason}", field=field)

    def __repr__(self) -> str:
        return f"Webhooks({self.name!r}: {', '.join(self.alternatives)})"


def parse_form(headers: WebhookHeaders, body: object) -> list[tuple[str, str]]:
    """The fields of a form in the order in which they came.

    Raises:
        InvalidWebhook: It is too large, not a form, or has a field twice.
        InvalidType: The body is neither bytes nor text.
    """
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if not isinstance(body, (bytes, bytearray)):
        raise InvalidType(
            f"body must be the bytes that were received, not {type(body).__name__}: "
            "a parsed form has lost what the signature needs",
            parameter="body",
        )
    raw = bytes(body)
    if len(raw) > LARGEST_BODY:
        raise InvalidWebhook(f"the notification has {len(raw)} bytes; more than {LARGEST_BODY} are not read")
    _check_content_type(headers)
    if not raw.strip():
        raise InvalidWebhook("the notification is empty")
    pieces = raw.split(b"&")
    if len(pieces) > _MOST_FIELDS:
        raise InvalidWebhook(f"the notification has {len(pieces)} fields; more than {_MOST_FIELDS} are not read")
    fields: dict[str, str] = {}
    for piece in pieces:
        name, mark, value = piece.partition(b"=")
        if not mark or not name:
            raise InvalidWebhook("the notification is not a form: a field needs a name and an equals sign")
        decoded = _decoded(name)
        if decoded in fields:
            raise InvalidWebhook(f"the notification has the field {decoded!r} twice", field=decoded)
        fields[decoded] = _decoded(value)
    return list(fields.items())


def _check_content_type(headers: WebhookHeaders) -> None:
    for name, value in headers.items():
        if name.lower() == "content-type":
            given = str(value).partition(";")[0].strip().lower()
            if given and given != "application/x-www-form-urlencoded":
                raise InvalidWebhook(
                    f"the notification is {given!r}; expected application/x-www-form-urlencoded", field=name
                )


def _decoded(text: bytes) -> str:
    if _BROKEN_ESCAPE.search(text):
        raise InvalidWebhook("the notification is not a form: a percent sign without two digits behind it")
    try:
        return unquote_to_bytes(text.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise InvalidWebhook("the notification is not a form: it holds bytes that are no UTF-8") from None


def _check_secret(name: str, secret: object) -> None:
    if not isinstance(secret, str):
        raise InvalidType(f"{name} must be a str, not {type(secret).__name__}", parameter=name)
    if not secret.strip():
        raise InvalidValue(f"{name} is empty: with an empty secret, anybody can sign", parameter=name)
    if secret != secret.strip() or not secret.isprintable():
        raise InvalidValue(
            f"{name} begins or ends with a space, or holds a line break or another control character; strip it",
            parameter=name,
        )


def _holds(when: Condition, message: Mapping[str, str]) -> bool:
    return all(_meets(wanted, message.get(key, "")) for key, wanted in when.items())


def _meets(wanted: str | Presence, value: str) -> bool:
    # A form writes "nothing" as an empty text, and so an empty field is absent, as in the models.
    if wanted is PRESENT:
        return value != ""
    return value == "" if wanted is ABSENT else value == wanted


def _names(message: Mapping[str, str]) -> str:
    shown = ", ".join(sorted(repr(name) for name, value in message.items() if value))
    return shown if len(shown) <= 200 else shown[:197] + "…"
