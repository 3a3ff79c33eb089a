"""The way back: what an answer, or the lack of one, means for a call.

How a call ends is a contract. A read ends in a result, an `ApiError`, an `InvalidResponse`, a `NoReply` or a
`NotSent`. A call with an effect ends in a result, in an `ApiError` (the exchange said no), in `NotSent`, or in
`OutcomeUnknown`: no cell of that table is left to chance.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .basics import is_object
from .capture import Reply, record
from .decode import Mismatch, Refused
from .errors import (
    ApiError,
    InvalidResponse,
    NoReply,
    NotSent,
    OutcomeUnknown,
    RequestTimeout,
    ServerError,
    SpecieError,
    error_for_status,
)
from .job import Job
from .outbound import Outgoing
from .reference import cut, parse
from .retry import retry_after
from .steps import Failure, Response

__all__ = ["Ended", "Judge"]


class Ended(NamedTuple):
    """How one attempt ended, and whether another one may end better.

    Attributes:
        value: The result, where there is no error.
        error: What the call ends in, unless it is made again.
        again: Whether another attempt may end better.
        wait: Seconds after which the exchange wants to be asked again.
    """

    value: Any = None
    error: SpecieError | None = None
    again: bool = False
    wait: float | None = None


class Judge:
    """Judges the answer to one attempt.

    Args:
        job: The call.
        outgoing: What was sent.
    """

    __slots__ = ("_job", "_outgoing")

    def __init__(self, job: Job, outgoing: Outgoing) -> None:
        self._job = job
        self._outgoing = outgoing

    def judge(self, answer: Response | Failure) -> Ended:
        """How an attempt ended."""
        job = self._job
        if isinstance(answer, Failure):
            return self._failed(answer)
        record(job.settings.owner, lambda: Reply(job.name, answer.status, answer.headers, answer.body, job.decoder))
        if 200 <= answer.status < 300:
            return self._succeeded(answer)
        if 300 <= answer.status < 400:
            return self._redirected(answer)
        return self._refused(answer, _parsed(answer.body))

    def _failed(self, failure: Failure) -> Ended:
        job = self._job
        reason, cause = job.masked(failure.reason), failure.cause
        if cause is not None and job.masked(repr(cause)) != repr(cause):
            cause = None  # some exceptions of transports carry the request's headers, and loggers print causes
        error: SpecieError
        if not failure.sent:
            error = NotSent(f"{job.name}: nothing was sent: {reason}", operation=job.name)
        elif job.changes_something:
            error = self._unknown(f"no readable answer came: {reason}")
        else:
            error = NoReply(f"{job.name}: no answer came: {reason}", operation=job.name)
        error.__cause__ = cause
        return Ended(error=error, again=not job.changes_something)

    def _succeeded(self, answer: Response) -> Ended:
        try:
            return Ended(self._job.decode(answer.body))
        except Refused as refused:
            parsed = refused.parsed
        except Mismatch as mismatch:
            return self._unreadable(answer, mismatch)
        return self._refused(answer, parsed)

    def _unreadable(self, answer: Response, mismatch: Mismatch) -> Ended:
        job = self._job
        path, found = job.masked(mismatch.path), cut(job.masked(mismatch.whole))
        why = f"{path}: expected {mismatch.expected}, found {found}"
        error = InvalidResponse(
            f"{job.name}: the reply does not fit: {why} (HTTP {answer.status})",
            operation=job.name,
            path=path,
            expected=mismatch.expected,
            found=found,
            status=answer.status,
            body_start=self._start(answer.body),
        )
        if job.changes_something:
            return self._doubt(f"the reply cannot be read: {why}", answer, error)
        # What is no JSON was cut short, or comes from some proxy: it may be whole the next time.
        return Ended(error=error, again=mismatch.expected == "JSON")

    def _redirected(self, answer: Response) -> Ended:
        job = self._job
        target = job.masked(answer.headers.get("location", "nowhere").partition("?")[0])
        reason = f"redirected to {target}; redirects are not followed, since they would carry the credentials there"
        error = ApiError(reason, status=answer.status, operation=job.name, body_start=self._start(answer.body))
        return self._doubt(f"the exchange {reason}", answer, error) if job.changes_something else Ended(error=error)

    def _refused(self, answer: Response, parsed: Any) -> Ended:
        job = self._job
        errors = job.settings.exchange.errors
        status = answer.status
        message = next((text for key in errors.message if (text := _text_at(parsed, key)) is not None), "")
        code = _text_at(parsed, errors.code) if errors.code else None
        named = errors.named(code, message)
        kind = named or errors.statuses.get(status) or error_for_status(status)
        wait = retry_after(answer.headers.get("retry-after"), job.settings.clock())
        error = kind(
            job.masked(message),
            status=status,
            code=None if code is None else job.masked(code),
            request_id=next((job.masked(answer.headers[one]) for one in _REQUEST_IDS if one in answer.headers), None),
            retry_after=wait,
            operation=job.name,
            body_start=self._start(answer.body),
        )
        # A status below 200 is no answer yet, and another one never came.
        gave_up = status < 200 or issubclass(kind, (ServerError, RequestTimeout))
        if job.changes_something:
            # A server that failed, or gave up waiting for itself, has not said no; one that names its reason has.
            if gave_up or (status >= 500 and named is None):
                told = job.masked(message) or "no explanation"
                return self._doubt(f"the exchange answered HTTP {status}: {told}", answer, error)
            return Ended(error=error)
        return Ended(error=error, again=gave_up or status in (408, 429) or status >= 500, wait=wait)

    def _doubt(self, reason: str, answer: Response, cause: SpecieError) -> Ended:
        error = self._unknown(reason, answer)
        error.__cause__ = cause
        return Ended(error=error)

    def _unknown(self, reason: str, answer: Response | None = None) -> OutcomeUnknown:
        job = self._job
        return OutcomeUnknown(
            f"{job.name}: it was sent, and {reason}; it may have been done or not: "
            "ask the exchange before doing it again",
            operation=job.name,
            method=self._outgoing.request.method,
            path=self._outgoing.path,
            sent=job.sent,
            sent_at_ms=self._outgoing.now_ms,
            clock_uncertainty_ms=self._outgoing.uncertainty_ms(job.settings.clock),
            client_order_id=job.client_order_id,
            status=None if answer is None else answer.status,
            body_start="" if answer is None else self._start(answer.body),
        )

    def _start(self, body: bytes) -> str:
        return self._job.masked(body[:2000].decode("utf-8", "replace"))[:200]


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
