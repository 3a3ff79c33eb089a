"""One exchange at its desk: which operation is meant, who asks, what may be asked, and how no is said."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest

from specie.compiler.model import Exchange
from specie.sandbox import Call, Desk, Received, Refused, Reply
from specie.sandbox.desk import Judged

NOW = 1_700_000_000_000
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def ask(
    desk: Desk,
    method: str,
    path: str,
    *,
    query: str = "",
    body: str | bytes = b"",
    headers: dict[str, str] | None = None,
    server: str = "rest",
) -> Judged:
    name = desk.exchange.name
    raw = body.encode() if isinstance(body, str) else body
    prefix = f"/{name}/{server}"
    lines = tuple((headers or {}).items())
    return desk.handle(server, Received(method, prefix + path, query, lines, raw, prefix), NOW)


def signed(
    method: str,
    path: str,
    *,
    query: str = "",
    body: str = "",
    nonce: int = 1,
    identity: str | None = "me@example.org",
    key: str = "demo-acme-api-key",
    secret: str = "demo-acme-api-secret",
    expires: str | None = None,
    spaces: bool = False,
) -> dict[str, str]:
    """The headers of the JSON exchange, made by hand."""
    content: dict[str, Any] = {"nonce": nonce} if identity is None else {"identity": identity, "nonce": nonce}
    text = json.dumps(content) if spaces else json.dumps(content, separators=(",", ":"))
    payload = base64.b64encode(text.encode()).decode()
    sign = hmac.new(secret.encode(), (payload + method + path + query + body).encode(), hashlib.sha256).hexdigest()
    headers = {"X-Key": key, "X-Payload": payload, "X-Sign": sign}
    if expires is not None:
        headers["X-Expires"] = expires
    return {**headers, **JSON} if body else headers


def shape(judged: Judged) -> tuple[int, Any]:
    return judged.reply.status, json.loads(judged.reply.body)


@pytest.fixture
def desk(acme: Exchange) -> Desk:
    return Desk(acme)


# --- routes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "query", "server", "operation"),
    [
        ("GET", "/v1/ticker", "symbol=A", "rest", "market.ticker"),
        ("GET", "/v1/book", "group=0", "rest", "market.book"),
        ("GET", "/v1/book", "group=1", "rest", "market.book_grouped"),
        ("GET", "/A_B/1m/chart", "", "charts", "market.candles"),
        ("GET", "/A%2FB/1m/chart", "", "charts", "market.candles"),
    ],
)
def test_a_public_call_is_answered_by_its_example(
    desk: Desk, method: str, path: str, query: str, server: str, operation: str
) -> None:
    judged = ask(desk, method, path, query=query, server=server)
    assert judged.refused is None, judged.refused
    assert judged.operation == operation
    assert judged.reply == Reply(200, f'{{ "data" :{{"of":"{operation}","x":1.10}} }}\n'.encode())


@pytest.mark.parametrize(
    ("path", "operation"), [("/v1/orders/all", "orders.cancel_all"), ("/v1/orders/A_B", "orders.cancel")]
)
def test_a_literal_segment_comes_before_a_parameter(desk: Desk, path: str, operation: str) -> None:
    assert ask(desk, "DELETE", path, headers=signed("DELETE", path)).operation == operation


@pytest.mark.parametrize(
    ("method", "path", "server", "message"),
    [
        ("GET", "/v1/nothing", "rest", "there is no GET /v1/nothing"),
        ("GET", "/v1/ticker/", "rest", "there is no GET"),
        ("GET", "/v2/ticker", "rest", "there is no GET"),
        ("POST", "/v1/ticker", "rest", "that path takes GET"),
        ("GET", "/v1/ticker", "charts", "there is no GET"),
        ("GET", "//1m/chart", "charts", "there is no GET"),
    ],
)
def test_what_leads_nowhere(desk: Desk, method: str, path: str, server: str, message: str) -> None:
    status, body = shape(ask(desk, method, path, server=server))
    assert status == 404
    assert message in body["message"]
    assert "error" not in body  # no code means this


def test_no_constant_fits(desk: Desk) -> None:
    status, body = shape(ask(desk, "GET", "/v1/book", query="group=2"))
    assert (status, body["error"]) == (422, -2)
    assert "must be one of 0, 1" in body["message"]
    assert shape(ask(desk, "GET", "/v1/book"))[1]["error"] == -1


# --- parameters -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "symbol=B%C3%A4%20r+s",
        "symbol=A&depth=50",
        "symbol=A&step=5",
        "symbol=A&sides=buy%2Csell",
        "symbol=A&sides=buy,sell",
        "symbol=A&since=1700000000000&until=1700000000&fraction=1700000000.25&at=2026-01-31T12:00:00Z",
        "symbol=A&exact=true&above=0.10",
        "symbol=A&tags=1&tags=2",
    ],
)
def test_good_queries(desk: Desk, query: str) -> None:
    assert ask(desk, "GET", "/v1/ticker", query=query).refused is None


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("", -1, "'symbol' is lacking"),
        ("symbol=A&dept=5", -1, "'dept' of the query is not known"),
        ("symbol=A&symbol=B", -2, "came 2 times"),
        ("symbol=A&depth=0", -2, "out of range, which is 1..50"),
        ("symbol=A&depth=51", -2, "out of range"),
        ("symbol=A&depth=5.0", -2, "not a whole number"),
        ("symbol=A&depth=", -2, "not a whole number"),
        ("symbol=A&step=2", -2, "2 is not one of 1, 5, 10"),
        ("symbol=A&depth=5&step=5", -1, "the rule is: depth only when step absent"),
        ("symbol=A&sides=a,b,c", -2, "a length of 3"),
        ("symbol=A&sides=a&sides=b", -2, "joined by ','"),
        ("symbol=A&since=1700000000", -2, "seconds, not milliseconds"),
        ("symbol=A&until=1700000000000", -2, "milliseconds, not seconds"),
        ("symbol=A&fraction=1700000000000.5", -2, "milliseconds, not seconds"),
        ("symbol=A&at=tomorrow", -2, "ISO 8601"),
        ("symbol=A&exact=1", -2, "not one of true, false"),
        ("symbol=A&exact=True", -2, "not one of true, false"),
        ("symbol=A&above=1e3", -2, "not a decimal number"),
        ("symbol=A&above=0", -2, "out of range"),
        ("symbol=A&above=NaN", -2, "not a decimal number"),
        ("symbol=A&tags=", -2, "is empty"),
        ("symbol", -1, "name=value is wanted"),
        ("symbol=%FF", -1, "not UTF-8"),
    ],
)
def test_bad_queries(desk: Desk, query: str, code: int, message: str) -> None:
    status, body = shape(ask(desk, "GET", "/v1/ticker", query=query))
    assert status == 422
    assert message in body["message"]
    if "parameter '" in body["message"] and "rule" not in body["message"] and "known" not in body["message"]:
        assert body["error"] == code


def test_a_body_where_none_belongs(desk: Desk) -> None:
    assert "this operation has none" in shape(ask(desk, "GET", "/v1/ticker", query="symbol=A", body="{}"))[1]["message"]


def test_a_path_parameter_of_the_wrong_kind(desk: Desk) -> None:
    body = shape(ask(desk, "GET", "/A/2m/chart", server="charts"))[1]
    assert "'2m' is not one of 1m, 1h" in body["message"]


GOOD = {"side": "BUY", "type": "limit", "amount": "1.50", "price": 2, "timestamp": NOW}


def place(desk: Desk, body: Any, **options: Any) -> Judged:
    text = body if isinstance(body, str) else json.dumps(body)
    return ask(
        desk, "POST", "/v1/orders/A_B", body=text, headers=signed("POST", "/v1/orders/A_B", body=text, **options)
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"flags": True},
        {"flags": False, "clientId": "9007199254740993"},
        {"price": 2.5},
        {"type": "market", "price": None},  # the amount is then taken for one in quote currency
        {"type": "market", "side": "SELL", "price": None},
    ],
)
def test_good_bodies(desk: Desk, change: dict[str, Any]) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    judged = place(desk, body)
    assert judged.refused is None, judged.refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": None}, "'side' is lacking"),
        ({"timestamp": None}, "'timestamp' is lacking"),
        ({"amount": None}, "amount"),
        ({"price": None}, "the rule is: price unless type == MARKET"),
        ({"type": "market"}, "the rule is: price only when type == LIMIT"),
        ({"amount": 1.5}, "'amount' has a bad value: must be text"),
        ({"amount": "0"}, "out of range"),
        ({"amount": "1_000"}, "not a decimal number"),
        ({"price": "2"}, "'price' has a bad value: must be a number"),
        ({"side": "buy"}, "'buy' is not one of BUY, SELL"),
        ({"side": 1}, "must be text"),
        ({"timestamp": "1700000000000"}, "must be a number"),
        ({"timestamp": 1700000000}, "seconds, not milliseconds"),
        ({"timestamp": True}, "may not be true or false"),
        ({"flags": 1}, "must be true or false"),
        ({"clientId": 5}, "must be text"),
        ({"client_id": "5"}, "'client_id' of the body is not known"),
    ],
)
def test_bad_bodies(desk: Desk, change: dict[str, Any], message: str) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    status, said = shape(place(desk, body))
    assert status == 422
    assert message in said["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the body is not JSON"),
        ("[]", "not a JSON object"),
        ('{"side":"BUY","side":"SELL"}', "'side' stands in it twice"),
        ('{"price":NaN}', "NaN is no number"),
        ('{"price":1e3}', "written with an exponent"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_broken_bodies(desk: Desk, text: str, message: str) -> None:
    assert message in shape(place(desk, text))[1]["message"]


def test_bodies_of_another_kind(desk: Desk) -> None:
    headers = {**signed("POST", "/v1/orders/A_B", body="a=b"), **FORM}
    assert (
        "the body is not JSON" in shape(ask(desk, "POST", "/v1/orders/A_B", body="a=b", headers=headers))[1]["message"]
    )
    judged = ask(desk, "POST", "/v1/orders/A_B", body=b"\xff", headers=signed("POST", "/v1/orders/A_B", body="x"))
    assert "not UTF-8" in shape(judged)[1]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            [
                {"pair": "A", "type": "limit", "amount": "1", "price": "2"},
                {"pair": "A", "type": "market", "amount": "1"},
            ],
            "",
        ),
        ([], "a length of 0"),
        ([{"pair": "A", "type": "market", "amount": "1"}] * 4, "a length of 4"),
        ([{"pair": "A", "type": "limit", "amount": "1"}], "the rule is: price unless type == MARKET"),
        ([{"pair": "A", "type": "market"}], "one of amount and quote_amount is required"),
        ([{"type": "market", "amount": "1"}], "'pair' is lacking in it"),
        ([{"pair": "A", "type": "market", "amount": "1", "more": 1}], "'more' is not known in it"),
        ([{"pair": "A", "type": "market", "amount": 1}], "'amount' must be text"),
        ([1], "must be an object"),
        ({}, "must be a list"),
    ],
)
def test_whole_bodies(desk: Desk, body: Any, message: str) -> None:
    path, text = "/v1/orders/batch", json.dumps(body)
    judged = ask(desk, "POST", path, body=text, headers=signed("POST", path, body=text))
    if message:
        assert message in shape(judged)[1]["message"]
    else:
        assert judged.refused is None


# --- signatures -----------------------------------------------------------------------------------------------------


def cancel(desk: Desk, path: str = "/v1/orders/all", signed_path: str = "/v1/orders/all", **options: Any) -> Judged:
    return ask(desk, "DELETE", path, headers=signed("DELETE", signed_path, **options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"identity": None},
        {"identity": "é"},
        {"spaces": True},  # the payload counts as it came
        {"expires": str(NOW + 1)},
        {"signed_path": "/acme/rest/v1/orders/all"},  # a client that takes the sandbox's prefix for part of the path
    ],
)
def test_good_signatures(desk: Desk, options: dict[str, Any]) -> None:
    judged = cancel(desk, **options)
    assert judged.refused is None, judged.refused
    assert judged.signed


@pytest.mark.parametrize(
    ("options", "status", "code", "error"),
    [
        ({"secret": "wrong"}, 401, -3, "InvalidSignature"),
        ({"signed_path": "/v1/orders/other"}, 401, -3, "InvalidSignature"),
        ({"query": "a=1"}, 401, -3, "InvalidSignature"),
        ({"body": "{}"}, 401, -3, "InvalidSignature"),
        ({"key": "demo-other-api-key"}, 401, None, "AuthenticationFailed"),
        ({"nonce": 0}, 401, None, "InvalidNonce"),
        ({"nonce": "1"}, 401, -3, "InvalidSignature"),
        ({"expires": str(NOW - 1)}, 401, None, "ClockSkew"),
        ({"expires": "soon"}, 401, None, "AuthenticationFailed"),
    ],
)
def test_bad_signatures(desk: Desk, options: dict[str, Any], status: int, code: int | None, error: str) -> None:
    judged = cancel(desk, **options)
    assert judged.refused is not None
    assert judged.refused.error == error
    said = shape(judged)
    assert said[0] == status
    assert said[1].get("error") == code


@pytest.mark.parametrize("header", ["X-Key", "X-Payload", "X-Sign"])
@pytest.mark.parametrize("change", ["absent", "empty", "altered", "upper"])
def test_every_header_counts(desk: Desk, header: str, change: str) -> None:
    headers = signed("DELETE", "/v1/orders/all")
    value = headers.pop(header)
    altered = {"empty": "", "altered": value[:-1] + ("0" if value[-1] != "0" else "1"), "upper": value.upper()}
    if change != "absent":
        headers[header] = altered[change]
    judged = ask(desk, "DELETE", "/v1/orders/all", headers=headers)
    assert judged.refused is not None
    assert judged.reply.status == 401


def test_what_was_signed_is_what_must_come(desk: Desk) -> None:
    text = json.dumps(GOOD)
    headers = signed("POST", "/v1/orders/A_B", body=text)
    for path, query, body in [
        ("/v1/orders/A_C", "", text),
        ("/v1/orders/A_B", "x=1", text),
        ("/v1/orders/A_B", "", text.replace("1.50", "1.51")),
        ("/v1/orders/A_B", "", text + " "),
    ]:
        judged = ask(desk, "POST", path, query=query, body=body, headers=headers)
        assert judged.refused is not None
        assert judged.refused.error == "InvalidSignature"
    assert ask(desk, "POST", "/v1/orders/A_B", body=text, headers=headers).refused is None


def test_the_nonce_grows(desk: Desk) -> None:
    assert cancel(desk, nonce=5).refused is None
    for nonce in (5, 4):
        judged = cancel(desk, nonce=nonce)
        assert judged.refused is not None
        assert judged.refused.error == "InvalidNonce"
        assert shape(judged) == (401, {"message": "nonce too small"})
    # A call that is refused before does not use its nonce up.
    assert cancel(desk, nonce=9, secret="wrong").refused is not None
    assert cancel(desk, nonce=6).refused is None


def test_a_nonce_that_need_only_be_new(acme: Exchange) -> None:
    auth = acme.auth
    assert auth is not None
    desk = Desk(attrs.evolve(acme, auth=attrs.evolve(auth, nonce="unique")))
    assert [cancel(desk, nonce=nonce).refused for nonce in (5, 4, 6)] == [None] * 3
    again = cancel(desk, nonce=4)
    assert again.refused is not None
    assert again.refused.error == "InvalidNonce"
    assert shape(again) == (401, {"message": "nonce too small"})


def test_a_public_call_needs_no_signature_but_a_signed_one_is_seen(desk: Desk) -> None:
    query = "symbol=A"
    assert not ask(desk, "GET", "/v1/ticker", query=query).signed
    assert ask(desk, "GET", "/v1/ticker", query=query, headers={"X-Key": "any"}).signed


# --- one form for everything ----------------------------------------------------------------------------------------


def form_headers(
    body: str, key: str = "demo-formica-api-key", secret: str = "demo-formica-api-secret"
) -> dict[str, str]:
    return {"Key": key, "Sign": hmac.new(secret.encode(), body.encode(), hashlib.sha512).hexdigest(), **FORM}


def post(desk: Desk, fields: dict[str, Any], **options: str) -> Judged:
    body = urlencode(fields)
    return ask(desk, "POST", "/", body=body, headers=form_headers(body, **options))


def test_the_field_that_names_the_operation(formica: Exchange) -> None:
    desk = Desk(formica)
    assert post(desk, {"method": "getInfo", "nonce": 1}).operation == "account.info"
    assert post(desk, {"method": "history", "from": 3, "nonce": 2}).operation == "account.history"
    assert post(desk, {"nonce": 3, "method": "history"}).refused is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "getinfo", "nonce": 1}, "must be one of getInfo, history"),
        ({"method": "getInfo"}, "'nonce' is lacking"),
        ({"method": "getInfo", "nonce": "x"}, "'nonce' has a bad value"),
        ({"method": "getInfo", "nonce": 0}, "not greater than the last one"),
        ({"method": "getInfo", "nonce": 1, "from": 3}, "'from' of the form is not known"),
        ({"nonce": 1}, "'method' is lacking"),
    ],
)
def test_bad_forms(formica: Exchange, fields: dict[str, Any], message: str) -> None:
    status, body = shape(post(Desk(formica), fields))
    assert status == 200  # no status is documented: the body says it
    assert body["success"] == 0
    assert message in body["error"]


def test_a_form_is_signed_as_it_is_sent(formica: Exchange) -> None:
    desk = Desk(formica)
    headers = form_headers("method=getInfo&nonce=1")
    for body in ("nonce=1&method=getInfo", "method=getInfo&nonce=2", "method=getInfo&nonce=1&"):
        judged = ask(desk, "POST", "/", body=body, headers=headers)
        assert judged.refused is not None
    assert ask(desk, "POST", "/", body="method=getInfo&nonce=1", headers=headers).refused is None


# --- faces and refusals ---------------------------------------------------------------------------------------------


class Market:
    """A face that knows what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        if call.operation.name == "create":
            raise Refused("InsufficientFunds", "USD")
        return Reply(200, b"{}")


def test_a_face_answers_in_place_of_the_examples(acme: Exchange) -> None:
    market = Market()
    desk = Desk(acme, market)
    assert ask(desk, "GET", "/v1/ticker", query="symbol=A&depth=5").reply.body == b"{}"
    call = market.calls[0]
    assert (call.operation.id, call.arguments, call.account) == ("market.ticker", {"symbol": "A", "depth": 5}, "")
    body = {**GOOD, "type": "market"}
    del body["price"]
    judged = place(desk, body)
    assert market.calls[1].account == "demo-acme-api-key"
    assert "quote_amount" in market.calls[1].arguments
    assert shape(judged) == (422, {"message": "Balance for USD not enough"})


def test_an_example_that_nobody_wrote(desk: Desk) -> None:
    path = "/v1/orders/forgotten"
    status, body = shape(ask(desk, "GET", path, headers=signed("GET", path)))
    assert status == 501
    assert body["message"].endswith("acme/examples/orders/forgotten.json")
