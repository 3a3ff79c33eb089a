"""The specs of this repository: an endpoint added to one of them, what generating costs, and how long the output is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from support.calls import declared

from specie.cli import main
from specie.compiler import compile_specs, grammar, stream_grammar
from specie.compiler.render import render

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
LINES_PER_OPERATION = 120


def test_an_endpoint_with_a_new_type_is_typed_with_no_other_file_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SPECS / "bibox", tmp_path / "specs" / "bibox")
    market = tmp_path / "specs" / "bibox" / "market.yaml"
    text = market.read_text(encoding="utf-8")
    made_up = {
        "types:\n": """\
              Season: {doc: A part of the year., enum: [summer, winter]}
              Forecast:
                doc: What a price may become.
                fields: {price: decimal, season?: Season, until: millis}
            """,
        "endpoints:\n": """\
              forecast:
                get: /v4/marketdata/forecast
                doc: What the price of a pair may become.
                see: "#forecast"
                query: {symbol: Pair, season?: Season}
                returns: [Forecast]
            """,
    }
    for heading, added in made_up.items():
        assert text.count(heading) == 1
        text = text.replace(heading, heading + textwrap.indent(textwrap.dedent(added), "  "))
    market.write_text(text, encoding="utf-8")
    assert main(["generate", "--specs", str(tmp_path / "specs"), "--out", str(tmp_path), "--package", "mine"]) == 0
    (tmp_path / "user.py").write_text(
        textwrap.dedent("""\
            from datetime import datetime
            from decimal import Decimal

            from mine.bibox import AsyncBibox, Bibox, Forecast, Season

            with Bibox() as bibox:
                forecasts: list[Forecast] = bibox.market.forecast("BTC_USDT", season=Season.SUMMER)
                price: Decimal = forecasts[0].price
                until: datetime = forecasts[0].until_utc
                season: Season | None = forecasts[0].season
                bibox.market.forecast("BTC_USDT", seasn=Season.SUMMER)  # a slip
                bibox.market.forecast("BTC_USDT", season="summer")  # another


            async def main() -> list[Forecast]:
                async with AsyncBibox.from_env(timeout=3) as client:
                    return await client.market.forecast("BTC_USDT")
            """)
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--namespace-packages", "--explicit-package-bases"]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join([str(ROOT / "generator"), str(tmp_path)])}
    done = subprocess.run(
        [*command, "--cache-dir", os.devnull, "--no-error-summary", "user.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line.split(": ", 1) for line in done.stdout.splitlines() if ": error: " in line]
    assert [place for place, _ in said] == ["user.py:11", "user.py:12"], done.stdout + done.stderr
    assert "seasn" in said[0][1]
    assert '"season"' in said[1][1]


def test_the_smallest_exchange_of_the_readme_compiles(tmp_path: Path) -> None:
    readme = (SPECS / "README.md").read_text(encoding="utf-8")
    blocks = blocks_of(readme)
    assert list(blocks) == [f"acme/{name}.yaml" for name in ("exchange", "market", "streams", "webhooks")]
    (tmp_path / "acme").mkdir()
    for path in ("acme/exchange.yaml", "acme/market.yaml"):
        (tmp_path / path).write_text(blocks[path], encoding="utf-8")
    (exchange,) = compile_specs(tmp_path)
    assert [operation.id for operation in exchange.operations] == ["market.ticker"]


def blocks_of(readme: str) -> dict[str, str]:
    """The files that a page shows whole."""
    return dict(re.findall(r"^```yaml\n# specs/(acme/\w+\.yaml)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL))


def test_streams_and_webhooks_of_the_readme_compile(tmp_path: Path) -> None:
    blocks = blocks_of((SPECS / "README.md").read_text(encoding="utf-8"))
    files = {
        "exchange": """\
            title: Acme
            doc: A spot exchange in Utopia.
            servers: {rest: https://api.acme.example, stream: wss://stream.acme.example}
            docs: {base: https://docs.acme.example/}
            auth: {doc: A key., credentials: {api_key: Sent., api_secret: Signs.}, headers: {KEY: api_key}}
            types:
              Pair: {scalar: str, example: BTC_USD}
              Level: {fields: {price: decimal, quantity: decimal}}
              OrderBook: {fields: {bids: [Level], asks: [Level], update_id: id}}
            """,
        "wallet": """\
            doc: Coins and vouchers.
            endpoints:
              withdraw: {post: /withdraw, doc: Send coins., see: page, effect: transfer, returns: json}
            """,
        "streams": blocks["acme/streams.yaml"],
        "webhooks": blocks["acme/webhooks.yaml"]
        .replace("  vectors: […]\n", "")
        .replace(
            "types: {…}\n",
            "types:\n"
            + "".join(
                f"  {name}: {{fields: {{id: id}}}}\n"
                for name in ("WithdrawalPaid", "WithdrawalRefused", "VoucherPaid", "VoucherRefused", "RequestRefused")
            ),
        ),
    }
    (tmp_path / "acme").mkdir()
    for name, text in files.items():
        (tmp_path / "acme" / f"{name}.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    (exchange,) = compile_specs(tmp_path)
    assert [stream.id for stream in exchange.streams] == ["streams.order_book"]
    assert [webhook.id for webhook in exchange.webhooks] == ["webhooks.withdrawal", "webhooks.voucher"]
    render([exchange])


def test_every_key_of_the_grammar_is_in_the_readme() -> None:
    readme = (SPECS / "README.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z_]+\??", readme))
    records = [*records_of(grammar.GROUP_FILE), *records_of(grammar.EXCHANGE_FILE)]
    records += [record for shape in stream_grammar.FILES.values() for record in records_of(shape)]
    assert {key for record in records for key in record.keys} - words == set()


def records_of(shape: grammar.Shape | None) -> list[grammar.Record]:
    """Every mapping with known keys that may stand somewhere in a shape."""
    match shape:
        case grammar.Record():
            return [shape, *(record for inner in shape.keys.values() for record in records_of(inner))]
        case grammar.Names():
            return records_of(shape.value)
        case grammar.Many():
            return records_of(shape.item)
        case grammar.Either():
            inner = (shape.scalar, shape.sequence, shape.mapping, shape.records)
            return [record for one in inner for record in records_of(one)]
        case _:
            return []


def test_the_output_is_short() -> None:
    exchanges = compile_specs(SPECS)
    lines = sum(text.count("\n") for text in render(exchanges).values())
    assert lines / sum(map(declared, exchanges)) <= LINES_PER_OPERATION


def test_no_exchange_is_named_outside_of_its_spec() -> None:
    names = {word for exchange in compile_specs(SPECS) for word in (exchange.name, exchange.title)}
    for folder in ("compiler", "cli"):
        for path in (ROOT / "generator" / "specie" / folder).rglob("*"):
            if path.suffix in (".py", ".jinja") and path.parent.name != "demo":
                text = path.read_text(encoding="utf-8")
                assert not [name for name in names if name in text], path


def _calls(folder: Path, endpoints: int) -> Counter[str]:
    """How often each function runs for an exchange of so many endpoints."""
    acme = folder / str(endpoints) / "acme"
    acme.mkdir(parents=True)
    (acme / "exchange.yaml").write_text(
        "title: Acme\ndoc: A.\nservers: {rest: https://a.example}\ndocs: {base: https://a.example/}\n"
    )
    lines = ["doc: Prices.", "types:"]
    lines += [f"  Type{number}: {{fields: {{price: decimal, time: millis}}}}" for number in range(endpoints)]
    lines += ["endpoints:"]
    for number in range(endpoints):
        lines += [f"  call_{number}:", f"    get: /call/{number}", "    doc: A call.", "    see: page"]
        lines += ["    query: {symbol: {type: str, example: a}}", f"    returns: [Type{number}]"]
    (acme / "market.yaml").write_text("\n".join(lines) + "\n")
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and "specie" in frame.f_code.co_filename:
            counted[f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_qualname}"] += 1

    sys.setprofile(count)
    try:
        render(compile_specs(acme.parent))
    finally:
        sys.setprofile(None)
    return counted


def test_work_grows_no_faster_than_the_number_of_operations(tmp_path: Path) -> None:
    few, many = _calls(tmp_path, 20), _calls(tmp_path, 40)
    faster = {name: (few[name], many[name]) for name in many if many[name] > 2.2 * few[name] + 10}
    assert not faster
