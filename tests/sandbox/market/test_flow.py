"""Other people: they make the market move, in the same way each time, and never for long."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from specie.sandbox.market import Market, NewOrder, OrderFlow, OrderState, OrderType, Side, StopWhen

from .conftest import NOW, at_market, instrument, limit

D = Decimal
HOUR, DAY = 3_600_000, 86_400_000
PAIRS = {"BTC_USD": "60000", "ETH_USD": "3000", "ETH_BTC": "0.05"}


def lively(seed: int = 1, **more: Any) -> Market:
    rules = [
        instrument(pair, price_tick=D("0.00001") if pair == "ETH_BTC" else D("0.01"), min_notional=D("0.00001"))
        for pair in PAIRS
    ]
    flows = {pair: OrderFlow(D(price), D("0.1"), **more) for pair, price in PAIRS.items()}
    market = Market(rules, now_ms=NOW, flows=flows, seed=seed)
    market.open_account("ann", {"BTC": D(10), "USD": D(1_000_000)}, now_ms=NOW)
    return market


def played(market: Market) -> list[Any]:
    """A day at the exchange, and all that can be seen of it."""
    seen: list[Any] = []
    market.subscribe(seen.append)
    for step in range(1, 40):
        market.advance(NOW + step * 10_000)
        if step % 5 == 0:
            market.place("ann", limit(Side.BUY, "0.5", str(59_000 + 50 * step)), now_ms=NOW + step * 10_000 + 7)
            market.place("ann", at_market(Side.SELL, "0.1"), now_ms=NOW + step * 10_000 + 8)
            market.withdraw("ann", "BTC", D("0.01"), "x", now_ms=NOW + step * 10_000 + 9)
    seen += [market.ledger("ann"), market.orders("ann"), market.fills("ann"), market.trades(), market.transfers("ann")]
    for pair in PAIRS:
        seen += [market.book_orders(pair), market.ticker(pair), market.candles(pair, 300_000)]
    return seen


def test_the_same_seed_and_calls_give_the_same_everything() -> None:
    first, second, other = played(lively(7)), played(lively(7)), played(lively(8))
    assert first == second
    assert repr(first) == repr(second)
    assert first != other


def test_how_often_time_is_told_does_not_matter() -> None:
    often, once = lively(), lively()
    for second in range(1, 300):
        often.advance(NOW + 1_000 * second)
    once.advance(NOW + 299_000)
    assert often.trades() == once.trades()
    for pair in PAIRS:
        assert often.book_orders(pair) == once.book_orders(pair)


def test_a_new_market_has_a_past() -> None:
    market = lively()
    for pair in PAIRS:
        trades = market.trades(pair)
        assert 700 < len(trades) < 1_300
        assert NOW - 8 * HOUR <= trades[0].time_ms < NOW - 7 * HOUR
        assert trades[-1].time_ms < NOW
        assert 8 <= len(market.candles(pair, HOUR)) <= 9
        book = market.book(pair)
        assert len(book.bids) >= 10
        assert len(book.asks) >= 10
        assert book.bids[0].price < book.asks[0].price
    market.check()


def test_books_and_prices_move_and_stay_near() -> None:
    market = lively()
    opening = {pair: D(price) for pair, price in PAIRS.items()}
    for pair in PAIRS:
        before = market.book(pair), market.ticker(pair)
        market.advance(market.now_ms + HOUR // 6)
        after = market.book(pair), market.ticker(pair)
        assert before[0].bids != after[0].bids
        assert before[1].count < after[1].count
    for _ in range(10):
        market.advance(market.now_ms + DAY)
        for pair in PAIRS:
            shown = market.book_orders(pair)
            assert min(len(shown.bids), len(shown.asks)) >= 5
            last = market.ticker(pair).last
            assert last is not None
            assert abs(last / opening[pair] - 1) < D("0.15")
    market.check()


@pytest.mark.parametrize("span", [HOUR, DAY, 400 * DAY])
def test_work_is_bounded_however_long_the_time(span: int) -> None:
    market = lively()
    before = sum(market.book(pair).update_id for pair in PAIRS)
    market.advance(NOW + span)
    changes = sum(market.book(pair).update_id for pair in PAIRS) - before
    assert 300 < changes < 4_000


def test_the_pace_is_found_again_after_a_long_time() -> None:
    market = lively()
    market.advance(NOW + 400 * DAY)
    before = sum(market.book(pair).update_id for pair in PAIRS)
    market.advance(NOW + 400 * DAY + 60_000)
    assert sum(market.book(pair).update_id for pair in PAIRS) - before > 60


def test_one_can_trade_with_other_people() -> None:
    market = lively(depth=5)
    order = market.place("ann", at_market(Side.BUY, quote="1000"), now_ms=NOW)
    assert order.state is OrderState.FILLED
    resting = market.place("ann", limit(Side.SELL, "0.2", str(market.ticker("BTC_USD").ask)), now_ms=NOW)
    for minute in range(60):
        market.advance(NOW + minute * 60_000)
    assert market.order("ann", resting.id).filled > 0
    huge = market.place("ann", at_market(Side.SELL, "9"), now_ms=NOW + HOUR)
    assert huge.state is OrderState.PARTLY_CANCELLED
    market.check()


def test_other_people_set_off_stop_orders() -> None:
    market = lively()
    bid = market.ticker("BTC_USD").bid
    assert bid is not None
    order = market.place(
        "ann",
        NewOrder(
            "BTC_USD",
            Side.SELL,
            OrderType.STOP_LIMIT,
            D(1),
            price=bid / 2 // 1,
            stop_price=bid // 1,
            stop_when=StopWhen.AT_OR_BELOW,
        ),
        now_ms=NOW,
    )
    for minute in range(240):
        market.advance(NOW + minute * 60_000)
        if market.order("ann", order.id).state is not OrderState.NOT_TRIGGERED:
            break
    else:
        pytest.fail("in four hours the price did not fall to where the best bid had been")
    market.check()
