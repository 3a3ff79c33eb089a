"""One exchange at its desk: a request in, a reply and a verdict out, without a socket.

The order is that of a real one: is there such an operation, who asks, may the parameters be so, and only then what is
the answer.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from specie.compiler.model import Exchange, Operation

from .demo import demo_credentials
from .faces import Call, Examples, Face
from .parameters import Parameters
from .refusals import Refusals
from .routes import Routes
from .signatures import Signatures
from .wire import Received, Refused, Reply


@attrs.frozen
class Judged:
    """A reply, and how it came to it: the operation that was meant, and why it was refused, if it was."""

    reply: Reply
    operation: str = ""
    signed: bool = False
    refused: Refused | None = None


class Desk:
    """Answers for one exchange. Calls of `handle` must come one at a time."""

    def __init__(
        self, exchange: Exchange, face: Face | None = None, credentials: Mapping[str, str] | None = None
    ) -> None:
        self.exchange = exchange
        self.credentials = dict(credentials if credentials is not None else demo_credentials(exchange))
        self.servers = {one.name: one.url for one in exchange.servers if one.url.startswith(("http://", "https://"))}
        self._face = face or Examples(exchange)
        self._routes = Routes(exchange)
        self._parameters = Parameters(exchange)
        self._signatures = Signatures(exchange.auth, self.credentials) if exchange.auth is not None else None
        self._refusals = Refusals(exchange)

    def handle(self, server: str, received: Received, now_ms: int) -> Judged:
        """What the exchange says to a request, at a time."""
        operation: Operation | None = None
        signed = False
        try:
            signed = self._signatures is not None and self._signatures.carried(received)
            operation, held = self._routes.find(server, received)
            account = ""
            if operation.auth and self._signatures is not None:
                account = self._signatures.check(received, now_ms)
            arguments = self._parameters.check(operation, held, received)
            reply = self._face.answer(Call(operation, arguments, account, received, now_ms))
            return Judged(reply, operation.id, signed)
        except Refused as refused:
            return Judged(self._refusals.reply(refused), operation.id if operation else "", signed, refused)
