"""The life of a call as a conversation: the flow says what it needs done, and is told what came of it.

It yields `Send` and `Sleep`; a driver does that, blocking or awaiting, and answers with a `Response` or a `Failure`.
So sync and async clients decide nothing twice, and a test is a talk: send it a 429, look at what it asks for.

How a call ends is a contract. A read ends in a result, an `ApiError`, an `InvalidResponse`, a `NoReply` or a
`NotSent`, and only a read is made again. A call with an effect ends in a result, in an `ApiError` (the exchange said
no), in `NotSent`, or in `OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from .basics import is_object
from .capture import Reply, record
from .decode import Mismatch, Refused, ReplyDecoder
from .errors import (
    ApiError,
    ClientClosed,
    InvalidResponse,
    InvalidValue,
    MissingCredentials,
    NoReply,
    NotSent,
    OutcomeUnknown,
    RequestTimeout,
    ServerError,
    SpecieError,
    error_for_status,
)
from .operation import Exchange, Operation
from .plan import Draft, is_header_value, plan_for
from .reference import cut, parse
from .retry import retry_after
from .settings import Settings
from .shapes import shape_of
from .signing import BaseCredentials, Unsigned
from .steps import Call, Failure, Request, Response, Send, Sleep

__all__ = ["call", "raw_call"]


def call(
    settings: Settings, closed: Callable[[], bool], operation: Operation[Any], arguments: Mapping[str, Any]
) -> Call:
    """One call of an operation, from arguments to result."""
    plan = plan_for(operation)
    given = plan.accept(arguments)
    decoder = _decoder(settings.exchange, operation)
    attempt = _Attempt(
        settings,
        name=operation.name,
        auth=operation.auth,
        effect=operation.effect != "read",
        server=operation.server,
        draft=lambda now_ms: plan.draft(given, now_ms),
        decode=decoder.decode,
        decoder=decoder,
        sent=given,
        client_order_id=plan.client_order_id(given),
    )
    return (yield from attempt.run(closed))


def raw_call(
    settings: Settings,
    closed: Callable[[], bool],
    *,
    draft: Callable[[int], Draft],
    name: str,
    auth: bool,
    effect: bool,
    server: str,
) -> Call:
    """One call that no spec describes: signed and judged like any other, its reply given back as parsed JSON."""
    errors = settings.exchange.errors
    decoder = ReplyDecoder(shape_of(Any), errors=_error_keys(errors.message))
    attempt = _Attempt(
        settings,
        name=name,
        auth=auth,
        effect=effect,
        server=server,
        draft=draft,
        decode=decoder.reference,
        decoder=decoder,
        sent={},
        client_order_id=None,
    )
    return (yield from attempt.run(closed))


def _error_keys(message: Iterable[str]) -> list[str]:
    return [key.partition(".")[0] for key in message]


def _decoder(exchange: Exchange, operation: Operation[Any]) -> ReplyDecoder:
    decoder = operation.decoder
    if decoder is None:
        envelope = exchange.envelope
        bare = operation.bare
        operation.decoder = decoder = ReplyDecoder(
            shape_of(operation.returns),
            envelope=() if bare or envelope.result is None else envelope.result.split("."),
            ok=tuple(operation.ok.items()) if bare else (*envelope.ok.items(), *operation.ok.items()),
            at=operation.at.split(".") if operation.at else (),
            at_optional=operation.at_optional,
            sole=operation.sole,
            errors=_error_keys(exchange.errors.message),
        )
    return cast(ReplyDecoder, decoder)


class _Ended(NamedTuple):
    """How one attempt ended, and whether another one may end better."""

    value: Any = None
    error: SpecieError | None = None
    again: bool = False
    wait: float | None = None


class _Attempt:
    """One call, attempt by attempt."""

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        auth: bool,
        effect: bool,
        server: str,
        draft: Callable[[int], Draft],
        decode: Callable[[bytes], Any],
        decoder: ReplyDecoder,
        sent: Mapping[str, object],
        client_order_id: str | None,
    ) -> None:
        self.settings = settings
        self.name = name
        self.auth = auth
        self.effect = effect
        self.server = server
        self.draft = draft
        self.decode = decode
        self.decoder = decoder
        self.sent = sent
        self.client_order_id = client_order_id
        self.sent_at_ms = 0
        self.path = ""
        self.method = ""

    def run(self, closed: Callable[[], bool]) -> Call:
        settings = self.settings
        retries = settings.retries
        started = settings.monotonic()
        tried = 0
        while True:
            if closed():
                raise ClientClosed(f"{self.name}: the client is closed", operation=self.name)
            request = self._request()
            left = settings.timeout.left(settings.monotonic() - started)
            answer: Response | Failure = yield Send(request, left, self.effect)
            ended = self._judge(answer)
            if ended.error is None:
                return ended.value
            if ended.again:
                tried += 1
                wait = retries.wait(tried, ended.wait, settings.random)
                left = settings.timeout.left(settings.monotonic() - started)
                if wait is not None and (left.total is None or wait < left.total):
                    yield Sleep(wait)
                    continue
            # Raised here, outside of every `except`, so that no exception drags along what a reply held: only what it
            # says is masked.
            raise ended.error from ended.error.__cause__

    # -- out ---------------------------------------------------------------------------------------------------------

    def _request(self) -> Request:
        settings = self.settings
        exchange = settings.exchange
        server = settings.servers.get(self.server)
        if server is None:
            raise InvalidValue(
                f"{self.name}: there is no server {self.server!r}", operation=self.name, parameter="server"
            )
        credentials = self._credentials() if self.auth else None
        now_ms = self.sent_at_ms = settings.clock()
        draft = self.draft(now_ms)
        self.method, self.path = draft.method, server.path + draft.path
        headers = {"Accept": "application/json", "User-Agent": "specie", **draft.headers}
        unsigned = Unsigned(method=draft.method, path=self.path, fields=draft.fields, now_ms=now_ms)
        auth = exchange.auth
        if credentials is not None and auth is not None:
            if auth.nonce:
                unsigned.nonce = settings.nonces.next(f"{exchange.name}:{credentials.fingerprint()}", now_ms)
            if auth.add is not None:
                self._add(draft, auth.add(credentials, unsigned), headers)
        unsigned.query = draft.query_text(exchange.sort_query)
        unsigned.body = draft.body_text()
        body = unsigned.body.encode() if unsigned.body else None
        content_type = draft.content_type()
        if body is not None and content_type is not None:
            headers["Content-Type"] = content_type
        if credentials is not None and auth is not None:
            for name, value in auth.sign(credentials, unsigned).items():
                if value is not None:
                    headers[name] = str(value)
        for name, value in headers.items():
            if not is_header_value(value):
                raise InvalidValue(
                    f"{self.name}: the header {name} would hold a line break or a character beyond Latin-1",
                    operation=self.name,
                )
        url = f"{server.origin}{self.path}"
        return Request(draft.method, f"{url}?{unsigned.query}" if unsigned.query else url, headers, body)

    def _credentials(self) -> BaseCredentials:
        exchange, credentials = self.settings.exchange, self.settings.credentials
        if exchange.auth is None:
            raise InvalidValue(f"{self.name}: {exchange.title} signs nothing", operation=self.name, parameter="auth")
        missing = credentials.missing() if credentials is not None else ("credentials",)
        if credentials is None or missing:
            names, variables = ", ".join(missing), ", ".join(map(exchange.variable, missing))
            raise MissingCredentials(
                f"{self.name} is signed, and {names} was not given; pass it to the client, or set {variables} "
                "and use from_env()",
                operation=self.name,
                missing=missing,
            )
        return credentials

    @staticmethod
    def _add(draft: Draft, additions: Any, headers: dict[str, str]) -> None:
        for name, value in additions.query.items():
            if value is not None:
                draft.add_query(name, str(value))
        for name, value in additions.form.items():
            if value is not None:
                draft.fields.append((name, str(value)))
        for name, value in additions.body.items():
            if value is not None:
                draft.add_body(name, value)
        for name, value in additions.headers.items():
            if value is not None:
                headers[name] = str(value)

    # -- back --------------------------------------------------------------------------------------------------------

    def _judge(self, answer: Response | Failure) -> _Ended:
        if isinstance(answer, Failure):
            return self._failed(answer)
        record(self.settings.owner, lambda: Reply(self.name, answer.status, answer.headers, answer.body, self.decoder))
        if 200 <= answer.status < 300:
            return self._succeeded(answer)
        if 300 <= answer.status < 400:
            return self._redirected(answer)
        return self._refused(answer, _parsed(answer.body))

    def _failed(self, failure: Failure) -> _Ended:
        reason, cause = self._masked(failure.reason), failure.cause
        if cause is not None and self._masked(repr(cause)) != repr(cause):
            cause = None  # some exceptions of transports carry the request's headers, and loggers print causes
        error: SpecieError
        if not failure.sent:
            error = NotSent(f"{self.name}: nothing was sent: {reason}", operation=self.name)
        elif self.effect:
            error = self._unknown(f"no readable answer came: {reason}")
        else:
            error = NoReply(f"{self.name}: no answer came: {reason}", operation=self.name)
        error.__cause__ = cause
        return _Ended(error=error, again=not self.effect)

    def _succeeded(self, answer: Response) -> _Ended:
        try:
            return _Ended(self.decode(answer.body))
        except Refused as refused:
            parsed = refused.parsed
        except Mismatch as mismatch:
            return self._unreadable(answer, mismatch)
        return self._refused(answer, parsed)

    def _unreadable(self, answer: Response, mismatch: Mismatch) -> _Ended:
        path, found = self._masked(mismatch.path), cut(self._masked(mismatch.whole))
        why = f"{path}: expected {mismatch.expected}, found {found}"
        error = InvalidResponse(
            f"{self.name}: the reply does not fit: {why} (HTTP {answer.status})",
            operation=self.name,
            path=path,
            expected=mismatch.expected,
            found=found,
            status=answer.status,
            body_start=self._start(answer.body),
        )
        if self.effect:
            return self._doubt(f"the reply cannot be read: {why}", answer, error)
        # What is no JSON was cut short, or comes from some proxy: it may be whole the next time.
        return _Ended(error=error, again=mismatch.expected == "JSON")

    def _redirected(self, answer: Response) -> _Ended:
        target = self._masked(answer.headers.get("location", "nowhere").partition("?")[0])
        reason = f"redirected to {target}; redirects are not followed, since they would carry the credentials there"
        error = ApiError(reason, status=answer.status, operation=self.name, body_start=self._start(answer.body))
        return self._doubt(f"the exchange {reason}", answer, error) if self.effect else _Ended(error=error)

    def _refused(self, answer: Response, parsed: Any) -> _Ended:
        errors = self.settings.exchange.errors
        status = answer.status
        message = next((text for key in errors.message if (text := _text_at(parsed, key)) is not None), "")
        code = _text_at(parsed, errors.code) if errors.code else None
        named = errors.named(code, message)
        kind = named or errors.statuses.get(status) or error_for_status(status)
        wait = retry_after(answer.headers.get("retry-after"), self.settings.clock())
        error = kind(
            self._masked(message),
            status=status,
            code=None if code is None else self._masked(code),
            request_id=next((self._masked(answer.headers[one]) for one in _REQUEST_IDS if one in answer.headers), None),
            retry_after=wait,
            operation=self.name,
            body_start=self._start(answer.body),
        )
        gave_up = issubclass(kind, (ServerError, RequestTimeout))
        if self.effect:
            # A server that failed, or gave up waiting for itself, has not said no; one that names its reason has.
            if gave_up or (status >= 500 and named is None):
                told = self._masked(message) or "no explanation"
                return self._doubt(f"the exchange answered HTTP {status}: {told}", answer, error)
            return _Ended(error=error)
        return _Ended(error=error, again=gave_up or status in (408, 429) or status >= 500, wait=wait)

    def _doubt(self, reason: str, answer: Response, cause: SpecieError) -> _Ended:
        error = self._unknown(reason, answer)
        error.__cause__ = cause
        return _Ended(error=error)

    def _unknown(self, reason: str, answer: Response | None = None) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self.name}: it was sent, and {reason}; it may have been done or not: "
            "ask the exchange before doing it again",
            operation=self.name,
            method=self.method,
            path=self.path,
            sent=self.sent,
            sent_at_ms=self.sent_at_ms,
            client_order_id=self.client_order_id,
            status=None if answer is None else answer.status,
            body_start="" if answer is None else self._start(answer.body),
        )

    def _masked(self, text: str) -> str:
        credentials = self.settings.credentials
        return text if credentials is None else credentials.mask(text)

    def _start(self, body: bytes) -> str:
        return self._masked(body[:2000].decode("utf-8", "replace"))[:200]


_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


def _parsed(body: bytes) -> Any:
    try:
        return parse(body)
    except Mismatch:
        return None


def _text_at(parsed: Any, path: str) -> str | None:
    value = parsed
    for key in path.split("."):
        if not is_object(value) or key not in value:
            return None
        value = value[key]
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else ("true" if value is True else str(value))
