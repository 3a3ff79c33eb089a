"""OpenTelemetry spans, where the program traces: one client span for each request that is sent.

They follow the semantic conventions for HTTP clients. Nothing is imported for it: a program that traces has imported
`opentelemetry.trace` itself, and in any other this costs a look into a dictionary. No query, header or body becomes an
attribute, and the exchange is sent no trace headers.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from .hooks import Replied, Sending

__all__ = ["Span", "span_of"]


class Span:
    """The span of one attempt."""

    __slots__ = ("_span", "_trace")

    def __init__(self, trace: Any, span: Any) -> None:
        self._trace = trace
        self._span = span

    def end(self, record: Replied) -> None:
        """It came to its end, with or without a reply."""
        span = self._span
        if record.status is not None:
            span.set_attribute("http.response.status_code", record.status)
            span.set_attribute("http.response.body.size", record.size)
        if record.error is not None:
            failed = record.status is not None and record.status >= 400
            span.set_attribute("error.type", str(record.status) if failed else record.error)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, record.error))
        span.end()

    def abandon(self) -> None:
        """The call was given up before it came to its end."""
        self._span.set_attribute("error.type", "cancelled")
        self._span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, "cancelled"))
        self._span.end()


def span_of(sending: Sending, origin: str, template: str | None) -> Span | None:
    """A span for a request, if the program traces and wants this one.

    Args:
        sending: What is sent.
        origin: Scheme, host and port.
        template: The path with its parameters in braces, if a spec has it.
    """
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    server = urlsplit(origin)
    attributes: dict[str, str | int] = {
        "http.request.method": sending.method,
        "url.full": f"{origin}{sending.path}",
        "server.address": server.hostname or "",
        "server.port": server.port or (80 if server.scheme == "http" else 443),
        "specie.exchange": sending.exchange,
        "specie.operation": sending.operation,
    }
    if template is not None:
        attributes["url.template"] = template
    if sending.attempt > 1:
        attributes["http.request.resend_count"] = sending.attempt - 1
    name = sending.method if template is None else f"{sending.method} {template}"
    span = trace.get_tracer("specie").start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)
    return Span(trace, span) if span.is_recording() else None
