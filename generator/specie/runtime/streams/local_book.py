"""A book that keeps itself: what users hold of it, blocking and for asyncio."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from ..errors import InvalidType, StreamClosed
from .book_sink import BookSink
from .channels import channels_of
from .view import BookView, ReadsBook

if TYPE_CHECKING:
    from .channels import Channel
    from .definitions import Feed
    from .hubs import AsyncHub, Hub
    from .options import Options

__all__ = ["AsyncLocalBook", "LocalBook"]


def _is_valid(view: BookView) -> bool:
    return view.valid


def _other_than(last: BookView | None) -> Callable[[BookView], bool]:
    return lambda view: view is not last


def _closed(name: str) -> StreamClosed:
    return StreamClosed(f"the book of {name} was closed")


def _only_channel(feed: Feed[Any], arguments: Mapping[str, Any], options: Options) -> Channel:
    channels = channels_of(feed, arguments, {**feed.connection.options, **options.values})
    if len(channels) != 1:
        raise InvalidType(f"{feed.name}: a book is of one market; make one for each of them", operation=feed.name)
    return channels[0]


def _check_every(options: Options) -> float:
    from .replay import Replay

    # A transcript has no exchange behind it to compare with, and its time would run on for ever.
    return 0.0 if isinstance(options.dialer, Replay) else options.check_every


def _finalizer(handle: _Handle, sink: BookSink, closer: Callable[[], object]) -> weakref.finalize[Any, Any]:
    """What ends a book when it is closed, or when nobody holds it any more."""

    def end() -> None:
        sink.dismiss()
        closer()

    finalizer = weakref.finalize(handle, end)
    finalizer.atexit = False
    return finalizer


class _Handle(ReadsBook):
    """What both handles have in common."""

    _sink: BookSink

    def view(self) -> BookView:
        """The book as it is now, for reading several things of one and the same moment."""
        return self._sink.view()

    def __repr__(self) -> str:
        return self.view().shown_as(type(self).__name__)


class LocalBook(_Handle):
    """An order book that is kept up to date behind you; any thread may read it.

    Nothing is dialled until it is used in a `with` block, waited for or iterated over. While it may differ from the
    exchange's (before the first whole book, after a lost connection, a gap, or anything that contradicts itself),
    reading raises `BookInvalid`, and it is put right meanwhile.

        with client.streams.book("BTC_USDT", depth=20) as book:
            book.wait(10)
            print(book.best_bid, book.best_ask, book.volume("asks", price=65000))
    """

    def __init__(
        self, owner: object, hub: Hub, feed: Feed[Any], arguments: Mapping[str, Any], options: Options
    ) -> None:
        self._owner = owner  # the client lives as long as one of its books is held
        self._hub = hub
        self._options = options
        self._channel = _only_channel(feed, arguments, options)
        self._sink = BookSink(feed, self._channel, _check_every(options))
        self._opening = threading.Lock()
        self._close: weakref.finalize[Any, Any] | None = None
        self._closed = False

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until the book is valid.

        Args:
            timeout: Seconds; without a limit unless given.

        Returns:
            The book itself.

        Raises:
            TimeoutError: It was not valid in time; the text says why.
            StreamClosed: It was closed.
            StreamError: A listener asks, which must not wait.
            SpecieError: The stream has failed for good: refused, rejected, or given up.
        """
        self._hub.refuse_waiting(self._channel.feed.name)
        self._open()
        if self._sink.wait_for(_is_valid, timeout) is None:
            raise _closed(self._channel.text)
        return self

    def __iter__(self) -> Iterator[BookView]:
        """The book after each change, as it then is: changes that come faster than they are read are taken together.

        A view that is not valid says that the book became so. It ends when the book is closed.

        Raises:
            StreamError: A listener asks, which must not wait.
            SpecieError: The stream has failed for good.
        """
        self._hub.refuse_waiting(self._channel.feed.name)
        self._open()
        last: BookView | None = None
        while (view := self._sink.wait_for(_other_than(last), None)) is not None:
            last = view
            yield view

    def _open(self) -> None:
        with self._opening:
            if self._closed:
                raise _closed(self._channel.text)
            if self._close is None:
                hub, sink, channel, options = self._hub, self._sink, self._channel, self._options
                subscription = hub.run(lambda board: board.open(channel.feed, [channel], sink, options))
                self._close = _finalizer(self, sink, hub.closer(subscription))

    def close(self) -> None:
        """End it. Closing twice does nothing more."""
        with self._opening:
            self._closed = True
            if self._close is not None:
                self._close()

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncLocalBook(_Handle):
    """An order book that is kept up to date behind you; the tasks of its loop may read it.

    As `LocalBook`, whose reading never waits; `wait`, `close` and iteration are awaited.

        async with client.streams.book("BTC_USDT", depth=20) as book:
            await book.wait(10)
            print(book.best_bid, book.best_ask, book.volume("asks", price=65000))
    """

    def __init__(
        self, owner: object, hub: AsyncHub, feed: Feed[Any], arguments: Mapping[str, Any], options: Options
    ) -> None:
        self._owner = owner
        self._hub = hub
        self._options = options
        self._channel = _only_channel(feed, arguments, options)
        self._sink = BookSink(feed, self._channel, _check_every(options))
        self._close: weakref.finalize[Any, Any] | None = None
        self._closed = False

    async def wait(self, timeout: float | None = None) -> Self:
        """Wait until the book is valid.

        Args:
            timeout: Seconds; without a limit unless given.

        Returns:
            The book itself.

        Raises:
            TimeoutError: It was not valid in time; the text says why.
            StreamClosed: It was closed.
            SpecieError: The stream has failed for good: refused, rejected, or given up.
        """
        self._open()
        try:
            async with asyncio.timeout(timeout):
                view = await self._sink.awaited(_is_valid)
        except TimeoutError:
            reason = self.view().reason
            raise TimeoutError(f"the book of {self._channel.text} did not become valid in time: {reason}") from None
        if view is None:
            raise _closed(self._channel.text)
        return self

    async def __aiter__(self) -> AsyncIterator[BookView]:
        """The book after each change, as it then is: changes that come faster than they are read are taken together.

        A view that is not valid says that the book became so. It ends when the book is closed.

        Raises:
            SpecieError: The stream has failed for good.
        """
        self._open()
        last: BookView | None = None
        while (view := await self._sink.awaited(_other_than(last))) is not None:
            last = view
            yield view

    def _open(self) -> None:
        if self._closed:
            raise _closed(self._channel.text)
        if self._close is None:
            board = self._hub.board()
            subscription = board.open(self._channel.feed, [self._channel], self._sink, self._options)
            self._close = _finalizer(self, self._sink, board.closer(subscription))

    async def close(self) -> None:
        """End it. Closing twice does nothing more."""
        self._closed = True
        if self._close is not None:
            self._close()

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
