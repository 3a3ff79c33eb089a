"""What a spec means by streams and webhooks: what an exchange tells by itself, beside what it answers when asked.

Like `model.py`, of which this is the second half: facts about an exchange, frozen, each with its place, and no Python
text in any of them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, TypeAlias

import attrs

from .diagnostics import Place
from .model import Caveats, Refusal, Step, TypeExpression, Value, Vector, gather

Transport: TypeAlias = Literal["websocket", "socketio"]
Whole: TypeAlias = Literal["never", "first", "always"]


@attrs.frozen
class Condition:
    """What a message has at `key` (keys joined by dots): the text `wanted`, a template; or anything; or nothing."""

    key: str
    test: Literal["text", "present", "absent"]
    wanted: str = ""


@attrs.frozen
class Alternative:
    """A type that a message may have: the first whose conditions hold. They look at the content, which lies at `at`."""

    type: TypeExpression
    when: tuple[Condition, ...]
    place: Place


# --- connections ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Reply:
    """Where an answer bears the number of our request, its error, and the error's text: keys joined by dots."""

    id: str
    error: str
    message: str


@attrs.frozen
class Login:
    """A first message that is signed in place of the handshake. `reply`: what tells its acknowledgement."""

    send: Any
    reply: tuple[Condition, ...]


@attrs.frozen
class Connection:
    """How a server of streams is dialled and kept alive, and how one subscribes there.

    `subscribe`, `unsubscribe` and `login.send` are plain data with templates in it. Times are in seconds; None is
    never. `server_ping` is how often the server pings; its pings then count as signs of life.
    """

    name: str
    doc: str
    see: str
    server: str
    transport: Transport
    auth: bool
    permissions: tuple[str, ...]
    subscribe: Any
    unsubscribe: Any
    reply: Reply | None
    login: Login | None
    ping: float | None
    server_ping: float | None
    silence: float | None
    refusals: tuple[Refusal, ...]
    options: tuple[Value, ...]
    """Values that a user may set at run time, each with a default; templates name them."""
    caveats: Caveats
    place: Place


# --- streams ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Call:
    """An operation that a stream makes use of, and where its arguments come from.

    `arguments`: parameters of the operation, each with what gives its value, which depends on who calls. `pages`:
    whether it has an iterator over all items.
    """

    operation: str
    arguments: tuple[tuple[str, str], ...] = ()
    pages: bool = False


@attrs.frozen
class Snapshot:
    """The operation that gives a book whole, with arguments from the parameters of the stream.

    Names are Python names: of fields of its result, and of their items.
    """

    call: Call
    bids: str
    asks: str
    price: str
    amount: str
    id: str = ""
    sequence: str = ""


@attrs.frozen
class Placed:
    """A message about an order that was placed.

    Names are Python names of fields of `type`, but `maker` and `filled` of its fills; `buy` is the member or the text
    that `side` has where the order buys.
    """

    type: TypeExpression
    id: str
    side: str
    buy: str
    price: str
    amount: str
    fills: str = ""
    maker: str = ""
    filled: str = ""


@attrs.frozen
class Cancelled:
    """A message about an order that was cancelled."""

    type: TypeExpression
    id: str


@attrs.frozen
class Book:
    """How a stream makes a local order book. Names are Python names of fields.

    `check` is an operation whose result has the same fields, to compare with; its arguments are parameters of the
    stream.
    """

    kind: Literal["whole", "deltas", "orders"]
    place: Place
    bids: str = ""
    asks: str = ""
    price: str = ""
    amount: str = ""
    sequence: str = ""
    step: int = 0
    """By how much `sequence` rises with each message; 0 where it merely rises."""
    previous: str = ""
    check: Call | None = None
    snapshot: Snapshot | None = None
    placed: Placed | None = None
    cancelled: Cancelled | None = None


@attrs.frozen
class Closed:
    """The operation that tells what became of something that a list no longer has.

    Its arguments are fields of items. `open`: the fields, with a member or text, by which something counts as open.
    """

    call: Call
    open: tuple[tuple[str, str], ...]


@attrs.frozen
class Resync:
    """What is asked after a reconnect, so that nothing is missed.

    Arguments of `call` are fields of messages, or templates over them: it is called once for each value that they had.
    `known` lists items whose fields give such values too. `since`: the parameter that takes the start of the gap.
    `same`: fields of message and item by which one is told to be the other.
    """

    call: Call
    known: Call | None
    since: str
    same: tuple[tuple[str, str], ...]
    closed: Closed | None
    item: TypeExpression
    place: Place


@attrs.frozen
class Stream:
    """Messages of one sort, and how they are asked for. Texts in braces are templates, as the spec has them."""

    name: str
    group: str
    connection: str
    doc: str
    see: str
    parameters: tuple[Value, ...]
    channel: str
    address_one: str
    address_several: str
    when: tuple[Condition, ...]
    event: str
    at: tuple[str, ...]
    fill: tuple[tuple[str, str], ...]
    yields: tuple[Alternative, ...]
    whole: Whole
    unique: tuple[str, ...]
    book: Book | None
    resync: Resync | None
    deprecated: str
    caveats: Caveats
    place: Place

    @property
    def id(self) -> str:
        return f"{self.group}.{self.name}"

    @property
    def several(self) -> Value | None:
        """The parameter of which one stream may take several values."""
        return next((one for one in self.parameters if one.demanded), None)

    @property
    def types(self) -> tuple[TypeExpression, ...]:
        """What it gives: the types of its messages, and of the items that are asked for after a reconnect."""
        found = [one.type for one in self.yields] + ([self.resync.item] if self.resync else [])
        return tuple(dict.fromkeys(found))

    @cached_property
    def all_caveats(self) -> Caveats:
        """Its own caveats, and those of its parameters, each saying what it is about."""
        return gather(
            [("", self.caveats), *((f"parameter {one.name}", one.caveats) for one in self.parameters)],
        )


# --- webhooks ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Webhook:
    """A call that the exchange makes, after the operation `of` asked for it; empty where nothing asks for it."""

    name: str
    group: str
    doc: str
    see: str
    of: str
    yields: tuple[Alternative, ...]
    caveats: Caveats
    place: Place

    @property
    def id(self) -> str:
        return f"{self.group}.{self.name}"

    @property
    def types(self) -> tuple[TypeExpression, ...]:
        return tuple(dict.fromkeys(one.type for one in self.yields))


@attrs.frozen
class Verify:
    """How a webhook proves whose it is: `field` must be equal to the last of the steps."""

    doc: str
    see: str
    field: str
    credentials: tuple[str, ...]
    """Those of the exchange's credentials that the steps name."""
    steps: tuple[Step, ...]
    vectors: tuple[Vector, ...]
    caveats: Caveats
    place: Place
