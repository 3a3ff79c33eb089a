"""Nonces in a file: distinct and rising among processes, through restarts, kills and clocks that are set back."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.drawing import SCOPE, drawn_by_processes

from specie.runtime import FileNonces, Nonces

NOW = 1_700_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nonces"


def in_another_process(path: Path, code: str) -> str:
    script = f"from specie.runtime import FileNonces\nnonces = FileNonces({str(path)!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_100_000_nonces_of_8_threads_in_each_of_4_processes(path: Path) -> None:
    drawn = drawn_by_processes(str(path), processes=4, threads=8, count=100_000)
    assert len(drawn) == 32
    assert len({nonce for thread in drawn for nonce in thread}) == 100_000
    assert all(before < after for thread in drawn for before, after in pairwise(thread))


def test_a_restart_with_a_clock_set_back_goes_on_above(path: Path) -> None:
    assert FileNonces(path).next("a", NOW) == NOW
    assert in_another_process(path, f"print(nonces.next('a', {NOW - 600_000}))") == str(NOW + 1)
    assert FileNonces(path).next("a", NOW - 1) == NOW + 2


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["a", "b"]), st.sampled_from([0, 1, 7, 6_000, 600_000, 600_001])),
        max_size=30,
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_draws_what_a_process_alone_would(path: Path, steps: list[tuple[bool, str, int]]) -> None:
    path.unlink(missing_ok=True)
    nonces, alone = FileNonces(path), Nonces()
    for back, scope, moment in steps:
        if back:
            nonces.rewind(scope, NOW + moment)
            alone.rewind(scope, NOW + moment)
        else:
            assert nonces.next(scope, NOW + moment) == alone.next(scope, NOW + moment)


@given(st.lists(st.text(max_size=8), unique=True, max_size=8))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_scope_has_nonces_of_its_own(path: Path, scopes: list[str]) -> None:
    path.unlink(missing_ok=True)
    nonces = FileNonces(path)
    for turn in range(3):
        assert [nonces.next(scope, NOW) for scope in scopes] == [NOW + turn] * len(scopes)


def test_whoever_names_a_file_in_a_process_shares_it(path: Path) -> None:
    (path.parent / "link").symlink_to(path)
    one, other = FileNonces(path), FileNonces(str(path.parent / "link"))
    assert [one.next("a", NOW), other.next("a", NOW), one.next("a", NOW)] == [NOW, NOW + 1, NOW + 2]
    assert one.turnstile("a") is other.turnstile("a") is not one.turnstile("b")
    assert pickle.loads(pickle.dumps(one)).next("a", NOW) == NOW + 3


def test_a_process_that_is_killed_while_it_draws_harms_nobody(path: Path) -> None:
    endless = f"print('drawing', flush=True)\nwhile True: nonces.next({SCOPE!r}, {NOW})"
    script = f"from specie.runtime import FileNonces\nnonces = FileNonces({str(path)!r})\n{endless}"
    nonces = FileNonces(path)
    last = 0
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == "drawing\n"
            drawn = [nonces.next(SCOPE, NOW) for _ in range(200)]
            victim.kill()
        assert drawn == sorted({*drawn})
        assert drawn[0] > last
        last = nonces.next(SCOPE, NOW)


def test_the_file_says_what_it_is_and_no_key(path: Path) -> None:
    nonces = FileNonces(path)
    nonces.next("acme:0123456789abcdef", NOW)
    first, second, end = path.read_text().split("\n")
    assert first.startswith("specie nonces, format 1")
    assert re.fullmatch(r"acme:0123456789abcdef( \d+){4} *", second)
    assert second.split()[1:] == ["0", str(NOW), str(NOW), "0"]
    assert end == ""
    assert path.stat().st_mode & 0o777 == 0o600
    assert repr(nonces) == f"FileNonces({str(path)!r})"
    assert nonces.blocking


@pytest.mark.parametrize(
    "text",
    [
        "diary\n",
        "specie nonces, format 2\n",
        "{heading}a 1 2 3\n",
        "{heading}a " + "0" * 19,
        "{heading}a " + "x" * 399 + "\n",
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path, text: str) -> None:
    other = path.parent / "other"
    FileNonces(other).next("b", NOW)
    path.write_text(text.format(heading=other.read_text().split("\n")[0] + "\n"))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} is damaged at byte \d+, or no file of nonces"):
        FileNonces(path).next("a", NOW)
    assert path.read_bytes() == before


def test_a_file_that_is_removed_in_use_gives_no_more(path: Path) -> None:
    nonces = FileNonces(path)
    nonces.next("a", NOW)
    path.unlink()
    with pytest.raises(OSError, match="was removed while in use"):
        nonces.next("a", NOW)
    assert FileNonces(path).next("a", NOW + 1) == NOW + 1


def test_a_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileNonces(path / "deeper")
