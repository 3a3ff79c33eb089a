"""Which keys may stand in `streams.yaml` and `webhooks.yaml`, and what shape their values have."""

from __future__ import annotations

from .grammar import (
    CAVEATS,
    EXPRESSIONS,
    KEY_PATH,
    LENGTH,
    LITERAL,
    NAME_LIST,
    PERMISSIONS,
    RANGE,
    REFUSAL,
    SNAKE,
    SPOKEN,
    TYPES,
    VECTORS,
    Anything,
    Either,
    Many,
    Names,
    Record,
    Sentence,
    Shape,
    Text,
    TypeShape,
    Words,
)

DURATION = Text("a duration, such as 30s, 10min or 500ms", r"[1-9][0-9]*(?:ms|s|min|h)")
TEMPLATE = Text("text, with placeholders in braces")
ADDRESS = Text("a path, such as /v1/books/{channel}", r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?{}-]*")
OPERATION = Text("an operation, such as market.order_book", rf"{SNAKE}\.{SNAKE}")
WHEN = Names("a key, or keys joined by dots", r"[^.\s]+(?:\.[^.\s]+)*", LITERAL)
MESSAGE = Names("a key", r".+", Anything())
FIELD = Text("a field")
PAIRS = Names("a name in snake_case", SNAKE, FIELD)
TEMPLATES = Names("a name in snake_case", SNAKE, TEMPLATE)

OPTION = Record(
    "option",
    {
        "type": TypeShape(),
        "default": LITERAL,
        "choices": Many(LITERAL),
        "range": RANGE,
        "length": LENGTH,
        **SPOKEN,
    },
    required=("type", "default"),
)
CONNECTION = Record(
    "connection",
    {
        **SPOKEN,
        "transport": Words(("websocket", "socketio")),
        "server": Text("a server"),
        "auth": PERMISSIONS,
        "subscribe": MESSAGE,
        "unsubscribe": MESSAGE,
        "reply": Record(
            "reply of a connection", {"id": KEY_PATH, "error": KEY_PATH, "message": KEY_PATH}, required=("id", "error")
        ),
        "login": Record("login", {"send": MESSAGE, "reply": WHEN}, required=("send",)),
        "ping": DURATION,
        "server_ping": DURATION,
        "silence": DURATION,
        "refusals": Names("an HTTP status", r"[1-5]\d\d", REFUSAL),
        "options": Names("a name in snake_case", SNAKE, OPTION),
    },
    required=("doc", "server"),
)
STREAM_PARAMETER = Record(
    "parameter of a stream",
    {
        **SPOKEN,
        "type": TypeShape(),
        "letters": Words(("upper", "lower")),
        "example": Anything(),
        "default": Anything(),
        "range": RANGE,
        "choices": Many(LITERAL),
        "length": LENGTH,
        "deprecated": Sentence(),
    },
    required=("type",),
)
STREAM_PARAMETERS = Names(
    "a name in snake_case, with '?' if it is optional",
    SNAKE + r"\??",
    Either(scalar=TypeShape(), mapping=STREAM_PARAMETER),
)
ALTERNATIVE = Record("alternative of yields", {"when": WHEN, "type": TypeShape()}, required=("type",))
YIELDS = Either(scalar=TypeShape(), sequence=TypeShape(), mapping=TypeShape(), records=Many(ALTERNATIVE))
SNAPSHOT = Record(
    "snapshot",
    {
        "call": OPERATION,
        "arguments": PAIRS,
        **dict.fromkeys(("bids", "asks", "price", "amount", "id", "sequence"), FIELD),
    },
    required=("call",),
)
BOOK = Record(
    "book",
    {
        "kind": Words(("whole", "deltas", "orders")),
        **dict.fromkeys(("bids", "asks", "price", "amount", "sequence", "previous"), FIELD),
        "step": Text("a whole number", r"[1-9][0-9]{0,8}"),
        "check": Either(
            scalar=OPERATION,
            mapping=Record("check", {"call": OPERATION, "arguments": PAIRS}, required=("call",)),
        ),
        "snapshot": Either(scalar=OPERATION, mapping=SNAPSHOT),
        "placed": Record(
            "placed",
            {
                "type": TypeShape(),
                **dict.fromkeys(("id", "side", "buy", "price", "amount", "fills", "maker", "filled"), FIELD),
            },
            required=("type", "id", "side", "price", "amount"),
        ),
        "cancelled": Record("cancelled", {"type": TypeShape(), "id": FIELD}, required=("type", "id")),
    },
    required=("kind",),
)
RESYNC = Record(
    "resync",
    {
        "call": OPERATION,
        "each": TEMPLATES,
        "known": Record("known", {"call": OPERATION, "each": PAIRS}, required=("call", "each")),
        "since": Text("a parameter"),
        "same": PAIRS,
        "closed": Record(
            "closed",
            {
                "call": OPERATION,
                "by": Either(scalar=FIELD, mapping=PAIRS),
                "open": Names("a field", SNAKE, Text("a value")),
            },
            required=("call", "by", "open"),
        ),
    },
    required=("call",),
)
STREAM = Record(
    "stream",
    {
        **SPOKEN,
        "connection": Text("a connection"),
        "parameters": STREAM_PARAMETERS,
        "channel": TEMPLATE,
        "address": Either(
            scalar=ADDRESS,
            mapping=Record("address", {"one": ADDRESS, "several": ADDRESS}, required=("one",)),
        ),
        "when": WHEN,
        "event": TEMPLATE,
        "at": KEY_PATH,
        "fill": Names("a wire name", r".+", TEMPLATE),
        "yields": YIELDS,
        "whole": Words(("never", "first", "always")),
        "unique": NAME_LIST,
        "book": BOOK,
        "resync": RESYNC,
        "deprecated": Sentence(),
    },
    required=("doc", "see", "connection", "yields"),
)
_TOP: dict[str, Shape] = {"doc": Sentence(), "types": TYPES, **CAVEATS}
_ENDPOINTS = {"endpoints": "a file of another name, such as market.yaml"}
STREAMS_FILE = Record(
    "streams.yaml",
    {
        **_TOP,
        "connections": Names("a name in snake_case", SNAKE, CONNECTION),
        "streams": Names("the name of a stream in snake_case", SNAKE, STREAM),
    },
    required=("doc", "connections", "streams"),
    elsewhere={**_ENDPOINTS, **dict.fromkeys(("verify", "webhooks", "otherwise"), "webhooks.yaml")},
)

WEBHOOK = Record(
    "webhook",
    {**SPOKEN, "of": OPERATION, "yields": YIELDS},
    required=("doc", "see", "yields"),
)
VERIFY = Record(
    "verify",
    {
        **SPOKEN,
        "field": Text("a field as it is sent"),
        "steps": EXPRESSIONS,
        "vectors": VECTORS,
    },
    required=("doc", "field", "steps"),
)
WEBHOOKS_FILE = Record(
    "webhooks.yaml",
    {
        **_TOP,
        "verify": VERIFY,
        "webhooks": Names("the name of a webhook in snake_case", SNAKE, WEBHOOK),
        "otherwise": TypeShape(),
    },
    required=("doc", "verify", "webhooks"),
    elsewhere={**_ENDPOINTS, **dict.fromkeys(("connections", "streams"), "streams.yaml")},
)
FILES = {"streams": STREAMS_FILE, "webhooks": WEBHOOKS_FILE}
"""The shape of a file that is no ordinary group, by its name."""
