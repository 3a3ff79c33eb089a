"""Notifications: verified over what was received, before anything in them is believed."""

from __future__ import annotations

import hashlib
import hmac
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime import Id, InvalidType, InvalidValue, InvalidWebhook, Model, WebhookSignatureMismatch, model, wire
from specie.runtime.conditions import ABSENT, PRESENT
from specie.runtime.signing import Pairs, hmac_sha512, php_form, without
from specie.runtime.webhooks import LARGEST_BODY, Webhooks, parse_form

SECRET = "demo-secret"


@model
class Paid(Model):
    """Coins were sent."""

    id: Id
    amount: Decimal
    txid: str
    note: str | None = None


@model
class Cancelled(Model):
    """Coins were not sent."""

    id: Id
    error: str


@model
class VoucherPaid(Model):
    """A voucher was made."""

    id: Id
    code: str = wire("voucher_code")


@model
class VoucherCancelled(Model):
    """A voucher was not made."""

    id: Id
    error: str


@model
class Redeemed(Model):
    """A voucher was redeemed."""

    id: Id


@model
class Neither(Model):
    """It came to nothing, whatever it was."""

    id: Id
    error: str


def sign(fields: Pairs, *, api_secret: str) -> str:
    """As the compiler prints it."""
    return hmac_sha512(api_secret, php_form(without(fields, "signature"))).hex()


ALTERNATIVES: dict[str, Any] = {
    "withdrawal": ((Paid, {"txid": PRESENT}), (Cancelled, {"error": PRESENT})),
    "voucher": ((VoucherPaid, {"voucher_code": PRESENT}), (VoucherCancelled, {"error": PRESENT})),
    "redemption": ((Redeemed, {"txid": ABSENT, "voucher_code": ABSENT, "error": ABSENT, "status": "processed"}),),
}
WEBHOOKS: Webhooks[Any] = Webhooks(
    name="webhooks", field="signature", sign=sign, alternatives=ALTERNATIVES, otherwise=Neither
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def php(fields: Mapping[str, str]) -> str:
    """`http_build_query`, written anew from its manual: `urlencode` leaves alphanumerics and `-_.` alone."""
    return "&".join(
        f"{quote_plus(name).replace('~', '%7E')}={quote_plus(value).replace('~', '%7E')}"
        for name, value in fields.items()
    )


def signed(fields: Mapping[str, str], secret: str = SECRET) -> bytes:
    signature = hmac.new(secret.encode(), php(fields).encode(), hashlib.sha512).hexdigest()
    return urlencode({**fields, "signature": signature}).encode()


def parse(body: bytes | str, webhook: str | None = None, *, headers: Any = FORM, secret: Any = SECRET) -> Any:
    return WEBHOOKS.parse(headers, body, {"api_secret": secret}, webhook)


PAID = {"id": "12345678", "amount": "0.1230", "txid": "ab cd", "note": ""}


def test_a_signed_notification_becomes_its_type_with_every_digit() -> None:
    assert parse(signed(PAID)) == Paid(id="12345678", amount=Decimal("0.1230"), txid="ab cd")
    assert str(parse(signed(PAID)).amount) == "0.1230"


def test_text_as_received_is_taken_too() -> None:
    assert parse(signed(PAID).decode()) == parse(signed(PAID))


def test_the_known_vector() -> None:
    """The sample of the page whose rule is followed, under a secret of ours."""
    fields = [
        ("id", "12345678"),
        ("invoice", "XXXXXXXXX"),
        ("amount", "0.123"),
        ("currency", "btc"),
        ("status", "processed"),
        ("txid", "12345678"),
    ]
    assert sign([*fields, ("signature", "x")], api_secret=SECRET).startswith(
        "277a0e139982dc41dbdf94a573b245586ebe005e90029a1a"
    )


@pytest.mark.parametrize("invoice", ["a~b", "a b", "a+b", "ä€", "!'()*", "%41", "a&b=c", "x" * 1000])
def test_the_signature_is_over_what_php_would_have_written(invoice: str) -> None:
    assert parse(signed({**PAID, "invoice": invoice})).id == "12345678"


def test_how_the_sender_escapes_does_not_matter() -> None:
    body = signed(PAID)
    assert parse(body.replace(b"ab+cd", b"ab%20cd")) == parse(body)
    assert parse(body.replace(b"12345678", b"%31%32345678")) == parse(body)


def test_the_signature_may_stand_anywhere() -> None:
    first, _, rest = signed(PAID).rpartition(b"&")
    assert parse(rest + b"&" + first) == parse(signed(PAID))


def test_the_order_of_the_fields_counts() -> None:
    one, two, *rest = signed(PAID).split(b"&")
    with pytest.raises(WebhookSignatureMismatch):
        parse(b"&".join([two, one, *rest]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"0.1230", b"1.1230"),
        (b"12345678", b"12345679"),
        (b"note=", b"note=x"),
        (b"signature=", b"signature=0"),
        (b"signature=", b"Signature="),
        (b"signature=", b"signature=&ignored="),
    ],
)
def test_any_change_is_a_wrong_signature(before: bytes, after: bytes) -> None:
    with pytest.raises(WebhookSignatureMismatch):
        parse(signed(PAID).replace(before, after))


def test_another_secret_is_a_wrong_signature() -> None:
    with pytest.raises(WebhookSignatureMismatch, match="not signed with this secret") as caught:
        parse(signed(PAID, "another"))
    assert caught.value.field == "signature"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("signature", ["", "ü", "0", "A" * 128, "\x00"])
def test_a_forged_signature_is_refused_whatever_it_holds(signature: str) -> None:
    with pytest.raises(WebhookSignatureMismatch):
        parse(urlencode({**PAID, "signature": signature}))


def test_a_missing_signature_says_so() -> None:
    with pytest.raises(WebhookSignatureMismatch, match="has no signature"):
        parse(urlencode(PAID))


def test_a_repeated_field_is_refused_before_anything_is_verified() -> None:
    with pytest.raises(InvalidWebhook, match="'amount' twice") as caught:
        parse(signed(PAID) + b"&amount=900")
    assert caught.value.field == "amount"
    with pytest.raises(InvalidWebhook, match="'signature' twice"):
        parse(b"signature=0&" + signed(PAID))
    with pytest.raises(InvalidWebhook, match="'amount' twice"):
        parse(signed(PAID) + b"&%61mount=900")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{}",
        b'{"id": 1}',
        b"id",
        b"id=1&",
        b"&id=1",
        b"=1",
        b"id=%",
        b"id=%4",
        b"id=%zz",
        b"%GG=1",
        b"id=%ff",
        b"\xff=1",
    ],
)
def test_what_is_not_a_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidWebhook) as caught:
        parse(body)
    assert not isinstance(caught.value, WebhookSignatureMismatch)


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidWebhook, match="65536"):
        parse(b"id=" + b"1" * LARGEST_BODY)
    with pytest.raises(InvalidWebhook, match="1000"):
        parse(b"&".join(b"%d=1" % number for number in range(1001)))


def _message(**headers: str) -> Message:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    "headers",
    [
        {},
        FORM,
        {"content-type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"},
        {"CONTENT-TYPE": ""},
        _message(Content_Type="application/x-www-form-urlencoded"),
    ],
)
def test_headers_may_be_of_any_server(headers: Any) -> None:
    assert isinstance(parse(signed(PAID), headers=headers), Paid)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(InvalidWebhook, match="x-www-form-urlencoded"):
        parse(signed(PAID), headers={"content-TYPE": kind})


def test_a_parsed_form_is_refused_with_a_reason() -> None:
    with pytest.raises(InvalidType, match="bytes that were received"):
        parse(PAID)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("secret", "error"),
    [("", InvalidValue), (" ", InvalidValue), ("x\n", InvalidValue), (None, InvalidType), (b"x", InvalidType)],
)
def test_a_secret_that_cannot_be_one_is_refused(secret: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="api_secret"):
        parse(signed(PAID), secret=secret)


# -- which event -----------------------------------------------------------------------------------------------------


def test_what_is_in_it_tells_which_webhook_it_is() -> None:
    assert isinstance(parse(signed({"id": "1", "voucher_code": "x"})), VoucherPaid)
    assert isinstance(parse(signed({"id": "1", "status": "processed"})), Redeemed)
    assert isinstance(parse(signed({"id": "1", "status": "processed", "txid": ""}), "redemption"), Redeemed)


def test_what_fits_several_is_named_neutrally_unless_the_receiver_knows() -> None:
    body = signed({"id": "1", "error": "Not enough funds"})
    assert parse(body) == Neither(id="1", error="Not enough funds")
    assert parse(body, "withdrawal") == Cancelled(id="1", error="Not enough funds")
    assert parse(body, "voucher") == VoucherCancelled(id="1", error="Not enough funds")


def test_without_a_neutral_type_the_receiver_must_know() -> None:
    webhooks: Webhooks[Any] = Webhooks(name="webhooks", field="signature", sign=sign, alternatives=ALTERNATIVES)
    with pytest.raises(InvalidWebhook, match="withdrawal or voucher"):
        webhooks.parse(FORM, signed({"id": "1", "error": "x"}), {"api_secret": SECRET})


def test_what_fits_none_is_refused() -> None:
    with pytest.raises(InvalidWebhook, match="not that of any webhook: it has 'id', 'signature'"):
        parse(signed({"id": "1"}))
    with pytest.raises(InvalidWebhook, match="not that of the webhook voucher"):
        parse(signed(PAID), "voucher")


def test_an_unknown_webhook_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidValue, match="there are withdrawal, voucher, redemption"):
        parse(signed(PAID), "withdraw")


def test_a_signed_notification_of_another_shape_says_which_field() -> None:
    with pytest.raises(InvalidWebhook, match=r"is no Paid: \$\.amount: expected a number, found 'much'") as caught:
        parse(signed({**PAID, "amount": "much"}))
    assert caught.value.field == "amount"


# -- properties ------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(texts.filter(bool), texts, min_size=1, max_size=8))
def test_fields_come_back_in_their_order(fields: dict[str, str]) -> None:
    assert parse_form(FORM, urlencode(fields).encode()) == list(fields.items())


@given(
    st.dictionaries(
        texts.filter(lambda name: name not in ("", "signature", "id", "txid", "amount", "note")), texts, max_size=5
    )
)
def test_whatever_else_a_signed_notification_holds_it_is_verified(more: dict[str, str]) -> None:
    assert parse(signed({**PAID, **more})).txid == "ab cd"


@given(st.binary(max_size=200))
def test_whatever_is_posted_is_refused_in_a_sentence(body: bytes) -> None:
    with pytest.raises(InvalidWebhook):
        parse(body)


@given(st.integers(0, 200), st.integers(1, 255))
def test_no_changed_byte_is_believed(index: int, change: int) -> None:
    body = bytearray(signed(PAID))
    index %= len(body)
    body[index] ^= change
    try:
        event = parse(bytes(body))
    except InvalidWebhook:
        return
    assert event == parse(signed(PAID))  # such as %2B in the letters %2b


# -- a receiver ------------------------------------------------------------------------------------------------------


def test_a_receiver_of_the_standard_library() -> None:
    events: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                events.append(parse(body, headers=self.headers))
            except WebhookSignatureMismatch:
                self.send_response(403)
            except InvalidWebhook:
                self.send_response(400)
            else:
                self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    def post(body: bytes) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}/", body, method="POST")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert [post(signed(PAID)), post(signed(PAID, "x")), post(b"what")] == [200, 403, 400]
        finally:
            server.shutdown()
            thread.join()
    assert events == [parse(signed(PAID))]
