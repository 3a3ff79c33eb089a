"""What the README and the pages below docs/ show is run as it stands there, in the sandbox.

The Python blocks of a page are run in their order, as one program. A comment before a block says what the test needs to
know and the reader need not see: `<!-- run: FAULT -->` sets a fault of the sandbox, `<!-- raises: ERROR -->` that the
block must end in that error, `<!-- not run: why -->` that it is only compiled. Constructors with `…` for credentials are
given an account of the sandbox.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from specie import runtime
from specie.bibox import AsyncBibox, Bibox
from specie.bitexbit import Bitexbit
from specie.bitok import Bitok
from specie.bitopro import BitoPro
from specie.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class Block(NamedTuple):
    line: int
    code: str
    faults: list[str]
    raises: str
    compiled_only: bool


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"((?:<!-- [^\n]* -->\n)*)```python\n(.*?)```", text, re.DOTALL):
        said = dict(re.findall(r"<!-- (run|raises|not run): ?([^\n]*?) ?-->", found[1]))
        faults = [one.strip() for one in said.get("run", "").split(";") if one.strip()]
        line = text.count("\n", 0, found.start(2)) + 1
        yield Block(line, found[2], faults, said.get("raises", ""), "not run" in said)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as served:
        yield served


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = {name: sandbox.client_options_of(name) for name in ("bitopro", "bibox", "bitexbit", "bitok")}
    for name, said in options.items():
        for key in ("api_key", "api_secret", "identity"):
            if key in said:
                monkeypatch.setenv(f"{name.upper()}_{key.upper()}", said[key])
    monkeypatch.setattr(AsyncBibox, "from_env", classmethod(lambda cls: cls(**options["bibox"])))
    with (
        BitoPro(**options["bitopro"], timeout=runtime.Timeout(connect=2, read=1, total=20)) as bitopro,
        Bibox(**options["bibox"]) as bibox,
        Bitexbit(**options["bitexbit"]) as bitexbit,
        Bitok(**options["bitok"]) as bitok,
    ):
        given: dict[str, Any] = {
            "bitopro": bitopro,
            "bibox": bibox,
            "bitexbit": bitexbit,
            "bitok": bitok,
            "account": options["bitopro"],
            "OPTIONS": options,
            "AsyncBibox": AsyncBibox,
            "OutcomeUnknown": runtime.OutcomeUnknown,
        }
        program: dict[str, Any] = {}
        ran = 0
        for block in blocks(page):
            source = re.sub(
                r'\b(BitoPro|Bibox|Bitexbit|Bitok)\(api_key="…"[^)]*\)',
                lambda made: f"{made[1]}(**OPTIONS[{made[1].lower()!r}])",
                block.code,
            )
            code = compile("\n" * (block.line - 1) + source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if block.compiled_only:
                continue
            for fault in block.faults:
                sandbox.fault(fault)
            program |= given  # open clients, whatever the block before did with its own
            if block.raises:
                with pytest.raises(getattr(runtime, block.raises)):
                    run(code, program)
            else:
                run(code, program)
            ran += 1
        assert ran, f"{page.name} shows no example"


def run(code: Any, program: dict[str, Any]) -> None:
    found = eval(code, program)
    if inspect.iscoroutine(found):
        asyncio.run(found)
