"""What can go wrong with a call, as one tree under `SpecieError`.

The branches answer the question that money asks first: did anything happen? `ArgumentError` and `NotSent` say no,
`ApiError` says that the exchange refused, `OutcomeUnknown` says that nobody here can know. None of them ever holds a
secret, and all can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "ApiError",
    "ArgumentError",
    "AuthenticationFailed",
    "BookInvalid",
    "ClientClosed",
    "ClockSkew",
    "InsufficientFunds",
    "InvalidNonce",
    "InvalidOrder",
    "InvalidRequest",
    "InvalidResponse",
    "InvalidSignature",
    "InvalidSymbol",
    "InvalidType",
    "InvalidValue",
    "InvalidWebhook",
    "MissingCredentials",
    "NoReply",
    "NotFound",
    "NotSent",
    "OrderNotFound",
    "OutcomeUnknown",
    "PermissionDenied",
    "RateLimited",
    "RequestTimeout",
    "ServerError",
    "SlowConsumer",
    "SpecieError",
    "StreamClosed",
    "StreamEnded",
    "StreamError",
    "StreamRefused",
    "SubscriptionRejected",
    "TransportError",
    "WebhookSignatureMismatch",
    "error_for_status",
]


def _rebuild(cls: type[SpecieError], message: str, state: dict[str, Any]) -> SpecieError:
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class SpecieError(Exception):
    """Anything that a generated client raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled by calling the class with `args`; ours have keyword arguments, so they are rebuilt
        # from their state.
        return _rebuild, (type(self), str(self.args[0]) if self.args else "", dict(self.__dict__))


# -- nothing was sent, because of what the caller wrote --------------------------------------------------------------


class ArgumentError(SpecieError):
    """An argument cannot be sent as it is; nothing was sent.

    Attributes:
        operation: Name of the operation, such as `orders.create`; empty where none is known.
        parameter: Name of the argument that was wrong, if it was one.
        rule: The rule that was broken, as the spec words it.
    """

    def __init__(
        self, message: str, *, operation: str = "", parameter: str | None = None, rule: str | None = None
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.parameter = parameter
        self.rule = rule


class InvalidValue(ArgumentError, ValueError):
    """An argument of the right type with a value that the exchange could not accept."""


class InvalidType(ArgumentError, TypeError):
    """An argument of the wrong type, such as a float for an amount of money."""


# -- the way there and back ------------------------------------------------------------------------------------------


class TransportError(SpecieError):
    """No readable answer came from the exchange.

    Attributes:
        operation: Name of the operation.
    """

    def __init__(self, message: str, *, operation: str = "") -> None:
        super().__init__(message)
        self.operation = operation


class NotSent(TransportError):
    """Nothing left this machine: the exchange cannot have acted on this call."""


class MissingCredentials(NotSent):
    """The operation must be signed, and a credential is missing.

    Attributes:
        missing: Names of the credentials that are missing.
    """

    def __init__(self, message: str, *, operation: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(message, operation=operation)
        self.missing = missing


class LimitReached(NotSent):
    """The exchange's limits leave no room for the call, or not within its timeout.

    Attributes:
        seconds: Until there may be room.
        limit: The limit, as the spec words it.
    """

    def __init__(self, message: str, *, operation: str = "", seconds: float = 0.0, limit: str = "") -> None:
        super().__init__(message, operation=operation)
        self.seconds = seconds
        self.limit = limit


class ClientClosed(NotSent):
    """The client was closed before the call."""


class NoReply(TransportError):
    """A read was sent, and no answer came. Nothing was changed by it; it can be made again."""


class OutcomeUnknown(TransportError):
    """A call that changes something was sent, and no readable answer came: it may have been done, or not.

    Never repeat such a call blindly. Ask the exchange what it did: by the client's own order id where there is one,
    else by the orders and fills since `sent_at_ms`.

    Attributes:
        operation: Name of the operation.
        method: HTTP method that was sent.
        path: Path that was sent, without the query.
        sent: The arguments as they were sent, by their Python names; no credential, nonce or signature is among them.
        sent_at_ms: When it was sent: milliseconds since 1970 by the client's clock.
        clock_uncertainty_ms: How far that may be from the exchange's own time; `None` if its clock was not known yet.
        client_order_id: The caller's own id of the order, if one was sent.
        status: HTTP status of the answer, if there was one that could not be trusted.
        body_start: The first bytes of such an answer, as text.
        reconciled_ids: Ids of the records that `reconcile` found it to be; empty until then.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        method: str = "",
        path: str = "",
        sent: Mapping[str, object] | None = None,
        sent_at_ms: int = 0,
        clock_uncertainty_ms: int | None = None,
        client_order_id: str | None = None,
        status: int | None = None,
        body_start: str = "",
    ) -> None:
        super().__init__(message, operation=operation)
        self.method = method
        self.path = path
        self.sent: dict[str, object] = dict(sent or {})
        self.sent_at_ms = sent_at_ms
        self.clock_uncertainty_ms = clock_uncertainty_ms
        self.client_order_id = client_order_id
        self.status = status
        self.body_start = body_start
        self.reconciled_ids: tuple[str, ...] = ()


# -- the exchange answered -------------------------------------------------------------------------------------------


class InvalidResponse(SpecieError):
    """The exchange answered a read, and the answer cannot be what it claims to be.

    Attributes:
        operation: Name of the operation.
        path: JSON path of the offending value, such as `$.data[3].price`.
        expected: What should have been there.
        found: What was there instead.
        status: HTTP status.
        body_start: The first bytes of the answer, as text.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        path: str = "$",
        expected: str = "",
        found: str = "",
        status: int | None = None,
        body_start: str = "",
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.path = path
        self.expected = expected
        self.found = found
        self.status = status
        self.body_start = body_start


class ApiError(SpecieError):
    """The exchange said no, in words of its own.

    Attributes:
        status: HTTP status; 0 where a message of a stream says it.
        code: The exchange's own code of the error, as text; `None` where it has none.
        message: The exchange's own words.
        request_id: What the exchange calls this request, for its support desk.
        retry_after: Seconds after which it may be tried again, if the exchange said so.
        operation: Name of the operation.
        body_start: The first bytes of the answer, as text.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        operation: str = "",
        body_start: str = "",
    ) -> None:
        told = message or body_start or "no explanation"
        prefix = f"{operation}: " if operation else ""
        marks = [f"HTTP {status}"] if status else []
        marks += [f"code {code}"] if code is not None else []
        super().__init__(f"{prefix}{told}{' (' + ', '.join(marks) + ')' if marks else ''}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after
        self.operation = operation
        self.body_start = body_start


class InvalidRequest(ApiError):
    """The exchange could not accept the arguments."""


class InvalidSymbol(InvalidRequest):
    """The exchange does not know this market or currency."""


class InvalidOrder(InvalidRequest):
    """The order breaks a rule of its market: price, size, type or state."""


class InsufficientFunds(ApiError):
    """The balance is too small."""


class NotFound(ApiError):
    """There is no such thing."""


class OrderNotFound(NotFound):
    """There is no such order, or it is settled already."""


class AuthenticationFailed(ApiError):
    """The exchange did not accept key or signature."""


class InvalidSignature(AuthenticationFailed):
    """The signature is wrong: most often a wrong secret."""


class InvalidNonce(AuthenticationFailed):
    """The nonce was used before, or is lower than an earlier one."""


class ClockSkew(AuthenticationFailed):
    """The clock of this machine is too far from the exchange's."""


class PermissionDenied(ApiError):
    """The key is valid and may not do this."""


class RequestTimeout(ApiError):
    """The exchange gave up waiting for itself, or the request came too late."""


class RateLimited(ApiError):
    """Too many calls; `retry_after` says when to go on, if the exchange said so."""


class ServerError(ApiError):
    """The exchange failed."""


# -- streams ----------------------------------------------------------------------------------------------------------


class StreamError(SpecieError):
    """A stream came to its end, and not because it was closed.

    Attributes:
        connection: Name of the connection.
    """

    def __init__(self, message: str = "", *, connection: str = "") -> None:
        super().__init__(message)
        self.connection = connection


class StreamRefused(StreamError):
    """The exchange refused the connection, for reasons that its documents do not name.

    Attributes:
        connection: Name of the connection.
        status: HTTP status.
        body_start: The first bytes of the answer, as text.
    """

    def __init__(self, message: str = "", *, connection: str = "", status: int = 0, body_start: str = "") -> None:
        super().__init__(message, connection=connection)
        self.status = status
        self.body_start = body_start


class SubscriptionRejected(StreamError):
    """The exchange would not send a channel, for reasons that its documents do not name.

    Attributes:
        connection: Name of the connection.
        code: The exchange's own code, as text; `None` where it has none.
        channels: Names of the channels.
    """

    def __init__(
        self, message: str = "", *, connection: str = "", code: str | None = None, channels: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, connection=connection)
        self.code = code
        self.channels = channels


class SlowConsumer(StreamError):
    """Messages came faster than they were taken, and the queue was full. What was queued has been given before this.

    `with_options(queue=…, overflow=…)` has a longer queue, or drops the oldest messages, or waits for room.
    """


class StreamEnded(StreamError):
    """The connection could not be made in as many attempts as the option `attempts` allows."""


class StreamClosed(StreamError):
    """The stream was closed before it was asked for something, or the event loop or process that read it is another."""


# -- books and notifications ------------------------------------------------------------------------------------------


class BookInvalid(SpecieError):
    """A local order book was read while it is not known to be the exchange's.

    It is being put right meanwhile; `book.wait()` returns when it is.

    Attributes:
        reason: Why, such as `the connection was lost` or `a message is missing: 7 came after 5`.
    """

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class InvalidWebhook(SpecieError, ValueError):
    """What was posted is no notification of the exchange that can be read: answer it with 400 and do nothing.

    Attributes:
        field: Name of the field that is wrong, if it is one.
    """

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class WebhookSignatureMismatch(InvalidWebhook):
    """The signature of a notification is missing or wrong: anybody may have posted it. Answer it with 403."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: NotFound,
    408: RequestTimeout,
    422: InvalidRequest,
    429: RateLimited,
}


def error_for_status(status: int) -> type[ApiError]:
    """The class of an HTTP status that the spec says nothing about."""
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, ApiError)
