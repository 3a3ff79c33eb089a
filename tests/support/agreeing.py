"""Whether what streams told is what REST says, for each exchange: merged by hand, as its page has it.

Nothing here knows how the runtime keeps books or finds what was missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from specie.runtime import SpecieError

from .following import Followed

Levels = tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]


@attrs.frozen
class Venue:
    """An exchange as its streams are tested.

    `streams` opens all that it has, from a group of streams; `book` its local book. `trade` has a client fill one
    order, leave another one and cancel a third, so that every stream of the account tells something. `says` asks REST,
    and `told` merges what a stream told, for each stream, into things that must be equal.
    """

    name: str
    streams: Callable[[Any], dict[str, Any]]
    book: Callable[[Any], Any]
    trade: Callable[[Any], None]
    says: Mapping[str, Callable[[Any, Followed], Any]]
    told: Mapping[str, Callable[[Followed], Any]]
    rest_book: Callable[[Any], Levels]
    events: frozenset[str] = frozenset()
    """Streams whose messages are events: what one had swallowed, only a resync can bring."""

    def differs(self, name: str, rest: Any, followed: Followed) -> str:
        """What is not the same; empty if a stream and REST agree."""
        said, told = self.says[name](rest, followed), self.told[name](followed)
        return "" if said == told else f"{name}: {_difference(said, told)}"

    def book_differs(self, rest: Any, view: Callable[[], Any]) -> str:
        """The same of a local book; `view` gives it as it is."""
        said = self.rest_book(rest)
        try:
            now = view()
            told = [(one.price, one.amount) for one in now.bids], [(one.price, one.amount) for one in now.asks]
        except SpecieError as error:
            return f"the book: {error}"
        return "" if said == told else f"the book: {_difference(said, told)}"


def _difference(said: Any, told: Any) -> str:
    if all(isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], list) for one in (said, told)):
        said, told = ({(side, row) for side in (0, 1) for row in book[side]} for book in (said, told))
    if isinstance(said, dict) and isinstance(told, dict):
        said, told = set(said.items()), set(told.items())
    if isinstance(said, set) and isinstance(told, set):
        said, told = said - told, told - said
    return f"REST has {said!r}, the stream told {told!r}"


def _levels(book: Any, amount: str) -> Levels:
    return (
        [(one.price, getattr(one, amount)) for one in book.bids],
        [(one.price, getattr(one, amount)) for one in book.asks],
    )


def _last(followed: Followed, part: Callable[[Any], Any]) -> Any:
    messages = followed.messages
    return part(messages[-1]) if messages else None


# -- BitoPro -----------------------------------------------------------------------------------------------------------


def _bitopro() -> Venue:
    from specie.bitopro import OrderStatus, OrderType, Side

    pair = "btc_twd"

    def trade(client: Any) -> None:
        book = client.market.order_book(pair)
        client.orders.create(pair, action=Side.BUY, type=OrderType.MARKET, quote_amount="3000")
        low = (book.bids[0].price * Decimal("0.8")).quantize(Decimal(1))
        rests = [
            client.orders.create(pair, action=Side.BUY, type=OrderType.LIMIT, amount="0.001", price=low)
            for _ in range(2)
        ]
        client.orders.cancel(pair, rests[0].order_id)

    def orders(by_pair: Iterable[Mapping[str, list[Any]]]) -> set[tuple[str, Any, Decimal]]:
        merged: dict[str, list[Any]] = {}
        for one in by_pair:
            merged.update(one)
        return {(one.id, one.status, one.executed_amount) for rows in merged.values() for one in rows}

    def open_orders(rest: Any, _: Followed) -> Any:
        return orders([{"all": rest.orders.open()}])

    def ended_orders(rest: Any, _: Followed) -> Any:
        active = (OrderStatus.NOT_TRIGGERED, OrderStatus.IN_PROGRESS, OrderStatus.IN_PROGRESS_PARTIAL)
        return orders([{"all": [one for one in rest.orders.history(pair, limit=1000) if one.status not in active]}])

    def balances(followed: Followed) -> Any:
        merged = {name: one for message in followed.messages for name, one in message.balances.items()}
        return {name.lower(): (one.amount, one.available) for name, one in merged.items()}

    def ticker(one: Any) -> Any:
        return one.pair.lower(), one.last_price, one.high_24h, one.low_24h, one.volume_24h, one.price_change_24h

    def fill(one: Any) -> Any:
        return one.order_id, one.price, one.volume if hasattr(one, "volume") else one.base_amount

    def public(rows: Iterable[Any]) -> Any:
        return [(one.timestamp, one.price, one.amount, one.is_buyer) for one in rows]

    return Venue(
        name="bitopro",
        streams=lambda group: {
            "order_book": group.order_book(pair, limit=10),
            "ticker": group.ticker(pair),
            "trades": group.trades(pair),
            "open_orders": group.open_orders(),
            "order_history": group.order_history(),
            "balances": group.balances(),
            "user_trades": group.user_trades(),
        },
        book=lambda group: group.book(pair, limit=10),
        trade=trade,
        says={
            "order_book": lambda rest, _: _levels(rest.market.order_book(pair, limit=10), "amount"),
            "ticker": lambda rest, _: ticker(rest.market.ticker(pair)),
            "trades": lambda rest, _: public(rest.market.trades(pair)),
            "open_orders": open_orders,
            "order_history": ended_orders,
            "balances": lambda rest, _: {
                one.currency.lower(): (one.amount, one.available) for one in rest.account.balances()
            },
            "user_trades": lambda rest, _: Counter(fill(one) for one in rest.orders.iter_trades(pair)),
        },
        told={
            "order_book": lambda followed: _last(followed, lambda one: _levels(one, "amount")),
            "ticker": lambda followed: _last(followed, ticker),
            "trades": lambda followed: _last(followed, lambda one: public(one.trades)),
            "open_orders": lambda followed: orders(one.orders for one in followed.state),
            "order_history": lambda followed: orders(one.orders for one in followed.state),
            "balances": balances,
            "user_trades": lambda followed: Counter(fill(one) for one in followed.messages),
        },
        rest_book=lambda rest: _levels(rest.market.order_book(pair, limit=10), "amount"),
        events=frozenset({"user_trades"}),
    )


# -- Bibox -------------------------------------------------------------------------------------------------------------


def _bibox() -> Venue:
    from specie.bibox import OrderType, Side

    pair = "BTC_USDT"

    def trade(client: Any) -> None:
        book = client.market.order_book(pair)

        def buy(price: Decimal) -> Any:
            given = {"side": Side.BUY, "type": OrderType.LIMIT, "quantity": "0.001", "price": price}
            return client.orders.create(pair, **given)

        buy(book.asks[0].price)
        low = (book.bids[0].price * Decimal("0.8")).quantize(Decimal("0.1"))
        buy(low)
        client.orders.cancel(buy(low).id)

    def merged_book(followed: Followed) -> Any:
        sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
        for message in followed.state:
            for side, rows in zip(sides, (message.bids, message.asks), strict=True):
                for row in rows:
                    side[row.price] = row.quantity
        bids, asks = ([(price, amount) for price, amount in side.items() if amount] for side in sides)
        return sorted(bids, reverse=True)[:20], sorted(asks)[:20]

    def trades(followed: Followed) -> list[int]:
        return [int(one.id) for message in followed.messages for one in message]

    def public_trades(rest: Any, followed: Followed) -> Any:
        # Those that came are told, but for what a lost connection swallowed: of that nobody tells.
        there = {int(one.id) for one in rest.market.trades(pair, limit=1000)}
        return sorted(there & set(trades(followed)))

    def balances(rest: Any, followed: Followed) -> Any:
        seen = {one.asset for one in followed.messages}
        return {one.asset: (one.available, one.frozen) for one in rest.account.balances() if one.asset in seen}

    def order(one: Any) -> Any:
        return one.status, one.filled_quantity, one.filled_value

    def orders(rest: Any, followed: Followed) -> Any:
        # One that was placed and settled while the connection was lost is in the history alone.
        known = {one.id for one in followed.messages} | {one.id for one in rest.orders.open()}
        rows = {one.id: one for one in (*rest.orders.history(pair, limit=1000), *rest.orders.open())}
        return {name: order(rows[name]) for name in known}

    def ticker(one: Any) -> Any:
        return one.symbol, one.last_price, one.high_price, one.low_price, one.volume

    def candle(one: Any) -> Any:
        return one.open_time, one.open, one.high, one.low, one.close, one.volume

    return Venue(
        name="bibox",
        streams=lambda group: {
            "order_book": group.order_book(pair, depth=20),
            "trades": group.trades(pair),
            "candles": group.candles(pair, time_frame="1m"),
            "ticker": group.ticker(pair),
            "balances": group.balances(),
            "orders": group.orders(),
        },
        book=lambda group: group.book(pair, depth=20),
        trade=trade,
        says={
            "order_book": lambda rest, _: _levels(rest.market.order_book(pair, level=20), "quantity"),
            "trades": public_trades,
            "candles": lambda rest, _: candle(rest.market.candles(pair, time_frame="1m")[-1]),
            "ticker": lambda rest, _: ticker(rest.market.tickers(pair)[0]),
            "balances": balances,
            "orders": orders,
        },
        told={
            "order_book": merged_book,
            "trades": trades,
            "candles": lambda followed: _last(followed, lambda rows: candle(rows[-1])),
            "ticker": lambda followed: _last(followed, ticker),
            "balances": lambda followed: {one.asset: (one.available, one.frozen) for one in followed.messages},
            "orders": lambda followed: {one.id: order(one) for one in followed.messages},
        },
        rest_book=lambda rest: _levels(rest.market.order_book(pair, level=20), "quantity"),
        events=frozenset({"trades"}),
    )


# -- bitexbit ----------------------------------------------------------------------------------------------------------


def _bitexbit() -> Venue:
    from specie.bitexbit import OrderCancelled, OrderPlaced, Side

    pair = "BTC_USD"

    def trade(client: Any) -> None:
        book = client.market.order_book(pair)
        price = book.bids[0].price
        client.orders.create(pair, side=Side.BUY, amount="0.001", price=book.asks[0].price)
        low = (price * Decimal("0.8")).quantize(Decimal("0.001"))
        client.orders.create(pair, side=Side.BUY, amount="0.001", price=low)
        client.orders.cancel(client.orders.create(pair, side=Side.BUY, amount="0.001", price=low).id)

    def summed(rows: Iterable[Any]) -> list[tuple[Decimal, Decimal]]:
        amounts: Counter[Decimal] = Counter()
        for row in rows:
            amounts[row.price] += row.amount  # type: ignore[assignment]
        return list(amounts.items())  # type: ignore[arg-type]

    def rest_book(rest: Any) -> Levels:
        book = rest.market.order_book(pair)
        return sorted(summed(book.bids), reverse=True), sorted(summed(book.asks))

    def waiting(rest: Any, followed: Followed) -> Any:
        # What left while the connection was lost is not told: of the orders told since, those in the book are there.
        book = rest.market.order_book(pair)
        there = {one.id for one in (*book.bids, *book.asks)}
        return {one.id for one in followed.latest if isinstance(one, OrderPlaced)} & there

    def told(followed: Followed) -> Any:
        open_: dict[str, Decimal] = {}
        for one in followed.latest:
            if isinstance(one, OrderCancelled):
                open_.pop(one.id, None)
                continue
            for fill in one.trades:
                if fill.order_id in open_:
                    open_[fill.order_id] -= fill.amount
            open_[one.id] = one.remaining
        return {name for name, left in open_.items() if left > 0}

    return Venue(
        name="bitexbit",
        streams=lambda group: {"order_book": group.order_book(pair)},
        book=lambda group: group.book(pair),
        trade=trade,
        says={"order_book": waiting},
        told={"order_book": told},
        rest_book=rest_book,
        events=frozenset({"order_book"}),
    )


VENUES: Mapping[str, Callable[[], Venue]] = {"bitopro": _bitopro, "bibox": _bibox, "bitexbit": _bitexbit}
