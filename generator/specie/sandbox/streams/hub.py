"""The connections of one exchange, all of which are told what its market does.

The market tells while it is moving; what it told is kept, and the sessions hear of it when the market stands still
again, each action in its order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from ..market import Event, Market
from .line import Line
from .sessions import Session


class Hub:
    """Tells sessions what a market does. All but the market's own telling happens on the thread of one loop."""

    def __init__(self, exchange: str, market: Market, loop: asyncio.AbstractEventLoop) -> None:
        self.exchange = exchange
        self.market = market
        self._loop = loop
        self._sessions: dict[Line, Session] = {}
        self._batches: deque[Sequence[Event]] = deque()
        self._due = False
        self._overheard: list[Callable[[Sequence[Event]], None]] = []
        self._unsubscribe = market.subscribe(self._told)

    @property
    def busy(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._sessions)

    @property
    def lines(self) -> list[Line]:
        return list(self._sessions)

    def overhear(self, listener: Callable[[Sequence[Event]], None]) -> None:
        """Have somebody besides the sessions told of every action, before they are."""
        self._overheard.append(listener)

    def join(self, line: Line, session: Session) -> None:
        """Take a connection in; it is told how things stand."""
        self.settle()
        self._sessions[line] = session
        line.put(session.opened())

    def leave(self, line: Line) -> None:
        self._sessions.pop(line, None)

    def heard(self, line: Line, text: str, event: str = "") -> None:
        """A client said something."""
        session = self._sessions.get(line)
        if session is not None and not line.silent:
            self.settle()
            line.put(session.heard(text, event))

    def settle(self) -> None:
        """Tell what has happened, and that time may have gone by."""
        self._due = False
        batches = [self._batches.popleft() for _ in range(len(self._batches))]
        for batch in batches:
            for listener in self._overheard:
                listener(batch)
        for line, session in tuple(self._sessions.items()):
            try:
                line.put(session.moved(batches))
            except Exception:
                # A fault of ours: it must end neither the other connections nor the request that moved the market.
                logging.getLogger("specie.sandbox").exception("the sandbox failed at a stream")
                line.cut()

    def close(self) -> None:
        self._unsubscribe()
        for line in self.lines:
            line.cut()

    def _told(self, batch: Sequence[Event]) -> None:
        # Maybe on another thread: a test may move the market by itself.
        self._batches.append(batch)
        if not self._due:
            self._due = True
            self._loop.call_soon_threadsafe(self.settle)
