"""What a session asks of whoever drives it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from .channels import Channel
from .events import StreamEvent

__all__ = ["Action", "Deliver", "Dial", "Fail", "HangUp", "Ping", "SignLogin", "Tell", "Transmit"]


class Dial(NamedTuple):
    """Make a connection; then say `opened`, `refused` or `lost`.

    Attributes:
        path: Under the server's, encoded.
        query: Without the question mark.
        signed: Whether the handshake is signed, anew.
        fresh: Whether the last signature was refused for its time: the clock should be set first.
    """

    path: str
    query: str
    signed: bool
    fresh: bool = False


class SignLogin(NamedTuple):
    """Sign, and say `signed` with the headers that a handshake would have."""


class Transmit(NamedTuple):
    """Send a message: text, or (under an event) data."""

    data: Any
    event: str = ""


class Ping(NamedTuple):
    """Send a ping."""


class HangUp(NamedTuple):
    """End the connection, and do not wait for the other side."""

    reason: str


class Deliver(NamedTuple):
    """A message of a channel.

    Attributes:
        channel: The channel.
        message: The model.
        whole: Whether it is the whole state.
    """

    channel: Channel
    message: Any
    whole: bool


class Tell(NamedTuple):
    """Something happened to these channels, or (`None`) to all."""

    event: StreamEvent
    channels: tuple[Channel, ...] | None = None


class Fail(NamedTuple):
    """These channels, or (`None`) all, have come to their end."""

    error: Exception
    channels: tuple[Channel, ...] | None = None


Action: TypeAlias = Dial | SignLogin | Transmit | Ping | HangUp | Deliver | Tell | Fail
