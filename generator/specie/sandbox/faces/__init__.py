"""What an exchange answers to a call that passed all checks.

A face knows how one exchange speaks; what it speaks of may be a market that lives behind it. An exchange that has only
a spec shows the plainest face: the replies that its documents give as examples, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs

from specie.compiler.model import Exchange, Operation

from ..wire import Received, Refused, Reply


@attrs.frozen
class Call:
    """A call that passed: what is asked, with the arguments as Python values by their Python names.

    `account` is the key that signed it, or empty for a public call.
    """

    operation: Operation
    arguments: Mapping[str, Any]
    account: str
    received: Received
    now_ms: int


class Face(Protocol):
    """Answers the calls of one exchange. May raise `Refused` with a class of the errors map."""

    def answer(self, call: Call) -> Reply:
        """What the exchange says to a call."""
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
