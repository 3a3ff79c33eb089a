"""A trading day at BitoPro: recorded from its seeded market, replayed by both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from specie.bitopro import Side
from specie.bitopro.orders import OrderStatus, OrderType
from specie.runtime import (
    AuthenticationFailed,
    ClockSkew,
    InsufficientFunds,
    InvalidRequest,
    InvalidSignature,
    InvalidSymbol,
    NotFound,
    PermissionDenied,
    RateLimited,
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

    # An order that takes the best offer, and waits with what is left of it.
    best = book.asks[0]
    crossing = limit(client, best.amount + Decimal("0.05"), best.price)
    partly = client.orders.get(PAIR, crossing.order_id)
    assert partly.status is OrderStatus.IN_PROGRESS_PARTIAL
    assert 0 < partly.executed_amount < partly.original_amount == crossing.amount
    assert partly.executed_amount + partly.remaining_amount == partly.original_amount
    assert partly.id in [one.id for one in client.orders.open(pair=PAIR)]
    total, available = balances(client)["twd"]
    assert total - available == partly.remaining_amount * best.price
    assert client.orders.cancel(PAIR, crossing.order_id).order_id == crossing.order_id
    assert client.orders.get(PAIR, crossing.order_id).status is OrderStatus.COMPLETED_PARTIAL
    total, available = balances(client)["twd"]
    assert total == available == 3_000_000 - partly.executed_amount * best.price

    # A few more that wait and are cancelled, and the history page by page.
    low = (book.bids[-1].price * Decimal("0.9")).quantize(Decimal(1))
    placed = [limit(client, "0.001", low + number).order_id for number in range(4)]
    gone = client.orders.cancel_all_of_pair(PAIR)
    assert sorted(gone["BTC_TWD"]) == sorted(placed)
    history = list(client.orders.iter_history(PAIR, limit=2))
    assert [one.id for one in history] == [*placed[::-1], crossing.order_id]
    trades = list(client.orders.iter_trades(PAIR, limit=2))
    assert sum(one.base_amount for one in trades) == partly.executed_amount
    assert {one.order_id for one in trades} == {crossing.order_id}

    # A refusal of each kind that the documents know.
    with pytest.raises(InsufficientFunds):
        limit(client, "100", best.price)
    with pytest.raises(InvalidSymbol):
        limit(client, "1", "1", "doge_twd")
    with pytest.raises(NotFound):
        client.orders.cancel(PAIR, "17")
    with pytest.raises(InvalidRequest):
        limit(client, "0.00001", best.price)
    with pytest.raises(InvalidSignature):
        day.another(api_secret="not-the-secret").account.balances()
    with pytest.raises(AuthenticationFailed):
        day.another(api_key="not-a-key").account.balances()
    with pytest.raises(ClockSkew):
        limit(day.another(ahead_ms=600_000), "0.001", low)
    for line, refusal in {"status:403": PermissionDenied, "status:429:2s": RateLimited, "status:502": ServerError}.items():
        day.fault(f"{line} on orders.open")
        with pytest.raises(refusal):
            client.orders.open(pair=PAIR)
    assert client.orders.open() == []
