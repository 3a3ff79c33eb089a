"""A wire without a network: it notes what is sent, and answers what it was told to, under both HTTP libraries.

The blocking side is a real `requests.Session` with an adapter of ours below it; the asyncio side stands in for
`aiohttp.ClientSession`, and is as strict about headers as that.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
import requests
import urllib3
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict
from requests.adapters import BaseAdapter


@attrs.frozen
class Sent:
    """A request as it would have gone out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> str:
        return urlsplit(self.url).query

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@attrs.frozen
class Answer:
    """A reply to give."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=lambda: {"Content-Type": "application/json"})


@attrs.frozen
class Fault:
    """No reply: `timeout`, `refused` (no connection, so nothing was sent) or `reset` (after sending)."""

    kind: str


class NoAnswerError(RuntimeError):
    """There was no answer left to give."""


class Wire:
    """Answers requests with the given answers in turn, the last one for ever; without any, it raises `NoAnswerError`.

    An answer may also be a function of the request.
    """

    def __init__(self, *answers: Any) -> None:
        self.requests: list[Sent] = []
        self._answers = list(answers)
        self.blocking = requests.Session()
        self.blocking.trust_env = False  # looking for proxies costs more than everything else here
        for scheme in ("http://", "https://"):
            self.blocking.mount(scheme, _Adapter(self))
        self.asyncio: Any = _AsyncSession(self)

    def answer(self, sent: Sent) -> Answer | Fault:
        self.requests.append(sent)
        if not self._answers:
            raise NoAnswerError(sent.url)
        chosen = self._answers[min(len(self.requests), len(self._answers)) - 1]
        given: Answer | Fault = chosen(sent) if callable(chosen) else chosen
        return given


def _text(headers: Mapping[Any, Any]) -> dict[str, str]:
    # http.client and aiohttp each take other things as well; the common ground is text.
    for name, value in headers.items():
        assert isinstance(name, str), name
        assert isinstance(value, str), f"the header {name} is {type(value).__name__}, not str"
    return dict(headers)


class _Adapter(BaseAdapter):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body or b""
        assert isinstance(body, bytes)
        sent = Sent(str(request.method), str(request.url), _text(request.headers), body)
        answer = self._wire.answer(sent)
        if isinstance(answer, Fault):
            raise _requests_fault(answer.kind, request)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        pass


def _requests_fault(kind: str, request: requests.PreparedRequest) -> Exception:
    pool: Any = None
    if kind == "timeout":
        return requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(pool, str(request.url), "Read timed out."))
    if kind == "refused":
        cause = urllib3.exceptions.NewConnectionError(pool, "Connection refused")
        return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, str(request.url), cause))
    reset = ConnectionResetError(104, "Connection reset by peer")
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", reset), request=request)


class _AsyncSession:
    closed = False

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def request(self, method: str, url: Any, *, headers: Mapping[str, str], data: bytes | None = None, **_: Any) -> Any:
        sent = Sent(method, str(url), CIMultiDict(_text(headers)), data or b"")
        return _AsyncResponse(self._wire, sent)


class _AsyncResponse:
    status: int
    headers: CIMultiDict[str]

    def __init__(self, wire: Wire, sent: Sent) -> None:
        self._wire = wire
        self._sent = sent
        self._body = b""

    async def __aenter__(self) -> _AsyncResponse:
        answer = self._wire.answer(self._sent)
        if isinstance(answer, Fault):
            raise _aiohttp_fault(answer.kind)
        self.status, self.headers, self._body = answer.status, CIMultiDict(answer.headers), answer.body
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read(self) -> bytes:
        return self._body


def _aiohttp_fault(kind: str) -> Exception:
    if kind == "timeout":
        return aiohttp.SocketTimeoutError("Timeout on reading data from socket")
    if kind == "refused":
        key = ConnectionKey("exchange.invalid", 443, True, True, None, None, None)
        return aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "Connection refused"))
    return aiohttp.ClientOSError(104, "Connection reset by peer")
