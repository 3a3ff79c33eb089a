"""Transcripts made of the messages that an exchange documents.

An exchange is played that sends just those: over a first connection, which is lost after a while, and again over a
second one, with a message of no known kind and two that are broken among them. The client dials, signs and subscribes
as ever; what it sends is written down, and what it asks by REST is answered with the documented replies. What no
document shows says so beside its step (`assumed`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from specie.compiler.evaluation import evaluate
from specie.compiler.model import Exchange
from specie.compiler.stream_model import Connection, Stream, Verify, Webhook
from specie.runtime import Nonces, Replay, StreamEnded
from specie.runtime.basics import is_object
from specie.sandbox import Sandbox, demo_credentials
from specie.sandbox.faces.live import to_json

from .arguments import argument, client_class, typed
from .label import example_provenance, label
from .listening import RecordingDialer
from .recorder import Recorded
from .tape import recording
from .transcript import Notification, write_notifications

ATTEMPTS = 2
"""How often in a row whoever plays a documented transcript may dial: it ends with a server that is not there."""

OPENED_MS = 1_546_300_800_000
"""The clock of whoever listens: 1 January 2019, 0:00 UTC. All that the documents show happened later, as what a stream
tells, and what is asked for after a gap, did happen after the stream was opened."""

_LOST, _GONE = "the server was restarted", "the server is not there"
_PACE = 2.0
"""Seconds between two messages: no two things that take whole seconds end at one time."""
_HELD = 15.0
"""Seconds for which a connection brings nothing before it is lost: so long that it counts as one that held."""
_UNKNOWN = "something.new"
_INVENTED = "No such message is documented. It shows what becomes of one."
_BROKEN = "It is documented otherwise. This shows what becomes of a message that is cut short."
_EMPTY = "It is documented otherwise. This shows what becomes of a message that is not what it claims to be."
_ACKNOWLEDGED = "No reply to a request is documented but that to one which failed; the least that can be one."

Script = list[list[dict[str, Any]]]


def told(exchange: Exchange, names: Sequence[str] = ()) -> list[Stream | Webhook]:
    """The streams and webhooks of some names: `streams.ticker`, or `streams` for all; all, if no name is given."""
    entries: tuple[Stream | Webhook, ...] = (*exchange.streams, *exchange.webhooks)
    return [one for one in entries if not names or one.id in names or one.group in names]


def write(
    exchange: Exchange, entry: Stream | Webhook, *, out: Path, package: str = "specie", today: date | None = None
) -> Recorded:
    """Write the transcript of a stream or a webhook; see `transcribe` and `notify`."""
    if isinstance(entry, Webhook):
        return notify(exchange, entry, out=out, today=today)
    return transcribe(exchange, entry, out=out, package=package, today=today)


def transcribe(
    exchange: Exchange, stream: Stream, *, out: Path, package: str = "specie", today: date | None = None
) -> Recorded:
    """Write the transcript of a stream, made of what its exchange documents. The same spec gives the same transcript.

    Args:
        exchange: The exchange.
        stream: Its stream.
        out: The folder of the cassettes.
        package: Where the generated client is.
        today: The date of the label.
    """
    provenance = example_provenance(exchange, stream)
    path = _path(out, exchange, stream)
    messages = documented_messages(exchange, stream)
    given, written = arguments_of(exchange, stream, messages, package)
    head = label(exchange, stream, provenance, clock_ms=OPENED_MS, arguments=written, today=today)
    script = _script(exchange, stream, messages, given)
    dialer = RecordingDialer(Replay(script))
    with (
        Sandbox(exchange.name, models=[exchange], examples=True, limits=False, clock=lambda: OPENED_MS) as sandbox,
        recording(path, exchange, head, sandbox.client_options["base_url"]) as take,
    ):
        # Only calls go to the sandbox: handshakes are signed for the addresses of the exchange itself.
        urls = {name: url for name, url in sandbox.client_options["base_url"].items() if url.startswith("http")}
        calls = {one.server for one in exchange.operations}
        own = {name: url for name, url in urls.items() if name in calls}
        asyncio.run(_listen(exchange, stream, given, dialer, own, package))
        take.connections = _explained(dialer.connections, script)
    return Recorded(stream.id, path, take.outcome, provenance=provenance)


def notify(exchange: Exchange, webhook: Webhook, *, out: Path, today: date | None = None) -> Recorded:
    """Write the transcript of a webhook: the notifications that the exchange documents, signed with the demo secret.

    They are signed by interpreting the spec, and not by generated code.
    """
    provenance = example_provenance(exchange, webhook)
    path = _path(out, exchange, webhook)
    verify = next(group.verify for group in exchange.groups if group.name == webhook.group and group.verify is not None)
    signed = [_signed(exchange, verify, fields) for fields in documented_messages(exchange, webhook)]
    outcome = write_notifications(path, label(exchange, webhook, provenance, today=today), signed)
    return Recorded(webhook.id, path, outcome, provenance=provenance)


def documented_messages(exchange: Exchange, entry: Stream | Webhook) -> list[dict[str, Any]]:
    """The messages that the exchange documents, with every digit."""
    path = Path(exchange.folder) / "examples" / entry.group / f"{entry.name}.json"
    return cast("list[dict[str, Any]]", json.loads(path.read_text("utf-8"), parse_float=Decimal))


def _path(out: Path, exchange: Exchange, entry: Stream | Webhook) -> Path:
    return out / exchange.name / entry.group / f"{entry.name}.yaml"


async def _listen(
    exchange: Exchange,
    stream: Stream,
    given: Mapping[str, Any],
    dialer: RecordingDialer,
    base_url: Mapping[str, str],
    package: str,
) -> None:
    cls = client_class(exchange, "Async", package)
    options: dict[str, Any] = {"clock": lambda: OPENED_MS, "nonces": Nonces(), "retries": 0, "limits": "ignore"}
    async with cls(**demo_credentials(exchange), base_url=dict(base_url), **options) as client:
        group = getattr(client, stream.group).with_options(dialer=dialer, attempts=ATTEMPTS)
        with suppress(StreamEnded):
            async for _ in getattr(group, stream.name)(**given):
                pass


# --- what is opened --------------------------------------------------------------------------------------------------


def arguments_of(
    exchange: Exchange, stream: Stream, messages: Sequence[Mapping[str, Any]], package: str = "specie"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of a stream that has these messages: as Python takes them, and as they are written in a label."""
    found: dict[str, list[str]] = {}
    for message in messages:
        for condition in stream.when:
            there = _at(message, condition.key.split("."))
            pattern = _pattern(condition.wanted.replace("{channel}", stream.channel))
            matched = pattern.fullmatch(str(there)) if condition.test == "text" else None
            for name, value in (matched.groupdict() if matched else {}).items():
                if value is not None and value not in found.setdefault(name, []):
                    found[name].append(value)
    given: dict[str, Any] = {}
    written: dict[str, Any] = {}
    for index, one in enumerate(stream.parameters):
        values = found.get(one.name, [])
        if values:
            many = one == stream.several and len(values) > 1
            written[one.name] = values if many else values[0]
            made = [typed(exchange, one.type, value, package) for value in values]
            given[one.name] = made if many else made[0]
        elif one.demanded:
            given[one.name] = written[one.name] = argument(exchange, one, index, package)
    return given, written


def _pattern(template: str) -> re.Pattern[str]:
    """What a template may have become."""

    def part(found: re.Match[str]) -> str:
        text = found.group()
        if text.startswith("["):
            return f"(?:{_parts.sub(part, text[1:-1])})?"
        return f"(?P<{text[1:-1]}>.+?)" if text.startswith("{") else re.escape(text)

    return re.compile(_parts.sub(part, template))


_parts = re.compile(r"\[[^\[\]]*\]|\{[^{}]+\}|[^\[\]{}]+")


def _at(message: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        message = message.get(key) if is_object(message) else None
    return message


# --- what is told ----------------------------------------------------------------------------------------------------


def _script(
    exchange: Exchange, stream: Stream, messages: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
) -> Script:
    connection = next(one for group in exchange.groups for one in group.connections if one.name == stream.connection)
    channels = len(given[stream.several.name]) if stream.several and _many(given[stream.several.name]) else 1
    event = _event(connection, stream, given)
    told = [_received(to_json(message), event) for message in messages]
    broken = [
        _received(to_json(_unknown(stream)), _UNKNOWN if event else "", _INVENTED),
        _received(to_json(messages[0])[:-20], event, _BROKEN),
        _received(to_json(_without_content(stream, messages[0])), event, _EMPTY),
    ]
    first = [*_subscribing(connection, channels, 1), *_paced(told), {"pause": _HELD}, {"drop": _LOST}]
    again = [*_subscribing(connection, channels, 2), *_paced([*told, *broken, told[-1]])]
    return [first, [*again, {"pause": _HELD}, {"drop": _LOST}], [{"unreachable": _GONE}]]


def _many(value: Any) -> bool:
    return isinstance(value, list)


def _paced(steps: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """With some time before each."""
    for step in steps:
        yield {"pause": _PACE}
        yield step


def _received(text: str, event: str = "", assumed: str = "") -> dict[str, Any]:
    step = {"received": text, "event": event} if event else {"received": text}
    return {**step, "assumed": assumed} if assumed else step


def _subscribing(connection: Connection, channels: int, dialled: int) -> Iterator[dict[str, Any]]:
    """A request, whatever it is, and its acknowledgement, where there is any."""
    if connection.subscribe is None:
        return
    for _ in range(channels if "{channel}" in json.dumps(connection.subscribe) else 1):
        yield {"sent": None}
    if connection.reply is not None and connection.reply.id:
        reply: Any = dialled
        for key in reversed(connection.reply.id.split(".")):
            reply = {key: reply}
        yield _received(to_json(reply), "", _ACKNOWLEDGED)


def _event(connection: Connection, stream: Stream, given: Mapping[str, Any]) -> str:
    """The event of socket.io under which the messages of the stream come."""
    event = stream.event
    places = {one.name: one.default for one in connection.options} | {"channel": stream.channel} | dict(given)
    for _ in range(3):  # an option may speak of the channel, and that of parameters
        event = re.sub(r"\{(\w+)\}", lambda hole: str(places.get(hole[1], hole[0])), event)
    return event


def _unknown(stream: Stream) -> dict[str, Any]:
    key = stream.when[0].key.partition(".")[0] if stream.when else "kind"
    return {key: _UNKNOWN}


def _without_content(stream: Stream, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the channel that holds nothing."""
    told = {one.key.partition(".")[0] for one in stream.when}
    kept = {key: value for key, value in message.items() if key in told}
    return {**kept, stream.at[0]: "nothing"} if stream.at else kept


def _explained(connections: Script, script: Script) -> Script:
    """What was recorded, with what the script says beside its steps."""
    for recorded, scripted in zip(connections, script, strict=True):
        told = [step for step in recorded if "received" in step]
        for step, wanted in zip(told, [step for step in scripted if "received" in step], strict=True):
            if "assumed" in wanted:
                step["assumed"] = wanted["assumed"]
    return connections


def _signed(exchange: Exchange, verify: Verify, message: Mapping[str, Any]) -> Notification:
    fields = [(name, str(value)) for name, value in message.items()]
    values: dict[str, Any] = {**demo_credentials(exchange), "fields": fields}
    for step in verify.steps:
        values[step.name] = evaluate(step.expression, values)
    fields.append((verify.field, values[verify.steps[-1].name]))
    return Notification({"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields))


__all__ = ["ATTEMPTS", "OPENED_MS", "arguments_of", "documented_messages", "notify", "told", "transcribe", "write"]
