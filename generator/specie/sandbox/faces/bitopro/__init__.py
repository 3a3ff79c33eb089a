"""BitoPro over a living market: money as decimal text, pairs in either case, stop orders whose ids begin with SL-.

What the documents leave open is done as the spec believes it; where the spec believes nothing, the choice is said at
the place. `listing` holds what is traded, `words` what all groups say alike; the groups are those of the spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from specie.compiler.model import Exchange, Operation

from ...market import Market
from ...wire import Received
from ..live import LiveFace
from .leniency import as_documented
from .listing import CURRENCIES, FLOWS, FUNDS, INSTRUMENTS
from .market import MarketGroup
from .orders import OrdersGroup
from .streams import BitoProStreams
from .wallet import WalletGroup


class BitoProFace(MarketGroup, OrdersGroup, WalletGroup):
    """One method for each operation, and all streams."""

    @cached_property
    def streams(self) -> BitoProStreams:
        return BitoProStreams(self)

    def heard(self, operation: Operation, held: Mapping[str, str], received: Received) -> Received:
        return as_documented(operation, held, received)


def face(exchange: Exchange, *, now_ms: int, seed: int) -> LiveFace:
    """BitoPro with four pairs, opened at a time, in milliseconds.

    Coins can be withdrawn to any address that begins with `demo-`; others are not in the whitelist.
    """
    market = Market(INSTRUMENTS, now_ms=now_ms, flows=FLOWS, currencies=CURRENCIES, seed=seed)
    return BitoProFace(exchange, market, FUNDS)
