"""The trading of the demonstration: books, balances, an order that rests and is cancelled, one that is filled, one that
is accepted and never answered, and a wrong secret; then all exchanges at once, on asyncio.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial
from typing import Any

from specie.runtime import OutcomeUnknown, SpecieError
from specie.sandbox import Sandbox

from .table import Table
from .traders import Trader, price_of, rounded, traders

__all__ = ["trade"]


def trade(table: Table, sandbox: Sandbox) -> None:
    """Trade at each exchange, one after the other."""
    for trader in traders(sandbox):
        with trader.client:
            _trade(table, sandbox, trader)
    table.head("All four at once, on asyncio")
    table.row("order books", lambda: asyncio.run(_together(sandbox)))


def _trade(table: Table, sandbox: Sandbox, trader: Trader) -> None:
    table.head(trader.title)
    prices: list[Decimal] = []
    ids: list[str] = []

    def look() -> str:
        bid, ask = trader.best()
        prices[:] = [bid, ask]
        return f"{trader.pair}: bid {bid:f}, ask {ask:f}"

    def rest() -> str:
        price = rounded(prices[0] * Decimal("0.8"), prices[0])
        ids.append(trader.place(trader.client, trader.pair, trader.amount, price))
        return f"order {ids[-1]} rests at {price:f}"

    def cancel() -> str:
        if not ids:
            return "!there is no order"
        trader.cancel(trader.client, trader.pair, ids[-1])
        return f"order {ids[-1]} is cancelled"

    def fill() -> str:
        price = rounded(prices[1] * Decimal("1.01"), prices[1])
        trader.place(trader.client, trader.pair, trader.amount, price)
        return f"bought {trader.amount:f} at {price:f} or better"

    def lose_the_answer() -> str:
        sandbox.fault(f"accept-then-timeout on {trader.title.lower()}.orders.create")
        price = rounded(prices[0] * Decimal("0.8"), prices[0])
        try:
            trader.place(trader.client.with_options(timeout=0.3), trader.pair, trader.amount, price)
        except OutcomeUnknown as unknown:
            orders = len(trader.open(trader.client, trader.pair))
            return f"{type(unknown).__name__}, sent once; {orders} order is there"
        return "!an answer came"

    def balances() -> str:
        return ", ".join(f"{amount:f} {name}" for name, amount in trader.held().items())

    table.row("order book", look)
    table.row("balances", balances)
    table.row("rest", rest)
    table.row("cancel", cancel)
    table.row("fill", fill)
    table.row("balances", balances)
    table.row("lost answer", lose_the_answer)
    table.row("wrong secret", partial(_refused, sandbox, trader))


def _refused(sandbox: Sandbox, trader: Trader) -> str:
    options = sandbox.client_options_of(trader.title.lower())
    forged = {**options, **{name: "wrong" for name in options if name.endswith("secret")}}
    with type(trader.client)(**forged) as client:
        try:
            list(trader.balances(client))
        except SpecieError as error:
            return f"refused: {type(error).__name__}"
    return "!it was let in"


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
    best: list[Any] = [book.bids[0] for book in books]
    return "bids " + ", ".join(f"{price_of(bid):f}" for bid in best)
