"""Are the parameters of a call those that the spec knows, and may they be so together?

Where two parameters share a wire name (an amount in either currency), what came is taken for each in turn, and the call
passes if it may be meant in one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import attrs

from specie.compiler.model import Enum, Exchange, ListOf, Model, Operation, Plain, Ref, Rule, TypeExpression, Value
from specie.runtime.rules import compile_rule, parse_rule

from .routes import constant
from .values import Misfit, Reader, json_document, meanings
from .wire import FORM, JSON, Received, Refused


@attrs.frozen
class _Came:
    """What came under one wire name: texts, or a value of a JSON body."""

    texts: list[str]
    json: Any = None


class Parameters:
    """Checks the calls of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._named = exchange.named
        self._reader = Reader(self._named, self._judge_model)

    def check(self, operation: Operation, held: Mapping[str, str], received: Received) -> dict[str, Any]:
        """The arguments of a call by their Python names; or `Refused`. `held` is what the path holds."""
        came = self._collect(operation, held, received)
        refusals: list[Refused] = []
        for choice in meanings(operation.parameters, lambda value: (value.where or "", value.wire) in came):
            try:
                return self._read(operation, choice, came)
            except Refused as refused:
                refusals.append(refused)
        raise refusals[0]

    # --- what came ---------------------------------------------------------------------------------------------------

    def _collect(
        self, operation: Operation, held: Mapping[str, str], received: Received
    ) -> dict[tuple[str, str], _Came]:
        wires = {where: {one.wire for one in operation.parameters if one.where == where} for where in _PLACES}
        added = {where: {one.wire for one in self._adds(operation) if one.where == where} for where in _PLACES}
        came: dict[tuple[str, str], _Came] = {}
        for one in operation.parameters:
            if one.where == "path":
                came["path", one.wire] = _Came([held[one.wire if one.wire in held else one.name]])
            elif one.where == "header" and (text := received.header(one.wire)) is not None:
                came["header", one.wire] = _Came([text])
        self._gather("query", received.query_pairs, wires["query"], added["query"], came)
        whole = next((one for one in operation.parameters if one.whole), None)
        if whole is not None or wires["body"] or added["body"]:
            document = self._document(received)
            if whole is not None:
                came["body", whole.wire] = _Came([], document)
            elif not isinstance(document, dict):
                raise Refused("InvalidRequest", "the body is not a JSON object")
            else:
                members = cast("dict[str, Any]", document)
                _known(members, wires["body"] | added["body"], "body")
                came.update({("body", name): _Came([], one) for name, one in members.items() if name in wires["body"]})
        elif wires["form"] or added["form"]:
            _expect(received, FORM, "a form")
            self._gather("form", received.fields, wires["form"], added["form"], came)
        elif received.body:
            raise Refused("InvalidRequest", "a body came, and this operation has none")
        return came

    def _adds(self, operation: Operation) -> Sequence[Any]:
        return self._exchange.auth.adds if self._exchange.auth is not None and operation.auth else ()

    def _document(self, received: Received) -> Any:
        _expect(received, JSON, "JSON")
        return json_document(received.text)

    def _gather(
        self,
        where: str,
        pairs: list[tuple[str, str]],
        wires: set[str],
        added: set[str],
        came: dict[tuple[str, str], _Came],
    ) -> None:
        _known([name for name, _ in pairs], wires | added, where)
        for name, text in pairs:
            if name in wires:
                came.setdefault((where, name), _Came([])).texts.append(text)

    # --- what it means -----------------------------------------------------------------------------------------------

    def _read(
        self, operation: Operation, choice: Iterable[Value], came: Mapping[tuple[str, str], _Came]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for value in choice:
            one = came[value.where or "", value.wire]
            try:
                reader = self._reader
                found[value.name] = reader.texts(value, one.texts) if one.texts else reader.json(value, one.json)
            except Misfit as misfit:
                raise Refused("InvalidRequest", f"parameter '{value.wire}' has a bad value: {misfit}") from None
            if value.const is not None and constant(found[value.name]) != constant(value.const):
                raise Refused("InvalidRequest", f"parameter '{value.wire}' has a bad value: it must be {value.const}")
        names = {(value.where, value.wire) for value in choice}
        for value in operation.parameters:
            if (value.required or value.const is not None) and (value.where, value.wire) not in names:
                raise Refused("InvalidRequest", f"parameter '{value.wire}' is lacking")
        broken = self._broken(operation.require, operation.parameters, found)
        if broken:
            raise Refused("InvalidRequest", broken)
        return found

    def _judge_model(self, model: Model, found: dict[str, Any]) -> None:
        broken = self._broken(model.require, model.fields, found)
        if broken:
            raise Misfit(broken)

    def _broken(self, rules: Iterable[Rule], values: Sequence[Value], found: Mapping[str, Any]) -> str:
        """What breaks a rule, or nothing.

        Rules look at what the caller gave. What is always sent may be there though the caller said nothing, so a call
        passes with it or without it.
        """
        given = {name: one for name, one in found.items() if not _unasked(values, name, one)}
        for rule in rules:
            test = compile_rule(parse_rule(rule.text), partial(self._meant, values), partial(_unit, values))
            broken = test(found)
            if broken and test(given):
                return f"parameter '{broken[0]}' may not be so: {broken[1]} (the rule is: {rule.text})"
        return ""

    def _meant(self, values: Sequence[Value], name: str, word: str) -> frozenset[object]:
        """What a word of a rule stands for: a member of the parameter's enum, or itself."""
        kind = next((value.type for value in values if value.name == name), None)
        kind = kind.item if isinstance(kind, ListOf) else kind
        enum = self._named.get(kind.name) if isinstance(kind, Ref) else None
        if isinstance(enum, Enum):
            member = next((one for one in enum.members if one.name == word), None)
            if member is not None:
                return frozenset((member.value,))
        return frozenset((word, {"true": True, "false": False}.get(word, word)))


_PLACES = ("query", "body", "form", "header", "path")
_UNITS = {"millis": "millis", "seconds": "seconds", "exact_seconds": "exact"}


def _expect(received: Received, content_type: str, what: str) -> None:
    if received.content_type != content_type:
        came = received.content_type or "nothing"
        raise Refused("InvalidRequest", f"the body is not {what}: its content-type is {came}, not {content_type}")


def _known(names: Iterable[str], known: set[str], where: str) -> None:
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        listed = f"; known are {', '.join(sorted(known))}" if known else ""
        raise Refused("InvalidRequest", f"parameter '{unknown}' of the {where} is not known{listed}")


def _unasked(values: Sequence[Value], name: str, found: Any) -> bool:
    value = next(one for one in values if one.name == name)
    return value.const is not None or value.now or (value.send and constant(value.default) == constant(found))


def _unit(values: Sequence[Value], name: str) -> str:
    kind: TypeExpression | None = next((value.type for value in values if value.name == name), None)
    return _UNITS.get(kind.name, "") if isinstance(kind, Plain) else ""
