"""Streams: which channel is asked for, which messages are of it, and what they are read as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Table
from typing import Any, cast

import attrs

from . import books, gaps, names, placeholders
from .connections import conditions
from .diagnostics import Place, suggest
from .lookup import Lookup
from .model import Enum, ListOf, Model, Operation, Plain, Ref, TypeExpression, Value
from .placeholders import Template
from .source import Entry, Mapping, Node, Scalar
from .source import Sequence as List
from .stream_model import Alternative, Condition, Connection, Stream
from .values import UNKNOWN, Scope, scalars, sentences, tidy

METHODS = ("book", "with_options")
"""What a group of streams has beside its streams."""
_PLACEHOLDERS = ("channel", "channels", "request")


def read(
    node: Mapping, group: str, scope: Scope, connections: Sequence[Connection], operations: Table[str, Operation]
) -> tuple[Stream, ...]:
    """The entries of `streams:`."""
    by_name = {one.name: one for one in connections}
    found: list[Stream] = []
    for entry in node:
        if isinstance(entry.value, Mapping):
            found.append(_Reader(entry, entry.value, group, scope, by_name, operations).read())
    _check_books(found, scope)
    _check_told_apart(found, scope)
    return tuple(found)


def yielded(node: Node | None, known: tuple[str, ...], scope: Scope) -> tuple[Alternative, ...]:
    """What `yields:` says: one type, or alternatives by what a message has."""
    if isinstance(node, List) and any(_is_alternative(item) for item in node):
        found: list[Alternative] = []
        for item in node:
            if isinstance(item, Mapping):
                when = conditions(item.get("when"), known, scope)
                found.append(Alternative(scope.type(item.get("type")), when, item.place))
        _check_reached(found, scope)
        return tuple(found)
    return (Alternative(scope.type(node), (), node.place),) if node is not None else ()


def _is_alternative(node: Node) -> bool:
    return isinstance(node, Mapping) and "type" in node


def _check_reached(found: list[Alternative], scope: Scope) -> None:
    for index, one in enumerate(found):
        before = next((other for other in found[:index] if set(other.when) <= set(one.when)), None)
        if before is not None:
            where = f"the one in line {before.place.line}"
            why = "takes every such message" if before.when else "has no 'when', and takes every message"
            scope.complaints.add("E086", one.place, f"this is never reached: {where} {why}")


@attrs.frozen
class _Reader:
    entry: Entry
    node: Mapping
    group: str
    scope: Scope
    connections: Table[str, Connection]
    operations: Table[str, Operation]

    def read(self) -> Stream:
        self._check_name()
        connection = self._connection()
        options = tuple(one.name for one in connection.options) if connection else ()
        parameters = self._parameters(options)
        own = tuple(one.name for one in parameters)
        channel = placeholders.read(self.node.get("channel"), own, self.scope, brackets=True)
        known = (*own, "channel") if channel.text else own
        one, several = self._addresses(known, options)
        when = conditions(self.node.get("when"), known, self.scope)
        yields = yielded(self.node.get("yields"), known, self.scope)
        stream = Stream(
            name=self.entry.key,
            group=self.group,
            connection=self.node.text("connection"),
            doc=tidy(self.node.text("doc")),
            see=self.node.text("see"),
            parameters=parameters,
            channel=channel.text,
            address_one=one.text,
            address_several=several.text,
            when=when,
            event=placeholders.read(self.node.get("event"), (*known, *options), self.scope).text,
            at=tuple(self.node.text("at").split(".")) if self.node.text("at") else (),
            fill=self._fill(known, yields),
            yields=yields,
            whole=cast(Any, self.node.text("whole") or "never"),
            unique=sentences(self.node.get("unique")),
            book=None,
            resync=None,
            deprecated=tidy(self.node.text("deprecated")),
            caveats=self.scope.caveats(self.node),
            place=self.entry.place,
        )
        self._check_alternatives(stream)
        self._check_channel(stream, channel)
        if connection is not None:
            self._check_keys(connection)
            self._check_asked_for(stream, connection, one, several)
        look = Lookup(self.scope, self.operations, parameters, yields, stream.whole)
        self._check_unique(stream, look)
        book, resync = self.node.entry("book"), self.node.entry("resync")
        return attrs.evolve(
            stream,
            book=books.book(book, look) if book else None,
            resync=gaps.resync(resync, look) if resync else None,
        )

    def _wrong(self, code: str, place: Place, message: str) -> None:
        self.scope.complaints.add(code, place, message)

    def _at(self, key: str) -> Place:
        found = self.node.entry(key)
        return found.place if found else self.entry.place

    def _check_name(self) -> None:
        name = self.entry.key
        why = names.refused_method(name)
        if why:
            self._wrong("E015", self.entry.place, why)
        elif name in METHODS:
            what = "the local order book" if name == "book" else "the options of all streams"
            self._wrong("E089", self.entry.place, f"'{name}' is the method of {what}; choose another name")
        elif name in self.connections:
            self._wrong("E089", self.entry.place, f"'{name}' is a connection already; rename one of the two")

    def _connection(self) -> Connection | None:
        said = self.node.get("connection")
        if not isinstance(said, Scalar) or said.broken:
            return None
        if said.raw not in self.connections:
            hint = suggest(said.raw, self.connections)
            self._wrong("E080", said.place, f"unknown connection '{said.raw}'{hint or '; say it under connections:'}")
        return self.connections.get(said.raw)

    def _parameters(self, options: tuple[str, ...]) -> tuple[Value, ...]:
        found = self.scope.values(self.node.mapping("parameters"))
        seen: set[str] = set()
        for one in found:
            if one.name in (*_PLACEHOLDERS, *options):
                self._wrong("E089", one.place, f"'{one.name}' means something else here; choose another name")
            if one.name in seen:
                self._wrong("E048", one.place, f"parameter '{one.name}' stands here twice")
            seen.add(one.name)
            said = self.scope.named.get(one.type.name) if isinstance(one.type, Ref) else None
            if one.type is not UNKNOWN and not (isinstance(one.type, Plain) or isinstance(said, Enum)):
                message = f"'{one.name}' is part of a text, so it is one value"
                cure = "; several channels are asked for by giving several values of the first parameter"
                self._wrong("E033", one.place, message + (cure if isinstance(one.type, ListOf) else ""))
            if one.letters and one.type not in (UNKNOWN, Plain("str"), Plain("id")):
                self._wrong("E031", one.place, f"'letters' is for text, and '{one.name}' is none")
        return found

    # --- channel and address ------------------------------------------------------------------------------------------

    def _check_channel(self, stream: Stream, channel: Template) -> None:
        """Two subscriptions with different arguments must be two channels."""
        if stream.parameters and not channel.text:
            if "channel" not in self.node:
                self._wrong("E012", self.entry.place, "'channel' is missing: the name of what the parameters ask for")
            return
        for one in stream.parameters:
            if one.name not in channel.names:
                message = f"'{one.name}' is not in the channel, so two values of it could not be told apart"
                self._wrong("E082", one.place, message)
            elif not one.required and one.name in channel.always:
                message = f"'{one.name}' may be left out; put its part of the channel into square brackets"
                self._wrong("E082", self._at("channel"), f"{message}: [:{{{one.name}}}]")
            elif one.required and one.name in channel.sometimes:
                message = f"'{one.name}' is always given, so the part in brackets never falls away; write no brackets"
                self._wrong("E082", self._at("channel"), message)

    def _addresses(self, known: tuple[str, ...], options: tuple[str, ...]) -> tuple[Template, Template]:
        said = self.node.get("address")
        if not isinstance(said, Mapping):
            return placeholders.read(said, (*known, *options), self.scope), Template("")
        one = placeholders.read(said.get("one"), (*known, *options), self.scope)
        several = placeholders.read(said.get("several"), ("channels", *options), self.scope)
        node = said.entry("several")
        if node and several.text and "channels" not in several.names:
            self._wrong("E082", node.place, "'several' does not say which channels: {channels}")
        return one, several

    def _check_keys(self, connection: Connection) -> None:
        socketio = connection.transport == "socketio"
        if socketio and "event" not in self.node:
            message = "'event' is missing: over socketio, every message comes under one"
            self._wrong("E012", self.entry.place, message)
        if not socketio and "event" in self.node:
            message = f"'event' is of socketio, and the connection '{connection.name}' is a websocket; say when:"
            self._wrong("E083", self._at("event"), message)
        if socketio and "address" in self.node:
            self._wrong("E083", self._at("address"), "socketio has one address for all; channels are subscribed to")
        elif connection.subscribe is not None and "address" in self.node:
            message = f"'{connection.name}' subscribes by message, so its streams have no address of their own"
            self._wrong("E083", self._at("address"), message)

    def _check_asked_for(self, stream: Stream, connection: Connection, one: Template, several: Template) -> None:
        asks = connection.subscribe is not None
        own = {value.name for value in stream.parameters}
        if asks and not stream.channel and not own:
            message = f"'channel' is missing: '{connection.name}' subscribes to channels by name"
            self._wrong("E012", self.entry.place, message)
        if stream.channel and not asks and not one.text:
            message = f"nothing asks for this channel: '{connection.name}' has no subscribe, and the stream no address"
            self._wrong("E082", self._at("channel"), message)
        if own and one.text and "channel" not in one.names and not own <= one.names:
            self._wrong("E082", self._at("address"), "the address does not say which channel: {channel}")
        if stream.channel and not own and one.text and "channel" not in one.names:
            self._wrong("E082", self._at("channel"), "nothing makes use of the channel; the address does not hold it")
        if asks or several.text:
            self._check_told(stream, connection)

    def _check_told(self, stream: Stream, connection: Connection) -> None:
        """Where one connection carries several channels, each message must tell of which it is."""
        texts = [one.wanted for one in stream.when] + [stream.event]
        for option in connection.options:
            if f"{{{option.name}}}" in stream.event:
                texts.append(str(option.default))
        said = placeholders.mentioned(texts)
        for one in stream.parameters:
            if one.demanded and not {"channel", one.name} & said:
                cure = f'say when: {{KEY: "{{{one.name}}}"}} or "{{channel}}"'
                message = f"nothing in a message tells of which '{one.name}' it is; {cure}"
                self._wrong("E082", self.entry.place, message)
                return
        for condition in stream.when:
            for one in stream.parameters:
                if not one.required and f"{{{one.name}}}" in condition.wanted:
                    message = f"'{one.name}' may be left out, so nothing can be held against it"
                    self._wrong("E082", self._at("when"), message)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _check_alternatives(self, stream: Stream) -> None:
        if not stream.at:
            return
        prefix = ".".join(stream.at)
        for one in stream.yields:
            for condition in one.when:
                if f"{condition.key}.".startswith(f"{prefix}."):
                    rest = condition.key.removeprefix(prefix).removeprefix(".") or "KEY"
                    looks = f"alternatives look at what lies at '{prefix}', so this is '{prefix}.{condition.key}'"
                    self._wrong("E086", one.place, f"{looks}; write {rest}")

    def _fill(self, known: tuple[str, ...], yields: tuple[Alternative, ...]) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        models = [one for one in map(self._model, (alternative.type for alternative in yields)) if one]
        wires = [field.wire for model in models for field in model.fields]
        for entry in self.node.mapping("fill"):
            found.append((entry.key, placeholders.read(entry.value, known, self.scope).text))
            if wires and entry.key not in wires:
                message = f"no message has '{entry.key}' on the wire{suggest(entry.key, wires)}"
                self._wrong("E054", entry.place, message)
        return tuple(found)

    def _model(self, type: TypeExpression) -> Model | None:
        found = self.scope.named.get(type.name) if isinstance(type, Ref) else None
        return found if isinstance(found, Model) else None

    def _check_unique(self, stream: Stream, look: Lookup) -> None:
        for said in scalars(self.node.get("unique")):
            for one in stream.yields:
                if isinstance(one.type, ListOf):
                    self._wrong("E087", said.place, "a message that is a list has no field by which it is told")
                else:
                    look.field(said, self._model(one.type))


# --- all streams of an exchange ---------------------------------------------------------------------------------------


def _check_books(streams: Iterable[Stream], scope: Scope) -> None:
    first: Stream | None = None
    for one in streams:
        if one.book and first:
            message = f"'{first.name}' makes the book already; an exchange has one, the method book()"
            scope.complaints.add("E089", one.book.place, message)
        first = first or (one if one.book else None)


def _check_told_apart(streams: Sequence[Stream], scope: Scope) -> None:
    """A message of one connection must be of one stream."""
    for index, one in enumerate(streams):
        for other in streams[:index]:
            if (one.connection, one.address_one) != (other.connection, other.address_one):
                continue
            ours, theirs = _marks(one), _marks(other)
            if ours <= theirs or theirs <= ours:
                message = f"messages of '{one.name}' are not told from those of '{other.name}'; say more under when:"
                scope.complaints.add("E086", one.place, message)


def _marks(stream: Stream) -> set[Condition]:
    """What tells the messages of a stream, with its channel written out."""
    event = [Condition("", "text", stream.event)] if stream.event else []
    return {attrs.evolve(one, wanted=one.wanted.replace("{channel}", stream.channel)) for one in (*stream.when, *event)}
