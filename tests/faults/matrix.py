"""The whole matrix: its parts in processes beside each other, and the table that is printed of it."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from itertools import groupby
from textwrap import wrap

import attrs
from support.replay import exchanges

from specie.compiler.model import Operation

from .cells import Body, Cell, World, run
from .expected import FAULTS, LEFT_OUT, NOBODY

BODIES: tuple[Body, ...] = ("blocking", "asyncio")
KINDS = {"create": "creates", "cancel": "cancels", "transfer": "transfers", "read": "reads"}
PROCESSES = 12
"""Beside each other: most of their time goes by in waiting for answers that do not come."""
AT_A_TIME = 4
"""Operations of one process, one after the other."""
LONGEST_S = 175.0
"""After so many seconds the rest is given up."""
WIDTH = 118
NAMES = 27
"""Columns for the names of operations."""


@attrs.frozen
class Part:
    """What one process does at a time."""

    exchange: str
    body: Body
    operations: tuple[str, ...]

    def run(self) -> list[Cell]:
        """All cells of its operations."""
        # Each doubt is logged as a warning, and here is nothing but doubts.
        logging.getLogger("specie").setLevel(logging.CRITICAL)
        with World(self.exchange, self.body) as world:
            cells = [run(world, operation, fault) for operation in self._found(world) for fault in FAULTS]
            world.sandbox.check()
            return cells

    def _found(self, world: World) -> Iterator[Operation]:
        return (one for one in world.model.operations if one.id in self.operations)


def parts(only: Sequence[str] = ()) -> list[Part]:
    """The whole matrix in parts, or those of some exchanges."""
    found: list[Part] = []
    for exchange in exchanges().values():
        names = [one.id for one in exchange.operations if not only or exchange.name in only]
        for start in range(0, len(names), AT_A_TIME):
            few = tuple(names[start : start + AT_A_TIME])
            found += [Part(exchange.name, body, few) for body in BODIES]
    return found


def run_all(wanted: Sequence[Part]) -> tuple[list[Cell], list[Part]]:
    """The cells of all parts, and the parts for which there was no time."""
    end = time.monotonic() + LONGEST_S
    # Forked: the compiled specs are inherited. No thread runs yet.
    pool = ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("fork"))
    waiting = [pool.submit(part.run) for part in wanted]
    try:
        done, late = wait(waiting, max(0.0, end - time.monotonic()), return_when=FIRST_EXCEPTION)
        cells = [cell for one in waiting if one in done for cell in one.result()]
        return cells, [part for part, one in zip(wanted, waiting, strict=True) if one in late]
    finally:
        for process in multiprocessing.active_children():
            process.kill()  # those that are late; the others have nothing to do
        pool.shutdown(cancel_futures=True)


# --- the table ------------------------------------------------------------------------------------------------------

MARKS = {
    "result": (".", "a result"),
    "again": ("r", "a result, by asking again"),
    "refused": ("x", "an ApiError: the exchange said no"),
    "NotSent": ("n", "NotSent"),
    "NoReply": ("o", "NoReply"),
    "InvalidResponse": ("i", "InvalidResponse"),
    "done": ("+", "OutcomeUnknown, and reconcile found it done"),
    "not done": ("-", "OutcomeUnknown, and reconcile found it not done"),
    NOBODY: ("?", "OutcomeUnknown, and nobody can know: reconcile refuses to guess"),
    "else": ("E", "something else"),
}
DEVIATES = "!"


def mark(cell: Cell) -> str:
    """The one character that stands for how a call ended."""
    if cell.found:
        negative = "not done" if cell.found.startswith("Not") else "done"
        kind = NOBODY if cell.found == NOBODY else "else" if cell.found == "StillUnknown" else negative
    elif cell.ended == "result":
        kind = "again" if cell.attempts > 1 or (cell.attempts and cell.fault.startswith("refuse")) else "result"
    elif cell.ended in MARKS:
        kind = cell.ended
    else:
        kind = "refused" if cell.ended in _REFUSALS else "else"
    return MARKS[kind][0]


_REFUSALS = {name for fault in FAULTS for name in (fault.effect, fault.read, "ClockSkew")} - {*MARKS, "OutcomeUnknown"}


def table(cells: Sequence[Cell]) -> Iterator[str]:
    """Operations by kind down, faults across."""
    yield from _legend()
    by_place: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        by_place.setdefault((cell.exchange, cell.operation, cell.fault), []).append(cell)
    rows = sorted({(list(KINDS).index(cell.effect), cell.exchange, cell.operation) for cell in cells})
    for (kind, exchange), group in groupby(rows, lambda row: row[:2]):
        yield ""
        heading = f"{exchange}: {list(KINDS.values())[kind]}"
        yield heading.ljust(NAMES) + "".join(f"{number:<4}" for number in range(1, len(FAULTS) + 1, 2)).rstrip()
        for _, _, operation in group:
            places = [by_place.get((exchange, operation, fault.name), []) for fault in FAULTS]
            yield (operation.ljust(NAMES) + "".join(_square(place) for place in places)).rstrip()


def _square(cells: Sequence[Cell]) -> str:
    """Both bodies in one place."""
    if not cells:
        return "  "
    return mark(cells[0]) + (DEVIATES if any(cell.wrong for cell in cells) else " ")


def _legend() -> Iterator[str]:
    yield f"    {'fault':<26} {'a call with an effect ends in':<30} {'the exchange':<13} {'a read':<21} asked again"
    for number, fault in enumerate(FAULTS, 1):
        acts = "did it" if fault.done else "did nothing"
        yield f"{number:>3} {fault.name:<26} {fault.effect:<30} {acts:<13} {fault.read:<21} {fault.again}"
    yield ""
    yield from wrap(
        "; ".join(f"{sign} {what}" for sign, what in MARKS.values()) + f"; {DEVIATES} not as it must be", WIDTH
    )
    yield from wrap(LEFT_OUT, WIDTH)


def summary(cells: Sequence[Cell], seconds: float) -> Iterator[str]:
    """What is not as it must be, and the counts."""
    wrong = [cell for cell in cells if cell.wrong]
    for cell in wrong:
        yield f"{DEVIATES} {cell.exchange}.{cell.operation}, {cell.fault}, {cell.body}: {cell.ended}"
        yield from (f"    {line}" for what in cell.wrong for line in wrap(what, WIDTH - 4))
    operations = len({(cell.exchange, cell.operation) for cell in cells})
    faults = len({cell.fault for cell in cells})
    yield (
        f"{len(cells)} cells: {operations} operations into {faults} faults, blocking and asyncio; "
        f"{len(wrong)} not as they must be; {seconds:.0f} s"
    )
