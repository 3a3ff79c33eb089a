"""Parameters and fields: a name with a type, and all that is said of it.

`Scope` is what one exchange's files share while they are read: the named types, the case of wire names, the complaints.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, Literal, cast

import attrs

from . import names
from .diagnostics import Complaints, Place, suggest
from .model import (
    SCALARS,
    TIMES,
    Caveats,
    Enum,
    KeyedBy,
    ListOf,
    MapOf,
    Model,
    NamedType,
    Plain,
    Ref,
    Rule,
    ScalarName,
    TypeExpression,
    Value,
    Where,
    is_list,
    is_mapping,
    number,
)
from .rules import check_rule
from .source import Entry, Mapping, Node, Scalar, Sequence

UNKNOWN: Final = Plain("json")
"""Stands, as this very object, for a type that was complained of."""


@attrs.frozen
class NamedScalar:
    """A scalar with a name in the spec: its doc and example are inherited where it is used."""

    type: TypeExpression
    doc: str
    example: Any
    range: str
    length: str
    caveats: Caveats


@attrs.define
class Scope:
    complaints: Complaints
    case: str = "snake"
    scalars: dict[str, NamedScalar] = attrs.Factory(dict[str, NamedScalar])
    named: dict[str, NamedType] = attrs.Factory(dict[str, NamedType])
    declared: dict[str, Place] = attrs.Factory(dict[str, Place])
    """Every type name with its place, before the types themselves are known."""
    keyed: list[tuple[KeyedBy, Place]] = attrs.Factory(list[tuple[KeyedBy, Place]])
    """Every `keyed`, to be looked at when all types are known."""

    # --- small things -------------------------------------------------------------------------------------------------

    def caveats(self, node: Mapping) -> Caveats:
        return Caveats(assumed=sentences(node.get("assumed")), conflict=sentences(node.get("conflict")))

    def named_scalar(self, node: Node | None) -> NamedScalar | None:
        return self.scalars.get(node.raw) if isinstance(node, Scalar) else None

    def type(self, node: Node | None, whole: bool = False) -> TypeExpression:
        """The type that `node` names; `whole`: it is that of a whole reply. Complains, and gives `UNKNOWN`, where there
        is none."""
        if isinstance(node, Sequence):
            return ListOf(self.type(node.items[0]))
        if isinstance(node, Mapping):
            return MapOf(self.type(node.get("map"))) if "map" in node else self._keyed(node)
        if node is None or node.broken:
            return UNKNOWN
        name = node.raw
        if name == "nothing" and not whole:
            self.complaints.add(
                "E020", node.place, "'nothing' is a reply without information, and stands in returns: only"
            )
            return UNKNOWN
        if name in SCALARS:
            return Plain(name)
        if name in self.scalars:
            return self.scalars[name].type
        if name in self.declared:
            return Ref(name)
        if name.endswith("?"):
            message = f"'?' goes on the name, not on the type: NAME?: {name.removesuffix('?')}"
            self.complaints.add("E020", node.place, message)
        elif re.fullmatch(r"\w+\[\]|(?:list|array)[\[<(]\w+[\]>)]", name):
            self.complaints.add("E020", node.place, f"a list is written [T], not {name}")
        else:
            known = [*SCALARS, *self.declared]
            hint = suggest(name, known) or "; define it under types:"
            self.complaints.add("E021", node.place, f"unknown type '{name}'{hint}")
        return UNKNOWN

    def _keyed(self, node: Mapping) -> TypeExpression:
        item, key = self.type(node.get("keyed")), node.get("key")
        if not isinstance(item, Ref):
            if item is not UNKNOWN:
                self.complaints.add("E020", node.place, "'keyed' names a type with fields: {keyed: Order, key: id}")
            return UNKNOWN
        found = KeyedBy(item, node.text("key"))
        if found.key:
            self.keyed.append((found, key.place if key else node.place))
        return found

    # --- parameters and fields ----------------------------------------------------------------------------------------

    def values(self, node: Mapping, where: Where | None = None) -> tuple[Value, ...]:
        return tuple(self.value(entry, where) for entry in node)

    def value(self, entry: Entry, where: Where | None) -> Value:
        name, optional = entry.key.removesuffix("?"), entry.key.endswith("?")
        why = names.refused(name) if where else names.refused_field(name)
        if why:
            self.complaints.add("E015", entry.place, why)
        node = entry.value
        is_type = not isinstance(node, Mapping) or "map" in node or "keyed" in node
        said = Mapping((), node.place) if is_type else cast(Mapping, node)
        type_node = node if is_type else said.get("type")
        inherited = self.named_scalar(type_node)
        value = Value(
            name=name,
            wire=said.text("wire") or names.wire_name(name, "snake" if where == "header" else self.case),
            type=self._value_type(entry, type_node, said),
            required=not optional,
            doc=said.text("doc") or (inherited.doc if inherited else ""),
            place=entry.place,
            where=where,
            see=said.text("see"),
            example=plain(said.get("example")) if "example" in said else (inherited.example if inherited else None),
            default=plain(said.get("default")),
            now=said.text("default") == "now",
            send=said.flag("send") or said.text("default") == "now",
            const=plain(said.get("const")),
            range=said.text("range") or (inherited.range if inherited else ""),
            choices=tuple(one.value for one in scalars(said.get("choices"))),
            length=said.text("length") or (inherited.length if inherited else ""),
            join=said.text("join"),
            whole=said.flag("whole"),
            sent_as=cast('Literal["", "string", "number"]', said.text("as")),
            letters=cast('Literal["", "upper", "lower"]', said.text("letters")),
            deprecated=said.text("deprecated"),
            caveats=self.caveats(said),
        )
        self._check_value(value, said)
        return value

    def _value_type(self, entry: Entry, type_node: Node | None, said: Mapping) -> TypeExpression:
        if type_node is not None:
            return self.type(type_node)
        match plain(said.get("const")):
            case bool():
                return Plain("bool")
            case int():
                return Plain("int")
            case Decimal():
                return Plain("decimal")
            case str():
                return Plain("str")
            case _:
                pass
        if "const" not in said:
            self.complaints.add("E012", entry.place, f"'{entry.key}' has no type: say type: …, or const: …")
        return UNKNOWN

    def _check_value(self, value: Value, said: Mapping) -> None:
        def wrong(key: str, message: str) -> None:
            found = said.get(key)
            self.complaints.add("E031", found.place if found else value.place, message)

        if value.type is UNKNOWN:
            return
        scalar = value.type.name if isinstance(value.type, Plain) else ""
        many = isinstance(value.type, ListOf)
        if value.now and scalar not in ("millis", "seconds", "exact_seconds"):
            wrong("default", "only a time can be now: millis, seconds or exact_seconds")
        if said.flag("send") and "default" not in said:
            wrong("send", "there is no default to send; say default: …, or const: …")
        if value.const is not None and value.default is not None:
            wrong("default", "what is always sent has no default; say const: or default:, not both")
        if value.range and scalar not in ("int", "decimal", *TIMES):
            wrong("range", "a range is for numbers; text and lists have a length")
        if value.length and scalar not in ("str", "id") and not many and not isinstance(value.type, MapOf):
            wrong("length", "a length is for text and lists; numbers have a range")
        for key, bounds in (("range", value.range), ("length", value.length)):
            low, _, high = bounds.partition("..")
            if low and high and Decimal(low) > Decimal(high):
                wrong(key, f"{low} is more than {high}; the lower end goes first")
        if value.choices and scalar not in ("str", "int"):
            wrong("choices", "choices are for str and int; values with names are an enum")
        if value.join and not many:
            wrong("join", "only a list can be joined: type: [str]")
        if value.whole and value.where != "body":
            wrong("whole", "only a parameter of body: can be the whole body")
        if value.sent_as and scalar not in ("id", "int", "bool", "decimal", *TIMES):
            wrong("as", "'as' says how a number is written; this is none")

    def check_examples(self, value: Value) -> None:
        """Examples, constants, choices and defaults, once all types are known."""
        one = value.type
        while isinstance(one, ListOf) and not is_list(value.example):
            one = one.item
        sent = value.default if value.send and not value.now else None
        given = [("example", value.example, one), ("const", value.const, value.type), ("default", sent, value.type)]
        for kind, said, kept in (*given, *(("choice", choice, value.type) for choice in value.choices)):
            why = None if said is None else self.misfit(said, kept)
            if why:
                self.complaints.add("E032", value.place, f"{kind} of '{value.name}': {why}")
        chosen = {text_of(choice) for choice in value.choices}
        for kind, said in (("example", value.example), ("default", value.default)):
            if chosen and said is not None and text_of(said) not in chosen:
                wanted = ", ".join(text_of(choice) for choice in value.choices)
                self.complaints.add(
                    "E032", value.place, f"{kind} of '{value.name}': {text_of(said)} is not one of {wanted}"
                )

    def check_place(self, value: Value) -> None:
        """Only a body holds objects; everywhere else a value becomes text."""
        one = value.type.item if isinstance(value.type, ListOf) and value.where != "path" else value.type
        named = self.named.get(one.name) if isinstance(one, Ref) else None
        if value.where in (None, "body") or one is UNKNOWN or (isinstance(one, Ref) and not isinstance(named, Model)):
            return
        if not isinstance(one, Plain):
            what = "a list" if isinstance(one, ListOf) else "an object"
            message = f"'{value.name}' is {what}, which no {value.where} holds; only body: takes it"
            self.complaints.add("E033", value.place, message)

    def misfit(self, given: object, type: TypeExpression) -> str | None:
        """Why a value written in a spec is not of a type; None where it is."""
        match type:
            case Ref():
                return self._misfit_named(given, self.named.get(type.name))
            case ListOf():
                if not is_list(given):
                    return f"'{text_of(given)}' is not a list"
                return next((why for one in given if (why := self.misfit(one, type.item))), None)
            case MapOf() | KeyedBy():
                if not is_mapping(given):
                    return f"'{text_of(given)}' is not a mapping"
                inner = type.value if isinstance(type, MapOf) else type.item
                return next((why for one in given.values() if (why := self.misfit(one, inner))), None)
            case Plain():
                return _misfit_scalar(given, type.name)

    def _misfit_named(self, given: object, found: NamedType | None) -> str | None:
        if isinstance(found, Enum):
            known = {str(member.value): member for member in found.members}
            if text_of(given) not in known:
                return f"'{text_of(given)}' is not a value of {found.name}{suggest(text_of(given), known)}"
        if isinstance(found, Model) and not isinstance(given, list if found.row else dict):
            return f"'{text_of(given)}' is not a {found.name}; write its fields"
        return None

    # --- rules --------------------------------------------------------------------------------------------------------

    def rules(self, node: Node | None) -> tuple[Rule, ...]:
        return tuple(rule for _, rule in self._rules(node))

    def check_rules(self, node: Node | None, values: tuple[Value, ...]) -> None:
        """Rules against the parameters or fields that they speak of, once all types are known."""
        for sentence, _ in self._rules(node):
            check_rule(sentence, values, self.named, self.complaints)

    def _rules(self, node: Node | None) -> list[tuple[Scalar, Rule]]:
        found: list[tuple[Scalar, Rule]] = []
        for item in node if isinstance(node, Sequence) else ():
            said = item if isinstance(item, Mapping) else Mapping((), item.place)
            sentence = said.get("rule") if isinstance(item, Mapping) else item
            if isinstance(sentence, Scalar) and not sentence.broken:
                rule = Rule(tidy(sentence.raw), tidy(said.text("doc")), self.caveats(said), sentence.place)
                found.append((sentence, rule))
        return found


_WANTED = {
    "str": "text; put it in quotes",
    "id": "an id, which is text or a whole number",
    "int": "a whole number",
    "bool": "true or false",
    "decimal": "a decimal number",
    "millis": "a whole number of milliseconds",
    "seconds": "a whole number of seconds",
    "exact_seconds": "a number of seconds",
    "iso_time": "text such as 2026-01-31T12:00:00Z",
}


def _misfit_scalar(given: object, name: ScalarName) -> str | None:
    whole = isinstance(given, int) and not isinstance(given, bool)
    match name:
        case "json" | "nothing":
            fits = True
        case "str" | "iso_time":
            fits = isinstance(given, str)
        case "id":
            fits = whole or isinstance(given, str)
        case "bool":
            fits = isinstance(given, bool)
        case "int" | "millis" | "seconds":
            fits = whole
        case "decimal" | "exact_seconds":
            fits = number(given) or (isinstance(given, str) and bool(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", given)))
    return None if fits else f"'{text_of(given)}' is not {_WANTED[name]}"


def sentences(node: Node | None) -> tuple[str, ...]:
    """One sentence or word, or a list of them."""
    return tuple(tidy(one.raw) for one in scalars(node))


def scalars(node: Node | None) -> list[Scalar]:
    """What stands in a list, or alone for a list of one."""
    nodes = node.items if isinstance(node, Sequence) else (node,)
    return [one for one in nodes if isinstance(one, Scalar) and not one.broken]


def tidy(text: str) -> str:
    """Prose as one line."""
    return " ".join(text.split())


def plain(node: Node | None) -> Any:
    """A node as plain Python data: text, int, Decimal, bool, None, list, dict."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node]
    if isinstance(node, Mapping):
        return {entry.key: plain(entry.value) for entry in node}
    return None


def text_of(value: object) -> str:
    """A plain value as a spec writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)
