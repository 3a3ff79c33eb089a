"""Each kind of order, in a market that holds only what the test put there."""

from __future__ import annotations

from decimal import Decimal

import pytest

from specie.sandbox.market import (
    Currency,
    FeeIn,
    Market,
    OrderNotFound,
    OrderNotOpen,
    OrderState,
    Role,
    Side,
    StopWhen,
    TimeInForce,
    Window,
)

from .conftest import NOW, Place, at_market, instrument, limit, quiet, stop

BUY, SELL = Side.BUY, Side.SELL


def total(market: Market, account: str, currency: str) -> Decimal:
    return market.balance(account, currency).total


def test_a_limit_order_rests_and_holds(market: Market, place: Place) -> None:
    order = place("ann", limit(BUY, "1.5", "100"))
    assert (order.state, order.remaining, order.held, order.hold_currency) == (
        OrderState.OPEN,
        Decimal("1.5"),
        150,
        "USD",
    )
    assert (order.average_price, order.filled, order.fees, order.is_open) == (0, 0, {}, True)
    balance = market.balance("ann", "USD")
    assert (balance.available, balance.held) == (99_850, 150)
    [level] = market.book("BTC_USD").bids
    assert (level.price, level.amount, level.count) == (100, Decimal("1.5"), 1)


def test_figures_are_written_to_the_places_of_the_instrument(place: Place) -> None:
    order = place("ann", limit(BUY, "1.5", "1E+2"))
    assert (str(order.amount), str(order.price)) == ("1.5000", "100.00")


def test_a_trade_is_at_the_price_of_the_order_that_rests(market: Market, place: Place) -> None:
    maker = place("ann", limit(SELL, "2", "100"))
    taker = place("bob", limit(BUY, "0.5", "105"))
    assert (taker.state, taker.average_price, taker.value, taker.held) == (OrderState.FILLED, 100, 50, 0)
    maker = market.order("ann", maker.id)
    assert (maker.state, maker.filled, maker.remaining) == (OrderState.PARTLY_FILLED, Decimal("0.5"), Decimal("1.5"))
    assert taker.fees == {"BTC": Decimal("0.001")}
    assert maker.fees == {"USD": Decimal("0.05")}
    assert total(market, "bob", "BTC") == Decimal("10.499")
    assert total(market, "bob", "USD") == 99_950
    assert total(market, "ann", "USD") == Decimal("100049.95")
    assert total(market, "ann", "BTC") == Decimal("9.5")
    [trade] = market.trades("BTC_USD")
    assert (trade.taker_side, trade.maker_order_id, trade.taker_order_id) == (BUY, maker.id, taker.id)


def test_price_comes_before_time_and_time_before_size(market: Market, place: Place) -> None:
    late_best = [place("ann", limit(SELL, "1", price)).id for price in ("101", "100", "100", "102")]
    taker = place("bob", limit(BUY, "2.5", "101"))
    met = [(fill.counter_order_id, fill.amount) for fill in market.fills("bob", order_id=taker.id)]
    assert met == [(late_best[1], 1), (late_best[2], 1), (late_best[0], Decimal("0.5"))]
    assert taker.average_price == Decimal("100.2")


def test_what_a_limit_order_does_not_take_rests(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "100"))
    order = place("bob", limit(BUY, "3", "101"))
    assert (order.state, order.remaining, order.held) == (OrderState.PARTLY_FILLED, 2, 202)
    assert market.ticker("BTC_USD").bid == 101


def test_ioc_cancels_what_it_does_not_take(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "100"))
    order = place("bob", limit(BUY, "3", "101", TimeInForce.IOC))
    assert (order.state, order.filled, order.held) == (OrderState.PARTLY_CANCELLED, 1, 0)
    assert place("bob", limit(BUY, "3", "101", TimeInForce.IOC)).state is OrderState.CANCELLED
    assert not market.book_orders("BTC_USD").bids


def test_post_only_is_cancelled_rather_than_taking(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "100"))
    order = place("bob", limit(BUY, "1", "100", TimeInForce.POST_ONLY))
    assert (order.state, order.filled, order.held) == (OrderState.POST_ONLY_CANCELLED, 0, 0)
    assert place("bob", limit(BUY, "1", "99.99", TimeInForce.POST_ONLY)).state is OrderState.OPEN
    assert market.balance("bob", "USD").held == Decimal("99.99")


def test_a_market_order_by_amount(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "100"))
    place("ann", limit(SELL, "1", "110"))
    order = place("bob", at_market(BUY, "1.5"))
    assert (order.state, order.value, order.price) == (OrderState.FILLED, 155, None)
    rest = place("bob", at_market(BUY, "2"))
    assert (rest.state, rest.filled, rest.remaining) == (OrderState.PARTLY_CANCELLED, Decimal("0.5"), Decimal("1.5"))
    sold = place("bob", at_market(SELL, "1"))
    assert (sold.state, sold.held) == (OrderState.REJECTED, 0)


def test_a_market_order_by_quote_amount_spends_what_buys_whole_steps(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "70"))
    place("ann", limit(SELL, "9", "90"))
    order = place("bob", at_market(BUY, quote="100"))
    assert order.state is OrderState.FILLED
    assert (order.filled, order.amount, order.remaining) == (Decimal("1.3333"), Decimal("1.3333"), 0)
    assert order.value == 70 + 90 * Decimal("0.3333")
    assert order.quote_amount == 100
    assert total(market, "bob", "USD") == 100_000 - order.value


def test_a_market_order_by_quote_amount_that_empties_the_book(place: Place) -> None:
    place("ann", limit(SELL, "1", "70"))
    assert place("bob", at_market(BUY, quote="100")).state is OrderState.PARTLY_CANCELLED
    place("ann", limit(SELL, "1", "70"))
    assert place("bob", at_market(BUY, quote="70")).state is OrderState.FILLED
    assert place("bob", at_market(BUY, quote="70")).state is OrderState.REJECTED


@pytest.mark.parametrize(
    ("side", "when", "stop_price", "quiet_price"),
    [(BUY, StopWhen.AT_OR_ABOVE, "105", "104.99"), (SELL, StopWhen.AT_OR_BELOW, "95", "95.01")],
)
def test_a_stop_limit_order_waits_for_the_last_price(
    market: Market, place: Place, side: Side, when: StopWhen, stop_price: str, quiet_price: str
) -> None:
    order = place("ann", stop(side, "1", "100", when, stop_price))
    assert (order.state, order.held > 0) == (OrderState.NOT_TRIGGERED, True)
    assert not market.book_orders("BTC_USD").bids
    for price, state in ((quiet_price, OrderState.NOT_TRIGGERED), (stop_price, OrderState.OPEN)):
        place("bob", limit(SELL, "0.1", price))
        place("bob", limit(BUY, "0.1", price))
        assert market.order("ann", order.id).state is state
    assert market.order("ann", order.id).update_id > order.update_id


def test_a_stop_limit_order_whose_price_is_there_already_goes_at_once(place: Place) -> None:
    place("bob", limit(SELL, "1", "100"))
    place("bob", limit(BUY, "1", "100"))
    assert place("ann", stop(SELL, "1", "90", StopWhen.AT_OR_BELOW, "100")).state is OrderState.OPEN


def test_stop_orders_set_one_another_off(market: Market, place: Place) -> None:
    for price in ("98", "97", "96"):
        place("ann", limit(BUY, "1", price))
    first = place("bob", stop(SELL, "1", "90", StopWhen.AT_OR_BELOW, "98"))
    second = place("bob", stop(SELL, "1", "90", StopWhen.AT_OR_BELOW, "97"))
    place("bob", at_market(SELL, "1"))
    assert [market.order("bob", order.id).average_price for order in (first, second)] == [97, 96]


def test_stop_orders_that_are_called_at_once_go_in_the_order_of_placing(market: Market, place: Place) -> None:
    for price in ("98", "97", "96"):
        place("ann", limit(BUY, "1", price))
    first = place("bob", stop(SELL, "1", "90", StopWhen.AT_OR_BELOW, "98"))
    second = place("bob", stop(SELL, "1", "90", StopWhen.AT_OR_BELOW, "99"))
    place("bob", at_market(SELL, "1"))
    assert [market.order("bob", order.id).average_price for order in (first, second)] == [97, 96]


def test_a_triggered_post_only_order_that_would_take_is_cancelled(market: Market, place: Place) -> None:
    order = place("ann", stop(BUY, "1", "101", StopWhen.AT_OR_ABOVE, "100", tif=TimeInForce.POST_ONLY))
    place("bob", limit(SELL, "1", "100"))
    place("bob", limit(BUY, "0.5", "100"))
    assert market.order("ann", order.id).state is OrderState.POST_ONLY_CANCELLED


def test_a_trade_with_oneself_is_allowed_and_has_two_fills(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "100"))
    place("ann", limit(BUY, "1", "100"))
    first, second = market.fills("ann")
    assert first.trade_id == second.trade_id
    assert {first.role, second.role} == {Role.MAKER, Role.TAKER}
    assert total(market, "ann", "BTC") == Decimal("9.998")
    assert total(market, "ann", "USD") == Decimal("99999.9")


def test_a_fee_in_quote_currency_is_held_with_the_value() -> None:
    market = quiet(instrument(fee_in=FeeIn.QUOTE))
    buy = market.place("ann", limit(BUY, "1", "100"), now_ms=NOW)
    assert buy.held == Decimal("100.2")
    sell = market.place("bob", limit(SELL, "1", "100"), now_ms=NOW)
    assert sell.fees == {"USD": Decimal("0.2")}
    buy = market.order("ann", buy.id)
    assert (buy.fees, buy.held) == ({"USD": Decimal("0.1")}, 0)
    assert total(market, "ann", "USD") == Decimal("99899.9")
    assert total(market, "ann", "BTC") == 11
    market.check()


def test_what_is_finer_than_a_currency_is_rounded_down() -> None:
    rules = instrument(fee_in=FeeIn.QUOTE, min_notional=Decimal("0.01"), maker_fee=Decimal("0.05"))
    market = quiet(rules, currencies=[Currency("USD", unit=Decimal("0.01"))])
    buy = market.place("ann", limit(BUY, "0.1", "1.59"), now_ms=NOW)
    assert buy.held == Decimal("0.16")
    for _ in range(2):
        market.place("bob", limit(SELL, "0.05", "1.59"), now_ms=NOW)
        market.check()
    assert [(fill.value, fill.fee) for fill in market.fills("ann")] == [(Decimal("0.07"), 0)] * 2
    buy = market.order("ann", buy.id)
    assert (buy.state, buy.value, buy.average_price, buy.held) == (
        OrderState.FILLED,
        Decimal("0.14"),
        Decimal("1.4"),
        0,
    )
    assert total(market, "ann", "USD") == Decimal("99999.86")


def test_cancelling_frees_what_is_held(market: Market, place: Place) -> None:
    order = place("ann", limit(BUY, "1", "100"))
    place("bob", limit(SELL, "0.4", "100"))
    cancelled = market.cancel("ann", order.id, now_ms=NOW + 5)
    assert (cancelled.state, cancelled.filled, cancelled.remaining) == (
        OrderState.PARTLY_CANCELLED,
        Decimal("0.4"),
        Decimal("0.6"),
    )
    assert (cancelled.created_ms, cancelled.updated_ms) == (NOW, NOW + 5)
    assert market.balance("ann", "USD").held == 0
    with pytest.raises(OrderNotOpen) as caught:
        market.cancel("ann", order.id, now_ms=NOW)
    assert caught.value.order == cancelled
    waiting = place("ann", stop(BUY, "1", "100", StopWhen.AT_OR_ABOVE, "120"))
    assert market.cancel("ann", waiting.id, now_ms=NOW).state is OrderState.CANCELLED
    market.check()


def test_cancelling_several_and_all() -> None:
    market = quiet(instrument(), instrument("ETH_USD"))
    mine = [market.place("ann", limit(BUY, "1", str(price)), now_ms=NOW).id for price in (90, 91, 92, 93)]
    foreign = market.place("bob", limit(BUY, "1", "90"), now_ms=NOW).id
    assert [order.id for order in market.open_orders("ann")] == mine
    gone = market.cancel_several("ann", [mine[1], mine[1], foreign, 10**9], now_ms=NOW)
    assert [order.id for order in gone] == [mine[1]]
    assert market.cancel_all("ann", "ETH_USD", now_ms=NOW) == []
    assert [order.id for order in market.cancel_all("ann", now_ms=NOW)] == [mine[0], mine[2], mine[3]]
    assert market.open_orders("ann") == []
    assert market.order("bob", foreign).is_open
    market.check()


def test_client_ids_find_the_newest_order(market: Market, place: Place) -> None:
    first = place("ann", limit(BUY, "1", "100", client_id="7"))
    market.cancel("ann", first.id, now_ms=NOW)
    second = place("ann", limit(BUY, "1", "100", client_id="7"))
    place("bob", limit(BUY, "1", "100", client_id="7"))
    assert market.order_by_client_id("ann", "7") == second
    with pytest.raises(OrderNotFound):
        market.order_by_client_id("ann", "8")


def test_histories_have_windows_by_id_and_time(market: Market) -> None:
    ids = [market.place("ann", limit(BUY, "1", "90"), now_ms=NOW + step).id for step in range(5)]
    assert [order.id for order in market.orders("ann", Window(first_id=ids[1], last_id=ids[3]))] == ids[1:4]
    assert [order.id for order in market.orders("ann", Window(start_ms=NOW + 2, end_ms=NOW + 3))] == ids[2:4]
    assert market.orders("ann", Window(first_id=ids[4] + 1)) == []
    for step in range(3):
        market.place("bob", limit(SELL, "1", "90"), now_ms=NOW + 10 + step)
    assert len(market.fills("ann", Window(start_ms=NOW + 11))) == 2
    assert len(market.trades(None, Window(end_ms=NOW + 11))) == 2
    [fill] = market.fills("ann", order_id=ids[0])
    assert fill.order_id == ids[0]


def test_an_old_record_keeps_the_past(market: Market, place: Place) -> None:
    order = place("ann", limit(BUY, "1", "100"))
    place("bob", limit(SELL, "1", "100"))
    assert (order.filled, market.order("ann", order.id).filled) == (0, 1)


def test_the_ledger_tells_the_whole_story(market: Market, place: Place) -> None:
    place("ann", limit(SELL, "1", "100"))
    place("bob", limit(BUY, "1", "105"))
    story = [
        (entry.kind.value, entry.available, entry.held, entry.balance) for entry in market.ledger("bob", currency="USD")
    ]
    assert story == [
        ("deposit", 100_000, 0, 100_000),
        ("hold", -105, 105, 100_000),
        ("trade", 0, -100, 99_900),
        ("release", 5, -5, 99_900),
    ]
    gains = [(entry.kind.value, entry.amount) for entry in market.ledger("bob", currency="BTC")][1:]
    assert gains == [("trade", 1), ("fee", Decimal("-0.002"))]


def test_time_never_goes_back(market: Market) -> None:
    market.advance(NOW + 100)
    assert market.place("ann", limit(BUY, "1", "100"), now_ms=NOW).created_ms == NOW + 100
