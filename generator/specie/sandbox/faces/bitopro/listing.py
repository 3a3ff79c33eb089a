"""What is traded here and what can be moved: rules, prices to begin with, chains, and the demo account's funds.

The market knows pairs and currencies in capitals. The figures are like the exchange's own, but they are nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs

from ...market import Currency, Instrument, OrderFlow

MAKER_FEE, TAKER_FEE = Decimal("0.001"), Decimal("0.002")
"""Those of rank 0."""
MAX_OPEN_ORDERS = 200
BASE_PRECISION = 8
"""Decimal places of amounts; recorded refusals say `decimal limit is 8`."""


@attrs.frozen
class Listed:
    """A pair's row of the trading rules, as far as it differs from pair to pair."""

    price_places: int
    min_amount: str
    max_amount: str
    min_market_buy: str
    """In quote currency. No page bounds the value of any other order."""
    scale_levels: int
    """How many times the book can be coarsened tenfold."""
    shown_places: int
    """Decimal places of amounts where they are only shown."""
    flow: OrderFlow


LISTED: Mapping[str, Listed] = {
    "BTC_TWD": Listed(0, "0.0001", "1000", "300", 5, 4, OrderFlow(Decimal(2_850_000), Decimal("0.02"))),
    "ETH_TWD": Listed(1, "0.001", "10000", "300", 5, 4, OrderFlow(Decimal("101250.5"), Decimal("0.4"))),
    "USDT_TWD": Listed(3, "1", "5000000", "30", 3, 2, OrderFlow(Decimal("31.642"), Decimal(800), pace_ms=2_000)),
    "BTC_USDT": Listed(2, "0.0001", "1000", "10", 4, 4, OrderFlow(Decimal("90071.25"), Decimal("0.02"), pace_ms=3_000)),
}


def _instrument(pair: str, listed: Listed) -> Instrument:
    base, _, quote = pair.partition("_")
    return Instrument(
        pair,
        base,
        quote,
        price_tick=Decimal(1).scaleb(-listed.price_places),
        amount_step=Decimal(1).scaleb(-BASE_PRECISION),
        min_amount=Decimal(listed.min_amount),
        max_amount=Decimal(listed.max_amount),
        min_notional=Decimal(0),  # would bound limit orders too, which this exchange does not
        maker_fee=MAKER_FEE,
        taker_fee=TAKER_FEE,
        max_open_orders=MAX_OPEN_ORDERS,
    )


INSTRUMENTS = tuple(_instrument(pair, listed) for pair, listed in LISTED.items())
FLOWS = {pair: listed.flow for pair, listed in LISTED.items()}


@attrs.frozen
class Chain:
    """A way for a currency in and out."""

    label: str
    """How the lists of currencies name it."""
    protocol: str
    confirmations: int


CHAINS: Mapping[str, tuple[Chain, ...]] = {
    "TWD": (Chain("TWD", "MAIN", 0),),
    "BTC": (Chain("BTC", "MAIN", 3),),
    "ETH": (Chain("ETH", "MAIN", 64),),
    "USDT": (
        Chain("USDT (ETH-ERC20)", "ERC20", 64),
        Chain("USDT (TRX-TRC20)", "TRX", 20),
        Chain("USDT (BSC-BEP20)", "BSC", 15),
    ),
}
"""By currency; where nobody says which, it is the first."""


def _currency(code: str, fee: str, least: str, most: str) -> Currency:
    return Currency(code, withdrawal_fee=Decimal(fee), min_withdrawal=Decimal(least), max_withdrawal=Decimal(most))


# The market has one withdrawal fee for each currency, so all chains of USDT cost the same here.
CURRENCIES = (
    _currency("TWD", "15", "100", "2000000"),
    _currency("BTC", "0.0003", "0.001", "50"),
    _currency("ETH", "0.003", "0.01", "1000"),
    _currency("USDT", "2", "10", "300000"),
)
MAX_DAILY = {"TWD": "2000000", "BTC": "100", "ETH": "2000", "USDT": "500000"}
"""Shown, not enforced."""

FUNDS = {"TWD": Decimal(3_000_000), "BTC": Decimal(1), "ETH": Decimal(20), "USDT": Decimal(50_000)}
