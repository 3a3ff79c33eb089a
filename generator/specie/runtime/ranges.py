"""`range:` and `length:`: read once, then checks of a value. The compiler reads them here too."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Final

from .converters import Bad, plain

__all__ = ["in_range", "of_length"]

_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?"
_RANGE: Final = re.compile(
    rf"(?:(?P<low>{_NUMBER})?\.\.(?P<high>{_NUMBER})?|(?P<sign>>=|>|<=|<)\s*(?P<bound>{_NUMBER}))\Z"
)


def in_range(text: str) -> Callable[[Any], None]:
    """A check that a number lies in a range such as `1..1000`, `1..`, `..80`, `> 0` or `>= 0`.

    Raises:
        ValueError: The text is no range.
    """
    match = _RANGE.match(text.strip())
    if match is None or text.strip() == "..":
        raise ValueError(f"{text!r} is not a range")
    tests: list[tuple[Callable[[Any, Any], bool], Decimal]] = []
    if match["sign"]:
        tests.append(({">": gt, ">=": ge, "<": lt, "<=": le}[match["sign"]], Decimal(match["bound"])))
        wanted = f"must be {match['sign']} {match['bound']}"
    else:
        low, high = match["low"], match["high"]
        if low is not None:
            tests.append((ge, Decimal(low)))
        if high is not None:
            tests.append((le, Decimal(high)))
        wanted = (
            f"must be {f'from {low} to {high}' if low and high else f'{low} at least' if low else f'{high} at most'}"
        )

    def check(value: Any) -> None:
        number = Decimal(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value
        for compare, bound in tests:
            if not compare(number, bound):
                raise Bad(f"{plain(value) if isinstance(value, Decimal) else value} {wanted}", rule=text)

    return check


def of_length(text: str) -> Callable[[Any], None]:
    """A check of the length of a text or list, such as `..80`, `1..10` or `8`.

    Raises:
        ValueError: The text is no length.
    """
    match = re.match(r"(?:([0-9]*)\.\.([0-9]*)|([0-9]+))\Z", text.strip())
    if match is None or text.strip() == "..":
        raise ValueError(f"{text!r} is not a length")
    low = int(match[3] or match[1] or 0)
    high = int(match[3]) if match[3] else int(match[2]) if match[2] else None

    def check(value: Any) -> None:
        size = len(value)
        if size < low or (high is not None and size > high):
            what = "characters" if isinstance(value, str) else "items"
            raise Bad(f"has {size} {what}; allowed are {text}", rule=f"length {text}")

    return check
