"""The runtime: what every generated client stands on. It knows no exchange.

Light to import: `requests`, `aiohttp`, `msgspec`, `attrs`, and what only some programs use, are imported when they are
first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .basics import Headers, Timeout
from .budgets import Budgets, MemoryBudgets, shared_budgets
from .capture import Reply
from .client import AsyncClient, AsyncGroup, Client, Group
from .clock import Clock, ServerClock
from .credentials import BaseCredentials, credential, optional_credential
from .errors import (
    ApiError,
    ArgumentError,
    AuthenticationFailed,
    BookInvalid,
    ClientClosed,
    ClockSkew,
    InsufficientFunds,
    InvalidNonce,
    InvalidOrder,
    InvalidRequest,
    InvalidResponse,
    InvalidSignature,
    InvalidSymbol,
    InvalidType,
    InvalidValue,
    InvalidWebhook,
    LimitReached,
    MissingCredentials,
    NoReply,
    NotFound,
    NotSent,
    OrderNotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    ServerError,
    SlowConsumer,
    SpecieError,
    StreamClosed,
    StreamEnded,
    StreamError,
    StreamRefused,
    SubscriptionRejected,
    TransportError,
    WebhookSignatureMismatch,
)
from .hooks import Drift, Hooks, Replied, Retrying, Sending
from .limit import Limit
from .meter import Headroom, Policy
from .models import Model, model, wire
from .nonce import Nonces, NonceSource
from .operation import Auth, Envelope, ErrorMap, Exchange, Operation, Pages, Parameter, body, form, header, path, query
from .options import ClientOptions
from .outcomes import (
    Cancelled,
    Filled,
    NotCancelled,
    NotPlaced,
    NotTransferred,
    Placed,
    StillUnknown,
    Transferred,
)
from .retry import Retries
from .scalars import (
    NOW,
    Amount,
    ExactSeconds,
    Id,
    IsoTime,
    Millis,
    OpenIntEnum,
    OpenStrEnum,
    Seconds,
    Secret,
    Signer,
    Time,
    utc_exact,
    utc_iso,
    utc_millis,
    utc_seconds,
)
from .shapes import Keyed, keyed
from .signing import Additions, Unsigned
from .trust import Trusted

if TYPE_CHECKING:
    from .conditions import ABSENT, PRESENT
    from .file_budgets import FileBudgets
    from .file_nonces import FileNonces
    from .reconcile import Look, Reconciliation, StateLook, Trace
    from .redis_budgets import RedisBudgets
    from .redis_nonces import RedisNonces
    from .streams.definitions import Connection, Feed, ReplyRule, parameter
    from .streams.events import (
        Connected,
        Dropped,
        MalformedMessage,
        Reconnecting,
        Resynced,
        ResyncFailed,
        Stale,
        StreamEvent,
        Subscribed,
        UnknownMessage,
    )
    from .streams.group import AsyncStreamGroup, StreamGroup
    from .streams.levels import Level
    from .streams.local_book import AsyncLocalBook, LocalBook
    from .streams.options import StreamOptions
    from .streams.replay import Replay, ReplayMismatch
    from .streams.stream import AsyncStream, Stream
    from .streams.upkeep import BookRule, CancelledRule, ClosedRule, KnownRule, PlacedRule, Resync, SnapshotRule
    from .streams.view import BookView
    from .trading_rules import Bounds, Change, Figure, PairRules, SizedOrder, TradingRules
    from .webhooks import WebhookHeaders, Webhooks

__all__ = [
    "ABSENT",
    "NOW",
    "PRESENT",
    "Additions",
    "Amount",
    "ApiError",
    "ArgumentError",
    "AsyncClient",
    "AsyncGroup",
    "AsyncLocalBook",
    "AsyncStream",
    "AsyncStreamGroup",
    "Auth",
    "AuthenticationFailed",
    "BaseCredentials",
    "BookInvalid",
    "BookRule",
    "BookView",
    "Bounds",
    "Budgets",
    "Cancelled",
    "CancelledRule",
    "Change",
    "Client",
    "ClientClosed",
    "ClientOptions",
    "Clock",
    "ClockSkew",
    "ClosedRule",
    "Connected",
    "Connection",
    "Drift",
    "Dropped",
    "Envelope",
    "ErrorMap",
    "ExactSeconds",
    "Exchange",
    "Feed",
    "Figure",
    "FileBudgets",
    "FileNonces",
    "Filled",
    "Group",
    "Headers",
    "Headroom",
    "Hooks",
    "Id",
    "InsufficientFunds",
    "InvalidNonce",
    "InvalidOrder",
    "InvalidRequest",
    "InvalidResponse",
    "InvalidSignature",
    "InvalidSymbol",
    "InvalidType",
    "InvalidValue",
    "InvalidWebhook",
    "IsoTime",
    "Keyed",
    "KnownRule",
    "Level",
    "Limit",
    "LimitReached",
    "LocalBook",
    "Look",
    "MalformedMessage",
    "MemoryBudgets",
    "Millis",
    "MissingCredentials",
    "Model",
    "NoReply",
    "NonceSource",
    "Nonces",
    "NotCancelled",
    "NotFound",
    "NotPlaced",
    "NotSent",
    "NotTransferred",
    "OpenIntEnum",
    "OpenStrEnum",
    "Operation",
    "OrderNotFound",
    "OutcomeUnknown",
    "Pages",
    "PairRules",
    "Parameter",
    "PermissionDenied",
    "Placed",
    "PlacedRule",
    "Policy",
    "RateLimited",
    "Reconciliation",
    "Reconnecting",
    "RedisBudgets",
    "RedisNonces",
    "Replay",
    "ReplayMismatch",
    "Replied",
    "Reply",
    "ReplyRule",
    "RequestTimeout",
    "Resync",
    "ResyncFailed",
    "Resynced",
    "Retries",
    "Retrying",
    "Seconds",
    "Secret",
    "Sending",
    "ServerClock",
    "ServerError",
    "Signer",
    "SizedOrder",
    "SlowConsumer",
    "SnapshotRule",
    "SpecieError",
    "Stale",
    "StateLook",
    "StillUnknown",
    "Stream",
    "StreamClosed",
    "StreamEnded",
    "StreamError",
    "StreamEvent",
    "StreamGroup",
    "StreamOptions",
    "StreamRefused",
    "Subscribed",
    "SubscriptionRejected",
    "Time",
    "Timeout",
    "Trace",
    "TradingRules",
    "Transferred",
    "TransportError",
    "Trusted",
    "UnknownMessage",
    "Unsigned",
    "WebhookHeaders",
    "WebhookSignatureMismatch",
    "Webhooks",
    "body",
    "credential",
    "form",
    "header",
    "keyed",
    "model",
    "optional_credential",
    "parameter",
    "path",
    "query",
    "shared_budgets",
    "utc_exact",
    "utc_iso",
    "utc_millis",
    "utc_seconds",
    "wire",
]

_LATER = {
    "FileBudgets": ".file_budgets",
    "FileNonces": ".file_nonces",
    "RedisBudgets": ".redis_budgets",
    "RedisNonces": ".redis_nonces",
    "ABSENT": ".conditions",
    "PRESENT": ".conditions",
    "Connection": ".streams.definitions",
    "Feed": ".streams.definitions",
    "ReplyRule": ".streams.definitions",
    "parameter": ".streams.definitions",
    "Connected": ".streams.events",
    "Dropped": ".streams.events",
    "MalformedMessage": ".streams.events",
    "Reconnecting": ".streams.events",
    "ResyncFailed": ".streams.events",
    "Resynced": ".streams.events",
    "Stale": ".streams.events",
    "StreamEvent": ".streams.events",
    "Subscribed": ".streams.events",
    "UnknownMessage": ".streams.events",
    "AsyncStreamGroup": ".streams.group",
    "StreamGroup": ".streams.group",
    "Level": ".streams.levels",
    "AsyncLocalBook": ".streams.local_book",
    "LocalBook": ".streams.local_book",
    "StreamOptions": ".streams.options",
    "Replay": ".streams.replay",
    "ReplayMismatch": ".streams.replay",
    "AsyncStream": ".streams.stream",
    "Stream": ".streams.stream",
    "BookView": ".streams.view",
    "BookRule": ".streams.upkeep",
    "CancelledRule": ".streams.upkeep",
    "ClosedRule": ".streams.upkeep",
    "KnownRule": ".streams.upkeep",
    "PlacedRule": ".streams.upkeep",
    "Resync": ".streams.upkeep",
    "SnapshotRule": ".streams.upkeep",
    "Look": ".reconcile",
    "Reconciliation": ".reconcile",
    "StateLook": ".reconcile",
    "Trace": ".reconcile",
    "Bounds": ".trading_rules",
    "Change": ".trading_rules",
    "Figure": ".trading_rules",
    "PairRules": ".trading_rules",
    "SizedOrder": ".trading_rules",
    "TradingRules": ".trading_rules",
    "WebhookHeaders": ".webhooks",
    "Webhooks": ".webhooks",
}


def __getattr__(name: str) -> Any:
    """What only some programs need is imported when it is first asked for."""
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(module, __name__), name)
    return value
