"""One channel of a session: how far it has come, and what of it came already."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from ..basics import is_array
from .channels import Channel
from .reading import FeedReader, reader_of

__all__ = ["Entry"]

_REMEMBERED: Final = 10_000
"""How many messages of a channel are remembered, to drop those that repeat one."""


Phase: TypeAlias = Literal["wanted", "asked", "live", "renewed", "left"]


class Entry:
    """A channel of a session.

    Attributes:
        channel: The channel.
        at: Where the content lies in its messages.
        reader: Reads its messages.
        whole: Which of them are the whole state.
        unique: Names of the fields by which a message repeats another one.
        phase: `wanted` (to be asked for), `asked` (not acknowledged), `live`, `renewed` (its end was asked for, so that
            it can begin anew), or `left`.
        fresh: Nothing of this subscription came yet.
    """

    __slots__ = ("_seen", "at", "channel", "fresh", "phase", "reader", "unique", "whole")

    def __init__(self, channel: Channel, phase: Phase = "wanted") -> None:
        self.channel = channel
        self.at = channel.feed.at
        self.reader: FeedReader = reader_of(channel.feed)
        self.whole = channel.feed.whole
        self.unique = channel.feed.unique
        self.phase: Phase = phase
        self.fresh = True
        self._seen: dict[tuple[Any, ...], None] = {}

    def without_repeats(self, message: Any) -> Any:
        """The message, or what of a list did not come lately; `None` if nothing is left."""
        if is_array(message):
            return [item for item in message if self._is_new(item)] or None
        return message if self._is_new(message) else None

    def _is_new(self, item: Any) -> bool:
        key = tuple(getattr(item, name) for name in self.unique)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True
