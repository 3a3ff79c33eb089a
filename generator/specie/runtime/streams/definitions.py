"""What generated modules say of streams: a connection, what is told over it, and how books and gaps are made whole.

These are plain statements, as those of `operation.py` are. What is worked out from them (codecs, decoders, routes) is
worked out at first use, and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, Unpack

from ..conditions import ABSENT, PRESENT, Condition
from ..errors import ApiError
from ..operation import Keywords, Parameter
from .upkeep import BookRule, Resync

__all__ = [
    "ABSENT",
    "PRESENT",
    "Condition",
    "Connection",
    "Feed",
    "ReplyRule",
    "StreamParameter",
    "parameter",
]

T = TypeVar("T")


class ReplyRule:
    """Which message answers a request, and what a refusal looks like.

    Args:
        id: Where the id of the request comes back.
        error: What a refusal has there, and a success has not (`null` counts as nothing).
        message: Where the words of a refusal lie.
    """

    __slots__ = ("error", "id", "message")

    def __init__(self, *, id: str | None = None, error: str | None = None, message: str | None = None) -> None:
        self.id = id
        self.error = error
        self.message = message


class Connection:
    """One way to an exchange's messages.

    Templates are data in which `{request}`, `{channel}`, `{channels}` and the names of options stand for values.

    Args:
        name: Its name, as in the spec.
        server: Name of the server.
        transport: `websocket`, or `socketio`.
        auth: Whether the handshake (or the login) is signed.
        subscribe: Template of the message that asks for channels; `None` where the address or the connection itself
            is the subscription. For `socketio`: `event` and `data`.
        unsubscribe: Template of the message that ends them.
        reply: How requests are answered; `None` where they are not.
        login: Template of a message that is sent first, in which the names of the signing headers stand for their
            values; the handshake then bears none.
        login_reply: What the answer to it has, where it does not bear the id of the request.
        ping: Seconds between the client's own pings.
        server_ping: Seconds between the server's pings; they then count as signs of life.
        silence: Seconds without a sign of life after which the connection counts as dead; five minutes unless said.
        refusals: What a handshake that was answered with such a status means, before the exchange's own map.
        options: Values that a user may change, and what they are unless changed.

    Attributes:
        feeds: What is told over it; each feed adds itself.
    """

    def __init__(
        self,
        *,
        name: str,
        server: str,
        transport: Literal["websocket", "socketio"] = "websocket",
        auth: bool = False,
        subscribe: Mapping[str, Any] | None = None,
        unsubscribe: Mapping[str, Any] | None = None,
        reply: ReplyRule | None = None,
        login: Mapping[str, Any] | None = None,
        login_reply: Condition | None = None,
        ping: float | None = None,
        server_ping: float | None = None,
        silence: float | None = None,
        refusals: Mapping[int, type[ApiError]] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.server = server
        self.transport = transport
        self.auth = auth
        self.subscribe = subscribe
        self.unsubscribe = unsubscribe
        self.reply = reply
        self.login = login
        self.login_reply = login_reply
        self.ping = ping
        self.server_ping = server_ping
        self.silence = 300.0 if silence is None else silence
        self.refusals = dict(refusals or {})
        self.options = dict(options or {})
        self.feeds: tuple[Feed[Any], ...] = ()

    def __repr__(self) -> str:
        return f"Connection({self.name!r})"


class StreamParameter(Parameter):
    """One parameter of a stream; made by `parameter`."""

    __slots__ = ("letters",)

    def __init__(self, name: str, type: Any, *, letters: str = "", **more: Unpack[Keywords]) -> None:
        super().__init__("stream", name, type, **more)
        self.letters = letters


def parameter(name: str, type: Any, *, letters: str = "", **more: Unpack[Keywords]) -> StreamParameter:
    """A parameter of a stream.

    Args:
        name: Its name.
        type: Its type, as of a parameter of an operation.
        letters: `upper` or `lower`: in which letters it is sent.
        **more: As of a parameter of an operation.
    """
    return StreamParameter(name, type, letters=letters, **more)


class Feed(Generic[T]):
    """One stream of an exchange.

    Args:
        name: Group and name, such as `streams.order_book`.
        connection: What it comes over.
        yields: The type of its messages; or several, each with what a message of it has: the first that holds counts.
        parameters: In the order of the signature.
        channel: The name of one subscription; what stands in square brackets is left out if a parameter in it was not
            given. `None` where the connection itself is the subscription.
        address: The path under the server's, where the address is the subscription: one for all, or one for a single
            channel (`{channel}`) and one for several (`{channels}`).
        when: Which messages belong to a channel.
        event: For `socketio`, the event under which messages come.
        at: Where the content lies in a message: keys joined by dots.
        fill: What is set in the content where it is absent.
        whole: Which messages are the whole state: `first` (of each subscription), `always` or `never`.
        unique: A message whose fields of these names repeat a recent one is dropped.
        book: How a book is kept from it.
        resync: How a gap is closed.
    """

    def __init__(
        self,
        *,
        name: str,
        connection: Connection,
        yields: Any,
        parameters: Sequence[Parameter] = (),
        channel: str | None = None,
        address: str | tuple[str, str] | None = None,
        when: Condition | None = None,
        event: str | None = None,
        at: str | None = None,
        fill: Mapping[str, str] | None = None,
        whole: Literal["first", "always", "never"] = "never",
        unique: Sequence[str] = (),
        book: BookRule | None = None,
        resync: Resync | None = None,
    ) -> None:
        self.name = name
        self.connection = connection
        self.yields = yields
        self.parameters = tuple(parameters)
        self.channel = channel
        self.address = address
        self.when = dict(when or {})
        self.event = event
        self.at = at
        self.fill = dict(fill or {})
        self.whole = whole
        self.unique = tuple(unique)
        self.book = book
        self.resync = resync
        self.plan: Any = None  # how its arguments are read, by channels.py at first use
        self.reader: Any = None  # how its messages are read, by reading.py at the first message
        connection.feeds += (self,)

    @property
    def unasked(self) -> bool:
        """Whether its messages come over the connection without being asked for."""
        asked = self.connection.subscribe is not None or self.channel is not None or self.address is not None
        return bool(self.when) and not asked and not self.parameters

    def __repr__(self) -> str:
        return f"Feed({self.name!r})"
