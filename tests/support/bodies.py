"""One test for both bodies: an asyncio client that is used like the blocking one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any


class Blocking:
    """An asyncio client (or a group of it) whose operations are run to their end on a loop of their own."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if callable(value):
            return lambda *args, **named: self._run(value(*args, **named))
        return Blocking(value, self._loop) if hasattr(value, "_call") else value

    def _run(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            return self._loop.run_until_complete(_awaited(result))
        if hasattr(result, "__anext__"):
            return self._items(result)
        return result

    def _items(self, items: Any) -> Iterator[Any]:
        while True:
            try:
                yield self._loop.run_until_complete(_awaited(anext(items)))
            except StopAsyncIteration:
                return


async def _awaited(result: Any) -> Any:
    return await result
