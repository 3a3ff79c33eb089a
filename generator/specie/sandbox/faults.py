"""What goes wrong on purpose: the words for it, and which requests it befalls.

A fault is written in one line, in Python, on the command line and to `/control/faults` alike:

    WORD[:VALUE] [xN | always] [on EXCHANGE | on GROUP.OPERATION | on EXCHANGE.GROUP.OPERATION]

such as `accept-then-timeout`, `status:429:2s x3 on orders.create` or `clock:+600s`. It befalls the next request that it
fits, or the next N of them, or `always` all of them. A request suffers one fault, that which was set first; a clock
that is wrong comes on top, and stays so until it is cleared.

Streams have words of their own, such as `drop on streams.order_book` or `handshake:503 x2 on bitopro`: some befall the
next handshake, the others the next message that a stream has for some client. Answers to what a client said on a
connection are spared.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from specie.compiler.diagnostics import suggest

Ending: TypeAlias = Literal[
    "reply", "reset", "silence", "truncated", "truncated-chunks", "late", "slow-headers", "slow-body"
]
Place: TypeAlias = Literal["request", "handshake", "message"]
"""What a fault befalls."""


class UnknownFault(ValueError):
    """What is written is not a fault; the message says what would be."""


@attrs.frozen
class Word:
    """One word of the vocabulary."""

    doc: str
    value: Literal["", "span", "status", "shift", "field", "count", "answer"] = ""
    """What stands after the colon."""
    optional: bool = False
    """Whether the value may be left out."""
    acts: bool = True
    """Whether the exchange does what it was asked before it goes wrong."""
    ending: Ending = "reply"
    place: Place = "request"


WORDS: Mapping[str, Word] = {
    "refuse": Word("No connection is taken for so long, 1s unless said, by any exchange of the sandbox.", "span", True),
    "reset": Word("The connection is reset before the request is read.", acts=False, ending="reset"),
    "read-then-reset": Word("The request is read and not done; then a reset.", acts=False, ending="reset"),
    "accept-then-reset": Word("The request is done; then a reset.", ending="reset"),
    "timeout": Word("The request is read and not done, and no answer ever comes.", acts=False, ending="silence"),
    "accept-then-timeout": Word("The request is done, and no answer ever comes.", ending="silence"),
    "status": Word("Nothing is done, and this HTTP status is answered.", "status", acts=False),
    "accept-then-status": Word("The request is done, and this HTTP status is answered.", "status"),
    "late": Word("Silence for so long, and then the answer.", "span", ending="late"),
    "slow-headers": Word("The headers of the answer come bit by bit, for so long.", "span", ending="slow-headers"),
    "slow-body": Word("The body of the answer comes bit by bit, for so long.", "span", ending="slow-body"),
    "truncated": Word("The connection ends in the middle of the body.", ending="truncated"),
    "truncated-chunks": Word("The connection ends in the middle of a chunk.", ending="truncated-chunks"),
    "garbage": Word("The body is a few bytes that mean nothing."),
    "page": Word("The body is an HTML page, as something that stands before an exchange would say."),
    "empty": Word("The body is empty."),
    "clock": Word("The clock of the exchange is ahead, or behind (clock:-600s), until that is cleared.", "shift"),
    "duplicated": Word("The first item of each list stands in it twice."),
    "reordered": Word("The items of each list stand in the opposite order."),
    "unknown-fields": Word("Each object has a field more, of which no document knows."),
    "unknown-enums": Word("Each value of an enum is one of which no document knows."),
    "null": Word("null in place of the first required value, or of all of one name (null:price).", "field", True),
    "transfer-refused": Word("What is withdrawn, or done with a voucher, is taken on, and refused in the end."),
    "handshake": Word("A stream is refused with this HTTP status; 200 stands for 101.", "answer", place="handshake"),
    "half-open": Word("A stream is accepted and then silent; only pings are answered.", place="handshake"),
    "drop": Word("The connection is cut in the place of a message.", place="message"),
    "message-lost": Word("A message does not come.", place="message"),
    "message-twice": Word("A message comes twice.", place="message"),
    "messages-swapped": Word("A message comes after the one behind it.", place="message"),
    "message-garbage": Word("Half of a message comes, which is no JSON.", place="message"),
    "message-unknown": Word("Before a message comes one of which no document knows.", place="message"),
    "message-late": Word("A message, and all behind it, comes so much later.", "span", place="message"),
    "flood": Word("A message comes a thousand times, or so many.", "count", True, place="message"),
}

_LINE = re.compile(
    r"(?P<word>[a-z-]+)(?::(?P<value>\S+))?(?:\s+(?:x(?P<times>[1-9][0-9]*)|(?P<always>always)))?(?:\s+on\s+(?P<on>\S+))?"
)
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|min|h)")
_UNITS_MS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
_EXAMPLES = {"span": "2s", "status": "502", "shift": "+600s", "answer": "503"}
_MOST = 1_000_000
"""How often a message may come in a flood."""
_LONGEST_MS = 10 * 366 * 24 * 3_600_000


@attrs.frozen
class Fault:
    """A fault that was set: what happens, how often, and to what."""

    word: str
    value: str = ""
    times: int | None = 1
    """How many more requests it befalls; None for all until it is cleared."""
    exchange: str = ""
    """The only one that it befalls, if one is named."""
    operation: str = ""
    """`group.name` of the only operation that it befalls, if one is named."""
    span_ms: int = 0
    status: int = 0
    retry_after_ms: int | None = None
    retry_date: bool = False
    count: int = 0

    @property
    def place(self) -> Place:
        return WORDS[self.word].place

    @property
    def acts(self) -> bool:
        return WORDS[self.word].acts

    @property
    def ending(self) -> Ending:
        return WORDS[self.word].ending

    def befalls(self, exchange: str, operation: str) -> bool:
        return self.exchange in ("", exchange) and self.operation in ("", operation)

    @property
    def what(self) -> str:
        """Word and value, as they are written."""
        return f"{self.word}:{self.value}" if self.value else self.word

    def __str__(self) -> str:
        usual = None if self.word == "clock" else 1
        times = "" if self.times == usual else " always" if self.times is None else f" x{self.times}"
        where = ".".join(part for part in (self.exchange, self.operation) if part)
        return f"{self.what}{times}{f' on {where}' if where else ''}"


def parse_fault(line: str) -> Fault:
    """A fault from its line; or `UnknownFault`. What stands after `on` is not looked up."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise UnknownFault(f"'{line}' is not a fault: it is written WORD[:VALUE] [xN | always] [on GROUP.OPERATION]")
    name, value = match["word"], match["value"] or ""
    word = WORDS.get(name)
    if word is None:
        hint = suggest(name, WORDS) or f"; known are {', '.join(WORDS)}"
        raise UnknownFault(f"there is no fault '{name}'{hint}")
    if not word.value and value:
        raise UnknownFault(f"'{name}' takes no value, and '{value}' stands behind it")
    if word.value and not value and not word.optional:
        raise UnknownFault(f"'{name}' needs a value, such as {name}:{_EXAMPLES[word.value]}")
    counted = match["times"] is not None or match["always"] is not None
    if name == "refuse" and (counted or match["on"]):
        raise UnknownFault("nobody sees a connection that is refused: say for how long, refuse:2s, and nothing else")
    times = int(match["times"]) if match["times"] else None if match["always"] or name == "clock" else 1
    exchange, operation = _target(match["on"]) if match["on"] else ("", "")
    fault = Fault(name, value, times, exchange, operation)
    return _with_value(fault, word.value)


def _with_value(fault: Fault, kind: str) -> Fault:
    value = fault.value
    if kind == "span":
        return attrs.evolve(fault, span_ms=_span(value, fault.word) if value else 1000)
    if kind == "shift":
        if value[0] not in "+-":
            raise UnknownFault(f"'{fault.what}': a clock is ahead, clock:+{value}, or behind, clock:-{value}")
        return attrs.evolve(fault, span_ms=_span(value[1:], fault.word) * (-1 if value[0] == "-" else 1))
    if kind == "status":
        status, _, after = value.partition(":")
        if not re.fullmatch("[2-5][0-9][0-9]", status):
            raise UnknownFault(f"'{status}' is not an HTTP status, such as {fault.word}:502")
        date = after.startswith("date+")
        wait = _span(after.removeprefix("date+"), fault.word) if after else None
        if wait is not None and wait % 1000:
            raise UnknownFault(f"'{fault.what}': a Retry-After is in whole seconds")
        return attrs.evolve(fault, status=int(status), retry_after_ms=wait, retry_date=date)
    if kind == "answer":
        if not re.fullmatch("[2-5][0-9][0-9]", value):
            raise UnknownFault(f"'{value}' is not an HTTP status, such as {fault.word}:503")
        return attrs.evolve(fault, status=int(value))
    if kind == "count":
        if value and (not re.fullmatch("[1-9][0-9]{0,6}", value) or int(value) > _MOST):
            raise UnknownFault(f"'{value}' of '{fault.word}' is not a number from 1 to {_MOST}")
        return attrs.evolve(fault, count=int(value or 1000))
    return fault


def _target(text: str) -> tuple[str, str]:
    parts = text.split(".")
    if len(parts) > 3 or not all(parts):
        raise UnknownFault(f"'{text}' is not EXCHANGE, GROUP.OPERATION or EXCHANGE.GROUP.OPERATION")
    return "" if len(parts) == 2 else parts[0], "" if len(parts) == 1 else ".".join(parts[-2:])


def _span(text: str, word: str) -> int:
    """Milliseconds of a span of time."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise UnknownFault(f"'{text}' of '{word}' is not a span of time, such as 500ms, 2s or 10min")
    span = round(float(match[1]) * _UNITS_MS[match[2]])
    if span > _LONGEST_MS:
        raise UnknownFault(f"'{text}' of '{word}' is longer than ten years")
    return span


def vocabulary() -> str:
    """All words, for a person."""
    values = {
        "span": "SPAN",
        "status": "CODE[:RETRY]",
        "shift": "+SPAN",
        "field": "FIELD",
        "count": "N",
        "answer": "CODE",
    }
    shown = {
        name: name + (f"[:{values[word.value]}]" if word.optional else f":{values[word.value]}" if word.value else "")
        for name, word in WORDS.items()
    }
    width = max(map(len, shown.values()))
    lines = [f"  {shown[name]:<{width}}  {word.doc}" for name, word in WORDS.items()]
    return "\n".join([*lines, "", *_NOTES])


_NOTES = (
    "A SPAN is 500ms, 2s, 10min or 1h. RETRY is the Retry-After: 2s, or as a date, date+2s. A CODE up to 501 is",
    "answered in the words of the exchange, a higher one with the HTML page of a gateway. Behind the word may stand",
    "x3, for the next three requests, or always; and then on EXCHANGE, on GROUP.OPERATION or on both. Of a stream, the",
    "operation is streams.NAME.",
)


class Faults:
    """The faults that are set. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._set.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    @property
    def pending(self) -> Sequence[Fault]:
        """Those that are still to come, with the count that is left."""
        with self._lock:
            return tuple(self._set)

    def take_unread(self, exchange: str) -> Fault | None:
        """The fault of a request of which nothing is known but its exchange: a `reset` for any operation."""
        with self._lock:
            first = next((one for one in self._events("request") if one.exchange in ("", exchange)), None)
            if first is None or first.word != "reset" or first.operation:
                return None
            return self._taken(first)

    def take(self, exchange: str, operation: str, place: Place = "request") -> Fault | None:
        """The fault that befalls a request, a handshake for an operation, or a message of it; counted off."""
        return self.take_any(exchange, (operation,), place)

    def take_any(self, exchange: str, operations: Sequence[str], place: Place) -> Fault | None:
        """The fault that befalls what may be for any of several operations; counted off."""
        if not self._set:
            return None
        with self._lock:
            fitting = (one for one in self._events(place) if any(one.befalls(exchange, name) for name in operations))
            first = next(fitting, None)
            return None if first is None else self._taken(first)

    def clock_ms(self, exchange: str, operation: str) -> int:
        """How far the clock is off for a request, in milliseconds; counted off."""
        with self._lock:
            wrong = [one for one in self._set if one.word == "clock" and one.befalls(exchange, operation)]
            return sum(self._taken(one).span_ms for one in wrong)

    def _events(self, place: Place) -> list[Fault]:
        return [one for one in self._set if one.word != "clock" and one.place == place]

    def _taken(self, fault: Fault) -> Fault:
        if fault.times is not None:
            place = next(index for index, one in enumerate(self._set) if one is fault)
            if fault.times > 1:
                self._set[place] = attrs.evolve(fault, times=fault.times - 1)
            else:
                del self._set[place]
        return fault
