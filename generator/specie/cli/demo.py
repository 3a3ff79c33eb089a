"""`specie demo`: all four clients at work against the sandbox, shown as a table.

Real HTTP on this machine, nothing else: market data, a signed balance, an order placed and cancelled, and a wrong signature
refused, for each exchange.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import attrs

from specie.runtime import SpecieError
from specie.sandbox import Sandbox

Step: TypeAlias = tuple[str, Callable[[Any], str]]


@attrs.frozen
class Shown:
    """One line of the table."""

    what: str
    request: str
    answer: str
    milliseconds: float
    good: bool


def demo() -> int:
    """Run the demonstration, print it, and give 0 if everything went as it should."""
    began = time.perf_counter()
    shown: list[Shown] = []
    with Sandbox() as sandbox:
        for title, blocking, steps in _exchanges():
            print(f"\n{_bold(title)}")
            options = sandbox.client_options_of(title.lower())
            with blocking(**options) as client:
                for what, step in steps:
                    shown.append(_run(sandbox, what, partial(step, client)))
            forged = {**options, **{name: "wrong" for name in options if name.endswith("secret")}}
            with blocking(**forged) as client:
                shown.append(_run(sandbox, "wrong secret", partial(_refused, client)))
        print(f"\n{_bold('All four at once, on asyncio')}")
        shown.append(_run(sandbox, "order books", lambda: asyncio.run(_together(sandbox))))
    good = sum(one.good for one in shown)
    print(f"\n{good} of {len(shown)} as they should be, in {time.perf_counter() - began:.1f} s.")
    print("The answers are the examples of the exchanges' own documents; no exchange was called.")
    return 0 if good == len(shown) else 1


def _run(sandbox: Sandbox, what: str, step: Callable[[], str]) -> Shown:
    before = len(sandbox.requests)
    began = time.perf_counter()
    try:
        answer, good = step(), True
    except SpecieError as error:
        answer, good = f"{type(error).__name__}: {error}", False
    spent = (time.perf_counter() - began) * 1000
    seen = sandbox.requests[before:]
    request = f"{seen[0].method} {_path(seen[0].path)}" if len(seen) == 1 else f"{len(seen)} requests"
    line = Shown(what, request, answer, spent, good)
    mark = _green("✓") if good else _red("✗")
    print(f"  {mark} {what:<14} {request:<34} {answer:<64} {spent:>6.1f} ms")
    return line


def _path(path: str) -> str:
    """The path as the exchange has it, without the sandbox's own prefix."""
    return "/" + path.split("?")[0].lstrip("/").partition("/")[2].partition("/")[2]


def _refused(client: Any) -> str:
    try:
        (client.account.balances if hasattr(client.account, "balances") else client.account.info)()
    except SpecieError as error:
        return f"refused: {type(error).__name__}"
    return "was not refused"


async def _together(sandbox: Sandbox) -> str:
    from specie.bibox import AsyncBibox
    from specie.bitexbit import AsyncBitexbit
    from specie.bitok import AsyncBitok
    from specie.bitopro import AsyncBitoPro

    def options(name: str) -> Any:
        return sandbox.client_options_of(name)

    async with (
        AsyncBitoPro(**options("bitopro")) as bitopro,
        AsyncBitexbit(**options("bitexbit")) as bitexbit,
        AsyncBibox(**options("bibox")) as bibox,
        AsyncBitok(**options("bitok")) as bitok,
    ):
        books = await asyncio.gather(
            bitopro.market.order_book("btc_twd"),
            bitexbit.market.order_book("BTC_USD"),
            bibox.market.order_book("BTC_USDT"),
            bitok.market.order_book("btc_usd"),
        )
    return f"{len(books)} books: {', '.join(_depth(book) for book in books)}"


def _exchanges() -> Iterator[tuple[str, Any, list[Step]]]:
    from specie.bibox import Bibox
    from specie.bitexbit import Bitexbit
    from specie.bitok import Bitok
    from specie.bitopro import BitoPro

    yield "BitoPro", BitoPro, _bitopro()
    yield "Bitexbit", Bitexbit, _bitexbit()
    yield "Bibox", Bibox, _bibox()
    yield "Bitok", Bitok, _bitok()


def _bitopro() -> list[Step]:
    from specie.bitopro import OrderType, Side

    def place(client: Any) -> str:
        receipt = client.orders.create(
            "btc_twd", action=Side.BUY, type=OrderType.LIMIT, amount=Decimal("0.01"), price=Decimal("2500000")
        )
        return f"order {receipt.order_id}, {receipt.action.value} {_plain(receipt.amount)}"

    return [
        ("order book", lambda client: _best(client.market.order_book("btc_twd", limit=5))),
        ("balances", lambda client: _balances((one.currency, one.available) for one in client.account.balances())),
        ("place", place),
        ("cancel", lambda client: f"order {client.orders.cancel('btc_twd', '12234566').order_id} cancelled"),
    ]


def _bitexbit() -> list[Step]:
    from specie.bitexbit import Side

    def place(client: Any) -> str:
        receipt = client.orders.create("BTC_USD", side=Side.BUY, amount=Decimal("1.0"), price=Decimal("870.69"))
        return f"order {receipt.id}, {_plain(receipt.remaining)} left, {len(receipt.trades)} trade"

    return [
        ("order book", lambda client: _best(client.market.order_book("BTC_USD"))),
        ("balances", lambda client: _balances((one.currency, one.balance) for one in client.account.balances())),
        ("place", place),
        ("cancel", lambda client: f"order {client.orders.cancel('63568').id} cancelled"),
    ]


def _bibox() -> list[Step]:
    from specie.bibox import OrderType, Side

    def place(client: Any) -> str:
        order = client.orders.create(
            "BTC_USDT", side=Side.SELL, type=OrderType.LIMIT, quantity=Decimal("0.01"), price=Decimal("10043.85")
        )
        return f"order {order.id}, {order.status.value}"

    return [
        ("order book", lambda client: _best(client.market.order_book("BTC_USDT"))),
        ("balances", lambda client: _balances((one.asset, one.available) for one in client.account.balances())),
        ("place", place),
        ("cancel", lambda client: f"order {client.orders.cancel('14244173146202090').id} cancelled"),
    ]


def _bitok() -> list[Step]:
    from specie.bitok import Side

    def place(client: Any) -> str:
        receipt = client.orders.create("btc_usd", side=Side.BUY, price=Decimal("25000"), amount=Decimal("0.1"))
        return f"received {_plain(receipt.received)}, {_plain(receipt.remains)} left"

    return [
        ("order book", lambda client: _depth(client.market.order_book("btc_usd"))),
        ("balances", lambda client: _balances(client.account.info().funds.items())),
        ("place", place),
        ("cancel", lambda client: f"order {client.orders.cancel('343154').order_id} cancelled"),
    ]


def _best(book: Any) -> str:
    return f"bid {_plain(book.bids[0].price)}, ask {_plain(book.asks[0].price)}"


def _depth(book: Any) -> str:
    return f"{len(book.bids)}+{len(book.asks)} levels"


def _balances(pairs: Any) -> str:
    return ", ".join(f"{_plain(amount)} {currency}" for currency, amount in list(pairs)[:3])


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _styled(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def _bold(text: str) -> str:
    return _styled("1", text)


def _green(text: str) -> str:
    return _styled("32", text)


def _red(text: str) -> str:
    return _styled("31", text)
