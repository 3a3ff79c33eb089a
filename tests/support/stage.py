"""An exchange that a test plays itself: the sandbox judges each call as ever, and the test says what is answered.

`staged` is one sandbox for many tests, each of which plays its own script; `served` is a client of a sandbox of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from specie.runtime import Nonces, Retries
from specie.sandbox import Call, Reply, Sandbox

from .replay import NOW_MS, client_of, exchanges

BODIES = ("blocking", "asyncio")


@attrs.define
class Script:
    """What a test has the exchange say (a `Reply`, or what becomes the JSON of one), and the calls that passed the
    checks.
    """

    answer: Callable[[Call], Any]
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

    def __init__(self, exchange: str, clock: Callable[[], int] | None = None) -> None:
        self.name = exchange
        self.script = Script(_unasked)
        model = exchanges()[exchange]
        self.sandbox = Sandbox(
            exchange, models=[model], faces={exchange: lambda _model: self}, limits=False, clock=clock
        )
        self.clock = clock
        self.nonces = Nonces()  # one for all clients: the sandbox remembers the last nonce of the key

    def answer(self, call: Call) -> Reply:
        """The face of the exchange."""
        self.script.calls.append(call)
        answer = self.script.answer(call)
        return answer if isinstance(answer, Reply) else Reply(200, json.dumps(answer).encode())

    def play(self, answer: Callable[[Call], Any] | None = None) -> Script:
        """Begin a script; without an answer, no call is expected."""
        self.script = Script(answer or _unasked)
        return self.script

    @property
    def sent(self) -> int:
        """How many requests ever came, good or bad."""
        return len(self.sandbox.requests)

    @contextmanager
    def client(self, body: str, **changed: Any) -> Iterator[Any]:
        """A client of the exchange, blocking or asyncio, that waits for no limit and tries nothing twice, unless told
        so."""
        options = {
            **self.sandbox.client_options,
            "clock": self.clock,
            "nonces": self.nonces,
            "retries": Retries(0),
            "limits": "ignore",
            **changed,
        }
        with client_of(exchanges()[self.name], body, **options) as client:
            yield client


@contextmanager
def staged(exchange: str) -> Iterator[Stage]:
    """A stage while the block lasts."""
    stage = Stage(exchange, lambda: NOW_MS)
    with stage.sandbox:
        yield stage


@attrs.frozen
class Served:
    """A client, and what came of its calls: `came` has every request, `calls` those that passed the checks."""

    client: Any
    sandbox: Sandbox
    calls: list[Call]

    @property
    def came(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.sandbox.requests]


@contextmanager
def served(exchange: str, body: str, answer: Callable[[Call], Any], **options: Any) -> Iterator[Served]:
    """A client answered by a function, in the time of this machine unless told otherwise."""
    stage = Stage(exchange)
    with stage.sandbox, stage.client(body, **options) as client:
        yield Served(client, stage.sandbox, stage.play(answer).calls)
