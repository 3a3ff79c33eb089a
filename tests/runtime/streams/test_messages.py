"""Templates, channels, routes and queues: the small parts, each alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from acme_streams import BOOK, EVENT_ORDERS, MARKET, TICKER
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime import ABSENT, PRESENT, Feed, InvalidType, InvalidValue, SlowConsumer
from specie.runtime.streams.channels import Channel, channels_of
from specie.runtime.streams.mailbox import Ended, ThreadMailbox
from specie.runtime.streams.options import Options
from specie.runtime.streams.reading import holds
from specie.runtime.streams.routing import Router
from specie.runtime.streams.templates import fill_data, fill_text, render_channel

# -- templates ---------------------------------------------------------------------------------------------------------


def test_a_text_that_is_just_one_place_becomes_the_value() -> None:
    template = {"id": "{request}", "params": "{channels}", "text": "{request}: {channel}", "more": ["{channel}", 1]}
    assert fill_data(template, {"request": 7, "channels": ["a", "b"], "channel": "a"}) == {
        "id": 7,
        "params": ["a", "b"],
        "text": "7: a",
        "more": ["a", 1],
    }


def test_values_are_never_read_as_templates() -> None:
    assert fill_text("{a}{b}", {"a": "{b}", "b": "x"}) == "{b}x"
    assert render_channel("{a}[:{b}]", {"a": "{b}", "b": None}) == "{b}"


@pytest.mark.parametrize(
    ("values", "name"), [({"pair": "A", "limit": None}, "A"), ({"pair": "A", "limit": "5"}, "A:5")]
)
def test_what_stands_in_square_brackets_is_left_out_if_a_value_is_absent(
    values: dict[str, str | None], name: str
) -> None:
    assert render_channel("{pair}[:{limit}]", values) == name


# -- channels ----------------------------------------------------------------------------------------------------------


def test_arguments_are_checked_as_those_of_a_call() -> None:
    with pytest.raises(InvalidType, match=r"streams.book: pair: is required"):
        channels_of(BOOK, {}, {})
    with pytest.raises(InvalidType, match="no parameter 'par'"):
        channels_of(BOOK, {"pair": "a", "par": 1}, {})
    with pytest.raises(InvalidValue, match="7 is not one of 5, 10"):
        channels_of(BOOK, {"pair": "a", "depth": 7}, {})
    with pytest.raises(InvalidValue, match="asks for nothing"):
        channels_of(BOOK, {"pair": []}, {})
    with pytest.raises(InvalidValue, match="is empty"):
        channels_of(BOOK, {"pair": ""}, {})
    for wrong in ("a/b", "a?b", "a#b", "a,b", "..", "a\\b"):
        with pytest.raises(InvalidValue, match="cannot stand in an address"):
            channels_of(TICKER, {"pair": wrong}, {})


def test_each_channel_is_asked_for_once() -> None:
    assert [channel.text for channel in channels_of(TICKER, {"pair": ["a", "A", "b"]}, {})] == ["A", "B"]


def test_an_option_may_speak_of_the_channel() -> None:
    (channel,) = channels_of(EVENT_ORDERS, {"pair": "a"}, {"message_event": "on {channel}"})
    assert channel.event == "on book_a"


# -- conditions and routes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "message", "fits"),
    [
        ({"a": "1"}, {"a": 1}, True),
        ({"a": "true"}, {"a": True}, True),
        ({"a": "null"}, {"a": None}, True),
        ({"a": "x"}, {}, False),
        ({"a.b": "x"}, {"a": {"b": "x"}}, True),
        ({"a.b": "x"}, {"a": "b"}, False),
        ({"a": PRESENT}, {"a": None}, True),
        ({"a": PRESENT}, {}, False),
        ({"a": ABSENT}, {"a": 1}, False),
        ({"a": ABSENT}, {"b": 1}, True),
        ({"a": "x", "b": PRESENT}, {"a": "x"}, False),
        ({}, {"anything": 1}, True),
    ],
)
def test_a_condition_means_the_same_of_bytes_and_of_parsed_json(when: Any, message: Any, fits: bool) -> None:
    assert holds(when, message) is fits
    feed: Feed[Any] = Feed(name="streams.x", connection=MARKET, yields=Any, when=when)
    (channel,) = channels_of(feed, {}, {})
    router = Router([(channel, "taker")])
    assert router.find(router.look(json.dumps(message).encode())) == (["taker"] if fits else [])
    assert router.find(router.look_parsed(message)) == (["taker"] if fits else [])


_KEYS = st.sampled_from(["a", "b", "a.b", "c"])
_VALUES = st.one_of(st.sampled_from(["x", "y", "1", "true"]), st.sampled_from([PRESENT, ABSENT]))
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["x", "y", "1"])),
    lambda inner: st.one_of(st.dictionaries(st.sampled_from("abc"), inner, max_size=3), st.lists(inner, max_size=2)),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=3), max_size=4), _JSON)
def test_routes_find_just_those_whose_condition_holds(whens: list[Any], message: Any) -> None:
    takers: list[tuple[Channel, int]] = []
    for number, when in enumerate(whens):
        feed: Feed[Any] = Feed(name=f"streams.x{number}", connection=MARKET, yields=Any, when=when)
        takers.append((channels_of(feed, {}, {})[0], number))
    router = Router(takers, "c")
    found = router.find(router.look(json.dumps(message).encode()))
    assert sorted(found) == [number for number, when in enumerate(whens) if holds(when, message)]


# -- queues ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["put", "take"]), max_size=60), st.integers(1, 5))
def test_a_queue_that_drops_has_the_newest_in_their_order(steps: list[str], bound: int) -> None:
    (channel,) = channels_of(BOOK, {"pair": "a"}, {})
    mailbox = ThreadMailbox("x", Options().changed({}, {"queue": bound, "overflow": "drop_oldest"}))
    model: list[int] = []
    for number, step in enumerate(steps):
        if step == "put":
            mailbox.deliver(channel, number, False)
            model = [*model, number][-bound:]
        else:
            item = mailbox.poll()
            assert (None if item is None else item[0]) == (model.pop(0) if model else None)


@given(st.lists(st.sampled_from(["put", "take"]), max_size=60), st.integers(1, 5))
def test_a_queue_that_fails_gives_everything_before_in_order_and_once(steps: list[str], bound: int) -> None:
    (channel,) = channels_of(BOOK, {"pair": "a"}, {})
    mailbox = ThreadMailbox("x", Options().changed({}, {"queue": bound}))
    put = taken = 0
    failed = False
    for step in steps:
        if step == "put":
            failed = failed or put - taken == bound
            put += not failed
            mailbox.deliver(channel, put, False)
        elif failed and put == taken:
            for _ in range(2):
                with pytest.raises(SlowConsumer):
                    mailbox.poll()
        else:
            item = mailbox.poll()
            taken += item is not None
            assert (item[0] if item else put) == taken


def test_a_closed_queue_is_empty() -> None:
    (channel,) = channels_of(BOOK, {"pair": "a"}, {})
    mailbox = ThreadMailbox("x", Options())
    mailbox.deliver(channel, 1, False)
    mailbox.end()
    with pytest.raises(Ended):
        mailbox.get(None)


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"queue": 0}, {"queue": True}, {"overflow": "spill"}, {"silence": 0}, {"open_timeout": -1}, {"attempts": 0}],
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match=next(iter(options))):
        Options().changed({}, options)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InvalidType, match="no option 'quiet'"):
        Options().changed({}, {"quiet": 1})
