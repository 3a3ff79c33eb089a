"""What a cassette says of itself: where its replies came from, when, and with which versions of spec and generator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import attrs
import yaml

from specie.compiler.model import Exchange, Operation
from specie.compiler.stream_model import Stream, Webhook

Provenance: TypeAlias = Literal["documented", "assumed", "sandbox", "live"]
DOCUMENTED: Provenance = "documented"
ASSUMED: Provenance = "assumed"
SANDBOX: Provenance = "sandbox"
LIVE: Provenance = "live"
PROVENANCES: tuple[Provenance, ...] = (DOCUMENTED, ASSUMED, SANDBOX, LIVE)

Entry: TypeAlias = Operation | Stream | Webhook
"""What a cassette of its own may be of."""

_PROSE = frozenset(("doc", "see", "assumed", "conflict", "docs", "title", "limit", "limits", "vectors"))
"""What may change in a spec without a byte on the wire being another one."""

_ENTRIES = ("endpoints", "streams", "webhooks")
_TOLD = ("streams", "webhooks")


@attrs.frozen
class Label:
    """The head of a cassette.

    `of` is `<exchange>.<group>.<name>` of an operation, a stream or a webhook, or `<exchange>.<scenario>`. `clock_ms`
    is what the client's clock showed, where it is not the one of the tests.
    """

    of: str
    provenance: Provenance
    docs: str
    page: str
    recorded: str
    generator: str
    spec: str
    clock_ms: int | None = None
    arguments: Mapping[str, Any] | None = None

    def written(self) -> dict[str, Any]:
        """As it stands in the cassette."""
        head: dict[str, Any] = {
            "provenance": self.provenance,
            "operation": self.of,
            "docs": self.docs,
            "page": self.page,
            "recorded": self.recorded,
            "generator": self.generator,
            "spec": self.spec,
        }
        if self.clock_ms is not None:
            head["clock"] = self.clock_ms
        if self.arguments:
            head["arguments"] = dict(self.arguments)
        return head

    @staticmethod
    def read(head: Mapping[str, Any]) -> Label:
        """What stands in a cassette. Raises `ValueError` if something is lacking, or no such provenance is known."""
        lacking = [name for name in ("provenance", "operation", "recorded", "generator", "spec") if name not in head]
        if lacking:
            raise ValueError(f"its label does not say {', '.join(lacking)}")
        if head["provenance"] not in PROVENANCES:
            raise ValueError(f"'{head['provenance']}' is no provenance; there is {', '.join(PROVENANCES)}")
        date.fromisoformat(str(head["recorded"]))
        return Label(
            str(head["operation"]),
            head["provenance"],
            str(head.get("docs", "")),
            str(head.get("page", "")),
            str(head["recorded"]),
            str(head["generator"]),
            str(head["spec"]),
            head.get("clock"),
            head.get("arguments"),
        )


def label(
    exchange: Exchange,
    what: Entry | str,
    provenance: Provenance,
    *,
    clock_ms: int | None = None,
    arguments: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> Label:
    """The label of a cassette that is recorded now, of an entry of the spec or of a scenario."""
    entry = None if isinstance(what, str) else what
    return Label(
        f"{exchange.name}.{what if entry is None else entry.id}",
        provenance,
        exchange.docs.version,
        exchange.docs.base if entry is None else exchange.url(entry.see),
        (today or date.today()).isoformat(),  # noqa: DTZ011 - the recorder's own day
        generator_version(),
        spec_version(exchange, entry),
        clock_ms,
        arguments,
    )


def generator_version() -> str:
    """That of the installed Specie."""
    try:
        return version("specie")
    except PackageNotFoundError:
        return "unknown"


def example_provenance(exchange: Exchange, entry: Entry) -> Provenance:
    """Whether the example of an entry is the exchange's own, or was written by us where there is none."""
    note = Path(exchange.folder) / "examples" / entry.group / f"{entry.name}.yaml"
    said: Any = yaml.safe_load(note.read_text("utf-8")) if note.is_file() else None
    return ASSUMED if said and "assumed" in said else DOCUMENTED


def spec_version(exchange: Exchange, entry: Entry | None = None) -> str:
    """A fingerprint of what the spec says of an entry (or of all), prose left out: 12 hexadecimal digits."""
    heard: dict[str, Any] = {}
    for path in sorted(Path(exchange.folder).glob("*.yaml")):
        if isinstance(entry, Operation) and path.stem in _TOLD:
            continue  # a call has nothing to do with what is told unasked
        said = dict(_facts(path, path.stat().st_mtime_ns))
        for kind in _ENTRIES if entry is not None else ():
            entries = said.pop(kind, {})
            if entry is not None and path.stem == entry.group and entry.name in entries:
                said[kind] = entries[entry.name]
        heard[path.stem] = said
    text = json.dumps(heard, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@lru_cache(maxsize=64)
def _facts(path: Path, mtime_ns: int) -> dict[str, Any]:
    """A file of a spec, prose left out; read again when it was written again."""
    del mtime_ns
    # Plain text for every scalar: how YAML would read it is the business of the compiler.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return cast("dict[str, Any]", _without_prose(yaml.load(path.read_text("utf-8"), Loader=loader) or {}))  # noqa: S506


def _without_prose(said: Any) -> Any:
    if isinstance(said, dict):
        members = cast("dict[str, Any]", said)
        return {key: _without_prose(one) for key, one in members.items() if key not in _PROSE}
    if isinstance(said, list):
        return [_without_prose(one) for one in cast("Sequence[Any]", said)]
    return said
