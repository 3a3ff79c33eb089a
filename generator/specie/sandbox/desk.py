"""One exchange at its desk: a request in, a reply and a verdict out, without a socket.

The order is that of a real one: is there such an operation, does this address ask too often, who asks, does that
account ask too often, may the parameters be so, and only then what is the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from specie.compiler.model import Exchange, Operation

from .delivery import gateway_page, http_date, reason
from .demo import Key, demo_credentials, demo_keys, numbered_credentials
from .faces import Call, Examples, Face, Lenient
from .faults import Fault
from .limits import Limits, Usage
from .parameters import Parameters
from .refusals import Refusals
from .routes import Routes
from .signatures import Signatures, Signer
from .streams.sessions import HasStreams, Wanted
from .wire import Received, Refused, Reply

_USUAL = {408: "RequestTimeout", 429: "RateLimited", 500: "ServerError"}
"""What refusals of a status are where an exchange documents none."""


@attrs.frozen
class Judged:
    """A reply, and how it came to it: the operation that was meant, and why it was refused, if it was."""

    reply: Reply
    operation: str = ""
    signed: bool = False
    refused: Refused | None = None

    @property
    def verdict(self) -> str:
        return "ok" if self.refused is None else f"{self.refused.error}: {self.refused.message}"


@attrs.frozen
class Admitted:
    """A handshake that passed: what it asks for, and whose it is."""

    wanted: Wanted
    account: str


class Desk:
    """Answers for one exchange. Calls of `handle` must come one at a time.

    Args:
        exchange: Its model.
        face: What answers the calls that pass; the documented examples unless given.
        credentials: Those of the only key; unless given, there are the demo keys.
        limits: Whether too many requests are refused.
        lenient: Whether what clients are known to send passes though no document says so; see `faces.Lenient`.
    """

    def __init__(
        self,
        exchange: Exchange,
        face: Face | None = None,
        credentials: Mapping[str, str] | None = None,
        *,
        limits: bool = True,
        lenient: bool = False,
    ) -> None:
        self.exchange = exchange
        self.credentials = dict(credentials if credentials is not None else demo_credentials(exchange))
        self.servers = {one.name: one.url for one in exchange.servers}
        self.face = face or Examples(exchange)
        self.streams = self.face.streams if isinstance(self.face, HasStreams) else None
        self._lenient = self.face if lenient and isinstance(self.face, Lenient) else None
        self._routes = Routes(exchange)
        self._parameters = Parameters(exchange)
        keys = demo_keys(exchange) if credentials is None else [Key(credentials)]
        timed = any(one.error == "ClockSkew" for one in exchange.errors.status)
        self._signatures = Signatures(exchange.auth, keys, timed=timed) if exchange.auth is not None else None
        self._limits = Limits(exchange, enforced=limits)
        self._refusals = Refusals(exchange)
        self._accounts = 1

    @property
    def usage(self) -> list[Usage]:
        """What came under each limit so far."""
        return self._limits.usage

    def address(self, server: str, host: str) -> str:
        """Where a server is found below `/<exchange>/<server>` of a host, by the scheme of its own address."""
        parts = urlsplit(self.servers[server])
        scheme = "ws" if parts.scheme in ("ws", "wss") else "http"
        return f"{scheme}://{host}/{self.exchange.name}/{server}{parts.path.rstrip('/')}"

    def carries_streams(self, server: str) -> bool:
        """Whether a server is there for streams alone."""
        websocket = self.servers[server].startswith(("ws://", "wss://"))
        return websocket or (self.streams is not None and server in self.streams.servers)

    def further_account(self) -> tuple[str, dict[str, str]]:
        """A further account: its name, and the credentials that sign for it."""
        if self._signatures is None:
            raise ValueError(f"{self.exchange.name} has no accounts: nothing is signed there")
        self._accounts += 1
        credentials = numbered_credentials(self.exchange, self._accounts)
        return self._signatures.add(Key(credentials)), credentials

    def credentials_of(self, account: str) -> Mapping[str, str]:
        """The credentials that sign for an account."""
        return self._signatures.credentials_of(account) if self._signatures is not None else {}

    def admit(self, server: str, received: Received, now_ms: int) -> Admitted:
        """Judge the handshake of a stream, at a time. Raises `Refused`, or `Declined` with the answer it gets."""
        if self.streams is None or server not in self.streams.servers:
            raise Refused("NotFound", f"there are no streams of {self.exchange.title} here", status=404)
        wanted = self.streams.wanted(server, received)
        if not wanted.private or self._signatures is None:
            return Admitted(wanted, "")
        return Admitted(wanted, self._signatures.check(received, now_ms).account)

    def meant(self, server: str, received: Received) -> str:
        """The operation that a request means, as `group.name`; empty if none."""
        try:
            return self._routes.find(server, received)[0].id
        except Refused:
            return ""

    def is_signed(self, received: Received) -> bool:
        """Whether a request bears a header of the signature."""
        return self._signatures is not None and self._signatures.carried(received)

    def failure(self, fault: Fault, now_ms: int) -> Reply:
        """The reply of a fault that says a status: up to 501 the exchange's own words, above them those of a gateway
        before it."""
        if fault.status < 400:
            reply = Reply(fault.status, b"")
        elif fault.status > 501:
            reply = gateway_page(fault.status)
        else:
            statuses = {int(one.match): one.error for one in self.exchange.errors.status}
            error = statuses.get(fault.status) or _USUAL.get(fault.status, "ApiError")
            message = f"{reason(fault.status)}, by a fault of the sandbox: {fault.what}"
            reply = self.refusal(Refused(error, message, status=fault.status))
        if fault.retry_after_ms is None:
            return reply
        seconds = fault.retry_after_ms // 1000
        after = http_date(now_ms + fault.retry_after_ms + 999) if fault.retry_date else str(seconds)
        return attrs.evolve(reply, headers=(*reply.headers, ("Retry-After", after)))

    def refusal(self, refused: Refused) -> Reply:
        """A refusal in the exchange's own shape."""
        return self._refusals.reply(refused)

    def handle(
        self, server: str, received: Received, now_ms: int, *, market_ms: int | None = None, address: str = "127.0.0.1"
    ) -> Judged:
        """What the exchange says to a request, at a time; `market_ms` is that of the market, if it has its own."""
        operation: Operation | None = None
        account = ""
        signed = False
        try:
            signed = self.is_signed(received)
            operation, held = self._routes.find(server, received)
            self._limits.count(operation, address, "", now_ms)
            if operation.auth and self._signatures is not None:
                signer = self._signatures.check(received, now_ms)
                account = signer.account
                _permit(signer, operation)
                self._limits.count(operation, address, account, now_ms)
            heard = received if self._lenient is None else self._lenient.heard(operation, held, received)
            arguments = self._parameters.check(operation, held, heard)
            market_ms = now_ms if market_ms is None else market_ms
            call = Call(operation, arguments, account, received, market_ms, now_ms)
            told = self._limits.reported(operation, address, account)
            return Judged(_with(self._answer(call), told), operation.id, signed)
        except Refused as refused:
            told = self._limits.reported(operation, address, account) if operation else ()
            return Judged(_with(self.refusal(refused), told), operation.id if operation else "", signed, refused)

    def _answer(self, call: Call) -> Reply:
        try:
            return self.face.answer(call)
        except Refused:
            raise
        except Exception as error:
            # A fault of ours, not of the caller's: it must not look like a refusal, nor end the server.
            logging.getLogger("specie.sandbox").exception("the sandbox failed at %s", call.operation.id)
            raise Refused("ServerError", f"the sandbox itself failed: {error!r}", status=500, verbatim=True) from error


def _with(reply: Reply, headers: tuple[tuple[str, str], ...]) -> Reply:
    return attrs.evolve(reply, headers=(*reply.headers, *headers)) if headers else reply


def _permit(signer: Signer, operation: Operation) -> None:
    if not signer.may(operation):
        wanted = " or ".join(operation.permissions)
        raise Refused("PermissionDenied", f"the key lacks the permission for this call: {wanted}")
