"""What was traded in one instrument: the trades, and what is made of them: candles and the last 24 hours.

Every trade is counted once, when it is made; to read costs no more than what is read. Trades are kept for 25
hours at least, candles for good.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import timegm
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import attrs

from .amounts import EXACT, ZERO, ratio
from .records import Side, Trade
from .window import Window

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
WEEK_MS = 7 * DAY_MS
KEPT_MS = 25 * 60 * MINUTE_MS
_FIRST_MONDAY_MS = 4 * DAY_MS

Span: TypeAlias = int | Literal["month"]
"""Length of a candle: milliseconds, in whole minutes, or a month of the calendar (UTC)."""


@attrs.frozen
class Candle:
    """What was traded from `open_ms` until the next candle."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    """In base currency."""
    value: Decimal
    """In quote currency."""
    first_trade_id: int
    count: int
    """Trades."""


@attrs.frozen(kw_only=True)
class Ticker:
    """The last trade, the 24 hours until `time_ms`, and the best of the book; None is for what there is not."""

    pair: str
    time_ms: int
    last: Decimal | None
    last_amount: Decimal | None
    last_side: Side | None
    """What the taker of the last trade did."""
    open: Decimal | None
    """Price of the first trade within 24 hours; without one, the last price, as for high and low."""
    high: Decimal | None
    low: Decimal | None
    volume: Decimal
    """In base currency."""
    value: Decimal
    """In quote currency."""
    count: int
    first_trade_id: int | None
    bid: Decimal | None
    bid_amount: Decimal | None
    ask: Decimal | None
    ask_amount: Decimal | None

    @property
    def change(self) -> Decimal:
        """Last price less opening price."""
        return ZERO if self.last is None or self.open is None else EXACT.subtract(self.last, self.open)

    @property
    def change_ratio(self) -> Decimal:
        """The change as a share of the opening price, to 8 places: -0.02 is two percent down."""
        return ratio(self.change, self.open or ZERO)


def trade_id(trade: Trade) -> int:
    return trade.id


def _trade_time(trade: Trade) -> int:
    return trade.time_ms


def _open_time(candle: Candle) -> int:
    return candle.open_ms


class Tape:
    """The trades of one instrument."""

    def __init__(self) -> None:
        self.last: Trade | None = None
        self._trades: list[Trade] = []
        self._minutes: list[Candle] = []
        self._day = _Day()

    def add(self, trade: Trade) -> None:
        """Count a trade, which is no earlier than the last one."""
        self.last = trade
        self._trades.append(trade)
        self._day.add(trade)
        open_ms = trade.time_ms - trade.time_ms % MINUTE_MS
        minute = Candle(
            open_ms, trade.price, trade.price, trade.price, trade.price, trade.amount, trade.value, trade.id, 1
        )
        if self._minutes and self._minutes[-1].open_ms == open_ms:
            self._minutes[-1] = _merged(self._minutes[-1], minute, open_ms)
        else:
            self._minutes.append(minute)
            self._forget(trade.time_ms - KEPT_MS)

    def trades(self, window: Window) -> Sequence[Trade]:
        return window.of(self._trades, trade_id, _trade_time)

    def candles(self, span: Span, start_ms: int | None, end_ms: int | None) -> list[Candle]:
        """Candles that open within the bounds, oldest first; there is none where nothing was traded."""
        low, high = 0, len(self._minutes)
        if start_ms is not None:
            low = bisect_left(self._minutes, start_ms, key=_open_time)
        if end_ms is not None:
            high = bisect_right(self._minutes, _next_open(end_ms, span) - 1, key=_open_time)
        found: list[Candle] = []
        for minute in self._minutes[low:high]:
            open_ms = _opening(minute.open_ms, span)
            if start_ms is not None and open_ms < start_ms:
                continue
            if found and found[-1].open_ms == open_ms:
                found[-1] = _merged(found[-1], minute, open_ms)
            else:
                found.append(attrs.evolve(minute, open_ms=open_ms))
        return found

    def ticker(
        self, pair: str, now_ms: int, bid: tuple[Decimal, Decimal] | None, ask: tuple[Decimal, Decimal] | None
    ) -> Ticker:
        """The state of things, with price and amount of the best bid and ask."""
        day = self._day
        day.expire(now_ms - DAY_MS)
        last = self.last
        price = last.price if last else None
        return Ticker(
            pair=pair,
            time_ms=now_ms,
            last=price,
            last_amount=last.amount if last else None,
            last_side=last.taker_side if last else None,
            open=day.trades[0].price if day.trades else price,
            high=day.highs[0].price if day.trades else price,
            low=day.lows[0].price if day.trades else price,
            volume=day.volume,
            value=day.value,
            count=len(day.trades),
            first_trade_id=day.trades[0].id if day.trades else None,
            bid=bid[0] if bid else None,
            bid_amount=bid[1] if bid else None,
            ask=ask[0] if ask else None,
            ask_amount=ask[1] if ask else None,
        )

    def _forget(self, before_ms: int) -> None:
        """Drop what is older, once it is an eighth of all."""
        old = bisect_left(self._trades, before_ms, key=_trade_time)
        if old * 8 > len(self._trades):
            del self._trades[:old]


class _Day:
    """The trades of the last 24 hours, with their sums, and the candidates for the highest and lowest price."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque()
        self.highs: deque[Trade] = deque()
        self.lows: deque[Trade] = deque()
        self.volume = ZERO
        self.value = ZERO

    def add(self, trade: Trade) -> None:
        self.expire(trade.time_ms - DAY_MS)
        self.trades.append(trade)
        self.volume = EXACT.add(self.volume, trade.amount)
        self.value = EXACT.add(self.value, trade.value)
        while self.highs and self.highs[-1].price <= trade.price:
            self.highs.pop()
        self.highs.append(trade)
        while self.lows and self.lows[-1].price >= trade.price:
            self.lows.pop()
        self.lows.append(trade)

    def expire(self, until_ms: int) -> None:
        """Take out what was traded up to a time."""
        while self.trades and self.trades[0].time_ms <= until_ms:
            old = self.trades.popleft()
            self.volume = EXACT.subtract(self.volume, old.amount)
            self.value = EXACT.subtract(self.value, old.value)
            for candidates in (self.highs, self.lows):
                if candidates[0] is old:
                    candidates.popleft()


def _merged(first: Candle, then: Candle, open_ms: int) -> Candle:
    return Candle(
        open_ms,
        first.open,
        max(first.high, then.high),
        min(first.low, then.low),
        then.close,
        EXACT.add(first.volume, then.volume),
        EXACT.add(first.value, then.value),
        first.first_trade_id,
        first.count + then.count,
    )


def _opening(time_ms: int, span: Span) -> int:
    """When the candle opens that a time is in; weeks, and multiples of them, open on Mondays."""
    if span == "month":
        then = datetime.fromtimestamp(time_ms // 1000, UTC)
        return timegm((then.year, then.month, 1, 0, 0, 0)) * 1000
    if span <= 0 or span % MINUTE_MS:
        raise ValueError(f"a span is a whole number of minutes, not {span} ms")
    shift = _FIRST_MONDAY_MS if span % WEEK_MS == 0 else 0
    return time_ms - (time_ms - shift) % span


def _next_open(time_ms: int, span: Span) -> int:
    """When the candle after the one that a time is in opens."""
    opening = _opening(time_ms, span)
    if span == "month":
        return _opening(opening + 31 * DAY_MS, span)
    return opening + span
