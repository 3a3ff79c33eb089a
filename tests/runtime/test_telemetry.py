"""Spans: one for each request, with what the semantic conventions for HTTP clients ask for, and no secret."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from handwritten import _CREATE, _TRADES, OrderType, Side
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from talk import KEY, SECRET, Talk, lost, reply

from specie.runtime import telemetry

ORDER: dict[str, Any] = {"pair": "btc_twd", "side": Side.BUY, "type": OrderType.LIMIT, "amount": "0.01", "price": "250"}


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a program that traces would export; its provider is seen by this test alone."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_span_for_each_request(exported: InMemorySpanExporter) -> None:
    Talk(_TRADES, {"pair": "btc_twd", "limit": 5}, [reply(status=503), reply({"data": []})])
    first, second = exported.get_finished_spans()
    assert first.name == second.name == "GET /trades/{pair}"
    assert first.kind is SpanKind.CLIENT
    assert attributes(first) == {
        "http.request.method": "GET",
        "url.full": "https://api.acme.example/v1/trades/btc_twd",
        "url.template": "/trades/{pair}",
        "server.address": "api.acme.example",
        "server.port": 443,
        "specie.exchange": "acme",
        "specie.operation": "market.trades",
        "http.response.status_code": 503,
        "http.response.body.size": 4,
        "error.type": "503",
    }
    assert first.status.status_code is StatusCode.ERROR
    assert attributes(second)["http.request.resend_count"] == 1
    assert attributes(second)["http.response.status_code"] == 200
    assert "error.type" not in attributes(second)
    assert second.status.status_code is StatusCode.UNSET


def test_no_reply_and_no_use_are_errors_of_their_own(exported: InMemorySpanExporter) -> None:
    Talk(_CREATE, ORDER, [lost()])
    Talk(_CREATE, ORDER, [reply(b"<html>")])
    unanswered, unreadable = (attributes(span) for span in exported.get_finished_spans())
    assert unanswered["error.type"] == unreadable["error.type"] == "OutcomeUnknown"
    assert "http.response.status_code" not in unanswered
    assert unreadable["http.response.status_code"] == 200


def test_a_call_that_is_given_up_ends_its_span(exported: InMemorySpanExporter) -> None:
    from handwritten import EXCHANGE, Credentials
    from talk import Clock

    from specie.runtime import Nonces, Retries, Timeout
    from specie.runtime.flow import call
    from specie.runtime.settings import Settings

    clock = Clock()
    settings = Settings(
        EXCHANGE,
        Credentials(api_key=KEY, api_secret=SECRET),
        EXCHANGE.servers,
        clock=clock,
        nonces=Nonces(),
        monotonic=clock.monotonic,
        random=lambda: 1.0,
        timeout=Timeout(),
        retries=Retries(),
    )
    steps = call(settings, lambda: False, _TRADES, {"pair": "btc_twd"})
    next(steps)
    steps.close()
    (span,) = exported.get_finished_spans()
    assert attributes(span)["error.type"] == "cancelled"


def test_no_secret_is_in_a_span(exported: InMemorySpanExporter) -> None:
    Talk(_CREATE, {**ORDER, "pair": KEY}, [reply({"error": f"{KEY} {SECRET}"}, 401)])
    (span,) = exported.get_finished_spans()
    shown = span.to_json()
    assert "api.acme.example" in shown
    assert KEY not in shown
    assert SECRET not in shown


def test_a_span_that_nobody_samples_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    monkeypatch.setattr(trace, "get_tracer", TracerProvider(sampler=ALWAYS_OFF).get_tracer)
    from specie.runtime import Sending

    sending = Sending("acme", "market.trades", "read", "GET", "/v1/trades", 1)
    assert telemetry.span_of(sending, "https://api.acme.example", None) is None


def test_a_program_that_does_not_trace_imports_nothing_for_it() -> None:
    code = (
        "import sys; sys.path[:0] = " + repr(sys.path) + "\n"
        "from handwritten import _TRADES\n"
        "from talk import Talk, reply\n"
        "assert Talk(_TRADES, {'pair': 'x'}, [reply({'data': []})]).error is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
