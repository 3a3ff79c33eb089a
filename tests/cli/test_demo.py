"""`specie demo`, as it looks where there is no terminal."""

from __future__ import annotations

import re

import pytest
from support.following import nothing_left

from specie.cli import main
from specie.cli.demo import streaming

pytest.importorskip("aiohttp")


def test_everything_in_it_goes_as_it_should(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_WATCHED_S", 0.2)
    with nothing_left():
        code = main(["demo"])
    said, warned = capsys.readouterr()
    assert code == 0, said
    assert warned == ""
    assert not re.search(r"[^\x20-\x7e\n✓]", said), "it is plain text"
    rows = re.findall(r"^  ([✓✗]) ", said, re.MULTILINE)
    assert set(rows) == {"✓"}
    assert f"{len(rows)} of {len(rows)} as they should be" in said
    assert said.count("OutcomeUnknown, sent once; 1 order is there") == 4


def test_streams_are_cut_and_nothing_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_WATCHED_S", 0.5)
    with streaming.Sandbox(limits=False) as sandbox, nothing_left():
        table = streaming.Table(sandbox)
        streaming.stream(table, sandbox)
    said = capsys.readouterr().out
    assert table.good == table.rows == 3, said
    for exchange in ("BitoPro", "Bibox"):
        assert re.search(rf"\d s  {exchange} +book +\d", said), said
        assert re.search(rf"{exchange} +Reconnecting +in \d", said), said
        assert re.search(rf"{exchange} +Connected +'\w+' again", said), said
    assert re.search(r"BitoPro +Resynced +asked REST .* it was [1-9]", said), said
    assert re.search(r"BitoPro +your fill +.* by stream", said), said
    assert re.search(r"BitoPro +your fill +.* by REST", said), said
    assert re.search(r"Bibox +book +cannot be read: the connection was lost", said), said


def test_a_fill_that_is_not_told_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    class Orders:
        def trades(self, pair: str, *, order_id: str) -> list[str]:
            return ["one", "two"]

    class Client:
        orders = Orders()

    with streaming.Sandbox("bibox", limits=False) as sandbox:
        table = streaming.Table(sandbox)
        for told in (2, 1, 3):
            table.row("fills", lambda told=told: streaming._fills(Client(), "7", {"7": told}))
    assert (table.good, table.rows) == (1, 3)
    assert capsys.readouterr().out.count("✗") == 2
