"""`specie sandbox`: say where the exchanges are and which keys open them, and serve until Ctrl-C."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from .faults import UnknownFault
from .listener import SandboxUnavailable
from .server import Sandbox


def run(
    exchanges: Sequence[str] = (),
    *,
    specs: Path | None = None,
    port: int = 0,
    seed: int | None = None,
    faults: Sequence[str] = (),
    examples: bool = False,
    limits: bool = True,
    output: TextIO | None = None,
    wait: Callable[[], object] | None = None,
) -> int:
    """Serve until Ctrl-C, having said where and with which keys; gives the exit status of the command.

    `wait` is what it waits for, if not for Ctrl-C.
    """
    out = output or sys.stdout
    try:
        sandbox = Sandbox(
            *exchanges, specs=specs, port=port, seed=seed, faults=faults, examples=examples, limits=limits
        ).start()
    except (SandboxUnavailable, UnknownFault) as error:
        print(error, file=sys.stderr)
        return 1
    try:
        print("\n".join(_described(sandbox)), file=out, flush=True)
        (wait or threading.Event().wait)()
    except KeyboardInterrupt:
        pass
    finally:
        sandbox.close()
    return 0


def _described(sandbox: Sandbox) -> Iterator[str]:
    titles = {model.name: model.title for model in sandbox.models}
    for name in sandbox.exchanges:
        market = sandbox.market(name)
        seeded = "" if sandbox.seed is None else f", seed {sandbox.seed}"
        behind = (
            f"a living market{seeded}: {', '.join(market.instruments)}"
            if market
            else "answers with its documents' examples"
        )
        yield f"{titles[name]}, {behind}"
        for server, url in sandbox.client_options_of(name)["base_url"].items():
            yield f"  {server:<12} {url}"
        yield from _credentials(sandbox, name, "")
        for permission in sandbox.permissions_of(name):
            yield f"  with a key that may only {permission}"
            yield from _credentials(sandbox, name, permission, "  ")
        yield ""
    if sandbox.faults:
        yield f"Faults to come: {', '.join(sandbox.faults)}"
    yield f"Faults are set, and the books read, at {sandbox.control_url}/faults, /state and /check."
    yield "Ctrl-C ends it."


def _credentials(sandbox: Sandbox, exchange: str, permission: str, indent: str = "") -> Iterator[str]:
    options = sandbox.client_options_of(exchange, permission=permission)
    for name, value in options.items():
        if name != "base_url":
            yield f"  {indent}{name:<12} {value}"
