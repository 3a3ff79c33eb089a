"""`specie demo`: all four clients trade in the sandbox's living markets, shown as a table.

Real HTTP on this machine, nothing else. For each exchange: the book, balances, an order that rests and is cancelled,
one that is filled, balances again, an order that is accepted and never answered, and a wrong secret.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import attrs

from specie.runtime import OutcomeUnknown, SpecieError
from specie.sandbox import Sandbox

Amounts: TypeAlias = dict[str, Decimal]


@attrs.frozen
class Trader:
    """One client and how its exchange is spoken to: the same few things that every exchange can do."""

    title: str
    client: Any
    pair: str
    amount: Decimal
    balances: Callable[[Any], Iterable[tuple[str, Decimal]]]
    place: Callable[[Any, str, Decimal, Decimal], str]
    """Client, pair, amount and price to the id of the new order."""
    cancel: Callable[[Any, str, str], object]
    """Client, pair and id."""
    open: Callable[[Any, str], list[Any]]

    def best(self) -> tuple[Decimal, Decimal]:
        """The best bid and the best ask."""
        book = self.client.market.order_book(self.pair)
        return _price(book.bids[0]), _price(book.asks[0])

    def held(self) -> Amounts:
        """What the account can dispose of, of the two currencies of the pair."""
        wanted = self.pair.upper().split("_")
        return {name.upper(): amount for name, amount in self.balances(self.client) if name.upper() in wanted}


def demo() -> int:
    """Run the demonstration, print it, and give 0 if everything went as it should."""
    began = time.perf_counter()
    # Bitexbit allows two signed calls a second, which nobody wants to wait for here.
    with Sandbox(limits=False) as sandbox:
        table = Table(sandbox)
        for trader in _traders(sandbox):
            with trader.client:
                _trade(table, sandbox, trader)
        table.head("All four at once, on asyncio")
        table.row("order books", lambda: asyncio.run(_together(sandbox)))
        sandbox.check()
    spent = time.perf_counter() - began
    print(f"\n{table.good} of {table.rows} as they should be, in {spent:.1f} s; the sandbox's books balance.")
    print("The markets are the sandbox's own, on this machine; no exchange was called.")
    return 0 if table.good == table.rows else 1


def _trade(table: Table, sandbox: Sandbox, trader: Trader) -> None:
    table.head(trader.title)
    prices: list[Decimal] = []
    ids: list[str] = []

    def look() -> str:
        bid, ask = trader.best()
        prices[:] = [bid, ask]
        return f"{trader.pair}: bid {bid:f}, ask {ask:f}"

    def rest() -> str:
        price = _rounded(prices[0] * Decimal("0.8"), prices[0])
        ids.append(trader.place(trader.client, trader.pair, trader.amount, price))
        return f"order {ids[-1]} rests at {price:f}"

    def cancel() -> str:
        if not ids:
            return "!there is no order"
        trader.cancel(trader.client, trader.pair, ids[-1])
        return f"order {ids[-1]} is cancelled"

    def fill() -> str:
        price = _rounded(prices[1] * Decimal("1.01"), prices[1])
        trader.place(trader.client, trader.pair, trader.amount, price)
        return f"bought {trader.amount:f} at {price:f} or better"

    def lose_the_answer() -> str:
        sandbox.fault(f"accept-then-timeout on {trader.title.lower()}.orders.create")
        price = _rounded(prices[0] * Decimal("0.8"), prices[0])
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
    return "bids " + ", ".join(f"{_price(bid):f}" for bid in best)


def _traders(sandbox: Sandbox) -> Iterator[Trader]:
    yield _bitopro(sandbox)
    yield _bitexbit(sandbox)
    yield _bibox(sandbox)
    yield _bitok(sandbox)


def _bitopro(sandbox: Sandbox) -> Trader:
    from specie.bitopro import BitoPro, OrderType, Side

    def place(client: BitoPro, pair: str, amount: Decimal, price: Decimal) -> str:
        return client.orders.create(pair, action=Side.BUY, type=OrderType.LIMIT, amount=amount, price=price).order_id

    return Trader(
        title="BitoPro",
        client=BitoPro(**sandbox.client_options_of("bitopro")),
        pair="btc_twd",
        amount=Decimal("0.01"),
        balances=lambda client: [(one.currency, one.available) for one in client.account.balances()],
        place=place,
        cancel=lambda client, pair, order: client.orders.cancel(pair, order),
        open=lambda client, pair: client.orders.open(pair=pair),
    )


def _bitexbit(sandbox: Sandbox) -> Trader:
    from specie.bitexbit import Bitexbit, OrderStatus, Side

    def place(client: Bitexbit, pair: str, amount: Decimal, price: Decimal) -> str:
        return client.orders.create(pair, side=Side.BUY, amount=amount, price=price).id

    return Trader(
        title="Bitexbit",
        client=Bitexbit(**sandbox.client_options_of("bitexbit")),
        pair="BTC_USD",
        amount=Decimal("0.05"),
        balances=lambda client: [(one.currency, one.balance) for one in client.account.balances()],
        place=place,
        cancel=lambda client, _, order: client.orders.cancel(order),
        open=lambda client, pair: client.orders.history(pair=pair, status=OrderStatus.ACTIVE),
    )


def _bibox(sandbox: Sandbox) -> Trader:
    from specie.bibox import Bibox, OrderType, Side

    def place(client: Bibox, pair: str, amount: Decimal, price: Decimal) -> str:
        return client.orders.create(pair, side=Side.BUY, type=OrderType.LIMIT, quantity=amount, price=price).id

    return Trader(
        title="Bibox",
        client=Bibox(**sandbox.client_options_of("bibox")),
        pair="BTC_USDT",
        amount=Decimal("0.02"),
        balances=lambda client: [(one.asset, one.available) for one in client.account.balances()],
        place=place,
        cancel=lambda client, _, order: client.orders.cancel(order),
        open=lambda client, pair: client.orders.open(symbol=pair),
    )


def _bitok(sandbox: Sandbox) -> Trader:
    from specie.bitok import Bitok, Side

    def place(client: Bitok, pair: str, amount: Decimal, price: Decimal) -> str:
        return client.orders.create(pair, side=Side.BUY, amount=amount, price=price).order_id

    return Trader(
        title="Bitok",
        client=Bitok(**sandbox.client_options_of("bitok")),
        pair="btc_usd",
        amount=Decimal("0.1"),
        balances=lambda client: client.account.info().funds.items(),
        place=place,
        cancel=lambda client, _, order: client.orders.cancel(order),
        open=lambda client, pair: client.orders.open(pair=pair),
    )


def _price(level: Any) -> Decimal:
    # One exchange documents no shape for a level, so its client hands over what came: [price, amount].
    return level.price if hasattr(level, "price") else Decimal(level[0])


def _rounded(price: Decimal, like: Decimal) -> Decimal:
    """A price with no more places than another one has."""
    return price.quantize(Decimal(1).scaleb(min(0, int(like.normalize().as_tuple().exponent))))


class Table:
    """Lines as they happen: what was done, what was sent, what came of it, and how long it took."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.rows = 0
        self.good = 0

    def head(self, title: str) -> None:
        print(f"\n{_styled('1', title)}")

    def row(self, what: str, step: Callable[[], str]) -> None:
        """Do `step` and show its answer; one that begins with `!` is not what should have come."""
        before = len(self._sandbox.requests)
        began = time.perf_counter()
        try:
            answer = step()
        except SpecieError as error:
            answer = f"!{type(error).__name__}: {error}"
        spent = (time.perf_counter() - began) * 1000
        good = not answer.startswith("!")
        self.rows += 1
        self.good += good
        seen = self._sandbox.requests[before:]
        sent = f"{seen[0].method} {_own_path(seen[0].path)}" if seen else "nothing sent"
        sent += f" +{len(seen) - 1}" if len(seen) > 1 else ""
        mark = _styled("32", "✓") if good else _styled("31", "✗")
        print(f"  {mark} {what:<13} {sent:<38} {answer.removeprefix('!'):<56} {spent:>6.1f} ms")


def _own_path(path: str) -> str:
    """The path as the exchange has it, without the sandbox's own prefix."""
    return "/" + path.split("?")[0].lstrip("/").partition("/")[2].partition("/")[2]


def _styled(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text
