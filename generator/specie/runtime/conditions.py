"""What a condition on a message may ask of a key besides a text: that it is there, or that it is not."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

__all__ = ["ABSENT", "PRESENT", "Condition", "Presence"]


class Presence(Enum):
    """What a condition may ask of a key besides a text."""

    PRESENT = "present"
    ABSENT = "absent"

    def __repr__(self) -> str:
        return self.name


PRESENT: Final = Presence.PRESENT
"""The key is there, whatever it holds. (A form writes "nothing" as an empty text: an empty field is not there.)"""

ABSENT: Final = Presence.ABSENT
"""The key is not there."""

Condition: TypeAlias = Mapping[str, str | Presence]
"""By key (keys that lead deeper are joined by dots): the text that it must have, or `PRESENT`, or `ABSENT`."""
