"""Arguments to the wire: exact, plain, and refused with a sentence that says what to write."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from handwritten import _CREATE, BatchOrder, OrderType, Side, Status
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime import (
    NOW,
    ArgumentError,
    ExactSeconds,
    Id,
    InvalidType,
    InvalidValue,
    IsoTime,
    Millis,
    Operation,
    Parameter,
    Seconds,
    body,
    form,
    header,
    path,
    query,
)
from specie.runtime.plan import Draft, plan_for
from specie.runtime.ranges import in_range, of_length

NOW_MS = 1_700_000_000_123


def draft(*parameters: Parameter, url: str = "/x", require: tuple[str, ...] = (), **arguments: Any) -> Draft:
    operation: Operation[Any] = Operation(
        name="group.name", method="POST", path=url, returns=None, parameters=parameters, require=require
    )
    plan = plan_for(operation)
    return plan.draft(plan.accept(arguments), NOW_MS)


def as_json(type_: Any, value: Any, **more: Any) -> str:
    return draft(body("a", type_, **more), a=value).body_text()


def as_query(type_: Any, value: Any, **more: Any) -> str:
    return draft(query("a", type_, **more), a=value).query_text(False)


def as_form(type_: Any, value: Any, **more: Any) -> str:
    return draft(form("a", type_, **more), a=value).body_text()


def as_path(type_: Any, value: Any) -> str:
    return draft(path("a", type_), url="/x/{a}/", a=value).path


def refused(type_: Any, value: Any, **more: Any) -> ArgumentError:
    with pytest.raises(ArgumentError) as caught:
        draft(query("a", type_, **more), a=value)
    error = caught.value
    assert error.operation == "group.name"
    assert error.parameter == "a"
    assert str(error).startswith("group.name: a: ")
    return error


# -- money -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("0.1"), "0.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("2.50"), "2.50"),
        (Decimal("-0.0"), "0.0"),
        (Decimal("-3"), "-3"),
        (5, "5"),
        (10**30, "1" + "0" * 30),
        ("0.010", "0.010"),
        ("1e-8", "0.00000001"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
    ],
)
def test_decimals_are_plain(value: Any, written: str) -> None:
    assert as_json(Decimal, value) == f'{{"a":"{written}"}}'
    assert as_json(Decimal, value, form="number") == f'{{"a":{written}}}'
    assert as_query(Decimal, value) == f"a={written}"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e40"), max_value=Decimal("1e40")))
def test_every_digit_arrives(value: Decimal) -> None:
    written = json.loads(as_json(Decimal, value))["a"]
    assert "e" not in written.lower()
    assert Decimal(written) == value
    assert as_json(Decimal, str(value)) == as_json(Decimal, value)
    again = json.loads(as_json(Decimal, value, form="number"), parse_float=Decimal, parse_int=Decimal)["a"]
    assert again == value


@pytest.mark.parametrize("value", [0.1, 1.0, float("nan"), float("inf")])
def test_a_float_is_refused_and_told_what_to_write(value: float) -> None:
    error = refused(Decimal, value)
    assert isinstance(error, InvalidType)
    assert isinstance(error, TypeError)
    assert f"Decimal('{value}')" in str(error)
    assert "float" in str(refused(list[Decimal], ["1", value]))
    assert "[1]" in str(refused(list[Decimal], ["1", value]))


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 1",
        "1 ",
        "1_000",
        "NaN",
        "inf",
        "-Infinity",
        "1,5",
        "0x10",
        "１２",
        "1e9999999",
        "--1",
        "1e",
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("sNaN"),
        Decimal("1e5000"),
        Decimal("1e-5000"),
        "9" * 200,
        True,
        None.__class__,
        b"1",
        [1],
        {},
        1j,
    ],
)
def test_what_is_no_amount_is_refused(value: Any) -> None:
    refused(Decimal, value, join=",") if value != [1] else None
    with pytest.raises(ArgumentError):
        as_json(Decimal, value)


# -- ids, numbers, flags -----------------------------------------------------------------------------------------------


@given(st.integers(0, 10**40))
def test_ids_are_exact(value: int) -> None:
    assert as_json(Id, value) == f'{{"a":"{value}"}}'
    assert as_json(Id, str(value), form="number") == f'{{"a":{value}}}'
    assert as_query(Id, value) == f"a={value}"


@pytest.mark.parametrize("value", [True, 1.0, "", Decimal(1), None.__class__])
def test_what_is_no_id_is_refused(value: Any) -> None:
    refused(Id, value)


def test_an_id_that_is_a_number_holds_digits_only() -> None:
    with pytest.raises(InvalidValue):
        as_json(Id, "1,2", form="number")
    with pytest.raises(InvalidValue):
        as_json(Id, "007", form="number")


def test_whole_numbers() -> None:
    assert as_json(int, 5) == '{"a":5}'
    assert as_json(int, 5, form="string") == '{"a":"5"}'
    assert as_json(int, Status.DONE) == '{"a":3}'
    assert "write 5" in str(refused(int, 5.0))
    for value in (True, "5", 5.5, Decimal(5), float("inf"), float("nan"), 10**5000):
        refused(int, value)


def test_flags() -> None:
    assert as_json(bool, True) == '{"a":true}'
    assert as_json(bool, False, form="number") == '{"a":0}'
    assert as_json(bool, True, form="string") == '{"a":"true"}'
    assert as_query(bool, True) == "a=true"
    for value in (1, 0, "true", "yes"):
        refused(bool, value)


# -- times -------------------------------------------------------------------------------------------------------------

WHEN = datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


def test_times_in_their_unit() -> None:
    east = WHEN.astimezone(timezone(timedelta(hours=8)))
    for when in (WHEN, east):
        assert as_json(Millis, when) == '{"a":1700000000123}'
        assert as_json(Seconds, when) == '{"a":1700000000}'
        assert as_json(ExactSeconds, when) == '{"a":1700000000.123456}'
        assert as_json(IsoTime, when) == '{"a":"2023-11-14T22:13:20.123456Z"}'
    assert as_json(Millis, 1_700_000_000_123, form="string") == '{"a":"1700000000123"}'
    assert as_json(Seconds, 0) == '{"a":0}'
    assert as_json(IsoTime, "2026-01-31T12:00:00Z") == '{"a":"2026-01-31T12:00:00Z"}'
    before = datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC)
    assert as_json(Millis, before) == '{"a":-1}'


@given(st.integers(10**9, 10**10).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)), st.integers(0, 999_999))
def test_times_are_exact(when: datetime, part: int) -> None:
    when = when.replace(microsecond=part)
    millis = json.loads(as_json(Millis, when))["a"]
    assert (
        timedelta(0)
        <= when - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=millis)
        < timedelta(milliseconds=1)
    )


def test_a_time_in_the_wrong_unit_is_refused_with_the_reason() -> None:
    assert "looks like seconds: write 1700000000000" in str(refused(Millis, 1_700_000_000))
    assert "looks like milliseconds" in str(refused(Seconds, 1_700_000_000_000))
    assert "microseconds" in str(refused(Millis, 1_700_000_000_000_000))
    assert "nanoseconds" in str(refused(Millis, 1_700_000_000_000_000_000))
    assert "milliseconds" in str(refused(ExactSeconds, 1_700_000_000_000))


def test_what_is_no_time_is_refused() -> None:
    for kind in (Millis, Seconds, ExactSeconds, IsoTime):
        assert "no time zone" in str(refused(kind, WHEN.replace(tzinfo=None)))
    assert "date without a time" in str(refused(Millis, date(2023, 1, 1)))
    for value in (1_700_000_000_000.5, "1700000000000", True):
        refused(Millis, value)
    refused(IsoTime, "yesterday")
    refused(IsoTime, 5)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (Millis, str(NOW_MS)),
        (Seconds, "1700000000"),
        (ExactSeconds, "1700000000.123"),
        (IsoTime, '"2023-11-14T22:13:20.123Z"'),
        (Id, f'"{NOW_MS}"'),
        (int, str(NOW_MS)),
    ],
)
def test_now_in_its_unit(kind: Any, written: str) -> None:
    assert as_json(kind, None, default=NOW) == f'{{"a":{written}}}'


# -- enums -------------------------------------------------------------------------------------------------------------


def test_enums_by_member_or_exact_value() -> None:
    assert as_query(Side, Side.BUY) == as_query(Side, "BUY") == "a=BUY"
    assert as_json(Status, Status.DONE) == as_json(Status, 3) == '{"a":3}'
    assert as_json(Status, 3, form="string") == '{"a":"3"}'
    assert as_query(Side, Side("HOLD")) == "a=HOLD", "an unknown value goes out if it is meant"


def test_a_wrong_enum_value_gets_a_suggestion() -> None:
    assert "did you mean Side.BUY ('BUY')?" in str(refused(Side, "buy"))
    assert "did you mean OrderType.MARKET" in str(refused(OrderType, "MARKT"))
    assert "Status.ACTIVE, Status.DONE" in str(refused(Status, 7))
    for value in (1, True, None.__class__, OrderType.LIMIT):
        refused(Side, value)
    for value in ("3", True, 3.0):
        refused(Status, value)


# -- text, lists, maps -------------------------------------------------------------------------------------------------


@given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.text(min_size=1))
def test_text_survives_every_place(plain: str, anything: str) -> None:
    anything = anything.encode("utf-8", "ignore").decode() or "x"
    assert json.loads(as_json(str, anything)) == {"a": anything}
    written = as_query(str, anything)
    assert unquote(written.removeprefix("a=")) == anything
    assert written.isascii()
    assert "+" not in written
    assert parse_qsl(as_form(str, anything), keep_blank_values=True, strict_parsing=True) == [("a", anything)]
    assert " " not in as_form(str, plain)


def test_json_is_compact_and_not_escaped_more_than_needed() -> None:
    assert as_json(str, 'é>"\\\n') == '{"a":"é>\\"\\\\\\n"}'


def test_query_and_form_encode_as_their_kind_does() -> None:
    assert as_query(str, "a b&c=d/é!*()'~") == "a=a%20b%26c%3Dd%2F%C3%A9%21%2A%28%29%27~"
    assert as_form(str, "a b&c=d/é!*()'~") == "a=a+b%26c%3Dd%2F%C3%A9%21%2A%28%29%27~"


def test_half_a_character_is_refused() -> None:
    refused(str, "\ud800")
    refused(Id, "\ud800")


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a\\b"])
def test_what_cannot_stand_in_a_path_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue):
        as_path(str, value)


def test_paths_are_encoded_whole() -> None:
    assert as_path(str, "a b?c#d%é") == "/x/a%20b%3Fc%23d%25%C3%A9/"
    assert as_path(Id, 5) == "/x/5/"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\x00", "é\u0100"])
def test_what_cannot_stand_in_a_header_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue):
        draft(header("a", str, wire="X-A"), a=value)
    assert draft(header("a", str, wire="X-A"), a="fine").headers == {"X-A": "fine"}


def test_lists() -> None:
    assert as_query(list[str], ["a", "b c"]) == "a=a&a=b%20c"
    assert as_query(list[str], ["a", "b c"], join=",") == "a=a,b%20c"
    assert as_query(list[str], "a", join=",") == as_query(list[str], "a") == "a=a"
    assert as_form(list[str], ["a", "b"], join=",") == "a=a%2Cb"
    assert as_json(list[Decimal], ("1", Decimal(2))) == '{"a":["1","2"]}'
    assert as_json(list[str], ["x", "y"], join="|") == '{"a":"x|y"}'
    assert as_query(list[Side], (side for side in Side)) == "a=BUY&a=SELL"
    assert "separates" in str(refused(list[str], ["a,b"], join=","))
    refused(list[str], [], join=",")
    refused(list[str], ["a", None])
    refused(list[str], [1])


def test_maps_and_anything() -> None:
    assert as_json(dict[str, list[Id]], {"BTC": [1, "2"]}) == '{"a":{"BTC":["1","2"]}}'
    assert (
        as_json(Any, {"x": [1, Decimal("1.50"), None, True, "é", Side.BUY]})
        == '{"a":{"x":[1,1.50,null,true,"é","BUY"]}}'
    )
    for value in ({"x": 0.1}, {1: 2}, {"x": object()}):
        with pytest.raises(ArgumentError):
            as_json(Any, value)
    with pytest.raises(ArgumentError):
        as_json(dict[str, Id], [("a", 1)])


def test_a_whole_body() -> None:
    assert draft(body("orders", dict[str, list[Id]], whole=True), orders={"a": ["1"]}).body_text() == '{"a":["1"]}'
    assert draft(body("orders", list[Id], whole=True), orders=[]).body_text() == "[]"


def test_no_parameters_no_body_but_a_body_without_members_is_an_object() -> None:
    assert draft().body_text() == ""
    assert draft().content_type() is None
    assert draft(body("a", str, required=False)).body_text() == "{}"
    assert draft(form("a", str, required=False)).body_text() == ""


# -- what is allowed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("1..1000", [1, 1000], [0, 1001]),
        ("1..", [1, 10**9], [0]),
        ("..80", [-5, 80], [81]),
        ("> 0", [Decimal("0.1")], [0, Decimal("-1")]),
        (">= 0", [0], [Decimal("-0.1")]),
        ("< 1.5", [1], [Decimal("1.5")]),
        ("0.5..1", [Decimal("0.5")], [Decimal("0.49")]),
        ("-3..-1", [-3, -1], [0]),
    ],
)
def test_ranges(text: str, good: list[Any], bad: list[Any]) -> None:
    kind = int if all(isinstance(value, int) for value in good + bad) else Decimal
    for value in good:
        as_query(kind, value, range=text)
        as_query(list[kind], [value], range=text)
    for value in bad:
        error = refused(kind, value, range=text)
        assert error.rule == text
        assert str(value) in str(error)


@pytest.mark.parametrize("text", ["", "..", "1...2", "a..b", "=> 1", "1-5", "> x"])
def test_what_is_no_range_or_length(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        in_range(text)
    with pytest.raises(ValueError, match="is not a"):
        of_length(text)


def test_choices_and_lengths() -> None:
    assert as_query(int, 5, choices=(1, 5)) == "a=5"
    assert "one of 1, 5" in str(refused(int, 2, choices=(1, 5)))
    assert as_query(Decimal, "1.0", choices=("1", "5"))
    assert "3 characters" in str(refused(str, "abc", length="..2"))
    assert as_query(str, "ab", length="2") == "a=ab"
    assert "0 items" in str(refused(list[str], [], length="1..10"))


def test_what_is_missing_or_unknown() -> None:
    with pytest.raises(InvalidType, match=r"group\.name: a: is required"):
        draft(query("a", str))
    assert draft(query("a", str, required=False)).query == []
    with pytest.raises(InvalidType, match="no parameter 'b'"):
        draft(query("a", str, required=False), b=1)


def test_defaults_and_constants_are_sent() -> None:
    assert draft(query("a", int, default=5)).query_text(False) == "a=5"
    assert draft(query("a", int, default=5), a=6).query_text(False) == "a=6"
    assert draft(form("method", str, const="getInfo")).body_text() == "method=getInfo"
    with pytest.raises(InvalidType):
        draft(form("method", str, const="getInfo"), method="other")


def test_two_parameters_of_one_wire_name() -> None:
    plan = plan_for(_CREATE)
    base = {"pair": "p", "side": "BUY", "type": "MARKET"}
    assert '"amount":"5"' in plan.draft(plan.accept({**base, "quote_amount": 5}), NOW_MS).body
    with pytest.raises(InvalidValue, match="only one of amount and quote_amount"):
        plan.accept({**base, "quote_amount": 5, "amount": 5})
    with pytest.raises(InvalidValue, match="one of amount and quote_amount is required"):
        plan.accept(base)


def test_the_query_is_sorted_on_demand_and_else_as_declared() -> None:
    made = draft(query("b", str), query("a", list[str]), b="1", a=["2", "1"])
    assert made.query_text(False) == "b=1&a=2&a=1"
    assert made.query_text(True) == "a=2&a=1&b=1"


# -- input models ------------------------------------------------------------------------------------------------------


def test_input_models_check_as_a_call_does() -> None:
    with pytest.raises(InvalidType, match=r"BatchOrder: amount: 0\.1 is a float"):
        BatchOrder(pair="a", type=OrderType.MARKET, amount=0.1)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="must be > 0"):
        BatchOrder(pair="a", type=OrderType.MARKET, amount="0")
    with pytest.raises(InvalidValue, match="price is required here"):
        BatchOrder(pair="a", type=OrderType.LIMIT, amount="1")
    with pytest.raises(TypeError):
        BatchOrder(pair="a", type=OrderType.LIMIT)  # type: ignore[call-arg]
    with pytest.raises(InvalidType, match="required"):
        BatchOrder(pair=None, type=OrderType.MARKET, amount=1)  # type: ignore[arg-type]


def test_lists_of_input_models_take_nothing_else() -> None:
    assert "is not a BatchOrder" in str(refused(list[BatchOrder], [{"pair": "a"}]))
