"""The asyncio transport: `aiohttp` carries exactly the bytes that the flow made.

It tells what was surely not sent from everything after, which may have arrived. A call with an effect that is
cancelled in flight ends in `OutcomeUnknown` rather than in `CancelledError`: who cancels an order's placing must hear
that it may have been placed.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from .basics import Headers
from .errors import InvalidType
from .forks import renew_in_children
from .steps import Call, Enter, Failure, Response, Send, Sleep

if TYPE_CHECKING:
    import ssl

    import aiohttp

__all__ = ["AsyncTransport", "drive"]


class AsyncTransport:
    """Sends requests through an `aiohttp.ClientSession` for each event loop that uses it.

    A session ends with its loop: `asyncio.run` and its like shut down the asynchronous generators of a loop before they
    close it, and one of these holds each session. So a client may be used in one loop after another, or in several at
    a time, and leaves no open socket behind.

    Args:
        session: A session to use; one is made at the first call in a loop unless given, and then closed by `close()`.
        tls: Whom to trust; the usual authorities unless given.
        connections: How many may be open at a time, in each loop.
    """

    def __init__(
        self, session: aiohttp.ClientSession | None = None, *, tls: ssl.SSLContext | None = None, connections: int = 100
    ) -> None:
        self._given = session
        self._tls = tls
        self._connections = connections
        self._kept: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Kept] = weakref.WeakKeyDictionary()
        self.closed = False
        if session is not None:
            if hasattr(session, "get_adapter") or not hasattr(session, "request"):  # one of requests, or none at all
                raise InvalidType(
                    f"session must be an aiohttp.ClientSession, not a {type(session).__name__}", parameter="session"
                )
            _send_once(session)
        renew_in_children(self)

    async def send(self, step: Send) -> Response | Failure:
        """Send a request and await its response."""
        import aiohttp
        from yarl import URL

        if self._given is None and self.closed:
            return Failure(False, "the client was closed")
        session = self._given if self._given is not None else await self._open()
        if session.closed:
            return Failure(False, "the session that was passed in is closed")
        request, limit = step.request, step.timeout
        timeout = aiohttp.ClientTimeout(total=limit.total, sock_connect=limit.connect, sock_read=limit.read)
        progress = _Progress(surely=self._given is not None)
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=timeout,
                trace_request_ctx=progress,
            ) as response:
                body = await response.read()
                return Response(response.status, Headers(response.headers.items()), body)
        except asyncio.CancelledError as error:
            return Failure(progress.sent, "the call was cancelled in flight", error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return Failure(False, "no connection in time" if isinstance(error, TimeoutError) else _words(error), error)
        except TimeoutError as error:
            reason = "the answer did not come in time" if progress.sent else "no connection was free in time"
            return Failure(progress.sent, reason, error)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # aiohttp does not wrap what some hosts raise
            return Failure(progress.sent, f"the connection broke ({type(error).__name__})", error)

    async def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        kept = self._kept.get(loop)
        if kept is not None and not kept.session.closed:
            return kept.session
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_headers_sent)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=True if self._tls is None else self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
            trace_configs=[trace],
        )
        _send_once(session)
        holder = _held(session)
        self._kept[loop] = _Kept(session, holder)
        await anext(holder)
        return session

    async def close(self) -> None:
        """Close the connections, those in other loops that run too; a session that was passed in stays open. Closing
        twice does nothing more.
        """
        self.closed = True
        here = asyncio.get_running_loop()
        while self._kept:
            loop, kept = self._kept.popitem()
            with suppress(RuntimeError):  # its loop is closed, or is closing it just now
                if loop is here:
                    await kept.holder.aclose()
                elif loop.is_running():
                    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_close(kept.holder), loop))

    def forked(self) -> None:
        """Start afresh in a forked child: to close the parent's connections would take them from its event loop."""
        for kept in self._kept.values():
            # Neither may say at the child's end that it was not closed. There are no public switches.
            setattr(kept.session.connector, "_closed", True)  # noqa: B010
            _LEFT_BEHIND.append(kept)
        self._kept = weakref.WeakKeyDictionary()


_LEFT_BEHIND: list[object] = []


class _Kept(NamedTuple):
    session: aiohttp.ClientSession
    holder: AsyncGenerator[None, None]


async def _held(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await session.close()
        await asyncio.sleep(0)  # transports let go of their sockets in the round after


async def _close(holder: AsyncGenerator[None, None]) -> None:
    await holder.aclose()


class _Progress:
    """Whether a request went out; `surely` where nobody can tell, as in a session that was passed in."""

    __slots__ = ("sent",)

    def __init__(self, surely: bool) -> None:
        self.sent = surely


async def _headers_sent(_session: Any, context: Any, _params: Any) -> None:
    progress = context.trace_request_ctx
    if isinstance(progress, _Progress):
        progress.sent = True


def _send_once(session: aiohttp.ClientSession) -> None:
    # aiohttp sends PUT and DELETE a second time by itself when a kept connection turns out to be closed. Nobody could
    # know then whether an order was cancelled once or twice, and the second nonce would be stale. There is no public
    # switch.
    setattr(session, "_retry_connection", False)  # noqa: B010


def _words(error: BaseException) -> str:
    name = type(error).__name__
    if "Certificate" in name or "SSL" in name:
        return "TLS could not be agreed on, or the certificate is not trusted"
    return "the name of the server is not known" if "DNS" in name else "no connection"


async def drive(steps: Call, transport: AsyncTransport) -> Any:
    """Do what a flow asks for, awaiting."""
    resume: Any = steps.send
    answer: Any = None
    try:
        while True:
            step = resume(answer)
            resume, answer = steps.send, None
            if isinstance(step, Send):
                answer = await transport.send(step)
            elif isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    if isinstance(step, Enter):
                        answer = await step.turnstile.enter_async(step.timeout)
                    else:
                        answer = await asyncio.to_thread(step.call)
                except (Exception, asyncio.CancelledError) as error:
                    resume, answer = steps.throw, error  # the flow knows whether anything was sent
    except StopIteration as done:
        return done.value
    finally:
        steps.close()
