"""What a spec means.

Every stage after `resolve` reads this and nothing else: the templates, the sandbox, `specie list`, and whatever comes
later. The classes hold facts about an exchange; how they are spoken in Python is the business of `python.py`.
Everything keeps its `place`, so that a later complaint can point at the line.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard

import attrs

from .diagnostics import Place
from .expressions import Expression

if TYPE_CHECKING:
    from .outcome_model import PairRules, Reconcile
    from .stream_model import Connection, Stream, Verify, Webhook

Effect: TypeAlias = Literal["read", "create", "cancel", "transfer"]
Where: TypeAlias = Literal["path", "query", "body", "form", "header"]
ScalarName: TypeAlias = Literal[
    "str", "id", "int", "bool", "decimal", "millis", "seconds", "exact_seconds", "iso_time", "json", "nothing"
]
SCALARS: tuple[ScalarName, ...] = (
    "str", "id", "int", "bool", "decimal", "millis", "seconds", "exact_seconds", "iso_time", "json", "nothing",
)  # fmt: skip
TIMES: tuple[ScalarName, ...] = ("millis", "seconds", "exact_seconds", "iso_time")


@attrs.frozen
class Caveats:
    """What no document says (`assumed`), and where they contradict one another (`conflict`)."""

    assumed: tuple[str, ...] = ()
    conflict: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.assumed or self.conflict)


# --- type expressions -------------------------------------------------------------------------------------------


@attrs.frozen
class Plain:
    """A scalar of the language."""

    name: ScalarName


@attrs.frozen
class ListOf:
    item: TypeExpression


@attrs.frozen
class MapOf:
    value: TypeExpression


@attrs.frozen
class KeyedBy:
    """An object whose keys become the field `key` of its items."""

    item: Ref
    key: str


@attrs.frozen
class Ref:
    """A named enum or model of the same exchange."""

    name: str


TypeExpression: TypeAlias = Plain | ListOf | MapOf | KeyedBy | Ref


# --- named types --------------------------------------------------------------------------------------------------


@attrs.frozen
class Member:
    name: str
    value: str | int
    doc: str
    caveats: Caveats
    place: Place


@attrs.frozen
class Enum:
    name: str
    group: str
    doc: str
    members: tuple[Member, ...]
    see: str
    caveats: Caveats
    place: Place

    @property
    def integer(self) -> bool:
        return isinstance(self.members[0].value, int)


@attrs.frozen
class Value:
    """A field of a model, a parameter of an operation, or an option of the client: a named, typed place on the wire.

    `default` is what the exchange assumes; it is sent only if `send`. The default `now` of a time is `now` with `send`.
    `where` is set for parameters alone.
    """

    name: str
    wire: str
    type: TypeExpression
    required: bool
    doc: str
    place: Place
    where: Where | None = None
    see: str = ""
    example: Any = None
    default: Any = None
    now: bool = False
    send: bool = False
    const: Any = None
    range: str = ""
    choices: tuple[Any, ...] = ()
    length: str = ""
    join: str = ""
    whole: bool = False
    sent_as: Literal["", "string", "number"] = ""
    letters: Literal["", "upper", "lower"] = ""
    """Of a stream's parameter: whether it is sent in capitals or in small letters, however it is given."""
    deprecated: str = ""
    caveats: Caveats = Caveats()

    @property
    def argument(self) -> bool:
        """Whether the caller gives it."""
        return self.const is None

    @property
    def demanded(self) -> bool:
        """Whether the caller must give it."""
        return self.argument and self.required and not self.send


@attrs.frozen
class Rule:
    """A sentence of `require:`."""

    text: str
    doc: str
    caveats: Caveats
    place: Place


@attrs.frozen
class Model:
    """An object (`fields`) or an array with named places (`row`)."""

    name: str
    group: str
    doc: str
    fields: tuple[Value, ...]
    row: bool
    require: tuple[Rule, ...]
    see: str
    caveats: Caveats
    place: Place
    sent: bool = False
    received: bool = True


NamedType: TypeAlias = Enum | Model


# --- operations -----------------------------------------------------------------------------------------------------


@attrs.frozen
class Limit:
    """`count` calls in `seconds`, counted per each of `scope` together."""

    count: int
    seconds: int
    scope: tuple[str, ...]
    text: str
    unit: str
    """What is counted instead of calls: what they cost. Empty for calls."""
    reported: tuple[str, str] | None
    """The header that tells afterwards what a call cost, and how it is read."""
    doc: str
    caveats: Caveats

    @property
    def title(self) -> str:
        return f"{self.text} in {self.unit}" if self.unit else self.text


@attrs.frozen
class Returns:
    type: TypeExpression
    at: tuple[str, ...]
    at_optional: bool
    bare: bool
    sole: bool
    ok: tuple[tuple[str, Any], ...]
    """What this reply says of success, beside what the envelope says."""
    doc: str
    caveats: Caveats
    place: Place
    server_time: str = ""
    """The field that is the exchange's clock."""


@attrs.frozen
class Pages:
    """How a list goes on. Names are Python names of parameters and of fields of the items."""

    kind: Literal["offset", "page", "cursor", "window"]
    offset: str = ""
    page: str = ""
    cursor: str = ""
    start: str = ""
    """`first.field` or `last.field`: what the next cursor is taken from."""
    size: str = ""
    window: tuple[str, ...] = ()
    span: str = ""
    unique: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Parameters that the iterator does not take, because they do not go with the cursor."""
    items: str = ""
    order: Literal["ascending", "descending"] = "descending"
    item: TypeExpression = Plain("json")


@attrs.frozen
class Operation:
    name: str
    group: str
    method: str
    path: str
    server: str
    doc: str
    see: str
    auth: bool
    permissions: tuple[str, ...]
    effect: Effect
    limits: tuple[Limit, ...]
    """Its own limits; those of the exchange apply too."""
    cost: int
    """What a call counts under limits with a unit."""
    parameters: tuple[Value, ...]
    require: tuple[Rule, ...]
    returns: Returns
    pages: Pages | None
    deprecated: str
    caveats: Caveats
    place: Place
    reconcile: Reconcile | None = None
    """How it is found out what became of it, where no answer came."""

    @property
    def id(self) -> str:
        return f"{self.group}.{self.name}"

    @cached_property
    def all_caveats(self) -> Caveats:
        """Its own caveats, and those of its parameters, rules, reply and limits, each saying what it is about."""
        return gather(
            [("", self.caveats), ("reply", self.returns.caveats)]
            + [(f"parameter {one.name}", one.caveats) for one in self.parameters]
            + [(f"rule '{one.text}'", one.caveats) for one in self.require]
            + [(f"limit {one.title}", one.caveats) for one in self.limits]
            + ([("reconcile", self.reconcile.caveats)] if self.reconcile else [])
        )


def gather(sources: list[tuple[str, Caveats]]) -> Caveats:
    """Caveats of several things as one, each prefixed by what it is about."""

    def said(about: str, sentences: tuple[str, ...]) -> list[str]:
        return [f"{about}: {sentence}" if about else sentence for sentence in sentences]

    return Caveats(
        # A sentence that several of them share is said once.
        assumed=tuple(dict.fromkeys(line for about, caveats in sources for line in said(about, caveats.assumed))),
        conflict=tuple(dict.fromkeys(line for about, caveats in sources for line in said(about, caveats.conflict))),
    )


@attrs.frozen
class Group:
    name: str
    doc: str
    file: str
    types: tuple[NamedType, ...]
    operations: tuple[Operation, ...]
    caveats: Caveats
    place: Place
    connections: tuple[Connection, ...] = ()
    streams: tuple[Stream, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    verify: Verify | None = None
    otherwise: TypeExpression | None = None
    """What a webhook is taken for where several fit, and nothing in it tells which."""
    rules: PairRules | None = None
    """Where the trading rules of a pair stand."""

    @property
    def kind(self) -> Literal["endpoints", "streams", "webhooks"]:
        """What it holds. No file but those of these two names may hold streams and webhooks."""
        return "streams" if self.name == "streams" else "webhooks" if self.name == "webhooks" else "endpoints"


# --- the exchange -----------------------------------------------------------------------------------------------------


@attrs.frozen
class Credential:
    name: str
    doc: str
    required: bool
    place: Place


@attrs.frozen
class Addition:
    """What signing puts into the request before it is serialised."""

    where: Literal["query", "body", "form", "header"]
    wire: str
    expression: Expression


@attrs.frozen
class Step:
    name: str
    expression: Expression


@attrs.frozen
class Vector:
    """A worked example of signing: `given` values, and what the named steps or headers must be."""

    source: str
    derived: bool
    given: dict[str, Any]
    expect: dict[str, str]
    place: Place


@attrs.frozen
class Auth:
    doc: str
    see: str
    credentials: tuple[Credential, ...]
    options: tuple[Value, ...]
    adds: tuple[Addition, ...]
    steps: tuple[Step, ...]
    headers: tuple[tuple[str, Expression], ...]
    vectors: tuple[Vector, ...]
    caveats: Caveats
    place: Place
    nonce: Literal["unique", "increasing"] = "unique"
    """What the exchange demands of nonces: that none comes twice, or that each is above the last."""

    @property
    def uses_nonce(self) -> bool:
        parts = [one.expression for one in self.adds] + [one.expression for one in self.steps]
        parts += [expression for _, expression in self.headers]
        return any("nonce" in expression.names for expression in parts)


@attrs.frozen
class Server:
    name: str
    url: str
    doc: str
    see: str
    caveats: Caveats


@attrs.frozen
class Envelope:
    """Where results lie (`result`), and what the reply says of success (`ok`)."""

    result: str = ""
    ok: tuple[tuple[str, Any], ...] = ()


@attrs.frozen
class Refusal:
    """One entry of the errors map: what raises `error`."""

    match: str | int
    error: str
    doc: str
    see: str
    caveats: Caveats


@attrs.frozen
class Errors:
    message: tuple[str, ...] = ()
    code: str = ""
    status: tuple[Refusal, ...] = ()
    codes: tuple[Refusal, ...] = ()
    texts: tuple[Refusal, ...] = ()


@attrs.frozen
class Docs:
    base: str
    version: str


@attrs.frozen
class Exchange:
    name: str
    title: str
    class_name: str
    doc: str
    docs: Docs
    servers: tuple[Server, ...]
    query_sorted: bool
    envelope: Envelope | None
    environment: str
    limits: tuple[Limit, ...]
    """Of all calls; those of public and of private calls come on top."""
    public_limits: tuple[Limit, ...]
    private_limits: tuple[Limit, ...]
    auth: Auth | None
    errors: Errors
    types: tuple[NamedType, ...]
    """Those of `exchange.yaml`; the others stand in their group."""
    groups: tuple[Group, ...]
    caveats: Caveats
    folder: str
    place: Place

    @cached_property
    def named(self) -> dict[str, NamedType]:
        found = [*self.types, *(one for group in self.groups for one in group.types)]
        return {one.name: one for one in found}

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """What can be called; `streams` and `webhooks` stand beside."""
        return tuple(operation for group in self.groups for operation in group.operations)

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        return tuple(stream for group in self.groups for stream in group.streams)

    @cached_property
    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(webhook for group in self.groups for webhook in group.webhooks)

    def limits_of(self, operation: Operation) -> tuple[Limit, ...]:
        """All that limits an operation: its own first."""
        return (*operation.limits, *self.limits, *(self.private_limits if operation.auth else self.public_limits))

    def url(self, see: str) -> str:
        """The address of a page that a `see:` names."""
        if not see or "://" in see:
            return see
        if see.startswith("#") or not self.docs.base:
            return f"{self.docs.base}{see}"
        return f"{self.docs.base.rstrip('/')}/{see.lstrip('/')}"


def number(value: Any) -> bool:
    """Whether a YAML value is a number (and not a flag)."""
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


# Of plain YAML data; type checkers know no more of an Any than that it is a list.


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def is_mapping(value: object) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)
