"""Transcripts played back to both kinds of clients, without sockets and in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from acme_streams import Placed
from stream_server import KEY, Blocking, Tasks

from specie.runtime import AuthenticationFailed, Reconnecting, Replay, ReplayMismatch, Stale, StreamEnded

URL = "wss://stream.acme.example/ws"
SUBSCRIBE = {"sent": {"id": 1, "method": "SUBSCRIBE", "params": ["a.book"]}}
SUBSCRIBE_AGAIN = {"sent": {"id": 2, "method": "SUBSCRIBE", "params": ["a.book"]}}
ACKNOWLEDGED = {"received": {"id": 1, "result": None}}
ACKNOWLEDGED_AGAIN = {"received": {"id": 2, "result": None}}
MESSAGE = {"received": '{"stream": "a.book", "data": {"i": 1, "bids": [{"price": 1.10, "amount": "2"}], "asks": []}}'}


@pytest.fixture(params=[Blocking, Tasks], ids=lambda kind: kind.name)
def body(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as made:
        yield made


def test_what_was_sent_and_received_is_played_in_its_order(body: Any) -> None:
    replay = Replay([[{"address": URL}, SUBSCRIBE, ACKNOWLEDGED, MESSAGE, {"pause": 40}, MESSAGE]])
    (first, _) = body.take(body.open(URL, "book", "a", dialer=replay), 2)
    assert str(first.bids[0].price) == "1.10"
    assert (replay.complaints, replay.unplayed) == ([], [])
    assert replay.now() == 40


def test_hours_take_no_time(body: Any) -> None:
    replay = Replay(
        [
            [SUBSCRIBE, ACKNOWLEDGED, {"pause": 3600}, {"drop": "reset"}],
            [{"unreachable": "no name"}],
            [{"refuse": {"status": 503}}],
            [SUBSCRIBE_AGAIN, ACKNOWLEDGED_AGAIN, {"pause": 7200}, MESSAGE],
        ]
    )
    found = body.events(body.open(URL, "book", "a", dialer=replay, silence=80_000), 8)
    assert [type(item).__name__ for item in found] == [
        *("Connected", "Subscribed", "Reconnecting", "Reconnecting", "Reconnecting"),
        *("Connected", "Subscribed", "Book"),
    ]
    assert replay.now() > 3600 + 7200


def test_silence_and_missing_acknowledgements_are_noticed_in_virtual_time(body: Any) -> None:
    replay = Replay(
        [
            [SUBSCRIBE, ACKNOWLEDGED, {"pause": 1000}, MESSAGE],
            [SUBSCRIBE_AGAIN, {"pause": 20}, {"sent": "what nobody sends"}],
            [{"sent": {"id": 3, "method": "SUBSCRIBE", "params": ["a.book"]}}, {"received": {"id": 3}}, MESSAGE],
        ]
    )
    found = body.events(body.open(URL, "book", "a", dialer=replay), 9)
    assert [type(item).__name__ for item in found] == [
        *("Connected", "Subscribed", "Stale", "Reconnecting", "Connected", "Reconnecting"),
        *("Connected", "Subscribed", "Book"),
    ]
    reasons = [item.reason for item in found if isinstance(item, Reconnecting)]
    assert reasons == ["no sign of life for 120 seconds", "a.book was not acknowledged in 10 seconds"]
    assert found[2] == Stale(60.0)


def test_refused_credentials_come_from_the_transcript_too(body: Any) -> None:
    replay = Replay([[{"address": URL}, {"refuse": {"status": 401, "body": "no"}}]])
    with pytest.raises(AuthenticationFailed, match="no"):
        body.take(body.open(URL, "fills", dialer=replay), 1)
    assert "X-SIGNATURE" in replay.headers[0]


def test_events_of_socketio_keep_their_digits(body: Any) -> None:
    replay = Replay(
        [
            [
                {"sent": "book_a", "event": "join"},
                {"received": {"oid": 1, "price": 1.5}, "event": "book_a"},
                {"received": '{"oid": 2, "price": 1.50}', "event": "book_a"},
            ]
        ]
    )
    first, second = body.take(body.open(URL, "event_orders", "a", dialer=replay), 2)
    assert first == Placed(pair="a", oid="1", price=Decimal("1.5"))
    assert str(second.price) == "1.50"


def test_what_differs_from_the_transcript_is_said(body: Any) -> None:
    replay = Replay([[{"address": URL + "/other"}, {"sent": {"id": 9}}, ACKNOWLEDGED, MESSAGE, {"sent": "never"}]])
    body.take(body.open(URL, "book", "a", dialer=replay), 1)
    assert [complaint.split()[0] for complaint in replay.complaints] == ["dialled", "sent"]
    assert replay.unplayed == [{"sent": "never"}]


def test_attempts_run_out_in_virtual_time(body: Any) -> None:
    replay = Replay([[{"unreachable": "no name"}]] * 4)
    with pytest.raises(StreamEnded, match="4 attempts in a row: no name"):
        body.take(body.open(URL, "book", "a", dialer=replay, attempts=4), 1)


def test_time_stands_still_until_the_user_does_what_the_transcript_has(body: Any) -> None:
    more = {"sent": {"id": 2, "method": "SUBSCRIBE", "params": ["b.book"]}}
    replay = Replay([[SUBSCRIBE, ACKNOWLEDGED, MESSAGE, {"pause": 5}, more, ACKNOWLEDGED_AGAIN, MESSAGE]])
    stream = body.open(URL, "book", "a", dialer=replay)
    body.take(stream, 1)
    body.do(stream, "add", "b")
    body.take(stream, 1)
    assert (replay.complaints, replay.unplayed) == ([], [])
    assert replay.now() in (0, 5)


def test_a_strict_replay_ends_the_stream_with_the_first_difference(body: Any) -> None:
    for steps, told in (
        ([{"address": URL + "/other"}], "dialled wss://stream.acme.example/ws in place of"),
        ([{"address": URL, "headers": {"X-KEY": "k"}}], "with other headers: x-key"),
        ([{"sent": {"id": True, "method": "SUBSCRIBE", "params": ["a.book"]}}], "sent .* in place of"),
        ([{"received": "{}"}], "which the transcript has not"),
    ):
        replay = Replay([[*steps, ACKNOWLEDGED, MESSAGE]], strict=True)
        with pytest.raises(ReplayMismatch, match=told):
            body.take(body.open(URL, "book", "a", dialer=replay), 1)
        assert len(replay.complaints) == 1
        assert replay.unplayed


def test_values_of_headers_are_compared_and_not_shown(body: Any) -> None:
    replay = Replay([[{"address": URL, "headers": {"x-key": "another", "x-signature": "one"}}]], strict=True)
    with pytest.raises(ReplayMismatch, match=r"x-key") as caught:
        body.take(body.open(URL, "fills", dialer=replay), 1)
    assert "another" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_connection_waits_for_calls(body: Any) -> None:
    replay = Replay([[SUBSCRIBE, ACKNOWLEDGED, MESSAGE, {"call": 2}, MESSAGE]])
    stream = body.open(URL, "book", "a", dialer=replay)
    body.take(stream, 1)
    assert len(replay.unplayed) == 2
    replay.called()
    replay.called()
    body.take(stream, 1)
    assert (replay.unplayed, replay.complaints, replay.calls) == ([], [], 2)
    assert replay.now() == 0
