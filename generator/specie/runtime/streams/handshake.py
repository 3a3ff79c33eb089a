"""The signature of a handshake, made anew for each: the request that opens a connection is signed as any GET is."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from ..errors import InvalidValue, NotSent, SpecieError
from ..outbound import credentials_of
from ..plan import encode, is_header_value
from ..settings import Settings
from ..signing import Unsigned
from .definitions import Connection

__all__ = ["Signed", "address_under", "sign"]


class Signed(NamedTuple):
    """What signing gave.

    Attributes:
        headers: To be sent.
        query: To be sent, with what signing added.
    """

    headers: dict[str, str]
    query: str


def address_under(settings: Settings, connection: Connection, path: str, query: str) -> str:
    """The URL of a path under the connection's server.

    Raises:
        InvalidValue: There is no such server.
    """
    server = settings.servers.get(connection.server)
    if server is None:
        raise InvalidValue(f"{connection.name}: there is no server {connection.server!r}", parameter="base_url")
    url = f"{server.origin}{server.path}{path}"
    if not server.path and not path:
        url += "/"
    return f"{url}?{query}" if query else url


async def sign(settings: Settings, connection: Connection, path: str, query: str) -> Signed:
    """Sign a handshake as of now, with a nonce from where the calls of the client have theirs.

    Raises:
        MissingCredentials: A credential is missing.
        NotSent: A nonce or a signature could not be had.
    """
    name = connection.name
    credentials = credentials_of(settings, name)
    auth = settings.exchange.auth
    server = settings.servers[connection.server]
    assert auth is not None  # noqa: S101 - credentials_of refuses an exchange that signs nothing

    def make() -> Signed:
        unsigned = Unsigned(method="GET", path=server.path + path, query=query, now_ms=settings.clock())
        headers: dict[str, str] = {}
        if auth.nonce:
            scope = f"{settings.exchange.name}:{credentials.fingerprint()}"
            unsigned.nonce = settings.nonces.next(scope, unsigned.now_ms)
        if auth.add is not None:
            added = auth.add(credentials, unsigned)
            pairs = [f"{encode(key)}={encode(str(value))}" for key, value in added.query.items() if value is not None]
            unsigned.query = "&".join([*([query] if query else []), *pairs])
            headers.update((key, str(value)) for key, value in added.headers.items() if value is not None)
        signature = auth.sign(credentials, unsigned)
        headers.update((key, str(value)) for key, value in signature.items() if value is not None)
        return Signed(headers, unsigned.query)

    try:
        # A nonce may lie in a file, a key in an HSM: heartbeats do not wait for them.
        slow = credentials.blocking or settings.nonces.blocking
        signed = await asyncio.to_thread(make) if slow else make()
    except SpecieError:
        raise
    except Exception as error:
        kind = type(error).__name__
    else:
        if not all(map(is_header_value, signed.headers.values())):
            raise InvalidValue(f"{name}: a header would hold a line break or a character beyond Latin-1")
        return signed
    raise NotSent(f"{name}: nothing was sent: no signature could be had ({kind})", operation=name)
