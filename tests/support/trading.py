"""A program that makes signed calls: `python trading.py EXCHANGE OPTIONS FILE SKEW THREADS TASKS CALLS`.

OPTIONS is JSON, FILE holds the nonces, SKEW is how many milliseconds the clock is off. It says `ready`, waits for a line, and makes so many calls in each
of its threads, and in each task of an event loop, all at once; then it says how many were answered.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def read(client: Any) -> Any:
    """A signed read that every exchange has in some form."""
    account = client.account
    return account.balances() if hasattr(account, "balances") else account.info()


def answered_at_once(name: str, options: Mapping[str, Any], *, threads: int, tasks: int, calls: int) -> int:
    """Signed calls of several threads, and of several tasks of an event loop beside them; how many were answered."""
    package = __import__(f"specie.{name}", fromlist=["_"])
    clients = [getattr(package, one) for one in dir(package) if one.lower() in (name, f"async{name}")]
    asynchronous, blocking = sorted(clients, key=lambda cls: cls.__name__.lower())
    if not asynchronous.__name__.startswith("Async"):
        asynchronous, blocking = blocking, asynchronous
    answered: list[int] = []
    start = threading.Barrier(threads + (tasks > 0))

    def in_thread(client: Any) -> None:
        start.wait()
        for _ in range(calls):
            read(client)
            answered.append(1)

    async def in_task(client: Any) -> None:
        for _ in range(calls):
            await read(client)
            answered.append(1)

    async def in_loop() -> None:
        async with asynchronous(**options) as client:
            start.wait()
            await asyncio.gather(*(in_task(client) for _ in range(tasks)))

    with blocking(**options) as client:
        workers = [threading.Thread(target=in_thread, args=(client,)) for _ in range(threads)]
        workers += [threading.Thread(target=lambda: asyncio.run(in_loop()))] if tasks else []
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return len(answered)


def answered_in_processes(
    processes: int, name: str, options: Mapping[str, Any], file: Path, *, skew: int = 0, **numbers: int
) -> list[int]:
    """The same in several processes, all at once; how many were answered in each."""
    said = [
        name,
        json.dumps(options),
        str(file),
        str(skew),
        *(str(numbers[key]) for key in ("threads", "tasks", "calls")),
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-P", __file__, *said], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(processes)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    return [int(one.communicate(timeout=120)[0]) for one in running]


def main(arguments: Sequence[str]) -> None:
    from specie.runtime import FileNonces
    from specie.runtime.clock import system_clock

    name, options, file, skew, *numbers = arguments
    given = {
        **json.loads(options),
        "nonces": FileNonces(file),
        "clock": lambda: system_clock() + int(skew),
        "limits": "ignore",
        "retries": 0,
    }
    threads, tasks, calls = map(int, numbers)
    print("ready", flush=True)
    sys.stdin.readline()
    print(answered_at_once(name, given, threads=threads, tasks=tasks, calls=calls))


if __name__ == "__main__":
    main(sys.argv[1:])
