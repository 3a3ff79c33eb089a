"""A trading day at Bitok, by its own clients, in the living market."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from support.living import NOW_MS, Living, called, living, operations

from specie.bitok import Side, SortOrder
from specie.bitok.wallet import RequestStatus
from specie.runtime import ApiError, InsufficientFunds, NotFound
from specie.sandbox.faces.bitok import face
from specie.sandbox.market import TransferKind

pytest.importorskip("aiohttp")

NOW = NOW_MS // 1000
ZERO = Decimal(0)


@pytest.fixture(params=["blocking", "asyncio"])
def day(request: pytest.FixtureRequest) -> Iterator[Living]:
    with living("bitok", face, request.param) as one:
        yield one


@pytest.fixture
def quiet_day() -> Iterator[Living]:
    """In one body: details that no body changes."""
    with living("bitok", face, "blocking") as one:
        yield one


def order(client: Any, side: Side, amount: str, price: str, pair: str = "nmc_usd") -> Any:
    return client.orders.create(pair, side=side, amount=amount, price=price)


def test_a_trading_day(day: Living) -> None:
    client = day.client
    info = client.account.info()
    assert info.funds == {"usd": 100_000, "eur": 10_000, "btc": 2, "ltc": 300, "nmc": 5_000}
    assert set(info.funds_on_hold.values()) == {0}
    assert (info.rights.info, info.rights.trade) == (True, True)
    assert (info.transaction_count, info.open_orders, info.server_time) == (5, 0, NOW)
    assert (client.orders.open(), client.orders.trades()) == ([], [])
    assert client.market.order_book("nmc_usd").asks == client.market.trades("nmc_usd") == []
    assert client.market.ticker("nmc_usd").volume == 0
    rate = client.account.fee("btc_usd").rate
    assert rate == client.market.fee("btc_usd").rate == Decimal("0.002")

    # One that crosses what others offer: it is filled at once, and has no id.
    book = client.market.order_book("btc_usd")
    asks = [(Decimal(price), Decimal(amount)) for price, amount in book.asks]
    assert asks == sorted(asks)
    assert book.bids[0][0] < asks[0][0]
    taken = order(client, Side.BUY, str(asks[0][1] + asks[1][1]), str(asks[1][0]), "btc_usd")
    assert (taken.order_id, taken.remaining, taken.received) == ("0", 0, asks[0][1] + asks[1][1])
    assert abs(taken.funds["btc"] - (2 + taken.received * (1 - rate))) < Decimal("0.0000001")
    trades = client.orders.trades(pair="btc_usd")
    assert sum(one.amount for one in trades) == taken.received
    assert {(one.side, one.is_your_order) for one in trades} == {(Side.BUY, False)}

    # One that rests, is met in part, and is cancelled; the pair is quiet, so all of it is our doing.
    day.wait(1_500)
    resting = order(client, Side.SELL, "100", "0.95")
    assert (resting.received, resting.remaining, resting.funds["nmc"]) == (0, 100, 4_900)
    assert client.account.info().funds_on_hold["nmc"] == 100
    assert client.market.order_book("nmc_usd").asks == [[Decimal("0.95"), 100]]
    met = order(client, Side.BUY, "40", "1")
    assert (met.order_id, met.received, met.remaining) == ("0", 40, 0)
    (waiting,) = client.orders.open()
    assert (waiting.id, waiting.amount, waiting.price) == (resting.order_id, 60, Decimal("0.95"))
    assert (waiting.created, waiting.side, waiting.status) == (NOW + 1, Side.SELL, 0)
    over = order(client, Side.BUY, "70", "0.95")  # takes the 60 that are left, and waits with 10
    assert (over.received, over.remaining) == (60, 10)
    assert [one.id for one in client.orders.open(pair="nmc_usd")] == [over.order_id]
    assert client.account.info().open_orders == 1
    before = client.account.info().funds["usd"]
    cancelled = client.orders.cancel(over.order_id)
    assert cancelled.order_id == over.order_id
    assert cancelled.funds["usd"] == before + Decimal("9.5")
    assert client.orders.open() == []
    assert [(one.order_id, one.is_your_order, one.amount) for one in client.orders.trades(pair="nmc_usd")] == [
        (resting.order_id, True, 60),
        (resting.order_id, True, 40),
    ]

    # Every movement is told, and they come to what there is.
    page = client.account.transactions()
    info = client.account.info()
    assert page.total == len(page.rows) == info.transaction_count
    for currency, funds in info.funds.items():
        signed = [
            one.amount if one.direction == "income" else -one.amount for one in page.rows if one.currency == currency
        ]
        assert sum(signed, ZERO) == funds
    assert {one.type for one in page.rows} == {"deposit", "trade", "fee"}
    assert {one.description for one in page.rows if one.type == "trade"} == {
        "BTC payment",
        "USD payment",
        "NMC payment",
    }

    # Money comes and goes.
    assert client.wallet.deposit_address("btc") == client.wallet.deposit_address("btc")
    assert client.wallet.deposit_address("btc") != client.wallet.deposit_address("ltc")
    day.market.deposit(day.account, "btc", Decimal("0.5"), now_ms=day.now_ms)
    funds = info.funds["btc"]
    request = client.wallet.withdraw("0.4", currency="btc", address="1G3FtRHSfW5Saiq3pti2qm1dJ1bwFL48RD1", invoice="a")
    assert request.status == RequestStatus.NEW
    assert client.account.info().funds_on_hold["btc"] == Decimal("0.4005")
    seen: list[tuple[str, str, int | None]] = []
    for _ in range(13):
        seen += [
            (one.type, one.status, one.extra.confirmations if one.extra else None)
            for one in client.wallet.history(currency="btc", count=2)
        ]
        day.wait(1_000)
    assert {one for one in seen if one[0] == "deposit"} == {
        ("deposit", "new", None),
        ("deposit", "processing", 2),
        ("deposit", "confirmed", 3),
    }
    assert {one for one in seen if one[0] == "withdraw"} == {
        ("withdraw", "new", None),
        ("withdraw", "processing", 2),
        ("withdraw", "confirmed", 3),
    }
    withdrawal = client.wallet.history(count=1)[0]
    assert (withdrawal.tx_id, withdrawal.amount, withdrawal.fee) == (request.id, Decimal("0.4"), Decimal("0.0005"))
    assert withdrawal.extra.ps_id
    assert client.account.info().funds["btc"] == funds + Decimal("0.5") - Decimal("0.4005")

    # A voucher, whose code the exchange tells by notification; nobody takes it here.
    client.wallet.create_voucher("25.5", currency="usd", invoice="b", notify_url="http://127.0.0.1:9/bitok")
    dollars = client.account.info().funds["usd"]
    day.wait(2_000)
    client.account.info()
    (voucher,) = day.market.transfers(day.account, kind=TransferKind.VOUCHER_CREATION)
    assert client.wallet.redeem_voucher(voucher.voucher_code, invoice="c").status == RequestStatus.NEW
    day.wait(2_000)
    assert client.account.info().funds["usd"] == dollars + Decimal("25.5")
    assert [one.type for one in client.account.transactions(count=2).rows] == ["voucher", "voucher"]

    # The public market moves.
    assert client.market.pairs() == ["btc_usd", "ltc_eur", "ltc_btc", "nmc_usd"]
    last = client.market.trades("btc_usd")[0]
    volume = client.market.ticker("btc_usd").volume
    day.wait(60_000)
    trades = client.market.trades("btc_usd")
    assert len(trades) == 150
    assert trades[0]["tid"] > last["tid"]
    assert trades[0]["date"] <= day.now_ms // 1000
    assert {one["trade_type"] for one in trades} == {"bid", "ask"}
    assert client.market.ticker("btc_usd").volume != volume
    assert client.market.ticker("nmc_usd").volume == 100
    assert called(day.sandbox) == operations("bitok")


def test_pages_lose_and_repeat_nothing(day: Living) -> None:
    client = day.client
    for _ in range(12):
        order(client, Side.SELL, "1", "0.95")
        order(client, Side.BUY, "1", "0.95")
        day.wait(1_000)
    for number in range(12):
        client.wallet.withdraw(1, currency="ltc", address="there", invoice=str(number))
    rows = client.account.transactions().rows
    trades = client.orders.trades()
    transfers = client.wallet.history(count=100)
    assert (len(trades), len(transfers), len(client.wallet.history())) == (12, 17, 10)
    for size in (1, 5, 12, 100):
        assert list(client.account.iter_transactions(count=size)) == rows
        assert list(client.orders.iter_trades(count=size)) == trades
        assert list(client.orders.iter_trades(count=size, order=SortOrder.ASC)) == trades[::-1]
        assert list(client.wallet.iter_history(count=size)) == transfers
    assert list(client.wallet.iter_history(currency="ltc")) == [one for one in transfers if one.currency == "ltc"]


def test_bounds(quiet_day: Living) -> None:
    client = quiet_day.client
    for _ in range(6):
        order(client, Side.SELL, "1", "0.95")
        order(client, Side.BUY, "1", "0.95")
        quiet_day.wait(1_000)
    oldest_first = client.orders.trades(order=SortOrder.ASC)
    times = [one.timestamp for one in oldest_first]
    assert times == list(range(NOW, NOW + 6))
    assert client.orders.trades(since=NOW + 2) == oldest_first[2:]
    assert client.orders.trades(end=NOW + 2) == oldest_first[:3]
    assert client.orders.trades(since=NOW + 1, end=NOW + 3, order=SortOrder.DESC) == oldest_first[1:4]
    assert client.orders.trades(from_id=oldest_first[2].id, end_id=oldest_first[4].id) == oldest_first[2:5][::-1]
    assert client.orders.trades(offset=1, count=2) == oldest_first[::-1][1:3]
    assert client.orders.trades(pair="btc_usd") == []
    assert client.orders.trades(offset=100) == []
    rows = client.account.transactions(order=SortOrder.ASC).rows
    page = client.account.transactions(since=NOW + 5)
    assert page.rows == [one for one in rows if one.timestamp >= NOW + 5]
    assert page.total == len(rows)
    assert client.account.transactions(from_id=rows[3].id, end_id=rows[3].id).rows == [rows[3]]
    assert client.account.transactions(since=NOW + 99).rows == []
    assert client.wallet.history(offset=4)[0].currency == "usd"  # the first that came in


def test_figures_are_written_as_documented(quiet_day: Living) -> None:
    client = quiet_day.client
    with client.capture() as replies:
        order(client, Side.SELL, "100", "0.95")
        client.orders.open()
        order(client, Side.BUY, "100", "0.95")
        client.orders.open()
        client.orders.trades()
        client.account.transactions(count=1)
        client.account.transactions(offset=99)
        client.wallet.history(currency="nmc")
        client.market.ticker("nmc_usd")
        client.account.fee("nmc_usd")
    first, waiting, second, nothing, trades, rows, no_rows, transfers, ticker, fee = (
        reply.body.decode() for reply in replies
    )
    assert first.startswith('{"success":1,"return":{"received":0,"remains":100,"order_id":')
    assert '"amount":100.00000000,"rate":0.95000000,"timestamp_created":1700000000,"status":0}' in waiting
    assert '{"received":100,"remains":0,"order_id":0,"funds":{' in second
    assert nothing == '{"success":1,"return":[]}'
    assert '"is_your_order":1,"timestamp":1700000000}}}' in trades
    assert '"amount":"0.2000000000","currency":"nmc"' in rows
    assert no_rows.endswith('"rows":[]}}')
    assert '"amount":"5000.00","base_amount":"5000.00","fee":"0.00","type":"deposit","status":"confirmed"' in transfers
    assert ticker == '{"ticker":{"vol_cur":100}}'
    assert fee == '{"trade":0.002}'


def test_refusals(quiet_day: Living) -> None:
    client = quiet_day.client

    def refused(error: type[Exception], words: str, call: Any) -> None:
        with pytest.raises(error) as caught:
            call()
        found: Any = caught.value
        assert (type(found), found.message, found.status) == (error, words, 200)

    funds = "Not enough funds"
    refused(InsufficientFunds, funds, lambda: order(client, Side.SELL, "5001", "1"))
    refused(InsufficientFunds, funds, lambda: order(client, Side.BUY, "900000", "1"))
    refused(InsufficientFunds, funds, lambda: client.wallet.withdraw(2, currency="btc", address="x", invoice="1"))
    refused(InsufficientFunds, funds, lambda: client.wallet.create_voucher(10_001, currency="eur", invoice="1"))
    refused(NotFound, "Voucher does not exist", lambda: client.wallet.redeem_voucher("8v34408a987ax35d", invoice="1"))
    refused(ApiError, "There is no active order 999999", lambda: client.orders.cancel(999_999))
    placed = order(client, Side.BUY, "1", "0.9")
    client.orders.cancel(placed.order_id)
    words = f"There is no active order {placed.order_id}"
    refused(ApiError, words, lambda: client.orders.cancel(placed.order_id))
    for call in (
        lambda: order(client, Side.BUY, "1", "1", "no_pair"),
        lambda: client.account.fee("no_pair"),
        lambda: client.market.fee("no_pair"),
        lambda: client.market.ticker("no_pair"),
        lambda: client.market.trades("no_pair"),
        lambda: client.market.order_book("no_pair"),
        lambda: client.orders.open(pair="no_pair"),
        lambda: client.orders.trades(pair="no_pair"),
    ):
        refused(ApiError, "Unknown pair no_pair", call)
    refused(ApiError, "Unknown currency no", lambda: client.wallet.history(currency="no"))
    refused(ApiError, "Unknown currency no", lambda: client.wallet.deposit_address("no"))
    refused(ApiError, "usd is not a cryptocurrency", lambda: client.wallet.deposit_address("usd"))
    refused(ApiError, "Invalid parameter from", lambda: client.orders.trades(offset=-1))
    refused(ApiError, "Invalid parameter from_id", lambda: client.account.transactions(from_id="x"))
    client.wallet.withdraw(1, currency="ltc", address="x", invoice="once")
    words = "Invoice once is not unique"
    refused(ApiError, words, lambda: client.wallet.withdraw(1, currency="ltc", address="x", invoice="once"))
    words = "the amount 0.01000000 is below 0.1"
    refused(ApiError, words, lambda: client.wallet.withdraw("0.01000000", currency="ltc", address="x", invoice="2"))
    words = "the price 0.95123 is no multiple of 0.001"
    refused(ApiError, words, lambda: order(client, Side.BUY, "1", "0.95123"))
