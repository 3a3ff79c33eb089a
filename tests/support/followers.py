"""A generated client that follows every stream of its exchange in the sandbox, through a proxy, while somebody trades."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs
import pytest

from specie.runtime import Nonces
from specie.sandbox import Sandbox
from specie.sandbox.living import live_face
from specie.sandbox.streams import gate

from .agreeing import VENUES, Venue
from .following import Followed, Tasks, Threads, body_of, nothing_left, until
from .proxy import Proxy
from .replay import client_class, exchanges

NOW_MS = 1_700_000_000_000
QUICK = {"first_pause": 0.01, "longest_pause": 0.05}


@attrs.define
class Scene:
    """An exchange in the sandbox, someone who trades there by REST, and someone who follows all streams."""

    venue: Venue
    sandbox: Sandbox
    proxy: Proxy
    rest: Any
    client: Any
    body: Threads | Tasks
    clock: list[int]
    heard: dict[str, Followed] = attrs.field(factory=dict)
    book: Followed | None = None
    lines: int = 0
    """How many connections there are if none is lost."""

    def follow(self, *, wait: bool = True, **options: Any) -> None:
        """Open every stream of the exchange, and its local book; `wait` until they stand."""
        streams = self.body.made(lambda: self.client.streams.with_options(**{**QUICK, **options}))
        opened = self.body.made(lambda: self.venue.streams(streams))
        self.heard = {name: self.body.follow(stream) for name, stream in opened.items()}
        self.book = self.body.follow(self.body.made(lambda: self.venue.book(streams)))
        if not wait:
            return
        until(lambda: all(one.subscribed() for one in self.heard.values()), said=self.said)
        until(lambda: not self.book_differs(), said=self.book_differs)
        self.lines = self.proxy.open

    def trade(self, rounds: int = 1) -> None:
        """Trade, while time goes by and others trade too."""
        for _ in range(rounds):
            self.clock[0] += 1_500
            self.venue.trade(self.rest)

    def lose_connections(self) -> None:
        """Cut all connections, and wait until each stream has one again."""
        before = {name: len(one.items) for name, one in self.heard.items()}
        self.proxy.cut()
        until(
            lambda: (
                self.proxy.open == self.lines
                and all(one.subscribed(since=before[name]) for name, one in self.heard.items())
            ),
            said=self.said,
        )

    def agree(self) -> None:
        """Wait until what each stream told is what REST says."""
        self.clock[0] += 1_100  # BitoPro tells of a book once a second
        for name, followed in self.heard.items():
            until(
                lambda name=name, followed=followed: not self.venue.differs(name, self.rest, followed),
                said=lambda name=name, followed=followed: (
                    f"{self.venue.differs(name, self.rest, followed)}; {followed.error!r}, {followed.events[-5:]}"
                ),
            )
        until(lambda: not self.book_differs(), said=self.book_differs)

    def book_differs(self) -> str:
        assert self.book is not None
        stream = self.book.stream
        return self.venue.book_differs(self.rest, lambda: self.body.do(stream.view))

    def said(self) -> str:
        return "; ".join(f"{name}: {one.kinds()}, {one.error!r}" for name, one in self.heard.items())


@contextmanager
def scene(name: str, body: str) -> Iterator[Scene]:
    """A scene; no thread, task, socket or connection of the client outlives its client."""
    venue, clock = VENUES[name](), [NOW_MS]
    with ExitStack() as stack:
        # The market looks at the clock more often than it would, as the clock is turned more often than time goes by.
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(gate, "_TICK_S", 0.02)
        sandbox = stack.enter_context(
            Sandbox(
                models=[exchanges()[name]],
                faces={name: lambda model: live_face(model, now_ms=NOW_MS, seed=7)},
                clock=lambda: clock[0],
                limits=False,
            )
        )
        options = {
            **sandbox.client_options,
            "clock": lambda: clock[0],
            "nonces": Nonces(),
            "limits": "ignore",
        }
        rest = stack.enter_context(client_class(name)(**options))
        proxy = stack.enter_context(Proxy(sandbox.port, seed=3))
        stack.callback(proxy.quiet)
        stack.enter_context(nothing_left())
        follower = stack.enter_context(body_of(body))
        options["base_url"] = proxy.through(sandbox.base_url(name), "rest")
        client = follower.made(lambda: client_class(name, follower.prefix)(**options))
        stack.callback(lambda: follower.do(client.close))
        yield Scene(venue, sandbox, proxy, rest, client, follower, clock)
        sandbox.check()
