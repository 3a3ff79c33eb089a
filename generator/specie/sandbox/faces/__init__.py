"""What an exchange answers to a call that passed all checks.

A face knows how one exchange speaks; what it speaks of may be a market that lives behind it. An exchange that has only
a spec shows the plainest face: the replies that its documents give as examples, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs

from specie.compiler.model import Exchange, Operation

from ..wire import Received, Refused, Reply


@attrs.frozen
class Call:
    """A call that passed: what is asked, with the arguments as Python values by their Python names.

    `account` is whose key signed it, or empty for a public call. `now_ms` is the time in the market. `clock_ms` is what
    the clock of the exchange shows, to which a client's own time is held; a market with a seed has another time, and a
    clock may be made to go wrong.
    """

    operation: Operation
    arguments: Mapping[str, Any]
    account: str
    received: Received
    now_ms: int
    clock_ms: int = attrs.Factory(lambda self: self.now_ms, takes_self=True)


class Face(Protocol):
    """Answers the calls of one exchange. May raise `Refused` with a class of the errors map."""

    def answer(self, call: Call) -> Reply:
        """What the exchange says to a call."""
        ...


@runtime_checkable
class Lenient(Protocol):
    """A face that knows what its exchange is believed to take, though its documents do not say so."""

    def heard(self, operation: Operation, held: Mapping[str, str], received: Received) -> Received:
        """A request whose signature was good, put as the documents have it; `held` is what its path holds.

        Only what some client was seen to send is put right; all else stays as it came, and is judged as ever.
        """
        ...


class Examples:
    """The documented examples of an exchange, as they stand in its spec."""

    def __init__(self, exchange: Exchange) -> None:
        self._folder = Path(exchange.folder).resolve() / "examples"
        self._shown = f"{exchange.folder}/examples"

    def answer(self, call: Call) -> Reply:
        name = f"{call.operation.group}/{call.operation.name}.json"
        try:
            return Reply(200, (self._folder / name).read_bytes())
        except FileNotFoundError:
            message = f"no example of {call.operation.id}: write {self._shown}/{name}"
            raise Refused("ServerError", message, status=501, verbatim=True) from None
