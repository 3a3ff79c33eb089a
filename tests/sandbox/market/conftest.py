"""A quiet market: one instrument, two accounts, nobody else, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from specie.sandbox.market import FeeIn, Instrument, Market, NewOrder, Order, OrderType, Side, StopWhen, TimeInForce

NOW = 1_700_000_000_000


def instrument(pair: str = "BTC_USD", **changes: Any) -> Instrument:
    base, quote = pair.split("_")
    rules: dict[str, Any] = {
        "price_tick": Decimal("0.01"),
        "amount_step": Decimal("0.0001"),
        "min_amount": Decimal("0.001"),
        "max_amount": Decimal(100),
        "min_notional": Decimal(1),
        "maker_fee": Decimal("0.001"),
        "taker_fee": Decimal("0.002"),
        "fee_in": FeeIn.RECEIVED,
    }
    return Instrument(pair, base, quote, **{**rules, **changes})


def limit(side: Side, amount: str, price: str, tif: TimeInForce = TimeInForce.GTC, **more: Any) -> NewOrder:
    return NewOrder("BTC_USD", side, amount=Decimal(amount), price=Decimal(price), time_in_force=tif, **more)


def stop(side: Side, amount: str, price: str, when: StopWhen, stop_price: str, **more: Any) -> NewOrder:
    return limit(side, amount, price, type=OrderType.STOP_LIMIT, stop_when=when, stop_price=Decimal(stop_price), **more)


def at_market(side: Side, amount: str | None = None, quote: str | None = None) -> NewOrder:
    return NewOrder(
        "BTC_USD",
        side,
        OrderType.MARKET,
        amount=None if amount is None else Decimal(amount),
        quote_amount=None if quote is None else Decimal(quote),
    )


def quiet(*instruments: Instrument, **more: Any) -> Market:
    market = Market(instruments or (instrument(),), now_ms=NOW, **more)
    for account in ("ann", "bob"):
        market.open_account(account, {"BTC": Decimal(10), "USD": Decimal(100_000)}, now_ms=NOW)
    return market


@pytest.fixture
def market() -> Market:
    return quiet()


Place = Callable[[str, NewOrder], Order]


@pytest.fixture
def place(market: Market) -> Place:
    """Places an order in the quiet market, and checks the market."""

    def place(account: str, order: NewOrder) -> Order:
        placed = market.place(account, order, now_ms=NOW)
        market.check()
        return placed

    return place
