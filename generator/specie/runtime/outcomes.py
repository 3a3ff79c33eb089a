"""What became of a call whose answer was lost: the answers that `reconcile` gives.

Each says something that the exchange's own books show; where they do not show it, the answer is `StillUnknown`. They
are told apart by `match`, or by `isinstance`:

    match client.orders.reconcile(unknown, wait=60):
        case Placed(order):
            ...
        case NotPlaced():
            ...
        case StillUnknown(candidates, why):
            ...
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

__all__ = [
    "Cancelled",
    "Filled",
    "NotCancelled",
    "NotPlaced",
    "NotTransferred",
    "Placed",
    "StillUnknown",
    "Transferred",
]

T_co = TypeVar("T_co", covariant=True)


class _Answer:
    """What all answers have in common: they do not change, and are equal if all that they say is."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def _say(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Answer) or type(other) is not type(self):
            return NotImplemented
        return other._values() == self._values()

    def __hash__(self) -> int:
        return hash((type(self), *map(repr, self._values())))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({said})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()


class Placed(_Answer, Generic[T_co]):
    """The order was placed.

    Attributes:
        order: The order as the exchange has it now: it may be filled or cancelled already.
    """

    __slots__ = ("order",)
    __match_args__ = ("order",)
    order: T_co

    def __init__(self, order: T_co) -> None:
        self._say(order=order)


class Filled(_Answer, Generic[T_co]):
    """The order was placed and traded in full, and the exchange keeps no record of it but these trades.

    Attributes:
        fills: The trades, which make up the whole amount of the order.
    """

    __slots__ = ("fills",)
    __match_args__ = ("fills",)
    fills: tuple[T_co, ...]

    def __init__(self, fills: Iterable[T_co]) -> None:
        self._say(fills=tuple(fills))


class NotPlaced(_Answer):
    """The order was not placed, and will not be: it may be sent again.

    Attributes:
        why: What shows it, in a sentence.
    """

    __slots__ = ("why",)
    __match_args__ = ("why",)
    why: str

    def __init__(self, why: str) -> None:
        self._say(why=why)


class Cancelled(_Answer, Generic[T_co]):
    """The order is cancelled, by this call or otherwise; a part of it may have been traded before.

    Attributes:
        order: The order as the exchange has it now.
    """

    __slots__ = ("order",)
    __match_args__ = ("order",)
    order: T_co

    def __init__(self, order: T_co) -> None:
        self._say(order=order)


class NotCancelled(_Answer, Generic[T_co]):
    """The order was not cancelled: it is still open, or it had ended otherwise before.

    Attributes:
        order: The order as the exchange has it now.
        why: Which of the two, in a sentence.
    """

    __slots__ = ("order", "why")
    __match_args__ = ("order", "why")
    order: T_co
    why: str

    def __init__(self, order: T_co, why: str) -> None:
        self._say(order=order, why=why)


class Transferred(_Answer, Generic[T_co]):
    """The exchange took the transfer.

    Attributes:
        transfer: The transfer as the exchange has it now: it need not be carried out yet.
    """

    __slots__ = ("transfer",)
    __match_args__ = ("transfer",)
    transfer: T_co

    def __init__(self, transfer: T_co) -> None:
        self._say(transfer=transfer)


class NotTransferred(_Answer):
    """The exchange did not take the transfer, and will not: it may be asked for again.

    Attributes:
        why: What shows it, in a sentence.
    """

    __slots__ = ("why",)
    __match_args__ = ("why",)
    why: str

    def __init__(self, why: str) -> None:
        self._say(why=why)


class StillUnknown(_Answer, Generic[T_co]):
    """What the exchange shows does not settle it. Nothing may be sent again on the strength of this.

    Attributes:
        candidates: What it could be: records of the exchange that may stem from the call, or from another one.
        why: What is lacking, in a sentence.
        again_in: Seconds after which asking again may settle it; `None` if time alone will not.
    """

    __slots__ = ("again_in", "candidates", "why")
    __match_args__ = ("candidates", "why", "again_in")
    candidates: tuple[T_co, ...]
    why: str
    again_in: float | None

    def __init__(self, candidates: Iterable[T_co] = (), why: str = "", again_in: float | None = None) -> None:
        self._say(candidates=tuple(candidates), why=why, again_in=again_in)
