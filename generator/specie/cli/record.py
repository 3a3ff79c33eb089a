"""`specie record` and `specie cassettes`.

In a checkout of Specie, what is recorded from the sandbox are the scenarios that stand in the tests, which judge the
replies as well. Elsewhere, and from the exchange itself, each operation is called once, with the examples of its spec.
Transcripts of streams and webhooks are made of the documented messages, anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, cast

from specie.compiler import compile_specs, default_specs
from specie.compiler.model import Exchange

_SCENARIOS = ("trading_day", "session")


def record_verb(options: argparse.Namespace) -> int:
    """`specie record`."""
    try:
        import vcr  # noqa: F401 # pyright: ignore[reportUnusedImport, reportMissingTypeStubs]

        from specie.cassettes import RecordingRefused
        from specie.cassettes.documented import write
        from specie.cassettes.recorder import Live, record
    except ModuleNotFoundError as error:
        print(f"specie record needs {error.name}: pip install 'specie[record]'", file=sys.stderr)
        return 1
    specs = options.specs if options.specs is not None else default_specs()
    (exchange,) = compile_specs(specs, [options.exchange])
    said = _said(options.given)
    if not options.live and (options.base_url or options.allow_trading or options.scrub_balances):
        print("--base-url, --allow-trading and --scrub-balances go with --live", file=sys.stderr)
        return 2
    checkout = Path(specs).resolve().parent
    in_tests = (checkout / "tests" / "support" / "replay.py").is_file() and (checkout / "generator" / "specie").is_dir()
    try:
        if in_tests and not options.live and options.out is None and not said:
            return _scenarios(checkout, exchange, options.operations)
        live = (
            Live(
                base_url=_base_urls(options.base_url),
                allow_trading=options.allow_trading,
                balances=options.scrub_balances,
            )
            if options.live
            else None
        )
        out = options.out if options.out is not None else Path("cassettes")
        entries = _unasked(exchange, options.operations, given=bool(live or said))
        names = _asked(exchange, options.operations)
        calls = names or not options.operations
        recorded = record(exchange, names, out=out, live=live, said=said, package=options.package) if calls else ()
        transcripts = (write(exchange, one, out=out, package=options.package) for one in entries)
        failed = total = 0
        for one in chain(recorded, transcripts):
            total += 1
            failed += bool(one.failure)
            print(f"{one.outcome or 'FAILED':<10} {one.operation}: {one.failure or f'{one.path} ({one.provenance})'}")
    except RecordingRefused as refused:
        print(f"specie record: refused: {refused}", file=sys.stderr)
        return 1
    print(f"{total - failed} of {total} {'entries' if entries else 'operations'} recorded")
    return 1 if failed else 0


def _unasked(exchange: Exchange, names: Sequence[str], *, given: bool) -> list[Any]:
    """The streams and webhooks among what is to be recorded; they are made of documented messages, and of no others."""
    from specie.cassettes import RecordingRefused
    from specie.cassettes.documented import told

    entries = told(exchange, names)
    if given and names and entries:
        raise RecordingRefused(f"{entries[0].id} is made of documented messages: no arguments and no --live go with it")
    return [] if given else entries


def _asked(exchange: Exchange, names: Sequence[str]) -> list[str]:
    """The names that are left for operations."""
    from specie.cassettes.documented import told

    return [name for name in names if not told(exchange, [name])]


def _said(given: Sequence[str]) -> dict[str, Any]:
    pairs = [one.partition("=") for one in given]
    return {name: value for name, _, value in pairs}


def _base_urls(given: Sequence[str]) -> dict[str, str]:
    """`URL` stands for the server `rest`, `NAME=URL` for another."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, url = one.partition("=")
        found |= {name: url} if equals and "/" not in name else {"rest": one}
    return found


def _scenarios(root: Path, exchange: Exchange, names: Sequence[str]) -> int:
    """Have the tests record: they make the calls, and a cassette is written where they are content."""
    from specie.cassettes import RecordingRefused
    from specie.cassettes.documented import told, write
    from specie.cassettes.recorder import chosen

    scenarios = [name for name in names if name in _SCENARIOS]
    groups = [name for name in _asked(exchange, names) if name not in _SCENARIOS]
    entries = told(exchange, names)
    tests = root / "tests" / exchange.name
    nodes: list[str] = []
    if groups or not names:
        nodes += [f"{tests}/test_{one.group}.py::test_{one.name}" for one in chosen(exchange, groups)]
    for name in scenarios if names else _SCENARIOS:
        path = tests / f"test_{name}.py"
        if path.is_file():
            nodes.append(str(path))
        elif names:
            raise RecordingRefused(f"there is no scenario {path}")
    folder = root / "cassettes"
    before = _bytes(folder / exchange.name)
    for entry in entries:
        write(exchange, entry, out=folder)
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:xdist", "-p", "no:cacheprovider", *nodes]
    failed = False
    if nodes:
        done = subprocess.run(command, cwd=root, env={**os.environ, "SPECIE_RECORD": "1"}, check=False)  # noqa: S603
        failed = done.returncode != 0
    after = _bytes(folder / exchange.name)
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            print(f"{'changed' if path in before else 'new':<10} {path.relative_to(root)}")
    changed = sum(before.get(path) != after.get(path) for path in after)
    print(f"{len(nodes) + len(entries)} scenarios, {changed} cassettes changed")
    return 1 if failed else 0


def _bytes(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.yaml")}


def cassettes_verb(options: argparse.Namespace) -> int:
    """`specie cassettes`."""
    from specie.cassettes.shelf import Found, shelf

    today = date.today()  # noqa: DTZ011 - the reader's own day
    found = list(shelf(options.folder, compile_specs(options.specs, options.exchanges)))

    def row(one: Found) -> Mapping[str, Any]:
        shown = one.path.relative_to(options.folder).as_posix()
        if one.label is None:
            return {"cassette": shown, "provenance": "unknown", "wrong": one.wrong}
        return {
            "cassette": shown,
            "provenance": one.label.provenance,
            "recorded": one.label.recorded,
            "age_days": one.age_days(today),
            "calls": one.calls,
            "docs": one.label.docs,
            "generator": one.label.generator,
            "spec": one.spec,
        }

    rows = [row(one) for one in found]
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        print(_table(rows))
    return 1 if any(one.label is None for one in found) else 0


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = ("CASSETTE", "PROVENANCE", "RECORDED", "AGE", "CALLS", "DOCS", "SPECIE", "SPEC")
    names = ("cassette", "provenance", "recorded", "age_days", "calls", "docs", "generator", "spec")
    cells = [heads]
    for row in rows:
        shown = {**row, "age_days": _age(row.get("age_days")), "spec": row.get("wrong", row.get("spec", ""))}
        cells.append(cast("Any", tuple(str(shown.get(name, "-")) for name in names)))
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["provenance"]] = counts.get(row["provenance"], 0) + 1
    said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return "\n".join([*lines, "", f"{len(rows)} cassettes{f': {said}' if said else ''}"])


def _age(days: int | None) -> str:
    if days is None:
        return "-"
    return "today" if days <= 0 else f"{days} day{'' if days == 1 else 's'}"
