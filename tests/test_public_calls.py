"""Public calls are never signed and name nobody; private ones without credentials end before anything is sent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from support.calls import BODIES, arguments, call, connected, example, operations
from support.replay import client_class
from support.stubs import Answer, Wire

from specie.compiler.model import Auth, Exchange, Operation
from specie.runtime import MissingCredentials, NotSent

PUBLIC = operations(lambda _, operation: not operation.auth)
PRIVATE = operations(lambda _, operation: operation.auth)
both_bodies = pytest.mark.parametrize("body", BODIES)


def auth_of(exchange: Exchange) -> Auth:
    assert exchange.auth is not None
    return exchange.auth


def nobody(exchange: Exchange) -> dict[str, Any]:
    return {one.name: None for one in exchange.auth.credentials} if exchange.auth else {}


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), PUBLIC)
def test_a_public_call_names_nobody(exchange: Exchange, operation: Operation, body: str) -> None:
    canaries = {name: f"canary-{name}" for name in nobody(exchange)}
    wire = Wire(Answer(example(exchange, operation)))
    with connected(exchange, body, wire, **canaries) as client:
        call(client, operation, arguments(exchange, operation, full=True))
    (sent,) = wire.requests
    told = unquote(f"{sent.url} {json.dumps(dict(sent.headers))} {sent.body.decode()}")
    assert "canary" not in told
    if exchange.auth is not None:
        assert not [name for name, _ in exchange.auth.headers if sent.header(name) is not None]
        added = [one.wire for one in exchange.auth.adds if one.where != "header"]
        assert not [name for name in added if f"{name}=" in sent.query or f"{name}=" in sent.body.decode()]


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), PUBLIC)
def test_a_public_call_draws_no_nonce(exchange: Exchange, operation: Operation, body: str) -> None:
    class Never:
        def next(self, scope: str, now_ms: int) -> int:
            raise AssertionError("a public call drew a nonce")

    wire = Wire(Answer(example(exchange, operation)))
    with connected(exchange, body, wire, nonces=Never()) as client:
        call(client, operation, arguments(exchange, operation))


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), PUBLIC)
def test_a_public_call_needs_no_credentials(exchange: Exchange, operation: Operation, body: str) -> None:
    wire = Wire(Answer(example(exchange, operation)))
    with connected(exchange, body, wire, **nobody(exchange)) as client:
        call(client, operation, arguments(exchange, operation))
    assert len(wire.requests) == 1


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), PRIVATE)
def test_a_private_call_without_credentials_is_not_sent(exchange: Exchange, operation: Operation, body: str) -> None:
    required = [one.name for one in auth_of(exchange).credentials if one.required]
    for lacking in (required, required[:1], required[1:]):
        wire = Wire(Answer(example(exchange, operation)))
        nothing = dict.fromkeys(lacking)
        with connected(exchange, body, wire, **nothing) as client, pytest.raises(MissingCredentials) as caught:
            call(client, operation, arguments(exchange, operation))
        assert not wire.requests
        assert isinstance(caught.value, NotSent)
        assert list(caught.value.missing) == lacking
        assert caught.value.operation == operation.id
        for name in lacking:
            assert name in str(caught.value)
            assert f"{exchange.environment}_{name.upper()}" in str(caught.value)


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), PRIVATE)
def test_a_private_call_is_signed(exchange: Exchange, operation: Operation, body: str) -> None:
    wire = Wire(Answer(example(exchange, operation)))
    with connected(exchange, body, wire) as client:
        call(client, operation, arguments(exchange, operation))
    (sent,) = wire.requests
    for name, expression in auth_of(exchange).headers:
        steps = {step.name: step.expression for step in auth_of(exchange).steps}
        if not steps.get(expression.text, expression).optional:
            assert sent.header(name)


@pytest.mark.parametrize("prefix", ["", "Async"])
@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth, each=False))
def test_credentials_come_from_the_environment(
    exchange: Exchange, operation: Operation, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in auth_of(exchange).credentials:
        monkeypatch.setenv(f"{exchange.environment}_{one.name.upper()}", f"value-of-{one.name}")
    wire = Wire(Answer(example(exchange, operation)))
    if prefix:
        # A client that was not used has nothing to close.
        assert "***" in repr(client_class(exchange.name, prefix).from_env(session=wire.asyncio))
        return
    with client_class(exchange.name).from_env(session=wire.blocking) as client:
        call(client, operation, arguments(exchange, operation))
    assert any("value-of-" in value for value in wire.requests[0].headers.values())


@both_bodies
@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth, each=False))
def test_a_call_that_no_spec_knows_is_signed_only_if_asked(exchange: Exchange, operation: Operation, body: str) -> None:
    headers = [name for name, _ in auth_of(exchange).headers]
    for auth in (False, True):
        wire = Wire(Answer(b"{}"))
        with connected(exchange, body, wire) as client:
            client.request("GET", "/new/thing", query={"a": "b c"}, auth=auth)
        assert any(wire.requests[0].header(name) for name in headers) is auth
