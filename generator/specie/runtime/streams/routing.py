"""Which channels a message belongs to, told from the few keys that tell it, before anything else of it is read.

msgspec steps over all other keys, so looking costs next to nothing; channels are then found in a table by the texts
that stand at those keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ..basics import is_object
from ..conditions import PRESENT, Presence
from ..reference import parse
from .channels import Channel
from .templates import as_text

__all__ = ["Router"]

T = TypeVar("T")
Get: TypeAlias = Callable[[Any], Any]
_ABSENT: Final[Any] = object()


class Router(Generic[T]):
    """A table from messages to those who take them.

    Args:
        takers: Channels, and what is to be found by them.
        reply: The key of the id of a request in its answer.
    """

    def __init__(self, takers: Iterable[tuple[Channel, T]], reply: str | None = None) -> None:
        import msgspec

        takers = list(takers)
        keys = [key for channel, _ in takers for key in channel.when] + ([] if reply is None else [reply])
        looked_at = dict.fromkeys(key.partition(".")[0] for key in keys)
        # What is read by a model afterwards is only cut out here, so that nothing is read twice.
        cut = dict.fromkeys(at for channel, _ in takers if (at := channel.feed.at) and "." not in at)
        self._names = (*looked_at, *(at for at in cut if at not in looked_at))
        fields: list[Any] = [
            (
                f"k{index}",
                Any if name in looked_at else msgspec.Raw,
                msgspec.field(name=name, default_factory=_absent),
            )
            for index, name in enumerate(self._names)
        ]
        self._keys: Any = msgspec.defstruct("Keys", fields)
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(self._keys, float_hook=Decimal).decode
        self._errors = (msgspec.MsgspecError, ArithmeticError, UnicodeDecodeError, RecursionError)
        self._reply = None if reply is None else self._getter(reply)
        self._raw = msgspec.Raw
        self._contents: dict[str | None, Get] = {at: self._getter(at) for at in cut if at not in looked_at}
        self._tables: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], list[T]]] = {}
        self._others: list[tuple[str, list[tuple[Get, str | Presence]], T]] = []
        for channel, taker in takers:
            texts = {key: wanted for key, wanted in channel.when.items() if isinstance(wanted, str)}
            if len(texts) == len(channel.when):
                table = self._tables.setdefault((channel.event, tuple(texts)), {})
                table.setdefault(tuple(texts.values()), []).append(taker)
            else:
                wants = [(self._getter(key), wanted) for key, wanted in channel.when.items()]
                self._others.append((channel.event, wants, taker))
        self._all = [
            (event, [self._getter(path) for path in paths], table) for (event, paths), table in self._tables.items()
        ]
        self._quick = self._quick_table()

    def look(self, data: bytes) -> Any:
        """The keys of a message that tell where it belongs.

        Raises:
            Mismatch: It is no JSON.
        """
        try:
            return self._decode(data)
        except self._errors:
            return self.look_parsed(parse(data))

    def look_parsed(self, parsed: Any) -> Any:
        """The same of a message that was parsed already."""
        members: dict[str, Any] = parsed if is_object(parsed) else {}
        return self._keys(*[members.get(name, _ABSENT) for name in self._names])

    def answers(self, keys: Any) -> Any:
        """What stands where the id of a request comes back; `None` for nothing."""
        if self._reply is None:
            return None
        there = self._reply(keys)
        return None if there is _ABSENT else there

    def content(self, keys: Any, at: str | None) -> bytes | None:
        """The bytes of the content that lies at a key, if they were cut out."""
        if at not in self._contents:
            return None
        there = self._contents[at](keys)
        return bytes(there) if isinstance(there, self._raw) else None

    def find(self, keys: Any, event: str = "") -> list[T]:
        """Who takes the message."""
        if self._quick is not None:
            get, table = self._quick
            try:
                return table[get(keys)]
            except (KeyError, TypeError):
                pass  # nobody does, or what is there is no text
        found: list[T] = []
        for wanted, getters, takers in self._all:
            if wanted == event:
                texts = [_ABSENT if (value := get(keys)) is _ABSENT else as_text(value) for get in getters]
                found += takers.get(tuple(texts), [])
        for wanted, wants, taker in self._others:
            if wanted == event and all(_has(get(keys), value) for get, value in wants):
                found.append(taker)
        return found

    def _quick_table(self) -> tuple[Get, dict[Any, list[T]]] | None:
        """All that there is to tell, where the same keys at the top tell all of it: so it is at most exchanges."""
        if len(self._all) != 1 or self._others:
            return None
        ((event, paths), table) = next(iter(self._tables.items()))
        if event or not paths or any("." in path for path in paths):
            return None
        get: Get = attrgetter(*(f"k{self._names.index(path)}" for path in paths))
        return get, dict(table) if len(paths) > 1 else {texts[0]: takers for texts, takers in table.items()}

    def _getter(self, path: str) -> Get:
        first, *rest = path.split(".")
        get: Get = attrgetter(f"k{self._names.index(first)}")
        return get if not rest else lambda keys: _deeper(get(keys), rest)


def _absent() -> Any:
    return _ABSENT


def _deeper(value: Any, rest: list[str]) -> Any:
    for part in rest:
        if not is_object(value) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _has(there: Any, wanted: str | Presence) -> bool:
    if isinstance(wanted, Presence):
        return (there is not _ABSENT) is (wanted is PRESENT)
    return there is not _ABSENT and as_text(there) == wanted
