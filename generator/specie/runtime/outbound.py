"""The way out: a request is drafted as of now, gets its nonce, is signed, and is not touched any more.

The bytes that are signed are the bytes that are sent. A nonce is drawn last of all that may have to be waited for, so
that it is fresh when it is used. Where a key lies in a store or an HSM, or nonces in a file, reading them may take its
time, and is asked of the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NamedTuple, TypeVar

from .clock import ServerClock, offset_of
from .credentials import BaseCredentials
from .errors import InvalidValue, MissingCredentials, NotSent, SpecieError
from .job import Job
from .operation import Auth
from .plan import Draft, is_header_value
from .settings import Settings
from .signing import Additions, Unsigned
from .steps import Blocking, Request, Step

__all__ = ["Outgoing", "credentials_of", "outgoing", "quickly", "slowly", "unsent"]

T = TypeVar("T")


class Outgoing(NamedTuple):
    """A request that is ready.

    Attributes:
        request: To the byte.
        origin: Scheme, host and port.
        path: Without the query.
        now_ms: The client's clock when it was drafted.
        offset_ms: What it was ahead of this machine's then.
    """

    request: Request
    origin: str
    path: str
    now_ms: int
    offset_ms: int

    def uncertainty_ms(self, clock: Callable[[], int]) -> int | None:
        """How far `now_ms` may be from the exchange's time, as far as the clock knows by now; `None` if it knows
        nothing.
        """
        known = clock.uncertainty_ms if isinstance(clock, ServerClock) else None
        return None if known is None else known + abs(offset_of(clock) - self.offset_ms)


def credentials_of(settings: Settings, name: str) -> BaseCredentials:
    """The credentials with which a call is signed.

    Raises:
        MissingCredentials: One is missing.
        InvalidValue: The exchange signs nothing.
    """
    exchange, credentials = settings.exchange, settings.credentials
    if exchange.auth is None:
        raise InvalidValue(f"{name}: {exchange.title} signs nothing", operation=name, parameter="auth")
    missing = credentials.missing() if credentials is not None else ("credentials",)
    if credentials is None or missing:
        names, variables = ", ".join(missing), ", ".join(map(exchange.variable, missing))
        raise MissingCredentials(
            f"{name} is signed, and {names} was not given; pass it to the client, or set {variables} and use "
            "from_env()",
            operation=name,
            missing=missing,
        )
    return credentials


def quickly(job: Job, call: Callable[[], T], what: str) -> T:
    """Do what may fail for reasons of its own; a failure means that nothing was sent.

    Args:
        job: The call that needs it.
        call: What is done.
        what: What is to be said if it fails.

    Raises:
        NotSent: It failed.
    """
    try:
        return call()
    except SpecieError:
        raise
    except Exception as error:
        failed = unsent(job, what, error)
    raise failed from failed.__cause__


def slowly(job: Job, call: Callable[[], T], what: str) -> Generator[Step, Any, T]:
    """The same for what may take its time."""
    try:
        value: T = yield Blocking(call)
        return value
    except SpecieError:
        raise
    except Exception as error:
        failed = unsent(job, what, error)
    raise failed from failed.__cause__


def unsent(job: Job, what: str, error: Exception) -> NotSent:
    """What a call ends in that lacks something on this machine; the error itself goes along unless it shows a secret.

    Args:
        job: The call.
        what: What is to be said.
        error: Why.
    """
    shown = repr(error)
    ended = NotSent(f"{job.name}: nothing was sent: {what} ({type(error).__name__})", operation=job.name)
    ended.__cause__ = error if job.masked(shown) == shown else None
    return ended


def outgoing(job: Job, credentials: BaseCredentials | None, scope: str) -> Generator[Step, Any, Outgoing]:
    """The request of a call as of now.

    Args:
        job: The call.
        credentials: Those of a call that is signed.
        scope: Whose nonces are drawn.

    Raises:
        NotSent: A nonce or a signature could not be had.
        ArgumentError: An argument cannot be sent as it is.
    """
    settings = job.settings
    exchange = settings.exchange
    server = settings.servers.get(job.server)
    if server is None:
        raise InvalidValue(f"{job.name}: there is no server {job.server!r}", operation=job.name, parameter="server")
    offset_ms, now_ms = offset_of(settings.clock), settings.clock()
    draft = job.draft(now_ms)
    path = server.path + draft.path
    headers = {"Accept": "application/json", "User-Agent": "specie", **draft.headers}
    unsigned = Unsigned(method=draft.method, path=path, fields=draft.fields, now_ms=now_ms)
    auth = exchange.auth if credentials is not None else None
    if auth is not None and auth.nonce:
        nonces = settings.nonces
        draw = partial(nonces.next, scope, now_ms)
        what = "no nonce could be had"
        unsigned.nonce = (yield from slowly(job, draw, what)) if nonces.blocking else quickly(job, draw, what)
    if auth is None or credentials is None:
        signed = _signed(None, None, draft, unsigned, headers, exchange.sort_query)
    elif credentials.blocking:
        sign = partial(_signed, auth, credentials, draft, unsigned, headers, exchange.sort_query)
        signed = yield from slowly(job, sign, "no signature could be had")
    else:
        signed = _signed(auth, credentials, draft, unsigned, headers, exchange.sort_query)
    if not is_header_value("".join(headers.values())):
        name = next(name for name, value in headers.items() if not is_header_value(value))
        raise InvalidValue(
            f"{job.name}: the header {name} would hold a line break or a character beyond Latin-1",
            operation=job.name,
        )
    query, body = signed
    url = f"{server.origin}{path}?{query}" if query else f"{server.origin}{path}"
    return Outgoing(Request(draft.method, url, headers, body), server.origin, path, now_ms, offset_ms)


def _signed(
    auth: Auth | None,
    credentials: BaseCredentials | None,
    draft: Draft,
    unsigned: Unsigned,
    headers: dict[str, str],
    sort_query: bool,
) -> tuple[str, bytes | None]:
    """The query and the body as they are sent; the headers of signing are put among the others."""
    if auth is not None and auth.add is not None:
        _add(draft, auth.add(credentials, unsigned), headers)
    unsigned.query = draft.query_text(sort_query)
    unsigned.body = draft.body_text()
    body = unsigned.body.encode() if unsigned.body else None
    content_type = draft.content_type()
    if body is not None and content_type is not None:
        headers["Content-Type"] = content_type
    if auth is not None:
        for name, value in auth.sign(credentials, unsigned).items():
            if value is not None:
                headers[name] = str(value)
    return unsigned.query, body


def _add(draft: Draft, additions: Additions, headers: dict[str, str]) -> None:
    for name, value in additions.query.items():
        if value is not None:
            draft.add_query(name, str(value))
    for name, value in additions.form.items():
        if value is not None:
            draft.fields.append((name, str(value)))
    for name, value in additions.body.items():
        if value is not None:
            draft.add_body(name, value)
    for name, value in additions.headers.items():
        if value is not None:
            headers[name] = str(value)
