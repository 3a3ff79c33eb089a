"""What every client takes beside credentials and session, said once for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TypedDict, cast

from .basics import Timeout
from .budgets import Budgets
from .clock import Clock
from .errors import InvalidType, InvalidValue
from .hooks import Hooks
from .meter import Policy
from .nonce import NonceSource
from .retry import Retries
from .trust import Trusted

__all__ = ["ClientOptions", "refuse_unknown", "refuse_unusable", "retries_of", "timeout_of"]


class ClientOptions(TypedDict, total=False):
    """Options of a client; what is not given, or `None`, is as it says here."""

    base_url: str | Mapping[str, str] | None
    """In place of the exchange's own: a text replaces the server `rest` and no other, a mapping replaces servers by
    name.
    """
    timeout: Timeout | float | None
    """How long calls may take: 5 s to connect, 15 s between two pieces of an answer, 60 s for the whole call. A number
    bounds each of connecting and waiting, and the whole call at four times that.
    """
    retries: Retries | int | None
    """How often a read is made again, and how patiently; a number says how many times. Twice unless given; what has an
    effect never is.
    """
    limits: Policy | None
    """What becomes of a call that finds no room under the exchange's limits: `wait` (unless given), as long as the
    timeout allows, `raise` for `LimitReached` at once, or `ignore`.
    """
    budgets: Budgets | None
    """Where it is kept what was used of the limits: shared by all clients of the process; `FileBudgets` and
    `RedisBudgets` share it with others.
    """
    nonces: NonceSource | None
    """Where nonces come from: shared by all clients of the process; `FileNonces` and `RedisNonces` share them with
    others.
    """
    clock: Clock | None
    """Gives milliseconds since 1970; nonces, signatures and default times follow it. Unless given, the exchange's own
    time is learned from its replies, by all clients of the process.
    """
    hooks: Hooks | None
    """What is told of each attempt, each retry, and replies that the spec does not know."""
    verify: Trusted | None
    """Whose certificates are trusted: the path of a CA bundle, or an `ssl.SSLContext`; the usual authorities unless
    given. Verification cannot be turned off.
    """
    connections: int | None
    """How many connections may be open at a time; 100 unless given, and more calls wait for one."""


def refuse_unknown(client: type, options: Mapping[str, object]) -> None:
    """Refuse what is no option.

    Raises:
        TypeError: It is none.
    """
    unknown = next((name for name in options if name not in ClientOptions.__annotations__), None)
    if unknown is not None:
        from difflib import get_close_matches

        near = get_close_matches(unknown, ClientOptions.__annotations__, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise TypeError(f"{client.__name__}() got an unexpected keyword argument {unknown!r}{meant}")


def timeout_of(given: Timeout | float | None) -> Timeout:
    """How long calls may take.

    Raises:
        InvalidType: It is something else.
        InvalidValue: It is no time that one can wait.
    """
    if given is None:
        return Timeout()
    whole = isinstance(given, Timeout)
    bounds = given._asdict() if isinstance(given, Timeout) else {"": given}
    for name, seconds in bounds.items():
        if whole and name == "total" and seconds is None:
            continue
        called = f"timeout.{name}" if name else "timeout"
        if not _is_number(seconds):
            raise InvalidType(f"{called} must be a number of seconds, not {seconds!r}", parameter="timeout")
        if not 0 < seconds <= _LONGEST:
            raise InvalidValue(
                f"{called} must be above 0 s and at most a million, not {seconds!r}; Timeout(total=None) sets no "
                "bound to the whole call",
                parameter="timeout",
            )
    return Timeout.of(given)


def retries_of(given: Retries | int | None) -> Retries:
    """How often a read is made again.

    Raises:
        InvalidType: It is something else.
        InvalidValue: It is below 0, or no number.
    """
    retries = Retries.of(given)
    attempts = cast(object, retries.attempts)
    if not isinstance(attempts, int) or isinstance(attempts, bool):
        raise InvalidType(f"retries must be a whole number, or Retries(…), not {attempts!r}", parameter="retries")
    for name, value in retries._asdict().items():
        if not _is_number(value):
            raise InvalidType(f"retries.{name} must be a number, not {value!r}", parameter="retries")
        if not (isfinite(value) and value >= 0):
            raise InvalidValue(f"retries.{name} must be 0 or more, and finite, not {value!r}", parameter="retries")
    return retries


def refuse_unusable(options: Mapping[str, object]) -> None:
    """Refuse what would fail only when a call is made, which may be one with an effect.

    Raises:
        InvalidType: An option is not what it should be.
        InvalidValue: There would be no connection.
    """

    def refuse(name: str, wanted: str) -> InvalidType:
        return InvalidType(f"{name} must be {wanted}, not {options[name]!r}", parameter=name)

    given = {name: value for name, value in options.items() if value is not None}
    if not callable(given.get("clock", int)):
        raise refuse("clock", "a function that gives milliseconds since 1970")
    if "hooks" in given and not isinstance(given["hooks"], Hooks):
        raise refuse("hooks", "Hooks(…)")
    if not _does(given.get("nonces"), "next"):
        raise refuse("nonces", "a source of nonces such as FileNonces(path)")
    if not _does(given.get("budgets"), "take"):
        raise refuse("budgets", "a store of budgets such as FileBudgets(path)")
    urls = given.get("base_url", "")
    for url in cast("Mapping[str, object]", urls).values() if isinstance(urls, Mapping) else (urls,):
        if not isinstance(url, str):
            raise refuse("base_url", "a URL, or a mapping of server names to URLs")
    connections = given.get("connections", 1)
    if not isinstance(connections, int) or isinstance(connections, bool):
        raise refuse("connections", "a whole number")
    if connections < 1:
        raise InvalidValue(f"connections must be 1 or more, not {connections!r}", parameter="connections")


_LONGEST = 1e6  # sockets and locks cannot wait for ever so long


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _does(value: object, method: str) -> bool:
    return value is None or (not isinstance(value, type) and callable(getattr(value, method, None)))
