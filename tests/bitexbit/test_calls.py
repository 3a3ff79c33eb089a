"""What cassettes cannot show of bitexbit: what is never sent, lists of many pages, refusals, and its oddities."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from support.replay import NOW_MS, ROOT, exchanges
from support.stage import BODIES, Stage, replying, staged

from specie import runtime
from specie.bitexbit import Interval, OrderStatus, Side, TradeOrdering, WithdrawalStatus
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

EXAMPLES = ROOT / "specs" / "bitexbit" / "examples"
KEY, SECRET = "demo-bitexbit-api-key", "demo-bitexbit-api-secret"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged("bitexbit") as one:
        yield one


@pytest.fixture(params=BODIES)
def bitexbit(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Any]:
    stage.play()
    with stage.client(request.param) as one:
        yield one


def example(name: str) -> Any:
    """A documented reply, with every digit of its numbers."""
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def text_of(name: str) -> str:
    return (EXAMPLES / f"{name}.json").read_text("utf-8")


# --- what is never sent ---------------------------------------------------------------------------------------------


def create(**given: Any) -> Callable[[Any], Any]:
    """An order; a good one unless said otherwise."""
    order = {"pair": "BTC_USD", "side": Side.BUY, "amount": "1.0", "price": "870.69", **given}
    return lambda one: one.orders.create(**order)


def candles(pair: str = "BTC_USD", **given: Any) -> Callable[[Any], Any]:
    wanted = {"interval": Interval.ONE_HOUR, **given}
    return lambda one: one.market.candles(pair, **wanted)


def history(**given: Any) -> Callable[[Any], Any]:
    return lambda one: one.orders.history(**given)


def order_book(pair: Any, **given: Any) -> Callable[[Any], Any]:
    return lambda one: one.market.order_book(pair, **given)


BAD: dict[str, tuple[Callable[[Any], Any], type[ArgumentError], str, str]] = {
    "nothing of something": (create(amount=0), InvalidValue, "amount", "0"),
    "less than nothing": (create(price=Decimal("-0.01")), InvalidValue, "price", "-0.01"),
    "a float": (create(amount=0.1), InvalidType, "amount", "write Decimal('0.1') or '0.1'"),
    "a float for a price": (create(price=870.69), InvalidType, "price", "write Decimal('870.69') or '870.69'"),
    "infinity": (create(price=Decimal("Infinity")), InvalidValue, "price", "Infinity"),
    "a comma": (create(amount="0,1"), InvalidValue, "amount", "0,1"),
    "no price": (create(price=None), InvalidType, "price", "required"),
    "no side": (create(side=None), InvalidType, "side", "required"),
    "a side in capitals": (create(side="BUY"), InvalidValue, "side", "did you mean Side.BUY ('buy')?"),
    "another enum": (create(side=Interval.ONE_DAY), InvalidType, "side", "Side"),
    "an order of nothing": (lambda one: one.orders.cancel(""), InvalidValue, "order_id", "empty"),
    "a float for an id": (lambda one: one.orders.cancel(63568.0), InvalidType, "order_id", "63568.0"),
    "an id with a slash": (lambda one: one.orders.get("1/../own"), InvalidValue, "order_id", "slash"),
    "a status that is not": (history(status=4), InvalidValue, "status", "OrderStatus.DONE"),
    "a status as text": (history(status="1"), InvalidType, "status", "OrderStatus.ACTIVE"),
    "a status of withdrawals": (history(status=WithdrawalStatus.NEW), InvalidType, "status", "OrderStatus"),
    "text for a limit": (history(limit="10"), InvalidType, "limit", "'10'"),
    "a float for a limit": (history(limit=10.0), InvalidType, "limit", "write 10"),
    "no such withdrawal status": (lambda one: one.wallet.withdrawals(status=60), InvalidValue, "status", "60"),
    "no such ordering": (
        lambda one: one.market.trades(ordering="-date"),
        InvalidValue,
        "ordering",
        "TradeOrdering.DESCENDING",
    ),
    "a pair with a slash": (order_book("BTC/USD"), InvalidValue, "pair", "slash"),
    "None for a pair": (order_book(None), InvalidType, "pair", "required"),
    "a number of minutes": (candles(interval=60), InvalidType, "interval", "Interval.ONE_HOUR"),
    "an hour as others write it": (candles(interval="1h"), InvalidValue, "interval", "Interval"),
    "a day in small letters": (candles(interval="d"), InvalidValue, "interval", "did you mean Interval.ONE_DAY ('D')?"),
    "milliseconds for seconds": (candles(since=1485777600000), InvalidValue, "since", "divide by 1000"),
    "naive time": (candles(until=datetime(2026, 1, 1)), InvalidValue, "until", "time zone"),  # noqa: DTZ001
    "a day for a time": (candles(until=date(2026, 1, 1)), InvalidType, "until", "aware datetime"),
    "a float for a time": (candles(since=1485777600.5), InvalidType, "since", "seconds"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(stage: Stage, bitexbit: Any, case: str) -> None:
    call, error, parameter, words = BAD[case]
    before = stage.sent
    with pytest.raises(error) as caught:
        call(bitexbit)
    assert caught.value.parameter == parameter
    assert words in str(caught.value)
    assert stage.sent == before


@pytest.mark.parametrize("body", BODIES)
def test_private_calls_need_credentials(stage: Stage, body: str) -> None:
    before = stage.sent
    with stage.client(body, api_key=None, api_secret=None) as one:
        with pytest.raises(MissingCredentials) as caught:
            one.account.balances()
        assert caught.value.missing == ("api_key", "api_secret")
        assert stage.sent == before
        script = stage.play(replying(text_of("market/currencies")))
        assert one.market.currencies()[1].sign == "Ξ"
    assert not [name for name, _ in script.calls[0].received.headers if name.lower() in ("x-key", "x-sign", "x-nonce")]


# --- lists of many pages --------------------------------------------------------------------------------------------


def _trades(ids: range, kind: str) -> list[dict[str, Any]]:
    (trade,) = example(f"{kind}/trades")
    return [{**trade, "id": number} for number in ids]


def skipping(rows: list[dict[str, Any]]) -> Callable[[Call], Reply]:
    """A list as the page describes it: greatest id first unless told, so many skipped, 100 unless told."""

    def answer(call: Call) -> Reply:
        given = call.arguments
        newest_first = given.get("ordering", "-id") == "-id"
        found = sorted(rows, key=lambda row: int(row["id"]), reverse=newest_first)
        skipped = given.get("offset", 0)
        return Reply(200, json.dumps(found[skipped : skipped + given.get("limit", 100)]).encode())

    return answer


@pytest.mark.parametrize("kind", ["market", "orders"])
@pytest.mark.parametrize("limit", [1, 4, 25, 26, None])
def test_trades_are_walked_by_offset(stage: Stage, bitexbit: Any, kind: str, limit: int | None) -> None:
    script = stage.play(skipping(_trades(range(100, 125), kind)))
    walk = getattr(bitexbit, kind).iter_trades
    assert [one.id for one in walk(limit=limit)] == [str(number) for number in reversed(range(100, 125))]
    offsets = [call.arguments.get("offset", 0) for call in script.calls]
    size = limit or 100
    assert offsets == [*range(0, 25, size), 25]
    assert all(call.arguments.get("limit") == limit for call in script.calls)


@pytest.mark.parametrize("kind", ["market", "orders"])
def test_trades_are_walked_from_the_oldest(stage: Stage, bitexbit: Any, kind: str) -> None:
    script = stage.play(skipping(_trades(range(100, 110), kind)))
    walk = getattr(bitexbit, kind).iter_trades(pair="BTC_USD", ordering=TradeOrdering.ASCENDING, limit=4, offset=2)
    assert [one.id for one in walk] == [str(number) for number in range(102, 110)]
    assert script.calls[0].received.query.endswith("pair=BTC_USD&limit=4&offset=2&ordering=id")
    assert [call.arguments["offset"] for call in script.calls] == [2, 6, 10]


def test_trades_that_come_meanwhile_neither_repeat_nor_hide(stage: Stage, bitexbit: Any) -> None:
    rows = _trades(range(100, 120), "market")
    answer = skipping(rows)

    def growing(call: Call) -> Reply:
        reply = answer(call)
        newest = max(int(row["id"]) for row in rows)
        rows.extend({**rows[0], "id": newest + step} for step in (1, 2, 3))
        return reply

    stage.play(growing)
    found = [int(one.id) for one in bitexbit.market.iter_trades(limit=5)]
    assert found == list(reversed(range(100, 120)))


def test_trades_that_are_none(stage: Stage, bitexbit: Any) -> None:
    script = stage.play(replying([]))
    assert list(bitexbit.orders.iter_trades()) == []
    assert len(script.calls) == 1


HOUR = 3600
NOON = 1485777600


@pytest.mark.parametrize("until_belongs", [True, False], ids=["until included", "until excluded"])
@pytest.mark.parametrize("limit", [2, 3, 24, 25, None])
def test_candles_are_walked_back_in_time(stage: Stage, bitexbit: Any, limit: int | None, until_belongs: bool) -> None:
    (candle,) = example("market/candles")
    rows = [{**candle, "time": NOON - hour * HOUR} for hour in range(24)]

    def answer(call: Call) -> Reply:
        until = call.arguments.get("until", NOON + HOUR)
        since = call.arguments.get("since", 0)
        found = [row for row in rows if since <= row["time"] < until + (1 if until_belongs else 0)]
        return Reply(200, json.dumps(found[: call.arguments.get("limit", 720)]).encode())

    script = stage.play(answer)
    found = list(bitexbit.market.iter_candles("BTC_USD", interval=Interval.ONE_HOUR, limit=limit))
    assert [one.open_time for one in found] == [row["time"] for row in rows]
    assert "until" not in script.calls[0].arguments
    since = datetime.fromtimestamp(NOON - 10 * HOUR, UTC)
    bounded = bitexbit.market.iter_candles("BTC_USD", interval="60", limit=limit, since=since, until=NOON - HOUR)
    hours = range(1 if until_belongs else 2, 11)
    assert [one.open_time for one in bounded] == [NOON - hour * HOUR for hour in hours]


# --- refusals -------------------------------------------------------------------------------------------------------

STATUSES = {
    400: "InvalidRequest",
    401: "AuthenticationFailed",
    403: "PermissionDenied",
    429: "RateLimited",
    500: "ServerError",
    502: "ServerError",
}
UNLISTED = {404: "NotFound", 405: "ApiError", 408: "RequestTimeout", 418: "ApiError", 503: "ServerError"}
TEXTS = {"Out of balance*": ("Out of balance -9.99243661 BTC", "InsufficientFunds")}


def test_every_refusal_is_tried() -> None:
    errors = exchanges()["bitexbit"].errors
    assert {one.match: one.error for one in errors.texts} == {text: error for text, (_, error) in TEXTS.items()}
    assert {int(one.match): one.error for one in errors.status} == STATUSES
    assert not errors.codes


@pytest.mark.parametrize("status", [*STATUSES, *UNLISTED])
@pytest.mark.parametrize("key", ["error", "detail", None])
def test_refusals_by_status(stage: Stage, bitexbit: Any, status: int, key: str | None) -> None:
    error = getattr(runtime, (STATUSES | UNLISTED)[status])
    stage.play(replying({key: "Order is done."} if key else "<html>high load</html>", status))
    with pytest.raises(ApiError) as caught:
        bitexbit.orders.history()
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.message) == (status, "Order is done." if key else "")
    unsure = status == 408 or status >= 500
    for call in (create(), lambda one: one.orders.cancel(63568)):
        with pytest.raises(OutcomeUnknown if unsure else error):
            call(bitexbit)


@pytest.mark.parametrize("pattern", TEXTS)
@pytest.mark.parametrize("status", [200, 400])
def test_refusals_by_text(stage: Stage, bitexbit: Any, pattern: str, status: int) -> None:
    text, name = TEXTS[pattern]
    stage.play(replying({"error": text}, status))
    with pytest.raises(ApiError) as caught:
        create()(bitexbit)
    assert type(caught.value) is getattr(runtime, name)
    assert (caught.value.status, caught.value.message) == (status, text)


def test_an_order_that_was_no_success(stage: Stage, bitexbit: Any) -> None:
    receipt = example("orders/create")
    for more, error in (({}, ApiError), ({"error": "Out of balance -1 USD"}, runtime.InsufficientFunds)):
        stage.play(replying({**receipt, "success": False, **more}))
        with pytest.raises(ApiError) as caught:
            create()(bitexbit)
        assert type(caught.value) is error


def test_an_order_of_unknown_outcome_has_no_number_of_the_caller(stage: Stage, bitexbit: Any) -> None:
    script = stage.play(replying("<html>high load</html>", 502))
    with pytest.raises(OutcomeUnknown) as caught:
        create()(bitexbit)
    assert len(script.calls) == 1
    assert caught.value.client_order_id is None
    assert (caught.value.status, caught.value.sent_at_ms) == (502, NOW_MS)
    assert caught.value.sent == {
        "pair": "BTC_USD",
        "side": "buy",
        "amount": Decimal("1.0"),
        "price": Decimal("870.69"),
    }


# --- oddities -------------------------------------------------------------------------------------------------------


def test_what_is_signed_is_sorted_and_what_is_sent_is_not(stage: Stage, bitexbit: Any) -> None:
    script = stage.play(replying(text_of("orders/create")))
    create(pair="BTC USD!'()*~")(bitexbit)
    (received,) = (call.received for call in script.calls)
    fields = {"pair": "BTC USD!'()*~", "type": "buy", "amount": "1.0", "price": "870.69"}
    assert received.text == urlencode(fields)
    assert received.content_type == "application/x-www-form-urlencoded"
    payload = KEY + urlencode(sorted(fields.items()))
    signature = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    assert (received.header("X-KEY"), received.header("X-SIGN")) == (KEY, signature)


def test_a_query_is_not_signed(stage: Stage, bitexbit: Any) -> None:
    script = stage.play(replying([]))
    bitexbit.orders.history()
    bitexbit.orders.history(side=Side.SELL, pair="BTC_USD", status=OrderStatus.CANCELLED, limit=1)
    assert [call.received.query for call in script.calls] == ["", "type=sell&pair=BTC_USD&status=2&limit=1"]
    signature = hmac.new(SECRET.encode(), KEY.encode(), hashlib.sha256).hexdigest()
    assert [call.received.header("X-SIGN") for call in script.calls] == [signature, signature]


def test_nonces_grow_over_calls_and_clients(stage: Stage, bitexbit: Any) -> None:
    script = stage.play(replying([]))
    bitexbit.wallet.deposits()
    bitexbit.account.balances()
    with stage.client("blocking") as other:
        other.wallet.deposits()
    nonces = [int(call.received.header("X-NONCE") or 0) for call in script.calls]
    assert nonces == sorted(set(nonces))
    assert nonces[0] >= NOW_MS


@pytest.mark.parametrize("body", BODIES)
def test_a_wrong_secret_is_told_so(stage: Stage, body: str) -> None:
    stage.play()
    with stage.client(body, api_secret="guessed") as one, pytest.raises(runtime.AuthenticationFailed) as caught:
        one.account.balances()
    assert "guessed" not in str(caught.value)


def test_a_status_is_a_number_or_text(stage: Stage, bitexbit: Any) -> None:
    order = example("orders/get")
    for status in ("3", 3):
        stage.play(replying({**order, "status": status}))
        assert bitexbit.orders.get(11259).status is OrderStatus.DONE
    stage.play(replying({**order, "status": "4"}))
    found = bitexbit.orders.get(11259).status
    assert isinstance(found, OrderStatus)
    assert (found, found.is_known) == (4, False)


def test_money_is_a_number_or_text(stage: Stage, bitexbit: Any) -> None:
    pair = text_of("market/pairs")
    spelt = pair.replace("0.00000001", "1e-08").replace("100000000.00000000", '"100000000.00000000"')
    assert spelt != pair
    stage.play(replying(spelt))
    (found,) = bitexbit.market.pairs()
    assert found.minimum_order_size == Decimal("0.00000001")
    assert str(found.maximum_order_size) == "100000000.00000000"


def test_digits_and_ids_beyond_a_float(stage: Stage, bitexbit: Any) -> None:
    deposit = '[{"timestamp": 1485363039.123456789, "id": 9007199254740993, "currency": "BTC", "amount": 0.12345678901234567890}]'
    stage.play(replying(deposit))
    (found,) = bitexbit.wallet.deposits()
    assert (found.id, str(found.amount)) == ("9007199254740993", "0.12345678901234567890")
    assert str(found.timestamp) == "1485363039.123456789"
    assert found.timestamp_utc == datetime(2017, 1, 25, 16, 50, 39, 123456, tzinfo=UTC)


def test_a_trade_of_ours_may_lack_our_side(stage: Stage, bitexbit: Any) -> None:
    (trade,) = example("orders/trades")
    del trade["my_side"]
    stage.play(replying([trade]))
    assert bitexbit.orders.trades()[0].my_side is None


def test_a_book_of_single_orders_is_no_grouped_one(stage: Stage, bitexbit: Any) -> None:
    stage.play(replying(text_of("market/order_book_grouped")))
    with pytest.raises(InvalidResponse) as caught:
        bitexbit.market.order_book("BTC_USD")
    assert caught.value.path == "$.sell[0].id"
    script = stage.play(replying({"sell": [], "buy": []}))
    book = bitexbit.market.order_book_grouped("BTC_USD")
    assert (book.asks, book.bids) == ([], [])
    assert script.calls[0].received.query == "group=1"


def test_charts_have_a_server_of_their_own(stage: Stage, bitexbit: Any) -> None:
    script = stage.play(replying(text_of("market/candles")))
    candles(interval=Interval.ONE_DAY)(bitexbit)
    assert script.calls[0].received.real_path == "/api/charts/BTC_USD/D/chart"
    assert script.calls[0].received.path.startswith("/bitexbit/charts/")


def test_a_redirection_is_not_followed(stage: Stage, bitexbit: Any) -> None:
    # BTC-Alpha answers the path of candles so, for want of a slash at its end.
    script = stage.play(replying("", 301, Location="/api/charts/BTC_USD/60/chart/"))
    with pytest.raises(ApiError) as caught:
        candles()(bitexbit)
    assert caught.value.status == 301
    assert "/api/charts/BTC_USD/60/chart/" in str(caught.value)
    assert len(script.calls) == 1
