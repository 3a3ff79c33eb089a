"""Requests over a connection: what is asked for channels, and which of them wait for their answer until when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from .actions import Transmit
from .channels import Channel
from .definitions import Connection
from .templates import as_text, fill_data, names_in_data

__all__ = ["Request", "Requests"]

Kind = Literal["login", "join", "leave"]


class Request(NamedTuple):
    """A request that waits for its answer.

    Attributes:
        kind: What it asks for.
        channels: Of which channels.
        deadline: Until when.
    """

    kind: Kind
    channels: tuple[Channel, ...]
    deadline: float


class Requests:
    """The requests of one connection.

    Args:
        connection: Says how they are written, and whether they are answered.
        values: The connection's options.
        patience: Seconds that an answer may take.
    """

    def __init__(self, connection: Connection, values: Mapping[str, Any], patience: float) -> None:
        self._connection = connection
        self._values = values
        self._patience = patience
        self._last = 0
        self._open: dict[str, Request] = {}

    def ask(self, kind: Kind, template: Any, channels: Iterable[Channel], now: float, **more: Any) -> list[Transmit]:
        """The messages that ask for channels: one for all, or one for each, as the template says."""
        names = names_in_data(template)
        channels = tuple(channels)
        parts = [channels] if "channel" not in names else [(channel,) for channel in channels]
        return [self._message(kind, template, part, now, more) for part in parts]

    def answered(self, id: object) -> Request | None:
        """The request that is answered under this id, which then waits no longer."""
        return self._open.pop(as_text(id), None)

    def take(self, kind: Kind) -> Request | None:
        """The same, of the only request of a kind."""
        found = next((number for number, request in self._open.items() if request.kind == kind), None)
        return None if found is None else self._open.pop(found)

    def expects(self, kind: Kind) -> bool:
        """Whether requests of this kind are answered with their id."""
        template = {"login": self._connection.login, "join": self._connection.subscribe}.get(
            kind, self._connection.unsubscribe
        )
        reply = self._connection.reply
        return reply is not None and reply.id is not None and "request" in names_in_data(template)

    @property
    def deadline(self) -> float | None:
        """Until when the next answer must come."""
        return min((request.deadline for request in self._open.values()), default=None)

    def overdue(self, now: float) -> Request | None:
        """A request whose answer did not come in time."""
        return next((request for request in self._open.values() if request.deadline <= now), None)

    def forget(self) -> None:
        """The connection is gone, and its answers with it. Ids go on, so that no old answer fits a new request."""
        self._open.clear()

    def _message(
        self, kind: Kind, template: Any, channels: tuple[Channel, ...], now: float, more: Mapping[str, Any]
    ) -> Transmit:
        self._last += 1
        texts = [channel.text for channel in channels]
        places = {
            **self._values,
            **more,
            "request": self._last,
            "channels": texts,
            "channel": texts[0] if texts else "",
        }
        data = fill_data(template, places)
        if self.expects(kind) or (kind == "login" and self._connection.login_reply is not None):
            self._open[str(self._last)] = Request(kind, channels, now + self._patience)
        if self._connection.transport == "socketio":
            return Transmit(data.get("data"), str(data.get("event", "")))
        return Transmit(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
