"""One trader at each exchange: what differs between them, behind the same few verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from specie.sandbox import Sandbox

__all__ = ["Trader", "price_of", "rounded", "traders"]

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
        return price_of(book.bids[0]), price_of(book.asks[0])

    def held(self) -> Amounts:
        """What the account can dispose of, of the two currencies of the pair."""
        wanted = self.pair.upper().split("_")
        return {name.upper(): amount for name, amount in self.balances(self.client) if name.upper() in wanted}


def traders(sandbox: Sandbox) -> Iterator[Trader]:
    """One at each exchange; whoever takes them closes their clients."""
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
        client=BitoPro(**_options(sandbox, "bitopro")),
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
        client=Bitexbit(**_options(sandbox, "bitexbit")),
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
        client=Bibox(**_options(sandbox, "bibox")),
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
        client=Bitok(**_options(sandbox, "bitok")),
        pair="btc_usd",
        amount=Decimal("0.1"),
        balances=lambda client: client.account.info().funds.items(),
        place=place,
        cancel=lambda client, _, order: client.orders.cancel(order),
        open=lambda client, pair: client.orders.open(pair=pair),
    )


def _options(sandbox: Sandbox, name: str) -> dict[str, Any]:
    # Bitexbit allows two signed calls a second, which nobody wants to wait for here; the sandbox does not count.
    return {**sandbox.client_options_of(name), "limits": "ignore"}


def price_of(level: Any) -> Decimal:
    """The price of a level of a book."""
    # One exchange documents no shape for a level, so its client hands over what came: [price, amount].
    return level.price if hasattr(level, "price") else Decimal(level[0])


def rounded(price: Decimal, like: Decimal) -> Decimal:
    """A price with no more places than another one has."""
    return price.quantize(Decimal(1).scaleb(min(0, int(like.normalize().as_tuple().exponent))))
