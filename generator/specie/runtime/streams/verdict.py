"""What a no of the exchange means: of a handshake, of a request, or in a message that nobody asked for.

What will not change by asking again is an error at once; what may pass is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..clock import server_date
from ..errors import (
    ApiError,
    AuthenticationFailed,
    ClockSkew,
    InvalidNonce,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    ServerError,
    SpecieError,
    StreamRefused,
    SubscriptionRejected,
    error_for_status,
)
from ..operation import ErrorMap
from ..reference import Mismatch, parse
from ..retry import retry_after
from .definitions import Connection
from .reading import value_at
from .templates import as_text

__all__ = ["Verdict", "complaint", "login_refused", "refused", "subscription_refused", "tells"]

Mask = Callable[[str], str]
_PASSING = (RateLimited, RequestTimeout, ServerError)


class Verdict(NamedTuple):
    """What to do about a refused handshake.

    Attributes:
        error: What it is.
        again: Whether it may pass.
        fresh: Whether another signature may be taken at once, as this one was too late, too early or too old.
        wait: Seconds that the exchange asks to wait.
    """

    error: SpecieError
    again: bool
    fresh: bool
    wait: float | None


def refused(
    connection: Connection,
    errors: ErrorMap,
    mask: Mask,
    channels: tuple[str, ...],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Verdict:
    """What a handshake means that was answered with another status than 101.

    Args:
        connection: The connection.
        errors: What refusals mean.
        mask: Replaces every credential in a text.
        channels: What its address names, if it does.
        status: HTTP status.
        headers: Of the answer.
        body: Of the answer.
    """
    what = ", ".join(channels) or connection.name
    try:
        parsed = parse(body)
    except Mismatch:
        parsed = None
    message, code = _words(errors, parsed)
    start = mask(body[:2000].decode("utf-8", "replace"))[:200]
    kind = connection.refusals.get(status) or errors.named(code, message) or errors.statuses.get(status)
    wait = retry_after(headers.get("retry-after"), server_date(headers) or 0)
    by_status = error_for_status(status)
    if kind is None and by_status in (AuthenticationFailed, PermissionDenied, RateLimited):
        kind = by_status
    error: SpecieError
    if kind is None:
        told = mask(message) or start or "an empty body"
        error = StreamRefused(
            f"{what}: the connection was refused with HTTP {status}: {told}",
            connection=connection.name,
            status=status,
            body_start=start,
        )
        again = by_status in _PASSING or status == 425
    else:
        error = kind(
            mask(message),
            status=status,
            code=None if code is None else mask(code),
            retry_after=wait,
            operation=what,
            body_start=start,
        )
        again = issubclass(kind, _PASSING)
    return Verdict(error, again, kind is not None and issubclass(kind, (ClockSkew, InvalidNonce)), wait)


def subscription_refused(
    connection: Connection, errors: ErrorMap, mask: Mask, parsed: Any, channels: tuple[str, ...]
) -> SpecieError:
    """What the refusal of channels means."""
    code, message = _reply_words(connection, parsed)
    kind = errors.named(code, message)
    what = ", ".join(channels) or connection.name
    if kind is not None and kind is not ApiError and not issubclass(kind, (ServerError, RequestTimeout)):
        return kind(mask(message), code=mask(code), operation=what)
    return SubscriptionRejected(
        f"{what}: the exchange would not send this: {mask(message) or 'no explanation'} (code {mask(code)})",
        connection=connection.name,
        code=mask(code),
        channels=channels,
    )


def login_refused(connection: Connection, errors: ErrorMap, mask: Mask, parsed: Any) -> ApiError:
    """What the refusal of a login means."""
    code, message = _reply_words(connection, parsed)
    kind = errors.named(code, message) or AuthenticationFailed
    return kind(mask(message), code=mask(code), operation=connection.name)


def complaint(connection: Connection, errors: ErrorMap, mask: Mask, parsed: Any) -> ApiError | None:
    """What a message that answers nothing complains of, if it does."""
    message, code = _words(errors, parsed)
    rule = connection.reply
    if rule is not None and tells(value_at(parsed, rule.error)):
        code, message = _reply_words(connection, parsed)
    elif not message:
        return None
    kind = errors.named(code, message) or ApiError
    return kind(mask(message), code=None if code is None else mask(code), operation=connection.name)


def tells(value: Any) -> bool:
    """Whether the value of an error key says anything."""
    return not (value is None or value is False or value == "" or value == 0 or value == [] or value == {})


def _words(errors: ErrorMap, parsed: Any) -> tuple[str, str | None]:
    found = (value_at(parsed, key) for key in errors.message)
    message = next((as_text(text) for text in found if tells(text)), "")
    code = value_at(parsed, errors.code)
    return message, None if code is None else as_text(code)


def _reply_words(connection: Connection, parsed: Any) -> tuple[str, str]:
    rule = connection.reply
    if rule is None:
        return "", ""
    message = value_at(parsed, rule.message)
    return as_text(value_at(parsed, rule.error)), "" if message is None else as_text(message)
