"""A TCP proxy on this machine that treats bytes as bad networks do: split, late, corrupt, and cut off.

What befalls a connection is drawn from a seed, the connection's number and its direction, by counts of bytes and not by
time, so a weather is the same each time as far as the bytes are.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from random import Random
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import attrs

_EXTENSIONS = b"Sec-WebSocket-Extensions:"
_UNKNOWN = b"X-Not-For-The-Exchange-1:"
assert len(_EXTENSIONS) == len(_UNKNOWN)
_PATIENCE_S = 10


@attrs.frozen
class Weather:
    """What the network does to what the exchange sends."""

    pieces: int = 0
    """Bytes come in pieces of one to so many; 0 leaves them as they are."""
    delay_ms: float = 0
    """Each piece is late by up to so much."""
    cut_after: tuple[int, int] | None = None
    """The connection is cut after a number of bytes between these."""
    corrupt_after: tuple[int, int] | None = None
    """The first bit of a byte is turned over, after a number of bytes between these. Compression is not agreed on then,
    so that no text of a message can become another text: what comes is no UTF-8, or no frame."""


CALM = Weather()


class Proxy:
    """Passes on what comes to a port of its own while the `with` block lasts.

    Args:
        port: Where to, on this machine.
        seed: Of all that is drawn.

    Attributes:
        weather: What befalls connections that are made from now on.
        connections: How many there were.
        bytes: How many bytes came from the exchange.
        harmed: How many connections were cut, or had a byte corrupted.
    """

    def __init__(self, port: int, *, seed: int = 0, weather: Weather = CALM) -> None:
        self._to = port
        self._seed = seed
        self.weather = weather
        self.connections = 0
        self.bytes = 0
        self.harmed = 0
        self.port = 0
        self._writers: dict[asyncio.StreamWriter, None] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def through(self, base_url: Mapping[str, str], *but: str) -> dict[str, str]:
        """Base URLs that lead through here, but for the named ones."""
        return {
            name: url if name in but else urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{self.port}"))
            for name, url in base_url.items()
        }

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._serving)

    def cut(self) -> None:
        """Break all connections, without a word."""
        self._do(self._break())

    def quiet(self) -> None:
        """Wait until the last connection has ended."""
        self._do(self._ended())

    # -- in the loop ---------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._break()
        await self._ended()
        await self._server.wait_closed()

    async def _break(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _ended(self) -> None:
        if self._serving:
            await asyncio.wait(self._serving, timeout=_PATIENCE_S)
        assert not self._serving, f"{len(self._serving)} connections do not end"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer, Random(f"{self._seed} {self.connections}"))
        finally:
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, random: Random) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        weather = self.weather
        self._writers[writer] = self._writers[far_writer] = None
        ways = [
            asyncio.ensure_future(self._up(reader, far_writer, weather)),
            asyncio.ensure_future(self._down(far_reader, writer, weather, random)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for one in (writer, far_writer):
                del self._writers[one]
                one.close()
                await asyncio.gather(one.wait_closed(), return_exceptions=True)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, weather: Weather) -> None:
        while data := await reader.read(65_536):
            if weather.corrupt_after is not None:
                data = data.replace(_EXTENSIONS, _UNKNOWN)
            writer.write(data)
            await writer.drain()

    async def _down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, weather: Weather, random: Random
    ) -> None:
        cut = None if weather.cut_after is None else random.randint(*weather.cut_after)
        corrupt = None if weather.corrupt_after is None else random.randint(*weather.corrupt_after)
        passed = 0
        while data := await reader.read(65_536):
            for piece in _pieces(data, weather.pieces, random):
                if corrupt is not None and passed <= corrupt < passed + len(piece):
                    piece[corrupt - passed] ^= 0x80
                    self.harmed += 1
                if cut is not None and passed + len(piece) > cut:
                    self.harmed += 1
                    writer.write(piece[: cut - passed])
                    writer.transport.abort()
                    return
                passed += len(piece)
                self.bytes += len(piece)
                writer.write(piece)
                await writer.drain()
                if weather.pieces or weather.delay_ms:
                    await asyncio.sleep(random.random() * weather.delay_ms / 1000)

    # -- its life ------------------------------------------------------------------------------------------------------

    def _do(self, coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_S + 5)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _pieces(data: bytes, longest: int, random: Random) -> Iterator[bytearray]:
    start = 0
    while start < len(data):
        size = random.randint(1, longest) if longest else len(data)
        yield bytearray(data[start : start + size])
        start += size
