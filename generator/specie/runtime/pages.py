"""The walk over the pages of a list, without a call in it: it says which arguments to call with, and takes what came.

It ends where there is nothing more, never for want of a way on: a full page after which the cursor cannot move is an
error, since items would be lost in silence. What pages overlap in is given once. Items come in one order throughout: a
walk that goes back through pages sorted forward turns each page round.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any, cast

from .basics import is_array, is_mapping
from .errors import InvalidResponse
from .operation import Pages
from .plan import plan_for
from .rules import in_unit, parse_span

__all__ = ["Walk"]


class Walk:
    """One walk. `ask()` gives the arguments of the next call, or None at the end; `take()` gives the new items of its
    result.

    Args:
        pages: How the list goes on.
        arguments: What the caller gave.
        now_ms: The clock, milliseconds since 1970: where a window without an end ends.
    """

    def __init__(self, pages: Pages[Any], arguments: Mapping[str, Any], now_ms: int) -> None:
        self._pages = pages
        self._arguments = {name: value for name, value in arguments.items() if value is not None}
        self._seen: set[Hashable] = set()
        self._done = False
        self._stale = 0
        start = pages.start or ""
        self._backwards, self._cursor_field = start.startswith("first"), start.partition(".")[2]
        unique = pages.unique or ((self._cursor_field,) if self._cursor_field else ())
        self._identity = _identity(unique)
        self._windows = self._make_windows(now_ms)
        self._changed: dict[str, Any] = {}
        self._next_window()
        if pages.offset is not None:
            self._position = int(self._arguments.get(pages.offset, 0))
        elif pages.page is not None:
            self._position = int(self._arguments.get(pages.page, 1))
        else:
            self._position = 0

    def ask(self) -> dict[str, Any] | None:
        """The arguments of the next call, or None at the end."""
        return None if self._done else {**self._arguments, **self._changed}

    def take(self, result: Any) -> list[Any]:
        """The items of a result that did not come before.

        Raises:
            InvalidResponse: There is no list where the spec says that it lies, or there is more and no way to it.
        """
        items = self._items(result)
        new: list[Any] = []
        fresh: set[Hashable] = set()
        for item in items:
            key = self._identity(item)
            # Without fields that identify an item, two equal ones of one page are two: trades without an id look alike.
            if key in self._seen or (self._pages.unique and key in fresh):
                continue
            fresh.add(key)
            new.append(item)
        self._seen |= fresh
        self._advance(items, bool(new))
        if self._backwards:
            new.reverse()
        return new

    def _advance(self, items: list[Any], news: bool) -> None:
        pages = self._pages
        # One page of known items only may be a list that has grown at its head, or two pages that overlap in full; two
        # of them one after the other come from a server that ignores where it was asked to begin, or goes in circles.
        self._stale = 0 if news else self._stale + 1
        if items and self._stale < 2:
            if pages.cursor is not None:
                if self._moved(pages.cursor, items):
                    return
            elif pages.offset is not None or pages.page is not None:
                self._position += len(items) if pages.offset is not None else 1
                self._changed[cast(str, pages.offset or pages.page)] = self._position
                return
        self._next_window()

    def _moved(self, parameter: str, items: list[Any]) -> bool:
        """Whether the cursor can go on from a page.

        Raises:
            InvalidResponse: It cannot, and the page was full, so that there is more.
        """
        size = self._arguments.get(self._pages.size or "")
        full = isinstance(size, int) and len(items) >= size
        item = items[0] if self._backwards else items[-1]
        cursor = getattr(item, self._cursor_field)
        if cursor is not None and cursor != self._changed.get(parameter):
            self._changed[parameter] = cursor
            return True
        if full:
            name, size_name = self._pages.operation.name, self._pages.size
            why = f"has no {self._cursor_field}" if cursor is None else f"is the one that {parameter} named already"
            raise InvalidResponse(
                f"{name}: the pages cannot go on: the {'first' if self._backwards else 'last'} item of a full page "
                f"{why}; "
                f"with a larger {size_name} than {size} they may",
                operation=name,
                expected=f"an item with another {self._cursor_field}",
            )
        return False

    def _next_window(self) -> None:
        """Go on to the next window of time, with the paging inside it from its beginning."""
        pages = self._pages
        window = next(self._windows, None)
        if window is None:
            self._done = True
            return
        self._stale = 0
        for name in (pages.cursor, pages.offset, pages.page):
            if name is not None:
                self._changed.pop(name, None)
        if pages.offset is not None or pages.page is not None:
            self._position = int(self._arguments.get(cast(str, pages.offset or pages.page), 0 if pages.offset else 1))
        self._changed.update(window)

    def _make_windows(self, now_ms: int) -> Iterator[dict[str, Any]]:
        pages = self._pages
        unbounded: dict[str, Any] = {}
        if pages.window is None or pages.span is None or self._arguments.get(pages.window[0]) is None:
            return iter([unbounded])  # without a beginning there is nothing to cut: the exchange chooses the window
        first, last = pages.window
        codecs = plan_for(pages.operation).codecs
        unit = codecs[first].unit
        start: Any = codecs[first].converter.accept(self._arguments[first])
        given_end = self._arguments.get(last)
        end: Any = codecs[last].now(now_ms) if given_end is None else codecs[last].converter.accept(given_end)
        if unit == "iso":
            return iter([unbounded])
        number, word = parse_span(pages.span)
        span: Any = in_unit(number, word, unit)
        span = span if isinstance(start, Decimal) else int(span)
        ascending = (pages.order == "ascending") != self._backwards
        return _windows(first, last, start, end, span, ascending)

    def _items(self, result: Any) -> list[Any]:
        pages = self._pages
        found = attrgetter(pages.items)(result) if pages.items else result
        if found is None:
            return []
        if is_mapping(found):
            found = list(found.values())
        if not is_array(found):
            raise InvalidResponse(
                f"{pages.operation.name}: there is no list to page through",
                operation=pages.operation.name,
                expected="an array",
            )
        return found


def _windows(first: str, last: str, start: Any, end: Any, span: Any, ascending: bool) -> Iterator[dict[str, Any]]:
    if start >= end:
        yield {first: start, last: end}
        return
    if ascending:
        low = start
        while low < end:
            high = min(low + span, end)
            yield {first: low, last: high}
            low = high
    else:
        high = end
        while high > start:
            low = max(high - span, start)
            yield {first: low, last: high}
            high = low


def _identity(unique: Iterable[str]) -> Callable[[Any], Hashable]:
    names = tuple(unique)
    if names:
        get = attrgetter(*names)
        return cast("Callable[[Any], Hashable]", get)
    return _whole


def _whole(item: Any) -> Hashable:
    try:
        hash(item)
    except TypeError:
        return repr(item)
    return cast(Hashable, item)
