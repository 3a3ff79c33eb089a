"""Which keys may stand where, and what shape their values have.

The grammar is data: `EXCHANGE_FILE` and `GROUP_FILE` say everything, and `check` holds a file against one of them. What
does not fit is complained of and left out, so that the next stage sees only what it can read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from typing import TypeAlias

import attrs

from .diagnostics import Complaints, Place, suggest
from .names import CASES
from .source import Entry, Mapping, Node, Scalar, Sequence


@attrs.frozen
class Text:
    """Text, or a number or flag taken as it is written. It may be empty only where nothing but text is meant."""

    what: str = "text"
    pattern: str = ""
    empty: bool = False


@attrs.frozen
class Sentence:
    """Prose for the user: not empty."""


@attrs.frozen
class Flag:
    pass


@attrs.frozen
class Anything:
    pass


@attrs.frozen
class Words:
    """One of a few words."""

    words: tuple[str, ...]


@attrs.frozen
class Many:
    """A list."""

    item: Shape


@attrs.frozen
class Names:
    """A mapping from free keys, which match `pattern`, to one shape of value."""

    what: str
    pattern: str
    value: Shape


@attrs.frozen
class Record:
    """A mapping from known keys."""

    what: str
    keys: Table[str, Shape]
    required: tuple[str, ...] = ()
    elsewhere: Table[str, str] = attrs.Factory(dict[str, str])
    """Keys that do not belong here, and where each of them does."""


@attrs.frozen
class Either:
    """What is meant is told by whether a single value, a list or a mapping stands there; `records`: a list of mappings,
    where that is something else than other lists."""

    scalar: Shape | None = None
    sequence: Shape | None = None
    mapping: Shape | None = None
    records: Shape | None = None


@attrs.frozen
class TypeShape:
    """A type expression."""


Shape: TypeAlias = Text | Sentence | Flag | Anything | Words | Many | Names | Record | Either | TypeShape

SNAKE = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
PASCAL = r"[A-Z][A-Za-z0-9]*"
CONSTANT = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*"

SENTENCES = Either(scalar=Sentence(), sequence=Many(Sentence()))
CAVEATS: dict[str, Shape] = {"assumed": SENTENCES, "conflict": SENTENCES}
SPOKEN: dict[str, Shape] = {"doc": Sentence(), "see": Text("a page"), **CAVEATS}
METHODS = ("get", "post", "put", "patch", "delete")

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
RANGE = Text(
    "a range, such as 1..100, 1.., ..100, > 0 or >= 0",
    rf"(?:{_NUMBER})\.\.(?:{_NUMBER})?|\.\.(?:{_NUMBER})|[<>]=? ?(?:{_NUMBER})",
)
LENGTH = Text("a range of lengths, such as ..80 or 1..10", r"[0-9]+\.\.(?:[0-9]+)?|\.\.[0-9]+")
LITERAL = Text("a value", empty=True)
KEY_PATH = Text("a path of keys joined by dots, such as data.items", r"[^.\s]+(?:\.[^.\s]+)*")
URL_PATH = Text(
    "a path, such as /orders/{pair}",
    rf"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%/-]|\{{{SNAKE}\}})*",
)
HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
SPAN = Text("a span of time, such as 90d", r"[0-9]+(?:s|min|h|d)")

PARAMETER = Record(
    "parameter",
    {
        **SPOKEN,
        "type": TypeShape(),
        "wire": Text("a wire name"),
        "as": Words(("string", "number")),
        "example": Anything(),
        "default": Anything(),
        "send": Flag(),
        "const": Either(scalar=LITERAL),
        "range": RANGE,
        "choices": Many(LITERAL),
        "length": LENGTH,
        "join": Text("a separator"),
        "whole": Flag(),
        "deprecated": Sentence(),
    },
)
VALUE = Either(scalar=TypeShape(), sequence=TypeShape(), mapping=PARAMETER)
PARAMETERS = Names("a name in snake_case, with '?' if it is optional", SNAKE + r"\??", VALUE)
RULES = Many(
    Either(
        scalar=Text("a rule"),
        mapping=Record("rule", {"rule": Text("a rule"), "doc": Sentence(), **CAVEATS}, required=("rule",)),
    )
)
MEMBER = Either(
    scalar=LITERAL,
    mapping=Record("enum value", {"value": LITERAL, "doc": Sentence(), **CAVEATS}, required=("value",)),
)
TYPE = Record(
    "type",
    {
        **SPOKEN,
        "enum": Either(
            sequence=Many(LITERAL),
            mapping=Names("the name of an enum value in CAPITALS", CONSTANT, MEMBER),
        ),
        "fields": PARAMETERS,
        "row": Many(Either(mapping=PARAMETERS)),
        "scalar": TypeShape(),
        "example": Anything(),
        "require": RULES,
        "length": LENGTH,
        "range": RANGE,
    },
)
TYPES = Names("the name of a type in PascalCase", PASCAL, TYPE)
LIMIT = Either(
    scalar=Text("a limit"),
    mapping=Record(
        "limit",
        {
            "rate": Text("a limit"),
            "unit": Text("a unit, such as points", r"[a-z]+"),
            "reported": Names("a header", HEADER_NAME, Text("how the header is read, such as cost:used:left")),
            "doc": Sentence(),
            **CAVEATS,
        },
        required=("rate",),
    ),
)
LIMITS = Either(scalar=LIMIT, mapping=LIMIT, sequence=Many(LIMIT))
REPLY = Record(
    "mapping of returns",
    {
        "type": TypeShape(),
        "at": KEY_PATH,
        "at?": KEY_PATH,
        "bare": Flag(),
        "sole": Flag(),
        "ok": Names("a key", r".+", LITERAL),
        "server_time": Text("a field"),
        "doc": Sentence(),
        **CAVEATS,
    },
    required=("type",),
)
RETURNS = Either(scalar=TypeShape(), sequence=TypeShape(), mapping=REPLY)
NAME_LIST = Either(scalar=Text("a name"), sequence=Many(Text("a name")))
PAGES = Record(
    "pages",
    {
        "offset": Text("a parameter"),
        "page": Text("a parameter"),
        "cursor": Text("a parameter"),
        "from": Text("first.FIELD or last.FIELD", rf"(?:first|last)\.{SNAKE}"),
        "size": Text("a parameter"),
        "window": Many(Text("a parameter")),
        "span": SPAN,
        "unique": NAME_LIST,
        "without": NAME_LIST,
        "items": Text("a field"),
        "order": Words(("ascending", "descending")),
    },
)
PERMISSIONS = Either(scalar=Text("true or a permission"), sequence=Many(Text("a permission")))
CONDITIONS = Names("a field, or several joined by 'or'", rf"{SNAKE}(?: or {SNAKE})*", Text("an argument of the call"))
GIVEN = Names("a parameter", SNAKE, LITERAL)
LOOK = Record(
    "read",
    {
        "call": Text("an operation of this group"),
        "with": GIVEN,
        "match": CONDITIONS,
        "confirm": CONDITIONS,
        "id": NAME_LIST,
        "time": Text("a field"),
        "full": Text("a number of records", r"[1-9][0-9]*"),
        "total": Names("a field", SNAKE, Text("an argument of the call")),
    },
    required=("call",),
)
LOOKS = Either(mapping=LOOK, sequence=Many(LOOK))
STATE = Record(
    "state",
    {
        "call": Text("an operation of this group"),
        "with": GIVEN,
        "field": Text("a field"),
        **dict.fromkeys(("cancelled", "open", "over"), NAME_LIST),
    },
    required=("call", "field", "cancelled", "open"),
)
RECONCILE = Record(
    "reconcile",
    {
        "none": Sentence(),
        "settle": SPAN,
        "receipt": Text("a field"),
        "own_id": Text("a parameter"),
        "by_own_id": LOOKS,
        "by_values": LOOKS,
        "state": STATE,
        "doc": Sentence(),
        **CAVEATS,
    },
)
FIGURE = Record(
    "figure",
    {
        "step": Text("a field"),
        "places": Text("a field, or a number of decimal places"),
        "least": Text("a field"),
        "most": Text("a field"),
        "doc": Sentence(),
        **CAVEATS,
    },
)
PAIR_RULES = Record(
    "rules",
    {
        "call": Text("an operation of this group"),
        "pair": Text("a field"),
        **dict.fromkeys(("price", "amount", "value", "quote_amount"), FIGURE),
        "doc": Sentence(),
        **CAVEATS,
    },
    required=("call", "pair", "price", "amount"),
)
ENDPOINT = Record(
    "endpoint",
    {
        **SPOKEN,
        **dict.fromkeys(METHODS, URL_PATH),
        "server": Text("a server"),
        "auth": PERMISSIONS,
        "effect": Words(("read", "create", "cancel", "transfer")),
        "limit": LIMITS,
        "cost": Text("a whole number above 0", r"[1-9][0-9]{0,8}"),
        "path": PARAMETERS,
        "query": PARAMETERS,
        "body": PARAMETERS,
        "form": PARAMETERS,
        "headers": PARAMETERS,
        "require": RULES,
        "returns": RETURNS,
        "pages": PAGES,
        "reconcile": RECONCILE,
        "deprecated": Sentence(),
    },
    required=("doc", "see", "returns"),
)
GROUP_FILE = Record(
    "group",
    {
        "doc": Sentence(),
        "types": TYPES,
        "endpoints": Names("the name of an endpoint in snake_case", SNAKE, ENDPOINT),
        "rules": PAIR_RULES,
        **CAVEATS,
    },
    required=("doc",),
    elsewhere={
        **dict.fromkeys(("connections", "streams"), "streams.yaml"),
        **dict.fromkeys(("verify", "webhooks", "otherwise"), "webhooks.yaml"),
    },
)

REFUSAL = Either(
    scalar=Text("an error"),
    mapping=Record("error", {"raise": Text("an error"), **SPOKEN}, required=("raise",)),
)
EXPRESSIONS = Names("a name in snake_case", SNAKE, Text("an expression"))
ADDED = Names("a wire name", r".+", Text("an expression"))
NONCES = ("unique", "increasing")
VECTORS = Many(
    Record(
        "vector",
        {
            "from": Sentence(),
            "derived": Flag(),
            "given": Names("a name", r".+", Anything()),
            "expect": Names("a step or a header", r".+", LITERAL),
        },
        required=("from", "given", "expect"),
    )
)
AUTH = Record(
    "auth",
    {
        **SPOKEN,
        "credentials": Names("a name in snake_case", SNAKE + r"\??", Sentence()),
        "options": PARAMETERS,
        "adds": Record(
            "adds",
            {
                "query": ADDED,
                "form": ADDED,
                "body": ADDED,
                "headers": Names("a header", HEADER_NAME, Text("an expression")),
            },
        ),
        "steps": EXPRESSIONS,
        "headers": Names("a header", HEADER_NAME, Text("an expression")),
        "nonce": Words(NONCES),
        "vectors": VECTORS,
    },
    required=("doc", "credentials", "headers"),
)
EXCHANGE_FILE = Record(
    "exchange",
    {
        "title": Text("a title"),
        "doc": Sentence(),
        "servers": Names(
            "a name in snake_case",
            SNAKE,
            Either(
                scalar=Text("an address"),
                mapping=Record("server", {"url": Text("an address"), **SPOKEN}, required=("url",)),
            ),
        ),
        "docs": Record("docs", {"base": Text("an address"), "version": Text("a version")}, required=("base",)),
        "case": Words(CASES),
        "query": Words(("sorted", "declared")),
        "envelope": Record("envelope", {"result": KEY_PATH, "ok": Names("a key", r".+", LITERAL)}),
        "environment": Text("a prefix", CONSTANT),
        "limits": Record("limits", {"all": LIMITS, "public": LIMITS, "private": LIMITS}),
        "types": TYPES,
        "auth": AUTH,
        "errors": Record(
            "errors",
            {
                "message": NAME_LIST,
                "code": KEY_PATH,
                "status": Names("an HTTP status", r"[1-5]\d\d", REFUSAL),
                "codes": Names("a code", r".+", REFUSAL),
                "texts": Names("a text", r".+", REFUSAL),
            },
        ),
        **CAVEATS,
    },
    required=("title", "doc", "servers", "docs"),
)


def check(node: Node, shape: Shape, complaints: Complaints, at: Place) -> Node:
    """`node`, in which a broken scalar stands for whatever does not fit `shape`. `at` is the key whose value it is."""
    return _Checker(complaints).check(node, shape, at)


def broken(place: Place) -> Scalar:
    """What stands for something that was complained of."""
    return Scalar(None, "", place, broken=True)


@attrs.frozen
class _Checker:
    complaints: Complaints

    def check(self, node: Node, shape: Shape, at: Place) -> Node:
        if isinstance(node, Scalar) and node.broken:
            return node
        match shape:
            case Anything():
                found: Node | None = node
            case TypeShape():
                found = self._type(node, at)
            case Either():
                found = self._either(node, shape, at)
            case Record():
                found = self._record(node, shape, at)
            case Names():
                found = self._names(node, shape, at)
            case Many():
                found = self._many(node, shape, at)
            case _:
                found = self._scalar(node, shape, at)
        return found if found is not None else broken(node.place)

    def _wrong(self, node: Node, wanted: str, at: Place) -> Node | None:
        """Gives None, so that a method can end with it."""
        # Where nothing stands, there is no place but that of its key.
        place = at if isinstance(node, Scalar) and not node.raw and node.plain else node.place
        self.complaints.add("E011", place, f"{describe(node)} stands here; wanted is {wanted}")
        return None

    def _scalar(self, node: Node, shape: Text | Sentence | Flag | Words, at: Place) -> Node | None:
        if not isinstance(node, Scalar) or not _fits(node, shape):
            return self._wrong(node, _wanted(shape), at)
        match shape:
            case Words() if node.raw not in shape.words:
                self.complaints.add("E013", node.place, f"unknown word '{node.raw}'{suggest(node.raw, shape.words)}")
                return None
            case Text() if shape.pattern and not re.fullmatch(shape.pattern, node.raw):
                self.complaints.add("E014", node.place, f"'{node.raw}' is not {shape.what}")
                return None
            case _:
                return node

    def _either(self, node: Node, shape: Either, at: Place) -> Node | None:
        chosen = {Scalar: shape.scalar, Sequence: shape.sequence, Mapping: shape.mapping}[type(node)]
        if shape.records and isinstance(node, Sequence) and any(_is_record(item) for item in node):
            chosen = shape.records
        if chosen is None:
            return self._wrong(node, _wanted(shape), at)
        if chosen in (PARAMETER, REPLY) and isinstance(node, Mapping) and ("map" in node or "keyed" in node):
            return self._type(node, at)
        return self.check(node, chosen, at)

    def _many(self, node: Node, shape: Many, at: Place) -> Node | None:
        if not isinstance(node, Sequence):
            return self._wrong(node, "a list", at)
        items = tuple(self.check(item, shape.item, item.place) for item in node)
        return Sequence(items, node.place, any(item.broken for item in items))

    def _names(self, node: Node, shape: Names, at: Place) -> Node | None:
        if not isinstance(node, Mapping):
            return self._wrong(node, _wanted(shape), at)
        entries: list[Entry] = []
        for entry in node:
            if re.fullmatch(shape.pattern, entry.key):
                entries.append(attrs.evolve(entry, value=self.check(entry.value, shape.value, entry.place)))
            else:
                message = f"'{entry.key}' is not {shape.what}{_renamed(entry.key, shape)}"
                self.complaints.add("E014", entry.place, message)
        return Mapping(tuple(entries), node.place, broken=len(entries) < len(node.entries))

    def _record(self, node: Node, shape: Record, at: Place) -> Node | None:
        if not isinstance(node, Mapping):
            return self._wrong(node, _wanted(shape), at)
        entries: list[Entry] = []
        for entry in node:
            inner = shape.keys.get(entry.key)
            if inner is None:
                self._unknown_key(entry, shape)
                continue
            entries.append(attrs.evolve(entry, value=self.check(entry.value, inner, entry.place)))
        for key in shape.required:
            if key not in node:
                self.complaints.add("E012", at, f"'{key}' is missing: every {shape.what} has one")
        return Mapping(tuple(entries), node.place)

    def _unknown_key(self, entry: Entry, shape: Record) -> None:
        bare = isinstance(entry.value, Scalar) and entry.value.plain and entry.value.raw == ""
        if " " in entry.key and bare:
            hint = "; a comma ended the text before it: put that text in quotes"
        elif entry.key in shape.elsewhere:
            hint = f"; it stands in {shape.elsewhere[entry.key]}"
        else:
            hint = suggest(entry.key, shape.keys)
        self.complaints.add("E010", entry.place, f"unknown key '{entry.key}' in {shape.what}{hint}")

    def _type(self, node: Node, at: Place) -> Node | None:
        """The outer shape of a type expression; names are looked up when types are known."""
        match node:
            case Scalar():
                return node if isinstance(node.value, str) and node.raw else self._wrong(node, "a type", at)
            case Sequence(items=(item,)):
                return Sequence((self.check(item, TypeShape(), item.place),), node.place)
            case Sequence():
                message = f"a list type names one type, such as [Order]; here are {len(node.items)}"
                self.complaints.add("E020", node.place, message)
                return None
            case Mapping():
                return self._object_type(node)

    def _object_type(self, node: Mapping) -> Node | None:
        if {entry.key for entry in node} not in ({"map"}, {"keyed", "key"}):
            self.complaints.add("E020", node.place, "a type is a name, [T], {map: T} or {keyed: T, key: field}")
            return None
        shapes: dict[str, Shape] = {"map": TypeShape(), "keyed": TypeShape(), "key": Text("a field")}
        checked = (attrs.evolve(entry, value=self.check(entry.value, shapes[entry.key], entry.place)) for entry in node)
        return Mapping(tuple(checked), node.place)


def _is_record(node: Node) -> bool:
    """Whether it is a mapping, and not a type that is written as one."""
    return isinstance(node, Mapping) and not ("map" in node or "keyed" in node)


def _fits(node: Scalar, shape: Text | Sentence | Flag | Words) -> bool:
    """Whether a value of this sort may stand there at all."""
    if isinstance(shape, Flag):
        return isinstance(node.value, bool)
    if node.value is None:
        return False
    return bool(node.raw.strip()) or (isinstance(shape, Text) and shape.empty)


def _renamed(key: str, shape: Names) -> str:
    """The end of a complaint about a name: how it would be right."""
    if not re.search("a-z|A-Z", shape.pattern):
        return ""
    optional = "?" if key.endswith("?") and shape.pattern.endswith("?") else ""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+", key)
    pascal = "".join(part[:1].upper() + part[1:] for part in parts)
    for name in ("_".join(parts).lower() + optional, pascal, "_".join(parts).upper()):
        if re.fullmatch(shape.pattern, name):
            return f"; write {name}"
    return ""


def describe(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    return f"'{node.raw}'" if node.raw.strip() else "nothing"


def _wanted(shape: Shape) -> str:
    match shape:
        case Text():
            return shape.what
        case Sentence():
            return "a sentence"
        case Flag():
            return "true or false"
        case Words():
            return " or ".join(shape.words)
        case Many():
            return "a list"
        case Names():
            return f"a mapping, each key of it {shape.what}"
        case Record():
            return f"a mapping with {', '.join(shape.required or tuple(shape.keys))}"
        case TypeShape():
            return "a type"
        case Either():
            return " or ".join(_wanted(one) for one in (shape.scalar, shape.sequence, shape.mapping) if one)
        case _:
            return "a value"
