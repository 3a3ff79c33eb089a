"""What the demonstration prints: one line for each thing as it happens, the same with a terminal and without."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from specie.runtime import SpecieError
from specie.sandbox import Sandbox

__all__ = ["Table"]


class Table:
    """Lines as they happen: what was done, what was sent, what came of it, and how long it took.

    Args:
        sandbox: Where it was sent.

    Attributes:
        rows: How many things were done.
        good: How many of them came out as they should.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.rows = 0
        self.good = 0
        self._began = time.perf_counter()
        self._lock = threading.Lock()

    def head(self, title: str) -> None:
        """Begin a part; moments are counted from here."""
        print(f"\n{_styled('1', title)}")
        self._began = time.perf_counter()

    def moment(self, where: str, what: str, text: str) -> None:
        """Show that something happened, and when; any thread may."""
        with self._lock:
            print(f"  {time.perf_counter() - self._began:4.1f} s  {where:<8} {what:<13} {text}", flush=True)

    def row(self, what: str, step: Callable[[], str]) -> None:
        """Do `step` and show its answer; one that begins with `!` is not what should have come."""
        before = len(self._sandbox.requests)
        began = time.perf_counter()
        try:
            answer = step()
        except SpecieError as error:
            answer = f"!{type(error).__name__}: {error}"
        spent = (time.perf_counter() - began) * 1000
        good = not answer.startswith("!")
        self.rows += 1
        self.good += good
        seen = self._sandbox.requests[before:]
        sent = f"{seen[0].method} {_own_path(seen[0].path)}" if seen else "nothing sent"
        sent += f" +{len(seen) - 1}" if len(seen) > 1 else ""
        mark = _styled("32", "✓") if good else _styled("31", "✗")
        print(f"  {mark} {what:<13} {sent:<38} {answer.removeprefix('!'):<56} {spent:>6.1f} ms")


def _own_path(path: str) -> str:
    """The path as the exchange has it, without the sandbox's own prefix."""
    return "/" + path.split("?")[0].lstrip("/").partition("/")[2].partition("/")[2]


def _styled(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text
