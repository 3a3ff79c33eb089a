"""How often one may ask, and what a key may do."""

from __future__ import annotations

from typing import Any

import pytest
from support.calls import BODIES, connected
from support.replay import exchanges

from specie.runtime import Nonces, PermissionDenied, RateLimited
from specie.sandbox import Sandbox, Usage

pytest.importorskip("aiohttp")

both_bodies = pytest.mark.parametrize("body", BODIES)
NONCES = Nonces()


def serving(name: str, clock: list[int], **options: Any) -> Sandbox:
    return Sandbox(name, models=[exchanges()[name]], seed=1, clock=lambda: clock[0], **options)


def client_of(sandbox: Sandbox, clock: list[int], body: str, **options: Any) -> Any:
    (name,) = sandbox.exchanges
    given = {**sandbox.client_options_of(name, **options), "clock": lambda: clock[0], "nonces": NONCES}
    return connected(exchanges()[name], body, **given)


def usage_of(sandbox: Sandbox, limit: str, operation: str = "") -> Usage:
    (name,) = sandbox.exchanges
    (found,) = [one for one in sandbox.usage(name) if one.limit == limit and one.operation == operation]
    return found


@both_bodies
def test_too_many_calls_are_refused_until_the_window_has_passed(body: str) -> None:
    clock = [1_700_000_000_000]
    with serving("bitopro", clock) as sandbox, client_of(sandbox, clock, body) as client:
        client.orders.open()
        clock[0] += 600
        for _ in range(4):
            client.orders.open()
        for _ in range(2):
            with pytest.raises(RateLimited, match=r"too many requests: 5/s per ip\+account") as caught:
                client.orders.open()
            assert caught.value.status == 429
        client.orders.history("btc_twd")  # that limit is of one operation
        clock[0] += 400  # the first of them is out of the window
        client.orders.open()
        with pytest.raises(RateLimited):
            client.orders.open()
        clock[0] += 1000
        client.market.tickers()
        own = usage_of(sandbox, "5/s per ip+account", "orders.open")
        assert (own.allowed, own.in_window, own.most, own.refused) == (5, 5, 5, 3)
        assert own.counted_for == "127.0.0.1 demo-bitopro-api-key"
        everything = usage_of(sandbox, "600/min per ip")
        assert (everything.in_window, everything.counted_for) == (11, "127.0.0.1")  # public and private ones
        assert usage_of(sandbox, "600/min per account").in_window == 7  # the refused ones did not come so far


@both_bodies
def test_the_refusal_is_in_the_exchanges_own_shape(body: str) -> None:
    clock = [1_700_000_000_000]
    with serving("bibox", clock) as sandbox, client_of(sandbox, clock, body) as client:
        sandbox.fault("status:429")
        with pytest.raises(RateLimited) as caught:
            client.account.balances()
        assert caught.value.code == "-2101"
    with serving("bitexbit", clock) as sandbox, client_of(sandbox, clock, body) as client:
        client.account.balances()
        client.orders.history()
        with pytest.raises(RateLimited, match="2/s per account"):
            client.account.balances()
        client.market.pairs()


def test_without_limits_requests_are_counted_nevertheless() -> None:
    clock = [1_700_000_000_000]
    with (
        serving("bitopro", clock, limits=False) as sandbox,
        client_of(sandbox, clock, "blocking") as client,
    ):
        for _ in range(5):
            client.orders.cancel_all()
        own = usage_of(sandbox, "1/s per ip", "orders.cancel_all")
        assert (own.in_window, own.most, own.refused) == (5, 5, 0)


@both_bodies
def test_what_a_key_may_do(body: str) -> None:
    clock = [1_700_000_000_000]
    order = {"symbol": "BTC_USDT", "side": "buy", "type": "limit", "quantity": "0.01", "price": "1000"}
    with serving("bibox", clock) as sandbox:
        assert sandbox.permissions_of("bibox") == ["view"]  # trading permits all that is here
        with client_of(sandbox, clock, body) as client:
            client.orders.create(**order)
        with client_of(sandbox, clock, body, permission="view") as client:
            (found,) = client.orders.open(symbol="BTC_USDT")  # of the same account
            with pytest.raises(PermissionDenied) as caught:
                client.orders.cancel(found.id)
            assert caught.value.code == "-2103"
            with pytest.raises(PermissionDenied):
                client.orders.create(**order)
        with pytest.raises(ValueError, match="has no permission 'trade' that is weaker than all; there is view"):
            sandbox.client_options_of("bibox", permission="trade")
    with pytest.raises(ValueError, match=r"bitopro has no permission 'view'.*its documents name none"):
        serving("bitopro", clock).client_options_of("bitopro", permission="view")
