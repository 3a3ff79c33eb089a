"""A test's side of the conversation with a session: it is told what came, and shows what it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from acme_streams import EXCHANGE

from specie.runtime import Connection, StreamEvent
from specie.runtime.streams.actions import Action, Deliver, Fail, Tell, Transmit
from specie.runtime.streams.channels import Channel, channels_of
from specie.runtime.streams.options import Options
from specie.runtime.streams.session import Session


class Talk:
    """A session, its time, and everything that it asked for since one looked last."""

    def __init__(
        self,
        connection: Connection,
        *,
        random: float = 1.0,
        mask: Callable[[str], str] = str,
        values: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.now = 1000.0
        self.options = Options().changed(values or {}, options)
        self.session = Session(connection, EXCHANGE.errors, self.options, lambda: random, mask)
        self.actions: list[Action] = []

    def channels(self, feed: Any, **arguments: Any) -> list[Channel]:
        return channels_of(feed, arguments, {**feed.connection.options, **self.options.values})

    def join(self, feed: Any, **arguments: Any) -> list[Channel]:
        channels = self.channels(feed, **arguments)
        self.tell("join", channels)
        return channels

    def tell(self, what: str, *arguments: Any, **more: Any) -> list[Action]:
        """Tell it something; gives what it asks for in answer."""
        came = list(getattr(self.session, what)(self.now, *arguments, **more))
        self.actions += came
        return came

    def stand(self, feed: Any, **arguments: Any) -> list[Channel]:
        """Join, dial, open; everything so far is looked at."""
        channels = self.join(feed, **arguments)
        self.tell("start")
        self.tell("opened")
        return channels

    def receive(self, message: Any) -> list[Action]:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.tell("received", data)

    def wait(self, seconds: float) -> list[Action]:
        """Let so much time pass, calling the timer each time that it wants to be."""
        until = self.now + seconds
        came: list[Action] = []
        while (deadline := self.session.deadline) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            came += self.tell("timer")
            if self.session.state == "dialling":
                break
        if self.session.state != "dialling":
            self.now = until
        return came

    def take(self) -> list[Action]:
        """What it asked for since one looked last."""
        taken, self.actions = self.actions, []
        return taken


def events(actions: list[Action]) -> list[StreamEvent]:
    return [action.event for action in actions if isinstance(action, Tell)]


def sent(actions: list[Action]) -> list[Any]:
    return [json.loads(action.data) for action in actions if isinstance(action, Transmit)]


def given(actions: list[Action]) -> list[tuple[str, Any, bool]]:
    return [(action.channel.text, action.message, action.whole) for action in actions if isinstance(action, Deliver)]


def failures(actions: list[Action]) -> list[Exception]:
    return [action.error for action in actions if isinstance(action, Fail)]
