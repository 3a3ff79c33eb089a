"""Books told price by price: what follows, what is old, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from book_models import (
    BY_REST,
    CHAINED,
    CHAINED_BY_REST,
    NUMBERED_WHOLE,
    PLAIN,
    RISING,
    STEP,
    UNNUMBERED_BY_REST,
    WHOLE,
    Book,
    book,
    lines,
    plain,
)

from specie.runtime.streams.book import Numbering, PriceBook
from specie.runtime.streams.levels import Unusable
from specie.runtime.streams.upkeep import BookRule


def test_a_whole_book_then_changes() -> None:
    kept = PriceBook(STEP)
    kept.replace(book({10: 1, 9: 2}, {11: 1}, 5))
    assert kept.follow(book({10: 0, "9.5": "3.00"}, {}, 6))
    assert plain(kept.bids) == [("9.5", "3.00"), ("9", "2")]
    assert plain(kept.asks) == [("11", "1")]
    assert kept.sequence == 6


def test_a_change_that_lacks_a_side_changes_the_other() -> None:
    kept = PriceBook(STEP)
    kept.replace(book({10: 1}, {11: 1}, 5))
    kept.follow(Book(bids=None, asks=lines({12: 1}), number="6"))
    assert (len(kept.bids), len(kept.asks)) == (1, 2)


def test_a_whole_book_that_lacks_a_side_is_none() -> None:
    with pytest.raises(Unusable, match="the asks are missing"):
        PriceBook(WHOLE).replace(Book(bids=lines({1: 1}), asks=None))


def test_an_empty_side_is_a_side() -> None:
    kept = PriceBook(WHOLE)
    kept.replace(book({1: 1}, {}))
    assert kept.asks.best() is None


def test_a_crossed_book_is_refused() -> None:
    kept = PriceBook(PLAIN)
    with pytest.raises(Unusable, match="crossed"):
        kept.replace(book({11: 1}, {10: 1}))
    kept.replace(book({9: 1}, {10: 1}))
    with pytest.raises(Unusable, match="crossed"):
        kept.follow(book({10: 1}))


def test_what_lies_too_deep_is_dropped_where_the_exchange_does_not() -> None:
    kept = PriceBook(PLAIN, depth=2)
    kept.replace(book({10: 1, 9: 1, 8: 1}, {11: 1}))
    kept.follow(book({"9.5": 1}, {12: 1, 13: 1}))
    assert plain(kept.bids) == [("10", "1"), ("9.5", "1")]
    assert plain(kept.asks) == [("11", "1"), ("12", "1")]


# -- numbers ---------------------------------------------------------------------------------------------------------


def follow(rule: BookRule, *numbers: Any) -> list[bool]:
    numbering = Numbering(rule)
    numbering.start(10, book(number=10))
    return [
        numbering.follows(number if isinstance(number, Book) else book(number=number, before=number - 1))
        for number in numbers
    ]


@pytest.mark.parametrize("rule", [STEP, CHAINED, RISING, NUMBERED_WHOLE])
def test_duplicates_and_older_ones_are_passed_over(rule: BookRule) -> None:
    assert follow(rule, 11, 11, 12, 10, 11, 12, 13) == [True, False, True, False, False, False, True]


@pytest.mark.parametrize("rule", [STEP, CHAINED, RISING])
def test_one_older_than_the_whole_book_is_doubted_until_it_is_a_habit(rule: BookRule) -> None:
    numbering = Numbering(rule)
    for _ in range(2):
        numbering.start(10, book(number=10))
        with pytest.raises(Unusable, match="older than the whole book: 9 after 10"):
            numbering.follows(book(number=9, before=8))
    numbering.start(10, book(number=10))
    assert not numbering.follows(book(number=9, before=8))
    assert numbering.follows(book(number=11, before=10))
    # Where it does not happen, it is no habit any more.
    numbering.start(10, book(number=10))
    numbering.start(10, book(number=10))
    with pytest.raises(Unusable, match="older than the whole book"):
        numbering.follows(book(number=9, before=8))


@pytest.mark.parametrize("rule", [STEP, CHAINED])
def test_a_missing_number_is_a_gap(rule: BookRule) -> None:
    with pytest.raises(Unusable, match="a message is missing: 13"):
        follow(rule, 11, 13)


def test_where_numbers_merely_rise_a_late_one_is_told() -> None:
    assert follow(RISING, 13, 15, 13) == [True, True, False]
    with pytest.raises(Unusable, match="came too late: 14 after 15"):
        follow(RISING, 13, 15, 14)


def test_a_late_whole_book_is_just_old() -> None:
    assert follow(NUMBERED_WHOLE, 13, 15, 14) == [True, True, False]


@pytest.mark.parametrize("rule", [STEP, RISING])
def test_one_number_with_two_contents_is_a_contradiction(rule: BookRule) -> None:
    with pytest.raises(Unusable, match="two different messages bear the number 11"):
        follow(rule, 11, book({1: 1}, number=11))


@pytest.mark.parametrize("rule", [STEP, RISING, NUMBERED_WHOLE])
def test_numbers_that_begin_anew_are_noticed(rule: BookRule) -> None:
    numbering = Numbering(rule)
    numbering.start(10, between=True)
    for _ in range(100):
        assert not numbering.follows(book(number=1))
    with pytest.raises(Unusable, match="numbers went back: 1 after 10"):
        numbering.follows(book(number=1))


def test_a_message_without_its_number_is_refused() -> None:
    for message in (Book(bids=[], asks=[]), Book(bids=[], asks=[], number="x")):
        with pytest.raises(Unusable, match="no number to go by"):
            follow(STEP, message)


def test_other_steps_than_one() -> None:
    rule = BookRule(kind="deltas", sequence="number", step=10)
    assert follow(rule, 20, 30) == [True, True]
    with pytest.raises(Unusable, match="missing"):
        follow(rule, 20, 31)


def test_only_so_many_numbers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specie.runtime.streams.book._REMEMBERED", 3)
    assert follow(RISING, 11, 13, 15, 17, 13) == [True, True, True, True, False]
    with pytest.raises(Unusable, match="came too late: 11 after 19"):
        follow(RISING, 11, 13, 15, 17, 19, 11)


# -- a snapshot by REST ------------------------------------------------------------------------------------------------


def test_changes_go_on_from_the_number_of_the_snapshot() -> None:
    kept = PriceBook(BY_REST)
    kept.adopt(book({10: 1}, {11: 1}, 7), [book({10: 9}, number=6), book({10: 8}, number=7), book({9: 1}, number=8)])
    assert plain(kept.bids) == [("10", "1"), ("9", "1")]
    assert kept.follow(book({10: 2}, number=9))
    assert not kept.follow(book({10: 5}, number=8))


def test_a_snapshot_older_than_the_messages_is_refused() -> None:
    with pytest.raises(Unusable, match="a message is missing: 9 came after 7"):
        PriceBook(BY_REST).adopt(book({10: 1}, {11: 1}, 7), [book(number=9)])
    with pytest.raises(Unusable, match="a message is missing"):
        PriceBook(CHAINED_BY_REST).adopt(book({10: 1}, {11: 1}, 7), [book(number=9, before=8)])


def test_a_snapshot_may_lie_between_two_messages() -> None:
    kept = PriceBook(CHAINED_BY_REST)
    kept.adopt(book({10: 1}, {11: 1}, 7), [book({10: 3}, number=6, before=4), book({10: 2}, number=9, before=6)])
    assert plain(kept.bids) == [("10", "2")]
    later = PriceBook(CHAINED_BY_REST)
    later.adopt(book({10: 1}, {11: 1}, 7), [])
    assert later.follow(book({10: 2}, number=9, before=6))
    with pytest.raises(Unusable, match="missing"):
        later.follow(book({10: 2}, number=12, before=10))


def test_without_numbers_the_last_amount_of_a_price_counts() -> None:
    kept = PriceBook(UNNUMBERED_BY_REST)
    # The snapshot has the first of both changes already.
    kept.adopt(book({10: 2}, {11: 1}), [book({10: 2}), book({10: 3})])
    assert plain(kept.bids) == [("10", "3")]


# -- comparing ---------------------------------------------------------------------------------------------------------


def compared(
    rule: BookRule, answer: Book, *later: Book, start: Book | None = None, shown: int | None = None
) -> str | None:
    kept = PriceBook(rule, shown=shown)
    kept.replace(start or book({10: 1, 9: 1}, {11: 1, 12: 1}, 5))
    comparison = kept.comparison()
    for message in later:
        kept.follow(message)
        comparison.note()
    early = comparison.differs(answer, last=False)
    return comparison.differs(answer, last=True) if early is None else early


def test_only_the_same_number_is_compared() -> None:
    same, other = book({10: 1, 9: 1}, {11: 1, 12: 1}, 5), book({10: 5, 9: 1}, {11: 1, 12: 1}, 5)
    assert compared(RISING, same) == ""
    assert compared(RISING, same, book({10: 7}, number=6)) == ""
    assert "the bids differ: 1 at 10 here, 5 at 10 there" in (compared(RISING, other) or "")
    assert compared(RISING, other, book({10: 7}, number=6)) != ""
    assert compared(RISING, book({1: 1}, {}, 4)) == ""
    assert compared(RISING, book({1: 1}, {}, 6), book({10: 7}, number=7)) == ""
    assert compared(RISING, book({1: 1}, {})) == ""


def test_a_number_that_no_message_brought_is_told_if_it_changes_anything() -> None:
    assert compared(RISING, book({10: 1, 9: 1}, {11: 1, 12: 1}, 9)) == ""
    assert "differ" in (compared(RISING, book({10: 2, 9: 1}, {11: 1, 12: 1}, 9)) or "")


def test_without_numbers_only_a_quiet_book_is_compared() -> None:
    assert compared(PLAIN, book({10: 1, 9: 1}, {11: 1, 12: 1})) == ""
    assert "differ" in (compared(PLAIN, book({10: 2, 9: 1}, {11: 1, 12: 1})) or "")
    assert compared(PLAIN, book({10: 2}, {11: 1}), book({10: 3})) == ""


def test_a_list_that_was_cut_is_compared_as_far_as_it_goes() -> None:
    assert compared(PLAIN, book({10: 1}, {11: 1})) == ""
    assert compared(PLAIN, book({10: 1, 9: 1, 8: 1}, {11: 1, 12: 1, 13: 1})) == ""
    # A side that is shorter than the other one was not cut.
    assert compared(PLAIN, book({10: 1}, {11: 1, 12: 1})) == "there are 2 bids here and 1 there"
    short = book({10: 1}, {11: 1, 12: 1})
    assert compared(PLAIN, book({10: 1, 9: 1}, {11: 1, 12: 1}), start=short) == "there are 1 bids here and 2 there"


def test_where_it_is_known_how_much_both_show_their_ends_are_compared() -> None:
    answer = book({10: 1}, {11: 1})
    assert compared(PLAIN, answer, shown=1) == ""
    assert compared(PLAIN, answer, shown=2) == "there are 2 bids here and 1 there"
    assert compared(PLAIN, answer, start=answer, shown=2) == ""


def test_an_answer_that_cannot_be_a_book_is_not_compared() -> None:
    assert compared(PLAIN, book({10: -1}, {11: 1})) == ""
