"""Bitexbit's stream on the sandbox, as a plain socket.io client sees it, held against its page and REST."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Coroutine, Iterator
from decimal import Decimal
from typing import Any

import pytest
import socketio
import websockets.sync.client
from support.hearing import PATIENCE_S, Caller, exact

from specie.sandbox import Sandbox

NEW = ["success", "date", "oid", "type", "price", "amount", "trades"]
TRADE = ["tid", "type", "price", "amount", "o_id"]
CANCELLED = ["success", "date", "oid", "cancel_order_id", "price", "type", "amount", "pair", "cancelled"]
PATH = "bitexbit/stream/socket.io"


class Listener:
    """A socket.io client on a loop of its own, and what it heard."""

    def __init__(self, url: str, transports: list[str]) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.ended = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client: Any = None
        self._do(self._connect(url, transports))

    def say(self, event: str, data: Any) -> None:
        """Say something, and wait until it was heard: an acknowledgement comes when it was done."""
        self._do(self._client.call(event, data, timeout=PATIENCE_S))

    def all(self) -> list[tuple[str, Any]]:
        """What was sent so far: the answer to the second call comes behind it."""
        self.say("anything", None)
        self.say("anything", None)
        found: list[tuple[str, Any]] = []
        while not self.heard.empty():
            found.append(self.heard.get())
        return found

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self, url: str, transports: list[str]) -> None:
        self._client = socketio.AsyncClient(reconnection=False)
        self._client.on("*", lambda event, *data: self.heard.put((event, *data)))
        self._client.on("disconnect", lambda *_: self.ended.set())
        await self._client.connect(url, transports=transports, socketio_path=PATH, wait_timeout=PATIENCE_S)

    async def _end(self) -> None:
        # A client that only polls waits for the answer to its last poll, which may take as long as a ping.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._client.disconnect(), 0.5)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S * 2)


@contextlib.contextmanager
def listening(sandbox: Sandbox, transports: list[str] | None = None) -> Iterator[Listener]:
    listener = Listener(sandbox.base_url("bitexbit")["stream"], transports or ["polling", "websocket"])
    try:
        yield listener
    finally:
        listener.close()


@pytest.fixture
def me(sandbox: Sandbox) -> Caller:
    return Caller(sandbox, "bitexbit")


@pytest.fixture(params=[["websocket"], ["polling"], ["polling", "websocket"]], ids=["websocket", "polling", "upgrade"])
def ear(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Listener]:
    with listening(sandbox, transports=request.param) as listener:
        yield listener


def test_nothing_is_told_before_a_channel_is_joined_nor_after_it_is_left(sandbox: Sandbox, ear: Listener) -> None:
    sandbox.advance(20)
    assert ear.all() == []
    ear.say("subscribe", "book_BTC_USD")
    sandbox.advance(20)
    assert {event for event, _ in ear.all()} == {"book_BTC_USD"}
    ear.say("unsubscribe", "book_BTC_USD")
    sandbox.advance(20)
    assert ear.all() == []


def test_what_is_no_channel_is_passed_over(sandbox: Sandbox, ear: Listener) -> None:
    for name in ("book_NO_PE", "BTC_USD", "", 7, None, ["book_BTC_USD"]):
        ear.say("subscribe", name)
    ear.say("join", "book_BTC_USD")
    sandbox.advance(20)
    assert ear.all() == []


def test_an_order_and_its_cancellation(sandbox: Sandbox, me: Caller) -> None:
    with listening(sandbox) as ear:
        ear.say("subscribe", "book_LTC_USD")  # quiet: nobody else trades it
        placed = me.do("POST", "/order/", {"type": "buy", "pair": "LTC_USD", "amount": "1.5", "price": "60.25"})
        ((event, told),) = ear.all()
        assert (event, list(told)) == ("book_LTC_USD", NEW)
        assert told == {
            "success": True,
            "date": float(placed["date"]),
            "oid": placed["oid"],
            "type": "buy",
            "price": 60.25,
            "amount": 1.5,
            "trades": [],
        }
        me.do("POST", "/order-cancel/", {"order": placed["oid"]})
        ((event, told),) = ear.all()
        assert (event, list(told)) == ("book_LTC_USD", CANCELLED)
        assert (told["cancel_order_id"], told["pair"], told["cancelled"]) == (placed["oid"], "LTC_USD", True)
        assert (told["type"], told["price"], told["amount"]) == ("buy", 60.25, 1.5)
        assert told["oid"] != placed["oid"]


def test_an_order_that_meets_another(sandbox: Sandbox, me: Caller) -> None:
    other = Caller(sandbox, "bitexbit", sandbox.open_account("bitexbit"))
    with listening(sandbox) as ear:
        ear.say("subscribe", "book_LTC_USD")
        maker = other.do("POST", "/order/", {"type": "sell", "pair": "LTC_USD", "amount": "1", "price": "70"})
        taker = me.do("POST", "/order/", {"type": "buy", "pair": "LTC_USD", "amount": "1.25", "price": "71"})
        partly = other.do("POST", "/order/", {"type": "sell", "pair": "LTC_USD", "amount": "0.1", "price": "71"})
        told = [data for _, data in ear.all()]
        assert [one["oid"] for one in told] == [maker["oid"], taker["oid"], partly["oid"]]
        assert [(one["type"], one["price"], one["amount"]) for one in told] == [
            ("sell", 70.0, 1.0),
            ("buy", 71.0, 0.25),  # what rests of it
            ("sell", 71.0, 0.0),
        ]
        ((first,), (second,)) = (one["trades"] for one in told[1:])
        assert list(first) == TRADE
        tid = taker["trades"][0]["tid"]
        assert first == {"tid": tid, "type": "sell", "price": "70.00", "amount": "1", "o_id": maker["oid"]}
        assert (second["o_id"], second["price"], second["amount"]) == (taker["oid"], "71.00", "0.1")


def test_several_cancelled_at_once_by_trades_and_owners_make_the_book_of_rest(sandbox: Sandbox, me: Caller) -> None:
    """Whoever takes the book from REST and then applies what is told has the book that REST has later."""
    with listening(sandbox, transports=["websocket"]) as ear:
        ear.say("subscribe", "book_BTC_USD")
        snapshot = me.get("/orderbook/BTC_USD/?group=0")  # takes a second, in which something may happen
        known = {order["id"]: order["amount"] for side in ("sell", "buy") for order in snapshot[side]}
        ear.all()  # it is all in the snapshot
        me.do("POST", "/order/", {"type": "sell", "pair": "BTC_USD", "amount": "0.4", "price": "30000"})
        sandbox.advance(300)
        rest = me.get("/orderbook/BTC_USD/?group=0")
        told = [data for _, data in ear.all()]
        assert {"cancelled" in one for one in told} == {True, False}
        for one in told:
            if "cancelled" in one:
                assert float(known.pop(one["cancel_order_id"])) == one["amount"]
                continue
            for trade in one["trades"]:
                left = known[trade["o_id"]] - Decimal(trade["amount"])
                known[trade["o_id"]] = left
                if not left:
                    del known[trade["o_id"]]
            if one["amount"]:
                known[one["oid"]] = Decimal(repr(one["amount"]))
        assert known == {order["id"]: order["amount"] for side in ("sell", "buy") for order in rest[side]}


def test_numbers_keep_every_digit(sandbox: Sandbox, me: Caller) -> None:
    """Read below socket.io: its packets are text."""
    url = sandbox.base_url("bitexbit")["stream"].replace("http://", "ws://")
    amount = "12345678.00000001"
    rich = Caller(sandbox, "bitexbit", sandbox.open_account("bitexbit", {"LTC": 20_000_000}))
    with websockets.sync.client.connect(f"{url}/socket.io/?EIO=4&transport=websocket", proxy=None) as socket:
        assert str(socket.recv(10)).startswith("0{")
        socket.send("40")
        assert str(socket.recv(10)).startswith("40{")
        socket.send('420["subscribe","book_LTC_USD"]')
        assert socket.recv(10) == "430[]"
        rich.do("POST", "/order/", {"type": "sell", "pair": "LTC_USD", "amount": amount, "price": "99999.99"})
        packet = str(socket.recv(10))
        assert packet.startswith("42")
        event, told = exact(packet[2:])
        assert (event, str(told["amount"]), str(told["price"])) == ("book_LTC_USD", amount, "99999.99")


def test_a_handshake_is_seen(sandbox: Sandbox) -> None:
    with listening(sandbox, transports=["polling"]) as ear:
        assert ear.all() == []
    assert [(one.exchange, one.operation, one.verdict) for one in sandbox.requests] == [
        ("bitexbit", "streams.order_book", "ok")
    ]
