"""What an exchange says on a connection, without one: text that came in, what the market did, and messages out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from ..market import Event
from ..wire import Received, Reply

Carrier: TypeAlias = Literal["websocket", "socketio"]
Batches: TypeAlias = Sequence[Sequence[Event]]
"""What the market did since the last time: the events of each action, in order."""


@attrs.frozen
class Message:
    """Something to be said."""

    stream: str
    """The stream that it belongs to, or empty for an answer to what the client said."""
    body: Any
    """Plain data, as `faces.live.to_json` writes it."""
    event: str = ""
    """The event under which socket.io emits it."""


@attrs.frozen
class Beat:
    """How a server makes sure that its client is there: it pings, and hangs up if no pong comes."""

    every_s: float
    patience_s: float


class Declined(Exception):
    """A handshake is answered like a plain request. `reply` is the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"answered with {reply.status}")
        self.reply = reply


class Session(Protocol):
    """One connection as the exchange sees it. Calls come one at a time, when the market stands still."""

    def opened(self) -> Iterable[Message]:
        """What a client is told at once."""
        ...

    def heard(self, text: str, event: str) -> Iterable[Message]:
        """What a client is told when it says something; `event` is the one of socket.io."""
        ...

    def moved(self, batches: Batches) -> Iterable[Message]:
        """What a client is told when the market has moved; there are no batches if only time went by."""
        ...


@attrs.frozen
class Wanted:
    """What a handshake asks for."""

    streams: tuple[str, ...]
    """What may come over the connection."""
    private: bool
    """Whether it must be signed."""
    open: Callable[[str], Session]
    """Makes the session of an account, which is empty for nobody."""


class Streams(Protocol):
    """The streams of one exchange."""

    @property
    def servers(self) -> Mapping[str, Carrier]:
        """What carries them, by the name of the server."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """All of them, as the spec names them."""
        ...

    @property
    def beat(self) -> Beat | None:
        """How the server pings, if it does."""
        ...

    def wanted(self, server: str, received: Received) -> Wanted:
        """What a handshake asks for. Raises `Refused` or `Declined` if there is no such thing."""
        ...


@runtime_checkable
class HasStreams(Protocol):
    """A face of an exchange that has streams."""

    @property
    def streams(self) -> Streams | None:
        """Its streams, if it has any after all."""
        ...
