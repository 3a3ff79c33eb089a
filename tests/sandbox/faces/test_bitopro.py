"""A trading day at BitoPro, by its own clients, in the living market."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from support.living import NOW_MS, Living, called, living, operations
from support.replay import client_class, exchanges

from specie.bitopro import Side
from specie.bitopro.market import CandleResolution, Comparison
from specie.bitopro.orders import NewOrder, OrderStatus, OrderType, StatusKind, StopCondition, TimeInForce
from specie.bitopro.wallet import DepositStatus, Protocol, WithdrawalStatus
from specie.runtime import (
    ApiError,
    ClockSkew,
    InsufficientFunds,
    InvalidOrder,
    InvalidRequest,
    InvalidSignature,
    InvalidSymbol,
    NotFound,
)
from specie.sandbox import Call, Received, Sandbox
from specie.sandbox import market as core
from specie.sandbox.faces.bitopro import face

pytest.importorskip("aiohttp")

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
OTHER = "somebody else"


@pytest.fixture(params=["blocking", "asyncio"])
def day(request: pytest.FixtureRequest) -> Iterator[Living]:
    with living("bitopro", face, request.param) as one:
        yield one


@pytest.fixture
def quiet_day() -> Iterator[Living]:
    """In one body: details that no body changes."""
    with living("bitopro", face, "blocking") as one:
        yield one


def limit(client: Any, action: Side, amount: Any, price: Any, pair: str = "btc_twd", **more: Any) -> Any:
    return client.orders.create(pair, action=action, type=OrderType.LIMIT, amount=amount, price=price, **more)


def balance(client: Any, currency: str) -> tuple[Decimal | int, Decimal | int]:
    """All that there is, and what of it is free."""
    (found,) = (one for one in client.account.balances() if one.currency == currency)
    return found.amount, found.available


def meet(day: Living, side: core.Side, amount: str, price: Decimal, pair: str = "BTC_TWD") -> None:
    """Somebody else trades."""
    if OTHER not in day.market.accounts:
        day.market.open_account(OTHER, {"BTC": Decimal(50), "TWD": Decimal(10**9)}, now_ms=day.now_ms)
    order = core.NewOrder(pair, side, amount=Decimal(amount), price=price, time_in_force=core.TimeInForce.IOC)
    day.market.place(OTHER, order, now_ms=day.now_ms)


def inside(client: Any, pair: str = "btc_twd") -> tuple[Decimal, Decimal]:
    """The best prices."""
    book = client.market.order_book(pair, limit=1)
    return book.bids[0].price, book.asks[0].price


def test_a_trading_day(day: Living) -> None:
    client = day.client
    assert {one.currency for one in client.account.balances()} == {"twd", "btc", "eth", "usdt"}
    assert balance(client, "twd") == (3_000_000, 3_000_000)
    bid, ask = inside(client)
    assert bid < ask

    # One that rests, better than all others, and is filled in two parts by somebody else.
    resting = limit(client, Side.BUY, "0.02", bid + 1, client_id=7)
    assert (resting.action, resting.amount, resting.price) == (Side.BUY, Decimal("0.02"), bid + 1)
    assert (resting.timestamp, resting.client_id) == (day.now_ms, 7)
    (waiting,) = client.orders.open(pair="BTC_TWD")
    assert (waiting.id, waiting.status, waiting.pair) == (resting.order_id, OrderStatus.IN_PROGRESS, "btc_twd")
    held = Decimal("0.02") * (bid + 1)
    assert balance(client, "twd") == (3_000_000, 3_000_000 - held)
    assert client.market.order_book("btc_twd").bids[0].price == bid + 1
    meet(day, core.Side.SELL, "0.005", bid + 1)
    part = client.orders.get("btc_twd", resting.order_id)
    assert (part.status, part.executed_amount) == (OrderStatus.IN_PROGRESS_PARTIAL, Decimal("0.005"))
    assert (part.remaining_amount, part.average_execution_price) == (Decimal("0.015"), bid + 1)
    assert (part.fee, part.fee_symbol, part.total) == (Decimal("0.000005"), "btc", Decimal("0.005") * (bid + 1))
    meet(day, core.Side.SELL, "0.015", bid + 1)
    assert client.orders.get("btc_twd", resting.order_id).status is OrderStatus.COMPLETED
    assert balance(client, "btc") == (Decimal("1.01998"), Decimal("1.01998"))

    # One that crosses, and then rests with what is left of it.
    there = client.market.order_book("btc_twd", limit=1).asks[0]
    crossing = limit(client, Side.BUY, there.amount + Decimal("0.01"), there.price)
    crossed = client.orders.get("btc_twd", crossing.order_id)
    assert (crossed.status, crossed.executed_amount) == (OrderStatus.IN_PROGRESS_PARTIAL, there.amount)
    receipt = client.orders.cancel("btc_twd", crossing.order_id)
    assert (receipt.order_id, receipt.amount, receipt.price) == (
        crossing.order_id,
        crossed.original_amount,
        there.price,
    )
    ended = client.orders.get("btc_twd", crossing.order_id)
    assert (ended.status, ended.remaining_amount) == (OrderStatus.COMPLETED_PARTIAL, Decimal("0.01"))

    # One that may only wait, and would not.
    _, ask = inside(client)
    eager = limit(client, Side.BUY, "0.01", ask, time_in_force=TimeInForce.POST_ONLY)
    assert eager.time_in_force is TimeInForce.POST_ONLY
    assert client.orders.get("btc_twd", eager.order_id).status is OrderStatus.POST_ONLY_CANCELLED

    # At the market: a purchase says what to spend, a sale what to sell.
    bought = client.orders.create("btc_twd", action=Side.BUY, type=OrderType.MARKET, quote_amount="5000.5")
    assert (bought.amount, bought.price, bought.time_in_force) == (Decimal("5000.5"), None, TimeInForce.GTC)
    purchase = client.orders.get("btc_twd", bought.order_id)
    assert (purchase.status, purchase.type, purchase.price) == (OrderStatus.COMPLETED, OrderType.MARKET, None)
    assert Decimal(4990) < purchase.total <= Decimal("5000.5")
    sold = client.orders.create("btc_twd", action=Side.SELL, type=OrderType.MARKET, amount="0.003")
    sale = client.orders.get("btc_twd", sold.order_id)
    assert (sale.executed_amount, sale.fee_symbol) == (Decimal("0.003"), "twd")
    assert 0 <= sale.total * Decimal("0.002") - sale.fee < Decimal("0.0000001")  # rounded down with each trade

    # A stop order, which somebody triggers.
    best, next_best = client.market.order_book("btc_twd").bids[:2]
    stop = client.orders.create(
        "btc_twd",
        action=Side.SELL,
        type=OrderType.STOP_LIMIT,
        amount="0.01",
        price=next_best.price - 50_000,
        stop_price=next_best.price,
        condition=StopCondition.AT_OR_BELOW,
    )
    assert stop.order_id.startswith("SL-")
    sleeping = client.orders.get("btc_twd", stop.order_id)
    assert (sleeping.status, sleeping.stop_price) == (OrderStatus.NOT_TRIGGERED, next_best.price)
    assert sleeping.condition is StopCondition.AT_OR_BELOW
    meet(day, core.Side.SELL, str(best.amount + Decimal("0.0001")), next_best.price)
    woken = client.orders.get("btc_twd", stop.order_id)
    assert (woken.id, woken.type, woken.status) == (stop.order_id, OrderType.STOP_LIMIT, OrderStatus.COMPLETED)

    # Everything that was traded adds up to what there is.
    fills = list(client.orders.iter_trades("BTC_TWD"))
    assert {fill.fee_symbol for fill in fills} == {"BTC", "TWD"}
    assert any(fill.is_taker for fill in fills)
    assert not all(fill.is_taker for fill in fills)
    twd, btc = Decimal(3_000_000), Decimal(1)
    for fill in fills:
        sign = 1 if fill.action is Side.BUY else -1
        btc += sign * fill.base_amount - (fill.fee if fill.fee_symbol == "BTC" else 0)
        twd -= sign * fill.quote_amount + (fill.fee if fill.fee_symbol == "TWD" else 0)
    assert (balance(client, "twd"), balance(client, "btc")) == ((twd, twd), (btc, btc))


def test_each_way_to_cancel(day: Living) -> None:
    orders = day.client.orders
    low = [limit(day.client, Side.BUY, "0.01", 2_000_000 + one).order_id for one in range(5)]
    other = limit(day.client, Side.SELL, "0.5", "200000.5", "ETH_TWD").order_id
    stop = orders.create(
        "btc_twd",
        action=Side.BUY,
        type=OrderType.STOP_LIMIT,
        amount="0.001",
        price=3_500_000,
        stop_price=3_400_000,
        condition=StopCondition.AT_OR_ABOVE,
    ).order_id
    assert orders.cancel("BTC_TWD", low[0], cancel_strategies=False).order_id == low[0]
    # An id of another pair, and one of nobody, are passed over.
    gone = orders.cancel_batch({"BTC_TWD": [low[1], low[2], other, "17"], "ETH_TWD": [low[3]]})
    assert gone == {"BTC_TWD": [low[1], low[2]]}
    assert orders.cancel_all_of_pair("eth_twd") == {"ETH_TWD": [other]}
    assert orders.cancel_all_of_pair("eth_twd") == {}
    assert orders.cancel_all() == {"BTC_TWD": [low[3], low[4], stop]}
    assert orders.open() == []
    assert {one.status for one in orders.iter_history("btc_twd")} == {OrderStatus.CANCELLED}
    assert balance(day.client, "twd") == (3_000_000, 3_000_000)
    with pytest.raises(NotFound):
        orders.cancel("btc_twd", low[0])


def test_history_is_paged_without_repeats_or_loss(day: Living) -> None:
    client, placed = day.client, []
    for number in range(12):
        placed.append(limit(client, Side.BUY, "0.001", 2_000_000 + number, client_id=1 + number % 2).order_id)
        day.wait(0 if number % 3 else MINUTE_MS)  # some at the same moment
        if number % 4 == 0:
            client.orders.cancel("btc_twd", placed[-1])
    newest_first = placed[::-1]
    assert [one.id for one in client.orders.history("btc_twd")] == newest_first
    for size in (2, 3, 5, 12):
        assert [one.id for one in client.orders.iter_history("btc_twd", limit=size)] == newest_first
    by_number = client.orders.history("btc_twd", client_id=2)
    assert [one.id for one in by_number] == newest_first[::2]
    assert {one.client_id for one in by_number} == {2}
    assert len(client.orders.history("btc_twd", status_kind=StatusKind.OPEN)) == 9
    assert client.orders.history("btc_twd", status_kind=StatusKind.DONE) == []
    # The state goes before its kind.
    ended = client.orders.history("btc_twd", status=OrderStatus.CANCELLED, status_kind=StatusKind.OPEN)
    assert [one.id for one in ended] == [placed[8], placed[4], placed[0]]
    # The last one that changed comes first, of all pairs.
    client.orders.cancel("btc_twd", placed[1])
    elsewhere = limit(client, Side.BUY, "10", "20.5", "usdt_twd").order_id
    meet(day, core.Side.SELL, "0.0001", Decimal(2_000_000))
    assert client.orders.open()[0].id == elsewhere
    # Ninety days later they are out of reach, but for open ones that are asked for regardless of time.
    day.wait(91 * DAY_MS)
    assert client.orders.history("btc_twd") == []
    with pytest.raises(NotFound):
        client.orders.get("btc_twd", placed[0])
    old = client.orders.history("btc_twd", status_kind=StatusKind.OPEN, ignore_time_limit=True)
    assert all(one.status is not OrderStatus.CANCELLED for one in old)
    assert len(list(client.orders.iter_history("btc_twd", start=NOW_MS, end=day.now_ms, limit=5))) == 12


def test_fills_are_paged_though_both_sides_are_ours(day: Living) -> None:
    client = day.client
    for _ in range(4):
        bid, ask = inside(client)
        price = (bid + ask) // 2
        limit(client, Side.BUY, "0.01", price)
        limit(client, Side.SELL, "0.01", price)
        day.wait(1)
    fills = client.orders.trades("btc_twd")
    pairs = [(fill.trade_id, fill.order_id) for fill in fills]
    assert len(set(pairs)) == len(pairs) == 8
    assert [fill.is_taker for fill in fills] == [False, True] * 4
    assert fills[0].trade_id == fills[1].trade_id > fills[2].trade_id
    for size in (3, 4, 8):
        walked = client.orders.iter_trades("btc_twd", limit=size)
        assert [(fill.trade_id, fill.order_id) for fill in walked] == pairs
    assert [fill.trade_id for fill in client.orders.trades("btc_twd", order_id=fills[0].order_id)] == [
        fills[0].trade_id
    ]
    assert client.orders.trades("btc_twd", limit=0) == []
    assert client.orders.trades("btc_twd", end=NOW_MS - 1) == []


def test_a_batch_is_taken_order_by_order(day: Living) -> None:
    client = day.client
    bid, ask = inside(client)
    receipts = client.orders.create_batch(
        [
            NewOrder(pair="BTC_TWD", action=Side.BUY, type=OrderType.LIMIT, amount="0.01", price=bid, client_id=1),
            NewOrder(pair="eth_twd", action=Side.SELL, type=OrderType.MARKET, amount=1),
            NewOrder(pair="BTC_TWD", action=Side.SELL, type=OrderType.LIMIT, amount=500, price=ask),
            NewOrder(pair="USDT_TWD", action=Side.BUY, type=OrderType.MARKET, quote_amount=1000),
        ]
    )
    # The one that nobody could pay has no receipt.
    assert [(one.action, one.amount, one.price) for one in receipts] == [
        (Side.BUY, Decimal("0.01"), bid),
        (Side.SELL, Decimal(1), None),
        (Side.BUY, Decimal(1000), None),
    ]
    assert [one.client_id for one in receipts] == [1, None, None]
    with pytest.raises(InsufficientFunds):
        client.orders.create_batch(
            [NewOrder(pair="BTC_TWD", action=Side.SELL, type=OrderType.LIMIT, amount=500, price=ask)]
        )


def test_an_order_by_percentage_sells_that_share(quiet_day: Living) -> None:
    client = quiet_day.client
    receipt = client.orders.create(
        "eth_twd", action=Side.SELL, type=OrderType.LIMIT, amount=1, price=200_000, percentage=25
    )
    assert receipt.amount == 5
    # A number of one's own may be given twice.
    twice = [limit(client, Side.SELL, 1, 200_000, "eth_twd", client_id=9).order_id for _ in range(2)]
    assert [one.id for one in client.orders.history("eth_twd", client_id=9)] == twice[::-1]


def test_the_market_as_anyone_sees_it(day: Living) -> None:
    client = day.client
    pairs = {one.pair: one for one in client.market.pairs()}
    assert list(pairs) == ["btc_twd", "eth_twd", "usdt_twd", "btc_usdt"]
    tickers = {one.pair: one for one in client.market.tickers()}
    for name, rules in pairs.items():
        book = client.market.order_book(name.upper(), limit=20)
        assert book.bids[0].price < book.asks[0].price
        for side, falling in ((book.bids, True), (book.asks, False)):
            prices = [level.price for level in side]
            assert prices == sorted(prices, reverse=falling)
            assert all(-price.normalize().as_tuple().exponent <= rules.quote_precision for price in prices)
            assert side[-1].total == sum(level.amount for level in side)
        ticker = client.market.ticker(name)
        assert ticker == tickers[name]
        assert ticker.low_24h <= ticker.last_price <= ticker.high_24h
        trades = client.market.trades(name)
        assert (trades[0].price, trades[0].is_buyer) == (ticker.last_price, ticker.is_buyer)
        assert [one.timestamp for one in trades] == sorted((one.timestamp for one in trades), reverse=True)
    assert len(client.market.order_book("btc_twd").asks) == 5
    assert client.market.order_book("btc_twd", limit=50).asks
    coarse = client.market.order_book("btc_twd", scale=4).bids
    assert all(level.price % 10_000 == 0 for level in coarse)
    assert coarse[0].count > 1
    assert client.market.ticker("btc_twd").price_change_24h != 0
    before = client.market.order_book("btc_twd", limit=50)
    day.wait(10 * MINUTE_MS)
    assert client.market.order_book("btc_twd", limit=50) != before


def test_candles_of_every_length(quiet_day: Living) -> None:
    market = quiet_day.client.market
    now, day = NOW_MS // 1000, DAY_MS // 1000
    span = {"start": now - 400 * day, "end": now}
    volumes = set()
    for resolution in CandleResolution:
        candles = market.candles("btc_twd", resolution=resolution, **span)
        times = [one.open_time for one in candles]
        assert times == sorted(set(times))
        assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in candles)
        volumes.add(sum(one.volume for one in candles))
    assert len(volumes) == 1
    hours = market.candles("btc_twd", resolution=CandleResolution.ONE_HOUR, start=now - day // 8, end=now)
    assert [one.open_time % HOUR_MS for one in hours] == [0, 0, 0]
    with pytest.raises(InvalidRequest, match="Wrong parameter: from"):
        market.candles("btc_twd", resolution=CandleResolution.ONE_DAY, start=now, end=now - day)


def test_rules_and_fees_agree(quiet_day: Living) -> None:
    market = quiet_day.client.market
    currencies, fees = market.currencies(), market.fees()
    assert {one.currency: one.withdraw_fee for one in currencies} == {
        one.currency: one.fee for one in fees.withdrawal_restrictions
    }
    assert {one.protocol for one in fees.withdrawal_restrictions} == {"main", "erc20", "trx", "bsc"}
    first, second = fees.trading_fees
    assert (first.rank, first.twd_volume_symbol, first.taker_fee) == (0, Comparison.LESS, Decimal("0.002"))
    assert (second.maker_fee, second.taker_bito_fee) == (Decimal("0.0009"), Decimal("0.00144"))
    assert fees.deposit_requirements[0].confirmations_required is None
    assert fees.tt_check_level_1[0].generate_minimum_amount is None
    price, last = market.otc_price("BTC"), market.ticker("btc_twd").last_price
    assert price.sell["twd"].exchange_rate < last < price.buy["twd"].exchange_rate
    with pytest.raises(InvalidRequest, match="Cannot list price"):
        market.otc_price("twd")


def test_money_comes_and_goes(day: Living) -> None:
    client, wallet = day.client, day.client.wallet
    (opening,) = wallet.deposits("usdt")
    assert (opening.amount, opening.status, opening.protocol) == (50_000, DepositStatus.COMPLETE, Protocol.ERC20)
    assert opening.transaction_id
    assert wallet.deposits("twd")[0].transaction_id is None

    day.market.deposit(day.account, "BTC", Decimal("0.25"), now_ms=day.now_ms, memo="for you")
    seen = []
    for _ in range(8):
        newest = wallet.deposits("BTC")[0]
        seen.append(newest.status)
        day.wait(1_000)
    assert list(dict.fromkeys(seen)) == [DepositStatus.WAIT_PROCESS, DepositStatus.PROCESSING, DepositStatus.COMPLETE]
    assert (newest.amount, newest.total, newest.message) == (Decimal("0.25"), Decimal("0.25"), "for you")
    assert balance(client, "btc")[0] == Decimal("1.25")

    sent = wallet.withdraw("usdt", amount=100, protocol=Protocol.TRX, address="demo-wallet", message="rent")
    assert (sent.amount, sent.fee, sent.total, sent.currency) == (100, 2, 102, "USDT")
    assert balance(client, "usdt") == (50_000, 49_898)
    words, ids = [], []
    for _ in range(12):
        one = wallet.withdrawal("USDT", sent.serial)
        assert one == wallet.withdrawal_by_id("usdt", sent.id)
        words.append(one.status)
        ids.append(wallet.withdrawals("usdt")[0].transaction_id)
        day.wait(1_000)
    assert list(dict.fromkeys(words)) == [
        WithdrawalStatus.WAIT_PROCESS,
        WithdrawalStatus.PROCESSING,
        WithdrawalStatus.WAIT_CONFIRMATION,
        WithdrawalStatus.COMPLETE,
    ]
    assert (one.protocol, one.address, one.message) == (Protocol.TRX, "demo-wallet", "rent")
    assert one.legacy_time * 1000 <= one.timestamp == sent_at(wallet, sent)
    assert ids[0] is None
    assert [found.id for found in wallet.withdrawals("usdt", transaction_id=ids[-1])] == [sent.id]
    assert balance(client, "usdt") == (49_898, 49_898)

    at_home = wallet.withdraw("twd", amount=1_000)
    assert (at_home.fee, at_home.protocol) == (15, Protocol.MAIN)
    states = []
    for _ in range(12):
        states.append(wallet.withdrawal("twd", at_home.serial).status)
        day.wait(1_000)
    assert WithdrawalStatus.WAIT_CONFIRMATION not in states
    assert wallet.withdrawals("twd")[0].transaction_id is None


def sent_at(wallet: Any, receipt: Any) -> int:
    (found,) = (one for one in wallet.withdrawals("usdt") if one.id == receipt.id)
    time: int = found.timestamp
    return time


def test_transfers_are_paged_and_filtered(quiet_day: Living) -> None:
    day, wallet = quiet_day, quiet_day.client.wallet
    sent = []
    for number in range(7):
        sent.append(wallet.withdraw("btc", amount="0.001", address=f"demo-{number}").id)
        day.market.deposit(day.account, "USDT", Decimal(1 + number), now_ms=day.now_ms, chain="BSC")
        day.wait(2_500)
    assert [one.id for one in wallet.withdrawals("btc")] == sent[::-1]
    for size in (2, 3, 7):
        assert [one.id for one in wallet.iter_withdrawals("btc", limit=size)] == sent[::-1]
    under_way = wallet.withdrawals("btc", statuses=[WithdrawalStatus.PROCESSING, WithdrawalStatus.WAIT_CONFIRMATION])
    assert [one.id for one in under_way] == sent[:3:-1]
    arrived = list(wallet.iter_deposits("usdt", limit=3))
    assert [one.amount for one in arrived] == [7, 6, 5, 4, 3, 2, 1, 50_000]
    assert {one.protocol for one in arrived[:-1]} == {Protocol.BSC}
    assert wallet.deposits("usdt", statuses=[DepositStatus.CANCELLED]) == []
    assert [one.amount for one in wallet.deposits("usdt", transaction_id=arrived[3].transaction_id)] == [4]
    assert [one.amount for one in wallet.deposits("usdt", start=NOW_MS + 1, end=NOW_MS + 2_500)] == [2]
    refused = wallet.withdraw("twd", amount=1_000)
    day.market.cancel_transfer(day.account, int(refused.id) - 3_200_000_000, now_ms=day.now_ms)
    assert wallet.withdrawal("twd", refused.serial).status is WithdrawalStatus.CANCELLED


BUY_BTC: dict[str, Any] = {"action": Side.BUY, "type": OrderType.LIMIT, "amount": "0.01", "price": 2_000_000}
REFUSALS: dict[str, tuple[type[ApiError], str, str, tuple[Any, ...], dict[str, Any]]] = {
    "pair": (InvalidSymbol, "Unsupported trading pair nope_usdt.", "market.ticker", ("NOPE_USDT",), {}),
    "pair of an order": (InvalidSymbol, "Unsupported trading pair", "orders.create", ("nope_twd",), BUY_BTC),
    "pair of a list": (InvalidSymbol, "Unsupported trading pair", "orders.history", ("nope_twd",), {}),
    "pair of a batch": (InvalidSymbol, "Unsupported", "orders.cancel_batch", ({"NOPE_TWD": ["1"]},), {}),
    "currency": (InvalidSymbol, "Unsupported currency.", "wallet.deposits", ("nope",), {}),
    "scale": (InvalidRequest, "Invalid scale: 9", "market.order_book", ("btc_twd",), {"scale": 9}),
    "funds": (
        InsufficientFunds,
        "Balance for twd not enough, only has 3000000, but ordered 20000000.",
        "orders.create",
        ("btc_twd",),
        BUY_BTC | {"amount": 10},
    ),
    "precision": (
        InvalidOrder,
        "Invalid amount 0.0100000001, decimal limit is 8.",
        "orders.create",
        ("btc_twd",),
        BUY_BTC | {"amount": "0.0100000001"},
    ),
    "price": (InvalidOrder, "decimal limit is 0.", "orders.create", ("btc_twd",), BUY_BTC | {"price": "2000000.5"}),
    "minimum": (InvalidOrder, "minimum is 0.0001.", "orders.create", ("btc_twd",), BUY_BTC | {"amount": "0.00009"}),
    "maximum": (InvalidOrder, "maximum is 1000.", "orders.create", ("btc_twd",), BUY_BTC | {"amount": 1001}),
    "market minimum": (
        InvalidOrder,
        "Invalid amount 299, minimum is 300.",
        "orders.create",
        ("btc_twd",),
        {"action": Side.BUY, "type": OrderType.MARKET, "quote_amount": 299},
    ),
    "clock": (ClockSkew, "Time Mismatch", "orders.create", ("btc_twd",), BUY_BTC | {"timestamp": NOW_MS - HOUR_MS}),
    "order": (NotFound, "There is no order 4000000000", "orders.get", ("btc_twd", "4000000000"), {}),
    "odd id": (NotFound, "There is no order SL-x", "orders.cancel", ("btc_twd", "SL-x"), {}),
    "cursor": (InvalidRequest, "Wrong parameter: orderId", "orders.history", ("btc_twd",), {"order_id": "first"}),
    "trade cursor": (InvalidRequest, "Wrong parameter: tradeId", "orders.trades", ("btc_twd",), {"trade_id": "SL-1"}),
    "transfer cursor": (InvalidRequest, "Wrong parameter: id", "wallet.deposits", ("btc",), {"id": "last"}),
    "address": (
        InvalidRequest,
        "Address not in whitelist.",
        "wallet.withdraw",
        ("btc",),
        {"amount": 1, "address": "bc1q"},
    ),
    "protocol": (
        InvalidRequest,
        "Wrong parameter: protocol",
        "wallet.withdraw",
        ("usdt",),
        {"amount": 50, "address": "demo-1"},
    ),
    "least": (
        InvalidRequest,
        "Wrong parameter: amount",
        "wallet.withdraw",
        ("btc",),
        {"amount": "0.0001", "address": "demo-1"},
    ),
    "poor": (
        InsufficientFunds,
        "Balance for btc not enough, only has 1, but ordered 1.0003.",
        "wallet.withdraw",
        ("btc",),
        {"amount": 1, "address": "demo-1"},
    ),
    "withdrawal": (NotFound, "There is no withdrawal", "wallet.withdrawal", ("btc", "20200417TW51258295"), {}),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_worded_and_classed(refusing: Living, case: str) -> None:
    error, words, operation, arguments, named = REFUSALS[case]
    group, name = operation.split(".")
    with pytest.raises(error) as caught:
        getattr(getattr(refusing.client, group), name)(*arguments, **named)
    assert words in str(caught.value)
    assert type(caught.value) is error


@pytest.fixture(scope="module")
def refusing() -> Iterator[Living]:
    """One market for all refusals: they leave nothing behind."""
    with living("bitopro", face, "blocking") as one:
        yield one


def test_no_more_orders_than_allowed(quiet_day: Living) -> None:
    client = quiet_day.client
    (rules,) = (one for one in client.market.pairs() if one.pair == "usdt_twd")
    order = core.NewOrder("USDT_TWD", core.Side.BUY, amount=Decimal(1), price=Decimal(20))
    client.account.balances()
    for _ in range(rules.order_open_limit):
        quiet_day.market.place(quiet_day.account, order, now_ms=quiet_day.now_ms)
    with pytest.raises(ApiError, match="No more than 200 orders of usdt_twd may be open"):
        limit(client, Side.BUY, 1, 20, "usdt_twd")
    assert len(client.orders.open()) == rules.order_open_limit


def test_an_order_of_another_account_is_unknown(quiet_day: Living) -> None:
    client = quiet_day.client
    ours = limit(client, Side.BUY, "0.01", 2_000_000).order_id
    quiet_day.market.open_account(OTHER, {"TWD": Decimal(10**6)}, now_ms=quiet_day.now_ms)
    order = core.NewOrder("BTC_TWD", core.Side.BUY, amount=Decimal("0.01"), price=Decimal(2_000_000))
    theirs = str(int(ours) + quiet_day.market.place(OTHER, order, now_ms=quiet_day.now_ms).id)
    with pytest.raises(NotFound):
        client.orders.get("btc_twd", theirs)
    with pytest.raises(NotFound):  # ours, but of another pair
        client.orders.get("eth_twd", ours)
    with pytest.raises(NotFound):  # ours, but no stop order
        client.orders.get("btc_twd", f"SL-{ours}")


def test_a_wrong_secret_is_refused() -> None:
    with Sandbox("bitopro", models=[exchanges()["bitopro"]]) as sandbox:
        options = sandbox.client_options | {"api_secret": "wrong"}
        with client_class("bitopro")(**options) as stranger, pytest.raises(InvalidSignature):
            stranger.account.balances()


def test_a_side_of_the_book_can_be_bought_up(quiet_day: Living) -> None:
    client = quiet_day.client

    def buy(amount: int) -> Any:
        receipt = client.orders.create("btc_twd", action=Side.BUY, type=OrderType.MARKET, quote_amount=amount)
        return client.orders.get("btc_twd", receipt.order_id)

    partly, nothing = buy(2_900_000), buy(1_000)
    assert partly.status is OrderStatus.COMPLETED_PARTIAL
    assert 0 < partly.total < 2_900_000
    assert (nothing.status, nothing.executed_amount, nothing.remaining_amount) == (OrderStatus.CANCELLED, 0, 0)
    assert client.market.order_book("btc_twd").asks == []
    assert client.market.ticker("btc_twd").is_buyer
    assert balance(client, "twd") == (3_000_000 - partly.total, 3_000_000 - partly.total)


def test_small_letters_are_taken_where_they_get_through() -> None:
    """The parameter check has only capitals; the exchange is recorded to take either."""
    exchange = exchanges()["bitopro"]
    one = face(exchange, now_ms=NOW_MS, seed=7)
    (create,) = (operation for operation in exchange.operations if operation.id == "orders.create")
    order = {"pair": "btc_twd", "action": "sell", "type": "limit", "amount": Decimal(1), "price": Decimal(3_000_000)}
    received = Received("POST", "/v3/orders/btc_twd", "", (), b"")
    reply = one.answer(Call(create, order | {"timestamp": NOW_MS}, "somebody", received, NOW_MS))
    assert json.loads(reply.body)["action"] == "SELL"


def test_the_same_seed_and_calls_give_the_same_replies() -> None:
    def replies() -> list[bytes]:
        with living("bitopro", face, "blocking") as one, one.client.capture() as captured:
            bid, _ = inside(one.client)
            limit(one.client, Side.SELL, "0.01", bid, client_id=1)
            one.wait(MINUTE_MS)
            one.client.orders.history("btc_twd")
            one.client.wallet.deposits("btc")
            one.client.market.trades("usdt_twd")
            return [reply.body for reply in captured]

    assert replies() == replies()


def test_every_operation_is_lived_through(quiet_day: Living) -> None:
    """Each once, so that one that is new in the spec and not in the face is noticed."""
    client = quiet_day.client
    market, orders, wallet = client.market, client.orders, client.wallet
    market.order_book("btc_twd")
    market.ticker("btc_twd")
    market.tickers()
    market.trades("btc_twd")
    market.candles("btc_twd", resolution=CandleResolution.ONE_DAY, start=NOW_MS // 1000 - 86_400, end=NOW_MS // 1000)
    market.pairs()
    market.currencies()
    market.fees()
    market.otc_price("eth")
    client.account.balances()
    placed = limit(client, Side.BUY, "0.01", 2_000_000).order_id
    orders.create_batch([NewOrder(pair="btc_twd", action=Side.SELL, type=OrderType.MARKET, amount="0.01")])
    orders.get("btc_twd", placed)
    orders.history("btc_twd")
    orders.open()
    orders.trades("btc_twd")
    orders.cancel("btc_twd", placed)
    orders.cancel_batch({"BTC_TWD": [placed]})
    orders.cancel_all()
    orders.cancel_all_of_pair("btc_twd")
    sent = wallet.withdraw("btc", amount="0.01", address="demo-1")
    wallet.deposits("btc")
    wallet.withdrawals("btc")
    wallet.withdrawal("btc", sent.serial)
    wallet.withdrawal_by_id("btc", sent.id)
    assert called(quiet_day.sandbox) == operations("bitopro")
