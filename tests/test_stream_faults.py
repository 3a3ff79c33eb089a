"""Each fault that the sandbox knows of streams, into each stream of each exchange: what a user is told of it, and that in
the end what was told is what REST says, as far as anything of the exchange can tell.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from support.agreeing import VENUES
from support.followers import Scene, scene
from support.following import BODIES, Followed, until

from specie.runtime import ApiError, AuthenticationFailed, Connected, Reconnecting, StreamRefused
from specie.sandbox.faults import WORDS

pytest.importorskip("aiohttp")

ONCE = {"message-twice": 1, "flood:300": 299}
"""How many times more than once a message comes."""
ALL = ("drop", "half-open", "message-lost", *ONCE, "messages-swapped", "message-garbage", "message-unknown")
HANDSHAKES = {
    "bitopro": {
        "handshake:401": (AuthenticationFailed, AuthenticationFailed),
        "handshake:200": (ApiError, StreamRefused),
    },
    "bibox": {"handshake:401": (AuthenticationFailed, AuthenticationFailed), "handshake:200": (StreamRefused,) * 2},
    "bitexbit": {"handshake:401": (AuthenticationFailed, AuthenticationFailed), "handshake:200": (StreamRefused,) * 2},
}
"""For streams that anyone may read, and for those of an account, what a refused handshake raises."""
ACCOUNT = {"open_orders", "order_history", "balances", "user_trades", "orders"}

each_exchange = pytest.mark.parametrize("name", VENUES)
each_body = pytest.mark.parametrize("body", BODIES)


def test_no_fault_of_streams_is_left_out() -> None:
    known = {word for word, one in WORDS.items() if one.place in ("handshake", "message")}
    assert known == {one.partition(":")[0] for one in (*ALL, "message-late", "handshake:503", "handshake:401")}


def befall(at: Scene, fault: str) -> None:
    """Have a fault befall the next message of each stream, and trade until it did."""
    for stream in at.heard:
        at.sandbox.fault(f"{fault} on {at.venue.name}.streams.{stream}")

    def befallen() -> bool:
        at.trade()
        return not at.sandbox.faults

    until(befallen, said=lambda: f"these befell nobody: {at.sandbox.faults}")


def more_than_once(followed: Followed) -> int:
    """How many public trades came again."""
    ids = Counter(one.id for message in followed.messages for one in message)
    return sum(ids.values()) - len(ids)


@each_exchange
@each_body
def test_a_connection_that_drops_is_made_again_and_nothing_is_missing(name: str, body: str) -> None:
    with scene(name, body) as at:
        at.follow()
        at.trade()
        befall(at, "drop")
        until(
            lambda: all("Reconnecting" in one.kinds() and one.subscribed() for one in at.heard.values()), said=at.said
        )
        at.trade()
        at.agree()


@each_exchange
@each_body
def test_what_is_half_open_is_found_out_by_its_silence(name: str, body: str) -> None:
    with scene(name, body) as at:
        at.sandbox.fault(f"half-open on {name}")
        # Nobody waits for the one that is silent.
        at.follow(silence=1.0, open_timeout=0.5, wait=False)
        until(lambda: not at.sandbox.faults)
        until(lambda: any("Reconnecting" in one.kinds() for one in at.heard.values()), said=at.said)
        reasons = [event.reason for one in at.heard.values() for event in one.events if isinstance(event, Reconnecting)]
        assert any("no sign of life" in reason or "not acknowledged" in reason for reason in reasons), reasons


@each_exchange
@each_body
@pytest.mark.parametrize("fault", [*ONCE, "message-late:100ms", "message-unknown"])
def test_what_takes_nothing_away_changes_nothing(name: str, body: str, fault: str) -> None:
    with scene(name, body) as at:
        at.follow()
        at.trade()
        befall(at, fault)
        at.trade()
        if name == "bibox" and fault in ONCE:
            # A message bears nothing by which a second one could be told from it; a trade bears its id.
            trades = at.heard.pop("trades")
            until(lambda: more_than_once(trades) >= ONCE[fault])
        at.agree()
        kinds = {name: one.kinds() for name, one in at.heard.items()}
        assert not any("Reconnecting" in one for one in kinds.values()), kinds
        # What comes under the event of a channel of socket.io is a message of that channel, though a broken one.
        told = "MalformedMessage" if name == "bitexbit" else "UnknownMessage"
        assert any(told in one for one in kinds.values()) is (fault == "message-unknown"), kinds


@each_exchange
@each_body
@pytest.mark.parametrize("fault", ["message-lost", "messages-swapped", "message-garbage"])
def test_what_is_wrong_for_a_while_comes_right(name: str, body: str, fault: str) -> None:
    with scene(name, body) as at:
        at.follow(check_every=0.3)
        at.trade()
        befall(at, fault)
        if fault == "message-garbage":
            until(lambda: all("MalformedMessage" in one.kinds() for one in at.heard.values()), said=at.said)
        # A local book finds out by itself, by what follows or by asking; its connection stands.
        at.trade()
        at.clock[0] += 1_100
        until(lambda: not at.book_differs(), said=at.book_differs)
        assert not any("Reconnecting" in one.kinds() for one in at.heard.values())
        # Whoever keeps what a stream tells by hand has the whole of it after the next connection.
        at.lose_connections()
        at.trade()
        if fault == "message-lost" and name == "bitopro":
            lost_for_good(at, at.heard.pop("user_trades"))
        if fault == "messages-swapped" and name == "bibox":
            trades = at.heard.pop("trades")
            assert sorted(at.venue.told["trades"](trades)) == at.venue.says["trades"](at.rest, trades)
        at.agree()


def lost_for_good(at: Scene, fills: Followed) -> None:
    """Of a fill that is lost while the connection stands nothing tells, unless the next resync goes back so far; but of
    all others, once.
    """

    def missing() -> Any:
        return at.venue.says["user_trades"](at.rest, fills) - at.venue.told["user_trades"](fills)

    until(lambda: missing().total() <= 1, said=missing)
    assert not at.venue.told["user_trades"](fills) - at.venue.says["user_trades"](at.rest, fills)


@each_exchange
@each_body
def test_an_exchange_that_is_out_of_order_is_dialled_again(name: str, body: str) -> None:
    with scene(name, body) as at:
        at.sandbox.fault(f"handshake:503 x2 on {name}")
        at.follow()
        attempts = [event.attempt for one in at.heard.values() for event in one.events if isinstance(event, Connected)]
        assert max(attempts) >= 2
        at.trade()
        at.agree()


@each_exchange
@each_body
@pytest.mark.parametrize("fault", ["handshake:401", "handshake:200"])
def test_a_handshake_that_is_refused_for_good_is_an_error_of_each_stream(name: str, body: str, fault: str) -> None:
    public, own = HANDSHAKES[name][fault]
    with scene(name, body) as at:
        at.sandbox.fault(f"{fault} always on {name}")
        at.follow(wait=False)
        until(lambda: all(one.over for one in at.heard.values()), said=at.said)
        for stream, one in at.heard.items():
            assert isinstance(one.error, own if stream in ACCOUNT else public), (stream, one.error)
            assert one.messages == []
            assert not one.kinds()
