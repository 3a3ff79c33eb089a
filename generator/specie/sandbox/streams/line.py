"""The way out to one client: what it is to be told stands in a queue, and is sent from there at the client's pace.

So nobody waits for a client that reads slowly; one whose queue is full is hung up on. Faults befall a message as it
joins the queue: that is in the market's order, whatever the network does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import attrs

from ..faces.live import to_json
from ..faults import Fault, Faults
from .sessions import Message

LONGEST = 2_000
"""How many messages may wait for a client before it is hung up on."""
_UNKNOWN = {"sandbox": "a message of a kind that no document knows"}


class Garbage(str):
    """Text that stands in the place of a message, and is no JSON."""

    __slots__ = ()


@attrs.frozen
class Parcel:
    """What is sent: a message as it was, or as a fault has it."""

    body: Any
    event: str = ""
    times: int = 1
    wait_ms: int = 0
    last: bool = False
    """Whether the connection is cut in the place of it."""

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, Garbage) else to_json(self.body)


class Line:
    """A client's way out.

    Args:
        exchange: Whose streams they are.
        faults: What may befall the messages.
        send: Sends one, and returns when the client's side has room for more.
        cut: Ends the connection without a word; True has what is on its way thrown away.
        silent: Whether nothing is ever sent.
    """

    def __init__(
        self,
        exchange: str,
        faults: Faults,
        send: Callable[[Parcel], Awaitable[None]],
        cut: Callable[[bool], None],
        *,
        silent: bool = False,
    ) -> None:
        self._exchange = exchange
        self._faults = faults
        self._send = send
        self._cut = cut
        self.silent = silent
        self._queue: deque[Parcel] = deque()
        self._held: Parcel | None = None
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._slow = False
        self.ended = False

    def put(self, messages: Iterable[Message]) -> None:
        """Have messages sent, in their order, when all before them are."""
        for message in messages:
            if self.ended or self.silent:
                continue
            for parcel in self._parcels(message):
                if len(self._queue) >= LONGEST:
                    self.cut(at_once=True)
                    return
                self._queue.append(parcel)
            self._filled.set()
            self._emptied.clear()

    def cut(self, *, at_once: bool = False) -> None:
        """End the connection without a word, as a network does that fails."""
        if not self.ended:
            self.ended = True
            self._emptied.set()
            self._cut(at_once)

    async def run(self) -> None:
        """Send what comes, until the connection ends."""
        with contextlib.suppress(ConnectionError):
            while not self.ended:
                await self._filled.wait()
                while self._queue and not self.ended:
                    await self._deliver(self._queue.popleft())
                self._filled.clear()
                self._emptied.set()
        self.cut(at_once=True)

    async def drained(self, patience_s: float) -> None:
        """Wait until the queue is empty; not long for a client that is slow, and for one that was slow not at all."""
        if self._slow:
            return
        try:
            await asyncio.wait_for(self._emptied.wait(), patience_s)
        except TimeoutError:
            self._slow = True

    async def _deliver(self, parcel: Parcel) -> None:
        if parcel.wait_ms:
            await asyncio.sleep(parcel.wait_ms / 1000)
        if parcel.last:
            self.cut()
            return
        for _ in range(parcel.times):
            await self._send(parcel)

    def _parcels(self, message: Message) -> Iterator[Parcel]:
        """What becomes of a message, and of the one that was held back for it."""
        parcel = Parcel(message.body, message.event)
        fault = self._faults.take(self._exchange, f"streams.{message.stream}", "message") if message.stream else None
        if fault is not None and fault.word == "messages-swapped" and self._held is None:
            self._held = parcel
            return
        held, self._held = self._held, None
        yield from _befallen(parcel, fault)
        if held is not None:
            yield held


def _befallen(parcel: Parcel, fault: Fault | None) -> Iterator[Parcel]:
    match fault.word if fault is not None else "":
        case "drop":
            yield attrs.evolve(parcel, last=True)
        case "message-lost":
            pass
        case "message-twice":
            yield attrs.evolve(parcel, times=2)
        case "flood":
            yield attrs.evolve(parcel, times=fault.count if fault is not None else 1)
        case "message-late":
            yield attrs.evolve(parcel, wait_ms=fault.span_ms if fault is not None else 0)
        case "message-garbage":
            yield attrs.evolve(parcel, body=Garbage(parcel.text[: len(parcel.text) // 2]))
        case "message-unknown":
            yield attrs.evolve(parcel, body=_UNKNOWN)
            yield parcel
        case _:
            yield parcel
