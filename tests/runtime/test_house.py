"""What the runtime promises about itself."""

from __future__ import annotations

import ast
from pathlib import Path

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
        for node in ast.walk(tree):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith(
                "_"
            ):
                is_overload = any("overload" in ast.dump(one) for one in node.decorator_list)
                inside = any(
                    node in ast.walk(other)
                    for other in ast.walk(tree)
                    if isinstance(other, ast.FunctionDef) and other is not node
                )
                is_method = any(node in other.body for other in ast.walk(tree) if isinstance(other, ast.ClassDef))
                if not (is_overload or inside or is_method):
                    assert ast.get_docstring(node), f"{module.name}: {node.name}"


def test_no_module_is_named_like_a_public_name() -> None:
    """The submodule would take the place of the name in the package, for whoever imports it first."""
    assert not {module.stem for module in MODULES} & set(specie.runtime.__all__)


def test_nothing_below_the_drivers_blocks_or_awaits() -> None:
    for module in MODULES:
        if module.stem in ("sync", "asyncio", "client"):
            continue
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            assert not isinstance(node, (ast.Await, ast.AsyncFunctionDef)), module.name
            assert not (isinstance(node, ast.Attribute) and node.attr == "sleep"), module.name
