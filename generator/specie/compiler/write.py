"""A folder brought in line with what was rendered.

It gets exactly these files, and loses exactly those that were written before. What was written is listed in `.specie`,
beside the files of each exchange. A file that is not listed there is somebody's own, and is neither overwritten nor
removed. Files that have not changed are not touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import attrs

LIST = ".specie"


class ForeignFile(Exception):
    """Something of somebody's own stands where a generated file would go."""


@attrs.frozen
class Changes:
    """What differs between a folder and what was rendered; paths are relative to the folder."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        said = [*(f"+ {path}" for path in self.added), *(f"~ {path}" for path in self.changed)]
        return "\n".join([*said, *(f"- {path}" for path in self.removed)])


def compare(files: dict[str, str], root: Path) -> Changes:
    """What `write` would do. Raises `ForeignFile` where it would overwrite somebody's own file."""
    wanted = with_lists(files)
    added: list[str] = []
    changed: list[str] = []
    listed = _listed(wanted, root)
    for path, text in wanted.items():
        target = root / path
        _refuse_foreign_folder(target.parent)
        if not (target.exists() or target.is_symlink()):
            added.append(path)
        elif not target.is_file():
            raise _foreign(target)
        elif target.read_bytes() != text.encode():
            if path not in listed and target.name != LIST:
                raise _foreign(target)
            changed.append(path)
    removed = [path for path in sorted(listed - wanted.keys()) if (root / path).is_file()]
    return Changes(tuple(added), tuple(changed), tuple(removed))


def _refuse_foreign_folder(folder: Path) -> None:
    nearest = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    if nearest.exists() and not nearest.is_dir():
        raise _foreign(nearest)


def _foreign(target: Path) -> ForeignFile:
    return ForeignFile(f"{target} was not written by Specie; move it away, or choose another --out")


def write(files: dict[str, str], root: Path) -> Changes:
    """Bring `root` in line with `files`, and say what was done.

    Everything is written beside its place before anything is put in place, so a full disk changes nothing.
    """
    changes = compare(files, root)
    if not changes:
        return changes
    wanted = with_lists(files)
    root.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".specie-", dir=root))
    try:
        fresh = [*changes.added, *changes.changed]
        for path in fresh:
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_bytes(wanted[path].encode())
        # The lists go first: were we cut off here, what they name could still be overwritten or removed.
        for path in sorted(fresh, key=lambda path: not path.endswith(f"/{LIST}")):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / path, root / path)
        for path in changes.removed:
            (root / path).unlink()
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return changes


def with_lists(files: dict[str, str]) -> dict[str, str]:
    """`files`, and for each exchange the list of its own."""
    wanted = dict(files)
    for exchange in sorted({path.partition("/")[0] for path in files}):
        own = sorted(path.partition("/")[2] for path in files if path.startswith(f"{exchange}/"))
        wanted[f"{exchange}/{LIST}"] = "".join(f"{path}\n" for path in own)
    return wanted


def _listed(wanted: dict[str, str], root: Path) -> set[str]:
    """Files that were written before, for the exchanges at hand."""
    found: set[str] = set()
    for exchange in {path.partition("/")[0] for path in wanted}:
        listing = root / exchange / LIST
        if listing.is_file():
            lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
            # A list that names a path outside its folder was not written by us.
            found |= {f"{exchange}/{line}" for line in lines if line and ".." not in Path(line).parts}
    return found
