"""A trading day at Bitexbit, by its own clients, in the living market."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from support.living import NOW_MS, Living, called, living, operations

from specie.bitexbit import Side
from specie.bitexbit.market import Interval, TradeOrdering
from specie.bitexbit.orders import OrderStatus
from specie.bitexbit.wallet import WithdrawalStatus
from specie.runtime import InsufficientFunds, InvalidRequest, NotFound, PermissionDenied
from specie.sandbox.faces.bitexbit import face
from specie.sandbox.market import NewOrder
from specie.sandbox.market import Side as CoreSide

pytest.importorskip("aiohttp")

NOW = Decimal(NOW_MS).scaleb(-3)


@pytest.fixture(params=["blocking", "asyncio"])
def day(request: pytest.FixtureRequest) -> Iterator[Living]:
    with living("bitexbit", face, request.param) as one:
        yield one


@pytest.fixture
def quiet_day() -> Iterator[Living]:
    """In one body: details that no body changes."""
    with living("bitexbit", face, "blocking") as one:
        yield one


def order(client: Any, side: Side, amount: str, price: str, pair: str = "LTC_USD") -> Any:
    return client.orders.create(pair, side=side, amount=amount, price=price)


def wallet(client: Any, currency: str) -> tuple[Decimal, Decimal]:
    (found,) = client.account.balances(currency=currency)
    return found.balance, found.reserve


def test_a_trading_day(day: Living) -> None:
    client = day.client
    assert {one.currency for one in client.account.balances()} == {"BTC", "ETH", "LTC", "USD"}
    assert wallet(client, "USD") == (100_000, 0)
    nothing = client.market.order_book("LTC_USD")
    assert nothing.asks == nothing.bids == client.market.order_book_grouped("LTC_USD").asks == []
    assert client.market.trades(pair="LTC_USD") == client.market.candles("LTC_USD", Interval.ONE_DAY) == []
    assert client.orders.history() == client.orders.trades() == client.wallet.withdrawals() == []
    book = client.market.order_book("BTC_USD")
    assert book.bids[0].price < book.asks[0].price
    assert [one.price for one in book.asks] == sorted(one.price for one in book.asks)
    assert [one.price for one in book.bids] == sorted((one.price for one in book.bids), reverse=True)

    # One that crosses what others offer: the two best, and a part of nothing else.
    best = book.asks[:2]
    taken = order(client, Side.BUY, str(best[0].amount + best[1].amount), str(best[1].price), "BTC_USD")
    assert (taken.side, taken.remaining, taken.price) == (Side.BUY, 0, best[1].price)
    assert [(one.order_id, one.side, one.price, one.amount) for one in taken.trades] == [
        (one.id, Side.SELL, one.price, one.amount) for one in best
    ]
    assert client.orders.get(taken.id).status == OrderStatus.DONE
    spent = sum(one.price * one.amount for one in best)
    assert abs(wallet(client, "USD")[0] - (100_000 - spent)) < Decimal("0.000001")  # what a trade comes to is rounded

    # One that rests, is met in part, and is cancelled; the pair is quiet, so all of it is our doing.
    day.wait(1_500)
    resting = order(client, Side.SELL, "10", "70.5")
    assert (resting.remaining, resting.trades, resting.timestamp) == (10, [], NOW + Decimal("1.5"))
    assert wallet(client, "LTC") == (500, 10)
    assert [one.id for one in client.market.order_book("LTC_USD").asks] == [resting.id]
    met = order(client, Side.BUY, "4", "71")
    assert (met.remaining, met.trades[0].order_id, met.trades[0].price) == (0, resting.id, Decimal("70.5"))
    over = order(client, Side.BUY, "8", "70.5")  # takes the 6 that are left, and waits with 2
    assert over.remaining == 2
    assert client.orders.get(resting.id).status == OrderStatus.DONE
    assert client.orders.get(over.id).status == OrderStatus.ACTIVE
    assert client.orders.get(over.id).amount == 8
    assert client.orders.history(status=OrderStatus.ACTIVE) == [client.orders.get(over.id)]
    grouped = client.market.order_book_grouped("LTC_USD")
    assert ([one.amount for one in grouped.bids], grouped.asks) == ([2], [])
    assert client.orders.cancel(over.id).id == over.id
    assert client.orders.get(over.id).status == OrderStatus.CANCELLED
    assert wallet(client, "LTC")[1] == wallet(client, "USD")[1] == 0

    # What is left of the day.
    history = client.orders.history()
    assert [one.id for one in history] == [over.id, met.id, resting.id, taken.id]
    assert [one.id for one in client.orders.history(side=Side.SELL)] == [resting.id]
    assert [one.id for one in client.orders.history(pair="BTC_USD")] == [taken.id]
    assert [one.id for one in client.orders.history(status=OrderStatus.DONE, limit=1)] == [met.id]
    trades = client.orders.trades(pair="LTC_USD")
    assert [(one.side, one.my_side, one.amount) for one in trades] == [(Side.BUY, Side.BUY, 6), (Side.BUY, Side.BUY, 4)]
    assert {one.id for one in client.orders.trades()} == {one.id for one in (*trades, *taken.trades)}
    assert client.orders.trades(side=Side.SELL) == []

    # The public market moves.
    before = client.market.trades(pair="BTC_USD", limit=1)[0]
    day.wait(60_000)
    after = client.market.trades(pair="BTC_USD", limit=1)[0]
    assert int(after.id) > int(before.id)
    assert before.timestamp < after.timestamp <= NOW + Decimal("61.5")
    candles = client.market.candles("BTC_USD", Interval.FIVE_MINUTES, limit=10)
    assert [int(one.open_time) % 300 for one in candles] == [0] * 10
    assert [one.open_time for one in candles] == sorted((one.open_time for one in candles), reverse=True)
    assert candles[0].close == after.price
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in candles)
    assert {one.code for one in client.market.currencies()} == {"BTC", "ETH", "LTC", "USD"}
    assert [one.sign for one in client.market.currencies() if one.code == "BTC"] == ["Ƀ"]
    assert [one.name for one in client.market.pairs(quote_currency="BTC")] == ["ETH_BTC"]
    assert [one.name for one in client.market.pairs(base_currency="ETH", quote_currency="USD")] == ["ETH_USD"]
    assert client.market.pairs(base_currency="DOGE") == []
    assert all(one.minimum_order_size < one.maximum_order_size for one in client.market.pairs())

    # Money comes and goes; by other means than this API, which only tells of it.
    assert [one.amount for one in client.wallet.deposits()] == [500, 30, 2, 100_000]
    day.market.deposit(day.account, "BTC", Decimal("0.5"), now_ms=day.now_ms)
    assert len(client.wallet.deposits()) == 4
    day.wait(10_000)
    assert client.wallet.deposits()[0].amount == Decimal("0.5")
    transfer = day.market.withdraw(day.account, "BTC", Decimal("0.4"), "somewhere", now_ms=day.now_ms)
    dropped = day.market.withdraw(day.account, "LTC", Decimal(1), "somewhere", now_ms=day.now_ms)
    day.market.cancel_transfer(day.account, dropped.id, now_ms=day.now_ms)
    statuses = [client.wallet.withdrawals(currency="BTC")[0].status]
    for _ in range(6):
        day.wait(2_000)
        (withdrawal,) = client.wallet.withdrawals(currency="BTC")
        assert (withdrawal.id, withdrawal.amount) == (str(transfer.id), Decimal("0.4"))
        statuses.append(withdrawal.status)
    assert list(dict.fromkeys(statuses)) == [WithdrawalStatus.NEW, WithdrawalStatus.VERIFIED, WithdrawalStatus.APPROVED]
    assert [one.currency for one in client.wallet.withdrawals(status=WithdrawalStatus.CANCELLED)] == ["LTC"]
    assert called(day.sandbox) == operations("bitexbit")


def test_pages_lose_and_repeat_nothing(day: Living) -> None:
    client = day.client
    for _ in range(12):
        order(client, Side.SELL, "1", "70.5")
        order(client, Side.BUY, "1", "70.5")
        day.wait(1_000)
    own = client.orders.trades(limit=100)
    assert len(own) == 12  # one entry for each trade, though both sides are ours
    for size in (1, 5, 12, 100):
        assert list(client.orders.iter_trades(limit=size)) == own
        assert list(client.orders.iter_trades(limit=size, ordering=TradeOrdering.ASCENDING)) == own[::-1]
    whole = client.market.trades(limit=1_000_000)
    seen: list[Any] = []
    for index, trade in enumerate(client.market.iter_trades(limit=500)):
        seen.append(trade)
        if index % 500 == 499:
            day.wait(5_000)  # what is traded meanwhile pushes the rest to later pages
    assert [one.id for one in seen] == [one.id for one in whole]
    candles = client.market.candles("BTC_USD", Interval.ONE_MINUTE)
    assert list(client.market.iter_candles("BTC_USD", Interval.ONE_MINUTE, limit=100)) == candles
    assert len(candles) > 300


def test_bounds(quiet_day: Living) -> None:
    client = quiet_day.client
    trades = client.market.trades(pair="BTC_USD", limit=1000, ordering=TradeOrdering.ASCENDING)
    assert [int(one.id) for one in trades] == sorted(int(one.id) for one in trades)
    assert client.market.trades(pair="BTC_USD", ordering=TradeOrdering.ASCENDING, offset=10, limit=5) == trades[10:15]
    assert len(client.market.trades()) == 100
    assert {one.pair for one in client.market.trades()} == {"BTC_USD", "ETH_USD", "ETH_BTC"}
    assert client.market.trades(limit=0) == []
    book = client.market.order_book("ETH_USD", limit_sell=1, limit_buy=2)
    assert (len(book.asks), len(book.bids)) == (1, 2)
    grouped = client.market.order_book_grouped("ETH_USD", limit_sell=3, limit_buy=0)
    assert (len(grouped.asks), grouped.bids) == (3, [])
    candles = client.market.candles("BTC_USD", Interval.ONE_HOUR)
    one_each = [
        client.market.candles("BTC_USD", Interval.ONE_HOUR, since=one.open_time, until=one.open_time) for one in candles
    ]
    assert one_each == [[one] for one in candles]
    for interval in Interval:
        found = client.market.candles("BTC_USD", interval)
        assert sum(one.volume for one in found) == sum(one.volume for one in candles)


def test_figures_are_written_as_documented(quiet_day: Living) -> None:
    client = quiet_day.client
    with client.capture() as replies:
        order(client, Side.SELL, "10", "70.5")
        order(client, Side.BUY, "4", "71")
        client.account.balances(currency="LTC")
        client.orders.get(client.orders.history(limit=1)[0].id)
        client.market.order_book("LTC_USD")
        client.orders.trades()
    first, second, balances, history, got, book, trades = (reply.body.decode() for reply in replies)
    assert '{"success":true,"type":"sell","date":1700000000.0,"oid":' in first
    assert '"price":70.50000000,"amount":10.00000000,"trades":[]}' in first
    assert '"amount":0.00000000,"trades":[{"type":"sell","price":70.50000000,"o_id":' in second
    assert balances == '[{"currency":"LTC","balance":499.99200000,"reserve":6.00000000}]'
    assert '"type":"buy","status":3,"price":71.00000000' in history
    assert '"type":"buy","status":"3","price":71.00000000' in got
    assert '"amount":6,"timestamp":1700000000.0}' in book
    assert '"type":"buy","my_side":"buy","timestamp":1700000000.0,"amount":4.00000000' in trades


def test_refusals(quiet_day: Living) -> None:
    client, market = quiet_day.client, quiet_day.market

    def refused(error: type[Exception], status: int, words: str, call: Any) -> None:
        with pytest.raises(error, match=words) as caught:
            call()
        assert (type(caught.value), caught.value.status) == (error, status)  # type: ignore[attr-defined]

    refused(NotFound, 404, "Not found", lambda: client.orders.get(999_999))
    refused(NotFound, 404, "Not found", lambda: client.orders.get("nonsense"))
    refused(InvalidRequest, 400, "999999 is not active", lambda: client.orders.cancel(999_999))
    placed = order(client, Side.BUY, "1", "70")
    client.orders.cancel(placed.id)
    refused(InvalidRequest, 400, f"{placed.id} is not active", lambda: client.orders.cancel(placed.id))
    market.open_account("other", {"LTC": Decimal(100)}, now_ms=NOW_MS)
    new = NewOrder("LTC_USD", CoreSide.SELL, amount=Decimal(1), price=Decimal(80))
    theirs = market.place("other", new, now_ms=NOW_MS)
    refused(PermissionDenied, 403, "permission", lambda: client.orders.get(theirs.id))
    refused(PermissionDenied, 403, "permission", lambda: client.orders.cancel(theirs.id))

    words = "Out of balance -9.5 LTC"
    refused(InsufficientFunds, 400, words, lambda: order(client, Side.SELL, "509.5", "80"))
    refused(InsufficientFunds, 400, "Out of balance", lambda: order(client, Side.BUY, "10000", "70"))
    absurd = "9" * 30
    refused(InsufficientFunds, 400, "Out of balance", lambda: order(client, Side.BUY, "100000000", absurd))
    refused(InvalidRequest, 400, "above", lambda: order(client, Side.BUY, "1", absurd + "9"))
    refused(InvalidRequest, 400, "multiple", lambda: order(client, Side.BUY, "1", "70.123"))
    refused(InvalidRequest, 400, "multiple", lambda: order(client, Side.BUY, "1.000000001", "70"))
    refused(InvalidRequest, 400, "below", lambda: order(client, Side.BUY, "0.001", "70"))
    refused(InvalidRequest, 400, "above", lambda: order(client, Side.BUY, "100000001", "70"))
    for call in (
        lambda: order(client, Side.BUY, "1", "1", "NO_PAIR"),
        lambda: client.market.order_book("NO_PAIR"),
        lambda: client.market.order_book_grouped("NO_PAIR"),
        lambda: client.market.trades(pair="NO_PAIR"),
        lambda: client.market.candles("NO_PAIR", Interval.ONE_DAY),
        lambda: client.orders.history(pair="NO_PAIR"),
        lambda: client.orders.trades(pair="NO_PAIR"),
    ):
        refused(InvalidRequest, 400, "Unknown pair NO_PAIR", call)
    refused(InvalidRequest, 400, "Unknown currency NO", lambda: client.account.balances(currency="NO"))
    refused(InvalidRequest, 400, "Unknown currency NO", lambda: client.wallet.withdrawals(currency="NO"))
    refused(InvalidRequest, 400, "offset", lambda: client.market.trades(offset=-1))
    refused(InvalidRequest, 400, "limit_buy", lambda: client.market.order_book("BTC_USD", limit_buy=-1))
