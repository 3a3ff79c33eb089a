"""Closing a client that blocks while its streams and books have calls under way; and listeners, who must not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytest
from acme_streams import EXCHANGE, MARKET
from acme_streams import Acme as Listened
from book_models import BY_REST, Book
from mute_server import SOON, Caller, Mute
from puppet import Puppet
from stream_server import KEY, SECRET, StreamServer, Subscriber, book

from specie.runtime import (
    Client,
    Connected,
    Feed,
    Group,
    Hooks,
    LocalBook,
    Resync,
    Retries,
    Stream,
    StreamClosed,
    StreamError,
    StreamEvent,
    StreamGroup,
    Subscribed,
    Timeout,
    parameter,
)

SHARED: dict[str, Any] = {
    "connection": MARKET,
    "parameters": (parameter("pair", str),),
    "channel": "{pair}.book",
    "when": {"stream": "{channel}"},
    "at": "data",
    "yields": Book,
}
KEPT: Feed[Book] = Feed(name="streams.book", book=BY_REST, **SHARED)
TOLD: Feed[Book] = Feed(name="streams.told", resync=Resync(call="market.book", same={"number": "number"}), **SHARED)


class Market(Group):
    def book(self, **_: Any) -> Any:
        return self._client.request("GET", "/book")


class Streams(StreamGroup):
    def book(self) -> LocalBook:
        return self._book(KEPT, pair="BTC")

    def told(self) -> Stream[Book]:
        return self._open(TOLD, pair="BTC")

    def with_options(self, **options: Any) -> Streams:
        return self._with_options({}, options)  # type: ignore[arg-type]


class Acme(Client):
    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(EXCHANGE, None, base_url={"rest": url}, timeout=Timeout(60, 60, 240), **options)
        self.market = Market(self)

    @cached_property
    def streams(self) -> Streams:
        return Streams(self)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("specie")]


def closes(acme: Acme) -> None:
    begun = time.monotonic()
    acme.close()
    assert time.monotonic() - begun < SOON
    assert threads() == []


def test_a_book_whose_snapshot_hangs_is_closed_at_once() -> None:
    with Mute() as server:
        acme = Acme(server.url)
        kept = acme.streams.with_options(dialer=Puppet()).book()
        waiter = Caller(kept.wait)
        assert server.asked.wait(SOON)
        closes(acme)
        assert isinstance(waiter.outcome(), StreamClosed)
        assert server.left.wait(SOON)
        assert server.requests == 1


def test_a_stream_whose_gap_is_being_closed_is_closed_at_once() -> None:
    puppet = Puppet()
    with Mute() as server:
        acme = Acme(server.url)
        stream = acme.streams.with_options(dialer=puppet, first_pause=0.001).told()
        reader = Caller(stream.get)
        puppet.wait_for(1)
        puppet.cut()
        assert server.asked.wait(SOON)
        closes(acme)
        assert isinstance(reader.outcome(), StreamClosed)
        assert server.requests == 1


def test_a_call_that_pauses_before_it_is_made_again_is_given_up() -> None:
    paused = threading.Event()
    with Mute(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: 50\r\n\r\n") as server:
        acme = Acme(server.url, retries=Retries(5, longest_wait=60), hooks=Hooks(on_retry=lambda _: paused.set()))
        kept = acme.streams.with_options(dialer=Puppet()).book()
        with kept:
            assert paused.wait(SOON)
            closes(acme)
        assert server.requests == 1


def test_a_book_that_is_closed_leaves_the_client_free_to_open_another_one() -> None:
    """The thread of the streams ends, though a call that it made hangs on; the next one does not wait for it."""
    with Mute() as server:
        acme = Acme(server.url)
        first = acme.streams.with_options(dialer=Puppet()).book()
        first.__enter__()
        assert server.asked.wait(SOON)
        reading = [thread for thread in threads() if thread.name == "specie-streams"]
        first.close()
        reading[0].join(SOON)
        assert not reading[0].is_alive()
        puppet = Puppet()
        opener = Caller(acme.streams.with_options(dialer=puppet).book().__enter__)
        assert isinstance(opener.outcome(), LocalBook)
        closes(acme)


# -- listeners -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[StreamServer]:
    def behave(subscriber: Subscriber) -> None:
        request = subscriber.acknowledge()
        subscriber.send(book(request["params"][0].removesuffix(".book"), 1))
        subscriber.linger()

    with StreamServer(behave) as serving:
        yield serving


@pytest.mark.parametrize("how", ["get", "iterate", "with_events"])
def test_a_listener_that_waits_for_a_message_is_told_so_at_once(server: StreamServer, how: str) -> None:
    found: list[BaseException] = []

    def listener(event: StreamEvent) -> None:
        if not isinstance(event, Connected):
            return
        try:
            if how == "get":
                stream.get(60)
            else:
                next(stream if how == "iterate" else stream.with_events())
        except BaseException as error:
            found.append(error)

    with Listened(api_key=KEY, api_secret=SECRET, base_url={"ws": server.url, "io": server.url}) as client:
        stream = client.streams.with_options(listener=listener).book("a")
        assert stream.get(SOON).sequence == 1
    assert [type(error) for error in found] == [StreamError]
    assert str(found[0]).startswith("streams.book: a listener is called by the thread that reads the connections")
    assert "queue.Queue" in str(found[0])


@pytest.mark.parametrize("how", ["wait", "iterate"])
@pytest.mark.parametrize("whose", ["its own", "another client's"])
def test_a_listener_that_waits_for_a_book_is_told_so_at_once(how: str, whose: str) -> None:
    found: list[BaseException] = []
    puppet = Puppet()
    told = threading.Event()

    def listener(event: StreamEvent) -> None:
        if isinstance(event, Subscribed):
            try:
                kept.wait(60) if how == "wait" else next(iter(kept))
            except BaseException as error:
                found.append(error)
            told.set()

    with Mute() as server, Acme(server.url) as acme, Acme(server.url) as other:
        listened = acme.streams.with_options(dialer=puppet, listener=listener).book()
        kept = listened if whose == "its own" else other.streams.with_options(dialer=Puppet()).book()
        with listened:
            assert told.wait(SOON)
    assert [type(error) for error in found] == [StreamError]


def test_a_listener_may_close(server: StreamServer) -> None:
    def listener(event: StreamEvent) -> None:
        if isinstance(event, Subscribed):
            client.close()

    client = Listened(api_key=KEY, api_secret=SECRET, base_url={"ws": server.url, "io": server.url})
    stream = client.streams.with_options(listener=listener).book("a")
    assert isinstance(Caller(lambda: list(stream)).outcome(), list)
    client.close()
    assert threads() == []
