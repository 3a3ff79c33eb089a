"""A websocket server on this machine that does what the test says, and both kinds of clients behind one interface."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from ssl import SSLContext
from typing import Any, Self

from acme_streams import Acme, AsyncAcme
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

KEY, SECRET = "the-api-key-0123456789", "the-api-secret-0123456789"


def level(price: str, amount: str) -> dict[str, str]:
    return {"price": price, "amount": amount}


def book(pair: str, sequence: int) -> str:
    return json.dumps({"stream": f"{pair}.book", "data": {"i": sequence, "bids": [level("1.10", "2")], "asks": []}})


class Subscriber:
    """One connection, on the server's side."""

    def __init__(self, socket: ServerConnection, number: int) -> None:
        self.socket = socket
        self.number = number

    def send(self, *messages: str) -> None:
        for message in messages:
            self.socket.send(message)

    def acknowledge(self, **more: Any) -> dict[str, Any]:
        """Take a request, and say that it is granted."""
        request: dict[str, Any] = json.loads(self.socket.recv())
        self.send(json.dumps({"id": request["id"], "result": None, **more}))
        return request

    def linger(self) -> None:
        """Stay until the client leaves, acknowledging what it asks for."""
        while True:
            self.acknowledge()


class StreamServer:
    """Serves websockets.

    Args:
        behave: What is done with each connection.
        refusals: Statuses and bodies with which the first handshakes are answered.
        tls: The certificate that it shows; it speaks no TLS unless given.
    """

    def __init__(
        self,
        behave: Callable[[Subscriber], None],
        refusals: list[tuple[int, str]] | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self._behave = behave
        self._refusals = list(refusals or [])
        self.handshakes: list[Any] = []
        self.pongs = 0
        self._server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._request,
            ping_interval=None,
            close_timeout=1,
            logger=_silent(),
            ssl=tls,
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"ws{'s' if tls else ''}://127.0.0.1:{self._server.socket.getsockname()[1]}/ws"

    def _request(self, connection: ServerConnection, request: Any) -> Any:
        self.handshakes.append(request)
        if self._refusals:
            status, body = self._refusals.pop(0)
            return connection.respond(HTTPStatus(status), body)
        return None

    def _serve(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            self._behave(Subscriber(socket, len(self.handshakes)))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()


def _silent() -> Any:
    from specie.runtime.streams.quiet import silent_logger

    return silent_logger("test server")


class Blocking:
    """A client that blocks."""

    name = "blocking"

    def __enter__(self) -> Self:
        self._clients: list[Acme] = []
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def client(self, url: str, **options: Any) -> Acme:
        client = Acme(api_key=KEY, api_secret=SECRET, base_url={"ws": url, "io": url}, **options)
        self._clients.append(client)
        return client

    def open(self, url: str, name: str, *arguments: Any, **options: Any) -> Any:
        streams = self.client(url).streams.with_options(**options)
        return getattr(streams, name)(*arguments)

    def take(self, stream: Any, count: int) -> list[Any]:
        return [stream.get(20) for _ in range(count)]

    def events(self, stream: Any, count: int) -> list[Any]:
        found = []
        for item in stream.with_events():
            found.append(item)
            if len(found) == count:
                break
        return found

    def drain(self, stream: Any) -> list[Any]:
        return list(stream)

    def do(self, stream: Any, what: str, *arguments: Any, **more: Any) -> Any:
        return getattr(stream, what)(*arguments, **more)


class Tasks:
    """A client for asyncio, in a loop of its own thread."""

    name = "asyncio"

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._clients: list[AsyncAcme] = []
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            self._run(client.close())
        left = self._run(_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._runner.close()
        assert left == [], f"tasks outlive their client: {left}"

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def client(self, url: str, **options: Any) -> AsyncAcme:
        client = AsyncAcme(api_key=KEY, api_secret=SECRET, base_url={"ws": url, "io": url}, **options)
        self._clients.append(client)
        return client

    def open(self, url: str, name: str, *arguments: Any, **options: Any) -> Any:
        streams = self.client(url).streams.with_options(**options)
        return getattr(streams, name)(*arguments)

    def take(self, stream: Any, count: int) -> list[Any]:
        async def take() -> list[Any]:
            return [await stream.get(20) for _ in range(count)]

        return list(self._run(take()))

    def events(self, stream: Any, count: int) -> list[Any]:
        async def take() -> list[Any]:
            found = []
            async for item in stream.with_events():
                found.append(item)
                if len(found) == count:
                    break
            return found

        return list(self._run(take()))

    def drain(self, stream: Any) -> list[Any]:
        async def drain() -> list[Any]:
            return [item async for item in stream]

        return list(self._run(drain()))

    def do(self, stream: Any, what: str, *arguments: Any, **more: Any) -> Any:
        async def do() -> Any:
            return await getattr(stream, what)(*arguments, **more)

        return self._run(do())


async def _others() -> list[str]:
    await asyncio.sleep(0)
    return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
