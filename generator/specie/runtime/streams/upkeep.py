"""What generated modules say of keeping things whole: how a book is kept from messages, how a gap is closed by REST.

Operations are named by their text, such as `orders.open`, so that their modules are imported when they are first
called. Names of fields are those of the models in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["BookRule", "CancelledRule", "ClosedRule", "KnownRule", "PlacedRule", "Resync", "SnapshotRule"]


class SnapshotRule:
    """The whole book, asked for by REST. Where orders are told one by one, every order must be in it.

    Args:
        call: The operation, such as `market.order_book`.
        arguments: Its parameters, and the stream's parameters that they take.
        bids: Field of its result.
        asks: Field of its result.
        price: Field of an item.
        amount: Field of an item.
        sequence: Field of its result: the number of the last message that is in it.
        id: Field of an item: the id of the order.
    """

    def __init__(
        self,
        *,
        call: str,
        arguments: Mapping[str, str] | None = None,
        bids: str,
        asks: str,
        price: str,
        amount: str,
        sequence: str | None = None,
        id: str | None = None,
    ) -> None:
        self.call = call
        self.arguments = dict(arguments or {})
        self.bids = bids
        self.asks = asks
        self.price = price
        self.amount = amount
        self.sequence = sequence
        self.id = id


class PlacedRule:
    """The message of an order that was taken.

    Args:
        type: Its model.
        id: Field of the order's id.
        side: Field of its side.
        price: Field of its price.
        amount: Field of what is left of it and waits; zero if nothing.
        fills: Field of the trades that it made at once.
        maker: Field of a trade: id of the order that waited.
        filled: Field of a trade: how much was traded.
        buy: What `side` is for an offer to buy; a text or member that is `buy` or `bid`, in any letters, unless given.
    """

    def __init__(
        self,
        *,
        type: Any,
        id: str,
        side: str,
        price: str,
        amount: str,
        fills: str | None = None,
        maker: str | None = None,
        filled: str | None = None,
        buy: Any = None,
    ) -> None:
        self.type = type
        self.id = id
        self.side = side
        self.price = price
        self.amount = amount
        self.fills = fills
        self.maker = maker
        self.filled = filled
        self.buy = buy


class CancelledRule:
    """The message of an order that left the book without being traded.

    Args:
        type: Its model.
        id: Field of the order's id.
    """

    def __init__(self, *, type: Any, id: str) -> None:
        self.type = type
        self.id = id


class BookRule:
    """How a book is kept from a stream's messages.

    Args:
        kind: `whole` (every message is the book), `deltas` (changes of prices, an amount of zero ends one) or
            `orders` (order by order).
        bids: Field of a message: the offers to buy.
        asks: Field of a message: the offers to sell.
        price: Field of a level.
        amount: Field of a level.
        sequence: Field of a message that rises.
        step: By how much it rises from one message to the next; `None` where it merely rises.
        previous: Field of a message that holds the sequence of the message before.
        depth: The stream's parameter that bounds the levels of a side, where the exchange does not delete what falls
            out of that depth: what lies deeper is dropped here.
        check: Operation whose result has the same fields, to compare with now and then.
        check_arguments: Its parameters, and the stream's parameters that they take.
        snapshot: The whole book by REST, where the stream does not send it.
        placed: The message of an order that was taken.
        cancelled: The message of an order that left.
    """

    def __init__(
        self,
        *,
        kind: Literal["whole", "deltas", "orders"],
        bids: str = "",
        asks: str = "",
        price: str = "",
        amount: str = "",
        sequence: str | None = None,
        step: int | None = None,
        previous: str | None = None,
        depth: str | None = None,
        check: str | None = None,
        check_arguments: Mapping[str, str] | None = None,
        snapshot: SnapshotRule | None = None,
        placed: PlacedRule | None = None,
        cancelled: CancelledRule | None = None,
    ) -> None:
        self.kind = kind
        self.bids = bids
        self.asks = asks
        self.price = price
        self.amount = amount
        self.sequence = sequence
        self.step = step
        self.previous = previous
        self.depth = depth
        self.check = check
        self.check_arguments = dict(check_arguments or {})
        self.snapshot = snapshot
        self.placed = placed
        self.cancelled = cancelled


class ClosedRule:
    """How those that a list no longer has are asked for, one by one.

    Args:
        call: The operation.
        by: Its parameters, and the fields of a message or item that they take.
        open: Which messages and items are of something open: fields, and the value that each must have.
    """

    def __init__(self, *, call: str, by: Mapping[str, str], open: Mapping[str, Any] | None = None) -> None:
        self.call = call
        self.by = dict(by)
        self.open = dict(open or {})


class KnownRule:
    """What is asked for at each connect, to learn for which values a gap would have to be closed.

    Args:
        call: The operation.
        each: Parameters of the resync's call, and the fields of an item that they take.
    """

    def __init__(self, *, call: str, each: Mapping[str, str]) -> None:
        self.call = call
        self.each = dict(each)


class Resync:
    """What is asked for by REST after a reconnect, so that nothing is missed.

    Args:
        call: The operation, such as `orders.open`.
        each: It is called once for each value seen: its parameters, and the fields of a message that they take (or a
            text with fields in braces).
        known: What is asked for to learn values of `each` before a message had them.
        since: The parameter that takes the start of the gap, in milliseconds.
        same: Fields of a message, and the fields of an item that they equal if both tell of the same thing.
        closed: How those that are no longer listed are asked for.
    """

    def __init__(
        self,
        *,
        call: str,
        each: Mapping[str, str] | None = None,
        known: KnownRule | None = None,
        since: str | None = None,
        same: Mapping[str, str] | None = None,
        closed: ClosedRule | None = None,
    ) -> None:
        self.call = call
        self.each = dict(each or {})
        self.known = known
        self.since = since
        self.same = dict(same or {})
        self.closed = closed
