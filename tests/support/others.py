"""The environment of the clients that nobody here wrote: made by the first test that needs it, and kept.

It is `.venv-others` beside ours, with what `tests/sandbox/other_clients/requirements.txt` names. It is made anew when
that file or the Python changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "sandbox" / "other_clients"
REQUIREMENTS = SCRIPTS / "requirements.txt"
FOLDER = ROOT / ".venv-others"
_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


class OtherClientsLacking(Exception):
    """The environment could not be made."""


@attrs.frozen
class Told:
    """What a script told of its steps."""

    versions: dict[str, str]
    reached: list[str]
    steps: dict[str, dict[str, Any]]

    def said(self, step: str) -> Any:
        assert "said" in self.steps[step], f"{step}: {self.steps[step]}"
        return self.steps[step]["said"]

    def raised(self, step: str) -> tuple[str, str]:
        """The class of what a step raised, and its text."""
        assert "raised" in self.steps[step], f"{step}: {self.steps[step]}"
        return self.steps[step]["raised"][0], self.steps[step]["text"]


def environment(folder: Path = FOLDER, requirements: Path = REQUIREMENTS) -> Path:
    """The Python of that environment, which is made if it is not there; only one process at a time makes it."""
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    python, stamp = folder / "bin" / "python", folder / ".made-from"
    with requirements.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text("utf-8") == wanted and python.exists()):
            stamp.unlink(missing_ok=True)
            _run(
                [sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)],
                "python -m venv failed",
                _others(),
            )
            install(python, requirements)
            stamp.write_text(wanted, "utf-8")
    return python


def install(python: Path, requirements: Path, **environ: str) -> None:
    """Have our pip install into a Python what a file names; or `OtherClientsLacking`, which says why and what to do."""
    how = ["--quiet", "--disable-pip-version-check", "--retries", "1"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        *how,
        "--requirement",
        str(requirements),
    ]
    _run(command, "pip could not install them", {**_others(), **environ})


def play(python: Path, script: str, *arguments: str) -> Told:
    """Run a script of `other_clients` in that environment; what it tells."""
    # -E and -s: nothing of ours comes in by an environment variable or the user's packages.
    command = [str(python), "-E", "-s", str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=_at_home(), check=False)
    assert done.returncode == 0, f"{script} ended with {done.returncode}: {done.stderr[-2000:]}"
    return Told(**json.loads(done.stdout))


def _run(command: list[str], failed: str, environ: dict[str, str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environ, check=False)
    if done.returncode != 0:
        lines = done.stderr.splitlines()
        told = [next((line for line in lines if "Retrying" in line), ""), *(one for one in lines if "ERROR" in one)]
        raise OtherClientsLacking(
            f"The environment of ccxt and bitopro-client could not be made in {FOLDER.name}: {failed}"
            f" ({'; '.join([one for one in told if one][:2]) or done.stderr[-500:]}). It needs an index such as pypi.org"
            " once, or the one that PIP_INDEX_URL names. Until then these tests fail."
        )


def _others() -> dict[str, str]:
    """This process's environment, as pip may need it, without what would lead it to our own packages."""
    return {name: value for name, value in os.environ.items() if name not in _OURS}


def _at_home() -> dict[str, str]:
    """The same without proxies: what is asked of this machine must not go through another."""
    return {name: value for name, value in _others().items() if not name.lower().endswith("_proxy")}
