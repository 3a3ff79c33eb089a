"""What the templates see.

It is the model with every piece of Python already spoken, so that a template only sets pieces in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import attrs

from . import names, outcome_views, spoken
from .expressions import print_python
from .model import Auth, Credential, Enum, Exchange, Group, Model, NamedType, Operation, Plain, Refusal, Value
from .python import docstring, fit, import_line, imports, literal, quote, wrap, wrap_doc
from .types import mentioned

# What printed modules may import from the runtime; `imports` takes what a module's text uses.
RUNTIME = (
    "Additions", "Amount", "AsyncClient", "AsyncGroup", "Auth", "BaseCredentials", "Cancelled", "Client",
    "ClientOptions",
    "Envelope", "ErrorMap", "ExactSeconds", "Exchange", "Figure", "Filled", "Group", "Id", "IsoTime", "Limit",
    "Look", "Millis", "Model", "NOW", "NotCancelled", "NotPlaced", "NotTransferred", "OpenIntEnum",
    "OpenStrEnum", "Operation", "OutcomeUnknown", "Pages", "PairRules", "Placed", "Reconciliation",
    "Seconds", "Secret", "StateLook", "StillUnknown", "Time", "Trace", "TradingRules", "Transferred",
    "Unsigned", "body", "credential", "form", "header", "keyed", "model", "optional_credential", "path", "query",
    "utc_exact", "utc_iso", "utc_millis", "utc_seconds", "wire",
)  # fmt: skip
SIGNING = (
    "base64", "base64url", "compact_json", "form", "hmac_md5", "hmac_sha256", "hmac_sha384", "hmac_sha512", "md5",
    "php_form", "sha256", "sha512", "sorted_pairs", "without",
)  # fmt: skip
_UTC = {"millis": "utc_millis", "seconds": "utc_seconds", "exact_seconds": "utc_exact", "iso_time": "utc_iso"}


@attrs.frozen
class EnumView:
    enum: Enum
    exchange: Exchange

    @property
    def name(self) -> str:
        return self.enum.name

    @property
    def base(self) -> str:
        return "OpenIntEnum" if self.enum.integer else "OpenStrEnum"

    @property
    def doc(self) -> str:
        return docstring(spoken.type_doc(self.enum, self.exchange), 4)

    @property
    def lines(self) -> list[str]:
        """Members, each with its docstring."""
        found: list[str] = []
        for member in self.enum.members:
            found.append(f"{member.name} = {literal(member.value)}")
            said = " ".join([spoken.sentence(member.doc), *spoken.caveats(member.caveats)]).strip()
            if said:
                found.append(docstring(spoken.paragraph(said, 4), 4))
        return found


@attrs.frozen
class TimeView:
    """The datetime beside a time field."""

    field: Value

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def function(self) -> str:
        return _UTC[self.field.type.name] if isinstance(self.field.type, Plain) else ""

    @property
    def annotation(self) -> str:
        return "datetime" if self.field.required else "datetime | None"


@attrs.frozen
class ModelView:
    model: Model
    exchange: Exchange

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def decorator(self) -> str:
        flags = [flag for flag, said in (("row=True", self.model.row), ("input=True", self.model.sent)) if said]
        if self.model.require and self.model.sent:
            flags.append(f"require={literal(tuple(rule.text for rule in self.model.require))}")
        return fit(f"@model({', '.join(flags)})") if flags else "@model"

    @property
    def doc(self) -> str:
        return docstring(spoken.type_doc(self.model, self.exchange), 4)

    @property
    def lines(self) -> list[str]:
        """Fields, each with its docstring."""
        found: list[str] = []
        for one in self.model.fields:
            found.append(spoken.field(one, self.model))
            said = spoken.about(one, self.exchange, as_argument=self.model.sent)
            if said:
                found.append(docstring(spoken.paragraph(said, 4), 4))
        return found

    @property
    def times(self) -> list[TimeView]:
        fields = self.model.fields if self.model.received else ()
        return [TimeView(one) for one in fields if isinstance(one.type, Plain) and one.type.name in _UTC]


@attrs.frozen
class MethodView:
    """One method of a group, which calls or iterates one operation."""

    operation: Operation
    exchange: Exchange
    iterates: bool = False

    @property
    def doc(self) -> str:
        if self.iterates:
            return docstring(spoken.iterator_doc(self.operation), 8)
        return docstring(spoken.operation_doc(self.operation, self.exchange), 8)

    @property
    def constant(self) -> str:
        return f"_{self.operation.name.upper()}" + ("_PAGES" if self.iterates else "")

    @property
    def result(self) -> str:
        if self.iterates and self.operation.pages:
            return spoken.received(self.operation.pages.item)
        return spoken.received(self.operation.returns.type)

    @cached_property
    def arguments(self) -> list[Value]:
        """In the order of the signature: by position, then required, then optional."""
        pages = self.operation.pages
        left_out = pages.without if pages and self.iterates else ()
        given = [one for one in self.operation.parameters if one.argument and one.name not in left_out]
        by_position = self._by_position(given)
        rest = [one for one in given if one not in by_position]
        return by_position + sorted(rest, key=lambda one: not one.demanded)

    @staticmethod
    def _by_position(given: list[Value]) -> list[Value]:
        in_path = [one for one in given if one.where == "path"]
        return sorted(in_path, key=lambda one: not one.demanded) or [one for one in given if one.demanded][:1]

    @property
    def _signature(self) -> str:
        said = ["self"]
        by_position = self._by_position(self.arguments)
        for index, one in enumerate(self.arguments):
            if index == len(by_position):
                said.append("*")
            annotation = spoken.argument(one)
            said.append(
                f"{one.name}: {annotation}" if one.demanded else f"{one.name}: {spoken.optional(annotation)} = None"
            )
        return ", ".join(said)

    @property
    def _name(self) -> str:
        return f"iter_{self.operation.name}" if self.iterates else self.operation.name

    @property
    def definition(self) -> str:
        result = f"Iterator[{self.result}]" if self.iterates else self.result
        return fit(f"def {self._name}({self._signature}) -> {result}:", 4)

    @property
    def async_definition(self) -> str:
        if self.iterates:
            return fit(f"def {self._name}({self._signature}) -> AsyncIterator[{self.result}]:", 4)
        return fit(f"async def {self._name}({self._signature}) -> {self.result}:", 4)

    @property
    def _call(self) -> str:
        passed = ", ".join([self.constant, *(f"{one.name}={one.name}" for one in self.arguments)])
        return f"self._{'iterate' if self.iterates else 'call'}({passed})"

    @property
    def statement(self) -> str:
        return fit(f"return {self._call}", 8)

    @property
    def async_statement(self) -> str:
        return fit(f"return {self._call}" if self.iterates else f"return await {self._call}", 8)

    @property
    def declaration(self) -> str:
        """The constant that the method calls by."""
        if self.iterates:
            return fit(f"{self.constant}: Pages[{self.result}] = Pages({', '.join(self._pages())})")
        return fit(f"{self.constant}: Operation[{self.result}] = Operation({', '.join(self._facts())})")

    def _facts(self) -> list[str]:
        one, returns = self.operation, self.operation.returns
        said = [f"name={quote(one.id)}", f"method={quote(one.method)}", f"path={quote(one.path)}"]
        if one.server != "rest":
            said.append(f"server={quote(one.server)}")
        if one.auth:
            said.append("auth=True")
        if one.effect != "read":
            said.append(f"effect={quote(one.effect)}")
        if one.limits:
            said.append(f"limits={spoken.limits(one.limits)}")
        if one.cost != 1:
            said.append(f"cost={one.cost}")
        if one.reconcile:
            said += [f"receipt={quote(one.reconcile.receipt)}"] if one.reconcile.receipt else []
        if one.parameters:
            parameters = [spoken.parameter(value) for value in one.parameters]
            said.append(f"parameters=({', '.join(parameters)}{',' if len(parameters) == 1 else ''})")
        if one.require:
            said.append(f"require={literal(tuple(rule.text for rule in one.require))}")
        said.append(f"returns={spoken.runtime(returns.type)}")
        if returns.at:
            said.append(f"at={quote('.'.join(returns.at))}")
        if returns.server_time:
            said.append(f"server_time={quote(returns.server_time)}")
        if returns.ok:
            said.append(f"ok={literal(dict(returns.ok))}")
        flags = {
            "at_optional": returns.at_optional,
            "bare": returns.bare and self.exchange.envelope is not None,
            "sole": returns.sole,
        }
        return said + [f"{name}=True" for name, flag in flags.items() if flag]

    def _pages(self) -> list[str]:
        pages = self.operation.pages
        said = [f"_{self.operation.name.upper()}"]
        if pages is None:
            return said
        for name in ("offset", "page", "cursor", "start", "size", "window", "span", "unique", "items"):
            value = getattr(pages, name)
            if value:
                said.append(f"{name}={literal(value)}")
        return said + ([f"order={quote(pages.order)}"] if pages.order != "descending" else [])


@attrs.frozen
class GroupView:
    exchange: Exchange
    group: Group | None
    """None for the module of the types that stand in `exchange.yaml`."""

    @property
    def name(self) -> str:
        return self.group.name if self.group else "types"

    @property
    def source(self) -> str:
        return self.group.file if self.group else f"{self.exchange.folder}/exchange.yaml"

    @property
    def class_name(self) -> str:
        return names.class_name(self.name)

    @property
    def title(self) -> str:
        return self.group.doc if self.group else f"Types that all groups of {self.exchange.title} share."

    @property
    def module_doc(self) -> str:
        source = f"specs/{self.exchange.name}/{self.source.rpartition('/')[2]}"
        part = f"Part of the {self.exchange.title} client."
        made = spoken.paragraph(f"{part} Generated by Specie from {source}; edit that file, not this one.", 0)
        return docstring(f"{spoken.paragraph(spoken.sentence(self.title), 0)}\n\n{made}", 0)

    @property
    def class_doc(self) -> str:
        lines = wrap_doc(spoken.sentence(self.title), 4)
        lines += spoken.paragraphs(self.group.caveats, 4) if self.group else []
        return docstring("\n".join(lines), 4)

    @property
    def summary(self) -> str:
        return docstring(spoken.paragraph(spoken.sentence(self.title), 8), 8)

    @property
    def types(self) -> tuple[NamedType, ...]:
        return self.group.types if self.group else self.exchange.types

    @property
    def enums(self) -> list[EnumView]:
        return [EnumView(one, self.exchange) for one in self.types if isinstance(one, Enum)]

    @property
    def models(self) -> list[ModelView]:
        return [ModelView(one, self.exchange) for one in _ordered(self.types)]

    @property
    def methods(self) -> list[MethodView | outcome_views.ReconcileView | outcome_views.RulesView]:
        found: list[MethodView | outcome_views.ReconcileView | outcome_views.RulesView] = []
        for one in self.group.operations if self.group else ():
            found.append(MethodView(one, self.exchange))
            if one.pages:
                found.append(MethodView(one, self.exchange, iterates=True))
        return found + (outcome_views.methods(self.exchange, self.group) if self.group else [])

    def imports(self, body: str) -> str:
        return self.imported(body, RUNTIME)

    def imported(self, body: str, runtime: Iterable[str], more: Mapping[str, str] | None = None) -> str:
        """The imports of a module that has these types: `more` are names of other modules."""
        own = {one.name for one in self.types}
        local = {name: f".{one.group or 'types'}" for name, one in self.exchange.named.items() if name not in own}
        return imports(body, [name for name in runtime if name not in own], {**(more or {}), **local})


def _ordered(types: tuple[NamedType, ...]) -> list[Model]:
    """Models in the order of the spec, but each after those that it holds, so that a class may name another."""
    models = {one.name: one for one in types if isinstance(one, Model)}
    found: dict[str, Model] = {}

    def place(model: Model, holders: tuple[str, ...]) -> None:
        for name in (name for field in model.fields for name in mentioned(field.type)):
            if name in models and name not in found and name not in holders:
                place(models[name], (*holders, name))
        found.setdefault(model.name, model)

    for model in models.values():
        place(model, (model.name,))
    return list(found.values())


@attrs.frozen
class AuthView:
    exchange: Exchange
    auth: Auth

    @property
    def module_doc(self) -> str:
        made = f"Generated by Specie from specs/{self.exchange.name}/exchange.yaml; edit that file, not this one."
        title = spoken.paragraph(f"How {self.exchange.title} knows its callers. {spoken.sentence(self.auth.doc)}", 0)
        return docstring(f"{title}\n\n{made}", 0)

    @property
    def credentials_doc(self) -> str:
        said = (
            f"Credentials and options of one account; the constructor of `{self.exchange.class_name}` describes them."
        )
        return docstring(spoken.paragraph(said, 4), 4)

    @property
    def sign_doc(self) -> str:
        lines = [spoken.paragraph(spoken.sentence(self.auth.doc), 4)]
        lines += spoken.paragraphs(self.auth.caveats, 4)
        if self.auth.see:
            lines += ["", f"See {self.exchange.url(self.auth.see)}"]
        return docstring("\n".join(lines), 4)

    @property
    def names(self) -> dict[str, str]:
        """How the names of the steps are printed."""
        printed = {name: f"request.{name}" for name in ("method", "path", "query", "body", "fields", "nonce", "now_ms")}
        given = [one.name for one in self.auth.credentials] + [one.name for one in self.auth.options]
        return printed | {name: f"credentials.{name}" for name in given}

    @property
    def steps(self) -> list[str]:
        return [fit(f"{step.name} = {print_python(step.expression, self.names)}", 4) for step in self.auth.steps]

    @property
    def headers(self) -> str:
        given = [(name, print_python(one, self.names, as_text=True)) for name, one in self.auth.headers]
        return fit("return {" + ", ".join(f"{quote(name)}: {printed}" for name, printed in given) + "}", 4)

    @property
    def additions(self) -> str:
        places: dict[str, list[str]] = {}
        for one in self.auth.adds:
            places.setdefault(one.where, []).append(f"{quote(one.wire)}: {print_python(one.expression, self.names)}")
        words = {"header": "headers"}
        said = [f"{words.get(where, where)}={{{', '.join(found)}}}" for where, found in places.items()]
        return fit(f"return Additions({', '.join(said)})", 4)

    @property
    def parameters(self) -> list[CredentialView]:
        return _parameters(self.exchange)

    @property
    def definition(self) -> str:
        said = ", ".join(one.parameter for one in self.parameters)
        return fit(f"def __init__(self, *, {said}) -> None:", 4)

    @property
    def initialiser(self) -> str:
        secrets = ", ".join(f"{one.name}={one.name}" for one in self.auth.credentials)
        return fit(f"super().__init__({secrets})", 8)

    def imports(self, body: str) -> str:
        runtime = [name for name in RUNTIME if name not in SIGNING]
        return imports(body, runtime, dict.fromkeys(SIGNING, "specie.runtime.signing"))


@attrs.frozen
class CredentialView:
    """A credential or option as the constructors take it."""

    name: str
    annotation: str
    doc: str

    @property
    def parameter(self) -> str:
        return f"{self.name}: {self.annotation} = None"

    def described(self, indent: int) -> list[str]:
        return wrap(self.doc, indent, f"    {self.name}: ", 8)


# What every client takes; its types are in `ClientOptions` of the runtime.
_SHARED = (
    CredentialView("session", "", "Carries the calls; it is not closed with the client."),
    CredentialView(
        "options",
        "",
        "`base_url`, `timeout`, `retries`, `limits`, `budgets`, `nonces`, `clock`, `hooks`, `verify`, `connections`: "
        "see `specie.runtime.ClientOptions`.",
    ),
)


def _parameters(exchange: Exchange) -> list[CredentialView]:
    auth = exchange.auth
    if auth is None:
        return []
    found = [CredentialView(one.name, "Secret | None", _credential_doc(one)) for one in auth.credentials]
    for option in auth.options:
        doc = spoken.about(option, exchange, as_argument=True)
        found.append(CredentialView(option.name, spoken.optional(spoken.argument(option)), doc))
    return found


def _credential_doc(one: Credential) -> str:
    return spoken.sentence(one.doc) + ("" if one.required else " Optional.")


@attrs.frozen
class BodyView:
    """One of the two clients: blocking or asyncio."""

    name: str
    base: str
    prefix: str
    doc: str
    constructor: str
    constructor_doc: str
    from_env: str


@attrs.frozen
class ClientView:
    exchange: Exchange

    @property
    def name(self) -> str:
        return self.exchange.class_name

    @property
    def module_doc(self) -> str:
        made = f"Generated by Specie from specs/{self.exchange.name}/exchange.yaml; edit that file, not this one."
        lines = [f"The clients of {self.exchange.title}, blocking and asyncio.", *spoken.errors_doc(self.exchange)]
        return docstring("\n".join([*lines, "", made]), 0)

    @property
    def title(self) -> str:
        return self.exchange.title

    @property
    def groups(self) -> list[GroupView]:
        """Those that hang on the clients; webhooks are received without one."""
        return [GroupView(self.exchange, one) for one in self.exchange.groups if one.kind != "webhooks"]

    @property
    def parameters(self) -> list[CredentialView]:
        return _parameters(self.exchange)

    @property
    def has_auth(self) -> bool:
        return self.exchange.auth is not None

    @property
    def bodies(self) -> list[BodyView]:
        one = self.exchange
        lines = wrap_doc(spoken.sentence(f"{one.title}, for blocking calls. {one.doc}"), 4)
        lines += [
            *spoken.servers_doc(one),
            *spoken.limits_doc(one),
            *spoken.paragraphs(spoken.exchange_caveats(one), 4),
        ]
        lines += ["", f"See {one.docs.base}"]
        sync = docstring("\n".join(lines), 4)
        asynchronous = docstring(spoken.paragraph(f"{one.title}, for asyncio; see `{self.name}`.", 4), 4)
        return [
            self._body("", "requests.Session", sync, self.constructor_doc),
            self._body(
                "Async",
                "aiohttp.ClientSession",
                asynchronous,
                docstring(f"Takes what `{self.name}` takes; only the session is another one.", 8),
            ),
        ]

    def _body(self, prefix: str, session: str, doc: str, constructor_doc: str) -> BodyView:
        own = [f"session: {session} | None = None", "**options: Unpack[ClientOptions]"]
        taken = ", ".join(["self", "*", *(one.parameter for one in self.parameters), *own])
        from_env = ", ".join(["cls", "*", *(one.parameter for one in self.options), *own])
        return BodyView(
            name=f"{prefix}{self.name}",
            base=f"{prefix}Client",
            prefix=prefix,
            doc=doc,
            constructor=fit(f"def __init__({taken}) -> None:", 4),
            constructor_doc=constructor_doc,
            from_env=fit(f"def from_env({from_env}) -> Self:", 4),
        )

    @property
    def options(self) -> list[CredentialView]:
        """Options of the exchange itself."""
        auth = self.exchange.auth
        return _parameters(self.exchange)[len(auth.credentials) :] if auth else []

    @property
    def from_env_doc(self) -> str:
        auth, prefix = self.exchange.auth, self.exchange.environment
        names_ = [f"{prefix}_{one.name.upper()}" for one in (auth.credentials if auth else ())]
        said = f"With credentials from the environment: {', '.join(names_)}." if names_ else "Without credentials."
        return docstring(spoken.paragraph(said, 8), 8)

    @property
    def from_env_statement(self) -> str:
        auth = self.exchange.auth
        given = [f"{one.name}=EXCHANGE.env({quote(one.name)})" for one in (auth.credentials if auth else ())]
        given += [f"{one.name}={one.name}" for one in self.options]
        return fit(f"return cls({', '.join([*given, 'session=session', '**options'])})", 8)

    @property
    def constructor_doc(self) -> str:
        lines = ["Nothing is sent until an operation is called.", "", "Args:"]
        lines += [line for one in self.parameters for line in one.described(8)]
        return docstring("\n".join(lines + [line for one in _SHARED for line in one.described(8)]), 8)

    @property
    def initialiser(self) -> str:
        given = ", ".join(f"{one.name}={one.name}" for one in self.parameters)
        credentials = f"Credentials({given})" if self.has_auth else "None"
        return fit(f"super().__init__(EXCHANGE, {credentials}, session=session, **options)", 8)

    @property
    def type_checking(self) -> str:
        """What only type checkers read: transports and groups are imported when they are first used."""
        lines = ["if TYPE_CHECKING:", "    import aiohttp", "    import requests", *([""] if self.groups else [])]
        for group in sorted(self.groups, key=lambda one: one.name):
            lines.append("    " + import_line(f".{group.name}", [group.class_name, f"Async{group.class_name}"], 4))
        return "\n".join(lines)

    @property
    def facts(self) -> str:
        """The `EXCHANGE` constant."""
        one = self.exchange
        servers = {server.name: server.url for server in one.servers}
        said = [f"name={quote(one.name)}", f"title={quote(one.title)}", f"environment={quote(one.environment)}"]
        said.append(f"servers={literal(servers)}")
        if one.envelope:
            ok = f", ok={literal(dict(one.envelope.ok))}" if one.envelope.ok else ""
            said.append(f"envelope=Envelope(result={quote(one.envelope.result)}{ok})")
        said.append(f"errors=ErrorMap({', '.join(self._errors())})")
        if one.auth:
            add = ", add=add" if one.auth.adds else ""
            nonce = f", nonce={quote(one.auth.nonce)}" if one.auth.uses_nonce else ""
            said.append(f"auth=Auth(Credentials, sign{add}{nonce})")
        if one.query_sorted:
            said.append("sort_query=True")
        for name in ("limits", "public_limits", "private_limits"):
            if getattr(one, name):
                said.append(f"{name}={spoken.limits(getattr(one, name))}")
        return fit(f"EXCHANGE = Exchange({', '.join(said)})")

    def _errors(self) -> list[str]:
        errors = self.exchange.errors
        said: list[str] = []
        if errors.message:
            said.append(f"message={literal(errors.message)}")
        if errors.code:
            said.append(f"code={quote(errors.code)}")
        for name, refusals in (("statuses", errors.status), ("codes", errors.codes), ("texts", errors.texts)):
            if refusals:
                said.append(f"{name}={{{', '.join(self._refusal(one) for one in refusals)}}}")
        return said

    @staticmethod
    def _refusal(one: Refusal) -> str:
        return f"{literal(one.match)}: {one.error}"

    @property
    def error_names(self) -> list[str]:
        errors = self.exchange.errors
        return sorted({one.error for one in (*errors.status, *errors.codes, *errors.texts)})

    def imports(self, body: str) -> str:
        local = {"Credentials": ".auth", "sign": ".auth", "add": ".auth"} if self.has_auth else {}
        return imports(body, (*RUNTIME, *self.error_names), local)


@attrs.frozen
class PackageView:
    """The package's `__init__`: what it exports, and where each name lies."""

    exchange: Exchange

    @property
    def module_doc(self) -> str:
        one = self.exchange
        made = f"Generated by Specie from specs/{one.name}; edit those files, not these."
        example = f"`{one.class_name}` is the blocking client, `Async{one.class_name}` the asyncio one."
        return docstring(f"{spoken.paragraph(f'{one.title}: {one.doc}', 0)}\n\n{example}\n\n{made}", 0)

    @property
    def modules(self) -> dict[str, list[str]]:
        """Names by the module that has them."""
        one = self.exchange
        found = {"client": [one.class_name, f"Async{one.class_name}"]}
        for group in one.groups:
            own = names.class_name(group.name)
            classes = ["Event"] if group.kind == "webhooks" else [own, f"Async{own}"]
            classes += filter(None, [outcome_views.outcome_name(group)])
            found[group.name] = sorted([*classes, *(made.name for made in group.types)])
        if one.types:
            found["types"] = sorted(made.name for made in one.types)
        return found

    @property
    def submodules(self) -> list[str]:
        """Modules that are exported as such, since no client has what they do."""
        return [group.name for group in self.exchange.groups if group.kind == "webhooks"]

    @property
    def import_lines(self) -> list[str]:
        beside = [import_line(".", self.submodules, 4)] if self.submodules else []
        return beside + [import_line(f".{module}", found, 4) for module, found in sorted(self.modules.items())]

    @property
    def exports(self) -> list[str]:
        return sorted([*self.submodules, *(name for found in self.modules.values() for name in found)])

    @property
    def module_lines(self) -> list[str]:
        return [fit(f"{quote(module)}: {literal(tuple(sorted(found)))},", 8) for module, found in self.modules.items()]
