"""Local books as users hold them: blocking and for asyncio, over a connection that a test pulls the strings of."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

import pytest
from acme_streams import EXCHANGE, MARKET
from book_models import RISING, STEP, Book, book
from handwritten import Credentials
from puppet import Puppet

from specie.runtime import (
    AsyncClient,
    AsyncLocalBook,
    AsyncStreamGroup,
    BookInvalid,
    Client,
    ClientClosed,
    Feed,
    InvalidType,
    InvalidValue,
    Level,
    LocalBook,
    StreamClosed,
    StreamGroup,
    SubscriptionRejected,
    parameter,
)

D = Decimal
PARAMETERS = (parameter("pair", str), parameter("depth", int, required=False))


def feed(rule: Any) -> Feed[Book]:
    return Feed(
        name="streams.order_book",
        connection=MARKET,
        parameters=PARAMETERS,
        channel="{pair}.book",
        when={"stream": "{channel}"},
        at="data",
        yields=Book,
        whole="first",
        book=rule,
    )


STEPPED, CHECKED = feed(STEP), feed(RISING)


class Market:
    """What the client's group of REST operations would be."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.called = threading.Event()

    def book(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        self.called.set()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class AsyncMarket(Market):
    async def book(self, **arguments: Any) -> Any:
        return super().book(**arguments)


class Streams(StreamGroup):
    def book(self, pair: str, *, depth: int | None = None, of: Any = STEPPED) -> LocalBook:
        return self._book(of, pair=pair, depth=depth)

    def with_options(self, **options: Any) -> Streams:
        return self._with_options({}, options)  # type: ignore[arg-type]


class AsyncStreams(AsyncStreamGroup):
    def book(self, pair: str, *, depth: int | None = None, of: Any = STEPPED) -> AsyncLocalBook:
        return self._book(of, pair=pair, depth=depth)

    def with_options(self, **options: Any) -> AsyncStreams:
        return self._with_options({}, options)  # type: ignore[arg-type]


class Acme(Client):
    def __init__(self) -> None:
        super().__init__(EXCHANGE, Credentials())
        self.market = Market()

    @cached_property
    def streams(self) -> Streams:
        return Streams(self)


class AsyncAcme(AsyncClient):
    def __init__(self) -> None:
        super().__init__(EXCHANGE, Credentials())
        self.market = AsyncMarket()

    @cached_property
    def streams(self) -> AsyncStreams:
        return AsyncStreams(self)


@pytest.fixture
def puppet() -> Puppet:
    made = Puppet()
    made.whole("BTC.book", {100: 1, 99: 2, 98: 3}, {101: 1, 102: "0.50"}, 7)
    made.whole("ETH.book", {10: 1}, {11: 1}, 3)
    return made


@pytest.fixture
def acme() -> Iterator[Acme]:
    with Acme() as client:
        yield client
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("specie")]


def open_book(acme: Acme, puppet: Puppet, pair: str = "BTC", **more: Any) -> LocalBook:
    return acme.streams.with_options(dialer=puppet, first_pause=0.001).book(pair, **more)


def until(book: LocalBook, condition: Any) -> None:
    for _ in book:
        if condition():
            return


# -- reading -----------------------------------------------------------------------------------------------------------


def test_what_can_be_read_of_a_valid_book(acme: Acme, puppet: Puppet) -> None:
    with open_book(acme, puppet) as kept:
        assert kept.wait(30) is kept
        assert kept.valid
        assert kept.reason == ""
        assert kept.best_bid == Level(D(100), D(1))
        assert kept.best_ask == Level(D(101), D(1))
        assert kept.spread == 1
        assert [level.price for level in kept.bids] == [100, 99, 98]
        assert [str(level.amount) for level in kept.asks] == ["1", "0.50"]
        assert kept.depth(1) == ([Level(D(100), D(1))], [Level(D(101), D(1))])
        assert kept.volume("bids") == 6
        assert kept.volume("bids", price="99") == 3
        assert kept.volume("asks", price=101) == 1
        assert kept.volume("asks", levels=2) == D("1.50")
        assert kept.sequence == 7
        assert kept.updated_at_ms > 0
        assert "BTC.book" in repr(kept)
        assert repr(kept).count("<") == 1


def test_a_view_does_not_change(acme: Acme, puppet: Puppet) -> None:
    with open_book(acme, puppet) as kept:
        view = kept.wait(30).view()
        assert kept.view() is view
        puppet.push("BTC.book", {100: 0}, {}, 8)
        until(kept, lambda: kept.sequence == 8)
        assert view.best_bid == Level(D(100), D(1))
        assert kept.best_bid == Level(D(99), D(2))


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lambda kept: kept.volume("bid"), InvalidValue),
        (lambda kept: kept.volume("bids", price=1.5), InvalidType),
        (lambda kept: kept.volume("bids", price=True), InvalidType),
        (lambda kept: kept.volume("bids", price="x"), InvalidValue),
        (lambda kept: kept.volume("bids", price="NaN"), InvalidValue),
        (lambda kept: kept.volume("bids", levels=0), InvalidValue),
        (lambda kept: kept.depth(0), InvalidValue),
        (lambda kept: kept.depth(True), InvalidValue),
        (lambda kept: kept.depth("3"), InvalidValue),
    ],
)
def test_what_cannot_be_asked_is_refused(acme: Acme, puppet: Puppet, read: Any, error: type[Exception]) -> None:
    with open_book(acme, puppet) as kept:
        kept.wait(30)
        with pytest.raises(error):
            read(kept)


READINGS: list[Any] = [
    lambda kept: kept.best_bid,
    lambda kept: kept.best_ask,
    lambda kept: kept.spread,
    lambda kept: kept.bids,
    lambda kept: kept.asks,
    lambda kept: kept.depth(1),
    lambda kept: kept.volume("asks"),
    lambda kept: kept.sequence,
    lambda kept: kept.updated_at_ms,
]


@pytest.mark.parametrize("read", READINGS)
def test_nothing_can_be_read_while_it_may_be_wrong(acme: Acme, puppet: Puppet, read: Any) -> None:
    kept = open_book(acme, puppet)
    with pytest.raises(BookInvalid, match=r"it is not open yet: use it in a `with` block"):
        read(kept)
    assert puppet.links == []
    puppet.wholes.clear()
    with kept:
        puppet.wait_for(1)
        with pytest.raises(BookInvalid, match=r"BTC\.book is not valid") as caught:
            read(kept)
        assert caught.value.reason == kept.reason
    with pytest.raises(BookInvalid, match="it was closed"):
        read(kept)


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_waiting_says_what_it_waited_for(acme: Acme, puppet: Puppet) -> None:
    puppet.wholes.clear()
    with open_book(acme, puppet) as kept:
        puppet.wait_for(1)
        with pytest.raises(
            TimeoutError, match=r"the book of BTC\.book did not become valid in time: it is not|the whole"
        ):
            kept.wait(0.05)


def test_a_gap_is_put_right_by_a_new_subscription(acme: Acme, puppet: Puppet) -> None:
    with open_book(acme, puppet) as kept:
        kept.wait(30)
        puppet.whole("BTC.book", {50: 1}, {51: 1}, 20)
        puppet.push("BTC.book", {99: 9}, {}, 9)
        puppet.wait_for(2)
        until(kept, lambda: kept.valid and kept.sequence == 20)
        assert kept.best_bid == Level(D(50), D(1))
        assert len(puppet.links) == 1


def test_a_lost_connection_is_put_right_by_a_new_one(acme: Acme, puppet: Puppet) -> None:
    with open_book(acme, puppet) as kept:
        kept.wait(30)
        puppet.whole("BTC.book", {50: 1}, {51: 1}, 2)
        puppet.cut()
        until(kept, lambda: kept.valid and kept.sequence == 2)
        assert len(puppet.links) == 2


def test_iterating_gives_the_changes_and_says_when_it_became_invalid(acme: Acme, puppet: Puppet) -> None:
    with open_book(acme, puppet) as kept:
        kept.wait(30)
        views = iter(kept)
        assert next(views).valid
        puppet.push("BTC.book", {97: 1}, {}, 8)
        assert next(views).sequence == 8
        puppet.wholes.clear()
        puppet.push("BTC.book", {100: 1}, {}, 11)
        view = next(views)
        # What comes faster than it is read is taken together.
        assert view.reason in ("a message is missing: 11 came after 8", "the whole book did not come yet")
        assert not view.valid
        threading.Timer(0.05, kept.close).start()
        assert [view.valid for view in views] in ([], [False], [False, False])


def test_one_markets_trouble_never_touches_another(acme: Acme, puppet: Puppet) -> None:
    streams = acme.streams.with_options(dialer=puppet)
    with streams.book("BTC") as bitcoin, streams.book("ETH") as ether:
        bitcoin.wait(30)
        view = ether.wait(30).view()
        puppet.wholes.pop("BTC.book")
        puppet.push("BTC.book", {97: 1}, {}, 99)
        until(bitcoin, lambda: not bitcoin.valid)
        assert ether.view() is view
        puppet.push("ETH.book", {9: 1}, {}, 4)
        until(ether, lambda: ether.sequence == 4)


def test_a_refused_subscription_is_raised_by_whoever_waits(acme: Acme, puppet: Puppet) -> None:
    puppet.refusal = {"error": -9, "message": "no"}
    with open_book(acme, puppet) as kept:
        for _ in range(2):
            with pytest.raises(SubscriptionRejected, match="no"):
                kept.wait(30)
        with pytest.raises(SubscriptionRejected):
            list(kept)
        with pytest.raises(BookInvalid, match="the stream has failed"):
            kept.bids  # noqa: B018 - reading is what raises


def test_a_book_is_compared_with_the_exchange(acme: Acme, puppet: Puppet) -> None:
    with acme.streams.with_options(dialer=puppet, check_every=0.01).book("BTC", of=CHECKED) as kept:
        kept.wait(30)
        assert acme.market.called.wait(30)
        assert acme.market.asked[0] == {"market": "BTC"}
        assert kept.valid  # the call failed, and that says nothing of the book
        puppet.deaf = True
        acme.market.answers = [book({100: 1, 99: 2, 98: 4}, {101: 1, 102: "0.5"}, 7)]
        until(kept, lambda: not kept.valid)
        assert kept.reason == ("it is not what the exchange says by REST: the bids differ: 3 at 98 here, 4 at 98 there")


# -- the end -----------------------------------------------------------------------------------------------------------


def test_closing_ends_waiting_and_can_be_done_twice(acme: Acme, puppet: Puppet) -> None:
    puppet.wholes.clear()
    kept = open_book(acme, puppet)
    threading.Timer(0.05, kept.close).start()
    with pytest.raises(StreamClosed, match=r"the book of BTC\.book was closed"):
        kept.wait(30)
    kept.close()
    with pytest.raises(StreamClosed):
        kept.wait(30)
    with pytest.raises(StreamClosed):
        next(iter(kept))


def test_a_book_that_was_never_opened_can_be_closed(acme: Acme, puppet: Puppet) -> None:
    kept = open_book(acme, puppet)
    kept.close()
    with pytest.raises(StreamClosed), kept:
        pass


def test_closing_the_client_ends_its_books(puppet: Puppet) -> None:
    client = Acme()
    kept = open_book(client, puppet)
    kept.wait(30)
    client.close()
    with pytest.raises(StreamClosed):
        kept.wait(30)
    assert not kept.valid
    with pytest.raises(ClientClosed):
        open_book(client, puppet).wait(30)


def test_a_forgotten_book_ends(acme: Acme, puppet: Puppet) -> None:
    open_book(acme, puppet).wait(30)
    gc.collect()
    for _ in range(3000):
        if not [thread for thread in threading.enumerate() if thread.name.startswith("specie")]:
            return
        time.sleep(0.01)
    raise AssertionError("its thread goes on")


def test_a_child_of_a_fork_does_not_read_what_nothing_keeps(
    acme: Acme, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_book(acme, puppet) as kept:
        kept.wait(30)
        with monkeypatch.context() as child:
            child.setattr("specie.runtime.streams.book_sink.os.getpid", lambda: -1)
            assert not kept.valid
            with pytest.raises(BookInvalid, match="made by another process"):
                kept.bids  # noqa: B018 - reading is what raises
            with pytest.raises(StreamClosed, match="made by another process"):
                kept.wait(30)
        assert kept.valid


def test_several_markets_are_several_books(acme: Acme, puppet: Puppet) -> None:
    with pytest.raises(InvalidType, match="a book is of one market"):
        open_book(acme, puppet, ["BTC", "ETH"])  # type: ignore[arg-type]


# -- asyncio -----------------------------------------------------------------------------------------------------------


def test_for_asyncio(puppet: Puppet) -> None:
    async def main() -> None:
        async with AsyncAcme() as client:
            streams = client.streams.with_options(dialer=puppet, first_pause=0.001)
            async with streams.book("BTC") as kept:
                assert await kept.wait(30) is kept
                assert kept.best_bid == Level(D(100), D(1))
                puppet.push("BTC.book", {100: 0}, {}, 8)
                async for view in kept:
                    if view.valid and view.sequence == 8:
                        break
                puppet.whole("BTC.book", {50: 1}, {51: 1}, 20)
                puppet.push("BTC.book", {}, {}, 10)
                async for view in kept:
                    if view.valid and view.sequence == 20:
                        break
                puppet.whole("BTC.book", {40: 1}, {51: 1}, 2)
                puppet.cut()
                async for view in kept:
                    if view.valid and view.sequence == 2:
                        break
                assert kept.best_bid == Level(D(40), D(1))
            with pytest.raises(StreamClosed):
                await kept.wait(30)
            assert not kept.valid
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_for_asyncio_waiting_is_bounded_and_cancelled(puppet: Puppet) -> None:
    async def main() -> None:
        puppet.wholes.clear()
        async with AsyncAcme() as client:
            kept = client.streams.with_options(dialer=puppet).book("BTC")
            with pytest.raises(TimeoutError, match="did not become valid in time"):
                await kept.wait(0.01)
            waiting = asyncio.create_task(kept.wait())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            later = asyncio.create_task(kept.wait())
            await asyncio.sleep(0)
            await kept.close()
            with pytest.raises(StreamClosed):
                await later
            await kept.close()

    asyncio.run(main())


def _checked(client: AsyncAcme, puppet: Puppet) -> AsyncLocalBook:
    return client.streams.with_options(dialer=puppet, check_every=0.01).book("BTC", of=CHECKED)


def test_for_asyncio_a_comparison_is_awaited(puppet: Puppet) -> None:
    async def main() -> None:
        async with AsyncAcme() as client, _checked(client, puppet) as kept:
            await kept.wait(30)
            puppet.deaf = True
            client.market.answers = [book({100: 1}, {101: 7}, 7)]
            async for view in kept:
                if not view.valid:
                    break
            assert "by REST: the asks differ" in kept.reason

    asyncio.run(main())


def test_for_asyncio_closing_the_client_ends_its_books(puppet: Puppet) -> None:
    async def main() -> None:
        client = AsyncAcme()
        kept = client.streams.with_options(dialer=puppet).book("BTC")
        await kept.wait(30)
        waiting = asyncio.create_task(_all(kept))
        await asyncio.sleep(0)
        await client.close()
        assert len(await waiting) >= 1
        with pytest.raises(StreamClosed):
            await kept.wait(30)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())


async def _all(kept: AsyncLocalBook) -> list[Any]:
    return [view async for view in kept]
