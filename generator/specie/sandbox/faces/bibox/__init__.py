"""Bibox over a living market: bare JSON, fields of one letter, sales as negative numbers.

Lists come oldest first. Of a longer list the end is served, unless the call says where to begin.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from specie.compiler.model import Exchange

from ...market import Instrument, Market, OrderFlow
from ..live import LiveFace
from .account import AccountGroup
from .market import MarketGroup
from .orders import OrdersGroup
from .streams import BiboxStreams


class BiboxFace(MarketGroup, AccountGroup, OrdersGroup):
    """One method for each operation, and all streams."""

    @cached_property
    def streams(self) -> BiboxStreams:
        return BiboxStreams(self, self.order_row)


def face(exchange: Exchange, *, now_ms: int, seed: int) -> LiveFace:
    """Bibox with four pairs, of which the last is quiet: nobody else trades it."""
    instruments = [
        _instrument("BTC_USDT", price_tick="0.1", amount_step="0.000001", min_amount="0.00001", min_notional="10"),
        _instrument("ETH_USDT", price_tick="0.01", amount_step="0.0001", min_amount="0.0001", min_notional="10"),
        _instrument("ETH_BTC", price_tick="0.000001", amount_step="0.0001", min_amount="0.001", min_notional="0.0001"),
        _instrument("BIX_USDT", price_tick="0.0001", amount_step="0.0001", min_amount="0.0001", min_notional="10"),
    ]
    flows = {
        "BTC_USDT": OrderFlow(Decimal("46125.7"), Decimal("0.08")),
        "ETH_USDT": OrderFlow(Decimal("3315.04"), Decimal("1.2")),
        "ETH_BTC": OrderFlow(Decimal("0.071873"), Decimal("0.9"), pace_ms=3_000),
    }
    market = Market(instruments, now_ms=now_ms, flows=flows, seed=seed)
    funds = {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(30), "BIX": Decimal(50_000)}
    return BiboxFace(exchange, market, funds)


def _instrument(pair: str, *, price_tick: str, amount_step: str, min_amount: str, min_notional: str) -> Instrument:
    base, _, quote = pair.partition("_")
    return Instrument(
        pair,
        base,
        quote,
        price_tick=Decimal(price_tick),
        amount_step=Decimal(amount_step),
        min_amount=Decimal(min_amount),
        max_amount=Decimal(1_000_000),
        min_notional=Decimal(min_notional),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )
