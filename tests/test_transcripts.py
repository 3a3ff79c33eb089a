"""Every transcript: where it came from, that replay is strict about what is sent, and that it holds no secret."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from support.calls import BODIES
from support.hidden import shapes
from support.mutations import altered_leaves, mutations, other, step_mutations
from support.replay import CASSETTES, NOW_MS, ROOT, exchanges
from support.session import SESSION
from support.streams import Heard, Hearer, hearing_of, played, transcript_path

from specie.cassettes import CassetteError, load, replaying
from specie.cassettes.documented import OPENED_MS, arguments_of, documented_messages, write
from specie.cassettes.label import SANDBOX, example_provenance
from specie.cassettes.tape import kept_headers
from specie.cassettes.transcript import check, playing, read_notifications, read_transcript
from specie.cli import main
from specie.compiler.model import Exchange
from specie.compiler.stream_model import Stream, Webhook
from specie.runtime import (
    Connected,
    InvalidWebhook,
    MalformedMessage,
    Reconnecting,
    Replay,
    ReplayMismatch,
    StreamEnded,
    UnknownMessage,
)
from specie.sandbox import Received, demo_credentials
from specie.sandbox.demo import demo_keys
from specie.sandbox.faces.live import to_json
from specie.sandbox.signatures import Signatures

PATHS = sorted(CASSETTES.glob("*/streams/*.yaml"))
STREAMS = [
    pytest.param(exchange, one, id=f"{exchange.name}.{one.name}")
    for exchange in exchanges().values()
    for one in exchange.streams
]
WEBHOOKS = [
    pytest.param(exchange, one, id=f"{exchange.name}.{one.name}")
    for exchange in exchanges().values()
    for one in exchange.webhooks
]


def shown(path: Path) -> str:
    return path.relative_to(CASSETTES).with_suffix("").as_posix()


every_path = pytest.mark.parametrize("path", PATHS, ids=shown)
every_stream = pytest.mark.parametrize(("exchange", "stream"), STREAMS)
every_webhook = pytest.mark.parametrize(("exchange", "webhook"), WEBHOOKS)
SCORE = "mutations of recorded requests"


def exchange_of(path: Path) -> Exchange:
    return exchanges()[path.relative_to(CASSETTES).parts[0]]


def given(exchange: Exchange, stream: Stream) -> dict[str, Any]:
    return arguments_of(exchange, stream, documented_messages(exchange, stream))[0]


# -- what it says of itself -------------------------------------------------------------------------------------------


@every_path
def test_it_says_where_it_came_from(path: Path) -> None:
    exchange, label = exchange_of(path), read_transcript(path).label
    entry = next((one for one in exchange.streams if one.name == path.stem), None)
    if entry is None:
        assert (path.stem, label.provenance, label.of) == (SESSION, SANDBOX, f"{exchange.name}.{SESSION}")
    else:
        assert (label.provenance, label.of) == (example_provenance(exchange, entry), f"{exchange.name}.{entry.id}")
        assert label.page == exchange.url(entry.see)
        assert label.clock_ms == OPENED_MS
        written = arguments_of(exchange, entry, documented_messages(exchange, entry))[1]
        assert dict(label.arguments or {}) == written
    assert label.docs == exchange.docs.version


@pytest.mark.parametrize(("exchange", "entry"), [*STREAMS, *WEBHOOKS])
def test_it_is_what_would_be_recorded_today(exchange: Exchange, entry: Stream | Webhook, tmp_path: Path) -> None:
    path = CASSETTES / exchange.name / entry.group / f"{entry.name}.yaml"
    copy = tmp_path / exchange.name / entry.group / path.name
    copy.parent.mkdir(parents=True)
    shutil.copy(path, copy)
    assert write(exchange, entry, out=tmp_path).outcome == "unchanged", f"run specie record {exchange.name} {entry.id}"
    assert copy.read_bytes() == path.read_bytes()


def test_the_command_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", str(tmp_path), "--specs", str(ROOT / "specs")]
    assert main(["record", "bitexbit", "streams", *options]) == 0
    assert main(["record", "bitok", "webhooks.voucher", *options]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["new", "streams.order_book:"],
        ["1", "of"],
        ["new", "webhooks.voucher:"],
        ["1", "of"],
    ]
    made = sorted(one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*.yaml"))
    assert made == ["bitexbit/streams/order_book.yaml", "bitok/webhooks/voucher.yaml"]
    assert main(["record", "bitexbit", "streams", "--live", *options]) == 1
    assert "made of documented messages" in capsys.readouterr().err


@every_stream
def test_every_documented_message_is_told_and_nothing_is_passed_off_as_one(exchange: Exchange, stream: Stream) -> None:
    transcript = read_transcript(transcript_path(exchange.name, stream))
    documented = [to_json(message) for message in documented_messages(exchange, stream)]
    for steps in transcript.connections[:2]:
        told = [step["received"] for step in steps if "received" in step and "assumed" not in step]
        assert told[: len(documented)] == documented
    others = [step for step in transcript.steps("received") if step["received"] not in documented]
    assert all(step["assumed"] for step in others)
    assert len([step for step in others if "is documented" in step["assumed"]]) >= 3


# -- what becomes of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", BODIES)
@every_stream
def test_it_is_lost_comes_back_and_goes_on_after_what_it_does_not_know(
    exchange: Exchange, stream: Stream, body: str
) -> None:
    with played(exchange, stream, body) as hearer:
        heard = hearer.hear(hearer.open(stream.name, **given(exchange, stream)))
    assert heard.course[:3] == ["Connected", "Subscribed", "message"]
    assert isinstance(heard.end, StreamEnded)
    assert [one.reason for one in heard.events if isinstance(one, Reconnecting)] == ["the server was restarted"] * 2
    gaps = [one.gap for one in heard.events if isinstance(one, Connected)]
    assert gaps[0] is None
    assert gaps[1] is not None
    assert gaps[1] >= 15
    (unknown,) = [one for one in heard.events if isinstance(one, UnknownMessage)]
    assert b"something.new" in unknown.data
    broken = [one for one in heard.events if isinstance(one, MalformedMessage)]
    assert [(one.count, bool(one.expected), one.path[:1]) for one in broken] == [(1, True, "$"), (2, True, "$")]
    unique = len(stream.unique) > 0  # then what comes again is no news
    assert heard.course[-2:] == ["message", "Reconnecting"] or unique


@every_path
def test_each_handshake_is_signed_by_the_demo_key_and_anew(path: Path) -> None:
    exchange, transcript = exchange_of(path), read_transcript(path)
    assert exchange.auth is not None
    signatures = Signatures(exchange.auth, demo_keys(exchange))  # it remembers nonces, and takes none twice
    names = {name.lower() for name, _ in exchange.auth.headers}
    for step in transcript.steps("address"):
        headers = step.get("headers", {})
        assert {name.lower() for name in headers} <= names
        if headers:
            uri = urlsplit(step["address"])
            received = Received("GET", uri.path, uri.query, tuple(headers.items()), b"")
            signatures.check(received, transcript.label.clock_ms or NOW_MS)
    if path.stem != SESSION:
        connection = next(one.connection for one in exchange.streams if one.name == path.stem)
        signed = next(one.auth for group in exchange.groups for one in group.connections if one.name == connection)
        assert [bool(step.get("headers")) for step in transcript.steps("address")] == [signed, signed]


# -- replay is strict ---------------------------------------------------------------------------------------------------


@every_path
def test_everything_sent_that_is_altered_is_refused(path: Path, record_property: Any) -> None:
    """Each thing that a client sent, altered in turn, and held against what it sends.

    What decides it is asked: the `Replay` that streams dial. The test after this goes all the way.
    """
    made, taken = 0, []
    for steps in read_transcript(path).connections:
        for step in steps:
            if "address" in step or "sent" in step:
                assert not _refused(step, step), step
                for what, altered in step_mutations(step):
                    made += 1
                    if not _refused(step, altered):
                        taken.append(f"{what}: {altered}")
    record_property(SCORE, (made - len(taken), made))
    assert made >= 10
    assert not taken


def _refused(step: Any, recorded: Any) -> bool:
    """Whether a replay of `recorded` refuses what `step` says that the client does."""
    strictly = {**recorded, "headers": recorded.get("headers", {})} if "address" in recorded else recorded
    replay = Replay([[strictly]], strict=True)

    async def ask() -> None:
        if "address" in step:
            await replay.dial(step["address"], dict(step.get("headers", {})), 1.0)
        else:
            link = await replay.dial("wss://any.example/", {}, 1.0)
            await link.send(step["sent"], step.get("event", ""))

    try:
        asyncio.run(ask())
    except ReplayMismatch:
        return True
    return bool(replay.complaints or replay.unplayed)


@contextmanager
def altered(exchange: Exchange, stream: Stream, body: str, connections: list[Any]) -> Iterator[Hearer]:
    """The stream, told by an altered transcript; calls are answered by it all the same."""
    replay = Replay(connections, strict=True)
    with (
        suppress(CassetteError),  # some calls of the whole transcript are not made
        replaying(transcript_path(exchange.name, stream), exchange),
        hearing_of(exchange, body, replay) as hearer,
    ):
        yield hearer


@pytest.mark.parametrize("body", BODIES)
@every_stream
def test_what_is_sent_otherwise_ends_the_stream(exchange: Exchange, stream: Stream, body: str) -> None:
    """All the way, through both clients: one mutation of each handshake and of each message."""
    connections = [list(steps) for steps in read_transcript(transcript_path(exchange.name, stream)).connections]
    places = [
        (one, two)
        for one, steps in enumerate(connections)
        for two, step in enumerate(steps)
        if "address" in step or "sent" in step
    ]
    for one, two in places:
        step = connections[one][two]
        changed = {**step, "address": step["address"] + "x"} if "address" in step else _other_message(step)
        steps = [*connections[one][:two], changed, *connections[one][two + 1 :]]
        with altered(exchange, stream, body, [*connections[:one], steps, *connections[one + 1 :]]) as hearer:
            heard = hearer.hear(hearer.open(stream.name, **given(exchange, stream)))
            assert isinstance(heard.end, ReplayMismatch), heard.end
            assert hearer.replay.unplayed
    assert len(places) >= 2


def _other_message(step: Any) -> Any:
    return {**step, "sent": step["sent"].replace("BTC", "BCH")}


def test_what_is_not_played_to_its_end_fails() -> None:
    exchange = exchanges()["bitopro"]
    stream = next(one for one in exchange.streams if one.name == "ticker")
    path = transcript_path("bitopro", stream)
    with pytest.raises(CassetteError, match=r"not played to its end: [0-9]+ steps are left"), playing(path, exchange):
        pass
    calling = CASSETTES / "bitopro" / "streams" / "user_trades.yaml"
    with pytest.raises(CassetteError, match="recorded calls that were not made"), playing(calling, exchange):
        pass
    with (
        pytest.raises(
            CassetteError, match=r"dialled wss://stream\.bitopro\.com:443/ws/v1/pub/tickers/ETH_TWD in place of"
        ),
        played(exchange, stream, "blocking") as hearer,
    ):
        hearer.hear(hearer.open("ticker", "ETH_TWD"))


@every_path
def test_every_altered_call_is_refused(path: Path, record_property: Any) -> None:
    """The calls made meanwhile, as in tests/test_cassettes.py."""
    exchange = exchange_of(path)
    cassette = load(path, exchange)
    made, taken = 0, []
    for request in cassette.requests:
        for what, one in mutations(request):
            made += 1
            if cassette.can_play_response_for(one):
                taken.append(f"{request.method} {request.uri}: {what}")
    record_property(SCORE, (made - len(taken), made))
    assert len(cassette.requests) == len(read_transcript(path).interactions)
    assert not taken


# -- what is received counts --------------------------------------------------------------------------------------------


def told_of(heard: Heard) -> list[str]:
    """What can be compared of what was heard: pauses have a random part."""
    shown = [
        repr(one) if not isinstance(one, Connected | Reconnecting) and "Resynced" not in kind else kind
        for kind, one in zip(heard.course, heard.items, strict=True)
    ]
    return [*shown, *heard.channels, *map(str, heard.wholes)]


@every_stream
def test_everything_received_that_is_altered_is_heard(exchange: Exchange, stream: Stream) -> None:
    """Each scalar of each documented message, altered in turn: what the client gives is something else."""
    connections = [list(steps) for steps in read_transcript(transcript_path(exchange.name, stream)).connections]

    def hear(connections: list[Any]) -> list[str]:
        with altered(exchange, stream, "asyncio", connections) as hearer:
            return told_of(hearer.hear(hearer.open(stream.name, **given(exchange, stream))))

    whole = hear(connections)
    made = 0
    for index, step in enumerate(connections[0]):
        if "received" not in step or "assumed" in step:
            continue
        for what, changed in altered_leaves(json.loads(step["received"], parse_float=Decimal)):
            steps = [*connections[0][:index], {**step, "received": to_json(changed)}, *connections[0][index + 1 :]]
            # Beside the content of a message there may be an envelope, which says nothing.
            top = what.split(".")[0].split(":")[0]
            heard = not stream.at or top == stream.at[0] or top in [one.key.split(".")[0] for one in stream.when]
            made += heard
            assert (hear([steps, *connections[1:]]) != whole) is heard, f"{index}: {what}"
    assert made >= 3


# -- it holds no secret -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, *sorted(CASSETTES.glob("*/webhooks/*.yaml"))], ids=shown)
def test_no_secret_stands_in_it(path: Path) -> None:
    exchange = exchange_of(path)
    text = path.read_text("utf-8")
    secrets = [one for name, one in demo_credentials(exchange).items() if name.endswith("secret")]
    assert secrets
    for secret in secrets:
        for shape in shapes(secret):
            assert shape not in text
    if path.parent.name == "streams":
        for step in read_transcript(path).steps("address"):
            assert {name.lower() for name in step.get("headers", {})} <= kept_headers(exchange)
        assert "127.0.0.1" not in text


# -- the format ---------------------------------------------------------------------------------------------------------

DIAL: dict[str, Any] = {"address": "wss://acme.example/"}


@pytest.mark.parametrize(
    ("connections", "complaint"),
    [
        ([[]], r"connections\[0\]: a connection is a list of steps"),
        ([["drop"]], r"connections\[0\]\[0\]: a step is a mapping"),
        ([[{"recieved": "x"}]], r"connections\[0\]\[0\]: 'recieved' is no step; there is address, sent"),
        ([[DIAL, {"received": {"a": 1}}]], r"connections\[0\]\[1\]: '{'a': 1}' cannot stand under 'received'"),
        ([[DIAL, {"pause": "1"}]], r"connections\[0\]\[1\]: '1' cannot stand under 'pause'"),
        ([[DIAL, {"call": True}]], r"connections\[0\]\[1\]: 'True' cannot stand under 'call'"),
        ([[DIAL, {"received": "x", "header": "y"}]], r"connections\[0\]\[1\]: 'header: y' cannot stand beside"),
        ([[DIAL], [DIAL, DIAL]], r"connections\[1\]\[1\]: 'address' cannot stand here"),
        ([[{"received": "x"}]], r"connections\[0\]\[0\]: 'received' cannot stand here"),
        ([[DIAL, {"drop": "reset"}, {"received": "x"}]], r"connections\[0\]\[1\]: nothing can come after 'drop'"),
    ],
)
def test_what_is_no_transcript_is_told_with_its_place(connections: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check(connections)


def test_a_cassette_of_calls_is_no_transcript() -> None:
    with pytest.raises(CassetteError, match="is no transcript: it has no connections"):
        read_transcript(CASSETTES / "bitopro" / "market" / "ticker.yaml")
    with pytest.raises(CassetteError, match="is no transcript of notifications"):
        read_notifications(CASSETTES / "bitopro" / "market" / "ticker.yaml")


# -- notifications ------------------------------------------------------------------------------------------------------


@every_webhook
def test_no_altered_notification_is_believed(exchange: Exchange, webhook: Webhook) -> None:
    """Each field of each notification, altered, left out, renamed or said twice; and the signature itself."""
    parse = __import__(f"specie.{exchange.name}.{webhook.group}", fromlist=["parse"]).parse
    secret = demo_credentials(exchange)["api_secret"]
    label, notifications = read_notifications(CASSETTES / exchange.name / webhook.group / f"{webhook.name}.yaml")
    assert label.provenance == example_provenance(exchange, webhook)
    assert len(notifications) == len(documented_messages(exchange, webhook)) == 2
    for notification in notifications:
        assert parse(notification.headers, notification.body, secret=secret, webhook=webhook.name)
        fields = parse_qsl(notification.body)
        for index, (name, value) in enumerate(fields):
            for changed in ([(name, other(value))], [(other(name), value)], [], [(name, value)] * 2, [(name, "")]):
                body = urlencode([*fields[:index], *changed, *fields[index + 1 :]])
                with pytest.raises(InvalidWebhook):
                    parse(notification.headers, body, secret=secret, webhook=webhook.name)
        with pytest.raises(InvalidWebhook):
            parse(notification.headers, f"{notification.body}&surplus=1", secret=secret, webhook=webhook.name)
