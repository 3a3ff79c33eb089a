"""Comparison to the last digit: of values that are equal and not the same, most are a mistake in a spec."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs


def exactly(found: Any, wanted: Any, path: str = "$") -> None:
    """Fail unless two results are the same: class by class, field by field, and each digit of a decimal.

    `Decimal("1.0")` is not `Decimal("1")` here, `True` is not 1, and the member of an enum is not its text.
    """
    assert type(found) is type(wanted), f"{path}: {found!r} is a {_name(found)}, not a {_name(wanted)}"
    if attrs.has(type(wanted)):
        for field in attrs.fields(type(wanted)):
            exactly(getattr(found, field.name), getattr(wanted, field.name), f"{path}.{field.name}")
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted), f"{path}: the keys are {list(found)}, not {list(wanted)}"
        for key in wanted:
            exactly(found[key], wanted[key], f"{path}[{key!r}]")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), f"{path}: {len(found)} items, not {len(wanted)}"
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            exactly(one, other, f"{path}[{index}]")
    elif isinstance(wanted, Decimal):
        assert str(found) == str(wanted), f"{path}: {found!s}, not {wanted!s}"
    else:
        assert found == wanted, f"{path}: {found!r}, not {wanted!r}"


def _name(value: Any) -> str:
    return type(value).__qualname__
