"""What the world may answer, against every exchange: never a half-empty object, never a guess about money.

A read ends in `InvalidResponse` or an `ApiError`; a call that changes something, in `OutcomeUnknown` or an `ApiError`. What is
merely new (fields, enum values, a number where there was a text) is no error at all.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import attrs
import pytest
from support.calls import AT_ONCE, BODIES, arguments, call, connected, example, operations
from support.replay import exchanges
from support.replies import (
    Path,
    Raw,
    Site,
    at,
    drop,
    first_of_each,
    json_path,
    parsed,
    put,
    result_path,
    sites,
    written,
)
from support.stubs import Answer, Fault, Wire

from specie.compiler.model import Enum, Exchange, KeyedBy, ListOf, MapOf, Model, Operation, Plain, Ref
from specie.runtime import (
    ApiError,
    InvalidResponse,
    NoReply,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    ServerError,
    SpecieError,
)

HTML = b"<!DOCTYPE html><html><head><title>520: Web server is returning an unknown error</title></head></html>"
WEB = {"Content-Type": "text/html"}
both_bodies = pytest.mark.parametrize("body", BODIES)


def is_read(operation: Operation) -> bool:
    return operation.effect == "read"


def tells_much(exchange: Exchange, operation: Operation) -> bool:
    """Whether its result is made of models: `nothing` and bare texts have nowhere to put a wrong value."""
    kind: Any = operation.returns.type
    while isinstance(kind, ListOf | MapOf | KeyedBy):
        kind = kind.value if isinstance(kind, MapOf) else kind.item
    return isinstance(kind, Ref) and isinstance(exchange.named[kind.name], Model)


READS = operations(lambda exchange, one: is_read(one) and tells_much(exchange, one), each=False)
EFFECTS = operations(lambda exchange, one: not is_read(one) and tells_much(exchange, one), each=False)
CHOSEN = [*READS, *EFFECTS]
every_chosen = pytest.mark.parametrize(("exchange", "operation"), CHOSEN)
every_one = pytest.mark.parametrize(("exchange", "operation"), operations())


@attrs.frozen
class Ended:
    """How a call ended."""

    result: Any
    error: Any
    attempts: int


def ends(exchange: Exchange, operation: Operation, body: str, *answers: Any) -> Ended:
    wire = Wire(*answers)
    with connected(exchange, body, wire, retries=AT_ONCE) as client:
        try:
            return Ended(call(client, operation, arguments(exchange, operation)), None, len(wire.requests))
        except SpecieError as error:
            return Ended(None, error, len(wire.requests))


def good(exchange: Exchange, operation: Operation) -> tuple[Any, Any]:
    """The documented reply, parsed, and what it becomes."""
    return _good(exchange.name, operation.id)


@cache
def _good(exchange_name: str, operation_id: str) -> tuple[Any, Any]:
    exchange = exchanges()[exchange_name]
    operation = next(one for one in exchange.operations if one.id == operation_id)
    reply = example(exchange, operation)
    ended = ends(exchange, operation, "blocking", Answer(reply))
    assert ended.error is None
    return parsed(reply), ended.result


def places(exchange: Exchange, operation: Operation, wanted: Callable[[Site], bool]) -> list[Site]:
    """One place of each field that is wanted."""
    reply, result = good(exchange, operation)
    return [one for one in first_of_each(sites(exchange, operation, reply, result)) if wanted(one)]


def decoded(exchange: Exchange, operation: Operation, reply: Any, path: Path) -> Any:
    """What stands at `path`, decoded, when the reply is `reply`."""
    ended = ends(exchange, operation, "blocking", Answer(written(reply)))
    assert ended.error is None, f"{json_path(path)}: {ended.error}"
    return next(one.value for one in sites(exchange, operation, reply, ended.result, path) if one.path == path)


def assert_unreadable(ended: Ended, operation: Operation, reply: bytes, path: str | None, status: int = 200) -> None:
    """A reply that cannot be what it claims: the class by effect, and what a person needs to find the place."""
    assert ended.result is None
    wrong = ended.error
    if not is_read(operation):
        assert type(wrong) is OutcomeUnknown
        assert ended.attempts == 1
        assert wrong.status == status
        assert reply[:20].decode("utf-8", "replace") in wrong.body_start or not wrong.body_start
        assert wrong.method == operation.method
        assert wrong.sent.keys() == arguments_of(operation, wrong)
        wrong = wrong.__cause__
    assert type(wrong) is InvalidResponse
    assert wrong.status == status
    assert str(status) in str(wrong)
    assert wrong.operation == operation.id
    assert wrong.expected
    assert wrong.found
    start = reply.decode("utf-8", "replace")
    assert wrong.body_start == start[:200]
    if path is not None:
        assert wrong.path == path
        assert path in str(ended.error)


def assert_no_answer(ended: Ended, exchange: Exchange, operation: Operation, reply: bytes, path: str | None) -> None:
    """Something that is neither a success nor a refusal. Where a success must say that it is one, a read may end in an
    `ApiError`; but nobody may conclude from it that an order was not placed."""
    ok = operation.returns.ok or (exchange.envelope is not None and exchange.envelope.ok and not operation.returns.bare)
    if ok and is_read(operation) and isinstance(ended.error, ApiError):
        assert ended.error.status == 200
        assert ended.error.body_start == reply.decode("utf-8", "replace")[:200]
    else:
        assert_unreadable(ended, operation, reply, None if ok else path)


def arguments_of(operation: Operation, error: OutcomeUnknown) -> set[str]:
    """The names that an error about an unknown outcome must give back."""
    taken = {one.name for one in operation.parameters if one.argument}
    return {name for name in error.sent if name in taken}


# -- what is wrong ---------------------------------------------------------------------------------------------------


def plain(site: Site) -> bool:
    """Whether it must be there and be something: a list or map may be null, `json` may be anything."""
    return (
        site.required and not isinstance(site.type, ListOf | MapOf | KeyedBy) and site.scalar not in ("json", "nothing")
    )


def assert_refused_at(exchange: Exchange, operation: Operation, site: Site, reply: Any) -> None:
    text = written(reply)
    assert_unreadable(ends(exchange, operation, "blocking", Answer(text)), operation, text, site.shown)


@every_one
def test_a_required_field_that_is_missing(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.required and one.field is not None and not one.of_row):
        if site.scalar not in ("json", "nothing"):
            assert_refused_at(exchange, operation, site, drop(reply, site.path))


@every_one
def test_null_where_a_value_must_be(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, plain):
        assert_refused_at(exchange, operation, site, put(reply, site.path, None))


@every_one
def test_null_where_a_list_or_map_must_be_is_an_empty_one(exchange: Exchange, operation: Operation) -> None:
    """Servers write null, [] and {} for nothing."""
    reply, _ = good(exchange, operation)
    for site in places(
        exchange, operation, lambda one: one.required and isinstance(one.type, ListOf | MapOf | KeyedBy)
    ):
        if site.field is not None:
            changed = put(reply, site.path, None)
            assert decoded(exchange, operation, changed, site.path) == ({} if isinstance(site.type, MapOf) else [])


@every_one
def test_a_row_that_is_too_short(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.required and one.of_row):
        index = site.path[-1]
        assert isinstance(index, int)
        changed = put(reply, site.path[:-1], at(reply, site.path[:-1])[:index])
        assert_refused_at(exchange, operation, site, changed)


@every_one
def test_a_value_of_another_kind(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.scalar not in ("json", "nothing")):
        wrong = [True, "text"] if isinstance(site.type, ListOf | MapOf | KeyedBy | Ref) else [{"a": 1}, [1, 2]]
        if isinstance(site.type, Ref) and isinstance(exchange.named[site.type.name], Enum):
            wrong = [{"a": 1}, [1]]
        if operation.returns.sole and site.path == result_path(exchange, operation, reply):
            wrong = [True, "text"]
        for one in wrong:
            if site.owner == "result" and operation.returns.at_optional:
                continue
            text = written(put(reply, site.path, one))
            ended = ends(exchange, operation, "blocking", Answer(text))
            if site.path:
                assert_unreadable(ended, operation, text, site.shown)
            else:
                assert_no_answer(ended, exchange, operation, text, site.shown)


NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "1_000", "1,000", "0x10", "1e", "--1", "one", " ", "１２", "1.2.3"]


@every_one
def test_money_that_is_no_number(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.scalar in ("decimal", "exact_seconds"))[:2]:
        for wrong in NO_NUMBERS:
            assert_refused_at(exchange, operation, site, put(reply, site.path, wrong))
        for bare in NO_NUMBERS[:4]:
            text = written(put(reply, site.path, Raw(bare)))
            assert_unreadable(ends(exchange, operation, "blocking", Answer(text)), operation, text, None)


@every_one
def test_counts_and_times_that_are_no_whole_numbers(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.scalar in ("int", "millis", "seconds"))[:2]:
        for wrong in (Decimal("1.5"), "1.5", "NaN", "1_000", True, "2023-11-14T22:13:20Z", Raw("1e999999999")):
            assert_refused_at(exchange, operation, site, put(reply, site.path, wrong))


# -- what is new, or written otherwise -------------------------------------------------------------------------------


@every_one
def test_a_new_field_is_ignored_and_reachable(exchange: Exchange, operation: Operation) -> None:
    reply, result = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.field is not None and not one.of_row):
        new = (*site.path[:-1], "brandNew")
        wire = Wire(Answer(written(put(reply, new, {"any": [1]}))))
        with connected(exchange, "blocking", wire) as client, client.capture() as replies:
            assert call(client, operation, arguments(exchange, operation)) == result
        assert json_path(new) in replies[0].unaccounted()


@every_one
def test_a_new_enum_value_is_kept(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: isinstance(one.type, Ref)):
        assert isinstance(site.type, Ref)
        enum = exchange.named[site.type.name]
        if isinstance(enum, Enum):
            new: Any = 98765 if enum.integer else "BRAND_NEW"
            value = decoded(exchange, operation, put(reply, site.path, new), site.path)
            assert value.value == new
            assert not value.is_known
            assert type(value) is type(site.value)


@every_one
def test_numbers_and_texts_are_both_understood(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: one.scalar == "decimal"):
        for new in ("1.5", Decimal("1.5"), "1.50", Decimal("1.50"), 15, "15"):
            value = decoded(exchange, operation, put(reply, site.path, new), site.path)
            assert type(value) is Decimal
            assert str(value) == str(new)


@every_one
def test_every_digit_is_kept(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    digits = "0.12345678901234567890"
    for site in places(exchange, operation, lambda one: one.scalar == "decimal"):
        for new in (
            Raw(digits),
            digits,
            Raw("12345678901234567890.10"),
            Raw("1e-8"),
            Raw("100000000000000000000000001"),
        ):
            value = decoded(exchange, operation, put(reply, site.path, new), site.path)
            assert str(value) == str(Decimal(new.text if isinstance(new, Raw) else new))


@every_one
def test_ids_beyond_2_to_the_53(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    huge = 2**63 + 1
    for site in places(exchange, operation, lambda one: one.scalar == "id"):
        for new in (huge, str(huge), 2**53 + 1, 10**40 + 1, "SL-1", 7):
            value = decoded(exchange, operation, put(reply, site.path, new), site.path)
            assert type(value) is str
            assert value == str(new)


@every_one
def test_an_optional_value_may_be_absent_null_or_empty(exchange: Exchange, operation: Operation) -> None:
    reply, _ = good(exchange, operation)
    for site in places(exchange, operation, lambda one: not one.required and not one.of_row):
        for changed in (put(reply, site.path, None), put(reply, site.path, "")):
            assert decoded(exchange, operation, changed, site.path) is None
        assert ends(exchange, operation, "blocking", Answer(written(drop(reply, site.path)))).error is None


# -- replies that are no replies -------------------------------------------------------------------------------------


@both_bodies
@every_chosen
class TestUnreadable:
    """With status 200, and yet not what it claims."""

    @pytest.mark.parametrize("kept", [1, 0.3, 0.9, -1], ids=["one byte", "a third", "most", "all but one byte"])
    def test_truncated(self, exchange: Exchange, operation: Operation, body: str, kept: float) -> None:
        whole = written(parsed(example(exchange, operation)))
        cut = whole[: int(kept * len(whole)) if isinstance(kept, float) else kept]
        ended = ends(exchange, operation, body, Answer(cut))
        assert_unreadable(ended, operation, cut, "$")
        assert ended.attempts == (3 if is_read(operation) else 1)

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b" \n",
            b"null",
            b"true",
            b"0",
            b'"OK"',
            b"OK",
            b"\xff\xfe{}",
            b"{",
            b"\x00" * 9,
            b"{}{}",
            b"[" * 100_000,
        ],
        ids=["empty", "blank", "null", "true", "0", "text", "bare", "utf-16", "brace", "zeros", "two", "deep"],
    )
    def test_no_object(self, exchange: Exchange, operation: Operation, body: str, text: bytes) -> None:
        assert_no_answer(ends(exchange, operation, body, Answer(text)), exchange, operation, text, "$")

    def test_wrong_top(self, exchange: Exchange, operation: Operation, body: str) -> None:
        reply = parsed(example(exchange, operation))
        text = b'{"a": 1}' if isinstance(reply, list) else b'[{"a": 1}]'
        assert_no_answer(ends(exchange, operation, body, Answer(text)), exchange, operation, text, None)

    def test_html(self, exchange: Exchange, operation: Operation, body: str) -> None:
        ended = ends(exchange, operation, body, Answer(HTML, 200, WEB))
        assert_unreadable(ended, operation, HTML, "$")
        assert "HTML" in str(ended.error)

    def test_an_error_with_status_200(self, exchange: Exchange, operation: Operation, body: str) -> None:
        ended = ends(exchange, operation, body, Answer(refusal(exchange, "Something was wrong.")))
        assert isinstance(ended.error, ApiError)
        assert ended.error.message == "Something was wrong."
        assert ended.error.status == 200
        assert ended.attempts == 1


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), READS)
def test_many_megabytes(exchange: Exchange, operation: Operation, body: str) -> None:
    reply, result = good(exchange, operation)
    found = sites(exchange, operation, reply, result)
    path = next(one.path for one in found if one.field is not None and not one.of_row)
    large = written(put(reply, (*path[:-1], "brandNew"), "x" * 5_000_000))
    assert ends(exchange, operation, body, Answer(large)).result == result


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), EFFECTS)
def test_many_megabytes_of_html(exchange: Exchange, operation: Operation, body: str) -> None:
    ended = ends(exchange, operation, body, Answer(HTML + b"x" * 5_000_000, 200, WEB))
    assert_unreadable(ended, operation, HTML + b"x" * 200, "$")
    assert len(str(ended.error)) < 1000
    assert len(pickle.dumps(ended.error)) < 10_000


def refusal(exchange: Exchange, message: str) -> bytes:
    """An error body in the exchange's own shape, with nothing in it that the spec knows."""
    body: dict[str, Any] = {key: 0 for key, _ in exchange.envelope.ok} if exchange.envelope else {}
    keys = [key for key in exchange.errors.message if key != exchange.errors.code]
    if exchange.errors.code:
        body[exchange.errors.code] = -987654
    return json.dumps({**body, keys[0]: message}).encode()


# -- statuses, redirects and silence ---------------------------------------------------------------------------------


@both_bodies
@every_chosen
class TestStatuses:
    @pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599])
    def test_failures(self, exchange: Exchange, operation: Operation, body: str, status: int) -> None:
        for text in (HTML, b"", b"{}"):
            ended = ends(exchange, operation, body, Answer(text, status, WEB))
            assert ended.result is None
            error = ended.error
            if is_read(operation):
                assert ended.attempts == 3
            else:
                assert type(error) is OutcomeUnknown
                assert ended.attempts == 1
                assert error.status == status
                assert error.body_start == text.decode()[:200]
                assert str(status) in str(error)
                error = error.__cause__
            assert isinstance(error, ServerError)
            assert error.status == status
            assert error.body_start == text.decode()[:200]
            assert str(status) in str(error)

    @pytest.mark.parametrize(
        ("status", "kind"), [(404, NotFound), (429, RateLimited), (418, ApiError)], ids=["404", "429", "418"]
    )
    @pytest.mark.parametrize("shape", ["html", "own"])
    def test_refusals(
        self, exchange: Exchange, operation: Operation, body: str, status: int, kind: type[ApiError], shape: str
    ) -> None:
        text = HTML if shape == "html" else refusal(exchange, "No.")
        ended = ends(exchange, operation, body, Answer(text, status))
        assert isinstance(ended.error, kind)
        assert ended.error.status == status
        assert ended.error.operation == operation.id
        assert ended.error.body_start == text.decode()[:200]
        assert ended.error.message == ("" if shape == "html" else "No.")
        assert ended.attempts == (3 if is_read(operation) and status == 429 else 1)

    def test_a_second_try_of_a_read_may_do(self, exchange: Exchange, operation: Operation, body: str) -> None:
        reply, result = good(exchange, operation)
        ended = ends(exchange, operation, body, Answer(b"", 503), Answer(written(reply)))
        if is_read(operation):
            assert (ended.result, ended.attempts) == (result, 2)
        else:
            assert type(ended.error) is OutcomeUnknown
            assert ended.attempts == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, exchange: Exchange, operation: Operation, body: str, status: int) -> None:
        away = {"Location": "https://evil.example/steal?key=1"}
        ended = ends(exchange, operation, body, Answer(b"", status, away), Answer(example(exchange, operation)))
        assert ended.result is None
        assert ended.attempts == 1
        assert type(ended.error) is (ApiError if is_read(operation) else OutcomeUnknown)
        assert ended.error.status == status
        assert "https://evil.example/steal" in str(ended.error)
        assert "key=1" not in str(ended.error)

    @pytest.mark.parametrize("kind", ["timeout", "reset"])
    def test_silence(self, exchange: Exchange, operation: Operation, body: str, kind: str) -> None:
        ended = ends(exchange, operation, body, Fault(kind))
        assert type(ended.error) is (NoReply if is_read(operation) else OutcomeUnknown)
        assert ended.attempts == (3 if is_read(operation) else 1)

    def test_no_connection(self, exchange: Exchange, operation: Operation, body: str) -> None:
        ended = ends(exchange, operation, body, Fault("refused"))
        assert type(ended.error) is NotSent
        assert ended.attempts == (3 if is_read(operation) else 1)


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: not is_read(operation)))
def test_no_effect_is_ever_sent_twice(exchange: Exchange, operation: Operation, body: str) -> None:
    for answer in (
        Answer(b"", 503),
        Answer(HTML, 200),
        Answer(b"", 200),
        Answer(b"", 429),
        Fault("timeout"),
        Fault("reset"),
    ):
        ended = ends(exchange, operation, body, answer, Answer(example(exchange, operation)))
        assert ended.attempts == 1
        assert ended.error is not None or isinstance(operation.returns.type, Plain)


def test_every_exchange_was_tried_both_ways() -> None:
    assert {param.values[0].name for param in READS} == {param.values[0].name for param in EFFECTS}
