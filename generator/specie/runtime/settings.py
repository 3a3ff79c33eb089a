"""What the calls of one client have in common: exchange, account, servers, clock, nonces, patience."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import NamedTuple

from .basics import Timeout
from .errors import InvalidValue
from .nonce import NonceSource
from .operation import Exchange
from .retry import Retries
from .signing import BaseCredentials

__all__ = ["Settings"]


class Settings:
    """What a client's calls have in common. A client and those made by its `with_options` share all but the settings
    of time.
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
        self.owner: object = self  # captures belong to the client that was made first, whatever options its copies have

    def changed(self, *, timeout: Timeout | float | None, retries: Retries | int | None) -> Settings:
        """A copy with other patience."""
        other = copy(self)
        other.timeout = self.timeout if timeout is None else Timeout.of(timeout)
        other.retries = self.retries if retries is None else Retries.of(retries)
        return other


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
    return _Server(f"{scheme}://{host}", f"/{path}".rstrip("/"))
