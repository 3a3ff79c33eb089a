"""Streams whose loop, thread or process ends under them: nobody waits for ever, and nobody believes an old book."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from acme_streams import Acme, AsyncAcme
from stream_server import KEY, SECRET, StreamServer, Subscriber, book

from specie.bibox import AsyncBibox
from specie.bitopro import BitoPro
from specie.runtime import BookInvalid, InvalidType, InvalidValue, StreamClosed, StreamError, StreamEvent
from specie.runtime.streams.options import check_values
from specie.sandbox import Sandbox


def one_book(subscriber: Subscriber) -> None:
    request = subscriber.acknowledge()
    subscriber.send(book(request["params"][0].removesuffix(".book"), 1))
    subscriber.linger()


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with StreamServer(one_book) as serving:
        yield serving


def in_another_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(bounded())


@pytest.mark.parametrize("closes", [True, False], ids=["its tasks are cancelled", "it is just closed"])
def test_a_stream_of_a_loop_that_ended_says_so(server: StreamServer, closes: bool) -> None:
    client = AsyncAcme(api_key=KEY, api_secret=SECRET, base_url={"ws": server.url, "io": server.url})
    stream = client.streams.book("a")
    if closes:
        asyncio.run(stream.get(20))
    else:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(stream.get(20))
    with pytest.raises(StreamClosed, match="event loop"):
        in_another_loop(stream.get)
    with pytest.raises(StreamClosed, match="in another event loop"):
        in_another_loop(lambda: stream.add("b"))
    with pytest.raises(StreamClosed, match="in another event loop"):
        in_another_loop(lambda: stream.drop("a"))
    assert stream.channels == ("a.book",)
    in_another_loop(stream.close)
    if not closes:
        loop.run_until_complete(client.close())
        loop.close()


@pytest.mark.parametrize("cancelled", [True, False], ids=["its tasks are cancelled", "it is just closed"])
def test_the_book_of_a_loop_that_ended_cannot_be_read(cancelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox("bibox") as sandbox:
        client = AsyncBibox(**sandbox.client_options)
        kept = client.streams.book("BTC_USDT", depth=20)
        loop = asyncio.new_event_loop()
        if cancelled:
            asyncio.run(kept.wait(20))
        else:
            loop.run_until_complete(kept.wait(20))
            monkeypatch.setattr(loop, "is_closed", lambda: True)
        assert not kept.valid
        with pytest.raises(BookInvalid, match=r"the event loop that (read|kept) it has ended"):
            _ = kept.best_bid
        with pytest.raises(StreamClosed, match="event loop"):
            in_another_loop(kept.wait)
        monkeypatch.undo()
        loop.run_until_complete(client.close())
        loop.close()


def test_a_listener_that_exits_changes_nothing(server: StreamServer, caplog: pytest.LogCaptureFixture) -> None:
    def listener(_: StreamEvent) -> None:
        raise SystemExit

    with Acme(api_key=KEY, api_secret=SECRET, base_url={"ws": server.url, "io": server.url}) as client:
        assert client.streams.with_options(listener=listener).book("a").get(20).sequence == 1
    assert "the listener raised" in caplog.text


def test_a_thread_that_cannot_begin_is_an_error_at_once(server: StreamServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_loop(*_: object, **__: object) -> Any:
        raise OSError(24, "Too many open files")

    with Acme(api_key=KEY, api_secret=SECRET, base_url={"ws": server.url, "io": server.url}) as client:
        stream = client.streams.book("a")
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "Runner", no_loop)
            found: list[BaseException] = []

            def read() -> None:
                try:
                    stream.get(5)
                except BaseException as error:
                    found.append(error)

            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            reader.join(20)
        assert [type(error) for error in found] == [StreamError]
        assert "Too many open files" in str(found[0])
        assert stream.get(20).sequence == 1


def test_a_stream_of_another_process_is_not_added_to(server: StreamServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with Acme(api_key=KEY, api_secret=SECRET, base_url={"ws": server.url, "io": server.url}) as client:
        stream = client.streams.book("a")
        stream.get(20)
        here = os.getpid()
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: here + 1)
            for change in (stream.add, stream.drop):
                with pytest.raises(StreamClosed, match="opened by another process"):
                    change("a")


def test_an_async_listener_is_refused() -> None:
    async def listener(_: StreamEvent) -> None:
        pass

    class Awaited:
        async def __call__(self, _: StreamEvent) -> None:
            pass

    for bad in (listener, Awaited()):
        with pytest.raises(InvalidType, match="plain function"):
            BitoPro().streams.with_options(listener=bad)


def test_a_limit_joined_to_a_pair_by_hand_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"may not hold ':'.*limit=…"):
        BitoPro().streams.order_book("BTC_TWD:5")
    assert BitoPro().streams.order_book("btc_twd", limit=5).channels == ("BTC_TWD:5",)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (" BTC_TWD", "has blanks around it; write 'BTC_TWD'"),
        ("BTC_TWD\n", "has blanks around it; write 'BTC_TWD'"),
        ("BTC TWD", "holds a blank"),
        ("BTC\u00a0TWD", r"holds the character U\+00A0"),
        ("BTC\x00TWD", r"holds the character U\+0000"),
        ("BTC\u202eTWD", r"holds the character U\+202E"),
        ("B" * 201, "has 201 characters"),
    ],
)
def test_what_is_no_channel_is_refused(pair: str, said: str) -> None:
    """The exchange would say nothing, or nothing that helps, and never send a message."""
    for ask in (BitoPro().streams.order_book, Acme().streams.book, Acme().streams.event_orders):
        with pytest.raises(InvalidValue, match=said):
            ask(pair)
    with pytest.raises(InvalidValue, match=said):
        Acme().streams.book(["a", pair])


def test_long_but_possible_names_are_let_through() -> None:
    assert Acme().streams.book("B" * 200).channels == ("B" * 200 + ".book",)
    assert Acme().streams.book("比特币-é").channels == ("比特币-é.book",)


@pytest.mark.parametrize(
    ("name", "bad", "error", "said"),
    [
        ("join_event", 5, InvalidType, "with_options: join_event must be a str, not int 5"),
        ("message_event", b"x", InvalidType, "message_event must be a str, not bytes b'x'"),
        ("join_event", "", InvalidValue, "join_event must be a text that can be seen, not ''"),
        ("join_event", "join\n", InvalidValue, r"join_event must be a text that can be seen"),
    ],
)
def test_an_option_of_a_connection_has_its_type(name: str, bad: Any, error: type[Exception], said: str) -> None:
    streams = Acme().streams
    with pytest.raises(error, match=said):
        streams.with_options(**{name: bad}).event_orders("a")


def test_an_option_that_is_a_number_is_one() -> None:
    usual = {"level": 5}
    check_values({"level": 7, "of another connection": None}, usual)
    for bad in ("7", True, 7.0):
        with pytest.raises(InvalidType, match="level must be an int, not"):
            check_values({"level": bad}, usual)
