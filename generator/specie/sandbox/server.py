"""The desks of several exchanges behind one port of this machine.

Every server of every exchange has its place under `/<exchange>/<server>`, followed by the path that the exchange's own
server has: where a client would call `https://api.acme.example/v1/orders`, it calls
`http://127.0.0.1:8080/acme/rest/v1/orders`. The server runs in a thread of its own with a loop of its own, so that
blocking clients and asyncio clients may both use it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO
from urllib.parse import urlsplit

import attrs

from specie.compiler.model import Exchange

from .desk import Desk
from .faces import Face
from .wire import Received, Reply

if TYPE_CHECKING:
    from aiohttp import web


class SandboxUnavailable(RuntimeError):
    """The sandbox cannot be started; the message says what to do."""


@attrs.frozen
class Seen:
    """One request that came, and what became of it."""

    method: str
    path: str
    exchange: str
    operation: str
    """`group.name`, or empty if none was meant."""
    verdict: str
    """`ok`, or the class of the refusal and why."""
    status: int
    signed: bool
    """Whether it bore a header of a signature, needed or not."""


class Sandbox:
    """The named exchanges (or all), served from their specs on 127.0.0.1 while the `with` block lasts.

    Args:
        exchanges: Names; none means all that there are specs of.
        specs: The folder of the specs; found as `specie generate` finds it, unless given.
        port: To listen on; any that is free, unless given.
        models: Exchanges that are compiled already, in place of `specs`.
        faces: What answers for an exchange in place of its documented examples, made from its model.
        clock: Milliseconds since 1970; this machine's clock unless given.
    """

    def __init__(
        self,
        *exchanges: str,
        specs: Path | str | None = None,
        port: int = 0,
        models: Sequence[Exchange] | None = None,
        faces: Mapping[str, Callable[[Exchange], Face]] | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if models is None:
            from specie.compiler import compile_specs

            models = compile_specs(Path(specs) if specs is not None else None, exchanges)
        makers = faces or {}
        self._desks = {
            one.name: Desk(one, makers[one.name](one) if one.name in makers else None)
            for one in models
            if not exchanges or one.name in exchanges
        }
        self._wanted_port = port
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self.port = 0
        self.requests: list[Seen] = []
        """Every request that came, in order."""

    # --- what a client needs -----------------------------------------------------------------------------------------

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The names of the exchanges that are served."""
        return tuple(self._desks)

    def url(self, exchange: str, server: str = "rest") -> str:
        """The base URL that stands for a server of an exchange."""
        desk = self._desk(exchange)
        if server not in desk.servers:
            raise ValueError(f"{exchange} has no server '{server}' here; it has {', '.join(desk.servers)}")
        path = urlsplit(desk.servers[server]).path.rstrip("/")
        return f"http://127.0.0.1:{self.port}/{exchange}/{server}{path}"

    @property
    def client_options(self) -> dict[str, Any]:
        """What the client of the one exchange is made with: `base_url`, and demo credentials."""
        if len(self._desks) != 1:
            raise ValueError("several exchanges are served; say client_options_of(exchange)")
        return self.client_options_of(next(iter(self._desks)))

    def client_options_of(self, exchange: str) -> dict[str, Any]:
        """What the client of an exchange is made with: `base_url`, and demo credentials."""
        desk = self._desk(exchange)
        return {"base_url": {server: self.url(exchange, server) for server in desk.servers}, **desk.credentials}

    def _desk(self, exchange: str) -> Desk:
        if exchange not in self._desks:
            raise ValueError(f"{exchange} is not served; there is {', '.join(self._desks)}")
        return self._desks[exchange]

    # --- its life ----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to listen; returns when requests are served."""
        if self._thread is not None:
            raise RuntimeError("this sandbox is started already")
        try:
            importlib.import_module("aiohttp.web")  # only a sandbox that is started needs it
        except ImportError:
            raise SandboxUnavailable("the sandbox needs aiohttp: pip install 'specie[sandbox]'") from None
        ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="specie-sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise SandboxUnavailable(f"cannot listen on 127.0.0.1:{self._wanted_port}: {self._failure}")
        return self

    def close(self) -> None:
        """Stop listening, and end the thread. Closing twice does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except OSError as error:
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        from aiohttp import web

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._wanted_port).start()
            self.port = runner.addresses[0][1]
            ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    # --- one request -------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        from aiohttp import web

        body = await request.read()
        # What was signed is the path and query as they came, before anything is decoded or put in order.
        path, _, query = request.raw_path.partition("?")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        reply = self._judge(Received(request.method, path, query, headers, body))
        extra = {"Content-Type": reply.content_type, **dict(reply.headers)}
        return web.Response(status=reply.status, body=reply.body, headers=extra)

    def _judge(self, received: Received) -> Reply:
        """The reply of the desk that is addressed; what came is noted."""
        _, exchange, server, *_ = [*received.path.split("/"), "", "", ""]
        desk = self._desks.get(exchange)
        if desk is None or server not in desk.servers:
            places = ", ".join(self.url(name, one) for name, desk in self._desks.items() for one in desk.servers)
            body = json.dumps({"error": f"nothing is served at {received.path}; there is {places}"})
            self.requests.append(Seen(received.method, received.path, "", "", "NotFound: no such exchange", 404, False))
            return Reply(404, body.encode())
        received.prefix = f"/{exchange}/{server}"
        judged = desk.handle(server, received, self._clock())
        verdict = "ok" if judged.refused is None else f"{judged.refused.error}: {judged.refused.message}"
        path = f"{received.path}?{received.query}" if received.query else received.path
        seen = Seen(received.method, path, exchange, judged.operation, verdict, judged.reply.status, judged.signed)
        self.requests.append(seen)
        return judged.reply


def run(
    exchanges: Sequence[str] = (),
    *,
    specs: Path | None = None,
    port: int = 0,
    output: TextIO | None = None,
    wait: Callable[[], object] | None = None,
) -> int:
    """Serve until Ctrl-C, having said where and with which keys; gives the exit status of the command.

    `wait` is what it waits for, if not for Ctrl-C.
    """
    out = output or sys.stdout
    try:
        sandbox = Sandbox(*exchanges, specs=specs, port=port).start()
    except SandboxUnavailable as unavailable:
        print(unavailable, file=sys.stderr)
        return 1
    try:
        for name in sandbox.exchanges:
            options = sandbox.client_options_of(name)
            print(name, file=out)
            for server, url in options.pop("base_url").items():
                print(f"  {server:<12} {url}", file=out)
            for credential, value in options.items():
                print(f"  {credential:<12} {value}", file=out)
        print("Ctrl-C ends it.", file=out, flush=True)
        (wait or threading.Event().wait)()
    except KeyboardInterrupt:
        pass
    finally:
        sandbox.close()
    return 0
