"""What a type checker says of users' scripts: right ones pass `mypy --strict`, and each wrong line is pointed at.

A comment `# wrong: code` stands at the end of each line that mypy must complain of, and no other line may be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.replay import ROOT, exchanges

BITOPRO = """
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from specie.bitopro import (
    AsyncBitoPro, BitoPro, Fill, NewOrder, Order, OrderReceipt, OrderStatus, OrderType, Side, StatusKind, TimeInForce,
)
from specie.runtime import ApiError, InsufficientFunds, OutcomeUnknown, Timeout


def right(yesterday: datetime) -> OrderReceipt | None:
    with BitoPro(api_key="k", api_secret=lambda: "s", identity="me@example.org", timeout=Timeout(read=3)) as client:
        book = client.market.order_book("btc_twd", limit=5)
        best: Decimal = book.bids[0].price
        orders: list[Order] = client.orders.history("btc_twd", start=yesterday, status_kind=StatusKind.ALL)
        known: bool = orders[0].status.is_known and orders[0].status is OrderStatus.COMPLETED
        when: datetime | None = orders[0].created_utc
        fills: Iterator[Fill] = client.orders.iter_trades("btc_twd", start=yesterday)
        spent: Decimal = sum((fill.quote_amount for fill in fills), Decimal(0))
        cancelled: dict[str, list[str]] = client.orders.cancel_all()
        print(known, when, spent, cancelled, repr(client.with_options(retries=0)))
        batch = [
            NewOrder(pair="BTC_TWD", action=Side.BUY, type=OrderType.LIMIT, amount="1", price=best),
            NewOrder(pair="BTC_TWD", action=Side.SELL, type=OrderType.MARKET, amount=2, timestamp=yesterday),
        ]
        receipts: list[OrderReceipt] = client.orders.create_batch(batch)
        try:
            return client.orders.create(
                "btc_twd", action=Side.BUY, type=OrderType.LIMIT, amount=Decimal("0.01"), price=best,
                time_in_force=TimeInForce.POST_ONLY, client_id=7,
            )
        except InsufficientFunds as error:
            print(error.status, error.code, error.message, receipts)
        except OutcomeUnknown as error:
            print(error.client_order_id, error.sent_at_ms)
        except ApiError as error:
            print(error.retry_after)
    return None


async def right_too() -> Decimal:
    async with AsyncBitoPro() as client:
        book = await client.market.order_book("btc_twd")
        async for fill in client.orders.iter_trades("btc_twd"):
            return fill.price
        return book.asks[0].price


from specie.bitopro import Sied  # wrong: attr-defined


def wrong(client: BitoPro) -> None:
    client.orders.create("btc_twd", action=Side.BUY, type=OrderType.LIMIT, amount=0.01)  # wrong: arg-type
    client.orders.create("btc_twd", action="BUY", type=OrderType.LIMIT, amount=1)  # wrong: arg-type
    client.orders.create("btc_twd", action=TimeInForce.GTC, type=OrderType.LIMIT, amount=1)  # wrong: arg-type
    client.orders.create("btc_twd", type=OrderType.LIMIT, amount=1)  # wrong: call-arg
    client.orders.create(action=Side.BUY, type=OrderType.LIMIT)  # wrong: call-arg
    client.orders.create("btc_twd", Side.BUY, type=OrderType.LIMIT)  # wrong: call-arg misc
    client.orders.create("btc_twd", action=Side.BUY, type=OrderType.LIMIT, amonut=1)  # wrong: call-arg
    client.market.order_book("btc_twd", limit="5")  # wrong: arg-type
    client.market.order_book("btc_twd").bid  # wrong: attr-defined
    client.market.order_book("btc_twd").bids[0].prize  # wrong: attr-defined
    price: float = client.market.order_book("btc_twd").bids[0].price  # wrong: assignment
    client.orders.history("btc_twd", start="2024-01-01")  # wrong: arg-type
    client.orders.cancel("btc_twd", 1.5)  # wrong: arg-type
    client.order.open()  # wrong: attr-defined
    Side.HOLD  # wrong: attr-defined
    BitoPro(key="k")  # wrong: call-arg
    NewOrder(pair="BTC_TWD", action=Side.BUY, type=OrderType.LIMIT, amount=0.1)  # wrong: arg-type
    NewOrder(pair="BTC_TWD", action=Side.BUY, amount=1)  # wrong: call-arg
    when: datetime = client.orders.history("btc_twd")[0].created_utc  # wrong: assignment
    number: int = client.orders.history("btc_twd")[0].id  # wrong: assignment
    print(price, when, number)


async def wrong_too(client: AsyncBitoPro) -> None:
    client.market.order_book("btc_twd").bids  # wrong: attr-defined
    for fill in client.orders.iter_trades("btc_twd"):  # wrong: attr-defined
        print(fill)
"""

BIBOX = """
from decimal import Decimal

from specie.bibox import AsyncBibox, Bibox, Candle, Fill, Order, OrderType, Side, TimeInForce


def right(client: Bibox) -> Decimal:
    pairs = client.market.pairs(symbols=["BTC_USDT", "ETH_USDT"])
    one = client.market.pairs(symbols="BTC_USDT")
    candles: list[Candle] = client.market.candles("BTC_USDT", time_frame="1h", limit=2)
    order: Order = client.orders.create(
        "BTC_USDT", side=Side.SELL, type=OrderType.LIMIT, quantity="0.01", price=Decimal(10), time_in_force=TimeInForce.GTC
    )
    number: str = order.id
    fees: list[Decimal] = [fee.amount for fee in order.fees]
    fills: list[Fill] = list(client.orders.iter_fills(symbol="BTC_USDT"))
    client.orders.cancel_all("BTC_USDT")
    print(pairs[0].price_increment + one[0].price_increment, candles[0].open_time_utc.tzinfo, number, fees)
    return fills[0].price


async def right_too(client: AsyncBibox) -> list[Fill]:
    return [fill async for fill in client.orders.iter_fills(symbol="BTC_USDT")]


from specie.bibox import Sied  # wrong: attr-defined


def wrong(client: Bibox) -> None:
    client.market.candles("BTC_USDT", time_frame=60)  # wrong: arg-type
    client.market.candles("BTC_USDT")  # wrong: call-arg
    client.market.candles("BTC_USDT", time_frame="1h")[0][1]  # wrong: index
    client.orders.create("BTC_USDT", side=Side.SELL, type=OrderType.LIMIT, quantity=0.01, price=1)  # wrong: arg-type
    client.orders.get("1").P  # wrong: attr-defined
    client.wallet  # wrong: attr-defined
    Bibox(identity="me@example.org")  # wrong: call-arg
    Bibox(expire_after="5000")  # wrong: arg-type
"""

BITEXBIT = """
from collections.abc import AsyncIterator
from decimal import Decimal

from specie.bitexbit import AsyncBitexbit, Bitexbit, Interval, OrderStatus, Side, Trade, TradeOrdering


def right(client: Bitexbit) -> Decimal:
    book = client.market.order_book("BTC_USD", limit_sell=5)
    candle, *_ = client.market.candles("BTC_USD", interval=Interval.ONE_HOUR)
    trades: list[Trade] = client.market.trades(pair="BTC_USD", ordering=TradeOrdering.ASCENDING)
    status: OrderStatus = client.orders.history(side=Side.BUY)[0].status
    seconds: Decimal = trades[0].timestamp
    for trade in client.market.iter_trades(pair="BTC_USD"):
        seconds = max(seconds, trade.timestamp)
    receipt = client.orders.create("BTC_USD", side=Side.BUY, amount=1, price="870.69")
    client.orders.cancel(receipt.id)
    print(candle.high, status.value, book.asks[0].id)
    return seconds


def right_too(client: AsyncBitexbit) -> AsyncIterator[Trade]:
    return client.market.iter_trades(pair="BTC_USD")


from specie.bitexbit import Sied  # wrong: attr-defined


def wrong(client: Bitexbit) -> None:
    client.market.candles("BTC_USD", interval=60)  # wrong: arg-type
    client.orders.create("BTC_USD", side=Side.BUY, amount=1)  # wrong: call-arg
    client.orders.create("BTC_USD", side=Side.BUY, amount=1, price=870.69)  # wrong: arg-type
    client.market.trades(pair="BTC_USD")[0].price_utc  # wrong: attr-defined
    client.market.trades(pair="BTC_USD")[0].price + 0.1  # wrong: operator
    OrderStatus.ACTIVATED  # wrong: attr-defined
"""

BITOK = """
from decimal import Decimal
from typing import Any, assert_type

from specie.bitok import AsyncBitok, Bitok, Order, OrdersOutcome, Side, SortOrder, Trade, Transaction
from specie.runtime import Filled, NotPlaced, OutcomeUnknown, Placed, StillUnknown


def right(client: Bitok) -> Decimal:
    funds: dict[str, Decimal] = client.account.info().funds
    rows: list[Transaction] = client.account.transactions(offset=10, order=SortOrder.ASC).rows
    anything: Any = client.market.pairs()
    receipt = client.orders.create("btc_usd", side=Side.BUY, price=325, amount="0.1")
    client.orders.cancel(receipt.order_id)
    print(rows[0].timestamp_utc.year, rows[0].id.upper(), anything)
    return funds["usd"] + client.account.fee("btc_usd").rate


async def right_too(client: AsyncBitok) -> str:
    async for transaction in client.account.iter_transactions():
        return transaction.currency
    return (await client.wallet.deposit_address("btc")).address


from specie.bitok import Sied  # wrong: attr-defined


def wrong(client: Bitok) -> None:
    client.account.transactions(order="ASC")  # wrong: arg-type
    client.orders.create("btc_usd", side=Side.BUY, price=325.0, amount="0.1")  # wrong: arg-type
    client.orders.create("btc_usd", side=Side.BUYS, price=325, amount="0.1")  # wrong: attr-defined
    client.wallet.withdraw("0.1", currency="btc", invoice="1")  # wrong: call-arg
    client.account.info().fund  # wrong: attr-defined
    total: int = client.account.info().funds["usd"]  # wrong: assignment
    client.account.transactions(method="getInfo")  # wrong: call-arg
    print(total)


def found(client: Bitok, unknown: OutcomeUnknown) -> str:
    outcome = client.orders.reconcile(unknown, known=["1", 2], wait=60)
    match outcome:
        case Placed(order):
            assert_type(order, Order)
            return order.id
        case Filled(fills):
            return fills[0].order_id
        case NotPlaced(why):
            return why
        case StillUnknown(candidates, why):
            assert_type(candidates, tuple[Order | Trade, ...])
            return why


async def found_too(client: AsyncBitok, unknown: OutcomeUnknown) -> OrdersOutcome:
    client.market.rules("btc_usd")  # wrong: attr-defined
    return await client.orders.reconcile(unknown)


def forgotten(client: Bitok, unknown: OutcomeUnknown) -> str:  # wrong: return
    match client.orders.reconcile(unknown):
        case Placed(order):
            return order.id
        case NotPlaced(why):
            return why
        case StillUnknown(_, why):
            return why
"""

SCRIPTS = {"bibox": BIBOX, "bitexbit": BITEXBIT, "bitok": BITOK, "bitopro": BITOPRO}


def complaints(folder: Path) -> dict[str, dict[int, list[str]]]:
    """What one run of mypy says of all scripts: by script and line, the codes."""
    for name, text in SCRIPTS.items():
        (folder / f"of_{name}.py").write_text(text, "utf-8")
    config = folder / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = True\nwarn_unreachable = True\n[mypy-specie.*]\nfollow_imports = silent\n", "utf-8"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(folder / "cache")]
    command += ["--no-pretty", "--no-error-summary", "--hide-error-context", *sorted(map(str, folder.glob("of_*.py")))]
    path = os.pathsep.join([str(ROOT / "generator"), str(ROOT / "generated")])
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": path}
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, dict[int, list[str]]] = {name: {} for name in SCRIPTS}
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(?:.*/)?of_(\w+)\.py:(\d+): (error|note): (.*?)(?:  \[([\w-]+)\])?", line)
        assert match, line
        if match[3] == "error":
            found[match[1]].setdefault(int(match[2]), []).append(f"{match[5]}: {match[4]}")
    return found


def test_right_lines_pass_and_wrong_ones_are_pointed_at(tmp_path: Path) -> None:
    # One test, since mypy takes seconds to begin: it says all that is not as it should be.
    said = complaints(tmp_path)
    surprises: list[str] = []
    for exchange, script in SCRIPTS.items():
        for number, line in enumerate(script.splitlines(), 1):
            wanted = set(line.partition("# wrong: ")[2].split())
            codes = {one.partition(":")[0] for one in said[exchange].get(number, [])}
            if bool(codes) is not bool(wanted) or not codes <= wanted:
                surprises.append(f"{exchange}: {line.strip()}\n    mypy: {said[exchange].get(number, 'nothing')}")
    assert not surprises, "\n".join(surprises)


def test_every_exchange_has_a_script() -> None:
    assert set(SCRIPTS) == set(exchanges())
