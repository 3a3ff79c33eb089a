"""What a user holds of a stream: an iterator of its messages, which begins when it is first asked for one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import finalize

from ..errors import InvalidType, StreamClosed
from ..forks import renew_in_children
from .channels import Channel, channels_of, plan_of
from .definitions import Feed
from .events import StreamEvent
from .mailbox import Ended, Item, Mailbox, TaskMailbox, ThreadMailbox
from .sink import Sink

if TYPE_CHECKING:
    from .board import Board, Subscription
    from .hubs import AsyncHub, Hub
    from .options import Options

__all__ = ["AsyncStream", "Stream"]

T = TypeVar("T")


class _Stream(Generic[T]):
    """What both kinds have in common."""

    def __init__(self, feed: Feed[T], arguments: Mapping[str, Any], options: Options, mailbox: Mailbox) -> None:
        self._feed = feed
        self._sink = mailbox
        self._arguments = dict(arguments)
        self._options = options
        self._values = {**feed.connection.options, **options.values}
        found = channels_of(feed, arguments, self._values)
        self._channels: dict[Channel, None] = dict.fromkeys(found)
        self._subscription: Subscription | None = None
        self._closed = False
        self._whole = False
        self._channel = ""

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that it has; empty where the connection itself is the subscription."""
        return tuple(channel.text for channel in self._channels if channel.text)

    @property
    def whole(self) -> bool:
        """Whether the message just given was the whole state of its channel, and not a change of it."""
        return self._whole

    @property
    def channel(self) -> str:
        """The name of the channel of the message just given."""
        return self._channel

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._closed

    def _more(self, value: Any, parameters: Mapping[str, Any]) -> list[Channel]:
        several = plan_of(self._feed).several
        if several is None:
            raise InvalidType(f"{self._feed.name} has no channels to choose from", operation=self._feed.name)
        if self._closed:
            raise StreamClosed(f"{self._feed.name}: the stream is closed", connection=self._feed.connection.name)
        return channels_of(self._feed, {**self._arguments, **parameters, several: value}, self._values)

    def _less(self, value: Any, parameters: Mapping[str, Any]) -> list[Channel]:
        named = self._more(value, parameters)
        if parameters:
            return [channel for channel in named if channel in self._channels]
        several = plan_of(self._feed).several
        values = [channel.values.get(several or "") for channel in named]
        return [channel for channel in self._channels if channel.values.get(several or "") in values]

    def _gone(self) -> StreamClosed:
        return StreamClosed(f"{self._feed.name}: the stream is closed", connection=self._feed.connection.name)

    def _given(self, item: tuple[Any, Channel, bool]) -> T:
        message, channel, self._whole = item
        self._channel = channel.text
        return message  # type: ignore[no-any-return]

    def _subscribe(self, board: Board, closing: Callable[[Subscription], Callable[[], None]]) -> Subscription:
        """Begin; in the board's loop."""
        sink: Sink = self._sink
        if self._feed.resync is not None:
            from .resync import Reconciled

            sink = Reconciled(self._feed, sink)
        subscription = board.open(self._feed, (), sink, self._options)
        self._sink.on_over = subscription.close
        # A stream that is forgotten ends as one that is closed does.
        self._finalizer = finalize(self, closing(subscription))
        self._finalizer.atexit = False
        subscription.add(self._channels)
        return subscription

    def __repr__(self) -> str:
        names = ", ".join(self.channels)
        return f"<{type(self).__name__} {self._feed.name}{' ' + names if names else ''}{', closed' * self._closed}>"


class Stream(_Stream[T], Iterator[T]):
    """The messages of a stream, as they come, in their order.

    Nothing is dialled before the first message is asked for, or before `with`. A connection that is lost is made
    again, for ever unless the option `attempts` says otherwise; what ends the stream is raised once everything that
    came before was given, and then each time again. Threads may share it; `close()` ends the waiting of all.
    """

    def __init__(self, owner: object, hub: Hub, feed: Feed[T], arguments: Mapping[str, Any], options: Options) -> None:
        self._mailbox = ThreadMailbox(feed.name, options)
        super().__init__(feed, arguments, options, self._mailbox)
        self._owner = owner  # the client lives as long as one of its streams is held
        self._hub = hub
        self._lock = threading.Lock()
        self._process = os.getpid()
        renew_in_children(self)

    def forked(self) -> None:
        """Give nothing of what the parent read, in a child of a fork; and take none of its locks."""
        self._lock = threading.Lock()
        if self._subscription is not None:
            self._mailbox = self._sink = ThreadMailbox(self._feed.name, self._options)
            self._mailbox.fail(self._foreign())

    def get(self, timeout: float | None = None) -> T:
        """The next message.

        Args:
            timeout: Seconds to wait for it; as long as it takes unless given.

        Raises:
            TimeoutError: None came in time. The stream goes on.
            StreamClosed: The stream was closed.
            StreamError: The stream came to its end; or a listener, which must not wait, asks for a message that is
                not there yet.
            ApiError: The exchange refused the connection or the subscription.
        """
        while True:
            try:
                item = self._mailbox.poll() or self._take(timeout)
            except Ended:
                raise self._gone() from None
            if len(item) == 3:
                return self._given(item)

    def __next__(self) -> T:
        while True:
            try:
                item = self._mailbox.poll() or self._take(None)
            except Ended:
                raise StopIteration from None
            if len(item) == 3:
                return self._given(item)

    def with_events(self) -> Iterator[T | StreamEvent]:
        """The messages, and what happens besides, in one order."""
        self._mailbox.events = True
        return self._all()

    def _all(self) -> Iterator[T | StreamEvent]:
        while True:
            try:
                item = self._take(None)
            except Ended:
                return
            yield self._given(item) if len(item) == 3 else item[0]

    def add(self, value: Any, **parameters: Any) -> None:
        """Have more channels.

        Args:
            value: One value of the stream's first parameter, or several.
            **parameters: Others, where they differ from those that the stream was opened with.

        Raises:
            ArgumentError: There is no such channel.
            StreamClosed: The stream was closed.
        """
        channels = self._more(value, parameters)
        subscription = self._subscription
        if subscription is not None:
            self._check_process()
        self._channels.update(dict.fromkeys(channels))
        if subscription is not None:
            self._hub.run(lambda _: subscription.add(channels))

    def drop(self, value: Any, **parameters: Any) -> None:
        """Have fewer channels. What came of them and was not read yet is still given.

        Args:
            value: One value of the stream's first parameter, or several.
            **parameters: Others, if just one of several channels of a value is meant.
        """
        channels = self._less(value, parameters)
        subscription = self._subscription
        if subscription is not None:
            self._check_process()
        for channel in channels:
            self._channels.pop(channel, None)
        if subscription is not None:
            self._hub.run(lambda _: subscription.drop(channels))

    def close(self) -> None:
        """End it. Whoever waits for a message finds it closed. Closing twice does nothing more."""
        self._closed = True
        self._mailbox.end()
        subscription = self._subscription
        if subscription is not None:
            self._hub.post(subscription.close)

    def __iter__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, timeout: float | None) -> Item:
        self._hub.refuse_waiting(self._feed.name)
        if self._subscription is None:
            self._open()
        self._check_process()
        return self._mailbox.get(timeout)

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise self._foreign()

    def _foreign(self) -> StreamClosed:
        return StreamClosed(f"{self._feed.name}: the stream was opened by another process; open one in each")

    def _open(self) -> None:
        # Held by whoever opens, and by nobody else: a listener, in the loop that is waited for here, may close or add.
        with self._lock:
            if self._subscription is None and not self._closed:
                hub = self._hub
                self._mailbox.on_room = lambda: hub.post(hub.rouse)
                self._process = os.getpid()
                self._subscription = subscription = hub.run(lambda board: self._subscribe(board, hub.closer))
                if self._closed:
                    hub.post(subscription.close)


class AsyncStream(_Stream[T], AsyncIterator[T]):
    """The messages of a stream, as they come, in their order, for asyncio.

    Nothing is dialled before the first message is asked for, or before `async with`. A connection that is lost is made
    again, for ever unless the option `attempts` says otherwise; what ends the stream is raised once everything that
    came before was given, and then each time again. The tasks of a loop may share it; waiting can be cancelled, and
    nothing is lost by it.
    """

    def __init__(
        self, owner: object, hub: AsyncHub, feed: Feed[T], arguments: Mapping[str, Any], options: Options
    ) -> None:
        self._mailbox = TaskMailbox(feed.name, options)
        super().__init__(feed, arguments, options, self._mailbox)
        self._owner = owner
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(self, timeout: float | None = None) -> T:
        """The next message.

        Args:
            timeout: Seconds to wait for it; as long as it takes unless given.

        Raises:
            TimeoutError: None came in time. The stream goes on.
            StreamClosed: The stream was closed.
            StreamError: The stream came to its end.
            ApiError: The exchange refused the connection or the subscription.
        """
        while True:
            try:
                item = self._mailbox.poll() or await self._take(timeout)
            except Ended:
                raise self._gone() from None
            if len(item) == 3:
                return self._given(item)

    async def __anext__(self) -> T:
        while True:
            try:
                item = self._mailbox.poll() or await self._take(None)
            except Ended:
                raise StopAsyncIteration from None
            if len(item) == 3:
                return self._given(item)

    def with_events(self) -> AsyncIterator[T | StreamEvent]:
        """The messages, and what happens besides, in one order."""
        self._mailbox.events = True
        return self._all()

    async def _all(self) -> AsyncIterator[T | StreamEvent]:
        while True:
            try:
                item = await self._take(None)
            except Ended:
                return
            yield self._given(item) if len(item) == 3 else item[0]

    async def add(self, value: Any, **parameters: Any) -> None:
        """Have more channels; see `Stream.add`."""
        channels = self._more(value, parameters)
        self._check_loop()
        self._channels.update(dict.fromkeys(channels))
        if self._subscription is not None:
            self._subscription.add(channels)

    async def drop(self, value: Any, **parameters: Any) -> None:
        """Have fewer channels; see `Stream.drop`."""
        channels = self._less(value, parameters)
        self._check_loop()
        for channel in channels:
            self._channels.pop(channel, None)
        if self._subscription is not None:
            self._subscription.drop(channels)

    async def close(self) -> None:
        """End it. Whoever waits for a message finds it closed. Closing twice does nothing more."""
        self._closed = True
        self._mailbox.end()
        if self._subscription is None:
            return
        if self._loop is asyncio.get_running_loop():
            self._subscription.close()
        else:
            self._finalizer()

    def __aiter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _take(self, timeout: float | None) -> Item:
        if self._subscription is None:
            self._open()
        self._check_loop()
        return await self._mailbox.get(timeout)

    def _check_loop(self) -> None:
        loop = self._loop
        if loop is not None and loop is not asyncio.get_running_loop() and not self._closed:
            # Nothing that comes there would ever wake whoever waits here.
            raise StreamClosed(f"{self._feed.name}: the stream was opened in another event loop; open one in each")

    def _open(self) -> None:
        if self._subscription is None and not self._closed:
            board = self._hub.board()
            self._loop = board.loop
            self._mailbox.on_room = board.rouse
            self._subscription = self._subscribe(board, board.closer)
