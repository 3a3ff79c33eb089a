"""Streams over real websockets on this machine, by both kinds of clients."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from acme_streams import Acme, AsyncAcme, Book
from stream_server import KEY, SECRET, Blocking, StreamServer, Subscriber, Tasks, book
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from specie.runtime import (
    ApiError,
    AuthenticationFailed,
    ClientClosed,
    Connected,
    Dropped,
    InvalidSymbol,
    InvalidValue,
    MalformedMessage,
    MissingCredentials,
    Reconnecting,
    SlowConsumer,
    StreamClosed,
    StreamEnded,
    StreamError,
    StreamEvent,
    StreamRefused,
    Subscribed,
)


@pytest.fixture(params=[Blocking, Tasks], ids=lambda kind: kind.name)
def body(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Both kinds of clients; none may leave a thread or a task behind."""
    before = set(threading.enumerate())
    with request.param() as made:
        yield made
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name == "specie-streams"]
    assert left == []


def one_book(count: int, then: str = "") -> Any:
    """A server that sends so many messages of the first channel of each connection, and then lingers or leaves."""

    def behave(subscriber: Subscriber) -> None:
        request = subscriber.acknowledge()
        for sequence in range(count):
            subscriber.send(book(request["params"][0].removesuffix(".book"), sequence))
        if then == "leave":
            return
        subscriber.linger()

    return behave


# -- messages ----------------------------------------------------------------------------------------------------------


def test_ten_thousand_messages_arrive_in_order_and_once(body: Any) -> None:
    with StreamServer(one_book(10_000)) as server:
        stream = body.open(server.url, "book", "a", queue=20_000)
        assert [message.sequence for message in body.take(stream, 10_000)] == list(range(10_000))
        assert stream.channel == "a.book"
        assert not stream.whole


def test_a_lost_connection_is_made_again_and_says_so(body: Any) -> None:
    heard: list[StreamEvent] = []
    with StreamServer(one_book(2, "leave")) as server:
        stream = body.open(server.url, "book", "a", listener=heard.append, first_pause=0.01)
        found = body.events(stream, 9)
    kinds = [type(item) for item in found]
    assert kinds == [Connected, Subscribed, Book, Book, Reconnecting, Connected, Subscribed, Book, Book]
    assert "closed the connection (1000)" in found[4].reason
    assert found[5].gap is not None
    assert [event for event in heard[:5] if isinstance(event, (Connected, Subscribed, Reconnecting))] == [
        item for item in found[:7] if not isinstance(item, Book)
    ]


def test_a_listener_that_raises_changes_nothing(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    def listener(_: StreamEvent) -> None:
        raise LookupError("mine")

    with StreamServer(one_book(1)) as server:
        assert len(body.take(body.open(server.url, "book", "a", listener=listener), 1)) == 1
    assert "the listener raised" in caplog.text


def test_two_streams_share_a_connection_and_a_channel(body: Any) -> None:
    asked: list[Any] = []

    def behave(subscriber: Subscriber) -> None:
        while True:
            request = subscriber.acknowledge()
            asked.append((request["method"], request["params"]))
            if request["method"] == "SUBSCRIBE":
                for channel in request["params"]:
                    subscriber.send(book(channel.removesuffix(".book"), len(asked)))

    with StreamServer(behave) as server:
        client = body.client(server.url)
        first, second = client.streams.book("a"), client.streams.book(["a", "b"])
        (message,) = body.take(first, 1)
        assert message.sequence == 1
        assert first.whole
        assert len(body.take(second, 2)) == 2
        # The second one came too late for the whole state: it was asked for again, for both.
        body.take(first, 1)
        assert first.whole
        assert len(server.handshakes) == 1
        body.do(first, "close")
        body.do(second, "drop", "b")
        body.do(second, "add", "c")
        assert body.take(second, 1)[0].sequence > 1
        assert second.channels == ("a.book", "c.book")
    assert ("SUBSCRIBE", ["b.book"]) in asked
    assert ("UNSUBSCRIBE", ["b.book"]) in asked
    assert asked.count(("UNSUBSCRIBE", ["a.book"])) == 1  # to begin anew; the second stream still wants it


def test_where_the_address_is_the_subscription_each_stream_dials_its_own(body: Any) -> None:
    def behave(subscriber: Subscriber) -> None:
        path = subscriber.socket.request.path  # type: ignore[union-attr]
        pairs = path.split("pairs=")[1].split(",") if "pairs=" in path else [path.rpartition("/")[2]]
        for pair in pairs:
            subscriber.send(json.dumps({"event": "TICKER", "pair": pair, "last": "1.10"}))
        subscriber.linger()

    with StreamServer(behave) as server:
        client = body.client(server.url)
        stream = client.streams.ticker(["a", "b"])
        assert [message.pair for message in body.take(stream, 2)] == ["A", "B"]
        body.do(stream, "add", "c")
        assert body.take(stream, 1)[0].pair == "C"
        assert [request.path for request in server.handshakes] == ["/ws/v1/tickers?pairs=A,B", "/ws/v1/tickers/C"]
        with pytest.raises(InvalidValue, match="cannot stand in an address"):
            client.streams.ticker("a,b")


def test_garbage_is_told_and_the_stream_goes_on(body: Any) -> None:
    def behave(subscriber: Subscriber) -> None:
        subscriber.acknowledge()
        subscriber.send("garbage", book("a", 1))
        subscriber.linger()

    with StreamServer(behave) as server:
        found = body.events(body.open(server.url, "book", "a"), 4)
    assert [type(item) for item in found] == [Connected, Subscribed, MalformedMessage, Book]


# -- handshakes --------------------------------------------------------------------------------------------------------


def test_handshakes_are_signed_anew_and_nothing_logs_them(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    def behave(subscriber: Subscriber) -> None:
        subscriber.send(json.dumps({"stream": "fill", "data": {"matchID": subscriber.number, "amount": "1"}}))

    caplog.set_level(logging.DEBUG)
    with StreamServer(behave) as server:
        stream = body.open(server.url, "fills", first_pause=0.01)
        body.take(stream, 2)
        first, second = server.handshakes[:2]
    assert first.headers["X-KEY"] == KEY
    assert first.headers["X-SIGNATURE"] != second.headers["X-SIGNATURE"]
    assert "permessage-deflate" in first.headers["Sec-WebSocket-Extensions"]
    for secret in (KEY, SECRET, first.headers["X-SIGNATURE"]):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("name", "status", "words", "kind"),
    [
        ("fills", 401, "", AuthenticationFailed),
        ("fills", 400, '{"error": "Bad key"}', AuthenticationFailed),
        ("ticker", 200, "", InvalidSymbol),
        ("book", 404, "no such page", StreamRefused),
        ("book", 302, "", StreamRefused),
    ],
)
def test_a_refused_handshake_is_an_error_at_once_and_stays_one(
    body: Any, name: str, status: int, words: str, kind: type[Exception]
) -> None:
    with StreamServer(one_book(0), [(status, words)] * 9) as server:
        stream = body.open(server.url, name, *([] if name == "fills" else ["a"]))
        for _ in range(2):
            with pytest.raises(kind) as caught:
                body.take(stream, 1)
            assert str(status) in str(caught.value)
            assert getattr(caught.value, "body_start", "") == words
        assert len(server.handshakes) == 1


def test_what_may_pass_is_tried_again(body: Any) -> None:
    with StreamServer(one_book(1), [(503, "busy"), (429, "")]) as server:
        stream = body.open(server.url, "book", "a", first_pause=0.01)
        found = body.events(stream, 5)
    assert [type(item) for item in found] == [Reconnecting, Reconnecting, Connected, Subscribed, Book]
    assert "503" in found[0].reason
    assert "busy" in found[0].reason
    assert found[2].attempt == 3


def test_a_rejected_subscription_is_an_error_at_once(body: Any) -> None:
    def behave(subscriber: Subscriber) -> None:
        request = json.loads(subscriber.socket.recv())
        subscriber.send(json.dumps({"id": request["id"], "error": -3002, "message": "no such pair"}))
        subscriber.linger()

    with StreamServer(behave) as server, pytest.raises(InvalidSymbol, match="no such pair"):
        body.take(body.open(server.url, "book", "a"), 1)


def test_a_missing_credential_is_said_before_anything_is_dialled() -> None:
    with Acme() as client, pytest.raises(MissingCredentials, match="api_key"):
        client.streams.fills()


def test_where_nobody_listens_it_gives_up_as_often_as_told(body: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(StreamEnded, match="2 attempts in a row: no connection: nobody listens there"):
            body.take(body.open(url, "book", "a", attempts=2, first_pause=0.01), 1)


def test_a_server_that_accepts_and_says_nothing_is_not_waited_for(body: Any) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"ws://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(StreamEnded, match="no connection in time"):
            body.take(body.open(url, "book", "a", attempts=1, open_timeout=0.1), 1)


def test_a_subscription_that_nobody_acknowledges_is_tried_again(body: Any) -> None:
    def behave(subscriber: Subscriber) -> None:
        if subscriber.number == 1:
            subscriber.socket.recv()
            subscriber.socket.recv()
        else:
            one_book(1)(subscriber)

    with StreamServer(behave) as server:
        found = body.events(body.open(server.url, "book", "a", open_timeout=0.3, first_pause=0.01), 5)
    assert [type(item) for item in found] == [Connected, Reconnecting, Connected, Subscribed, Book]
    assert "not acknowledged" in found[1].reason


def test_a_half_open_link_is_found_out_although_it_answers_pings(body: Any) -> None:
    with StreamServer(one_book(1)) as server:
        stream = body.open(server.url, "book", "a", silence=0.3, first_pause=0.01)
        found = body.events(stream, 7)
    assert [type(item).__name__ for item in found] == [
        *("Connected", "Subscribed", "Book", "Stale", "Reconnecting", "Connected", "Subscribed")
    ]


def test_a_message_that_is_too_large_is_a_clear_error(body: Any) -> None:
    def behave(subscriber: Subscriber) -> None:
        subscriber.acknowledge()
        subscriber.send("x" * (16 * 2**20 + 1))
        subscriber.linger()

    with StreamServer(behave) as server, pytest.raises(StreamError, match="larger than 16 MiB"):
        body.take(body.open(server.url, "book", "a"), 1)


# -- slow readers ------------------------------------------------------------------------------------------------------


def test_a_slow_reader_gets_what_was_queued_and_then_an_error(body: Any) -> None:
    with StreamServer(one_book(50)) as server:
        stream = body.open(server.url, "book", "a", queue=10)
        (first,) = body.take(stream, 1)
        _until(lambda: stream._mailbox._over)
        found = body.take(stream, len(stream._mailbox._items))
        with pytest.raises(SlowConsumer, match="10 messages waited"):
            body.take(stream, 1)
    sequences = [first.sequence, *(message.sequence for message in found)]
    assert sequences == list(range(len(sequences)))
    assert len(sequences) >= 10


def test_the_oldest_make_room_if_the_user_wants_that(body: Any) -> None:
    heard: list[StreamEvent] = []
    with StreamServer(one_book(50)) as server:
        stream = body.open(server.url, "book", "a", queue=10, overflow="drop_oldest", listener=heard.append)
        body.do(stream, "__aenter__" if body.name == "asyncio" else "__enter__")
        _until(lambda: sum(event.count for event in heard if isinstance(event, Dropped)) == 40)
        assert [message.sequence for message in body.take(stream, 10)] == list(range(40, 50))


def test_reading_waits_for_room_if_the_user_wants_that(body: Any) -> None:
    with StreamServer(one_book(3_000)) as server:
        stream = body.open(server.url, "book", "a", queue=5, overflow="block", patience=30)
        assert [message.sequence for message in body.take(stream, 3_000)] == list(range(3_000))


def test_but_not_for_ever(body: Any) -> None:
    with StreamServer(one_book(2_000)) as server:
        stream = body.open(server.url, "book", "a", queue=5, overflow="block", patience=0.2)
        body.take(stream, 1)
        _until(lambda: stream._mailbox._over)
        with pytest.raises(SlowConsumer, match=r"no room for 0.2 seconds"):
            body.take(stream, 100)


def test_heartbeats_never_depend_on_the_reader(body: Any) -> None:
    pinged = threading.Event()

    def behave(subscriber: Subscriber) -> None:
        subscriber.acknowledge()
        for sequence in range(20):
            subscriber.send(book("a", sequence))
        for _ in range(3):
            assert subscriber.socket.ping().wait(10)  # answered, though nobody reads
        pinged.set()
        subscriber.linger()

    with StreamServer(behave) as server:
        stream = body.open(server.url, "book", "a")
        body.take(stream, 1)
        assert pinged.wait(20)


# -- the end -----------------------------------------------------------------------------------------------------------


def test_nothing_is_dialled_before_something_is_asked_for(body: Any) -> None:
    with StreamServer(one_book(1)) as server:
        stream = body.open(server.url, "book", "a")
        assert "a.book" in repr(stream)
        assert server.handshakes == []
        body.take(stream, 1)
        assert len(server.handshakes) == 1


def test_a_closed_stream_ends_and_closing_twice_does_nothing_more(body: Any) -> None:
    with StreamServer(one_book(5)) as server:
        stream = body.open(server.url, "book", "a")
        body.take(stream, 1)
        body.do(stream, "close")
        body.do(stream, "close")
        assert stream.closed
        assert body.drain(stream) == []
        with pytest.raises(StreamClosed):
            body.take(stream, 1)
        with pytest.raises(StreamClosed):
            body.do(stream, "add", "b")


def test_a_closed_client_ends_its_streams_and_opens_no_more(body: Any) -> None:
    with StreamServer(one_book(1)) as server:
        client = body.client(server.url)
        stream, later = client.streams.book("a"), client.streams.book("b")
        body.take(stream, 1)
        body.do(client, "close")
        assert body.drain(stream) == []
        with pytest.raises(ClientClosed):
            body.take(later, 1)


def test_no_message_in_time_is_no_end(body: Any) -> None:
    go = threading.Event()

    def behave(subscriber: Subscriber) -> None:
        subscriber.acknowledge()
        go.wait(20)
        subscriber.send(book("a", 1))
        subscriber.linger()

    with StreamServer(behave) as server:
        stream = body.open(server.url, "book", "a")
        with pytest.raises(TimeoutError):
            body.do(stream, "get", 0.01)
        go.set()
        assert body.take(stream, 1)[0].sequence == 1


def test_closing_from_another_thread_ends_the_waiting() -> None:
    with StreamServer(one_book(0)) as server, Acme(base_url={"ws": server.url}) as client:
        stream = client.streams.book("a")
        found: list[Any] = []
        reader = threading.Thread(target=lambda: found.extend([*stream, "ended"]))
        reader.start()
        _until(lambda: server.handshakes)
        stream.close()
        reader.join(10)
        assert found == ["ended"]


def test_a_listener_may_close_the_stream_and_open_another() -> None:
    with StreamServer(one_book(1)) as server, Acme(base_url={"ws": server.url}) as client:
        opened: list[Any] = []

        def listener(event: StreamEvent) -> None:
            if isinstance(event, Subscribed) and not opened:
                opened.append(client.streams.book("b").__enter__())
                stream.close()

        stream = client.streams.with_options(listener=listener).book("a")
        assert list(stream) in ([], [stream])
        assert opened[0].get(20).sequence == 0


def test_the_thread_ends_with_its_last_stream_and_comes_again_with_the_next() -> None:
    with StreamServer(one_book(1)) as server, Acme(base_url={"ws": server.url}) as client:
        for _ in range(3):
            with client.streams.book("a") as stream:
                assert stream.get(20).sequence == 0
                assert _streaming()
            _until(lambda: not _streaming())


def test_a_forgotten_stream_leaves_nothing_behind() -> None:
    with StreamServer(one_book(1)) as server:
        stream = Acme(base_url={"ws": server.url}).streams.book("a")
        stream.get(20)
        assert _streaming()
        del stream
        gc.collect()
        _until(lambda: not _streaming())


def test_copies_of_a_client_close_each_others_streams() -> None:
    with StreamServer(one_book(1)) as server:
        client = Acme(base_url={"ws": server.url})
        stream = client.with_options(timeout=3).streams.book("a")
        stream.get(20)
        client.close()
        assert list(stream) == []
        assert not _streaming()


def test_waiting_can_be_cancelled_and_nothing_is_lost() -> None:
    go = threading.Event()

    def behave(subscriber: Subscriber) -> None:
        subscriber.acknowledge()
        go.wait(20)
        subscriber.send(book("a", 1))
        subscriber.linger()

    async def main(url: str) -> None:
        async with AsyncAcme(base_url={"ws": url}) as client, client.streams.book("a") as stream:
            waiting = asyncio.ensure_future(stream.get())
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            go.set()
            assert (await stream.get(20)).sequence == 1

    with StreamServer(behave) as server:
        asyncio.run(main(server.url))


def test_a_client_that_is_not_closed_ends_with_its_loop_and_serves_another() -> None:
    with StreamServer(one_book(1)) as server:
        client = AsyncAcme(base_url={"ws": server.url})

        async def main() -> int:
            return (await client.streams.book("a").get(20)).sequence

        assert [asyncio.run(main()), asyncio.run(main())] == [0, 0]
        gc.collect()


# -- bytes -------------------------------------------------------------------------------------------------------------


def test_each_split_of_the_bytes_of_frames_gives_the_same_messages() -> None:
    """One connection for each place at which the bytes can be cut in two, some frames in fragments."""
    acknowledgement = b'{"id":1,"result":null}'
    first, second = book("a", 1).encode(), book("a", 2).encode()
    frames = [
        Frame(Opcode.TEXT, acknowledgement),
        Frame(Opcode.PING, b"?"),
        Frame(Opcode.TEXT, first),
        Frame(Opcode.TEXT, second[:30], fin=False),
        Frame(Opcode.PING, b""),
        Frame(Opcode.CONT, second[30:], fin=True),
    ]
    data = b"".join(frame.serialize(mask=False) for frame in frames)
    with _RawServer(data) as server, Acme(base_url={"ws": server.url}) as client:
        for cut in [0, 1, *range(2, len(data), 3)]:
            server.cut = cut
            with client.streams.book("a") as stream:
                assert [stream.get(20).sequence, stream.get(20).sequence] == [1, 2], f"cut at {cut}"


class _RawServer:
    """Shakes hands, waits for the first message, and sends bytes in two pieces."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.cut = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> _RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        protocol = ServerProtocol()
        asked = False
        while received := connection.recv(65536):
            protocol.receive_data(received)
            for event in protocol.events_received():
                if isinstance(event, Request):
                    protocol.send_response(protocol.accept(event))
                elif isinstance(event, Frame) and event.opcode is Opcode.TEXT and not asked:
                    asked = True
                    for piece in (self.data[: self.cut], self.data[self.cut :]):
                        connection.sendall(piece)
                        time.sleep(0.001)  # so that they arrive apart; together they are a case as well
            for out in protocol.data_to_send():
                if out:
                    connection.sendall(out)
            if protocol.close_expected():
                return


def _streaming() -> bool:
    return any(thread.name == "specie-streams" for thread in threading.enumerate())


def _until(condition: Any) -> None:
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to pass")


def test_errors_are_of_one_tree() -> None:
    for kind in (StreamRefused, SlowConsumer, StreamEnded, StreamClosed):
        assert issubclass(kind, StreamError)
    assert not issubclass(StreamError, ApiError)
