"""BitoPro's streams on the sandbox, as a plain websocket client sees them, held against its documents and REST."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import requests
from support.hearing import Caller, Ear, listening, refusal

from specie.sandbox import Sandbox

BOOK = ["event", "eventID", "pair", "limit", "scale", "bids", "asks", "timestamp", "datetime"]
LEVEL = {"price", "amount", "count", "total"}
TICKER = {"event", "eventID", "pair", "lastPrice", "isBuyer", "priceChange24hr", "volume24hr", "high24hr", "low24hr"}
ORDER = {
    "id", "pair", "price", "avgExecutionPrice", "action", "type", "timestamp", "updatedTimestamp", "createdTimestamp",
    "status", "originalAmount", "remainingAmount", "executedAmount", "fee", "feeSymbol", "bitoFee", "total", "seq",
    "timeInForce",
}  # fmt: skip
STAMPS = {"timestamp", "datetime"}
HOURS_8 = 8 * 3_600_000


@pytest.fixture
def me(sandbox: Sandbox) -> Caller:
    return Caller(sandbox, "bitopro")


def url(sandbox: Sandbox, path: str) -> str:
    return sandbox.base_url("bitopro")["ws"] + path


def public(sandbox: Sandbox, path: str) -> Any:
    return listening(url(sandbox, f"/v1/pub/{path}"))


def private(me: Caller, path: str) -> Any:
    return listening(url(me.sandbox, f"/v1/pub/auth/{path}"), me.headers())


def buy(me: Caller, price: int | str = 2_000_000, amount: str = "0.01", pair: str = "btc_twd", **more: Any) -> str:
    return order(me, "BUY", pair=pair, price=str(price), amount=amount, **more)


def order(me: Caller, action: str, *, pair: str = "btc_twd", **given: Any) -> str:
    body = {"action": action, "type": "LIMIT", "timestamp": now_ms(), **given}
    return str(me.do("POST", f"/orders/{pair}", body)["orderId"])


def now_ms() -> int:
    """The time on the exchange's clock, to which orders are held; the market has another."""
    return time.time_ns() // 1_000_000


def ahead_ms(message: Any) -> int:
    """How far `datetime` is ahead of the time."""
    shown = datetime.fromisoformat(message["datetime"])
    return round(shown.timestamp() * 1000) - message["timestamp"]


# --- everybody's -------------------------------------------------------------------------------------------------------


def test_the_book_comes_whole_at_once_and_when_it_has_changed(sandbox: Sandbox, me: Caller) -> None:
    with public(sandbox, "order-books/BTC_TWD:10") as ear:
        first = ear.next()
        assert list(first) == BOOK
        assert (first["event"], first["pair"], first["limit"]) == ("ORDER_BOOK", "BTC_TWD", 10)
        assert UUID(first["eventID"]).version == 4
        assert [len(first[side]) for side in ("bids", "asks")] == [10, 10]
        assert all(set(level) == LEVEL for level in first["bids"])
        assert isinstance(first["bids"][0]["count"], int)
        assert ahead_ms(first) == HOURS_8
        sandbox.advance(30)
        told = ear.all()
        # At most one a second, and each of them whole.
        times = [one["timestamp"] for one in [first, *told]]
        assert 3 < len(told) <= 30
        assert all(later - earlier >= 1000 for earlier, later in pairwise(times))
        assert all(len(one["bids"]) == len(one["asks"]) == 10 for one in told)
        # REST makes a second go by; what it tells is what the stream tells then, or told last.
        book = me.get("/order-book/BTC_TWD?limit=10")
        last = [told[-1], *ear.all()][-1]
        assert {"bids": last["bids"], "asks": last["asks"]} == book


def test_a_book_that_does_not_change_is_not_told_again(sandbox: Sandbox, me: Caller) -> None:
    """Nobody else trades a pair between two moments, so only the test's own order is there to be told of."""
    with public(sandbox, "order-books/BTC_TWD:50") as ear:
        assert len(ear.all()) == 1
        sandbox.advance(0.001)
        assert ear.all() == []
        buy(me, price=2_000_001)
        assert all("2000001" in [level["price"] for level in one["bids"]] for one in ear.all()[-1:])


def test_total_is_what_there_is_down_to_a_level(sandbox: Sandbox) -> None:
    with public(sandbox, "order-books/ETH_TWD:20") as ear:
        book = ear.next()
        for side in ("bids", "asks"):
            total = Decimal(0)
            for level in book[side]:
                total += Decimal(level["amount"])
                assert Decimal(level["total"]) == total


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("order-books/BTC_TWD", [("BTC_TWD", 5)]),
        ("order-books/btc_twd:1", [("BTC_TWD", 1)]),
        ("order-books/BTC_TWD:7", [("BTC_TWD", 5)]),
        ("order-books/BTC_TWD:x", [("BTC_TWD", 5)]),
        ("order-books/BTC_TWD%3A20", [("BTC_TWD", 20)]),
        ("order-books/btc_twd:1,eth_twd:50", [("BTC_TWD", 1), ("ETH_TWD", 50)]),
        ("order-books?pairs=BTC_TWD:30,ETH_TWD:1,USDT_TWD", [("BTC_TWD", 30), ("ETH_TWD", 1), ("USDT_TWD", 5)]),
        ("order-books?pairs=NOPE_TWD:1,ETH_TWD:10", [("ETH_TWD", 10)]),
        ("order-books?pairs=NOPE_TWD", []),
    ],
)
def test_the_address_is_the_subscription(sandbox: Sandbox, path: str, expected: list[tuple[str, int]]) -> None:
    with public(sandbox, path) as ear:
        told = ear.all()
        assert [(one["pair"], len(one["bids"]), one["limit"]) for one in told] == [
            (pair, min(limit, len(one["bids"])), limit) for (pair, limit), one in zip(expected, told, strict=True)
        ]
        assert all(len(one["bids"]) == limit for (_, limit), one in zip(expected, told, strict=True) if limit < 25)


@pytest.mark.parametrize("kind", ["order-books", "tickers", "trades"])
def test_a_pair_in_the_path_that_is_unknown_gets_an_empty_200(sandbox: Sandbox, kind: str) -> None:
    assert refusal(url(sandbox, f"/v1/pub/{kind}/NOPE_TWD")) == (200, b"")
    seen = sandbox.requests[-1]
    assert (seen.exchange, seen.operation, seen.status) == ("bitopro", "streams", 200)


def test_what_is_no_stream(sandbox: Sandbox, me: Caller) -> None:
    assert refusal(url(sandbox, "/v1/pub/candles/BTC_TWD"))[0] == 404
    assert refusal(url(sandbox, "/v2/pub/tickers/BTC_TWD"))[0] == 404
    plain = requests.get(me.url("/v1/pub/tickers/BTC_TWD", "ws").replace("ws://", "http://"), timeout=10)
    assert plain.status_code == 426


def test_tickers(sandbox: Sandbox, me: Caller) -> None:
    with public(sandbox, "tickers?pairs=BTC_TWD,ETH_TWD") as ear:
        first = [ear.next(), ear.next()]
        assert [one["pair"] for one in first] == ["BTC_TWD", "ETH_TWD"]
        assert all(set(one) == TICKER | STAMPS and one["event"] == "TICKER" for one in first)
        assert all(ahead_ms(one) == HOURS_8 for one in first)
        sandbox.advance(60)
        told = ear.all()
        assert told
        rest = me.get("/tickers/BTC_TWD")["data"]
        told += ear.all()
        last = [one for one in told if one["pair"] == "BTC_TWD"][-1]
        assert {name: last[name] for name in ("lastPrice", "isBuyer", "volume24hr")} == {
            name: rest[name] for name in ("lastPrice", "isBuyer", "volume24hr")
        }


def test_trades_come_whole_with_seconds_inside(sandbox: Sandbox, me: Caller) -> None:
    with public(sandbox, "trades/BTC_TWD") as ear:
        first = ear.next()
        assert list(first) == ["event", "eventID", "pair", "timestamp", "datetime", "data"]
        assert set(first["data"][0]) == {"timestamp", "price", "amount", "isBuyer"}
        assert first["data"][0]["timestamp"] * 1000 <= first["timestamp"]
        assert ahead_ms(first) == HOURS_8
        sandbox.advance(60)
        told = ear.all()
        assert told
        assert all(len(one["data"]) == len(first["data"]) == 100 for one in told)
        rest = me.get("/trades/BTC_TWD")["data"]
        assert [*told, *ear.all()][-1]["data"] == rest


def test_what_a_client_says_is_ignored(sandbox: Sandbox) -> None:
    with public(sandbox, "tickers/BTC_TWD") as ear:
        ear.next()
        ear.say({"op": "subscribe"})
        assert ear.all() == []


# --- one's own ---------------------------------------------------------------------------------------------------------


def test_open_orders_first_of_all_pairs_then_of_the_pair_that_changed(sandbox: Sandbox, me: Caller) -> None:
    first_id = buy(me)
    other = buy(me, pair="eth_twd", price=50_000, amount="0.5", clientId=77)
    with private(me, "orders") as ear:
        first = ear.next()
        assert list(first) == ["event", "eventID", "timestamp", "datetime", "data"]
        assert first["event"] == "ACTIVE_ORDERS"
        assert ahead_ms(first) == 0
        assert set(first["data"]) == {"btc_twd", "eth_twd"}
        (mine,) = first["data"]["btc_twd"]
        assert set(mine) == ORDER
        assert (mine["id"], mine["status"], mine["action"]) == (first_id, 0, "BUY")
        assert {name: first["data"]["eth_twd"][0][name] for name in ("id", "clientID")} == {"id": other, "clientID": 77}

        second = buy(me, price=1_900_000)
        (told,) = ear.all()
        assert {pair: [one["id"] for one in rows] for pair, rows in told["data"].items()} == {
            "btc_twd": [second, first_id]
        }
        rest = me.read("/orders/open?pair=btc_twd")["data"]
        assert [{**one, "timestamp": one["updatedTimestamp"]} for one in rest] == told["data"]["btc_twd"]

        me.do("DELETE", f"/orders/btc_twd/{first_id}")
        me.do("DELETE", f"/orders/btc_twd/{second}")
        assert [[one["id"] for one in told["data"]["btc_twd"]] for told in ear.all()] == [[second], []]


def test_history_tells_orders_that_have_ended(sandbox: Sandbox, me: Caller) -> None:
    with private(me, "orders/histories") as ear:
        first = ear.next()
        assert (first["event"], first["data"], ahead_ms(first)) == ("RECENT_HISTORY_ORDERS", {}, 0)
        name = buy(me)
        assert ear.all() == []
        me.do("DELETE", f"/orders/btc_twd/{name}")
        (told,) = ear.all()
        ((pair, (row,)),) = told["data"].items()
        assert (pair, row["id"], row["status"]) == ("btc_twd", name, 4)
        assert set(row) == ORDER
    with private(me, "orders/histories") as ear:
        assert ear.next()["data"] == told["data"]


def test_balances_first_of_all_currencies_then_of_those_that_changed(sandbox: Sandbox, me: Caller) -> None:
    with private(me, "account-balance") as ear:
        first = ear.next()
        assert (first["event"], ahead_ms(first)) == ("ACCOUNT_BALANCE", 0)
        assert list(first["data"]) == ["TWD", "BTC", "ETH", "USDT"]
        assert first["data"]["TWD"] == {
            "currency": "TWD",
            "amount": "3000000",
            "available": "3000000",
            "stake": "0",
            "tradable": True,
        }
        buy(me)
        (told,) = ear.all()
        assert list(told["data"]) == ["TWD"]
        assert (told["data"]["TWD"]["amount"], told["data"]["TWD"]["available"]) == ("3000000", "2980000")
        order(me, "SELL", type="MARKET", amount="0.1")
        (told,) = ear.all()
        rest = {one["currency"].upper(): one for one in me.read("/accounts/balance")["data"]}
        assert set(told["data"]) == {"TWD", "BTC"}
        for currency, row in told["data"].items():
            assert row == {**rest[currency], "currency": currency}


def test_user_trades_come_one_by_one_and_only_new_ones(sandbox: Sandbox, me: Caller) -> None:
    order(me, "SELL", type="MARKET", amount="0.1")
    with private(me, "user-trades") as ear:
        assert ear.all() == []
        name = order(me, "SELL", type="MARKET", amount="0.2")
        told = ear.all()
        assert all(one["event"] == "USER_TRADE" and ahead_ms(one) == HOURS_8 for one in told)
        rest = [one for one in me.read("/orders/trades/btc_twd")["data"] if one["orderId"] == name]
        assert len(told) == len(rest) > 0
        for message, row in zip(told, reversed(rest), strict=True):
            data = message["data"]
            UUID(data.pop("matchID"))
            assert data.pop("transactionTimestamp") == data.pop("eventTimestamp") == row["createdTimestamp"] // 1000
            assert data == {
                "base": "btc",
                "quote": "twd",
                "side": "ask",
                "price": row["price"],
                "volume": row["baseAmount"],
                # In units of 1e-8, as the sample of the page has it.
                "fee": format((Decimal(row["fee"]) * 10**8).quantize(Decimal(1)), "f"),
                "feeCurrency": "twd",
                "orderID": int(name),
                "orderType": "MARKET",
                "isMarket": True,
                "isMaker": False,
            }


def test_a_trade_with_oneself_is_told_twice_under_one_match(sandbox: Sandbox, me: Caller) -> None:
    price = str(Decimal(me.get("/order-book/btc_twd?limit=1")["asks"][0]["price"]) - 1)
    with private(me, "user-trades") as ear:
        maker = order(me, "SELL", price=price, amount="0.3")
        taker = order(me, "BUY", price=price, amount="0.3")
        matches: dict[str, list[tuple[str, bool, str]]] = {}
        for one in (message["data"] for message in ear.all()):
            matches.setdefault(one["matchID"], []).append((str(one["orderID"]), one["isMaker"], one["side"]))
        assert [(maker, True, "ask"), (taker, False, "bid")] in matches.values()


# --- handshakes --------------------------------------------------------------------------------------------------------

PRIVATE = ["orders", "orders/histories", "account-balance", "user-trades"]


@pytest.mark.parametrize("path", PRIVATE)
def test_who_does_not_sign_is_refused(sandbox: Sandbox, path: str) -> None:
    status, body = refusal(url(sandbox, f"/v1/pub/auth/{path}"))
    assert status == 401
    assert list(json.loads(body)) == ["error"]
    seen = sandbox.requests[-1]
    assert (seen.status, seen.signed, seen.verdict.partition(":")[0]) == (401, False, "AuthenticationFailed")


def broken(headers: dict[str, str]) -> Iterator[dict[str, str]]:
    yield {**headers, "X-BITOPRO-SIGNATURE": "0" * 96}
    yield {**headers, "X-BITOPRO-SIGNATURE": headers["X-BITOPRO-SIGNATURE"].upper()}
    yield {**headers, "X-BITOPRO-APIKEY": "another"}
    other = base64.b64encode(b'{"identity":"me@example.org","nonce":1}').decode()
    yield {**headers, "X-BITOPRO-PAYLOAD": other}
    for name in headers:
        yield {key: value for key, value in headers.items() if key != name}


def test_who_signs_wrongly_is_refused(sandbox: Sandbox, me: Caller) -> None:
    for headers in broken(me.headers()):
        status, _ = refusal(url(sandbox, "/v1/pub/auth/orders"), headers)
        assert status in (401, 422), headers
    good = me.headers()
    with listening(url(sandbox, "/v1/pub/auth/orders"), good) as ear:
        assert ear.next()["event"] == "ACTIVE_ORDERS"
    assert sandbox.requests[-1].operation == "streams.open_orders"
    assert (sandbox.requests[-1].status, sandbox.requests[-1].signed) == (101, True)
    # Each nonce once, REST or stream.
    assert refusal(url(sandbox, "/v1/pub/auth/orders"), good)[0] in (401, 409)


def test_accounts_hear_of_themselves_alone(sandbox: Sandbox, me: Caller) -> None:
    other = Caller(sandbox, "bitopro", sandbox.open_account("bitopro", {"twd": 100_000, "BTC": "0.5"}))
    with private(me, "account-balance") as mine, private(other, "account-balance") as theirs:
        assert mine.next()["data"]["TWD"]["amount"] == "3000000"
        assert {name: row["amount"] for name, row in theirs.next()["data"].items()} == {
            "TWD": "100000",
            "BTC": "0.5",
            "ETH": "0",
            "USDT": "0",
        }
        buy(other, price=1_000_000)
        assert mine.all() == []
        assert [set(one["data"]) for one in theirs.all()] == [{"TWD"}]


def test_two_accounts_trade_with_each_other(sandbox: Sandbox, me: Caller) -> None:
    other = Caller(sandbox, "bitopro", sandbox.open_account("bitopro"))
    with private(me, "user-trades") as mine, private(other, "user-trades") as theirs:
        ask = Decimal(me.get("/order-book/btc_twd?limit=1")["asks"][0]["price"])
        maker = order(me, "SELL", price=str(ask - 1), amount="0.3")
        taker = order(other, "BUY", price=str(ask - 1), amount="0.3")
        heard = {str(one["data"]["orderID"]): one["data"] for one in [*mine.all(), *theirs.all()]}
        assert heard[maker]["matchID"] == heard[taker]["matchID"]
        assert (heard[maker]["isMaker"], heard[taker]["isMaker"]) == (True, False)


def test_all_hear_the_same_in_the_same_order(sandbox: Sandbox) -> None:
    def content(ear: Ear) -> list[Any]:
        return [{name: one[name] for name in one if name != "eventID"} for one in ear.all()]

    with public(sandbox, "trades/BTC_TWD") as first, public(sandbox, "trades/BTC_TWD") as second:
        sandbox.advance(120)
        told = content(first)
        assert len(told) > 10
        assert content(second) == told
