"""An exchange that sends books over connections whose strings a test pulls."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from specie.runtime.streams.links import Data, Frame, Gone


class Puppet:
    """An exchange that sends the whole book of a channel when it is subscribed to, and then what a test says."""

    def __init__(self) -> None:
        self.wholes: dict[str, dict[str, Any]] = {}
        self.refusal: dict[str, Any] | None = None
        self.deaf = False
        self.links: list[Strings] = []
        self.asked: list[str] = []
        self.changed = threading.Condition()

    def now(self) -> float:
        return time.monotonic()

    async def dial(self, address: str, headers: dict[str, str], timeout: float) -> Strings:
        link = Strings(self)
        with self.changed:
            self.links.append(link)
            self.changed.notify_all()
        return link

    async def pause(self, until: float | None, wake: asyncio.Event) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), None if until is None else max(0.0, until - self.now()))

    def hold(self) -> AbstractContextManager[None]:
        return nullcontext()

    def whole(self, channel: str, bids: Any, asks: Any, number: int) -> None:
        self.wholes[channel] = data(channel, bids, asks, number)

    def push(self, channel: str, bids: Any, asks: Any, number: int) -> None:
        self.links[-1].push(Data(json.dumps(data(channel, bids, asks, number)).encode()))

    def cut(self) -> None:
        self.links[-1].push(Gone("cut"))

    def wait_for(self, subscriptions: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.asked) >= subscriptions, 30)


def data(channel: str, bids: Any, asks: Any, number: int) -> dict[str, Any]:
    def rows(levels: dict[Any, Any]) -> list[list[str]]:
        return [[str(price), str(amount)] for price, amount in levels.items()]

    return {"stream": channel, "data": {"bids": rows(bids), "asks": rows(asks), "number": number}}


class Strings:
    """One connection."""

    def __init__(self, puppet: Puppet) -> None:
        self.puppet = puppet
        self.loop = asyncio.get_running_loop()
        self.frames: asyncio.Queue[Frame | None] = asyncio.Queue()

    def push(self, frame: Frame | None) -> None:
        self.loop.call_soon_threadsafe(self.frames.put_nowait, frame)

    def poll(self) -> Frame | None:
        return None

    async def receive(self, until: float | None) -> Frame | None:
        try:
            return await asyncio.wait_for(
                self.frames.get(), None if until is None else max(0.0, until - time.monotonic())
            )
        except TimeoutError:
            return None

    def wake(self) -> None:
        self.frames.put_nowait(None)

    async def send(self, data: Any, event: str = "") -> None:
        if self.puppet.deaf:
            return
        request = data if isinstance(data, dict) else json.loads(data)
        answer: dict[str, Any] = {"id": request["id"], "result": None}
        if request["method"] == "SUBSCRIBE":
            answer.update(self.puppet.refusal or {})
        self.frames.put_nowait(Data(json.dumps(answer).encode()))
        if request["method"] == "SUBSCRIBE":
            for channel in request["params"]:
                if channel in self.puppet.wholes and self.puppet.refusal is None:
                    self.frames.put_nowait(Data(json.dumps(self.puppet.wholes[channel]).encode()))
                with self.puppet.changed:
                    self.puppet.asked.append(channel)
                    self.puppet.changed.notify_all()

    async def ping(self) -> None:
        pass

    async def close(self) -> None:
        pass
