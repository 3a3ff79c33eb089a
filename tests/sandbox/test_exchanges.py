"""Every operation of every exchange, asked with signatures made here by hand; and asked wrongly, in every way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import attrs
import pytest

from specie.compiler import compile_specs
from specie.compiler.model import Enum, Exchange, ListOf, MapOf, Model, Operation, Plain, Ref, TypeExpression, Value
from specie.sandbox import Desk, Received
from specie.sandbox.desk import Judged

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000_000
NONCE = itertools.count(NOW)
FORM = "application/x-www-form-urlencoded"


@cache
def exchanges() -> dict[str, Exchange]:
    return {one.name: one for one in compile_specs(ROOT / "specs")}


NAMES = sorted(path.parent.name for path in (ROOT / "specs").glob("*/exchange.yaml"))
OPERATIONS = [f"{name}.{operation.id}" for name in NAMES for operation in exchanges()[name].operations]
SIGNED = [
    one
    for one in OPERATIONS
    if next(x for x in exchanges()[one.split(".")[0]].operations if one.endswith(f".{x.id}")).auth
]


@attrs.define
class Asked:
    """A request that can be altered before it is asked."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: dict[str, str] = attrs.Factory(dict)
    fields: list[tuple[str, str]] = attrs.Factory(list)


# --- signing, from the exchanges' pages -----------------------------------------------------------------------------


def bitopro(asked: Asked, key: str, secret: str) -> None:
    synthetic = json.dumps({"identity": "me@example.org", "nonce": next(NONCE)}, separators=(",", ":"))
    payload = base64.b64encode((asked.body or synthetic).encode()).decode()
    signature = hmac.new(secret.encode(), payload.encode(), hashlib.sha384).hexdigest()
    asked.headers |= {"X-BITOPRO-APIKEY": key, "X-BITOPRO-PAYLOAD": payload, "X-BITOPRO-SIGNATURE": signature}


def bitexbit(asked: Asked, key: str, secret: str) -> None:
    message = key + urlencode(sorted(asked.fields))
    signature = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    asked.headers |= {"X-KEY": key, "X-SIGN": signature, "X-NONCE": str(next(NONCE))}


def bibox(asked: Asked, key: str, secret: str) -> None:
    signature = hmac.new(secret.encode(), (asked.body or asked.query).encode(), hashlib.sha256).hexdigest()
    asked.headers |= {"Bibox-Api-Key": key, "Bibox-Api-Sign": signature}


def bitok(asked: Asked, key: str, secret: str) -> None:
    asked.fields.append(("nonce", str(next(NONCE))))
    asked.body = urlencode(asked.fields)
    asked.headers |= {"Key": key, "Sign": hmac.new(secret.encode(), asked.body.encode(), hashlib.sha512).hexdigest()}


SIGNERS: dict[str, Callable[[Asked, str, str], None]] = {
    "bitopro": bitopro,
    "bitexbit": bitexbit,
    "bibox": bibox,
    "bitok": bitok,
}


# --- requests, from the examples of the specs -----------------------------------------------------------------------


def find(wanted: str) -> tuple[Exchange, Operation]:
    exchange = exchanges()[wanted.split(".")[0]]
    return exchange, next(one for one in exchange.operations if f"{exchange.name}.{one.id}" == wanted)


def sample(exchange: Exchange, value: Value) -> Any:
    """An argument that works, as plain data; None for an optional parameter without an example."""
    if value.const is not None:
        return value.const
    if value.now:
        return NOW
    if value.example is not None:
        return value.example
    enum = exchange.named.get(value.type.name) if isinstance(value.type, Ref) else None
    if value.required and isinstance(enum, Enum):
        return enum.members[0].value
    return None if not value.required else "1" if value.type != Plain("int") else 1


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def texts(value: Value, given: Any) -> list[str]:
    if not isinstance(value.type, ListOf):
        return [text(given)]
    items = [text(one) for one in (given if isinstance(given, list) else [given])]
    return [value.join.join(items)] if value.join else items


def as_json(exchange: Exchange, kind: TypeExpression, given: Any, sent_as: str) -> Any:
    if isinstance(kind, ListOf):
        return [as_json(exchange, kind.item, one, sent_as) for one in (given if isinstance(given, list) else [given])]
    if isinstance(kind, MapOf):
        return {name: as_json(exchange, kind.value, one, sent_as) for name, one in given.items()}
    named = exchange.named[kind.name] if isinstance(kind, Ref) else None
    if isinstance(named, Model):
        fields = {one.name: one for one in named.fields}
        return {
            fields[name].wire: as_json(exchange, fields[name].type, one, fields[name].sent_as)
            for name, one in given.items()
        }
    scalar = kind.name if isinstance(kind, Plain) else ""
    quoted = sent_as == "string" or (not sent_as and scalar in ("str", "id", "decimal", "iso_time"))
    return text(given) if quoted else float(given) if isinstance(given, Decimal) else given


def request(exchange: Exchange, operation: Operation) -> Asked:
    base = next(one.url for one in exchange.servers if one.name == operation.server)
    asked = Asked(operation.method, urlsplit(base).path + operation.path)
    query: list[tuple[str, str]] = []
    members: dict[str, Any] = {}
    whole: Any = None
    for value in operation.parameters:
        given = sample(exchange, value)
        if given is None:
            continue
        if value.where == "path":
            for hole in (value.name, value.wire):
                asked.path = asked.path.replace("{" + hole + "}", quote(text(given), safe=""))
        elif value.where == "query":
            query += [(value.wire, one) for one in texts(value, given)]
        elif value.where == "form":
            asked.fields += [(value.wire, one) for one in texts(value, given)]
        elif value.whole:
            whole = as_json(exchange, value.type, given, value.sent_as)
        else:
            members[value.wire] = as_json(exchange, value.type, given, value.sent_as)
    asked.query = urlencode(sorted(query) if exchange.query_sorted else query, quote_via=quote)
    if whole is not None or members:
        asked.body = json.dumps(members if whole is None else whole, separators=(",", ":"), ensure_ascii=False)
        asked.headers["Content-Type"] = "application/json"
    elif asked.fields or operation.method == "POST":
        asked.body, asked.headers["Content-Type"] = urlencode(asked.fields), FORM
    return asked


def sign(exchange: Exchange, operation: Operation, asked: Asked, **options: str) -> Asked:
    if operation.auth:
        key, secret = f"demo-{exchange.name}-api-key", f"demo-{exchange.name}-api-secret"
        SIGNERS[exchange.name](asked, options.get("key", key), options.get("secret", secret))
    return asked


def ask(desk: Desk, operation: Operation, asked: Asked) -> Judged:
    prefix = f"/{desk.exchange.name}/{operation.server}"
    lines = tuple(asked.headers.items())
    received = Received(asked.method, prefix + asked.path, asked.query, lines, asked.body.encode(), prefix)
    return desk.handle(operation.server, received, NOW)


def is_refusal(exchange: Exchange, judged: Judged) -> bool:
    """Whether a client that knows the errors map takes the reply for an error."""
    body = json.loads(judged.reply.body)
    ok = exchange.envelope.ok if exchange.envelope else ()
    says_no = all(body.get(key) != success for key, success in ok) if ok else judged.reply.status >= 400
    return says_no and any(isinstance(body.get(key), str) for key in exchange.errors.message)


# --- what is right --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", OPERATIONS)
def test_every_operation_is_answered_by_its_example(wanted: str) -> None:
    exchange, operation = find(wanted)
    judged = ask(Desk(exchange), operation, sign(exchange, operation, request(exchange, operation)))
    assert judged.refused is None, judged.refused
    assert judged.operation == operation.id
    assert judged.signed == operation.auth
    path = ROOT / "specs" / exchange.name / "examples" / operation.group / f"{operation.name}.json"
    assert judged.reply.body == path.read_bytes()


# --- what is wrong --------------------------------------------------------------------------------------------------


def refused(exchange: Exchange, operation: Operation, asked: Asked) -> str:
    judged = ask(Desk(exchange), operation, asked)
    assert judged.refused is not None
    assert is_refusal(exchange, judged), judged.reply
    return judged.refused.error


@pytest.mark.parametrize("wanted", SIGNED)
def test_a_signature_that_does_not_fit(wanted: str) -> None:
    exchange, operation = find(wanted)
    wrong = sign(exchange, operation, request(exchange, operation), secret="wrong")
    assert refused(exchange, operation, wrong) == "InvalidSignature"
    stranger = sign(exchange, operation, request(exchange, operation), key="a stranger's")
    assert refused(exchange, operation, stranger) == "AuthenticationFailed"


@pytest.mark.parametrize("wanted", SIGNED)
def test_every_header_of_a_signature_counts(wanted: str) -> None:
    exchange, operation = find(wanted)
    names = set(sign(exchange, operation, request(exchange, operation)).headers) - {"Content-Type"}
    assert len(names) >= 2
    for name in sorted(names):
        for change in ("absent", "empty", "longer", "shorter"):
            asked = sign(exchange, operation, request(exchange, operation))
            value = asked.headers.pop(name)
            if change != "absent":
                asked.headers[name] = {"empty": "", "longer": value + "a", "shorter": value[:-2] + "!"}[change]
            refused(exchange, operation, asked)


@pytest.mark.parametrize("wanted", SIGNED)
def test_what_was_signed_is_what_must_come(wanted: str) -> None:
    exchange, operation = find(wanted)
    asked = sign(exchange, operation, request(exchange, operation))
    if asked.body:
        asked.body = asked.body[:-1] + ("9" if asked.body[-1] != "9" else "8")
        refused(exchange, operation, asked)
    elif asked.query:
        # Not every exchange signs the query; then it is the unknown parameter that is refused.
        asked.query += "&more=1"
        refused(exchange, operation, asked)


@pytest.mark.parametrize("wanted", SIGNED)
def test_a_nonce_is_used_once(wanted: str) -> None:
    exchange, operation = find(wanted)
    asked = sign(exchange, operation, request(exchange, operation))
    desk = Desk(exchange, limits=False)
    assert ask(desk, operation, asked).refused is None
    again = ask(desk, operation, asked)
    # A request whose body takes the place of the nonce, or an exchange without one, may be repeated.
    bears_nonce = exchange.name in ("bitexbit", "bitok") or (exchange.name == "bitopro" and not asked.body)
    assert (again.refused.error if again.refused else "") == ("InvalidNonce" if bears_nonce else "")


@pytest.mark.parametrize("wanted", OPERATIONS)
def test_a_parameter_that_is_not_known(wanted: str) -> None:
    exchange, operation = find(wanted)
    asked = request(exchange, operation)
    asked.query += ("&" if asked.query else "") + "unheard=1"
    assert refused(exchange, operation, sign(exchange, operation, asked)) == "InvalidRequest"
    asked = request(exchange, operation)
    if asked.fields:
        asked.fields.append(("unheard", "1"))
        asked.body = urlencode(asked.fields)
        assert refused(exchange, operation, sign(exchange, operation, asked)) == "InvalidRequest"


@pytest.mark.parametrize("wanted", OPERATIONS)
def test_a_required_parameter_that_is_lacking(wanted: str) -> None:
    exchange, operation = find(wanted)
    for value in operation.parameters:
        if not value.required or value.where == "path" or value.whole:
            continue
        rest = tuple(one for one in operation.parameters if one is not value)
        asked = request(exchange, attrs.evolve(operation, parameters=rest))
        if value.where == "body" and not asked.body:
            asked.body, asked.headers["Content-Type"] = "{}", "application/json"
        assert refused(exchange, operation, sign(exchange, operation, asked)) == "InvalidRequest"


@pytest.mark.parametrize("wanted", OPERATIONS)
def test_values_that_cannot_be(wanted: str) -> None:
    exchange, operation = find(wanted)
    for value in operation.parameters:
        kind = value.type.item if isinstance(value.type, ListOf) else value.type
        loose = kind in (Plain("str"), Plain("id"), Plain("json")) and not value.choices and not value.length
        if loose or value.whole or value.where == "path" or value.const is not None:
            continue
        bad = attrs.evolve(value, type=Plain("str"), example="no such value", join="", now=False)
        parameters = tuple(
            bad if one is value else one for one in operation.parameters if one.wire != value.wire or one is value
        )
        asked = request(exchange, attrs.evolve(operation, parameters=parameters))
        assert refused(exchange, operation, sign(exchange, operation, asked)) == "InvalidRequest"


@pytest.mark.parametrize("name", NAMES)
def test_a_path_that_leads_nowhere(name: str) -> None:
    exchange = exchanges()[name]
    operation = attrs.evolve(exchange.operations[0], path="/no/such/path/at/all")
    assert refused(exchange, operation, Asked("GET", "/no/such/path/at/all")) == "NotFound"
