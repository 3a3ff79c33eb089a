"""The receiver of notifications that the README shows, word by word, posted to by the sandbox's Bitok over real HTTP."""

from __future__ import annotations

import http.server
import queue
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests
from support.following import nothing_left
from support.replay import exchanges

from specie.bitok import Bitok, webhooks
from specie.runtime import InvalidWebhook, Nonces
from specie.sandbox import Sandbox, demo_credentials

pytest.importorskip("aiohttp")

README = Path(__file__).parents[1] / "README.md"
SECRET = demo_credentials(exchanges()["bitok"])["api_secret"]
PATIENCE_S = 10


def shown() -> str:
    """The block of the README that imports `http.server`."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if "http.server" in block]
    return str(found)


@attrs.frozen
class Shop:
    """The program of the README while it runs: where it listens, what it printed, what came to it and what it said."""

    url: str
    printed: queue.Queue[tuple[Any, ...]]
    came: queue.Queue[tuple[bytes, str]]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    began: queue.Queue[http.server.HTTPServer] = queue.Queue()
    printed: queue.Queue[tuple[Any, ...]] = queue.Queue()
    came: queue.Queue[tuple[bytes, str]] = queue.Queue()

    class AnyPort(http.server.HTTPServer):
        """The server as it is, at a port that is free; what it parses is kept."""

        def __init__(self, address: tuple[str, int], handler: Any) -> None:
            super().__init__((address[0], 0), handler)
            began.put(self)

    def parse(headers: Any, body: bytes, **more: Any) -> Any:
        came.put((body, headers["Content-Type"]))
        return webhooks_parse(headers, body, **more)

    webhooks_parse = webhooks.parse
    monkeypatch.setattr(webhooks, "parse", parse)
    monkeypatch.setattr(http.server, "HTTPServer", AnyPort)
    monkeypatch.setenv("BITOK_API_SECRET", SECRET)
    names = {"__name__": "__main__", "print": lambda *told: printed.put(told)}
    program = compile(shown(), str(README), "exec")
    with nothing_left():
        thread = threading.Thread(target=lambda: exec(program, names), name="receiver")
        thread.start()
        server = began.get(timeout=PATIENCE_S)
        yield Shop(f"http://127.0.0.1:{server.server_port}/told?shop=1", printed, came)
        server.shutdown()
        thread.join()
        server.server_close()


@attrs.frozen
class Scene:
    sandbox: Sandbox
    client: Bitok
    shop: Shop

    def ask(self, what: str, invoice: str) -> str:
        """Ask for something, let it be carried out, and give its id."""
        url = self.shop.url
        if what == "withdrawal":
            asked = self.client.wallet.withdraw(
                "0.123", currency="btc", address="1G3FtRHSfW5Saiq3", invoice=invoice, notify_url=url
            )
        elif what == "voucher":
            asked = self.client.wallet.create_voucher("12.5", currency="usd", invoice=invoice, notify_url=url)
        else:
            asked = self.client.wallet.redeem_voucher(self.voucher(), invoice=invoice, notify_url=url)
        self.sandbox.advance(30)
        return asked.id

    def voucher(self) -> str:
        """The code of a new voucher, of which nobody was told."""
        made = self.client.wallet.create_voucher("7", currency="usd", invoice="a voucher")
        faults = self.sandbox.faults
        self.sandbox.clear_faults()
        self.sandbox.advance(30)
        for fault in faults:
            self.sandbox.fault(fault)
        market = self.sandbox.market("bitok")
        assert market is not None
        return market.transfer(market.accounts[0], int(made.id)).voucher_code or ""

    def printed(self) -> tuple[Any, ...]:
        return self.shop.printed.get(timeout=PATIENCE_S)


@pytest.fixture
def scene(shop: Shop) -> Iterator[Scene]:
    with Sandbox(models=[exchanges()["bitok"]], seed=7, limits=False) as sandbox:
        with Bitok(**sandbox.client_options, nonces=Nonces(), limits="ignore") as client:
            yield Scene(sandbox, client, shop)
        sandbox.check()


def test_what_was_paid(scene: Scene) -> None:
    scene.ask("withdrawal", "first")
    word, amount, currency, txid = scene.printed()
    assert (word, str(amount), currency) == ("paid", "0.123", "btc")
    assert txid
    scene.ask("voucher", "second ~ & ü")
    assert scene.printed() == ("voucher for", "second ~ & ü")
    scene.ask("redemption", "third")
    assert scene.printed() == ("redeemed", "third")


@pytest.mark.parametrize("what", ["withdrawal", "voucher", "redemption"])
def test_what_was_cancelled(scene: Scene, what: str) -> None:
    if what == "redemption":
        code = scene.voucher()
        scene.sandbox.fault("transfer-refused on wallet.redeem_voucher")
        scene.client.wallet.redeem_voucher(code, invoice="mine", notify_url=scene.shop.url)
        scene.sandbox.advance(30)
    else:
        scene.sandbox.fault("transfer-refused on bitok")
        scene.ask(what, "mine")
    reason = "Voucher does not exist" if what == "redemption" else "Not enough funds"
    assert scene.printed() == ("cancelled", "mine", reason)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"amount=0.123", b"amount=9.123"),
        (b"status=paid", b"status=paid&more=1"),
        (b"invoice=first", b"invoice=First"),
        (b"signature=", b"signature=0"),
        (b"&signature=", b"&other="),
        (b"id=", b"id=1&id="),
        (b"&", b";"),
    ],
)
def test_what_was_tampered_with_is_refused(
    scene: Scene, old: bytes, new: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.ask("withdrawal", "first")
    assert scene.printed()[0] == "paid"
    body, kind = scene.shop.came.get(timeout=PATIENCE_S)
    assert old in body
    headers = {"Content-Type": kind}
    with requests.Session() as session:
        session.trust_env = False
        told = session.post(scene.shop.url, data=body.replace(old, new, 1), headers=headers, timeout=PATIENCE_S)
        assert told.status_code == 400
        again = session.post(scene.shop.url, data=body, headers=headers, timeout=PATIENCE_S)
        assert again.status_code == 200  # a repeat is genuine: ids of what was acted on are for the shop to keep
    assert scene.printed()[0] == "paid"
    assert scene.shop.printed.empty()
    assert SECRET not in capsys.readouterr().err


def test_another_secret_accepts_nothing(scene: Scene) -> None:
    scene.ask("voucher", "first")
    body, kind = scene.shop.came.get(timeout=PATIENCE_S)
    with pytest.raises(InvalidWebhook):
        webhooks.parse({"Content-Type": kind}, body, secret=SECRET + "x")
