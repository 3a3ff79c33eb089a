"""Whoever watches the calls of a client: its hooks, its logger and a tracer are told the same things at the same time.

Where none of them listens, an attempt costs three looks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from . import log
from .errors import OutcomeUnknown, SpecieError
from .hooks import Drift, Hooks, Replied, Retrying, Sending
from .steps import Failure, Request, Response

if TYPE_CHECKING:
    from .job import Job
    from .telemetry import Span

__all__ = ["Attempt", "Watch"]

_INDEX: Final = re.compile(r"\[\d+\]")


class Watch:
    """Tells those who watch the calls of one client.

    Args:
        exchange: Name of the exchange.
        hooks: Those of the client.
        mask: Takes credentials out of a text.
    """

    __slots__ = ("_exchange", "_hooks", "_mask")

    def __init__(self, exchange: str, hooks: Hooks | None, mask: Callable[[str], str]) -> None:
        self._exchange = exchange
        self._hooks = hooks
        self._mask = mask

    def with_hooks(self, hooks: Hooks) -> Watch:
        """The same for other hooks."""
        return Watch(self._exchange, hooks, self._mask)

    def sending(self, job: Job, request: Request, path: str, origin: str, number: int, now: float) -> Attempt | None:
        """A request is about to be sent; gives what is to be told of its end, or None where nobody listens."""
        hooks, logger = self._hooks, log.logger_of(self._exchange)
        tracing = "opentelemetry.trace" in sys.modules
        logged = logger.isEnabledFor(log.DEBUG)
        if hooks is None and not logged and not tracing:
            return None
        mask = self._mask
        record = Sending(self._exchange, mask(job.name), job.effect, request.method, mask(path), number)
        span = None
        if tracing:
            from .telemetry import span_of

            span = span_of(record, origin, job.template)
        if hooks is not None:
            self._call("before_send", hooks.before_send, record)
        return Attempt(self, record, span, logged, now)

    def ended(self, record: Replied, logged: bool) -> None:
        """An attempt came to its end."""
        if logged:
            log.attempted(log.logger_of(self._exchange), record)
        if self._hooks is not None:
            self._call("after_reply", self._hooks.after_reply, record)

    def retrying(self, job: Job, number: int, error: SpecieError, pause: float) -> None:
        """Another attempt will be made."""
        hooks, logger = self._hooks, log.logger_of(self._exchange)
        if hooks is not None or logger.isEnabledFor(log.INFO):
            operation = self._mask(job.name)
            record = Retrying(self._exchange, operation, job.effect, number, type(error).__name__, pause)
            log.retried(logger, record)
            if hooks is not None:
                self._call("on_retry", hooks.on_retry, record)

    def doubted(self, error: OutcomeUnknown) -> None:
        """Nobody knows what became of the call."""
        log.doubted(log.logger_of(self._exchange), self._exchange, error)

    def understood(self, job: Job, body: bytes) -> None:
        """A good reply came: is there something in it that the spec does not know?"""
        hooks = self._hooks
        if hooks is None or hooks.on_drift is None:
            return
        paths = dict.fromkeys(_INDEX.sub("[*]", path) for path in job.decoder.unaccounted(body))
        if paths:
            drift = Drift(self._exchange, self._mask(job.name), tuple(self._mask(path) for path in paths))
            self._call("on_drift", hooks.on_drift, drift)

    def _call(self, name: str, hook: Callable[[Any], object] | None, record: object) -> None:
        if hook is None:
            return
        try:
            hook(record)
        except Exception:
            log.hook_failed(log.logger_of(self._exchange), name)


class Attempt:
    """One request that somebody watches."""

    __slots__ = ("_logged", "_sending", "_span", "_started", "_watch")

    def __init__(self, watch: Watch, sending: Sending, span: Span | None, logged: bool, started: float) -> None:
        self._watch = watch
        self._sending = sending
        self._span = span
        self._logged = logged
        self._started = started

    def ended(self, answer: Response | Failure, error: SpecieError | None, now: float) -> None:
        """It came to its end."""
        status, size = (answer.status, len(answer.body)) if isinstance(answer, Response) else (None, 0)
        kind = None if error is None else type(error).__name__
        record = Replied(*self._sending, now - self._started, status, size, kind)
        span, self._span = self._span, None
        if span is not None:
            span.end(record)
        self._watch.ended(record, self._logged)

    def abandoned(self) -> None:
        """The call was given up, unless it has ended."""
        if self._span is not None:
            self._span.abandon()
            self._span = None
