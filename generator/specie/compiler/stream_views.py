"""What the templates of `streams.py` and `webhooks.py` see, beside what they share with other groups."""

from __future__ import annotations

import attrs

from . import spoken, stream_spoken
from .expressions import print_python
from .model import Value
from .python import docstring, fit, quote
from .stream_model import Connection, Stream, Verify
from .views import RUNTIME, SIGNING, GroupView
from .webhooks import parsed

# What these modules import from the runtime, beside what all groups do.
STREAMS = (
    "ABSENT", "AsyncLocalBook", "AsyncStream", "AsyncStreamGroup", "BookRule", "CancelledRule", "ClosedRule",
    "Connection", "Feed", "KnownRule", "LocalBook", "PRESENT", "PlacedRule", "ReplyRule", "Resync", "SnapshotRule",
    "Stream", "StreamGroup", "StreamOptions", "parameter",
)  # fmt: skip
WEBHOOKS = ("ABSENT", "PRESENT", "WebhookHeaders", "Webhooks")


@attrs.frozen
class StreamMethodView:
    """One method of a group of streams, in both bodies."""

    name: str
    arguments: str
    result: str
    async_result: str
    doc: str
    call: str

    @property
    def definition(self) -> str:
        return fit(f"def {self.name}({self.arguments}) -> {self.result}:", 4)

    @property
    def async_definition(self) -> str:
        return fit(f"def {self.name}({self.arguments}) -> {self.async_result}:", 4)

    @property
    def statement(self) -> str:
        return fit(f"return {self.call}", 8)


@attrs.frozen
class StreamsView(GroupView):
    """The module of streams."""

    @property
    def constants(self) -> list[str]:
        """Connections, then what comes over them."""
        if self.group is None:
            return []
        connections = [stream_spoken.connection(one) for one in self.group.connections]
        return connections + [stream_spoken.feed(one, self.exchange) for one in self.group.streams]

    @property
    def streams_doc(self) -> str:
        return docstring(stream_spoken.group_doc(self.group, self.exchange), 4) if self.group else ""

    @property
    def stream_methods(self) -> list[StreamMethodView]:
        if self.group is None:
            return []
        connections = {one.name: one for one in self.group.connections}
        found: list[StreamMethodView] = []
        for one in self.group.streams:
            found.append(self._stream(one, connections[one.connection]))
            if one.book:
                found.append(self._book(one))
        return [*found, self._with_options()]

    def _stream(self, stream: Stream, connection: Connection) -> StreamMethodView:
        given = stream_spoken.union(stream.types)
        return StreamMethodView(
            name=stream.name,
            arguments=_signature(stream, several=True),
            result=f"Stream[{given}]",
            async_result=f"AsyncStream[{given}]",
            doc=docstring(stream_spoken.stream_doc(stream, connection, self.exchange), 8),
            call=_call("_open", stream),
        )

    def _book(self, stream: Stream) -> StreamMethodView:
        return StreamMethodView(
            name="book",
            arguments=_signature(stream, several=False),
            result="LocalBook",
            async_result="AsyncLocalBook",
            doc=docstring(stream_spoken.book_doc(stream), 8),
            call=_call("_book", stream),
        )

    def _with_options(self) -> StreamMethodView:
        options = [option for one in self.group.connections for option in one.options] if self.group else []
        own = [f"{one.name}: {spoken.optional(spoken.argument(one))} = None" for one in options]
        keywords = f"*, {', '.join(own)}, " if own else ""
        passed = ", ".join(f"{quote(one.name)}: {one.name}" for one in options)
        return StreamMethodView(
            name="with_options",
            arguments=f"self, {keywords}**options: Unpack[StreamOptions]",
            result="Self",
            async_result="Self",
            doc=docstring(stream_spoken.options_doc(options, self.exchange), 8),
            call=f"self._with_options({{{passed}}}, options)",
        )

    def imports(self, body: str) -> str:
        errors = [refusal.error for one in self.group.connections for refusal in one.refusals] if self.group else []
        return self.imported(body, (*RUNTIME, *STREAMS, *errors))


def _ordered(stream: Stream) -> list[Value]:
    return sorted(stream.parameters, key=lambda one: not one.demanded)


def _signature(stream: Stream, several: bool) -> str:
    said = ["self"]
    for index, one in enumerate(_ordered(stream)):
        if index == (1 if stream.several else 0):
            said.append("*")
        annotation = spoken.argument(one)
        if several and one == stream.several:
            annotation = f"{annotation} | Sequence[{annotation}]"
        said.append(
            f"{one.name}: {annotation}" if one.demanded else f"{one.name}: {spoken.optional(annotation)} = None"
        )
    return ", ".join(said)


def _call(method: str, stream: Stream) -> str:
    passed = [stream_spoken.constant(stream.name), *(f"{one.name}={one.name}" for one in _ordered(stream))]
    return f"self.{method}({', '.join(passed)})"


@attrs.frozen
class WebhooksView(GroupView):
    """The module of webhooks: `sign()`, and `parse()` with one overload for each of them."""

    verify: Verify = attrs.field(kw_only=True)

    @property
    def sign_definition(self) -> str:
        secrets = [f"{name}: str" for name in self.verify.credentials]
        return fit(f"def sign({', '.join(['fields: Pairs', '*', *secrets])}) -> str:")

    @property
    def sign_doc(self) -> str:
        return docstring(stream_spoken.sign_doc(self.verify, self.exchange), 4)

    @property
    def sign_statements(self) -> list[str]:
        *before, last = self.verify.steps
        lines = [fit(f"{step.name} = {print_python(step.expression, {})}", 4) for step in before]
        return [*lines, fit(f"return {print_python(last.expression, {})}", 4)]

    @property
    def constant(self) -> str:
        group = self.group
        if group is None:
            return ""
        hooks = [f"{quote(one.name)}: {stream_spoken.cases(one.yields)}" for one in group.webhooks]
        said = [f"name={quote(group.name)}", f"field={quote(self.verify.field)}", "sign=sign"]
        said.append(f"alternatives={{{', '.join(hooks)}}}")
        if group.otherwise:
            said.append(f"otherwise={spoken.runtime(group.otherwise)}")
        return fit(f"_WEBHOOKS: Webhooks[Event] = Webhooks({', '.join(said)})")

    @property
    def alias(self) -> str:
        """The type of what `parse()` gives where nobody says which webhook it is."""
        types = parsed(self.group.webhooks, self.group.otherwise) if self.group else ()
        return fit(f"Event: TypeAlias = {stream_spoken.union(types)}")

    @property
    def overloads(self) -> list[str]:
        """The signatures of `parse()`: one for each webhook, and one without."""
        found: list[str] = []
        for one in self.group.webhooks if self.group else ():
            webhook = f"webhook: Literal[{quote(one.name)}]"
            found.append(fit(f"def parse({self._arguments}, {webhook}) -> {stream_spoken.union(one.types)}: ..."))
        return [*found, fit(f"def parse({self._arguments}, webhook: None = None) -> Event: ...")]

    @property
    def definition(self) -> str:
        return fit(f"def parse({self._arguments}, webhook: str | None = None) -> Any:")

    @property
    def _arguments(self) -> str:
        secrets = [f"{shown}: str" for shown, _ in self._secrets]
        return ", ".join(["headers: WebhookHeaders", "body: bytes | str", "*", *secrets])

    @property
    def _secrets(self) -> list[tuple[str, str]]:
        """Names of arguments, and of the credentials that they are."""
        used = self.verify.credentials
        return [("secret" if len(used) == 1 else name, name) for name in used]

    @property
    def parse_doc(self) -> str:
        return docstring(stream_spoken.parse_doc(self.group, self.exchange), 4) if self.group else ""

    @property
    def statement(self) -> str:
        secrets = ", ".join(f"{quote(name)}: {shown}" for shown, name in self._secrets)
        return fit(f"return _WEBHOOKS.parse(headers, body, {{{secrets}}}, webhook)", 4)

    def imports(self, body: str) -> str:
        signing: dict[str, str] = dict.fromkeys((*SIGNING, "Pairs"), "specie.runtime.signing")
        # Here `body` is an argument, and nothing has parameters.
        left_out = (*signing, "body", "header", "path", "query")
        return self.imported(body, (*(one for one in RUNTIME if one not in left_out), *WEBHOOKS), signing)
