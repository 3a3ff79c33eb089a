"""What must be true of a market after whatever was done to it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .amounts import ZERO
from .book import crosses
from .ledger import VOUCHERS, Ledger
from .matching import Listing
from .orders import Orders
from .records import OrderState, Side
from .wallet import Wallet
from .window import ALL


class InvariantBroken(AssertionError):
    """The market is not what it claims to be: a bug of the market, never of its user."""


def check(ledger: Ledger, orders: Orders, wallet: Wallet, listings: Mapping[str, Listing]) -> None:
    """Raise `InvariantBroken` at the first thing that is not true."""
    _check_money(ledger)
    _check_holds(ledger, orders, wallet)
    _check_orders(ledger, orders, listings)
    for listing in listings.values():
        _check_book(listing)


def _require(true: bool, what: str, *facts: object) -> None:
    if not true:
        raise InvariantBroken(f"{what}: {', '.join(map(str, facts))}")


def _check_money(ledger: Ledger) -> None:
    """What came in is what there is, and each balance is the sum of its entries."""
    totals: dict[str, Decimal] = {}
    for balance in ledger.balances.values():
        _require(balance.available >= 0 and balance.held >= 0, "negative", balance)
        totals[balance.currency] = totals.get(balance.currency, ZERO) + balance.total
    for currency in totals.keys() | ledger.external.keys():
        there, came = totals.get(currency, ZERO), ledger.external.get(currency, ZERO)
        _require(there == came, "what came in is not what there is", currency, came, there)
    for account in ledger.accounts:
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for entry in ledger.entries(account, ALL):
            available, held = sums.get(entry.currency, (ZERO, ZERO))
            sums[entry.currency] = (available + entry.available, held + entry.held)
            _require(sum(sums[entry.currency]) == entry.balance, "balance is not the sum of entries", entry)
        for currency, parts in sums.items():
            balance = ledger.balance(account, currency)
            _require(parts == (balance.available, balance.held), "balance is not the sum of entries", parts, balance)


def _check_holds(ledger: Ledger, orders: Orders, wallet: Wallet) -> None:
    """What is held is held for something, and what vouchers are worth is there."""
    held = wallet.held()
    for order in orders.all():
        _require(order.is_open or not order.held, "held by a closed order", order)
        key = (order.account, order.hold_currency)
        held[key] = held.get(key, ZERO) + order.held
    for key, balance in ledger.balances.items():
        _require(balance.held == held.get(key, ZERO), "held for nothing", held.get(key), balance)
        if balance.account == VOUCHERS:
            worth = wallet.unredeemed().get(balance.currency, ZERO)
            _require(balance.total == worth, "not what vouchers are worth", worth, balance)


def _check_orders(ledger: Ledger, orders: Orders, listings: Mapping[str, Listing]) -> None:
    """Orders are the sum of their fills, and in the book as far as they are open."""
    sums: dict[int, tuple[Decimal, Decimal, int]] = {}
    for account in ledger.accounts:
        for fill in orders.fills(account, ALL):
            amount, value, count = sums.get(fill.order_id, (ZERO, ZERO, 0))
            sums[fill.order_id] = (amount + fill.amount, value + fill.value, count + 1)
    for order in orders.all():
        fills = sums.get(order.id, (ZERO, ZERO, 0))
        _require(
            (order.filled, order.value, order.fill_count) == fills, "order is not the sum of its fills", fills, order
        )
        _require(ZERO <= order.filled <= order.amount, "overfilled", order)
        _require(
            (order.state is OrderState.FILLED) <= (order.filled > 0 and not order.remaining),
            "filled in part only",
            order,
        )
        resting = listings[order.pair].book.orders.get(order.id)
        in_book = order.state in (OrderState.OPEN, OrderState.PARTLY_FILLED)
        _require((resting is not None) == in_book, "not in the book as it should be", resting, order)
        if resting is not None:
            same = (resting.price, resting.amount, resting.side) == (order.price, order.remaining, order.side)
            _require(same, "not in the book as it is", resting, order)
    for (account, pair), ids in orders.open.items():
        for order_id in ids:
            order = orders[order_id]
            _require(order.is_open and (order.account, order.pair) == (account, pair), "listed as open", order)


def _check_book(listing: Listing) -> None:
    """Bids are below asks, better prices come first, and levels are the sums of their orders."""
    book, pair = listing.book, listing.instrument.pair
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    if bid is not None and ask is not None:
        _require(not crosses(Side.BUY, bid.price, ask.price), "crossed", pair, bid, ask)
    shown = book.summed(None, None)
    bids, asks = [level.price for level in shown.bids], [level.price for level in shown.asks]
    _require(bids == sorted(set(bids), reverse=True) and asks == sorted(set(asks)), "out of order", pair, bids, asks)
    sums: dict[tuple[Side, Decimal], tuple[Decimal, int]] = {}
    for order in book.orders.values():
        _require(order.amount > 0, "empty order in the book", pair, order)
        amount, count = sums.get((order.side, order.price), (ZERO, 0))
        sums[order.side, order.price] = (amount + order.amount, count + 1)
    levels = {(Side.BUY, level.price): (level.amount, level.count) for level in shown.bids}
    levels |= {(Side.SELL, level.price): (level.amount, level.count) for level in shown.asks}
    _require(levels == sums, "levels are not the sums of their orders", pair)
