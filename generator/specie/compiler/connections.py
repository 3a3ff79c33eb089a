"""Connections: how a server of streams is dialled, kept alive and talked to."""

from __future__ import annotations

import re
from typing import Any, cast

import attrs

from . import placeholders, refusals
from .diagnostics import Place, suggest
from .model import Plain, Server, Value
from .source import Entry, Mapping, Node, Scalar
from .stream_model import Condition, Connection, Login, Reply
from .values import Scope, plain, scalars, sentences, tidy

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_SCHEMES = {"websocket": ("ws", "wss"), "socketio": ("http", "https", "ws", "wss")}
# socket.io has its own pings, and no answers that bear a number of ours.
_NOT_SOCKETIO = ("ping", "server_ping", "reply", "login")
_OPTION_TYPES = (Plain("str"), Plain("int"))


@attrs.frozen
class Surroundings:
    """What connections and streams know of the exchange around them: its servers, and the headers that signing makes
    (None where nothing says how to sign)."""

    servers: tuple[Server, ...]
    headers: tuple[str, ...] | None


def read(node: Mapping, scope: Scope, around: Surroundings) -> tuple[Connection, ...]:
    """The entries of `connections:`."""
    found = [_Reader(entry, entry.value, scope, around).read() for entry in node if isinstance(entry.value, Mapping)]
    seen: dict[str, str] = {}
    for connection in found:
        for option in connection.options:
            if option.name in seen:
                message = f"'{option.name}' is an option of '{seen[option.name]}' already; choose another name"
                scope.complaints.add("E089", option.place, message)
            seen[option.name] = connection.name
    return tuple(found)


def conditions(node: Node | None, known: tuple[str, ...], scope: Scope) -> tuple[Condition, ...]:
    """What a `when:` demands."""
    found: list[Condition] = []
    for entry in node if isinstance(node, Mapping) else ():
        said = entry.value
        if not isinstance(said, Scalar) or said.broken:
            continue
        if said.raw in ("present", "absent"):
            found.append(Condition(entry.key, cast(Any, said.raw)))
        else:
            found.append(Condition(entry.key, "text", placeholders.read(said, known, scope).text))
    return tuple(found)


def seconds(node: Node | None) -> float | None:
    """A duration in seconds; None where none is said."""
    match = re.fullmatch(r"([0-9]+)([a-z]+)", node.raw) if isinstance(node, Scalar) and not node.broken else None
    return round(int(match[1]) * _UNITS[match[2]], 3) if match else None


@attrs.frozen
class _Reader:
    entry: Entry
    node: Mapping
    scope: Scope
    around: Surroundings

    def read(self) -> Connection:
        socketio = self.node.text("transport") == "socketio"
        options = self._options()
        names = tuple(option.name for option in options)
        auth, permissions = self._auth()
        self._check_keys(socketio)
        connection = Connection(
            name=self.entry.key,
            doc=tidy(self.node.text("doc")),
            see=self.node.text("see"),
            server=self._server("socketio" if socketio else "websocket"),
            transport="socketio" if socketio else "websocket",
            auth=auth,
            permissions=permissions,
            subscribe=self._message("subscribe", names, socketio),
            unsubscribe=self._message("unsubscribe", names, socketio),
            reply=self._reply(),
            login=self._login(names, auth),
            ping=seconds(self.node.get("ping")),
            server_ping=seconds(self.node.get("server_ping")),
            silence=seconds(self.node.get("silence")),
            refusals=tuple(refusals.refusal(one, self.scope) for one in self.node.mapping("refusals")),
            options=options,
            caveats=self.scope.caveats(self.node),
            place=self.entry.place,
        )
        self._check_times(connection)
        return connection

    def _wrong(self, code: str, place: Place, message: str) -> None:
        self.scope.complaints.add(code, place, message)

    def _check_keys(self, socketio: bool) -> None:
        for one in self.node:
            if socketio and one.key in _NOT_SOCKETIO:
                why = "has an answer of its own for each event" if one.key == "reply" else "has its own"
                why = "signs nothing but the handshake here" if one.key == "login" else why
                self._wrong("E083", one.place, f"'{one.key}' is not for socketio, which {why}; take it out")
        said = self.node.entry("unsubscribe")
        if said and "subscribe" not in self.node:
            self._wrong("E083", said.place, "'unsubscribe' goes with 'subscribe', which is not here")

    def _server(self, transport: str) -> str:
        name, node = self.node.text("server"), self.node.get("server")
        known = {one.name: one for one in self.around.servers}
        if node is None or node.broken or not known:
            return name
        if name not in known:
            self._wrong("E047", node.place, f"unknown server '{name}'{suggest(name, known)}")
            return name
        scheme = known[name].url.partition(":")[0]
        if scheme not in _SCHEMES[transport]:
            wanted = " or ".join(f"{one}://" for one in _SCHEMES[transport])
            self._wrong("E085", node.place, f"'{name}' is {scheme}://, and a {transport} is dialled at {wanted}")
        return name

    def _auth(self) -> tuple[bool, tuple[str, ...]]:
        node = self.node.get("auth")
        if node is None or (isinstance(node, Scalar) and node.value is False):
            return False, ()
        if self.around.headers is None:
            self._wrong("E046", node.place, "nothing says how to sign: say it in exchange.yaml under 'auth'")
        if isinstance(node, Scalar) and node.value is True:
            return True, ()
        return True, sentences(node)

    def _message(self, key: str, options: tuple[str, ...], socketio: bool) -> Any:
        entry = self.node.entry(key)
        if entry is None:
            return None
        node = entry.value
        if not isinstance(node, Mapping):
            return None
        names = placeholders.within(node, ("request", "channel", "channels", *options), self.scope)
        if not {"channel", "channels"} & names:
            self._wrong("E083", entry.place, f'nothing in \'{key}\' says what of: "{{channel}}" or "{{channels}}"')
        if {"channel", "channels"} <= names:
            message = "'{channel}' makes one message for each channel, '{channels}' one for all; say one of them"
            self._wrong("E083", entry.place, message)
        if socketio:
            keys = {one.key for one in node}
            if not {"event"} <= keys <= {"event", "data"}:
                message = f"'{key}' of socketio is the event and what it carries: {{event: NAME, data: …}}"
                self._wrong("E083", entry.place, message)
            if "request" in names:
                self._wrong("E083", entry.place, "'{request}' numbers requests for their answers; socketio has none")
        elif "request" in names and "reply" not in self.node:
            message = "'{request}' numbers requests for their answers; say reply: {id: …, error: …}"
            self._wrong("E083", entry.place, message)
        elif "request" not in names and "reply" in self.node:
            message = f"answers are told by the number of the request, and '{key}' does not send it: \"{{request}}\""
            self._wrong("E083", entry.place, message)
        return plain(node)

    def _reply(self) -> Reply | None:
        node = self.node.get("reply")
        if not isinstance(node, Mapping):
            return None
        if "subscribe" not in self.node and "login" not in self.node:
            entry = self.node.entry("reply")
            place = entry.place if entry else node.place
            self._wrong("E083", place, "'reply' answers a subscribe or a login, and here is none")
        return Reply(node.text("id"), node.text("error"), node.text("message"))

    def _login(self, options: tuple[str, ...], auth: bool) -> Login | None:
        entry = self.node.entry("login")
        if entry is None or not isinstance(entry.value, Mapping):
            return None
        node = entry.value
        if not auth:
            self._wrong("E083", entry.place, "'login' is signed, so the connection says auth: true, or a permission")
        headers = self.around.headers or ()
        names = placeholders.within(node.get("send"), ("request", *headers, *options), self.scope)
        if headers and not set(headers) & names:
            message = f"nothing in 'send' is signed; it holds headers of auth, such as \"{{{headers[0]}}}\""
            self._wrong("E083", entry.place, message)
        if "reply" not in node and not ("reply" in self.node and "request" in names):
            message = 'nothing tells its answer: send "{request}" and say reply:, or say login: {send: …, reply: {…}}'
            self._wrong("E083", entry.place, message)
        return Login(plain(node.get("send")), conditions(node.get("reply"), options, self.scope))

    def _options(self) -> tuple[Value, ...]:
        found: list[Value] = []
        for entry in self.node.mapping("options"):
            option = self.scope.value(entry, None)
            found.append(option)
            said = entry.value.get("default") if isinstance(entry.value, Mapping) else None
            if option.type not in _OPTION_TYPES:
                self._wrong("E033", option.place, f"option '{option.name}' is one value: str or int")
            elif why := self.scope.misfit(option.default, option.type):
                self._wrong("E032", option.place, f"default of '{option.name}': {why}")
            else:
                placeholders.read(said, ("channel",), self.scope)
            if option.name in TAKEN:
                self._wrong("E089", option.place, f"'{option.name}' means something else here; choose another name")
        return tuple(found)

    def _check_times(self, one: Connection) -> None:
        for key, pause in (("ping", one.ping), ("server_ping", one.server_ping)):
            if pause and one.silence and one.silence <= pause:
                place = next((node.place for node in scalars(self.node.get("silence"))), one.place)
                said = f"{key}: {self.node.text(key)}"
                message = f"silence is not longer than {said}, so a quiet connection would count as dead"
                self._wrong("E084", place, message)


# What the options of a connection stand beside: placeholders, and the options of every client's streams.
TAKEN = frozenset(
    {
        "attempts", "channel", "channels", "check_every", "dialer", "first_pause", "listener", "longest_pause",
        "open_timeout", "options", "overflow", "patience", "queue", "request", "self", "silence",
    }
)  # fmt: skip
