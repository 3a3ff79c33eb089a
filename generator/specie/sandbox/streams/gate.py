"""Who gets in: handshakes are judged here, and the markets go by the time that this keeps.

A market with a seed moves with requests, and when it is told how much time goes by. One without moves by the clock,
several times a second while there is anybody to be told of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import attrs

from ..callbacks import Callbacks, HasCallbacks, Postman
from ..delivery import deliver
from ..desk import Admitted, Desk
from ..faults import Faults
from ..living import STEP_MS, Virtual, market_of
from ..log import Log, Seen
from ..market import Event
from ..wire import Received, Refused, Reply
from .hub import Hub
from .sessions import Declined
from .socketio import Admission, SocketIO
from .websocket import is_handshake, serve

if TYPE_CHECKING:
    from aiohttp import web

_TICK_S = 0.2
_STEPS = 1_000
"""In how many steps time goes by at most."""
_PATIENCE_S = 0.5
"""How long a step of time waits for a client to take what it is told."""


@attrs.define
class _Place:
    """What there is for an exchange while the sandbox runs."""

    desk: Desk
    hub: Hub
    callbacks: Callbacks | None
    sockets: SocketIO | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody is to be told of what happens."""
        return self.hub.busy or (self.callbacks is not None and self.callbacks.pending)


class Gate:
    """The streams and callbacks of all exchanges of a sandbox. All of it is on the thread of the listener's loop."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        times: Mapping[str, Virtual],
        faults: Faults,
        clock: Callable[[], int],
        log: Log,
    ) -> None:
        self._desks = desks
        self._times = times
        self._faults = faults
        self._clock = clock
        self._log = log
        self._places: dict[str, _Place] = {}
        self._postman = Postman()
        self._ticking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen to the markets."""
        for name, desk in self._desks.items():
            market = market_of(desk.face)
            if market is None:
                continue
            hub = Hub(name, market, asyncio.get_running_loop())
            callbacks = desk.face.callbacks if isinstance(desk.face, HasCallbacks) else None
            place = self._places[name] = _Place(desk, hub, callbacks)
            if callbacks is not None:
                hub.overhear(partial(self._post, place, callbacks))
        if any(name not in self._times for name in self._places):
            self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """End all connections, and give up what is not posted yet."""
        if self._ticking is not None:
            self._ticking.cancel()
        for place in self._places.values():
            place.hub.close()
            if place.sockets is not None:
                await place.sockets.close()
        await self._postman.close()
        self._places.clear()

    def settle(self, exchange: str) -> None:
        """Tell what a request has moved."""
        if exchange in self._places:
            self._places[exchange].hub.settle()

    async def advance(self, exchange: str, span_ms: int) -> None:
        """Let time go by in a market with a seed, in steps of a second, or longer ones if it is long."""
        time, place = self._times[exchange], self._places.get(exchange)
        market = market_of(self._desks[exchange].face)
        step_ms = max(STEP_MS, -(-span_ms // _STEPS))
        while span_ms > 0:
            time.now_ms += min(step_ms, span_ms)
            span_ms -= step_ms
            if market is not None:
                market.advance(time.now_ms)
            if place is not None:
                place.hub.settle()
                await asyncio.gather(*(line.drained(_PATIENCE_S) for line in place.hub.lines))

    async def answer(self, request: web.BaseRequest, desk: Desk, server: str) -> web.StreamResponse:
        """Answer a request to a server of streams."""
        exchange = desk.exchange.name
        place = self._places.get(exchange)
        carrier = desk.streams.servers.get(server) if desk.streams is not None else None
        if place is not None and carrier == "socketio":
            if place.sockets is None:
                place.sockets = SocketIO(place.hub, self._faults)
            if not SocketIO.is_handshake(request):
                return await place.sockets.serve(request, None)
        path, _, query = request.raw_path.partition("?")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        received = Received(request.method, path, query, headers, await request.read(), f"/{exchange}/{server}")
        now_ms = self._clock() + self._faults.clock_ms(exchange, "streams")
        admitted: Admitted | None = None
        reply, verdict, name, fault = Reply(101, b""), "ok", "streams", None
        try:
            admitted = desk.admit(server, received, now_ms)
            if carrier == "websocket" and not is_handshake(request):
                raise Refused("InvalidRequest", "this is a stream: it is reached by a websocket", status=426)
        except Refused as refused:
            reply, verdict = desk.refusal(refused), f"{refused.error}: {refused.message}"
        except Declined as declined:
            reply, verdict = declined.reply, f"NotFound: {declined}"
        if admitted is not None and reply.status == 101:
            names = [f"streams.{one}" for one in admitted.wanted.streams]
            name = names[0] if len(names) == 1 else name
            fault = self._faults.take_any(exchange, names, "handshake")
            if fault is not None and fault.status:
                reply = desk.failure(fault, now_ms)
        what, signed = fault.what if fault is not None else "", desk.is_signed(received)
        self._log.add(Seen(request.method, request.raw_path, exchange, name, verdict, reply.status, signed, what))
        if reply.status != 101 or admitted is None or place is None:
            return await deliver(request, reply, now_ms)
        if exchange not in self._times:
            place.hub.market.advance(self._clock())
        session, silent = admitted.wanted.open(admitted.account), fault is not None
        if place.sockets is not None:
            return await place.sockets.serve(request, Admission(session, silent))
        beat = desk.streams.beat if desk.streams is not None else None
        return await serve(request, place.hub, session, beat, self._faults, silent=silent)

    def _post(self, place: _Place, callbacks: Callbacks, events: Sequence[Event]) -> None:
        for post in callbacks.posts(events, place.desk.credentials_of):
            self._postman.post(post)

    async def _tick(self) -> None:
        """Move the markets that live by the clock, while somebody is to be told of it."""
        while True:
            await asyncio.sleep(_TICK_S)
            for name, place in self._places.items():
                if name not in self._times and place.watched:
                    place.hub.market.advance(self._clock())
                    place.hub.settle()
