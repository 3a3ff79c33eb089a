"""The blocking transport: `requests` carries exactly the bytes that the flow made.

It tells what was surely not sent (no connection, no name, no TLS) from everything after, which may have arrived.
"""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from .basics import Headers
from .steps import Call, Failure, Response, Send

if TYPE_CHECKING:
    import requests

__all__ = ["SyncTransport", "drive"]


class SyncTransport:
    """Sends requests through one `requests.Session`, which threads share.

    Args:
        session: A session to use; one is made at the first call unless given, and then closed by `close()`.
    """

    def __init__(self, session: requests.Session | None = None) -> None:
        self._session = session
        self._own = session is None
        self._lock = threading.Lock()
        self.closed = False

    def send(self, step: Send) -> Response | Failure:
        """Send a request and wait for its response."""
        import requests
        from requests.structures import CaseInsensitiveDict

        session = self._session or self._open()
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
            response = adapter.send(prepared, timeout=(timeout.connect, timeout.read), **settings)
            return Response(response.status_code, Headers(response.headers.items()), response.content)
        except (requests.RequestException, OSError) as error:
            return _failure(error)

    def _open(self) -> requests.Session:
        import requests

        with self._lock:
            if self._session is None:
                self._session = requests.Session()
            return self._session

    def close(self) -> None:
        """Close the connections; a session that was passed in stays open. Closing twice does nothing more."""
        self.closed = True
        with self._lock:
            if self._own and self._session is not None:
                self._session.close()
                self._session = None


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
        (raised.InvalidURL, raised.InvalidSchema, raised.MissingSchema, raised.InvalidHeader, raised.InvalidProxyURL),
    ):
        return Failure(False, str(error), error)
    if isinstance(error, raised.Timeout):
        return Failure(True, "the answer did not come in time", error)
    return Failure(True, f"the connection broke ({kind})", error)


def _causes(error: BaseException) -> Any:
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
        waiting.extend(other for other in inner if isinstance(other, BaseException))


def drive(steps: Call, transport: SyncTransport) -> Any:
    """Do what a flow asks for, blocking."""
    answer: Response | Failure | None = None
    try:
        while True:
            step = steps.send(answer)
            if isinstance(step, Send):
                answer = transport.send(step)
            else:
                time.sleep(step.seconds)
                answer = None
    except StopIteration as done:
        return done.value
