"""Streams and webhooks as Python text: what their constants say, and the sentences of their docstrings."""

from __future__ import annotations

from collections.abc import Iterable

from . import spoken
from .model import Enum, Exchange, Group, Model, Plain, Ref, TypeExpression, Value
from .python import fit, literal, quote, wrap, wrap_doc
from .spoken import caveats, paragraphs, sentence
from .stream_model import (
    Alternative,
    Book,
    Call,
    Cancelled,
    Condition,
    Connection,
    Placed,
    Resync,
    Snapshot,
    Stream,
    Verify,
)

# --- constants --------------------------------------------------------------------------------------------------------


def constant(name: str) -> str:
    return f"_{name.upper()}"


def conditions(said: Iterable[Condition]) -> str:
    words = {"present": "PRESENT", "absent": "ABSENT"}
    given = [f"{quote(one.key)}: {words.get(one.test) or quote(one.wanted)}" for one in said]
    return "{" + ", ".join(given) + "}"


def connection(one: Connection) -> str:
    """`_MARKET = Connection(…)`, with what the spec says and nothing else."""
    said = [f"name={quote(one.name)}", f"server={quote(one.server)}"]
    if one.transport != "websocket":
        said.append(f"transport={quote(one.transport)}")
    if one.auth:
        said.append("auth=True")
    for key, value in (("subscribe", one.subscribe), ("unsubscribe", one.unsubscribe)):
        if value is not None:
            said.append(f"{key}={literal(value)}")
    if one.reply:
        message = f", message={quote(one.reply.message)}" if one.reply.message else ""
        said.append(f"reply=ReplyRule(id={quote(one.reply.id)}, error={quote(one.reply.error)}{message})")
    if one.login:
        said.append(f"login={literal(one.login.send)}")
    if one.login and one.login.reply:
        said.append(f"login_reply={conditions(one.login.reply)}")
    times = (("ping", one.ping), ("server_ping", one.server_ping), ("silence", one.silence))
    said += [f"{key}={seconds}" for key, seconds in times if seconds is not None]
    if one.refusals:
        said.append(f"refusals={{{', '.join(f'{literal(it.match)}: {it.error}' for it in one.refusals)}}}")
    if one.options:
        said.append(f"options={literal({option.name: option.default for option in one.options})}")
    return fit(f"{constant(one.name)} = Connection({', '.join(said)})")


def feed(one: Stream, exchange: Exchange) -> str:
    """`_ORDER_BOOK: Feed[OrderBook] = Feed(…)`."""
    said = [f"name={quote(one.id)}", f"connection={constant(one.connection)}"]
    if one.parameters:
        parameters = [_parameter(value) for value in one.parameters]
        said.append(f"parameters=({', '.join(parameters)}{',' if len(parameters) == 1 else ''})")
    if one.channel:
        said.append(f"channel={quote(one.channel)}")
    if one.address_several:
        said.append(f"address={literal((one.address_one, one.address_several))}")
    elif one.address_one:
        said.append(f"address={quote(one.address_one)}")
    if one.when:
        said.append(f"when={conditions(one.when)}")
    if one.event:
        said.append(f"event={quote(one.event)}")
    if one.at:
        said.append(f"at={quote('.'.join(one.at))}")
    if one.fill:
        said.append(f"fill={literal(dict(one.fill))}")
    said.append(f"yields={alternatives(one.yields)}")
    if one.whole != "never":
        said.append(f"whole={quote(one.whole)}")
    if one.unique:
        said.append(f"unique={literal(one.unique)}")
    if one.book:
        said.append(f"book={_book(one.book, exchange)}")
    if one.resync:
        said.append(f"resync={_resync(one.resync, one, exchange)}")
    return fit(f"{constant(one.name)}: Feed[{union(one.types)}] = Feed({', '.join(said)})")


def alternatives(said: tuple[Alternative, ...]) -> str:
    """What a stream yields: one type, or each with its conditions."""
    return spoken.runtime(said[0].type) if len(said) == 1 and not said[0].when else cases(said)


def cases(said: tuple[Alternative, ...]) -> str:
    """Types, each with its conditions, as a tuple of pairs."""
    given = [f"({spoken.runtime(one.type)}, {conditions(one.when)})" for one in said]
    return f"({', '.join(given)}{',' if len(given) == 1 else ''})"


def union(types: Iterable[TypeExpression]) -> str:
    """The annotation of something that is one of these."""
    return " | ".join(dict.fromkeys(spoken.received(one) for one in types))


def _parameter(value: Value) -> str:
    said = [quote(value.name), spoken.runtime(value.type)]
    if not value.required:
        said.append("required=False")
    said += spoken.constraints(value)
    if value.letters:
        said.append(f"letters={quote(value.letters)}")
    return f"parameter({', '.join(said)})"


def _texts(one: object, *keys: str) -> list[str]:
    """Attributes that are texts, as keyword arguments; what is empty is left out."""
    return [f"{key}={quote(value)}" for key in keys if (value := getattr(one, key))]


def _book(one: Book, exchange: Exchange) -> str:
    said = [f"kind={quote(one.kind)}", *_texts(one, "bids", "asks", "price", "amount", "sequence")]
    if one.step:
        said.append(f"step={one.step}")
    said += _texts(one, "previous")
    if one.check:
        said.append(f"check={quote(one.check.operation)}")
        said += [f"check_arguments={literal(dict(one.check.arguments))}"] if one.check.arguments else []
    if one.snapshot:
        said.append(f"snapshot={_snapshot(one.snapshot)}")
    if one.placed:
        said.append(f"placed={_placed(one.placed, exchange)}")
    if one.cancelled:
        said.append(f"cancelled={_cancelled(one.cancelled)}")
    return f"BookRule({', '.join(said)})"


def _snapshot(one: Snapshot) -> str:
    said = [f"call={quote(one.call.operation)}"]
    if one.call.arguments:
        said.append(f"arguments={literal(dict(one.call.arguments))}")
    return f"SnapshotRule({', '.join([*said, *_texts(one, 'bids', 'asks', 'price', 'amount', 'sequence', 'id')])})"


def _placed(one: Placed, exchange: Exchange) -> str:
    said = [f"type={spoken.runtime(one.type)}", *_texts(one, "id", "side", "price", "amount")]
    said.append(f"buy={_value(one.type, one.side, one.buy, exchange)}")
    return f"PlacedRule({', '.join([*said, *_texts(one, 'fills', 'maker', 'filled')])})"


def _cancelled(one: Cancelled) -> str:
    return f"CancelledRule(type={spoken.runtime(one.type)}, id={quote(one.id)})"


def _value(holder: TypeExpression, field: str, word: str, exchange: Exchange) -> str:
    """A value of a field as Python source: the member of an enum, a flag or a text."""
    item = getattr(holder, "item", holder)
    model = exchange.named.get(item.name) if isinstance(item, Ref) else None
    fields = {one.name: one.type for one in model.fields} if isinstance(model, Model) else {}
    kind = fields.get(field)
    if isinstance(kind, Ref) and isinstance(exchange.named.get(kind.name), Enum):
        return f"{kind.name}.{word}"
    flags = {"true": "True", "false": "False"} if kind == Plain("bool") else dict[str, str]()
    return flags.get(word) or quote(word)


def _named(one: Call) -> str:
    """How the runtime finds it: the method that calls, or the one that iterates."""
    group, _, name = one.operation.partition(".")
    return quote(f"{group}.iter_{name}" if one.pages else one.operation)


def _resync(one: Resync, stream: Stream, exchange: Exchange) -> str:
    said = [f"call={_named(one.call)}"]
    if one.call.arguments:
        said.append(f"each={literal(dict(one.call.arguments))}")
    if one.known:
        said.append(f"known=KnownRule(call={_named(one.known)}, each={literal(dict(one.known.arguments))})")
    if one.since:
        said.append(f"since={quote(one.since)}")
    if one.same:
        said.append(f"same={literal(dict(one.same))}")
    if one.closed:
        message = stream.yields[0].type
        given = [f"{quote(field)}: {_value(message, field, word, exchange)}" for field, word in one.closed.open]
        by = literal(dict(one.closed.call.arguments))
        said.append(f"closed=ClosedRule(call={quote(one.closed.call.operation)}, by={by}, open={{{', '.join(given)}}})")
    return f"Resync({', '.join(said)})"


# --- sentences of streams ---------------------------------------------------------------------------------------------


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{round(seconds / size)} {unit}"
    return f"{seconds:g} s"


def group_doc(group: Group, exchange: Exchange) -> str:
    """The docstring of a group of streams."""
    lines = wrap_doc(sentence(group.doc), 4)
    lines += paragraphs(group.caveats, 4)
    lines += ["", *wrap("A stream is dialled when it is first read, and anew whenever its connection is lost.", 4)]
    lines += ["", "Connections:"]
    for one in group.connections:
        lines += wrap(f"{one.name}: {_about_connection(one, exchange)}", 4, "    - ", 6)
    raises = (
        ("StreamRefused", "The handshake was refused, and nothing better is known of it."),
        ("SubscriptionRejected", "A channel was refused, and nothing better is known of it."),
        ("SlowConsumer", "Messages came faster than they were read."),
        ("StreamEnded", "The attempts to connect are used up."),
    )
    lines += ["", "Raises:", *(line for name, why in raises for line in wrap(f"{name}: {why}", 4, "    ", 8))]
    return "\n".join(lines)


def _about_connection(one: Connection, exchange: Exchange) -> str:
    said = [sentence(one.doc)]
    if one.ping:
        said.append(f"Sends a ping every {_duration(one.ping)}.")
    if one.server_ping:
        said.append(f"The exchange sends a ping every {_duration(one.server_ping)}.")
    if one.silence:
        said.append(f"Counts as dead after {_duration(one.silence)} of silence.")
    if one.permissions:
        said.append(f"Permission: {' or '.join(one.permissions)}.")
    for it in one.refusals:
        said += [sentence(f"Refused by {it.match}, {it.error}: {it.doc}".removesuffix(": ")), *caveats(it.caveats)]
        said += [f"See {exchange.url(it.see)}"] if it.see else []
    said += map(sentence, caveats(one.caveats))
    if one.see:
        said.append(f"See {exchange.url(one.see)}")
    return " ".join(map(str, said))


def stream_doc(stream: Stream, connection: Connection, exchange: Exchange) -> str:
    """The docstring of a method that opens a stream."""
    indent = 8
    lines = wrap_doc(sentence(stream.doc), indent)
    if stream.deprecated:
        lines += ["", *wrap(f"Deprecated: {sentence(stream.deprecated)}", indent)]
    described: list[str] = []
    for one in stream.parameters:
        said = [spoken.about(one, exchange, True), "One, or several." if one == stream.several else ""]
        if text := " ".join(filter(None, said)):
            described += wrap(text, indent, f"    {one.name}: ", 8)
    if described:
        lines += ["", "Args:", *described]
    lines += paragraphs(stream.caveats, indent)
    return "\n".join([*lines, "", *_facts(stream, connection, exchange)])


def _facts(stream: Stream, connection: Connection, exchange: Exchange) -> list[str]:
    said: list[str] = []
    if stream.whole == "first":
        said.append("Whole: the first message after each connect; later ones are changes.")
    elif stream.whole == "always":
        said.append("Whole: every message.")
    if stream.unique:
        fields = " and ".join(f"`{one}`" for one in stream.unique)
        said.append(f"Dropped: a message that repeats {fields} of a recent one.")
    if stream.resync:
        said.append(_after_a_gap(stream.resync))
    channel = f", channel `{stream.channel}`" if stream.channel else ""
    said.append(f"Connection: `{connection.name}`{channel}.")
    if connection.permissions:
        said.append(f"Permission: {' or '.join(connection.permissions)}.")
    lines = [line for one in said for line in wrap(one, 8, hang=4)]
    return [*lines, f"See {exchange.url(stream.see)}"]


def _after_a_gap(one: Resync) -> str:
    given = f"`{spoken.received(one.item)}`"
    text = f"After a lost connection: `{one.call.operation}()` is asked for what was missed, which is given as {given}"
    if one.closed:
        text += f"; `{one.closed.call.operation}()` for what it no longer lists"
    return f"{text}."


def book_doc(stream: Stream) -> str:
    """The docstring of `book()`."""
    kinds = {
        "whole": "Each message replaces it.",
        "deltas": "Messages change what the first one began.",
        "orders": "Orders that come and go change it.",
    }
    book = stream.book
    said = [f"A local order book, kept from `{stream.name}()`."]
    if book:
        snapshot = f"Begins with `{book.snapshot.call.operation}()`; messages change it." if book.snapshot else ""
        said.append(snapshot or kinds[book.kind])
    if book and book.check:
        said.append(f"Now and then it is compared with `{book.check.operation}()`.")
    lines = wrap_doc(said[0], 8)
    lines += ["", *wrap(" ".join([*said[1:], "It refuses to be read while it is not surely right."]), 8)]
    lines += ["", f"Takes what `{stream.name}()` takes, for one channel." if stream.parameters else "Takes nothing."]
    lines += ["", "Raises:", *wrap("BookInvalid: It was read while it was not valid; it says why.", 8, "    ", 8)]
    return "\n".join(lines)


def options_doc(options: Iterable[Value], exchange: Exchange) -> str:
    """The docstring of `with_options()`."""
    lines = wrap_doc("The same streams with other options; streams that are open already keep theirs.", 8)
    lines += ["", "Args:"]
    for one in options:
        said = [spoken.about(one, exchange, False), f"`{one.default}` unless given."]
        lines += wrap(" ".join(filter(None, said)), 8, f"    {one.name}: ", 8)
    lines += wrap("Those that all streams have; see `StreamOptions`.", 8, "    **options: ", 8)
    return "\n".join(lines)


# --- sentences of webhooks --------------------------------------------------------------------------------------------


def sign_doc(verify: Verify, exchange: Exchange) -> str:
    lines = wrap_doc(sentence(verify.doc), 4)
    lines += paragraphs(verify.caveats, 4)
    if verify.see:
        lines += ["", f"See {exchange.url(verify.see)}"]
    return "\n".join(lines)


def parse_doc(group: Group, exchange: Exchange) -> str:
    """The docstring of `parse()`."""
    lines = ["Verify a webhook and read it; nothing is sent, and nothing is kept."]
    lines += [*paragraphs(group.caveats, 4), "", "Args:"]
    lines += wrap("Those of the request.", 4, "    headers: ", 8)
    lines += wrap("That of the request, as it was received.", 4, "    body: ", 8)
    credentials = {one.name: one for one in exchange.auth.credentials} if exchange.auth else {}
    used = group.verify.credentials if group.verify else ()
    for name in used:
        about = f"The `{name}` of the client. {sentence(credentials[name].doc)}"
        lines += wrap(about, 4, f"    {name if len(used) > 1 else 'secret'}: ", 8)
    lines += wrap(_which(group), 4, "    webhook: ", 8)
    lines += ["", "Webhooks:"]
    for one in group.webhooks:
        said = [f"{one.name}:", sentence(one.doc), f"Asked for by `{one.of}()`." if one.of else ""]
        said += [*map(sentence, caveats(one.caveats)), f"See {exchange.url(one.see)}"]
        lines += wrap(" ".join(filter(None, said)), 4, "    - ", 6)
    raises = (
        ("WebhookSignatureMismatch", "The signature is missing, or is not one that this secret makes: do nothing."),
        ("InvalidWebhook", "It is none of these webhooks, or cannot be read."),
    )
    lines += ["", "Raises:", *(line for name, why in raises for line in wrap(f"{name}: {why}", 4, "    ", 8))]
    return "\n".join(lines)


def _which(group: Group) -> str:
    said = "Which of the webhooks below it is, where the address that was called tells; else the fields must tell"
    if group.otherwise is None:
        return f"{said}."
    return f"{said}, and what may be several of them is `{spoken.received(group.otherwise)}`."
