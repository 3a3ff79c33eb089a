"""What Bitok's calls have beside their documented examples: refusals on both sides, pages, errors and oddities."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.stage import BODIES, Served, served

from specie.bitok import Side, SortOrder
from specie.bitok.wallet import RequestStatus
from specie.runtime import (
    ApiError,
    ArgumentError,
    AuthenticationFailed,
    InsufficientFunds,
    InvalidRequest,
    InvalidResponse,
    InvalidType,
    InvalidValue,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from specie.sandbox import Call, Reply

SECONDS = 1342445793
NAIVE = datetime(2012, 7, 16, 13, 36, 33)  # noqa: DTZ001 - what is refused


@pytest.fixture(params=BODIES)
def body(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def done(result: Any) -> dict[str, Any]:
    return {"success": 1, "return": result}


@pytest.fixture(scope="module", params=BODIES)
def empty(request: pytest.FixtureRequest) -> Iterator[Served]:
    """An exchange that has nothing, and says so as PHP does: an empty map is written as an empty list."""

    def answer(call: Call) -> Any:
        return done({"total": 0, "rows": []} if call.operation.id == "account.transactions" else [])

    with served("bitok", request.param, answer) as stage:
        yield stage


def order(**changed: Any) -> dict[str, Any]:
    """Good arguments of orders.create, but for what is changed."""
    return {"pair": "btc_usd", "side": Side.BUY, "price": "325", "amount": Decimal("0.1"), **changed}


def payout(**changed: Any) -> dict[str, Any]:
    """Good arguments of wallet.withdraw, but for what is changed."""
    return {"amount": "0.123", "currency": "btc", "address": "1G3F", "invoice": "invoice-1", **changed}


def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
    group, name = operation.split(".")
    return getattr(getattr(client, group), name)(**arguments)


# --- what is never sent --------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any], type[ArgumentError], str, str]] = {
    # operation, arguments, error, parameter, words of the message
    "float amount": ("orders.create", order(amount=0.1), InvalidType, "amount", "Decimal('0.1')"),
    "float price": ("orders.create", order(price=325.0), InvalidType, "price", "is a float"),
    "zero amount": ("orders.create", order(amount=0), InvalidValue, "amount", "0"),
    "zero price": ("orders.create", order(price="0.00"), InvalidValue, "price", "0"),
    "negative price": ("orders.create", order(price=-1), InvalidValue, "price", "-1"),
    "decimal comma": ("orders.create", order(price="325,5"), InvalidValue, "price", "at most one point"),
    "infinite": ("orders.create", order(amount=Decimal("Infinity")), InvalidValue, "amount", "Infinity"),
    "no price": ("orders.create", order(price=None), InvalidType, "price", "required"),
    "translated side": ("orders.create", order(side="Compra"), InvalidValue, "side", "Side.BUY"),
    "side misspelt": ("orders.create", order(side="sel"), InvalidValue, "side", "did you mean Side.SELL ('sell')?"),
    "side in capitals": ("orders.create", order(side="BUY"), InvalidValue, "side", "did you mean Side.BUY"),
    "enum of another": ("orders.create", order(side=SortOrder.ASC), InvalidType, "side", "not one of Side"),
    "no pair": ("orders.create", order(pair=None), InvalidType, "pair", "required"),
    "no order": ("orders.cancel", {"order_id": None}, InvalidType, "order_id", "required"),
    "empty order": ("orders.cancel", {"order_id": ""}, InvalidValue, "order_id", "empty"),
    "float order": ("orders.cancel", {"order_id": 343154.0}, InvalidType, "order_id", "not an id"),
    "no fee of nothing": ("account.fee", {"pair": None}, InvalidType, "pair", "required"),
    "order of a list": ("account.transactions", {"order": "desc"}, InvalidValue, "order", "SortOrder.DESC"),
    "order of trades": ("orders.trades", {"order": "ASCENDING"}, InvalidValue, "order", "SortOrder.ASC"),
    "naive since": ("account.transactions", {"since": NAIVE}, InvalidValue, "since", "time zone"),
    "naive end": ("orders.trades", {"end": NAIVE}, InvalidValue, "end", "time zone"),
    "date": ("orders.trades", {"since": date(2012, 7, 16)}, InvalidType, "since", "aware datetime"),
    "milliseconds": ("orders.trades", {"since": SECONDS * 1000}, InvalidValue, "since", "divide by 1000"),
    "float time": ("account.transactions", {"end": 1342445793.5}, InvalidType, "end", "not a time"),
    "Inf": ("account.transactions", {"end": float("inf")}, InvalidType, "end", "not a time"),
    "count as text": ("wallet.history", {"count": "10"}, InvalidType, "count", "not an int"),
    "count of movements as text": ("account.transactions", {"count": "10"}, InvalidType, "count", "not an int"),
    "count of trades as text": ("orders.trades", {"count": "10"}, InvalidType, "count", "not an int"),
    "offset of movements as text": ("account.transactions", {"offset": "1"}, InvalidType, "offset", "not an int"),
    "offset of trades as text": ("orders.trades", {"offset": "1"}, InvalidType, "offset", "not an int"),
    "offset of transfers as text": ("wallet.history", {"offset": "1"}, InvalidType, "offset", "not an int"),
    "float id": ("orders.trades", {"from_id": 1.0}, InvalidType, "from_id", "not an id"),
    "offset as float": ("wallet.history", {"offset": 10.0}, InvalidType, "offset", "write 10"),
    "float withdrawal": ("wallet.withdraw", payout(amount=0.123), InvalidType, "amount", "Decimal('0.123')"),
    "nothing to withdraw": ("wallet.withdraw", payout(amount="0"), InvalidValue, "amount", "0"),
    "negative withdrawal": ("wallet.withdraw", payout(amount=-1), InvalidValue, "amount", "-1"),
    "withdrawal of what": ("wallet.withdraw", payout(currency=None), InvalidType, "currency", "required"),
    "withdrawal to whom": ("wallet.withdraw", payout(address=None), InvalidType, "address", "required"),
    "withdrawal without invoice": ("wallet.withdraw", payout(invoice=None), InvalidType, "invoice", "required"),
    "invoice as number": ("wallet.withdraw", payout(invoice=1), InvalidType, "invoice", "not a str"),
    "voucher of nothing": (
        "wallet.create_voucher",
        {"amount": 0, "currency": "usd", "invoice": "i"},
        InvalidValue,
        "amount",
        "0",
    ),
    "float voucher": (
        "wallet.create_voucher",
        {"amount": 1.5, "currency": "usd", "invoice": "i"},
        InvalidType,
        "amount",
        "Decimal('1.5')",
    ),
    "no voucher": (
        "wallet.redeem_voucher",
        {"voucher_code": None, "invoice": "i"},
        InvalidType,
        "voucher_code",
        "required",
    ),
    "no address of what": ("wallet.deposit_address", {"currency": None}, InvalidType, "currency", "required"),
    "pair with a slash": ("market.ticker", {"pair": "btc/usd"}, InvalidValue, "pair", "slash"),
    "pair that climbs": ("market.trades", {"pair": ".."}, InvalidValue, "pair", "cannot stand in a path"),
    "empty pair": ("market.fee", {"pair": ""}, InvalidValue, "pair", "empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_it_is_sent(empty: Served, case: str) -> None:
    operation, arguments, error, parameter, words = REFUSED[case]
    before = len(empty.came)
    with pytest.raises(error) as caught:
        call(empty.client, operation, arguments)
    assert (caught.value.operation, caught.value.parameter) == (operation, parameter)
    assert words in str(caught.value)
    assert len(empty.came) == before


def test_what_is_always_sent_is_no_argument(empty: Served) -> None:
    for name in ("method", "nonce", "from", "type", "rate"):
        with pytest.raises(TypeError, match=name):
            empty.client.orders.create(**order(**{name: "Trade"}))


# --- pages ---------------------------------------------------------------------------------------------------------------


def transaction(number: int) -> dict[str, Any]:
    return {
        "type": "trade",
        "amount": "0.5",
        "currency": "btc",
        "timestamp": SECONDS + number,
        "direction": "income",
        "status": 2,
        "desc": "BTC payment",
    }


def trade(number: int) -> dict[str, Any]:
    return {
        "pair": "btc_usd",
        "type": "sell",
        "amount": 1,
        "rate": 1,
        "order_id": 343148,
        "is_your_order": 1,
        "timestamp": SECONDS + number,
    }


def transfer(number: int) -> dict[str, Any]:
    return {
        "tx_id": number,
        "amount": "2.00",
        "base_amount": "2.00",
        "fee": "0.01",
        "type": "deposit",
        "status": "confirmed",
        "rejected": 0,
        "timestamp": SECONDS + number,
        "currency": "btc",
        "provider": "coins",
    }


def rows_of(call: Call, numbers: list[int], make: Callable[[int], Any], usual: int = 1000) -> Any:
    """A part of a history, keyed by id; an empty one is a list, as PHP writes it."""
    given = call.arguments
    since = given.get("since")
    chosen = [number for number in numbers if since is None or SECONDS + number >= since]
    forward = since is not None or given.get("end") is not None or given.get("order") == "ASC"
    chosen.sort(reverse=not forward)
    start = given.get("offset", 0)
    return {str(number): make(number) for number in chosen[start : start + given.get("count", usual)]} or []


def fields(stage: Served) -> list[str]:
    """The forms that came, but for the nonces."""
    return [one.received.text.partition("&nonce=")[0] for one in stage.calls]


@pytest.mark.parametrize("count", [2, 10, 24, 25, 26])
def test_transactions_are_walked_without_repeats_or_loss(body: str, count: int) -> None:
    numbers = list(range(25))

    def answer(call: Call) -> Any:
        page = done({"total": len(numbers), "rows": rows_of(call, numbers, transaction)})
        numbers.append(len(numbers))  # a movement between two calls pushes all others on by one
        return page

    with served("bitok", body, answer) as stage:
        found = [int(one.id) for one in stage.client.account.iter_transactions(count=count)]
    assert found == list(range(24, -1, -1))
    assert fields(stage)[0] == f"method=TransHistory&count={count}"
    assert fields(stage)[1] == f"method=TransHistory&from={min(count, 25)}&count={count}"


def test_transactions_since_a_time_are_walked_forward(body: str) -> None:
    numbers = list(range(25))
    with served("bitok", body, lambda call: done({"total": 25, "rows": rows_of(call, numbers, transaction)})) as stage:
        since = datetime.fromtimestamp(SECONDS + 3, UTC)
        found = list(stage.client.account.iter_transactions(since=since, count=10))
    assert [int(one.id) for one in found] == list(range(3, 25))
    assert [one.timestamp_utc for one in found] == sorted(one.timestamp_utc for one in found)
    assert fields(stage) == [
        f"method=TransHistory&count=10&since={SECONDS + 3}",
        f"method=TransHistory&from=10&count=10&since={SECONDS + 3}",
        f"method=TransHistory&from=20&count=10&since={SECONDS + 3}",
        f"method=TransHistory&from=22&count=10&since={SECONDS + 3}",
    ]


def test_trades_are_walked_from_an_offset_in_either_order(body: str) -> None:
    numbers = list(range(25))
    with served("bitok", body, lambda call: done(rows_of(call, numbers, trade))) as stage:
        trades = stage.client.orders
        down = [int(one.id) for one in trades.iter_trades(offset=5, count=8, pair="btc_usd")]
        up = [int(one.id) for one in trades.iter_trades(offset=5, count=8, order=SortOrder.ASC)]
    assert (down, up) == (list(range(19, -1, -1)), list(range(5, 25)))
    assert fields(stage)[1] == "method=TradeHistory&from=13&count=8&pair=btc_usd"


def test_the_exchange_may_give_fewer_than_asked_for(body: str) -> None:
    numbers = list(range(25))

    def answer(call: Call) -> Any:
        most_three = rows_of(call, numbers, trade) or {}
        return done(dict(list(most_three.items())[:3]) or [])

    with served("bitok", body, answer) as stage:
        assert [int(one.id) for one in stage.client.orders.iter_trades(count=1000)] == list(range(24, -1, -1))


def test_the_size_of_a_page_may_be_left_to_the_exchange(body: str) -> None:
    numbers = list(range(25))
    with served("bitok", body, lambda call: done(rows_of(call, numbers, transfer, usual=10))) as stage:
        found = [int(one.tx_id) for one in stage.client.wallet.iter_history(currency="btc")]
    assert found == list(range(24, -1, -1))
    assert fields(stage)[:2] == [
        "method=WithdrawDepositHistory&currency=btc",
        "method=WithdrawDepositHistory&from=10&currency=btc",
    ]


def test_a_walk_through_nothing_asks_once(empty: Served) -> None:
    for walk in (
        empty.client.account.iter_transactions(),
        empty.client.orders.iter_trades(),
        empty.client.wallet.iter_history(),
    ):
        before = len(empty.came)
        assert list(walk) == []
        assert len(empty.came) == before + 1


# --- refusals of the exchange --------------------------------------------------------------------------------------------


def refusal(text: str, status: int = 200) -> Callable[[Call], Reply]:
    return lambda call: Reply(status, json.dumps({"success": 0, "error": text}).encode())


TEXTS: dict[str, type[ApiError]] = {
    "Not enough funds": InsufficientFunds,
    "Not enough funds on your balance": InsufficientFunds,
    "Voucher does not exist": NotFound,
    "Voucher does not exist or was redeemed": NotFound,
    "Invalid pair": ApiError,
    "not enough funds": ApiError,
    "Sorry: Not enough funds": ApiError,
}


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_says_what_a_refusal_means(body: str, text: str, status: int) -> None:
    expected = TEXTS[text]
    if status == 500 and expected is ApiError:
        expected = ServerError
    with served("bitok", body, refusal(text, status)) as stage, pytest.raises(ApiError) as caught:
        stage.client.account.info()
    assert type(caught.value) is expected
    assert (caught.value.message, caught.value.code, caught.value.status) == (text, None, status)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ApiError),
        (400, InvalidRequest),
        (401, AuthenticationFailed),
        (403, PermissionDenied),
        (404, NotFound),
        (409, ApiError),
        (422, InvalidRequest),
        (429, RateLimited),
        (503, ServerError),
    ],
)
def test_a_text_that_nobody_knows_leaves_it_to_the_status(body: str, status: int, expected: type[ApiError]) -> None:
    with served("bitok", body, refusal("New", status)) as stage, pytest.raises(ApiError) as caught:
        stage.client.orders.open()
    assert type(caught.value) is expected


EFFECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "create": ("orders.create", order()),
    "cancel": ("orders.cancel", {"order_id": 1}),
    "withdraw": ("wallet.withdraw", payout()),
    "create_voucher": ("wallet.create_voucher", {"amount": 1, "currency": "usd", "invoice": "i"}),
    "redeem_voucher": ("wallet.redeem_voucher", {"voucher_code": "v", "invoice": "i"}),
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_refused_effect_was_refused(body: str, effect: str) -> None:
    with served("bitok", body, refusal("Not enough funds")) as stage, pytest.raises(InsufficientFunds):
        call(stage.client, *EFFECTS[effect])
    assert len(stage.came) == 1


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize(
    "reply",
    [Reply(200, b"<html>busy</html>"), Reply(502, b"<html>busy</html>"), Reply(200, b'{"success":1}')],
    ids=["page", "bad gateway", "no receipt"],
)
def test_money_that_may_have_moved_is_said_to_be_unknown(body: str, effect: str, reply: Reply) -> None:
    operation, arguments = EFFECTS[effect]
    with served("bitok", body, lambda call: reply, retries=3) as stage, pytest.raises(OutcomeUnknown) as caught:
        call(stage.client, operation, arguments)
    assert len(stage.came) == 1
    assert set(caught.value.sent) == set(arguments)
    assert "demo-bitok-api-secret" not in repr(caught.value.__dict__)


@pytest.mark.parametrize("reply", [{"success": 0}, {"success": "0", "return": {}}], ids=json.dumps)
def test_a_refusal_may_go_without_a_reason(body: str, reply: Any) -> None:
    with served("bitok", body, lambda call: reply) as stage, pytest.raises(ApiError):
        stage.client.orders.open()


@pytest.mark.parametrize("reply", [{"success": None}, {"return": {}}, {"success": 2, "return": {}}, []], ids=json.dumps)
def test_what_does_not_say_that_it_succeeded_did_not(body: str, reply: Any) -> None:
    with served("bitok", body, lambda call: reply) as stage, pytest.raises((ApiError, InvalidResponse)):
        stage.client.orders.open()


def test_an_error_beside_a_success_is_an_error(body: str) -> None:
    answer = {"success": 1, "return": {}, "error": "Voucher does not exist"}
    with served("bitok", body, lambda call: answer) as stage, pytest.raises(NotFound):
        stage.client.orders.open()


@pytest.mark.parametrize("name", ["fee", "ticker", "trades", "order_book"])
def test_a_refusal_is_known_where_a_success_is_not_wrapped(body: str, name: str) -> None:
    with served("bitok", body, refusal("Invalid pair")) as stage:
        with pytest.raises(ApiError, match="Invalid pair"):
            getattr(stage.client.market, name)("btc_xyz")
        with pytest.raises(ApiError, match="Invalid pair"):
            stage.client.market.pairs()
        with pytest.raises(ApiError, match="Invalid pair"):
            stage.client.account.fee("btc_xyz")


def test_a_wrong_secret_is_refused(body: str) -> None:
    with (
        served("bitok", body, lambda call: done([]), api_secret="wrong") as stage,
        pytest.raises(ApiError, match="signature"),
    ):
        stage.client.orders.open()
    assert stage.calls == []


# --- how it is signed ----------------------------------------------------------------------------------------------------


def test_the_form_is_signed_as_it_is_sent(body: str) -> None:
    receipt = done({"status": "new", "id": 1})
    with served("bitok", body, lambda call: receipt, clock=lambda: 4102444800000) as stage:
        stage.client.wallet.withdraw(**payout(invoice="a b+c&d=é!'()*~", notify_url="https://x.example/?a=1&b=2"))
    received = stage.calls[0].received
    assert received.text == (
        "method=WithdrawCrypt&amount=0.123&currency=btc&crypto_address=1G3F&invoice=a+b%2Bc%26d%3D%C3%A9%21%27%28%29%2A~"
        "&notify_url=https%3A%2F%2Fx.example%2F%3Fa%3D1%26b%3D2&nonce=4102444800000"
    )
    assert received.content_type == "application/x-www-form-urlencoded"
    assert received.header("Key") == "demo-bitok-api-key"
    expected = hmac.new(b"demo-bitok-api-secret", received.body, hashlib.sha512).hexdigest()
    assert received.header("Sign") == expected
    assert stage.calls[0].arguments["invoice"] == "a b+c&d=é!'()*~"


def test_nonces_grow_though_the_clock_stands_still_or_goes_back(body: str) -> None:
    times = iter([4102444800000, 4102444800000, 4102444799000, 4102444900000])
    with served("bitok", body, lambda call: done([]), clock=lambda: next(times)) as stage:
        for _ in range(4):
            stage.client.orders.open()
    nonces = [int(dict(one.received.fields)["nonce"]) for one in stage.calls]
    assert nonces == sorted(set(nonces))
    assert nonces[-1] == 4102444900000


def test_a_read_that_is_made_again_is_signed_anew(body: str) -> None:
    replies = iter([Reply(503, b"busy"), Reply(200, b'{"success":1,"return":[]}')])
    with served("bitok", body, lambda call: next(replies), retries=1) as stage:
        assert stage.client.orders.open() == []
    first, second = (one.received for one in stage.calls)
    assert int(dict(first.fields)["nonce"]) < int(dict(second.fields)["nonce"])
    assert first.header("Sign") != second.header("Sign")


def test_what_anyone_may_read_is_not_signed(body: str) -> None:
    with served("bitok", body, lambda call: ["btc_usd"]) as stage:
        assert stage.client.market.pairs() == ["btc_usd"]
        assert stage.client.market.trades("btc_usd") == ["btc_usd"]
    assert stage.came == ["GET /bitok/public/open_api/pairs", "GET /bitok/public/open_api/btc_usd/trades"]
    assert [one.received.header(name) for one in stage.calls for name in ("Key", "Sign")] == [None] * 4
    assert [one.received.body for one in stage.calls] == [b"", b""]


def test_a_method_that_no_spec_knows_is_signed_all_the_same(body: str) -> None:
    with served("bitok", body, lambda call: done([])) as stage, pytest.raises(ApiError, match="method"):
        stage.client.request("POST", "/", form={"method": "NewThing"}, auth=True, effect="read")
    assert stage.came == ["POST /bitok/rest/"]
    assert stage.sandbox.requests[0].signed


# --- oddities ------------------------------------------------------------------------------------------------------------


def test_an_empty_map_may_be_written_as_a_list(empty: Served) -> None:
    page = empty.client.account.transactions()
    assert (page.total, page.rows) == (0, [])
    assert empty.client.orders.open() == []
    assert empty.client.orders.trades() == []
    assert empty.client.wallet.history() == []


def test_empty_funds_may_be_written_as_a_list(body: str) -> None:
    info: dict[str, Any] = {
        "funds": [],
        "funds_on_hold": {},
        "affiliate_funds": {"usd": 0.0000123},
        "rights": {"info": 1, "trade": 0},
    }
    info |= {"transaction_count": 0, "open_orders": 0, "server_time": SECONDS}
    with served("bitok", body, lambda call: done(info)) as stage:
        found = stage.client.account.info()
    assert (found.funds, found.funds_on_hold, found.affiliate_amount) == ({}, {}, None)
    assert found.affiliate_funds == {"usd": Decimal("0.0000123")}
    assert (found.rights.info, found.rights.trade) == (True, False)


def test_success_may_be_text_and_amounts_may_be_either(body: str) -> None:
    text = b'{"success":"1","return":{"7":{"pair":"btc_usd","type":"buy","amount":"1.50","rate":3.00000000,'
    text += b'"timestamp_created":"1342448420","status":"0"}}}'
    with served("bitok", body, lambda call: Reply(200, text)) as stage:
        (found,) = stage.client.orders.open()
    assert (str(found.amount), str(found.price), found.created, found.status) == ("1.50", "3.00000000", 1342448420, 0)


def test_an_id_is_exact_however_large(body: str) -> None:
    text = b'{"success":1,"return":{"received":0,"remains":1,"order_id":9007199254740993,"funds":{"usd":1e-8}}}'
    with served("bitok", body, lambda call: Reply(200, text)) as stage:
        receipt = stage.client.orders.create(**order())
    assert (receipt.order_id, receipt.funds["usd"]) == ("9007199254740993", Decimal("0.00000001"))


def test_what_only_some_transfers_have_may_be_missing(body: str) -> None:
    bare = transfer(41)
    answer = {
        "41": bare,
        "42": {**bare, "tx_id": 42, "extra": None},
        "43": {**bare, "tx_id": 43, "extra": {"ps_id": 5}},
    }
    with served("bitok", body, lambda call: done(answer)) as stage:
        found = stage.client.wallet.history()
    assert [one.tx_id for one in found] == ["41", "42", "43"]
    assert [one.extra for one in found[:2]] == [None, None]
    assert (found[2].extra.ps_id, found[2].extra.confirmations) == ("5", None)


def test_a_status_that_is_new_is_kept(body: str) -> None:
    with served("bitok", body, lambda call: done({"status": "queued", "id": "5"})) as stage:
        receipt = stage.client.wallet.withdraw(**payout())
    assert (str(receipt.status), receipt.status.is_known) == ("queued", False)
    assert [str(one) for one in RequestStatus] == ["new", "processed", "paid", "cancelled"]


def test_what_no_document_describes_can_be_read_as_it_came(body: str) -> None:
    answer = Reply(200, b'{"ticker":{"vol_cur":121.9980,"last":325.10},"at":1}')
    with served("bitok", body, lambda call: answer) as stage, stage.client.capture() as replies:
        assert str(stage.client.market.ticker("btc_usd").volume) == "121.9980"
    assert str(replies[0].json()["ticker"]["last"]) == "325.10"
    assert replies[0].unaccounted() == ["$.at", "$.ticker.last"]


def test_a_history_that_is_no_map_is_no_history(body: str) -> None:
    with served("bitok", body, lambda call: done([transfer(1)])) as stage, pytest.raises(InvalidResponse) as caught:
        stage.client.wallet.history()
    assert (caught.value.path, caught.value.status) == ("$.return", 200)


def test_a_row_that_lacks_a_field_is_named(body: str) -> None:
    lacking = {key: value for key, value in trade(1).items() if key != "rate"}
    answer = done({"166829": trade(0), "166830": lacking})
    with served("bitok", body, lambda call: answer) as stage, pytest.raises(InvalidResponse) as caught:
        stage.client.orders.trades()
    assert caught.value.path == '$.return["166830"].rate'
