"""What was told already, counted, so that what is asked for after a gap is given once and nothing of it twice.

No call, no clock: it is shown messages and items, and says which items are news.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from ..models import is_model
from ..shapes import Scalar, shapes_of
from .templates import fill_text, names_in
from .upkeep import Resync

__all__ = ["Ledger", "time_ms"]

_REMEMBERED: Final = 100_000
_ECHO_MS: Final = 60_000
_LATE_MS: Final = 5_000
_TICKS: Final = {"millis": 1, "seconds": 1000, "exact": 1000}

Key: TypeAlias = tuple[Hashable, ...]


class _Seen(NamedTuple):
    key: Key
    time_ms: int  # of the thing itself where it says so, else of its arrival


class _Echo(NamedTuple):
    key: Key
    second: int
    expires_ms: int


class Ledger:
    """What a stream told, and what of a gap is still to be told.

    Args:
        rule: What is asked for after a gap, and how items are known by messages.
    """

    def __init__(self, rule: Resync) -> None:
        self._rule = rule
        self._seen: deque[_Seen] = deque(maxlen=_REMEMBERED)
        self._echoes: list[_Echo] = []
        self._each: dict[Key, dict[str, str]] = {}
        self._open: dict[Key, Any] = {}
        self._touched: set[Key] | None = None

    # -- messages ------------------------------------------------------------------------------------------------------

    def is_echo(self, message: Any, now_ms: int) -> bool:
        """Whether a message tells what an item told already, because it was on its way meanwhile."""
        if not self._echoes:
            return False
        key, happened = self._message_key(message), time_ms(message)
        self._echoes = [echo for echo in self._echoes if echo.expires_ms > now_ms]
        for index, echo in enumerate(self._echoes):
            if happened is not None and echo.key == key and echo.second == happened // 1000:
                del self._echoes[index]
                return True
        return False

    def told(self, message: Any, now_ms: int) -> None:
        """A message was told."""
        self._learn_each(message, self._rule.each)
        self.glimpse(message)
        self._note_open(message)
        seen = self._as_seen(message, now_ms)
        if seen is not None:
            self._seen.append(seen)

    def glimpse(self, message: Any) -> None:
        """A message came, and waits until the answer is there: of what it speaks of, it knows better."""
        identity = self._identity(message)
        if identity is not None and self._touched is not None:
            self._touched.add(identity)

    # -- what to ask for -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Something is about to be asked for: what messages tell from now on is newer than the answer."""
        self._touched = set()

    def arguments(self) -> list[dict[str, str]]:
        """The arguments of the calls that ask for what was missed: one call, or one for each value seen."""
        return list(self._each.values()) if self._rule.each else [{}]

    def learn(self, items: Iterable[Any]) -> None:
        """Take values of `each` from items of the call that is to tell them."""
        if self._rule.known is not None:
            for item in items:
                self._learn_each(item, self._rule.known.each)

    def learn_open(self, items: Iterable[Any]) -> None:
        """Take items for known to be open, without giving them."""
        touched = self._touched or set()
        for item in items:
            if self._identity(item) not in touched:
                self._note_open(item)

    def vanished(self, items: Sequence[Any]) -> list[dict[str, Any]]:
        """The arguments of the calls that ask for what was open, is not listed, and no message spoke of since."""
        closed = self._rule.closed
        if closed is None:
            return []
        listed = {_values(item, closed.by.values()) for item in items}
        touched = self._touched or set()
        gone = [known for known in self._open if known not in listed and known not in touched]
        return [dict(zip(closed.by, known, strict=True)) for known in gone]

    # -- items ---------------------------------------------------------------------------------------------------------

    def news(
        self,
        lists: Sequence[Sequence[Any]],
        held: Sequence[Any],
        *,
        since_ms: int | None,
        back_ms: int,
        now_ms: int,
    ) -> list[Any]:
        """The items that nothing told yet, oldest first. They and the messages that waited are told from now on.

        Args:
            lists: What each call gave.
            held: The messages that came while it was asked for; they are told after these.
            since_ms: What is older was not asked for; `None` where the items are states and not events.
            back_ms: When messages came again.
            now_ms: The client's clock.
        """
        items = chronological(_each_once(lists))
        if since_ms is None:
            found = self._new_states(items, held)
        else:
            told = [seen for seen in self._seen if seen.time_ms >= since_ms]
            told.extend(seen for message in held if (seen := self._as_seen(message, now_ms)) is not None)
            found = self._new_events(items, told)
        for item in found:
            self._give(item, back_ms, now_ms)
        for message in held:
            self.told(message, now_ms)
        return found

    def _new_states(self, items: Sequence[Any], held: Sequence[Any]) -> list[Any]:
        """A state was told if a message told it, however often; and a message that waits knows better."""
        told = {seen.key for seen in self._seen} | {self._message_key(message) for message in held}
        touched = self._touched or set()
        return [
            item
            for item in items
            if ((key := self._item_key(item)) is None or key not in told) and self._identity(item) not in touched
        ]

    def _new_events(self, items: Sequence[Any], told: Sequence[_Seen]) -> list[Any]:
        """Each message told of one event: of those that are alike, of the one of its own second if there is one."""
        exactly = Counter((seen.key, seen.time_ms // 1000) for seen in told)
        left = Counter(seen.key for seen in told)
        unmatched: list[Any] = []
        for item in items:
            key, happened = self._item_key(item), time_ms(item)
            when = None if key is None or happened is None else (key, happened // 1000)
            if key is not None and when is not None and exactly[when] > 0:
                exactly[when] -= 1
                left[key] -= 1
            else:
                unmatched.append(item)
        found: list[Any] = []
        for item in unmatched:
            key = self._item_key(item)
            if key is not None and left[key] > 0:
                left[key] -= 1
            else:
                found.append(item)
        return found

    def _as_seen(self, message: Any, now_ms: int) -> _Seen | None:
        key = self._message_key(message)
        if key is None:
            return None
        happened = time_ms(message)
        return _Seen(key, now_ms if happened is None else happened)

    def _give(self, item: Any, back_ms: int, now_ms: int) -> None:
        self._note_open(item)
        self._learn_each(item, self._rule.known.each if self._rule.known is not None else {})
        key = self._item_key(item)
        if key is None:
            return
        happened = time_ms(item)
        self._seen.append(_Seen(key, now_ms if happened is None else happened))
        if happened is not None and happened >= back_ms - _LATE_MS:
            # Its own message may still be on its way.
            self._echoes.append(_Echo(key, happened // 1000, now_ms + _ECHO_MS))

    # -- keys ----------------------------------------------------------------------------------------------------------

    def _message_key(self, message: Any) -> Key | None:
        return _values(message, self._rule.same.keys()) if self._rule.same else None

    def _item_key(self, item: Any) -> Key | None:
        return _values(item, self._rule.same.values()) if self._rule.same else None

    def _identity(self, item: Any) -> Key | None:
        closed = self._rule.closed
        return None if closed is None else _values(item, closed.by.values())

    def _note_open(self, value: Any) -> None:
        identity, closed = self._identity(value), self._rule.closed
        if identity is None or closed is None:
            return
        if all(_value(value, field) == _plain(wanted) for field, wanted in closed.open.items()):
            self._open[identity] = None
        else:
            self._open.pop(identity, None)

    def settled(self, arguments: Mapping[str, Any]) -> None:
        """What was asked for by these arguments is no longer to be had."""
        self._open.pop(tuple(arguments.values()), None)

    def _learn_each(self, value: Any, each: Mapping[str, str]) -> None:
        if not self._rule.each:
            return
        given: dict[str, str] = {}
        for parameter, source in each.items():
            names = names_in(source)
            parts = {name: _value(value, name) for name in names or {source}}
            if any(part is None for part in parts.values()):
                return
            given[parameter] = fill_text(source, parts) if names else str(parts[source])
        if given:
            # Streams and REST may write the same market in different letters.
            self._each.setdefault(tuple(text.casefold() for text in given.values()), given)


def _each_once(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """The items of several calls: what two calls both give is one thing, what one call gives twice is two."""
    if len(lists) == 1:
        return list(lists[0])
    left: Counter[str] = Counter()
    for items in lists:
        left |= Counter(map(repr, items))  # models with lists in them have no hash, and are printed by all their fields
    found: list[Any] = []
    for items in lists:
        for item in items:
            written = repr(item)
            if left[written] > 0:
                left[written] -= 1
                found.append(item)
    return found


def chronological(items: Sequence[Any]) -> list[Any]:
    """Items by their first field of time, oldest first; as they came where they have none."""
    times = [time_ms(item) for item in items]
    if any(one is None for one in times):
        return list(items)
    # Lists come newest first as often as not; of two with one time, the later one in such a list is the older.
    pairs = list(zip(times, items, strict=True))
    if len(pairs) > 1 and (times[0] or 0) > (times[-1] or 0):
        pairs.reverse()
    return [item for _, item in sorted(pairs, key=lambda pair: pair[0] or 0)]


def time_ms(value: object) -> int | None:
    """When a message or an item says that it happened: milliseconds since 1970, from its first field of time that is
    given.
    """
    kind = type(value)
    if not is_model(kind):
        return None
    for field in shapes_of(kind):
        unit = field.shape.unit if isinstance(field.shape, Scalar) else ""
        found = getattr(value, field.name) if unit else None
        if found is None:
            continue
        if unit in _TICKS:
            return int(Decimal(found) * _TICKS[unit])
        try:
            moment = datetime.fromisoformat(found)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            return int(moment.timestamp() * 1000)
    return None


def _values(value: Any, fields: Iterable[str]) -> Key:
    return tuple(_value(value, field) for field in fields)


def _value(value: Any, field: str) -> Any:
    try:
        return _plain(attrgetter(field)(value))
    except AttributeError:  # of several types that a stream yields, some may lack it
        return None


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
