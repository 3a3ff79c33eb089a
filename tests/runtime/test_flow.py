"""Conversations with a call: feed it a 429, a reset, HTML, and look at what it asks for."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
import time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from handwritten import (
    _BATCH,
    _CANCEL,
    _CREATE,
    _INFO,
    _LIST,
    _TRADES,
    EXCHANGE,
    BatchOrder,
    Credentials,
    OrderType,
    Side,
)
from talk import KEY, NOW_MS, SECRET, Clock, Talk, lost, reply, unsent

from specie.runtime import (
    ApiError,
    AuthenticationFailed,
    ClockSkew,
    InsufficientFunds,
    InvalidRequest,
    InvalidResponse,
    InvalidSignature,
    InvalidType,
    InvalidValue,
    Limit,
    LimitReached,
    MemoryBudgets,
    MissingCredentials,
    Nonces,
    NonceSource,
    NoReply,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    Retries,
    ServerClock,
    ServerError,
    SpecieError,
    Timeout,
)
from specie.runtime.flow import call
from specie.runtime.meter import Meter
from specie.runtime.settings import Settings
from specie.runtime.steps import Blocking, Enter, Send

ORDER: dict[str, Any] = {
    "pair": "btc_twd",
    "side": Side.BUY,
    "type": OrderType.LIMIT,
    "amount": "0.01",
    "price": Decimal("2500000"),
    "client_id": 7,
}
RECEIPT = {"orderId": 1, "amount": "0.01"}
PAGE = {"data": []}
HTML = b"<html><body>520: web server is returning an unknown error</body></html>"


def create(*answers: Any, **more: Any) -> Talk:
    return Talk(_CREATE, ORDER, list(answers), **more)


def read(*answers: Any, **more: Any) -> Talk:
    return Talk(_LIST, {}, list(answers), **more)


# -- what is sent -------------------------------------------------------------------------------------------------------


def test_the_bytes_that_are_signed_are_the_bytes_that_are_sent() -> None:
    talk = create(reply(RECEIPT))
    request = talk.sent[0].request
    assert request.method == "POST"
    assert request.url == "https://api.acme.example/v1/orders/btc_twd"
    assert (
        request.body
        == b'{"action":"BUY","type":"LIMIT","amount":"0.01","price":"2500000","clientId":7,"timestamp":1700000000000}'
    )
    assert request.headers["Content-Type"] == "application/json"
    payload = base64.b64encode(request.body).decode()
    assert request.headers["X-PAYLOAD"] == payload
    assert request.headers["X-SIGNATURE"] == hmac.new(SECRET.encode(), payload.encode(), hashlib.sha384).hexdigest()


def test_public_calls_are_never_signed_and_carry_no_key() -> None:
    talk = Talk(_TRADES, {"pair": "btc_twd"}, [reply(PAGE)])
    request = talk.sent[0].request
    assert set(request.headers) == {"Accept", "User-Agent"}
    assert KEY not in repr(request.headers)
    assert KEY not in request.url
    assert request.body is None


def test_public_calls_need_no_credentials() -> None:
    talk = Talk(_TRADES, {"pair": "btc_twd"}, [reply(PAGE)], credentials=Credentials())
    assert talk.result == []


def test_a_form_gets_what_signing_adds_and_is_signed_whole() -> None:
    talk = Talk(_INFO, {"pair": "a b"}, [reply({"data": {}})])
    request = talk.sent[0].request
    assert request.url == "https://old.acme.example/"
    assert request.body == f"method=getInfo&pair=a+b&nonce={NOW_MS}".encode()
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(request.headers["X-PAYLOAD"]) == request.body


def test_a_header_without_a_value_is_not_sent() -> None:
    assert "X-EXPIRES" not in create(reply(RECEIPT)).sent[0].request.headers
    credentials = Credentials(api_key=KEY, api_secret=SECRET, expire_after=500)
    assert create(reply(RECEIPT), credentials=credentials).sent[0].request.headers["X-EXPIRES"] == str(NOW_MS + 500)


def test_a_whole_body_is_the_body() -> None:
    orders = [
        BatchOrder(pair="A", type=OrderType.MARKET, amount=1),
        BatchOrder(pair="B", type=OrderType.LIMIT, amount="2", price="1e3"),
    ]
    body = Talk(_BATCH, {"orders": orders}, [reply({"data": []})]).sent[0].request.body
    assert body is not None
    assert json.loads(body) == [
        {"pair": "A", "type": "MARKET", "amount": "1", "timestamp": NOW_MS},
        {"pair": "B", "type": "LIMIT", "amount": "2", "price": 1000, "timestamp": NOW_MS},
    ]


def test_missing_credentials_are_named_and_nothing_is_sent() -> None:
    talk = create(credentials=Credentials(api_key=KEY))
    assert isinstance(talk.error, MissingCredentials)
    assert talk.error.missing == ("api_secret",)
    assert "ACME_API_SECRET" in str(talk.error)
    assert talk.sent == []


def test_a_secret_that_is_a_function_is_asked_at_each_attempt() -> None:
    asked: list[int] = []
    credentials = Credentials(api_key=lambda: (asked.append(1), KEY)[1], api_secret=SECRET)
    talk = read(reply(status=503), reply(PAGE), credentials=credentials)
    assert talk.result == []
    assert len(asked) >= 2


def test_a_rule_that_is_broken_sends_nothing() -> None:
    talk = Talk(_CREATE, {**ORDER, "price": None}, [])
    assert isinstance(talk.error, InvalidValue)
    assert "price unless type == MARKET" in str(talk.error)


# -- reads: tried again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        lost(),
        unsent(),
        reply(status=500),
        reply(HTML, 502),
        reply(HTML, 520),
        reply(status=408),
        reply(HTML),
        reply(b'[{"a"'),
    ],
)
def test_a_read_is_made_again_with_a_new_nonce_and_signature(trouble: Any) -> None:
    talk = read(trouble, reply(PAGE))
    assert talk.result == []
    first, second = (step.request.headers for step in talk.sent)
    assert first["X-PAYLOAD"] != second["X-PAYLOAD"]
    assert first["X-SIGNATURE"] != second["X-SIGNATURE"]
    assert len(talk.slept) == 1


def test_pauses_double_and_are_bounded() -> None:
    talk = read(*[lost()] * 5, retries=Retries(4, base=1.0, most=3.0), timeout=Timeout(total=None))
    assert talk.slept == [1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (lost(), NoReply),
        (unsent(), NotSent),
        (reply(status=503), ServerError),
        (reply(status=429), RateLimited),
        (reply(status=408), RequestTimeout),
        (reply(HTML), InvalidResponse),
    ],
)
def test_a_read_gives_up_with_the_last_trouble(trouble: Any, kind: type[Exception]) -> None:
    talk = read(trouble, trouble, trouble)
    assert type(talk.error) is kind
    assert len(talk.sent) == 3
    assert len(read(trouble, retries=0).sent) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_no_is_not_asked_again(status: int) -> None:
    assert len(read(reply({"error": "no"}, status)).sent) == 1


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert 7.0 <= read(reply(status=429, retry_after="7"), reply(PAGE)).slept[0] <= 7.25
    # NOW_MS is Tue, 14 Nov 2023 22:13:20 GMT
    assert 5.0 <= read(reply(status=503, retry_after="Tue, 14 Nov 2023 22:13:25 GMT"), reply(PAGE)).slept[0] <= 5.25
    assert read(reply(status=429, retry_after="Tue, 14 Nov 2023 22:00:00 GMT"), reply(PAGE)).slept[0] <= 0.25
    assert read(reply(status=429, retry_after="soon"), reply(PAGE)).slept[0] <= 0.25


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be changed here")
def test_a_retry_after_without_a_zone_is_in_gmt_wherever_this_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Taipei")
    time.tzset()
    try:
        for date in ("Tue Nov 14 22:13:25 2023", "Tue, 14 Nov 2023 22:13:25 -0000"):
            assert 5.0 <= read(reply(status=503, retry_after=date), reply(PAGE)).slept[0] <= 5.25
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_retry_after_that_is_too_long_is_told_and_not_waited_for() -> None:
    talk = read(reply(status=429, retry_after="3600"))
    assert isinstance(talk.error, RateLimited)
    assert talk.error.retry_after == 3600
    assert talk.slept == []


def test_the_whole_call_has_a_deadline() -> None:
    clock = Clock()
    talk = read(
        reply(status=429, retry_after="20"),
        reply(status=429, retry_after="20"),
        clock=clock,
        timeout=Timeout(5, 15, 30),
        retries=9,
    )
    assert isinstance(talk.error, RateLimited)
    assert len(talk.slept) == 1
    assert talk.sent[1].timeout.total is not None
    assert talk.sent[1].timeout.total < 10
    assert talk.sent[1].timeout.read < 10


def test_a_call_whose_time_is_over_is_not_made_again() -> None:
    talk = read(lost(), timeout=Timeout(5, 15, 0.0), retries=Retries(3, base=0.0))
    assert isinstance(talk.error, NoReply)
    assert len(talk.sent) == 1


# -- effects: never made again -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        lost(),
        reply(status=500),
        reply(HTML, 502),
        reply(HTML, 520),
        reply(status=503),
        reply(HTML),
        reply(b'{"orderId"'),
        reply(b""),
        reply([]),
        reply({"orderId": 5}),
        reply({"orderId": None, "amount": "1"}),
        reply({"error": "slow"}, 408),
        reply(b"", 307, location="https://elsewhere.example/x"),
    ],
)
def test_an_effect_without_a_readable_answer_is_unknown_and_sent_once(trouble: Any) -> None:
    talk = create(trouble)
    error = talk.error
    assert type(error) is OutcomeUnknown
    assert len(talk.sent) == 1
    assert talk.slept == []
    assert error.operation == "orders.create"
    assert error.sent_at_ms == NOW_MS
    assert error.client_order_id == "7"
    assert error.sent["amount"] == Decimal("0.01")
    assert (error.method, error.path) == ("POST", "/v1/orders/btc_twd")
    assert "ask the exchange" in str(error)


def test_an_effect_that_was_not_sent_says_so() -> None:
    talk = create(unsent())
    assert type(talk.error) is NotSent
    assert len(talk.sent) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"error": "Balance for eth not enough, only has 0"}, 422), InsufficientFunds),
        (reply({"error": "anything"}, 422), InvalidRequest),
        (reply({"error": "x", "code": -2006}, 400), InvalidSignature),
        (reply({"error": "x", "code": "-2006"}, 500), InvalidSignature),
        (reply({"error": "Balance for eth not enough, only has 0"}, 500), InsufficientFunds),
        (reply({"message": "404 NOT FOUND"}, 404), NotFound),
        (reply({"error": "x"}, 401), AuthenticationFailed),
        (reply({"error": "x"}, 403), PermissionDenied),
        (reply(HTML, 403), PermissionDenied),
        (reply({"error": "x"}, 409), ClockSkew),
        (reply({"error": "x"}, 418), ApiError),
        (reply(status=429), RateLimited),
        (reply({"error": "Balance for eth not enough"}), InsufficientFunds),
        (reply({"error": "whatever"}), ApiError),
        (reply({"error": "whatever", "orderId": 1, "amount": "1"}), ApiError),
    ],
)
def test_a_refusal_of_an_effect_is_an_api_error(answer: Any, kind: type[Exception]) -> None:
    talk = create(answer)
    assert type(talk.error) is kind
    assert len(talk.sent) == 1


def test_cancel_carries_no_information_and_still_judges() -> None:
    assert Talk(_CANCEL, {"order_id": 5}, [reply({"data": {}})]).error is None
    assert Talk(_CANCEL, {"order_id": 5}, [reply([])]).error is None
    assert Talk(_CANCEL, {"order_id": 5}, [reply(b"")]).error is None
    assert type(Talk(_CANCEL, {"order_id": 5}, [reply(HTML)]).error) is OutcomeUnknown
    assert type(Talk(_CANCEL, {"order_id": 5}, [reply({"error": "no such order"})]).error) is ApiError


# -- what errors say ---------------------------------------------------------------------------------------------------


def test_an_api_error_carries_what_the_exchange_said() -> None:
    talk = create(reply({"error": "Try another day", "code": 12}, 400, x_request_id="r-1", retry_after="3"))
    error = talk.error
    assert isinstance(error, InvalidRequest)
    assert (error.status, error.code, error.message, error.request_id, error.retry_after) == (
        400,
        "12",
        "Try another day",
        "r-1",
        3.0,
    )
    assert error.operation == "orders.create"
    assert str(error) == "orders.create: Try another day (HTTP 400, code 12)"


def test_an_invalid_response_says_where_and_what() -> None:
    talk = read(reply({"data": [{"tradeId": 1}]}), retries=0)
    error = talk.error
    assert isinstance(error, InvalidResponse)
    assert error.path == "$.data[0].action"
    assert error.status == 200
    assert error.body_start.startswith('{"data"')


def test_redirects_are_not_followed() -> None:
    talk = read(reply(b"", 302, location="https://evil.example/steal?x=1"))
    assert type(talk.error) is ApiError
    assert "https://evil.example/steal" in str(talk.error)
    assert "not followed" in str(talk.error)
    assert len(talk.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": f"invalid key {KEY} / {SECRET}"}, 401),
        reply(f"<html>{KEY} {SECRET}".encode(), 200),
        reply({"error": KEY, "code": SECRET}, 500),
        reply(b"", 302, location=f"https://x.example/{KEY}/{SECRET}"),
        reply({"data": f"{KEY} {SECRET}"}),
        lost(),
        unsent(),
    ],
)
@pytest.mark.parametrize("what", [create, read])
def test_no_error_ever_holds_a_secret(answer: Any, what: Any) -> None:
    talk = what(answer, retries=0)
    error = talk.error
    assert isinstance(error, SpecieError)
    told = f"{error} {error!r} {vars(error)!r} {pickle.dumps(error)!r} {error.__cause__!r} {talk.sent[0]!r}"
    assert SECRET not in told
    assert KEY not in told


@pytest.mark.parametrize(
    "talk",
    [
        create(lost()),
        create(reply({"error": "x", "code": 1}, 422)),
        read(reply({"data": 1}), retries=0),
        create(credentials=Credentials()),
        Talk(_CREATE, {}, []),
        Talk(_CREATE, {**ORDER, "amount": 0.1}, []),
    ],
)
def test_errors_survive_pickling_and_copying(talk: Talk) -> None:
    error = talk.error
    assert error is not None
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_nothing_of_the_exchange_is_known_to_the_flow() -> None:
    assert EXCHANGE.errors.named(None, "Balance for  not enough") is InsufficientFunds
    assert EXCHANGE.errors.named(None, "balance for x not enough") is None, "upper and lower case count"
    assert EXCHANGE.errors.named(None, "A Balance for x not enough") is None, "the whole text must fit"


# -- keys that lie elsewhere -------------------------------------------------------------------------------------------


class Vault:
    """A signer, as an HSM would be."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[str] = []
        self.broken = broken

    def hmac(self, digest: str, message: bytes) -> bytes:
        self.asked.append(digest)
        if self.broken:
            raise RuntimeError("the vault is shut")
        return hmac.digest(SECRET.encode(), message, digest)


def test_a_signer_signs_as_the_secret_does_and_is_asked_off_the_loop() -> None:
    vault = Vault()
    there = create(reply(RECEIPT), credentials=Credentials(api_key=KEY, api_secret=vault))
    here = create(reply(RECEIPT))
    assert vault.asked == ["sha384"]
    assert there.blocked >= 1
    assert here.blocked == 0
    assert there.sent[0].request == here.sent[0].request


def test_a_signer_whose_text_is_needed_says_so() -> None:
    from specie.runtime.signing import Held, compact_json, form, sha256

    held: Any = Held("api_secret", Vault())
    for use in (
        lambda: sha256(held),
        lambda: f"{held}",
        lambda: "a" + held,
        lambda: held + "a",
        lambda: str(held),
        lambda: base64.b64encode(held.encode()),
        lambda: form([("secret", held)]),
        lambda: compact_json(secret=held),
    ):
        with pytest.raises((InvalidType, TypeError)) as caught:
            use()
        if isinstance(caught.value, InvalidType):
            assert "needs the text of api_secret" in str(caught.value)
    assert repr(held) == "***"


@pytest.mark.parametrize("made", [b"short", "text", None])
def test_what_a_signer_gives_is_checked(made: Any) -> None:
    class Wrong:
        def hmac(self, digest: str, message: bytes) -> bytes:
            return made  # type: ignore[no-any-return]

    talk = create(credentials=Credentials(api_key=KEY, api_secret=Wrong()))
    assert isinstance(talk.error, InvalidType)
    assert "48 bytes of an HMAC with sha384" in str(talk.error)
    assert talk.sent == []


def test_a_key_store_that_fails_sends_nothing() -> None:
    def shut() -> str:
        raise RuntimeError("the vault is shut")

    for credentials in (
        Credentials(api_key=KEY, api_secret=Vault(broken=True)),
        Credentials(api_key=KEY, api_secret=shut),
        Credentials(api_key=shut, api_secret=SECRET),
    ):
        talk = create(credentials=credentials)
        assert type(talk.error) is NotSent
        assert isinstance(talk.error.__cause__, RuntimeError)
        assert talk.sent == []


def test_masking_asks_no_key_store_again() -> None:
    asked: list[int] = []
    credentials = Credentials(api_key=KEY, api_secret=lambda: (asked.append(1), SECRET)[1])
    talk = create(reply({"error": f"no {SECRET}"}, 422), credentials=credentials)
    assert len(asked) == 1
    assert SECRET not in str(talk.error)


# -- limits ------------------------------------------------------------------------------------------------------------


class Shop:
    """An exchange with a limit, and what a call of it finds."""

    def __init__(self, policy: Any = "wait", budgets: Any = None) -> None:
        self.clock = Clock()
        self.budgets = budgets or MemoryBudgets()
        self.exchange = copy.copy(EXCHANGE)
        self.exchange.private_limits = (Limit("2/10s per account"),)
        self.exchange.public_limits = ()
        servers = {"rest": SimpleNamespace(origin="https://a"), "old": SimpleNamespace(origin="https://b")}
        self.meter = Meter(self.exchange, servers, self.budgets, policy, self.clock.monotonic)

    def create(self, *answers: Any, **more: Any) -> Talk:
        return Talk(_CREATE, ORDER, list(answers), clock=self.clock, exchange=self.exchange, meter=self.meter, **more)

    def settings(self, credentials: Credentials) -> Settings:
        return Settings(
            self.exchange,
            credentials,
            self.exchange.servers,
            clock=self.clock,
            nonces=Nonces(),
            monotonic=self.clock.monotonic,
            random=lambda: 1.0,
            timeout=Timeout(),
            retries=Retries(),
            meter=self.meter,
        )

    @property
    def used(self) -> int:
        return sum(room.used for room in self.meter.headroom(Credentials(api_key=KEY, api_secret=SECRET).fingerprint()))


def test_a_call_waits_for_room_before_it_draws_its_nonce() -> None:
    shop = Shop()
    for _ in range(2):
        assert shop.create(reply(RECEIPT)).slept == []
    third = shop.create(reply(RECEIPT))
    assert third.error is None
    assert sum(third.slept) == pytest.approx(10.0, abs=0.1)
    assert json.loads(third.sent[0].request.body or b"")["timestamp"] >= NOW_MS + 10_000


def test_no_room_in_time_sends_nothing() -> None:
    shop = Shop()
    for _ in range(2):
        shop.create(reply(RECEIPT))
    talk = shop.create(timeout=Timeout(1, 1, 3))
    assert isinstance(talk.error, LimitReached)
    assert talk.error.seconds == pytest.approx(10.0, abs=0.1)
    assert talk.sent == []
    assert talk.slept == [], "it is known at once"
    raising = Shop("raise", shop.budgets)
    raising.clock.ms = shop.clock.ms
    assert isinstance(raising.create().error, LimitReached)
    assert Shop("ignore", shop.budgets).create(reply(RECEIPT)).error is None


def test_what_was_not_sent_has_used_nothing() -> None:
    def shut() -> str:
        raise RuntimeError("the vault is shut")

    shop = Shop()
    shop.create(unsent())
    shop.create(credentials=Credentials(api_key=KEY, api_secret=shut))
    assert shop.used == 0
    shop.create(lost())
    assert shop.used == 1, "nobody knows whether it was counted"
    assert shop.create(reply(status=422)).error is not None
    assert shop.used == 2, "a refusal counts"


class Elsewhere(MemoryBudgets):
    """A store that may block."""

    blocking = True


@pytest.mark.parametrize("store", [MemoryBudgets, Elsewhere])
def test_a_lost_answer_blocks_nobody_for_longer_than_a_window(store: type[MemoryBudgets]) -> None:
    """Two lost answers must not keep an account from its cancels until deadlines are over that nobody waits for."""
    shop = Shop(budgets=store())
    for _ in range(2):
        assert isinstance(shop.create(lost(), timeout=Timeout(5, 15, 600)).error, OutcomeUnknown)
    third = shop.create(reply(RECEIPT), timeout=Timeout(5, 15, 600))
    assert third.error is None
    assert 9.9 < sum(third.slept) < 10.2, "one window after it was known, and not sooner"


def test_a_call_that_is_given_up_in_flight_blocks_nobody_for_longer_than_a_window() -> None:
    shop = Shop()
    settings = shop.settings(Credentials(api_key=KEY, api_secret=SECRET))
    for _ in range(2):
        steps = call(settings, lambda: False, _CREATE, ORDER)
        answer: Any = None
        while not isinstance(step := steps.send(answer), Send):
            assert isinstance(step, Enter)
            answer = step.turnstile.enter(0)
        steps.close()
    assert shop.used == 2
    assert 9.9 < sum(shop.create(reply(RECEIPT)).slept) < 10.2


def test_a_call_that_is_given_up_before_it_is_sent_has_used_nothing() -> None:
    shop = Shop()
    credentials = Credentials(api_key=KEY, api_secret=Vault())
    settings = shop.settings(credentials)
    steps = call(settings, lambda: False, _CREATE, ORDER)
    answer: Any = None
    while not (isinstance(step := steps.send(answer), Blocking) and shop.used):
        answer = step.call() if isinstance(step, Blocking) else step.turnstile.enter(0)
    steps.close()
    assert shop.used == 0
    turnstile = settings.nonces.turnstile(f"acme:{credentials.fingerprint()}")
    assert turnstile.enter(0), "the turn was given back as well"
    turnstile.leave()


def test_too_many_calls_are_a_pause_for_all() -> None:
    shop = Shop()
    shop.create(reply({"error": "slow"}, 429, retry_after="30"))
    talk = shop.create(reply(RECEIPT))
    assert sum(talk.slept) >= 30.0


# -- one at a time, and clocks that are off ----------------------------------------------------------------------------


def test_calls_of_a_key_go_one_at_a_time_where_nonces_must_arrive_in_order() -> None:
    nonces = Nonces()
    turnstile = nonces.turnstile(f"acme:{Credentials(api_key=KEY, api_secret=SECRET).fingerprint()}")
    assert create(reply(RECEIPT), nonces=nonces).entered == 1
    assert turnstile.enter(0)
    talk = create(nonces=nonces)
    assert type(talk.error) is NotSent
    assert "one at a time" in str(talk.error)
    turnstile.leave()
    for trouble in (lost(), reply(status=500), reply({"error": "x"}, 422)):
        create(trouble, nonces=nonces)
        assert turnstile.enter(0), "however the call before ended"
        turnstile.leave()
    assert Talk(_TRADES, {"pair": "x"}, [reply(PAGE)], nonces=nonces).entered == 0, "a public call waits for nobody"


def skewed(by_ms: int) -> ServerClock:
    return ServerClock(lambda: NOW_MS + by_ms)


RIGHT = "Tue, 14 Nov 2023 22:13:20 GMT"  # NOW_MS


@pytest.mark.parametrize("by_ms", [600_000, -600_000])
@pytest.mark.parametrize("effect", [False, True])
def test_a_clock_that_is_off_is_put_right_and_the_call_made_again(by_ms: int, effect: bool) -> None:
    refused, clock = reply({"error": "clock"}, 409, date=RIGHT), skewed(by_ms)
    if effect:
        talk = create(refused, reply(RECEIPT), learning=clock)
        first, second = (json.loads(step.request.body or b"")["timestamp"] for step in talk.sent)
        assert abs(first - NOW_MS) == 600_000
        assert abs(second - NOW_MS) <= 1000
    else:
        talk = read(refused, reply(PAGE), learning=clock, retries=0)
    assert talk.error is None
    assert len(talk.sent) == 2
    assert talk.slept == []
    assert abs(clock() - NOW_MS) <= 1000


def test_only_once_and_only_by_a_date() -> None:
    refused = reply({"error": "clock"}, 409, date=RIGHT)
    for talk in (
        create(refused, refused, learning=skewed(600_000)),
        create(reply({"error": "clock"}, 409), learning=skewed(600_000)),
        create(refused),
    ):
        assert type(talk.error) is ClockSkew
        assert not talk.sent[2:]


def test_the_clock_is_learned_from_ordinary_replies() -> None:
    clock = skewed(5_000)
    for _ in range(5):
        create(reply(RECEIPT, date=RIGHT), learning=clock)
    assert abs(clock() - NOW_MS) <= 1000


def test_nonces_that_cannot_be_had_send_nothing() -> None:
    class Damaged(NonceSource):
        def next(self, scope: str, now_ms: int) -> int:
            raise OSError("the disk is full")

    talk = create(nonces=Damaged())
    assert type(talk.error) is NotSent
    assert "no nonce could be had" in str(talk.error)
    assert isinstance(talk.error.__cause__, OSError)
    assert talk.blocked == 1
    assert talk.sent == []
