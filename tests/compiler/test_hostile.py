"""Hostile text in every place of a spec: it is refused, or it stays text.

The nodes of the golden spec are walked, and text is put into one place, or into all that take any text. What is printed
then must parse to the very tree that harmless text gives, bear no hidden character, and run nothing.
"""

from __future__ import annotations

import ast
import functools
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from specie.compiler import grammar, resolve, source, stream_grammar
from specie.compiler.characters import visible
from specie.compiler.diagnostics import Complaints, Place
from specie.compiler.model import Exchange
from specie.compiler.render import render
from specie.compiler.source import Entry, Mapping, Node, Scalar, Sequence
from specie.compiler.write import write

from .acme import SPECS, imported

Files: TypeAlias = dict[str, Node]
PAYLOAD = "__import__('os').environ.__setitem__('SPECIE_CANARY', '1')"
HARMLESS = "harmless"
TEXTS = {
    "double quotes": f'"+{PAYLOAD}+"',
    "single quotes": f"'+{PAYLOAD}+'",
    "docstring ends": f'"""\n{PAYLOAD}\n"""',
    "docstring ends, escaped": f'\\"""\n{PAYLOAD}\n\\"""',
    "other docstring ends": f"'''\n{PAYLOAD}\n'''",
    "quote first": '"quoted" it begins',
    "quote last": 'it ends "quoted"',
    "three quotes last": 'ends """',
    "four quotes": '""""',
    "backslash last": "ends \\",
    "backslashes last": "ends \\\\\\",
    "backslash and quote last": 'ends \\"',
    "newlines": f"a\n{PAYLOAD}\r\n{PAYLOAD}\r{PAYLOAD}",
    "other line breaks": f"a\u2028{PAYLOAD}\u2029{PAYLOAD}\x85{PAYLOAD}",
    "jinja": "{{ 7 * 7 }}{% raw %}{# no #}{{ self._TemplateReference__context }}",
    "jinja ends": "}} %} #} {{ exchange.__class__.__mro__ }}",
    "format": "{0} {name!r} %s %(x)d ${x}",
    "f-string": f"{{{PAYLOAD}}}",
    "named escape": "\\N{BULLET} \\x41 \\u0041 \\101 \\U0001F600",
    "comment": f"# nothing\n{PAYLOAD} # noqa",
    "bidi": "pay \u202e\u2066 yap \u2069\u202c",
    "zero width": "a\u200bb\u200dc\ufeffd\u00ade",
    "tags": "a\U000e0041b",
    "keyword": "class",
    "dunder": "__class__",
    "emoji": "👩‍👩‍👧 é ﬁ 価格",
    "long": "x" * 5000,
    "long words": "word " * 2000,
    "spaces": "   \t  a   \t ",
    "no character": "\uffff \ue000",
}
NAMES = ["class", "None", "__init__", "self", "a.b", "naïve", "ﬁ", "print", "", TEXTS["bidi"], TEXTS["docstring ends"]]
TEXTS_OF_VALUES = [TEXTS["double quotes"], TEXTS["docstring ends"], TEXTS["bidi"]]


# --- places ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Spot:
    """A place where text stands: the key or the value of an entry, or an item; `kind` is the same for all its like."""

    file: str
    path: tuple[int, ...]
    kind: str
    key: bool

    @property
    def prose(self) -> bool:
        return self.kind.rpartition("/")[2] in ("doc", "assumed", "conflict", "deprecated", "from")


@functools.cache
def files() -> Files:
    found: Files = {}
    for path in sorted((SPECS / "acme").glob("*.yaml")):
        node = source.parse(path.read_text(encoding="utf-8"), f"specs/acme/{path.name}", Complaints())
        assert node is not None
        found[path.stem] = node
    return found


# What may be named freely stands under these.
FREE_NAMES = (
    "types", "endpoints", "fields", "row", "path", "query", "body", "form", "headers", "credentials", "options", "enum",
    "steps", "servers", "status", "codes", "texts", "given", "expect", "ok", "connections", "streams", "webhooks",
    "parameters", "when", "fill", "refusals", "each", "same", "open", "subscribe", "unsubscribe", "send",
)  # fmt: skip


def _spots(file: str, node: Node, path: tuple[int, ...], kind: str) -> Iterator[Spot]:
    if isinstance(node, Mapping):
        free = kind.rpartition("/")[2] in FREE_NAMES or "/adds/" in kind
        for index, entry in enumerate(node):
            inner = f"{kind}/{'*' if free else entry.key}"
            yield Spot(file, (*path, index), inner, True)
            yield from _spots(file, entry.value, (*path, index), inner)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node):
            yield from _spots(file, item, (*path, index), kind)
    elif isinstance(node.value, str):
        yield Spot(file, path, kind, False)


@functools.cache
def spots() -> tuple[Spot, ...]:
    return tuple(spot for file, node in files().items() for spot in _spots(file, node, (), ""))


def put(node: Node, path: tuple[int, ...], key: bool, text: str, line: int) -> Node:
    """`node` with `text` at `path`, and with `line` for the place of the entry there, so that complaints point at it."""
    if not path:
        place = attrs.evolve(node.place, line=line)
        return node if key else Scalar(text, text, place, plain=False)
    index, rest = path[0], path[1:]
    if isinstance(node, Sequence):
        items = [put(one, rest, key, text, line) if at == index else one for at, one in enumerate(node)]
        return attrs.evolve(node, items=tuple(items))
    assert isinstance(node, Mapping)
    entry = node.entries[index]
    place = entry.place if rest else attrs.evolve(entry.place, line=line)
    renamed = text if key and not rest else entry.key
    new = Entry(renamed, place, put(entry.value, rest, key, text, line), entry.number if renamed == entry.key else text)
    return attrs.evolve(node, entries=(*node.entries[:index], new, *node.entries[index + 1 :]))


def check(stem: str, node: Node, complaints: Complaints) -> Mapping:
    shapes = {"exchange": grammar.EXCHANGE_FILE, **stream_grammar.FILES}
    found = grammar.check(node, shapes.get(stem, grammar.GROUP_FILE), complaints, node.place)
    assert isinstance(found, Mapping)
    return found


@functools.cache
def unchanged(stem: str) -> Mapping:
    """Checked once; most changes are made to one file of several."""
    complaints = Complaints()
    checked = check(stem, files()[stem], complaints)
    assert not complaints.found
    return checked


def resolved(changed: Files) -> tuple[Exchange | None, list[Place]]:
    """The model, or None and the places of what was complained of."""
    complaints = Complaints()
    checked: dict[str, Mapping] = {}
    for stem, node in changed.items():
        checked[stem] = unchanged(stem) if node is files()[stem] else check(stem, node, complaints)
    exchange = resolve.resolve("acme", "specs/acme", checked, complaints)
    return (None if complaints.found else exchange), [complaint.place for complaint in complaints]


def printed(changed: Files) -> dict[str, str]:
    exchange, _ = resolved(changed)
    assert exchange is not None
    return render([exchange])


def changed(where: list[tuple[int, Spot]], text_of: Callable[[int, Spot], str]) -> Files:
    new = dict(files())
    for number, spot in where:
        new[spot.file] = put(new[spot.file], spot.path, spot.key, text_of(number, spot), 100_000 + number)
    return new


# --- judging --------------------------------------------------------------------------------------------------------


def tree(text: str) -> str:
    """The shape of a module: its syntax tree with literals blanked and without the order of what is sorted by name."""
    parsed = ast.parse(text)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(parsed)


def judge(printed: dict[str, str]) -> None:
    for path, text in printed.items():
        names = {node.id for node in ast.walk(ast.parse(text, path)) if isinstance(node, ast.Name)}
        assert "__import__" not in names
        hidden = {character for character in text if character != "\n" and not visible(character)}
        assert not hidden, f"{path} has {hidden!r}"


def run(printed: dict[str, str], folder: Path) -> None:
    """Import every module, sign, and see that nothing ran that came from the spec."""
    os.environ.pop("SPECIE_CANARY", None)
    write(printed, folder)
    with imported(folder, "acme") as package:
        for path in printed:
            if path.endswith(".py"):
                importlib.import_module(
                    "acme." + path.removesuffix(".py").partition("/")[2].replace("__init__", "client")
                )
        for name in package.__all__:
            value = getattr(package, name)
            # Beside classes and modules there are unions of classes, which have no words of their own.
            assert value.__doc__ or not isinstance(value, type)
    assert "SPECIE_CANARY" not in os.environ


def takes_text(where: list[tuple[int, Spot]], text_of: Callable[[int, Spot], str]) -> list[tuple[int, Spot]]:
    """Those of the spots that take this text, found by putting it into all of them and taking out what is refused."""
    while where:
        exchange, places = resolved(changed(where, text_of))
        if exchange is not None:
            return where
        refused = {place.line - 100_000 for place in places}
        left = [(number, spot) for number, spot in where if number not in refused]
        if len(left) == len(where):
            # The complaints point at other places than the text; so each half is tried alone.
            half = len(where) // 2
            left = takes_text(where[:half], text_of) + takes_text(where[half:], text_of) if half else []
        assert len(left) < len(where), [str(place) for place in places]
        where = left
    return where


def _spelled(spot: Spot) -> bool:
    """Whether it stands in an annotation, unless it is very long: then the tree depends on the length of the text. Or
    whether it is one of several of which any one may be changed, but not all: what signs a login."""
    return spot.kind.endswith(("/choices", "/const", "/send/*"))


@functools.cache
def free() -> tuple[tuple[int, Spot], ...]:
    """The spots that take any text."""

    def said(number: int, spot: Spot) -> str:
        # Templates refuse stray braces, and say where; they take all else.
        return f"x{number} ' \" \\ é"

    return tuple(
        takes_text([(number, one) for number, one in enumerate(spots()) if not one.key and not _spelled(one)], said)
    )


def hostile(text: str) -> Callable[[int, Spot], str]:
    return lambda number, spot: text if spot.prose else f"{number}{text}"


# --- tests ----------------------------------------------------------------------------------------------------------


def test_many_spots_take_any_text() -> None:
    kinds = {spot.kind for _, spot in free()}
    assert len(free()) > 240
    assert {
        "/doc",
        "/types/*/doc",
        "/endpoints/*/doc",
        "/auth/doc",
        "/errors/texts/*/assumed",
        "/docs/version",
    } <= kinds
    assert {"/types/*/fields/*/wire", "/endpoints/*/see", "/auth/options/*/doc"} <= kinds
    assert {"/streams/*/when/*", "/streams/*/fill/*", "/connections/*/subscribe/*", "/verify/doc"} <= kinds


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_text_in_all_spots_at_once(text: str, tmp_path: Path) -> None:
    where = takes_text(list(free()), hostile(text))
    assert len(where) > 100
    made = printed(changed(where, hostile(text)))
    judge(made)
    harmless = printed(changed(where, hostile(HARMLESS)))
    assert made.keys() == harmless.keys()
    for path in made:
        assert tree(made[path]) == tree(harmless[path]), path
    run(made, tmp_path)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip))
def test_any_text_in_all_spots_at_once(text: str) -> None:
    where = takes_text(list(free()), hostile(text))
    assert len(where) > 100
    judge(printed(changed(where, hostile(text))))


def strict_spots() -> list[Spot]:
    """One of each kind of the spots that do not take any text: free names, and values of a certain shape."""
    taken = {spot for _, spot in free()}
    wanted = [spot for spot in spots() if spot not in taken and (not spot.key or spot.kind.endswith("/*"))]
    return list({("/".join(spot.kind.split("/")[-2:]), spot.key): spot for spot in wanted}.values())


@pytest.mark.parametrize("part", range(4))
def test_names_and_text_in_each_other_spot(part: int) -> None:
    """Names, types, rules, expressions, ranges: refused, or printed so that it parses."""
    for spot in strict_spots()[part::4]:
        for text in NAMES if spot.key else (*TEXTS_OF_VALUES, "class", "__class__", ""):

            def said(_: int, __: Spot, text: str = text) -> str:
                return text

            exchange, places = resolved(changed([(0, spot)], said))
            if exchange is None:
                assert places
            else:
                judge(render([exchange]))
