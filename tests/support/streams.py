"""Streams that are told by transcripts, listened to by clients of both kinds to their end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from specie.cassettes.documented import ATTEMPTS, OPENED_MS
from specie.cassettes.transcript import playing
from specie.compiler.model import Exchange
from specie.compiler.stream_model import Stream
from specie.runtime import Replay, SpecieError, StreamEnded, StreamEvent

from .replay import CASSETTES, client_class, options

HANGS_S = 20.0
"""After so long, a stream that should have come to its end is closed, so that a test fails and does not hang."""


def transcript_path(exchange: str, stream: Stream) -> Path:
    return CASSETTES / exchange / stream.group / f"{stream.name}.yaml"


@attrs.define
class Heard:
    """All that was heard of a stream."""

    items: list[Any] = attrs.field(factory=list)
    """Messages and events, in their order."""
    channels: list[str] = attrs.field(factory=list)
    """Of each message."""
    wholes: list[bool] = attrs.field(factory=list)
    """Of each message, whether it was the whole state."""
    end: BaseException | None = None

    @property
    def messages(self) -> list[Any]:
        return [one for one in self.items if not isinstance(one, StreamEvent)]

    @property
    def events(self) -> list[StreamEvent]:
        return [one for one in self.items if isinstance(one, StreamEvent)]

    @property
    def course(self) -> list[str]:
        """The kinds of what was heard."""
        return [type(one).__name__ if isinstance(one, StreamEvent) else "message" for one in self.items]

    def add(self, item: Any, stream: Any) -> None:
        self.items.append(item)
        if not isinstance(item, StreamEvent):
            self.channels.append(stream.channel)
            self.wholes.append(stream.whole)


@attrs.define
class Hearer:
    """A client of either kind, whose streams give all that is heard of them."""

    client: Any
    replay: Replay | None
    loop: asyncio.AbstractEventLoop | None
    _more: dict[str, Any] = attrs.field(factory=dict)

    @property
    def streams(self) -> Any:
        return _Methods(self)

    def open(self, name: str, *arguments: Any, **named: Any) -> Any:
        group = self.client.streams.with_options(dialer=self.replay, attempts=ATTEMPTS, **self._more)
        return getattr(group, name)(*arguments, **named)

    def first(self, stream: Any) -> Any:
        """The first message or event."""
        items = stream.with_events()
        return next(items) if self.loop is None else self.loop.run_until_complete(anext(items))

    def hear(self, stream: Any) -> Heard:
        """Listen until the stream ends."""
        if self.loop is not None:
            return self.loop.run_until_complete(_hear_async(stream))
        heard = Heard()
        watch = threading.Timer(HANGS_S, stream.close)
        watch.start()
        try:
            for item in stream.with_events():
                heard.add(item, stream)
        except (SpecieError, AssertionError) as error:
            heard.end = error
        finally:
            watch.cancel()
            stream.close()
        return heard


@attrs.define
class _Methods:
    _hearer: Hearer

    def __getattr__(self, name: str) -> Callable[..., Heard]:
        def listen(*arguments: Any, **named: Any) -> Heard:
            heard = self._hearer.hear(self._hearer.open(name, *arguments, **named))
            assert isinstance(heard.end, StreamEnded), heard.end
            return heard

        return listen


async def _hear_async(stream: Any) -> Heard:
    heard = Heard()
    try:
        async with asyncio.timeout(HANGS_S):
            async for item in stream.with_events():
                heard.add(item, stream)
    except (SpecieError, AssertionError) as error:
        heard.end = error
    finally:
        await stream.close()
    return heard


@contextmanager
def hearing_of(
    exchange: Exchange, body: str, replay: Replay | None, *, given: Mapping[str, Any] | None = None, **more: Any
) -> Iterator[Hearer]:
    """A client whose streams are told by `replay`, or come from where `given`, its options, say."""
    given = {**options(exchange), "retries": 0, "clock": lambda: OPENED_MS, **(given or {})}
    if body == "blocking":
        with client_class(exchange.name)(**given) as client:
            yield Hearer(client, replay, None, more)
        return
    loop = asyncio.new_event_loop()
    client = client_class(exchange.name, "Async")(**given)
    try:
        yield Hearer(client, replay, loop, more)
    finally:
        loop.run_until_complete(client.close())
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@contextmanager
def played(exchange: Exchange, stream: Stream, body: str) -> Iterator[Hearer]:
    """A client whose stream is told by its transcript, which must be played to its end."""
    path = transcript_path(exchange.name, stream)
    with playing(path, exchange) as replay, hearing_of(exchange, body, replay) as hearer:
        yield hearer
