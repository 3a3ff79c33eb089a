"""A program that calls an exchange under its limits: `python calling.py URL STORE THREADS LOOPS CALLS`.

STORE is a path, a redis:// URL or `memory`. It says `ready`, waits for a line, and makes so many calls in each of its
threads and event loops, all at once; then it says how many were answered.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

TASKS = 4


def store(name: str) -> Any:
    from specie.runtime import FileBudgets, MemoryBudgets, RedisBudgets

    if name == "memory":
        return MemoryBudgets()
    return RedisBudgets(name) if name.startswith("redis:") else FileBudgets(name)


def call_at_once(url: str, budgets: Any, *, threads: int, loops: int, calls: int) -> int:
    """Calls of several threads, and of several tasks of each of several loops, with clients that several share; how
    many were answered.
    """
    from specie.bitexbit import AsyncBitexbit, Bitexbit

    answered: list[int] = []
    failed: list[BaseException] = []

    async def in_loop() -> None:
        async with AsyncBitexbit(base_url=url, budgets=budgets, retries=0) as client:

            async def in_task() -> None:
                for _ in range(calls // TASKS):
                    await client.market.pairs()
                    answered.append(1)

            await asyncio.gather(*(in_task() for _ in range(TASKS)))

    def in_thread(client: Any) -> None:
        for _ in range(calls):
            client.market.pairs()
            answered.append(1)

    def guarded(work: Any, *given: Any) -> None:
        try:
            work(*given)
        except BaseException as error:
            failed.append(error)

    with ExitStack() as stack:
        clients = [
            stack.enter_context(Bitexbit(base_url=url, budgets=budgets, retries=0)) for _ in range(max(threads // 8, 1))
        ]
        workers = [
            threading.Thread(target=guarded, args=(in_thread, clients[number % len(clients)]))
            for number in range(threads)
        ]
        workers += [threading.Thread(target=guarded, args=(lambda: asyncio.run(in_loop()),)) for _ in range(loops)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    if failed:
        raise failed[0]
    return len(answered)


def call_by_processes(url: str, name: str, *, processes: int, threads: int, loops: int, calls: int) -> int:
    """The same in several processes, which begin at once; how many calls were answered in all."""
    command = [sys.executable, "-P", __file__, url, name, str(threads), str(loops), str(calls)]
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
    return sum(map(int, replies))


def main(arguments: Sequence[str]) -> None:
    url, name = arguments[:2]
    threads, loops, calls = map(int, arguments[2:])
    budgets = store(name)
    import specie.bitexbit.market  # noqa: F401 - what is imported later would be imported by all threads at once

    print("ready", flush=True)
    sys.stdin.readline()
    print(call_at_once(url, budgets, threads=threads, loops=loops, calls=calls))
    budgets.close()


if __name__ == "__main__":
    main(sys.argv[1:])
