"""One session driven in a loop: what it asks for is done, what comes is told to it, what it gives goes to its takers.

Nothing here waits for a taker, so heartbeats never depend on one; only where a user wants the connection to wait for
his slow reader is it not read for a while, and even then pings go out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..clock import ServerClock, server_date
from ..errors import InvalidValue, MissingCredentials, SlowConsumer, SpecieError, StreamClosed, StreamError
from ..settings import Settings
from .actions import Action, Deliver, Dial, Fail, HangUp, Ping, SignLogin, Tell, Transmit
from .channels import Channel
from .definitions import Connection
from .events import Connected, StreamEvent, Subscribed
from .handshake import Signed, address_under, sign
from .links import Data, Dialer, Gone, Link, Pinged, Ponged, Refused, Unreachable, Untrusted
from .options import Options
from .session import Session
from .sink import Sink, notify

if TYPE_CHECKING:
    from ..turnstile import Turnstile

__all__ = ["Line"]

_BATCH: Final = 64
"""Messages that are handled before other tasks of the loop have their turn,"""
_BATCH_SIZE: Final = 2**15
"""or bytes of messages, whichever is less: their models should not outgrow the processor's cache before they are read.
"""


class Line:
    """A connection, its session, and who takes what comes over it.

    Args:
        connection: What the spec says of it.
        settings: Those of the client.
        options: The user's.
        dialer: Makes the links.
        ended: Called when it is over.
    """

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        options: Options,
        dialer: Dialer,
        ended: Callable[[Line], None],
    ) -> None:
        credentials = settings.credentials
        self._connection = connection
        self._settings = settings
        self._options = options
        self._dialer = dialer
        self._ended = ended
        self._logger = logging.getLogger(f"specie.{settings.exchange.name}")
        self._mask: Callable[[str], str] = str if credentials is None else credentials.mask
        self._session = Session(connection, settings.exchange.errors, options, settings.random, self._mask)
        self._takers: dict[Channel, tuple[Sink, ...]] = {}
        self._todo: deque[Action] = deque()
        self._wake = asyncio.Event()
        self._link: Link | None = None
        self._full = False
        self._refusal: tuple[int, Refused] | None = None
        self._subscribed: set[Channel] = set()
        self.started = False

    # -- who takes what ----------------------------------------------------------------------------------------------

    def attach(self, channels: Iterable[Channel], sink: Sink) -> None:
        """From now on, what comes of these channels goes to a sink as well."""
        channels = [channel for channel in channels if sink not in self._takers.get(channel, ())]
        new = [channel for channel in channels if channel not in self._takers]
        shared = [channel for channel in channels if channel in self._takers]
        first = not any(sink in takers for takers in self._takers.values())
        for channel in channels:
            self._takers[channel] = (*self._takers.get(channel, ()), sink)
        if first and self._session.state == "live":
            sink.tell(Connected(self._connection.name, 1, None), None)
        self._take(self._session.join(self._dialer.now(), new))
        for channel in shared:
            if channel.feed.whole == "first":
                # The whole state came before this taker did.
                self._take(self._session.renew(self._dialer.now(), channel))
            elif channel in self._subscribed:
                sink.tell(Subscribed((channel.text,) if channel.text else ()), (channel,))

    def detach(self, channels: Iterable[Channel], sink: Sink) -> None:
        """A sink wants these no longer. The connection ends with its last channel."""
        gone: list[Channel] = []
        for channel in channels:
            left = tuple(taker for taker in self._takers.get(channel, ()) if taker is not sink)
            if left:
                self._takers[channel] = left
            elif self._takers.pop(channel, None) is not None:
                gone.append(channel)
        self._subscribed.difference_update(gone)
        if not self._takers:
            self.close()
        elif gone:
            self._take(self._session.leave(self._dialer.now(), gone))

    def renew(self, channel: Channel) -> None:
        """Have a channel begin anew."""
        self._take(self._session.renew(self._dialer.now(), channel))

    def close(self) -> None:
        """It is over; nobody is told."""
        self._takers.clear()
        self._take(self._session.close(self._dialer.now()))
        self.rouse()
        self._ended(self)

    def rouse(self) -> None:
        """Something may be to be done."""
        self._wake.set()
        if self._link is not None:
            self._link.wake()

    @property
    def open(self) -> bool:
        """Whether it can be joined."""
        return self._session.state != "over"

    # -- the loop ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Drive the session to its end."""
        session, dialer = self._session, self._dialer
        try:
            self._take(session.start(dialer.now()))
            while True:
                while self._todo:
                    await self._do(self._todo.popleft())
                if session.state == "over":
                    return
                if self._link is not None:
                    await self._read(self._link)
                    continue
                self._wake.clear()
                await dialer.pause(session.deadline, self._wake)
                self._take(session.timer(dialer.now()))
        except Exception as error:  # a fault of this program must not leave its users waiting for ever
            self._logger.exception("the connection %s came to an unforeseen end", self._connection.name)
            self._take([*session.close(dialer.now()), Fail(error)])
        except BaseException:  # the loop ends under it; nobody may wait for it now, or believe what it last told
            told = f"{self._connection.name}: the event loop that read it has ended; open another stream"
            ended = StreamClosed(told, connection=self._connection.name)
            self._take([*session.close(dialer.now()), Fail(ended)])
            raise
        finally:
            await self._hang_up()
            self._ended(self)

    async def _read(self, link: Link) -> None:
        session, now = self._session, self._dialer.now
        frame = link.poll()
        if frame is None:
            frame = await link.receive(session.deadline)
        at = now()
        handled = size = 0
        while frame is not None:
            if isinstance(frame, bytes):
                self._take(session.received(at, frame))
                size += len(frame)
            else:
                self._handle(frame)
            if self._full:
                await self._wait_for_room()
                at = now()
            if self._todo or isinstance(frame, Gone):
                return
            handled += 1
            if handled == _BATCH or size > _BATCH_SIZE:
                await asyncio.sleep(0)
                break
            frame = link.poll()
        deadline = session.deadline
        if deadline is not None and deadline <= now():
            self._take(session.timer(now()))

    def _handle(self, frame: Data | Pinged | Ponged | Gone) -> None:
        session, now = self._session, self._dialer.now()
        if isinstance(frame, Data):
            self._take(session.received(now, frame.data, frame.event, parsed=frame.parsed))
        elif isinstance(frame, Gone):
            self._todo.append(HangUp(frame.reason))
            self._take(session.lost(now, frame.reason, frame.code))
        elif isinstance(frame, Pinged):
            self._take(session.pinged(now))
        else:
            self._take(session.ponged(now))

    def _take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Deliver):
                for sink in self._takers.get(action.channel, ()):
                    sink.deliver(action.channel, action.message, action.whole)
                    if sink.full:
                        self._full = True
            elif isinstance(action, Tell):
                self._tell(action.event, action.channels)
            elif isinstance(action, Fail):
                self._fail(action.error, action.channels)
            else:
                self._todo.append(action)
                self.rouse()

    def _tell(self, event: StreamEvent, channels: tuple[Channel, ...] | None) -> None:
        if isinstance(event, Subscribed):
            self._subscribed.update(channels or ())
        elif isinstance(event, Connected):
            self._subscribed.clear()
        self._logger.info("%s: %.300s", self._connection.name, event, extra={"specie": event})
        notify(self._options, event)
        for sink in self._sinks(channels):
            sink.tell(event, channels)

    def _fail(self, error: Exception, channels: tuple[Channel, ...] | None) -> None:
        sinks = self._sinks(channels)
        if channels is None:
            self._takers.clear()
            self._ended(self)
        for sink in sinks:
            # A sink leaves its other channels by itself.
            sink.fail(error)

    def _sinks(self, channels: tuple[Channel, ...] | None) -> list[Sink]:
        wanted = list(self._takers) if channels is None else channels
        return list(dict.fromkeys(sink for channel in wanted for sink in self._takers.get(channel, ())))

    async def _wait_for_room(self) -> None:
        session, dialer = self._session, self._dialer
        until = dialer.now() + self._options.patience
        while True:
            self._wake.clear()
            slow = [sink for sink in self._sinks(None) if sink.full]
            if not slow or session.state != "live":
                break
            now = dialer.now()
            if now >= until:
                told = f"the queue of {self._options.queue} had no room for {self._options.patience:g} seconds"
                for sink in slow:
                    sink.fail(SlowConsumer(f"{self._connection.name}: {told}", connection=self._connection.name))
                break
            session.deaf(now)
            self._take(session.timer(now))
            while self._todo and isinstance(self._todo[0], (Ping, Transmit)):
                await self._do(self._todo.popleft())
            if self._todo:
                break
            await dialer.pause(min(until, session.deadline or until), self._wake)
        self._full = False

    # -- what the session asks for -----------------------------------------------------------------------------------

    async def _do(self, action: Action) -> None:
        session, now = self._session, self._dialer.now
        if isinstance(action, Dial):
            await self._dial(action)
        elif isinstance(action, HangUp):
            await self._hang_up()
        elif isinstance(action, SignLogin):
            try:
                signed = await sign(self._settings, self._connection, "", "")
            except SpecieError as error:
                self._todo.append(HangUp("no signature"))
                self._take(session.failed(now(), error) if _hopeless(error) else session.lost(now(), str(error)))
            else:
                self._take(session.signed(now(), signed.headers))
        elif self._link is not None:
            if isinstance(action, Transmit):
                await self._link.send(action.data, action.event)
            else:
                await self._link.ping()

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _dial(self, action: Dial) -> None:
        session = self._session
        dialling = asyncio.ensure_future(self._connect(action))
        try:
            while not dialling.done() and session.state == "dialling":
                self._wake.clear()
                waking = asyncio.ensure_future(self._wake.wait())
                await asyncio.wait({dialling, waking}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
        finally:
            if not dialling.done():
                dialling.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({dialling})
        self._todo_after_dial(dialling)

    def _todo_after_dial(self, dialling: asyncio.Future[Link]) -> None:
        session, now = self._session, self._dialer.now()
        if dialling.cancelled():
            return
        error = dialling.exception()
        if error is None:
            self._link = dialling.result()
            if session.state == "dialling":
                self._take(session.opened(now))
        elif isinstance(error, Refused):
            self._refusal = (self._settings.clock(), error)
            self._take(session.refused(now, error.status, error.headers, error.body))
        elif isinstance(error, Untrusted) and not session.stood:
            told = f"{self._connection.name}: no connection: {error}"
            self._take(session.failed(now, StreamError(told, connection=self._connection.name)))
        elif isinstance(error, Unreachable) or (isinstance(error, SpecieError) and not _hopeless(error)):
            self._take(session.lost(now, str(error)))
        elif isinstance(error, Exception):
            self._take(session.failed(now, error))

    async def _connect(self, action: Dial) -> Link:
        settings, connection = self._settings, self._connection
        signed, turnstile = Signed({}, action.query), None
        if action.fresh:
            self._set_clock()
        try:
            if action.signed:
                turnstile = await self._turn()
                signed = await sign(settings, connection, action.path, action.query)
            address = address_under(settings, connection, action.path, signed.query)
            return await self._dialer.dial(address, signed.headers, self._options.open_timeout)
        finally:
            if turnstile is not None:
                turnstile.leave()

    async def _turn(self) -> Turnstile | None:
        """Where the exchange wants nonces in order, a handshake waits for its turn among the calls of its key."""
        settings = self._settings
        auth, credentials = settings.exchange.auth, settings.credentials
        if auth is None or credentials is None or auth.nonce != "increasing" or credentials.missing():
            return None
        turnstile = settings.nonces.turnstile(f"{settings.exchange.name}:{credentials.fingerprint()}")
        if not await turnstile.enter_async(self._options.open_timeout):
            raise Unreachable("other signed calls of this key took too long")
        return turnstile

    def _set_clock(self) -> None:
        """The exchange found the signature too early or too late: its own clock says what time it is."""
        clock = self._settings.clock
        refusal, self._refusal = self._refusal, None
        if not isinstance(clock, ServerClock) or refusal is None:
            return
        server_ms = server_date({name.lower(): value for name, value in refusal[1].headers.items()})
        if server_ms is not None:
            here = clock.local_ms()
            clock.resync(here, here, server_ms)


def _hopeless(error: SpecieError) -> bool:
    """Whether it will be the same the next time."""
    return isinstance(error, (MissingCredentials, InvalidValue))
