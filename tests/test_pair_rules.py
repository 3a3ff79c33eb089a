"""Trading rules from each exchange's own list of pairs: orders that are made by them pass the exchange's own checks."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.calls import BODIES, connected
from support.replay import exchanges

from specie.runtime import InvalidType, InvalidValue, TradingRules
from specie.sandbox import Sandbox
from specie.sandbox.market import NewOrder, OrderType, Side
from specie.sandbox.market.permits import permitted

PAIRS = [
    ("bibox", "BTC_USDT"),
    ("bibox", "ETH_BTC"),
    ("bitexbit", "BTC_USD"),
    ("bitexbit", "ETH_BTC"),
    ("bitopro", "btc_twd"),
    ("bitopro", "USDT_TWD"),
]
UNIT = Decimal("0.00000001")
FIGURES = st.decimals(min_value="0.0000001", max_value="10000000", places=14)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(models=list(exchanges().values()), seed=5, limits=False) as served:
        yield served


@pytest.fixture(scope="module")
def known(sandbox: Sandbox) -> dict[tuple[str, str], TradingRules[Any]]:
    found: dict[tuple[str, str], TradingRules[Any]] = {}
    for name, pair in PAIRS:
        with connected(exchanges()[name], "blocking", **sandbox.client_options_of(name)) as client:
            found[name, pair] = client.market.rules(pair)
    return found


@pytest.mark.parametrize(("name", "pair"), PAIRS)
@given(side=st.sampled_from(["BUY", "SELL"]), amount=FIGURES, price=FIGURES, by_market=st.booleans())
def test_what_is_made_is_accepted(
    sandbox: Sandbox,
    known: dict[tuple[str, str], TradingRules[Any]],
    name: str,
    pair: str,
    side: str,
    amount: Decimal,
    price: Decimal,
    by_market: bool,
) -> None:
    rules = known[name, pair]
    by_market = by_market and rules.quote_amount is not None
    spends = by_market and side == "BUY"
    asked: dict[str, Any] = {"quote_amount" if spends else "amount": amount}
    if not by_market:
        asked["price"] = price
    try:
        order = rules.order(side, **asked)
    except InvalidValue:
        return
    market = sandbox.market(name)
    assert market is not None
    new = NewOrder(
        pair.upper(),
        Side(side.lower()),
        OrderType.MARKET if by_market else OrderType.LIMIT,
        amount=order.amount,
        quote_amount=order.quote_amount,
        price=order.price,
    )
    assert permitted(new, market.instruments[pair.upper()], UNIT)


@pytest.mark.parametrize("body", BODIES)
def test_the_list_is_asked_for_once_in_its_lifetime(sandbox: Sandbox, body: str) -> None:
    asked = lambda: sum(seen.operation == "market.pairs" for seen in sandbox.requests)  # noqa: E731 - counts anew
    with connected(exchanges()["bitopro"], body, **sandbox.client_options_of("bitopro")) as client:
        before = asked()
        first = client.market.rules("btc_twd")
        assert (first.pair, first.source.min_limit_base_amount) == ("btc_twd", first.amount.least)
        assert client.market.rules("ETH_TWD").price.step == Decimal("0.1")
        assert asked() == before + 1
        client.market.rules("btc_twd", max_age=0)
        assert asked() == before + 2
        with pytest.raises(InvalidType, match="pair must be a str, not None"):
            client.market.rules(None)
        with pytest.raises(InvalidValue, match=r"there is no market 'btc_twdd'; did you mean btc_twd\?"):
            client.market.rules("btc_twdd")
        # A pair that the list lacks may be new: the exchange is asked before it is refused.
        assert asked() == before + 3
        given_list = [one for one in client.market.pairs() if one.pair == "eth_twd"]
        count = asked()
        assert client.market.rules("eth_twd", pairs=given_list).source is given_list[0]
        with pytest.raises(InvalidValue, match="there is no market 'btc_twd'"):
            client.market.rules("btc_twd", pairs=given_list)
        assert asked() == count


def test_an_order_that_is_made_is_placed(sandbox: Sandbox) -> None:
    options = {**sandbox.client_options_of("bitopro"), "clock": None}
    with connected(exchanges()["bitopro"], "blocking", **options) as client:
        rules = client.market.rules("btc_twd")
        made = rules.order("BUY", amount="0.123456789", price="100000.9")
        receipt = client.orders.create("btc_twd", action="BUY", type="LIMIT", amount=made.amount, price=made.price)
        assert (receipt.amount, receipt.price) == (Decimal("0.12345678"), Decimal(100000))
        spent = rules.order("BUY", quote_amount="1000.75")
        receipt = client.orders.create("btc_twd", action="BUY", type="MARKET", quote_amount=spent.quote_amount)
        assert receipt.amount == 1000


def test_where_no_document_gives_rules_there_are_none() -> None:
    from specie.bitok import Market

    assert not hasattr(Market, "rules")
