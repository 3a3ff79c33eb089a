"""Texts and data with places in braces, and what they become when values are put there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..basics import is_array, is_mapping, is_tuple

__all__ = ["fill_data", "fill_text", "marks_in", "names_in", "names_in_data", "render_channel"]

_HOLE: Final = re.compile(r"\{([^{}]+)\}")
_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")


def fill_text(template: str, values: Mapping[str, Any]) -> str:
    """The text with each place that has a value filled; others stay as they are."""

    def put(hole: re.Match[str]) -> str:
        name = hole.group(1)
        return as_text(values[name]) if name in values else hole.group()

    return _HOLE.sub(put, template)


def fill_data(template: Any, values: Mapping[str, Any]) -> Any:
    """Data with its places filled. A text that is just one place becomes the value itself, whatever its type."""
    if isinstance(template, str):
        sole = _HOLE.fullmatch(template)
        if sole is not None and sole.group(1) in values:
            return values[sole.group(1)]
        return fill_text(template, values)
    if is_mapping(template):
        return {fill_text(str(key), values): fill_data(value, values) for key, value in template.items()}
    if is_array(template) or is_tuple(template):
        return [fill_data(item, values) for item in template]
    return template


def render_channel(template: str, values: Mapping[str, str | None]) -> str:
    """The name of a channel: a part in square brackets is left out if a value in it is absent."""
    given = {name: value for name, value in values.items() if value is not None}

    def part(optional: re.Match[str]) -> str:
        return optional.group(1) if names_in(optional.group(1)) <= given.keys() else ""

    return fill_text(_OPTIONAL.sub(part, template), given)


def marks_in(template: str) -> list[tuple[str, str]]:
    """What begins each part of a channel's name that may be left out, and the name of the first place in it."""
    parts = [optional.group(1) for optional in _OPTIONAL.finditer(template)]
    return [(part.partition("{")[0], part.partition("{")[2].partition("}")[0]) for part in parts if "{" in part]


def names_in(template: str) -> frozenset[str]:
    """The names of the places in a text."""
    return frozenset(_HOLE.findall(template))


def names_in_data(template: Any) -> frozenset[str]:
    """The names of the places in data."""
    if isinstance(template, str):
        return names_in(template)
    if is_mapping(template):
        return frozenset[str]().union(*(names_in_data(part) for pair in template.items() for part in pair))
    if is_array(template) or is_tuple(template):
        return frozenset[str]().union(*map(names_in_data, template))
    return frozenset()


def as_text(value: Any) -> str:
    """A value of JSON as conditions and places see it: `true`, `null`, `1`, or the text itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
