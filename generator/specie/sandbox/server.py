"""The desks of several exchanges behind one port of this machine.

Every server of every exchange has its place under `/<exchange>/<server>`, followed by the path that the exchange's own
server has: where a client would call `https://api.acme.example/v1/orders`, it calls
`http://127.0.0.1:8080/acme/rest/v1/orders`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from specie.compiler.diagnostics import suggest
from specie.compiler.model import Exchange, Model

from .control import PREFIX, control
from .delivery import deliver
from .demo import demo_credentials, permissions
from .desk import Desk, Judged
from .faces import Face
from .faults import Faults, UnknownFault, parse_fault
from .limits import Usage
from .listener import HOST, Listener
from .living import Virtual, funds_in, live_face, market_of
from .log import Log, Seen
from .market import Market
from .streams.gate import Gate
from .tampering import tampered
from .wire import Received, Reply

if TYPE_CHECKING:
    from aiohttp import web


_LONGEST_S = 10 * 366 * 24 * 3600


class Sandbox:
    """The named exchanges (or all), served from their specs on 127.0.0.1 while the `with` block lasts.

    REST, streams and callbacks speak of one market.

    Args:
        exchanges: Names; none means all that there are specs of.
        specs: The folder of the specs; found as `specie generate` finds it, unless given.
        port: To listen on; any that is free, unless given.
        seed: Makes the markets repeatable: with the same seed, the same calls get the same replies. Time in them then
            begins at a fixed moment and goes by with the requests, a second for each, and with `advance()`; streams
            stand still with it. Without a seed every market is another one, and lives by the clock.
        examples: Answer with the examples of the exchanges' documents, in place of living markets.
        limits: Refuse what is beyond an exchange's rate limits, as it would. They are counted by the clock, so a test
            that calls faster than the exchange allows says `limits=False`; requests are counted nevertheless.
        lenient: Take what other people's clients are known to send though an exchange's documents do not say so, where
            its face knows of such: words in small letters, say. Else what is not as documented is refused.
        faults: What goes wrong, as for `fault()`.
        models: Exchanges that are compiled already, in place of `specs`.
        faces: What answers for an exchange in place of its market, made from its model.
        clock: Milliseconds since 1970; this machine's clock unless given. Signatures, limits, and markets without a
            seed go by it.
    """

    def __init__(
        self,
        *exchanges: str,
        specs: Path | str | None = None,
        port: int = 0,
        seed: int | None = None,
        examples: bool = False,
        limits: bool = True,
        lenient: bool = False,
        faults: Sequence[str] = (),
        models: Sequence[Exchange] | None = None,
        faces: Mapping[str, Callable[[Exchange], Face]] | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        if models is None:
            from specie.compiler import compile_specs

            models = compile_specs(Path(specs) if specs is not None else None, exchanges)
        self.seed = seed
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._desks: dict[str, Desk] = {}
        self._times: dict[str, Virtual] = {}
        for model in models:
            if model.name == PREFIX:
                raise ValueError(f"an exchange cannot be called '{PREFIX}' here: /{PREFIX} is the sandbox's own")
            if not exchanges or model.name in exchanges:
                if seed is not None:
                    self._times[model.name] = Virtual()
                face = faces[model.name](model) if faces and model.name in faces else None
                if face is None and not examples:
                    face = self._live(model)
                self._desks[model.name] = Desk(model, face, limits=limits, lenient=lenient)
        self._faults = Faults()
        self._refused_s = 0.0
        self._log = Log()
        self._gate = Gate(self._desks, self._times, self._faults, self._clock, self._log)
        self._listener = Listener(self._answer, port, self._gate.open, self._gate.close)
        for line in faults:
            self.fault(line)

    def _live(self, model: Exchange) -> Face | None:
        if self.seed is None:
            return live_face(model, now_ms=self._clock(), seed=secrets.randbits(32))
        return live_face(model, now_ms=self._times[model.name].now_ms, seed=self.seed)

    # --- what a client needs -----------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before that."""
        return self._listener.port

    @property
    def models(self) -> tuple[Exchange, ...]:
        """The exchanges that are served."""
        return tuple(desk.exchange for desk in self._desks.values())

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The names of the exchanges that are served."""
        return tuple(self._desks)

    def url(self, exchange: str, server: str = "rest") -> str:
        """The base URL that stands for a server of an exchange: `http`, or `ws` where streams come by websockets."""
        desk = self._desk(exchange)
        if server not in desk.servers:
            raise ValueError(f"{exchange} has no server '{server}' here; it has {', '.join(desk.servers)}")
        return desk.address(server, f"{HOST}:{self.port}")

    def base_url(self, exchange: str) -> dict[str, str]:
        """The base URLs that stand for all servers of an exchange, by name, those of streams among them: what a client
        of it is made with, `base_url=sandbox.base_url("acme")`."""
        return {server: self.url(exchange, server) for server in self._desk(exchange).servers}

    @property
    def control_url(self) -> str:
        """Below this are `/faults`, `/state` and `/check`."""
        return f"http://{HOST}:{self.port}/{PREFIX}"

    @property
    def client_options(self) -> dict[str, Any]:
        """What the client of the one exchange is made with: `base_url`, and demo credentials."""
        if len(self._desks) != 1:
            raise ValueError("several exchanges are served; say client_options_of(exchange)")
        return self.client_options_of(next(iter(self._desks)))

    def client_options_of(self, exchange: str, *, permission: str = "") -> dict[str, Any]:
        """What the client of an exchange is made with: `base_url`, and demo credentials.

        The demo key may do all. With a permission, such as `view`, it is another key of the same account that has only
        that one; `permissions_of(exchange)` names them.
        """
        credentials = demo_credentials(self._desk(exchange).exchange, permission)
        return {"base_url": self.base_url(exchange), **credentials}

    def permissions_of(self, exchange: str) -> list[str]:
        """The documented permissions of an exchange with which alone a key may not do all."""
        return permissions(self._desk(exchange).exchange)

    def open_account(self, exchange: str, funds: Mapping[str, Decimal | int | str] | None = None) -> dict[str, str]:
        """Open a further account at an exchange, so that two bots can trade with each other.

        Args:
            exchange: Its name.
            funds: What the account has, by currency in any case; as much as the demo account, unless said. Amounts
                are whole or decimal: a float is refused.

        Returns:
            The credentials of its key, which may do all: a client is made with them and
            `base_url=sandbox.base_url(exchange)`.
        """
        desk, market = self._desk(exchange), self.market(exchange)
        if market is None:
            raise ValueError(f"{exchange} has no market here, and so no accounts: it answers with examples")
        amounts = None if funds is None else funds_in(market, funds)

        def open_it() -> dict[str, str]:
            account, credentials = desk.further_account()
            if amounts is not None:  # else the first call that the key signs opens it
                market.open_account(account, amounts, now_ms=market.now_ms)
            return credentials

        return self._listener.do(open_it)

    def _desk(self, exchange: str) -> Desk:
        if exchange not in self._desks:
            raise ValueError(f"{exchange} is not served; there is {', '.join(self._desks)}")
        return self._desks[exchange]

    # --- the books ---------------------------------------------------------------------------------------------------

    def market(self, exchange: str) -> Market | None:
        """The market behind an exchange, None for one that answers with examples.

        Look at it between two requests. One without a seed goes on by itself while streams are open.
        """
        return market_of(self._desk(exchange).face)

    def check(self) -> None:
        """Raise `InvariantBroken` if the books of a market do not balance."""
        markets = [market for name in self._desks if (market := self.market(name)) is not None]

        def check() -> None:
            for market in markets:
                market.check()

        self._listener.do(check)

    def usage(self, exchange: str) -> list[Usage]:
        """How many requests came under each of an exchange's limits."""
        desk = self._desk(exchange)
        return self._listener.do(lambda: desk.usage)

    @property
    def requests(self) -> list[Seen]:
        """The latest requests and handshakes, 10,000 at most, in the order in which they came."""
        return self._log.latest

    @property
    def request_count(self) -> int:
        """How many requests and handshakes came, those that are no longer in `requests` counted too."""
        return self._log.count

    def request_count_of(self, exchange: str) -> int:
        """How many of them came to one exchange."""
        return self._log.count_of(exchange)

    # --- time --------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float, exchange: str = "") -> None:
        """Let time go by without a request, in one market with a seed or in all: what is due happens, and streams tell
        of it.

        It goes by in steps of a second, or in a thousand steps if it is long. Raises `ValueError` without a seed, where
        markets live by the clock, and for a time that goes back.
        """
        self._listener.run(lambda: self.pass_time(seconds, exchange))

    async def pass_time(self, seconds: float, exchange: str = "") -> None:
        """The same for who is on the sandbox's own loop already."""
        if self.seed is None:
            raise ValueError("markets without a seed live by the clock: nothing lets time go by but waiting")
        if not 0 <= seconds <= _LONGEST_S:
            raise ValueError(f"time goes by for 0 to {_LONGEST_S} seconds, not {seconds}")
        if exchange:
            self._desk(exchange)
        for name in (exchange,) if exchange else self._times:
            await self._gate.advance(name, round(seconds * 1000))

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def fault(self, line: str) -> None:
        """Have something go wrong: `accept-then-timeout`, `status:502 x3 on orders.create`, `clock:+600s`.

        See `specie.sandbox.faults` for all words. Raises `UnknownFault`, which says what is wrong with the line.
        """
        fault = parse_fault(line)
        if fault.exchange and fault.exchange not in self._desks:
            raise UnknownFault(f"'{line}': {fault.exchange} is not served here{suggest(fault.exchange, self._desks)}")
        where = [fault.exchange] if fault.exchange else list(self._desks)
        if fault.place == "request":
            known = [one.id for name in where for one in self._desks[name].exchange.operations]
        else:
            known = [f"streams.{one}" for name in where if (of := self._desks[name].streams) for one in of.names]
        if fault.operation and fault.operation not in known:
            hint, kind = suggest(fault.operation, known), "operation" if fault.place == "request" else "stream"
            raise UnknownFault(f"'{line}': there is no {kind} {fault.operation}{hint}")
        if fault.word == "null" and fault.value:
            names = {text for name in where for text in _fields(self._desks[name].exchange)}
            if fault.value not in names:
                raise UnknownFault(f"'{line}': no reply has a field {fault.value}{suggest(fault.value, sorted(names))}")
        if fault.word != "refuse":
            self._faults.add(fault)
        elif self._listener.running:
            self._listener.refuse(fault.span_ms / 1000)
        else:
            self._refused_s = fault.span_ms / 1000

    @property
    def faults(self) -> tuple[str, ...]:
        """Those that are still to come, with the count that is left."""
        return tuple(str(fault) for fault in self._faults.pending)

    def clear_faults(self) -> None:
        """From now on nothing goes wrong."""
        self._faults.clear()
        self._listener.open()

    # --- its life ----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to listen; returns when requests are served."""
        self._listener.start()
        if self._refused_s:
            self._listener.refuse(self._refused_s)
        return self

    def close(self) -> None:
        """Stop listening, and end the thread. Closing twice does nothing."""
        self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- one request -------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        # What was signed is the path and query as they came, before anything is decoded or put in order.
        path, _, query = request.raw_path.partition("?")
        _, exchange, server, *_ = [*path.split("/"), "", "", ""]
        if exchange == PREFIX:
            reply = await control(self, request.method, path, await request.read())
            await self._listener.quiet()
            return await deliver(request, reply, self._clock())
        desk = self._desks.get(exchange)
        if desk is None or server not in desk.servers:
            return await deliver(request, self._nowhere(request.method, path), self._clock())
        if desk.carries_streams(server):
            return await self._gate.answer(request, desk, server)
        unread = self._faults.take_unread(exchange)
        if unread is not None:
            self._log.add(Seen(request.method, request.raw_path, exchange, "", "", 0, False, unread.what))
            return await deliver(request, Reply(0, b""), self._clock(), unread.ending)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        received = Received(request.method, path, query, headers, await request.read(), f"/{exchange}/{server}")
        operation = desk.meant(server, received)
        fault = self._faults.take(exchange, operation)
        now_ms = self._clock() + self._faults.clock_ms(exchange, operation)
        market = self.market(exchange) if fault is not None and fault.word == "transfer-refused" else None
        if market is not None:
            market.refuse_transfers(True)
        judged = self._judge(desk, server, received, now_ms, request.remote or "") if not fault or fault.acts else None
        if market is not None:
            market.refuse_transfers(False)
        reply = judged.reply if judged else Reply(0, b"")
        if fault is not None and fault.status:
            reply = desk.failure(fault, now_ms)
        elif fault is not None and judged is not None and judged.refused is None:
            named = next(one for one in desk.exchange.operations if one.id == judged.operation)
            reply = tampered(reply, fault, desk.exchange, named)
        self._log.add(
            Seen(
                request.method,
                request.raw_path,
                exchange,
                operation,
                judged.verdict if judged else "",
                reply.status,
                judged.signed if judged else False,
                fault.what if fault else "",
            )
        )
        if fault is None:
            return await deliver(request, reply, now_ms)
        return await deliver(request, reply, now_ms, fault.ending, fault.span_ms)

    def _judge(self, desk: Desk, server: str, received: Received, now_ms: int, address: str) -> Judged:
        virtual = self._times.get(desk.exchange.name)
        market_ms = self._clock() if virtual is None else virtual.step()
        judged = desk.handle(server, received, now_ms, market_ms=market_ms, address=address)
        self._gate.settle(desk.exchange.name)
        return judged

    def _nowhere(self, method: str, path: str) -> Reply:
        places = ", ".join(self.url(name, one) for name, desk in self._desks.items() for one in desk.servers)
        self._log.add(Seen(method, path, "", "", "NotFound: no such exchange", 404, False))
        return Reply(404, json.dumps({"error": f"nothing is served at {path}; there is {places}"}).encode())


def _fields(exchange: Exchange) -> Iterator[str]:
    """The names of all fields of an exchange, ours and its own."""
    for named in exchange.named.values():
        for field in named.fields if isinstance(named, Model) else ():
            yield from (field.name, field.wire)
