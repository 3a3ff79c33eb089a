"""A trading day at Bibox, by its own clients, in the living market."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from support.living import NOW_MS, Living, called, living, operations

from specie.bibox import Side
from specie.bibox.account import LedgerEntryType
from specie.bibox.orders import LiquidityRole, OrderStatus, OrderType, TimeInForce
from specie.runtime import InvalidRequest, InvalidSymbol, OrderNotFound
from specie.sandbox.faces.bibox import face
from specie.sandbox.market import NewOrder
from specie.sandbox.market import Side as CoreSide

pytest.importorskip("aiohttp")

HOUR_MS = 3_600_000


@pytest.fixture(params=["blocking", "asyncio"])
def day(request: pytest.FixtureRequest) -> Iterator[Living]:
    with living("bibox", face, request.param) as one:
        yield one


@pytest.fixture
def quiet_day() -> Iterator[Living]:
    """In one body: details that no body changes."""
    with living("bibox", face, "blocking") as one:
        yield one


def limit(client: Any, side: Side, quantity: str, price: str, symbol: str = "BIX_USDT", **more: Any) -> Any:
    return client.orders.create(symbol, side=side, type=OrderType.LIMIT, quantity=quantity, price=price, **more)


def balance(client: Any, asset: str) -> tuple[Decimal, Decimal]:
    (found,) = client.account.balances(assets=[asset])
    return found.available, found.frozen


def test_a_trading_day(day: Living) -> None:
    client = day.client
    assert {one.asset for one in client.account.balances()} == {"BTC", "ETH", "USDT", "BIX"}
    assert balance(client, "BIX") == (50_000, 0)
    book = client.market.order_book("BTC_USDT", level=20)
    assert book.bids[0].price < book.asks[0].price
    assert (len(book.bids), len(book.asks)) == (20, 20)

    # One that crosses what others offer, for more than is there at the best price.
    wanted = book.asks[0].quantity + book.asks[1].quantity
    taken = limit(client, Side.BUY, str(wanted), str(book.asks[1].price), "BTC_USDT")
    assert (taken.status, taken.quantity, taken.filled_quantity) == (OrderStatus.FILLED, wanted, wanted)
    assert taken.fill_count == len(taken.fills) >= 2
    assert sum(fill.quantity for fill in taken.fills) == wanted
    assert [fill.price for fill in taken.fills] == sorted((fill.price for fill in taken.fills), reverse=True)
    assert {fill.role for fill in taken.fills} == {LiquidityRole.TAKER}
    (fee,) = taken.fees
    assert (fee.asset, fee.amount) == ("BTC", sum(fill.fee.amount for fill in taken.fills))
    assert taken.filled_value == sum(fill.price * fill.quantity for fill in taken.fills)
    assert balance(client, "BTC") == (2 + wanted - fee.amount, 0)
    assert balance(client, "USDT")[0] == 100_000 - taken.filled_value

    # One that rests, is met in part, and is cancelled; the pair is quiet, so all of it is our doing.
    day.wait(1_000)
    resting = limit(client, Side.SELL, "100", "0.25", client_order_id=123)
    assert (resting.status, resting.client_order_id, resting.quantity) == (OrderStatus.ACCEPTED, "123", -100)
    assert (resting.filled_quantity, resting.fills, resting.fees) == (0, [], [])
    assert resting.created == resting.updated == day.now_ms
    assert balance(client, "BIX") == (49_900, 100)
    assert [one.price for one in client.market.order_book("BIX_USDT").asks] == [Decimal("0.25")]
    met = limit(client, Side.BUY, "40", "0.3")
    assert (met.status, met.filled_value) == (OrderStatus.FILLED, 10)
    resting = client.orders.get("c:123")
    assert resting == client.orders.get(resting.id) == client.orders.open(symbol="BIX_USDT")[0]
    assert (resting.status, resting.filled_quantity, resting.filled_value) == (OrderStatus.ACCEPTED, -40, -10)
    assert resting.fills[0].role == LiquidityRole.MAKER
    assert [fee.asset for fee in resting.fees] == ["USDT"]
    cancelled = client.orders.cancel("c:123")
    assert (cancelled.id, cancelled.status, cancelled.filled_quantity) == (resting.id, OrderStatus.CANCELLED, -40)
    assert int(cancelled.update_id) > int(resting.update_id)
    assert balance(client, "BIX")[1] == 0

    # Those that do not wait, and those that only wait.
    limit(client, Side.SELL, "100", "0.25")
    now = limit(client, Side.BUY, "150", "0.25", time_in_force=TimeInForce.IOC)
    assert (now.status, now.filled_quantity, now.time_in_force) == (OrderStatus.CANCELLED, 100, TimeInForce.IOC)
    limit(client, Side.SELL, "100", "0.25")
    rejected = limit(client, Side.BUY, "40", "0.25", post_only=True)
    assert (rejected.status, rejected.post_only, rejected.filled_quantity) == (OrderStatus.REJECTED, True, 0)
    assert rejected.failure_message
    waiting = limit(client, Side.BUY, "100", "0.2", post_only=True)
    assert waiting.status == OrderStatus.ACCEPTED
    assert len(client.orders.open()) == 2
    assert client.orders.cancel_all("BIX_USDT") is None
    assert client.orders.open() == []
    assert client.orders.get(waiting.id).status == OrderStatus.CANCELLED

    # What is left of the day.
    history = client.orders.history("BIX_USDT", limit=100)
    assert [int(one.update_id) for one in history] == sorted(int(one.update_id) for one in history)
    assert {one.status for one in history} == {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED}
    assert client.orders.fills(order_id=taken.id) == list(reversed([*_like(client, taken)]))
    kinds = {one.type for one in client.account.ledger()}
    assert kinds == {LedgerEntryType.TRANSFER_IN, LedgerEntryType.TRADE, LedgerEntryType.FEE}
    for asset in ("USDT", "BIX", "BTC"):
        entries = client.account.ledger(assets=[asset], limit=1000)
        assert sum(one.amount for one in entries) == entries[-1].balance == sum(balance(client, asset))

    # The public market moves.
    before = client.market.tickers(symbols=["BTC_USDT", "BIX_USDT"])
    day.wait(60_000)
    after = client.market.tickers(symbols=["BTC_USDT"])[0]
    assert [one.symbol for one in before] == ["BTC_USDT", "BIX_USDT"]
    assert (after.time, before[0].time) == (day.now_ms, day.now_ms - 60_000)
    assert after.trade_count is not None
    assert after.trade_count > (before[0].trade_count or 0)
    assert after.low_price <= after.last_price <= after.high_price
    assert after.bid_price < after.ask_price
    pairs = client.market.pairs()
    assert [one.symbol for one in client.market.pairs(symbols=["ETH_BTC", "BTC_USDT"])] == ["ETH_BTC", "BTC_USDT"]
    assert all(one.min_price < one.max_price and one.min_quantity < one.max_quantity for one in pairs)
    assert all(one.price_increment == Decimal(1).scaleb(-one.price_scale) for one in pairs)
    candles = client.market.candles("BTC_USDT", time_frame="5m", limit=10)
    assert [one.open_time % 300_000 for one in candles] == [0] * 10
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in candles)
    trades = client.market.trades("BTC_USDT")
    assert trades[-1].price == after.last_price == candles[-1].close
    assert client.market.api_domains()["state"] == 0

    assert list(client.orders.iter_history("BIX_USDT", limit=2)) == history[::-1]
    assert list(client.account.iter_ledger(limit=7)) == client.account.ledger(limit=1000)[::-1]
    assert called(day.sandbox) == operations("bibox")


def _like(client: Any, order: Any) -> Iterator[Any]:
    """The fills of an order as the list of fills has them: with order, pair and trade."""
    listed = {fill.id: fill for fill in client.orders.fills(symbol=order.symbol)}
    for fill in order.fills:
        one = listed[fill.id]
        assert (one.order_id, one.symbol) == (order.id, order.symbol)
        assert one.trade_id is not None
        assert (one.price, one.quantity, one.fee, one.time) == (fill.price, fill.quantity, fill.fee, fill.time)
        yield one


def test_pages_lose_and_repeat_nothing(day: Living) -> None:
    client = day.client
    for step in range(12):
        limit(client, Side.SELL, "100", "0.25")
        limit(client, Side.BUY, "100", "0.25")
        day.wait(1_000 + step)
    for size in (2, 3, 5, 100):
        fills = list(client.orders.iter_fills(symbol="BIX_USDT", limit=size))
        assert len(fills) == len({one.id for one in fills}) == 24
        assert [int(one.id) for one in fills] == sorted((int(one.id) for one in fills), reverse=True)
        orders = list(client.orders.iter_history("BIX_USDT", limit=size))
        assert len(orders) == len({one.id for one in orders}) == 24
    trades = list(client.market.iter_trades("BIX_USDT", limit=5))
    assert len(trades) == len({one.id for one in trades}) == 12
    everything = list(client.account.iter_ledger(assets=["BIX"], limit=4))
    assert len(everything) == len({one.id for one in everything}) == 1 + 12 * 3  # a sale, a purchase and its fee
    whole = client.market.candles("BTC_USDT", time_frame="1m", limit=1000)
    assert list(client.market.iter_candles("BTC_USDT", time_frame="1m", limit=100)) == whole[::-1]
    assert len(whole) > 400


def test_bounds(quiet_day: Living) -> None:
    client = quiet_day.client
    trades = client.market.trades("BTC_USDT", limit=1000)
    middle = trades[500]
    assert client.market.trades("BTC_USDT", before=middle.id, limit=3) == trades[498:501]
    assert client.market.trades("BTC_USDT", after=middle.id, limit=3) == trades[500:503]
    assert client.market.trades("BTC_USDT", end_time=middle.time, limit=1)[-1].time == middle.time
    assert client.market.trades("BTC_USDT", start_time=middle.time, limit=1)[0].time == middle.time
    between = client.market.trades("BTC_USDT", start_time=middle.time, end_time=trades[510].time)
    assert between == trades[500:511]
    assert len(client.market.trades("BTC_USDT")) == 100

    candles = client.market.candles("BTC_USDT", time_frame="1h")
    assert client.market.candles("BTC_USDT", time_frame="1h", before=candles[3].open_time, limit=2) == candles[2:4]
    assert client.market.candles("BTC_USDT", time_frame="1h", after=candles[3].open_time, limit=2) == candles[3:5]
    for frame in ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "3d", "1W", "1M"):
        found = client.market.candles("BTC_USDT", time_frame=frame, limit=1000)
        assert sum(one.trade_count for one in found) == sum(one.trade_count for one in candles)
        assert sum(one.volume for one in found) == sum(one.volume for one in candles)

    first = limit(client, Side.BUY, "100", "0.2")
    client.orders.cancel(first.id)
    quiet_day.wait(HOUR_MS)
    second = limit(client, Side.BUY, "100", "0.2")
    client.orders.cancel(second.id)
    history = client.orders.history("BIX_USDT", start_time=NOW_MS, end_time=NOW_MS)
    assert [one.id for one in history] == [first.id]
    assert [one.id for one in client.orders.history("BIX_USDT", start_time=NOW_MS + 1)] == [second.id]
    assert [one.id for one in client.orders.history("BIX_USDT", before=history[0].update_id)] == [first.id]
    after = client.orders.history("BIX_USDT", after=history[0].update_id, limit=1)
    assert [one.id for one in after] == [first.id]
    quiet_day.wait(91 * 24 * HOUR_MS)
    assert client.orders.history("BIX_USDT", limit=10) == []  # nothing was traded, so nothing is remembered


def test_books_grouped(quiet_day: Living) -> None:
    client = quiet_day.client
    whole = client.market.order_book("BTC_USDT", level=1000)
    for scale in range(1, 6):
        book = client.market.order_book("BTC_USDT", level=1000, price_scale=scale)
        step = Decimal("0.1").scaleb(scale)
        assert all(one.price % step == 0 for one in (*book.bids, *book.asks))
        assert sum(one.quantity for one in book.bids) == sum(one.quantity for one in whole.bids)
        assert sum(one.quantity for one in book.asks) == sum(one.quantity for one in whole.asks)
        assert book.bids[0].price <= whole.bids[0].price < whole.asks[0].price <= book.asks[0].price
    assert len(client.market.order_book("BTC_USDT", level=1).asks) == 1


def test_a_market_where_nothing_was_yet(quiet_day: Living) -> None:
    client = quiet_day.client
    empty = client.market.order_book("BIX_USDT")
    assert (empty.bids, empty.asks, empty.update_id) == ([], [], "0")
    (ticker,) = client.market.tickers(symbols=["BIX_USDT"])
    assert (ticker.last_price, ticker.bid_price, ticker.volume, ticker.trade_count) == (0, 0, 0, 0)
    assert client.market.trades("BIX_USDT") == client.market.candles("BIX_USDT", time_frame="1m") == []
    assert client.orders.open() == client.orders.history("BIX_USDT", limit=1) == []
    assert client.orders.fills(symbol="BIX_USDT") == []
    month = client.market.candles("BTC_USDT", time_frame="1M")
    far = 9 * 10**13
    assert client.market.candles("BTC_USDT", time_frame="1M", before=far) == month
    assert client.market.candles("BTC_USDT", time_frame="1M", after=0) == month
    assert client.market.candles("BTC_USDT", time_frame="1M", before=0) == []
    assert client.market.candles("BTC_USDT", time_frame="1M", after=far) == []


def test_the_same_seed_and_calls_give_the_same_replies() -> None:
    def replies() -> list[bytes]:
        with living("bibox", face, "blocking") as one, one.client.capture() as captured:
            one.client.market.trades("BTC_USDT")
            limit(one.client, Side.BUY, "0.5", "46500", "BTC_USDT")
            one.wait(30_000)
            one.client.account.ledger()
            one.client.market.order_book("BTC_USDT")
            return [reply.body for reply in captured]

    assert replies() == replies()


def test_figures_are_written_as_documented(quiet_day: Living) -> None:
    client = quiet_day.client
    with client.capture() as replies:
        order = limit(client, Side.SELL, "100", "0.25")
        limit(client, Side.BUY, "40", "0.25")
        client.orders.get(order.id)
        client.account.balances(assets=["BIX"])
        client.market.tickers(symbols=["BIX_USDT"])
    first, _, got, balances, ticker = (reply.body.decode() for reply in replies)
    assert '"Q":-100.0000,"P":0.2500,"t":"gtc","o":false,"S":"accepted","E":0,"e":0,' in first
    assert f'"i":{order.id},"I":""' in first
    assert int(order.id) > 2**62
    assert '"E":-40.0000,"e":-10.00000000,' in got
    assert '"p":0.25,"q":-40,"l":"maker","f":{"a":"USDT","m":0.01000000}' in got
    assert balances == '[{"s":"BIX","a":49939.96,"h":60}]'
    assert '"p":"0.25000000","q":"40","v":"40.00000000","a":"10.00000000"' in ticker
    assert '"ap":0.25,"aq":60' in ticker


def test_refusals(quiet_day: Living) -> None:
    client = quiet_day.client

    def refused(error: type[Exception], code: str, words: str, call: Any) -> None:
        with pytest.raises(error, match=words) as caught:
            call()
        assert (type(caught.value), caught.value.code) == (error, code)  # type: ignore[attr-defined]

    unknown = "4611688217450649999"
    for one in (unknown, "c:99", "nonsense", "7", "9" * 5_000):
        refused(OrderNotFound, "-3003", "no such order", lambda one=one: client.orders.get(one))
        refused(OrderNotFound, "-3004", "settled already", lambda one=one: client.orders.cancel(one))
    order = limit(client, Side.BUY, "100", "0.2", client_order_id=5)
    refused(
        InvalidRequest, "-2004", "client_order_id", lambda: limit(client, Side.BUY, "100", "0.2", client_order_id=5)
    )
    client.orders.cancel(order.id)
    refused(OrderNotFound, "-3004", "settled already", lambda: client.orders.cancel(order.id))
    for call in (
        lambda: limit(client, Side.BUY, "1", "1", "NO_PAIR"),
        lambda: client.market.order_book("NO_PAIR"),
        lambda: client.market.tickers(symbols=["BTC_USDT", "NO_PAIR"]),
        lambda: client.market.pairs(symbols=["NO_PAIR"]),
        lambda: client.market.trades("NO_PAIR"),
        lambda: client.market.candles("NO_PAIR", time_frame="1m"),
        lambda: client.orders.open(symbol="NO_PAIR"),
        lambda: client.orders.history("NO_PAIR", limit=1),
        lambda: client.orders.cancel_all("NO_PAIR"),
        lambda: client.orders.fills(symbol="NO_PAIR"),
    ):
        refused(InvalidSymbol, "-3002", "no such trading pair", call)
    refused(InvalidSymbol, "-3001", "no such asset", lambda: client.account.balances(assets=["NO"]))
    refused(InvalidSymbol, "-3001", "no such asset", lambda: client.account.ledger(assets=["BTC", "NO"]))
    refused(InvalidRequest, "-2004", "parameter 'price'", lambda: limit(client, Side.BUY, "100", "0.12345"))
    refused(InvalidRequest, "-2004", "parameter 'quantity'", lambda: limit(client, Side.BUY, "100.00001", "0.2"))
    refused(InvalidRequest, "-2004", "parameter 'price'", lambda: limit(client, Side.SELL, "1", "100000000.0001"))
    refused(InvalidRequest, "-2004", "notional", lambda: limit(client, Side.BUY, "1", "0.2"))
    refused(InvalidRequest, "-2004", "above", lambda: limit(client, Side.SELL, "1000001", "0.2"))
    refused(InvalidRequest, "-2004", "balance is not enough", lambda: limit(client, Side.SELL, "50001", "0.2"))
    both = {"time_in_force": TimeInForce.IOC, "post_only": True}
    refused(InvalidRequest, "-2004", "post_only", lambda: limit(client, Side.SELL, "100", "0.2", **both))
    refused(InvalidRequest, "-2004", "before", lambda: client.orders.fills(symbol="BTC_USDT", before="x"))


def test_the_orders_of_others_are_not_there(quiet_day: Living) -> None:
    client, market = quiet_day.client, quiet_day.market
    client.account.balances()
    market.open_account("other", {"BIX": Decimal(100)}, now_ms=NOW_MS)
    new = NewOrder("BIX_USDT", CoreSide.SELL, amount=Decimal(100), price=Decimal("0.5"))
    theirs = market.place("other", new, now_ms=NOW_MS)
    wire_id = str(4611688217450643456 + theirs.id)
    for call in (client.orders.get, client.orders.cancel, lambda one: client.orders.fills(order_id=one)):
        with pytest.raises(OrderNotFound):
            call(wire_id)
    assert client.orders.open() == []
