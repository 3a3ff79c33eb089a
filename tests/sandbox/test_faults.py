"""Each fault through a generated client, blocking and asyncio: how the call ends, and what the exchange's own books say."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from decimal import Decimal
from typing import Any

import attrs
import pytest
from support.calls import BODIES, connected
from support.replay import exchanges

from specie.runtime import (
    ApiError,
    ClockSkew,
    InvalidResponse,
    Nonces,
    NoReply,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestTimeout,
    ServerError,
    Timeout,
)
from specie.runtime.clock import system_clock
from specie.sandbox import Sandbox, Seen, UnknownFault
from specie.sandbox.faults import WORDS, Faults, parse_fault, vocabulary

pytest.importorskip("aiohttp")

PATIENCE = Timeout(connect=10.0, read=10.0, total=30.0)
HASTE = Timeout(connect=10.0, read=0.25, total=30.0)  # for what would keep a client waiting
both_bodies = pytest.mark.parametrize("body", BODIES)
each_exchange = pytest.mark.parametrize("name", ["bibox", "bitexbit", "bitok", "bitopro"])

# A bid far below the market of each exchange: it is taken, and rests.
ORDERS: dict[str, dict[str, Any]] = {
    "bibox": {"symbol": "BTC_USDT", "side": "buy", "type": "limit", "quantity": Decimal("0.01"), "price": Decimal(1000)},
    "bitexbit": {"pair": "BTC_USD", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000)},
    "bitok": {"pair": "btc_usd", "side": "buy", "amount": Decimal("0.01"), "price": Decimal(1000)},
    "bitopro": {"pair": "btc_twd", "action": "BUY", "type": "LIMIT", "amount": Decimal("0.001"), "price": Decimal(100000)},
}  # fmt: skip


@attrs.frozen
class Bench:
    """One sandbox for all tests of this file."""

    sandbox: Sandbox
    nonces: Nonces

    @contextmanager
    def client(self, name: str, body: str, **more: Any) -> Iterator[Any]:
        # A clock that learns nothing: else a call would be mended that a wrong clock shall spoil.
        given = {"timeout": PATIENCE, "clock": system_clock, "nonces": self.nonces, **more}
        with connected(exchanges()[name], body, **self.sandbox.client_options_of(name), **given) as client:
            yield client

    def placed(self, name: str) -> int:
        """How many orders there are by the books of the exchange."""
        market = self.sandbox.market(name)
        assert market is not None
        return sum(len(market.orders(account)) for account in market.accounts)

    def order(self, name: str, body: str, **more: Any) -> Any:
        with self.client(name, body, **more) as client:
            return client.orders.create(**ORDERS[name])

    def settled(self, before: int) -> Seen:
        """The request that came after so many others; its client may have given up before it was done."""
        deadline = time.monotonic() + 10
        while len(self.sandbox.requests) <= before and time.monotonic() < deadline:
            time.sleep(0.005)
        (seen,) = self.sandbox.requests[before:]
        return seen

    def trades(self, body: str, **more: Any) -> Any:
        with self.client("bitopro", body, **more) as client:
            return client.market.trades("btc_twd")


def patience(fault: str) -> Timeout:
    return HASTE if "timeout" in fault or (fault.endswith(":10s") and not fault.startswith("refuse")) else PATIENCE


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    with Sandbox(models=list(exchanges().values()), seed=11, limits=False) as sandbox:
        yield Bench(sandbox, Nonces())


@pytest.fixture
def bench(served: Bench) -> Iterator[Bench]:
    yield served
    served.sandbox.clear_faults()
    served.sandbox.check()


# --- an order: what the client says, and whether it is there --------------------------------------------------------


@both_bodies
@pytest.mark.parametrize(
    ("fault", "error", "placed"),
    [
        ("refuse:10s", NotSent, False),
        ("reset", OutcomeUnknown, False),
        ("reset on orders.create", OutcomeUnknown, False),
        ("read-then-reset", OutcomeUnknown, False),
        ("accept-then-reset", OutcomeUnknown, True),
        ("timeout", OutcomeUnknown, False),
        ("accept-then-timeout", OutcomeUnknown, True),
        ("status:302", OutcomeUnknown, False),
        ("status:400", ApiError, False),
        ("status:408", OutcomeUnknown, False),
        ("accept-then-status:408", OutcomeUnknown, True),
        ("status:409", ClockSkew, False),
        ("status:429", RateLimited, False),
        ("status:500", OutcomeUnknown, False),
        ("status:502", OutcomeUnknown, False),
        ("accept-then-status:502", OutcomeUnknown, True),
        ("status:520", OutcomeUnknown, False),
        ("truncated", OutcomeUnknown, True),
        ("truncated-chunks", OutcomeUnknown, True),
        ("garbage", OutcomeUnknown, True),
        ("empty", OutcomeUnknown, True),
        ("late:20ms", None, True),
        ("late:10s", OutcomeUnknown, True),
        ("slow-headers:50ms", None, True),
        ("slow-headers:10s", OutcomeUnknown, True),
        ("slow-body:50ms", None, True),
        ("slow-body:10s", OutcomeUnknown, True),
        ("clock:+600s", ClockSkew, False),
        ("clock:-600s", ClockSkew, False),
        ("clock:+5s", None, True),
        ("duplicated", None, True),
        ("reordered", None, True),
        ("unknown-fields", None, True),
        ("unknown-enums", None, True),
        ("null", OutcomeUnknown, True),
    ],
)
def test_an_order(bench: Bench, body: str, fault: str, error: type[Exception] | None, placed: bool) -> None:
    before, orders = len(bench.sandbox.requests), bench.placed("bitopro")
    bench.sandbox.fault(fault)
    with pytest.raises(error) if error is not None else nullcontext():
        bench.order("bitopro", body, timeout=patience(fault))
    if fault.startswith("refuse"):
        assert len(bench.sandbox.requests) == before
    else:
        assert bench.settled(before).fault == ("" if fault.startswith("clock") else fault.split()[0])
    assert bench.placed("bitopro") - orders == placed


@both_bodies
@each_exchange
@pytest.mark.parametrize(
    ("fault", "error", "placed"),
    [
        ("accept-then-timeout", OutcomeUnknown, True),
        ("status:429:2s", RateLimited, False),
        ("status:502", OutcomeUnknown, False),
        ("garbage", OutcomeUnknown, True),
        ("unknown-fields", None, True),
    ],
)
def test_an_order_at_each_exchange(
    bench: Bench, name: str, body: str, fault: str, error: type[Exception] | None, placed: bool
) -> None:
    before, orders = len(bench.sandbox.requests), bench.placed(name)
    bench.sandbox.fault(f"{fault} on {name}.orders.create")
    with pytest.raises(error) if error is not None else nullcontext():
        bench.order(name, body, timeout=patience(fault))
    assert bench.settled(before).operation == "orders.create"
    assert bench.placed(name) - orders == placed
    assert bench.sandbox.faults == ()
    bench.order(name, body)


# --- a read ---------------------------------------------------------------------------------------------------------


@both_bodies
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse:10s", NotSent),
        ("reset", NoReply),
        ("accept-then-reset", NoReply),
        ("timeout", NoReply),
        ("status:408", RequestTimeout),
        ("status:409", ClockSkew),
        ("status:429", RateLimited),
        ("status:500", ServerError),
        ("status:502", ServerError),
        ("status:520", ServerError),
        ("truncated", NoReply),
        ("truncated-chunks", NoReply),
        ("garbage", InvalidResponse),
        ("empty", InvalidResponse),
        ("null", InvalidResponse),
        ("slow-body:10s", NoReply),
    ],
)
def test_a_read(bench: Bench, body: str, fault: str, error: type[Exception]) -> None:
    bench.sandbox.fault(fault)
    with pytest.raises(error) as caught:
        bench.trades(body, timeout=patience(fault))
    assert type(caught.value) is error


@both_bodies
def test_the_words_of_a_status(bench: Bench, body: str) -> None:
    """To 501 it is the exchange that speaks, and above a gateway."""
    for fault, start in [("status:500", '{"error":'), ("status:502", "<html>"), ("status:520", "<html>")]:
        bench.sandbox.fault(fault)
        with pytest.raises(ServerError) as caught:
            bench.trades(body)
        assert caught.value.body_start.replace(" ", "").startswith(start)
        assert str(caught.value.status) == fault[-3:]


@both_bodies
@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [("status:429:7s", 7, 7), ("status:429:date+7s", 6.5, 8), ("status:503:0s", 0, 0)],
)
def test_retry_after(bench: Bench, body: str, fault: str, least: float, most: float) -> None:
    bench.sandbox.fault(fault)
    with pytest.raises(ApiError) as caught:
        bench.trades(body)
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after <= most


@both_bodies
def test_lists(bench: Bench, body: str) -> None:
    plain = bench.trades(body)
    assert plain[0] != plain[1]
    bench.sandbox.fault("duplicated")
    twice = bench.trades(body)
    assert twice[0] == twice[1]
    assert len(twice) == len(plain) + 1
    bench.sandbox.fault("reordered")
    times = [one.timestamp for one in bench.trades(body)]
    assert times == sorted(times)
    assert times[0] < times[-1]


@both_bodies
def test_what_no_document_knows(bench: Bench, body: str) -> None:
    order = bench.order("bitopro", body)
    with bench.client("bitopro", body) as client:
        bench.sandbox.fault("unknown-enums on orders.get")
        status = client.orders.get("btc_twd", order.order_id).status
        assert not status.is_known
        bench.sandbox.fault("unknown-fields on orders.get")
        with client.capture() as replies:
            client.orders.get("btc_twd", order.order_id)
        assert any("fieldOfTomorrow" in path for path in replies[0].unaccounted())
        bench.sandbox.fault("null:id on orders.get")
        with pytest.raises(InvalidResponse, match=r"\$\.id: .*found null"):
            client.orders.get("btc_twd", order.order_id)
        assert client.orders.get("btc_twd", order.order_id).id == order.order_id


@both_bodies
def test_rows_and_keyed_objects(bench: Bench, body: str) -> None:
    """Lists of positional rows, and objects whose keys are ids, suffer as well."""
    with bench.client("bibox", body) as client:
        level = client.market.order_book("BTC_USDT").bids[0]
        bench.sandbox.fault("unknown-fields on bibox")
        assert type(client.market.order_book("BTC_USDT").bids[0]) is type(level)
        bench.sandbox.fault("duplicated on bibox")
        bids = client.market.order_book("BTC_USDT").bids
        assert bids[0] == bids[1]
    bench.order("bitok", body)
    bench.order("bitok", body)
    with bench.client("bitok", body) as client:
        ids = [one.id for one in client.orders.open()]
        bench.sandbox.fault("reordered on bitok.orders.open")
        assert [one.id for one in client.orders.open()] == ids[::-1]


@both_bodies
def test_a_clock_that_is_wrong(bench: Bench, body: str) -> None:
    """It concerns signatures that expire, and shows in the Date of every reply, until it is cleared."""
    with bench.client("bibox", body, expire_after=5000) as client:
        bench.sandbox.fault("clock:+1h on bibox")
        with client.capture() as replies:
            for _ in range(2):
                with pytest.raises(ClockSkew):
                    client.account.balances()
        assert bench.sandbox.faults == ("clock:+1h on bibox",)
        bench.sandbox.clear_faults()
        with client.capture() as later:
            client.account.balances()
    ahead, right = (re.findall(r" (\d\d):\d\d:\d\d", one[0].headers["date"])[0] for one in (replies, later))
    assert (int(ahead) - int(right)) % 24 in (1, 2)


# --- which requests -------------------------------------------------------------------------------------------------


def test_the_next_requests_that_it_fits(bench: Bench) -> None:
    bench.sandbox.fault("status:500 x2 on bitopro.market.trades")
    bench.sandbox.fault("status:503 on market.trades")
    statuses: list[int] = []
    with bench.client("bitopro", "blocking") as client:
        for _ in range(4):
            client.market.tickers()
            try:
                client.market.trades("btc_twd")
            except ServerError as error:
                statuses.append(error.status)
    assert statuses == [500, 500, 503]
    bench.sandbox.fault("reset always on bibox")
    for _ in range(3):
        with pytest.raises(NoReply), bench.client("bibox", "blocking") as client:
            client.market.pairs()
    assert bench.sandbox.faults == ("reset always on bibox",)


def test_a_refusal_is_over_when_its_time_is(bench: Bench) -> None:
    with bench.client("bitopro", "blocking") as client:
        client.market.tickers()
        bench.sandbox.fault("refuse:300ms")
        with pytest.raises(NotSent):  # though a connection was open: it was closed as well
            client.market.tickers()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with suppress(NotSent):
                assert client.market.tickers()
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it does not listen again")


def test_faults_from_the_beginning() -> None:
    with Sandbox("bitopro", models=[exchanges()["bitopro"]], faults=["refuse:10s", "status:500"], seed=1) as sandbox:
        bench = Bench(sandbox, Nonces())
        with pytest.raises(NotSent):
            bench.trades("blocking")
        assert sandbox.faults == ("status:500",)


# --- the words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *(name for name, word in WORDS.items() if not word.value or word.optional),
        "refuse:500ms",
        "late:1.5s",
        "slow-body:10min",
        "status:429:2s x3 on orders.create",
        "accept-then-status:503:date+30s always on bitopro",
        "clock:-600s",
        "clock:+1h x2 on bibox.orders.create",
        "null:order_id on bitopro.orders.get",
    ],
)
def test_a_fault_is_written_as_it_was_read(line: str) -> None:
    assert str(parse_fault(f"  {line} ")) == line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "'' is not a fault: it is written WORD"),
        ("timeout please", "'timeout please' is not a fault"),
        ("accept-then-timout", "there is no fault 'accept-then-timout'; did you mean 'accept-then-timeout'?"),
        ("boom", "there is no fault 'boom'; known are refuse, reset, "),
        ("reset:2s", "'reset' takes no value, and '2s' stands behind it"),
        ("late", "'late' needs a value, such as late:2s"),
        ("late:2", "'2' of 'late' is not a span of time, such as 500ms, 2s or 10min"),
        ("late:99999999h", "longer than ten years"),
        ("status", "'status' needs a value, such as status:502"),
        ("status:99", "'99' is not an HTTP status"),
        ("status:600", "'600' is not an HTTP status"),
        ("status:429:soon", "'soon' of 'status' is not a span of time"),
        ("status:429:1500ms", "a Retry-After is in whole seconds"),
        ("clock:5s", "a clock is ahead, clock:+5s, or behind, clock:-5s"),
        ("refuse x2", "nobody sees a connection that is refused"),
        ("refuse:2s on bitopro", "nobody sees a connection that is refused"),
        ("reset x0", "is not a fault"),
        ("reset on a.b.c.d", "'a.b.c.d' is not EXCHANGE, GROUP.OPERATION or EXCHANGE.GROUP.OPERATION"),
        ("reset on orders.", "'orders.' is not EXCHANGE"),
        ("reset on bitpro", "bitpro is not served here; did you mean 'bitopro'?"),
        ("reset on orders.creat", "there is no operation orders.creat; did you mean 'orders.create'?"),
        ("null:pryce", "no reply has a field pryce; did you mean 'price'?"),
        ("reset on bibox.wallet.withdraw", "there is no operation wallet.withdraw"),
    ],
)
def test_what_is_not_a_fault(bench: Bench, line: str, message: str) -> None:
    with pytest.raises(UnknownFault) as caught:
        bench.sandbox.fault(line)
    assert message in str(caught.value)
    assert bench.sandbox.faults == ()


def test_all_words_are_explained() -> None:
    shown = vocabulary()
    assert all(f"\n  {name}" in f"\n{shown}" for name in WORDS)
    assert all(len(line) <= 120 for line in shown.splitlines())


def test_the_first_that_fits_is_taken() -> None:
    faults = Faults()
    for line in ("reset on orders.get", "reset", "status:500 x2", "clock:+1s", "clock:+2s x1 on acme"):
        faults.add(parse_fault(line))
    assert faults.take_unread("acme") is None  # the first that could fit asks for the operation
    assert str(faults.take("acme", "orders.get")) == "reset on orders.get"
    assert str(faults.take_unread("acme")) == "reset"
    assert faults.take_unread("acme") is None
    assert [faults.clock_ms("acme", ""), faults.clock_ms("acme", ""), faults.clock_ms("other", "")] == [
        3000,
        1000,
        1000,
    ]
    faults.take("acme", "")
    assert [str(one) for one in faults.pending] == ["status:500", "clock:+1s"]
