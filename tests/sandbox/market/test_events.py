"""What listeners are told: all of an action at once, when the market is whole again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from specie.sandbox.market import (
    BalanceChanged,
    BookChanged,
    Event,
    FillMade,
    InsufficientFunds,
    Market,
    OrderFlow,
    OrderState,
    OrderUpdated,
    Side,
    TradeMade,
    TransferUpdated,
)

from .conftest import NOW, instrument, limit, quiet


@pytest.fixture
def told(market: Market) -> list[Sequence[Event]]:
    found: list[Sequence[Event]] = []
    market.subscribe(found.append)
    return found


def test_an_action_is_told_in_one_batch(market: Market, told: list[Sequence[Event]]) -> None:
    resting = market.place("ann", limit(Side.SELL, "2", "100"), now_ms=NOW)
    [batch] = told
    [book, order, balance] = batch
    assert isinstance(book, BookChanged)
    assert (book.side, book.price, book.amount, book.count, book.order_id, book.order_amount) == (
        Side.SELL,
        100,
        2,
        1,
        resting.id,
        2,
    )
    assert order == OrderUpdated(resting)
    assert balance == BalanceChanged(market.balance("ann", "BTC"))
    told.clear()
    taker = market.place("bob", limit(Side.BUY, "2", "100"), now_ms=NOW)
    [batch] = told
    assert [type(event) for event in batch[:4]] == [TradeMade, BookChanged, FillMade, FillMade]
    orders = {event.order.id: event.order.state for event in batch if isinstance(event, OrderUpdated)}
    assert orders == {resting.id: OrderState.FILLED, taker.id: OrderState.FILLED}
    changed = [event.balance for event in batch if isinstance(event, BalanceChanged)]
    assert {(one.account, one.currency) for one in changed} == {(a, c) for a in ("ann", "bob") for c in ("BTC", "USD")}
    assert all(one == market.balance(one.account, one.currency) for one in changed)


def test_transfers_are_told_as_they_move_on(market: Market, told: list[Sequence[Event]]) -> None:
    market.deposit("ann", "BTC", Decimal(1), now_ms=NOW)
    market.advance(NOW + 60_000)
    states = [event.transfer.state.value for batch in told for event in batch if isinstance(event, TransferUpdated)]
    assert states == ["new", "verified", "processing", "completed"]
    assert len(told) == 4


def test_a_refusal_tells_nothing(market: Market, told: list[Sequence[Event]]) -> None:
    with pytest.raises(InsufficientFunds):
        market.place("ann", limit(Side.BUY, "100", "100000"), now_ms=NOW)
    assert told == []


def test_who_has_unsubscribed_is_told_no_more(market: Market) -> None:
    told: list[Sequence[Event]] = []
    unsubscribe = market.subscribe(told.append)
    unsubscribe()
    unsubscribe()
    market.place("ann", limit(Side.SELL, "2", "100"), now_ms=NOW)
    assert told == []


def test_a_listener_may_read_and_not_change(market: Market) -> None:
    seen: list[int] = []

    def listen(batch: Sequence[Event]) -> None:
        market.check()
        seen.append(len(market.open_orders("ann")))
        with pytest.raises(RuntimeError, match="listener"):
            market.advance(NOW)

    market.subscribe(listen)
    market.place("ann", limit(Side.SELL, "2", "100"), now_ms=NOW)
    assert seen == [1]


def test_of_other_people_only_trades_and_books_are_told() -> None:
    market = quiet(instrument(), flows={"BTC_USD": OrderFlow(Decimal(60_000), Decimal("0.1"))})
    told: list[Sequence[Event]] = []
    market.subscribe(told.append)
    market.advance(NOW + 60_000)
    assert {type(event) for batch in told for event in batch} == {TradeMade, BookChanged}
    assert len(told) > 20
