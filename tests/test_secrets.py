"""Credentials show nowhere: not in what is printed, raised, logged, warned of or pickled, however the call ends."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from support.calls import BODIES, arguments, call, connected, example, operations
from support.loopback import Loopback, nobody, reply
from support.stubs import Answer, Fault, Sent, Wire

from specie.compiler.model import Exchange, Operation
from specie.runtime import FileBudgets, FileNonces, Hooks, SpecieError, Timeout

both_bodies = pytest.mark.parametrize("body", BODIES)
SECRET = "canary-secret-Zq8+/=vXw2NbD5kfJ7mLpT3"
KEY = "canary-key-H6yR9sC4uE1gBnV0aWjK"
OTHER = "canary-other-me@example.org"
PIECE = 14
"""Characters: a shorter piece of a secret than this gives nothing away."""


def canaries(exchange: Exchange) -> dict[str, str]:
    given = {"api_secret": SECRET, "api_key": KEY}
    credentials = exchange.auth.credentials if exchange.auth else ()
    return {one.name: given.get(one.name, OTHER) for one in credentials}


def assert_shows_nothing(text: str, what: str, shown: Iterable[str] = (SECRET, KEY)) -> None:
    # Half a secret is half too much: every piece is looked for, not only the whole. Any piece holds one of the blocks.
    for canary in (one.removeprefix("canary-") for one in shown):
        blocks = range(0, len(canary), PIECE // 2)
        if any(canary[start : start + PIECE // 2] in text for start in blocks):
            for start in range(len(canary) - PIECE + 1):
                assert canary[start : start + PIECE] not in text, f"{what} shows {canary[start : start + PIECE]}"


class Heard(logging.Handler):
    """Everything that is logged, at any level, as it would be printed."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter("%(name)s %(message)s").format(record))
        self.lines.append(repr(record.__dict__))


class Exported(SpanExporter):
    """Everything that a program exports which traces."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.lines += [span.to_json() for span in spans]
        return SpanExportResult.SUCCESS


def telling(heard: list[str]) -> Hooks:
    """Hooks that write down all that they are told."""

    def tell(record: object) -> None:
        heard.append(f"{record!r} {record}")
        heard.append(pickle.dumps(record).decode("latin-1"))

    return Hooks(before_send=tell, after_reply=tell, on_retry=tell, on_drift=tell)


@contextmanager
def listening() -> Iterator[list[str]]:
    """What is logged and warned of meanwhile."""
    heard, root = Heard(), logging.getLogger()
    names = ("urllib3", "requests", "aiohttp", "asyncio", "websockets", "specie")
    levels = {one: one.level for one in (root, *map(logging.getLogger, names))}
    root.addHandler(heard)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Exported(heard.lines)))
    try:
        for one in levels:
            one.setLevel(logging.DEBUG)
        with (
            warnings.catch_warnings(record=True) as warned,
            mock.patch.object(trace, "get_tracer", provider.get_tracer),
        ):
            warnings.simplefilter("always")
            yield heard.lines
        heard.lines += [str(one.message) for one in warned]
    finally:
        root.removeHandler(heard)
        for one, level in levels.items():
            one.setLevel(level)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and all that it came from, as Python would print it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def everything_about(error: SpecieError) -> Iterator[tuple[str, str]]:
    yield "str", str(error)
    yield "repr", repr(error)
    yield "traceback", "".join(traceback.format_exception(error))
    pickled = pickle.dumps(error)
    yield "pickle", pickled.decode("latin-1")
    again = pickle.loads(pickled)
    assert type(again) is type(error)
    assert str(again) == str(error)
    yield "state", repr(vars(again))
    for one in chain(error):
        yield f"state of {type(one).__name__}", f"{one!r} {one} {one.args!r}"
        if isinstance(one, SpecieError):
            yield "attributes", repr(vars(one))


def variables_of(error: BaseException) -> Iterator[str]:
    """The variables of all frames of ours that an error and its causes went through."""
    for one in chain(error):
        for frame in traceback.StackSummary.extract(traceback.walk_tb(one.__traceback__), capture_locals=True):
            if "/specie/" in frame.filename:
                yield f"{frame.name}: {frame.locals}"


def looked_over(
    exchange: Exchange, operation: Operation, client: Any, heard: list[str], *, knows: bool = False
) -> SpecieError | None:
    """Call, and look for the canaries everywhere; gives the error that it ended in. `knows` says that the server knows
    the secret, and may have it in its reply."""
    hidden = canaries(exchange).values()
    error: SpecieError | None = None
    before = len(heard)
    with client.capture() as replies:
        try:
            result = call(client, operation, arguments(exchange, operation))
        except SpecieError as raised:
            error = raised
        else:
            assert_shows_nothing("" if knows else f"{result!r} {result}", "the result")
    assert_shows_nothing(repr(replies), "a captured reply")
    itself = getattr(client, "_target", client)
    assert_shows_nothing(f"{itself!r} {itself}", "the client")
    group = getattr(itself, operation.group)
    assert_shows_nothing(f"{group!r} {group}", "the group")
    assert {"Sending(", "Replied("} <= {line[: line.find("(") + 1] for line in heard[before:]}, "the hooks were told"
    assert any('"specie.operation"' in line for line in heard[before:]), "a span was exported"
    assert any(line.startswith(f"specie.{exchange.name} ") for line in heard[before:]), "something was logged"
    assert_shows_nothing("\n".join(heard), "the log")
    if error is not None:
        for what, text in everything_about(error):
            assert_shows_nothing(text, f"{what} of {type(error).__name__}", hidden)
        # What Sentry and its like print. The key is in the request there; the secret is in no variable of ours.
        if not knows:
            for variables in variables_of(error):
                assert_shows_nothing(variables, "a variable", [SECRET])
    return error


def echo(sent: Sent) -> Answer:
    """A server that tells everybody what it was sent."""
    lines = [f"{name}: {value}" for name, value in sent.headers.items()]
    return Answer(json.dumps({"error": lines, "message": "; ".join(lines), "success": 0}).encode(), 401)


def plain_echo(sent: Sent) -> Answer:
    """The same, but as a page with status 200."""
    lines = [f"{name}: {value}" for name, value in reversed(list(sent.headers.items()))]
    return Answer(("\n".join(lines) + sent.body.decode()).encode())


def told_of_everything(sent: Sent) -> Answer:
    """A server that knows even the secret, and writes it where an error would quote it."""
    text = f"key {KEY} with secret {SECRET} of {OTHER} was refused"
    return Answer(json.dumps({"error": text, "message": text, "success": 0}).encode(), 400)


def a_field_of_it(sent: Sent) -> Answer:
    """JSON that is not what it claims, with a secret in every place that an error may quote."""
    return Answer(json.dumps([f"{'x' * pad}{SECRET}" for pad in (30, 0)]).encode())


def only_it(sent: Sent) -> Answer:
    return Answer(json.dumps(f"{'x' * 40}{SECRET}").encode())


def again_and_again(sent: Sent) -> Answer:
    return Answer(f"{KEY} ".encode() * 500, 500)


ENDINGS: dict[str, Callable[[Sent], Answer | Fault]] = {
    "echo with 401": echo,
    "echo with 200": plain_echo,
    "told of everything": told_of_everything,
    "a field of it": a_field_of_it,
    "only it": only_it,
    "again and again": again_and_again,
    "500 of HTML": lambda _: Answer(b"<html>Internal Server Error</html>", 500),
    "garbage": lambda _: Answer(b"\x00\xff garbage"),
    "empty": lambda _: Answer(b""),
    "timeout": lambda _: Fault("timeout"),
    "no connection": lambda _: Fault("refused"),
    "reset": lambda _: Fault("reset"),
    "drift": lambda _: Answer(json.dumps({KEY: {SECRET: OTHER}, "error": {KEY: SECRET}}).encode()),
    "redirect": lambda sent: Answer(b"", 302, {"Location": f"https://evil.example/?key={KEY}&secret={SECRET}"}),
}


KNOWING = ("told of everything", "a field of it", "only it", "drift")


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_nothing_shows_in_success(exchange: Exchange, operation: Operation, body: str) -> None:
    wire = Wire(Answer(example(exchange, operation)))
    with listening() as heard, connected(exchange, body, wire, hooks=telling(heard), **canaries(exchange)) as client:
        assert looked_over(exchange, operation, client, heard) is None


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_nothing_shows_in_failure(exchange: Exchange, operation: Operation, body: str) -> None:
    for name, ending in ENDINGS.items():
        wire = Wire(ending)
        with (
            listening() as heard,
            connected(exchange, body, wire, hooks=telling(heard), **canaries(exchange)) as client,
        ):
            looked_over(exchange, operation, client, heard, knows=name in KNOWING)
        assert len(wire.requests) == 1


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth, each=False))
def test_nothing_shows_where_limits_and_nonces_are_kept(
    exchange: Exchange, operation: Operation, body: str, tmp_path: Path
) -> None:
    stores: dict[str, Any] = {
        "budgets": FileBudgets(tmp_path / "limits"),
        "nonces": FileNonces(tmp_path / "nonces"),
        "limits": "wait",
    }
    given = {"clock": None, **stores, **canaries(exchange)}
    with listening() as heard, connected(exchange, body, Wire(Answer(example(exchange, operation))), **given) as client:
        call(client, operation, arguments(exchange, operation))
        assert_shows_nothing(repr(client.limits()), "the limits")
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        assert_shows_nothing(file.read_bytes().decode("latin-1"), file.name)
    assert_shows_nothing(f"{stores!r} {heard}", "a store")


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth, each=False))
def test_nothing_shows_when_a_key_store_fails(exchange: Exchange, operation: Operation, body: str) -> None:
    def failing() -> str:
        raise RuntimeError("the vault is shut")

    for given in (failing, lambda: "", lambda: f"{SECRET}\n"):
        wire = Wire(Answer(example(exchange, operation)))
        credentials = {**canaries(exchange), "api_secret": given}
        with listening() as heard, connected(exchange, body, wire, **credentials) as client:
            with pytest.raises((SpecieError, RuntimeError)) as caught:
                call(client, operation, arguments(exchange, operation))
            assert not wire.requests
            assert_shows_nothing("".join(traceback.format_exception(caught.value)), "traceback")
            assert_shows_nothing("\n".join(heard), "the log")


@pytest.mark.parametrize("exchange", [param.values[0] for param in operations(each=False)], ids=lambda one: one.name)
def test_nothing_shows_in_credentials(exchange: Exchange) -> None:
    from importlib import import_module

    if exchange.auth is None:
        return
    given = import_module(f"specie.{exchange.name}.auth").Credentials(**canaries(exchange))
    assert_shows_nothing(f"{given!r} {given} {given:>100} {[given]} {vars(type(given))}", "credentials")
    with pytest.raises(TypeError) as caught:
        pickle.dumps(given)
    assert_shows_nothing(str(caught.value), "the refusal to be pickled")
    for wrong in (f"{SECRET}\n", f" {SECRET}"):
        with pytest.raises(ValueError, match="strip it") as refused:
            type(given)(**{**canaries(exchange), "api_secret": wrong})
        assert_shows_nothing("".join(traceback.format_exception(refused.value)), "a refusal")


# -- over real sockets -----------------------------------------------------------------------------------------------

REAL = [
    *operations(lambda _, operation: operation.auth and operation.effect == "read", each=False),
    *operations(lambda _, operation: operation.auth and operation.effect != "read", each=False),
]


def echoed(request: bytes) -> bytes:
    head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
    return reply(401, json.dumps({"error": head, "message": head, "success": 0}).encode())


ANSWERS: dict[str, Callable[[bytes], bytes | None]] = {
    "echo": echoed,
    "html": lambda _: reply(500, b"<html>Internal Server Error</html>", "text/html"),
    "garbage": lambda _: b"\x00\x01\x02 not HTTP at all\r\n\r\n",
    "cut short": lambda _: reply(200, b"{" + b" " * 99)[:-50],
    "silence": lambda _: None,
    "hangs up": lambda _: b"",
}


@both_bodies
@pytest.mark.parametrize("ending", ANSWERS)
@pytest.mark.parametrize(("exchange", "operation"), REAL)
def test_nothing_shows_over_a_socket(exchange: Exchange, operation: Operation, ending: str, body: str) -> None:
    with Loopback(ANSWERS[ending]) as server:
        servers = {one.name: server.url for one in exchange.servers if one.url.startswith("http")}
        more: dict[str, Any] = {**canaries(exchange), "base_url": servers, "timeout": Timeout(1.0, 0.05, 1.0)}
        with listening() as heard, connected(exchange, body, hooks=telling(heard), **more) as client:
            assert looked_over(exchange, operation, client, heard) is not None
        assert any(KEY.encode() in request for request in server.requests)
        assert not any(SECRET.encode() in request for request in server.requests)


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), REAL)
def test_nothing_shows_without_a_connection(exchange: Exchange, operation: Operation, body: str) -> None:
    with nobody() as url:
        servers = {one.name: url for one in exchange.servers if one.url.startswith("http")}
        more: dict[str, Any] = {**canaries(exchange), "base_url": servers}
        with listening() as heard, connected(exchange, body, hooks=telling(heard), **more) as client:
            assert looked_over(exchange, operation, client, heard) is not None


@both_bodies
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("exchange", "operation"), REAL)
def test_nobody_else_is_sent_anything_by_a_redirect(
    exchange: Exchange, operation: Operation, status: int, body: str
) -> None:
    with Loopback(lambda _: reply(200, b"{}")) as elsewhere:

        def redirected(_: bytes) -> bytes:
            head = (
                f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return head.encode()

        with Loopback(redirected) as server:
            servers = {one.name: server.url for one in exchange.servers if one.url.startswith("http")}
            with (
                connected(exchange, body, **canaries(exchange), base_url=servers) as client,
                pytest.raises(SpecieError, match="not followed"),
            ):
                call(client, operation, arguments(exchange, operation))
            assert len(server.requests) == 1
        assert elsewhere.requests == []
