"""What the templates see of outcomes and trading rules: a method of a group each, and the constant that it goes by."""

from __future__ import annotations

from typing import Any

import attrs

from . import names, spoken
from .model import Exchange, Group, Operation, TypeExpression
from .outcome_model import Figure, Look, PairRules, Reconcile
from .python import WIDTH, docstring, fit, literal, quote, wrap, wrap_doc

# What the outcome of an effect may turn out to be: that it was done, and that it was not.
_ANSWERS = {
    "create": ("Placed", "NotPlaced"),
    "cancel": ("Cancelled", "NotCancelled"),
    "transfer": ("Transferred", "NotTransferred"),
}


@attrs.frozen
class _Method:
    """What a template sets: a method that exists blocking and asyncio."""

    exchange: Exchange
    group: Group

    @property
    def result(self) -> str:
        raise NotImplementedError

    @property
    def _head(self) -> str:
        raise NotImplementedError

    @property
    def _call(self) -> str:
        raise NotImplementedError

    @property
    def definition(self) -> str:
        return fit(f"def {self._head} -> {self.result}:", 4)

    @property
    def async_definition(self) -> str:
        return fit(f"async def {self._head} -> {self.result}:", 4)

    @property
    def statement(self) -> str:
        return fit(f"return {self._call}", 8)

    @property
    def async_statement(self) -> str:
        return fit(f"return await {self._call}", 8)


@attrs.frozen
class ReconcileView(_Method):
    """`reconcile()` of a group."""

    @property
    def _traced(self) -> list[tuple[Operation, Reconcile]]:
        return [(one, one.reconcile) for one in self.group.operations if one.reconcile and not one.reconcile.none]

    @property
    def wanted(self) -> bool:
        """Whether the group has any operation whose outcome can be found out."""
        return bool(self._traced)

    @property
    def result(self) -> str:
        return outcome_name(self.group)

    @property
    def _answers(self) -> list[str]:
        found: list[str] = []
        for operation, reconcile in self._traced:
            found += [one for one in _answers(operation, reconcile) if one not in found]
        still = dict.fromkeys(one for _, reconcile in self._traced for one in _records(reconcile))
        return [*found, f"StillUnknown[{' | '.join(still)}]"]

    @property
    def declaration(self) -> str:
        traces = ", ".join(_trace(operation, reconcile) for operation, reconcile in self._traced)
        constant = fit(f"_RECONCILIATION: Reconciliation[{self.result}] = Reconciliation({traces})")
        said = wrap_doc(f"What `{self.group.name}.reconcile()` may answer, and how it finds that out:", 0)
        lines = [line for operation, reconcile in self._traced for line in _how(operation, reconcile)]
        told = docstring("\n".join([*said, "", *lines]), 0)
        return f"{_union(self.result, self._answers)}\n{told}\n{constant}"

    @property
    def _head(self) -> str:
        known = "known: Iterable[str | int] | None = None"
        return f"reconcile(self, unknown: OutcomeUnknown, *, {known}, wait: float = 0.0)"

    @property
    def _call(self) -> str:
        return "self._reconcile(_RECONCILIATION, unknown, known, wait)"

    @property
    def doc(self) -> str:
        names_ = " and ".join(f"`{one.name}()`" for one, _ in self._traced)
        said = (
            f"Find out what became of {names_} that raised `OutcomeUnknown`; `{self.result}` says how. It only reads."
        )
        lines = [*wrap_doc(said, 8), "", "Args:"]
        for name, text in _ARGUMENTS.items():
            lines += wrap(text, 8, f"    {name}: ", 8)
        return docstring("\n".join([*lines, "", *wrap(_RAISES, 8)]), 8)


_ARGUMENTS = {
    "unknown": "What the call raised.",
    "known": (
        "Ids that cannot be it, since you know them otherwise; receipts of this client are known without. Where "
        "records bear no time, nothing is claimed unless this is given, `()` for none."
    ),
    "wait": "Seconds for which to ask again while that may help; 0 asks once.",
}
_RAISES = (
    "Raises `ArgumentError` for any other call, and `ApiError` if the exchange refuses to be asked; what may pass, "
    "such as `NoReply`, is answered as `StillUnknown`."
)


def outcome_name(group: Group) -> str:
    """The name of the union of what a group's `reconcile()` may answer; empty where it has none."""
    found = [one for one in group.operations if one.reconcile and not one.reconcile.none]
    return f"{names.class_name(group.name)}Outcome" if found else ""


def _union(name: str, answers: list[str]) -> str:
    """The alias of a union, broken as `ruff format` would."""
    line = f"{name}: TypeAlias = {' | '.join(answers)}"
    if len(line) <= WIDTH:
        return line
    together = " | ".join(answers)
    lines = [together] if len(together) + 4 <= WIDTH else [answers[0], *(f"| {one}" for one in answers[1:])]
    return "\n".join([f"{name}: TypeAlias = (", *(f"    {one}" for one in lines), ")"])


def _answers(operation: Operation, reconcile: Reconcile) -> list[str]:
    """What the outcome of an operation can be found to be, as annotations."""
    done, not_done = _ANSWERS[operation.effect]
    if reconcile.state is not None:
        record = spoken.received(reconcile.state.item)
        return [f"{done}[{record}]", f"{not_done}[{record}]"]
    orders = dict.fromkeys(spoken.received(look.item) for look in reconcile.looks if look.total is None)
    fills = dict.fromkeys(spoken.received(look.item) for look in reconcile.looks if look.total is not None)
    found = [f"{done}[{' | '.join(orders)}]"] if orders else []
    return [*found, *([f"Filled[{' | '.join(fills)}]"] if fills else []), not_done]


def _records(reconcile: Reconcile) -> list[str]:
    items: list[TypeExpression] = [look.item for look in reconcile.looks]
    return [spoken.received(one) for one in ([reconcile.state.item] if reconcile.state else items)]


def _constant(call: str) -> str:
    return f"_{call.upper()}"


def _trace(operation: Operation, reconcile: Reconcile) -> str:
    said = [_constant(operation.name)]
    if reconcile.own_id:
        said.append(f"by={quote(reconcile.own_id)}")
    for name, looks in (("exact", reconcile.by_own_id), ("looks", reconcile.by_values)):
        if looks:
            printed = ", ".join(map(_look, looks))
            said.append(f"{name}=({printed}{',' if len(looks) == 1 else ''})")
    state = reconcile.state
    if state is not None:
        states = [f"{name}={literal(getattr(state, name))}" for name in ("cancelled", "open", "over")]
        given = [_constant(state.call), literal(dict(state.given)), quote(state.field)]
        said.append(f"state=StateLook({', '.join([*given, *states])})")
    settle = int(reconcile.settle) if reconcile.settle == int(reconcile.settle) else reconcile.settle
    return f"Trace({', '.join([*said, f'settle={settle}'])})"


def _look(look: Look) -> str:
    said = [_constant(look.call), literal(dict(look.given))]
    facts: dict[str, Any] = {
        "match": dict(look.match),
        "confirm": dict(look.confirm),
        "ids": look.ids if look.ids != ("id",) else (),
        "time": look.time,
        "full": look.full,
        "total": look.total,
    }
    return f"Look({', '.join([*said, *(f'{name}={literal(value)}' for name, value in facts.items() if value)])})"


def _how(operation: Operation, reconcile: Reconcile) -> list[str]:
    """How the outcome of one operation is found out, as an item of a docstring's list."""
    said: list[str] = []
    if reconcile.own_id:
        said.append(f"by `{reconcile.own_id}` if it was sent, from {_calls(reconcile.by_own_id)}")
    if reconcile.by_values:
        before = "else " if said else ""
        said.append(f"{before}by its values and its time, from {_calls(reconcile.by_values)}")
    if reconcile.state is not None:
        said.append(f"by the state of the order, from `{reconcile.state.call}()`")
    _, not_done = _ANSWERS[operation.effect]
    settle = f"`{not_done}` is said {reconcile.settle:g} seconds after the call at the earliest."
    caveats = map(spoken.sentence, spoken.caveats(reconcile.caveats))
    text = " ".join([f"{'; '.join(said)}.", settle, *filter(None, [spoken.sentence(reconcile.doc)]), *caveats])
    return wrap(text, 0, f"- `{operation.name}()`: ", 2)


def _calls(looks: tuple[Look, ...]) -> str:
    return " and ".join(dict.fromkeys(f"`{look.call}()`" for look in looks))


@attrs.frozen
class RulesView(_Method):
    """`rules()` of a group."""

    rules: PairRules

    @property
    def _record(self) -> str:
        return spoken.received(self.rules.item)

    @property
    def result(self) -> str:
        return f"TradingRules[{self._record}]"

    @property
    def declaration(self) -> str:
        said = [_constant(self.rules.call), f"pair={quote(self.rules.pair)}"]
        for name, figure in self.rules.figures:
            facts = ", ".join(f"{key}={literal(value)}" for key, value in figure.said)
            said.append(f"{name}=Figure({facts})")
        return fit(f"_RULES: PairRules[{self._record}] = PairRules({', '.join(said)})")

    @property
    def _head(self) -> str:
        pairs = f"pairs: Iterable[{self._record}] | None = None"
        return f"rules(self, pair: str, *, max_age: float = 3600.0, {pairs})"

    @property
    def _call(self) -> str:
        return "self._rules(_RULES, pair, max_age, pairs)"

    @property
    def doc(self) -> str:
        rules = self.rules
        said = f"What an order in one market must keep to, from `{rules.call}()`; its `order()` makes orders fit."
        lines = wrap_doc(f"{said} {spoken.sentence(rules.doc)}".strip(), 8)
        lines += ["", "Args:"]
        for name, text in _RULES_ARGUMENTS.items():
            lines += wrap(text.format(call=rules.call), 8, f"    {name}: ", 8)
        figures = [(name, " ".join(_told(figure))) for name, figure in rules.figures]
        told = [line for name, text in figures if text for line in wrap(f"{name.capitalize()}: {text}", 8)]
        return docstring("\n".join([*lines, *(["", *told] if told else []), *spoken.paragraphs(rules.caveats, 8)]), 8)


_RULES_ARGUMENTS = {
    "pair": "The market, in capitals or small letters; `InvalidValue` if there is none such.",
    "max_age": "Seconds for which the list that was asked for last is good; 0 asks anew.",
    "pairs": "What `{call}()` gave, to be read instead of asking.",
}


def _told(figure: Figure) -> list[str]:
    """What the spec says of a figure beside its bounds."""
    return [*filter(None, [spoken.sentence(figure.doc)]), *map(spoken.sentence, spoken.caveats(figure.caveats))]


def methods(exchange: Exchange, group: Group) -> list[ReconcileView | RulesView]:
    """What a group has beside its operations."""
    reconcile = ReconcileView(exchange, group)
    found: list[ReconcileView | RulesView] = [reconcile] if reconcile.wanted else []
    return [*found, RulesView(exchange, group, group.rules)] if group.rules else found
