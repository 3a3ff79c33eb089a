"""How often one may ask, and what a key may do."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.calls import BODIES, connected
from support.replay import exchanges

from specie.compiler.model import Exchange, Limit
from specie.runtime import LimitReached, Nonces, PermissionDenied, RateLimited
from specie.sandbox import Sandbox, Usage
from specie.sandbox.limits import Limits
from specie.sandbox.wire import Refused

pytest.importorskip("aiohttp")

both_bodies = pytest.mark.parametrize("body", BODIES)
NONCES = Nonces()


def serving(name: str, clock: list[int], **options: Any) -> Sandbox:
    return Sandbox(name, models=[exchanges()[name]], seed=1, clock=lambda: clock[0], **options)


def client_of(sandbox: Sandbox, clock: list[int], body: str, *, limits: str = "ignore", **options: Any) -> Any:
    """A client that asks as often as it is told to."""
    (name,) = sandbox.exchanges
    given = {
        **sandbox.client_options_of(name, **options),
        "clock": lambda: clock[0],
        "nonces": NONCES,
        "limits": limits,
    }
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


def with_limits(name: str, *limits: Limit) -> Exchange:
    return attrs.evolve(exchanges()[name], limits=limits)


def points(count: int) -> Limit:
    return attrs.evolve(exchanges()["bibox"].limits[1], count=count)


@both_bodies
def test_what_calls_cost_is_counted_apart_and_told_by_a_header(body: str) -> None:
    clock = [1_700_000_000_000]
    model = with_limits("bibox", exchanges()["bibox"].limits[0], points(2))
    with (
        Sandbox("bibox", models=[model], seed=1, clock=lambda: clock[0]) as sandbox,
        client_of(sandbox, clock, body) as client,
    ):
        with client.capture() as replies:
            client.market.pairs()
            client.market.pairs()
            with pytest.raises(RateLimited, match="too many points: 10000/10s per ip") as caught:
                client.market.pairs()
        assert caught.value.code == "-2102"
        assert [one.headers["Bibox-Usage"] for one in replies] == ["1:1:1", "1:2:0", "1:2:0"]
        assert usage_of(sandbox, "10000/10s per ip").in_window == 2
        assert usage_of(sandbox, "10000/10s per ip in points").refused == 1


def test_an_operation_may_cost_more_than_one() -> None:
    model = with_limits("bibox", points(10))
    dear = attrs.evolve(model.operations[0], cost=4)
    limits = Limits(model, enforced=True)
    limits.count(dear, "127.0.0.1", "", 0)
    assert limits.reported(dear, "127.0.0.1", "") == (("Bibox-Usage", "4:4:6"),)
    limits.count(dear, "127.0.0.1", "", 1)
    with pytest.raises(Refused, match="too many points"):
        limits.count(dear, "127.0.0.1", "", 2)
    limits.count(dear, "127.0.0.2", "", 2)
    limits.count(dear, "127.0.0.1", "", 10_000)
    assert [(one.in_window, one.most, one.refused) for one in limits.usage] == [(8, 8, 1), (4, 4, 0)]


@both_bodies
def test_a_client_learns_what_its_calls_cost(body: str) -> None:
    clock = [1_700_000_000_000]
    with serving("bibox", clock) as sandbox, client_of(sandbox, clock, body, limits="wait") as client:
        client.market.pairs()
        client.market.tickers("BTC_USDT")
        shown = {(one.limit, one.unit): one.used for one in client.limits()}
        assert shown == {("10000/10s per ip", "calls"): 2, ("10000/10s per ip", "points"): 2}


@both_bodies
def test_a_client_keeps_the_limits_by_itself(body: str) -> None:
    clock = [1_700_000_000_000]
    with serving("bitexbit", clock) as sandbox, client_of(sandbox, clock, body, limits="raise") as client:
        client.account.balances()
        client.account.balances()
        with pytest.raises(LimitReached) as caught:
            client.account.balances()
        assert (caught.value.limit, caught.value.operation) == ("2/s per account", "account.balances")
        assert 0 < caught.value.seconds < 2
        client.market.pairs()  # public calls are counted apart
        assert len(sandbox.requests) == 3
        assert usage_of(sandbox, "2/s per account").refused == 0


@both_bodies
def test_a_refusal_stops_the_other_clients_too(body: str) -> None:
    clock = [1_700_000_000_000]
    with (
        serving("bitexbit", clock) as sandbox,
        client_of(sandbox, clock, body, limits="raise") as one,
        client_of(sandbox, clock, body, limits="raise") as other,
    ):
        sandbox.fault("status:429")
        with pytest.raises(RateLimited):
            one.account.balances()
        with pytest.raises(LimitReached):
            other.account.balances()
        other.market.pairs()
        assert len(sandbox.requests) == 2
