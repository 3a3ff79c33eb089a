"""Whom streams trust, and by which way they go: TLS and proxies, over websockets and over socket.io."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from connect_proxy import ConnectProxy
from socketio_server import Raw, Server
from stream_server import Blocking, StreamServer, Subscriber, Tasks

from specie.runtime import Connected, Reconnecting, StreamEnded, StreamError, StreamEvent, Subscribed

TICKER = json.dumps({"event": "TICKER", "pair": "A", "last": "1.10"})


class Authority(NamedTuple):
    """One that signed the certificate of a server."""

    bundle: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = trustme.CA()
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    made.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    return Authority(bundle, context)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("tls") / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    return bundle


@pytest.fixture(params=[Blocking, Tasks], ids=lambda kind: kind.name)
def body(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as made:
        yield made


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "ws", "wss", "all", "no", "socks"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


@pytest.fixture(params=["websocket", "socketio"])
def serve(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Starts a server; gives its URL, and the stream of an exchange that it serves."""

    def behave(subscriber: Subscriber) -> None:
        subscriber.send(TICKER)
        subscriber.linger()

    with ExitStack() as stack:

        def start(tls: ssl.SSLContext | None = None) -> tuple[str, str]:
            if request.param == "websocket":
                return stack.enter_context(StreamServer(behave, tls=tls)).url, "ticker"
            server = stack.enter_context(Server(tls))
            server.messages = [("book_a", Raw('{"oid": 1, "price": 1.10}'))]
            return server.url, "event_orders"

        yield start


def opened(body: Any, url: str, name: str, client: dict[str, Any], **options: Any) -> Any:
    return getattr(body.client(url, **client).streams.with_options(**options), name)("a")


def test_a_certificate_of_a_given_authority_is_trusted(serve: Any, body: Any, authority: Authority) -> None:
    url, name = serve(authority.server)
    for verify in (authority.bundle, str(authority.bundle), ssl.create_default_context(cafile=authority.bundle)):
        assert len(body.take(opened(body, url, name, {"verify": verify}), 1)) == 1


def test_no_other_certificate_is_trusted(serve: Any, body: Any, authority: Authority, stranger: Path) -> None:
    url, name = serve(authority.server)
    for client in ({}, {"verify": stranger}):
        stream = opened(body, url, name, client)
        with pytest.raises(StreamError, match=r"certificate is not trusted \(.*\); the option verify") as caught:
            body.take(stream, 1)
        assert not isinstance(caught.value, StreamEnded), "an error at once, whatever the number of attempts"


def test_a_certificate_of_another_host_is_not_trusted(serve: Any, body: Any) -> None:
    made = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    made.issue_cert("stream.acme.example").configure_cert(server)
    made.configure_trust(client)
    url, name = serve(server)
    with pytest.raises(StreamError, match="certificate is not trusted"):
        body.take(opened(body, url, name, {"verify": client}), 1)


def test_where_no_tls_is_spoken_there_is_no_connection(serve: Any, body: Any) -> None:
    url, name = serve()
    with pytest.raises(StreamEnded, match="1 attempt: "):
        body.take(opened(body, url.replace("ws:", "wss:"), name, {}, attempts=1), 1)


def test_a_certificate_that_stops_being_trusted_is_a_connection_lost(body: Any, authority: Authority) -> None:
    """Who stood once goes on trying: certificates expire, and are renewed."""
    worse = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(worse)
    shown: list[int] = []

    def show(handshake: ssl.SSLObject, _: str, __: ssl.SSLContext) -> None:
        shown.append(len(shown))
        if len(shown) == 2:
            handshake.context = worse

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = trustme.CA()
    made.issue_cert("localhost").configure_cert(server)
    server.sni_callback = show  # type: ignore[assignment]
    trusting = ssl.create_default_context()
    made.configure_trust(trusting)
    with StreamServer(lambda subscriber: subscriber.send(TICKER), tls=server) as running:
        url = running.url.replace("127.0.0.1", "localhost")
        events: list[StreamEvent] = []
        stream = opened(body, url, "ticker", {"verify": trusting}, first_pause=0.01, listener=events.append)
        assert len(body.take(stream, 2)) == 2
    kinds = [type(event) for event in events[:6]]
    assert kinds == [Connected, Subscribed, Reconnecting, Reconnecting, Connected, Subscribed]
    assert "certificate is not trusted" in events[3].reason  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "WSS_PROXY"])
def test_the_proxy_of_the_environment_is_used(
    serve: Any, body: Any, authority: Authority, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, stream = serve(authority.server)
    with ConnectProxy() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert len(body.take(opened(body, url, stream, {"verify": authority.bundle}), 1)) == 1
        assert proxy.asked == [url.split("/")[2]]
        body.__exit__()
        body.__enter__()


@pytest.mark.parametrize("spared", ["127.0.0.1", "*", "example.org,127.0.0.1"])
def test_hosts_that_need_no_proxy_are_reached_without(
    serve: Any, body: Any, authority: Authority, spared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, stream = serve(authority.server)
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", spared)
        assert len(body.take(opened(body, url, stream, {"verify": authority.bundle}), 1)) == 1
        assert proxy.asked == []


def test_behind_a_proxy_certificates_are_verified_as_well(
    serve: Any, body: Any, authority: Authority, stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, stream = serve(authority.server)
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(StreamError, match="certificate is not trusted"):
            body.take(opened(body, url, stream, {"verify": stranger}), 1)
        assert len(proxy.asked) == 1
