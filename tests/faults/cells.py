"""One cell of the matrix: calls of an operation that meet a fault, and what the sandbox's books say of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar

import attrs
from support.bodies import Blocking
from support.calls import call
from support.losing import FIRST_ID, NOW_MS
from support.replay import client_class, exchanges

from specie.compiler.model import Exchange, Operation
from specie.runtime import Hooks, InvalidValue, Nonces, OutcomeUnknown, Retries, Retrying, SpecieError
from specie.runtime.clock import ServerClock
from specie.sandbox import Sandbox
from specie.sandbox.living import live_face
from specie.sandbox.market import Market

from .expected import BRIEF, DOES, FOUND_OUT, NOBODY, NOT_YET, NOTHING, PATIENT, Ending, Fault, checks_clock, expected
from .scenes import Books, Scene, for_effect, for_reads

T = TypeVar("T")
Body: TypeAlias = Literal["blocking", "asyncio"]
SEED = 5
RETRIES = Retries(attempts=3, base=0.01)


@attrs.frozen
class Cell:
    """What became of the calls of one operation that met one fault."""

    exchange: str
    operation: str
    effect: str
    fault: str
    body: Body
    ended: str
    """How the call ended; of a read, the one that may be made again."""
    found: str = ""
    """What `reconcile` answered, if there was a doubt."""
    attempts: int = 0
    """How many requests came of that call."""
    wrong: tuple[str, ...] = ()
    """Where this is not as the table has it; nothing, if all is well."""


class World:
    """A sandbox of one exchange on a clock that stands still, and clients of a body."""

    def __init__(self, exchange: str, body: Body) -> None:
        self.exchange = exchange
        self.model: Exchange = exchanges()[exchange]
        self.body = body
        self.now_ms = NOW_MS
        self.sandbox = Sandbox(
            exchange,
            models=[self.model],
            faces={exchange: lambda model: _required(live_face(model, now_ms=NOW_MS, seed=SEED))},
            clock=lambda: self.now_ms,
            limits=False,
        )
        self._loop = asyncio.new_event_loop() if body == "asyncio" else None
        self._serials = itertools.count(1)
        self._clean: dict[tuple[str, int], Any] = {}
        self._readers: dict[str, tuple[Stage, Mapping[str, Mapping[str, Any]]]] = {}

    def __enter__(self) -> World:
        self.sandbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.close()
        if self._loop is not None:
            self._loop.close()

    @property
    def market(self) -> Market:
        return _required(self.sandbox.market(self.exchange))

    def wait(self, seconds: int) -> None:
        """Let time go by."""
        self.now_ms += seconds * 1000
        self.market.advance(self.now_ms)

    def open(self) -> Stage:
        """An account that nobody used before."""
        credentials = self.sandbox.open_account(self.exchange)
        known = set(self.market.accounts)
        stage = Stage(self, credentials, Nonces(), next(self._serials))
        with stage.client("blocking") as client:
            (getattr(client.account, "balances", None) or client.account.info)()
        (stage.account,) = set(self.market.accounts) - known
        return stage

    def reader(self, fault: Fault) -> tuple[Stage, Mapping[str, Mapping[str, Any]]]:
        """An account to read from, and the arguments of all reads; another one for each call by a wrong clock, since
        its nonces are never those of another time.
        """
        of = fault.name if "clock" in fault.name else ""
        if of or of not in self._readers:
            stage = self.open()
            with stage.scene() as scene:
                self._readers[of] = stage, for_reads(scene)
        return self._readers[of]

    def clean(self, operation: Operation, stage: Stage, arguments: Mapping[str, Any]) -> Any:
        """What a read ends in that meets no fault. It stays so until time goes by."""
        when = (operation.id, self.now_ms)
        if when not in self._clean:
            with stage.client() as client:
                self._clean[when] = call(client, operation, arguments)
        return self._clean[when]

    @contextmanager
    def connected(self, body: Body, **options: Any) -> Iterator[Any]:
        given = {"base_url": self.sandbox.base_url(self.exchange), "limits": "ignore", "timeout": PATIENT, **options}
        if body == "blocking" or self._loop is None:
            with client_class(self.exchange)(**given) as client:
                yield client
            return
        client = client_class(self.exchange, "Async")(**given)
        try:
            yield Blocking(client, self._loop)
        finally:
            self._loop.run_until_complete(client.close())
            for _ in range(3):  # aiohttp closes its sockets in the rounds after
                self._loop.run_until_complete(asyncio.sleep(0))


@attrs.define
class Stage:
    """An account, and what its clients share."""

    world: World
    credentials: Mapping[str, str]
    nonces: Nonces
    serial: int
    account: str = ""

    def client(self, body: Body | None = None, **options: Any) -> Any:
        """A client of the account that has no connection open yet."""
        given = {"clock": lambda: self.world.now_ms, "nonces": self.nonces, "retries": 0, **self.credentials, **options}
        return self.world.connected(body or self.world.body, **given)

    @contextmanager
    def scene(self) -> Iterator[Scene]:
        world = self.world
        with self.client("blocking") as client:
            yield Scene(world.exchange, client, world.market, self.account, self.serial, world.wait)

    @property
    def books(self) -> Books:
        return Books.of(self.world.market, self.account)


@attrs.define
class Made:
    """A call that was made, and what there is to say against it."""

    ended: str = ""
    value: Any = None
    error: SpecieError | None = None
    attempts: int = 0
    pauses: list[float] = attrs.field(factory=list)
    wrong: list[str] = attrs.field(factory=list)


def run(world: World, operation: Operation, fault: Fault) -> Cell:
    """The cell of an operation and a fault."""
    ending = expected(fault, world.exchange, operation.id, auth=operation.auth)
    of_kind = _read if operation.effect == "read" else _change
    try:
        made, found = of_kind(world, operation, fault, ending)
    except Exception as error:
        # What was to set the scene, or to look at it, failed: that is told like any deviation, and the others go on.
        world.sandbox.clear_faults()
        made, found = Made(ended=type(error).__name__, wrong=[f"around the call: {error!r}"]), ""
    name, wrong = operation.id, tuple(made.wrong)
    return Cell(world.exchange, name, operation.effect, fault.name, world.body, made.ended, found, made.attempts, wrong)


# --- reads ----------------------------------------------------------------------------------------------------------


def _read(world: World, operation: Operation, fault: Fault, ending: Ending) -> tuple[Made, str]:
    """Twice: once by a client that asks once only, and once by one that asks again, if there is time for that."""
    tries = 2 if ending.again != ending.read else 1
    patient = _read_once(world, operation, fault, ending.again, tries, retries=RETRIES)
    if fault.timeout is BRIEF:
        return patient, ""
    impatient = _read_once(world, operation, fault, ending.read, 1)
    patient.wrong += [f"asked once: {one}" for one in impatient.wrong]
    return patient, ""


def _read_once(
    world: World, operation: Operation, fault: Fault, due: str, attempts: int, retries: Retries | int = 0
) -> Made:
    stage, given = world.reader(fault)
    before = stage.books
    clean = None if fault.altered else world.clean(operation, stage, given[operation.id])
    made = _make(stage, operation, given[operation.id], fault, due, attempts, retries)
    if made.ended == "result" and not fault.altered and made.value != clean:
        made.wrong.append(f"the result is not that of a call without the fault: {made.value!r:.80}")
    if stage.books != before:
        made.wrong.append(f"a read changed the books: {before.until(stage.books)}")
    return made


# --- effects --------------------------------------------------------------------------------------------------------


def _change(world: World, operation: Operation, fault: Fault, ending: Ending) -> tuple[Made, str]:
    stage = world.open()
    with stage.scene() as scene:
        arguments = for_effect(scene, operation.id)
    before = stage.books
    # Patience must make no difference: what has an effect is never made again.
    made = _make(stage, operation, arguments, fault, ending.effect, 1, retries=RETRIES)
    after = stage.books
    came, due = before.until(after), DOES[operation.id] if ending.done else NOTHING
    if came != due:
        made.wrong.append(f"the books say {came}, and {due} was due")
    if not ending.done and after != before:
        made.wrong.append("the books differ though nothing was to be done")
    if made.ended == "result" and came != DOES[operation.id]:
        made.wrong.append("a success is told that the books do not show")
    if made.ended not in ("result", "OutcomeUnknown") and came != NOTHING:
        made.wrong.append("a failure is told of something that was done")
    found = ""
    if isinstance(made.error, OutcomeUnknown):
        made.wrong += _wrong_in(made.error, operation, arguments, world)
        truth = FOUND_OUT.get(f"{world.exchange}.{operation.id}", (NOBODY, NOBODY))[0 if ending.done else 1]
        for seconds, answer in ((0, truth if ending.done or truth == NOBODY else NOT_YET), (61, truth)):
            world.wait(seconds)
            settled = stage.books
            found, wrong = _reconciled(stage, operation, made.error, before, after, answer)
            made.wrong += wrong
            if stage.books != settled:
                made.wrong.append("reconcile changed the books")
    world.wait(1)
    return made, found


def _wrong_in(unknown: OutcomeUnknown, operation: Operation, arguments: Mapping[str, Any], world: World) -> list[str]:
    """Whether a doubt tells what a program needs to know."""
    wrong: list[str] = []
    if unknown.operation != operation.id or unknown.method != operation.method:
        wrong.append(f"the doubt is about {unknown.method} {unknown.operation}")
    if not set(arguments) <= set(unknown.sent):
        wrong.append(f"the doubt does not tell all that was sent, only {sorted(unknown.sent)}")
    if unknown.sent_at_ms != world.now_ms:
        wrong.append(f"sent at {unknown.sent_at_ms}, says the doubt, and not at {world.now_ms}")
    return wrong


def _reconciled(
    stage: Stage, operation: Operation, unknown: OutcomeUnknown, before: Books, after: Books, due: str
) -> tuple[str, list[str]]:
    """What `reconcile` answers, and what is wrong with it."""
    first = FIRST_ID[stage.world.exchange]
    outcome: Any = None
    with stage.client() as client:
        try:
            # A group in which nothing can be found out has no such method.
            reconcile = getattr(getattr(client, operation.group), "reconcile", None)
            if reconcile is not None:
                outcome = reconcile(unknown, known=[str(first + one) for one in before.orders])
        except InvalidValue as error:
            if "cannot be reconciled" not in str(error):
                raise
    told = NOBODY if outcome is None else type(outcome).__name__
    if told != due:
        return told, [f"reconcile says {told}, and {due} was due: {outcome!r:.200}"]
    if told == "Placed" and {outcome.order.id} != {str(first + one) for one in after.orders.keys() - before.orders}:
        return told, [f"reconcile found another order: {outcome.order.id}"]
    return told, []


# --- one call -------------------------------------------------------------------------------------------------------


def _make(
    stage: Stage,
    operation: Operation,
    arguments: Mapping[str, Any],
    fault: Fault,
    due: str,
    attempts: int,
    retries: Retries | int = 0,
) -> Made:
    """A call that meets the fault once, by a client that has no connection open, and what is wrong with its end."""
    world, made = stage.world, Made()
    sandbox, exchange = world.sandbox, world.exchange
    if fault.clock == "learning" and operation.auth and checks_clock(exchange, operation.id):
        attempts += 1
    refused = fault.line.startswith("refuse")
    hooks = Hooks(on_retry=partial(_again, sandbox, made, opens=refused))
    seen = sandbox.request_count_of(exchange)
    clock = ServerClock(lambda: world.now_ms) if fault.clock == "learning" else lambda: world.now_ms
    sandbox.fault(fault.line if refused else f"{fault.line} on {exchange}")
    with stage.client(retries=retries, hooks=hooks, timeout=fault.timeout, clock=clock) as client:
        try:
            made.value = call(client, operation, arguments)
            made.ended = "result"
        except SpecieError as error:
            made.error = error
            made.ended = type(error).__name__
        except Exception as error:
            made.ended = type(error).__name__
            made.wrong.append(f"it ended in an error that is none of ours: {error!r}")
    pending = [line for line in sandbox.faults if not line.startswith("clock")]
    sandbox.clear_faults()
    if pending:
        made.wrong.append(f"the fault befell nothing: {', '.join(pending)}")
    arriving = attempts - refused
    _until(lambda: sandbox.request_count_of(exchange) >= seen + arriving)
    made.attempts = sandbox.request_count_of(exchange) - seen
    # Who waits only a moment may have to ask once more, on a machine that is busy.
    most = arriving + (RETRIES.attempts if arriving > 1 and fault.timeout.read < 1 else 0)
    if not arriving <= made.attempts <= most:
        made.wrong.append(f"{made.attempts} requests came, and {arriving} were due")
    if made.ended != due:
        made.wrong.append(f"it ended in {made.ended}, and {due} was due: {made.error}")
    if fault.pause and (told := getattr(made.error, "retry_after", fault.pause)) != fault.pause:
        made.wrong.append(f"the error has retry_after {told}, and the exchange asked for {fault.pause}")
    if any(pause < fault.pause for pause in made.pauses):
        made.wrong.append(f"asked again after {min(made.pauses):.3f} s, and {fault.pause} s was asked for")
    return made


def _again(sandbox: Sandbox, made: Made, told: Retrying, *, opens: bool) -> None:
    """An attempt failed: before the next one the door is open again."""
    made.pauses.append(told.pause)
    if opens:
        sandbox.clear_faults()


def _until(done: Callable[[], bool], seconds: float = 1.0) -> None:
    """Wait for what the sandbox's own thread is about to note down."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.001)


def _required(found: T | None) -> T:
    assert found is not None
    return found
