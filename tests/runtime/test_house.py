"""What the runtime promises about itself."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import specie.runtime

FOLDER = Path(specie.runtime.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))


def test_it_knows_no_exchange() -> None:
    specs = FOLDER.parents[2] / "specs"
    exchanges = [folder.name for folder in specs.iterdir() if folder.is_dir()] if specs.exists() else ["bitopro"]
    for module in MODULES:
        text = module.read_text("utf-8").lower()
        assert not [name for name in exchanges if name in text], module.name


def test_it_imports_neither_the_compiler_nor_an_exchange() -> None:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not (node.module or "").startswith("specie"), module.name
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                raise AssertionError(f"{module.name} looks outside the runtime")


def test_every_public_name_is_documented_and_there() -> None:
    for name in specie.runtime.__all__:
        assert hasattr(specie.runtime, name)
    for module in MODULES:
        tree = ast.parse(module.read_text("utf-8"))
        assert ast.get_docstring(tree), module.name
        for node in tree.body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith(
                "_"
            ):
                is_overload = any("overload" in ast.dump(one) for one in node.decorator_list)
                assert is_overload or ast.get_docstring(node), f"{module.name}: {node.name}"


def test_no_module_is_named_like_a_public_name() -> None:
    """The submodule would take the place of the name in the package, for whoever imports it first."""
    assert not {module.stem for module in MODULES} & set(specie.runtime.__all__)


def test_nothing_below_the_drivers_blocks_or_awaits() -> None:
    for module in MODULES:
        if module.stem in ("sync", "asyncio", "client", "turnstile", "file_nonces"):
            continue
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            assert not isinstance(node, (ast.Await, ast.AsyncFunctionDef)), module.name
            assert not (isinstance(node, ast.Attribute) and node.attr == "sleep"), module.name


HEAVY = [
    "aiohttp",
    "asyncio",
    "attr",
    "attrs",
    "email",
    "hashlib",
    "http.client",
    "inspect",
    "logging",
    "msgspec",
    "opentelemetry",
    "random",
    "redis",
    "requests",
    "socketio",
    "sqlite3",
    "ssl",
    "urllib3",
    "websockets",
]
"""What costs milliseconds or megabytes to import, and is not needed before a call is made, or at all."""


def loaded_by(code: str) -> set[str]:
    """Which of the heavy modules a fresh interpreter has after some code."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    command = f"{code}\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


EXCHANGE = 'Exchange(name="acme", title="Acme", environment="ACME", servers={"rest": "https://api.acme.example"})'


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import specie.runtime", set[str]()),
        (f"from specie.runtime import Client, Exchange; Client({EXCHANGE})", set[str]()),
        (f"from specie.runtime import AsyncClient, Exchange; AsyncClient({EXCHANGE})", {"asyncio"}),
    ],
)
def test_importing_it_and_making_a_client_loads_nothing_heavy(code: str, needed: set[str]) -> None:
    found = loaded_by(code)
    if "asyncio" in needed:
        found -= {"logging", "ssl", "inspect", "hashlib", "random"}  # which asyncio imports by itself
    assert found == needed
