"""What a user may set for streams, and what holds unless it is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ..converters import shown
from ..errors import InvalidType, InvalidValue
from .events import StreamEvent

if TYPE_CHECKING:
    from .links import Dialer

__all__ = ["Options", "Overflow", "StreamOptions"]

Overflow = Literal["fail", "block", "drop_oldest"]


class StreamOptions(TypedDict, total=False):
    """What `with_options` of streams takes; `None` changes nothing.

    `listener`: is called with each `StreamEvent`, in the thread or loop that reads the connection, so it must not wait
    for anything; what it raises is logged. `queue`: how many messages a stream keeps for its reader (10,000).
    `overflow`: what happens when that many wait: `"fail"` (the default) ends the stream with `SlowConsumer` after
    them, `"drop_oldest"` makes room and says so by `Dropped`, `"block"` stops reading the connection, and with it all
    streams on it, for at most `patience` seconds (5), and then fails. `silence`: seconds without a sign of life after
    which a connection counts as dead; as the exchange's spec says unless given. `first_pause`, `longest_pause`:
    bounds of the pause before it is dialled anew, in seconds (0.5 and 30); it doubles with each failure, and a random
    part of it is waited. `attempts`: how often it is dialled in a row before the stream ends with `StreamEnded`; it
    never gives up unless given. `open_timeout`: seconds that connecting, and each acknowledgement, may take (10).
    `check_every`: seconds between two comparisons of a local book with the exchange's (60); 0 for never. `dialer`:
    makes the connections, in place of the network: a `Replay`.
    """

    listener: Callable[[StreamEvent], object] | None
    queue: int | None
    overflow: Overflow | None
    patience: float | None
    silence: float | None
    first_pause: float | None
    longest_pause: float | None
    attempts: int | None
    open_timeout: float | None
    check_every: float | None
    dialer: Dialer | None


_SECONDS = {"patience", "silence", "first_pause", "longest_pause", "open_timeout"}


class Options:
    """The options in force. Streams share a connection only if they share these.

    Attributes:
        values: Options of the exchange's connections, by name: those that were changed.
        (others): As in `StreamOptions`.
    """

    def __init__(self) -> None:
        self.listener: Callable[[StreamEvent], object] | None = None
        self.queue = 10_000
        self.overflow: Overflow = "fail"
        self.patience = 5.0
        self.silence: float | None = None
        self.first_pause = 0.5
        self.longest_pause = 30.0
        self.attempts: int | None = None
        self.open_timeout = 10.0
        self.check_every = 60.0
        self.dialer: Dialer | None = None
        self.values: dict[str, Any] = {}

    def changed(self, values: Mapping[str, Any], given: Mapping[str, Any]) -> Options:
        """A copy that differs in what is given.

        Raises:
            ArgumentError: There is no such option, or it cannot have this value.
        """
        other = copy(self)
        other.values = {**self.values, **{name: value for name, value in values.items() if value is not None}}
        for name, value in given.items():
            if name not in StreamOptions.__annotations__:
                known = ", ".join(StreamOptions.__annotations__)
                raise InvalidType(f"with_options: there is no option {name!r}; there are {known}", parameter=name)
            if value is not None:
                _check(name, value)
                setattr(other, name, value)
        return other


def check_values(given: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Check options of a connection: each is of the type of what it is unless changed.

    Args:
        given: Those that were changed; others than the connection's are passed over.
        usual: What the connection's are unless changed.

    Raises:
        ArgumentError: One cannot have this value.
    """
    for name, value in given.items():
        if name not in usual:
            continue
        wanted: type[object] = int if isinstance(usual[name], int) else str
        if not isinstance(value, wanted) or isinstance(value, bool):
            told = f"{name} must be {'an int' if wanted is int else 'a str'}"
            raise InvalidType(f"with_options: {told}, not {type(value).__name__} {shown(value)}", parameter=name)
        if isinstance(value, str) and (not value.strip() or not value.isprintable()):
            raise InvalidValue(
                f"with_options: {name} must be a text that can be seen, not {shown(value)}", parameter=name
            )


def _check(name: str, value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name in _SECONDS and not (number and 0 < value < 86_400):
        raise InvalidValue(f"{name} must be a number of seconds above 0 and below a day, not {value!r}", parameter=name)
    if name == "check_every" and not (number and value >= 0):
        raise InvalidValue(f"{name} must be a number of seconds, or 0 for never, not {value!r}", parameter=name)
    if name in ("queue", "attempts") and not (number and isinstance(value, int) and value >= 1):
        raise InvalidValue(f"{name} must be a whole number of at least 1, not {value!r}", parameter=name)
    if name == "overflow" and value not in ("fail", "block", "drop_oldest"):
        raise InvalidValue(f"overflow must be 'fail', 'block' or 'drop_oldest', not {value!r}", parameter=name)
    if name == "listener" and (iscoroutinefunction(value) or iscoroutinefunction(getattr(value, "__call__", None))):  # noqa: B004
        raise InvalidType("listener must be a plain function: nothing would await an async one", parameter=name)
    if name == "listener" and not callable(value):
        raise InvalidType(f"listener must be a function, not {type(value).__name__}", parameter=name)
