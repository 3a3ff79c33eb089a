"""Files to checked YAML: which files make an exchange, read and held against the grammar."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence as Several
from pathlib import Path

from . import grammar, source, stream_grammar
from .diagnostics import Complaints, Place, suggest
from .model import Exchange
from .resolve import resolve
from .source import Mapping

# Modules that stand beside the exchanges in the package `specie`.
_TAKEN = ("runtime", "compiler", "sandbox", "cassettes", "cli")


class NoSpecs(Exception):
    """There is no spec where one was looked for."""


def default_specs() -> Path:
    """`specs/` of the working directory; else of this checkout; else the ones that came with the installed package."""
    here = Path(__file__).resolve()
    candidates = (Path("specs"), here.parents[3] / "specs", here.parents[1] / "_specs")
    for candidate in candidates:
        if _folders(candidate):
            return candidate
    raise NoSpecs("no specs here: there is no specs/<exchange>/exchange.yaml; say where they are with --specs DIR")


def compile_specs(specs: Path | None = None, only: Several[str] = ()) -> tuple[Exchange, ...]:
    """The models of the exchanges below `specs` (or of those in `only`), in alphabetic order.

    Raises `SpecError` with everything that is wrong in any of them, and `NoSpecs` where there is nothing to read.
    """
    folder = specs if specs is not None else default_specs()
    found = _folders(folder)
    if not found:
        raise NoSpecs(_nothing_in(folder))
    known = [path.name for path in found]
    for name in only:
        if name not in known:
            raise NoSpecs(f"no exchange '{name}' in {folder}{suggest(name, known)}")
    complaints = Complaints()
    exchanges = [_exchange(path, complaints) for path in found if not only or path.name in only]
    complaints.stop()
    return tuple(exchange for exchange in exchanges if exchange is not None)


def _folders(specs: Path) -> list[Path]:
    """The folders that hold a spec, or what was meant for one."""
    return sorted({path.parent for ending in ("yaml", "yml") for path in specs.glob(f"*/*.{ending}")})


def _nothing_in(folder: Path) -> str:
    if (folder / "exchange.yaml").is_file():
        name = folder.resolve().name
        return f"{folder} is one exchange; say the folder above it: --specs {folder.parent} {name}"
    if folder.is_dir():
        return f"no specs in {folder}: there is no {folder}/<exchange>/exchange.yaml"
    beside = [path.name for path in folder.parent.glob("*/") if path.is_dir()]
    close = suggest(folder.name, beside)
    return f"there is no folder {folder}" + (close if "did you mean" in close else "")


def _exchange(folder: Path, complaints: Complaints) -> Exchange | None:
    shown = folder.as_posix()
    if not re.fullmatch(grammar.SNAKE, folder.name) or keyword.iskeyword(folder.name) or folder.name in _TAKEN:
        complaints.add("E014", Place(shown, 1, 1), f"'{folder.name}' cannot be the name of a package; use snake_case")
        return None
    before = len(complaints.found)
    for path in sorted(folder.glob("*.yml")):
        complaints.add("E017", Place(path.as_posix(), 1, 1), f"spec files end in .yaml; call it {path.stem}.yaml")
    # exchange.yaml is read first: what all share is said there.
    paths = sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != "exchange", path.stem))
    if not (folder / "exchange.yaml").is_file():
        close = suggest("exchange.yaml", [path.name for path in paths])
        complaints.add("E017", Place(shown, 1, 1), f"'{folder.name}' has spec files, but no exchange.yaml{close}")
        return None
    read = {path.stem: _file(path, complaints) for path in paths}
    files = {stem: node for stem, node in read.items() if node is not None}
    # Without one of its files, every type that stands in it would seem unknown.
    if len(files) < len(read):
        return None
    exchange = resolve(folder.name, shown, files, complaints)
    return exchange if len(complaints.found) == before else None


def _file(path: Path, complaints: Complaints) -> Mapping | None:
    shown = path.as_posix()
    if not re.fullmatch(grammar.SNAKE, path.stem) or keyword.iskeyword(path.stem):
        message = f"'{path.name}' cannot be the name of a group; use snake_case, and no word of Python's"
        complaints.add("E014", Place(shown, 1, 1), message)
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        complaints.add("E001", Place(shown, 1, 1), f"cannot be read as UTF-8 text: {error}")
        return None
    node = source.parse(text, shown, complaints)
    if node is None:
        return None
    shape = stream_grammar.FILES.get(path.stem, grammar.GROUP_FILE)
    if path.stem == "exchange":
        shape = grammar.EXCHANGE_FILE
    checked = grammar.check(node, shape, complaints, Place(shown, 1, 1))
    return checked if isinstance(checked, Mapping) else None
