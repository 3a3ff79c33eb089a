"""The market behind an exchange: which exchanges have one, how it is made, and which time it has."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from specie.compiler.model import Exchange, Operation

from .callbacks import HasCallbacks
from .faces import Call, Examples, Face, Lenient
from .market import Market
from .streams.sessions import HasStreams
from .wire import Received, Reply

START_MS = 1_700_000_000_000
"""When a seeded market opens: 14 November 2023, 22:13:20 UTC."""
STEP_MS = 1_000
"""How much time goes by in it from one request to the next."""


class Virtual:
    """The time of a seeded market: it goes by with requests, and stands still without."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def step(self) -> int:
        self.now_ms += STEP_MS
        return self.now_ms


def live_face(exchange: Exchange, *, now_ms: int, seed: int) -> Face | None:
    """The face of a living market, if there is one of that name: `specie.sandbox.faces.<exchange>.face`."""
    name = f"{__package__}.faces.{exchange.name}"
    if importlib.util.find_spec(name) is None:
        return None
    make: Callable[..., Face] | None = getattr(importlib.import_module(name), "face", None)
    return None if make is None else WithExamples(make(exchange, now_ms=now_ms, seed=seed), exchange)


class WithExamples:
    """A living face with its streams, and the documented examples for operations that it does not know.

    So an endpoint that is added to a spec is served from its example, until somebody gives it life.
    """

    def __init__(self, live: Face, exchange: Exchange) -> None:
        self.market = market_of(live)
        self.streams = live.streams if isinstance(live, HasStreams) else None
        self.callbacks = live.callbacks if isinstance(live, HasCallbacks) else None
        self._live = live
        self._examples = Examples(exchange)

    def answer(self, call: Call) -> Reply:
        known = hasattr(self._live, call.operation.id.replace(".", "_"))
        return (self._live if known else self._examples).answer(call)

    def heard(self, operation: Operation, held: Mapping[str, str], received: Received) -> Received:
        return self._live.heard(operation, held, received) if isinstance(self._live, Lenient) else received


def market_of(face: Face) -> Market | None:
    """The market behind a face, if it has one."""
    found = getattr(face, "market", None)
    return found if isinstance(found, Market) else None


def funds_in(market: Market, funds: Mapping[str, Decimal | int | str]) -> dict[str, Decimal]:
    """Funds by the market's own names of currencies; `ValueError` says what is wrong with them."""
    names = {code.upper(): code for code in market.currencies}
    found: dict[str, Decimal] = {}
    for name, amount in funds.items():
        if name.upper() not in names:
            raise ValueError(f"there is no currency {name} here; there is {', '.join(market.currencies)}")
        try:
            # A float is seen only where nobody checks types; what it is meant to be nobody knows.
            value = Decimal(amount) if not isinstance(amount, float) else Decimal("NaN")
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value < 0:
            raise ValueError(f"{amount!r} {name} is no amount: write Decimal('1.5'), '1.5' or a whole number from 0")
        if value:
            found[names[name.upper()]] = value
    return found
