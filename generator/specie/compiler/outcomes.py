"""Outcomes and trading rules: which reads show what became of a call, and which fields what an order must keep to.

What stands under `reconcile:` and `rules:` speaks of other operations of its group and of what they return, so it is
read when all of them are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Table
from typing import Any

import attrs

from specie.runtime.evidence import parse_wanted

from .diagnostics import Place, suggest
from .model import TIMES, Enum, KeyedBy, ListOf, Model, Operation, Plain, Ref, TypeExpression, Value
from .outcome_model import Figure, Look, PairRules, Reconcile, State
from .source import Mapping, Node, Scalar, Sequence
from .values import UNKNOWN, Scope, plain, scalars, sentences, tidy

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_NUMBERS = ("int", "decimal")
_HOLE = re.compile(r"\{([^{}]*)\}")
FIGURES = ("price", "amount", "value", "quote_amount")


def attach(node: Mapping, operations: list[Operation], scope: Scope) -> list[Operation]:
    """The operations of a group, each with what its entry says under `reconcile:`."""
    by_name = {one.name: one for one in operations}
    found: list[Operation] = []
    for entry in node.mapping("endpoints"):
        operation = by_name.get(entry.key)
        if operation is None:
            continue
        said = entry.value.entry("reconcile") if isinstance(entry.value, Mapping) else None
        if said is not None and isinstance(said.value, Mapping):
            reader = _Reader(said.value, said.place, operation, by_name, scope)
            operation = attrs.evolve(operation, reconcile=reader.read())
        found.append(operation)
    if any(one.reconcile and not one.reconcile.none for one in found) and "reconcile" in by_name:
        message = "'reconcile' is already the method that finds out the outcomes of this group"
        scope.complaints.add("E016", by_name["reconcile"].place, message)
    return found


def pair_rules(node: Mapping, operations: Iterable[Operation], scope: Scope) -> PairRules | None:
    """What a group says under `rules:`."""
    said = node.entry("rules")
    if said is None or not isinstance(said.value, Mapping):
        return None
    by_name = {one.name: one for one in operations}
    if "rules" in by_name:
        message = "'rules' is already the method that gives the trading rules of a pair"
        scope.complaints.add("E016", by_name["rules"].place, message)
    rules, place = said.value, said.place
    call = _called(rules, by_name, scope)
    item = _item(call.returns.type) if call else UNKNOWN
    if call and (not isinstance(call.returns.type, ListOf) or not isinstance(item, Ref)):
        scope.complaints.add("E105", place, f"'{call.name}' gives no list of pairs to read rules from")
    for parameter in call.parameters if call else ():
        if parameter.demanded:
            message = f"'{parameter.name}' of '{call.name if call else ''}' is required, and rules ask for all pairs"
            scope.complaints.add("E105", place, message)
    fields = _Fields(item, scope)
    fields.known(rules.get("pair"))
    figures: list[tuple[str, Figure]] = []
    for name in FIGURES:
        if isinstance(figure := rules.get(name), Mapping):
            figures.append((name, _figure(figure, fields, scope)))
    return PairRules(
        call=call.name if call else "",
        pair=rules.text("pair"),
        figures=tuple(figures),
        item=item,
        doc=tidy(rules.text("doc")),
        caveats=scope.caveats(rules),
        place=place,
    )


def _figure(node: Mapping, fields: _Fields, scope: Scope) -> Figure:
    for key, kinds in (("step", ("decimal",)), ("least", _NUMBERS), ("most", _NUMBERS), ("places", ("int",))):
        said = node.get(key)
        if isinstance(said, Scalar) and not isinstance(said.value, int):
            fields.known(said, kinds)
    if "step" in node and "places" in node:
        scope.complaints.add("E105", node.place, "say 'step' or 'places', not both: either tells the other")
    places = plain(node.get("places"))
    return Figure(
        step=node.text("step"),
        places=places if places is not None else "",
        least=node.text("least"),
        most=node.text("most"),
        doc=tidy(node.text("doc")),
        caveats=scope.caveats(node),
    )


def _called(node: Mapping, by_name: Table[str, Operation], scope: Scope) -> Operation | None:
    """The read that `call:` names."""
    said = node.get("call")
    if not isinstance(said, Scalar) or said.broken:
        return None
    reads = {name: one for name, one in by_name.items() if one.effect == "read"}
    if said.raw not in reads:
        what = "changes something" if said.raw in by_name else "is no operation of this group"
        scope.complaints.add("E102", said.place, f"'{said.raw}' {what}; wanted is a read{suggest(said.raw, reads)}")
    return reads.get(said.raw)


def _item(returned: TypeExpression) -> TypeExpression:
    return returned.item if isinstance(returned, (ListOf, KeyedBy)) else returned


@attrs.frozen
class _Fields:
    """The fields of a record that an operation returns."""

    item: TypeExpression
    scope: Scope

    @property
    def by_name(self) -> dict[str, Value] | None:
        """None where nothing is known of them."""
        model = self.scope.named.get(self.item.name) if isinstance(self.item, Ref) else None
        return {one.name: one for one in model.fields} if isinstance(model, Model) else None

    def known(self, said: Node | None, kinds: tuple[str, ...] = (), place: Place | None = None) -> Value | None:
        """The field that is named, and complaints if there is none, or not of these scalars."""
        if not isinstance(said, Scalar) or said.broken:
            return None
        return self.named(said.raw, place or said.place, kinds)

    def named(self, name: str, place: Place, kinds: tuple[str, ...] = ()) -> Value | None:
        fields = self.by_name
        if fields is None or not isinstance(self.item, Ref):
            return None
        found = fields.get(name)
        if found is None:
            message = f"{self.item.name} has no field '{name}'{suggest(name, fields)}"
            self.scope.complaints.add("E054", place, message)
        elif kinds and not (isinstance(found.type, Plain) and found.type.name in kinds):
            what = "time" if kinds is TIMES else "number" if kinds is _NUMBERS else " or ".join(kinds)
            message = f"'{name}' of {self.item.name} is no {what}"
            self.scope.complaints.add("E103", place, message)
        return found


@attrs.frozen
class _Reader:
    """One `reconcile:`."""

    node: Mapping
    place: Place
    operation: Operation
    by_name: Table[str, Operation]
    scope: Scope

    def read(self) -> Reconcile:
        self._check_form()
        own = self._argument(self.node.get("own_id"))
        receipt = _Fields(_item(self.operation.returns.type), self.scope)
        receipt.known(self.node.get("receipt"))
        return Reconcile(
            none=tidy(self.node.text("none")),
            settle=_seconds(self.node.text("settle")),
            receipt=self.node.text("receipt"),
            own_id=own,
            by_own_id=self._looks("by_own_id"),
            by_values=self._looks("by_values"),
            state=self._state(),
            doc=tidy(self.node.text("doc")),
            caveats=self.scope.caveats(self.node),
            place=self.place,
        )

    def _wrong(self, code: str, place: Place, message: str) -> None:
        self.scope.complaints.add(code, place, message)

    def _check_form(self) -> None:
        node, effect = self.node, self.operation.effect
        ways = [key for key in ("by_own_id", "by_values", "state") if key in node]
        if effect == "read":
            self._wrong("E100", self.place, "only what changes something is reconciled; a read is made again")
        elif "none" in node:
            others = [one for one in node if one.key not in ("none", "receipt", "assumed", "conflict")]
            if others:
                self._wrong(
                    "E101",
                    others[0].place,
                    "'none' says that nothing can be found out; only 'receipt' goes with it",
                )
        else:
            wanted = "'state'" if effect == "cancel" else "'by_own_id', 'by_values' or both"
            fits = ways == ["state"] if effect == "cancel" else bool(ways) and "state" not in ways
            if not fits:
                self._wrong("E101", self.place, f"the outcome of a {effect} is found out by {wanted}, or by 'none'")
            if "settle" not in node:
                self._wrong("E012", self.place, "'settle' is missing: after how long nobody need wait for the request")
        if ("own_id" in node) != ("by_own_id" in node):
            self._wrong("E101", self.place, "'own_id' names the parameter that 'by_own_id' goes by: say both, or none")

    def _argument(self, node: Node | None, text: str | None = None, place: Place | None = None) -> str:
        """The argument of the lost call that is named."""
        if not isinstance(node, Scalar) or node.broken:
            return ""
        name = node.raw if text is None else text
        known = [one.name for one in self.operation.parameters if one.argument]
        if name not in known:
            message = f"'{self.operation.name}' has no parameter '{name}'{suggest(name, known)}"
            self._wrong("E053", place or node.place, message)
        return name

    def _looks(self, key: str) -> tuple[Look, ...]:
        said = self.node.get(key)
        nodes = said.items if isinstance(said, Sequence) else (said,)
        return tuple(self._look(one) for one in nodes if isinstance(one, Mapping))

    def _look(self, node: Mapping) -> Look:
        call = _called(node, self.by_name, self.scope)
        item = _item(call.returns.type) if call else UNKNOWN
        fields = _Fields(item, self.scope)
        if call and not isinstance(item, Ref):
            self._wrong("E102", node.place, f"'{call.name}' returns no records that could be matched")
        for said in scalars(node.get("id")):
            fields.known(said)
        fields.known(node.get("time"), TIMES)
        full = plain(node.get("full"))
        total = next(iter(node.mapping("total")), None)
        if total:
            fields.named(total.key, total.place, _NUMBERS)
        return Look(
            call=call.name if call else "",
            given=self._given(node, call),
            match=self._conditions(node.mapping("match"), fields),
            confirm=self._conditions(node.mapping("confirm"), fields),
            ids=self._ids(node, fields),
            time=node.text("time"),
            full=full if isinstance(full, int) else None,
            total=(total.key, self._argument(total.value)) if total else None,
            item=item,
            place=node.place,
        )

    def _ids(self, node: Mapping, fields: _Fields) -> tuple[str, ...]:
        said = sentences(node.get("id"))
        known = fields.by_name
        if not said and known is not None and "id" not in known:
            self._wrong("E012", node.place, "'id' is missing: which field identifies a record")
        return said or ("id",)

    def _given(self, node: Mapping, call: Operation | None) -> tuple[tuple[str, Any], ...]:
        found: list[tuple[str, Any]] = []
        taken = {one.name: one for one in call.parameters if one.argument} if call else {}
        for entry in node.mapping("with"):
            if call and entry.key not in taken:
                message = f"'{call.name}' has no parameter '{entry.key}'{suggest(entry.key, taken)}"
                self._wrong("E053", entry.place, message)
            value = plain(entry.value)
            if isinstance(value, str) and isinstance(entry.value, Scalar):
                self._check_given(entry.value, taken.get(entry.key))
            found.append((entry.key, value))
        given = {name for name, _ in found}
        for name, parameter in taken.items():
            if parameter.demanded and name not in given:
                message = f"'{name}' is required by '{call.name if call else ''}': say under 'with' what it is given"
                self._wrong("E104", node.place, message)
        return tuple(found)

    def _check_given(self, node: Scalar, parameter: Value | None) -> None:
        if "{" in node.raw or "}" in node.raw:
            for hole in _HOLE.finditer(node.raw):
                self._argument(node, hole[1], node.part(hole.start(1), hole.end(1)))
            if re.search(r"[{}]", _HOLE.sub("", node.raw)):
                self._wrong("E103", node.place, f"'{node.raw}' has a brace without its partner")
        elif node.raw != "since":
            self._argument(node)
        elif parameter and not (isinstance(parameter.type, Plain) and parameter.type.name in TIMES):
            self._wrong("E103", node.place, f"'since' is a time, and '{parameter.name}' is none")

    def _conditions(self, node: Mapping, fields: _Fields) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for entry in node:
            if not isinstance(entry.value, Scalar) or entry.value.broken:
                continue
            raw = entry.value.raw
            try:
                way, name, unless = parse_wanted(raw)
            except ValueError as error:
                self._wrong("E103", entry.value.place, str(error))
                continue
            at = raw.index(name, len(way))
            self._argument(entry.value, name, entry.value.part(at, at + len(name)))
            if unless:
                self._argument(entry.value, unless, entry.value.part(len(raw) - len(unless), len(raw)))
            for field in entry.key.split(" or "):
                self._check_comparable(fields.named(field, entry.place), way, name, entry.value)
            found.append((entry.key, raw))
        return tuple(found)

    def _check_comparable(self, field: Value | None, way: str, name: str, said: Scalar) -> None:
        argument = next((one for one in self.operation.parameters if one.name == name), None)
        if field is None or argument is None:
            return
        left, right = _kind(field.type), _kind(argument.type)
        numbers = left in _NUMBERS and right in _NUMBERS
        if way and not numbers:
            self._wrong(
                "E103", said.place, f"'{way}' compares numbers, and '{field.name}' and '{name}' are not both numbers"
            )
        elif not numbers and "decimal" in (left, right):
            self._wrong("E103", said.place, f"'{field.name}' is {left} and '{name}' is {right}; they are never equal")

    def _state(self) -> State | None:
        node = self.node.get("state")
        if not isinstance(node, Mapping):
            return None
        call = _called(node, self.by_name, self.scope)
        item = _item(call.returns.type) if call else UNKNOWN
        field = _Fields(item, self.scope).known(node.get("field"))
        enum = self.scope.named.get(field.type.name) if field and isinstance(field.type, Ref) else None
        if field and not isinstance(enum, Enum):
            self._wrong("E103", node.place, f"'{field.name}' is no enum, so nothing tells its states apart")
        values = {key: self._members(node, key, enum) for key in ("cancelled", "open", "over")}
        if isinstance(enum, Enum):
            said = {one for found in values.values() for one in found}
            lacking = [one.name for one in enum.members if one.value not in said]
            if lacking:
                message = f"{', '.join(lacking)} of {enum.name} stands in none of cancelled, open and over"
                self._wrong("E104", node.place, message)
        return State(call.name if call else "", self._given(node, call), node.text("field"), **values, item=item)

    def _members(self, node: Mapping, key: str, enum: object) -> tuple[str | int, ...]:
        found: list[str | int] = []
        known = {one.name: one.value for one in enum.members} if isinstance(enum, Enum) else {}
        for said in scalars(node.get(key)):
            if said.raw in known:
                found.append(known[said.raw])
            elif isinstance(enum, Enum):
                self._wrong("E051", said.place, f"{enum.name} has no '{said.raw}'{suggest(said.raw, known)}")
        return tuple(found)


def _kind(type: TypeExpression) -> str:
    return type.name if isinstance(type, Plain) else "another type"


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]+)(s|min|h|d)", text)
    return float(int(match[1]) * _UNITS[match[2]]) if match else 0.0
