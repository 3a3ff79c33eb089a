"""What the tests of books share: an exchange's messages of a book, and its rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from specie.runtime import Id, Model, OpenStrEnum, model
from specie.runtime.streams.upkeep import BookRule, CancelledRule, PlacedRule, SnapshotRule


@model(row=True)
class Line(Model):
    """A level."""

    price: Decimal
    amount: Decimal


@model
class Book(Model):
    """A book, whole or what changed of it."""

    bids: list[Line] | None
    asks: list[Line] | None
    number: Id | None = None
    before: Id | None = None


class Side(OpenStrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"


@model
class Trade(Model):
    """A part of an order that waited was traded."""

    maker: Id
    amount: Decimal


@model
class Placed(Model):
    """An order came."""

    id: Id
    side: Side
    price: Decimal
    left: Decimal
    trades: list[Trade] | None = None


@model
class Gone(Model):
    """An order was cancelled."""

    id: Id


@model
class Waiting(Model):
    """An order in the whole book."""

    id: Id
    price: Decimal
    amount: Decimal


@model
class Orders(Model):
    """The whole book, order by order."""

    buy: list[Waiting] | None
    sell: list[Waiting] | None


FIELDS: Any = {"bids": "bids", "asks": "asks", "price": "price", "amount": "amount"}
WHOLE = BookRule(kind="whole", **FIELDS)
NUMBERED_WHOLE = BookRule(kind="whole", sequence="number", **FIELDS)
RISING = BookRule(kind="deltas", sequence="number", check="market.book", check_arguments={"market": "pair"}, **FIELDS)
STEP = BookRule(kind="deltas", sequence="number", step=1, check="market.book", **FIELDS)
CHAINED = BookRule(kind="deltas", sequence="number", previous="before", **FIELDS)
PLAIN = BookRule(kind="deltas", check="market.book", **FIELDS)
SNAPSHOT = SnapshotRule(call="market.book", sequence="number", **FIELDS)
BY_REST = BookRule(kind="deltas", sequence="number", step=1, snapshot=SNAPSHOT, **FIELDS)
CHAINED_BY_REST = BookRule(kind="deltas", sequence="number", previous="before", snapshot=SNAPSHOT, **FIELDS)
UNNUMBERED_BY_REST = BookRule(kind="deltas", snapshot=SnapshotRule(call="market.book", **FIELDS), **FIELDS)
ORDERS = BookRule(
    kind="orders",
    snapshot=SnapshotRule(call="market.orders", bids="buy", asks="sell", id="id", price="price", amount="amount"),
    placed=PlacedRule(
        type=Placed, id="id", side="side", price="price", amount="left", fills="trades", maker="maker", filled="amount"
    ),
    cancelled=CancelledRule(type=Gone, id="id"),
)

Numbers = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


def lines(levels: Numbers) -> list[Line]:
    pairs = levels.items() if isinstance(levels, Mapping) else levels
    return [Line(price=Decimal(str(price)), amount=Decimal(str(amount))) for price, amount in pairs]


def book(bids: Numbers = (), asks: Numbers = (), number: int | None = None, before: int | None = None) -> Book:
    return Book(
        bids=lines(bids),
        asks=lines(asks),
        number=None if number is None else str(number),
        before=None if before is None else str(before),
    )


def placed(id: int, side: Side, price: Any, left: Any, trades: Numbers = ()) -> Placed:
    pairs = trades.items() if isinstance(trades, Mapping) else trades
    return Placed(
        id=str(id),
        side=side,
        price=Decimal(str(price)),
        left=Decimal(str(left)),
        trades=[Trade(maker=str(maker), amount=Decimal(str(amount))) for maker, amount in pairs],
    )


def plain(levels: Iterable[tuple[Decimal, Decimal]]) -> list[tuple[str, str]]:
    return [(str(price), str(amount)) for price, amount in levels]
