"""What a flow and its driver say to one another."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .basics import Headers, Timeout

if TYPE_CHECKING:
    from .turnstile import Turnstile

__all__ = ["Blocking", "Call", "Enter", "Failure", "Request", "Response", "Send", "Sleep", "Step"]


class Request(NamedTuple):
    """What goes out, to the byte."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None

    def __repr__(self) -> str:  # the headers hold the key and the signature
        return f"Request({self.method} {self.url.partition('?')[0]})"


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


class Failure(NamedTuple):
    """No response came. `sent` is False only if surely nothing left this machine."""

    sent: bool
    reason: str
    cause: BaseException | None = None


class Send(NamedTuple):
    """Send this; answer with a `Response` or a `Failure`."""

    request: Request
    timeout: Timeout
    effect: bool


class Sleep(NamedTuple):
    """Wait so many seconds; answer with whether the client was closed meanwhile."""

    seconds: float


class Blocking(NamedTuple):
    """Do this, which may take its time (a file, a key store); answer with what it gives, or throw what it raises."""

    call: Callable[[], Any]


class Enter(NamedTuple):
    """Wait for one's turn; answer with whether it came within so many seconds. The flow leaves by itself."""

    turnstile: Turnstile
    timeout: float | None


Step: TypeAlias = Send | Sleep | Blocking | Enter
Call: TypeAlias = Generator[Step, Any, Any]
