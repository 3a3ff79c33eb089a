"""Every cassette: what its replies mean, that replay is strict about its requests, and that it holds no secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from support.calls import BODIES, arguments, call, connected, operations
from support.hidden import shapes
from support.meaning import (
    AMOUNTS,
    CROSSED,
    DATED,
    UNACCOUNTED,
    UNBALANCED,
    anywhere,
    crossed,
    lost_digits,
    unbalanced,
    unknown_members,
    wrong_times,
)
from support.mutations import mutations
from support.replay import CASSETTES, NOW_MS, ROOT, client_of, exchanges, known_refusals, options, trading_day_path
from support.replies import Site, parsed, sites
from support.stubs import Answer, Wire
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request

from specie.cassettes import Label, load, replaying, tape
from specie.cassettes.arguments import typed
from specie.cassettes.label import ASSUMED, DOCUMENTED, LIVE, SANDBOX
from specie.cassettes.recorder import replay
from specie.cassettes.tape import CassetteError, kept_headers, read
from specie.compiler.model import Exchange, Operation
from specie.runtime import ApiError, ArgumentError
from specie.sandbox import Received, demo_credentials
from specie.sandbox.demo import demo_keys
from specie.sandbox.parameters import Parameters
from specie.sandbox.routes import Routes
from specie.sandbox.signatures import Signatures

PATHS = sorted(path for path in CASSETTES.rglob("*.yaml") if path.parent.name not in ("streams", "webhooks"))
"""Those of calls; tests/test_transcripts.py looks at the others."""
every_cassette = pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: path.relative_to(CASSETTES).with_suffix("").as_posix()
)
SCORE = "mutations of recorded requests"


@attrs.frozen
class Interaction:
    """One recorded call, and what its reply is to the client."""

    operation: Operation
    received: Received
    server: str
    asked: Mapping[str, Any]
    result: Any
    refused: ApiError | None
    sites: list[Site]
    left: list[str]


@cache
def recorded(path: Path) -> tuple[Exchange, Label, list[dict[str, Any]]]:
    document = read(path)
    return exchanges()[path.relative_to(CASSETTES).parts[0]], Label.read(document["specie"]), document["interactions"]


@cache
def tools(name: str) -> tuple[Routes, Parameters]:
    return Routes(exchanges()[name]), Parameters(exchanges()[name])


def meant(exchange: Exchange, request: Mapping[str, Any]) -> tuple[str, Received, Operation, dict[str, str]]:
    """The operation that a recorded request means, found as an exchange would find it."""
    uri = urlsplit(request["uri"])
    fitting = [one for one in exchange.servers if request["uri"].startswith(f"{one.url}/")]
    server = max(fitting, key=lambda one: len(one.url)).name
    headers = tuple((name, str(one)) for name, values in request["headers"].items() for one in values)
    body = (request["body"] or "").encode()
    received = Received(request["method"], uri.path, uri.query, headers, body)
    operation, held = tools(exchange.name)[0].find(server, received)
    return server, received, operation, held


@cache
def interactions(path: Path) -> list[Interaction]:
    exchange, _, found = recorded(path)
    return [_interaction(exchange, one) for one in found]


def _interaction(exchange: Exchange, recorded: Mapping[str, Any]) -> Interaction:
    server, received, operation, held = meant(exchange, recorded["request"])
    response = recorded["response"]
    body, status = response["body"]["string"].encode(), response["status"]["code"]
    asked: Mapping[str, Any] = {}
    result, refused, found, left = None, None, [], []
    wire = Wire(Answer(body, status))
    with connected(exchange, "blocking", wire) as client, client.capture() as replies:
        try:
            result = call(client, operation, arguments(exchange, operation))
        except ApiError as error:
            refused = error
    if refused is None:
        asked = tools(exchange.name)[1].check(operation, held, received)
        found = list(sites(exchange, operation, parsed(body), result))
        left = replies[0].unaccounted()
    return Interaction(operation, received, server, asked, result, refused, found, left)


def explained(label: Label, table: Mapping[str, Any]) -> Any:
    """A table of what documented examples do; for replies of any other origin it explains nothing."""
    return table if label.provenance in (DOCUMENTED, ASSUMED) else {}


# -- what it says of itself -------------------------------------------------------------------------------------------


@every_cassette
def test_it_says_where_it_came_from_and_when(path: Path) -> None:
    exchange, label, found = recorded(path)
    assert found
    assert label.of.startswith(f"{exchange.name}.")
    assert date(2025, 1, 1) < date.fromisoformat(label.recorded) <= date(2100, 1, 1)
    assert re.fullmatch(r"[0-9]+\.[0-9]+.*", label.generator)
    assert re.fullmatch("[0-9a-f]{12}", label.spec)
    assert label.docs == exchange.docs.version
    # Its name says what it is not made of documented examples; a trading day is the sandbox's by nature.
    source = path.stem.partition(".")[2] or (SANDBOX if path == trading_day_path(exchange.name) else "")
    assert (source or DOCUMENTED) == (DOCUMENTED if label.provenance == ASSUMED else label.provenance)


@every_cassette
def test_its_calls_are_those_of_its_operation(path: Path) -> None:
    exchange, label, _ = recorded(path)
    called = {f"{exchange.name}.{one.operation.id}" for one in interactions(path)}
    if path != trading_day_path(exchange.name):
        assert called == {label.of}
    else:
        assert {"create", "cancel"} <= {one.rpartition(".")[2] for one in called}


def test_what_has_no_test_of_its_own_can_be_replayed() -> None:
    """Recordings from elsewhere, beside those of the tests; there may be none."""
    for path in PATHS:
        exchange, label, _ = recorded(path)
        if path.stem.endswith((f".{SANDBOX}", f".{LIVE}")):
            replay(path, exchange, label)


# -- what its replies mean ----------------------------------------------------------------------------------------------


@every_cassette
def test_no_field_of_a_reply_is_unaccounted_for(path: Path) -> None:
    exchange, label, _ = recorded(path)
    for one in interactions(path):
        known = explained(label, UNACCOUNTED).get(f"{exchange.name}.{one.operation.id}", {})
        assert {anywhere(left) for left in one.left} <= set(known)


@every_cassette
def test_decimals_survive_the_round_trip(path: Path) -> None:
    assert not [line for one in interactions(path) for line in lost_digits(one.sites)]


@every_cassette
def test_every_enum_value_is_known(path: Path) -> None:
    assert not [line for one in interactions(path) for line in unknown_members(one.sites)]


@every_cassette
def test_no_time_is_before_the_first_block(path: Path) -> None:
    exchange, label, _ = recorded(path)
    table = explained(label, DATED)
    assert not [line for one in interactions(path) for line in wrong_times(exchange, one.sites, table)]


@every_cassette
def test_bids_lie_below_asks(path: Path) -> None:
    exchange, label, _ = recorded(path)
    for one in interactions(path):
        if one.refused is None and hasattr(one.result, "bids"):
            name = f"{exchange.name}.{one.operation.id}"
            assert crossed(one.result) is (name in explained(label, CROSSED))


@every_cassette
def test_filled_and_remaining_come_to_the_amount(path: Path) -> None:
    exchange, label, _ = recorded(path)
    for one in interactions(path):
        if f"{exchange.name}.{one.operation.id}" not in explained(label, UNBALANCED):
            assert not list(unbalanced(exchange, one.sites, one.asked)), one.operation.id


@every_cassette
def test_a_refusal_says_what_it_is(path: Path) -> None:
    for one in interactions(path):
        if one.refused is not None:
            # Only a gateway before the exchange has no words of its own.
            assert one.refused.message or (one.refused.status or 0) >= 500
            assert path == trading_day_path(exchanges()[path.relative_to(CASSETTES).parts[0]].name)


@pytest.mark.parametrize("exchange", exchanges().values(), ids=lambda one: one.name)
def test_a_trading_day_has_everything(exchange: Exchange) -> None:
    path = trading_day_path(exchange.name)
    day = interactions(path)
    assert not known_refusals(exchange) - {type(one.refused).__name__ for one in day if one.refused is not None}
    assert {one.operation.effect for one in day if one.refused is None} >= {"read", "create", "cancel"}
    # An order that is filled in part, as each exchange shows it.
    kinds = {name for name in AMOUNTS if name.startswith(f"{exchange.name}.")}
    shown = {f"{exchange.name}.{getattr(site.type, 'name', '')}" for one in day for site in one.sites}
    assert kinds <= shown
    pages = [one for one in day if one.operation.pages is not None and one.refused is None]
    assert max(sum(it.operation.id == one.operation.id for it in pages) for one in pages) >= 3


def test_the_tables_of_explanations_explain_something() -> None:
    ids = {param.id for param in operations()}
    assert {*UNACCOUNTED, *CROSSED, *UNBALANCED} <= ids
    for name in UNBALANCED:
        exchange, _, rest = name.partition(".")
        path = CASSETTES / exchange / f"{rest.replace('.', '/')}.yaml"
        assert any(list(unbalanced(exchanges()[exchange], one.sites, one.asked)) for one in interactions(path)), name


# -- replay is strict ---------------------------------------------------------------------------------------------------


@every_cassette
def test_every_altered_request_is_refused(path: Path, record_property: Any) -> None:
    """Each field of each recorded request, altered in turn.

    A replay of each would take minutes, so what decides it is asked: `can_play_response_for` of the loaded cassette,
    with the matchers and filters of replay. vcrpy's stubs for both HTTP libraries ask just that of the request they
    hold, and raise where it says no. The test after this goes all the way, through both clients.

    An altered request may be another one that the cassette holds: a call without its only parameter, say, where both
    were recorded. It takes the answer of that one, which is then refused in the same replay; that is looked at too.
    """
    exchange, _, _ = recorded(path)
    cassette = load(path, exchange)
    made, taken = 0, []
    for index, request in enumerate(cassette.requests):
        assert cassette.can_play_response_for(_fresh(request)), f"not even itself: {request.uri}"
        for what, altered in mutations(request):
            made += 1
            if cassette.can_play_response_for(altered) and not _refused_later(path, exchange, index, altered):
                taken.append(f"{request.method} {request.uri}: {what}")
    record_property(SCORE, (made - len(taken), made))
    assert made >= 10 * len(cassette.requests)
    assert not taken


def _refused_later(path: Path, exchange: Exchange, index: int, altered: Request) -> bool:
    """Whether a replay in which one call was altered, and the others were not, is refused in the end."""
    cassette = load(path, exchange)
    for number, request in enumerate(cassette.requests):
        asked = altered if number == index else _fresh(request)
        if not cassette.can_play_response_for(asked):
            return True
        cassette.play_response(asked)
    return False


def _fresh(request: Request) -> Request:
    return Request(request.method, request.uri, request.body, dict(request.headers))


@pytest.mark.parametrize("loosened", ["_same_uri", "_same_body", "_same_headers"])
def test_the_score_falls_where_replay_is_loosened(loosened: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = exchanges()["bitexbit"]
    monkeypatch.setattr(tape, loosened, lambda one, other: None)
    cassette = load(CASSETTES / "bitexbit" / "orders" / "create.yaml", exchange)
    request = cassette.requests[0]
    assert any(cassette.can_play_response_for(altered) for _, altered in mutations(request))


@every_cassette
def test_a_call_is_answered_once(path: Path) -> None:
    exchange, _, _ = recorded(path)
    cassette = load(path, exchange)
    for request in cassette.requests:
        cassette.play_response(_fresh(request))
    assert cassette.all_played
    assert not any(cassette.can_play_response_for(_fresh(request)) for request in cassette.requests)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("exchange", exchanges().values(), ids=lambda one: one.name)
def test_an_altered_argument_is_refused_by_replay(exchange: Exchange, body: str) -> None:
    """All the way: through the client, its HTTP library, and the cassette of `orders.create`."""
    path = CASSETTES / exchange.name / "orders" / "create.yaml"
    first = interactions(path)[0]
    values = {one.name: one for one in first.operation.parameters if one.argument}
    given = {name: typed(exchange, values[name].type, raw) for name, raw in first.asked.items() if name in values}
    with Unplayed(path), replaying(path, exchange), client_of(exchange, body, **options(exchange)) as client:
        call(client, first.operation, given)  # as it was recorded
    refused = 0
    for name, value in given.items():
        changed = _other(value)
        if changed is None:
            continue
        # `client_of` is new each time: so are its nonces.
        with Unplayed(path), replaying(path, exchange), client_of(exchange, body, **options(exchange)) as client:
            with pytest.raises((CannotOverwriteExistingCassetteException, ArgumentError)) as caught:
                call(client, first.operation, {**given, name: changed})
            refused += caught.type is CannotOverwriteExistingCassetteException
    assert refused >= 3  # of the others the client itself knows that they do not go together


class Unplayed:
    """The end of a replay that was cut short on purpose: the rest of the cassette was not played, and it says so."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        assert error is None or isinstance(error, CassetteError), error
        assert error is None or "recorded calls that were not made" in str(error)
        return True


def _other(value: Any) -> Any:
    """Another argument of the same type, that would be sent; or none."""
    if hasattr(value, "is_known"):
        return next((one for one in type(value) if one is not value), None)
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value[:-1]}{'x' if value[-1] != 'x' else 'y'}" if not value.isdigit() else str(int(value) + 1)
    return value + 1


def test_calls_that_are_not_made_are_told() -> None:
    exchange = exchanges()["bitok"]
    path = CASSETTES / "bitok" / "market" / "pairs.yaml"
    unplayed = re.escape("that were not made: GET https://api.bitok.com/open_api/pairs")
    with pytest.raises(CassetteError, match=unplayed), replaying(path, exchange):
        pass
    with pytest.raises(CassetteError, match="no cassette"), replaying(path.with_name("nope.yaml"), exchange):
        pass


# -- it holds no secret -------------------------------------------------------------------------------------------------

MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
WORDS = re.compile(
    r"authorization|set-cookie|cookie|bearer |-----BEGIN|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.|sk_live|password",
    re.IGNORECASE,
)
"""Headers that carry secrets, tokens, keys in PEM, JSON web tokens."""


@every_cassette
def test_no_secret_stands_in_it(path: Path) -> None:
    exchange, _, found = recorded(path)
    text = path.read_text("utf-8")
    secrets = [one for name, one in demo_credentials(exchange).items() if name.endswith("secret")]
    assert secrets
    for secret in secrets:
        assert not [shape for shape in shapes(secret) if shape in text]
    assert not WORDS.findall(text)
    # What is packed in base64 is looked into as well.
    found_packed = re.findall(r"\b[A-Za-z0-9+/]{24,}", text)
    packed = [base64.b64decode(one[: len(one) // 4 * 4]).decode("utf-8", "replace") for one in found_packed]
    for clear in (text, *packed):
        assert not [mail for mail in MAIL.findall(clear) if not mail.endswith(("@example.org", "@example.com"))]
        assert not [secret for secret in secrets if secret in clear]
    for one in found:
        assert {name.lower() for name in one["request"]["headers"]} <= kept_headers(exchange)
        assert {name.lower() for name in one["response"]["headers"]} <= {"content-type"}


@every_cassette
def test_whatever_is_signed_is_signed_by_the_demo_key(path: Path) -> None:
    """So no signature of anybody's key is in it: each is recovered from the request and the demo secret."""
    exchange, label, _ = recorded(path)
    assert exchange.auth is not None
    for one in interactions(path):
        if one.operation.auth and one.refused is None:
            clock = label.clock_ms or NOW_MS
            Signatures(exchange.auth, demo_keys(exchange)).check(one.received, clock)
        elif not one.operation.auth:
            assert not [name for name, _ in exchange.auth.headers if one.received.header(name) is not None]


def test_the_scan_finds_what_it_looks_for() -> None:
    secret = demo_credentials(exchanges()["bitopro"])["api_secret"]
    for hidden in (secret, json.dumps({"deep": f"x{secret}y"}), base64.b64encode(f"ab{secret}cd".encode()).decode()):
        assert [shape for shape in shapes(secret) if shape in hidden], hidden
    for word in ("Authorization: Basic x", "set-cookie: a=b", "eyJhbGciOi.eyJzdWIi.x", "-----BEGIN RSA"):
        assert WORDS.search(word)
    assert ROOT.is_dir()
