"""A generated client that trades in the living market of its exchange, over real HTTP, on a clock that the test turns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from specie.compiler.model import Exchange
from specie.runtime import Nonces, Reply
from specie.sandbox import Sandbox
from specie.sandbox.faces.live import LiveFace
from specie.sandbox.market import Market

from .bodies import Blocking
from .replay import client_class, exchanges

NOW_MS = 1_700_000_000_000


@attrs.define
class Living:
    """What a story needs: the client, the market behind the face, and the time."""

    client: Any
    sandbox: Sandbox
    market: Market
    _clock: list[int]

    @property
    def now_ms(self) -> int:
        return self._clock[0]

    @property
    def account(self) -> str:
        """The client's account in the market; it is there from its first signed call on."""
        return self.market.accounts[0]

    def wait(self, ms: int) -> None:
        """Let time go by; the market lives through it at the next call."""
        self._clock[0] += ms


@contextmanager
def living(name: str, face: Callable[..., LiveFace], body: str) -> Iterator[Living]:
    """A story with the client of an exchange, `blocking` or `asyncio`.

    Its clock stands still between two calls, so rate limits are not enforced. In the end the market must be sound, and
    every reply must have been taken to its last field.
    """
    clock = [NOW_MS]
    made: list[LiveFace] = []

    def make(exchange: Exchange) -> LiveFace:
        made.append(face(exchange, now_ms=NOW_MS, seed=7))
        return made[0]

    with ExitStack() as stack:
        sandbox = stack.enter_context(
            Sandbox(name, models=[exchanges()[name]], faces={name: make}, clock=lambda: clock[0], limits=False)
        )
        options = {**sandbox.client_options, "clock": lambda: clock[0], "nonces": Nonces(), "limits": "ignore"}
        if body == "blocking":
            client = stack.enter_context(client_class(name)(**options))
        else:
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)
            asynchronous = client_class(name, "Async")(**options)
            stack.callback(lambda: loop.run_until_complete(asynchronous.close()))
            client = Blocking(asynchronous, loop)
        with client.capture() as replies:
            yield Living(client, sandbox, made[0].market, clock)
        for reply in replies:
            if _is_good(reply, exchanges()[name]):
                assert not reply.unaccounted(), f"{reply.operation}: {reply.unaccounted()} in {reply.body!r}"
                json.loads(reply.body, parse_float=_plain, parse_constant=_plain)
        made[0].market.check()


def _is_good(reply: Reply, exchange: Exchange) -> bool:
    """Whether a reply is a result, and not a refusal that its body alone tells of."""
    body = reply.json() if reply.status == 200 else None
    ok = exchange.envelope.ok if exchange.envelope is not None else ()
    told = body if isinstance(body, dict) else {}
    return reply.status == 200 and all(told.get(key, wanted) == wanted for key, wanted in ok)


def _plain(digits: str) -> None:
    """No exchange here writes a number with an exponent, or one that is none."""
    assert set(digits) <= set("-.0123456789"), digits


def called(sandbox: Sandbox) -> set[str]:
    """The operations that were answered well at least once."""
    return {seen.operation for seen in sandbox.requests if seen.verdict == "ok"}


def operations(name: str) -> set[str]:
    return {one.id for one in exchanges()[name].operations}
