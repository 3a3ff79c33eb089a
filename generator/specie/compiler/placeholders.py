"""Templates of streams: text with placeholders in braces, each of which must be known where it stands.

`{pair}` stands for a value; a part in square brackets, where those are understood, is left out if a value in it is not
given: `{pair}[:{limit}]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

from .diagnostics import suggest
from .source import Mapping, Node, Scalar, Sequence
from .values import Scope

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


@attrs.frozen
class Template:
    """A template that was read: `always` and `sometimes` are its placeholders outside and inside of square brackets."""

    text: str
    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.always | self.sometimes


def read(node: Node | None, known: Iterable[str], scope: Scope, *, brackets: bool = False) -> Template:
    """The template in a scalar; complains of placeholders that are not among `known`."""
    if not isinstance(node, Scalar) or node.broken:
        return Template("")
    text = node.raw
    names = list(known)
    for match in _PLACEHOLDER.finditer(text):
        if match[1] not in names:
            message = f"nothing here is called '{{{match[1]}}}'{suggest(match[1], names)}"
            scope.complaints.add("E081", node.part(match.start(), match.end()), message)
    _refuse_stray(node, text, "{}", _PLACEHOLDER, scope)
    if not brackets:
        return Template(text, frozenset(_PLACEHOLDER.findall(text)))
    _refuse_stray(node, text, "[]", _BRACKETS, scope)
    for match in _BRACKETS.finditer(text):
        if not _PLACEHOLDER.search(match[1]):
            message = f"'{match[0]}' holds no placeholder, so nothing decides whether it is left out"
            scope.complaints.add("E081", node.part(match.start(), match.end()), message)
    sometimes = frozenset(name for part in _BRACKETS.findall(text) for name in _PLACEHOLDER.findall(part))
    always = frozenset(_PLACEHOLDER.findall(_BRACKETS.sub("", text)))
    return Template(text, always, sometimes - always)


def _refuse_stray(node: Scalar, text: str, marks: str, whole: re.Pattern[str], scope: Scope) -> None:
    inside = [match.span() for match in whole.finditer(text)]
    for index, character in enumerate(text):
        if character in marks and not any(start <= index < end for start, end in inside):
            message = f"'{character}' stands alone; a placeholder is written {marks[0]}name{marks[1]}"
            if marks == "[]":
                message = f"'{character}' stands alone; a part that may be left out is written [...{{name}}...]"
            scope.complaints.add("E081", node.part(index, index + 1), message)


def within(node: Node | None, known: Iterable[str], scope: Scope) -> frozenset[str]:
    """The placeholders of all texts in a message that is sent; complains as `read` does."""
    names = list(known)
    return frozenset(name for text in _texts(node) for name in read(text, names, scope).names)


def _texts(node: Node | None) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, Mapping):
        for entry in node:
            yield from _texts(entry.value)


def mentioned(texts: Iterable[str]) -> set[str]:
    """The placeholders in texts that were read before."""
    return {name for text in texts for name in _PLACEHOLDER.findall(text)}
