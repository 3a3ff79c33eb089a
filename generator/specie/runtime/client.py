"""What a user holds: clients, and the groups of operations that hang on them. Everything of weight is done by the flow.

A sync client may be shared by threads, an async one by the tasks of a loop. Neither shows a credential, whatever is
printed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

from .basics import Timeout
from .capture import Reply, capture
from .errors import InvalidValue
from .nonce import NonceSource, shared_nonces
from .operation import Exchange, Operation, Pages
from .retry import Retries
from .settings import Settings
from .signing import BaseCredentials

if TYPE_CHECKING:
    import aiohttp
    import requests

    from .asyncio import AsyncTransport
    from .sync import SyncTransport

__all__ = ["AsyncClient", "AsyncGroup", "Client", "Clock", "Group"]

T = TypeVar("T")
Clock: TypeAlias = Callable[[], int]
"""Gives milliseconds since 1970."""


def system_clock() -> int:
    """The clock of this machine, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _settings(
    exchange: Exchange,
    credentials: BaseCredentials | None,
    base_url: str | Mapping[str, str] | None,
    timeout: Timeout | float | None,
    clock: Clock | None,
    retries: Retries | int | None,
    nonces: NonceSource | None,
) -> Settings:
    from random import random

    servers = dict(exchange.servers)
    for name, url in ({"rest": base_url} if isinstance(base_url, str) else base_url or {}).items():
        if name not in servers:
            raise InvalidValue(
                f"base_url: {exchange.title} has no server {name!r}; it has {', '.join(servers)}", parameter="base_url"
            )
        servers[name] = url
    return Settings(
        exchange,
        credentials,
        servers,
        clock=clock or system_clock,
        nonces=nonces or shared_nonces(),
        monotonic=time.monotonic,
        random=random,
        timeout=Timeout.of(timeout),
        retries=Retries.of(retries),
    )


class _Base:
    """What both clients have in common."""

    _settings: Settings
    _transport: Any

    def with_options(self, *, timeout: Timeout | float | None = None, retries: Retries | int | None = None) -> Self:
        """The same client with other patience. It shares account and connections: closing either closes both.

        Args:
            timeout: How long calls may take.
            retries: How often a read is made again; 0 for never.
        """
        other = object.__new__(type(self))
        other._settings = self._settings.changed(timeout=timeout, retries=retries)
        other._transport = self._transport
        return other

    def capture(self) -> AbstractContextManager[list[Reply]]:
        """Collect the raw replies of the calls inside a `with` block, failed ones too.

        with client.capture() as replies:
            client.market.ticker("BTC_USD")
        replies[0].json()
        """
        return capture(self._settings.owner)

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return bool(self._transport.closed)

    def now_ms(self) -> int:
        """The client's clock, milliseconds since 1970."""
        return self._settings.clock()

    def _closed(self) -> bool:
        return bool(self._transport.closed)

    def __repr__(self) -> str:
        settings = self._settings
        shown = "" if settings.credentials is None else f", {settings.credentials!r}"
        return f"<{type(self).__name__} {settings.exchange.name}{shown}{', closed' if self.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a {type(self).__name__} is not pickled: it holds connections and credentials; make one in each process"
        )


class Client(_Base):
    """A client that blocks. Threads may share it; generated clients derive from it.

    Args:
        exchange: The exchange.
        credentials: Those of the account; public operations need none.
        base_url: In place of the exchange's own: a text replaces the server `rest` and no other, a mapping replaces
            servers by name.
        timeout: How long calls may take; a number bounds each of connecting and waiting, in seconds.
        clock: Gives milliseconds since 1970; nonces, signatures and default times follow it.
        session: A `requests.Session` to use; it is not closed with the client.
        retries: How often a read is made again; a number says how many times.
        nonces: Where nonces come from; shared by all clients of the process unless given.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: BaseCredentials | None = None,
        *,
        base_url: str | Mapping[str, str] | None = None,
        timeout: Timeout | float | None = None,
        clock: Clock | None = None,
        session: requests.Session | None = None,
        retries: Retries | int | None = None,
        nonces: NonceSource | None = None,
    ) -> None:
        from .sync import SyncTransport

        self._settings = _settings(exchange, credentials, base_url, timeout, clock, retries, nonces)
        self._transport: SyncTransport = SyncTransport(session)

    def call(self, operation: Operation[T], arguments: Mapping[str, Any]) -> T:
        """Call an operation, as the groups do; its arguments by their Python names, `None` for what is not given."""
        from .flow import call
        from .sync import drive

        return cast(T, drive(call(self._settings, self._closed, operation, arguments), self._transport))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: bool = False,
        effect: str | None = None,
        server: str = "rest",
    ) -> Any:
        """A call that no spec describes: signed, timed and judged like any other.

        Args:
            method: HTTP method.
            path: Path under the server's, encoded as it must be sent.
            query: Query parameters; a list is repeated, a `None` left out.
            body: JSON body: mappings, lists, text, whole numbers, `Decimal`.
            form: Form fields; a `None` is left out.
            headers: Headers besides those of signing.
            auth: Whether it is signed.
            effect: `read` may be tried again; unless given, a GET is a read and everything else is not.
            server: Name of the server.

        Returns:
            The reply as plain data with every digit kept, envelope included.

        Raises:
            SpecieError: As any operation does.
        """
        from .flow import raw_call
        from .raw import raw_draft
        from .sync import drive

        draft = raw_draft(method, path, query=query, body=body, form=form, headers=headers)
        read = effect == "read" if effect is not None else method.upper() == "GET"
        steps = raw_call(
            self._settings,
            self._closed,
            draft=draft,
            name=f"{method.upper()} {path}",
            auth=auth,
            effect=not read,
            server=server,
        )
        return drive(steps, self._transport)

    def close(self) -> None:
        """Close the connections. Closing twice does nothing more."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(_Base):
    """A client for asyncio. The tasks of a loop may share it; generated clients derive from it.

    A call with an effect that is cancelled in flight raises `OutcomeUnknown`, not `CancelledError`.

    Args:
        exchange: The exchange.
        credentials: Those of the account; public operations need none.
        base_url: In place of the exchange's own: a text replaces the server `rest` and no other, a mapping replaces
            servers by name.
        timeout: How long calls may take; a number bounds each of connecting and waiting, in seconds.
        clock: Gives milliseconds since 1970; nonces, signatures and default times follow it.
        session: An `aiohttp.ClientSession` to use; it is not closed with the client.
        retries: How often a read is made again; a number says how many times.
        nonces: Where nonces come from; shared by all clients of the process unless given.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: BaseCredentials | None = None,
        *,
        base_url: str | Mapping[str, str] | None = None,
        timeout: Timeout | float | None = None,
        clock: Clock | None = None,
        session: aiohttp.ClientSession | None = None,
        retries: Retries | int | None = None,
        nonces: NonceSource | None = None,
    ) -> None:
        from .asyncio import AsyncTransport

        self._settings = _settings(exchange, credentials, base_url, timeout, clock, retries, nonces)
        self._transport: AsyncTransport = AsyncTransport(session)

    async def call(self, operation: Operation[T], arguments: Mapping[str, Any]) -> T:
        """Call an operation, as the groups do; its arguments by their Python names, `None` for what is not given."""
        from .asyncio import drive
        from .flow import call

        return cast(T, await drive(call(self._settings, self._closed, operation, arguments), self._transport))

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: bool = False,
        effect: str | None = None,
        server: str = "rest",
    ) -> Any:
        """A call that no spec describes: signed, timed and judged like any other; see `Client.request`."""
        from .asyncio import drive
        from .flow import raw_call
        from .raw import raw_draft

        draft = raw_draft(method, path, query=query, body=body, form=form, headers=headers)
        read = effect == "read" if effect is not None else method.upper() == "GET"
        steps = raw_call(
            self._settings,
            self._closed,
            draft=draft,
            name=f"{method.upper()} {path}",
            auth=auth,
            effect=not read,
            server=server,
        )
        return await drive(steps, self._transport)

    async def close(self) -> None:
        """Close the connections. Closing twice does nothing more."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Group:
    """The operations of one file of a spec, blocking."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    def _call(self, operation: Operation[T], /, **arguments: object) -> T:
        return self._client.call(operation, arguments)

    def _iterate(self, pages: Pages[T], /, **arguments: object) -> Iterator[T]:
        from .pages import Walk

        walk = Walk(pages, arguments, self._client.now_ms())
        while (asked := walk.ask()) is not None:
            yield from walk.take(self._client.call(pages.operation, asked))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class AsyncGroup:
    """The operations of one file of a spec, for asyncio."""

    __slots__ = ("_client",)

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _call(self, operation: Operation[T], /, **arguments: object) -> T:
        return await self._client.call(operation, arguments)

    async def _iterate(self, pages: Pages[T], /, **arguments: object) -> AsyncIterator[T]:
        from .pages import Walk

        walk = Walk(pages, arguments, self._client.now_ms())
        while (asked := walk.ask()) is not None:
            for item in walk.take(await self._client.call(pages.operation, asked)):
                yield item

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"
