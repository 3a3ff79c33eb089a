"""What holds of a whole client with streams, whatever comes in whatever order: transcripts that hypothesis writes, played
to generated clients in virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.following import BODIES, PATIENCE_S, body_of, nothing_left

from specie.bibox import AsyncBibox, Bibox
from specie.runtime import StreamClosed
from specie.runtime.streams.replay import Replay

pytest.importorskip("websockets")

PAIR = "BTC_USDT"
BOOK, TRADES = f"{PAIR}.order_book.20", f"{PAIR}.trades"
CREDENTIALS = {"api_key": "key", "api_secret": "secret"}
each_body = pytest.mark.parametrize("body", BODIES)

Step = dict[str, Any]


def subscribed(number: int, *channels: str, method: str = "SUBSCRIBE") -> list[Step]:
    return [
        {"sent": {"id": number, "method": method, "params": list(channels)}},
        {"received": {"id": number, "result": None}},
    ]


def trade(number: int, pair: str = PAIR) -> Step:
    row = {"i": str(number), "p": "46000.1", "q": "0.1", "s": "buy", "t": 1_700_000_000_000 + number}
    return {"received": {"stream": f"{pair}.trades", "data": [row]}}


def client_of(body: str) -> Any:
    return (Bibox if body == "blocking" else AsyncBibox)(**CREDENTIALS)


def run(body: str, use: Callable[[Any], Any], use_async: Callable[[Any], Any]) -> Any:
    """What comes of using a client of one kind or the other; it is closed afterwards."""
    if body == "blocking":
        with client_of(body) as client:
            return use(client)

    async def main() -> Any:
        async with client_of(body) as client:
            return await use_async(client)

    return asyncio.run(main())


# -- the book ----------------------------------------------------------------------------------------------------------


class Server:
    """An exchange with a book that changes, and what it sends of it."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[int, int]] = {"b": {90: 1}, "a": {110: 1}}
        self.number = 1

    def change(self, side: str, price: int, amount: int) -> Step:
        self.sides[side][price] = amount
        if amount == 0:
            del self.sides[side][price]
        self.number += 1
        return self.message({side: {price: amount}})

    def message(self, sides: dict[str, dict[int, int]]) -> Step:
        rows = {name: [[str(price), str(amount)] for price, amount in sides.get(name, {}).items()] for name in "ba"}
        return {"received": {"stream": BOOK, "data": {"i": str(self.number), "t": self.number, **rows}}}

    def levels(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        bids, asks = (
            [(Decimal(price), Decimal(amount)) for price, amount in self.sides[name].items()] for name in "ba"
        )
        return sorted(bids, reverse=True), sorted(asks)


CHANGES = st.one_of(
    st.tuples(st.just("b"), st.integers(80, 95), st.integers(0, 3)),
    st.tuples(st.just("a"), st.integers(105, 120), st.integers(0, 3)),
)
HAPPENINGS = st.lists(st.tuples(st.sampled_from(["told", "twice", "drop", "garbage"]), CHANGES), max_size=20)


def written(happenings: list[tuple[str, tuple[str, int, int]]]) -> tuple[list[list[Step]], Server]:
    """A transcript in which all that happens, and the server as it is in the end."""
    server = Server()
    connections: list[list[Step]] = [[*subscribed(1, BOOK), server.message(server.sides)]]
    number, healed = 1, False
    for what, (side, price, amount) in happenings:
        change = server.change(side, price, amount) if price in server.sides[side] or amount else None
        if what == "garbage" and not healed:
            # What it was nobody can tell: the channel begins anew, over the same connection. A second time the client
            # would wait before it asks, and a transcript in which it is asked waits for it without time going by.
            connections[-1].append({"received": f'{{"stream":"{BOOK}","data":{{"i":'})
            connections[-1] += subscribed(number + 1, BOOK, method="UNSUBSCRIBE")
            connections[-1] += [*subscribed(number + 2, BOOK), server.message(server.sides)]
            number, healed = number + 2, True
        elif what in ("drop", "garbage"):
            # What changed meanwhile is in the next whole book.
            number += 1
            connections[-1].append({"drop": "cut"})
            connections.append([*subscribed(number, BOOK), server.message(server.sides)])
        elif change is not None:
            connections[-1] += [change] * (2 if what == "twice" else 1)
    return connections, server


@each_body
@given(happenings=HAPPENINGS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_book_ends_as_the_exchanges_or_says_that_it_is_wrong(body: str, happenings: Any) -> None:
    connections, server = written(happenings)
    replay = Replay(connections)

    def same(view: Any) -> bool:
        if not view.valid or view.sequence != server.number:
            return False
        assert ([(one.price, one.amount) for one in view.bids], [(one.price, one.amount) for one in view.asks]) == (
            server.levels()
        )
        return True

    def use(client: Any) -> bool:
        with client.streams.with_options(dialer=replay).book(PAIR, depth=20) as book:
            return any(same(view) for view in book)

    async def use_async(client: Any) -> bool:
        async with client.streams.with_options(dialer=replay).book(PAIR, depth=20) as book:
            async for view in book:
                if same(view):
                    return True
        return False

    assert run(body, use, use_async)
    assert replay.complaints == []


# -- messages ----------------------------------------------------------------------------------------------------------


@each_body
def test_ten_thousand_messages_arrive_in_order_and_once(body: str) -> None:
    count = 10_000
    half = [trade(number) for number in range(count // 2)]
    rest = [trade(number) for number in range(count // 2, count)]
    replay = Replay(
        [[*subscribed(1, TRADES), *half, {"drop": "cut"}], [*subscribed(2, TRADES), *rest]],
    )

    def use(client: Any) -> list[int]:
        with client.streams.with_options(dialer=replay, queue=count).trades(PAIR) as stream:
            return [int(row.id) for _ in range(count) for row in stream.get(PATIENCE_S)]

    async def use_async(client: Any) -> list[int]:
        async with client.streams.with_options(dialer=replay, queue=count).trades(PAIR) as stream:
            return [int(row.id) for _ in range(count) for row in await stream.get(PATIENCE_S)]

    assert run(body, use, use_async) == list(range(count))
    assert replay.unplayed == []


@each_body
@given(steps=st.lists(st.tuples(st.booleans(), st.sampled_from(["AAA_USDT", "BBB_USDT", "CCC_USDT"])), max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_channels_come_and_go_while_it_runs(body: str, steps: list[tuple[bool, str]]) -> None:
    wanted, script, number = {PAIR}, [*subscribed(1, TRADES), trade(0)], 1
    acts: list[tuple[str, str]] = []
    for adds, pair in steps:
        if adds is (pair in wanted):
            continue  # it is there already, or was not there
        number += 1
        (wanted.add if adds else wanted.discard)(pair)
        script += subscribed(number, f"{pair}.trades", method="SUBSCRIBE" if adds else "UNSUBSCRIBE")
        script.append(trade(number))
        acts.append(("add" if adds else "drop", pair))
    script += [trade(1_000 + index, pair) for index, pair in enumerate(sorted(wanted))]
    replay = Replay([script])
    count = 1 + len(acts) + len(wanted)

    def use(client: Any) -> list[str]:
        with client.streams.with_options(dialer=replay).trades(PAIR) as stream:
            came = [(stream.get(PATIENCE_S), stream.channel)]
            for act, pair in acts:
                getattr(stream, act)(pair)
                came.append((stream.get(PATIENCE_S), stream.channel))
            came += [(stream.get(PATIENCE_S), stream.channel) for _ in wanted]
            assert set(stream.channels) == {f"{pair}.trades" for pair in wanted}
            return [channel for _, channel in came]

    async def use_async(client: Any) -> list[str]:
        async with client.streams.with_options(dialer=replay).trades(PAIR) as stream:
            came = [(await stream.get(PATIENCE_S), stream.channel)]
            for act, pair in acts:
                await getattr(stream, act)(pair)
                came.append((await stream.get(PATIENCE_S), stream.channel))
            for _ in wanted:
                came.append((await stream.get(PATIENCE_S), stream.channel))
            assert set(stream.channels) == {f"{pair}.trades" for pair in wanted}
            return [channel for _, channel in came]

    channels = run(body, use, use_async)
    assert len(channels) == count
    assert channels[-len(wanted) :] == [f"{pair}.trades" for pair in sorted(wanted)]
    assert replay.complaints == []


# -- the end -----------------------------------------------------------------------------------------------------------

MOMENTS = [
    [{"unreachable": "nobody"}],
    [{"refuse": {"status": 503, "body": ""}}],
    [*subscribed(1, TRADES)[:1]],
    [*subscribed(1, TRADES)],
    [*subscribed(1, TRADES), trade(1)],
    [*subscribed(1, TRADES), trade(1), {"pause": 40.0}, {"drop": "cut"}],
]


@each_body
@pytest.mark.parametrize("moment", range(len(MOMENTS)))
@pytest.mark.parametrize("what", ["stream", "client"])
@pytest.mark.parametrize("turns", [0, 1, 3, 30])
def test_closing_at_any_moment_ends_everything(body: str, moment: int, what: str, turns: int) -> None:
    with nothing_left(), body_of(body) as follower:
        client = follower.made(lambda: client_of(body))
        options = {"dialer": Replay([MOMENTS[moment]]), "first_pause": 1.0}
        stream = follower.made(lambda: client.streams.with_options(**options).trades(PAIR))
        followed = follower.follow(stream)
        for _ in range(turns):
            follower.do(lambda: None)
        follower.do(stream.close if what == "stream" else client.close)
        follower.do(client.close)
        follower.finish()
        assert followed.over
        assert followed.error is None or isinstance(followed.error, StreamClosed), followed.error
