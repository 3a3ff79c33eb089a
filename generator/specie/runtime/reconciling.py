"""Finding out what became of a call whose answer was lost, as a conversation like any call: by the caller's own id of
an order where it was sent, else by what the exchange's lists show of the time since.

It never guesses. What one record alone can stem from is claimed; that nothing was done is only said when everything
that could show it was read to its end, and late enough for a delayed request to have arrived. All else is unknown
still. Orders that this very client placed are told from the lost one by the ids of their receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, cast

from .basics import is_array, is_many, is_mapping
from .clock import ServerClock, server_date
from .errors import (
    ClientClosed,
    InvalidResponse,
    InvalidType,
    MissingCredentials,
    NoReply,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RequestTimeout,
    ServerError,
)
from .evidence import Span, all_hold, plain_value, sent_between, time_of
from .outcomes import (
    Cancelled,
    Filled,
    NotCancelled,
    NotPlaced,
    NotTransferred,
    Placed,
    StillUnknown,
    Transferred,
)
from .receipts import memory_of
from .reconcile import Look, Reconciliation, StateLook, Trace
from .settings import Settings
from .steps import Call, Response, Sleep

__all__ = ["reconcile"]

_PASSING: Final = (NoReply, NotSent, ServerError, RequestTimeout, RateLimited, InvalidResponse)
_LASTING: Final = (MissingCredentials, ClientClosed)
_PAUSE: Final = 1.0


def reconcile(
    settings: Settings,
    closed: Callable[[], bool],
    reconciliation: Reconciliation[Any],
    unknown: OutcomeUnknown,
    known: Iterable[str | int] | None,
    wait: float,
) -> Call:
    """Find out what became of a call; ask again for `wait` seconds while that may help."""
    trace = reconciliation.trace(settings, unknown)
    case = _Case(settings, closed, trace, unknown, _ids(known))
    if isinstance(cast(object, wait), bool) or not isinstance(cast(object, wait), (int, float)) or wait != wait:
        raise InvalidType(f"wait must be a number of seconds, not {wait!r}", parameter="wait")
    begun = settings.monotonic()
    while True:
        outcome = yield from case.ask()
        if not isinstance(outcome, StillUnknown) or outcome.again_in is None:
            return cast("Any", outcome)
        left = wait - (settings.monotonic() - begun)
        if left <= 0:
            return cast("Any", outcome)
        if (yield Sleep(min(max(outcome.again_in, _PAUSE), left))):
            return cast("Any", outcome)


def _ids(known: Iterable[str | int] | None) -> frozenset[str] | None:
    if known is None:
        return None
    # A text is an iterable of its letters, none of which is the id that was meant to be ruled out.
    if not (is_many(known) or is_mapping(known)):
        raise InvalidType(f"known must be a list, a tuple or a set of ids, not {known!r}", parameter="known")
    return frozenset(map(str, known))


class _Found(NamedTuple):
    record: Any
    sure: bool


class _Findings:
    """What the reads of one asking showed."""

    def __init__(self) -> None:
        self.orders: dict[str, _Found] = {}
        self.fills: dict[str, _Found] = {}
        self.total: tuple[str, str] = ("", "")
        self.cut_off: list[str] = []
        self.others: list[Any] = []
        """What was found under the caller's own id, and stems from another call."""
        self.asked: list[str] = []


class _Case:
    """One lost call, and the asking about it."""

    def __init__(
        self,
        settings: Settings,
        closed: Callable[[], bool],
        trace: Trace,
        unknown: OutcomeUnknown,
        known: frozenset[str] | None,
    ) -> None:
        self.settings = settings
        self.closed = closed
        self.trace = trace
        self.unknown = unknown
        self.memory = memory_of(settings)
        self.effect = trace.operation.effect
        self.known = known
        self.exact = trace.by is not None and unknown.sent.get(trace.by) is not None

    def ask(self) -> Call:
        begun_ms = self.memory.clock.local_ms()
        try:
            if self.trace.state is not None:
                return (yield from self._state(self.trace.state, begun_ms))
            found = _Findings()
            for look in self._looks():
                yield from self._look(look, found)
        except _LASTING:
            raise
        except _PASSING as error:
            return StillUnknown((), f"it could not be asked for: {error}", _PAUSE)
        return self._judge(found, begun_ms)

    def _looks(self) -> tuple[Look, ...]:
        return self.trace.exact if self.exact else self.trace.looks

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read(self, look: Look) -> Call:
        from .flow import call

        clock = self.memory.clock
        given = look.arguments(self.unknown.sent, self.span.since)
        steps = call(self.settings, self.closed, look.operation, given)
        return (yield from _observed(steps, clock if self.memory.learns else None))

    def _look(self, look: Look, found: _Findings) -> Call:
        found.asked.append(look.operation.name)
        try:
            result = yield from self._read(look)
        except NotFound:
            if not look.sole:
                raise
            return
        records = [result] if look.sole else result if is_array(result) else list(result.values())
        if look.full is not None and len(records) >= look.full:
            found.cut_off.append(look.operation.name)
        if look.total is not None:
            found.total = look.total
        into = found.orders if look.total is None else found.fills
        # Asked for after the read, since other calls of this client may have had their receipts meanwhile.
        others = self.memory.others(self.effect, self.unknown) | (self.known or frozenset())
        for record in records:
            self._take(look, record, others, into, found)

    def _take(self, look: Look, record: Any, others: set[str], into: dict[str, _Found], found: _Findings) -> None:
        ids = [str(value) for name in look.ids if (value := getattr(record, name)) is not None]
        span = self.span
        time = None if look.time is None else time_of(record, look.time)
        fits = all_hold(look.match, record, self.unknown.sent) and others.isdisjoint(ids)
        if not fits or span.rules_out(time):
            # Under the caller's own id one order is shown: if it is another one, nothing can be said of this one.
            found.others += [record] if look.sole else []
            return
        sure = all_hold(look.confirm, record, self.unknown.sent)
        # Its own id makes an order sure, unless its time speaks against it; values need the time to speak for it, or
        # the caller's word that no other order of the past is like it.
        if not self.exact:
            timed = span.holds(time, int(self.trace.settle * 1000))
            sure = sure and (timed if look.time is not None else self.known is not None)
        into.setdefault(ids[0], _Found(record, sure))

    @property
    def span(self) -> Span:
        """When the call can have reached the exchange, by its clock."""
        unknown, clock = self.unknown, self.memory.clock
        if unknown.clock_uncertainty_ms is not None:
            return sent_between(unknown.sent_at_ms, unknown.clock_uncertainty_ms)
        return sent_between(unknown.sent_at_ms + clock.offset_ms, clock.uncertainty_ms)

    def _unsettled(self, begun_ms: int) -> float | None:
        """Seconds for which the call may still be on its way, seen from when the reads began; None if it cannot be."""
        span = self.span
        left = self.trace.settle - (begun_ms + self.memory.clock.offset_ms - (span.first + span.last) / 2) / 1000
        return min(left, self.trace.settle) if left > 0 else None

    # -- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, found: _Findings, begun_ms: int) -> Any:
        if not found.asked:
            return StillUnknown((), f"{self.trace.by} was not sent, and nothing else tells it from other calls", None)
        candidates = [*found.orders.values(), *found.fills.values()]
        records = [one.record for one in candidates]
        asked = " and ".join(dict.fromkeys(found.asked))
        if found.others:
            return StillUnknown(found.others, f"another record stands under the id that was sent, in {asked}", None)
        if found.cut_off:
            return StillUnknown(records, f"{' and '.join(found.cut_off)} may be cut off: so many records came", None)
        if len(found.orders) == 1:
            ((name, one),) = found.orders.items()
            if one.sure and self.memory.claim(self.effect, self.unknown, (name,)):
                return (Transferred if self.effect == "transfer" else Placed)(one.record)
            return StillUnknown(records, f"one record in {asked} may stem from it; {self._lacking()}", None)
        if found.orders:
            return StillUnknown(records, f"{len(found.orders)} records in {asked} may stem from it", None)
        left = self._unsettled(begun_ms)
        if found.fills:
            return self._judge_fills(found, asked, left)
        if left is not None:
            return StillUnknown((), f"there is no trace of it in {asked}, but it may be on its way still", left)
        why = f"there is no trace of it in {asked}, {self.trace.settle:g} seconds and more after it was sent"
        return (NotTransferred if self.effect == "transfer" else NotPlaced)(why)

    def _lacking(self) -> str:
        if any(look.time is None for look in self._looks()):
            return "such records bear no time: say by known=… which ids you knew before"
        return "it differs in something, its time is not certain enough, or another call is found to be it"

    def _judge_fills(self, found: _Findings, asked: str, left: float | None) -> Any:
        """Trades without an order: they are its own if they make up all of it, and nothing else was done meanwhile."""
        field, argument = found.total
        fills = [one.record for one in found.fills.values()]
        wanted = self.unknown.sent.get(argument)
        whole = sum(getattr(one, field) for one in fills) == wanted and all(one.sure for one in found.fills.values())
        alone = not self.memory.took_since(self.effect, self.span.since)
        if whole and alone and self.memory.claim(self.effect, self.unknown, found.fills):
            return Filled(fills)
        return StillUnknown(fills, f"trades in {asked} may be its own, or those of other orders", left)

    def _state(self, state: StateLook, begun_ms: int) -> Call:
        name = state.look.operation.name
        try:
            order = yield from self._read(state.look)
        except NotFound as error:
            return StillUnknown((), f"{name} knows no such order: {error}", None)
        value = plain_value(getattr(order, state.field))
        if value in state.cancelled:
            return Cancelled(order)
        if value in state.over:
            return NotCancelled(order, f"{name} shows that it had ended otherwise: {state.field} {value}")
        if value not in state.open:
            return StillUnknown((order,), f"{name} shows a state that is documented nowhere: {value}", None)
        left = self._unsettled(begun_ms)
        if left is not None:
            return StillUnknown((order,), f"{name} shows it open, but the call may be on its way still", left)
        return NotCancelled(order, f"{name} shows it open, {self.trace.settle:g} seconds and more after the call")


def _observed(steps: Call, clock: ServerClock | None) -> Call:
    """A conversation as it is, from whose replies a clock learns."""
    answer: Any = None
    failure: BaseException | None = None
    while True:
        try:
            step = steps.send(answer) if failure is None else steps.throw(failure)
        except StopIteration as done:
            return done.value
        answer, failure = None, None
        sent_ms = 0 if clock is None else clock.local_ms()
        try:
            answer = yield step
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as error:  # what became of a step is the conversation's own affair
            failure = error
        if clock is not None and isinstance(answer, Response):
            server_ms = server_date(answer.headers)
            if server_ms is not None:
                clock.observe(sent_ms, clock.local_ms(), server_ms)
