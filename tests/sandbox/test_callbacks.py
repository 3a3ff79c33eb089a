"""What Bitok posts to its client, taken by a plain HTTP server and verified as its page says."""

from __future__ import annotations

import hashlib
import hmac
import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from logging.handlers import QueueHandler
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest
from support.hearing import PATIENCE_S, Caller
from support.replay import exchanges

from specie.sandbox import Sandbox, callbacks
from specie.sandbox.faces.bitok.notices import signed

pytest.importorskip("aiohttp")


@attrs.frozen
class Came:
    """A request that came to a receiver."""

    path: str
    content_type: str
    body: str

    @property
    def fields(self) -> dict[str, str]:
        found = parse_qsl(self.body, keep_blank_values=True, strict_parsing=True)
        assert len(dict(found)) == len(found)
        return dict(found)


class Receiver:
    """A server to which something is posted; it answers with the given statuses, and then always with the last."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.came: queue.Queue[Came] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def do_GET(self) -> None:  # where a redirect would lead
                receiver._take(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/told?shop=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0"))).decode()
        self.came.put(Came(handler.path, handler.headers.get("Content-Type", ""), body))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        handler.send_response(status)
        if 300 <= status < 400:
            handler.send_header("Location", self.url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def next(self) -> Came:
        return self.came.get(timeout=PATIENCE_S)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(models=[exchanges()["bitok"]], seed=7, limits=False) as sandbox:
        yield sandbox
        sandbox.check()


@pytest.fixture
def me(sandbox: Sandbox) -> Caller:
    return Caller(sandbox, "bitok")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(200) as one:
        yield one


@contextmanager
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(callbacks, "PAUSES_S", (0.01, 0.01, 0.01))
    yield


def ask(me: Caller, method: str, **given: Any) -> int:
    answer = me.do("POST", "/", {"method": method, **given})
    assert answer["success"] == 1, answer
    assert answer["return"]["status"] == "new"
    number: int = answer["return"]["id"]
    return number


def withdraw(me: Caller, url: str, invoice: str = "invoice-1", **given: Any) -> int:
    fields = {"amount": "0.123", "currency": "btc", "crypto_address": "1G3FtRHSfW5Saiq3pti2qm1dJ1bwFL48RD1", **given}
    return ask(me, "WithdrawCrypt", **fields, invoice=invoice, notify_url=url)


def verified(came: Came, secret: str) -> dict[str, str]:
    """The fields, if the signature is that of the page: over all of the form before it."""
    text, _, signature = came.body.rpartition("&signature=")
    assert hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest() == signature
    fields = came.fields
    del fields["signature"]
    return fields


def test_a_withdrawal_that_was_paid(sandbox: Sandbox, me: Caller, receiver: Receiver) -> None:
    number = withdraw(me, receiver.url)
    sandbox.advance(5)
    assert receiver.came.empty()
    sandbox.advance(10)
    came = receiver.next()
    assert (came.path, came.content_type) == ("/told?shop=1", "application/x-www-form-urlencoded")
    market = sandbox.market("bitok")
    assert market is not None
    assert verified(came, me.secret) == {
        "id": str(number),
        "invoice": "invoice-1",
        "amount": "0.123",
        "currency": "btc",
        "status": "paid",
        "txid": market.transfer(me.account, number).txid,
    }
    sandbox.advance(60)
    assert receiver.came.empty()


def test_a_voucher_is_made_and_redeemed(sandbox: Sandbox, me: Caller, receiver: Receiver) -> None:
    made = ask(me, "CreateVoucher", amount="12.5", currency="usd", invoice="v", notify_url=receiver.url)
    sandbox.advance(5)
    fields = verified(receiver.next(), me.secret)
    code = fields.pop("voucher_code")
    assert fields == {"id": str(made), "invoice": "v", "amount": "12.5", "currency": "usd", "status": "paid"}

    other = Caller(sandbox, "bitok", sandbox.open_account("bitok", {}))
    redeemed = ask(other, "RedeemVoucher", voucher_code=code, invoice="v", notify_url=receiver.url)
    sandbox.advance(5)
    # By the secret of the account that asked.
    fields = verified(receiver.next(), other.secret)
    assert fields == {"id": str(redeemed), "invoice": "v", "amount": "12.5", "currency": "usd", "status": "paid"}


@pytest.mark.parametrize(
    ("method", "given", "error"),
    [
        ("WithdrawCrypt", {"amount": "1", "currency": "btc", "crypto_address": "1G3F"}, "Not enough funds"),
        ("CreateVoucher", {"amount": "1", "currency": "usd"}, "Not enough funds"),
        ("RedeemVoucher", {}, "Voucher does not exist"),
    ],
)
def test_what_is_refused_in_the_end(
    sandbox: Sandbox, me: Caller, receiver: Receiver, method: str, given: dict[str, str], error: str
) -> None:
    if method == "RedeemVoucher":
        made = ask(me, "CreateVoucher", amount="1", currency="usd", invoice="first")
        sandbox.advance(5)
        market = sandbox.market("bitok")
        assert market is not None
        given = {"voucher_code": market.transfer(me.account, made).voucher_code or ""}
    before = me.do("POST", "/", {"method": "getInfo"})["return"]["funds"]
    sandbox.fault("transfer-refused on bitok")
    number = ask(me, method, **given, invoice="refused", notify_url=receiver.url)
    sandbox.advance(30)
    fields = verified(receiver.next(), me.secret)
    assert {name: fields[name] for name in ("id", "status", "error")} == {
        "id": str(number),
        "status": "cancelled",
        "error": error,
    }
    assert me.do("POST", "/", {"method": "getInfo"})["return"]["funds"] == before
    if method == "RedeemVoucher":  # a voucher that was not redeemed still can be
        ask(me, method, **given, invoice="again")


def test_nothing_is_posted_for_who_gave_no_address(sandbox: Sandbox, me: Caller, receiver: Receiver) -> None:
    ask(me, "CreateVoucher", amount="1", currency="usd", invoice="silent")
    withdraw(me, receiver.url)
    sandbox.advance(30)
    assert receiver.next().fields["invoice"] == "invoice-1"
    assert receiver.came.empty()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://", "http://[", "file:///etc/passwd"])
def test_an_address_that_is_none_of_http_is_refused(me: Caller, url: str) -> None:
    answer = me.do(
        "POST", "/", {"method": "CreateVoucher", "amount": 1, "currency": "usd", "invoice": "x", "notify_url": url}
    )
    assert answer == {"success": 0, "error": "Invalid parameter notify_url"}


def test_it_is_signed_over_what_php_makes_of_the_fields() -> None:
    text = signed([("invoice", "a b~c/ü&=+-_.!*'()")], "secret")
    query = "invoice=a+b%7Ec%2F%C3%BC%26%3D%2B-_.%21%2A%27%28%29"
    assert text == f"{query}&signature={hmac.new(b'secret', query.encode(), hashlib.sha512).hexdigest()}"


def test_what_is_not_taken_is_tried_again(
    sandbox: Sandbox, me: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with quick(monkeypatch), Receiver(500, 302, 204) as stubborn:
        withdraw(me, stubborn.url)
        sandbox.advance(30)
        first, second, third = (stubborn.next() for _ in range(3))
        assert first == second == third
        withdraw(me, stubborn.url, "invoice-2")
        sandbox.advance(30)
        assert stubborn.next().fields["invoice"] == "invoice-2"
    assert caplog.records == []


def test_it_gives_up_in_the_end(sandbox: Sandbox, me: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: queue.Queue[logging.LogRecord] = queue.Queue()
    logger, handler = logging.getLogger("specie.sandbox"), QueueHandler(warnings)
    logger.addHandler(handler)
    try:
        with quick(monkeypatch), Receiver(503) as never:
            withdraw(me, never.url)
            sandbox.advance(30)
            record = warnings.get(timeout=PATIENCE_S)
            assert [never.next().path for _ in range(4)] == ["/told?shop=1"] * 4
            assert never.came.empty()
    finally:
        logger.removeHandler(handler)
    host = never.url.partition("?")[0]
    assert record.getMessage() == f"a callback to {host} was not taken: it answers 503"


def test_nobody_there_does_not_hold_up_the_exchange(
    sandbox: Sandbox, me: Caller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quick(monkeypatch), Receiver(200) as gone:
        pass
    withdraw(me, gone.url, "nobody")
    withdraw(me, receiver.url, "somebody")
    sandbox.advance(30)
    assert receiver.next().fields["invoice"] == "somebody"
    assert me.do("POST", "/", {"method": "getInfo"})["success"] == 1


def test_without_a_seed_it_comes_by_the_clock(receiver: Receiver) -> None:
    now = [1_700_000_000_000]
    with Sandbox(models=[exchanges()["bitok"]], limits=False, clock=lambda: now[0]) as sandbox:
        withdraw(Caller(sandbox, "bitok"), receiver.url)
        now[0] += 11_000
        assert receiver.next().fields["status"] == "paid"
