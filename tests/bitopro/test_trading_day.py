"""A trading day at BitoPro: recorded from its seeded market, replayed by both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bitopro import Side
from specie.bitopro.orders import OrderStatus, OrderType
from specie.runtime import (
    AuthenticationFailed,
    ClockSkew,
    InsufficientFunds,
    InvalidOrder,
    InvalidRequest,
    InvalidSignature,
    InvalidSymbol,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    ServerError,
)

PAIR = "btc_twd"


def limit(client: Any, amount: Any, price: Any, pair: str = PAIR) -> Any:
    return client.orders.create(pair, action=Side.BUY, type=OrderType.LIMIT, amount=amount, price=price)


def balances(client: Any) -> dict[str, tuple[Decimal, Decimal]]:
    return {one.currency: (one.amount, one.available) for one in client.account.balances()}


def test_a_trading_day(day: Any) -> None:
    client = day.client
    assert balances(client) == {
        "btc": (1, 1),
        "eth": (20, 20),
        "twd": (3_000_000, 3_000_000),
        "usdt": (50_000, 50_000),
    }
    book = client.market.order_book(PAIR, limit=5)
    assert book.bids[0].price < book.asks[0].price

    # An order that takes what the best offers have, and waits with the rest; others trade meanwhile.
    price = book.asks[2].price
    crossing = limit(client, sum(one.amount for one in book.asks[:3]) + Decimal("0.5"), price)
    partly = client.orders.get(PAIR, crossing.order_id)
    assert partly.status is OrderStatus.IN_PROGRESS_PARTIAL
    assert 0 < partly.executed_amount < partly.original_amount == crossing.amount
    assert partly.executed_amount + partly.remaining_amount == partly.original_amount
    assert [one.id for one in client.orders.open(pair=PAIR)] == [crossing.order_id]
    total, available = balances(client)["twd"]
    assert 0 < total - available <= partly.remaining_amount * price
    assert client.orders.cancel(PAIR, crossing.order_id).order_id == crossing.order_id
    ended = client.orders.get(PAIR, crossing.order_id)
    assert ended.status is OrderStatus.COMPLETED_PARTIAL
    assert ended.executed_amount >= partly.executed_amount
    total, available = balances(client)["twd"]
    assert total == available == 3_000_000 - ended.total

    # A few more that wait and are cancelled, and the history page by page.
    low = (book.bids[-1].price * Decimal("0.9")).quantize(Decimal(1))
    placed = [limit(client, "0.001", low + number).order_id for number in range(4)]
    gone = client.orders.cancel_all_of_pair(PAIR)
    assert sorted(gone["BTC_TWD"]) == sorted(placed)
    history = list(client.orders.iter_history(PAIR, limit=2))
    assert [one.id for one in history] == [*placed[::-1], crossing.order_id]
    trades = list(client.orders.iter_trades(PAIR, limit=2))
    assert sum(one.base_amount for one in trades) == ended.executed_amount
    assert {one.order_id for one in trades} == {crossing.order_id}

    # A refusal of each kind that the documents know.
    with day.refused(InsufficientFunds):
        limit(client, "100", price)
    with day.refused(InvalidSymbol):
        limit(client, "1", "1", "doge_twd")
    with day.refused(InvalidOrder):
        limit(client, "0.001", f"{low}.5")
    with day.refused(InvalidRequest):
        client.market.candles(PAIR, resolution="1h", start=2_000_000_000, end=1_000_000_000)
    with day.refused(NotFound):
        client.orders.cancel(PAIR, "17")
    with day.refused(InvalidSignature):
        day.another(api_secret="not-the-secret").account.balances()
    with day.refused(AuthenticationFailed):
        day.another(api_key="not-a-key").account.balances()
    with day.refused(ClockSkew):
        limit(day.another(ahead_ms=600_000), "0.001", low)
    with day.refused(PermissionDenied, "status:403"):
        client.orders.open(pair=PAIR)
    with day.refused(RateLimited, "status:429:2s"):
        client.orders.open(pair=PAIR)
    with day.refused(RequestTimeout, "status:408"):
        client.orders.open(pair=PAIR)
    with day.refused(ServerError, "status:502"):
        client.orders.open(pair=PAIR)
    assert client.orders.open() == []
