"""What a flow and its driver say to one another."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

from .basics import Headers, Timeout

__all__ = ["Call", "Failure", "Request", "Response", "Send", "Sleep", "Step"]


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
    """Wait so many seconds; answer with None."""

    seconds: float


Step: TypeAlias = Send | Sleep
Answer: TypeAlias = Response | Failure | None
Call: TypeAlias = Generator[Step, Any, Any]
