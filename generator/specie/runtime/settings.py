"""What the calls of one client have in common: exchange, account, servers, clock, nonces, limits, patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, get_args

from .basics import Timeout
from .budgets import shared_budgets
from .clock import shared_clock, system_clock
from .credentials import BaseCredentials
from .errors import InvalidValue
from .hooks import Hooks
from .meter import Headroom, Meter, Policy
from .nonce import NonceSource, shared_nonces
from .operation import Exchange
from .options import ClientOptions, refuse_unknown, refuse_unusable, retries_of, timeout_of
from .retry import Retries
from .trust import trusting
from .watch import Watch

if TYPE_CHECKING:
    from ssl import SSLContext

    from .receipts import Memory

__all__ = ["Settings", "connections_of", "policy_of", "settings_of"]


class Settings:
    """What a client's calls have in common. A client and those made by its `with_options` share all but what was
    changed.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: BaseCredentials | None,
        servers: Mapping[str, str],
        *,
        clock: Callable[[], int],
        nonces: NonceSource,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        timeout: Timeout,
        retries: Retries,
        meter: Meter | None = None,
        hooks: Hooks | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self.exchange = exchange
        self.credentials = credentials
        self.servers = {name: _server(url) for name, url in servers.items()}
        self.clock = clock
        self.nonces = nonces
        self.monotonic = monotonic
        self.random = random
        self.timeout = timeout
        self.retries = retries
        self.meter = meter or Meter(exchange, self.servers, shared_budgets(), "ignore", monotonic)
        self.watch = Watch(exchange.name, hooks, _nothing_masked if credentials is None else credentials.mask)
        self.tls = tls
        # Captures and receipts belong to the client that was made first, whatever options its copies have.
        self.owner: Settings = self
        self.memory: Memory | None = None  # of an owner, once there is something to remember

    def changed(
        self,
        *,
        timeout: Timeout | float | None = None,
        retries: Retries | int | None = None,
        limits: Policy | None = None,
        hooks: Hooks | None = None,
    ) -> Settings:
        """A copy that differs in what is given."""
        other = copy(self)
        refuse_unusable({"hooks": hooks})
        other.timeout = self.timeout if timeout is None else timeout_of(timeout)
        other.retries = self.retries if retries is None else retries_of(retries)
        other.meter = self.meter if limits is None else self.meter.with_policy(policy_of(limits))
        other.watch = self.watch if hooks is None else self.watch.with_hooks(hooks)
        return other

    def headroom(self) -> list[Headroom]:
        """What is used of the limits, those of the account too if there is one."""
        credentials = self.credentials
        return self.meter.headroom("" if credentials is None or credentials.missing() else credentials.fingerprint())


def _random() -> float:
    from random import random

    return random()  # noqa: S311 - spreads pauses; nothing secret hangs on it


def _nothing_masked(text: str) -> str:
    return text


def policy_of(given: Policy) -> Policy:
    """What becomes of a call that finds no room under the limits.

    Raises:
        InvalidValue: It is none of the three.
    """
    if given not in get_args(Policy):
        raise InvalidValue(f"limits must be 'wait', 'raise' or 'ignore', not {given!r}", parameter="limits")
    return given


class _Server(NamedTuple):
    origin: str  # https://host:port
    path: str  # the server's own path, without a slash at its end


def _server(url: str) -> _Server:
    scheme, separator, rest = url.partition("://")
    if (
        not separator
        or scheme not in ("http", "https", "ws", "wss")
        or not rest
        or any(character in rest for character in "?# \t\r\n@")
    ):
        raise InvalidValue(f"{url!r} is not a base URL such as https://api.example.com/v1", parameter="base_url")
    host, _, path = rest.partition("/")
    if not _is_host(host) or not path.isascii():
        raise InvalidValue(
            f"{url!r} is not a base URL: {host!r} is no host with an optional port, or the path is not ASCII (write "
            "other characters as %XX, and names of hosts as xn--…)",
            parameter="base_url",
        )
    return _Server(f"{scheme}://{host}", f"/{path}".rstrip("/"))


def _is_host(text: str) -> bool:
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        name, port = text, "443"
    labels = name.rstrip(".").split(".")
    return (
        name.isascii()
        and all(0 < len(label) < 64 or "[" in name for label in labels)
        and port.isdecimal()
        and int(port[:6]) < 65536
    )


def settings_of(
    client: type, exchange: Exchange, credentials: BaseCredentials | None, options: ClientOptions, session: object
) -> Settings:
    """The settings that a client is made with.

    Raises:
        TypeError: There is no such option.
        ArgumentError: One cannot be what it is.
    """
    refuse_unknown(client, options)
    refuse_unusable(options)
    for name in ("connections", "verify"):
        if session is not None and options.get(name) is not None:
            raise InvalidValue(f"{name}: a session that is passed in has its own; set it there", parameter=name)
    servers = dict(exchange.servers)
    base_url = options.get("base_url")
    for name, url in ({"rest": base_url} if isinstance(base_url, str) else base_url or {}).items():
        if name not in servers:
            raise InvalidValue(
                f"base_url: {exchange.title} has no server {name!r}; it has {', '.join(servers)}", parameter="base_url"
            )
        servers[name] = url
    clock = options.get("clock")
    settings = Settings(
        exchange,
        credentials,
        servers,
        clock=clock or system_clock,
        nonces=options.get("nonces") or shared_nonces(),
        monotonic=time.monotonic,
        random=_random,
        timeout=timeout_of(options.get("timeout")),
        retries=retries_of(options.get("retries")),
        hooks=options.get("hooks"),
        tls=trusting(options.get("verify")),
    )
    if clock is None:
        first = settings.servers.get("rest") or next(iter(settings.servers.values()))
        settings.clock = shared_clock(exchange.name, first.origin)
    policy, budgets = options.get("limits"), options.get("budgets")
    settings.meter = Meter(
        exchange,
        settings.servers,
        shared_budgets() if budgets is None else budgets,
        policy_of("wait" if policy is None else policy),
        settings.monotonic,
    )
    return settings


def connections_of(options: ClientOptions) -> int:
    """How many connections there may be."""
    given = options.get("connections")
    return 100 if given is None else given
