"""What is refused: with its facts, and without leaving anything behind."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest

from specie.sandbox.market import (
    AboveMaximum,
    AccountExists,
    BelowMinimum,
    DuplicateClientId,
    InsufficientFunds,
    InvalidOrder,
    Market,
    NewOrder,
    OrderNotFound,
    OrderOfAnother,
    OrderType,
    PrecisionExceeded,
    Refusal,
    Side,
    StopWhen,
    TooManyOpenOrders,
    UnknownAccount,
    UnknownCurrency,
    UnknownInstrument,
)

from .conftest import NOW, at_market, instrument, limit, quiet, stop

BUY, SELL = Side.BUY, Side.SELL
D = Decimal
PLAIN = limit(BUY, "1", "100")


@pytest.mark.parametrize(
    ("order", "refusal", "facts"),
    [
        (attrs.evolve(PLAIN, pair="X_Y"), UnknownInstrument, {"pair": "X_Y"}),
        (limit(BUY, "1", "100.001"), PrecisionExceeded, {"what": "price", "value": D("100.001"), "unit": D("0.01")}),
        (limit(BUY, "1.00001", "100"), PrecisionExceeded, {"what": "amount", "unit": D("0.0001")}),
        (at_market(BUY, quote="2.000000001"), PrecisionExceeded, {"what": "quote_amount"}),
        (stop(BUY, "1", "100", StopWhen.AT_OR_ABOVE, "0.001"), PrecisionExceeded, {"what": "stop_price"}),
        (limit(BUY, "0.0009", "10000"), BelowMinimum, {"what": "amount", "minimum": D("0.001")}),
        (limit(BUY, "0", "100"), BelowMinimum, {"what": "amount"}),
        (limit(BUY, "1", "-1"), BelowMinimum, {"what": "price", "value": D(-1)}),
        (limit(BUY, "0.001", "999"), BelowMinimum, {"what": "notional", "value": D("0.999"), "minimum": D(1)}),
        (at_market(BUY, quote="0.5"), BelowMinimum, {"what": "quote_amount"}),
        (limit(BUY, "100.0001", "1"), AboveMaximum, {"what": "amount", "maximum": D(100)}),
        (limit(BUY, "1", "1E+31"), AboveMaximum, {"what": "price"}),
        (limit(BUY, "1", "1E+30"), InsufficientFunds, {"currency": "USD"}),
        (limit(BUY, "1", "NaN"), InvalidOrder, {}),
        (limit(BUY, "Infinity", "1"), InvalidOrder, {}),
        (limit(BUY, "100", "1000.01"), InsufficientFunds, {"available": D(100_000), "needed": D(100_001)}),
        (limit(SELL, "10.0001", "1"), InsufficientFunds, {"account": "ann", "currency": "BTC", "needed": D("10.0001")}),
        (at_market(BUY, quote="100001"), InsufficientFunds, {"currency": "USD"}),
        (attrs.evolve(PLAIN, price=None), InvalidOrder, {}),
        (attrs.evolve(PLAIN, amount=None), InvalidOrder, {}),
        (attrs.evolve(PLAIN, type=OrderType.MARKET), InvalidOrder, {}),
        (attrs.evolve(PLAIN, type=OrderType.STOP_LIMIT), InvalidOrder, {}),
        (attrs.evolve(PLAIN, stop_price=D(1)), InvalidOrder, {}),
        (attrs.evolve(PLAIN, quote_amount=D(1)), InvalidOrder, {}),
        (at_market(SELL, quote="100"), InvalidOrder, {}),
        (at_market(BUY, "1", "100"), InvalidOrder, {}),
        (attrs.evolve(PLAIN, client_id="twice"), DuplicateClientId, {"client_id": "twice"}),
    ],
)
def test_an_order_that_may_not_be(order: NewOrder, refusal: type[Refusal], facts: dict[str, Any]) -> None:
    market = quiet()
    market.place("ann", limit(BUY, "1", "0.01E+3", client_id="twice"), now_ms=NOW)
    market.cancel("ann", market.open_orders("ann")[0].id, now_ms=NOW)
    if refusal is DuplicateClientId:
        market.place("ann", attrs.evolve(PLAIN, client_id="twice"), now_ms=NOW)
    before = (market.ledger("ann"), market.orders("ann"), market.book_orders("BTC_USD"))
    with pytest.raises(refusal) as caught:
        market.place("ann", order, now_ms=NOW)
    assert type(caught.value) is refusal
    assert {name: getattr(caught.value, name) for name in facts} == facts
    assert str(caught.value)
    assert (market.ledger("ann"), market.orders("ann"), market.book_orders("BTC_USD")) == before
    market.check()


def test_funds_of_a_market_order_are_counted_along_the_book() -> None:
    market = quiet()
    for price in ("10000", "20000"):
        market.place("bob", limit(SELL, "5", price), now_ms=NOW)
    with pytest.raises(InsufficientFunds) as caught:
        market.place("ann", at_market(BUY, "8"), now_ms=NOW)
    assert caught.value.needed == 110_000


def test_open_orders_are_bounded() -> None:
    market = quiet(instrument(max_open_orders=2))
    for _ in range(2):
        market.place("ann", PLAIN, now_ms=NOW)
    with pytest.raises(TooManyOpenOrders) as caught:
        market.place("ann", PLAIN, now_ms=NOW)
    assert (caught.value.pair, caught.value.limit) == ("BTC_USD", 2)
    market.place("bob", PLAIN, now_ms=NOW)


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda market: market.place("eve", PLAIN, now_ms=NOW), UnknownAccount),
        (lambda market: market.balances("eve"), UnknownAccount),
        (lambda market: market.orders("~others"), UnknownAccount),
        (lambda market: market.open_account("ann", now_ms=NOW), AccountExists),
        (lambda market: market.open_account("~fees", now_ms=NOW), AccountExists),
        (lambda market: market.open_account("eve", {"NOPE": D(1)}, now_ms=NOW), UnknownCurrency),
        (lambda market: market.open_account("eve", {"BTC": D(-1)}, now_ms=NOW), BelowMinimum),
        (lambda market: market.balance("ann", "NOPE"), UnknownCurrency),
        (lambda market: market.cancel("ann", 10**9, now_ms=NOW), OrderNotFound),
        (lambda market: market.order("bob", market.open_orders("ann")[0].id), OrderOfAnother),
        (lambda market: market.book("X_Y"), UnknownInstrument),
        (lambda market: market.ticker("X_Y"), UnknownInstrument),
        (lambda market: market.trades("X_Y"), UnknownInstrument),
        (lambda market: market.orders("ann", pair="X_Y"), UnknownInstrument),
        (lambda market: market.cancel_all("ann", "X_Y", now_ms=NOW), UnknownInstrument),
    ],
)
def test_what_there_is_not(call: Callable[[Market], Any], refusal: type[Refusal]) -> None:
    market = quiet()
    market.place("ann", PLAIN, now_ms=NOW)
    with pytest.raises(refusal) as caught:
        call(market)
    assert type(caught.value) is refusal
    assert "eve" not in market.accounts
    assert str(caught.value)
