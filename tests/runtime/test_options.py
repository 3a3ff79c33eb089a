"""Options that would fail only in the middle of a call are refused when the client is made."""

from __future__ import annotations

from typing import Any

import pytest
from handwritten import Acme

from specie.runtime import ArgumentError, FileNonces, Retries, Timeout

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    "given", [0, -1, NAN, INFINITE, 1e9, "3", True, [], (1, 2), Timeout(read=0), Timeout(total=-1)]
)
def test_a_timeout_is_a_time_that_one_can_wait(given: Any) -> None:
    with pytest.raises(ArgumentError, match="timeout"):
        Acme(timeout=given)
    with Acme() as client, pytest.raises(ArgumentError, match="timeout"):
        client.with_options(timeout=given)


@pytest.mark.parametrize(
    "given", [-1, True, "2", 2.5, [], Retries(base=-1), Retries(most=NAN), Retries(longest_wait="x")]
)  # type: ignore[arg-type]
def test_retries_are_a_number(given: Any) -> None:
    with pytest.raises(ArgumentError, match="retries"):
        Acme(retries=given)
    with Acme() as client, pytest.raises(ArgumentError, match="retries"):
        client.with_options(retries=given)


def test_what_bounds_nothing_and_what_is_tiny_may_be() -> None:
    for timeout in (Timeout(total=None), 0.001, 3):
        Acme(timeout=timeout).close()


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("budgets", "limits.sqlite"),
        ("nonces", "nonces"),
        ("nonces", FileNonces),
        ("clock", 1_700_000_000_000),
        ("hooks", print),
        ("connections", "5"),
        ("connections", True),
        ("base_url", 5),
        ("base_url", {"rest": None}),
    ],
)
def test_an_option_of_another_kind_is_refused_by_its_name(option: str, given: Any) -> None:
    with pytest.raises(ArgumentError, match=f"{option} must be") as caught:
        Acme(**{option: given})
    assert caught.value.parameter == option


@pytest.mark.parametrize(
    "url",
    ["https://a..b", "https://h:99999", "https://h:x/", "https://é.example", "https://h/é", f"https://{'a' * 64}.b"],
)
def test_a_host_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ArgumentError, match="is not a base URL"):
        Acme(base_url=url)


@pytest.mark.parametrize(
    "url", ["http://[::1]:80/v1", "http://[::1]", "http://localhost", "https://a.b.:443/x", "http://1.2.3.4:5"]
)
def test_other_hosts_may_be(url: str) -> None:
    Acme(base_url=url).close()
