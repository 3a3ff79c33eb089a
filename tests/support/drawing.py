"""A process that draws nonces: `python drawing.py SOURCE THREADS COUNT`, a path or a redis:// URL; says `ready`, waits for a line, and prints what each thread drew, in its order, as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence

SCOPE = "acme:0123456789abcdef"


def source(name: str) -> object:
    from specie.runtime import FileNonces, RedisNonces

    return RedisNonces(name) if name.startswith("redis:") else FileNonces(name)


def drawn_by_processes(name: str, *, processes: int, threads: int, count: int) -> list[list[int]]:
    """What each thread of each process drew; all start at once, and draw `count` in all."""
    each = count // processes // threads
    command = [sys.executable, "-P", __file__, name, str(threads), str(each)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    replies = [one.communicate(timeout=120)[0] for one in running]
    assert [one.returncode for one in running] == [0] * processes
    return [numbers for reply in replies for numbers in json.loads(reply)]


def main(arguments: Sequence[str]) -> None:
    name, threads, count = arguments[0], int(arguments[1]), int(arguments[2])
    nonces = source(name)
    drawn: list[list[int]] = [[] for _ in range(threads)]

    def draw(mine: list[int]) -> None:
        from specie.runtime.clock import system_clock

        mine.extend(nonces.next(SCOPE, system_clock()) for _ in range(count))  # type: ignore[attr-defined]

    workers = [threading.Thread(target=draw, args=(mine,)) for mine in drawn]
    print("ready", flush=True)
    sys.stdin.readline()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    json.dump(drawn, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
