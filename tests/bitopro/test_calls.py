"""What cassettes cannot show of BitoPro: what is never sent, lists of many pages, refusals, and its oddities."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.replay import NOW_MS, ROOT, exchanges
from support.stage import BODIES, Stage, replying, staged

from specie import runtime
from specie.bitopro import (
    CandleResolution,
    DepositStatus,
    NewOrder,
    OrderStatus,
    OrderType,
    Side,
    StatusKind,
    StopCondition,
    TimeInForce,
    WithdrawalStatus,
)
from specie.runtime import (
    ApiError,
    ArgumentError,
    InvalidResponse,
    InvalidType,
    InvalidValue,
    MissingCredentials,
    OutcomeUnknown,
)
from specie.sandbox import Call, Reply

DAY = 86_400_000
BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET, STOP_LIMIT = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LIMIT
EXAMPLES = ROOT / "specs" / "bitopro" / "examples"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged("bitopro") as one:
        yield one


@pytest.fixture(params=BODIES)
def bitopro(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Any]:
    stage.play()
    with stage.client(request.param) as one:
        yield one


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


# --- what is never sent ---------------------------------------------------------------------------------------------


def create(**given: Any) -> Callable[[Any], Any]:
    """An order; a good one to buy at a limit, unless said otherwise. What is None is left out."""
    order = {"pair": "btc_twd", "action": BUY, "type": LIMIT, "amount": "1", "price": "100", **given}
    return lambda one: one.orders.create(**order)


def batch(**given: Any) -> Callable[[Any], Any]:
    """A batch of one order; a good one to buy at a limit, unless said otherwise."""
    order = {"pair": "BTC_TWD", "action": BUY, "type": LIMIT, "amount": "1", "price": "100", **given}
    return lambda one: one.orders.create_batch([NewOrder(**order)])


def withdraw(currency: str, **given: Any) -> Callable[[Any], Any]:
    return lambda one: one.wallet.withdraw(currency, **{"amount": "1", **given})


def history(**given: Any) -> Callable[[Any], Any]:
    return lambda one: one.orders.history("btc_twd", **given)


def trades(**given: Any) -> Callable[[Any], Any]:
    return lambda one: one.orders.trades("btc_twd", **given)


def deposits(currency: str = "btc", **given: Any) -> Callable[[Any], Any]:
    return lambda one: one.wallet.deposits(currency, **given)


def withdrawals(currency: str = "btc", **given: Any) -> Callable[[Any], Any]:
    return lambda one: one.wallet.withdrawals(currency, **given)


def order_book(pair: Any = "btc_twd", **given: Any) -> Callable[[Any], Any]:
    return lambda one: one.market.order_book(pair, **given)


def candles(**given: Any) -> Callable[[Any], Any]:
    wanted = {"resolution": CandleResolution.ONE_HOUR, "start": 1550822974, "end": 1566375034, **given}
    return lambda one: one.market.candles("btc_twd", **wanted)


NO_PRICE: dict[str, Any] = {"price": None}
STOP: dict[str, Any] = {"type": STOP_LIMIT, "stop_price": "99", "condition": StopCondition.AT_OR_BELOW}

RULES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "create: website only": (
        create(type=OrderType.SP_OCO_STOPLIMIT),
        "type only when type in (LIMIT, MARKET, STOP_LIMIT)",
    ),
    "create: limit without price": (create(**NO_PRICE), "price unless type == MARKET"),
    "create: stop without price": (create(**STOP, **NO_PRICE), "price unless type == MARKET"),
    "create: market with price": (create(type=MARKET, action=SELL), "price only when type != MARKET"),
    "create: stop without stop price": (
        create(**{**STOP, "stop_price": None}),
        "stop_price, condition when type == STOP_LIMIT",
    ),
    "create: stop without condition": (
        create(**{**STOP, "condition": None}),
        "stop_price, condition when type == STOP_LIMIT",
    ),
    "create: limit with stop price": (create(stop_price="99"), "stop_price, condition only when type == STOP_LIMIT"),
    "create: limit with condition": (
        create(condition=StopCondition.AT_OR_ABOVE),
        "stop_price, condition only when type == STOP_LIMIT",
    ),
    "create: no amount": (create(amount=None), "one of amount, quote_amount"),
    "create: two amounts": (
        create(type=MARKET, quote_amount="5", **NO_PRICE),
        "one of amount, quote_amount",
    ),
    "create: market buy of base": (
        create(type=MARKET, **NO_PRICE),
        "quote_amount when type == MARKET and action == BUY",
    ),
    "create: limit for quote": (
        create(amount=None, quote_amount="5"),
        "quote_amount only when type == MARKET and action == BUY",
    ),
    "create: market sale for quote": (
        create(type=MARKET, action=SELL, amount=None, quote_amount="5", **NO_PRICE),
        "quote_amount only when type == MARKET and action == BUY",
    ),
    "create: buy a percentage": (create(percentage=50), "percentage only when action == SELL"),
    "batch: stop order": (batch(type=STOP_LIMIT), "type only when type in (LIMIT, MARKET)"),
    "batch: limit without price": (batch(**NO_PRICE), "price unless type == MARKET"),
    "batch: market with price": (batch(type=MARKET, action=SELL), "price only when type != MARKET"),
    "batch: no amount": (batch(amount=None), "one of amount, quote_amount"),
    "batch: two amounts": (batch(type=MARKET, quote_amount="5", **NO_PRICE), "one of amount, quote_amount"),
    "batch: market buy of base": (
        batch(type=MARKET, **NO_PRICE),
        "quote_amount when type == MARKET and action == BUY",
    ),
    "batch: limit for quote": (
        batch(amount=None, quote_amount="5"),
        "quote_amount only when type == MARKET and action == BUY",
    ),
    **{
        f"cancel_all_of_pair: {word}": (
            lambda one, word=word: one.orders.cancel_all_of_pair(word),
            "pair only when pair != all and pair != ALL",
        )
        for word in ("all", "ALL")
    },
    "history: 90 days and a bit": (history(start=NOW_MS, end=NOW_MS + 90 * DAY + 1), "end - start <= 90d"),
    "history: ignore_time_limit alone": (
        history(ignore_time_limit=True),
        "ignore_time_limit only when status_kind == OPEN",
    ),
    "history: ignore_time_limit of done": (
        history(ignore_time_limit=True, status_kind=StatusKind.DONE),
        "ignore_time_limit only when status_kind == OPEN",
    ),
    "deposits: no time at all": (deposits(start=NOW_MS, end=NOW_MS), "start < end"),
    "deposits: 90 days and a bit": (deposits(start=NOW_MS, end=NOW_MS + 90 * DAY + 1), "end - start <= 90d"),
    **{
        f"{name}: transaction of {currency}": (
            call(currency, transaction_id="414b"),
            "transaction_id only when currency != twd and currency != TWD and currency != usd and currency != USD",
        )
        for name, call in (("deposits", deposits), ("withdrawals", withdrawals))
        for currency in ("twd", "TWD", "usd", "USD")
    },
    "withdrawals: backwards": (withdrawals(start=NOW_MS, end=NOW_MS - 1), "start < end"),
    "withdrawals: 90 days and a bit": (withdrawals(start=NOW_MS, end=NOW_MS + 90 * DAY + 1), "end - start <= 90d"),
    "withdraw: coins to nowhere": (withdraw("btc"), "address unless currency in (twd, TWD)"),
    "withdraw: coins to a bank": (
        withdraw("btc", address="1A", bank_serial="805"),
        "bank_account_serial, bank_serial only when currency in (twd, TWD)",
    ),
    "withdraw: coins to a bank account": (
        withdraw("btc", address="1A", bank_account_serial="1020000286850710"),
        "bank_account_serial, bank_serial only when currency in (twd, TWD)",
    ),
}


@pytest.mark.parametrize("case", RULES)
def test_rules_are_kept(stage: Stage, bitopro: Any, case: str) -> None:
    call, rule = RULES[case]
    before = stage.sent
    with pytest.raises(InvalidValue) as caught:
        call(bitopro)
    assert caught.value.rule == rule
    assert rule in str(caught.value)
    assert caught.value.parameter
    assert stage.sent == before


def test_every_rule_is_tried() -> None:
    exchange = exchanges()["bitopro"]
    rules = {rule.text for one in exchange.operations for rule in one.require}
    rules |= {rule.text for one in exchange.named.values() for rule in getattr(one, "require", ())}
    assert {rule for _, rule in RULES.values()} == rules


ACCEPTED: dict[str, tuple[Callable[[Any], Any], str, dict[str, Any]]] = {
    "buy at a limit": (create(), "orders/create", {"amount": "1", "price": "100"}),
    "sell a percentage": (
        create(action=SELL, percentage=1),
        "orders/create",
        {"action": "SELL", "amount": "1", "price": "100", "percentage": 1},
    ),
    "spend on the market": (
        create(type=MARKET, amount=None, quote_amount="5", price=None),
        "orders/create",
        {"type": "MARKET", "amount": "5"},
    ),
    "sell on the market": (
        create(type=MARKET, action=SELL, price=None),
        "orders/create",
        {"type": "MARKET", "action": "SELL", "amount": "1"},
    ),
    "stop": (
        create(**STOP),
        "orders/create",
        {"type": "STOP_LIMIT", "amount": "1", "price": "100", "stopPrice": "99", "condition": "<="},
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_rules_allow_is_sent(stage: Stage, bitopro: Any, case: str) -> None:
    call, name, body = ACCEPTED[case]
    script = stage.play(replying(example(name)))
    call(bitopro)
    sent = json.loads(script.calls[0].received.body)
    assert sent == {"action": "BUY", "type": "LIMIT", "timestamp": NOW_MS, **body}


ALLOWED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "90 days of history": (history(start=NOW_MS - 90 * DAY, end=NOW_MS), "orders/history"),
    "all open orders": (history(status_kind=StatusKind.OPEN, ignore_time_limit=True), "orders/history"),
    "90 days of deposits": (deposits(start=NOW_MS - 90 * DAY, end=NOW_MS), "wallet/deposits"),
    "a transaction in": (deposits(transaction_id="414b"), "wallet/deposits"),
    "90 days of withdrawals": (withdrawals(start=NOW_MS - 90 * DAY, end=NOW_MS), "wallet/withdrawals"),
    "a transaction out": (withdrawals("usdt", transaction_id="414b"), "wallet/withdrawals"),
    "coins to an address": (withdraw("btc", address="1A"), "wallet/withdraw"),
    "twd to the verified account": (withdraw("twd"), "wallet/withdraw"),
    "TWD to a bank": (withdraw("TWD", bank_account_serial="1", bank_serial="805"), "wallet/withdraw"),
    "ten orders": (lambda one: one.orders.create_batch([_new_order()] * 10), "orders/create_batch"),
    "no trades at all": (trades(limit=0), "orders/trades"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_bounds_are_allowed(stage: Stage, bitopro: Any, case: str) -> None:
    call, name = ALLOWED[case]
    script = stage.play(replying(example(name)))
    call(bitopro)
    assert len(script.calls) == 1


def _new_order() -> NewOrder:
    return NewOrder(pair="BTC_TWD", action=BUY, type=LIMIT, amount=1, price=1)


BAD: dict[str, tuple[Callable[[Any], Any], type[ArgumentError], str, str]] = {
    "nothing of something": (create(amount="0"), InvalidValue, "amount", "0"),
    "less than nothing": (create(price=-1), InvalidValue, "price", "-1"),
    "a float": (create(amount=0.1), InvalidType, "amount", "write Decimal('0.1') or '0.1'"),
    "a float in a batch": (batch(price=0.1), InvalidType, "price", "write Decimal('0.1') or '0.1'"),
    "NaN": (create(amount=Decimal("NaN")), InvalidValue, "amount", "NaN"),
    "grouped digits": (create(price="1_000"), InvalidValue, "price", "1_000"),
    "true for a number": (create(amount=True), InvalidType, "amount", "True"),
    "client_id 0": (create(client_id=0), InvalidValue, "client_id", "0"),
    "client_id 2^31": (create(client_id=2147483648), InvalidValue, "client_id", "2147483648"),
    "client_id of a batch": (batch(client_id=0), InvalidValue, "client_id", "0"),
    "no percent": (create(action=SELL, percentage=0), InvalidValue, "percentage", "0"),
    "101 percent": (create(action=SELL, percentage=101), InvalidValue, "percentage", "101"),
    "a side as of old": (create(action="Buy"), InvalidValue, "action", "did you mean Side.BUY ('BUY')?"),
    "a type as of old": (create(type="limit"), InvalidValue, "type", "did you mean OrderType.LIMIT"),
    "a status by its name": (history(status="cancelled"), InvalidType, "status", "OrderStatus.CANCELLED"),
    "the status that is not": (history(status=5), InvalidValue, "status", "5"),
    "a side of a batch as of old": (batch(action="Buy"), InvalidValue, "action", "did you mean Side.BUY ('BUY')?"),
    "a type of a batch as of old": (batch(type="limit"), InvalidValue, "type", "did you mean OrderType.LIMIT"),
    "a time in force as of old": (
        batch(time_in_force="gtc"),
        InvalidValue,
        "time_in_force",
        "did you mean TimeInForce.GTC",
    ),
    "another enum": (create(action=LIMIT), InvalidType, "action", "Side"),
    "a protocol in small letters": (
        withdraw("usdt", address="0x00", protocol="erc20"),
        InvalidValue,
        "protocol",
        "did you mean Protocol.ERC20",
    ),
    "withdraw nothing": (withdraw("twd", amount=0), InvalidValue, "amount", "0"),
    "no orders": (lambda one: one.orders.create_batch([]), InvalidValue, "orders", "0"),
    "eleven orders": (lambda one: one.orders.create_batch([_new_order()] * 11), InvalidValue, "orders", "11"),
    "a batch of dicts": (
        lambda one: one.orders.create_batch([{"pair": "BTC_TWD"}]),
        InvalidType,
        "orders",
        "NewOrder",
    ),
    "ids as a list": (lambda one: one.orders.cancel_batch(["1"]), InvalidType, "orders", "mapping"),
    "an id of nothing": (lambda one: one.orders.cancel_batch({"BTC_TWD": [""]}), InvalidValue, "orders", "empty"),
    "a float for an id": (lambda one: one.orders.cancel("btc_twd", 1.0), InvalidType, "order_id", "1.0"),
    "a word for a flag": (
        lambda one: one.orders.cancel("btc_twd", 1, cancel_strategies="false"),
        InvalidType,
        "cancel_strategies",
        "write True or False",
    ),
    "no history": (history(limit=0), InvalidValue, "limit", "0"),
    "too much history": (history(limit=1001), InvalidValue, "limit", "1001"),
    "less than no trades": (trades(limit=-1), InvalidValue, "limit", "-1"),
    "too many trades": (trades(limit=1001), InvalidValue, "limit", "1001"),
    "no deposits": (deposits(limit=0), InvalidValue, "limit", "0"),
    "too many deposits": (deposits(limit=101), InvalidValue, "limit", "101"),
    "no withdrawals": (withdrawals(limit=0), InvalidValue, "limit", "0"),
    "too many withdrawals": (withdrawals(limit=101), InvalidValue, "limit", "101"),
    "no statuses": (deposits(statuses=[]), InvalidValue, "statuses", "leave it out"),
    "a status of the other list": (
        deposits(statuses=[DepositStatus.COMPLETE, "EMAIL_VERIFICATION"]),
        InvalidValue,
        "statuses",
        "EMAIL_VERIFICATION",
    ),
    "a book of 100": (order_book(limit=100), InvalidValue, "limit", "1, 5, 10, 20, 30, 50"),
    "a finer scale": (order_book(scale=-1), InvalidValue, "scale", "-1"),
    "a pair with a slash": (order_book("btc/twd"), InvalidValue, "pair", "slash"),
    "a pair of dots": (order_book(".."), InvalidValue, "pair", "'..'"),
    "no pair": (order_book(""), InvalidValue, "pair", "empty"),
    "None for a pair": (order_book(None), InvalidType, "pair", "required"),
    "naive time": (history(start=datetime(2026, 1, 1)), InvalidValue, "start", "time zone"),  # noqa: DTZ001
    "a day for a time": (history(end=date(2026, 1, 1)), InvalidType, "end", "aware datetime"),
    "seconds for milliseconds": (history(start=1700000000), InvalidValue, "start", "write 1700000000000"),
    "seconds for an order": (create(timestamp=1700000000), InvalidValue, "timestamp", "write 1700000000000"),
    "a float for a time": (deposits(start=1.7e12), InvalidType, "start", "milliseconds"),
    "milliseconds for seconds": (candles(start=1550822974000), InvalidValue, "start", "divide by 1000"),
    "naive time of candles": (candles(end=datetime(2026, 1, 1)), InvalidValue, "end", "time zone"),  # noqa: DTZ001
    "no such resolution": (candles(resolution="2h"), InvalidValue, "resolution", "2h"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(stage: Stage, bitopro: Any, case: str) -> None:
    call, error, parameter, words = BAD[case]
    before = stage.sent
    with pytest.raises(error) as caught:
        call(bitopro)
    assert caught.value.parameter == parameter
    assert words in str(caught.value)
    assert stage.sent == before


@pytest.mark.parametrize("body", BODIES)
def test_private_calls_need_credentials(stage: Stage, body: str) -> None:
    before = stage.sent
    with stage.client(body, api_key=None, api_secret=None) as one:
        with pytest.raises(MissingCredentials) as caught:
            one.orders.create("btc_twd", action=BUY, type=LIMIT, amount=1, price=1)
        assert caught.value.missing == ("api_key", "api_secret")
        assert "BITOPRO_API_KEY" in str(caught.value)
        assert stage.sent == before
        script = stage.play(replying(example("market/tickers")))
        assert one.market.tickers()[1].pair == "btg_twd"
    assert not [name for name, _ in script.calls[0].received.headers if name.lower().startswith("x-bitopro")]


# --- lists of many pages --------------------------------------------------------------------------------------------


def paged(rows: list[dict[str, Any]], *, key: str, cursor: str, stamp: str, limit: int) -> Callable[[Call], Reply]:
    """A list as the pages describe it: newest first, bounds included, from the cursor's row on, 90 days unless told."""

    def answer(call: Call) -> Reply:
        given = call.arguments
        end = given.get("end", call.now_ms)
        start = given.get("start", end - 90 * DAY)
        found = [row for row in rows if start <= int(row[stamp]) <= end]
        if cursor in given:
            found = [row for row in found if int(row[key]) <= int(given[cursor])]
        found.sort(key=lambda row: (int(row[stamp]), int(row[key])), reverse=True)
        return Reply(200, json.dumps({"data": found[: given.get("limit", limit)]}).encode())

    return answer


def _orders(days: range) -> list[dict[str, Any]]:
    """An order for every so many days before now, of which the older have the lower ids."""
    order = example("orders/history")["data"][0]
    return [
        {**order, "id": str(9_000_000_000 - day), "createdTimestamp": NOW_MS - day * DAY, "updatedTimestamp": NOW_MS}
        for day in days
    ]


ORDER_PAGES: dict[str, Any] = {"key": "id", "cursor": "order_id", "stamp": "createdTimestamp", "limit": 100}
ALL_DAYS = range(0, 271, 5)  # 90 and 180 are bounds of two windows


@pytest.mark.parametrize("limit", [2, 3, 7, 55, None])
def test_history_is_walked_in_windows_and_pages(stage: Stage, bitopro: Any, limit: int | None) -> None:
    rows = _orders(ALL_DAYS)
    script = stage.play(paged(rows, **ORDER_PAGES))
    found = list(bitopro.orders.iter_history("btc_twd", start=NOW_MS - 250 * DAY, limit=limit))
    assert [one.id for one in found] == [row["id"] for row in rows if row["createdTimestamp"] >= NOW_MS - 250 * DAY]
    windows = list(dict.fromkeys((call.arguments["start"], call.arguments["end"]) for call in script.calls))
    assert windows == [
        (NOW_MS - 90 * DAY, NOW_MS),
        (NOW_MS - 180 * DAY, NOW_MS - 90 * DAY),
        (NOW_MS - 250 * DAY, NOW_MS - 180 * DAY),
    ]
    assert all(call.arguments.get("limit") == limit for call in script.calls)
    assert "orderId" not in script.calls[0].received.query


def test_history_without_a_beginning_is_the_exchange_s_own_90_days(stage: Stage, bitopro: Any) -> None:
    rows = _orders(ALL_DAYS)
    script = stage.play(paged(rows, **ORDER_PAGES))
    found = list(bitopro.orders.iter_history("btc_twd", limit=10, status_kind=StatusKind.DONE))
    assert [one.id for one in found] == [row["id"] for row in rows if row["createdTimestamp"] >= NOW_MS - 90 * DAY]
    assert [call.received.query for call in script.calls] == [
        "statusKind=DONE&limit=10",
        "statusKind=DONE&orderId=8999999955&limit=10",
        "statusKind=DONE&orderId=8999999910&limit=10",
    ]


def test_history_goes_on_from_a_cursor_of_the_caller(stage: Stage, bitopro: Any) -> None:
    stage.play(paged(_orders(range(9)), **ORDER_PAGES))
    found = list(bitopro.orders.iter_history("btc_twd", order_id=8_999_999_995, limit=2))
    assert [one.id for one in found] == [str(8_999_999_995 - index) for index in range(4)]


def test_history_is_asked_for_as_it_is_needed(stage: Stage, bitopro: Any) -> None:
    script = stage.play(paged(_orders(range(9)), **ORDER_PAGES))
    walk = iter(bitopro.orders.iter_history("btc_twd", limit=3))
    assert script.calls == []
    assert [next(walk).id for _ in range(3)] == ["9000000000", "8999999999", "8999999998"]
    assert len(script.calls) == 1
    assert next(walk).id == "8999999997"
    assert len(script.calls) == 2


def test_history_that_is_empty(stage: Stage, bitopro: Any) -> None:
    script = stage.play(paged([], **ORDER_PAGES))
    assert list(bitopro.orders.iter_history("btc_twd")) == []
    assert len(script.calls) == 1


def test_history_that_grows_meanwhile_repeats_nothing(stage: Stage, bitopro: Any) -> None:
    rows = _orders(range(1, 20))
    answer = paged(rows, **ORDER_PAGES)

    def growing(call: Call) -> Reply:
        reply = answer(call)
        newest = max(int(row["id"]) for row in rows)
        rows.append({**rows[0], "id": str(newest + 1), "createdTimestamp": NOW_MS})
        return reply

    stage.play(growing)
    found = [one.id for one in bitopro.orders.iter_history("btc_twd", limit=4)]
    assert found == [str(9_000_000_000 - day) for day in range(1, 20)]


def _fills() -> list[dict[str, Any]]:
    """Trades, of which every third stands there twice: both of its sides were ours."""
    fill = example("orders/trades")["data"][0]
    rows = []
    for index in range(12):
        for order in (2, 1) if index % 3 == 0 else (1,):
            trade = 3_109_362_209 - index
            rows.append(
                {**fill, "tradeId": str(trade), "orderId": f"{trade}{order}", "createdTimestamp": NOW_MS - index}
            )
    return rows


@pytest.mark.parametrize("limit", [3, 4, 5, 16, 17, None])
def test_trades_of_both_sides_are_kept(stage: Stage, bitopro: Any, limit: int | None) -> None:
    rows = _fills()

    def answer(call: Call) -> Reply:
        cursor = int(call.arguments.get("trade_id", 10**12))
        found = [row for row in rows if int(row["tradeId"]) <= cursor]
        return Reply(200, json.dumps({"data": found[: call.arguments.get("limit", 100)]}).encode())

    stage.play(answer)
    found = [(one.trade_id, one.order_id) for one in bitopro.orders.iter_trades("btc_twd", limit=limit)]
    assert found == [(row["tradeId"], row["orderId"]) for row in rows]


@pytest.mark.parametrize("kind", ["deposits", "withdrawals"])
@pytest.mark.parametrize("limit", [2, 5, 100, None])
def test_wallet_lists_are_walked_in_windows_and_pages(stage: Stage, bitopro: Any, kind: str, limit: int | None) -> None:
    row = example(f"wallet/{kind}")["data"][0]
    rows = [
        {**row, "id": str(8_000_000_000 - day), "timestamp": str(NOW_MS - day * DAY), "serial": f"S{day}"}
        for day in range(0, 200, 3)  # one of them on the bound of two windows
    ]
    script = stage.play(paged(rows, key="id", cursor="id", stamp="timestamp", limit=20))
    start = datetime.fromtimestamp((NOW_MS - 190 * DAY) // 1000, UTC)
    walk = getattr(bitopro.wallet, f"iter_{kind}")
    found = [one.id for one in walk("btc", start=start, end=NOW_MS, limit=limit)]
    assert found == [row["id"] for row in rows if int(row["timestamp"]) >= NOW_MS - 190 * DAY]
    assert all(0 < call.arguments["end"] - call.arguments["start"] <= 90 * DAY for call in script.calls)


def test_walks_refuse_what_their_pages_refuse(stage: Stage, bitopro: Any) -> None:
    before = stage.sent
    with pytest.raises(InvalidValue):
        list(bitopro.orders.iter_history("btc_twd", limit=1001))
    with pytest.raises(InvalidValue):
        list(bitopro.wallet.iter_deposits("btc", start=NOW_MS, end=NOW_MS))
    assert stage.sent == before


# --- refusals -------------------------------------------------------------------------------------------------------

# Bodies as third parties recorded them; the status of some is not known.
TEXTS = {
    "Invalid Signature": (401, "Invalid Signature", "InvalidSignature"),
    "api token is not allowed": (403, "api token is not allowed", "AuthenticationFailed"),
    "Balance for * not enough*": (
        422,
        "Balance for eth not enough, only has 0, but ordered 0.01.",
        "InsufficientFunds",
    ),
    "Unsupported trading pair *": (422, "Unsupported trading pair nope_usdt.", "InvalidSymbol"),
    "Unsupported currency.": (422, "Unsupported currency.", "InvalidSymbol"),
    "Unsupported order type": (422, "Unsupported order type", "InvalidOrder"),
    "Invalid amount *": (422, "Invalid amount 0.0000000001, decimal limit is 8.", "InvalidOrder"),
    "Invalid price *": (422, "Invalid price -1.", "InvalidOrder"),
    "Invalid body": (400, "Invalid body", "InvalidRequest"),
    "Invalid limit: *": (422, "Invalid limit: 100", "InvalidRequest"),
    "Invalid scale: *": (422, "Invalid scale: 9", "InvalidRequest"),
    "Wrong parameter: *": (400, "Wrong parameter: from", "InvalidRequest"),
    "Address not in whitelist.": (422, "Address not in whitelist.", "InvalidRequest"),
    "Cannot list price*": (422, "Cannot list price, please try again later", "InvalidRequest"),
}
STATUSES = {
    400: "InvalidRequest",
    401: "AuthenticationFailed",
    403: "PermissionDenied",
    404: "NotFound",
    408: "RequestTimeout",
    409: "ClockSkew",
    422: "InvalidRequest",
    429: "RateLimited",
    500: "ServerError",
    502: "ServerError",
    503: "ServerError",
}
UNLISTED = {402: "ApiError", 418: "ApiError", 504: "ServerError", 520: "ServerError"}


def test_every_refusal_is_tried() -> None:
    errors = exchanges()["bitopro"].errors
    assert {one.match: one.error for one in errors.texts} == {text: error for text, (_, _, error) in TEXTS.items()}
    assert {int(one.match): one.error for one in errors.status} == STATUSES
    assert not errors.codes


@pytest.mark.parametrize("pattern", TEXTS)
def test_refusals_by_text(stage: Stage, bitopro: Any, pattern: str) -> None:
    status, text, name = TEXTS[pattern]
    stage.play(replying({"error": text}, status, x_request_id="b7e1"))
    for call in (order_book(), create()):
        with pytest.raises(ApiError) as caught:
            call(bitopro)
        assert type(caught.value) is getattr(runtime, name)
        assert (caught.value.status, caught.value.message, caught.value.code) == (status, text, None)
        assert caught.value.request_id == "b7e1"


@pytest.mark.parametrize("status", [*STATUSES, *UNLISTED])
@pytest.mark.parametrize("body", ['{"message":"404 NOT FOUND"}\n', "<html>Bad Gateway</html>", ""])
def test_refusals_by_status(stage: Stage, bitopro: Any, status: int, body: str) -> None:
    error = getattr(runtime, (STATUSES | UNLISTED)[status])
    stage.play(replying(body, status))
    with pytest.raises(ApiError) as caught:
        bitopro.market.tickers()
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.message == ("404 NOT FOUND" if "404" in body else "")
    assert caught.value.body_start == body
    # What fails behind the gateway may have taken the order.
    unsure = status == 408 or status >= 500
    with pytest.raises(OutcomeUnknown if unsure else error):
        create()(bitopro)


def test_a_refusal_under_status_200(stage: Stage, bitopro: Any) -> None:
    stage.play(replying({"error": "Unsupported currency."}))
    with pytest.raises(runtime.InvalidSymbol) as caught:
        bitopro.account.balances()
    assert caught.value.status == 200


def test_a_rate_limit_says_when_to_go_on(stage: Stage, bitopro: Any) -> None:
    stage.play(replying({"error": "too many requests"}, 429, retry_after="7"))
    with pytest.raises(runtime.RateLimited) as caught:
        create()(bitopro)
    assert caught.value.retry_after == 7.0


def test_an_order_of_unknown_outcome_names_the_caller_s_number(stage: Stage, bitopro: Any) -> None:
    script = stage.play(replying("<html>", 502))
    with pytest.raises(OutcomeUnknown) as caught:
        create(client_id=4711)(bitopro)
    assert len(script.calls) == 1
    assert caught.value.client_order_id == "4711"
    assert (caught.value.method, caught.value.sent_at_ms, caught.value.status) == ("POST", NOW_MS, 502)
    assert caught.value.path.endswith("/v3/orders/btc_twd")
    assert caught.value.sent["amount"] == Decimal("1")


# --- oddities -------------------------------------------------------------------------------------------------------


def test_a_ticker_comes_alone_or_in_a_list(stage: Stage, bitopro: Any) -> None:
    both = example("market/tickers")["data"]
    for data in (both[0], both[:1]):
        stage.play(replying({"data": data}))
        assert bitopro.market.ticker("eth_btc").pair == "eth_btc"
    for data in (both, []):
        stage.play(replying({"data": data}))
        with pytest.raises(InvalidResponse) as caught:
            bitopro.market.ticker("eth_btc")
        assert caught.value.path == "$.data"


def test_the_book_has_no_envelope(stage: Stage, bitopro: Any) -> None:
    stage.play(replying({"data": example("market/order_book")}))
    with pytest.raises(InvalidResponse) as caught:
        bitopro.market.order_book("btc_twd")
    assert caught.value.path == "$.asks"


def test_there_may_be_nothing_to_list(stage: Stage, bitopro: Any) -> None:
    stage.play(replying({"data": []}))
    assert bitopro.orders.open() == []
    nothing: tuple[Any, ...] = ({}, [])
    for data in nothing:
        stage.play(replying({"data": data}))
        assert bitopro.orders.cancel_all() == {}


def test_ids_are_text_however_they_come(stage: Stage, bitopro: Any) -> None:
    receipt = example("orders/create")
    for order_id in ("1234567890", 9_007_199_254_740_993_000):
        stage.play(replying({**receipt, "orderId": order_id}))
        assert create()(bitopro).order_id == str(order_id)


def test_a_market_order_has_no_price(stage: Stage, bitopro: Any) -> None:
    receipt = example("orders/create")
    del receipt["price"]
    for price in ({}, {"price": ""}, {"price": None}):
        stage.play(replying({**receipt, **price}))
        assert create()(bitopro).price is None


def test_times_come_as_numbers_or_as_text(stage: Stage, bitopro: Any) -> None:
    order = example("orders/get")
    text = {**order, "createdTimestamp": "1571032128185", "updatedTimestamp": "1571032129185"}
    stage.play(replying(order))
    as_numbers = bitopro.orders.get("bito_eth", "SL-9014867155")
    stage.play(replying(text))
    assert bitopro.orders.get("bito_eth", "SL-9014867155") == as_numbers
    deposit = example("wallet/deposits")["data"][0]
    stage.play(replying({"data": [{**deposit, "timestamp": 1611660419000}]}))
    assert bitopro.wallet.deposits("btc")[0].timestamp == 1611660419000


def test_an_open_order_timed_in_seconds_is_of_1970(stage: Stage, bitopro: Any) -> None:
    order = example("orders/open")["data"][0]
    stage.play(replying({"data": [{**order, "createdTimestamp": 1733122154}]}))
    (found,) = bitopro.orders.open()
    assert found.created_utc is not None
    assert found.created_utc.year == 1970


def test_tomorrow_s_values_are_kept(stage: Stage, bitopro: Any) -> None:
    order = {**example("orders/get"), "status": 5, "type": "TRAILING_STOP", "iceberg": True}
    stage.play(replying(order))
    with bitopro.capture() as replies:
        found = bitopro.orders.get("bito_eth", "SL-9014867155")
    assert isinstance(found.status, OrderStatus)
    assert (found.status, found.status.is_known) == (5, False)
    assert isinstance(found.type, OrderType)
    assert (found.type, found.type.is_known) == ("TRAILING_STOP", False)
    assert sorted(replies[0].unaccounted()) == ["$.iceberg", "$.status", "$.type"]


def test_fees_of_old_and_of_nothing(stage: Stage, bitopro: Any) -> None:
    fees = example("market/fees")
    for rank in fees["tradingFeeRate"]:
        for name in ("rankCondition", "gridBotMakerFee", "gridBotTakerFee"):
            del rank[name]
    twd = fees["restrictionsOfWithdrawalFees"][3]
    twd["protocol"] = ""
    fees["cryptocurrencyDepositFeeAndConfirmation"][0]["blockchainConfirmationRequired"] = ""
    voucher = fees["ttCheckFeesAndLimitationsLevel1"][0]
    voucher.update({name: "" for name in voucher if name != "currency"})
    # Recorded replies write the comparisons as \u003c and \u003e=.
    stage.play(replying(json.dumps(fees).replace('"<"', '"\\u003c"').replace('">="', '"\\u003e="')))
    found = bitopro.market.fees()
    assert [rank.twd_volume_symbol for rank in found.trading_fees] == ["<", ">="]
    assert all(rank.twd_volume_symbol.is_known for rank in found.trading_fees)
    assert found.trading_fees[0].rank_condition is None
    assert found.withdrawal_restrictions[3].protocol is None
    assert found.deposit_requirements[0].confirmations_required is None
    assert found.tt_check_level_1[0].generate_minimum_amount is None
    assert found.tt_check_level_1[1].generate_minimum_amount == Decimal("0.007")


def _payload(call: Call) -> Any:
    return json.loads(base64.b64decode(call.received.header("X-BITOPRO-PAYLOAD") or ""))


@pytest.mark.parametrize("body", BODIES)
def test_the_payload_is_the_body_or_a_nonce(stage: Stage, body: str) -> None:
    script = stage.play(replying({"data": {}}))
    with stage.client(body) as one:
        one.orders.cancel_all()
        one.orders.cancel_batch({"BTC_TWD": [1]})
    with stage.client(body, identity=None, api_secret=lambda: "demo-bitopro-api-secret") as one:
        one.orders.cancel_all()
    named, sent, anonymous = script.calls
    assert list(_payload(named)) == ["identity", "nonce"]
    assert _payload(named)["identity"] == "demo-bitopro-identity"
    assert named.received.body == b""
    assert _payload(sent) == json.loads(sent.received.body) == {"BTC_TWD": ["1"]}
    assert list(_payload(anonymous)) == ["nonce"]
    assert _payload(anonymous)["nonce"] > _payload(named)["nonce"] >= NOW_MS


@pytest.mark.parametrize("body", BODIES)
def test_a_wrong_secret_is_told_so(stage: Stage, body: str) -> None:
    stage.play()
    with stage.client(body, api_secret="guessed") as one, pytest.raises(runtime.AuthenticationFailed) as caught:
        one.account.balances()
    assert "guessed" not in str(caught.value)


def test_statuses_of_withdrawals_go_as_one_text(stage: Stage, bitopro: Any) -> None:
    script = stage.play(replying({"data": []}))
    bitopro.wallet.withdrawals("twd", statuses=[WithdrawalStatus.COMPLETE, "FAILED"])
    assert script.calls[0].received.query == "statuses=COMPLETE,FAILED"


def test_a_pair_may_be_written_in_capitals(stage: Stage, bitopro: Any) -> None:
    script = stage.play(replying(example("orders/create")))
    create(pair="BTC_TWD", time_in_force=TimeInForce.POST_ONLY)(bitopro)
    assert script.calls[0].received.real_path == "/v3/orders/BTC_TWD"
