"""A trading day at Bibox: recorded from its seeded market, replayed by both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bibox import OrderType, Side
from specie.bibox.orders import OrderStatus
from specie.runtime import (
    AuthenticationFailed,
    ClockSkew,
    InvalidRequest,
    InvalidSignature,
    InvalidSymbol,
    OrderNotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)

PAIR = "BTC_USDT"


def limit(client: Any, quantity: Any, price: Any, symbol: str = PAIR) -> Any:
    return client.orders.create(symbol, side=Side.BUY, type=OrderType.LIMIT, quantity=quantity, price=price)


def balances(client: Any) -> dict[str, tuple[Decimal, Decimal]]:
    return {one.asset: (one.available, one.frozen) for one in client.account.balances(assets=["BTC", "USDT"])}


def test_a_trading_day(day: Any) -> None:
    client = day.client
    assert balances(client) == {"BTC": (2, 0), "USDT": (100_000, 0)}
    book = client.market.order_book(PAIR, level=5)
    assert book.bids[0].price < book.asks[0].price

    # An order that takes what the best offers have, and waits with the rest; others trade meanwhile.
    price = book.asks[2].price
    crossing = limit(client, sum(one.quantity for one in book.asks[:3]) + 1, price)
    assert crossing.status is OrderStatus.ACCEPTED
    assert 0 < crossing.filled_quantity < crossing.quantity
    assert sum(one.quantity for one in crossing.fills) == crossing.filled_quantity
    assert [one.id for one in client.orders.open(symbol=PAIR)] == [crossing.id]
    held = balances(client)["USDT"][1]
    later = client.orders.get(crossing.id)
    left = [(one.quantity - one.filled_quantity) * price for one in (later, crossing)]
    assert 0 < left[0] <= held <= left[1]
    partly = client.orders.cancel(crossing.id)
    assert partly.status is OrderStatus.CANCELLED
    assert later.filled_quantity <= partly.filled_quantity < partly.quantity
    assert balances(client)["USDT"] == (100_000 - partly.filled_value, 0)

    # A few more that wait and are cancelled, and the history page by page.
    low = (book.bids[-1].price * Decimal("0.9")).quantize(Decimal(1))
    placed = [limit(client, "0.001", low + number).id for number in range(4)]
    assert client.orders.cancel_all(PAIR) is None
    history = list(client.orders.iter_history(PAIR, limit=2))
    assert sorted(one.id for one in history) == sorted([*placed, crossing.id])
    fills = list(client.orders.iter_fills(symbol=PAIR, limit=2))
    assert sum(one.quantity for one in fills) == partly.filled_quantity
    entries = list(client.account.iter_ledger(assets=["USDT"], limit=2))
    assert sum(one.amount for one in entries) == balances(client)["USDT"][0]

    # A refusal of each kind that the documents know; they have none for funds that do not suffice.
    with day.refused(InvalidRequest):
        limit(client, "100", price)
    with day.refused(InvalidSymbol):
        limit(client, "1", "1", "DOGE_USDT")
    with day.refused(OrderNotFound):
        client.orders.cancel("17")
    with day.refused(InvalidSignature):
        day.another(api_secret="not-the-secret").account.balances()
    with day.refused(AuthenticationFailed):
        day.another(api_key="not-a-key").account.balances()
    with day.refused(PermissionDenied):
        limit(day.another(permission="view"), "0.001", low)
    with day.refused(ClockSkew):
        day.another(ahead_ms=-600_000, expire_after=5_000).account.balances()
    with day.refused(RateLimited, "status:429:2s"):
        client.orders.open(symbol=PAIR)
    with day.refused(ServerError, "status:500"):
        client.orders.open(symbol=PAIR)
    assert client.orders.open() == []
