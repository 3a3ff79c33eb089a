"""A transcript: what went to and fro over the connections of a stream, step by step, and the REST calls made meanwhile.

A transcript is a cassette, so `interactions` holds the calls, recorded and compared by vcrpy as everywhere; most have
none. Beside it, `connections` has one list of steps for each connection, in the order in which they were dialled:

    connections:
    - - address: wss://stream.acme.example/ws     # what was dialled
        headers: {X-KEY: …, X-SIGNATURE: …}       # of the signature, if the handshake was signed
      - sent: '{"id": 1, "method": "SUBSCRIBE"}'  # compared as JSON; of socket.io the data, with `event:` beside it
      - received: '{"id": 1}'                     # to the last byte; of socket.io its JSON, with `event:` beside it
        assumed: Why this is not documented.      # beside any step
      - pause: 15.0                               # seconds until the next step
      - call: 2                                   # so many of the `interactions` had begun; in replay, they are over
      - ping: true                                # by the server
      - drop: the server was restarted            # the end of the connection, and why
    - - address: …
      - refuse: {status: 503, body: …}            # the handshake was answered otherwise than by 101
    - - unreachable: nobody listens there         # nothing answered

What was recorded of notifications stands under `notifications`, each with its `headers` and its `body`.

Replay is strict: what is dialled or sent otherwise fails, and so does a transcript that is not played to its end.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from specie.compiler.model import Exchange
from specie.runtime import Replay
from specie.runtime.basics import is_array, is_object

from .label import Label
from .tape import CassetteError, dump, read, replaying, settle

_ALONE: Mapping[str, type | tuple[type, ...]] = {
    "address": str,
    "sent": object,
    "received": str,
    "pause": (int, float),
    "call": int,
    "ping": bool,
    "drop": str,
    "refuse": dict,
    "unreachable": str,
}
"""The steps, by their first key, and the type of what stands there."""
_BESIDE: Mapping[str, Mapping[str, type]] = {
    "address": {"headers": dict},
    "sent": {"event": str},
    "received": {"event": str},
}
_FIRST = frozenset(("address", "unreachable"))
_LAST = frozenset(("drop", "refuse", "unreachable"))


@attrs.frozen
class Transcript:
    """What a transcript holds."""

    label: Label
    connections: tuple[tuple[Mapping[str, Any], ...], ...]
    interactions: tuple[Mapping[str, Any], ...] = ()

    def steps(self, kind: str) -> list[Mapping[str, Any]]:
        """All steps of a kind, such as `received`."""
        return [step for steps in self.connections for step in steps if kind in step]


def is_transcript(path: Path) -> bool:
    """Whether a cassette holds what was told over connections."""
    return "connections" in read(path)


def read_transcript(path: Path) -> Transcript:
    """Read a transcript.

    Raises:
        CassetteError: It is none, or one of its steps is none; the message says which, and what is wrong with it.
    """
    document = read(path)
    if not isinstance(document.get("connections"), list):
        raise CassetteError(f"{path} is no transcript: it has no connections")
    try:
        label = Label.read(document["specie"])
        check(document["connections"])
    except ValueError as error:
        raise CassetteError(f"{path}: {error}") from None
    connections = tuple(tuple(steps) for steps in document["connections"])
    return Transcript(label, connections, tuple(document["interactions"]))


def check(connections: Sequence[Any]) -> None:
    """Whether these are connections of a transcript.

    Raises:
        ValueError: They are not; the message begins with the place, such as `connections[0][3]`.
    """
    for number, steps in enumerate(connections):
        if not is_array(steps) or not steps:
            raise ValueError(f"connections[{number}]: a connection is a list of steps, and has at least one")
        for index, step in enumerate(steps):
            kind = _kind(step, f"connections[{number}][{index}]")
            if (kind in _FIRST) != (index == 0):
                raise ValueError(
                    f"connections[{number}][{index}]: '{kind}' cannot stand here; a connection begins with "
                    "what was dialled, and with nothing else"
                )
            if kind in _LAST and index != len(steps) - 1:
                raise ValueError(f"connections[{number}][{index}]: nothing can come after '{kind}'")


def _kind(step: Any, place: str) -> str:
    if not is_object(step) or not step:
        raise ValueError(f"{place}: a step is a mapping")
    kind = next(iter(step))
    if kind not in _ALONE:
        raise ValueError(f"{place}: '{kind}' is no step; there is {', '.join(_ALONE)}")
    if not isinstance(step[kind], _ALONE[kind]) or (step[kind] is True and kind != "ping"):
        raise ValueError(f"{place}: '{step[kind]}' cannot stand under '{kind}'")
    beside = {**_BESIDE.get(kind, {}), "assumed": str}
    for name, value in list(step.items())[1:]:
        if name not in beside or not isinstance(value, beside[name]):
            raise ValueError(f"{place}: '{name}: {value}' cannot stand beside '{kind}'")
    return kind


@contextmanager
def playing(path: Path, exchange: Exchange) -> Generator[Replay]:
    """A dialer that plays a transcript back, in virtual time and without a socket; meanwhile REST calls are answered
    from it too.

        with playing(path, exchange) as replay, Acme(**options) as client:
            for message in client.streams.with_options(dialer=replay).order_book("BTC_USD"):
                ...

    Raises:
        CassetteError: Something was dialled, sent or called otherwise than the transcript says, or not at all.
    """
    replay = Replay(_strictly(read_transcript(path).connections), strict=True)
    with replaying(path, exchange):
        yield replay
    if replay.complaints:
        raise CassetteError(f"{path}: {replay.complaints[0]}")
    if replay.unplayed:
        shown = ", ".join(str(step)[:200] for step in replay.unplayed[:3])
        raise CassetteError(f"{path}: not played to its end: {len(replay.unplayed)} steps are left: {shown}")


def _strictly(connections: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[Mapping[str, Any]]]:
    """The steps, in which a handshake without headers is one that has none."""
    return [[{**step, "headers": step.get("headers", {})} if "address" in step else step for step in steps]
            for steps in connections]  # fmt: skip


# --- notifications ---------------------------------------------------------------------------------------------------


@attrs.frozen
class Notification:
    """What an exchange posted."""

    headers: Mapping[str, str]
    body: str


def read_notifications(path: Path) -> tuple[Label, tuple[Notification, ...]]:
    """Read the transcript of a webhook.

    Raises:
        CassetteError: It is none.
    """
    document = read(path)
    try:
        label = Label.read(document["specie"])
        return label, tuple(Notification(one["headers"], one["body"]) for one in document["notifications"])
    except (KeyError, TypeError, ValueError) as error:
        raise CassetteError(f"{path} is no transcript of notifications: {error}") from None


def write_notifications(path: Path, label: Label, notifications: Sequence[Notification]) -> str:
    """Write the transcript of a webhook, and say what that came to: `new`, `changed` or `unchanged`."""
    written = [{"headers": dict(one.headers), "body": one.body} for one in notifications]
    return settle(path, dump({"specie": label.written(), "version": 1, "notifications": written}), label)
