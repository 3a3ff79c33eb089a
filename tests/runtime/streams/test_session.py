"""Conversations with a session: it is told what came and when, and asked what it wants done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from acme_streams import BOOK, DESK, EVENT_ORDERS, EVENTS, FILLS, MARKET, NOTICES, ORDERS, PATHS, TICKER, TRADES, USER
from hypothesis import given as generated
from hypothesis import strategies as st
from stream_talk import Talk, events, failures, given, sent

from specie.runtime import (
    AuthenticationFailed,
    ClockSkew,
    Connected,
    InvalidSymbol,
    MalformedMessage,
    PermissionDenied,
    Reconnecting,
    Stale,
    StreamEnded,
    StreamError,
    StreamRefused,
    Subscribed,
    SubscriptionRejected,
    UnknownMessage,
)
from specie.runtime.streams.actions import Dial, Fail, HangUp, Ping, SignLogin, Transmit


def book(pair: str = "a", sequence: int = 1) -> dict[str, Any]:
    return {
        "stream": f"{pair}.book",
        "data": {"i": sequence, "bids": [{"price": "1.10", "amount": 2}], "asks": []},
    }


def trade(*ids: int, pair: str = "a") -> dict[str, Any]:
    return {"stream": f"{pair}.trades", "data": [{"id": number, "price": "1.0"} for number in ids]}


def live(**options: Any) -> Talk:
    """A session that has subscribed to one book."""
    talk = Talk(MARKET, **options)
    talk.stand(BOOK, pair="a")
    talk.receive({"id": 1, "result": None})
    talk.take()
    return talk


# -- dial, log in, subscribe, in this order ----------------------------------------------------------------------------


def test_it_dials_then_subscribes_then_waits_for_the_acknowledgement() -> None:
    talk = Talk(MARKET)
    talk.join(BOOK, pair=["a", "b"])
    assert talk.tell("start") == [Dial("", "", signed=False)]
    opened = talk.tell("opened")
    assert events(opened) == [Connected("market", 1, None)]
    assert sent(opened) == [{"id": 1, "method": "SUBSCRIBE", "params": ["a.book", "b.book"]}]
    assert events(talk.receive({"id": 1, "result": None})) == [Subscribed(("a.book", "b.book"))]


def test_the_first_message_of_a_subscription_is_whole_and_the_next_is_not() -> None:
    talk = live()
    first, second = talk.receive(book(sequence=1)), talk.receive(book(sequence=2))
    assert [(text, message.sequence, whole) for text, message, whole in given(first + second)] == [
        ("a.book", 1, True),
        ("a.book", 2, False),
    ]
    assert given(first)[0][1].bids[0].amount == Decimal(2)


def test_a_channel_that_sends_before_it_is_acknowledged_stands() -> None:
    talk = Talk(MARKET)
    talk.stand(BOOK, pair="a")
    came = talk.receive(book())
    assert events(came) == [Subscribed(("a.book",))]
    assert len(given(came)) == 1
    assert talk.receive({"id": 1, "result": None}) == []


def test_a_login_is_signed_sent_and_acknowledged_before_anything_is_subscribed() -> None:
    talk = Talk(DESK)
    talk.join(NOTICES, kind=["x", "y"])
    assert talk.tell("start") == [Dial("", "", signed=False)]
    assert talk.tell("opened") == [SignLogin()]
    assert sent(talk.tell("signed", {"X-KEY": "k", "X-SIGNATURE": "s"})) == [
        {"id": 1, "op": "login", "args": ["k", "s"]}
    ]
    # A template with one channel is one message for each.
    came = talk.receive({"id": 1, "ok": True})
    assert events(came) == [Connected("desk", 1, None)]
    assert sent(came) == [{"id": 2, "op": "sub", "channel": "x"}, {"id": 3, "op": "sub", "channel": "y"}]


def test_a_login_that_is_refused_is_an_error_at_once() -> None:
    talk = Talk(DESK)
    talk.stand(NOTICES, kind="x")
    talk.tell("signed", {"X-KEY": "k", "X-SIGNATURE": "s"})
    came = talk.receive({"id": 1, "error": "E9", "message": "no such key"})
    (error,) = failures(came)
    assert isinstance(error, AuthenticationFailed)
    assert "no such key" in str(error)
    assert isinstance(came[0], HangUp)
    assert talk.session.state == "over"


def test_a_signed_handshake_is_signed_anew_each_time() -> None:
    talk = Talk(USER)
    talk.join(FILLS)
    assert talk.tell("start") == [Dial("", "", signed=True)]
    talk.tell("opened")
    talk.tell("lost", "reset")
    assert talk.wait(60)[-1:] == [Dial("", "", signed=True)]


def test_where_the_connection_is_the_subscription_nothing_is_sent() -> None:
    talk = Talk(USER)
    talk.join(FILLS)
    talk.join(ORDERS)
    talk.tell("start")
    opened = talk.tell("opened")
    assert sent(opened) == []
    assert events(opened) == [Connected("user", 1, None), Subscribed(())]
    came = talk.receive({"stream": "order", "data": {"matchID": 7, "amount": "1"}})
    assert [action.channel.feed for action in came] == [ORDERS]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "dial"),
    [
        ({"pair": "btc_twd"}, ("/v1/tickers/BTC_TWD", "")),
        ({"pair": "btc_twd", "limit": 5}, ("/v1/tickers/BTC_TWD:5", "")),
        ({"pair": ["a", "b"]}, ("/v1/tickers", "pairs=A,B")),
        ({"pair": "üb"}, ("/v1/tickers/%C3%9CB", "")),
    ],
)
def test_where_the_address_is_the_subscription_it_names_the_channels(
    arguments: dict[str, Any], dial: tuple[str, str]
) -> None:
    talk = Talk(PATHS)
    talk.join(TICKER, **arguments)
    assert talk.tell("start") == [Dial(*dial, signed=False)]
    assert sent(talk.tell("opened")) == []


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connection", "status", "body", "kind"),
    [
        (USER, 401, b"", AuthenticationFailed),
        (USER, 403, b"", PermissionDenied),
        (USER, 400, b'{"error": "Bad key: gone"}', AuthenticationFailed),
        (USER, 418, b'{"code": -2006, "error": "x"}', AuthenticationFailed),
        (PATHS, 200, b"", InvalidSymbol),
        (MARKET, 200, b"<html>moved</html>", StreamRefused),
        (MARKET, 302, b"", StreamRefused),
        (MARKET, 404, b"nothing here", StreamRefused),
    ],
)
def test_a_handshake_that_will_be_refused_again_is_an_error_at_once(
    connection: Any, status: int, body: bytes, kind: type[Exception]
) -> None:
    talk = Talk(connection)
    talk.join({USER: FILLS, PATHS: TICKER, MARKET: BOOK}[connection], **({} if connection is USER else {"pair": "a"}))
    talk.tell("start")
    (error,) = failures(talk.tell("refused", status, {}, body))
    assert type(error) is kind
    assert str(status) in str(error)
    assert talk.session.state == "over"
    assert talk.session.deadline is None


def test_a_refusal_says_status_and_the_beginning_of_the_answer() -> None:
    talk = Talk(MARKET, mask=lambda text: text.replace("s3cret", "***"))
    talk.join(BOOK, pair="a")
    talk.tell("start")
    (error,) = failures(talk.tell("refused", 404, {}, b"nothing for s3cret here" + b"." * 900))
    assert isinstance(error, StreamRefused)
    assert error.status == 404
    assert error.body_start.startswith("nothing for *** here")
    assert len(error.body_start) == 200
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("status", [408, 425, 429, 470, 500, 502, 503])
def test_a_handshake_that_may_be_taken_later_is_tried_again(status: int) -> None:
    talk = Talk(MARKET)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    (event,) = events(talk.tell("refused", status, {}, b""))
    assert isinstance(event, Reconnecting)
    assert str(status) in event.reason
    assert talk.wait(60)[-1:] == [Dial("", "", signed=False)]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("86400", 300.0)])
def test_retry_after_is_obeyed_within_bounds(asked: str, waited: float) -> None:
    talk = Talk(MARKET, random=0.0)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    (event,) = events(talk.tell("refused", 429, {"Retry-After": asked}, b""))
    assert isinstance(event, Reconnecting)
    assert event.pause == waited


def test_a_signature_that_came_at_the_wrong_time_is_made_anew_once() -> None:
    talk = Talk(USER)
    talk.join(FILLS)
    talk.tell("start")
    assert talk.tell("refused", 409, {}, b"") == [Dial("", "", signed=True, fresh=True)]
    (error,) = failures(talk.tell("refused", 409, {}, b""))
    assert isinstance(error, ClockSkew)


def test_a_subscription_that_is_rejected_is_an_error_of_that_channel_alone() -> None:
    talk = live()
    (joined,) = talk.join(BOOK, pair="nope")
    came = talk.receive({"id": 2, "error": -3002, "message": "no such pair"})
    (failure,) = [action for action in came if isinstance(action, Fail)]
    assert failure.channels == (joined,)
    assert isinstance(failure.error, InvalidSymbol)
    assert "no such pair" in str(failure.error)
    assert "code -3002" in str(failure.error)
    assert len(given(talk.receive(book()))) == 1  # the other one lives
    talk.tell("lost", "reset")
    talk.wait(60)
    assert sent(talk.tell("opened")) == [{"id": 3, "method": "SUBSCRIBE", "params": ["a.book"]}]


def test_a_rejection_that_nothing_names_says_code_and_channel() -> None:
    talk = live()
    talk.join(BOOK, pair="nope")
    (error,) = failures(talk.receive({"id": 2, "error": -1000, "message": "what?"}))
    assert isinstance(error, SubscriptionRejected)
    assert (error.code, error.channels) == ("-1000", ("nope.book",))


def test_of_several_channels_that_are_rejected_together_each_is_asked_for_alone() -> None:
    talk = Talk(MARKET)
    talk.stand(BOOK, pair=["a", "nope"])
    came = talk.receive({"id": 1, "error": -3002, "message": "no"})
    assert sent(came) == [
        {"id": 2, "method": "SUBSCRIBE", "params": ["a.book"]},
        {"id": 3, "method": "SUBSCRIBE", "params": ["nope.book"]},
    ]
    assert events(talk.receive({"id": 2, "result": None})) == [Subscribed(("a.book",))]
    assert len(failures(talk.receive({"id": 3, "error": -3002, "message": "no"}))) == 1


def test_too_many_subscriptions_are_tried_again_later() -> None:
    talk = Talk(MARKET)
    talk.stand(BOOK, pair="a")
    came = talk.receive({"id": 1, "error": -429, "message": "slow down"})
    assert isinstance(came[0], HangUp)
    assert isinstance(events(came)[0], Reconnecting)


@pytest.mark.parametrize("error", [None, "", 0, False])
def test_an_error_that_says_nothing_is_none(error: Any) -> None:
    talk = Talk(MARKET)
    talk.stand(BOOK, pair="a")
    assert events(talk.receive({"id": "1", "error": error})) == [Subscribed(("a.book",))]


def test_what_is_not_acknowledged_in_time_is_asked_for_over_another_connection() -> None:
    talk = Talk(MARKET, open_timeout=10)
    talk.stand(BOOK, pair="a")
    assert talk.wait(9.9) == []
    came = talk.wait(0.2)
    assert isinstance(came[0], HangUp)
    (event,) = events(came)
    assert isinstance(event, Reconnecting)
    assert event.reason == "a.book was not acknowledged in 10 seconds"


# -- signs of life -----------------------------------------------------------------------------------------------------


def test_it_pings_as_often_as_the_exchange_wants() -> None:
    talk = live()
    pings = 0
    for second in range(1, 301):
        pings += talk.wait(1).count(Ping())
        talk.receive(book(sequence=second))
        talk.tell("ponged")
    assert pings == 10


def test_a_link_that_answers_pings_and_tells_nothing_is_dead() -> None:
    talk = live()
    came = []
    for _ in range(130):
        came += talk.wait(1)
        talk.tell("ponged")
        if talk.session.state != "live":
            break
    assert events(came)[0] == Stale(60.0)
    assert [type(action) for action in came if not isinstance(action, Ping)][1] is HangUp
    assert isinstance(events(came)[1], Reconnecting)
    assert events(came)[1].reason == "no sign of life for 120 seconds"  # type: ignore[attr-defined]


def test_a_ping_that_is_not_answered_until_the_next_one_is_due_tells_a_dead_link() -> None:
    talk = live()
    came = talk.wait(60)
    assert came[0] == Ping()
    assert isinstance(came[-1], type(came[-1]))
    assert [event.reason for event in events(came) if isinstance(event, Reconnecting)] == ["a ping was not answered"]


@pytest.mark.parametrize(("connection", "feed", "lives"), [(PATHS, TICKER, True), (MARKET, BOOK, False)])
def test_pings_of_the_server_are_signs_of_life_where_the_spec_says_so(connection: Any, feed: Any, lives: bool) -> None:
    talk = Talk(connection)
    talk.stand(feed, pair="a")
    talk.receive({"id": 1, "result": None})
    for _ in range(20):
        talk.wait(20)
        talk.tell("pinged")
        talk.tell("ponged")
    assert (talk.session.state == "live") is lives


def test_silence_is_told_once_and_again_after_a_message() -> None:
    talk = Talk(USER)
    talk.stand(FILLS)
    talk.take()
    for _ in range(35):
        talk.wait(10)
        talk.tell("ponged")
    assert [type(event) for event in events(talk.take())] == [Stale]
    talk.receive({"stream": "fill", "data": {"matchID": 1, "amount": 1}})
    for _ in range(35):
        talk.wait(10)
        talk.tell("ponged")
    assert [type(event) for event in events(talk.take())] == [Stale]


def test_the_user_may_be_more_or_less_patient() -> None:
    talk = live(silence=5)
    assert isinstance(events(talk.wait(5))[-1], Reconnecting)


def test_nothing_is_heard_while_nothing_is_read() -> None:
    talk = live(silence=5)
    for _ in range(10):
        talk.now += 4
        talk.tell("deaf")
        assert HangUp not in map(type, talk.tell("timer"))


# -- loss, and what follows --------------------------------------------------------------------------------------------


def test_after_a_loss_everything_is_subscribed_again_and_begins_anew() -> None:
    talk = live()
    talk.receive(book(sequence=1))
    talk.join(TRADES, pair="a")
    talk.receive({"id": 2, "result": None})
    talk.take()
    talk.now += 3
    talk.tell("lost", "reset by peer")
    talk.wait(60)
    talk.now += 1
    came = talk.tell("opened")
    assert sent(came) == [{"id": 3, "method": "SUBSCRIBE", "params": ["a.book", "a.trades"]}]
    (connected,) = events(came)
    assert isinstance(connected, Connected)
    assert connected.gap == pytest.approx(3 + 0.5 + 1)
    talk.receive({"id": 3, "result": None})
    assert [whole for _, _, whole in given(talk.receive(book(sequence=9)))] == [True]


def test_pauses_double_up_to_the_longest_and_are_random_below() -> None:
    talk = Talk(MARKET, first_pause=1, longest_pause=8)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    pauses = []
    for _ in range(6):
        (event,) = events(talk.tell("lost", "no"))
        assert isinstance(event, Reconnecting)
        pauses.append(event.pause)
        talk.wait(60)
    assert pauses == [1, 2, 4, 8, 8, 8]
    halved = Talk(MARKET, first_pause=1, random=0.5)
    halved.join(BOOK, pair="a")
    halved.tell("start")
    assert events(halved.tell("lost", "no"))[0].pause == 0.5  # type: ignore[attr-defined]


def test_a_connection_that_held_starts_the_pauses_anew_and_one_that_did_not_goes_on() -> None:
    talk = Talk(MARKET, first_pause=1)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    pauses = []
    for held in (1, 1, 1, 20, 1):
        talk.tell("opened")
        talk.receive({"id": len(pauses) + 1, "result": None})
        talk.wait(held)
        pauses.append(events(talk.tell("lost", "no"))[0].pause)  # type: ignore[attr-defined]
        talk.wait(60)
    assert pauses == [1, 2, 4, 1, 2]


def test_it_gives_up_when_told_to_and_says_why() -> None:
    talk = Talk(MARKET, attempts=3)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    for _ in range(2):
        assert not failures(talk.tell("lost", "nobody listens"))
        talk.wait(60)
    (error,) = failures(talk.tell("lost", "nobody listens"))
    assert isinstance(error, StreamEnded)
    assert str(error) == "market: given up after 3 attempts in a row: nobody listens"


def test_it_never_gives_up_unless_told_to() -> None:
    talk = Talk(MARKET)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    for _ in range(2000):
        assert not failures(talk.tell("lost", "nobody listens"))
        assert talk.wait(60)[-1:] == [Dial("", "", signed=False)]


def test_attempts_are_counted_for_whoever_listens() -> None:
    talk = Talk(MARKET)
    talk.join(BOOK, pair="a")
    talk.tell("start")
    attempts = []
    for _ in range(3):
        attempts.append(events(talk.tell("lost", "no"))[0].attempt)  # type: ignore[attr-defined]
        talk.wait(60)
    assert attempts == [2, 3, 4]
    assert events(talk.tell("opened"))[0] == Connected("market", 4, None)


def test_a_message_that_is_too_large_is_an_error_and_not_a_loop() -> None:
    talk = live()
    (error,) = failures(talk.tell("lost", "a message was larger than 16 MiB", 1009))
    assert isinstance(error, StreamError)
    assert "16 MiB" in str(error)


def test_after_its_end_nothing_moves_it() -> None:
    talk = live()
    assert [type(action) for action in talk.tell("close")] == [HangUp]
    for what in (("lost", "x"), ("timer",), ("opened",), ("start",), ("received", b"{}"), ("close",)):
        assert talk.tell(*what) == []
    assert talk.session.deadline is None


# -- channels come and go ----------------------------------------------------------------------------------------------


def test_channels_are_added_and_dropped_while_it_runs() -> None:
    talk = live()
    (added,) = talk.join(BOOK, pair="b", depth=5)
    assert sent(talk.take()) == [{"id": 2, "method": "SUBSCRIBE", "params": ["b.book.5"]}]
    assert sent(talk.tell("leave", [added])) == [{"id": 3, "method": "UNSUBSCRIBE", "params": ["b.book.5"]}]
    late = {"stream": "b.book.5", "data": {}}
    assert talk.receive(late) == []  # under way, and known
    talk.receive({"id": 3, "result": None})
    assert isinstance(events(talk.receive(late))[0], UnknownMessage)


def test_a_channel_that_comes_back_begins_when_its_end_is_acknowledged() -> None:
    talk = live()
    talk.receive(book(sequence=1))
    channels = talk.channels(BOOK, pair="a")
    talk.tell("leave", channels)
    assert talk.tell("join", channels) == []
    assert talk.receive(book(sequence=2)) == []  # of the old one
    assert sent(talk.receive({"id": 2, "result": None})) == [{"id": 3, "method": "SUBSCRIBE", "params": ["a.book"]}]
    assert [whole for _, _, whole in given(talk.receive(book(sequence=7)))] == [True]


def test_a_channel_can_begin_anew_and_nothing_old_passes_for_its_beginning() -> None:
    talk = live()
    talk.receive(book(sequence=1))
    (channel,) = talk.channels(BOOK, pair="a")
    assert sent(talk.tell("renew", channel)) == [{"id": 2, "method": "UNSUBSCRIBE", "params": ["a.book"]}]
    assert talk.receive(book(sequence=2)) == []
    assert sent(talk.receive({"id": 2, "result": None})) == [{"id": 3, "method": "SUBSCRIBE", "params": ["a.book"]}]
    talk.receive({"id": 3, "result": None})
    assert [whole for _, _, whole in given(talk.receive(book(sequence=7)))] == [True]


def test_a_channel_that_begins_anew_before_it_began_is_subscribed_in_the_end() -> None:
    talk = Talk(MARKET)
    (channel,) = talk.stand(BOOK, pair="a")
    assert sent(talk.tell("renew", channel)) == [{"id": 2, "method": "UNSUBSCRIBE", "params": ["a.book"]}]
    # The first subscription stands, and is about to end.
    assert talk.receive({"id": 1, "result": None}) == []
    assert talk.receive(book(sequence=1)) == []
    assert sent(talk.receive({"id": 2, "result": None})) == [{"id": 3, "method": "SUBSCRIBE", "params": ["a.book"]}]
    assert events(talk.receive({"id": 3, "result": None})) == [Subscribed(("a.book",))]
    assert [whole for _, _, whole in given(talk.receive(book(sequence=2)))] == [True]


@generated(st.lists(st.tuples(st.sampled_from(["join", "leave", "renew", "answer"]), st.sampled_from("abc"))))
def test_in_the_end_what_is_wanted_is_what_the_exchange_sends(steps: list[tuple[str, str]]) -> None:
    talk = Talk(MARKET)
    talk.stand(TRADES, pair="z")
    asked, subscribed, wanted = [{"id": 1, "method": "SUBSCRIBE", "params": ["z.trades"]}], set(), {"z.trades"}

    def answer() -> None:
        request = asked.pop(0)
        (subscribed.update if request["method"] == "SUBSCRIBE" else subscribed.difference_update)(request["params"])
        asked.extend(sent(talk.receive({"id": request["id"], "result": None})))

    for what, pair in steps:
        if what == "answer":
            if asked:
                answer()
            continue
        channels = talk.channels(TRADES, pair=pair)
        asked.extend(sent(talk.tell(what, *(channels if what == "renew" else [channels]))))
        if what != "renew":
            (wanted.add if what == "join" else wanted.discard)(f"{pair}.trades")
    while asked:
        answer()
    assert subscribed == wanted
    for name in wanted:
        assert len(given(talk.receive(trade(7, pair=name.partition(".")[0])))) == 1


def test_where_nothing_is_acknowledged_a_channel_begins_anew_over_another_connection() -> None:
    talk = Talk(PATHS)
    (channel,) = talk.stand(TICKER, pair="a")
    came = talk.tell("renew", channel)
    assert isinstance(came[0], HangUp)
    assert events(came) == [Reconnecting("A begins anew", 0.0, 1)]
    assert talk.wait(0) == [Dial("/v1/tickers/A", "", signed=False)]


# -- messages ----------------------------------------------------------------------------------------------------------


def test_messages_of_several_streams_share_a_connection() -> None:
    talk = live()
    talk.join(TRADES, pair="a")
    came = talk.receive(trade(1, 2)) + talk.receive(book())
    assert [text for text, _, _ in given(came)] == ["a.trades", "a.book"]


def test_unknown_messages_are_told_and_do_no_harm() -> None:
    talk = live()
    for message in ({"stream": "z.book", "data": {}}, {"hello": 1}, [1, 2], 3, None, {"stream": None}):
        (event,) = events(talk.receive(message))
        assert isinstance(event, UnknownMessage)
        assert event.error is None
    assert len(given(talk.receive(book()))) == 1


def test_what_comes_unasked_and_nobody_wants_is_known_and_passed_over() -> None:
    talk = Talk(USER)
    talk.stand(ORDERS)
    fill = {"stream": "fill", "data": {"matchID": 1, "amount": "2"}}
    assert talk.receive(fill) == []
    assert isinstance(events(talk.receive({"stream": "balance", "data": {}}))[0], UnknownMessage)
    assert len(given(talk.receive({**fill, "stream": "order"}))) == 1
    talk.join(FILLS)
    assert [message.match_id for _, message, _ in given(talk.receive(fill))] == ["1"]


def test_a_complaint_that_answers_nothing_is_told_as_such() -> None:
    talk = live()
    (event,) = events(talk.receive({"error": -1, "message": "odd"}))
    assert isinstance(event, UnknownMessage)
    assert event.error is not None
    assert (event.error.code, event.error.message) == ("-1", "odd")


def test_a_complaint_about_the_key_is_the_end() -> None:
    talk = Talk(USER)
    talk.stand(FILLS)
    (error,) = failures(talk.receive({"error": "Bad key: revoked", "code": 5}))
    assert isinstance(error, AuthenticationFailed)


def test_malformed_messages_are_counted_and_told_and_the_stream_goes_on() -> None:
    talk = live()
    talk.receive(book())
    came = [
        *talk.receive(b"\x00garbage"),
        *talk.receive({"stream": "a.book", "data": {"i": "x", "bids": [], "asks": []}}),
        *talk.receive({"stream": "a.book"}),
        *talk.receive(b'{"stream": "a.book", "data": {"i": 1, "bids": ['),
        *talk.receive(b'{"stream": "a.book", "data": {"i": 1, "bids": [{"price": "\xff", "amount": 1}], "asks": []}}'),
    ]
    told = [event for event in events(came) if isinstance(event, MalformedMessage)]
    assert [event.count for event in told] == [1, 2, 3, 4, 5]
    assert [event.path for event in told[:3]] == ["$", "$.data.i", "$.data"]
    assert [event.channel for event in told[:3]] == ["", "a.book", "a.book"]
    assert len(given(talk.receive(book(sequence=2)))) == 1


@pytest.mark.parametrize("keys", [b'"stream": "a.other"', b'"id": 1, "result": null', b'"id": 77'])
def test_what_is_broken_behind_the_keys_that_are_looked_at_ends_nothing(keys: bytes) -> None:
    talk = Talk(MARKET)
    talk.stand(BOOK, pair="a")
    (told,) = events(talk.receive(b"{" + keys + b', "more": "\xff"}'))
    assert isinstance(told, MalformedMessage)
    # Nothing was answered by it.
    assert events(talk.receive({"id": 1, "result": None})) == [Subscribed(("a.book",))]


def test_a_change_does_not_pass_for_the_whole_state_if_that_was_malformed() -> None:
    talk = live()
    talk.receive({"stream": "a.book", "data": {"i": "x"}})
    assert [whole for _, _, whole in given(talk.receive(book(sequence=2)))] == [False]


def test_what_repeats_a_recent_message_is_dropped_even_after_a_reconnect() -> None:
    talk = Talk(USER)
    talk.stand(FILLS)
    fill = {"stream": "fill", "data": {"matchID": 1, "amount": 1}}
    assert len(given(talk.receive(fill))) == 1
    assert talk.receive(fill) == []
    talk.tell("lost", "reset")
    talk.wait(60)
    talk.tell("opened")
    assert talk.receive(fill) == []
    assert len(given(talk.receive({"stream": "fill", "data": {"matchID": 2, "amount": 1}}))) == 1


def test_secrets_are_masked_in_what_is_told() -> None:
    talk = live(mask=lambda text: text.replace("s3cret", "***"))
    talk.receive(b"s3cret garbage")
    talk.receive({"error": -1, "message": "s3cret"})
    talk.tell("lost", "s3cret")
    shown = events(talk.take())
    assert len(shown) == 3
    assert "s3cret" not in repr(shown)


# -- socket.io ---------------------------------------------------------------------------------------------------------


def test_events_carry_subscriptions_and_messages() -> None:
    talk = Talk(EVENTS)
    talk.join(EVENT_ORDERS, pair="BTC_USD")
    talk.tell("start")
    opened = talk.tell("opened")
    assert [action for action in opened if isinstance(action, Transmit)] == [Transmit("book_BTC_USD", "join")]
    placed = talk.tell("received", {"oid": 1, "price": Decimal("1.10")}, "book_BTC_USD", parsed=True)
    left = talk.tell("received", {"oid": 2, "pair": "BTC_USD", "cancelled": True}, "book_BTC_USD", parsed=True)
    assert [type(message).__name__ for _, message, _ in given(placed + left)] == ["Placed", "Left"]
    assert given(placed)[0][1].pair == "BTC_USD"
    other = talk.tell("received", {"oid": 1}, "news", parsed=True)
    assert isinstance(events(other)[0], UnknownMessage)


def test_the_names_of_events_are_the_users_to_change() -> None:
    talk = Talk(EVENTS, values={"join_event": "subscribe", "message_event": "message"})
    talk.join(EVENT_ORDERS, pair="a")
    talk.tell("start")
    assert [action for action in talk.tell("opened") if isinstance(action, Transmit)] == [
        Transmit("book_a", "subscribe")
    ]
    assert len(given(talk.tell("received", {"oid": 1, "price": 1}, "message", parsed=True))) == 1


# -- whatever happens --------------------------------------------------------------------------------------------------

_INPUTS = st.one_of(
    st.tuples(st.just("opened")),
    st.tuples(st.just("lost"), st.text(max_size=5)),
    st.tuples(st.just("refused"), st.sampled_from([200, 401, 429, 500]), st.just({}), st.binary(max_size=5)),
    st.tuples(st.just("received"), st.sampled_from([b"{}", b"x", b'{"id":1}', b'{"id":2,"error":-3002}'])),
    st.tuples(st.just("received"), st.just(b'{"stream":"a.trades","data":[{"id":1,"price":"1"}]}')),
    st.tuples(st.just("timer")),
    st.tuples(st.just("pinged")),
    st.tuples(st.just("ponged")),
    st.tuples(st.just("deaf")),
    st.tuples(st.sampled_from(["join", "leave"]), st.sampled_from(["a", "b"])),
    st.tuples(st.just("renew"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("pass"), st.floats(0, 200)),
)


@generated(st.lists(_INPUTS, max_size=40))
def test_in_any_order_of_inputs_it_asks_only_for_what_can_be_done(inputs: list[tuple[Any, ...]]) -> None:
    talk = Talk(MARKET)
    talk.join(TRADES, pair="a")
    talk.tell("start")
    linked, dialling = False, True
    for what, *arguments in inputs:
        if what == "pass":
            talk.now += arguments[0]
            continue
        if what in ("opened", "refused") and not dialling:
            continue  # a driver tells of a connection only after it was asked to make one
        if what in ("join", "leave"):
            arguments = [talk.channels(TRADES, pair=arguments[0])]
        elif what == "renew":
            arguments = talk.channels(TRADES, pair=arguments[0])
        if what == "opened":
            linked, dialling = True, False
        elif what in ("lost", "refused"):
            linked, dialling = False, False
        ended = talk.session.state == "over"
        for action in talk.tell(what, *arguments):
            assert not ended, "it spoke after its end"
            if isinstance(action, HangUp):
                linked = False
            elif isinstance(action, Dial):
                assert not linked, "it dialled twice"
                dialling = True
            elif isinstance(action, (Transmit, Ping)):
                assert linked, "it sent without a link"
        state = talk.session.state
        assert (state in ("live", "login")) is linked or state == "over"
        if state in ("live", "waiting"):
            assert talk.session.deadline is not None, "nothing would ever wake it"
