"""Whatever is done to a market, in whatever order: no money is made or lost, no book is crossed, and nobody is lied to.

A hundred examples of a hundred operations each. What the events tell is kept beside the market, as a stream's client
would keep it, and must be what the market shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TypeAlias

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from specie.sandbox.market import (
    Balance,
    BalanceChanged,
    BookChanged,
    Currency,
    Event,
    FeeIn,
    Market,
    NewOrder,
    Order,
    OrderFlow,
    OrderType,
    OrderUpdated,
    Refusal,
    Side,
    StopWhen,
    TimeInForce,
)

from .conftest import NOW, instrument

D = Decimal
PAIRS = ("BTC_USD", "ETH_USD", "ETH_BTC")
WHO = ("ann", "bob", "cat")

Operation: TypeAlias = tuple[int, int, int, int, int]
COUNT = 100


def operations(chance: bytes) -> list[Operation]:
    """What to do, out of five bytes each: what, who, where, how high and how much."""
    fives = [chance[at : at + 5] for at in range(0, 5 * COUNT, 5)]
    return [(kind % 20, who % 3, where % 3, height % 24, 1 + size % 60) for kind, who, where, height, size in fives]


class Replica:
    """What a client knows who was there from the start, and only listened."""

    def __init__(self, market: Market) -> None:
        self.update_ids = {pair: market.book(pair).update_id for pair in PAIRS}
        self.levels = {(pair, side): levels(market, pair, side) for pair in PAIRS for side in Side}
        self.balances: dict[tuple[str, str], Balance] = {}
        self.orders: dict[int, Order] = {}
        market.subscribe(self.listen)

    def listen(self, batch: Sequence[Event]) -> None:
        for event in batch:
            if isinstance(event, BookChanged):
                assert event.update_id == self.update_ids[event.pair] + 1
                self.update_ids[event.pair] = event.update_id
                side = self.levels[event.pair, event.side]
                side[event.price] = (event.amount, event.count)
                if not event.count:
                    assert not event.amount
                    del side[event.price]
            elif isinstance(event, BalanceChanged):
                self.balances[event.balance.account, event.balance.currency] = event.balance
            elif isinstance(event, OrderUpdated):
                self.orders[event.order.id] = event.order

    def compare(self, market: Market) -> None:
        for (pair, side), known in self.levels.items():
            assert known == levels(market, pair, side)
        for key, balance in self.balances.items():
            assert balance == market.balance(*key)
        for who in WHO:
            for order in market.orders(who):
                assert self.orders[order.id] == order


def levels(market: Market, pair: str, side: Side) -> dict[Decimal, tuple[Decimal, int]]:
    book = market.book(pair)
    return {level.price: (level.amount, level.count) for level in (book.bids if side is Side.BUY else book.asks)}


def new_market() -> Market:
    """Coarse units, so that rounding matters; one instrument with other people, one with fees in quote currency."""
    coarse = {"price_tick": D("0.5"), "amount_step": D("0.01"), "min_amount": D("0.01"), "min_notional": D("0.05")}
    instruments = [
        instrument("BTC_USD", **coarse, taker_fee=D("0.0033")),
        instrument("ETH_USD", **coarse, fee_in=FeeIn.QUOTE, maker_fee=D("0.0077"), taker_fee=D("0.0123")),
        instrument(
            "ETH_BTC",
            price_tick=D("0.003"),
            amount_step=D("0.07"),
            min_amount=D("0.07"),
            min_notional=D("0.001"),
            max_open_orders=5,
        ),
    ]
    market = Market(
        instruments,
        now_ms=NOW,
        flows={"ETH_USD": OrderFlow(D(50), D("0.2"), depth=4, history_ms=60_000)},
        currencies=[Currency("USD", D("0.01"), D(1)), Currency("BTC", D("0.01")), Currency("ETH", D("0.001"))],
        seed=3,
    )
    for who in WHO:
        market.open_account(who, {"BTC": D(20), "USD": D(900), "ETH": D(15)}, now_ms=NOW)
    return market


def operate(market: Market, operation: Operation, now_ms: int) -> None:
    kind, who, where, height, size = operation
    account, pair, side = WHO[who], PAIRS[where], Side.BUY if height % 2 else Side.SELL
    rules = market.instruments[pair]
    amount = rules.amount_step * size
    price = rules.price_tick * (90 + height)
    if kind < 12:
        order = NewOrder(pair, side, amount=amount, price=price, client_id=str(size) if kind == 0 else None)
        if kind in (7, 8):
            order = NewOrder(pair, side, OrderType.MARKET, amount=amount)
        elif kind == 9:
            order = NewOrder(pair, Side.BUY, OrderType.MARKET, quote_amount=D(size) / 2)
        elif kind > 9:
            when = StopWhen.AT_OR_ABOVE if size % 2 else StopWhen.AT_OR_BELOW
            stop_price = rules.price_tick * (90 + size % 24)
            order = NewOrder(pair, side, OrderType.STOP_LIMIT, amount, None, price, stop_price, when)
        elif kind in (5, 6):
            tif = TimeInForce.IOC if kind == 5 else TimeInForce.POST_ONLY
            order = NewOrder(pair, side, amount=amount, price=price, time_in_force=tif)
        market.place(account, order, now_ms=now_ms)
    elif kind < 15:
        open_orders = market.open_orders(account)
        market.cancel(account, open_orders[height % len(open_orders)].id if open_orders else size, now_ms=now_ms)
    elif kind == 15:
        market.cancel_all(account, pair if size % 2 else None, now_ms=now_ms)
    elif kind == 16:
        market.deposit(account, rules.base, amount, now_ms=now_ms)
    elif kind == 17:
        market.withdraw(account, rules.quote, D(size) / 4, "x", now_ms=now_ms)
    elif kind == 18:
        vouchers = [one.voucher_code for other in WHO for one in market.transfers(other) if one.voucher_code]
        if vouchers and size % 2:
            market.redeem_voucher(account, vouchers[height % len(vouchers)], now_ms=now_ms)
        else:
            market.create_voucher(account, rules.quote, D(size) / 4, now_ms=now_ms)
    else:
        transfers = market.transfers(account)
        market.cancel_transfer(account, transfers[-1 - height % len(transfers)].id, now_ms=now_ms)


@settings(
    max_examples=100,
    deadline=None,
    database=None,
    phases=(Phase.generate,),  # to shrink a hundred operations would take minutes
    suppress_health_check=list(HealthCheck),
)
@given(st.binary(min_size=5 * COUNT, max_size=5 * COUNT))
def test_ten_thousand_operations(chance: bytes) -> None:
    market = new_market()
    replica = Replica(market)
    for number, operation in enumerate(operations(chance)):
        with suppress(Refusal):
            operate(market, operation, NOW + 300 * number)
        for pair in PAIRS:
            book = market.book(pair, 1)
            assert not (book.bids and book.asks) or book.bids[0].price < book.asks[0].price
        if number % 10 == 9:
            market.check()
            replica.compare(market)
    for who in WHO:
        market.cancel_all(who, now_ms=market.now_ms)
    market.advance(market.now_ms + 60_000)
    market.check()
    replica.compare(market)
    for who in WHO:
        for order in market.orders(who):
            assert order.filled + order.remaining == order.amount
            assert not order.is_open
        assert all(balance.held == 0 for balance in market.balances(who))
