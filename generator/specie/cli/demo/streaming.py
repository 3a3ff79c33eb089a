"""The streams of the demonstration: books and trades of two exchanges, and one's own fills, through connections that
are cut while an order is filled.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from typing import Any

from specie.runtime import BookView, Connected, Reconnecting, Resynced, StreamEvent
from specie.sandbox import Sandbox

from .table import Table
from .traders import Trader, rounded, traders

__all__ = ["stream"]

_WATCHED_S = 2.0
"""How long the streams are watched before they are cut, and again after that."""
_PATIENCE_S = 10.0
_BOOK_PAUSE_S = 0.8
"""Books change several times a second; so often is one shown."""


class _Watch:
    """What is heard of the streams of one exchange, shown as it comes.

    Attributes:
        fills: How many fills of one's own orders were told, by order.
        again: Set once a lost connection was made again.
        resynced: Set once what a lost connection had swallowed was asked for.
    """

    def __init__(self, table: Table, trader: Trader) -> None:
        self._table = table
        self._title = trader.title
        self._shown = 0.0
        self._valid = True
        self.fills: Counter[str] = Counter()
        self.again = threading.Event()
        self.resynced = threading.Event()

    def event(self, event: StreamEvent) -> None:
        """Something happened to a connection."""
        match event:
            case Reconnecting(reason, pause, _):
                self._say("Reconnecting", f"in {pause:.1f} s: {reason}")
            case Connected(connection, _, gap) if gap is not None:
                self._say("Connected", f"'{connection}' again, after {gap:.1f} s")
                self.again.set()
            case Resynced(gap, missed):
                self._say("Resynced", f"asked REST what {gap:.1f} s had swallowed; it was {missed}")
                self.resynced.set()
            case _:
                pass

    def books(self, views: Iterable[BookView]) -> None:
        """Show a book now and then, and whenever it may no longer be read, or may be again."""
        for view in views:
            if not view.valid and self._valid:
                self._say("book", f"cannot be read: {view.reason}")
            elif view.valid and (not self._valid or time.monotonic() - self._shown >= _BOOK_PAUSE_S):
                bid, ask = view.best_bid, view.best_ask
                if bid is not None and ask is not None:
                    self._say("book", f"{bid.price:f} to {ask.price:f}, spread {view.spread:f}")
                self._shown = time.monotonic()
            self._valid = view.valid

    def trades(self, messages: Iterable[Any]) -> None:
        """Show the latest trade of each message."""
        for message in messages:
            latest = message.trades[0] if hasattr(message, "trades") else message[-1]
            amount = latest.amount if hasattr(latest, "amount") else latest.quantity
            self._say("trade", f"{amount:f} at {latest.price.normalize():f}")

    def own(self, messages: Iterable[Any]) -> None:
        """Show one's own fills."""
        for message in messages:
            self.fills[message.order_id] += 1
            amount = message.volume if hasattr(message, "volume") else message.base_amount
            by = "stream" if hasattr(message, "volume") else "REST"
            self._say("your fill", f"{amount:f} at {message.price:f}, by {by}")

    def _say(self, what: str, text: str) -> None:
        self._table.moment(self._title, what, text)


def stream(table: Table, sandbox: Sandbox) -> None:
    """Follow BitoPro and Bibox, cut their connections while an order is filled, and see that nothing is missing."""
    from specie.bibox import Bibox
    from specie.bitopro import BitoPro

    table.head("Streams of BitoPro and Bibox, cut off and made again")
    readers: list[threading.Thread] = []

    def read(function: Any, stream: Iterable[Any]) -> None:
        readers.append(threading.Thread(target=function, args=(stream,), name="demo", daemon=True))
        readers[-1].start()

    chosen = {trader.title: trader for trader in traders(sandbox)}
    with ExitStack() as stack:
        for trader in chosen.values():
            stack.enter_context(trader.client)
        bitopro: BitoPro = chosen["BitoPro"].client
        bibox: Bibox = chosen["Bibox"].client
        left, right = _Watch(table, chosen["BitoPro"]), _Watch(table, chosen["Bibox"])
        first = bitopro.streams.with_options(listener=left.event)
        second = bibox.streams.with_options(listener=right.event)
        book, other = stack.enter_context(first.book("btc_twd")), stack.enter_context(second.book("BTC_USDT", depth=20))
        fills = stack.enter_context(first.user_trades())
        read(left.books, book)
        read(right.books, other)
        read(left.own, fills)
        read(left.trades, stack.enter_context(first.trades("btc_twd")))
        read(right.trades, stack.enter_context(second.trades("BTC_USDT")))
        book.wait(_PATIENCE_S)
        other.wait(_PATIENCE_S)
        orders = [_buy(chosen["BitoPro"])]
        time.sleep(_WATCHED_S)

        sandbox.fault("drop on bibox.streams.order_book")
        sandbox.fault("drop on bitopro.streams.user_trades")
        orders.append(_buy(chosen["BitoPro"]))
        left.resynced.wait(_PATIENCE_S)
        right.again.wait(_PATIENCE_S)
        time.sleep(_WATCHED_S)
        for order in orders:
            table.row("fills", partial(_fills, bitopro, order, left.fills))
        table.row("books", lambda: _both(book.wait(_PATIENCE_S), other.wait(_PATIENCE_S)))
    for reader in readers:
        reader.join(_PATIENCE_S)


def _buy(trader: Trader) -> str:
    _, ask = trader.best()
    return trader.place(trader.client, trader.pair, trader.amount, rounded(ask * Decimal("1.01"), ask))


def _fills(client: Any, order: str, fills: Mapping[str, int]) -> str:
    made, told = len(client.orders.trades("btc_twd", order_id=order)), fills[order]
    return f"{'' if told == made > 0 else '!'}order {order}: {made} by REST, {told} by the stream"


def _both(*books: Any) -> str:
    return f"{'' if all(book.valid for book in books) else '!'}both are valid again"
