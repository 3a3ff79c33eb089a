"""After a gap, what was missed is asked for by REST and told in its place: each thing once, nothing silently left out.

While the calls are made, messages wait, so that what is older is told before what is newer. Calls that fail let them
go, are told about, and are made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..basics import is_array
from ..errors import NotFound, SpecieError
from .events import Connected, MalformedMessage, Reconnecting, Resynced, ResyncFailed, StreamEvent
from .gaps import Ledger
from .sink import Sink
from .upkeep import Resync

if TYPE_CHECKING:
    from .board import Board, Subscription
    from .channels import Channel
    from .definitions import Feed

__all__ = ["Reconciled"]

_MARGIN_MS: Final = 15_000
"""How much earlier than the gap is asked for: clocks differ, and things are told later than they happen."""
_SETTLE: Final = 1.0
_BREATH: Final = 5.0
_MOST_HELD: Final = 10_000
_LONGEST_PAUSE: Final = 60.0


class Reconciled(Sink):
    """Passes on what a stream tells, and what it could not tell.

    Args:
        feed: The stream; it says what is asked for.
        inner: Where everything goes.
    """

    def __init__(self, feed: Feed[Any], inner: Sink) -> None:
        if feed.resync is None:
            raise TypeError(f"{feed.name} does not say how a gap is closed")
        self._rule: Resync = feed.resync
        self._inner = inner
        self._ledger = Ledger(feed.resync)
        self._board: Board | None = None
        self._channel: Channel | None = None
        self._held: list[tuple[Channel, Any, bool]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._started_ms: int | None = None
        self._gap_from_ms: int | None = None  # of the earliest gap that is not closed yet
        self._back_ms = 0
        self._again = False

    def attach(self, board: Board, subscription: Subscription) -> None:
        """It is subscribed."""
        self._board = board
        self._channel = subscription.channels[0]
        self._inner.attach(board, subscription)

    def detach(self) -> None:
        """Nobody wants it any more."""
        self._stop()
        self._inner.detach()

    @property
    def full(self) -> bool:
        """Whether what is told has to wait."""
        return self._inner.full

    # -- what the stream tells -----------------------------------------------------------------------------------------

    def deliver(self, channel: Channel, message: Any, whole: bool) -> None:
        """A message came."""
        if self._held is None:
            self._pass_on(channel, message, whole)
            return
        self._ledger.glimpse(message)
        self._held.append((channel, message, whole))
        if len(self._held) > _MOST_HELD:
            self._release()

    def _pass_on(self, channel: Channel, message: Any, whole: bool) -> None:
        now_ms = self._now_ms()
        if not self._ledger.is_echo(message, now_ms):
            self._ledger.told(message, now_ms)
            self._inner.deliver(channel, message, whole)

    def _now_ms(self) -> int:
        return 0 if self._board is None else self._board.wall_ms()

    def tell(self, event: StreamEvent, channels: tuple[Channel, ...] | None) -> None:
        """Something happened."""
        if isinstance(event, Reconnecting):
            self._stop()
        self._inner.tell(event, channels)
        if self._board is None:
            return
        if isinstance(event, Connected):
            self._connected(self._board, self._now_ms(), event.gap)
        elif isinstance(event, MalformedMessage) and self._started_ms is not None:
            # What it was is not known: it may be asked for like anything else that was missed.
            self._back_ms = self._now_ms()
            self._gap(self._back_ms)
            self._again = True
            if self._task is None:
                self._start(self._board)

    def fail(self, error: Exception) -> None:
        """It is over."""
        self._stop()
        self._inner.fail(error)

    def end(self) -> None:
        """It was closed."""
        self._stop()
        self._inner.end()

    # -- gaps ----------------------------------------------------------------------------------------------------------

    def _connected(self, board: Board, now_ms: int, gap: float | None) -> None:
        self._back_ms = now_ms
        if self._started_ms is None:
            self._started_ms = now_ms
            if self._rule.known is None and self._rule.closed is None:
                return
        else:
            self._gap(now_ms - round((gap or 0.0) * 1000))
        self._start(board)

    def _gap(self, from_ms: int) -> None:
        self._gap_from_ms = from_ms if self._gap_from_ms is None else min(from_ms, self._gap_from_ms)

    def _start(self, board: Board) -> None:
        self._stop()
        self._task = board.spawn(self._run(board))

    def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        for channel, message, whole in held or ():
            self._pass_on(channel, message, whole)

    async def _run(self, board: Board) -> None:
        attempt = 0
        while True:
            attempt += 1
            self._again = False
            try:
                await self._close_gap(board)
            except Exception as error:
                self._release()
                pause = min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(attempt, 10))
                reason = str(error) if isinstance(error, SpecieError) else f"{type(error).__name__}: {error}"
                self._inner.tell(ResyncFailed(reason, pause, attempt), None)
                await board.sleep(pause)
            else:
                if not self._again:
                    break
                attempt = 0
                await board.sleep(_BREATH)
        self._task = None

    async def _close_gap(self, board: Board) -> None:
        rule, ledger, gap_from_ms = self._rule, self._ledger, self._gap_from_ms
        ledger.begin()
        if rule.known is not None:
            ledger.learn(await board.call(rule.known.call, {}))
        if gap_from_ms is None:
            if rule.closed is not None:
                ledger.learn_open(await board.call(rule.call, {}))
            return
        self._held = []
        since_ms: int | None = None
        if rule.since is not None:
            # Whole seconds, so that times told in seconds fall on the same side of it as those in milliseconds.
            since_ms = max(gap_from_ms - _MARGIN_MS, self._started_ms or 0) // 1000 * 1000
        since = {} if rule.since is None else {rule.since: since_ms}
        lists = [_items(await board.call(rule.call, {**given, **since})) for given in ledger.arguments()]
        late = await self._vanished(board, lists)
        if rule.since is not None:
            await board.sleep(_SETTLE)  # for messages on their way, of what the answers have already
        waited, self._held = self._held or [], None
        news = ledger.news(
            [*lists, late],
            [message for _, message, _ in waited],
            since_ms=since_ms,
            back_ms=self._back_ms,
            now_ms=self._now_ms(),
        )
        if not self._again:
            self._gap_from_ms = None
        for item in news:
            if self._channel is not None:
                self._inner.deliver(self._channel, item, False)
        for channel, message, whole in waited:
            self._inner.deliver(channel, message, whole)
        self._inner.tell(Resynced(max(0.0, (self._back_ms - gap_from_ms) / 1000), len(news)), None)

    async def _vanished(self, board: Board, lists: list[list[Any]]) -> list[Any]:
        closed = self._rule.closed
        if closed is None:
            return []
        found: list[Any] = []
        for given in self._ledger.vanished([item for items in lists for item in items]):
            try:
                found.extend(_items(await board.call(closed.call, given)))
            except NotFound as error:
                self._ledger.settled(given)
                self._inner.tell(ResyncFailed(f"{_told(given)} is no longer open, and: {error}", None, 1), None)
        return found


def _items(result: Any) -> list[Any]:
    return result if is_array(result) else [result]


def _told(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.items())
