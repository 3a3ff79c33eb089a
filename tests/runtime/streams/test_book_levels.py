"""One side of a book: sorted, exact, and refusing what cannot be a level."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime.streams.levels import Level, Side, Unusable, crossing, exact_sum, spread_of

D = Decimal
prices = st.decimals("0.0001", "100000", places=4)
amounts = st.decimals("0", "1000", places=8)


def side(*levels: tuple[str, str], highest_first: bool = True) -> Side:
    made = Side(highest_first)
    made.replace((D(price), D(amount)) for price, amount in levels)
    return made


@given(st.booleans(), st.lists(st.tuples(prices, amounts), max_size=60))
def test_it_is_a_sorted_dict(highest_first: bool, changes: list[tuple[Decimal, Decimal]]) -> None:
    made, expected = Side(highest_first), dict[Decimal, Decimal]()
    for price, amount in changes:
        made.change([(price, amount)])
        expected[price] = amount
        expected = {one: left for one, left in expected.items() if left}
        levels = sorted(expected.items(), reverse=highest_first)
        assert made.top() == levels
        assert made.best() == (levels[0] if levels else None)
        assert len(made) == len(levels)
    again = Side(highest_first)
    again.replace(expected.items())
    assert again == made
    assert made.copy() == made


@given(st.booleans(), st.dictionaries(prices, amounts.filter(bool), max_size=30), st.integers(0, 40))
def test_the_best_levels(highest_first: bool, levels: dict[Decimal, Decimal], count: int) -> None:
    made = Side(highest_first)
    made.replace(levels.items())
    best = sorted(levels.items(), reverse=highest_first)[:count]
    assert made.top(count) == best
    assert made.volume(levels=count) == sum((amount for _, amount in best), D(0))
    trimmed = made.copy()
    trimmed.trim(count)
    assert trimmed.top() == best
    assert made.top() == sorted(levels.items(), reverse=highest_first)


@given(st.booleans(), st.dictionaries(prices, amounts.filter(bool), max_size=30), prices)
def test_the_volume_down_to_a_price(highest_first: bool, levels: dict[Decimal, Decimal], bound: Decimal) -> None:
    made = Side(highest_first)
    made.replace(levels.items())
    within = [amount for price, amount in levels.items() if (price >= bound if highest_first else price <= bound)]
    assert made.volume(price=bound) == sum(within, D(0))


def test_one_price_however_it_is_written() -> None:
    made = side(("1.0", "2"))
    made.change([(D("1.00"), D("3"))])
    assert made.top() == [Level(D("1.0"), D("3"))]
    made.change([(D("1"), D("0.000"))])
    assert len(made) == 0
    assert made.best() is None


@pytest.mark.parametrize("number", ["-1", "NaN", "sNaN", "Infinity", "-Infinity", "-0.00000001"])
def test_what_is_no_amount_is_refused(number: str) -> None:
    for price, amount in ((D(number), D(1)), (D(1), D(number))):
        with pytest.raises(Unusable, match=r"^an? (price|amount) is"):
            Side(True).change([(price, amount)])
        with pytest.raises(Unusable, match=r"^an? (price|amount) is"):
            Side(True).replace([(price, amount)])


@pytest.mark.parametrize("number", [None, 1.5, "1", 1])
def test_what_is_no_decimal_is_refused(number: object) -> None:
    with pytest.raises(Unusable):
        Side(True).change([(number, D(1))])  # type: ignore[list-item]


def test_a_price_of_zero_is_refused() -> None:
    with pytest.raises(Unusable, match="a price is 0"):
        Side(True).change([(D(0), D(1))])


def test_a_price_twice_in_a_whole_book_is_refused() -> None:
    with pytest.raises(Unusable, match="twice among the asks"):
        side(("1", "2"), ("1.0", "3"), highest_first=False)


def test_zero_levels_of_a_whole_book_are_none() -> None:
    assert side(("1", "0.00"), ("2", "1")).top() == [Level(D(2), D(1))]


def test_sums_are_exact_whatever_the_programs_precision() -> None:
    with decimal.localcontext(prec=3):
        made = side(("1", "123456.789"), ("2", "0.0000001"))
        assert made.volume() == D("123456.7890001")
        assert spread_of(side(("1.00001", "1")), side(("123456.7", "1"), highest_first=False)) == D("123455.69999")


def test_sums_that_no_money_has_are_refused() -> None:
    with pytest.raises(Unusable, match="too far apart"):
        exact_sum([D("1e5000"), D("1e-5000")])


def test_crossed_and_locked_sides_are_told() -> None:
    bids, asks = side(("10", "1")), side(("11", "1"), highest_first=False)
    assert crossing(bids, asks) is None
    assert spread_of(bids, asks) == 1
    asks.change([(D("10.0"), D(1))])
    assert crossing(bids, asks) == "the book is crossed: the best bid is 10, the best ask 10.0"
    assert crossing(bids, Side(False)) is None
    assert spread_of(bids, Side(False)) is None
