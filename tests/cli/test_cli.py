"""The `specie` command: what it writes, prints and gives back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from specie.cli import main

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "tests" / "compiler" / "golden" / "specs"
EXPECTED = ROOT / "tests" / "compiler" / "golden" / "expected"


COUNTED = "15 operations, 7 streams and 2 webhooks"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a copy of the golden exchange."""
    shutil.copytree(SPECS / "acme", tmp_path / "specs" / "acme")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_generate_writes_and_then_has_nothing_to_change(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "+ acme/orders.py" in said
    state = f"9 files of {COUNTED} in generated/specie"
    assert said[-1] == f"{state}: written"
    for path in (here / "generated").rglob("*"):
        os.utime(path, ns=(1, 1))
    assert main(["generate"]) == 0
    assert capsys.readouterr().out == f"{state}: nothing to change\n"
    assert {path.stat().st_mtime_ns for path in (here / "generated").rglob("*")} == {1}


def test_check_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--check"]) == 1
    said = capsys.readouterr()
    assert "+ acme/orders.py" in said.out
    assert "not what the specs say; run specie generate" in said.err
    assert not (here / "generated").exists()
    assert main(["generate"]) == 0
    assert main(["generate", "--check"]) == 0
    (here / "generated" / "specie" / "acme" / "orders.py").write_text("")
    assert main(["generate", "--check"]) == 1
    assert "~ acme/orders.py" in capsys.readouterr().out


def test_a_group_that_is_gone_goes_from_the_client(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate"]) == 0
    (here / "specs" / "acme" / "streams.yaml").unlink()
    assert main(["generate"]) == 0
    assert "- acme/streams.py" in capsys.readouterr().out
    assert not (here / "generated" / "specie" / "acme" / "streams.py").exists()


def test_a_foreign_file_stops_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = here / "generated" / "specie" / "acme" / "orders.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert main(["generate"]) == 1
    assert "orders.py was not written by Specie; move it away, or choose another --out" in capsys.readouterr().err
    assert [path.name for path in mine.parent.iterdir()] == ["orders.py"]


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_the_same_bytes_under_any_hash_seed(seed: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "specie.cli", "generate", "--specs", str(SPECS), "--out", ".", "--package", "made"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in (tmp_path / "made" / "acme").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (EXPECTED / "acme").iterdir() if path.is_file()}


def test_into_a_package_of_ones_own(here: Path) -> None:
    package = here / "src" / "mybot"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    assert main(["generate", "--out", "src", "--package", "mybot.exchanges"]) == 0
    script = "from mybot.exchanges.acme import Acme, Side; print(Acme().market, Side.BUY)"
    done = subprocess.run([sys.executable, "-c", script], cwd=here / "src", capture_output=True, text=True, check=False)
    assert done.stdout == "<Market of <Acme acme, Credentials(api_key=None, api_secret=None, identity=None)>> buy\n"


def test_templates_of_ones_own_come_first(here: Path) -> None:
    folder = here / "templates" / "[exchange]"
    folder.mkdir(parents=True)
    (folder / "types.py.jinja").write_text("")
    (folder / "operations.txt.jinja").write_text(
        "{% for group in exchange.groups %}\n{% for one in group.operations %}\n{{ one.id }}\n{% endfor %}\n{% endfor %}"
    )
    (folder / "py.typed.jinja").write_text("partial\n")
    assert main(["generate", "--templates", "templates"]) == 0
    made = here / "generated" / "specie" / "acme"
    assert (made / "operations.txt").read_text().splitlines()[:2] == ["market.ticker", "market.tickers"]
    assert (made / "py.typed").read_text() == "partial\n"
    assert (made / "orders.py").read_bytes() == (EXPECTED / "acme" / "orders.py").read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("[exchange]/x.txt.jinja", "{{ nothing }}", "template [exchange]/x.txt.jinja: 'nothing' is undefined"),
        ("[exchange]/x.txt.jinja", "a\n{% if %}", "x.txt.jinja:2: Expected an expression"),
        ("readme.md.jinja", "", "template readme.md.jinja lies outside of [exchange]/, where nothing is written"),
        ("[exchange]/[group].py.jinja", "{{ module.imports('1 +') }}", "prints what is no Python: invalid syntax"),
    ],
)
def test_a_wrong_template(here: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str) -> None:
    path = here / "templates" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert main(["generate", "--templates", "templates"]) == 1
    assert said in capsys.readouterr().err
    assert not (here / "generated").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["generate", "--specs", "spec"], 1, "there is no folder spec; did you mean 'specs'?"),
        (["generate", "--specs", "nowhere"], 1, "there is no folder nowhere"),
        (
            ["generate", "--specs", "specs/acme"],
            1,
            "specs/acme is one exchange; say the folder above it: --specs specs acme",
        ),
        (["generate", "--specs", "."], 1, "no specs in .: there is no ./<exchange>/exchange.yaml"),
        (["generate", "acmee"], 1, "no exchange 'acmee' in specs; did you mean 'acme'?"),
        (["lint", "x"], 1, "no exchange 'x' in specs; known are acme"),
        (["generate", "--package", "my-bot"], 2, "--package my-bot: not the name of a package"),
        (["generate", "--package", "a.class"], 2, "--package a.class: not the name of a package"),
        (["generate", "--templates", "t"], 2, "--templates t: no such folder"),
        (["generate", "--out", "file"], 1, "file was not written by Specie; move it away, or choose another --out"),
    ],
    ids=str,
)
def test_what_cannot_be(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    (here / "file").write_text("mine")
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", said)


@pytest.mark.parametrize("arguments", [[], ["make"], ["generate", "--nothing"]], ids=" ".join)
def test_a_wrong_command(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_lint(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "specs" / "acme" / "extra.yaml").write_text(
        textwrap.dedent("""\
            doc: More.
            endpoints:
              more:
                get: /more
                doc: More of it.
                see: more
                query: {symbol: str, side: Side}
                returns: json
              drop:
                delete: /more
                doc: Drop it.
                see: more
                effect: cancel
                returns: nothing
            """)
    )
    assert main(["lint"]) == 0
    said = capsys.readouterr().out.splitlines()
    place = "specs/acme/extra.yaml:7:13"
    assert f"{place} A001 'symbol' has no example, so nothing can call extra.more by itself" in said
    assert "A001 'side'" not in "".join(said)
    missing = "specs/acme/examples/extra/more.json"
    assert f"specs/acme/extra.yaml:3:3 A002 extra.more has no example reply: {missing}" in said
    why = "says neither how its outcome can be found out nor that it cannot: reconcile: {none: …}"
    assert f"specs/acme/extra.yaml:9:3 A003 extra.drop {why}" in said
    assert said[-1].startswith("17 operations, 7 streams and 2 webhooks of 1 exchange: nothing wrong, ")
    messages = "specs/acme/examples/streams/notices.json"
    assert any(line.endswith(f"A002 streams.notices has no example messages: {messages}") for line in said)


def test_lint_of_streams(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    streams = here / "specs" / "acme" / "streams.yaml"
    text = streams.read_text().replace(
        "connections:\n", "connections:\n  idle: {doc: Nothing comes over it., server: stream}\n", 1
    )
    streams.write_text(
        text.replace("span?: {type: str, length: 1..5, example: 1m}", "span: {type: str}", 1).replace(
            "[:{span}]", ":{span}", 1
        )
    )
    assert main(["lint"]) == 0
    said = "".join(capsys.readouterr().out)
    assert "A004 no stream comes over 'idle'" in said
    assert "A001 'span' has no example, so nothing can listen to streams.trades by itself" in said


def test_list(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["OPERATION", "CALL", "AUTH", "EFFECT", "LIMIT", "ASSUMED", "CONFLICTS"]
    assert said[-1] == COUNTED
    shown = {line.split()[0]: line.split()[1:5] for line in said if line.startswith(("acme.streams", "acme.webhooks"))}
    assert shown["acme.streams.order_book"] == ["{symbol}.book[.{depth}]", "-", "stream", "-"]
    assert shown["acme.streams.notices"] == ["user", "trade/admin", "stream", "-"]
    assert shown["acme.webhooks.withdrawal"][:3] == ["after", "orders.edit", "-"]
    create = next(line.split() for line in said if line.startswith("acme.orders.create "))
    assert create[:5] == ["acme.orders.create", "POST", "/orders/{pair}", "trade", "create"]


def test_list_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "acme", "--json"]) == 0
    rows = {f"{row['group']}.{row['name']}": row for row in json.loads(capsys.readouterr().out)}
    assert Counter(row["kind"] for row in rows.values()) == {"operation": 15, "stream": 7, "webhook": 2}
    book = rows["streams.order_book"]
    assert {key: book[key] for key in ("connection", "transport", "server", "channel", "auth", "book", "resync")} == {
        "connection": "market", "transport": "websocket", "server": "stream", "channel": "{symbol}.book[.{depth}]",
        "auth": False, "book": "deltas", "resync": None,
    }  # fmt: skip
    # Its own caveats, those of its parameters and of its connection, and those of what the connection has.
    wanted = {
        "parameter depth: Any other is refused.",
        "connection market: Pings are answered.",
        "option version: Two is the last.",
    }
    assert {"Nothing is lost within a connection."} | wanted <= set(book["assumed"])
    assert "refusal 200: Seen once." in rows["streams.ticker"]["assumed"]
    assert rows["webhooks.withdrawal"]["of"] == "orders.edit"
    assert {"It comes within a day.", "signature: Names are sorted by their bytes."} <= set(
        rows["webhooks.withdrawal"]["assumed"]
    )
    ticker = rows["market.ticker"]
    assert ticker["spec"].startswith("specs/acme/market.yaml:")
    assert {key: ticker[key] for key in ("method", "path", "auth", "effect", "limits", "pages", "page", "server")} == {
        "method": "GET", "path": "/ticker/{pair}", "auth": False, "effect": "read",
        "limits": ["10/s per endpoint", "3000/h per ip", "600/min per ip", "9000/10s per ip in points"], "pages": None, "server": "rest",
        "page": "https://docs.acme.example/market#ticker",
    }  # fmt: skip
    # Its own caveats, those of its parameters, and those of all types that it gives.
    assert {"It is not cached.", "Ticker: All of them come at once."} <= set(ticker["assumed"])
    assert {"Status.HALTED: Also called closed.", "Trade: Its time is in seconds in one sample."} <= set(
        ticker["conflicts"]
    )
    assert "parameter symbols: In any order." in rows["market.tickers"]["assumed"]
    assert rows["orders.cancel"]["permissions"] == ["trade", "admin"]
    assert rows["orders.history"]["pages"] == "cursor"


def test_list_into_a_closed_pipe(here: Path) -> None:
    command = f"{sys.executable} -m specie.cli list | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[0].startswith("OPERATION")
    assert (done.stdout.splitlines()[1], done.stderr) == ("0", "")
