"""Orders made to fit: never larger, never worse, always on a step, and within all bounds or refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from specie.runtime import Bounds, Figure, InvalidType, InvalidValue, TradingRules

POSITIVE = st.decimals(min_value="0.000000001", max_value="1000000000", places=12)
STEPS = st.one_of(
    st.integers(-8, 3).map(lambda places: Decimal(1).scaleb(places)),
    st.sampled_from(["0.5", "0.25", "0.0003", "0.05", "7", "0.333"]).map(Decimal),
)


FREE = Bounds()


def rules(
    price: Bounds = FREE, amount: Bounds = FREE, value: Bounds = FREE, quote: Bounds | None = FREE
) -> TradingRules[None]:
    return TradingRules("btc_usd", price=price, amount=amount, value=value, quote_amount=quote, source=None)


@given(side=st.sampled_from(["BUY", "sell"]), amount=POSITIVE, price=POSITIVE, tick=STEPS, step=STEPS)
@example(side="BUY", amount=Decimal("0.3"), price=Decimal("0.3"), tick=Decimal("0.1"), step=Decimal("0.1"))
def test_never_larger_never_worse_always_on_a_step(
    side: str, amount: Decimal, price: Decimal, tick: Decimal, step: Decimal
) -> None:
    made = rules(Bounds(step=tick), Bounds(step=step))
    if amount < step or (price < tick and side == "BUY"):
        with pytest.raises(InvalidValue, match="less than one step"):
            made.order(side, amount=amount, price=price)
        return
    order = made.order(side, amount=amount, price=price)
    assert order.amount is not None
    assert order.price is not None
    assert 0 < order.amount <= amount
    assert amount - order.amount < step
    assert abs(price - order.price) < tick
    assert order.price <= price if side == "BUY" else order.price >= price
    assert order.amount % step == 0
    assert order.price % tick == 0
    assert {one.figure: (one.asked, one.given) for one in order.changes} == {
        name: (asked, found)
        for name, asked, found in (("amount", amount, order.amount), ("price", price, order.price))
        if asked != found
    }
    assert made.order(side, amount=order.amount, price=order.price).changes == ()


@given(amount=POSITIVE, price=POSITIVE, bounds=st.tuples(POSITIVE, POSITIVE).map(sorted), least_value=POSITIVE)
def test_what_is_made_lies_within_all_bounds(
    amount: Decimal, price: Decimal, bounds: list[Decimal], least_value: Decimal
) -> None:
    least, most = bounds
    step = Decimal("0.001")
    made = rules(Bounds(step, least, most), Bounds(step, least, most), Bounds(least=least_value))
    try:
        order = made.order("BUY", amount=amount, price=price)
    except InvalidValue:
        kept = [one - one % step for one in (amount, price)]
        assert any(not least <= one <= most for one in kept) or kept[0] * kept[1] < least_value or not all(kept)
        return
    assert order.amount is not None
    assert order.price is not None
    assert least <= order.amount <= most
    assert least <= order.price <= most
    assert order.amount * order.price >= least_value


@given(spent=POSITIVE, step=STEPS)
def test_a_market_order_never_spends_more(spent: Decimal, step: Decimal) -> None:
    assume(spent >= step)
    order = rules(quote=Bounds(step=step)).order("BUY", quote_amount=spent)
    assert order.quote_amount is not None
    assert spent - step < order.quote_amount <= spent
    assert (order.amount, order.price) == (None, None)


@pytest.mark.parametrize(
    ("call", "parameter", "words"),
    [
        (lambda it: it.order("BUY", amount=1), "amount", "say by quote_amount how much it may spend"),
        (lambda it: it.order("SELL", quote_amount=1), "quote_amount", "a market order that sells takes amount"),
        (lambda it: it.order("BUY", quote_amount=1, price=1), "quote_amount", "a limit order takes amount"),
        (lambda it: it.order("BUY", amount=1, quote_amount=1), "amount", "give one of amount"),
        (lambda it: it.order("BUY", price=1), "amount", "give one of amount"),
        (lambda it: it.order("HOLD", amount=1, price=1), "side", "neither buy nor sell"),
        (lambda it: it.order("BUY", amount=0, price=1), "amount", "0 is not above 0"),
        (lambda it: it.order("BUY", amount=-1, price=1), "amount", "-1 is not above 0"),
        (lambda it: it.order("BUY", amount="0.09", price=1), "amount", "less than one step of 0.1"),
        (lambda it: it.order("BUY", amount="0.19", price=100), "amount", "0.1, to which it is rounded, is below 0.15"),
        (lambda it: it.order("BUY", amount=6, price=100), "amount", "6 is above 5"),
        (lambda it: it.order("BUY", amount=1, price="9.9"), "amount", "9.9, which is price times amount, is below 10"),
        (lambda it: it.order("BUY", amount=1, price="x"), "price", "'x' is not a number"),
    ],
)
def test_what_cannot_be_mended_is_refused(
    call: Callable[[TradingRules[None]], Any], parameter: str, words: str
) -> None:
    tenth = Decimal("0.1")
    made = rules(Bounds(tenth), Bounds(tenth, Decimal("0.15"), Decimal(5)), Bounds(least=Decimal(10)))
    with pytest.raises(InvalidValue, match=words) as caught:
        call(made)
    assert caught.value.parameter == parameter


def test_a_float_is_no_amount() -> None:
    with pytest.raises(InvalidType, match=r"btc_usd: amount: .*float"):
        rules().order("BUY", amount=0.1, price=1)  # type: ignore[arg-type]


def test_without_market_orders_a_price_is_required() -> None:
    with pytest.raises(InvalidValue, match="limit orders only"):
        rules(quote=None).order("SELL", amount=1)


def test_many_digits_are_rounded_exactly() -> None:
    long = Decimal("0." + "9" * 60)
    order = rules(Bounds(Decimal("1E-50")), Bounds(Decimal("1E-50"))).order("SELL", amount=long, price=long)
    assert order.amount == Decimal("0." + "9" * 50)
    assert order.price == 1


class Pair:
    tick = Decimal("0.5")
    places = 3
    none = None
    low = Decimal(100)
    high = Decimal(1)


def test_bounds_are_read_from_a_record() -> None:
    assert Figure(step="tick").of(Pair) == Bounds(Decimal("0.5"))
    assert Figure(places="places", least="high").of(Pair) == Bounds(Decimal("0.001"), Decimal(1))
    assert Figure(places=8).of(Pair) == Bounds(Decimal("1E-8"))
    assert Figure(step="none", places="none", most="none").of(Pair) == Bounds()
    assert Figure(least="low", most="high").of(Pair) == Bounds(), "bounds that contradict one another say nothing"
