"""What may be looked at while a client works: plain functions, given plain records that hold no credential.

A hook is told what happens and changes nothing. It runs in the thread or task of the call, so it should be quick; what
it raises is logged, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from .errors import InvalidType

__all__ = ["Drift", "Hooks", "Replied", "Retrying", "Sending"]


class Sending(NamedTuple):
    """A request is about to be sent.

    Attributes:
        exchange: Name of the exchange.
        operation: Group and name, such as `orders.create`; of a call that no spec describes, its method and path.
        effect: `read`, `create`, `cancel` or `transfer`; of a call that no spec describes, `read` or `effect`.
        method: HTTP method.
        path: Path of the URL, without the query.
        attempt: 1, and more for what is made again.
    """

    exchange: str
    operation: str
    effect: str
    method: str
    path: str
    attempt: int


class Replied(NamedTuple):
    """A request came to its end, with a reply or without one.

    Attributes:
        exchange: Name of the exchange.
        operation: As in `Sending`.
        effect: As in `Sending`.
        method: HTTP method.
        path: Path of the URL, without the query.
        attempt: 1, and more for what is made again.
        seconds: From sending to the last byte.
        status: HTTP status; `None` if no reply came.
        size: Bytes of the reply's body; 0 if no reply came.
        error: Class of the error that this attempt ended in, such as `RateLimited`; `None` for a success.
    """

    exchange: str
    operation: str
    effect: str
    method: str
    path: str
    attempt: int
    seconds: float
    status: int | None
    size: int
    error: str | None


class Retrying(NamedTuple):
    """An attempt failed, and another one will be made.

    Attributes:
        exchange: Name of the exchange.
        operation: As in `Sending`.
        effect: As in `Sending`.
        attempt: The one that failed.
        error: Class of the error that it ended in.
        pause: Seconds until the next one; waiting for limits may add to it.
    """

    exchange: str
    operation: str
    effect: str
    attempt: int
    error: str
    pause: float


class Drift(NamedTuple):
    """A reply was understood, and holds what the spec does not know: the exchange may have changed.

    Attributes:
        exchange: Name of the exchange.
        operation: Group and name.
        paths: JSON paths of unknown fields, and of enum values that the spec does not list; `[*]` is any item.
    """

    exchange: str
    operation: str
    paths: tuple[str, ...]


_Hook: TypeAlias = Callable[..., object]


class Hooks:
    """Functions to be called while a client works; see the module.

    Args:
        before_send: Gets a `Sending` before each attempt.
        after_reply: Gets a `Replied` after each attempt, also one that got no reply.
        on_retry: Gets a `Retrying` before the pause that precedes another attempt.
        on_drift: Gets a `Drift` for each good reply that holds what the spec does not know. Looking for it reads every
            reply a second time, slowly.

    Raises:
        InvalidType: One of them is no function, or an `async` one: nobody could await it.
    """

    __slots__ = ("after_reply", "before_send", "on_drift", "on_retry")

    def __init__(
        self,
        *,
        before_send: Callable[[Sending], object] | None = None,
        after_reply: Callable[[Replied], object] | None = None,
        on_retry: Callable[[Retrying], object] | None = None,
        on_drift: Callable[[Drift], object] | None = None,
    ) -> None:
        self.before_send = before_send
        self.after_reply = after_reply
        self.on_retry = on_retry
        self.on_drift = on_drift
        for name in self.__slots__:
            hook: _Hook | None = getattr(self, name)
            if hook is None:
                continue
            from inspect import iscoroutinefunction

            if not callable(hook):
                raise InvalidType(f"{name} must be a function, not {type(hook).__name__}", parameter="hooks")
            if iscoroutinefunction(hook) or iscoroutinefunction(getattr(hook, "__call__", None)):  # noqa: B004
                raise InvalidType(
                    f"{name} is an async function, and nobody would await it; give a plain one, which may put the "
                    "record into a queue",
                    parameter="hooks",
                )
