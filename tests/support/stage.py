"""An exchange that a test plays itself: the sandbox judges each call as ever, and the test says what is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from specie.runtime import Nonces, Retries
from specie.sandbox import Call, Reply, Sandbox

from .bodies import Blocking
from .replay import NOW_MS, client_class, exchanges

BODIES = ("blocking", "asyncio")


@attrs.define
class Script:
    """What a test has the exchange say, and the calls that came."""

    answer: Callable[[Call], Reply]
    calls: list[Call] = attrs.field(factory=list)


def replying(body: Any, status: int = 200, **headers: str) -> Callable[[Call], Reply]:
    """Say the same to every call: text as it stands, anything else as JSON."""
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return lambda _call: Reply(
        status, data, headers=tuple((name.replace("_", "-"), text) for name, text in headers.items())
    )


def _unasked(call: Call) -> Reply:
    raise AssertionError(f"{call.operation.id} was called, and this test expects no call")


class Stage:
    """A sandbox of one exchange, for many tests; each plays its own script."""

    def __init__(self, exchange: str) -> None:
        self.name = exchange
        self.script = Script(_unasked)
        model = exchanges()[exchange]
        self.sandbox = Sandbox(
            exchange, models=[model], faces={exchange: lambda _model: self}, limits=False, clock=lambda: NOW_MS
        )
        self.nonces = Nonces()  # one for all clients: the sandbox remembers the last nonce of the key

    def answer(self, call: Call) -> Reply:
        """The face of the exchange."""
        self.script.calls.append(call)
        return self.script.answer(call)

    def play(self, answer: Callable[[Call], Reply] | None = None) -> Script:
        """Begin a script; without an answer, no call is expected."""
        self.script = Script(answer or _unasked)
        return self.script

    @property
    def sent(self) -> int:
        """How many requests ever came, good or bad."""
        return len(self.sandbox.requests)

    @contextmanager
    def client(self, body: str, **changed: Any) -> Iterator[Any]:
        """A client of the exchange, blocking or asyncio, that tries nothing twice unless told so."""
        options = {
            **self.sandbox.client_options,
            "clock": lambda: NOW_MS,
            "nonces": self.nonces,
            "retries": Retries(0),
            **changed,
        }
        if body == "blocking":
            with client_class(self.name)(**options) as client:
                yield client
            return
        loop = asyncio.new_event_loop()
        client = client_class(self.name, "Async")(**options)
        try:
            yield Blocking(client, loop)
        finally:
            loop.run_until_complete(client.close())
            loop.close()


@contextmanager
def staged(exchange: str) -> Iterator[Stage]:
    """A stage while the block lasts."""
    stage = Stage(exchange)
    with stage.sandbox:
        yield stage
