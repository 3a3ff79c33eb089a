"""What stands in the books of an account before a call, and the arguments with which the call then succeeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
from support.calls import arguments
from support.losing import ORDERS
from support.replay import exchanges

from specie.sandbox.market import Market

from .expected import Change

ADDRESS = "demo-somewhere"
PAIRS = {"bibox": "BTC_USDT", "bitexbit": "BTC_USD", "bitok": "btc_usd", "bitopro": "BTC_TWD"}
"""The pair of the orders, as the market calls it."""


@attrs.define
class Scene:
    """An account of an exchange, as a client without faults has set it up."""

    exchange: str
    client: Any
    market: Market
    account: str
    """As the market calls it."""
    serial: int
    """A number that no other scene has."""
    wait: Callable[[int], None]
    """Lets so many seconds go by."""

    def rest(self) -> str:
        """Place an order that waits in the book; gives its id."""
        receipt = self.client.orders.create(**ORDERS[self.exchange])
        return str(getattr(receipt, "order_id", None) or receipt.id)

    def trade(self) -> str:
        """Place an order that is filled at once; gives its id."""
        best = self.market.book(PAIRS[self.exchange]).asks[0].price
        price = (best * Decimal("1.05")).quantize(Decimal(1))
        receipt = self.client.orders.create(**{**ORDERS[self.exchange], "price": price})
        return str(getattr(receipt, "order_id", None) or receipt.id)


def for_reads(scene: Scene) -> Mapping[str, Mapping[str, Any]]:
    """Set up an account with something of everything; gives arguments by operation."""
    waiting, filled = scene.rest(), scene.trade()
    return {**_usual(scene), **_READS[scene.exchange](scene, waiting, filled)}


def for_effect(scene: Scene, operation: str) -> Mapping[str, Any]:
    """Set up an account for one call with an effect; gives its arguments."""
    return _EFFECTS[f"{scene.exchange}.{operation}"](scene)


def _usual(scene: Scene) -> dict[str, Mapping[str, Any]]:
    exchange = exchanges()[scene.exchange]
    return {one.id: arguments(exchange, one) for one in exchange.operations}


def _bibox_reads(scene: Scene, waiting: str, _filled: str) -> dict[str, Mapping[str, Any]]:
    del scene
    pair = {"symbol": "BTC_USDT"}
    some = {**pair, "limit": 50}
    return {"orders.get": {"id": waiting}, "orders.open": pair, "orders.history": some, "orders.fills": some}


def _bitexbit_reads(scene: Scene, waiting: str, _filled: str) -> dict[str, Mapping[str, Any]]:
    now_ms = scene.market.now_ms
    scene.market.deposit(scene.account, "BTC", Decimal(1), now_ms=now_ms)
    scene.market.withdraw(scene.account, "BTC", Decimal("0.1"), ADDRESS, now_ms=now_ms)
    return {"orders.get": {"order_id": waiting}, "orders.history": {}}


def _bitok_reads(scene: Scene, _waiting: str, _filled: str) -> dict[str, Mapping[str, Any]]:
    scene.client.wallet.withdraw(amount=Decimal("0.1"), currency="btc", address=ADDRESS, invoice=f"read-{scene.serial}")
    return {}


def _bitopro_reads(scene: Scene, waiting: str, _filled: str) -> dict[str, Mapping[str, Any]]:
    scene.market.deposit(scene.account, "USDT", Decimal(50), now_ms=scene.market.now_ms)
    made = scene.client.wallet.withdraw(**_withdraw(scene))
    pair, currency = {"pair": "btc_twd"}, {"currency": "usdt"}
    return {
        "market.ticker": pair,
        "market.candles": {
            **pair,
            "resolution": "1h",
            "start": scene.market.now_ms // 1000 - 86_400,
            "end": scene.market.now_ms // 1000,
        },
        "orders.get": {**pair, "order_id": waiting},
        "orders.history": pair,
        "orders.trades": pair,
        "wallet.deposits": currency,
        "wallet.withdrawals": currency,
        "wallet.withdrawal": {**currency, "serial": made.serial},
        "wallet.withdrawal_by_id": {**currency, "id": made.id},
    }


_READS: Mapping[str, Callable[[Scene, str, str], dict[str, Mapping[str, Any]]]] = {
    "bibox": _bibox_reads,
    "bitexbit": _bitexbit_reads,
    "bitok": _bitok_reads,
    "bitopro": _bitopro_reads,
}

# --- effects --------------------------------------------------------------------------------------------------------


def _create(scene: Scene) -> Mapping[str, Any]:
    return ORDERS[scene.exchange]


def _cancel(scene: Scene, name: str = "order_id", **more: Any) -> Mapping[str, Any]:
    return {name: scene.rest(), **more}


def _cancel_all(scene: Scene, **given: Any) -> Mapping[str, Any]:
    scene.rest()
    scene.rest()
    return given


def _withdraw(_scene: Scene) -> Mapping[str, Any]:
    return {"currency": "usdt", "amount": Decimal(100), "address": ADDRESS, "protocol": "ERC20"}


def _batch(_scene: Scene) -> Mapping[str, Any]:
    from specie.bitopro.orders import NewOrder

    given = {**ORDERS["bitopro"], "pair": "BTC_TWD"}
    return {"orders": [NewOrder(**given), NewOrder(**given)]}


def _cancel_batch(scene: Scene) -> Mapping[str, Any]:
    return {"orders": {"BTC_TWD": [scene.rest(), scene.rest()]}}


def _transfer(scene: Scene, **given: Any) -> Mapping[str, Any]:
    return {"amount": Decimal("0.5"), "invoice": f"lost-{scene.serial}", **given}


def _redeem(scene: Scene) -> Mapping[str, Any]:
    market, account, invoice = scene.market, scene.account, f"made-{scene.serial}"
    made = market.create_voucher(account, "usd", Decimal(5), now_ms=market.now_ms, reference=invoice)
    scene.wait(2)
    return {"voucher_code": market.transfer(account, made.id).voucher_code, "invoice": f"lost-{scene.serial}"}


_EFFECTS: Mapping[str, Callable[[Scene], Mapping[str, Any]]] = {
    "bibox.orders.create": _create,
    "bibox.orders.cancel": partial(_cancel, name="id"),
    "bibox.orders.cancel_all": partial(_cancel_all, symbol="BTC_USDT"),
    "bitexbit.orders.create": _create,
    "bitexbit.orders.cancel": _cancel,
    "bitok.orders.create": _create,
    "bitok.orders.cancel": _cancel,
    "bitok.wallet.withdraw": partial(_transfer, currency="btc", address=ADDRESS),
    "bitok.wallet.create_voucher": partial(_transfer, currency="usd"),
    "bitok.wallet.redeem_voucher": _redeem,
    "bitopro.orders.create": _create,
    "bitopro.orders.create_batch": _batch,
    "bitopro.orders.cancel": partial(_cancel, pair="btc_twd"),
    "bitopro.orders.cancel_batch": _cancel_batch,
    "bitopro.orders.cancel_all": _cancel_all,
    "bitopro.orders.cancel_all_of_pair": partial(_cancel_all, pair="btc_twd"),
    "bitopro.wallet.withdraw": _withdraw,
}

# --- the books ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Books:
    """What the exchange has in its books of one account."""

    orders: Mapping[int, bool]
    """Whether they are open."""
    transfers: frozenset[int]
    money: tuple[Any, ...]

    @classmethod
    def of(cls, market: Market, account: str) -> Books:
        return cls(
            {one.id: one.is_open for one in market.orders(account)},
            frozenset(one.id for one in market.transfers(account)),
            tuple(market.balances(account)),
        )

    def until(self, later: Books) -> Change:
        """What came to pass until then."""
        return Change(
            placed=len(later.orders.keys() - self.orders.keys()),
            ended=sum(was and not later.orders[key] for key, was in self.orders.items()),
            transferred=len(later.transfers - self.transfers),
        )
