"""A part of the fault matrix, which `make faults` runs whole: all exchanges, faults and kinds of effect, by turns."""

from __future__ import annotations

import random
from collections.abc import Iterator

import attrs
import pytest
from faults.cells import Body, Cell, World, run
from faults.expected import DOES, FAULTS, FOUND_OUT, Fault
from faults.matrix import BODIES, mark, parts, summary, table
from support.replay import exchanges

from specie.sandbox.faults import WORDS

pytest.importorskip("aiohttp")

_LOTS = random.Random(20_240_229)


def _cells() -> Iterator[object]:
    """Each fault at each exchange: one operation that has an effect and one that has none, by one of the clients.

    Reads that are asked to wait take a second, so each of those faults is read into at one exchange alone.
    """
    for place, exchange in enumerate(exchanges().values()):
        kinds = {one.effect for one in exchange.operations}
        for number, fault in enumerate(FAULTS):
            turn = sorted(kinds - {"read"})[number % (len(kinds) - 1)]
            waits = fault.pause and fault.again == "result" and number % len(exchanges()) != place
            for effect in (turn,) if waits else (turn, "read"):
                operation = _LOTS.choice([one for one in exchange.operations if one.effect == effect])
                body = BODIES[(number + (effect == "read")) % 2]
                name = f"{exchange.name}.{operation.id}-{fault.name}-{body}"
                yield pytest.param(exchange.name, operation.id, fault, body, id=name)


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[tuple[str, Body], World]]:
    """Those that are needed, by exchange and body."""
    opened: dict[tuple[str, Body], World] = {}
    yield opened
    for world in opened.values():
        world.sandbox.check()
        world.__exit__(None, None, None)


def cell_of(worlds: dict[tuple[str, Body], World], exchange: str, operation: str, fault: Fault, body: Body) -> Cell:
    if (exchange, body) not in worlds:
        worlds[exchange, body] = World(exchange, body).__enter__()
    world = worlds[exchange, body]
    return run(world, next(one for one in world.model.operations if one.id == operation), fault)


@pytest.mark.parametrize(("exchange", "operation", "fault", "body"), list(_cells()))
def test_a_cell(worlds: dict[tuple[str, Body], World], exchange: str, operation: str, fault: Fault, body: Body) -> None:
    cell = cell_of(worlds, exchange, operation, fault, body)
    assert not cell.wrong, "\n".join(cell.wrong)
    assert mark(cell) != "E"


# --- the matrix itself ----------------------------------------------------------------------------------------------


def fault_of(name: str) -> Fault:
    return next(one for one in FAULTS if one.name == name)


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("accept-then-reset", {"done": False}, "the books say"),
        ("read-then-reset", {"done": True}, "the books say"),
        ("accept-then-reset", {"effect": "result"}, "it ended in OutcomeUnknown, and result was due"),
        ("status:429", {"effect": "OutcomeUnknown"}, "it ended in RateLimited, and OutcomeUnknown was due"),
    ],
)
def test_what_is_not_as_the_table_has_it_is_told(
    worlds: dict[tuple[str, Body], World], name: str, changes: dict[str, object], complaint: str
) -> None:
    fault = attrs.evolve(fault_of(name), **changes)  # type: ignore[arg-type]
    cell = cell_of(worlds, "bibox", "orders.create", fault, "blocking")
    assert any(complaint in one for one in cell.wrong)


def test_a_fault_that_befalls_nothing_is_told(worlds: dict[tuple[str, Body], World]) -> None:
    fault = attrs.evolve(fault_of("status:500"), line="status:500 x2")
    cell = cell_of(worlds, "bitopro", "orders.create", fault, "blocking")
    assert any("befell nothing" in one for one in cell.wrong)


def test_a_client_that_sends_twice_what_has_an_effect_is_caught(
    worlds: dict[tuple[str, Body], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    from specie.runtime.judge import Ended, Judge

    ends = Judge.judge
    monkeypatch.setattr(Judge, "judge", lambda self, answer: _again(ends(self, answer)))

    def _again(ended: Ended) -> Ended:
        return ended._replace(again=ended.error is not None)

    cell = cell_of(worlds, "bibox", "orders.create", fault_of("accept-then-reset"), "blocking")
    assert any("2 requests came, and 1 were due" in one for one in cell.wrong)
    assert any("the books say Change(placed=2" in one for one in cell.wrong)


def test_a_client_that_calls_what_was_done_refused_is_caught(
    worlds: dict[tuple[str, Body], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    from specie.runtime import ServerError
    from specie.runtime.judge import Ended, Judge

    monkeypatch.setattr(
        Judge, "_doubt", lambda self, reason, answer, cause: Ended(error=ServerError(reason, status=502))
    )
    cell = cell_of(worlds, "bitopro", "wallet.withdraw", fault_of("accept-then-status:502"), "blocking")
    assert any("a failure is told of something that was done" in one for one in cell.wrong)


def test_a_read_that_asks_too_seldom_is_caught(
    worlds: dict[tuple[str, Body], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    from specie.runtime import Retries

    monkeypatch.setattr("faults.cells.RETRIES", Retries(0))
    cell = cell_of(worlds, "bitok", "account.info", fault_of("truncated"), "blocking")
    assert any("it ended in NoReply, and result was due" in one for one in cell.wrong)


def test_every_fault_of_requests_is_in_the_table() -> None:
    assert {one.line.partition(":")[0] for one in FAULTS} == {
        name for name, word in WORDS.items() if word.place == "request"
    }
    assert len({one.name for one in FAULTS}) == len(FAULTS)


def test_every_operation_is_in_the_matrix_by_both_clients() -> None:
    operations = {(one.name, operation.id) for one in exchanges().values() for operation in one.operations}
    for body in BODIES:
        found = [(part.exchange, name) for part in parts() if part.body == body for name in part.operations]
        assert len(found) == len(set(found))
        assert set(found) == operations
    effects = [one for exchange in exchanges().values() for one in exchange.operations if one.effect != "read"]
    assert {one.id for one in effects} == set(DOES)


def test_what_can_be_found_out_is_what_the_specs_say() -> None:
    assert set(FOUND_OUT) == {
        f"{exchange.name}.{one.id}"
        for exchange in exchanges().values()
        for one in exchange.operations
        if one.reconcile is not None and not one.reconcile.none
    }


def test_the_table_marks_what_deviates() -> None:
    good = Cell("bibox", "orders.create", "create", "reset", "blocking", "OutcomeUnknown", "NotPlaced", 1)
    bad = Cell("bibox", "orders.create", "create", "garbage", "asyncio", "result", "", 2, ("sent twice",))
    lines = list(table([good, bad]))
    (row,) = [line for line in lines if line.startswith("orders.create")]
    assert row[27 + 2 :].startswith("- ")
    assert row.endswith("r!")
    assert max(map(len, lines)) <= 118
    told = list(summary([good, bad], 3.0))
    assert "sent twice" in told[1]
    assert "1 not as they must be" in told[-1]
