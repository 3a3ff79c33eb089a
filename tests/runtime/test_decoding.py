"""Bytes to models: the fast passes and the reference pass agree, and nothing that lies gets through."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from handwritten import Book, History, Level, OrderReceipt, Side, Status, Trade, Transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from specie.runtime import (
    ExactSeconds,
    Id,
    IsoTime,
    Millis,
    Model,
    Seconds,
    fast,
    keyed,
    model,
    wire,
)
from specie.runtime.decode import Mismatch, Refused, ReplyDecoder
from specie.runtime.shapes import shape_of


@model
class Everything(Model):
    """One field of each kind, required and optional."""

    text: str = wire("T")
    ident: Id = wire("t")
    number: int = wire("numberOf")
    flag: bool
    money: Decimal = wire("m")
    side: Side = wire("s")
    status: Status = wire("S")
    when: Millis
    then: Seconds
    exactly: ExactSeconds
    iso: IsoTime
    anything: Any
    levels: list[Level]
    funds: dict[str, Decimal]
    moves: list[Transaction] = wire(keyed="id")
    inner: Trade
    text_or: str | None = None
    ident_or: Id | None = wire("identOr", default=None)
    number_or: int | None = None
    flag_or: bool | None = None
    money_or: Decimal | None = None
    side_or: Side | None = None
    status_or: Status | None = None
    level_or: Level | None = None
    inner_or: Trade | None = None
    levels_or: list[Level] | None = None
    by_name: dict[str, list[Trade]] | None = wire("byName", default=None)


@model
class Swapped(Model):
    """Wire names that are names of other fields, methods or of Python."""

    first: Id = wire("second")
    second: Decimal = wire("first")
    kind: str = wire("class")
    odd: str | None = wire("a-b c", default=None)
    special: str | None = wire("__repr__", default=None)


@model
class Chain(Model):
    """A model within itself."""

    name: Id
    price: Decimal
    next: Chain | None = None
    others: list[Chain] | None = None


@model
class Nothing(Model):
    """A model that demands nothing."""

    note: str | None = None


def decoder(annotation: Any, **more: Any) -> ReplyDecoder:
    return ReplyDecoder(shape_of(annotation), **more)


def both(reply: ReplyDecoder, body: bytes) -> Any:
    """What the fast passes and the reference pass make of it, which must be the same."""
    try:
        slow: Any = reply.reference(body)
    except (Mismatch, Refused) as error:
        with pytest.raises(type(error)):
            reply.decode(body)
        raise
    quick = reply.decode(body)
    assert quick == slow
    assert repr(quick) == repr(slow)  # Decimal("1.0") == Decimal("1.00"), and True == 1: only the text tells
    return quick


def test_the_fast_pass_is_in_use() -> None:
    assert fast.available()
    reply = decoder(list[Trade])
    reply.decode(b"[]")
    assert reply._passes is not None
    assert len(reply._passes) == 2


# -- the two passes agree ----------------------------------------------------------------------------------------------

digits = st.integers(-(10**30), 10**30)
decimals = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30")
).map(lambda d: format(d, "f"))
odd_numbers = st.sampled_from(
    [
        "NaN",
        "nan",
        "sNaN",
        "-Infinity",
        "inf",
        "1_000",
        "1_",
        "_1",
        "1._5",
        "1.__e5",
        "n_an",
        "",
        "null",
        "NULL",
        " 1 ",
        "+1",
        "1e5",
        "1E-7",
        ".5",
        "5.",
        ".",
        "0x10",
        "１２",
        "1٠",
        "--1",
        "1,5",
        "- 1",
        "1 000",
        "1e",
        "\t2\n",
        "\x0b3",
        "\xa04",
    ]
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=12),
    odd_numbers,
    st.sampled_from(["BUY", "SELL", "NEW", "true", "false", "True", "0", "1", "12", "-3", "007"]),
)
times = st.integers(-(2**40), 2**40)
nothing = st.sampled_from([None, ""])


class Raw:
    """A JSON number written as it stands."""

    def __init__(self, literal: str) -> None:
        self.literal = literal


def write(value: Any) -> str:
    if isinstance(value, Raw):
        return value.literal
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


scalars = st.one_of(
    texts,
    digits,
    decimals.map(Raw),
    decimals,
    st.booleans(),
    nothing,
    times,
    st.sampled_from([0, 1, 2, 3]),
    odd_numbers,
)
money = st.one_of(decimals, decimals.map(Raw), digits)
ident = st.one_of(digits, texts)
trade = st.fixed_dictionaries(
    {"tradeId": ident, "action": texts, "price": money, "amount": money, "timestamp": times},
    optional={
        "fee": st.one_of(money, nothing, odd_numbers),
        "note": st.one_of(texts, nothing),
        "isMaker": st.one_of(st.booleans(), nothing, st.sampled_from([0, 1])),
        "more": scalars,
    },
)
level = st.lists(money, min_size=2, max_size=2).flatmap(
    lambda two: st.sampled_from([two, [*two, 3], [*two, None], [*two, "5"], [*two, 1, "surplus"]])
)
move = st.fixed_dictionaries({"amount": money, "currency": texts, "timestamp": times}, optional={"id": ident})
everything = st.fixed_dictionaries(
    {
        "T": texts,
        "t": ident,
        "numberOf": st.one_of(digits, digits.map(str)),
        "flag": st.one_of(st.booleans(), st.sampled_from([0, 1, "true", "0"])),
        "m": money,
        "s": texts,
        "S": st.one_of(st.sampled_from([1, 3, 99, "1", "42"])),
        "when": st.one_of(times, times.map(str)),
        "then": times,
        "exactly": money,
        "iso": texts,
        "anything": st.one_of(scalars, st.lists(scalars, max_size=2)),
        "levels": st.lists(level, max_size=3),
        "funds": st.one_of(st.dictionaries(texts, money, max_size=3), st.just([])),
        "moves": st.one_of(st.dictionaries(texts, move, max_size=3), st.just([])),
        "inner": trade,
    },
    optional={
        "text_or": st.one_of(texts, nothing),
        "identOr": st.one_of(ident, nothing),
        "number_or": st.one_of(times, nothing, texts),
        "flag_or": st.one_of(st.booleans(), nothing),
        "money_or": st.one_of(money, nothing, odd_numbers),
        "side_or": st.one_of(texts, nothing),
        "status_or": st.one_of(st.sampled_from([1, 3, 99, "3"]), nothing),
        "level_or": st.one_of(level, nothing),
        "inner_or": st.one_of(trade, st.none()),
        "levels_or": st.one_of(st.lists(level, max_size=2), st.none()),
        "byName": st.dictionaries(texts, st.lists(trade, max_size=2), max_size=2),
        "unknown": scalars,
    },
)
EVERYTHING = decoder(list[Everything])
TRADES = decoder(list[Trade], envelope=("data",))


@settings(max_examples=80)
@given(st.lists(everything, max_size=3))
def test_both_passes_read_the_same(rows: list[Any]) -> None:
    with suppress(Mismatch):
        both(EVERYTHING, write(rows).encode())


@settings(max_examples=100)
@given(
    st.lists(trade, max_size=4),
    st.sampled_from(["tradeId", "action", "price", "fee", "note", "isMaker", "timestamp"]),
    scalars,
)
def test_both_passes_refuse_the_same(rows: list[Any], field: str, value: Any) -> None:
    """Anything at all in any place of a row."""
    for row in rows:
        row[field] = value
    with suppress(Mismatch):
        both(TRADES, write({"data": rows}).encode())


@settings(max_examples=80)
@given(
    st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["data", "tradeId", "price", "x"]), inner, max_size=4),
        ),
        max_leaves=8,
    )
)
def test_both_passes_agree_on_any_json(value: Any) -> None:
    with suppress(Mismatch):
        both(TRADES, write(value).encode())


@settings(max_examples=100)
@given(st.integers(0, 200), st.binary(min_size=0, max_size=3))
def test_a_damaged_reply_is_read_right_or_refused(position: int, noise: bytes) -> None:
    whole = write(
        {
            "data": [
                {
                    "tradeId": 5,
                    "action": "BUY",
                    "price": "1.50",
                    "amount": Raw("2.0"),
                    "timestamp": 1700000000000,
                    "note": "é\\",
                }
            ]
        }
    ).encode()
    position = min(position, len(whole))
    with suppress(Mismatch):
        both(TRADES, whole[:position] + noise + whole[position + len(noise) :])


@settings(max_examples=100)
@given(decimals)
def test_every_digit_of_a_decimal_is_kept(number: str) -> None:
    for written in (number, f'"{number}"'):
        found = both(decoder(dict[str, Decimal]), f'{{"a":{written}}}'.encode())["a"]
        assert str(found) == str(Decimal(number))


@given(st.integers(0, 10**30))
def test_ids_of_any_size_are_exact(number: int) -> None:
    for written in (str(number), f'"{number}"'):
        assert both(decoder(list[Id]), f"[{written}]".encode()) == [str(number)]


@given(st.one_of(st.integers(-(10**20), 10**20), st.integers(2**53 - 9, 2**53 + 9)))
@example(2**53 + 1)
@example(-(2**53) - 1)
def test_ids_written_with_a_point_or_an_exponent_are_exact(number: int) -> None:
    for written in (f"{number}.0", f"{Decimal(number):e}", f"{number * 10}e-1"):
        assert both(decoder(list[Id]), f"[{written}]".encode()) == [str(number)]


# -- odd names ---------------------------------------------------------------------------------------------------------


def test_keys_that_differ_by_case_only() -> None:
    @model
    class Ticker(Model):
        t: Millis = wire("t")
        kind: str = wire("T")
        side: str = wire("s")
        state: str = wire("S")

    Ticker.__annotations__ = {"t": Millis, "kind": str, "side": str, "state": str}
    found = both(decoder(Ticker), b'{"t":1,"T":"limit","s":"buy","S":"done"}')
    assert (found.t, found.kind, found.side, found.state) == (1, "limit", "buy", "done")


def test_wire_names_that_are_taken() -> None:
    found = both(decoder(list[Swapped]), b'[{"second":12,"first":"1.50","class":"x","a-b c":"y","__repr__":"z"}]')[0]
    assert (found.first, found.second, found.kind, found.odd, found.special) == ("12", Decimal("1.50"), "x", "y", "z")
    assert repr(found).startswith("Swapped(first='12', second=Decimal('1.50')")


def test_models_within_themselves() -> None:
    body = b'{"name":1,"price":"1","next":{"name":"2","price":2.50,"others":[{"name":3,"price":"4"}]}}'
    found = both(decoder(Chain), body)
    assert found.next.others[0].name == "3"
    for bad in (b'"NaN"', b'"1_0"', b"null"):
        with pytest.raises(Mismatch) as caught:
            both(decoder(Chain), body.replace(b'"4"', bad))
        assert caught.value.path == "$.next.others[0].price"


# -- what is taken -----------------------------------------------------------------------------------------------------


def test_what_the_language_takes() -> None:
    found = both(
        decoder(list[Trade]),
        b'[{"tradeId":4611688217450643477,"action":"HOLD","price":43.0800,"amount":"-0.0100","fee":"","note":"","isMaker":1,"timestamp":"1700000000000","new":[1]}]',
    )[0]
    assert found.trade_id == "4611688217450643477"
    assert type(found.trade_id) is str
    assert str(found.price) == "43.0800"
    assert str(found.amount) == "-0.0100"
    assert (found.fee, found.note, found.maker) == (None, None, True)
    assert found.side == "HOLD"
    assert not found.side.is_known
    assert found.timestamp == 1_700_000_000_000


def test_rows_keyed_items_and_empty_maps() -> None:
    book = both(decoder(Book), b'{"b":[["1","2",3,"surplus"],[1.0,2]],"a":[],"best":["9","9"],"t":1700000000.123456}')
    assert book.bids == [
        Level(price=Decimal(1), quantity=Decimal(2), count=3),
        Level(price=Decimal("1.0"), quantity=Decimal(2)),
    ]
    assert book.best.count is None
    assert str(book.time) == "1700000000.123456"
    history = both(
        decoder(History), b'{"total":"1","rows":{"7":{"amount":"1","currency":"usd","timestamp":1700000000}}}'
    )
    assert history.rows[0].id == "7"
    assert both(decoder(History), b'{"total":0,"rows":[]}').rows == []
    assert both(decoder(dict[str, Decimal]), b"[]") == {}
    assert (
        both(
            decoder(keyed(Transaction, "id")),
            b'{"1":{"amount":"1","currency":"a","timestamp":1},"x y":{"amount":"1","currency":"a","timestamp":1}}',
        )[1].id
        == "x y"
    )


def test_an_item_outside_a_keyed_collection_needs_its_key() -> None:
    with pytest.raises(Mismatch) as caught:
        both(decoder(list[Transaction]), b'[{"amount":"1","currency":"usd","timestamp":1}]')
    assert caught.value.path == "$[0].id"


def test_unknown_number_enums_and_numbers_as_text() -> None:
    receipts = both(
        decoder(list[OrderReceipt]), b'[{"orderId":1,"amount":1,"status":"3"},{"orderId":1,"amount":1,"status":77}]'
    )
    assert receipts[0].status is Status.DONE
    assert receipts[1].status == 77
    assert not receipts[1].status.is_known


def test_untyped_parts_keep_their_digits() -> None:
    found = both(
        decoder(OrderReceipt),
        b'{"orderId":1,"amount":1,"extra":{"a":[1.10,123456789012345678901234567890,1e400,null]}}',
    )
    assert repr(found.extra) == "{'a': [Decimal('1.10'), 123456789012345678901234567890, Decimal('1E+400'), None]}"


def test_of_a_key_given_twice_the_last_one_counts() -> None:
    assert both(decoder(dict[str, Decimal]), b'{"a":1,"a":2}') == {"a": Decimal(2)}
    assert both(decoder(list[Level]), b'[["1","2"]]')
    assert both(decoder(Nothing), b'{"note":"a","note":"b"}').note == "b"


# -- what is refused ---------------------------------------------------------------------------------------------------

ROW = {"tradeId": "1", "action": "BUY", "price": "1", "amount": "1", "timestamp": 1700000000000}


@pytest.mark.parametrize(
    ("change", "path", "expected", "found"),
    [
        ({"price": "NaN"}, "$.data[1].price", "a number", "'NaN'"),
        ({"price": "Infinity"}, "$.data[1].price", "a number", "'Infinity'"),
        ({"price": "1_000"}, "$.data[1].price", "a number", "'1_000'"),
        ({"price": "1\\u005f000"}, "$.data[1].price", "a number", "'1_000'"),
        ({"price": "１２"}, "$.data[1].price", "a number", "'１２'"),
        ({"price": "1.5.2"}, "$.data[1].price", "a number", "'1.5.2'"),
        ({"price": None}, "$.data[1].price", "a number", "null"),
        ({"price": ""}, "$.data[1].price", "a number", "''"),
        ({"price": True}, "$.data[1].price", "a number", "true"),
        ({"price": {}}, "$.data[1].price", "a number", "an object of 0"),
        ({"price": ...}, "$.data[1].price", "a number", "nothing (the field is missing)"),
        ({"tradeId": None}, "$.data[1].tradeId", "an id (text or a whole number)", "null"),
        ({"tradeId": 1.5}, "$.data[1].tradeId", "an id (text or a whole number)", "1.5"),
        ({"tradeId": [1]}, "$.data[1].tradeId", "an id (text or a whole number)", "an array of 1"),
        ({"timestamp": "yesterday"}, "$.data[1].timestamp", "a whole number", "'yesterday'"),
        ({"timestamp": 1.5}, "$.data[1].timestamp", "a whole number", "1.5"),
        ({"action": None}, "$.data[1].action", "a text (Side)", "null"),
        ({"action": 5}, "$.data[1].action", "a text (Side)", "5"),
        ({"isMaker": "yes"}, "$.data[1].isMaker", "true or false", "'yes'"),
        ({"isMaker": 2}, "$.data[1].isMaker", "true or false", "2"),
    ],
)
def test_one_bad_value_says_which_and_why(change: dict[str, Any], path: str, expected: str, found: str) -> None:
    row: dict[str, Any] = {**ROW, **change}
    row = {key: value for key, value in row.items() if value is not ...}
    body = json.dumps({"data": [ROW, row]}, ensure_ascii=False).replace("\\\\u", "\\u").encode()
    with pytest.raises(Mismatch) as caught:
        both(TRADES, body)
    assert (caught.value.path, caught.value.expected, caught.value.found) == (path, expected, found)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "nothing"),
        (b"   ", "nothing"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b'{"data": [', "'{\"data\": ['"),
        (b'{"data": []', "'{\"data\": []'"),
        (b'{"data": []} trailing', "trailing"),
        (b'{"data": [NaN]}', "NaN"),
        (b'{"data": [Infinity]}', "Infinity"),
        (b'{"data": [], }', "}"),
        (b'{"data": [] // why\n}', "why"),
        (b"\xff\xfe{}", "{}"),
        (b"Service Unavailable", "Service Unavailable"),
        (b"[" * 100_000, "[["),
    ],
)
def test_what_is_not_json_is_refused(body: bytes, found: str) -> None:
    with pytest.raises(Mismatch) as caught:
        both(TRADES, body)
    assert caught.value.expected == "JSON"
    assert found in caught.value.found


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b"5",
        b'"data"',
        b"{}",
        b'{"Data":[]}',
        b'{"data":"x"}',
        b'{"data":[null]}',
        b'{"data":[[]]}',
        b'{"data":[{}]}',
    ],
)
def test_what_has_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(Mismatch):
        both(TRADES, body)


def test_a_number_too_large_to_be_true_is_refused_or_exact() -> None:
    with pytest.raises(Mismatch):
        decoder(list[int]).reference(b"[1e999999999]")
    with pytest.raises(Mismatch):
        decoder(list[int]).reference(b"[" + b"9" * 5000 + b"]")


# -- where the result lies ---------------------------------------------------------------------------------------------


def test_envelope_and_at() -> None:
    reply = decoder(list[Id], envelope=("return",), ok=(("success", 1),), at=("rows", "items"), errors=("error",))
    assert both(reply, b'{"success":1,"return":{"rows":{"items":[1]}}}') == ["1"]
    assert both(reply, b'{"success":"1","return":{"rows":{"items":[1]}}}') == ["1"]
    for body in (
        b'{"success":0,"error":"no"}',
        b'{"success":true,"return":{"rows":{"items":[1]}}}',
        b'{"error":"x"}',
        b'{"success":1,"error":"x","return":{"rows":{"items":[1]}}}',
    ):
        with pytest.raises(Refused):
            both(reply, body)
    with pytest.raises(Mismatch) as caught:
        both(reply, b'{"success":1,"return":{"rows":[]}}')
    assert caught.value.path == "$.return.rows"
    assert both(reply, b'{"success":1,"error":null,"return":{"rows":{"items":[]}}}') == []
    for body in (b'{"return":{"rows":{"items":[1]}}}', b"[]", b"5", b"null", b"{}"):
        with pytest.raises(Mismatch):  # says neither yes nor no
            both(reply, body)


def test_the_mark_of_a_success_beside_the_result() -> None:
    reply = decoder(Trade, ok=(("success", True),), errors=("error",))
    body = json.dumps({**ROW, "success": True}).encode()
    assert both(reply, body).trade_id == "1"
    assert reply._passes is not None
    assert reply._passes[0](body).trade_id == "1"
    assert reply.unaccounted(body) == []
    with pytest.raises(Refused):
        both(reply, json.dumps({**ROW, "success": False}).encode())
    with pytest.raises(Mismatch):
        both(reply, json.dumps(ROW).encode())


def test_null_and_either_empty_are_a_list_or_map_without_members() -> None:
    for nothing_there in (b"null", b"[]", b"{}"):
        assert both(TRADES, b'{"data":%s}' % nothing_there) == []
        assert both(decoder(dict[str, Decimal], envelope=("data",)), b'{"data":%s}' % nothing_there) == {}
        assert both(decoder(Book), b'{"b":%s,"a":[]}' % nothing_there).bids == []
        assert both(decoder(History), b'{"total":0,"rows":%s}' % nothing_there).rows == []
    with pytest.raises(Mismatch):
        both(decoder(list[Trade]), b"null")
    assert both(decoder(Chain), b'{"name":1,"price":1,"others":null}').others is None


def test_at_only_if_the_reply_is_an_object() -> None:
    reply = decoder(list[Level], at=("e",), at_optional=True)
    assert both(reply, b'[["1","2"]]') == both(reply, b'{"t":"3600000","e":[["1","2"]]}')


def test_sole() -> None:
    reply = decoder(Level, sole=True)
    with_objects = decoder(Trade, envelope=("data",), sole=True)
    assert both(with_objects, json.dumps({"data": ROW}).encode()) == both(
        with_objects, json.dumps({"data": [ROW]}).encode()
    )
    for body in ({"data": []}, {"data": [ROW, ROW]}):
        with pytest.raises(Mismatch):
            both(with_objects, json.dumps(body).encode())
    assert both(reply, b'["1","2"]').quantity == 2


def test_an_error_key_is_an_error_where_the_model_has_no_such_field() -> None:
    reply = decoder(Nothing, errors=("error", "note"))
    assert both(reply, b'{"note":"fine"}').note == "fine"
    for body in (b'{"error":"no"}', b'{"\\u0065rror":"\\"error\\""}', b'{"error":{"a":1}}', b'{"error":7}'):
        with pytest.raises(Refused):
            reply.decode(body)
    for body in (b'{"error":null}', b'{"error":""}', b'{"error":0}', b'{"error":[]}', b'{"deep":{"error":"no"}}'):
        assert both(reply, body) == Nothing()


def test_nothing_takes_anything_that_is_json_or_empty() -> None:
    reply = decoder(None, envelope=("data",), errors=("error",))
    for body in (b"{}", b"[]", b"", b'{"data":5}', b"null"):
        assert reply.decode(body) is None
    with pytest.raises(Mismatch):
        reply.decode(b"<html>")
    with pytest.raises(Refused):
        reply.decode(b'{"error":"x"}')


def test_unaccounted() -> None:
    reply = decoder(list[Trade], envelope=("data",), ok=(("success", 1),))
    body = json.dumps({"success": 1, "took": 5, "data": [{**ROW, "odd key": 1, "action": "HOLD"}, ROW]}).encode()
    assert reply.unaccounted(body) == ["$.took", "$.data[0].action", '$.data[0]["odd key"]']
    assert decoder(Book).unaccounted(b'{"b":[["1","2",3,4]],"a":[],"x":{}}') == ["$.b[0][3]", "$.x"]
    assert decoder(dict[str, Any]).unaccounted(b'{"b":[{"c":1}]}') == []


# -- when msgspec is not what it was -----------------------------------------------------------------------------------


def test_without_a_fast_pass_everything_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "available", lambda: False)
    reply = decoder(list[Trade], envelope=("data",))
    assert reply.decode(json.dumps({"data": [ROW]}).encode())[0].trade_id == "1"
    assert reply._passes == []


def test_a_decoder_leaves_no_trace_on_the_class() -> None:
    import attrs

    @model
    class Fresh(Model):
        order_id: Id = wire("orderId")

    Fresh.__annotations__ = {"order_id": Id}
    before = dict(Fresh.__annotations__)
    both(decoder(list[Fresh]), b'[{"orderId":1}]')
    assert Fresh.__annotations__ == before
    assert "__msgspec_cache__" not in Fresh.__dict__
    assert [field.name for field in attrs.fields(Fresh)] == ["order_id"]
    assert both(decoder(list[Fresh]), b'[{"orderId":1}]')[0] == Fresh(order_id="1")


def test_models_of_one_reply_can_be_decoded_from_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    body = json.dumps({"data": [ROW] * 50}).encode()

    def work(_: int) -> int:
        return len(decoder(list[Trade], envelope=("data",)).decode(body))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(64))) == {50}


@pytest.mark.parametrize(
    "text", ["nan", "NaN", "sNaN12", "-inf", "iNF", "Infinity", " nAn ", "N_aN", "\\u004eaN", "i\\u006ef", "\\tnan"]
)
def test_no_spelling_of_what_is_no_number_passes(text: str) -> None:
    body = f'[["1", "{text}"]]'.encode()
    with pytest.raises(Mismatch, match=r"\[1\].*a number"):
        decoder(list[Level]).decode(body)


def test_words_that_look_like_no_number_do_no_harm() -> None:
    body = b'[["1.10", "2", 3, "information of Nancy"]]'
    assert decoder(list[Level]).decode(body) == [Level(price=Decimal("1.10"), quantity=Decimal(2), count=3)]
