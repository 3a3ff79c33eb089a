"""Each wrong spec beside its exact complaint: `wrong/<case>.yaml` and `wrong/<case>.txt`.

A case is the file `market.yaml` of an otherwise right exchange, or several files, each after a line `#: NAME`. Run with
SPECIE_UPDATE_GOLDEN=1 to write what is complained of now, and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from specie.cli import main

HERE = Path(__file__).parent
CASES = sorted((HERE / "wrong").glob("*.yaml"))
COMPILER = HERE.parents[1] / "generator" / "specie" / "compiler"
EXCHANGE = """\
title: Acme
doc: A spot exchange in Utopia.
servers: {rest: https://api.acme.example/v1}
docs: {base: https://docs.acme.example/}
"""


def files_of(case: Path) -> dict[str, str]:
    text = case.read_text(encoding="utf-8")
    _, *parts = (
        re.split(r"^#: ?(.*)\n", text, flags=re.MULTILINE) if text.startswith("#:") else ("", "market.yaml", text)
    )
    files = {name: part for name, part in zip(parts[::2], parts[1::2], strict=True) if name}
    # A case without an exchange says so by a last, nameless file.
    return files if "" in parts[::2] else {"exchange.yaml": EXCHANGE, **files}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_complaint(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "specs" / "acme"
    folder.mkdir(parents=True)
    for name, text in files_of(case).items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    status = main(["generate"])

    said = capsys.readouterr()
    assert (status, said.out) == (1, "")
    assert not (tmp_path / "generated").exists()
    expected = case.with_suffix(".txt")
    if os.environ.get("SPECIE_UPDATE_GOLDEN"):
        expected.write_text(said.err, encoding="utf-8")
    assert said.err == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_complaints_stand_in_order_of_place_and_each_once(case: Path) -> None:
    said = re.findall(
        r"^(\S+):(\d+):(\d+) (E\d+) (.*)$", case.with_suffix(".txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    places = [(file, int(line), int(column)) for file, line, column, _, _ in said]
    assert places == sorted(places)
    assert len(set(said)) == len(said) > 0


def test_every_code_has_a_case() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in COMPILER.glob("*.py"))
    seen = "".join(case.with_suffix(".txt").read_text(encoding="utf-8") for case in CASES)
    assert set(re.findall(r'"(E\d{3})"', source)) == set(re.findall(r" (E\d{3}) ", seen))


@pytest.mark.parametrize("case", [case for case in CASES if case.stem[0] == "e"], ids=lambda case: case.stem)
def test_a_case_is_called_after_its_code(case: Path) -> None:
    assert f" {case.stem[:4].upper()} " in case.with_suffix(".txt").read_text(encoding="utf-8")
