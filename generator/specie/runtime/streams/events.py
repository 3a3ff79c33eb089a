"""What happens to a stream besides its messages, each as a value of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ApiError

__all__ = [
    "Connected",
    "Dropped",
    "MalformedMessage",
    "Reconnecting",
    "ResyncFailed",
    "Resynced",
    "Stale",
    "StreamEvent",
    "Subscribed",
    "UnknownMessage",
]


class StreamEvent:
    """Something that happened to a stream besides its messages."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Connected(StreamEvent):
    """The connection stands, and the exchange took the credentials if it wanted any.

    Attributes:
        connection: Name of the connection.
        attempt: How many attempts it took: 1 if the first one succeeded.
        gap: Seconds since the connection before was last heard of; `None` for the first one.
    """

    connection: str
    attempt: int
    gap: float | None = None


@dataclass(frozen=True, slots=True)
class Subscribed(StreamEvent):
    """The exchange sends these channels from now on.

    Attributes:
        channels: Their names; empty where the connection itself is the subscription.
    """

    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stale(StreamEvent):
    """Nothing was heard for half of the time after which the connection counts as dead.

    Attributes:
        seconds: How long nothing was heard.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Reconnecting(StreamEvent):
    """The connection was lost, or could not be made, and is dialled anew after a pause.

    Attributes:
        reason: Why.
        pause: Seconds until it is dialled.
        attempt: The number of that attempt since the connection last held.
    """

    reason: str
    pause: float
    attempt: int


@dataclass(frozen=True, slots=True)
class Resynced(StreamEvent):
    """What a gap could have swallowed was asked for, and what was missing has been given.

    Attributes:
        gap_seconds: How long the gap was.
        missed: How much of it was missing.
    """

    gap_seconds: float
    missed: int


@dataclass(frozen=True, slots=True)
class ResyncFailed(StreamEvent):
    """What a gap could have swallowed could not be asked for: something may be missing from the stream.

    Attributes:
        reason: Why.
        pause: Seconds until it is asked for again; `None` where asking again cannot help.
        attempt: The number of the attempt that failed.
    """

    reason: str
    pause: float | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Dropped(StreamEvent):
    """The queue was full, and its oldest messages made room (`overflow="drop_oldest"`).

    Attributes:
        count: How many were dropped since the last such event.
    """

    count: int


@dataclass(frozen=True, slots=True)
class UnknownMessage(StreamEvent):
    """A message that belongs to no channel and answers no request.

    Attributes:
        data: The message.
        error: What it says, if the exchange complains of something in it.
    """

    data: bytes
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class MalformedMessage(StreamEvent):
    """A message that cannot be what it claims to be; the stream goes on without it.

    Attributes:
        start: The beginning of the message.
        path: JSON path of the offending value.
        expected: What should have been there.
        count: How many such messages came since the connection was first made, with this one.
        channel: The channel that it belongs to; empty where none can be told.
    """

    start: str
    path: str
    expected: str
    count: int
    channel: str = ""
