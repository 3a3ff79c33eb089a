"""The living markets behind the exchanges: which are served so, what a seed repeats, and that nothing is lost in a crowd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.calls import arguments, call, connected
from support.replay import NOW_MS, client_class, exchanges

from specie.compiler.model import Exchange
from specie.runtime import ApiError, Nonces, OutcomeUnknown, SpecieError
from specie.sandbox import Sandbox
from specie.sandbox.faces.live import LiveFace
from specie.sandbox.market import Instrument, InvariantBroken, Market

pytest.importorskip("aiohttp")

NAMES = ("bibox", "bitexbit", "bitok", "bitopro")
each_exchange = pytest.mark.parametrize("name", NAMES)


def serving(*names: str, **options: Any) -> Sandbox:
    models = [exchanges()[name] for name in names]
    return Sandbox(models=models, limits=False, **{"clock": lambda: NOW_MS, **options})


def replies(name: str, seed: int | None) -> list[bytes]:
    """What is answered to each operation of an exchange, called in turn, with a bid before and its like after."""
    exchange, bodies = exchanges()[name], []
    with (
        serving(name, seed=seed) as sandbox,
        connected(exchange, "blocking", **sandbox.client_options) as client,
        client.capture() as captured,
    ):
        for operation in exchange.operations:
            with suppress(SpecieError):
                call(client, operation, arguments(exchange, operation))
        bodies = [reply.body for reply in captured]
        sandbox.check()
    return bodies


# --- which are served so --------------------------------------------------------------------------------------------


@each_exchange
def test_an_exchange_with_a_face_lives(name: str) -> None:
    sandbox = serving(name)
    market = sandbox.market(name)
    assert market is not None
    assert market.instruments
    assert serving(name, examples=True).market(name) is None
    with pytest.raises(ValueError, match="nobody is not served"):
        sandbox.market("nobody")


def test_an_exchange_without_a_face_answers_with_examples(acme: Exchange) -> None:
    assert Sandbox(models=[acme]).market("acme") is None
    # A module of that name that holds no face is none.
    assert Sandbox(models=[attrs.evolve(acme, name="live")]).market("live") is None


def test_an_endpoint_that_the_face_does_not_know_answers_with_its_example(tmp_path: Path) -> None:
    exchange = exchanges()["bitopro"]
    (tmp_path / "examples" / "market").mkdir(parents=True)
    (tmp_path / "examples" / "market" / "news.json").write_text('{"data":"nothing"}')
    tickers = next(one for one in exchange.operations if one.id == "market.tickers")
    news = attrs.evolve(tickers, name="news", path="/news")
    groups = tuple(
        attrs.evolve(one, operations=(*one.operations, news)) if one.name == "market" else one
        for one in exchange.groups
    )
    extended = attrs.evolve(exchange, groups=groups, folder=str(tmp_path))
    with Sandbox(models=[extended], seed=1) as sandbox:
        assert sandbox.market("bitopro") is not None
        with connected(exchange, "blocking", **sandbox.client_options) as client:
            assert client.request("GET", "/news") == {"data": "nothing"}
            assert client.market.tickers()


# --- a seed ---------------------------------------------------------------------------------------------------------


@each_exchange
def test_the_same_seed_and_calls_give_the_same_replies(name: str) -> None:
    first = replies(name, 5)
    assert len(first) == len(exchanges()[name].operations)
    assert first == replies(name, 5)
    assert first != replies(name, 6)


def test_without_a_seed_every_market_is_another() -> None:
    assert replies("bitopro", None) != replies("bitopro", None)


def test_time_in_a_seeded_market_goes_by_with_requests() -> None:
    with serving("bitopro", seed=1) as sandbox:
        market = sandbox.market("bitopro")
        assert market is not None
        with connected(exchanges()["bitopro"], "blocking", **sandbox.client_options) as client:
            times = [market.now_ms]
            for _ in range(3):
                client.market.tickers()
                times.append(market.now_ms)
    assert [later - earlier for earlier, later in pairwise(times)] == [1000] * 3


def test_without_a_seed_the_market_lives_by_the_clock() -> None:
    clock = [NOW_MS]
    with serving("bitopro", clock=lambda: clock[0]) as sandbox:
        market = sandbox.market("bitopro")
        assert market is not None
        clock[0] += 60_000
        with connected(exchanges()["bitopro"], "blocking", **sandbox.client_options) as client:
            client.market.tickers()
        assert market.now_ms == NOW_MS + 60_000


# --- books that do not balance --------------------------------------------------------------------------------------


def test_check_looks_at_every_market(acme: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    def face(model: Exchange) -> LiveFace:
        one = Decimal(1)
        pair = Instrument("A_B", "A", "B", one, one, one, one * 100, one, Decimal(0), Decimal(0))
        return LiveFace(model, Market([pair], now_ms=NOW_MS), {})

    with Sandbox(models=[acme, exchanges()["bitopro"]], faces={"acme": face}, seed=1) as sandbox:
        sandbox.check()
        market = sandbox.market("acme")
        assert market is not None

        def broken() -> None:
            raise InvariantBroken("two and two are five")

        monkeypatch.setattr(market, "check", broken)
        with pytest.raises(InvariantBroken, match="two and two"):
            sandbox.check()


# --- a crowd --------------------------------------------------------------------------------------------------------

CROWD = 200


def _bitopro(number: int) -> dict[str, Any]:
    # Some take from the book, some rest; 200 may be open at a time.
    side, price = ("BUY", 3_500_000) if number % 2 else ("BUY", 100_000 + number)
    pair = ("btc_twd", "eth_twd")[number % 4 // 2]
    given = {"pair": pair, "action": side, "type": "LIMIT", "amount": Decimal("0.001"), "price": price}
    return {**given, "client_id": number + 1}


def _bibox(number: int) -> dict[str, Any]:
    price = Decimal(60_000) if number % 2 else Decimal(1000 + number)
    given = {"symbol": "BTC_USDT", "side": "buy", "type": "limit", "quantity": Decimal("0.01"), "price": price}
    return {**given, "client_order_id": number + 1}


def _bitexbit(number: int) -> dict[str, Any]:
    return {"pair": "BTC_USD", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000 + number)}


@pytest.mark.parametrize(
    ("name", "order", "fault"),
    [
        ("bitopro", _bitopro, ""),
        ("bibox", _bibox, ""),
        ("bitexbit", _bitexbit, ""),
        ("bitopro", _bitopro, "accept-then-reset x20 on orders.create"),
    ],
    ids=["bitopro", "bibox", "bitexbit", "bitopro-with-faults"],
)
def test_a_crowd_at_once(name: str, order: Callable[[int], dict[str, Any]], fault: str) -> None:
    """200 clients, each with a connection of its own: no order is lost, none is there twice, and the books balance."""
    cls = client_class(name, "Async")
    nonces = Nonces()

    async def place(number: int, options: dict[str, Any]) -> Any:
        async with cls(**options, nonces=nonces, retries=0, limits="ignore") as client:
            return await client.orders.create(**order(number))

    async def crowd(options: dict[str, Any]) -> list[Any]:
        return await asyncio.gather(*(place(number, options) for number in range(CROWD)), return_exceptions=True)

    with serving(name, seed=2, clock=None) as sandbox:
        if fault:
            sandbox.fault(fault)
        results = asyncio.run(crowd(sandbox.client_options))
        sandbox.check()
        market = sandbox.market(name)
        assert market is not None
        (account,) = market.accounts
        orders = market.orders(account)
    receipts = [one for one in results if not isinstance(one, BaseException)]
    unknown = [one for one in results if isinstance(one, OutcomeUnknown)]
    refused = [one for one in results if isinstance(one, ApiError)]
    assert len(receipts) + len(unknown) + len(refused) == CROWD == len(sandbox.requests)
    ids = {getattr(one, "order_id", None) or one.id for one in receipts}
    assert len(ids) == len(receipts)
    # Accepted then reset: those are in the books, and only their own client ids tell.
    assert len(orders) == len(receipts) + len(unknown)
    assert len(unknown) == (20 if fault else 0)
    if name == "bitexbit":
        # Its nonces must increase, and in a crowd one call overtakes another; such a call is refused, and not done.
        assert all("nonce" in one.message for one in refused)
    else:
        assert not refused
        assert len({one.client_id for one in orders}) == CROWD
