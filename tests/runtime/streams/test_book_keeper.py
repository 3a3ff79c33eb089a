"""The life of a local book as a conversation: what it is told, what it asks for, when it may be believed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from book_models import (
    BY_REST,
    CHAINED,
    CHAINED_BY_REST,
    NUMBERED_WHOLE,
    ORDERS,
    PLAIN,
    RISING,
    STEP,
    UNNUMBERED_BY_REST,
    WHOLE,
    Book,
    Gone,
    Orders,
    Side,
    Waiting,
    book,
    placed,
    plain,
)
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime.streams.keeper import Action, Ask, Keeper, Renew
from specie.runtime.streams.levels import Side as BookSide
from specie.runtime.streams.upkeep import BookRule

D = Decimal


def keeper(rule: BookRule, **more: Any) -> Keeper:
    return Keeper(rule, random=lambda: 1.0, **more)


def valid(rule: BookRule = STEP, **more: Any) -> Keeper:
    made = keeper(rule, **more)
    assert made.joined(0.0) == []
    assert made.message(0.0, book({10: 1}, {11: 1}, 5), True) == []
    assert made.valid
    return made


def token(actions: list[Action]) -> int:
    (ask,) = actions
    assert isinstance(ask, Ask)
    return ask.token


# -- whole first, then changes -----------------------------------------------------------------------------------------


def test_nothing_is_believed_before_the_whole_book_came() -> None:
    made = keeper(STEP)
    assert (made.valid, made.reason) == (False, "it is not subscribed yet")
    made.joined(0.0)
    assert (made.valid, made.reason) == (False, "the whole book did not come yet")
    assert made.message(0.0, book({10: 1}, {}, 4), False) == []
    assert not made.valid
    made.message(0.0, book({10: 1}, {11: 1}, 5), True)
    assert (made.valid, made.reason) == (True, "")
    made.message(0.0, book({9: 1}, {}, 6), False)
    assert plain(made.bids) == [("10", "1"), ("9", "1")]
    assert made.sequence == 6


def test_a_whole_book_that_does_not_come_is_asked_for_again() -> None:
    made = keeper(STEP)
    made.joined(0.0)
    assert made.deadline == 30.0
    assert made.wake(29.0) == []
    assert made.wake(30.0) == [Renew("the whole book did not come within 30 seconds")]


def test_a_gap_empties_the_book_and_renews_the_subscription() -> None:
    made = valid()
    assert made.message(1.0, book({9: 1}, {}, 7), False) == [Renew("a message is missing: 7 came after 5")]
    assert (made.valid, len(made.bids)) == (False, 0)
    # What still comes of the old subscription is nothing to go by.
    assert made.message(1.0, book({9: 1}, {}, 6), False) == []
    assert made.joined(2.0) == []
    made.message(2.0, book({8: 1}, {11: 1}, 3), True)
    assert made.valid
    assert plain(made.bids) == [("8", "1")]


def test_a_change_that_was_taken_for_the_whole_book_is_found_out() -> None:
    made = keeper(STEP)
    for number in (5, 25):
        made.joined(0.0)
        made.message(0.0, book({10: 1}, {}, number + 1), True)
        assert made.valid
        actions = made.message(0.0, book({10: 1}, {11: 1}, number), False) or made.wake(made.deadline or 0.0)
        assert isinstance(actions[0], Renew)
        assert made.reason == f"a message came that is older than the whole book: {number} after {number + 1}"
    # An exchange that always does so is believed in the end.
    made.joined(0.0)
    made.message(0.0, book({10: 1}, {11: 1}, 46), True)
    assert made.message(0.0, book({10: 2}, {}, 45), False) == []
    assert made.valid
    assert plain(made.bids) == [("10", "1")]


def test_a_lost_connection_empties_the_book() -> None:
    made = valid()
    assert made.lost(1.0, "reset by peer") == []
    assert (made.valid, made.reason, made.deadline) == (False, "the connection was lost: reset by peer", None)
    assert made.message(1.0, book({10: 2}, {}, 6), False) == []
    made.joined(2.0)
    made.message(2.0, book({8: 1}, {11: 1}, 90), True)
    assert plain(made.bids) == [("8", "1")]


def test_a_whole_book_is_taken_whenever_it_comes() -> None:
    made = valid()
    made.message(1.0, book({7: 1}, {8: 1}, 1), True)
    assert plain(made.bids) == [("7", "1")]
    assert made.sequence == 1


@pytest.mark.parametrize(
    "message",
    [book({12: 1}, {}, 6), book({9: -1}, {}, 6), book({"NaN": 1}, {}, 6), book({9: 1}, {}, 7), Book(bids=[], asks=[])],
)
def test_whatever_cannot_be_makes_it_invalid_with_a_reason(message: Book) -> None:
    made = valid()
    (action,) = made.message(1.0, message, False)
    assert isinstance(action, Renew)
    assert (made.valid, made.reason) == (False, action.reason)


def test_what_could_not_be_read_may_have_been_a_change() -> None:
    made = valid(RISING)
    assert made.malformed(1.0, "$: expected JSON", ours=False) == [
        Renew("a message could not be read: $: expected JSON")
    ]
    assert not made.valid


@pytest.mark.parametrize("rule", [STEP, CHAINED])
def test_where_a_gap_shows_only_its_own_garbage_counts(rule: BookRule) -> None:
    made = valid(rule)
    assert made.malformed(1.0, "$: expected JSON", ours=False) == []
    assert made.valid
    assert made.malformed(1.0, "$.bids: expected an array", ours=True) != []


def test_renewing_again_and_again_takes_longer_and_longer() -> None:
    made, pauses, now = valid(), [], 0.0
    for _ in range(12):
        actions = made.malformed(now, "x", ours=True)
        if not actions:
            assert made.deadline is not None
            pauses.append(made.deadline - now)
            now = made.deadline
            actions = made.wake(now)
        assert len(actions) == 1
        made.joined(now)
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(pauses) == 60.0


def test_after_a_steady_time_the_first_failure_is_the_first_again() -> None:
    made = valid()
    made.malformed(1.0, "x", ours=True)
    made.joined(1.0)
    made.message(1.0, book({10: 1}, {11: 1}, 5), True)
    assert made.malformed(60.9, "x", ours=True) == []
    made.wake(61.4)
    made.joined(61.4)
    made.message(62.0, book({10: 1}, {11: 1}, 5), True)
    assert made.malformed(122.0, "x", ours=True) != []


def test_the_version_grows_with_each_change() -> None:
    made = valid()
    before = made.version
    made.message(1.0, book({9: 1}, {}, 6), False)
    assert made.version == before + 1
    made.message(1.0, book({9: 1}, {}, 6), False)
    assert made.version == before + 1
    made.lost(1.0, "x")
    assert made.version == before + 2


# -- always whole ------------------------------------------------------------------------------------------------------


def test_a_book_that_is_always_whole_is_put_right_by_its_next_message() -> None:
    made = keeper(WHOLE)
    made.joined(0.0)
    assert made.deadline is None
    made.message(0.0, book({10: 1}, {11: 1}), True)
    assert made.valid
    assert len(made.message(1.0, book({12: 1}, {11: 1}), True)) == 1
    assert made.reason == "the book is crossed: the best bid is 12, the best ask 11"
    made.message(2.0, book({9: 1}, {11: 1}), True)
    assert made.valid
    assert plain(made.bids) == [("9", "1")]


def test_an_older_whole_book_is_passed_over() -> None:
    made = keeper(NUMBERED_WHOLE)
    made.joined(0.0)
    made.message(0.0, book({10: 1}, {11: 1}, 8), True)
    made.message(0.0, book({9: 1}, {11: 1}, 7), True)
    assert plain(made.bids) == [("10", "1")]


# -- whole by REST -----------------------------------------------------------------------------------------------------


def test_the_snapshot_is_asked_for_after_the_subscription_stands() -> None:
    made = keeper(BY_REST)
    ask = token(made.joined(0.0))
    made.message(0.0, book({9: 1}, {}, 8), False)
    assert not made.valid
    assert made.answered(1.0, ask, book({10: 1}, {11: 1}, 7)) == []
    assert made.valid
    assert plain(made.bids) == [("10", "1"), ("9", "1")]


def test_a_gap_takes_a_new_snapshot_and_not_a_new_subscription() -> None:
    made = keeper(BY_REST)
    made.answered(1.0, token(made.joined(0.0)), book({10: 1}, {11: 1}, 7))
    again = token(made.message(2.0, book({9: 1}, {}, 9), False))
    assert made.reason == "a message is missing: 9 came after 7"
    made.answered(3.0, again, book({8: 1}, {11: 1}, 9))
    assert plain(made.bids) == [("8", "1")]


def test_answers_of_the_time_before_are_nothing_to_go_by() -> None:
    made = keeper(BY_REST)
    old = token(made.joined(0.0))
    made.lost(1.0, "x")
    new = token(made.joined(2.0))
    assert made.answered(3.0, old, book({10: 1}, {11: 1}, 7)) == []
    assert made.refused(3.0, old, "x") == []
    assert not made.valid
    made.answered(3.0, new, book({10: 1}, {11: 1}, 7))
    assert made.valid


def test_a_snapshot_that_cannot_be_had_is_asked_for_again() -> None:
    made = keeper(BY_REST)
    again = token(made.refused(1.0, token(made.joined(0.0)), "HTTP 503"))
    assert made.reason == "the whole book could not be had: HTTP 503"
    assert made.refused(1.0, again, "HTTP 503") == []
    assert made.deadline == 1.5
    third = token(made.wake(1.5))
    made.answered(2.0, third, book({10: 1}, {11: 1}, 7))
    assert made.valid


def test_too_much_meanwhile_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specie.runtime.streams.keeper._MOST_BUFFERED", 3)
    made = keeper(BY_REST)
    made.joined(0.0)
    for number in range(3):
        assert made.message(0.0, book(number=number), False) == []
    again = token(made.message(0.0, book(number=3), False))
    made.answered(1.0, again, book({10: 1}, {11: 1}, 3))
    assert made.valid


# -- order by order ----------------------------------------------------------------------------------------------------


def orders(**sides: dict[int, tuple[int, int]]) -> Orders:
    def items(given: dict[int, tuple[int, int]]) -> list[Waiting]:
        return [
            Waiting(id=str(order_id), price=D(price), amount=D(amount)) for order_id, (price, amount) in given.items()
        ]

    return Orders(buy=items(sides.get("buy", {})), sell=items(sides.get("sell", {})))


def asked(made: Keeper) -> int:
    """The token of the snapshot that is asked for after a subscription."""
    assert made.joined(0.0) == []
    assert made.deadline == 0.5
    return token(made.wake(0.5))


def test_orders_are_asked_for_when_the_subscription_surely_holds() -> None:
    made = keeper(ORDERS)
    made.joined(0.0)
    # What comes before the snapshot is asked for is in it, whatever it is.
    made.message(0.2, placed(1, Side.BUY, 9, 1), False)
    made.answered(1.0, token(made.wake(0.5)), orders(buy={1: (9, 1)}))
    made.wake(1.5)
    assert plain(made.bids) == [("9", "1")]
    made.lost(2.0, "broken")
    assert made.joined(3.0) == []
    assert made.wake(3.4) == []
    assert token(made.wake(3.5))


def test_a_snapshot_of_orders_settles_before_it_counts() -> None:
    made = keeper(ORDERS)
    made.answered(1.0, asked(made), orders(buy={1: (9, 1)}, sell={2: (10, 1)}))
    assert not made.valid
    assert made.deadline == 1.5
    # It was in the snapshot already, and on its way.
    made.message(1.2, placed(1, Side.BUY, 9, 1), False)
    assert made.wake(1.5) == []
    assert made.valid
    assert made.message(2.0, Gone(id="1"), False) == []
    assert plain(made.bids) == []


def test_a_snapshot_that_proves_nothing_is_taken_again() -> None:
    made = keeper(ORDERS)
    ask = asked(made)
    made.message(0.5, placed(3, Side.BUY, 10, 0, {2: 1}), False)
    made.answered(1.0, ask, orders(sell={2: (10, 4)}))
    again = token(made.wake(1.5))
    assert made.reason == "the messages do not tell which of them are in the snapshot"
    made.answered(2.0, again, orders(sell={2: (10, 3)}))
    made.wake(2.5)
    assert plain(made.asks) == [("10", "3")]


def test_an_order_that_nobody_knows_takes_a_new_snapshot() -> None:
    made = keeper(ORDERS)
    made.answered(1.0, asked(made), orders())
    made.wake(1.5)
    assert made.valid
    assert token(made.message(2.0, Gone(id="7"), False))
    assert made.reason == "the order 7 was cancelled, and was not in the book"


# -- comparing with REST -----------------------------------------------------------------------------------------------


def test_a_book_is_compared_now_and_then() -> None:
    made = valid(RISING, check_every=60.0)
    assert made.deadline == 66.0
    ask = made.wake(66.0)
    assert [one.purpose for one in ask if isinstance(one, Ask)] == ["check"]
    made.answered(67.0, token(ask), book({10: 1}, {11: 1}, 5))
    assert made.valid
    assert made.deadline is not None
    assert made.deadline > 120.0


def test_what_differs_makes_it_invalid() -> None:
    made = valid(RISING)
    actions = made.answered(67.0, token(made.wake(66.0)), book({10: 2}, {11: 1}, 5))
    reason = "it is not what the exchange says by REST: the bids differ: 1 at 10 here, 2 at 10 there"
    assert actions == [Renew(reason)]
    assert made.reason == reason


def test_an_answer_that_is_ahead_waits_for_the_message() -> None:
    made = valid(RISING)
    made.answered(67.0, token(made.wake(66.0)), book({10: 2}, {11: 1}, 6))
    assert made.valid
    assert made.deadline == 72.0
    made.message(68.0, book({10: 2}, {}, 6), False)
    assert made.valid
    assert made.deadline > 120.0


def test_a_message_that_never_comes_is_told_by_the_comparison() -> None:
    made = valid(RISING)
    made.answered(67.0, token(made.wake(66.0)), book({10: 2}, {11: 1}, 6))
    assert len(made.wake(72.0)) == 1
    assert not made.valid


def test_a_comparison_that_cannot_be_made_changes_nothing() -> None:
    made = valid(RISING)
    made.refused(67.0, token(made.wake(66.0)), "HTTP 503")
    assert made.valid
    assert made.deadline is not None
    assert made.deadline > 120.0


def test_an_answer_of_a_book_that_was_reset_meanwhile_is_nothing_to_go_by() -> None:
    made = valid(RISING)
    ask = token(made.wake(66.0))
    made.lost(66.5, "x")
    made.joined(67.0)
    made.message(67.0, book({10: 2}, {11: 1}, 5), True)
    assert made.answered(67.0, ask, book({10: 1}, {11: 1}, 5)) == []
    assert made.valid


@pytest.mark.parametrize(("rule", "every"), [(RISING, None), (CHAINED, 60.0), (WHOLE, 60.0), (BY_REST, 60.0)])
def test_no_comparison_where_none_is_wanted_or_said(rule: BookRule, every: float | None) -> None:
    made = keeper(rule, check_every=every)
    actions = made.joined(0.0)
    if actions:
        made.answered(0.0, token(actions), book({10: 1}, {11: 1}, 5))
    else:
        made.message(0.0, book({10: 1}, {11: 1}, 5), True)
    assert made.valid
    assert made.deadline is None


def test_orders_are_compared_with_a_further_snapshot() -> None:
    made = keeper(ORDERS)
    made.answered(1.0, asked(made), orders(buy={1: (9, 1)}))
    made.wake(1.5)
    assert made.deadline == 67.5
    made.answered(68.0, token(made.wake(67.5)), orders(buy={1: (9, 1), 2: (8, 1)}))
    assert made.valid
    assert len(made.wake(68.5)) == 1
    assert (
        made.reason == "it is not what the exchange says by REST: 1 orders there are not here, and 0 here are not there"
    )


# -- properties --------------------------------------------------------------------------------------------------------


class Server:
    """An exchange with a book: it changes, and each change is a message."""

    def __init__(self, rule: BookRule) -> None:
        self.rule = rule
        self.number = 10
        self.sides: dict[str, dict[int, int]] = {"bids": {10: 5, 9: 5}, "asks": {20: 5, 21: 5}}
        self.states = {10: self.state()}

    def state(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        bids = sorted(((D(price), D(amount)) for price, amount in self.sides["bids"].items()), reverse=True)
        return bids, sorted((D(price), D(amount)) for price, amount in self.sides["asks"].items())

    def change(self, side: str, price: int, amount: int) -> Book:
        if amount:
            self.sides[side][price] = amount
        else:
            self.sides[side].pop(price, None)
        before, self.number = self.number, self.number + (self.rule.step or 1)
        self.states[self.number] = self.state()
        return book(**{side: {price: amount}}, number=self.number, before=before)

    def whole(self) -> Book:
        return book(self.sides["bids"], self.sides["asks"], self.number)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["pass", "pass", "pass", "drop", "twice", "swap", "again", "lose", "garbage"]),
        st.sampled_from([("bids", 10), ("bids", 9), ("bids", 8), ("asks", 20), ("asks", 21), ("asks", 22)]),
        st.integers(0, 3),
    ),
    max_size=40,
)


def run(rule: BookRule, changes: list[Any], look: Callable[[Keeper, Server], None]) -> tuple[Keeper, Server]:
    """What comes of a history of a book, over a connection that drops, repeats and swaps messages."""
    server, made, now = Server(rule), keeper(rule, shown=100), 0.0
    waiting: list[tuple[float, Ask, Book]] = []
    late: Book | None = None
    old: list[Book] = []

    def do(actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Ask):
                waiting.append((now + 2.0, action, server.whole()))
            else:
                join()

    def join() -> None:
        nonlocal late
        late = None
        do(made.joined(now))
        if rule.snapshot is None:
            do(made.message(now, server.whole(), True))

    def tick(to: float) -> None:
        nonlocal now
        now = to
        for entry in [entry for entry in waiting if entry[0] <= now]:
            waiting.remove(entry)
            do(made.answered(now, entry[1].token, entry[2]))
        while made.deadline is not None and made.deadline <= now:
            do(made.wake(now))

    join()
    for what, (side, price), amount in changes:
        tick(now + 1.0)
        if what == "lose":
            do(made.lost(now, "cut"))
            server.change(side, price, amount)
            join()
            continue
        message = server.change(side, price, amount)
        if what == "garbage":
            do(made.malformed(now, "garbage", ours=False))
        elif what == "swap" and late is None:
            late = message
            continue
        elif what != "drop":
            do(made.message(now, message, False))
        if what == "twice":
            do(made.message(now, message, False))
        if what == "again" and old:
            do(made.message(now, old[len(old) // 2], False))
        if late is not None:
            held, late = late, None
            do(made.message(now, held, False))
        old.append(message)
        look(made, server)
    if late is not None:
        do(made.message(now, late, False))
    # Then nothing goes wrong any more, and some changes show what is missing.
    for round_, amount in enumerate((7, 8, 9, 7)):
        tick(now + 100.0 * (round_ + 1))
        tick(now + 3.0)
        do(made.message(now, server.change("bids", 10, amount), False))
    tick(now + 100.0)
    tick(now + 3.0)
    tick(now + 6.0)
    return made, server


def state_of(made: Keeper) -> tuple[list[Any], list[Any]]:
    def pairs(side: BookSide) -> list[Any]:
        return [tuple(level) for level in side.top()]

    return pairs(made.bids), pairs(made.asks)


@pytest.mark.parametrize(
    "rule", [STEP, CHAINED, BY_REST, CHAINED_BY_REST], ids=["step", "chained", "rest", "chained-rest"]
)
@given(changes=CHANGES)
def test_the_book_is_the_servers_or_says_that_it_is_not(rule: BookRule, changes: list[Any]) -> None:
    def look(made: Keeper, server: Server) -> None:
        if made.valid:
            assert made.sequence is not None
            assert state_of(made) == server.states[made.sequence]

    made, server = run(rule, changes, look)
    assert made.valid, made.reason
    assert made.sequence == server.number
    assert state_of(made) == server.state()


@given(changes=CHANGES)
def test_where_numbers_merely_rise_comparing_puts_it_right(changes: list[Any]) -> None:
    made, server = run(RISING, changes, lambda *_: None)
    assert made.valid, made.reason
    assert state_of(made) == server.state()


@given(
    changes=CHANGES.map(lambda changes: [change for change in changes if change[0] not in ("drop", "swap", "again")])
)
def test_where_numbers_merely_rise_nothing_but_a_dropped_message_deceives(changes: list[Any]) -> None:
    def look(made: Keeper, server: Server) -> None:
        if made.valid:
            assert made.sequence is not None
            assert state_of(made) == server.states[made.sequence]

    run(RISING, changes, look)


@pytest.mark.parametrize("rule", [PLAIN, UNNUMBERED_BY_REST], ids=["plain", "rest"])
@given(
    changes=CHANGES.map(
        lambda changes: [change for change in changes if change[0] in ("pass", "lose", "garbage", "twice")]
    )
)
def test_without_numbers_a_connection_that_keeps_its_order_is_enough(rule: BookRule, changes: list[Any]) -> None:
    made, server = run(rule, changes, lambda *_: None)
    assert made.valid, made.reason
    assert state_of(made) == server.state()
