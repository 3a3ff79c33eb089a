"""What is told by transcripts, documented and recorded: the models say what the messages say, read here by other means;
and local books that are made of it are right, or refuse to be read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.calls import BODIES
from support.meaning import DATED, lost_digits, misread, unaccounted, unknown_members, wrong_times
from support.replay import CASSETTES, exchanges
from support.replies import Site, sites_of
from support.session import session_path
from support.streams import HANGS_S, hearing_of, transcript_path

from specie.cassettes.documented import arguments_of
from specie.cassettes.transcript import read_transcript
from specie.compiler.model import Enum, Exchange, ListOf, Ref
from specie.compiler.stream_model import Stream
from specie.runtime import BookInvalid, Replay, StreamEvent

PATHS = sorted(CASSETTES.glob("*/streams/*.yaml"))
every_path = pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: path.relative_to(CASSETTES).with_suffix("").as_posix()
)


def parsed(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def told(exchange: Exchange, stream: Stream, path: Path) -> list[Any]:
    """The steps of a transcript that the spec says are of a stream, but for those that were made to be wrong."""
    steps = [step for step in read_transcript(path).steps("received") if "assumed" not in step]
    found: list[Any] = []
    for step in steps:
        message = parsed(step["received"])
        if not stream.when:
            found += [step] if step.get("event") else []
        elif all(_holds(message, one, stream) for one in stream.when):
            found.append(step)
    return found


def _holds(message: Any, condition: Any, stream: Stream) -> bool:
    there = message.get(condition.key) if isinstance(message, dict) else None
    if "{" not in condition.wanted:
        return bool(there == condition.wanted)
    # Of a template, what does not vary: `BTC_USDT.order_book.20` is of `{symbol}.order_book.{depth}`.
    template = condition.wanted.replace("{channel}", stream.channel)
    fixed = [part for part in template.replace("}", "{").split("{")[::2] if part]
    return isinstance(there, str) and all(part in there for part in fixed)


def heard(exchange: Exchange, stream: Stream, steps: list[Any]) -> list[Any]:
    """What the client gives of these messages: one each."""
    arguments, _ = arguments_of(exchange, stream, [parsed(step["received"]) for step in steps])
    told = [part for step in steps for part in ({"pause": 1.0}, step)]
    replay = Replay([[*told, {"pause": 20.0}, {"drop": "over"}], [{"unreachable": "over"}]])
    with hearing_of(exchange, "asyncio", replay) as hearer:
        messages = hearer.hear(hearer.open(stream.name, **arguments)).items
    return [one for one in messages if not isinstance(one, StreamEvent)]


def sites(exchange: Exchange, stream: Stream, step: Any, message: Any) -> list[Site]:
    """The values of a message, beside what they became."""
    raw = parsed(step["received"])
    for key in stream.at:
        raw = raw[key]
    filled = {key: getattr(message, key) for key, _ in stream.fill}  # what the message does not say is not looked at
    kinds = [one.type for one in stream.yields]
    kind = next(
        one for one in kinds if len(kinds) == 1 or (isinstance(one, Ref) and one.name == type(message).__name__)
    )
    assert filled.keys() <= {"pair"}
    return list(sites_of(exchange, kind, raw, message))


@every_path
def test_models_say_what_messages_say(path: Path) -> None:
    exchange = exchanges()[path.relative_to(CASSETTES).parts[0]]
    looked_at = 0
    for stream in exchange.streams:
        steps = told(exchange, stream, path)
        if not steps or (path.stem not in ("session", stream.name)):
            continue
        messages = heard(exchange, stream, steps)
        if stream.unique:  # each once
            steps = list({step["received"]: step for step in steps}.values())
        assert len(messages) == len(steps)
        for step, message in zip(steps, messages, strict=True):
            found = sites(exchange, stream, step, message)
            looked_at += len(found)
            assert not list(misread(found))
            assert not list(unaccounted(exchange, found))
            assert not list(lost_digits(found))
            assert not list(unknown_members(found))
            assert not list(wrong_times(exchange, found, DATED if path.stem != "session" else {}))
    assert looked_at >= 10


def test_a_misreading_is_seen() -> None:
    """The judge itself: whatever scalar is changed behind its back, it says so."""
    exchange = exchanges()["bibox"]
    stream = next(one for one in exchange.streams if one.name == "trades")
    (step, *_) = told(exchange, stream, transcript_path("bibox", stream))
    ((trade, *_),) = heard(exchange, stream, [step])
    assert isinstance(stream.yields[0].type, ListOf)
    kind = stream.yields[0].type.item
    raw = parsed(step["received"])["data"][0]
    assert not list(misread(list(sites_of(exchange, kind, raw, trade))))
    model = exchange.named[kind.name] if isinstance(kind, Ref) else None
    assert model is not None
    assert not isinstance(model, Enum)
    others = {"p": "1", "q": "0.0790450", "i": "17122256", "s": "sell", "t": "1628738748320"}
    assert set(others) == {field.wire for field in model.fields}
    for key, value in others.items():
        found = list(sites_of(exchange, kind, {**raw, key: value}, trade))
        assert list(misread(found)), key
    assert list(unaccounted(exchange, list(sites_of(exchange, kind, {**raw, "z": 1}, trade)))) == ["$.z"]


# -- local books ----------------------------------------------------------------------------------------------------------


@attrs.define
class Kept:
    """A local book that is told by a transcript."""

    book: Any
    replay: Replay
    _run: Callable[[Any], Any]

    def wait(self) -> None:
        self._run(self.book.wait(HANGS_S))

    def wait_for_complaint(self, words: str) -> None:
        """Wait until something is done of which the transcript knows nothing."""
        until = time.monotonic() + HANGS_S
        while not any(words in one for one in self.replay.complaints):
            assert time.monotonic() < until, self.replay.complaints
            self._run(asyncio.sleep(0.001))


@contextmanager
def book_of(exchange: Exchange, body: str, steps: list[Any], *arguments: Any, **named: Any) -> Iterator[Kept]:
    """A local book that is told these messages."""
    replay = Replay([[part for step in steps for part in ({"pause": 0.1}, step)]])
    with hearing_of(exchange, body, replay) as hearer:
        book = hearer.client.streams.with_options(dialer=replay).book(*arguments, **named)
        if hearer.loop is None:
            with book:
                yield Kept(book, replay, lambda result: asyncio.run(result) if asyncio.iscoroutine(result) else result)
        else:
            run = hearer.loop.run_until_complete
            run(book.__aenter__())
            try:
                yield Kept(book, replay, run)
            finally:
                run(book.close())


def book_steps(name: str, path: Path) -> tuple[Exchange, list[Any]]:
    exchange = exchanges()[name]
    stream = next(one for one in exchange.streams if one.book is not None)
    return exchange, told(exchange, stream, path)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("name", "arguments", "named", "again"),
    [
        ("bitopro", ["BTC_TWD"], {}, "no more connections"),
        ("bibox", ["BTC_USDT"], {"depth": 20}, "UNSUBSCRIBE"),
    ],
)
def test_a_documented_book_that_is_crossed_refuses_to_be_read(
    name: str, arguments: list[Any], named: dict[str, Any], again: str, body: str
) -> None:
    """The pages show books whose bids are not below their asks: examples of a form, and of no market."""
    exchange, steps = book_steps(name, CASSETTES / name / "streams" / "order_book.yaml")
    with book_of(exchange, body, steps[:1], *arguments, **named) as kept:
        kept.wait_for_complaint(again)  # what no transcript has: it was told a book, and asks for another one
        assert not kept.book.valid
        with pytest.raises(BookInvalid):
            _ = kept.book.best_bid


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [("bitopro", ["btc_twd"], {"limit": 5}), ("bibox", ["BTC_USDT"], {"depth": 5})],
)
def test_a_recorded_book_is_kept(name: str, arguments: list[Any], named: dict[str, Any], body: str) -> None:
    exchange, steps = book_steps(name, session_path(name))
    with book_of(exchange, body, steps, *arguments, **named) as kept:
        kept.wait()
        book = kept.book
        bids, asks = book.depth(5)
        assert len(bids) == len(asks) == 5
        assert book.best_bid < book.best_ask
        assert [one.price for one in bids] == sorted({one.price for one in bids}, reverse=True)
        assert [one.price for one in asks] == sorted({one.price for one in asks})
        assert all(one.amount > 0 for one in [*bids, *asks])
