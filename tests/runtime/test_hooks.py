"""What may be seen of a call while it happens: hooks, the log, and what neither may do to the call."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from handwritten import _CREATE, _TRADES, OrderType, Side
from talk import KEY, NOW_MS, SECRET, Talk, lost, reply

from specie.runtime import (
    Drift,
    Hooks,
    InvalidType,
    NoReply,
    OutcomeUnknown,
    RateLimited,
    Replied,
    Retrying,
    Sending,
    ServerError,
)

ORDER: dict[str, Any] = {"pair": "btc_twd", "side": Side.BUY, "type": OrderType.LIMIT, "amount": "0.01", "price": "250"}
TRADE = {"tradeId": 1, "action": "BUY", "price": "1", "amount": "2", "timestamp": NOW_MS}


class Seen:
    """Hooks that keep what they are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        keep = self.told.append
        self.hooks = Hooks(before_send=keep, after_reply=keep, on_retry=keep, on_drift=keep)


def trades(*answers: Any, **more: Any) -> Talk:
    return Talk(_TRADES, {"pair": "btc_twd"}, list(answers), **more)


def test_each_attempt_is_told_of_before_and_after() -> None:
    seen = Seen()
    talk = trades(reply(status=503), reply({"data": []}), hooks=seen.hooks)
    assert talk.error is None
    facts = ("acme", "market.trades", "read", "GET", "/v1/trades/btc_twd")
    assert seen.told == [
        Sending(*facts, 1),
        Replied(*facts, 1, 0.0, 503, 4, "ServerError"),
        Retrying("acme", "market.trades", "read", 1, "ServerError", talk.slept[0]),
        Sending(*facts, 2),
        Replied(*facts, 2, 0.0, 200, 12, None),
    ]


def test_an_attempt_without_a_reply_is_told_of_too() -> None:
    seen = Seen()
    talk = Talk(_CREATE, ORDER, [lost()], hooks=seen.hooks)
    assert isinstance(talk.error, OutcomeUnknown)
    assert [type(one) for one in seen.told] == [Sending, Replied]
    assert seen.told[1][2:3] + seen.told[1][7:] == ("create", None, 0, "OutcomeUnknown")


def test_giving_up_is_no_retry() -> None:
    seen = Seen()
    trades(lost(), lost(), hooks=seen.hooks, retries=1)
    assert [type(one) for one in seen.told] == [Sending, Replied, Retrying, Sending, Replied]
    assert seen.told[-1].error == NoReply.__name__


def test_drift_is_what_the_spec_does_not_know() -> None:
    seen = Seen()
    rows = [{**TRADE, "isNew": 1}, {**TRADE, "action": "LEND", "isNew": 2}]
    assert trades(reply({"data": rows, "total": 2}), hooks=seen.hooks).error is None
    (drift,) = [one for one in seen.told if isinstance(one, Drift)]
    assert (drift.exchange, drift.operation) == ("acme", "market.trades")
    assert sorted(drift.paths) == ["$.data[*].action", "$.data[*].isNew", "$.total"]


def test_no_drift_where_all_is_known_or_the_call_failed() -> None:
    seen = Seen()
    trades(reply({"data": [TRADE]}), hooks=seen.hooks)
    trades(reply({"error": "no", "more": 1}, 422), hooks=seen.hooks)
    assert not [one for one in seen.told if isinstance(one, Drift)]


def test_nothing_looks_for_drift_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from specie.runtime.decode import ReplyDecoder

    def fail(*_: object) -> list[str]:
        raise AssertionError("read a second time")

    monkeypatch.setattr(ReplyDecoder, "unaccounted", fail)
    assert trades(reply({"data": []}), hooks=Hooks(after_reply=lambda _: None)).error is None
    assert trades(reply({"data": []})).error is None


@pytest.mark.parametrize("name", Hooks.__slots__)
def test_a_hook_that_raises_is_logged_and_the_call_goes_on(name: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("broken hook")

    given: dict[str, Any] = {name: fail}
    talk = trades(lost(), reply({"data": [], "more": 1}), hooks=Hooks(**given))
    assert talk.result == []
    (failure, *_) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert failure.name == "specie.acme"
    assert name in failure.getMessage()
    assert failure.exc_info is not None
    assert "broken hook" in str(failure.exc_info[1])


def test_a_hook_may_stop_the_program() -> None:
    def stop(_: object) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        trades(reply({"data": []}), hooks=Hooks(before_send=stop))


def test_what_nobody_could_call_or_await_is_refused() -> None:
    async def awaited(_: object) -> None: ...

    class Awaited:
        async def __call__(self, _: object) -> None: ...

    for given in (awaited, Awaited()):
        with pytest.raises(InvalidType, match="before_send is an async function"):
            Hooks(before_send=given)
    wrong: Any = "print"
    with pytest.raises(InvalidType, match="on_drift must be a function, not str"):
        Hooks(on_drift=wrong)


def test_no_credential_reaches_a_hook() -> None:
    seen = Seen()
    told = {"data": [{**TRADE, KEY: 1, SECRET: 2}]}
    Talk(_TRADES, {"pair": f"{KEY}{SECRET}"}, [reply(told)], hooks=seen.hooks)
    assert len(seen.told) == 3
    assert KEY not in repr(seen.told)
    assert SECRET not in repr(seen.told)


# -- the log ---------------------------------------------------------------------------------------------------------


def test_attempts_are_debug_retries_info_and_doubt_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "specie.acme")
    trades(reply(status=429, retry_after="2"), reply({"data": []}))
    Talk(_CREATE, ORDER, [lost()])
    levels = [record.levelname for record in caplog.records]
    assert levels == ["DEBUG", "INFO", "DEBUG", "DEBUG", "WARNING"]
    first, retry, good, unanswered, doubt = caplog.records
    assert first.getMessage() == (
        "market.trades: attempt 1: GET /v1/trades/btc_twd: HTTP 429, 4 bytes, RateLimited, 0.000 s"
    )
    assert vars(first)["specie"]["error"] == RateLimited.__name__
    assert retry.getMessage() == "market.trades: attempt 1 ended in RateLimited; the next one in 2.250 s"
    assert vars(retry)["specie"]["pause"] == 2.25
    assert vars(good)["specie"]["attempt"] == 2
    assert "no reply, OutcomeUnknown" in unanswered.getMessage()
    assert "it may have been done or not" in doubt.getMessage()
    assert vars(doubt)["specie"]["sent_at_ms"] == NOW_MS


def test_the_log_is_quiet_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "specie.acme")
    assert isinstance(trades(reply(status=500), reply(status=500), retries=1).error, ServerError)
    assert not caplog.records
