"""A test's side of the conversation with a flow."""

from __future__ import annotations

import json
from typing import Any

from handwritten import EXCHANGE as ACME
from handwritten import Credentials

from specie.runtime import Nonces, Operation, Retries, Timeout
from specie.runtime.basics import Headers
from specie.runtime.flow import call
from specie.runtime.settings import Settings
from specie.runtime.steps import Blocking, Enter, Failure, Response, Send, Sleep

NOW_MS = 1_700_000_000_000
KEY, SECRET = "the-api-key-0123456789", "the-api-secret-0123456789"


class Clock:
    """Time that passes only when the test says so."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


def reply(body: Any = None, status: int = 200, **headers: str) -> Response:
    """A response; bytes as they are, everything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, Headers((name.replace("_", "-"), value) for name, value in headers.items()), raw)


def lost(reason: str = "reset") -> Failure:
    """A failure after sending."""
    return Failure(True, reason, OSError(reason))


def unsent(reason: str = "refused") -> Failure:
    """A failure before anything left."""
    return Failure(False, reason, OSError(reason))


class Talk:
    """One call: what it asked for, in order, and how it ended."""

    def __init__(
        self,
        operation: Operation[Any],
        arguments: dict[str, Any],
        answers: list[Any],
        *,
        credentials: Credentials | None = None,
        retries: Retries | int = 2,
        timeout: Timeout | float | None = None,
        clock: Clock | None = None,
        exchange: Any = ACME,
        **more: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.settings = Settings(
            exchange,
            credentials or Credentials(api_key=KEY, api_secret=SECRET),
            exchange.servers,
            clock=more.pop("learning", self.clock),
            nonces=more.pop("nonces", None) or Nonces(),
            monotonic=self.clock.monotonic,
            random=lambda: 1.0,
            timeout=Timeout.of(timeout),
            retries=Retries.of(retries),
            **more,
        )
        self.sent: list[Send] = []
        self.slept: list[float] = []
        self.blocked = 0
        self.entered = 0
        self.result: Any = None
        self.error: BaseException | None = None
        answer: Any = None
        steps = call(self.settings, lambda: False, operation, arguments)
        resume: Any = steps.send
        try:
            while True:
                step = resume(answer)
                resume, answer = steps.send, None
                if isinstance(step, Sleep):
                    self.slept.append(step.seconds)
                    self.clock.ms += round(step.seconds * 1000)
                elif isinstance(step, Enter):
                    self.entered += 1
                    answer = step.turnstile.enter(0)
                elif isinstance(step, Blocking):
                    self.blocked += 1
                    try:
                        answer = step.call()
                    except Exception as error:
                        resume, answer = steps.throw, error
                else:
                    self.sent.append(step)
                    answer = answers.pop(0)
        except StopIteration as done:
            self.result = done.value
        except Exception as error:
            self.error = error
        assert not answers, f"answers that nobody asked for: {answers}"
