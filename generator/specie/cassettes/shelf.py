"""The cassettes that there are, each with what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import attrs

from specie.compiler.model import Exchange

from .label import Entry, Label, spec_version
from .tape import CassetteError, read


@attrs.frozen
class Found:
    """One cassette."""

    path: Path
    label: Label | None
    """None if it is not one of Specie's; then `wrong` says why."""
    calls: int = 0
    """Calls, and what was told unasked."""
    wrong: str = ""
    spec: str = ""
    """`same`, or `changed` since it was recorded, or `unknown` if there is no such spec."""

    def age_days(self, today: date) -> int | None:
        """Days since it was recorded."""
        return None if self.label is None else (today - date.fromisoformat(self.label.recorded)).days


def shelf(folder: Path, exchanges: Iterable[Exchange]) -> Iterator[Found]:
    """The cassettes of some exchanges, in the order of their paths."""
    for exchange in exchanges:
        entries: tuple[Entry, ...] = (*exchange.operations, *exchange.streams, *exchange.webhooks)
        versions = {f"{exchange.name}.{one.id}": one for one in entries}
        for path in sorted((folder / exchange.name).rglob("*.yaml")):
            try:
                document = read(path)
                label = Label.read(document["specie"])
            except (CassetteError, ValueError) as error:
                yield Found(path, None, wrong=str(error))
                continue
            known = label.of in versions or label.of.count(".") == 1
            now = spec_version(exchange, versions.get(label.of)) if known else ""
            spec = ("same" if now == label.spec else "changed") if known else "unknown"
            yield Found(path, label, _held(document), spec=spec)


def _held(document: Mapping[str, Any]) -> int:
    """How many calls, messages and notifications a cassette holds."""
    messages = [step for steps in document.get("connections", ()) for step in steps if "received" in step]
    return len(document.get("interactions", ())) + len(messages) + len(document.get("notifications", ()))
