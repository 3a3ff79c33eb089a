"""One exchange at its desk: a request in, a reply and a verdict out, without a socket.

The order is that of a real one: is there such an operation, does this address ask too often, who asks, does that
account ask too often, may the parameters be so, and only then what is the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

from specie.compiler.model import Exchange, Operation

from .demo import Key, demo_credentials, demo_keys
from .faces import Call, Examples, Face, Lenient
from .limits import Limits, Usage
from .parameters import Parameters
from .refusals import Refusals
from .routes import Routes
from .signatures import Signatures, Signer
from .wire import Received, Refused, Reply


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
        self.servers = {one.name: one.url for one in exchange.servers if one.url.startswith(("http://", "https://"))}
        self.face = face or Examples(exchange)
        self._lenient = self.face if lenient and isinstance(self.face, Lenient) else None
        self._routes = Routes(exchange)
        self._parameters = Parameters(exchange)
        keys = demo_keys(exchange) if credentials is None else [Key(credentials)]
        self._signatures = Signatures(exchange.auth, keys) if exchange.auth is not None else None
        self._limits = Limits(exchange, enforced=limits)
        self._refusals = Refusals(exchange)

    @property
    def usage(self) -> list[Usage]:
        """What came under each limit so far."""
        return self._limits.usage

    def meant(self, server: str, received: Received) -> str:
        """The operation that a request means, as `group.name`; empty if none."""
        try:
            return self._routes.find(server, received)[0].id
        except Refused:
            return ""

    def refusal(self, refused: Refused) -> Reply:
        """A refusal in the exchange's own shape."""
        return self._refusals.reply(refused)

    def handle(
        self, server: str, received: Received, now_ms: int, *, market_ms: int | None = None, address: str = "127.0.0.1"
    ) -> Judged:
        """What the exchange says to a request, at a time; `market_ms` is that of the market, if it has its own."""
        operation: Operation | None = None
        signed = False
        try:
            signed = self._signatures is not None and self._signatures.carried(received)
            operation, held = self._routes.find(server, received)
            self._limits.count(operation, address, "", now_ms)
            account = ""
            if operation.auth and self._signatures is not None:
                signer = self._signatures.check(received, now_ms)
                account = signer.account
                _permit(signer, operation)
                self._limits.count(operation, address, account, now_ms)
            heard = received if self._lenient is None else self._lenient.heard(operation, held, received)
            arguments = self._parameters.check(operation, held, heard)
            market_ms = now_ms if market_ms is None else market_ms
            call = Call(operation, arguments, account, received, market_ms, now_ms)
            return Judged(self._answer(call), operation.id, signed)
        except Refused as refused:
            return Judged(self.refusal(refused), operation.id if operation else "", signed, refused)

    def _answer(self, call: Call) -> Reply:
        try:
            return self.face.answer(call)
        except Refused:
            raise
        except Exception as error:
            # A fault of ours, not of the caller's: it must not look like a refusal, nor end the server.
            logging.getLogger("specie.sandbox").exception("the sandbox failed at %s", call.operation.id)
            raise Refused("ServerError", f"the sandbox itself failed: {error!r}", status=500, verbatim=True) from error


def _permit(signer: Signer, operation: Operation) -> None:
    if not signer.may(operation):
        wanted = " or ".join(operation.permissions)
        raise Refused("PermissionDenied", f"the key lacks the permission for this call: {wanted}")
