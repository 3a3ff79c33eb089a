"""Clients that nobody here wrote trade on the sandbox: ccxt's `bitopro`, and the exchange's own bitopro-client.

Each runs a script of `other_clients/` in an environment of its own (`support.others`) and tells what it was told. What
they send that no page has is what a lenient sandbox takes; the tests named after a client say what that is, one by one,
in the strict sandbox's words. What no leniency is for stays refused, or is taken for something else than was meant.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.others import OtherClientsLacking, Told, environment, install, play
from support.replay import exchanges

from specie.compiler.model import Exchange, Operation
from specie.sandbox import Call, Desk, Received, Refused, Reply, Sandbox, Seen
from specie.sandbox.faces.bitopro import BitoProFace, face
from specie.sandbox.faces.bitopro.leniency import as_documented
from specie.sandbox.living import START_MS, live_face
from specie.sandbox.market import Market, OrderState, OrderType, TransferKind
from specie.sandbox.parameters import Parameters
from specie.sandbox.routes import Routes

pytest.importorskip("aiohttp")

PREFIX = "/bitopro/rest"
JSON = ("Content-Type", "application/json")
FUNDS = {"TWD": Decimal(3_000_000), "BTC": Decimal(1)}


# --- the days ----------------------------------------------------------------------------------------------------------


class Overhearing:
    """BitoPro's face, which keeps the requests that it hears of, as they came."""

    def __init__(self, live: BitoProFace) -> None:
        self.market = live.market
        self.came: list[tuple[str, Received]] = []
        self._live = live

    def answer(self, call: Call) -> Reply:
        return self._live.answer(call)

    def heard(self, operation: Operation, held: Mapping[str, str], received: Received) -> Received:
        self.came.append((operation.id, received))
        return self._live.heard(operation, held, received)


@attrs.frozen
class Day:
    """A script's day: what it told, what the sandbox saw, and the market that it left behind."""

    told: Told
    seen: list[Seen]
    came: list[tuple[str, Received]]
    market: Market

    @property
    def refused(self) -> list[str]:
        return [f"{one.method} {one.operation or one.path}: {one.verdict}" for one in self.seen if one.verdict != "ok"]

    @property
    def account(self) -> str:
        return self.market.accounts[0]

    def sent(self, operation: str, index: int = 0) -> Received:
        """A request for an operation, as it came."""
        return [received for name, received in self.came if name == operation][index]

    def states(self) -> list[tuple[str, OrderState]]:
        """The account's orders, oldest first: amount and state."""
        return [(format(one.amount.normalize(), "f"), one.state) for one in self.market.orders(self.account)]

    def check_books(self) -> None:
        """Nothing is open, the market's books balance, and the account has what its trades and withdrawals leave."""
        self.market.check()
        assert self.market.open_orders(self.account) == []
        left = dict(FUNDS)
        for fill in self.market.fills(self.account):
            assert fill.side.value.lower() == "sell"
            left["TWD"] += fill.value - fill.fee
            left["BTC"] -= fill.amount
        for transfer in self.market.transfers(self.account, kind=TransferKind.WITHDRAWAL, currency="BTC"):
            left["BTC"] -= transfer.total
        for currency, amount in left.items():
            assert self.market.balance(self.account, currency).available == amount


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the other clients. Nothing is skipped where they cannot be had."""
    try:
        return environment()
    except OtherClientsLacking as lacking:
        pytest.fail(str(lacking), pytrace=False)


@pytest.fixture(scope="module")
def spend(python: Path) -> Callable[..., Day]:
    @cache
    def day(script: str, *, lenient: bool) -> Day:
        made: list[Overhearing] = []

        def make(exchange: Exchange) -> Overhearing:
            live = face(exchange, now_ms=START_MS, seed=7)
            assert isinstance(live, BitoProFace)
            made.append(Overhearing(live))
            return made[0]

        models = [exchanges()["bitopro"]]
        with Sandbox(
            "bitopro", models=models, faces={"bitopro": make}, seed=7, lenient=lenient, limits=False
        ) as sandbox:
            options = sandbox.client_options
            told = play(python, script, options["base_url"]["rest"], options["api_key"], options["api_secret"])
            sandbox.check()
        return Day(told, sandbox.requests, made[0].came, made[0].market)

    return day


@pytest.fixture(scope="module")
def ccxt(spend: Callable[..., Day]) -> Day:
    return spend("ccxt_day.py", lenient=True)


@pytest.fixture(scope="module")
def bitopro_client(spend: Callable[..., Day]) -> Day:
    return spend("bitopro_client_day.py", lenient=True)


def test_ccxt_trades(ccxt: Day) -> None:
    said = ccxt.told.said
    assert said("markets") == {
        "BTC/TWD": {"price": 1, "amount": 1e-8},
        "ETH/TWD": {"price": 0.1, "amount": 1e-8},
        "USDT/TWD": {"price": 0.001, "amount": 1e-8},
        "BTC/USDT": {"price": 0.01, "amount": 1e-8},
    }
    book = said("book")
    assert (len(book["bids"]), len(book["asks"])) == (5, 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert said("balance")["TWD"] == {"free": 3_000_000, "used": 0, "total": 3_000_000}

    order = said("create")["id"]
    assert said("balance_held")["TWD"] == {"free": 2_980_000, "used": 20_000, "total": 3_000_000}
    found = said("query")
    wanted = {"id": order, "symbol": "BTC/TWD", "type": "limit", "side": "buy", "price": 2_000_000, "status": "open"}
    assert {name: found[name] for name in wanted} == wanted
    assert (found["amount"], found["filled"], found["remaining"]) == (0.01, 0, 0.01)
    assert [one["id"] for one in said("query_open")] == [order]
    assert said("cancel")["id"] == order
    assert said("query_cancelled")["status"] == "canceled"
    assert said("balance_freed") == said("balance")

    sold = said("query_sold")
    assert (sold["id"], sold["status"], sold["filled"]) == (said("sell")["id"], "closed", 0.01)
    assert {one["order"] for one in said("trades")} == {sold["id"]}
    assert said("balance_sold")["BTC"] == {"free": 0.99, "used": 0, "total": 0.99}
    assert said("balance_sold")["TWD"]["free"] == pytest.approx(3_000_000 + sold["cost"] - float(sold["fee"]["cost"]))

    both = [said("create_first")["id"], said("create_second")["id"]]
    assert sorted(one["id"] for one in said("cancel_both")) == both
    assert said("withdraw")["amount"] == 0.0103
    assert ccxt.told.reached == []

    cancelled = OrderState.CANCELLED
    bought = [("0.01", cancelled), ("0.02", cancelled), ("0.01", cancelled)]
    assert ccxt.states() == [("0.01", cancelled), ("0.01", OrderState.FILLED), *bought]
    ccxt.check_books()


def test_bitopro_client_trades(bitopro_client: Day) -> None:
    said = bitopro_client.told.said
    assert [one["pair"] for one in said("markets")["data"]] == ["btc_twd", "eth_twd", "usdt_twd", "btc_usdt"]
    book = said("book")
    assert (len(book["bids"]), len(book["asks"])) == (5, 5)
    assert Decimal(book["bids"][0]["price"]) < Decimal(book["asks"][0]["price"])
    assert balance(said("balance"), "twd") == ("3000000", "3000000")

    receipt = said("create")
    order = str(receipt["orderId"])
    assert (receipt["amount"], receipt["price"], receipt["clientId"]) == ("0.01", "2000000", 7)
    assert balance(said("balance_held"), "twd") == ("3000000", "2980000")
    found = said("query")
    assert (found["id"], found["type"], found["status"], found["clientId"]) == (order, "LIMIT", 0, 7)
    assert [one["id"] for one in said("query_open")["data"]] == [order]
    assert said("cancel")["orderId"] == order
    assert said("query_cancelled")["status"] == 4
    assert said("balance_freed") == said("balance")

    sold = said("history")["data"][0]
    assert (sold["id"], sold["status"], sold["executedAmount"]) == (str(said("sell")["orderId"]), 2, "0.01")
    assert {one["orderId"] for one in said("trades")["data"]} == {sold["id"]}
    assert balance(said("balance_sold"), "btc") == ("0.99", "0.99")

    assert said("cancel_all") == {"data": {"BTC_TWD": [str(said("create_second")["orderId"])]}}
    assert said("withdraw")["data"]["total"] == "0.0103"

    cancelled = OrderState.CANCELLED
    bought = [("0.02", cancelled), ("0.03", cancelled), ("0.01", cancelled), ("0.01", cancelled)]
    assert bitopro_client.states() == [("0.01", cancelled), ("0.01", OrderState.FILLED), *bought]
    bitopro_client.check_books()


def balance(said: Any, currency: str) -> tuple[str, str]:
    """All that there is, and what of it is free."""
    (found,) = (one for one in said["data"] if one["currency"] == currency)
    return found["amount"], found["available"]


@pytest.fixture(scope="module")
def watched(python: Path) -> tuple[Told, list[Seen]]:
    """ccxt.pro at the streams, in a market that lives by the clock: what it told, and what the sandbox saw of streams."""
    with Sandbox(models=[exchanges()["bitopro"]], limits=False) as sandbox:
        options = sandbox.client_options
        urls = options["base_url"]
        told = play(python, "ccxt_watch.py", urls["rest"], urls["ws"], options["api_key"], options["api_secret"])
        sandbox.check()
        return told, [one for one in sandbox.requests if one.operation.startswith("streams")]


def test_ccxt_pro_watches_the_market(watched: tuple[Told, list[Seen]]) -> None:
    told, seen = watched
    books = told.said("books")
    assert all((len(one["bids"]), len(one["asks"]), one["symbol"]) == (10, 10, "BTC/TWD") for one in books)
    assert all(one["bids"][0][0] < one["asks"][0][0] for one in books)
    times = [one["timestamp"] for one in books]
    assert times == sorted(times)
    assert times[-1] > times[0]
    (ticker,), (trades,) = told.said("ticker"), told.said("trades")
    assert ticker["symbol"] == "BTC/TWD"
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert {one["symbol"] for one in trades} == {"BTC/TWD"}
    assert told.reached == []
    assert [(one.operation, one.status) for one in seen[:3]] == [
        ("streams.order_book", 101),
        ("streams.ticker", 101),
        ("streams.trades", 101),
    ]


# --- where ccxt deviates ------------------------------------------------------------------------------------------------


def test_ccxt_sends_no_content_type_repeats_the_path_and_writes_small(ccxt: Day) -> None:
    sent = ccxt.sent("orders.create")
    assert sent.header("content-type") is None
    body = json.loads(sent.body)
    assert (body["pair"], body["action"], body["type"]) == ("btc_twd", "buy", "limit")
    # Each deviation alone is refused by the strict sandbox.
    assert refusal_of(sent) == "the body is not JSON: its content-type is nothing, not application/json"
    typed = attrs.evolve(sent, headers=(*sent.headers, JSON))
    assert refusal_of(typed).startswith("parameter 'pair' of the body is not known")
    del body["pair"]
    assert refusal_of(with_body(typed, body)) == "parameter 'action' has a bad value: 'buy' is not one of BUY, SELL"
    body["action"] = "BUY"
    assert refusal_of(with_body(typed, body)).startswith(
        "parameter 'type' has a bad value: 'limit' is not one of LIMIT"
    )
    body["type"] = "LIMIT"
    assert refusal_of(with_body(typed, body)) == ""
    # That, and nothing else, is what the lenient one makes of it.
    heard = leniently(sent)
    assert json.loads(heard.body) == body
    assert heard == attrs.evolve(typed, body=heard.body)


def test_ccxt_sends_capitals_if_its_caller_does(ccxt: Day) -> None:
    body = json.loads(ccxt.sent("orders.create", 4).body)
    assert (body["pair"], body["action"], body["type"]) == ("btc_twd", "BUY", "LIMIT")
    assert ccxt.told.said("capitals")["side"] == "buy"


def test_ccxt_cancels_several_without_a_content_type(ccxt: Day) -> None:
    sent = ccxt.sent("orders.cancel_batch")
    assert refusal_of(sent) == "the body is not JSON: its content-type is nothing, not application/json"
    assert leniently(sent) == attrs.evolve(sent, headers=(*sent.headers, JSON))
    # The reply has the pair in capitals, as the page says; ccxt does not know that name for a market of its own.
    assert {one["symbol"] for one in ccxt.told.said("cancel_both")} == {"BTC_TWD"}


def test_ccxt_repeats_the_currency_of_a_withdrawal(ccxt: Day) -> None:
    sent = ccxt.sent("wallet.withdraw")
    assert json.loads(sent.body) == {"currency": "BTC", "amount": "0.01", "address": "demo-wallet"}
    typed = attrs.evolve(sent, headers=(*sent.headers, JSON))
    assert refusal_of(typed).startswith("parameter 'currency' of the body is not known")
    assert json.loads(leniently(sent).body) == {"amount": "0.01", "address": "demo-wallet"}


def test_ccxt_buys_at_market_for_an_amount_in_the_wrong_currency(ccxt: Day) -> None:
    """It asks its caller for base currency and sends that; the page takes the amount for quote currency: 0.01 TWD."""
    name, text = ccxt.told.raised("market_buy")
    assert (name, text) == ("InvalidOrder", 'bitopro {"error": "Invalid amount 0.01, minimum is 300."}')


def test_ccxt_sends_its_own_name_for_an_own_id(ccxt: Day) -> None:
    """clientOrderId, where the page has clientId. No leniency: nobody knows what becomes of it."""
    name, text = ccxt.told.raised("own_id")
    assert name == "ExchangeError"
    assert "parameter 'clientOrderId' of the body is not known" in text


def test_ccxt_finds_no_fees(ccxt: Day) -> None:
    """It reads tradingFeeRate as an object; the page, its own quotation of it and the sandbox have a list."""
    assert {(one["maker"], one["taker"]) for one in ccxt.told.said("fees").values()} == {(None, None)}


def test_ccxt_understands_a_refusal(ccxt: Day) -> None:
    name, text = ccxt.told.raised("too_much")
    assert name == "InsufficientFunds"
    assert "Balance for twd not enough" in text


def test_ccxt_pro_does_not_sign_its_streams(watched: tuple[Told, list[Seen]]) -> None:
    """It makes the headers, and puts them where its own websocket does not look for them."""
    told, seen = watched
    name, text = told.raised("balance")
    assert name == "NetworkError"
    assert "401" in text
    assert (seen[-1].status, seen[-1].signed) == (401, False)
    assert seen[-1].verdict == "AuthenticationFailed: a request header is lacking: X-BITOPRO-APIKEY"


def test_nothing_else_of_ccxt_is_refused(ccxt: Day) -> None:
    assert [one.partition(";")[0] for one in ccxt.refused] == [
        "POST orders.create: InvalidOrder: Invalid amount 0.01, minimum is 300.",
        "POST orders.create: InvalidRequest: parameter 'clientOrderId' of the body is not known",
        "POST orders.create: InsufficientFunds: Balance for twd not enough, only has"
        f" {ccxt.market.balance(ccxt.account, 'TWD').available.normalize():f}, but ordered 200000000.",
    ]


def test_a_strict_sandbox_takes_no_order_of_ccxt(spend: Callable[..., Day]) -> None:
    day = spend("ccxt_day.py", lenient=False)
    assert day.told.raised("create")[0] == "ExchangeError"
    said = "the body is not JSON: its content-type is nothing, not application/json"
    assert day.refused == [
        *[f"POST orders.create: InvalidRequest: {said}"] * 4,
        f"POST wallet.withdraw: InvalidRequest: {said}",
        *[f"POST orders.create: InvalidRequest: {said}"] * 4,
    ]
    assert day.states() == []
    assert day.came == []
    day.check_books()


# --- where bitopro-client deviates --------------------------------------------------------------------------------------


def test_bitopro_client_writes_types_like_names(bitopro_client: Day) -> None:
    sent = bitopro_client.sent("orders.create")
    assert json.loads(sent.body)["type"] == "Limit"
    assert refusal_of(sent).startswith("parameter 'type' has a bad value: 'Limit' is not one of LIMIT, MARKET")
    assert json.loads(leniently(sent).body) == {**json.loads(sent.body), "type": "LIMIT"}
    sold = bitopro_client.sent("orders.create", 1)
    assert json.loads(sold.body)["type"] == "Market"
    assert refusal_of(sold).startswith("parameter 'type' has a bad value: 'Market' is not one of LIMIT, MARKET")
    assert json.loads(leniently(sold).body) == {**json.loads(sold.body), "type": "MARKET"}


def test_bitopro_client_always_writes_a_flag_and_as_python_does(bitopro_client: Day) -> None:
    sent = bitopro_client.sent("orders.history")
    assert sent.query == "ignoreTimeLimitEnable=False&statusKind=ALL&limit=100"
    assert refusal_of(sent) == "parameter 'ignoreTimeLimitEnable' has a bad value: 'False' is not one of true, false"
    assert leniently(sent).query == "statusKind=ALL&limit=100"
    asked = bitopro_client.sent("orders.history", 1)
    assert asked.query == "ignoreTimeLimitEnable=True&statusKind=OPEN&limit=100"
    assert refusal_of(asked) == "parameter 'ignoreTimeLimitEnable' has a bad value: 'True' is not one of true, false"
    assert leniently(asked).query == "ignoreTimeLimitEnable=true&statusKind=OPEN&limit=100"


def test_bitopro_client_asks_for_open_orders_in_place_of_ended_ones(bitopro_client: Day) -> None:
    """Its StatusKind.DONE is another name of OPEN, so what was sold is not found."""
    assert bitopro_client.sent("orders.history", 2).query == "ignoreTimeLimitEnable=False&statusKind=OPEN&limit=100"
    assert bitopro_client.told.said("history_done") == {"data": []}


def test_bitopro_client_asks_for_the_ticker_of_none(bitopro_client: Day) -> None:
    assert bitopro_client.told.said("tickers") == '{"error": "Unsupported trading pair none."}'


def test_bitopro_client_cancels_several_by_a_path_that_is_not_there(bitopro_client: Day) -> None:
    """PUT /orders/, where the page has no slash at the end. Which paths there are is not for a face to say."""
    assert bitopro_client.told.said("cancel_several") == '{"error": "there is no PUT /v3/orders/"}'


def test_bitopro_client_signs_in_the_other_alphabet(bitopro_client: Day) -> None:
    """URL-safe base64, which differs only where a `>`, `?` or `~` ends three bytes, as in one of these three orders.

    That the exchange takes it is not known, so it is refused, by the lenient sandbox too. The client's own enum has no
    stop orders; the script adds the type.
    """
    assert bitopro_client.told.said("stop_350000") == '{"error": "Invalid Signature"}'
    stops = [str(bitopro_client.told.said(name)["orderId"]) for name in ("stop_3500000", "stop_35000000")]
    assert bitopro_client.told.said("cancel_stops") == {"data": {"BTC_TWD": stops}}
    assert all(one.startswith("SL-") for one in stops)
    account, market = bitopro_client.account, bitopro_client.market
    assert [one.type for one in market.orders(account)][-2:] == [OrderType.STOP_LIMIT] * 2


def test_bitopro_client_returns_errors(bitopro_client: Day) -> None:
    """It raises nothing: a refusal is a text like any other, and a lost connection an exception that is returned."""
    assert "Balance for twd not enough" in bitopro_client.told.said("too_much")
    assert "ConnectionError" in bitopro_client.told.steps["elsewhere"]["returned_error"]


def test_nothing_else_of_bitopro_client_is_refused(bitopro_client: Day) -> None:
    assert [one.partition(", only has")[0] for one in bitopro_client.refused] == [
        "GET market.ticker: InvalidSymbol: Unsupported trading pair none.",
        f"PUT {PREFIX}/v3/orders/: NotFound: there is no PUT /v3/orders/",
        "POST orders.create: InvalidSignature: the signature does not fit what was sent: X-BITOPRO-PAYLOAD is wrong",
        "POST orders.create: InsufficientFunds: Balance for twd not enough",
    ]


def test_a_strict_sandbox_takes_only_stop_orders_of_bitopro_client(spend: Callable[..., Day]) -> None:
    """Their type is the script's, in capitals; a withdrawal is as documented but for its time, which our spec knows."""
    day = spend("bitopro_client_day.py", lenient=False)
    assert "'Limit' is not one of".replace("'", '"') in day.told.said("create")  # it turns ' into " in what it returns
    assert day.states() == [("0.01", OrderState.CANCELLED)] * 2
    assert "ignoreTimeLimitEnable" in day.told.said("history")
    assert day.told.said("withdraw")["data"]["total"] == "0.0103"
    assert day.came == []
    day.check_books()


# --- how far the leniency goes ------------------------------------------------------------------------------------------


def routed(received: Received) -> tuple[Operation, dict[str, str]]:
    return Routes(exchanges()["bitopro"]).find("rest", received)


def refusal_of(received: Received, *, lenient: bool = False) -> str:
    """Why the parameters of a request are refused; empty if they are not."""
    operation, held = routed(received)
    try:
        if lenient:
            received = as_documented(operation, held, received)
        Parameters(exchanges()["bitopro"]).check(operation, held, received)
    except Refused as refused:
        return refused.message
    return ""


def leniently(received: Received) -> Received:
    """What a lenient sandbox hears, which must be as documented."""
    operation, held = routed(received)
    heard = as_documented(operation, held, received)
    assert refusal_of(heard) == ""
    assert as_documented(operation, held, heard) is heard
    return heard


def with_body(received: Received, body: object) -> Received:
    return attrs.evolve(received, body=json.dumps(body).encode())


def asked(method: str, path: str, body: object = None, headers: tuple[tuple[str, str], ...] = (JSON,)) -> Received:
    path, _, query = path.partition("?")
    text = b"" if body is None else json.dumps(body).encode()
    return Received(method, f"{PREFIX}/v3{path}", query, headers if text else (), text, PREFIX)


ORDER = {"action": "BUY", "amount": "0.01", "price": "2000000", "timestamp": START_MS, "type": "LIMIT"}


@pytest.mark.parametrize(
    "received",
    [
        asked("POST", "/orders/btc_twd", ORDER),
        asked("POST", "/orders/batch", [{**ORDER, "pair": "BTC_TWD"}]),
        asked("PUT", "/orders", {"BTC_TWD": ["1"]}),
        asked("DELETE", "/orders/btc_twd/1?isAllStrategyCanceled=true"),
        asked("GET", "/orders/all/btc_twd?statusKind=OPEN&ignoreTimeLimitEnable=true"),
        asked("GET", "/order-book/btc_twd?limit=5"),
        asked("POST", "/wallet/withdraw/btc", {"amount": "1", "address": "demo-wallet"}),
    ],
    ids=lambda one: f"{one.method} {one.real_path}",
)
def test_what_is_documented_is_heard_as_it_came(received: Received) -> None:
    assert leniently(received) is received


@pytest.mark.parametrize(
    ("received", "refusal"),
    [
        (asked("POST", "/orders/btc_twd", {**ORDER, "pair": "eth_twd"}), "parameter 'pair' of the body is not known"),
        (asked("POST", "/orders/btc_twd", {**ORDER, "PAIR": "btc_twd"}), "parameter 'PAIR' of the body is not known"),
        (asked("POST", "/orders/btc_twd", {**ORDER, "nonce": 1}), "parameter 'nonce' of the body is not known"),
        (asked("POST", "/orders/btc_twd", {**ORDER, "type": "Limit "}), "parameter 'type' has a bad value"),
        (asked("POST", "/orders/btc_twd", {**ORDER, "type": 1}), "parameter 'type' has a bad value"),
        (
            asked("POST", "/orders/btc_twd", {**ORDER, "timeInForce": "gtc"}),
            "parameter 'timeInForce' has a bad value",
        ),
        (asked("POST", "/orders/btc_twd", [ORDER]), "the body is not a JSON object"),
        (asked("POST", "/orders/btc_twd", ORDER, (("Content-Type", "text/plain"),)), "the body is not JSON: its"),
        (attrs.evolve(asked("POST", "/orders/btc_twd", ORDER), body=b"{"), "the body is not JSON"),
        (
            asked("POST", "/orders/batch", [{**ORDER, "pair": "BTC_TWD", "type": "limit"}]),
            "parameter 'orders' has a bad value",
        ),
        (asked("DELETE", "/orders/all", {"identity": "", "nonce": 1, "pair": "btc_twd"}), "a body came"),
        (asked("DELETE", "/orders/all", []), "a body came"),
        (
            asked("GET", "/orders/all/btc_twd?ignoreTimeLimitEnable=None"),
            "parameter 'ignoreTimeLimitEnable' has a bad value",
        ),
        (
            asked("GET", "/orders/open?ignoreTimeLimitEnable=False"),
            "parameter 'ignoreTimeLimitEnable' of the query is not known",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_no_client_sends_stays_refused(received: Received, refusal: str) -> None:
    assert refusal_of(received, lenient=True).startswith(refusal)


@pytest.mark.parametrize("lenient", [False, True])
def test_bitopro_api_node_sends_a_body_with_a_delete(lenient: bool) -> None:
    """The exchange's client for Node.js is not run here; this is what it sends. The signature is judged as it came."""
    bitopro = exchanges()["bitopro"]
    desk = Desk(bitopro, live_face(bitopro, now_ms=START_MS, seed=7), lenient=lenient, limits=False)
    received = asked("DELETE", "/orders/all", {"identity": "me@example.org", "nonce": START_MS})
    payload = base64.b64encode(received.body).decode()
    secret = desk.credentials["api_secret"].encode()
    signed = {
        "X-BITOPRO-APIKEY": desk.credentials["api_key"],
        "X-BITOPRO-PAYLOAD": payload,
        "X-BITOPRO-SIGNATURE": hmac.new(secret, payload.encode(), hashlib.sha384).hexdigest(),
    }
    judged = desk.handle("rest", attrs.evolve(received, headers=(JSON, *signed.items())), START_MS)
    wanted = "ok" if lenient else "InvalidRequest: a body came, and this operation has none"
    assert (judged.operation, judged.verdict) == ("orders.cancel_all", wanted)
    signed["X-BITOPRO-SIGNATURE"] = "0" * 96
    judged = desk.handle("rest", attrs.evolve(received, headers=(JSON, *signed.items())), START_MS)
    assert judged.verdict.startswith("InvalidSignature")


def test_leniency_is_nothing_to_a_face_that_knows_of_none() -> None:
    """The documents' examples answer in its place, lenient or not."""
    bitopro = exchanges()["bitopro"]
    for lenient in (False, True):
        desk = Desk(bitopro, lenient=lenient)
        assert desk.handle("rest", asked("GET", "/tickers?x=1"), START_MS).verdict.startswith("InvalidRequest")


# --- their environment --------------------------------------------------------------------------------------------------


def test_the_other_clients_are_not_in_our_environment(python: Path) -> None:
    assert importlib.util.find_spec("ccxt") is None
    assert importlib.util.find_spec("bitoproClient") is None
    assert python.parent.parent != Path(sys.prefix)
    assert environment() == python  # made once: the second time there is nothing to do


def test_the_environment_is_made_anew_for_other_requirements(tmp_path: Path) -> None:
    wanted, folder = tmp_path / "requirements.txt", tmp_path / "others"
    wanted.write_text("# nothing\n", "utf-8")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / ".made-from").write_text("what was wanted before", "utf-8")
    python = environment(folder, wanted)
    assert subprocess.run([python, "-c", "import ccxt"], capture_output=True, check=False).returncode == 1
    left = folder / "left by the first"
    left.touch()
    assert environment(folder, wanted) == python
    assert left.exists()


def test_the_scripts_stay_on_this_machine(bitopro_client: Day) -> None:
    """The guard of our tests holds for our own process only; the scripts bring another, which is tried in the end."""
    assert bitopro_client.told.reached == ["exchange.invalid"]


def test_an_index_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("a-package-that-nobody-has==1\n", "utf-8")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": "/dev/null", "NO_PROXY": "127.0.0.1"}
    with pytest.raises(OtherClientsLacking) as caught:
        install(Path(sys.executable), wanted, PIP_DRY_RUN="1", PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="", **nowhere)
    said = str(caught.value)
    assert said.startswith("The environment of ccxt and bitopro-client could not be made in .venv-others: pip ")
    assert "onnection" in said  # pip's own words, which differ from version to version
    assert "a-package-that-nobody-has" in said
    assert said.endswith("Until then these tests fail.")
