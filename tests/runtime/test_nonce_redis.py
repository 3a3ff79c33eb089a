"""Nonces in a Redis: the rules of a process alone, for all machines that share it."""

from __future__ import annotations

import importlib
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.drawing import drawn_by_processes

from specie.runtime import Nonces, RedisNonces

NOW = 1_700_000_000_000


@pytest.fixture
def client(redis_url: str) -> Any:
    with importlib.import_module("redis").Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def test_100_000_nonces_of_8_threads_in_each_of_4_processes(client: Any, redis_url: str) -> None:
    drawn = drawn_by_processes(redis_url, processes=4, threads=8, count=100_000)
    assert len(drawn) == 32
    assert len({nonce for thread in drawn for nonce in thread}) == 100_000
    assert all(before < after for thread in drawn for before, after in pairwise(thread))


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["a", "b"]), st.sampled_from([0, 1, 7, 6_000, 600_000, 600_001])),
        max_size=30,
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_draws_what_a_process_alone_would(client: Any, steps: list[tuple[bool, str, int]]) -> None:
    client.flushdb()
    machines, alone = [RedisNonces(client), RedisNonces(client)], Nonces()
    for turn, (back, scope, moment) in enumerate(steps):
        nonces = machines[turn % 2]
        if back:
            nonces.rewind(scope, NOW + moment)
            alone.rewind(scope, NOW + moment)
        else:
            assert nonces.next(scope, NOW + moment) == alone.next(scope, NOW + moment)


def test_nonces_of_microseconds_keep_every_digit(client: Any) -> None:
    nonces = RedisNonces(client, prefix="mine:")
    assert [nonces.next("a", 1_700_000_000_000_001) for _ in range(2)] == [1_700_000_000_000_001, 1_700_000_000_000_002]
    assert client.get("mine:a").split()[0] == b"1700000000000002"


def test_a_redis_that_forgot_is_not_believed(client: Any) -> None:
    nonces = RedisNonces(client)
    assert nonces.next("a", NOW) == NOW
    client.flushall()
    client.script_flush()
    assert nonces.next("a", NOW - 600_000) == NOW + 1


def test_clients_of_any_kind_are_taken_but_those_of_asyncio(client: Any, redis_url: str) -> None:
    redis = importlib.import_module("redis")
    with redis.Redis.from_url(redis_url, decode_responses=True) as texts:
        assert RedisNonces(texts).next("a", NOW) == NOW
    assert RedisNonces(client).next("a", NOW) == NOW + 1
    nonces = RedisNonces(redis_url)
    assert nonces.next("a", NOW) == NOW + 2
    nonces._client.close()
    with pytest.raises(TypeError, match=r"blocking redis\.Redis"):
        RedisNonces(importlib.import_module("redis.asyncio").Redis())


def test_a_redis_that_is_away_is_an_error_of_redis() -> None:
    redis = pytest.importorskip("redis")
    with redis.Redis(host="127.0.0.1", port=1, retry=None) as away, pytest.raises(redis.RedisError):
        RedisNonces(away).next("a", NOW)


def test_no_password_is_shown_and_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redis")
    assert repr(RedisNonces("redis://:canary-password@127.0.0.1:1/0")) == "RedisNonces(prefix='specie:nonces:')"
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install specie\[redis\]"):
        RedisNonces("redis://127.0.0.1:1/0")
