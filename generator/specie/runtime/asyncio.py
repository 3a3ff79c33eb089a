"""The asyncio transport: `aiohttp` carries exactly the bytes that the flow made.

It tells what was surely not sent from everything after, which may have arrived. A call with an effect that is
cancelled in flight ends in `OutcomeUnknown` rather than in `CancelledError`: who cancels an order's placing must hear
that it may have been placed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .basics import Headers
from .steps import Call, Failure, Response, Send

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AsyncTransport", "drive"]


class AsyncTransport:
    """Sends requests through one `aiohttp.ClientSession` of the running loop.

    Args:
        session: A session to use; one is made at the first call unless given, and then closed by `close()`.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None) -> None:
        self._session = session
        self._own = session is None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False
        if session is not None:
            _send_once(session)

    async def send(self, step: Send) -> Response | Failure:
        """Send a request and await its response."""
        import aiohttp
        from yarl import URL

        session = self._session if self._session is not None and not self._own else await self._open()
        request, limit = step.request, step.timeout
        timeout = aiohttp.ClientTimeout(total=limit.total, sock_connect=limit.connect, sock_read=limit.read)
        progress = _Progress(surely=not self._own)
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
            if not (step.effect and progress.sent):
                raise  # nothing can have been done
            return Failure(True, "the call was cancelled in flight", error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            return Failure(False, "no connection in time" if isinstance(error, TimeoutError) else _words(error), error)
        except TimeoutError as error:
            return Failure(progress.sent, "the answer did not come in time", error)
        except (aiohttp.ClientError, OSError) as error:
            return Failure(progress.sent, f"the connection broke ({type(error).__name__})", error)

    async def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            await self._drop()  # it belonged to a loop that is gone
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_headers_sent)
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), trust_env=True, trace_configs=[trace]
            )
            self._loop = loop
            _send_once(self._session)
        return self._session

    async def close(self) -> None:
        """Close the connections; a session that was passed in stays open. Closing twice does nothing more."""
        self.closed = True
        await self._drop()

    async def _drop(self) -> None:
        if self._own and self._session is not None:
            session, self._session = self._session, None
            with suppress(RuntimeError):  # its connections cannot be shut down politely if their loop is closed
                await session.close()


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
    answer: Response | Failure | None = None
    try:
        while True:
            step = steps.send(answer)
            if isinstance(step, Send):
                answer = await transport.send(step)
            else:
                await asyncio.sleep(step.seconds)
                answer = None
    except StopIteration as done:
        return done.value
