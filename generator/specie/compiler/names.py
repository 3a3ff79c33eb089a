"""Names: how a Python name becomes a wire name, and which names Python or the printed code needs for itself."""

from __future__ import annotations

import builtins
import keyword

CASES = ("snake", "camel", "pascal", "upper")

# What printed modules import or define under these names; a class of the same name would hide it.
PRINTED = frozenset(
    {
        "ABSENT", "Amount", "Any", "AsyncGroup", "AsyncIterator", "AsyncLocalBook", "AsyncStream",
        "AsyncStreamGroup", "BookRule", "Cancelled", "CancelledRule", "ClosedRule", "Connection", "Credentials",
        "Decimal", "ExactSeconds", "Feed", "Figure", "Filled", "Group", "Id", "IsoTime", "Iterable", "Iterator",
        "KnownRule", "Limit", "Literal", "LocalBook", "Look", "Mapping", "Millis", "Model", "NOW", "NotCancelled",
        "NotPlaced", "NotTransferred", "OpenIntEnum", "OpenStrEnum", "Operation", "OutcomeUnknown",
        "PRESENT", "Pages", "PairRules", "Pairs", "Placed", "PlacedRule", "Reconciliation", "ReplyRule",
        "Resync", "Seconds", "Self", "Sequence", "SnapshotRule", "StateLook", "StillUnknown", "Stream",
        "StreamGroup", "StreamOptions", "Time", "Trace", "TradingRules", "Transferred", "TypeAlias", "Unpack",
        "WebhookHeaders", "Webhooks",
    }
)  # fmt: skip

# Inside a printed class these stand in annotations, or before and behind fields; a member of the same name hides them.
SPOKEN = frozenset(
    {
        "bool", "datetime", "dict", "float", "int", "list", "property", "str", "wire",
        "utc_exact", "utc_iso", "utc_millis", "utc_seconds",
    }
)  # fmt: skip

# What every client has beside its groups, and what its constructor speaks of.
CLIENT = frozenset(
    {
        "aiohttp", "call", "capture", "close", "closed", "float", "from_env", "limits", "now_ms", "reconcile",
        "request", "requests", "str", "trading_rules", "with_options",
    }
)  # fmt: skip
# What every client's constructor takes beside credentials and the exchange's own options.
CONSTRUCTOR = frozenset(
    {
        "base_url", "budgets", "clock", "connections", "hooks", "limits", "nonces", "options", "retries", "session",
        "timeout", "verify",
    }
)  # fmt: skip
# What all credentials have beside their values.
CREDENTIALS = frozenset({"fingerprint", "given", "mask", "missing", "secrets"})
# What `sign()` speaks of beside its steps.
SIGN = frozenset({"add", "credentials", "request", "sign", "str"})
# What the printed function that verifies webhooks speaks of beside its steps.
VERIFY = frozenset({"fields", "headers", "body", "parse", "sign", "str", "webhook"})

MODULES = frozenset({"auth", "client", "types"})


def wire_name(name: str, case: str) -> str:
    words = name.split("_")
    match case:
        case "camel":
            return words[0] + "".join(word.capitalize() for word in words[1:])
        case "pascal":
            return "".join(word.capitalize() for word in words)
        case "upper":
            return name.upper()
        case _:
            return name


def member_name(value: str) -> str | None:
    """The name of an enum value that was given without one: `buy-limit` is BUY_LIMIT. None where it has none."""
    name = "".join(character if character.isalnum() else "_" for character in value).strip("_").upper()
    return name if name.isascii() and name.isidentifier() else None


def refused(name: str) -> str | None:
    """Why Python cannot have this name for an argument, or None where it can."""
    if keyword.iskeyword(name):
        return f"'{name}' is a word of Python's; choose a name that says what it means, and say wire: {name}"
    if name == "self":
        return "'self' is the client's own name; choose another, and say wire: self"
    return None


def refused_field(name: str) -> str | None:
    """Why a model cannot have a field of this name."""
    if name in SPOKEN:
        return f"'{name}' would hide a name that the class needs; choose another, and say wire: {name}"
    return refused(name)


def refused_method(name: str) -> str | None:
    """Why a group cannot have an operation of this name."""
    if keyword.iskeyword(name):
        return f"'{name}' is a word of Python's; choose another name"
    if name in SPOKEN:
        return f"'{name}' would hide Python's own {name} in the class; choose another name"
    return None


def refused_type(name: str) -> str | None:
    """Why a class cannot have this name."""
    if name in PRINTED or name in vars(builtins):
        return f"'{name}' is taken by Python or by the printed code; choose another name"
    return None


def refused_group(name: str) -> str | None:
    """Why a client cannot have a group of this name."""
    if name in MODULES or name in CLIENT:
        return f"a group cannot be called '{name}': the client has something of that name"
    if (made := class_name(name)) in PRINTED or f"Async{made}" in PRINTED or made in vars(builtins):
        return f"a group cannot be called '{name}': '{made}' is taken by Python or by the printed code"
    return None


def class_name(title: str) -> str:
    """`order_book` and `order book` are OrderBook."""
    words = "".join(character if character.isalnum() else " " for character in title).split()
    return "".join(word[0].upper() + word[1:] for word in words)
