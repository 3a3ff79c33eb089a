"""What a reply must mean, whoever sent it; and where documented examples do not, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any

from specie.compiler.model import Exchange, Model, Ref
from specie.runtime import utc_exact, utc_iso, utc_millis, utc_seconds

from .replies import Site

UNACCOUNTED: dict[str, dict[str, str]] = {}
"""JSON paths (with `[]` for any index) that no field takes, by operation, and why that is right."""

CROSSED = {
    "bibox.market.order_book": "The page shows one level, three times over, on both sides.",
    "bitopro.market.order_book": "The page shows the same level on both sides.",
}
"""Books of documented examples whose best bid is not below the best ask, and why that is no mistake of ours."""

DATED = {
    **dict.fromkeys(
        ("bitopro.BookUpdate.timestamp", "bitopro.TickerUpdate.timestamp", "bitopro.TradesUpdate.timestamp"),
        "The pages have 2 January 2006, which is how the language Go writes of times.",
    ),
    "bitopro.Trade.timestamp": "The page of the stream has 2 January 2006 here too; recorded ones hold a time.",
    "bibox.Ticker.time": "The page has 123456 here, which it calls a number of trades; recorded replies hold a time.",
}
"""Fields of documented examples with a time before the first block, and why."""

UNBALANCED = {
    "bitexbit.orders.create": "The page's sample shows an order for 1.0 as done by one trade of 0.0001.",
    "bitok.orders.create": "The page's reply is to an order for 0.1; in the cassette it answers another one too.",
}
"""Operations whose documented examples hold an order of which filled and remaining do not come to its amount, and why."""

UTC_OF: dict[str, Any] = {
    "millis": utc_millis,
    "seconds": utc_seconds,
    "exact_seconds": utc_exact,
    "iso_time": utc_iso,
}
FIRST_BLOCK = datetime(2009, 1, 3, tzinfo=UTC)
LATEST = datetime(2030, 1, 1, tzinfo=UTC)


def anywhere(path: str) -> str:
    return re.sub(r"\[[0-9]+\]", "[]", path)


def books(result: Any) -> list[Any]:
    """The result, if it is a book of which the documents say what its levels hold."""
    levels = [*getattr(result, "bids", ()), *getattr(result, "asks", ())]
    return [result] if levels and all(hasattr(level, "price") for level in levels) else []


# -- complaints, for replies of any origin ----------------------------------------------------------------------------


def lost_digits(found: list[Site]) -> Iterator[str]:
    """Decimals that are not, to the last digit, what was sent, there and back."""
    for site in found:
        if site.scalar in ("decimal", "exact_seconds") and site.value is not None:
            sent = Decimal(str(site.raw))
            if type(site.value) is not Decimal or site.value.as_tuple() != sent.as_tuple():
                yield f"{site.shown}: {site.value!r} was {site.raw!r}"
            elif isinstance(site.raw, str) and "e" not in site.raw.lower() and format(site.value, "f") != site.raw:
                yield f"{site.shown}: {site.raw!r} would be sent back as {site.value:f}"


def misread(found: list[Site]) -> Iterator[str]:
    """Scalars that do not say what was sent: read here from the raw value and the type's name alone."""
    for site in found:
        if not site.scalar and not isinstance(site.value, PythonEnum):
            continue
        raw, value = site.raw, site.value
        if raw is None or raw == "" or value is None:
            right = value is None or value == ""
        elif isinstance(value, PythonEnum):
            right = value.value == raw
        elif site.scalar == "bool":
            right = value is raw
        elif site.scalar in ("int", "millis", "seconds"):
            right = type(value) is int and value == int(raw)
        elif site.scalar in ("decimal", "exact_seconds"):
            right = type(value) is Decimal and str(value) == str(raw)
        elif site.scalar in ("str", "id", "iso_time"):
            right = isinstance(value, str) and value == str(raw)
        else:
            right = value == raw
        if not right:
            yield f"{site.shown}: {value!r} was {raw!r}"


def unaccounted(exchange: Exchange, found: list[Site]) -> Iterator[str]:
    """What was told and no field takes."""
    for site in found:
        named = exchange.named.get(site.type.name) if isinstance(site.type, Ref) else None
        if isinstance(named, Model) and isinstance(site.raw, dict) and site.value is not None:
            yield from (f"{site.shown}.{key}" for key in set(site.raw) - {field.wire for field in named.fields})
        elif isinstance(named, Model) and isinstance(site.raw, list) and len(site.raw) > len(named.fields):
            yield f"{site.shown}[{len(named.fields)}]"


def unknown_members(found: list[Site]) -> Iterator[str]:
    for site in found:
        if isinstance(site.value, PythonEnum) and not getattr(site.value, "is_known", False):
            yield f"{site.shown}: {site.value!r}"


def wrong_times(exchange: Exchange, found: list[Site], explained: Mapping[str, str]) -> Iterator[str]:
    for site in found:
        if site.scalar in UTC_OF and site.value is not None and f"{exchange.name}.{site.owner}" not in explained:
            when = UTC_OF[site.scalar](site.value)
            if not FIRST_BLOCK < when < LATEST:
                yield f"{site.shown}: {when}"


def crossed(result: Any) -> bool:
    """Whether the best bid of a book is not below the best ask, or a side is out of order."""
    sides = [[_price(level) for level in getattr(result, side)] for side in ("bids", "asks")]
    bids, asks = sides
    in_order = bids == sorted(bids, reverse=True) and asks == sorted(asks) and all(price > 0 for price in bids + asks)
    return not in_order or bool(bids and asks and bids[0] >= asks[0])


def _price(level: Any) -> Decimal:
    return level.price if hasattr(level, "price") else Decimal(level[0])


def _of_bitopro(order: Any, asked: Mapping[str, Any]) -> bool:
    return bool(order.executed_amount + order.remaining_amount == order.original_amount)


def _of_bibox(order: Any, asked: Mapping[str, Any]) -> bool:
    # What remains is told by no field; what is filled is told by the fills too, of which the last 20 are there.
    whole = order.fill_count == len(order.fills)
    counted = not whole or sum(one.quantity for one in order.fills) == order.filled_quantity
    filled = str(order.status.value) != "filled" or order.filled_quantity == order.quantity
    return bool(counted and filled and 0 <= order.filled_quantity / order.quantity <= 1)


def _of_bitexbit(receipt: Any, asked: Mapping[str, Any]) -> bool:
    return bool(sum(one.amount for one in receipt.trades) + receipt.remaining == asked["amount"])


def _of_bitok(receipt: Any, asked: Mapping[str, Any]) -> bool:
    return bool(receipt.received + receipt.remaining == asked["amount"])


AMOUNTS: dict[str, Callable[[Any, Mapping[str, Any]], bool]] = {
    "bitopro.Order": _of_bitopro,
    "bibox.Order": _of_bibox,
    "bitexbit.OrderReceipt": _of_bitexbit,
    "bitok.OrderReceipt": _of_bitok,
}
"""By model: whether filled and remaining come to the amount, given what the call asked for."""


def unbalanced(exchange: Exchange, found: list[Site], asked: Mapping[str, Any]) -> Iterator[str]:
    for site in found:
        judge = AMOUNTS.get(f"{exchange.name}.{site.type.name}") if isinstance(site.type, Ref) else None
        if judge is not None and site.value is not None and not judge(site.value, asked):
            yield f"{site.shown}: {site.value!r}"
