"""A process that waits for turns, driven through a pipe: `enter`, `leave`, and `enter-async` answer `entered`, `left` or `not in time`."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path


class Other:
    """Another process at the turnstile of a file."""

    def __init__(self, path: Path, scope: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(path), scope], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.hears() == "ready"

    def told(self, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def hears(self) -> str:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 30)[0], "the other process says nothing"
        return self.process.stdout.readline().strip()

    def asked(self, what: str) -> str:
        self.told(what)
        return self.hears()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def main(path: str, scope: str) -> None:
    import asyncio

    from specie.runtime import FileNonces

    turnstile = FileNonces(path).turnstile(scope)
    print("ready", flush=True)
    for line in sys.stdin:
        what, _, limit = line.strip().partition(" ")
        timeout = float(limit) if limit else None
        if what == "leave":
            turnstile.leave()
            print("left", flush=True)
            continue
        entered = turnstile.enter(timeout) if what == "enter" else asyncio.run(turnstile.enter_async(timeout))
        print("entered" if entered else "not in time", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
