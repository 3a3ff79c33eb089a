"""`specie demo`: all four clients trade in the sandbox's living markets, and two of them stream, shown line by line.

Real HTTP and websockets on this machine, nothing else.
"""

from __future__ import annotations

import logging
import time

from specie.sandbox import Sandbox

from .streaming import stream
from .table import Table
from .trading import trade

__all__ = ["demo"]


def demo() -> int:
    """Run the demonstration, print it, and give 0 if everything went as it should."""
    began = time.perf_counter()
    # What clients warn of stands in the table; the log would say it once more in the middle of it.
    quiet = logging.NullHandler()
    logging.getLogger("specie").addHandler(quiet)
    try:
        return _shown(began)
    finally:
        logging.getLogger("specie").removeHandler(quiet)


def _shown(began: float) -> int:
    with Sandbox(limits=False) as sandbox:
        table = Table(sandbox)
        trade(table, sandbox)
        stream(table, sandbox)
        sandbox.check()
    spent = time.perf_counter() - began
    print(f"\n{table.good} of {table.rows} as they should be, in {spent:.1f} s; the sandbox's books balance.")
    print("The markets are the sandbox's own, on this machine; no exchange was called.")
    return 0 if table.good == table.rows else 1
