"""Books told order by order, and the moment of a snapshot that bears no number."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from book_models import ORDERS, Gone, Line, Orders, Placed, Side, Waiting, placed, plain
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime.streams.levels import Unusable
from specie.runtime.streams.orders_book import Cancellation, Order, OrdersBook, Placement, advance, place_in_time
from specie.runtime.streams.upkeep import BookRule, PlacedRule

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def whole(buy: dict[int, tuple[Any, Any]], sell: dict[int, tuple[Any, Any]] | None = None) -> Orders:
    def items(orders: dict[int, tuple[Any, Any]]) -> list[Waiting]:
        return [
            Waiting(id=str(one), price=D(str(price)), amount=D(str(amount))) for one, (price, amount) in orders.items()
        ]

    return Orders(buy=items(buy), sell=items(sell or {}))


def kept(*messages: object, buy: Any = None, sell: Any = None) -> OrdersBook:
    book = OrdersBook(ORDERS)
    book.adopt(whole(buy or {}, sell or {}), [])
    for message in messages:
        book.follow(message)
    return book


def test_orders_of_one_price_are_one_level() -> None:
    book = kept(placed(3, BUY, 9, "0.5"), placed(4, SELL, 12, 1), buy={1: (9, 1), 2: (8, 1)}, sell={5: (12, 2)})
    assert plain(book.bids) == [("9", "1.5"), ("8", "1")]
    assert plain(book.asks) == [("12", "3")]
    book.follow(Gone(id="1"))
    book.follow(Gone(id="3"))
    assert plain(book.bids) == [("8", "1")]


def test_an_order_trades_with_those_that_waited() -> None:
    book = kept(sell={1: (10, 2), 2: (10, 1), 3: (11, 5)})
    book.follow(placed(4, BUY, 10, "0.5", {1: 2, 2: 1}))
    assert (plain(book.bids), plain(book.asks)) == ([("10", "0.5")], [("11", "5")])
    book.follow(placed(5, BUY, 11, 0, {3: "1.25"}))
    assert plain(book.asks) == [("11", "3.75")]


def test_duplicates_are_passed_over() -> None:
    first, second = placed(4, BUY, 9, 1), Gone(id="1")
    book = kept(first, second, buy={1: (9, 1)})
    assert not book.follow(first)
    assert not book.follow(second)
    book.follow(Gone(id="4"))
    assert not book.follow(first)
    assert len(book.bids) == 0


def test_what_says_nothing_of_the_book_is_passed_over() -> None:
    assert not kept().follow(Line(price=D(1), amount=D(1)))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Gone(id="9"), "the order 9 was cancelled, and was not in the book"),
        (placed(1, BUY, 9, 1), "the order 1 came, and was in the book already"),
        (placed(7, SELL, 9, 0, {9: 1}), "1 of the order 9 was traded"),
        (placed(7, SELL, 9, 0, {1: "1.1"}), "1.1 of the order 1 was traded"),
        (placed(7, SELL, 9, 1), "crossed"),
        (placed(7, BUY, 9, -1), "the amount of an order is -1"),
        (placed(7, BUY, 0, 1), "the price of an order is 0"),
        (placed(7, BUY, 9, 1, {1: 0}), "the amount of a trade is 0"),
        (placed(7, Side("HOLD"), 9, 1), "the side of an order is 'hold'"),
        (Placed(id="", side=BUY, price=D(1), left=D(1)), "id is missing"),
    ],
)
def test_what_cannot_be_is_refused(message: object, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        kept(buy={1: (9, 1)}).follow(message)


def test_two_contents_of_one_order_are_a_contradiction() -> None:
    with pytest.raises(Unusable, match="two different messages speak of the order 4"):
        kept(placed(4, BUY, 9, 1), placed(4, BUY, 9, 2))


def test_the_spec_may_say_which_side_buys() -> None:
    rule = BookRule(
        kind="orders",
        snapshot=ORDERS.snapshot,
        placed=PlacedRule(type=Placed, id="id", side="side", price="price", amount="left", buy=Side.SELL),
    )
    book = OrdersBook(rule)
    book.adopt(whole({}), [])
    book.follow(placed(1, SELL, 9, 1))
    assert plain(book.bids) == [("9", "1")]


@pytest.mark.parametrize(
    "snapshot",
    [
        Orders(buy=None, sell=[]),
        whole({1: (9, 1)}, {1: (10, 1)}),
        whole({1: (9, 0)}),
        whole({1: (-9, 1)}),
        whole({1: (10, 1)}, {2: (10, 1)}),
    ],
)
def test_what_cannot_be_a_whole_book_is_refused(snapshot: Orders) -> None:
    with pytest.raises(Unusable):
        OrdersBook(ORDERS).adopt(snapshot, [])


# -- the moment of a snapshot ------------------------------------------------------------------------------------------


def adopted(snapshot: Orders, *messages: object) -> OrdersBook:
    book = OrdersBook(ORDERS)
    book.adopt(snapshot, messages)
    return book


def test_ids_tell_what_is_in_the_snapshot() -> None:
    messages = (placed(3, BUY, 9, 1), Gone(id="1"), placed(4, BUY, 8, 1))
    for snapshot in (
        whole({1: (7, 1), 2: (6, 1)}),
        whole({1: (7, 1), 2: (6, 1), 3: (9, 1)}),
        whole({2: (6, 1), 3: (9, 1)}),
        whole({2: (6, 1), 3: (9, 1), 4: (8, 1)}),
    ):
        assert adopted(snapshot, *messages).orders.keys() == {"2", "3", "4"}


def test_amounts_tell_what_is_in_the_snapshot() -> None:
    messages = (placed(3, SELL, 9, 3), placed(4, BUY, 9, 0, {3: 1}), placed(5, BUY, 9, 0, {3: 1}))
    for amount in (3, 2, 1):
        assert plain(adopted(whole({}, {3: (9, amount)}), *messages).asks) == [("9", "1")]


def test_a_fill_that_may_be_in_the_snapshot_or_not_proves_nothing() -> None:
    with pytest.raises(Unusable, match="do not tell which of them are in the snapshot"):
        adopted(whole({}, {3: (9, 3)}), placed(4, BUY, 9, 0, {3: 1}))


def test_another_message_may_tell_of_it() -> None:
    after = adopted(whole({2: (1, 1)}, {3: (9, 3)}), Gone(id="2"), placed(4, BUY, 9, 0, {3: 1}))
    assert plain(after.asks) == [("9", "2")]
    before = adopted(whole({5: (1, 1)}, {3: (9, 3)}), placed(4, BUY, 9, 0, {3: 1}), placed(5, BUY, 1, 1))
    assert plain(before.asks) == [("9", "3")]


def test_a_snapshot_that_fits_no_moment_is_refused() -> None:
    with pytest.raises(Unusable, match="fits no moment"):
        adopted(whole({}), placed(3, BUY, 9, 1), Gone(id="1"))


def test_messages_that_contradict_one_another_are_refused() -> None:
    with pytest.raises(Unusable):
        adopted(whole({}), placed(3, BUY, 9, 1), placed(4, SELL, 9, 0, {3: 2}), placed(5, SELL, 9, 0, {3: 1}))


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, Order], list[Any]]:
    """Orders at the beginning, and a history that could have followed."""
    orders = {
        str(number): Order(True, D(draw(st.integers(1, 5))), D(draw(st.integers(1, 4))))
        for number in range(draw(st.integers(0, 4)))
    }
    state, events = dict(orders), list[Any]()
    for number in range(100, 100 + draw(st.integers(0, 8))):
        event: Any
        if state and draw(st.booleans()):
            event = Cancellation(draw(st.sampled_from(sorted(state))))
        else:
            makers = draw(st.lists(st.sampled_from(sorted(state)), unique=True, max_size=2)) if state else []
            fills = tuple((maker, D(draw(st.integers(1, int(state[maker].amount))))) for maker in makers)
            event = Placement(str(number), Order(True, D(draw(st.integers(1, 5))), D(draw(st.integers(0, 3)))), fills)
        apply(state, event)
        events.append(event)
    return orders, events


def apply(state: dict[str, Order], event: Any) -> None:
    for order_id, order in advance(state, event).items():
        if order is None:
            del state[order_id]
        else:
            state[order_id] = order


@given(histories(), st.data())
def test_what_a_snapshot_proves_is_true(history: tuple[dict[str, Order], list[Any]], data: st.DataObject) -> None:
    start, events = history
    moment = data.draw(st.integers(0, len(events)))
    snapshot, end = dict(start), dict(start)
    for index, event in enumerate(events):
        apply(end, event)
        if index < moment:
            apply(snapshot, event)
    try:
        found = place_in_time(snapshot, events)
    except Unusable as unusable:
        reason = str(unusable)
    else:
        assert found == end
        return
    # Never because nothing fits: the true moment does.
    assert reason == "the messages do not tell which of them are in the snapshot"


@given(histories())
def test_without_a_message_meanwhile_a_snapshot_is_the_book(history: tuple[dict[str, Order], list[Any]]) -> None:
    start, _ = history
    assert place_in_time(start, []) == start


# -- comparing ---------------------------------------------------------------------------------------------------------


def test_the_book_is_compared_with_every_state_meanwhile() -> None:
    book = kept(buy={1: (9, 1), 2: (8, 1)})
    comparison = book.comparison()
    book.follow(Gone(id="1"))
    comparison.note()
    assert comparison.differs(whole({1: (9, 1), 2: (8, 1)}), last=False) == ""
    assert comparison.differs(whole({2: (8, 1)}), last=False) == ""
    assert comparison.differs(whole({2: (8, 1), 3: (7, 1)}), last=False) is None
    book.follow(placed(3, BUY, 7, 1))
    comparison.note()
    assert comparison.differs(whole({2: (8, 1), 3: (7, 1)}), last=True) == ""
    assert comparison.differs(whole({4: (8, 1)}), last=True) == "1 orders there are not here, and 2 here are not there"
    assert comparison.differs(Orders(buy=None, sell=[]), last=True) == ""
