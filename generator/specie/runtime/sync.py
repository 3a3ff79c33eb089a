"""The blocking transport: `requests` carries exactly the bytes that the flow made.

It tells what was surely not sent (no connection, no name, no TLS) from everything after, which may have arrived.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from .basics import Headers
from .errors import InvalidType
from .forks import renew_in_children
from .steps import Call, Enter, Failure, Response, Send, Sleep

if TYPE_CHECKING:
    import ssl

    import requests

__all__ = ["SyncTransport", "drive"]


class SyncTransport:
    """Sends requests through one `requests.Session`, which threads share.

    Args:
        session: A session to use; one is made at the first call unless given, and then closed by `close()`. It keeps
            its own bounds on connections, and a timeout between two pieces of an answer, not over all of them.
        tls: Whom to trust; the usual authorities unless given.
        connections: How many may be open at a time.
    """

    def __init__(
        self, session: requests.Session | None = None, *, tls: ssl.SSLContext | None = None, connections: int = 100
    ) -> None:
        if session is not None and not hasattr(session, "get_adapter"):
            wrong = type(session).__name__
            raise InvalidType(f"session must be a requests.Session, not a {wrong}", parameter="session")
        self._session = session
        self._own = session is None
        self._tls = tls
        self._connections = connections
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(connections)
        self._over = threading.Event()
        self.closed = False
        renew_in_children(self)

    def send(self, step: Send) -> Response | Failure:
        """Send a request and wait for its response."""
        total = step.timeout.total
        if not self._own:
            return self._send(step, None)
        deadline = None if total is None else time.monotonic() + total
        free = self._free
        if not free.acquire(timeout=total):
            return Failure(False, f"none of {self._connections} connections was free in time")
        try:
            return self._send(step, deadline)
        finally:
            free.release()

    def _send(self, step: Send, deadline: float | None) -> Response | Failure:
        import requests
        from requests.structures import CaseInsensitiveDict
        from urllib3.exceptions import HTTPError

        from .connections import until

        session = self._session or self._open()
        if session is None:
            return Failure(False, "the client was closed")
        request, timeout = step.request, step.timeout
        prepared = requests.PreparedRequest()
        # Filled in by hand: `prepare` would write the URL and the body anew, and what is signed is what must be sent.
        prepared.method = request.method
        prepared.url = request.url
        prepared.body = request.body
        headers: Any = CaseInsensitiveDict(session.headers)
        headers.update(request.headers)
        if request.body is not None or request.method not in ("GET", "HEAD"):
            headers["Content-Length"] = str(len(request.body or b""))
        prepared.headers = headers
        try:
            settings: Any = session.merge_environment_settings(request.url, {}, False, None, None)
            # Straight to the adapter: a session would also keep cookies and prepare to follow redirects.
            adapter = session.get_adapter(request.url)
            with until(deadline):
                response = adapter.send(prepared, timeout=(timeout.connect, timeout.read), **settings)
                body = response.content
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:  # requests does not wrap them all
            failure = _failure(error)
            return failure._replace(reason="the client was closed meanwhile") if self.closed and self._own else failure
        if self.closed and not any(name in response.headers for name in _LENGTHS):
            return Failure(True, "the client was closed meanwhile")  # whether that was all of it, nobody can tell
        return Response(response.status_code, Headers(response.headers.items()), body)

    def _open(self) -> requests.Session | None:
        import requests

        from .connections import Adapter

        with self._lock:
            if self._session is None and not self.closed:
                self._session = requests.Session()
                for scheme in ("https://", "http://"):
                    self._session.mount(scheme, Adapter(self._connections, self._tls))
            return self._session

    def pause(self, seconds: float) -> bool:
        """Wait; gives whether the transport was closed before the time was over."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            # In slices, because Windows lets nobody interrupt this wait.
            if self._over.wait(min(left, 0.25)):
                return True
        return self.closed

    def close(self) -> None:
        """Cut the connections, those in use too, and end all pauses. A session that was passed in stays open, and
        what it is doing goes on. Closing twice does nothing more.
        """
        with self._lock:
            self.closed = True
            session, self._session = (self._session, None) if self._own else (None, self._session)
        self._over.set()
        if session is not None:
            for adapter in session.adapters.values():
                cut: Any = getattr(adapter, "cut", None)
                if cut is not None:
                    cut()
            session.close()

    def forked(self) -> None:
        """Start afresh in a forked child: nothing of the parent's connections and locks is used."""
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(self._connections)
        self._over = threading.Event()
        if self.closed:
            self._over.set()
        if self._session is not None:
            from .connections import renew

            self._session = renew(self._session, own=self._own)


_LENGTHS = ("Content-Length", "Transfer-Encoding")
_HANDSHAKE = frozenset(
    (
        "CERTIFICATE_VERIFY_FAILED",
        "HTTP_REQUEST",
        "NO_PROTOCOLS_AVAILABLE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    )
)


def _failure(error: BaseException) -> Failure:
    import ssl

    from requests import exceptions as raised
    from urllib3 import exceptions as below

    chain = list(_causes(error))
    kind = next((type(cause).__name__ for cause in chain[1:]), type(error).__name__)
    if isinstance(error, raised.ConnectTimeout):
        return Failure(False, "no connection in time", error)
    if any(isinstance(cause, below.NewConnectionError) for cause in chain):
        return Failure(False, "no connection", error)
    if isinstance(error, raised.ProxyError) and not isinstance(error, raised.ReadTimeout):
        return Failure(False, "the proxy could not be reached", error)
    if any(
        isinstance(cause, ssl.SSLError)
        and (cause.reason in _HANDSHAKE or isinstance(cause, ssl.SSLCertVerificationError))
        for cause in chain
    ):
        return Failure(False, "TLS could not be agreed on, or the certificate is not trusted", error)
    if isinstance(
        error,
        (
            raised.InvalidURL,
            raised.InvalidSchema,
            raised.MissingSchema,
            raised.InvalidProxyURL,
            below.LocationValueError,
        ),
    ):
        return Failure(False, str(error), error)
    if isinstance(error, raised.Timeout) or any(isinstance(cause, below.ReadTimeoutError) for cause in chain):
        return Failure(True, "the answer did not come in time", error)
    return Failure(True, f"the connection broke ({kind})", error)


def _causes(error: BaseException) -> Any:
    # Not by `__context__`: that leads to whatever the caller is handling, such as a call before that was not sent.
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = [cause.__cause__, getattr(cause, "reason", None), *cause.args]
        waiting.extend(other for other in inner if isinstance(other, BaseException))


def drive(steps: Call, transport: SyncTransport) -> Any:
    """Do what a flow asks for, blocking."""
    resume: Any = steps.send
    answer: Any = None
    try:
        while True:
            step = resume(answer)
            resume, answer = steps.send, None
            if isinstance(step, Send):
                answer = transport.send(step)
            elif isinstance(step, Sleep):
                answer = transport.pause(step.seconds)
            else:
                try:
                    answer = step.turnstile.enter(step.timeout) if isinstance(step, Enter) else step.call()
                except Exception as error:
                    resume, answer = steps.throw, error
    except StopIteration as done:
        return done.value
    finally:
        steps.close()
