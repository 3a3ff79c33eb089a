"""Calls made for the sake of a cassette: each operation once, with arguments from the examples of its spec.

Of a real account nothing may show. So every call is made twice at one frozen moment: by a client with the credentials
of the sandbox, which sends nothing, and by the real one. What the first would have sent is what is written, with the
reply to the second: the cassette can be replayed by anybody, and no key and no signature was ever in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from specie.compiler.diagnostics import suggest
from specie.compiler.model import Exchange, Operation
from specie.runtime import Nonces, SpecieError
from specie.sandbox import Sandbox, demo_credentials

from .arguments import NOW_MS, Dry, SentDry, arguments, call, client_class
from .label import DOCUMENTED, LIVE, SANDBOX, Label, Provenance, example_provenance, label
from .scrub import scrubbed
from .tape import CassetteError, recording, replaying

_MADE_OF_EXAMPLES = (DOCUMENTED, "assumed")


class RecordingRefused(Exception):
    """What was asked for is not recorded; the message says why."""


@attrs.frozen
class Recorded:
    """What became of one operation: `new`, `changed`, `unchanged`, or why there is no cassette."""

    operation: str
    path: Path
    outcome: str = ""
    failure: str = ""
    provenance: Provenance = DOCUMENTED


@attrs.frozen(kw_only=True)
class Live:
    """How the exchange itself is recorded.

    Args:
        base_url: Base URLs by server, in place of the exchange's own. What comes from there is not labelled live.
        allow_trading: Also operations that change something, if they are named.
        balances: Take out what the account holds.
        environment: Where keys are read; this process's unless given.
    """

    base_url: Mapping[str, str] = attrs.field(factory=dict[str, str])
    allow_trading: bool = False
    balances: bool = False
    environment: Mapping[str, str] = attrs.field(factory=lambda: os.environ)


def chosen(exchange: Exchange, names: Sequence[str], *, reads_only: bool = False) -> list[Operation]:
    """The operations of some names: `orders.create`, or `orders` for all of the group; all, if none is given.

    With `reads_only`, those that change something are left out, unless they are named in full.
    """
    known = {one.id: one for one in exchange.operations}
    found: dict[str, Operation] = {}
    for name in names or [group.name for group in exchange.groups if group.operations]:
        group = [one for one in exchange.operations if one.group == name]
        if name in known:
            found[name] = known[name]
        elif group:
            found |= {one.id: one for one in group if one.effect == "read" or not reads_only}
        else:
            groups = [one.name for one in exchange.groups]
            raise RecordingRefused(f"{exchange.name} has no operation '{name}'{suggest(name, [*known, *groups])}")
    return list(found.values())


def cassette_path(out: Path, exchange: Exchange, operation: Operation, provenance: Provenance) -> Path:
    """Where a cassette lies: what is no documented example says so in its name, and never takes the place of one."""
    source = "" if provenance in _MADE_OF_EXAMPLES else f".{provenance}"
    return out / exchange.name / operation.group / f"{operation.name}{source}.yaml"


def source_of(exchange: Exchange, base_url: Mapping[str, str]) -> Provenance:
    """`live`, if every address is the exchange's own and TLS proves it; else somebody played the exchange."""
    own = {one.name: one.url for one in exchange.servers}
    asked = {**own, **base_url}
    proven = all(urlsplit(url).scheme == "https" for url in asked.values() if not url.startswith("ws"))
    return LIVE if asked == own and proven else SANDBOX


def record(
    exchange: Exchange,
    operations: Sequence[str] = (),
    *,
    out: Path,
    live: Live | None = None,
    said: Mapping[str, Any] | None = None,
    package: str = "specie",
    today: date | None = None,
) -> Iterator[Recorded]:
    """Record operations one by one, and say of each what became of it; nothing is written of one that failed.

    Args:
        exchange: The exchange.
        operations: Names of operations or groups; all, unless given.
        out: The folder of the cassettes.
        live: Call the exchange itself. Otherwise the sandbox serves the documented examples.
        said: Arguments in place of those of the examples, by names.
        package: Where the generated client is.
        today: The date of the label.

    Raises:
        RecordingRefused: Before any call.
    """
    wanted = chosen(exchange, operations, reads_only=live is not None)
    _refuse(exchange, wanted, live, said or {})
    return _recorded(exchange, wanted, out, live, said or {}, package, today)


def _refuse(exchange: Exchange, wanted: Iterable[Operation], live: Live | None, said: Mapping[str, Any]) -> None:
    operations = list(wanted)
    for name in said:
        known = [value.name for one in operations for value in one.parameters if value.argument]
        if name not in known:
            raise RecordingRefused(f"no operation that is recorded takes '{name}'{suggest(name, known)}")
    if live is None:
        return
    changing = [f"{one.id} ({one.effect})" for one in operations if one.effect != "read"]
    if changing and not live.allow_trading:
        raise RecordingRefused(
            f"{', '.join(changing)}: {'this changes' if len(changing) == 1 else 'these change'} the account; "
            "say --allow-trading if that is meant"
        )
    unknown = [name for name in live.base_url if name not in [one.name for one in exchange.servers]]
    if unknown:
        raise RecordingRefused(f"{exchange.name} has no server '{unknown[0]}'")
    given = _credentials(exchange, live)
    lacking = [
        _variable(exchange, one.name)
        for one in (exchange.auth.credentials if exchange.auth else ())
        if one.required and one.name not in given
    ]
    if lacking and any(one.auth for one in operations):
        signed = next(one.id for one in operations if one.auth)
        raise RecordingRefused(f"{signed} is signed; set {' and '.join(lacking)}")


def _variable(exchange: Exchange, credential: str) -> str:
    return f"{exchange.environment}_{credential.upper()}"


def _credentials(exchange: Exchange, live: Live) -> dict[str, str]:
    """Those that the environment has."""
    names = [one.name for one in exchange.auth.credentials] if exchange.auth else []
    found = {name: live.environment.get(_variable(exchange, name), "").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def _recorded(
    exchange: Exchange,
    operations: Iterable[Operation],
    out: Path,
    live: Live | None,
    said: Mapping[str, Any],
    package: str,
    today: date | None,
) -> Iterator[Recorded]:
    rising = _Rising()
    for operation in operations:
        provenance = example_provenance(exchange, operation) if live is None else source_of(exchange, live.base_url)
        path = cassette_path(out, exchange, operation, provenance)
        own = {value.name: said[value.name] for value in operation.parameters if value.name in said}
        now_ms = NOW_MS if live is None else rising()
        clock_ms = None if live is None else now_ms
        head = label(exchange, operation, provenance, clock_ms=clock_ms, arguments=own, today=today)
        # A sandbox for each: it remembers the nonces that it saw.
        with _source(exchange, live) as (origins, credentials):
            scrub = partial(
                scrubbed,
                exchange=exchange,
                operation=operation,
                secrets=credentials,
                demo=demo_credentials(exchange),
                balances=live is not None and live.balances,
            )
            try:
                given = arguments(exchange, operation, said=own, package=package)
                with recording(path, exchange, head, origins) as take:
                    take.request = _twin(exchange, operation, given, credentials, now_ms, package)
                    take.scrub = None if live is None else scrub
                    _really(exchange, operation, given, credentials, origins, now_ms, package)
            except (SpecieError, CassetteError, ValueError) as error:
                # What an exchange says in a refusal may hold what it was sent.
                failure = f"{type(error).__name__}: {error if live is None else scrub(str(error))}"
                yield Recorded(operation.id, path, failure=failure, provenance=provenance)
            else:
                yield Recorded(operation.id, path, take.outcome, provenance=provenance)


@contextmanager
def _source(exchange: Exchange, live: Live | None) -> Generator[tuple[Mapping[str, str], dict[str, str]]]:
    """Addresses and credentials of who is called."""
    if live is not None:
        yield live.base_url, _credentials(exchange, live)
        return
    with Sandbox(exchange.name, models=[exchange], examples=True, limits=False, clock=lambda: NOW_MS) as sandbox:
        options = sandbox.client_options
        yield options.pop("base_url"), options


class _Rising:
    """Each moment later than the last: each is the nonce of a cassette's call."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(time.time_ns() // 1_000_000, self._last + 1)
        return self._last


def _twin(
    exchange: Exchange,
    operation: Operation,
    given: Mapping[str, Any],
    credentials: Mapping[str, str],
    now_ms: int,
    package: str,
) -> Any:
    """What a client with demo credentials would send."""
    # What a real account does without, the demo account does without.
    demo = {name: value for name, value in demo_credentials(exchange).items() if name in credentials}
    with Dry() as dry, dry.client(exchange, demo, now_ms, package) as client:
        with suppress(SentDry):
            call(client, operation, given)
        sent = dry.request
    return import_module("vcr.request").Request(sent.method, sent.url, sent.body, dict(sent.headers))


def _really(
    exchange: Exchange,
    operation: Operation,
    given: Mapping[str, Any],
    credentials: Mapping[str, str],
    base_url: Mapping[str, str],
    now_ms: int,
    package: str,
) -> None:
    cls = client_class(exchange, package=package)
    # Tried once: a second attempt would be another request, of which a cassette knows nothing.
    options: dict[str, Any] = {"clock": lambda: now_ms, "nonces": Nonces(), "retries": 0, "limits": "ignore"}
    options["base_url"] = dict(base_url)
    with cls(**credentials, **options) as client:
        call(client, operation, given)


def replay(path: Path, exchange: Exchange, head: Label, *, package: str = "specie") -> Any:
    """Make the one call of a cassette that `record` made, answered by it, and give the result."""
    operation = next(one for one in exchange.operations if f"{exchange.name}.{one.id}" == head.of)
    now_ms = NOW_MS if head.clock_ms is None else head.clock_ms
    given = arguments(exchange, operation, said=head.arguments, package=package)
    demo = demo_credentials(exchange) if operation.auth else {}
    cls = client_class(exchange, package=package)
    with (
        replaying(path, exchange),
        cls(**demo, clock=lambda: now_ms, nonces=Nonces(), retries=0, limits="ignore") as client,
    ):
        return call(client, operation, given)
