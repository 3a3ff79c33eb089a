"""Walks over pages: every item once, in one order, and always an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime import Id, InvalidResponse, Millis, Operation, Pages, Seconds, query
from specie.runtime.pages import Walk

DAY = 86_400_000
START = 1_600_000_000_000
OPERATION: Operation[Any] = Operation(
    name="g.list",
    method="GET",
    path="/",
    returns=None,
    parameters=(
        query("cursor", Id, required=False),
        query("offset", int, required=False),
        query("page", int, required=False),
        query("start", Millis, required=False),
        query("end", Millis, required=False),
        query("since", Seconds, required=False),
        query("until", Seconds, required=False),
        query("limit", int, required=False),
        query("symbol", str, required=False),
    ),
)


@dataclass(frozen=True)
class Item:
    id: str
    time: int = 0


def items(*numbers: int) -> list[Item]:
    return [Item(str(number)) for number in numbers]


class Exchange:
    """A list of items, served as an exchange would."""

    def __init__(self, found: list[Any]) -> None:
        self.items = found
        self.calls: list[dict[str, Any]] = []

    def walk(
        self, pages: Pages[Any], serve: Any, most: int = 200, now_ms: int = 1_700_000_000_000, **arguments: Any
    ) -> list[Any]:
        walk = Walk(pages, arguments, now_ms)
        found: list[Any] = []
        while (asked := walk.ask()) is not None:
            self.calls.append(asked)
            assert len(self.calls) < most, "this goes on for ever"
            found.extend(walk.take(serve(asked)))
        return found


def test_offsets() -> None:
    exchange = Exchange(items(*range(25)))
    found = exchange.walk(
        Pages(OPERATION, offset="offset", size="limit"),
        lambda asked: exchange.items[asked.get("offset", 0) :][: asked["limit"]],
        limit=10,
    )
    assert found == exchange.items
    assert [asked.get("offset", 0) for asked in exchange.calls] == [0, 10, 20, 25]


def test_offsets_where_the_exchange_gives_fewer_than_asked() -> None:
    exchange = Exchange(items(*range(25)))
    found = exchange.walk(
        Pages(OPERATION, offset="offset", size="limit"),
        lambda asked: exchange.items[asked.get("offset", 0) :][:7],
        limit=1000,
    )
    assert found == exchange.items


def test_offsets_begin_where_the_caller_says() -> None:
    exchange = Exchange(items(*range(25)))
    found = exchange.walk(
        Pages(OPERATION, offset="offset"), lambda asked: exchange.items[asked["offset"] :][:10], offset=20
    )
    assert found == exchange.items[20:]


def test_offsets_over_a_list_that_grows_at_its_head() -> None:
    exchange = Exchange(items(*range(30, 0, -1)))

    def serve(asked: dict[str, Any]) -> list[Item]:
        page = exchange.items[asked.get("offset", 0) :][:10]
        exchange.items.insert(0, Item(f"new{len(exchange.items)}"))
        return page

    found = exchange.walk(Pages(OPERATION, offset="offset", unique=("id",)), serve)
    assert found == items(*range(30, 0, -1))


def test_page_numbers() -> None:
    exchange = Exchange(items(*range(25)))
    found = exchange.walk(
        Pages(OPERATION, page="page", size="limit"),
        lambda asked: exchange.items[(asked.get("page", 1) - 1) * 10 :][:10],
    )
    assert found == exchange.items
    assert [asked.get("page", 1) for asked in exchange.calls] == [1, 2, 3, 4]


@given(st.integers(0, 40), st.integers(2, 12))
def test_inclusive_cursors_repeat_nothing(count: int, size: int) -> None:
    exchange = Exchange(items(*range(count, 0, -1)))

    def serve(asked: dict[str, Any]) -> list[Item]:
        bound = int(asked.get("cursor", 10**9))
        return [item for item in exchange.items if int(item.id) <= bound][:size]

    assert exchange.walk(Pages(OPERATION, cursor="cursor", start="last.id"), serve) == exchange.items


def test_a_cursor_whose_items_share_it() -> None:
    trades = [Item("3", 1), Item("2", 1), Item("2", 2), Item("1", 1)]

    def serve(asked: dict[str, Any]) -> list[Item]:
        bound = int(asked.get("cursor", 9))
        return [item for item in trades if int(item.id) <= bound][:2]

    exchange = Exchange(trades)
    # With two of one id at the end of a page of two, an inclusive cursor cannot get past them: the walk ends, and does not hang.
    found = exchange.walk(Pages(OPERATION, cursor="cursor", start="last.id", unique=("id", "time")), serve)
    assert found[:3] == trades[:3]
    assert len(found) == len(set(found))


def test_walking_back_through_pages_sorted_forward_turns_them_round() -> None:
    exchange = Exchange(items(*range(1, 31)))

    def serve(asked: dict[str, Any]) -> list[Item]:
        bound = int(asked.get("cursor", 10**9))
        return [item for item in exchange.items if int(item.id) < bound][-10:]

    found = exchange.walk(Pages(OPERATION, cursor="cursor", start="first.id", order="ascending"), serve)
    assert found == exchange.items[::-1]


@pytest.mark.parametrize("serve", [lambda _: items(1, 2, 3), lambda _: [], lambda _: items(1)])
def test_an_exchange_that_ignores_its_cursor_does_not_hang_a_walk(serve: Any) -> None:
    for pages in (
        Pages(OPERATION, cursor="cursor", start="last.id"),
        Pages(OPERATION, offset="offset", unique=("id",)),
        Pages(OPERATION, page="page", unique=("id",)),
    ):
        exchange = Exchange([])
        assert exchange.walk(pages, serve) == serve({})
        assert len(exchange.calls) <= 3


def test_an_exchange_that_goes_in_circles_does_not_hang_a_walk() -> None:
    rounds = [items(4, 3), items(2, 1)]
    exchange = Exchange([])
    found = exchange.walk(
        Pages(OPERATION, cursor="cursor", start="last.id"), lambda asked: rounds[len(exchange.calls) % 2]
    )
    assert len(found) == 4


def test_equal_items_of_one_page_are_two_where_nothing_identifies_them() -> None:
    exchange = Exchange([])
    twins = [Item("a"), Item("a"), Item("b")]
    assert (
        exchange.walk(Pages(OPERATION, offset="offset"), lambda asked: twins if "offset" not in asked else []) == twins
    )
    assert (
        len(
            Exchange([]).walk(
                Pages(OPERATION, offset="offset", unique=("id",)), lambda asked: twins if "offset" not in asked else []
            )
        )
        == 2
    )


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_windows_of_time(order: str) -> None:
    rows = [Item(str(day), 1_600_000_000_000 + day * DAY) for day in range(400)]
    exchange = Exchange(rows)

    def serve(asked: dict[str, Any]) -> list[Item]:
        assert asked["end"] - asked["start"] <= 90 * DAY
        page = [item for item in rows if asked["start"] <= item.time <= asked["end"]]
        return page if order == "ascending" else page[::-1]

    pages: Pages[Any] = Pages(OPERATION, window=("start", "end"), span="90d", unique=("id",), order=order)
    found = exchange.walk(pages, serve, start=rows[10].time, end=rows[390].time)
    assert found == (rows[10:391] if order == "ascending" else rows[10:391][::-1])
    assert len(exchange.calls) == 5


def test_windows_take_datetimes_and_end_now() -> None:
    exchange = Exchange([])
    start = datetime(2023, 11, 1, tzinfo=UTC)
    exchange.walk(Pages(OPERATION, window=("since", "until"), span="7d", order="ascending"), lambda _: [], since=start)
    assert exchange.calls[0] == {"since": 1_698_796_800, "until": 1_698_796_800 + 7 * 86_400}
    assert exchange.calls[-1]["until"] == 1_700_000_000
    assert len(exchange.calls) == 2
    exchange.calls.clear()
    exchange.walk(
        Pages(OPERATION, window=("since", "until"), span="7d"),
        lambda _: [],
        since=start,
        until=start + timedelta(days=1),
    )
    assert len(exchange.calls) == 1


def test_an_empty_window_does_not_end_the_walk() -> None:
    late = Item("1", START + 90 * DAY + 5)
    exchange = Exchange([late])
    found = exchange.walk(
        Pages(OPERATION, window=("start", "end"), span="30d", order="ascending"),
        lambda asked: [late] if asked["start"] <= late.time <= asked["end"] else [],
        start=START,
        end=START + 100 * DAY,
    )
    assert found == [late]


def test_without_a_beginning_the_exchange_chooses_the_window() -> None:
    exchange = Exchange([])
    assert exchange.walk(
        Pages(OPERATION, window=("start", "end"), span="30d"), lambda asked: items(1), symbol="x"
    ) == items(1)
    assert exchange.calls == [{"symbol": "x"}]


@given(st.integers(1, 60), st.integers(2, 7), st.booleans())
def test_a_cursor_inside_windows(count: int, size: int, inclusive: bool) -> None:
    rows = [Item(str(number), START + number * DAY) for number in range(count, 0, -1)]
    exchange = Exchange(rows)

    def serve(asked: dict[str, Any]) -> list[Item]:
        bound = int(asked.get("cursor", 10**9)) + inclusive
        return [item for item in rows if asked["start"] <= item.time <= asked["end"] and int(item.id) < bound][:size]

    pages: Pages[Any] = Pages(OPERATION, window=("start", "end"), span="10d", cursor="cursor", start="last.id")
    assert exchange.walk(pages, serve, start=START, end=START + 61 * DAY) == rows


def test_where_the_list_lies() -> None:
    @dataclass
    class Wrapped:
        rows: Any

    exchange = Exchange([])
    pages: Pages[Any] = Pages(OPERATION, items="rows")
    assert exchange.walk(pages, lambda _: Wrapped(items(1))) == items(1)
    assert exchange.walk(pages, lambda _: Wrapped(None)) == []
    assert exchange.walk(Pages(OPERATION), lambda _: {"a": Item("1")}) == items(1)
    with pytest.raises(InvalidResponse):
        exchange.walk(Pages(OPERATION), lambda _: 5)


def test_items_that_cannot_be_hashed() -> None:
    exchange = Exchange([])
    page = [{"a": [1]}, {"a": [2]}]
    assert exchange.walk(Pages(OPERATION, offset="offset"), lambda _: page) == page
    assert len(exchange.calls) == 3


def test_a_list_that_grows_at_its_head_by_a_page_is_walked_to_its_end() -> None:
    exchange = Exchange(items(*range(25, 0, -1)))

    def serve(asked: Any) -> Any:
        if len(exchange.calls) == 1:
            exchange.items = items(*range(35, 0, -1))
        first = int(asked.get("offset", 0))
        return exchange.items[first : first + 10]

    found = exchange.walk(Pages(OPERATION, offset="offset", unique=("id",)), serve)
    assert [int(item.id) for item in found if int(item.id) <= 25] == list(range(25, 0, -1))


@pytest.mark.parametrize("last", [None, "5"], ids=["no cursor in the item", "the same cursor again"])
def test_a_full_page_without_a_way_on_is_an_error(last: str | None) -> None:
    page = [Item("6"), Item(last)]  # type: ignore[arg-type]
    pages = Pages(OPERATION, cursor="cursor", start="last.id", size="limit")
    with pytest.raises(InvalidResponse, match="the pages cannot go on"):
        Exchange([]).walk(pages, lambda _: page, limit=2)
