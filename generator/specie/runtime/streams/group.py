"""The streams of one exchange, as they hang on its client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..outbound import credentials_of
from .definitions import Feed
from .hubs import AsyncHub, Hub
from .options import Options, StreamOptions, check_values
from .stream import AsyncStream, Stream

if TYPE_CHECKING:
    from ..client import AsyncClient, Client
    from .board import Board
    from .local_book import AsyncLocalBook, LocalBook

__all__ = ["AsyncStreamGroup", "StreamGroup"]

T = TypeVar("T")


class _Group:
    _client: Any

    def __init__(self, client: Any) -> None:
        self._client = client
        self._options = Options()

    def _with_options(self, values: Mapping[str, Any], given: StreamOptions) -> Self:
        other = type(self)(self._client)
        other._options = self._options.changed(values, given)
        return other

    def _checked(self, feed: Feed[Any]) -> None:
        check_values(self._options.values, feed.connection.options)
        if feed.connection.auth:
            credentials_of(self._client._settings, feed.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class StreamGroup(_Group):
    """The streams of an exchange, for a client that blocks.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._client: Client = client

    def _hub(self) -> Hub:
        return self._client._companion("streams", Hub)  # pyright: ignore[reportPrivateUsage]

    def _open(self, feed: Feed[T], /, **arguments: Any) -> Stream[T]:
        self._checked(feed)
        return Stream(self, self._hub(), feed, arguments, self._options)

    def _book(self, feed: Feed[Any], /, **arguments: Any) -> LocalBook:
        from .local_book import LocalBook

        self._checked(feed)
        return LocalBook(self, self._hub(), feed, arguments, self._options)


class AsyncStreamGroup(_Group):
    """The streams of an exchange, for asyncio.

    Args:
        client: The client.
    """

    def __init__(self, client: AsyncClient) -> None:
        super().__init__(client)
        self._client: AsyncClient = client

    def _hub(self) -> AsyncHub:
        return self._client._companion("streams", AsyncHub)  # pyright: ignore[reportPrivateUsage]

    def _board(self) -> Board:
        return self._hub().board()

    def _open(self, feed: Feed[T], /, **arguments: Any) -> AsyncStream[T]:
        self._checked(feed)
        return AsyncStream(self, self._hub(), feed, arguments, self._options)

    def _book(self, feed: Feed[Any], /, **arguments: Any) -> AsyncLocalBook:
        from .local_book import AsyncLocalBook

        self._checked(feed)
        return AsyncLocalBook(self, self._hub(), feed, arguments, self._options)
