"""Every operation of every exchange through both clients, over real HTTP, against one sandbox that judges every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any

import pytest
from support.calls import BODIES, arguments, call, connected, example, operations, python_type
from support.replay import NOW_MS, exchanges
from support.replies import parsed, sites

import specie.runtime
from specie.compiler.model import Enum, Exchange, KeyedBy, ListOf, MapOf, Operation, Plain, Ref
from specie.runtime import ApiError, AuthenticationFailed, Nonces, NonceSource, NotFound
from specie.sandbox import Sandbox, Seen

NONCES = Nonces()
both_bodies = pytest.mark.parametrize("body", BODIES)
SIGNED = operations(lambda _, operation: operation.auth)
PYTHON: dict[str, type] = {
    "str": str,
    "id": str,
    "int": int,
    "bool": bool,
    "decimal": Decimal,
    "exact_seconds": Decimal,
}
PYTHON |= {"millis": int, "seconds": int, "iso_time": str}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(models=list(exchanges().values()), examples=True, limits=False, clock=lambda: NOW_MS) as one:
        yield one


def options(sandbox: Sandbox, exchange: Exchange, **more: Any) -> dict[str, Any]:
    """The sandbox's clock, and nonces of one source, since the sandbox remembers those it saw. Those of the process would
    remember the clock of some other test."""
    return {**sandbox.client_options_of(exchange.name), "clock": lambda: NOW_MS, "nonces": NONCES, **more}


def assert_typed(exchange: Exchange, kind: Any, value: Any) -> None:
    """A value is of just the type that the signature promises."""
    if isinstance(kind, ListOf | KeyedBy):
        assert type(value) is list
        for one in value:
            assert_typed(exchange, kind.item, one)
    elif isinstance(kind, MapOf):
        assert type(value) is dict
        for one in value.values():
            assert_typed(exchange, kind.value, one)
    elif isinstance(kind, Ref):
        assert type(value) is python_type(exchange, kind.name)
        assert isinstance(value, PythonEnum) is isinstance(exchange.named[kind.name], Enum)
        named = exchange.named[kind.name]
        for field in () if isinstance(named, Enum) else named.fields:
            found = getattr(value, field.name)
            if found is not None or field.required:
                assert_typed(exchange, field.type, found)
    elif kind.name == "nothing":
        assert value is None
    elif kind.name != "json":
        assert type(value) is PYTHON[kind.name]


def seen_by(sandbox: Sandbox, before: int) -> Seen:
    (seen,) = sandbox.requests[before:]
    return seen


@both_bodies
@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_a_call(exchange: Exchange, operation: Operation, full: bool, body: str, sandbox: Sandbox) -> None:
    before = len(sandbox.requests)
    with connected(exchange, body, **options(sandbox, exchange)) as client:
        result = call(client, operation, arguments(exchange, operation, full=full))
    assert_typed(exchange, operation.returns.type, result)
    seen = seen_by(sandbox, before)
    assert (seen.verdict, seen.operation, seen.status) == ("ok", operation.id, 200)
    assert seen.signed is operation.auth
    if not isinstance(operation.returns.type, Plain):
        reply = parsed(example(exchange, operation))
        assert list(sites(exchange, operation, reply, result))


def refusal_of(exchange: Exchange, *wanted: str) -> type[ApiError]:
    """The class that the exchange's own errors map has for a bad signature; where it has none, any `ApiError`."""
    errors = exchange.errors
    named = {one.error for one in (*errors.codes, *errors.status, *errors.texts)}
    return next((getattr(specie.runtime, one) for one in wanted if one in named), ApiError)


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), SIGNED)
def test_a_wrong_secret_is_refused(exchange: Exchange, operation: Operation, body: str, sandbox: Sandbox) -> None:
    expected = refusal_of(exchange, "InvalidSignature", "AuthenticationFailed")
    wrong = options(sandbox, exchange, api_secret="not-the-secret-of-this-key")
    with connected(exchange, body, **wrong) as client, pytest.raises(expected) as caught:
        call(client, operation, arguments(exchange, operation))
    assert type(caught.value) is expected
    assert "signature" in caught.value.message.lower()
    assert caught.value.operation == operation.id


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth, each=False))
def test_a_wrong_key_is_refused(exchange: Exchange, operation: Operation, body: str, sandbox: Sandbox) -> None:
    expected = refusal_of(exchange, "AuthenticationFailed")
    wrong = options(sandbox, exchange, api_key="not-a-key")
    with connected(exchange, body, **wrong) as client, pytest.raises(expected) as caught:
        call(client, operation, arguments(exchange, operation))
    assert expected is ApiError or isinstance(caught.value, AuthenticationFailed)


@both_bodies
@pytest.mark.parametrize(
    ("exchange", "operation"),
    operations(
        lambda exchange, operation: operation.auth and exchange.auth is not None and exchange.auth.uses_nonce,
        each=False,
    ),
)
def test_a_nonce_that_was_used_is_refused(
    exchange: Exchange, operation: Operation, body: str, sandbox: Sandbox
) -> None:
    class Stuck(NonceSource):
        blocking = False

        def next(self, scope: str, now_ms: int) -> int:
            return 12345

    expected = refusal_of(exchange, "InvalidNonce", "AuthenticationFailed")
    given = arguments(exchange, operation)
    with connected(exchange, body, **options(sandbox, exchange, nonces=Stuck())) as client:
        with suppress(ApiError):  # the first, unless the other body was here before
            call(client, operation, given)
        with pytest.raises(expected, match="nonce"):
            call(client, operation, given)


@both_bodies
@pytest.mark.parametrize("exchange", [param.values[0] for param in operations(each=False)], ids=lambda one: one.name)
def test_an_unknown_path_is_not_found(exchange: Exchange, body: str, sandbox: Sandbox) -> None:
    with connected(exchange, body, **options(sandbox, exchange)) as client, pytest.raises(ApiError) as caught:
        client.request("GET", "/no/such/path")
    assert isinstance(caught.value, NotFound) or caught.value.status == 200
    assert "/no/such/path" in caught.value.message


def order_id_of(receipt: Any) -> str:
    found = [getattr(receipt, name) for name in ("order_id", "id") if hasattr(receipt, name)]
    assert type(found[0]) is str
    return str(found[0])


@both_bodies
@pytest.mark.parametrize(
    "exchange", [param.values[0] for param in SIGNED if param.values[1].id == "orders.create"], ids=lambda one: one.name
)
def test_an_order_is_placed_and_cancelled(exchange: Exchange, body: str, sandbox: Sandbox) -> None:
    by_id = {one.id: one for one in exchange.operations}
    create, cancel = by_id["orders.create"], by_id["orders.cancel"]
    before = len(sandbox.requests)
    with connected(exchange, body, **options(sandbox, exchange)) as client:
        receipt = call(client, create, arguments(exchange, create))
        name = next(one.name for one in cancel.parameters if one.name in ("order_id", "id"))
        cancelled = call(client, cancel, {**arguments(exchange, cancel), name: order_id_of(receipt)})
    assert order_id_of(cancelled)
    placed, ended = sandbox.requests[before:]
    assert (placed.verdict, ended.verdict) == ("ok", "ok")
    assert (placed.operation, ended.operation) == (create.id, cancel.id)
