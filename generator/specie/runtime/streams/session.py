"""The life of one connection, without the connection: what came goes in, with the time; what is to be done comes out.

It dials with backoff, logs in, subscribes, and waits for each acknowledgement, in that order; it notices silence, and
begins again. It never waits, never looks at a clock, and cannot be surprised: a test is a conversation with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from ..basics import Headers
from ..errors import AuthenticationFailed, PermissionDenied, RateLimited, StreamEnded, StreamError
from ..operation import ErrorMap
from ..reference import Mismatch, cut, parse
from .actions import Action, Deliver, Dial, Fail, HangUp, Ping, SignLogin, Tell
from .backoff import Backoff
from .channels import Channel, address_of
from .definitions import Connection
from .entries import Entry
from .events import Connected, MalformedMessage, Reconnecting, Stale, Subscribed, UnknownMessage
from .options import Options
from .pulse import Pulse
from .reading import holds, value_at
from .requests import Request, Requests
from .routing import Router
from .verdict import complaint, login_refused, refused, subscription_refused, tells

__all__ = ["Session"]

State = Literal["idle", "dialling", "login", "live", "waiting", "over"]


class Session:
    """One connection.

    Args:
        connection: What the spec says of it.
        errors: What refusals mean.
        options: The user's.
        random: Gives a number from 0 to 1.
        mask: Replaces every credential in a text.

    Attributes:
        state: What it is doing.
        stood: Whether it ever stood.
    """

    def __init__(
        self,
        connection: Connection,
        errors: ErrorMap,
        options: Options,
        random: Callable[[], float],
        mask: Callable[[str], str] = str,
    ) -> None:
        self.connection = connection
        self.state: State = "idle"
        self.stood = False
        self._errors = errors
        self._options = options
        self._backoff = Backoff(options, random)
        self._mask = mask
        self._values = {**connection.options, **options.values}
        self._requests = Requests(connection, self._values, options.open_timeout)
        self._reply = connection.reply.id if connection.reply is not None else None
        self._pulse = Pulse(options.silence or connection.silence, connection.ping)
        self._entries: dict[Channel, Entry] = {}
        self._router: Router[Entry] | None = None
        self._dials = 0  # since it last stood
        self._excused = False  # a signature that came at the wrong time was made anew once already
        self._since = 0.0  # when it came to stand
        self._lost_at: float | None = None  # the last sign of life of the connection before
        self._again_at = 0.0
        self._malformed = 0

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What is, or will be, subscribed."""
        return tuple(channel for channel, entry in self._entries.items() if entry.phase != "left")

    @property
    def deadline(self) -> float | None:
        """When `timer` wants to be called, if nothing else comes."""
        if self.state == "waiting":
            return self._again_at
        if self.state not in ("live", "login"):
            return None
        return min(self._pulse.deadline, self._requests.deadline or math.inf)

    # -- what the driver tells ---------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Action]:
        """Begin."""
        return self._dial(now) if self.state == "idle" else []

    def opened(self, now: float) -> list[Action]:
        """The connection that was dialled stands."""
        if self.state != "dialling":
            return []
        self._since = now
        self._pulse.begin(now)
        if self.connection.login is None:
            return self._stand(now)
        self.state = "login"
        return [SignLogin()]

    def signed(self, now: float, headers: dict[str, str]) -> list[Action]:
        """What was to be signed for the login is."""
        if self.state != "login":
            return []
        asked: list[Action] = [*self._requests.ask("login", self.connection.login, (), now, **headers)]
        expected = self._requests.expects("login") or self.connection.login_reply is not None
        return asked if expected else asked + self._stand(now)

    def received(self, now: float, data: Any, event: str = "", *, parsed: bool = False) -> list[Action]:
        """A message came: bytes, or (under an event) what was parsed already."""
        if self.state not in ("live", "login"):
            return []
        self._pulse.heard(now)
        router = self._router
        if router is None:
            router = self._router = self._routes()
        try:
            keys = router.look_parsed(data) if parsed else router.look(data)
            if (answer := router.answers(keys)) is not None:
                # A look at the keys passes over what else is in it; an answer that cannot be read answers nothing.
                content = data if parsed else parse(data)
                request = self._requests.answered(answer)
                if request is not None:
                    return self._answered(now, request, content)
            if self.state == "login":
                return self._login_answered(now, data if parsed else parse(data))
            takers = router.find(keys, event)
            if not takers:
                return self._unknown(_bytes(data, parsed), data if parsed else parse(data))
        except Mismatch as mismatch:
            return [self._bad(_bytes(data, parsed), mismatch, None)]
        actions: list[Action] = []
        for entry in takers:
            if entry.phase != "left" and entry.phase != "renewed":
                content = None if parsed else router.content(keys, entry.at)
                self._deliver(entry, data, parsed, content, actions)
        return actions

    def pinged(self, now: float) -> list[Action]:
        """The other side pinged, and was answered."""
        if self.connection.server_ping is not None:
            self._pulse.heard(now)
        return []

    def ponged(self, now: float) -> list[Action]:  # noqa: ARG002 - inputs are all alike
        """The other side answered a ping."""
        self._pulse.ponged()
        return []

    def deaf(self, now: float) -> list[Action]:
        """Nothing is read at the moment, so nothing can be heard: silence is counted from now."""
        self._pulse.heard(now)
        return []

    def refused(self, now: float, status: int, headers: dict[str, str], body: bytes) -> list[Action]:
        """The handshake was answered with another status than 101."""
        if self.state != "dialling":
            return []
        named = tuple(channel.text for channel in self.channels if channel.feed.address is not None and channel.text)
        verdict = refused(self.connection, self._errors, self._mask, named, status, Headers(headers.items()), body)
        if verdict.fresh and not self._excused:
            self._excused = True
            return self._dial(now, fresh=True)
        if not verdict.again:
            return self._end(verdict.error)
        return self._retry(now, str(verdict.error), verdict.wait)

    def lost(self, now: float, reason: str, code: int | None = None) -> list[Action]:
        """The connection broke, was closed by the other side, or could not be made."""
        if self.state in ("idle", "over", "waiting"):
            return []
        if code == 1009:
            return self._end(StreamError(f"{self.connection.name}: {reason}", connection=self.connection.name))
        return self._retry(now, self._mask(reason))

    def failed(self, now: float, error: Exception) -> list[Action]:  # noqa: ARG002 - inputs are all alike
        """It cannot go on, for a reason that lies with the user."""
        return [] if self.state == "over" else self._end(error)

    def timer(self, now: float) -> list[Action]:
        """The deadline has come."""
        if self.state == "waiting":
            return self._dial(now) if now >= self._again_at else []
        if self.state not in ("live", "login"):
            return []
        late = self._requests.overdue(now)
        if late is not None:
            what = "the login" if late.kind == "login" else ", ".join(channel.text for channel in late.channels)
            return self._drop(now, f"{what} was not acknowledged in {self._options.open_timeout:g} seconds")
        found = self._pulse.look(now)
        if found.dead:
            return self._drop(now, found.dead)
        told: list[Action] = [] if found.stale is None else [Tell(Stale(found.stale))]
        return [*told, Ping()] if found.ping else told

    # -- what the user wants -----------------------------------------------------------------------------------------

    def join(self, now: float, channels: Iterable[Channel]) -> list[Action]:
        """These are wanted from now on."""
        new: list[Channel] = []
        for channel in channels:
            entry = self._entries.get(channel)
            if entry is None:
                self._entries[channel] = Entry(channel)
                new.append(channel)
            elif entry.phase == "left":
                # What is still under way of it is old: it begins when the end of the old one is acknowledged.
                if self.state == "live" and self._requests.expects("leave"):
                    entry.phase = "renewed"
                else:
                    entry.phase, entry.fresh = "wanted", True
                    new.append(channel)
        self._router = None
        return self._subscribe(now, new) if self.state == "live" else []

    def leave(self, now: float, channels: Iterable[Channel]) -> list[Action]:
        """These are wanted no longer."""
        gone = [channel for channel in channels if channel in self._entries and not self._left(channel)]
        template = self.connection.unsubscribe
        known = [channel for channel in gone if self._entries[channel].phase in ("asked", "live")]
        for channel in gone:
            # What is still under way is known, and passed over.
            self._entries[channel].phase = "left"
        if self.state != "live" or template is None or not known:
            return []
        return [*self._requests.ask("leave", template, known, now)]

    def renew(self, now: float, channel: Channel) -> list[Action]:
        """Have a channel begin anew: what comes next of it is what comes first of a subscription."""
        entry = self._entries.get(channel)
        if self.state != "live" or entry is None or entry.phase not in ("asked", "live"):
            return []
        if self.connection.subscribe is None or not self._requests.expects("leave"):
            # Without an acknowledgement nobody could tell the last old message from the first new one.
            return self._drop(now, f"{channel.text or self.connection.name} begins anew", pause=0.0)
        entry.phase = "renewed"
        return [*self._requests.ask("leave", self.connection.unsubscribe, (channel,), now)]

    def close(self, now: float) -> list[Action]:  # noqa: ARG002 - inputs are all alike
        """It is over."""
        linked = self.state in ("live", "login", "dialling")
        self.state = "over"
        return [HangUp("closed")] if linked else []

    # -- to and fro --------------------------------------------------------------------------------------------------

    def _dial(self, now: float, fresh: bool = False) -> list[Action]:  # noqa: ARG002
        self.state = "dialling"
        self._dials += 1
        for channel in [channel for channel in self._entries if self._left(channel)]:
            del self._entries[channel]
        self._router = None
        path, query = address_of(list(self._entries)) if self._entries else ("", "")
        return [Dial(path, query, self.connection.auth and self.connection.login is None, fresh)]

    def _stand(self, now: float) -> list[Action]:
        self.state = "live"
        self.stood = True
        self._since = now
        self._excused = False
        dials, self._dials = self._dials, 0
        gap = None if self._lost_at is None else now - self._lost_at
        told: list[Action] = [Tell(Connected(self.connection.name, dials, gap))]
        for entry in self._entries.values():
            entry.phase = "left" if entry.phase == "left" else "wanted"
            entry.fresh = True
        return told + self._subscribe(now, list(self.channels))

    def _subscribe(self, now: float, channels: Sequence[Channel]) -> list[Action]:
        asked: list[Action] = []
        if not channels:
            return asked
        if self.connection.subscribe is not None:
            asked += self._requests.ask("join", self.connection.subscribe, channels, now)
            if self._requests.expects("join"):
                for channel in channels:
                    self._entries[channel].phase = "asked"
                return asked
        return asked + self._subscribed(channels)

    def _subscribed(self, channels: Iterable[Channel]) -> list[Action]:
        # What is to begin anew still has its end before it, though its first beginning is acknowledged only now.
        begun = ("wanted", "asked")
        new = tuple(one for one in channels if one in self._entries and self._entries[one].phase in begun)
        for channel in new:
            self._entries[channel].phase = "live"
        if not new:
            return []
        return [Tell(Subscribed(tuple(channel.text for channel in new if channel.text)), new)]

    def _routes(self) -> Router[Entry]:
        entries = dict(self._entries)
        for feed in self.connection.feeds:
            if feed.unasked:
                # What comes although nobody wants it is known nevertheless, and passed over as what was left is.
                unwanted = Channel(feed, {}, {}, self._values)
                entries.setdefault(unwanted, Entry(unwanted, "left"))
        return Router(((entry.channel, entry) for entry in entries.values()), self._reply)

    def _answered(self, now: float, request: Request, parsed: Any) -> list[Action]:
        rule = self.connection.reply
        refusal = rule is not None and rule.error is not None and tells(value_at(parsed, rule.error))
        if request.kind == "login":
            if refusal:
                return self._drop_for_good(login_refused(self.connection, self._errors, self._mask, parsed))
            return self._stand(now)
        if request.kind == "leave":
            return self._ceased(now, request.channels)
        if not refusal:
            return self._subscribed(request.channels)
        wanted = tuple(channel for channel in request.channels if channel in self._entries and not self._left(channel))
        if len(wanted) > 1:
            # One of them may be at fault: each is asked for alone, so that it takes no other with it.
            return [action for channel in wanted for action in self._subscribe(now, [channel])]
        names = tuple(channel.text for channel in wanted if channel.text)
        error = subscription_refused(self.connection, self._errors, self._mask, parsed, names)
        if isinstance(error, RateLimited):
            return self._drop(now, str(error))
        for channel in wanted:
            del self._entries[channel]
        self._router = None
        return [Fail(error, wanted)] if wanted else []

    def _ceased(self, now: float, channels: Iterable[Channel]) -> list[Action]:
        """Nothing more comes of these; those that are to begin anew can."""
        anew: list[Channel] = []
        for channel in channels:
            entry = self._entries.get(channel)
            if entry is not None and entry.phase == "renewed":
                entry.phase, entry.fresh = "wanted", True
                anew.append(channel)
            elif entry is not None and entry.phase == "left":
                del self._entries[channel]
                self._router = None
        return self._subscribe(now, anew)

    def _login_answered(self, now: float, parsed: Any) -> list[Action]:
        rule, wanted = self.connection.reply, self.connection.login_reply
        if wanted is not None and holds(wanted, parsed):
            self._requests.take("login")
            if rule is not None and rule.error is not None and tells(value_at(parsed, rule.error)):
                return self._drop_for_good(login_refused(self.connection, self._errors, self._mask, parsed))
            return self._stand(now)
        return self._unknown(_bytes(parsed, True), parsed)

    def _deliver(self, entry: Entry, data: Any, parsed: bool, content: bytes | None, actions: list[Action]) -> None:
        if entry.phase == "asked":
            actions += self._subscribed((entry.channel,))  # it comes, so it stands
        channel = entry.channel
        fresh, entry.fresh = entry.fresh, False
        try:
            reader = entry.reader
            message = reader.read_parsed(data, channel) if parsed else reader.read(data, channel, content)
        except Mismatch as mismatch:
            actions.append(self._bad(_bytes(data, parsed), mismatch, channel))
            return
        if entry.unique:
            message = entry.without_repeats(message)
            if message is None:
                return
        whole = entry.whole == "always" or (fresh and entry.whole == "first")
        actions.append(Deliver(channel, message, whole))

    def _bad(self, data: bytes, mismatch: Mismatch, channel: Channel | None) -> Action:
        self._malformed += 1
        start = cut(self._mask(data[:2000].decode("utf-8", "replace")))
        text = "" if channel is None else channel.text
        event = MalformedMessage(start, self._mask(mismatch.path), mismatch.expected, self._malformed, text)
        return Tell(event, None if channel is None else (channel,))

    def _unknown(self, data: bytes, parsed: Any) -> list[Action]:
        error = complaint(self.connection, self._errors, self._mask, parsed)
        if isinstance(error, (AuthenticationFailed, PermissionDenied)):
            return self._drop_for_good(error)
        shown = self._mask(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return [Tell(UnknownMessage(shown, error))]

    # -- the end of it -----------------------------------------------------------------------------------------------

    def _drop(self, now: float, reason: str, pause: float | None = None) -> list[Action]:
        return [HangUp(reason), *self._retry(now, reason, pause=pause)]

    def _drop_for_good(self, error: Exception) -> list[Action]:
        return [HangUp("refused"), *self._end(error)]

    def _retry(self, now: float, reason: str, wait: float | None = None, pause: float | None = None) -> list[Action]:
        if self.state == "live":
            self._lost_at = self._pulse.heard_at
            self._backoff.held(now - self._since)
        self._requests.forget()
        if pause is None:
            pause = self._backoff.pause(wait)
            if pause is None:
                attempts = self._options.attempts
                tried = "1 attempt" if attempts == 1 else f"{attempts} attempts in a row"
                told = f"{self.connection.name}: given up after {tried}: {reason}"
                return self._end(StreamEnded(told, connection=self.connection.name))
        self.state = "waiting"
        self._again_at = now + pause
        return [Tell(Reconnecting(reason, pause, self._dials + 1))]

    def _end(self, error: Exception) -> list[Action]:
        self.state = "over"
        self._entries.clear()
        self._requests.forget()
        return [Fail(error)]

    def _left(self, channel: Channel) -> bool:
        return self._entries[channel].phase == "left"


def _bytes(data: Any, parsed: bool) -> bytes:
    if not parsed:
        return bytes(data)
    import json

    return json.dumps(data, ensure_ascii=False, default=str).encode()
