"""One message of a channel, from bytes to the model: where its content lies, which model it is, what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..basics import is_object, is_tuple
from ..conditions import PRESENT, Condition, Presence
from ..decode import ReplyDecoder
from ..fast import Doubtful
from ..reference import Mismatch, found, parse, read, step
from ..shapes import Shape, shape_of
from .channels import Channel
from .definitions import Feed
from .templates import as_text

__all__ = ["FeedReader", "holds", "reader_of"]

_NOTHING = object()


class FeedReader:
    """Reads the messages of one feed."""

    def __init__(self, feed: Feed[Any]) -> None:
        self._at = tuple(feed.at.split(".")) if feed.at else ()
        self._alternatives: list[tuple[Shape, Condition]] = []
        self._shape: Shape | None = None
        if is_tuple(feed.yields):
            self._alternatives = [(shape_of(kind), when) for kind, when in feed.yields]
        else:
            self._shape = shape_of(feed.yields)
        # What is told apart by its content, or completed, is looked at before it is read: that takes the slow pass.
        fast = self._shape is not None and not feed.fill
        self._decoder = ReplyDecoder(self._shape, at=self._at) if fast and self._shape is not None else None
        self._bare = ReplyDecoder(self._shape) if fast and self._at and self._shape is not None else None

    def read(self, data: bytes, channel: Channel, content: bytes | None = None) -> Any:
        """The model of a message.

        Args:
            data: The message.
            channel: Its channel.
            content: What of the message is the content, if it was cut out already.

        Raises:
            Mismatch: It cannot be what it claims to be.
        """
        # What is not ASCII may be damaged outside of its content as well.
        if content is not None and self._bare is not None and data.isascii():
            try:
                return self._bare.quickly(content)
            except Doubtful:
                pass  # the whole message says best what is wrong with it
        if self._decoder is not None:
            return self._decoder.decode(data)
        return self.read_parsed(parse(data), channel)

    def read_parsed(self, parsed: Any, channel: Channel) -> Any:
        """The same of a message that was parsed already."""
        value, path = parsed, "$"
        for key in self._at:
            if not is_object(value) or key not in value:
                raise Mismatch(step(path, key), "the content", "nothing (the key is missing)")
            value, path = value[key], step(path, key)
        if channel.fill and is_object(value):
            value = {**channel.fill, **value}
        if self._shape is not None:
            return read(self._shape, value, path)
        for shape, when in self._alternatives:
            if holds(when, value):
                return read(shape, value, path)
        raise Mismatch(path, "one of the kinds of messages that are known", found(value))


def reader_of(feed: Feed[Any]) -> FeedReader:
    """The reader of a feed, made at the first message."""
    if feed.reader is None:
        feed.reader = FeedReader(feed)
    return feed.reader  # type: ignore[no-any-return]


def holds(when: Mapping[str, str | Presence], value: Any) -> bool:
    """Whether parsed JSON has everything that a condition asks for."""
    for key, wanted in when.items():
        there = _value_at(value, key)
        if isinstance(wanted, Presence):
            if (there is not _NOTHING) is not (wanted is PRESENT):
                return False
        elif there is _NOTHING or as_text(there) != wanted:
            return False
    return True


def value_at(value: Any, key: str | None) -> Any:
    """What lies at a key (keys joined by dots lead deeper), or `None`."""
    if key is None:
        return None
    there = _value_at(value, key)
    return None if there is _NOTHING else there


def _value_at(value: Any, key: str) -> Any:
    for part in key.split("."):
        if not is_object(value) or part not in value:
            return _NOTHING
        value = value[part]
    return value
