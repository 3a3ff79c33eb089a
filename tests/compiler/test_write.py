"""What is written, what is left alone, and what is taken away."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specie.compiler.write import LIST, Changes, ForeignFile, compare, write

FILES = {"acme/__init__.py": "a = 1\n", "acme/orders.py": "b = 2\n", "acme/sub/deep.py": "c = 3\n", "other/x.py": ""}


def snapshot(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_everything_is_written_and_listed(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there" / "yet"
    changes = write(FILES, root)
    assert set(changes.added) == {*FILES, "acme/.specie", "other/.specie"}
    lists = {"acme/.specie": "__init__.py\norders.py\nsub/deep.py\n", "other/.specie": "x.py\n"}
    assert snapshot(root) == {**FILES, **lists}


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    for path in tmp_path.rglob("*"):
        os.utime(path, ns=(1, 1))
    assert not write(FILES, tmp_path)
    changes = write({**FILES, "acme/orders.py": "b = 3\n"}, tmp_path)
    assert changes == Changes((), ("acme/orders.py",), ())
    touched = [path.name for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_mtime_ns != 1]
    assert touched == ["orders.py"]


def test_only_what_was_written_before_is_removed(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    (tmp_path / "acme" / "mine.py").write_text("mine")
    changes = write({path: text for path, text in FILES.items() if path != "acme/orders.py"}, tmp_path)
    assert changes == Changes((), ("acme/.specie",), ("acme/orders.py",))
    assert not (tmp_path / "acme" / "orders.py").exists()
    assert (tmp_path / "acme" / "mine.py").read_text() == "mine"


def test_an_exchange_that_is_not_at_hand_is_left_alone(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    assert not write({path: text for path, text in FILES.items() if path.startswith("acme/")}, tmp_path)
    assert (tmp_path / "other" / "x.py").exists()


def test_removing_again_what_is_gone(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    (tmp_path / "acme" / "orders.py").unlink()
    less = {path: text for path, text in FILES.items() if path != "acme/orders.py"}
    assert write(less, tmp_path) == Changes((), ("acme/.specie",), ())


@pytest.mark.parametrize("what", ["file", "folder", "file for a folder", "dangling link"])
def test_a_foreign_file_is_never_overwritten(what: str, tmp_path: Path) -> None:
    target = tmp_path / "acme" / "orders.py"
    if what == "folder":
        target.mkdir(parents=True)
    elif what == "file for a folder":
        (tmp_path / "acme").write_text("mine")
    else:
        target.parent.mkdir(parents=True)
        target.write_text("mine") if what == "file" else target.symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ForeignFile, match="was not written by Specie; move it away"):
        write(FILES, tmp_path)
    with pytest.raises(ForeignFile):
        compare(FILES, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_foreign_file_of_the_same_text_is_adopted(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "orders.py").write_text("b = 2\n")
    assert "acme/orders.py" not in write(FILES, tmp_path).added


@pytest.mark.parametrize("line", ["../mine.txt", "sub/../../mine.txt", "/etc/hostname", "..", "", "\udcff"])
def test_a_list_that_names_other_peoples_files_removes_none(line: str, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "acme" / LIST).write_bytes(f"{line}\n".encode(errors="surrogateescape"))
    assert write(FILES, tmp_path).removed == ()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("at", range(1, 6))
def test_a_full_disk_changes_nothing(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(FILES, tmp_path)
    before = snapshot(tmp_path)
    written = Path.write_bytes
    count = 0

    def failing(self: Path, data: bytes) -> int:
        nonlocal count
        count += 1
        if count == at:
            written(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(self, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    with pytest.raises(OSError, match="No space left"):
        write({path: f"{text}# new\n" for path, text in FILES.items()} | {"acme/new.py": ""}, tmp_path)
    assert snapshot(tmp_path) == before


def test_cut_off_midway_the_next_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = {path: f"{text}# new\n" for path, text in FILES.items()} | {"acme/new.py": "n = 1\n"}
    write(FILES, tmp_path)
    replaced = os.replace
    left = [4]

    def failing(source: Any, target: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        replaced(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(KeyboardInterrupt):
        write(new, tmp_path)
    monkeypatch.undo()
    newer = {path: f"{text}# newer\n" for path, text in new.items()}
    write(newer, tmp_path)
    assert {path: text for path, text in snapshot(tmp_path).items() if not path.endswith(LIST)} == newer
    assert not write(newer, tmp_path)


NAMES = st.sampled_from(["a/x.py", "a/y.py", "a/z.py", "a/s/x.py", "b/x.py"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(NAMES, st.sampled_from(["", "1\n", "2\n"]), min_size=1), min_size=1, max_size=4))
def test_after_any_history_there_is_what_was_last_wanted(history: list[dict[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for files in history:
            write(files, root)
            assert not compare(files, root)
            found = {path: text for path, text in snapshot(root).items() if not path.endswith(LIST)}
            assert files.items() <= found.items()
            # What is there besides belongs to exchanges that this run did not write.
            own = {path.partition("/")[0] for path in files}
            assert not {path for path in found if path.partition("/")[0] in own} - files.keys()
