"""What keeps a local book in the loop that reads its connection, and shows it to whoever asks, from any thread."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from random import random
from typing import TYPE_CHECKING, Any, Final

from ..errors import SpecieError, StreamClosed
from .events import MalformedMessage, Reconnecting, StreamEvent, Subscribed
from .keeper import Action, Ask, Keeper
from .levels import Side
from .sink import Sink
from .view import BookView

if TYPE_CHECKING:
    from .board import Board, Subscription
    from .channels import Channel
    from .definitions import Feed

__all__ = ["BookSink"]

_FORKED: Final = "it was made by another process; make one in each"
_LOOP_GONE: Final = "the event loop that kept it has ended; make another one"
_UNOPENED: Final = "it is not open yet: use it in a `with` block, or call `wait()`"


class BookSink(Sink):
    """Keeps a book in the loop that reads the connection, and shows it to any thread."""

    def __init__(self, feed: Feed[Any], channel: Channel, check_every: float) -> None:
        rule = feed.book
        if rule is None:
            raise TypeError(f"{feed.name} does not say how a book is kept from it")
        self._rule = rule
        self._channel = channel
        self._name = channel.text or feed.name
        values = channel.values
        depth = None if rule.depth is None else values.get(rule.depth)
        # A whole number that both are asked with is how many levels they show.
        numbers = [values[name] for name in rule.check_arguments.values() if isinstance(values.get(name), int)]
        shown = numbers[0] if len(numbers) == 1 else None
        self._keeper = Keeper(rule, depth=depth, shown=shown, check_every=check_every or None, random=random)
        self._keeper.reason = _UNOPENED
        self._board: Board | None = None
        self._subscription: Subscription | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._armed: float | None = None
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._watchers: set[asyncio.Event] = set()
        self._view: BookView | None = None
        self._version = -1
        self._updated_ms = 0
        self._process = os.getpid()
        self._ended = False
        self._error: Exception | None = None

    # -- in the loop ---------------------------------------------------------------------------------------------------

    def attach(self, board: Board, subscription: Subscription) -> None:
        """It is subscribed."""
        self._board = board
        self._subscription = subscription
        self._keeper.reason = "it is not subscribed yet"

    def detach(self) -> None:
        """Nobody wants it any more."""
        for task in list(self._tasks):
            task.cancel()

    @property
    def full(self) -> bool:
        """Never: what comes is taken at once."""
        return False

    def deliver(self, channel: Channel, message: Any, whole: bool) -> None:  # noqa: ARG002 - there is but one
        """A message came."""
        self._tell_keeper(lambda now: self._keeper.message(now, message, whole), message=True)

    def tell(self, event: StreamEvent, channels: tuple[Channel, ...] | None) -> None:
        """Something happened."""
        if channels is not None and self._channel not in channels:
            return
        if isinstance(event, Subscribed):
            self._tell_keeper(self._keeper.joined)
        elif isinstance(event, Reconnecting):
            reason = event.reason
            self._tell_keeper(lambda now: self._keeper.lost(now, reason))
        elif isinstance(event, MalformedMessage):
            why, ours = f"{event.path}: expected {event.expected}", event.channel != ""
            self._tell_keeper(lambda now: self._keeper.malformed(now, why, ours=ours))

    def fail(self, error: Exception) -> None:
        """It is over."""
        self.detach()
        self._finish(error)

    def end(self) -> None:
        """It was closed."""
        self.detach()
        self._finish(None)

    def _tell_keeper(self, say: Callable[[float], list[Action]], *, message: bool = False) -> None:
        board = self._board
        if board is None or self._ended:
            return
        with self._changed:
            before = self._keeper.version
            actions = say(board.now())
            if self._keeper.version != before:
                if message:
                    self._updated_ms = board.wall_ms()
                self._notify()
        for action in actions:
            self._do(board, action)
        self._arm(board)

    def _do(self, board: Board, action: Action) -> None:
        if isinstance(action, Ask):
            self._spawn(board, self._ask(board, action))
        elif self._subscription is not None:
            self._subscription.resubscribe(self._channel)

    async def _ask(self, board: Board, ask: Ask) -> None:
        rule, values = self._rule, self._channel.values
        how = rule.snapshot
        if ask.purpose == "snapshot" or rule.kind == "orders":
            call, arguments = (how.call, how.arguments) if how is not None else ("", {})
        else:
            call, arguments = rule.check or "", rule.check_arguments
        given = {parameter: values[name] for parameter, name in arguments.items() if name in values}
        try:
            result = await board.call(call, given)
        except Exception as error:
            reason = str(error) if isinstance(error, SpecieError) else f"{type(error).__name__}: {error}"
            self._tell_keeper(lambda now: self._keeper.refused(now, ask.token, reason))
        else:
            self._tell_keeper(lambda now: self._keeper.answered(now, ask.token, result), message=True)

    def _arm(self, board: Board) -> None:
        deadline = self._keeper.deadline
        if deadline is not None and not self._ended and (self._armed is None or deadline < self._armed):
            self._armed = deadline
            self._spawn(board, self._sleep(board, deadline))

    async def _sleep(self, board: Board, deadline: float) -> None:
        await board.sleep(max(0.0, deadline - board.now()))
        if self._armed is not None and self._armed >= deadline:
            self._armed = None
        self._tell_keeper(self._keeper.wake)

    def _spawn(self, board: Board, coroutine: Coroutine[Any, Any, None]) -> None:
        task = board.spawn(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _finish(self, error: Exception | None) -> None:
        with self._changed:
            if not self._ended:
                self._ended = True
                self._error = error
                if self._board is not None:
                    self._keeper.lost(self._board.now(), "")
                    self._keeper.reason = "it was closed" if error is None else f"the stream has failed: {error}"
                self._notify()

    def _notify(self) -> None:
        self._changed.notify_all()
        for watcher in self._watchers:
            watcher.set()

    # -- from any thread -----------------------------------------------------------------------------------------------

    def view(self) -> BookView:
        """The book as it is now."""
        if self._process != os.getpid():
            # Nothing keeps it here, and the lock may have been held by a thread that was not forked.
            return self._nothing(_FORKED)
        if self._board is not None and self._board.loop.is_closed() and not self._ended:
            return self._nothing(_LOOP_GONE)
        with self._lock:
            return self._look()

    def _nothing(self, reason: str) -> BookView:
        return BookView(self._name, Side(True), Side(False), reason=reason, last_sequence=None, last_update_ms=0)

    def _look(self) -> BookView:
        keeper = self._keeper
        view = self._view
        if view is None or self._version != keeper.version or view.reason != keeper.reason:
            view = self._view = BookView(
                self._name,
                keeper.bids.copy(),
                keeper.asks.copy(),
                reason=keeper.reason,
                last_sequence=keeper.sequence,
                last_update_ms=self._updated_ms,
            )
            self._version = keeper.version
        return view

    def dismiss(self) -> None:
        """Nobody holds the book any more."""
        self._finish(None)

    def wait_for(self, ready: Callable[[BookView], bool], timeout: float | None) -> BookView | None:
        """Wait until a view is as it should be; `None` if the book was closed.

        Raises:
            TimeoutError: It was not in time.
            SpecieError: The stream has failed.
        """
        if self._process != os.getpid():
            raise StreamClosed(f"the book of {self._name}: {_FORKED}")
        with self._changed:
            done = self._changed.wait_for(lambda: self._ended or ready(self._look()), timeout)
            return self._outcome(ready, done)

    async def awaited(self, ready: Callable[[BookView], bool]) -> BookView | None:
        """As `wait_for`, in the loop, without a limit of time."""
        board = self._board
        if board is not None and board.loop is not asyncio.get_running_loop() and not self._ended:
            raise StreamClosed(f"the book of {self._name} was opened in another event loop; make one in each")
        watcher = asyncio.Event()
        with self._lock:
            self._watchers.add(watcher)
        try:
            while True:
                watcher.clear()
                with self._lock:
                    if self._ended or ready(self._look()):
                        return self._outcome(ready, True)
                await watcher.wait()
        finally:
            with self._lock:
                self._watchers.discard(watcher)

    def _outcome(self, ready: Callable[[BookView], bool], done: bool) -> BookView | None:
        view = self._look()
        if not self._ended and done and ready(view):
            return view
        if self._error is not None:
            raise self._error
        if self._ended:
            return None
        raise TimeoutError(f"the book of {self._name} did not become valid in time: {self._keeper.reason}")
