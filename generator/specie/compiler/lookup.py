"""What a stream's entry speaks of by name: fields of its messages, operations of the exchange, parameters of both."""

from __future__ import annotations

from collections.abc import Mapping as Table

import attrs

from .diagnostics import Place, suggest
from .model import KeyedBy, ListOf, Model, Operation, Plain, Ref, TypeExpression, Value
from .source import Mapping, Node, Scalar
from .stream_model import Alternative, Call, Whole
from .values import UNKNOWN, Scope


@attrs.frozen
class Lookup:
    """Names in a stream's entry, and what they may speak of."""

    scope: Scope
    operations: Table[str, Operation]
    parameters: tuple[Value, ...]
    """Those of the stream."""
    yields: tuple[Alternative, ...]
    whole: Whole

    def wrong(self, code: str, place: Place, message: str) -> None:
        self.scope.complaints.add(code, place, message)

    # --- types and fields ---------------------------------------------------------------------------------------------

    def model(self, type: TypeExpression) -> Model | None:
        """The model that a type names, or names a list of."""
        inner = type.item if isinstance(type, (ListOf, KeyedBy)) else type
        found = self.scope.named.get(inner.name) if isinstance(inner, Ref) else None
        return found if isinstance(found, Model) else None

    def field(self, said: Node | None, model: Model | None, kinds: tuple[str, ...] = ()) -> Value | None:
        """The field of `model` that is named; complains where there is none, or one of no such kind."""
        if not isinstance(said, Scalar) or said.broken or model is None:
            return None
        fields = {one.name: one for one in model.fields}
        if said.raw not in fields:
            self.wrong("E054", said.place, f"{model.name} has no field '{said.raw}'{suggest(said.raw, fields)}")
            return None
        found = fields[said.raw]
        if kinds and found.type is not UNKNOWN and not (isinstance(found.type, Plain) and found.type.name in kinds):
            wanted = " or ".join(kinds)
            self.wrong("E087", said.place, f"{model.name}.{found.name} is no {wanted}, which is wanted here")
        return found

    def items(self, said: Node | None, model: Model | None) -> Model | None:
        """The type of the items of a list that is named."""
        found = self.field(said, model)
        if found is None or said is None or model is None or found.type is UNKNOWN:
            return None
        inner = self.model(found.type)
        if not isinstance(found.type, ListOf) or inner is None:
            self.wrong("E087", said.place, f"{model.name}.{found.name} is no list of a type with fields")
            return None
        return inner

    def message(self, what: str, place: Place) -> Model | None:
        """The one type that the messages have, or hold a list of."""
        if len(self.yields) > 1:
            self.wrong("E087", place, f"{what} needs messages of one type, and here are {len(self.yields)}")
            return None
        found = self.model(self.yields[0].type) if self.yields else None
        if found is None and self.yields and self.yields[0].type is not UNKNOWN:
            self.wrong("E087", place, f"{what} needs messages with fields, and these have none")
        return found

    # --- operations ---------------------------------------------------------------------------------------------------

    def operation(self, said: Node | None) -> Operation | None:
        if not isinstance(said, Scalar) or said.broken:
            return None
        found = self.operations.get(said.raw)
        if found is None:
            self.wrong("E088", said.place, f"no operation '{said.raw}'{suggest(said.raw, self.operations)}")
        elif found.effect != "read":
            self.wrong("E088", said.place, f"{found.id} changes something; what is called unasked must be a read")
        return found

    def call(self, said: Node, operation: Operation, given: Table[str, tuple[str, Place]]) -> Call:
        """A call with these arguments: parameters of the operation, each with what gives its value."""
        known = [one.name for one in operation.parameters if one.argument]
        for name, (_, place) in given.items():
            if name not in known:
                self.wrong("E053", place, f"{operation.id} has no parameter '{name}'{suggest(name, known)}")
        for one in operation.parameters:
            if one.demanded and one.name not in given:
                self.wrong("E088", said.place, f"{operation.id} needs '{one.name}', and nothing here gives it")
        arguments = tuple((name, source) for name, (source, _) in given.items())
        return Call(operation.id, arguments, operation.pages is not None)

    def call_by_parameters(self, said: Node, operation: Operation, arguments: Node | None) -> Call:
        """A call whose arguments are the stream's: those that are said, and those of the same name."""
        own = [one.name for one in self.parameters]
        given: dict[str, tuple[str, Place]] = {}
        for entry in arguments if isinstance(arguments, Mapping) else ():
            source = entry.value
            if isinstance(source, Scalar) and not source.broken:
                if source.raw not in own:
                    message = f"the stream has no parameter '{source.raw}'{suggest(source.raw, own)}"
                    self.wrong("E053", source.place, message)
                given[entry.key] = (source.raw, entry.place)
        for one in operation.parameters:
            if one.argument and one.name in own and one.name not in given:
                given[one.name] = (one.name, said.place)
        return self.call(said, operation, given)

    def listed(self, said: Node, operation: Operation) -> TypeExpression:
        """The type of the items that an operation gives."""
        if operation.pages:
            return operation.pages.item
        given = operation.returns.type
        if isinstance(given, (ListOf, KeyedBy)):
            return given.item
        if given is not UNKNOWN:
            self.wrong("E088", said.place, f"{operation.id} gives no list, nor pages of one")
        return UNKNOWN

    def fields_of(self, node: Node | None, model: Model | None) -> dict[str, tuple[str, Place]]:
        """Parameters with the field of `model` that gives each."""
        found: dict[str, tuple[str, Place]] = {}
        for entry in node if isinstance(node, Mapping) else ():
            self.field(entry.value, model)
            if isinstance(entry.value, Scalar):
                found[entry.key] = (entry.value.raw, entry.place)
        return found
