"""Which characters a reader sees for what they are, and how wide they stand.

Specs come from people and documents; what they hide (controls, zero-width and bidirectional marks) must reach neither
printed code nor a complaint as it is.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def visible(character: str) -> bool:
    """Whether it is no control, no bidirectional or zero-width mark, and no character without a meaning."""
    return " " <= character <= "~" or unicodedata.category(character) not in _HIDDEN


def escape(character: str) -> str:
    r"""The character as a Python literal writes it: `\x1b`, `\u202e`, `\U000e0001`."""
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def shown(text: str) -> str:
    """`text` on one line, with what is hidden escaped."""
    return "".join(one if visible(one) else escape(one) for one in text)


def width(text: str) -> int:
    """The columns that `text` takes in a terminal and in `ruff format`: East Asian characters take two, marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in ("W", "F") else 1 for one in text
    )
