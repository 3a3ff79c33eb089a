"""Where streams meet the world: a dialer makes links, and keeps the time; a link brings frames.

Everything else of a stream is the same over a network, over socket.io, and over a transcript that is played back.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

__all__ = [
    "MAX_SIZE",
    "Data",
    "Dialer",
    "Frame",
    "Gone",
    "Link",
    "Pinged",
    "Ponged",
    "Refused",
    "Unreachable",
    "Untrusted",
]

MAX_SIZE = 16 * 2**20
"""The largest message that is taken, in bytes."""


class Data(NamedTuple):
    """A message that is more than its bytes: the data under an event, or what was parsed already."""

    data: Any
    event: str = ""
    parsed: bool = False


class Pinged(NamedTuple):
    """The other side pinged; the link answered it."""


class Ponged(NamedTuple):
    """The other side answered a ping."""


class Gone(NamedTuple):
    """The link is gone. Nothing comes after it.

    Attributes:
        reason: In words.
        code: The code of a websocket's closing frame, if there was one.
    """

    reason: str
    code: int | None = None


Frame: TypeAlias = bytes | Data | Pinged | Ponged | Gone
"""What a link brings: the bytes of a message, as they came, or something else."""


class Refused(Exception):
    """The handshake was answered with another status than 101."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


class Unreachable(Exception):
    """No link could be made; the argument says why."""


class Untrusted(Unreachable):
    """Nobody who is trusted vouches for the other side; made of what the handshake says of it."""

    def __init__(self, error: BaseException) -> None:
        why = getattr(error, "verify_message", "") or type(error).__name__
        super().__init__(f"the certificate is not trusted ({why}); the option verify says whom to trust")


class Link(Protocol):
    """A connection that stands. All of it belongs to one loop."""

    def poll(self) -> Frame | None:
        """A frame that is there already."""
        ...

    async def receive(self, until: float | None) -> Frame | None:
        """The next frame; `None` if the time came first, or `wake` was called."""
        ...

    def wake(self) -> None:
        """Let `receive` return."""
        ...

    async def send(self, data: Any, event: str = "") -> None:
        """Send a message. What goes wrong shows as `Gone` among the frames."""
        ...

    async def ping(self) -> None:
        """Send a ping."""
        ...

    async def close(self) -> None:
        """End it; politely, if that takes no time worth mentioning."""
        ...


class Dialer(Protocol):
    """Makes links, and keeps the time by which they live."""

    def now(self) -> float:
        """Seconds; only differences mean something."""
        ...

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> Link:
        """Make a link.

        Args:
            address: The URL.
            headers: Of the handshake.
            timeout: Seconds that it may take.

        Raises:
            Refused: The handshake was answered with a no.
            Untrusted: The certificate is not trusted.
            Unreachable: It came to nothing for another reason.
        """
        ...

    async def pause(self, until: float | None, wake: asyncio.Event) -> None:
        """Wait for a time, or until the event is set."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """What is waited for inside of this takes no time, if the time is not that of the machine."""
        ...
