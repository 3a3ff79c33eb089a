"""The one door to raw replies: `with client.capture() as replies:`.

What is captured belongs to the thread or task that opened the door, and to what it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .basics import Headers

if TYPE_CHECKING:
    from .decode import ReplyDecoder

__all__ = ["Reply", "capture", "record"]


class Reply:
    """One reply as it came.

    Attributes:
        operation: Name of the operation.
        status: HTTP status.
        headers: Its headers; names in any case.
        body: Its bytes, after content decoding.
    """

    __slots__ = ("_decoder", "body", "headers", "operation", "status")

    def __init__(self, operation: str, status: int, headers: Headers, body: bytes, decoder: ReplyDecoder) -> None:
        self.operation = operation
        self.status = status
        self.headers = headers
        self.body = body
        self._decoder = decoder

    def json(self) -> Any:
        """The body as plain data, every digit kept: whole numbers are `int`, all others `Decimal`.

        Raises:
            ValueError: It is not JSON.
        """
        from .reference import Mismatch, parse

        try:
            return parse(self.body)
        except Mismatch as mismatch:
            raise ValueError(str(mismatch)) from None

    def unaccounted(self) -> list[str]:
        """JSON paths of what no field of the models took, and of enum values that the spec does not list."""
        return self._decoder.unaccounted(self.body)

    def __repr__(self) -> str:
        return f"Reply({self.operation}, HTTP {self.status}, {len(self.body)} bytes)"


_OPEN: ContextVar[tuple[tuple[object, list[Reply]], ...]] = ContextVar("specie_captures", default=())


@contextmanager
def capture(owner: object) -> Generator[list[Reply], None, None]:
    """Collect the replies that come for this owner until the block ends."""
    replies: list[Reply] = []
    token = _OPEN.set((*_OPEN.get(), (owner, replies)))
    try:
        yield replies
    finally:
        _OPEN.reset(token)


def record(owner: object, make: Callable[[], Reply]) -> None:
    """Hand a reply to whoever collects for this owner."""
    collectors = _OPEN.get()
    if collectors:
        for wanted, replies in collectors:
            if wanted is owner:
                replies.append(make())
