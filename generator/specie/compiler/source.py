"""YAML text as plain data in which every key and every value knows its line and column.

YAML 1.1 reads `NO` as false, `1:30` as ninety and a repeated key as if nothing had happened. Here only `true`,
`false`, `null` and plain numbers are special, and what a spec has no use for (anchors, aliases, tags, merge keys,
several documents, repeated keys, control characters) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import attrs
import yaml

from .diagnostics import Complaints, Place

Value: TypeAlias = str | int | Decimal | bool | None

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+\Z")
# What YAML ends a line with: fewer characters than `str.splitlines` knows.
_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LONGEST_NUMBER = 1000
_DEEPEST = 50
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "": None}
# The C parser of PyYAML is some ten times as fast, and understands `{price?: decimal}`; odd platforms may lack it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@attrs.frozen(eq=False)
class Scalar:
    """One value: text unless it was plainly a number, `true`, `false` or `null`."""

    value: Value
    raw: str
    place: Place
    plain: bool = True
    broken: bool = False
    """It stands for something that was complained of, so that nobody complains of its absence."""

    def part(self, start: int, end: int) -> Place:
        """The place of `raw[start:end]`: the whole scalar, if it is not written in one piece."""
        place = self.place
        inside = place.width - (0 if self.plain else 2)
        if inside != len(self.raw):
            return place
        return attrs.evolve(place, column=place.column + start + (not self.plain), width=max(1, end - start))


@attrs.frozen(eq=False)
class Sequence:
    items: tuple[Node, ...]
    place: Place
    broken: bool = False
    """Something in it was complained of; what is left tells nothing of what is lacking."""

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@attrs.frozen(eq=False)
class Entry:
    """One `key: value`."""

    key: str
    place: Place
    value: Node
    number: Value = None


@attrs.frozen(eq=False)
class Mapping:
    entries: tuple[Entry, ...]
    place: Place
    broken: bool = False

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __contains__(self, key: str) -> bool:
        return any(entry.key == key for entry in self.entries)

    def entry(self, key: str) -> Entry | None:
        for entry in self.entries:
            if entry.key == key:
                return entry
        return None

    def get(self, key: str) -> Node | None:
        found = self.entry(key)
        return found.value if found else None

    def text(self, key: str, default: str = "") -> str:
        found = self.get(key)
        return found.raw if isinstance(found, Scalar) and found.value is not None else default

    def flag(self, key: str) -> bool:
        found = self.get(key)
        return isinstance(found, Scalar) and found.value is True

    def mapping(self, key: str) -> Mapping:
        found = self.get(key)
        return found if isinstance(found, Mapping) else Mapping((), self.place)


Node: TypeAlias = Scalar | Sequence | Mapping


class _TooDeep(Exception):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


def parse(text: str, file: str, complaints: Complaints) -> Node | None:
    """The one document in `text`, or None where it is not YAML (which is then complained of)."""
    lines = complaints.sources[file] = _BREAK.split(text)
    if _refuse_characters(lines, file, complaints):
        return None
    try:
        return _Reader(text, file, complaints).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        begun = error.context_mark
        where = f" {error.context} that begins in line {begun.line + 1}, column {begun.column + 1}" if begun else ""
        if begun and (begun.line, begun.column) == (place.line - 1, place.column - 1):
            where = ""
        complaints.add(
            "E001", place, f"not YAML: {error.problem or error}{where}{_cure(str(error.problem), lines, place)}"
        )
    except yaml.YAMLError as error:
        complaints.add("E001", Place(file, 1, 1), f"not YAML: {str(error).splitlines()[0]}")
    except _TooDeep as error:
        complaints.add("E009", error.place, f"nested more than {_DEEPEST} deep; no spec is")
    return None


def _refuse_characters(lines: list[str], file: str, complaints: Complaints) -> bool:
    found = False
    for number, line in enumerate(lines, 1):
        for match in _UNPRINTABLE.finditer(line):
            found = True
            place = Place(file, number, match.start() + 1)
            complaints.add("E009", place, f"the control character {match[0]!r} has no place in a spec; take it out")
    return found


def _cure(problem: str, lines: list[str], place: Place) -> str:
    """What to write instead, for the slips that YAML itself explains badly."""
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if not any(one.strip() for one in lines[place.line - 1 :]):
        return "; something that was opened before is not closed"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "; indent with spaces, not with a tab"
    if _LOADER is yaml.SafeLoader and re.search(r"[\[{].*\?", line):
        return "; this PyYAML lacks libyaml, without which a name with '?' between brackets goes in quotes"
    if problem.startswith("mapping values"):
        return "; text with ': ' in it goes in quotes"
    if "cannot start any token" in problem:
        return "; text that begins so goes in quotes"
    return ""


class _Reader:
    def __init__(self, text: str, file: str, complaints: Complaints) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._file = file
        self._complaints = complaints
        self._depth = 0

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, (yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent, yaml.AliasEvent)):
                node = self._node(event)
                if root is None:
                    root = node
                else:
                    self._complaints.add("E002", node.place, "a second document; a spec file holds one")
        if root is None:
            self._complaints.add("E003", Place(self._file, 1, 1), "the file is empty; it starts with 'doc:'")
        return root

    def _place(self, event: Any, width: int = 1) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1, width)

    def _node(self, event: Any) -> Node:
        self._refuse_marks(event)
        if not isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            return self._scalar(event)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeep(self._place(event))
        node = self._sequence(event) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(event)
        self._depth -= 1
        return node

    def _sequence(self, event: Any) -> Sequence:
        items: list[Node] = []
        while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(following))
        return Sequence(tuple(items), self._place(event))

    def _scalar(self, event: Any) -> Scalar:
        if isinstance(event, yaml.AliasEvent):
            return Scalar(None, "", self._place(event), broken=True)
        raw = event.value
        same_line = event.end_mark.line == event.start_mark.line
        width = event.end_mark.column - event.start_mark.column if same_line else 1
        place = self._place(event, max(1, width))
        # The C parser gives an empty style for a plain scalar, the other one None.
        plain = event.style in ("", None)
        return Scalar(_value(raw) if plain else raw, raw, place, plain)

    def _mapping(self, event: Any) -> Mapping:
        entries: list[Entry] = []
        seen: dict[str, Place] = {}
        while not isinstance(following := next(self._events), yaml.MappingEndEvent):
            key = self._node(following)
            value = self._node(next(self._events))
            if not isinstance(key, Scalar):
                self._complaints.add("E004", key.place, "a key must be one word, not a list or a mapping")
                continue
            if key.plain and key.raw == "<<":
                self._complaints.add("E005", key.place, "merge keys are not part of the language; write it out")
                continue
            if key.raw in seen:
                first = seen[key.raw]
                self._complaints.add("E006", key.place, f"'{key.raw}' stands here twice, first in line {first.line}")
                continue
            seen[key.raw] = key.place
            entries.append(Entry(key.raw, key.place, value, key.value))
        return Mapping(tuple(entries), self._place(event))

    def _refuse_marks(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._complaints.add("E007", self._place(event), "aliases are not part of the language; write it out")
        elif event.anchor is not None:
            self._complaints.add("E007", self._place(event), "anchors are not part of the language; write it out")
        elif event.tag is not None:
            self._complaints.add(
                "E008", self._place(event), "tags (!) are not part of the language; text goes in quotes"
            )


def _value(raw: str) -> Value:
    if raw in _WORDS:
        return _WORDS[raw]
    if len(raw) > _LONGEST_NUMBER:
        return raw
    if _INTEGER.match(raw):
        return int(raw)
    if _NUMBER.match(raw):
        return Decimal(raw)
    return raw
