"""A trading day at Bitexbit: recorded from its seeded market, replayed by both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bitexbit import OrderStatus, Side
from specie.runtime import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidRequest,
    PermissionDenied,
    RateLimited,
    ServerError,
)

PAIR = "BTC_USD"


def buy(client: Any, amount: Any, price: Any, pair: str = PAIR) -> Any:
    return client.orders.create(pair, side=Side.BUY, amount=amount, price=price)


def balances(client: Any) -> dict[str, tuple[Decimal, Decimal]]:
    return {one.currency: (one.balance, one.reserve) for one in client.account.balances()}


def test_a_trading_day(day: Any) -> None:
    client = day.client
    assert balances(client) == {"BTC": (2, 0), "ETH": (30, 0), "LTC": (500, 0), "USD": (100_000, 0)}
    book = client.market.order_book(PAIR, limit_sell=5, limit_buy=5)
    assert book.bids[0].price < book.asks[0].price

    # An order that takes what the best offers have, and waits with the rest; others trade meanwhile.
    price = book.asks[2].price
    wanted = sum(one.amount for one in book.asks[:3]) + 1
    crossing = buy(client, wanted, price)
    filled = sum(one.amount for one in crossing.trades)
    assert 0 < filled < wanted
    assert filled + crossing.remaining == wanted
    assert client.orders.get(crossing.id).status == OrderStatus.ACTIVE
    assert client.orders.history(pair=PAIR, status=OrderStatus.ACTIVE) == [client.orders.get(crossing.id)]
    assert 0 < balances(client)["USD"][1] <= crossing.remaining * price
    assert client.orders.cancel(crossing.id).id == crossing.id
    assert client.orders.get(crossing.id).status == OrderStatus.CANCELLED
    assert balances(client)["USD"][1] == 0

    # A few that are filled at once, a few that wait and are cancelled, and all trades page by page.
    taken = [buy(client, "0.001", price * 2) for _ in range(3)]
    assert {one.remaining for one in taken} == {0}
    low = (book.bids[-1].price * Decimal("0.9")).quantize(Decimal(1))
    placed = [buy(client, "0.001", low + number).id for number in range(3)]
    for order in placed:
        client.orders.cancel(order)
    history = client.orders.history(pair=PAIR)
    assert [one.id for one in history] == [*placed[::-1], *[one.id for one in taken[::-1]], crossing.id]
    trades = list(client.orders.iter_trades(pair=PAIR, limit=2))
    assert len({one.id for one in trades}) == len(trades) > 4
    bought = sum(one.amount for one in trades)
    spent = sum(one.amount * one.price for one in trades)
    assert filled + Decimal("0.003") <= bought < wanted
    assert abs(balances(client)["USD"][0] - (100_000 - spent)) < Decimal("0.000001")  # each trade is rounded

    # A refusal of each kind that the documents know.
    with day.refused(InsufficientFunds):
        buy(client, "100", price)
    with day.refused(InvalidRequest):
        buy(client, "1", "1", "DOGE_USD")
    with day.refused(AuthenticationFailed):
        day.another(api_secret="not-the-secret").account.balances()
    with day.refused(PermissionDenied, "status:403"):
        client.orders.history(pair=PAIR)
    with day.refused(RateLimited, "status:429:2s"):
        client.orders.history(pair=PAIR)
    with day.refused(ServerError, "status:502"):
        client.orders.history(pair=PAIR)
    assert client.orders.history(status=OrderStatus.ACTIVE) == []
