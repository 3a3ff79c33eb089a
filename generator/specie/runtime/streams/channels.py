"""A call of a stream's method, as the channels that it asks for: named, and with what its messages have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..basics import is_many
from ..conditions import Presence
from ..converters import Bad, shown
from ..encode import Codec
from ..errors import InvalidType, InvalidValue
from ..plan import codec_of, encode
from .definitions import Feed, StreamParameter
from .templates import fill_text, marks_in, render_channel

__all__ = ["Channel", "address_of", "channels_of", "values_of"]

_LONGEST_TEXT: Final = 200


class Channel:
    """One subscription: what is told of one market, or of one account.

    Attributes:
        feed: The stream that it is of.
        text: Its name; empty where the connection itself is the subscription.
        values: The parameters that were given, as they are sent.
        when: What its messages have.
        event: Under which event they come; empty where there are no events.
        fill: What is set in their content where it is absent.
        key: Equal for equal channels.
    """

    __slots__ = ("_hash", "event", "feed", "fill", "key", "text", "values", "when")

    def __init__(
        self, feed: Feed[Any], values: Mapping[str, Any], texts: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        self.feed = feed
        self.values = dict(values)
        self.text = "" if feed.channel is None else render_channel(feed.channel, texts)
        places: dict[str, Any] = {**options, **texts, "channel": self.text}
        self.when: dict[str, str | Presence] = {
            key: wanted if isinstance(wanted, Presence) else fill_text(wanted, places)
            for key, wanted in feed.when.items()
        }
        # An option may itself speak of the channel.
        self.event = "" if feed.event is None else fill_text(fill_text(feed.event, places), places)
        self.fill = {key: fill_text(value, places) for key, value in feed.fill.items()}
        self.key = (feed.name, self.text, self.event)
        self._hash = hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Channel) and self.key == other.key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<Channel {self.feed.name} {self.text}>"


class FeedPlan:
    """How the arguments of a stream are read."""

    def __init__(self, feed: Feed[Any]) -> None:
        self.codecs: list[Codec] = [codec_of(parameter) for parameter in feed.parameters]
        self.letters = {
            parameter.name: parameter.letters
            for parameter in feed.parameters
            if isinstance(parameter, StreamParameter) and parameter.letters
        }
        self.marks = [(mark, name) for mark, name in marks_in(feed.channel or "") if mark]
        self.several = next((codec.name for codec in self.codecs if codec.required), None)

    def accept(self, name: str, codec: Codec, value: Any) -> tuple[Any, str] | None:
        """A value, and its text; `None` where there is none."""
        if value is None:
            if codec.required:
                raise InvalidType(f"{name}: {codec.name}: is required", operation=name, parameter=codec.name)
            value = codec.unsent(0)
            if value is None:
                return None
        try:
            accepted = codec.accept(value)
            text = codec.joined(accepted) if codec.many else codec.converter.text(accepted)
            if not text:
                raise Bad("is empty")
            _check_text(text)
        except Bad as bad:
            raise bad.error(name, codec.name) from None
        letters = self.letters.get(codec.name)
        if letters:
            text = text.upper() if letters == "upper" else text.lower()
            accepted = text if isinstance(accepted, str) else accepted
        return accepted, text


def plan_of(feed: Feed[Any]) -> FeedPlan:
    """How the arguments of a stream are read, worked out at first use."""
    if feed.plan is None:
        feed.plan = FeedPlan(feed)
    return feed.plan  # type: ignore[no-any-return]


def values_of(feed: Feed[Any], value: Any) -> list[Any]:
    """The first argument as several values: one may be given for a list."""
    if not is_many(value):
        return [value]
    values = list(value)
    if not values:
        name = plan_of(feed).several
        raise InvalidValue(f"{feed.name}: {name}: an empty list asks for nothing", operation=feed.name, parameter=name)
    return values


def channels_of(feed: Feed[Any], arguments: Mapping[str, Any], options: Mapping[str, Any]) -> list[Channel]:
    """The channels that a call asks for, each once.

    Args:
        feed: The stream.
        arguments: By Python name; the first required one may be several.
        options: Values of the connection's options.

    Raises:
        ArgumentError: An argument cannot be sent as it is.
    """
    plan = plan_of(feed)
    unknown = arguments.keys() - {codec.name for codec in plan.codecs}
    if unknown:
        name = min(unknown)
        raise InvalidType(f"{feed.name}: there is no parameter {name!r}", operation=feed.name, parameter=name)
    found: dict[Channel, None] = {}
    for value in values_of(feed, arguments.get(plan.several)) if plan.several else [None]:
        given = dict(arguments, **{plan.several: value}) if plan.several else arguments
        values: dict[str, Any] = {}
        texts: dict[str, str] = {}
        for codec in plan.codecs:
            accepted = plan.accept(feed.name, codec, given.get(codec.name))
            if accepted is not None:
                values[codec.name], texts[codec.name] = accepted
                _check_marks(plan, feed.name, codec.name, accepted[1])
        channel = Channel(feed, values, texts, options)
        if feed.address is not None:
            _check_address(channel)
        found[channel] = None
    return list(found)


def _check_text(text: str) -> None:
    # A path or a query would have these percent-encoded; the name of a channel has no such escape, and the exchange
    # would take it for one that does not exist, often without a word.
    if text != text.strip():
        raise Bad(f"{shown(text)} has blanks around it; write {shown(text.strip())}")
    wrong = next((character for character in text if character.isspace() or not character.isprintable()), None)
    if wrong is not None:
        what = "a blank" if wrong == " " else f"the character U+{ord(wrong):04X}"
        raise Bad(f"{shown(text)} holds {what}, which the name of a channel cannot have")
    if len(text) > _LONGEST_TEXT:
        raise Bad(f"{shown(text)} has {len(text)} characters, more than the name of any channel")


def _check_marks(plan: FeedPlan, feed: str, parameter: str, text: str) -> None:
    # What is joined by hand, as in an address, would name a channel whose messages nobody here would know.
    for mark, name in plan.marks:
        if name != parameter and mark in text:
            raise InvalidValue(
                f"{feed}: {parameter}: {text!r} may not hold {mark!r}; what stands behind it is said by {name}=…",
                operation=feed,
                parameter=parameter,
            )


def _check_address(channel: Channel) -> None:
    # In an address, these would make another address of it: another path, a query, a second channel.
    if any(character in channel.text for character in "/\\?#,") or channel.text in (".", ".."):
        raise InvalidValue(
            f"{channel.feed.name}: {channel.text!r} cannot stand in an address; it may not hold a slash, "
            "a question mark, a hash or a comma",
            operation=channel.feed.name,
        )


def address_of(channels: Sequence[Channel]) -> tuple[str, str]:
    """Path (under the server's) and query of the address that is the subscription of these channels."""
    address = channels[0].feed.address
    if address is None:
        return "", ""
    texts = [encode(channel.text).replace("%3A", ":") for channel in channels]
    template = address if isinstance(address, str) else address[0 if len(channels) == 1 else 1]
    path, _, query = template.partition("?")
    places = {"channel": texts[0], "channels": ",".join(texts)}
    return fill_text(path, places), fill_text(query, places)
