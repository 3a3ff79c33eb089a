"""Every vector of every spec, step by step; those that the exchanges publish, byte for byte; and every signed call, held
against signatures worked out here by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from support.calls import BODIES, arguments, call, connected, example, operations
from support.replay import NOW_MS, exchanges
from support.stubs import Answer, Sent, Wire

from specie.compiler.evaluation import evaluate
from specie.compiler.model import Auth, Exchange, Operation, Vector
from specie.runtime import Nonces, Unsigned
from specie.sandbox import Desk, Received, demo_credentials

REQUEST = ("method", "path", "query", "body", "fields", "nonce", "now_ms")
ALL = [
    (exchange, vector, f"{exchange.name}-{index}-{next(iter(vector.expect))}")
    for exchange in exchanges().values()
    for index, vector in enumerate(exchange.auth.vectors if exchange.auth else ())
]
VECTORS = [pytest.param(exchange, vector, id=name) for exchange, vector, name in ALL]
# One that gives a step begins in the midst of sign(), where printed code has no door: see the published ones below.
WHOLE = [
    pytest.param(exchange, vector, id=name)
    for exchange, vector, name in ALL
    if exchange.auth and not {step.name for step in exchange.auth.steps} & vector.given.keys()
]
SIGNED = [pytest.param(one, id=one.name) for one in exchanges().values() if one.auth is not None]


def auth_of(exchange: Exchange) -> Auth:
    assert exchange.auth is not None
    return exchange.auth


def module_of(exchange: Exchange) -> Any:
    return import_module(f"specie.{exchange.name}.auth")


# -- the vectors of the specs ----------------------------------------------------------------------------------------


def interpreted(auth: Auth, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every step and header, worked out by the interpreter; a step that is given is taken as given."""
    values = {"method": "GET", "path": "/", "query": "", "body": "", "fields": [], **given}
    values["fields"] = [(str(name), str(value)) for name, value in values["fields"]]
    for step in auth.steps:
        if step.name not in given:
            values[step.name] = None if missing(step.expression, values) else evaluate(step.expression, values)
    headers = {name: None if missing(one, values) else evaluate(one, values) for name, one in auth.headers}
    return {**values, **headers}


def missing(expression: Any, values: Mapping[str, Any]) -> bool:
    """Whether it cannot be worked out from what a vector gives: a signature without a secret, say."""
    return not expression.optional and any(
        values.get(name) is None and kind and not kind.endswith("?") and name not in REQUEST
        for name, kind in ((name, expression.kinds.get(name, "")) for name in expression.names)
    )


def printed(exchange: Exchange, given: Mapping[str, Any]) -> dict[str, Any]:
    """Headers by the printed `sign()`. What a vector does not say cannot matter to what it expects."""
    auth, module = auth_of(exchange), module_of(exchange)
    names = {one.name for one in auth.credentials} | {one.name for one in auth.options}
    filler = {one.name: "not-in-the-vector" for one in auth.credentials if one.required}
    credentials = module.Credentials(**filler | {name: value for name, value in given.items() if name in names})
    request = {name: value for name, value in given.items() if name in REQUEST}
    if "fields" in request:
        request["fields"] = [(str(name), str(value)) for name, value in request["fields"]]
    return dict(module.sign(credentials, Unsigned(**request)))


@pytest.mark.parametrize(("exchange", "vector"), VECTORS)
def test_a_vector_by_the_interpreter(exchange: Exchange, vector: Vector) -> None:
    found = interpreted(auth_of(exchange), vector.given)
    for name, expected in vector.expect.items():
        assert str(found[name]) == str(expected), name


@pytest.mark.parametrize(("exchange", "vector"), WHOLE)
def test_a_vector_by_the_printed_sign(exchange: Exchange, vector: Vector) -> None:
    found = printed(exchange, vector.given)
    compared = 0
    for header, expression in auth_of(exchange).headers:
        for name in (header, expression.text):
            if name in vector.expect:
                assert str(found[header]) == str(vector.expect[name]), f"{header} is {name}"
                compared += 1
    assert compared


@pytest.mark.parametrize(("exchange", "vector"), WHOLE)
def test_a_vector_says_all_that_it_needs(exchange: Exchange, vector: Vector) -> None:
    """Nothing that a vector leaves out has a part in what it expects."""
    bare = printed(exchange, {"nonce": 1, "now_ms": 1, **vector.given})
    again = printed(exchange, {"nonce": 2, "now_ms": 2, **vector.given})
    for header, expression in auth_of(exchange).headers:
        if header in vector.expect or expression.text in vector.expect:
            assert bare[header] == again[header]


@pytest.mark.parametrize("exchange", SIGNED)
def test_every_text_that_is_sent_has_a_vector(exchange: Exchange) -> None:
    auth = auth_of(exchange)
    expected = {name for vector in auth.vectors for name in vector.expect}
    texts = {step.name for step in auth.steps if step.expression.kind == "text"}
    for header, expression in auth.headers:
        assert expression.text not in texts or {header, expression.text} & expected, f"{header} has no vector"


@pytest.mark.parametrize("exchange", SIGNED)
def test_what_signing_adds_by_both(exchange: Exchange) -> None:
    auth, module = auth_of(exchange), module_of(exchange)
    given: dict[str, Any] = {**demo_credentials(exchange), "nonce": 1_554_380_909_131, "now_ms": NOW_MS}
    request = Unsigned(nonce=given["nonce"], now_ms=NOW_MS)
    if not auth.adds:
        assert not hasattr(module, "add")
        return
    additions = module.add(module.Credentials(**demo_credentials(exchange)), request)
    for one in auth.adds:
        place = {"header": "headers"}.get(one.where, one.where)
        assert getattr(additions, place)[one.wire] == evaluate(one.expression, given)
    assert sum(len(getattr(additions, place)) for place in ("query", "form", "body", "headers")) == len(auth.adds)


# -- what is published, byte for byte --------------------------------------------------------------------------------

IDENTITY = '{"identity":"support@bitoex.com","nonce":1554380909131}'
PUBLISHED_PAYLOADS = {
    "get": (
        IDENTITY,
        "eyJpZGVudGl0eSI6InN1cHBvcnRAYml0b2V4LmNvbSIsIm5vbmNlIjoxNTU0MzgwOTA5MTMxfQ==",
    ),
    "post": (
        '{"action":"BUY","type":"limit","price":"1.123456789","amount":"666","timestamp":1554380909131}',
        "eyJhY3Rpb24iOiJCVVkiLCJ0eXBlIjoibGltaXQiLCJwcmljZSI6IjEuMTIzNDU2Nzg5IiwiYW1vdW50IjoiNjY2IiwidGltZXN0YW1wIjoxNTU0"
        "MzgwOTA5MTMxfQ==",
    ),
    "post-of-the-archive": (
        '{"action":"BUY","amount":"666","price":"1.123456789","timestamp":1554380909131,"type":"limit"}',
        "eyJhY3Rpb24iOiJCVVkiLCJhbW91bnQiOiI2NjYiLCJwcmljZSI6IjEuMTIzNDU2Nzg5IiwidGltZXN0YW1wIjoxNTU0MzgwOTA5MTMxLCJ0eXBl"
        "IjoibGltaXQifQ==",
    ),
    "post-of-the-go-client": (
        '{"action":"buy","amount":"666","price":"1.123456789","timestamp":1554380909131,"type":"limit"}',
        "eyJhY3Rpb24iOiJidXkiLCJhbW91bnQiOiI2NjYiLCJwcmljZSI6IjEuMTIzNDU2Nzg5IiwidGltZXN0YW1wIjoxNTU0MzgwOTA5MTMxLCJ0eXBl"
        "IjoibGltaXQifQ==",
    ),
}
PUBLISHED_SIGNATURES = {
    "readme": (
        "eyJpZGVudGl0eSI6ImhjbWxpbmpAZ21haWwuY29tIiwibm9uY2UiOjE1NTQzODA5MDkxMzF9",
        "01a85a9083db47c20da7196380598f3feacd3c76a9077aaf7ffaf08ce0091abf65b61778792607b010921adfe1c2941a",
    ),
    "archive": (
        "eyJpZGVudGl0eSI6InN1cHBvcnRAYml0b2V4LmNvbSIsIm5vbmNlIjoxNTU0MzgwOTA5MTMxfQ==",
        "98ddf62831afaa56fcd64220a2b60712a3990b404a5f28a8cf37069dc3cb77d634f576895906e238e36ba50c626dfadb",
    ),
}
DERIVED = {
    "bitexbit-nothing": (
        "bitexbit",
        {"api_key": "your key", "api_secret": "your keys secret"},
        "X-SIGN",
        "9f7667b497d9aca9ed42d3ba764a46cf844c4462279016717fc2b96d404f5942",
    ),
    "bitexbit-order": (
        "bitexbit",
        {
            "api_key": "your key",
            "api_secret": "your keys secret",
            "fields": [("type", "buy"), ("pair", "BTC_USD"), ("amount", "0.0001"), ("price", "0.1")],
        },
        "X-SIGN",
        "647df15a6b562cf824c3e83fbe36318d5b8361ac3f3b475180f16b1cf9620e95",
    ),
    "bitexbit-cancel": (
        "bitexbit",
        {"api_key": "your key", "api_secret": "your keys secret", "fields": [("order", "63568")]},
        "X-SIGN",
        "3ccdeb294d86074911169cdec45f6c8fee1509ec6b9da6ae2c2d1fb66229a496",
    ),
    "bibox-query": (
        "bibox",
        {"api_secret": "b825a03636ca09c884ca11d71cfc4217a98cb8bf", "query": "asset=BTC"},
        "Bibox-Api-Sign",
        "398edb4c202b20b9cb29780ae83506a4ed40e6838a386ab3d5c1ffad824f7e9f",
    ),
    "bitok-info": (
        "bitok",
        {"api_secret": "demo-secret", "body": "nonce=1&method=getInfo"},
        "Sign",
        "599c26a4bba92b5931c7b13e6514473be0d89687f1c8be3a639c8d6191048ac5"
        "cd55e8d603a0526098c9b3faaba0b32466d9dd5f860433a2b6620281f5ddd3eb",
    ),
}


@pytest.mark.parametrize(("text", "payload"), PUBLISHED_PAYLOADS.values(), ids=PUBLISHED_PAYLOADS)
def test_a_published_payload(text: str, payload: str) -> None:
    exchange = exchanges()["bitopro"]
    given: dict[str, Any] = {"api_secret": "bitopro", "method": "POST", "body": text}
    if text == IDENTITY:
        given = {"api_secret": "bitopro", "identity": "support@bitoex.com", "nonce": 1_554_380_909_131}
    assert printed(exchange, given)["X-BITOPRO-PAYLOAD"] == payload
    assert any(one.expect.get("payload") == payload and not one.derived for one in auth_of(exchange).vectors)


@pytest.mark.parametrize(("payload", "signature"), PUBLISHED_SIGNATURES.values(), ids=PUBLISHED_SIGNATURES)
def test_a_published_signature(payload: str, signature: str) -> None:
    exchange = exchanges()["bitopro"]
    text = base64.b64decode(payload).decode()
    as_body = printed(exchange, {"api_secret": "bitopro", "method": "POST", "body": text})
    as_identity = printed(exchange, {"api_secret": "bitopro", **json.loads(text)})
    for headers in (as_body, as_identity):
        assert headers["X-BITOPRO-PAYLOAD"] == payload
        assert headers["X-BITOPRO-SIGNATURE"] == signature
    assert any(one.expect.get("signature") == signature and not one.derived for one in auth_of(exchange).vectors)


@pytest.mark.parametrize(("exchange", "given", "header", "signature"), DERIVED.values(), ids=DERIVED)
def test_a_derived_signature(exchange: str, given: dict[str, Any], header: str, signature: str) -> None:
    auth = auth_of(exchanges()[exchange])
    assert printed(exchanges()[exchange], given)[header] == signature
    assert any(one.expect.get("signature") == signature and one.derived for one in auth.vectors)


# -- signed calls, by hand -------------------------------------------------------------------------------------------
#
# Written from the exchanges' documents, and from nothing else: neither the generator nor the interpreter has a part in it.

NONCE = NOW_MS


def bitopro(sent: Sent, key: str, secret: str, identity: str) -> dict[str, str]:
    content = sent.body or f'{{"identity":"{identity}","nonce":{NONCE}}}'.encode()
    payload = base64.b64encode(content)
    signature = hmac.new(secret.encode(), payload, hashlib.sha384).hexdigest()
    return {"X-BITOPRO-APIKEY": key, "X-BITOPRO-PAYLOAD": payload.decode(), "X-BITOPRO-SIGNATURE": signature}


def bitexbit(sent: Sent, key: str, secret: str) -> dict[str, str]:
    pairs = sorted(parse_qsl(sent.body.decode(), strict_parsing=bool(sent.body), keep_blank_values=True))
    message = key + "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    signature = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return {"X-KEY": key, "X-SIGN": signature, "X-NONCE": str(NONCE)}


def bibox(sent: Sent, key: str, secret: str) -> dict[str, str]:
    message = sent.query.encode() if sent.method == "GET" else sent.body
    return {"Bibox-Api-Key": key, "Bibox-Api-Sign": hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}


def bitok(sent: Sent, key: str, secret: str) -> dict[str, str]:
    assert ("nonce", str(NONCE)) in parse_qsl(sent.body.decode(), strict_parsing=True)
    return {"Key": key, "Sign": hmac.new(secret.encode(), sent.body, hashlib.sha512).hexdigest()}


BY_HAND: dict[str, Callable[..., dict[str, str]]] = {
    "bibox": bibox,
    "bitexbit": bitexbit,
    "bitok": bitok,
    "bitopro": bitopro,
}
CREDENTIALS = {"key": "a key of ours", "secret": "a secret: +/= 測試", "identity": "me@example.org"}


def signed_call(exchange: Exchange, operation: Operation, body: str) -> Sent:
    """What goes out when an operation is called with all arguments that go together."""
    given = {one.name: CREDENTIALS[one.name.removeprefix("api_")] for one in auth_of(exchange).credentials}
    wire = Wire(Answer(example(exchange, operation)))
    with connected(exchange, body, wire, **given, nonces=Nonces()) as client:
        call(client, operation, arguments(exchange, operation, full=True))
    (sent,) = wire.requests
    return sent


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("exchange", "operation"), operations(lambda exchange, operation: operation.auth and exchange.name in BY_HAND)
)
def test_a_signed_call_by_hand(exchange: Exchange, operation: Operation, body: str) -> None:
    sent = signed_call(exchange, operation, body)
    credentials = [CREDENTIALS[one.name.removeprefix("api_")] for one in auth_of(exchange).credentials]
    for name, value in BY_HAND[exchange.name](sent, *credentials).items():
        assert sent.header(name) == value
    assert CREDENTIALS["secret"] not in f"{sent.url} {sent.headers} {sent.body.decode()}"


@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth))
def test_both_bodies_send_the_same(exchange: Exchange, operation: Operation) -> None:
    one, other = (signed_call(exchange, operation, body) for body in BODIES)
    assert (one.method, one.url, one.body) == (other.method, other.url, other.body)
    names = {name for name, _ in auth_of(exchange).headers} | {"Content-Type", "Accept"}
    assert {name: one.header(name) for name in names} == {name: other.header(name) for name in names}


@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.auth))
def test_a_signed_call_by_the_interpreter(exchange: Exchange, operation: Operation) -> None:
    sent = signed_call(exchange, operation, "blocking")
    given = {one.name: CREDENTIALS[one.name.removeprefix("api_")] for one in auth_of(exchange).credentials}
    path = sent.url.partition("://")[2].partition("/")[2].partition("?")[0]
    received = Received(sent.method, f"/{path}", sent.query, tuple(sent.headers.items()), sent.body)
    judged = Desk(exchange, credentials=given).handle(operation.server, received, NOW_MS)
    assert judged.refused is None
    assert judged.operation == operation.id
