"""A dialer that writes down what goes over the connections of another one: the recorder of transcripts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from specie.runtime.streams.links import Data, Dialer, Frame, Gone, Link, Pinged, Refused, Unreachable
from specie.sandbox.faces.live import to_json

_SHORTEST_PAUSE = 1.0
"""Seconds: shorter pauses say more about the machine than about the exchange."""


class RecordingDialer:
    """Dials by another dialer, and keeps what was sent and received, in the form of a transcript.

    Args:
        dialer: The other one: one of the network, or a `Replay` of what an exchange would say.
        origins: Addresses that stand for servers, each with the exchange's own, which is what is written.

    Attributes:
        connections: What went over each connection so far; the `connections` of a transcript.
    """

    def __init__(self, dialer: Dialer, origins: Mapping[str, str] | None = None) -> None:
        self._dialer = dialer
        # Longest first: one address may begin with another.
        self._origins = sorted((origins or {}).items(), key=lambda pair: -len(pair[0]))
        self._calls = 0
        self._open: list[list[dict[str, Any]]] = []
        self.connections: list[list[dict[str, Any]]] = []

    def now(self) -> float:
        """As the other one."""
        return self._dialer.now()

    def hold(self) -> AbstractContextManager[None]:
        """As the other one."""
        return self._dialer.hold()

    async def pause(self, until: float | None, wake: asyncio.Event) -> None:
        """As the other one."""
        await self._dialer.pause(until, wake)

    def called(self) -> None:
        """A REST call is being made; what is received from now on may come of it."""
        self._calls += 1
        for steps in self._open:
            steps.append({"call": self._calls})

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> Link:
        """As the other one."""
        own = next((own + address[len(url) :] for url, own in self._origins if address.startswith(url)), address)
        own = own if urlsplit(own).path else f"{own}/"
        steps: list[dict[str, Any]] = [{"address": own, **({"headers": dict(headers)} if headers else {})}]
        self.connections.append(steps)
        try:
            link = await self._dialer.dial(address, headers, timeout)
        except Refused as refused:
            refusal = {"status": refused.status, "body": refused.body.decode("utf-8", "replace")}
            kept = {name: value for name, value in refused.headers.items() if name.lower() == "content-type"}
            steps.append({"refuse": {**refusal, "headers": kept} if kept else refusal})
            raise
        except Unreachable as unreachable:
            steps[:] = [{"unreachable": str(unreachable)}]
            raise
        self._open.append(steps)
        return _Recorded(link, steps, self._dialer, self._open)


class _Recorded:
    """A link of the other dialer, overheard."""

    def __init__(
        self, link: Link, steps: list[dict[str, Any]], dialer: Dialer, open: list[list[dict[str, Any]]]
    ) -> None:
        self._link = link
        self._steps = steps
        self._dialer = dialer
        self._open = open
        self._last = dialer.now()

    def poll(self) -> Frame | None:
        return self._heard(self._link.poll())

    async def receive(self, until: float | None) -> Frame | None:
        return self._heard(await self._link.receive(until))

    def wake(self) -> None:
        self._link.wake()

    async def send(self, data: Any, event: str = "") -> None:
        self._last = self._dialer.now()
        self._steps.append({"sent": data, "event": event} if event else {"sent": data})
        await self._link.send(data, event)

    async def ping(self) -> None:
        await self._link.ping()

    async def close(self) -> None:
        self._end()
        await self._link.close()

    def _heard(self, frame: Frame | None) -> Frame | None:
        if isinstance(frame, bytes | Data | Pinged | Gone):
            now = self._dialer.now()
            gap, self._last = round(now - self._last, 1), now
            if gap >= _SHORTEST_PAUSE:
                self._steps.append({"pause": gap})
            self._steps.append(_step(frame))
            if isinstance(frame, Gone):
                self._end()
        return frame

    def _end(self) -> None:
        self._open[:] = [steps for steps in self._open if steps is not self._steps]


def _step(frame: bytes | Data | Pinged | Gone) -> dict[str, Any]:
    if isinstance(frame, bytes):
        return {"received": frame.decode("utf-8", "replace")}
    if isinstance(frame, Pinged):
        return {"ping": True}
    if isinstance(frame, Gone):
        return {"drop": frame.reason}
    if not frame.event:
        return {"received": frame.data.decode("utf-8", "replace")}
    data = frame.data if frame.parsed else frame.data.decode("utf-8", "replace")
    return {"received": to_json(data), "event": frame.event}
