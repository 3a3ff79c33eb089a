"""How the outcome of a call whose answer was lost is found out, as specs declare it.

`reconciling` asks by these statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import InvalidType, InvalidValue, OutcomeUnknown
from .evidence import Condition
from .operation import Operation
from .shapes import ListShape, MapShape, shape_of

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Look", "Reconciliation", "StateLook", "Trace"]

R = TypeVar("R")


class Look:
    """One read that may show what became of a call.

    Args:
        operation: The read.
        given: Its arguments: text is an argument of the call, `since` the time from which on the call can have had
            effects, or a template with arguments in braces; anything else is given as it is.
        match: What a record must be to stem from the call, by its fields; see `Condition`.
        confirm: What it must be besides before it is claimed.
        ids: Fields that identify a record, or the order that it belongs to.
        time: The field that says when it was made.
        full: A list of so many records may be cut off.
        total: The field that sums up to an argument, where records are the trades of one order.
    """

    def __init__(
        self,
        operation: Operation[Any],
        given: Mapping[str, object],
        *,
        match: Mapping[str, str] | None = None,
        confirm: Mapping[str, str] | None = None,
        ids: tuple[str, ...] = ("id",),
        time: str | None = None,
        full: int | None = None,
        total: tuple[str, str] | None = None,
    ) -> None:
        self.operation = operation
        self.given = given
        self.match = tuple(Condition(field, wanted) for field, wanted in (match or {}).items())
        self.confirm = tuple(Condition(field, wanted) for field, wanted in (confirm or {}).items())
        self.ids = ids
        self.time = time
        self.full = full
        self.total = total

    @property
    def sole(self) -> bool:
        """Whether it asks for one record, and not for a list."""
        return not isinstance(shape_of(self.operation.returns), (ListShape, MapShape))

    def arguments(self, sent: Mapping[str, object], since_ms: int) -> dict[str, object]:
        """What to call the read with."""
        from .plan import plan_for

        codecs = plan_for(self.operation).codecs

        def value(name: str, said: object) -> object:
            if not isinstance(said, str):
                return said
            if said == "since":
                return codecs[name].now(since_ms)
            if "{" not in said:
                return sent.get(said)
            try:
                return said.format_map(sent)
            except KeyError:  # an argument that was not sent
                return None

        return {name: found for name, said in self.given.items() if (found := value(name, said)) is not None}


class StateLook:
    """The read that shows the state of an order which was to be cancelled.

    Args:
        operation: The read.
        given: Its arguments, as for `Look`.
        field: The field that holds the state.
        cancelled: States of an order that is cancelled.
        open: States of one that is not.
        over: States of one that ended otherwise.
    """

    def __init__(
        self,
        operation: Operation[Any],
        given: Mapping[str, object],
        field: str,
        *,
        cancelled: tuple[object, ...],
        open: tuple[object, ...],
        over: tuple[object, ...],
    ) -> None:
        self.look = Look(operation, given)
        self.field = field
        self.cancelled = cancelled
        self.open = open
        self.over = over


class Trace:
    """How the outcome of one operation is found out.

    Args:
        operation: The operation.
        by: The argument that is the caller's own id of the order.
        exact: What is read where that was sent.
        looks: What is read where it was not.
        state: What is read of an order that was to be cancelled.
        settle: Seconds after which a request is taken to have arrived, or never to arrive.
    """

    def __init__(
        self,
        operation: Operation[Any],
        *,
        by: str | None = None,
        exact: tuple[Look, ...] = (),
        looks: tuple[Look, ...] = (),
        state: StateLook | None = None,
        settle: float,
    ) -> None:
        self.operation = operation
        self.by = by
        self.exact = exact
        self.looks = looks
        self.state = state
        self.settle = settle


class Reconciliation(Generic[R]):
    """How the outcomes of a group's operations are found out.

    Args:
        *traces: One for each operation.
    """

    def __init__(self, *traces: Trace) -> None:
        self.traces = {one.operation.name: one for one in traces}

    def trace(self, settings: Settings, unknown: object) -> Trace:
        """How the outcome of this call is found out.

        Raises:
            ArgumentError: It is no outcome of an operation that can be asked about here.
        """
        if not isinstance(unknown, OutcomeUnknown):
            raise InvalidType(f"reconcile takes an OutcomeUnknown, not a {type(unknown).__name__}", parameter="unknown")
        trace = self.traces.get(unknown.operation)
        if trace is None:
            raise InvalidValue(
                f"{unknown.operation or 'a call'} cannot be reconciled here; here it is {', '.join(self.traces)}. "
                "What to do instead is said with each operation that changes something",
                operation=unknown.operation,
                parameter="unknown",
            )
        _same_exchange(settings, trace.operation, unknown)
        return trace


def _same_exchange(settings: Settings, operation: Operation[Any], unknown: OutcomeUnknown) -> None:
    # Operations are called alike at all exchanges, and asking the wrong one would find that nothing was done.
    from .plan import plan_for

    plan = plan_for(operation)
    path = f"{settings.servers[operation.server].path}{plan.draft(unknown.sent, 0).path}"
    if unknown.sent.keys() - plan.codecs.keys() or (unknown.method, unknown.path) != (operation.method, path):
        raise InvalidValue(
            f"{unknown.operation}: this call did not go to {settings.exchange.title}, but to {unknown.path}: "
            "reconcile with the client that sent it",
            operation=unknown.operation,
            parameter="unknown",
        )
