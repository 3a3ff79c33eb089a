"""Signing steps: what is understood, what is complained of and where, and that three ways of reading them agree."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specie.compiler.diagnostics import Complaints, Place
from specie.compiler.evaluation import evaluate, solve
from specie.compiler.expressions import Expression, functions, parse, print_python, quote

SCOPE = {
    "api_key": "text",
    "api_secret": "text",
    "identity": "text?",
    "expire_after": "int?",
    "method": "text",
    "path": "text",
    "query": "text",
    "body": "text",
    "fields": "pairs",
    "nonce": "int",
    "now_ms": "int",
    "digest": "bytes",
}
NAMES = {
    **{name: f"credentials.{name}" for name in ("api_key", "api_secret", "identity", "expire_after")},
    **{name: f"request.{name}" for name in ("method", "path", "query", "body", "fields", "nonce", "now_ms")},
}
PLACE = Place("specs/acme/exchange.yaml", 7, 16)
VALUES: dict[str, Any] = {
    "api_key": "key",
    "api_secret": "s3cret",
    "identity": "me@example.org",
    "expire_after": 5000,
    "method": "GET",
    "path": "/v1/orders",
    "query": "a=1&b=2",
    "body": "",
    "fields": [("b", "2 3"), ("a", "é&="), ("b", "1")],
    "nonce": 1554380909131,
    "now_ms": 1600000000000,
    "digest": b"\x00\xff",
}


def read(text: str, scope: dict[str, str] = SCOPE) -> Expression:
    complaints = Complaints()
    expression = parse(text, scope, PLACE, complaints)
    assert expression is not None, [str(one) for one in complaints]
    assert not complaints.found
    return expression


def refused(text: str, **options: Any) -> list[tuple[str, int, str]]:
    complaints = Complaints()
    assert parse(text, SCOPE, PLACE, complaints, **options) is None
    return [(one.code, one.place.column, one.message) for one in complaints]


def run(expression: Expression, values: dict[str, Any]) -> Any:
    """The printed text, executed as a generated `sign()` would be."""
    signing = pytest.importorskip("specie.runtime.signing")
    space: dict[str, Any] = {name: getattr(signing, name) for name in functions(expression)}
    space |= {
        "credentials": SimpleNamespace(**values),
        "request": SimpleNamespace(**values),
        "digest": values["digest"],
    }
    return eval(compile(print_python(expression, NAMES), "sign", "eval"), {"__builtins__": {"str": str}, **space})


# --- the vocabulary -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "printed"),
    [
        ("api_key", "text", "credentials.api_key"),
        ("identity", "text?", "credentials.identity"),
        ("'a\"b'", "text", "'a\"b'"),
        ("body or query", "text", "request.body or request.query"),
        ("body or identity", "text?", "request.body or credentials.identity"),
        ("identity or ''", "text", 'credentials.identity or ""'),
        ("body if body else query", "text", "request.body if request.body else request.query"),
        ("path + nonce + body", "text", "request.path + str(request.nonce) + request.body"),
        ("now_ms + 5000", "int", "request.now_ms + 5000"),
        ("now_ms + 1 + body", "text", "str(request.now_ms + 1) + request.body"),
        ("path + (now_ms + 1)", "text", "request.path + str(request.now_ms + 1)"),
        ("path + (body or query)", "text", "request.path + (request.body or request.query)"),
        (
            "now_ms + expire_after",
            "int?",
            "None if credentials.expire_after is None else request.now_ms + credentials.expire_after",
        ),
        (
            "now_ms + expire_after if expire_after else now_ms",
            "int",
            "request.now_ms + credentials.expire_after if credentials.expire_after else request.now_ms",
        ),
        (
            "body or json(identity=identity, nonce=nonce)",
            "text",
            "request.body or compact_json(identity=credentials.identity, nonce=request.nonce)",
        ),
        ("base64(body)", "text", "base64(request.body)"),
        ("base64url(digest)", "text", "base64url(digest)"),
        ("hex(digest)", "text", "digest.hex()"),
        ("sha512(body)", "bytes", "sha512(request.body)"),
        ("hex(hmac_sha384(api_secret, body))", "text", "hmac_sha384(credentials.api_secret, request.body).hex()"),
        ("hex(digest or md5(body))", "text", "(digest or md5(request.body)).hex()"),
        ("form(sorted(fields))", "text", "form(sorted_pairs(request.fields))"),
        ("form(without(fields, 'sign'))", "text", 'form(without(request.fields, "sign"))'),
    ],
)
def test_what_is_understood(text: str, kind: str, printed: str) -> None:
    expression = read(text)
    assert expression.scope == kind
    assert print_python(expression, NAMES) == printed
    assert run(expression, VALUES) == evaluate(expression, VALUES)
    assert expression.names <= set(SCOPE)


def test_what_the_printed_text_needs() -> None:
    text = "hex(hmac_sha256(api_secret, form(sorted(fields)) + json(a=base64(body))))"
    assert functions(read(text)) == {"hmac_sha256", "form", "sorted_pairs", "compact_json", "base64"}
    assert functions(read("hex(digest)")) == frozenset()


def test_a_header_is_printed_as_text() -> None:
    assert print_python(read("nonce"), NAMES, as_text=True) == "str(request.nonce)"
    assert print_python(read("api_key"), NAMES, as_text=True) == "credentials.api_key"
    printed = print_python(read("expire_after"), NAMES, as_text=True)
    assert printed == "None if credentials.expire_after is None else str(credentials.expire_after)"
    sum_text = print_python(read("now_ms + expire_after"), NAMES, as_text=True)
    assert sum_text == ("None if credentials.expire_after is None else str(request.now_ms + credentials.expire_after)")


def test_equal_by_their_text() -> None:
    assert read("body or query") == read(" body or query ")
    assert read("body") != read("query")


# --- complaints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "offset", "message"),
    [
        ("", "E060", 0, "an expression is missing here"),
        ("body or", "E060", 7, "not an expression"),
        ("body = query", "E060", 5, "not an expression"),
        ("base64(body", "E060", 6, "never closed"),
        ("import os", "E060", 0, "not an expression"),
        ("body\nquery", "E060", 0, "stands on one line"),
        ("'\\d'", "E060", 0, "invalid escape"),
        ("body\x00", "E060", None, "not an expression"),
        ("+".join(["body"] * 400), "E060", 0, "more than 1000 characters"),
        ("(body or " * 30 + "body" + ")" * 30, "E060", None, "too deep"),
        ("bodi", "E061", 0, "unknown name 'bodi'; did you mean 'body'?"),
        ("hex(hmac_sha256(api_secret, nonse))", "E061", 28, "did you mean 'nonce'?"),
        ("base64", "E061", 0, "'base64' is a function; write base64(…)"),
        ("bas64(body)", "E062", 0, "unknown function 'bas64'; did you mean 'base64'?"),
        ("nonce()", "E062", 0, "'nonce' is not a function"),
        ("open('x')", "E062", 0, "unknown function 'open'"),
        ("hex(body)", "E063", 4, "hex() takes bytes, and this is text, such as hmac_sha256(key, text) gives"),
        ("base64(fields)", "E063", 7, "wrap it in form()"),
        ("sha256(nonce)", "E063", 7, "'' + number is text"),
        ("sorted(body)", "E063", 7, "sorted() takes a list of pairs, and this is text"),
        ("body + digest", "E063", 7, "wrap it in hex() or base64()"),
        ("json(a=digest)", "E063", 7, "JSON has no place for bytes; wrap it in hex() or base64()"),
        ("base64(identity)", "E063", 7, "may be absent; write identity or ''"),
        ("body or nonce", "E063", 0, "by turns"),
        ("body if nonce else digest", "E063", 0, "this is text and bytes by turns"),
        ("path + (body or identity)", "E063", 8, "may be absent"),
        ("hmac_sha256(api_secret)", "E064", 0, "hmac_sha256() takes 2 arguments, here are 1"),
        ("base64(body, query)", "E064", 0, "base64() takes 1 argument, here are 2"),
        ("base64(value=body)", "E064", 7, "no named arguments"),
        ("json(body)", "E064", 5, "json(name=value)"),
        ("json(a=body, a=query)", "E064", 13, "twice"),
        ("body.encode()", "E065", 0, "only a function's name may be called"),
        ("body.upper", "E065", 0, "an attribute"),
        ("body[0]", "E065", 0, "a subscript"),
        ("lambda: body", "E065", 0, "a lambda"),
        ("f'{body}'", "E065", 0, "an f-string"),
        ("method == 'GET'", "E065", 0, "a comparison"),
        ("body and query", "E065", 0, "'and'"),
        ("not body", "E065", 0, "a sign or 'not'"),
        ("now_ms - 1", "E065", 0, "an operator other than '+'"),
        ("[body]", "E065", 0, "a list"),
        ("[b for b in body]", "E065", 0, "a comprehension"),
        ("base64(*body)", "E065", 7, "a '*'"),
        ("json(**body)", "E065", 5, "plain names only"),
        ("json(é=body)", "E065", 5, "plain names only"),
        ("json(__debug__=body)", "E065", 5, "plain names only"),
        ("1.5", "E065", 0, "'1.5' has no place here"),
        ("b'x'", "E065", 0, "has no place here"),
        ("True", "E065", 0, "has no place here"),
        ("...", "E065", 0, "has no place here"),
        ("'\\ud800'", "E065", 0, "surrogate"),
        ("(body := query)", "E065", 1, "an assignment"),
    ],
)
def test_what_is_complained_of(text: str, code: str, offset: int | None, message: str) -> None:
    complaints = refused(text)
    assert [one[0] for one in complaints] == [code]
    assert message in complaints[0][2]
    if offset is not None:
        assert complaints[0][1] == PLACE.column + offset


def test_all_complaints_at_once() -> None:
    complaints = refused("hex(hmac_sha1(api_secret, bodi)) + nonse")
    # What stands inside an unknown function cannot be judged: its arguments may mean anything.
    assert [(code, column) for code, column, _ in complaints] == [("E062", 20), ("E061", 51)]


def test_a_step_may_not_hide_a_function() -> None:
    complaints = Complaints()
    assert parse("form(fields)", {**SCOPE, "form": "text"}, PLACE, complaints) is None
    assert "rename the value" in complaints.found[0].message
    assert parse("json(a=body)", {**SCOPE, "compact_json": "text"}, PLACE, complaints) is None


@pytest.mark.parametrize(
    ("line", "text", "word"),
    [
        ("    payload: base64(bodi)", "base64(bodi)", "bodi"),
        ("    payload: \"base64('\\u00e9' + bodi)\"", "base64('é' + bodi)", "bodi"),
        ("    payload: 'base64(''é'' + bodi)'", "base64('é' + bodi)", "bodi"),
        ("    payload: base64('日本' + bodi)", "base64('日本' + bodi)", "bodi"),
        ("    payload: ' bodi'", " bodi", "bodi"),
    ],
)
def test_the_column_is_that_of_the_file(line: str, text: str, word: str) -> None:
    complaints = Complaints(sources={PLACE.file: ["", line]})
    place = Place(PLACE.file, 2, line.index(":") + 3, len(line))
    assert parse(text, SCOPE, place, complaints) is None
    found = complaints.found[0].place
    assert line[found.column - 1 :][: found.width] == word


def test_the_column_in_a_quoted_scalar_whose_source_is_not_known() -> None:
    assert refused("bodi", quoted=True)[0][1] == PLACE.column + 1


# --- hostile text ---------------------------------------------------------------------------------------------------

HOSTILE = [
    '"',
    "'",
    '"""',
    "\\",
    "\n",
    "{{ 1 }}",
    "\u202e",
    "\x00",
    "é",
    "😀",
    "#",
    "\\N{BULLET}",
    "${x}",
    "\r\n",
    "\u2028",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    printed = quote(text * 2 + "'")
    assert printed.isascii()
    assert printed.isprintable()
    assert ast.literal_eval(printed) == text * 2 + "'"
    expression = read(repr(text) + " + body")
    assert evaluate(expression, VALUES) == text == run(expression, VALUES)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_understood_or_complained_of(text: str) -> None:
    complaints = Complaints()
    expression = parse(text, SCOPE, PLACE, complaints)
    assert (expression is None) == bool(complaints.found)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_quoted(text: str) -> None:
    assert ast.literal_eval(quote(text)) == text


# --- three ways of reading agree ------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)


def texts(depth: int) -> st.SearchStrategy[str]:
    names = st.sampled_from(["api_key", "method", "path", "query", "body", "(identity or '')"])
    simple = st.one_of(names, WORDS.map(lambda text: repr(text)))
    if not depth:
        return simple
    text, number, data = texts(depth - 1), numbers(depth - 1), binary(depth - 1)
    return st.one_of(
        simple,
        st.builds("({} + {})".format, text, st.one_of(text, number)),
        st.builds("({} + {})".format, number, text),
        st.builds("({} or {})".format, text, text),
        st.builds("({} if {} else {})".format, text, st.one_of(text, number, st.just("expire_after")), text),
        st.builds("{}({})".format, st.sampled_from(["base64", "base64url"]), st.one_of(text, data)),
        st.builds("hex({})".format, data),
        st.builds("json(a={}, from_={}, c=identity, d=expire_after)".format, text, number),
        st.builds("form({})".format, st.sampled_from(["fields", "sorted(fields)", "without(fields, 'b')"])),
    )


def numbers(depth: int) -> st.SearchStrategy[str]:
    simple = st.one_of(st.sampled_from(["nonce", "now_ms"]), st.integers(0, 10**20).map(str))
    if not depth:
        return simple
    return st.one_of(simple, st.builds("({} + {})".format, numbers(depth - 1), numbers(depth - 1)))


def binary(depth: int) -> st.SearchStrategy[str]:
    if not depth:
        return st.just("digest")
    data = st.one_of(texts(depth - 1), binary(depth - 1))
    macs = st.sampled_from(["hmac_md5", "hmac_sha256", "hmac_sha384", "hmac_sha512"])
    hashes = st.sampled_from(["md5", "sha256", "sha512"])
    return st.one_of(st.builds("{}({}, {})".format, macs, data, data), st.builds("{}({})".format, hashes, data))


VALUE_SETS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("api_key", "api_secret", "method", "path", "query", "body"), WORDS),
        "identity": st.none() | WORDS,
        "expire_after": st.none() | st.integers(0, 10**6),
        "fields": st.lists(st.tuples(WORDS, WORDS), max_size=4),
        "nonce": st.integers(0, 10**15),
        "now_ms": st.integers(0, 10**15),
        "digest": st.binary(max_size=8),
    }
)


@settings(deadline=None)
@given(texts(3), VALUE_SETS)
def test_printed_and_executed_is_evaluated(text: str, values: dict[str, Any]) -> None:
    complaints = Complaints()
    expression = parse(text, SCOPE, PLACE, complaints)
    if expression is None:  # only for its length
        assert "1000 characters" in complaints.found[0].message
        return
    found = evaluate(expression, values)
    assert run(expression, values) == found
    assert solve(expression, found, values) == {}
    assert solve(expression, found + "x", values) is None


def test_what_is_evaluated_is_what_the_libraries_say() -> None:
    payload = b'{"identity":"me@example.org","nonce":1554380909131}'
    text = "hex(hmac_sha384(api_secret, base64(body or json(identity=identity, nonce=nonce))))"
    expected = hmac.new(b"s3cret", base64.b64encode(payload), hashlib.sha384).hexdigest()
    assert evaluate(read(text), VALUES) == expected


def test_what_is_absent() -> None:
    values = {**VALUES, "identity": None, "expire_after": None}
    assert evaluate(read("now_ms + expire_after"), values) is None
    assert run(read("now_ms + expire_after"), values) is None
    assert evaluate(read("json(a=identity, b=nonce)"), values) == '{"b":1554380909131}'
    assert evaluate(read("identity or ''"), values) == ""


# --- solving --------------------------------------------------------------------------------------------------------

SERVER = {
    "api_key": "key",
    "api_secret": "s3cret",
    "body": "",
    "query": "a=1",
    "path": "/p",
    "method": "GET",
    "fields": [],
}


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("nonce", {"nonce": 7}),
        ("identity", {"identity": "x"}),
        ("identity or ''", {"identity": "x"}),
        ("identity or ''", {"identity": None}),
        ("body or json(identity=identity, nonce=nonce)", {"identity": "é", "nonce": 7}),
        ("body or json(identity=identity, nonce=nonce)", {"identity": None, "nonce": 7}),
        ("base64(body or json(nonce=nonce))", {"nonce": 7}),
        ("base64url(json(nonce=nonce))", {"nonce": 77}),
        ("hex(digest)", {"digest": b"\x01\x02"}),
        ("now_ms + 5000", {"now_ms": 123}),
        ("'at ' + now_ms + path", {"now_ms": 123}),
        ("nonce if body else now_ms", {"now_ms": 5}),
        ("json(nonce=nonce, again=nonce)", {"nonce": 5}),
    ],
)
def test_solved(text: str, unknown: dict[str, Any]) -> None:
    expression = read(text)
    value = evaluate(expression, {**SERVER, **unknown})
    assert solve(expression, value, SERVER) == unknown
    assert evaluate(expression, {**SERVER, **unknown}) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nonce", "seven"),
        ("nonce", "٣"),
        ("nonce", None),
        ("api_key", "other"),
        ("body or json(nonce=nonce)", '{"nonce":"7"}'),
        ("body or json(nonce=nonce)", '{"nonce":7,"more":1}'),
        ("body or json(nonce=nonce)", '{"nonce":true}'),
        ("body or json(nonce=nonce)", '{"nonce":7.5}'),
        ("body or json(nonce=nonce)", "[" * 100_000),
        ("json(nonce=nonce, again=nonce)", '{"nonce":5,"again":6}'),
        ("base64(json(nonce=nonce))", "####"),
        ("base64(json(nonce=nonce))", "/w=="),
        ("hex(digest)", "0G"),
        ("hex(sha256(identity or ''))", "00"),
        ("identity + '' + nonce", "x7"),
        ("'at ' + now_ms + path", "at /p"),
        ("nonce + now_ms", 5),
    ],
)
def test_not_solved(text: str, value: Any) -> None:
    assert solve(read(text), value, SERVER) is None
