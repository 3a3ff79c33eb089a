"""All connections of one client in one loop: who shares one, who has one alone, and when each ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ClientClosed
from ..settings import Settings
from .channels import Channel
from .definitions import Connection, Feed
from .line import Line
from .links import Dialer
from .options import Options
from .sink import Sink

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Board", "Sink", "Subscription"]

Caller: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Makes a REST call: the operation's group and name, and its arguments."""


class Board:
    """The connections of a client. All of it runs in one loop.

    Args:
        settings: Those of the client.
        caller: Makes REST calls.
        stir: Called when something has come to its end.
    """

    def __init__(self, settings: Settings, caller: Caller, stir: Callable[[], None] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self._caller = caller
        self._lines: list[Line] = []
        self._shared: dict[tuple[str, int], tuple[Line, Options]] = {}
        self._subscriptions: dict[Subscription, None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dialers: dict[str, Dialer] = {}
        self._stir = stir or _nothing
        self._virtual: Dialer | None = None
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether nothing is going on."""
        return not self._lines and not self._tasks and not self._subscriptions

    def open(self, feed: Feed[Any], channels: Iterable[Channel], sink: Sink, options: Options) -> Subscription:
        """Subscribe a sink to channels of a feed. It is dialled in the background.

        Raises:
            ClientClosed: The client is closed.
        """
        if self._closed:
            raise ClientClosed(f"{feed.name}: the client is closed", operation=feed.name)
        self._virtual = options.dialer or self._virtual
        subscription = Subscription(self, feed, sink, options)
        self._subscriptions[subscription] = None
        subscription.add(channels)
        return subscription

    def now(self) -> float:
        """Seconds; only differences mean something. Time flies where a transcript is played back."""
        return self.loop.time() if self._virtual is None else self._virtual.now()

    def wall_ms(self) -> int:
        """The client's clock, milliseconds since 1970."""
        return self.settings.clock()

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """The result of an operation of the client, such as `orders.open`; where that is an iterator, a list."""
        if self._virtual is None:
            return await self._caller(name, arguments)
        with self._virtual.hold():
            return await self._caller(name, arguments)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the connections; it is cancelled when the board closes."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._stir()

    async def sleep(self, seconds: float) -> None:
        """Wait, by the same clock."""
        if self._virtual is None:
            await asyncio.sleep(seconds)
        else:
            await self._virtual.pause(self._virtual.now() + seconds, asyncio.Event())

    def closer(self, subscription: Subscription) -> Callable[[], None]:
        """A function that closes a subscription from wherever it is called, and can be kept by a finalizer."""
        loop = self.loop

        def close() -> None:
            with suppress(RuntimeError):  # the loop is gone, and everything in it
                loop.call_soon_threadsafe(subscription.close)

        return close

    def rouse(self) -> None:
        """A reader made room."""
        for line in self._lines:
            line.rouse()

    async def close(self) -> None:
        """End everything, and wait until it has ended. Readers find their streams closed."""
        self._closed = True
        for subscription in list(self._subscriptions):
            subscription.close()
            subscription.sink.end()
        for line in list(self._lines):
            line.close()
        current = asyncio.current_task()
        while tasks := [task for task in self._tasks if task is not current]:
            _, slow = await asyncio.wait(tasks, timeout=2.0)
            for task in slow:
                task.cancel()

    # -- for subscriptions -------------------------------------------------------------------------------------------

    def line(self, feed: Feed[Any], options: Options) -> Line:
        """The line over which a feed comes."""
        connection = feed.connection
        if feed.address is not None:
            return self._new(connection, options)
        key = (connection.name, id(options))
        shared = self._shared.get(key)
        if shared is None or not shared[0].open:
            # The options are kept with it, lest others come to have their identity.
            shared = self._shared[key] = (self._new(connection, options), options)
        return shared[0]

    def forget(self, subscription: Subscription) -> None:
        """It is closed."""
        self._subscriptions.pop(subscription, None)
        self._stir()

    def _new(self, connection: Connection, options: Options) -> Line:
        line = Line(connection, self.settings, options, options.dialer or self._dialer(connection), self._ended)
        self._lines.append(line)
        return line

    def start(self, line: Line) -> None:
        """Drive a line, unless that is done already."""
        if not line.started:
            line.started = True
            self.spawn(line.run())

    def _ended(self, line: Line) -> None:
        if line in self._lines:
            self._lines.remove(line)
        for key in [key for key, (shared, _) in self._shared.items() if shared is line]:
            del self._shared[key]

    def _dialer(self, connection: Connection) -> Dialer:
        dialer = self._dialers.get(connection.transport)
        if dialer is None:
            dialer = self._dialers[connection.transport] = _dialer(connection.transport, self.settings.tls)
        return dialer


class Subscription:
    """What one sink takes. All of it belongs to the board's loop."""

    def __init__(self, board: Board, feed: Feed[Any], sink: Sink, options: Options) -> None:
        self.sink = sink
        self._board = board
        self._feed = feed
        self._options = options
        self._lines: dict[Channel, Line] = {}
        self.closed = False

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What is subscribed."""
        return tuple(self._lines)

    def add(self, channels: Iterable[Channel]) -> None:
        """Subscribe these as well. Where the address is the subscription they have a connection of their own, so that
        nothing is missed of those that are there.
        """
        new = [channel for channel in channels if channel not in self._lines]
        if not new or self.closed:
            return
        line = self._board.line(self._feed, self._options)
        begun = bool(self._lines)
        self._lines.update(dict.fromkeys(new, line))
        if not begun:
            self.sink.attach(self._board, self)
        line.attach(new, self.sink)
        self._board.start(line)

    def drop(self, channels: Iterable[Channel]) -> None:
        """End these."""
        by_line: dict[Line, list[Channel]] = {}
        for channel in channels:
            line = self._lines.pop(channel, None)
            if line is not None:
                by_line.setdefault(line, []).append(channel)
        for line, gone in by_line.items():
            line.detach(gone, self.sink)

    def resubscribe(self, channel: Channel) -> None:
        """Have a channel begin anew: if the feed's first message is the whole state, the next one is."""
        line = self._lines.get(channel)
        if line is not None:
            line.renew(channel)

    def close(self) -> None:
        """End all of it; the sink is told no end. Closing twice does nothing more."""
        if not self.closed:
            self.closed = True
            self.sink.detach()
            self.drop(list(self._lines))
            self._board.forget(self)


def _dialer(transport: str, tls: SSLContext | None) -> Dialer:
    try:
        if transport == "socketio":
            # It is imported when it is dialled, beside the loop: that takes a third of a second.
            if find_spec("socketio") is None:
                raise ModuleNotFoundError(name="socketio")
            from .socketio import SocketioDialer

            return SocketioDialer(tls)
        from .websocket import WebsocketDialer

        return WebsocketDialer(tls)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"streams need the package {error.name}: pip install 'specie[streams]'", name=error.name
        ) from None


def _nothing() -> None:
    pass
