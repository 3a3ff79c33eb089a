"""What parameters demand of one another: the sentences, their places, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from handwritten import OrderType, Side

from specie.runtime import InvalidValue, Millis, Operation, Seconds, query
from specie.runtime.plan import plan_for
from specie.runtime.rules import RuleSyntaxError, compile_rule, may_break, parse_rule

PARAMETERS = (
    query("type", OrderType, required=False),
    query("side", Side, required=False),
    query("price", str, required=False),
    query("stop_price", str, required=False),
    query("condition", str, required=False),
    query("low", int, required=False),
    query("high", int, required=False),
    query("start", Millis, required=False),
    query("end", Millis, required=False),
    query("since", Seconds, required=False),
    query("until", Seconds, required=False),
    query("settled", bool, required=False),
    query("statuses", list[str], required=False),
)


def judge(rule: str, fine: bool, **arguments: Any) -> None:
    operation: Operation[Any] = Operation(
        name="g.n", method="GET", path="/", returns=None, parameters=PARAMETERS, require=(rule,)
    )
    plan = plan_for(operation)
    if fine:
        plan.accept(arguments)
        return
    with pytest.raises(InvalidValue) as caught:
        plan.accept(arguments)
    assert rule in str(caught.value)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("rule", "arguments", "fine"),
    [
        ("price unless type == MARKET", {"type": "LIMIT"}, False),
        ("price unless type == MARKET", {"type": "LIMIT", "price": "1"}, True),
        ("price unless type == MARKET", {"type": "MARKET"}, True),
        ("price unless type == MARKET", {}, False),
        ("price unless type in (MARKET, STOP_LIMIT)", {"type": "STOP_LIMIT"}, True),
        ("price when type != MARKET", {}, False),
        ("stop_price, condition when type == STOP_LIMIT", {"type": "STOP_LIMIT", "stop_price": "1"}, False),
        ("stop_price and condition when type == STOP_LIMIT", {"type": "STOP_LIMIT", "condition": ">="}, False),
        (
            "stop_price, condition when type == STOP_LIMIT",
            {"type": "STOP_LIMIT", "stop_price": "1", "condition": ">="},
            True,
        ),
        ("stop_price, condition when type == STOP_LIMIT", {"type": "LIMIT"}, True),
        ("stop_price only when type == STOP_LIMIT", {"type": "LIMIT", "stop_price": "1"}, False),
        ("stop_price only when type == STOP_LIMIT", {"stop_price": "1"}, False),
        ("stop_price only when type == STOP_LIMIT", {"type": "LIMIT"}, True),
        ("price when side given", {"side": "BUY"}, False),
        ("price when side absent", {}, False),
        ("price when side absent", {"side": "BUY"}, True),
        ("price when type == LIMIT and side == SELL", {"type": "LIMIT", "side": "SELL"}, False),
        ("price when type == LIMIT and side == SELL", {"type": "LIMIT", "side": "BUY"}, True),
        ("price when settled == true", {"settled": True}, False),
        ("price when settled == true", {"settled": False}, True),
        ("price when low == -3", {"low": -3}, False),
        ("price when condition == '>='", {"condition": ">="}, False),
        ("price when statuses == DONE", {"statuses": ["OPEN", "DONE"]}, False),
        ("one of price, stop_price", {}, False),
        ("one of price, stop_price", {"price": "1"}, True),
        ("one of price, stop_price", {"price": "1", "stop_price": "1"}, False),
        ("one of price, low+high", {"low": 1}, True),
        ("one of price, low+high", {"low": 1, "high": 2}, True),
        ("one of price, low+high", {"price": "1", "high": 2}, False),
        ("at least one of price, stop_price", {"price": "1", "stop_price": "1"}, True),
        ("at least one of price, stop_price", {}, False),
        ("at most one of price, stop_price", {}, True),
        ("at most one of price, stop_price", {"price": "1", "stop_price": "1"}, False),
        ("low < high", {"low": 1, "high": 1}, False),
        ("low <= high", {"low": 1, "high": 1}, True),
        ("low < high", {"low": 1}, True),
        ("high - low <= 10", {"low": 1, "high": 12}, False),
        ("high - low <= 10", {"low": 1, "high": 11}, True),
    ],
)
def test_rules(rule: str, arguments: dict[str, Any], fine: bool) -> None:
    judge(rule, fine, **arguments)


def test_spans_of_time_in_any_unit() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for first, second in (("start", "end"), ("since", "until")):
        judge(f"{second} - {first} <= 90d", True, **{first: start, second: start + timedelta(days=90)})
        judge(f"{second} - {first} <= 90d", False, **{first: start, second: start + timedelta(days=90, seconds=1)})
        judge(f"{second} - {first} <= 5min", False, **{first: start, second: start + timedelta(hours=1)})
        judge(f"{first} < {second}", False, **{first: start, second: start})


def test_values_are_named_by_member_or_by_value() -> None:
    assert parse_rule("price unless type == MARKET").values[0].value.text == "MARKET"
    judge("price when side in (BUY)", False, side=Side.BUY)


def test_names_and_values_know_their_places() -> None:
    text = "a, b_c when type in (LIMIT, 'x y') and side given"
    rule = parse_rule(text)
    assert [name.text for name in rule.names] == ["a", "b_c", "type", "side"]
    assert [use.value.text for use in rule.values] == ["LIMIT", "x y"]
    assert {use.parameter.text for use in rule.values} == {"type"}
    for name in rule.names:
        assert text[name.start : name.end] == name.text
    assert text[rule.values[0].value.start : rule.values[0].value.end] == "LIMIT"


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("", 0, "name is expected"),
        ("price", 5, "goes on with"),
        ("price unles type == MARKET", 6, "goes on with"),
        ("price unless", 12, "name is expected"),
        ("price unless type", 17, "goes on with =="),
        ("price unless type = MARKET", 18, "means nothing"),
        ("price unless type == ", 20, "a value"),
        ("price unless type in LIMIT", 21, "parentheses"),
        ("price unless type in (LIMIT", 27, "closing parenthesis"),
        ("one of price", 12, "two alternatives"),
        ("one of price,", 13, "name is expected"),
        ("a - b < 5", 6, "compared by <="),
        ("a - b <= 90x", 9, "a span"),
        ("a < b c", 6, "should end before 'c'"),
        ("price unless type == MARKET or x", 28, "should end before 'or'"),
        ("when type == MARKET", 0, "not the word 'when'"),
        ("price ☃", 6, "means nothing"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(text: str, at: int, reason: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse_rule(text)
    assert reason in caught.value.reason
    assert caught.value.start == at
    assert caught.value.end > caught.value.start


def test_the_sentence_says_what_was_given() -> None:
    operation: Operation[Any] = Operation(
        name="g.n",
        method="GET",
        path="/",
        returns=None,
        parameters=PARAMETERS,
        require=("price unless type == MARKET",),
    )
    with pytest.raises(InvalidValue) as caught:
        plan_for(operation).accept({"type": "LIMIT"})
    assert str(caught.value) == "g.n: price is required here (type is LIMIT); the rule is: price unless type == MARKET"
    assert caught.value.parameter == "price"


@pytest.mark.parametrize(
    "rule",
    [
        "a unless c == 1",
        "a, b when c != 1",
        "a when c given",
        "a, b only when c == 1",
        "one of a, b",
        "at least one of a, b",
        "at most one of a, b",
        "a < b",
        "a <= b",
        "b - a <= 0",
    ],
)
def test_a_rule_that_is_passed_over_could_not_have_been_broken(rule: str) -> None:
    """Which parameters are given decides whether a rule is looked at; whatever they are, none that is broken is missed."""
    parsed = parse_rule(rule)
    check = compile_rule(parsed, lambda _, word: frozenset((int(word),)), lambda _: "")
    broken = 0
    for values in product((None, 0, 1), repeat=3):
        given = {name: value for name, value in zip("abc", values, strict=True) if value is not None}
        if check(given) is not None:
            broken += 1
            assert may_break(parsed, given), given
    assert broken
