"""What generated modules say: an operation, its parameters, its pages, and what an exchange's operations have in
common.

These are plain statements. What is worked out from them (encoders, decoders, rules) is worked out at the first call,
and kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack

from .credentials import BaseCredentials
from .errors import ApiError
from .limit import Limit, limits_of
from .models import MISSING
from .signing import Additions, Unsigned

__all__ = [
    "Auth",
    "Envelope",
    "ErrorMap",
    "Exchange",
    "Operation",
    "Pages",
    "Parameter",
    "body",
    "form",
    "header",
    "path",
    "query",
]

T = TypeVar("T")


class Parameter:
    """One parameter of an operation; made by `path`, `query`, `body`, `form` or `header`."""

    __slots__ = (
        "choices",
        "const",
        "default",
        "form",
        "join",
        "length",
        "name",
        "place",
        "range",
        "required",
        "type",
        "whole",
        "wire",
    )

    def __init__(
        self,
        place: str,
        name: str,
        type: Any,
        *,
        wire: str | None = None,
        required: bool = True,
        form: str | None = None,
        default: object = MISSING,
        const: object = MISSING,
        range: str | None = None,
        choices: Sequence[object] | None = None,
        length: str | None = None,
        join: str | None = None,
        whole: bool = False,
    ) -> None:
        self.place = place
        self.name = name
        self.type = type
        self.wire = wire or name
        self.required = required and default is MISSING
        self.form = form
        self.default = default
        self.const = const
        self.range = range
        self.choices = None if choices is None else tuple(choices)
        self.length = length
        self.join = join
        self.whole = whole

    def __repr__(self) -> str:
        return f"{self.place}({self.name!r})"


class Keywords(TypedDict, total=False):
    """What may be said of a parameter besides its name and type.

    `wire`: its name on the wire. `required`: whether a call must give it. `form`: `"number"` or `"string"`, how it is
    written. `default`: what is sent where nothing is given. `const`: what is always sent. `range`, `choices`,
    `length`: what is allowed. `join`: what a list is joined with; else it is repeated. `whole`: it is the body, not a
    member of it.
    """

    wire: str | None
    required: bool
    form: str | None
    default: object
    const: object
    range: str | None
    choices: Sequence[object] | None
    length: str | None
    join: str | None
    whole: bool


def path(name: str, type: Any, **more: Unpack[Keywords]) -> Parameter:
    """A parameter that stands in the path, in braces, by its wire name or its Python name."""
    return Parameter("path", name, type, **more)


def query(name: str, type: Any, **more: Unpack[Keywords]) -> Parameter:
    """A parameter of the query. A list is repeated, or joined with `join`."""
    return Parameter("query", name, type, **more)


def body(name: str, type: Any, **more: Unpack[Keywords]) -> Parameter:
    """A member of the JSON body, or (`whole`) the body itself."""
    return Parameter("body", name, type, **more)


def form(name: str, type: Any, **more: Unpack[Keywords]) -> Parameter:
    """A field of a form body. A list is repeated, or joined with `join`."""
    return Parameter("form", name, type, **more)


def header(name: str, type: Any, **more: Unpack[Keywords]) -> Parameter:
    """A header."""
    return Parameter("header", name, type, **more)


class Operation(Generic[T]):
    """One operation of an exchange.

    Args:
        name: Group and name, such as `orders.create`.
        method: HTTP method.
        path: Path under the server's, with parameters in braces.
        returns: What comes back: a type as models use them, `keyed(…)`, or `None` for a reply that carries no
            information.
        auth: Whether it is signed.
        effect: `read`, `create`, `cancel` or `transfer`: only a read is ever repeated.
        parameters: In the order in which they are sent.
        require: What the parameters demand of one another.
        server: Name of the server.
        bare: The reply has no envelope.
        at: Where the result lies, inside the envelope if there is one: keys joined by dots.
        at_optional: Only if the reply is an object; the bare result is taken too.
        sole: One object, or an array that holds just that one.
        ok: What the reply must say beside what the envelope demands, or it is a refusal whatever its status.
        client_id: The parameter that carries the caller's own id of an order.
        limits: Its own limits, beside those of all calls; a text for one that counts calls.
        cost: What it costs under limits that do not count calls.
        receipt: The field of a receipt that is the id of what was made.
        server_time: The field of the result that is the exchange's clock.
    """

    def __init__(
        self,
        *,
        name: str,
        method: str,
        path: str,
        returns: Any,
        auth: bool = False,
        effect: str = "read",
        parameters: tuple[Parameter, ...] = (),
        require: tuple[str, ...] = (),
        server: str = "rest",
        bare: bool = False,
        at: str | None = None,
        at_optional: bool = False,
        sole: bool = False,
        ok: Mapping[str, object] | None = None,
        client_id: str | None = None,
        limits: tuple[str | Limit, ...] = (),
        cost: int = 1,
        receipt: str | None = None,
        server_time: str | None = None,
    ) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.returns = returns
        self.auth = auth
        self.effect = effect
        self.parameters = parameters
        self.require = require
        self.server = server
        self.bare = bare
        self.at = at
        self.at_optional = at_optional
        self.sole = sole
        self.ok = dict(ok or {})
        self.client_id = client_id
        self.limits = limits_of(limits)
        self.cost = cost
        self.receipt = receipt
        self.server_time = server_time
        self.plan: Any = None  # how to send it, by encode.py at the first call
        self.decoder: Any = None  # how to read its replies, by decode.py at the first reply

    def __repr__(self) -> str:
        return f"Operation({self.name!r}: {self.method} {self.path})"


class Pages(Generic[T]):
    """How the list that an operation returns goes on.

    Args:
        operation: The operation of one page.
        offset: The parameter that counts items from 0.
        page: The parameter that counts pages from 1.
        cursor: The parameter that takes what `start` finds in a page: `last.id` or `first.id`.
        start: See `cursor`.
        window: The two parameters that bound a time.
        span: The longest window, such as `90d`.
        size: The parameter that holds the size of a page.
        unique: The fields that identify an item; the cursor's field unless given, else the whole item.
        items: Where the list lies in the result: attributes joined by dots.
        order: How one page is sorted: `ascending` or `descending`.
    """

    def __init__(
        self,
        operation: Operation[Any],
        *,
        offset: str | None = None,
        page: str | None = None,
        cursor: str | None = None,
        start: str | None = None,
        window: tuple[str, str] | None = None,
        span: str | None = None,
        size: str | None = None,
        unique: tuple[str, ...] = (),
        items: str | None = None,
        order: str = "descending",
    ) -> None:
        self.operation = operation
        self.offset = offset
        self.page = page
        self.cursor = cursor
        self.start = start
        self.window = window
        self.span = span
        self.size = size
        self.unique = unique
        self.items = items
        self.order = order


class Envelope:
    """Where the result lies in a reply, and what a success looks like.

    Args:
        result: The key of the result, or keys joined by dots; `None` where there is only `ok`.
        ok: Members that a success has.
    """

    __slots__ = ("ok", "result")

    def __init__(self, result: str | None = None, ok: Mapping[str, object] | None = None) -> None:
        self.result = result
        self.ok = dict(ok or {})


class ErrorMap:
    """What a refusal means: by code, by text, by status, in this order.

    Args:
        message: Where the text lies in an error body: the first that is there; keys joined by dots.
        code: Where the code lies.
        statuses: By HTTP status.
        codes: By code.
        texts: By text, in which `*` stands for anything.
    """

    def __init__(
        self,
        *,
        message: tuple[str, ...] = (),
        code: str | None = None,
        statuses: Mapping[int, type[ApiError]] | None = None,
        codes: Mapping[str | int, type[ApiError]] | None = None,
        texts: Mapping[str, type[ApiError]] | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.statuses = dict(statuses or {})
        self.codes = {str(key): value for key, value in (codes or {}).items()}
        self.texts = [(_pattern(text), value) for text, value in (texts or {}).items()]

    def named(self, code: str | None, message: str) -> type[ApiError] | None:
        """The class of a code or text that the spec lists."""
        if code is not None and code in self.codes:
            return self.codes[code]
        return next((value for pattern, value in self.texts if pattern.fullmatch(message)), None)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


class Auth:
    """How the calls of an exchange are signed.

    Args:
        credentials: The class of its credentials.
        sign: Gives the headers of a request that is whole but for them.
        add: Gives what goes into a request before it is serialised.
        nonce: What the exchange demands of nonces: none comes twice (`unique`), or each that arrives is above the
            last (`increasing`), for which the calls of a key are made one at a time. `None` where signing draws none.
    """

    __slots__ = ("add", "credentials", "nonce", "sign")

    def __init__(
        self,
        credentials: type[BaseCredentials],
        sign: Callable[[Any, Unsigned], Mapping[str, str | int | None]],
        add: Callable[[Any, Unsigned], Additions] | None = None,
        nonce: Literal["unique", "increasing"] | None = None,
    ) -> None:
        self.credentials = credentials
        self.sign = sign
        self.add = add
        self.nonce = nonce


class Exchange:
    """What all operations of an exchange have in common.

    Args:
        name: Its name, as in `specie.<name>`.
        title: Its name, for people.
        environment: What the names of its environment variables begin with.
        servers: Base URLs by name; `rest` is the default.
        envelope: Where results lie in replies.
        errors: What refusals mean.
        auth: How calls are signed; `None` where nothing is.
        sort_query: Whether query parameters go in alphabetic order.
        limits: Those of all calls; a text for one that counts calls.
        public_limits: Those of unsigned calls, on top.
        private_limits: Those of signed calls, on top.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        environment: str,
        servers: Mapping[str, str],
        envelope: Envelope | None = None,
        errors: ErrorMap | None = None,
        auth: Auth | None = None,
        sort_query: bool = False,
        limits: tuple[str | Limit, ...] = (),
        public_limits: tuple[str | Limit, ...] = (),
        private_limits: tuple[str | Limit, ...] = (),
    ) -> None:
        self.name = name
        self.title = title
        self.environment = environment
        self.servers = dict(servers)
        self.envelope = envelope or Envelope()
        self.errors = errors or ErrorMap()
        self.auth = auth
        self.sort_query = sort_query
        self.public_limits = limits_of((*limits, *public_limits))
        self.private_limits = limits_of((*limits, *private_limits))

    def env(self, name: str) -> str | None:
        """A credential from the environment: `api_key` is read from `<ENVIRONMENT>_API_KEY`; an empty one counts as
        absent.
        """
        return os.environ.get(self.variable(name), "").strip() or None

    def variable(self, name: str) -> str:
        """The environment variable of a credential."""
        return f"{self.environment}_{name.upper()}"

    def __repr__(self) -> str:
        return f"Exchange({self.name!r})"
