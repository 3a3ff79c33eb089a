"""The model as Python text: annotations, run-time types, and the sentences of docstrings."""

from __future__ import annotations

import attrs

from .model import (
    Caveats,
    Exchange,
    KeyedBy,
    Limit,
    ListOf,
    MapOf,
    Model,
    NamedType,
    Operation,
    Plain,
    Ref,
    TypeExpression,
    Value,
    gather,
)
from .python import fit, literal, quote, wrap, wrap_doc
from .values import text_of

_RECEIVED = {
    "str": "str",
    "id": "Id",
    "int": "int",
    "bool": "bool",
    "decimal": "Decimal",
    "millis": "Millis",
    "seconds": "Seconds",
    "exact_seconds": "ExactSeconds",
    "iso_time": "IsoTime",
    "json": "Any",
    "nothing": "None",
}
_GIVEN = _RECEIVED | {
    "id": "str | int",
    "decimal": "Amount",
    "millis": "Time",
    "seconds": "Time",
    "exact_seconds": "Time",
    "iso_time": "Time",
}
_UNITS = {
    "millis": "In milliseconds since 1970, or an aware datetime.",
    "seconds": "In seconds since 1970, or an aware datetime.",
    "exact_seconds": "In seconds since 1970, or an aware datetime.",
    "iso_time": "An aware datetime.",
}


def received(type: TypeExpression) -> str:
    """The annotation of something that a reply holds."""
    match type:
        case Plain():
            return _RECEIVED[type.name]
        case ListOf():
            return f"list[{received(type.item)}]"
        case MapOf():
            return f"dict[str, {received(type.value)}]"
        case KeyedBy():
            return f"list[{type.item.name}]"
        case Ref():
            return type.name


def given(type: TypeExpression) -> str:
    """The annotation of something that a caller gives."""
    match type:
        case Plain():
            return _GIVEN[type.name]
        case ListOf():
            return f"Sequence[{given(type.item)}]"
        case MapOf():
            return f"Mapping[str, {given(type.value)}]"
        case KeyedBy():
            return f"Sequence[{type.item.name}]"
        case Ref():
            return type.name


def runtime(type: TypeExpression) -> str:
    """The type as the runtime is told it."""
    match type:
        case ListOf():
            return f"list[{runtime(type.item)}]"
        case MapOf():
            return f"dict[str, {runtime(type.value)}]"
        case KeyedBy():
            return f"keyed({type.item.name}, {quote(type.key)})"
        case _:
            return received(type)


def argument(value: Value) -> str:
    """The annotation of a parameter, without its default."""
    if _spelled(value):
        return f"Literal[{', '.join(literal(one) for one in value.choices)}]"
    if isinstance(value.type, ListOf) and (value.where == "query" or value.join):
        one = given(value.type.item)
        return f"{one} | Sequence[{one}]"
    return given(value.type)


def _spelled(value: Value) -> bool:
    """Whether the annotation spells out the choices. A very long one would hide the rest; then a sentence does it."""
    return bool(value.choices) and sum(len(literal(one)) + 2 for one in value.choices) <= 80


def optional(annotation: str) -> str:
    return annotation if annotation in ("Any", "None") else f"{annotation} | None"


# --- parameters and fields --------------------------------------------------------------------------------------------


def constraints(value: Value) -> list[str]:
    """What the runtime checks or does beside the type, as keyword arguments."""
    said: list[str] = []
    if value.const is not None:
        said.append(f"const={literal(value.const)}")
    if value.range:
        said.append(f"range={quote(value.range)}")
    if value.choices:
        said.append(f"choices={literal(value.choices)}")
    if value.length:
        said.append(f"length={quote(value.length)}")
    if value.join:
        said.append(f"join={quote(value.join)}")
    if value.whole:
        said.append("whole=True")
    if value.sent_as:
        said.append(f"form={quote(value.sent_as)}")
    return said


def _sent_unasked(value: Value) -> str:
    """What is sent when nothing is given, as Python source; empty where nothing is."""
    return "NOW" if value.now else literal(value.default) if value.send else ""


def parameter(value: Value) -> str:
    """A parameter as the operation lists it: `query("limit", int, required=False, range="1..1000")`."""
    said = [quote(value.name), runtime(value.type)]
    if value.wire != value.name:
        said.append(f"wire={quote(value.wire)}")
    if unasked := _sent_unasked(value):
        said.append(f"default={unasked}")
    elif value.argument and not value.required:
        said.append("required=False")
    return f"{value.where}({', '.join(said + constraints(value))})"


def field(value: Value, model: Model) -> str:
    """A field as its class declares it."""
    if value.const is not None:
        # A model has a place for every field; this one takes nothing else, and need not be given.
        choices = (value.const,) if isinstance(value.type, Plain) and value.type.name in ("str", "int") else ()
        value = attrs.evolve(value, const=None, default=value.const, send=True, choices=choices)
    annotation = argument(value) if model.sent else received(value.type)
    missing = not value.demanded
    if missing:
        annotation = optional(annotation)
    said = [] if model.row or value.wire == value.name else [quote(value.wire)]
    if missing:
        said.append("default=None")
    if isinstance(value.type, KeyedBy):
        said.append(f"keyed={quote(value.type.key)}")
    if model.sent:
        said += [] if argument(value) == received(value.type) else [f"type={runtime(value.type)}"]
        said += [f"send={unasked}"] if (unasked := _sent_unasked(value)) else []
        said += constraints(value)
    if said == ["default=None"]:
        return f"{value.name}: {annotation} = None"
    return fit(f"{value.name}: {annotation} = wire({', '.join(said)})", 4) if said else f"{value.name}: {annotation}"


# --- sentences --------------------------------------------------------------------------------------------------------


def caveats(said: Caveats) -> list[str]:
    return [f"Assumed: {one}" for one in said.assumed] + [f"Conflict: {one}" for one in said.conflict]


def sentence(text: str) -> str:
    """Text as a sentence: with an end."""
    return text if not text or text[-1] in ".!?:)" else f"{text}."


def about(value: Value, exchange: Exchange, as_argument: bool) -> str:
    """All that is said of a parameter or a field, as one paragraph; empty where name and type say it all."""
    said = [sentence(value.doc)]
    if as_argument:
        said += _demands(value)
    if not value.doc and as_argument and isinstance(value.type, Ref) and value.type.name in exchange.named:
        said.insert(0, sentence(exchange.named[value.type.name].doc))
    if value.deprecated:
        said.append(f"Deprecated: {sentence(value.deprecated)}")
    said += [sentence(one) for one in caveats(value.caveats)]
    if value.see:
        said.append(f"See {exchange.url(value.see)}")
    return " ".join(one for one in said if one)


def _demands(value: Value) -> list[str]:
    said: list[str] = []
    if isinstance(value.type, Plain) and value.type.name in _UNITS:
        said.append(_UNITS[value.type.name])
    if value.range:
        said.append(_range(value.range))
    if value.length:
        low, _, high = value.length.partition("..")
        what = "characters" if isinstance(value.type, Plain) else "of them"
        said.append(f"{low or 0} to {high} {what}." if high else f"At least {low} {what}.")
    if value.choices and not _spelled(value):
        said.append(f"One of {', '.join(text_of(one) for one in value.choices)}.")
    if value.join:
        said.append("One, or several.")
    if value.now:
        said.append("Now, unless given.")
    elif value.send:
        said.append(f"{text_of(value.default)} is sent unless given.")
    elif value.default is not None:
        said.append(f"The exchange assumes {text_of(value.default)}.")
    if isinstance(value.example, (str, int)) and not isinstance(value.type, Ref) and not value.choices:
        said.append(f"Such as `{text_of(value.example)}`.")
    return said


def _range(text: str) -> str:
    words = {">=": "At least", "<=": "At most", ">": "Above", "<": "Below"}
    for sign, word in words.items():
        if text.startswith(sign):
            return f"{word} {text.removeprefix(sign).strip()}."
    low, _, high = text.partition("..")
    if low and high:
        return f"{low} to {high}."
    return f"At least {low}." if low else f"At most {high}."


def type_doc(one: NamedType, exchange: Exchange) -> str:
    """The docstring of a class."""
    indent = 4
    lines = wrap_doc(sentence(one.doc) or f"`{one.name}` of {exchange.title}.", indent)
    if isinstance(one, Model) and one.require:
        lines += ["", *_rules(one)]
    if one.see:
        lines += ["", f"See {exchange.url(one.see)}"]
    return "\n".join(lines + paragraphs(one.caveats, indent))


def operation_doc(operation: Operation, exchange: Exchange) -> str:
    """The docstring of a method that calls."""
    indent = 8
    lines = wrap_doc(sentence(operation.doc), indent)
    if operation.deprecated:
        lines += ["", *wrap(f"Deprecated: {sentence(operation.deprecated)}", indent)]
    arguments = [(one.name, about(one, exchange, True)) for one in operation.parameters if one.argument]
    described = [line for name, text in arguments if text for line in wrap(text, indent, f"    {name}: ", 8)]
    if described:
        lines += ["", "Args:", *described]
    if operation.returns.doc:
        lines += ["", "Returns:", *wrap(sentence(operation.returns.doc), indent, "    ", 4)]
    if operation.require:
        lines += ["", *_rules(operation)]
    lines += paragraphs(_apart(operation), indent)
    return "\n".join([*lines, "", *_facts(operation, exchange)])


def iterator_doc(operation: Operation) -> str:
    """The docstring of a method that iterates."""
    page = "the next page is asked for when it is needed, and overlaps are removed"
    lines = wrap_doc(f"Every item of `{operation.name}()`, page by page: {page}.", 8)
    return "\n".join([*lines, "", *wrap(_takes(operation), 8)])


def _takes(operation: Operation) -> str:
    """How the arguments of an iterator differ from those of the call."""
    pages = operation.pages
    size = f"`{pages.size}`" if pages and pages.size else "the exchange's own"
    without = f", less {' and '.join(f'`{name}`' for name in pages.without)}" if pages and pages.without else ""
    return f"Takes what `{operation.name}()` takes{without}; the size of a page is {size}."


def _rules(one: Operation | Model) -> list[str]:
    lines = ["Rules:"]
    for rule in one.require:
        text = f"`{rule.text}`" + (f": {sentence(rule.doc)}" if rule.doc else "")
        lines += wrap(" ".join([text, *caveats(rule.caveats)]), 8, "    - ", 6)
    return lines


def _apart(operation: Operation) -> Caveats:
    """Caveats that no argument's and no rule's own text carries already."""
    constants = [("", one.caveats) for one in operation.parameters if not one.argument]
    limits = [("", one.caveats) for one in operation.limits]
    return gather([("", operation.caveats), ("", operation.returns.caveats), *limits, *constants])


def exchange_caveats(exchange: Exchange) -> Caveats:
    """What is uncertain of all calls: of the exchange as such, and of its servers. Each sentence is said once."""
    return gather([("", exchange.caveats), *((f"server {one.name}", one.caveats) for one in exchange.servers)])


def servers_doc(exchange: Exchange) -> list[str]:
    """The servers of which there is something to say, as a section of a docstring."""
    lines: list[str] = []
    for one in exchange.servers:
        if one.doc or one.see:
            said = [f"{one.name}:", sentence(one.doc), f"See {exchange.url(one.see)}" if one.see else ""]
            lines += wrap(" ".join(filter(None, said)), 4, "    - ", 6)
    return ["", "Servers:", *lines] if lines else []


def limits_doc(exchange: Exchange) -> list[str]:
    """The limits of all calls, as a section of a docstring."""
    lines: list[str] = []
    kinds = {"all": exchange.limits, "public": exchange.public_limits, "private": exchange.private_limits}
    for kind, found in kinds.items():
        for one in found:
            said = [f"{one.title}, for {kind} calls.", sentence(one.doc), *map(sentence, caveats(one.caveats))]
            lines += wrap(" ".join(filter(None, said)), 4, "    - ", 6)
    return ["", "Limits:", *lines] if lines else []


def errors_doc(exchange: Exchange) -> list[str]:
    """What refusals mean, as a section of a docstring: those of which the spec says more than their class."""
    lines: list[str] = []
    for one in (*exchange.errors.status, *exchange.errors.codes, *exchange.errors.texts):
        if one.doc or one.caveats:
            said = [f"{one.match}, {one.error}:", sentence(one.doc), *map(sentence, caveats(one.caveats))]
            lines += wrap(" ".join(filter(None, said)), 0, "    - ", 6)
    return ["", "Refusals:", *lines] if lines else []


def _facts(operation: Operation, exchange: Exchange) -> list[str]:
    lines: list[str] = []
    effects = {"create": "creates", "cancel": "cancels", "transfer": "moves funds"}
    if operation.effect != "read":
        lines.append(f"Effect: {effects[operation.effect]}; it is never sent again unasked.")
        lines += _outcome(operation)
    if operation.permissions:
        lines.append(f"Permission: {' or '.join(operation.permissions)}.")
    if operation.limits:
        lines.append(f"Limit: {', '.join(limit_text(one) for one in operation.limits)}.")
    if operation.cost != 1:
        units = dict.fromkeys(one.unit for one in exchange.limits_of(operation) if one.unit)
        lines.append(f"Cost: {operation.cost} {' and '.join(units)}.")
    return [*lines, f"See {exchange.url(operation.see)}"]


def _outcome(operation: Operation) -> list[str]:
    """What to do where no answer comes."""
    reconcile = operation.reconcile
    if reconcile is None:
        return []
    if not reconcile.none:
        return ["Outcome unknown: `reconcile()` finds out what became of it."]
    said = [sentence(reconcile.none), *map(sentence, caveats(reconcile.caveats))]
    return wrap(f"Outcome unknown: {' '.join(said)}", 8, hang=4)


def limit_text(limit: Limit) -> str:
    return f"{limit.title} ({limit.doc.rstrip('.')})" if limit.doc else limit.title


def limit(one: Limit) -> str:
    """A limit as the runtime takes it: its text, or more where there is a unit."""
    if not one.unit:
        return quote(one.text)
    reported = f", reported={literal(dict([one.reported]))}" if one.reported else ""
    return f"Limit({quote(one.text)}, unit={quote(one.unit)}{reported})"


def limits(said: tuple[Limit, ...]) -> str:
    """Several of them, as a tuple."""
    return f"({', '.join(map(limit, said))}{',' if len(said) == 1 else ''})"


def paragraphs(said: Caveats, indent: int) -> list[str]:
    """Caveats as lines of a docstring, after an empty one; none where there are none."""
    lines = [line for one in caveats(said) for line in wrap(sentence(one), indent, hang=4)]
    return ["", *lines] if lines else []


def paragraph(text: str, indent: int) -> str:
    """Text as a docstring of one paragraph, or the first of several."""
    return "\n".join(wrap_doc(text, indent))
