"""The golden exchange: where its spec and its golden files are, and how it is compiled and imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from specie.compiler import compile_specs
from specie.compiler.render import render

GOLDEN = Path(__file__).parent / "golden"
SPECS = GOLDEN / "specs"


def rendered(specs: Path = SPECS) -> dict[str, str]:
    """What the specs make, as `render` gives it."""
    return render(compile_specs(specs))


@contextmanager
def imported(root: Path, package: str) -> Generator[ModuleType]:
    """A generated package, imported from `root` and forgotten afterwards."""
    sys.path.insert(0, str(root))
    try:
        yield importlib.import_module(package)
    finally:
        sys.path.remove(str(root))
        top = package.partition(".")[0]
        for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
            del sys.modules[name]
        importlib.invalidate_caches()
