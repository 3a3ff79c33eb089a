"""A trading day at Bitok: recorded from its seeded market, replayed by both clients."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from specie.bitok import Side
from specie.runtime import ApiError, InsufficientFunds, NotFound, RateLimited, ServerError

PAIR = "btc_usd"


def buy(client: Any, amount: Any, price: Any, pair: str = PAIR) -> Any:
    return client.orders.create(pair, side=Side.BUY, amount=amount, price=price)


def test_a_trading_day(day: Any) -> None:
    client = day.client
    info = client.account.info()
    assert info.funds == {"usd": 100_000, "eur": 10_000, "btc": 2, "ltc": 300, "nmc": 5_000}
    book = client.market.order_book(PAIR)
    assert Decimal(book.bids[0][0]) < Decimal(book.asks[0][0])

    # An order that takes what the best offers have, and waits with the rest; others trade meanwhile.
    asks = [(Decimal(price), Decimal(amount)) for price, amount in book.asks[:3]]
    price, wanted = asks[2][0], sum(amount for _, amount in asks) + 1
    crossing = buy(client, wanted, price)
    assert 0 < crossing.received < wanted
    assert crossing.received + crossing.remaining == wanted
    (waiting,) = client.orders.open(pair=PAIR)
    assert (waiting.id, waiting.price) == (crossing.order_id, price)
    assert 0 < waiting.amount <= crossing.remaining
    info = client.account.info()
    assert info.open_orders == 1
    assert 0 < info.funds_on_hold["usd"] <= waiting.amount * price
    cancelled = client.orders.cancel(crossing.order_id)
    assert cancelled.funds["usd"] > info.funds["usd"]
    assert client.orders.open() == []

    # A few that are filled at once; trades and movements page by page.
    for _ in range(3):
        taken = buy(client, "0.001", price * 2)
        assert (taken.order_id, taken.remaining) == ("0", 0)
    trades = list(client.orders.iter_trades(pair=PAIR, count=2))
    assert crossing.received + Decimal("0.003") <= sum(one.amount for one in trades) < wanted
    rows = list(client.account.iter_transactions(count=5))
    info = client.account.info()
    assert len(rows) == info.transaction_count
    for currency, funds in info.funds.items():
        moved = [one.amount if one.direction == "income" else -one.amount for one in rows if one.currency == currency]
        assert sum(moved) == funds

    # A refusal of each kind that the documents know; all others are told by text alone.
    with day.refused(InsufficientFunds):
        buy(client, "100", price)
    with day.refused(NotFound):
        client.wallet.redeem_voucher(voucher_code="0000000000000000", invoice="day-1")
    with day.refused(ApiError):
        client.orders.cancel("17")
    with day.refused(ApiError):
        day.another(api_secret="not-the-secret").account.info()
    with day.refused(RateLimited, "status:429:2s"):
        client.orders.open()
    with day.refused(ServerError, "status:502"):
        client.orders.open()
    assert client.orders.open() == []
