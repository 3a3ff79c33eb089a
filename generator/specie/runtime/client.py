"""What a user holds: clients, and the groups of operations that hang on them. Everything of weight is done by the flow.

A sync client may be shared by threads, an async one by the tasks of a loop. Neither shows a credential, whatever is
printed.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, cast

from .basics import Timeout
from .capture import Reply, capture
from .credentials import BaseCredentials
from .hooks import Hooks
from .meter import Headroom, Policy
from .operation import Exchange, Operation, Pages
from .options import ClientOptions
from .retry import Retries
from .settings import Settings, connections_of, settings_of

if TYPE_CHECKING:
    import aiohttp
    import requests

    from .asyncio import AsyncTransport
    from .errors import OutcomeUnknown
    from .reconcile import Reconciliation
    from .sync import SyncTransport
    from .trading_rules import PairRules, TradingRules

__all__ = ["AsyncClient", "AsyncGroup", "Client", "Group"]

T = TypeVar("T")
C = TypeVar("C")
_COMPANIONS = threading.Lock()


class _Base:
    """What both clients have in common."""

    _settings: Settings
    _transport: Any
    _companions: dict[str, Any]
    _origin: Any = None

    def with_options(
        self,
        *,
        timeout: Timeout | float | None = None,
        retries: Retries | int | None = None,
        limits: Policy | None = None,
        hooks: Hooks | None = None,
    ) -> Self:
        """The same client with other patience, for one call or for many.

            client.with_options(timeout=3, retries=0).market.ticker("BTC_USD")

        It shares account, connections, nonces and limits: closing either closes both.

        Args:
            timeout: How long calls may take.
            retries: How often a read is made again; 0 for never.
            limits: What becomes of a call that finds no room under the exchange's limits.
            hooks: What is told of calls.
        """
        other = object.__new__(type(self))
        other._settings = self._settings.changed(timeout=timeout, retries=retries, limits=limits, hooks=hooks)
        other._transport = self._transport
        other._companions = self._companions
        other._origin = self  # what was made for it must find it as long as the copy is used
        return other

    def _companion(self, name: str, make: Callable[[Self], C]) -> C:
        """Something that lives and is closed with the client, made once: where its streams run."""
        with _COMPANIONS:
            if name not in self._companions:
                self._companions[name] = make(self)
            companion: C = self._companions[name]
        return companion

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
        session: A `requests.Session` to use; it is not closed with the client.
        options: See `ClientOptions`.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: BaseCredentials | None = None,
        *,
        session: requests.Session | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        from .sync import SyncTransport

        self._settings = settings_of(type(self), exchange, credentials, options, session)
        self._companions = {}
        self._transport: SyncTransport = SyncTransport(
            session, tls=self._settings.tls, connections=connections_of(options)
        )

    def call(self, operation: Operation[T], arguments: Mapping[str, Any]) -> T:
        """Call an operation, as the groups do; its arguments by their Python names, `None` for what is not given."""
        from .flow import call
        from .sync import drive

        return cast(T, drive(call(self._settings, self._closed, operation, arguments), self._transport))

    def reconcile(
        self, reconciliation: Reconciliation[T], unknown: OutcomeUnknown, known: Iterable[str | int] | None, wait: float
    ) -> T:
        """Find out what became of a call, as the `reconcile()` of a group does."""
        from .reconciling import reconcile
        from .sync import drive

        steps = reconcile(self._settings, self._closed, reconciliation, unknown, known, wait)
        return cast(T, drive(steps, self._transport))

    def trading_rules(
        self, rules: PairRules[T], pair: str, max_age: float, pairs: Iterable[T] | None
    ) -> TradingRules[T]:
        """What an order in one market must keep to, as the `rules()` of a group gives it."""
        book = rules.book(self._settings)
        found = book.known(pair, max_age, pairs)
        if found is None:
            records = self.call(rules.operation, {})
            found = book.learned(pair, records)
        return found

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
        steps = raw_call(
            self._settings,
            self._closed,
            draft=draft,
            name=f"{method.upper()} {path}",
            auth=auth,
            effect=effect or ("read" if method.upper() == "GET" else "effect"),
            server=server,
        )
        return drive(steps, self._transport)

    def limits(self) -> list[Headroom]:
        """What is used just now of each limit of the exchange, by all who share them.

        Raises:
            OSError, or what else the store raises: If the limits are kept in a file or by a server that cannot be
                reached.
        """
        return self._settings.headroom()

    def close(self) -> None:
        """Close the connections, at once. Closing twice does nothing more.

        A call that another thread is in ends: in `OutcomeUnknown` if it was sent and may have changed something, in
        `NoReply` if a read was sent, in `ClientClosed` if it waited for room or to be made again. Only a `session`
        that was passed in lets what was sent run to its end.
        """
        companions = list(self._companions.values())
        for companion in companions:
            companion.close()
        self._transport.close()
        for companion in companions:
            companion.join()

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
        session: An `aiohttp.ClientSession` to use; it is not closed with the client.
        options: See `ClientOptions`.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: BaseCredentials | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        from .asyncio import AsyncTransport

        self._settings = settings_of(type(self), exchange, credentials, options, session)
        self._companions = {}
        self._transport: AsyncTransport = AsyncTransport(
            session, tls=self._settings.tls, connections=connections_of(options)
        )

    async def call(self, operation: Operation[T], arguments: Mapping[str, Any]) -> T:
        """Call an operation, as the groups do; its arguments by their Python names, `None` for what is not given."""
        from .asyncio import drive
        from .flow import call

        return cast(T, await drive(call(self._settings, self._closed, operation, arguments), self._transport))

    async def reconcile(
        self, reconciliation: Reconciliation[T], unknown: OutcomeUnknown, known: Iterable[str | int] | None, wait: float
    ) -> T:
        """Find out what became of a call, as the `reconcile()` of a group does."""
        from .asyncio import drive
        from .reconciling import reconcile

        steps = reconcile(self._settings, self._closed, reconciliation, unknown, known, wait)
        return cast(T, await drive(steps, self._transport))

    async def trading_rules(
        self, rules: PairRules[T], pair: str, max_age: float, pairs: Iterable[T] | None
    ) -> TradingRules[T]:
        """What an order in one market must keep to, as the `rules()` of a group gives it."""
        book = rules.book(self._settings)
        found = book.known(pair, max_age, pairs)
        if found is None:
            records = await self.call(rules.operation, {})
            found = book.learned(pair, records)
        return found

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
        steps = raw_call(
            self._settings,
            self._closed,
            draft=draft,
            name=f"{method.upper()} {path}",
            auth=auth,
            effect=effect or ("read" if method.upper() == "GET" else "effect"),
            server=server,
        )
        return await drive(steps, self._transport)

    async def limits(self) -> list[Headroom]:
        """What is used just now of each limit of the exchange, by all who share them; see `Client.limits`."""
        if not self._settings.meter.budgets.blocking:
            return self._settings.headroom()
        from asyncio import to_thread

        return await to_thread(self._settings.headroom)

    async def close(self) -> None:
        """Close the connections. Closing twice does nothing more."""
        for companion in list(self._companions.values()):
            await companion.close()
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

    def _reconcile(
        self, reconciliation: Reconciliation[T], unknown: OutcomeUnknown, known: Iterable[str | int] | None, wait: float
    ) -> T:
        return self._client.reconcile(reconciliation, unknown, known, wait)

    def _rules(self, rules: PairRules[T], pair: str, max_age: float, pairs: Iterable[T] | None) -> TradingRules[T]:
        return self._client.trading_rules(rules, pair, max_age, pairs)

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

    async def _reconcile(
        self, reconciliation: Reconciliation[T], unknown: OutcomeUnknown, known: Iterable[str | int] | None, wait: float
    ) -> T:
        return await self._client.reconcile(reconciliation, unknown, known, wait)

    async def _rules(
        self, rules: PairRules[T], pair: str, max_age: float, pairs: Iterable[T] | None
    ) -> TradingRules[T]:
        return await self._client.trading_rules(rules, pair, max_age, pairs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"
