"""A client of an exchange that a test plays: its answers are a function of the call, over real HTTP on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from specie.compiler.model import Exchange
from specie.runtime import Nonces
from specie.sandbox import Call, Reply, Sandbox

from .bodies import Blocking
from .replay import client_class, exchanges

BODIES = ("blocking", "asyncio")


@attrs.define
class Played:
    """A face whose answers a test gives: a `Reply`, or what becomes the JSON of one. It keeps the calls that passed."""

    answer_with: Callable[[Call], Any]
    calls: list[Call] = attrs.field(factory=list)

    def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        answer = self.answer_with(call)
        return answer if isinstance(answer, Reply) else Reply(200, json.dumps(answer).encode())


@attrs.frozen
class Stage:
    """A client, and what came of its calls: `came` has every request, `calls` those that passed the checks."""

    client: Any
    sandbox: Sandbox
    face: Played

    @property
    def came(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.sandbox.requests]

    @property
    def calls(self) -> list[Call]:
        return self.face.calls


@contextmanager
def served(name: str, body: str, answer: Callable[[Call], Any], **options: Any) -> Iterator[Stage]:
    """A client of an exchange, blocking or asyncio, answered by a function. It tries nothing twice unless told so."""
    exchange: Exchange = exchanges()[name]
    face = Played(answer)
    with Sandbox(name, models=[exchange], faces={name: lambda _: face}, limits=False) as sandbox:
        # Nonces of its own: those of the process would remember a clock that some other test has set forward.
        given = {**sandbox.client_options, "retries": 0, "nonces": Nonces(), **options}
        if body == "blocking":
            with client_class(name)(**given) as client:
                yield Stage(client, sandbox, face)
            return
        loop = asyncio.new_event_loop()
        client = client_class(name, "Async")(**given)
        try:
            yield Stage(Blocking(client, loop), sandbox, face)
        finally:
            loop.run_until_complete(client.close())
            loop.close()
