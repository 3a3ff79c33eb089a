"""Transcripts played back: the same streams without a socket, in a time that passes as fast as nothing happens."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..reference import Mismatch, parse
from .links import Data, Frame, Gone, Pinged, Ponged, Refused, Unreachable

__all__ = ["Replay", "ReplayMismatch"]

_QUIET: Final = 20
"""Turns of the loop in which nothing happened, after which nothing is taken to be going on."""


class ReplayMismatch(AssertionError):
    """Something was dialled or sent otherwise than the transcript says; raised by a strict `Replay`."""


class Replay:
    """Plays connections back, one for each time that a stream dials; to be given as the option `dialer`.

    Time is virtual: pauses of the transcript, backoff and timeouts take no time, and happen in their order. It stands
    still while a connection waits for what should be sent, and when no step is left.

    A connection is a list of steps, each a mapping: `address` (what must be dialled, and beside it, if they matter, the
    `headers` of the handshake), `sent` (what must be sent next; compared as JSON), `received` (text, or data that is
    sent as JSON), `pause` (seconds), `ping` (the server pings), `drop` (the connection ends, and why), `refuse` (the
    handshake is answered with `status`, `body` and `headers`), `unreachable` (nothing answers, and why), `call` (the
    connection waits until `called` was told of so many REST calls). For socket.io, `event` stands beside `sent` or
    `received`, and text that is received is the JSON of what comes under it.

    Args:
        connections: The steps of each connection, in the order in which they are dialled.
        strict: Raise what differs from the transcript to whoever reads the stream, besides noting it.

    Attributes:
        complaints: What was dialled or sent otherwise than the transcript says.
        headers: Names of the headers of each handshake.
    """

    def __init__(self, connections: Iterable[Sequence[Mapping[str, Any]]], *, strict: bool = False) -> None:
        self._connections = deque(deque(steps) for steps in connections)
        self._open: list[deque[Mapping[str, Any]]] = []
        self._now = 0.0
        self._waiting: dict[object, float] = {}
        self._moves = 0
        self._held = 0
        self._calls = 0
        self._strict = strict
        self.complaints: list[str] = []
        self.headers: list[tuple[str, ...]] = []

    @property
    def unplayed(self) -> list[Mapping[str, Any]]:
        """The steps that were not come to."""
        return [step for steps in (*self._open, *self._connections) for step in steps]

    @property
    def calls(self) -> int:
        """How many calls it was told of."""
        return self._calls

    def called(self) -> None:
        """A REST call has ended. May be told from any thread, such as by the hook `after_reply` of the client."""
        self._calls += 1

    def differs(self, complaint: str) -> None:
        """Note a difference from the transcript.

        Raises:
            ReplayMismatch: It is strict.
        """
        self.complaints.append(complaint)
        if self._strict:
            raise ReplayMismatch(complaint)

    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> _Played:  # noqa: ARG002
        """Begin the next connection.

        Raises:
            Refused: The transcript refuses it.
            Unreachable: The transcript has nobody there.
            ReplayMismatch: It is strict, and something else was to be dialled.
        """
        self.headers.append(tuple(headers))
        if not self._connections:
            self.differs(f"dialled {address}, and the transcript has no more connections")
            await asyncio.Event().wait()  # nothing more happens
        steps = self._connections.popleft()
        self._open.append(steps)
        while steps and next(iter(steps[0])) in ("address", "refuse", "unreachable"):
            step = steps.popleft()
            if "unreachable" in step:
                raise Unreachable(str(step["unreachable"]))
            if "refuse" in step:
                refusal = step["refuse"]
                raise Refused(
                    int(refusal["status"]), dict(refusal.get("headers", {})), str(refusal.get("body", "")).encode()
                )
            if step["address"] != address:
                self.differs(f"dialled {address} in place of {step['address']}")
            if "headers" in step and _same_names(step["headers"]) != _same_names(headers):
                # Their values are credentials and signatures.
                self.differs(f"dialled {address} with other headers: {_which(step['headers'], headers)}")
        return _Played(self, steps)

    async def pause(self, until: float | None, wake: asyncio.Event) -> None:
        """Wait for a virtual time, or until the event is set."""
        if until is None:
            await wake.wait()
        else:
            await self.elapse(until, wake.is_set)

    @contextmanager
    def hold(self) -> Generator[None, None, None]:
        """Time stands still inside of this."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self.moved()

    async def elapse(self, until: float, ready: Callable[[], bool]) -> None:
        """Wait for a virtual time, or until something is ready. Of all who wait, the one whose time is next comes
        next, and only when nothing else is going on.
        """
        key = object()
        self._waiting[key] = until
        quiet, moves = 0, self._moves
        try:
            while self._now < until and not ready():
                await asyncio.sleep(0.001 if self._held else 0)
                quiet = quiet + 1 if moves == self._moves and not self._held else 0
                moves = self._moves
                if quiet >= _QUIET and until <= min(self._waiting.values()):
                    self._now = max(self._now, until)
        finally:
            del self._waiting[key]
            self.moved()

    def moved(self) -> None:
        """Something happened: whoever waits for a time waits until its consequences have come."""
        self._moves += 1


class _Played:
    """One connection that is played back."""

    def __init__(self, replay: Replay, steps: deque[Mapping[str, Any]]) -> None:
        self._replay = replay
        self._steps = steps
        self._woken = asyncio.Event()
        self._resumes: float | None = None
        self._pongs = 0

    def poll(self) -> Frame | None:
        """Nothing is ever there already: each frame comes at its time."""
        return None

    async def receive(self, until: float | None) -> Frame | None:
        """The next frame; `None` if the time came first, or `wake` was called."""
        await asyncio.sleep(0)  # readers have their turn, and what they ask for comes before what comes next
        if self._woken.is_set():
            self._woken.clear()
            return None
        if self._pongs:
            self._pongs -= 1
            return Ponged()
        while self._steps and "sent" not in self._steps[0]:
            step = self._steps[0]
            self._replay.moved()
            if "call" in step:
                if not await self._called(int(step["call"])):
                    return None
                continue
            if "pause" not in step:
                self._steps.popleft()
                return self._frame(step)
            resumes = self._resumes = self._resumes or self._replay.now() + float(step["pause"])
            await self._replay.elapse(resumes if until is None else min(until, resumes), self._woken.is_set)
            if self._replay.now() < resumes or not self._steps or self._steps[0] is not step:
                self._woken.clear()
                return None
            self._resumes = None
            self._steps.popleft()
        await self._woken.wait()
        self._woken.clear()
        return None

    def _frame(self, step: Mapping[str, Any]) -> Frame:
        if "ping" in step:
            return Pinged()
        if "drop" in step:
            return Gone(str(step["drop"]))
        text, event = _text(step["received"]).encode(), str(step.get("event", ""))
        if not event:
            return Data(text)
        try:
            data = parse(text)
        except Mismatch:
            return Data(text)  # what is no JSON comes under no event
        return Data(data.encode(), event) if isinstance(data, str) else Data(data, event, parsed=True)

    async def _called(self, number: int) -> bool:
        """Wait until so many calls were made, which takes no virtual time; not as long as something is to be sent."""
        while self._replay.calls < number:
            if self._woken.is_set():
                self._woken.clear()
                return False
            await asyncio.sleep(0.001)  # told by any thread, and perhaps by the one that this loop runs in
        if self._steps and self._steps[0].get("call") == number:  # or else a message was sent meanwhile
            self._steps.popleft()
        return True

    def wake(self) -> None:
        """Let `receive` return."""
        self._woken.set()

    async def send(self, data: Any, event: str = "") -> None:
        """Compare a message with the one that the transcript has."""
        self._replay.moved()
        nothing: Mapping[str, Any] = {}
        step = next((step for step in self._steps if not self._passed(step)), nothing)
        while "sent" in step and step is not self._steps[0]:
            self._steps.popleft()  # it may be sent earlier than it was
            self._resumes = None
        if "sent" not in step:
            self._replay.differs(f"sent {_text(data)}, which the transcript has not")
            return
        self._steps.popleft()
        self._woken.set()
        wanted_event = str(step.get("event", ""))
        same = _canonical(data) == _canonical(step["sent"]) if not event else data == step["sent"]
        if not same or event != wanted_event:
            told = f"sent {event} {_text(data)} in place of {wanted_event} {_text(step['sent'])}"
            self._replay.differs(" ".join(told.split()))

    def _passed(self, step: Mapping[str, Any]) -> bool:
        return "pause" in step or ("call" in step and self._replay.calls >= int(step["call"]))

    async def ping(self) -> None:
        """A ping, which is answered; transcripts do not have those of the client."""
        self._pongs += 1

    async def close(self) -> None:
        """It ends."""


def _text(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)


def _canonical(data: Any) -> str:
    """The same for equal JSON, and for no other: in Python, 1 is equal to 1.0 and to True."""
    found = data
    if isinstance(data, str):
        try:
            found = json.loads(data)
        except ValueError:
            return data
    return json.dumps(found, sort_keys=True, default=str)


def _same_names(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in headers.items()}


def _which(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    one, other = _same_names(wanted), _same_names(found)
    return ", ".join(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))
