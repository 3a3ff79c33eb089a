"""Plain clients for the sandbox's streams, and calls signed by hand: nothing here is generated, or knows a spec."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from specie.sandbox import Sandbox

PATIENCE_S = 10


def _nonces() -> Iterator[int]:
    """By the clock, since an exchange may refuse a nonce of some time ago; and each higher than the one before."""
    last = 0
    while True:
        last = max(last + 1, time.time_ns() // 1_000_000)
        yield last


NONCES = _nonces()


def exact(text: str | bytes) -> Any:
    """JSON with every digit of its numbers."""
    return json.loads(text, parse_float=Decimal)


class Ear:
    """A websocket that is listened to."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def next(self) -> Any:
        """The next message."""
        return exact(self.socket.recv(timeout=PATIENCE_S))

    def all(self) -> list[Any]:
        """What has been sent so far."""
        return [exact(text) for text in self.texts()]

    def texts(self) -> list[str | bytes]:
        """The same, as it came."""
        # The first pong says that all we said was read, the second one that what came of it was sent.
        for _ in range(2):
            assert self.socket.ping().wait(PATIENCE_S)
        return list(self._buffered())

    def _buffered(self) -> Iterator[str | bytes]:
        while True:
            try:
                yield self.socket.recv(timeout=0)
            except TimeoutError:
                return

    def say(self, request: Any) -> None:
        self.socket.send(request if isinstance(request, str) else json.dumps(request))

    def until_cut(self) -> list[Any]:
        """What still comes before the connection ends without a goodbye."""
        found: list[Any] = []
        with pytest.raises(ConnectionClosed) as closed:
            found.extend(iter(self.next, None))
        assert closed.value.rcvd is None, closed.value
        return found


@contextmanager
def listening(url: str, headers: Mapping[str, str] | None = None, **options: Any) -> Iterator[Ear]:
    """A websocket while the block lasts."""
    with connect(url, additional_headers=headers, max_queue=None, proxy=None, close_timeout=1, **options) as socket:
        yield Ear(socket)


def refusal(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """How a handshake is refused."""
    try:
        with connect(url, additional_headers=headers, proxy=None, close_timeout=1):
            raise AssertionError(f"{url} was taken")
    except InvalidStatus as refused:
        return refused.response.status_code, bytes(refused.response.body or b"")


class Caller:
    """Calls an exchange of the sandbox by REST, as its documents say."""

    def __init__(self, sandbox: Sandbox, exchange: str, credentials: Mapping[str, str] | None = None) -> None:
        self.sandbox = sandbox
        self.exchange = exchange
        given = sandbox.client_options_of(exchange) if credentials is None else credentials
        self.key, self.secret = given["api_key"], given["api_secret"]

    @property
    def account(self) -> str:
        """The name of the account in the market."""
        return self.key

    def url(self, path: str, server: str = "rest") -> str:
        return self.sandbox.url(self.exchange, server) + path

    def get(self, path: str, server: str = "rest") -> Any:
        """A call that anyone may make; `path` with its query."""
        return self._answer("GET", self.url(path, server))

    def read(self, path: str) -> Any:
        """A signed call without a body."""
        return self._answer("GET", self.url(path), headers=self.headers("", path.partition("?")[2]))

    def do(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Any:
        """A signed call with a body: JSON, or a form where the exchange wants one."""
        if self.exchange in ("bitexbit", "bitok"):
            fields = dict(given or {}, **({"nonce": next(NONCES)} if self.exchange == "bitok" else {}))
            body, kind = urlencode(fields), "application/x-www-form-urlencoded"
        else:
            body, kind = json.dumps(given) if given is not None else "", "application/json"
        return self._answer(method, self.url(path), body, {**self.headers(body), "Content-Type": kind})

    def headers(self, body: str = "", query: str = "", *, nonce: int | None = None) -> dict[str, str]:
        """The headers that sign a call, or the handshake of a stream."""
        nonce = next(NONCES) if nonce is None else nonce
        if self.exchange == "bitopro":
            content = body or json.dumps({"identity": "me@example.org", "nonce": nonce}, separators=(",", ":"))
            payload = base64.b64encode(content.encode()).decode()
            signature = self._mac(payload, "sha384")
            return {
                "X-BITOPRO-APIKEY": self.key,
                "X-BITOPRO-PAYLOAD": payload,
                "X-BITOPRO-SIGNATURE": signature,
            }
        if self.exchange == "bibox":
            return {"BIBOX-API-KEY": self.key, "BIBOX-API-SIGN": self._mac(body or query, "sha256")}
        if self.exchange == "bitexbit":
            fields = "&".join(sorted(body.split("&")))
            return {"X-KEY": self.key, "X-SIGN": self._mac(self.key + fields, "sha256"), "X-NONCE": str(nonce)}
        return {"Key": self.key, "Sign": self._mac(body, "sha512")}

    def _mac(self, text: str, digest: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), getattr(hashlib, digest)).hexdigest()

    def _answer(self, method: str, url: str, body: str = "", headers: Mapping[str, str] | None = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            reply = session.request(method, url, data=body or None, headers=headers, timeout=PATIENCE_S)
        assert reply.status_code == 200, (method, url, reply.status_code, reply.text)
        return exact(reply.content)
