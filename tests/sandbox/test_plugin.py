"""The fixture that users get by installing Specie."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

from specie.sandbox import pytest_plugin

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest
from specie.bitopro import BitoPro
from specie.runtime import OutcomeUnknown

served = []

def test_a_bot(specie_sandbox):
    sandbox = specie_sandbox("bitopro", seed=7)
    other = specie_sandbox("bitopro", seed=7, faults=["timeout"])
    served.extend([sandbox, other])
    with BitoPro(**sandbox.client_options) as bitopro:
        sandbox.fault("accept-then-reset on orders.create")
        with pytest.raises(OutcomeUnknown):
            bitopro.orders.create("btc_twd", action="BUY", type="LIMIT", amount="0.001", price="100000")
        assert len(bitopro.orders.open()) == 1

def test_all_are_closed():
    for sandbox in served:
        with pytest.raises(Exception), BitoPro(**sandbox.client_options) as bitopro:
            bitopro.market.tickers()
"""


def test_it_works_in_the_tests_of_others(tmp_path: Path) -> None:
    (tmp_path / "test_bot.py").write_text(TESTS)
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        pytest_plugin.__name__,
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_it_is_announced_to_pytest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (entry,) = project["entry-points"]["pytest11"].items()
    assert EntryPoint(*entry, "pytest11").load() is pytest_plugin


def test_it_imports_nothing_until_it_is_used() -> None:
    """Every session of everyone who has Specie loads it."""
    heavy = {"aiohttp", "yaml", "requests", "msgspec", "specie.compiler", "specie.runtime", "specie.sandbox.server"}
    command = f"import sys, specie.sandbox.pytest_plugin; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
