"""The words of `sign()`, credentials that nothing shows, and nonces that only go up."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from handwritten import _LIST, Acme, Credentials
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, reply

from specie.runtime import InvalidType, InvalidValue, MissingCredentials, Unsigned
from specie.runtime import signing as words

KEY, SECRET = "the-api-key-0123456789", "the-api-secret-0123456789"
pairs = st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=8)), max_size=5).map(
    lambda found: [
        (name.encode("utf-8", "ignore").decode(), value.encode("utf-8", "ignore").decode()) for name, value in found
    ]
)


def test_a_published_vector() -> None:
    payload = words.base64(words.compact_json(identity="support@bitoex.com", nonce=1554380909131))
    assert payload == "eyJpZGVudGl0eSI6InN1cHBvcnRAYml0b2V4LmNvbSIsIm5vbmNlIjoxNTU0MzgwOTA5MTMxfQ=="
    signature = words.hmac_sha384(
        "bitopro", "eyJpZGVudGl0eSI6ImhjbWxpbmpAZ21haWwuY29tIiwibm9uY2UiOjE1NTQzODA5MDkxMzF9"
    ).hex()
    assert (
        signature == "01a85a9083db47c20da7196380598f3feacd3c76a9077aaf7ffaf08ce0091abf65b61778792607b010921adfe1c2941a"
    )


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (words.hmac_md5, "md5"),
        (words.hmac_sha256, "sha256"),
        (words.hmac_sha384, "sha384"),
        (words.hmac_sha512, "sha512"),
    ],
)
def test_hmac(word: Callable[[str, str], bytes], name: str) -> None:
    assert word("kéy", "téxt") == hmac.new("kéy".encode(), "téxt".encode(), name).digest()


@pytest.mark.parametrize("name", ["md5", "sha256", "sha384", "sha512"])
def test_digests(name: str) -> None:
    assert getattr(words, name)("téxt") == hashlib.new(name, "téxt".encode()).digest()


def test_base64_of_text_and_bytes() -> None:
    assert words.base64("é>") == words.base64("é>".encode()) == "w6k+"
    assert words.base64url(b"\xfb\xff") == "-_8="


def test_json_is_compact_and_leaves_out_what_is_absent() -> None:
    assert words.compact_json(identity=None, nonce=5) == '{"nonce":5}'
    assert words.compact_json(b='é"', a=1) == '{"b":"é\\"","a":1}'
    assert json.loads(words.compact_json(x="\u2028")) == {"x": "\u2028"}


@given(pairs)
def test_forms_are_what_python_and_php_write(found: list[tuple[str, str]]) -> None:
    assert words.form(found) == urlencode(found)
    assert parse_qsl(words.form(found), keep_blank_values=True) == found


@given(pairs)
def test_sorted_and_without(found: list[tuple[str, str]]) -> None:
    assert words.sorted_pairs(found) == sorted(found, key=lambda pair: pair[0])
    assert "a" not in dict(words.without([*found, ("a", "1")], "a"))


def test_an_unsigned_request_can_be_made_by_hand() -> None:
    assert (Unsigned().body, Unsigned(nonce=5).nonce) == ("", 5)


# -- credentials -------------------------------------------------------------------------------------------------------


def test_nothing_shows_a_credential(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = Credentials(api_key=KEY, api_secret=lambda: SECRET)
    client = Acme(api_key=KEY, api_secret=SECRET)
    for thing in (credentials, client, client.orders, client.market):
        print(thing, repr(thing), f"{thing}", f"{thing!s:>10}", [thing], {"x": thing})
        logging.getLogger("test").debug("%s %r", thing, thing)
    try:
        raise RuntimeError(credentials, client)
    except RuntimeError:
        told = traceback.format_exc()
    told += capsys.readouterr().out + caplog.text
    assert KEY not in told
    assert SECRET not in told
    assert "api_key=***" in told
    assert "identity=None" in told


def test_credentials_and_clients_are_not_pickled() -> None:
    for thing in (Credentials(api_key=KEY), Acme(api_key=KEY)):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError) as caught:
                attempt(thing)
            assert KEY not in str(caught.value)


def test_a_credential_may_be_a_function() -> None:
    answers = iter([KEY, "other"])
    credentials = Credentials(api_key=lambda: next(answers), api_secret=SECRET)
    assert credentials.api_key == KEY
    assert credentials.api_key == "other"
    assert credentials.identity is None


@pytest.mark.parametrize("value", ["canary\n", "can\rary", " canary", "canary ", "can\x00ary"])
def test_a_key_with_a_stray_character_is_refused_at_once(value: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Credentials(api_key=value)
    assert "api_key" in str(caught.value)
    assert "canary" not in str(caught.value)
    with pytest.raises(InvalidValue):
        _ = Credentials(api_key=lambda: value).api_key


def test_what_is_no_credential_is_refused() -> None:
    with pytest.raises(InvalidType):
        Credentials(api_key=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidType):
        _ = Credentials(api_key=lambda: 5).api_key  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidValue):
        _ = Credentials(api_key=lambda: "").api_key


def test_an_empty_credential_is_a_missing_one() -> None:
    assert Credentials(api_key="", api_secret=SECRET).missing() == ("api_key",)
    with pytest.raises(MissingCredentials):
        Acme(api_secret=SECRET).orders.list()


def test_masking() -> None:
    credentials = Credentials(api_key=KEY, api_secret=SECRET)
    assert credentials.mask(f"<{KEY}{SECRET}>") == "<******>"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_masking_knows_every_way_to_write_a_secret(secret: str) -> None:
    credentials = Credentials(api_key="x" * 50, api_secret=secret)
    written = [
        secret,
        json.dumps(secret),
        json.dumps(secret).replace("/", "\\/"),
        repr(secret),
        urlencode({"a": secret}),
        quote(secret),
        quote(secret, safe=""),
        escape(secret),
    ]
    for way in written:
        assert credentials.mask(f"before {way} after") in (
            f"before {mark}***{end} after" for mark, end in (("", ""), ('"', '"'), ("'", "'"), ("a=", ""))
        )


def test_half_a_secret_is_half_too_much() -> None:
    for pad in range(30, 70):
        body = json.dumps({"data": "x" * pad + SECRET}).encode()
        error = Talk(_LIST, {}, [reply(body)], retries=0, credentials=Credentials(api_key=KEY, api_secret=SECRET)).error
        told = f"{error} {vars(error)}"
        assert not any(SECRET[start : start + 8] in told for start in range(len(SECRET) - 8))
        broken = Talk(
            _LIST, {}, [reply(body[:-1])], retries=0, credentials=Credentials(api_key=KEY, api_secret=SECRET)
        ).error
        told = f"{broken} {vars(broken)}"
        assert not any(SECRET[start : start + 8] in told for start in range(len(SECRET) - 8))


def test_credentials_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("ACME_API_SECRET", f"{SECRET}\n")
    monkeypatch.setenv("ACME_IDENTITY", "")
    assert "api_key=***, api_secret=***, identity=None" in repr(Acme.from_env())


def test_an_account_is_known_by_a_fingerprint_that_does_not_give_the_key_away() -> None:
    one, other = Credentials(api_key=KEY), Credentials(api_key=KEY, api_secret="x" * 9)
    assert one.fingerprint() == other.fingerprint() != Credentials(api_key="another-key").fingerprint()
    assert KEY not in one.fingerprint()
