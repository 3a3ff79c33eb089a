"""`specie record` and `specie cassettes`; the sandbox plays the exchange that is recorded live."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.replay import CASSETTES, NOW_MS, exchanges

from specie.cassettes import Label, record, shelf
from specie.cassettes.label import LIVE, SANDBOX, label
from specie.cassettes.recorder import Live, RecordingRefused, chosen, replay, source_of
from specie.cassettes.scrub import ADDRESS, MAIL, scrubbed
from specie.cassettes.tape import CassetteError, read, recording
from specie.cli import main
from specie.sandbox import Call, Reply, Sandbox, desk
from specie.sandbox.demo import Key

ROOT = CASSETTES.parent
CANARIES = {
    "api_key": "canary-key-H6yR9sC4uE1gBnV0aWjK",
    "api_secret": "canary-secret-Zq8+/=vXw2NbD5kfJ7mLpT3",
    "identity": "canary.owner@private-mail.com",
}
COIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


def credentials(name: str) -> dict[str, str]:
    auth = exchanges()[name].auth
    assert auth is not None
    return {one.name: CANARIES[one.name] for one in auth.credentials}


def environment(name: str) -> dict[str, str]:
    return {f"{exchanges()[name].environment}_{key.upper()}": one for key, one in credentials(name).items()}


class Talkative:
    """An exchange that says all that it knows, in every reply."""

    def __init__(self, answer: Callable[[Call], Any]) -> None:
        self._answer = answer

    def answer(self, call: Call) -> Reply:
        answer = self._answer(call)
        headers = (("Set-Cookie", "session=canary-cookie"), ("X-Request-Id", "canary-request"))
        return Reply(200, json.dumps(answer).encode(), headers=headers)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sandbox]]:
    """A sandbox in the role of the live exchange: it knows the canary's keys and no demo key."""
    with pytest.MonkeyPatch.context():
        running: list[Sandbox] = []

        def play(name: str, answer: Callable[[Call], Any] | None = None) -> Sandbox:
            monkeypatch.setattr(desk, "demo_keys", lambda exchange: [Key(credentials(exchange.name))])
            faces = None if answer is None else {name: lambda _: Talkative(answer)}
            sandbox = Sandbox(name, models=[exchanges()[name]], examples=True, limits=False, faces=faces)
            running.append(sandbox.start())
            return sandbox

        yield play
        for sandbox in running:
            sandbox.close()


def live(sandbox: Sandbox, **more: Any) -> Live:
    (name,) = sandbox.exchanges
    urls = sandbox.client_options["base_url"]
    return Live(**{"base_url": urls, "environment": environment(name), **more})


# -- from the documents' examples -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(exchanges()))
def test_every_operation_is_recorded_and_can_be_replayed(name: str, tmp_path: Path) -> None:
    exchange = exchanges()[name]
    made = list(record(exchange, out=tmp_path, today=date(2030, 1, 1)))
    assert [(one.outcome, one.failure) for one in made] == [("new", "")] * len(exchange.operations)
    for one in shelf(tmp_path, [exchange]):
        assert one.label is not None
        assert (one.label.recorded, one.label.provenance, one.spec) == ("2030-01-01", _source(one.path, name), "same")
        replay(one.path, exchange, one.label)
    # Years later nothing has changed: no byte does, not even the date.
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")}
    again = list(record(exchange, ["market"], out=tmp_path, today=date(2033, 1, 1)))
    assert {one.outcome for one in again} == {"unchanged"}
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def _source(path: Path, name: str) -> str:
    """What the cassette of the tests says of the same operation."""
    return str(read(CASSETTES / name / path.parent.name / path.name)["specie"]["provenance"])


def test_an_older_cassette_keeps_its_date_only_where_nothing_else_changed(tmp_path: Path) -> None:
    exchange = exchanges()["bitok"]
    (first,) = record(exchange, ["market.pairs"], out=tmp_path, today=date(2030, 1, 1))
    text = first.path.read_text("utf-8")
    spec = Label.read(read(first.path)["specie"]).spec
    first.path.write_text(text.replace("generator: ", "generator: 0.0.1+older"), "utf-8")
    kept = first.path.read_bytes()
    assert [one.outcome for one in record(exchange, ["market.pairs"], out=tmp_path)] == ["unchanged"]
    assert first.path.read_bytes() == kept
    for there, instead in ((exchange.docs.version, "v0"), ("btc_usd", "doge_usd"), (spec, "0" * len(spec))):
        first.path.write_text(text.replace(there, instead), "utf-8")
        (again,) = record(exchange, ["market.pairs"], out=tmp_path, today=date(2031, 1, 1))
        assert again.outcome == "changed"
        assert Label.read(read(again.path)["specie"]).recorded == "2031-01-01"


def test_the_command_records_and_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    specs = ["--specs", str(ROOT / "specs")]
    assert main(["record", "bitexbit", "market.pairs", "orders.get", "--out", "cassettes", *specs]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "new        market.pairs: cassettes/bitexbit/market/pairs.yaml (documented)"
    assert out[-1] == "2 of 2 operations recorded"
    assert main(["record", "bitexbit", "orders.get", "--with", "order_id=77", "--out", "cassettes", *specs]) == 0
    assert "/order/77/" in (tmp_path / "cassettes/bitexbit/orders/get.yaml").read_text("utf-8")
    assert main(["cassettes", "bitexbit", *specs]) == 0
    text = capsys.readouterr().out
    assert "bitexbit/orders/get.yaml" in text
    assert "2 cassettes: 2 documented" in text
    assert "today" in text
    (tmp_path / "cassettes/bitexbit/market/pairs.yaml").write_text("version: 1\ninteractions: []\n", "utf-8")
    assert main(["cassettes", "bitexbit", "--json", *specs]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["provenance"] for row in rows] == ["unknown", "documented"]
    assert "it has no label" in rows[0]["wrong"]


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, status, words in (
        (["bitopro", "orders.crate"], 1, "did you mean 'orders.create'?"),
        (["bitopro", "--allow-trading"], 2, "go with --live"),
        (["bitopro", "orders.get", "--with", "order=1"], 1, "takes 'order'"),
        (["bitopro", "orders.create", "--live"], 1, "say --allow-trading if that is meant"),
        (["nowhere"], 1, "no exchange 'nowhere'"),
    ):
        specs = ["--specs", str(ROOT / "specs"), "--out", str(tmp_path)]
        assert main(["record", *arguments, *specs]) == status, arguments
        assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_cassettes_of_this_checkout_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cassettes", "--json", "--dir", str(CASSETTES), "--specs", str(ROOT / "specs")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(list(CASSETTES.rglob("*.yaml")))
    assert {row["provenance"] for row in rows} <= {"documented", "assumed", "sandbox", "live"}


# -- from the exchange itself, whose part the sandbox plays -----------------------------------------------------------


def talkative(call: Call) -> Any:
    return {
        "data": [
            {
                "currency": "btc",
                "amount": "12.34567890",
                "available": "12.3",
                "stake": "0",
                "tradable": True,
                "address": COIN,
            },
            {"note": f"{CANARIES['identity']} sent to {COIN} with {CANARIES['api_key']}"},
        ][: 1 if call.operation.id == "account.balances" else 2]
    }


@pytest.mark.parametrize("balances", [False, True])
def test_nothing_of_a_real_account_shows(balances: bool, tmp_path: Path, played: Any) -> None:
    exchange = exchanges()["bitopro"]
    sandbox = played("bitopro", talkative)
    (made,) = record(exchange, ["account.balances"], out=tmp_path, live=live(sandbox, balances=balances))
    assert (made.outcome, made.failure) == ("new", "")
    assert [one.verdict for one in sandbox.requests] == ["ok"]  # signed by the real key, and by nothing else
    text = made.path.read_text("utf-8")
    for canary in (*CANARIES.values(), COIN, "canary", "cookie", "127.0.0.1", str(sandbox.port)):
        assert canary.lower() not in text.lower()
    assert ADDRESS in text
    assert ("12.34567890" in text) is not balances
    assert ('"amount":"0.00000000"' in text) is balances
    # What is left is a cassette like any other: anybody can replay it, signature and all.
    head = Label.read(read(made.path)["specie"])
    (balance,) = replay(made.path, exchange, head)
    assert balance.amount == (0 if balances else Decimal("12.3456789"))


@pytest.mark.parametrize("name", list(exchanges()))
def test_every_exchange_can_be_recorded_live(name: str, tmp_path: Path, played: Any) -> None:
    exchange = exchanges()[name]
    sandbox = played(name)
    made = list(record(exchange, out=tmp_path, live=live(sandbox)))
    assert {one.effect for one in exchange.operations if one.id in [it.operation for it in made]} == {"read"}
    assert [one for one in made if one.failure] == []
    assert {one.provenance for one in made} == {SANDBOX}
    secrets = [one for key, one in credentials(name).items() if key != "identity"]
    for one in shelf(tmp_path, [exchange]):
        assert one.path.name.endswith(".sandbox.yaml")
        assert one.label is not None
        assert not [secret for secret in secrets if secret in one.path.read_text("utf-8")]
        replay(one.path, exchange, one.label)


def test_nothing_is_called_live_that_is_not() -> None:
    for exchange in exchanges().values():
        assert source_of(exchange, {}) == LIVE
        own = {one.name: one.url for one in exchange.servers}
        assert source_of(exchange, own) == LIVE
        for name in own:
            assert source_of(exchange, {name: "http://127.0.0.1:1/x"}) == SANDBOX
            plain = own[name].replace("https://", "http://").replace("wss://", "ws://")
            assert source_of(exchange, {name: plain}) == SANDBOX
            assert source_of(exchange, {name: f"{own[name]}.example"}) == SANDBOX


def test_trading_is_refused_unless_it_is_allowed(tmp_path: Path, played: Any) -> None:
    exchange = exchanges()["bitopro"]
    sandbox = played("bitopro")
    for names in (["orders.create"], ["orders.open", "orders.cancel_all"], ["wallet.withdraw"]):
        with pytest.raises(RecordingRefused, match="say --allow-trading"):
            record(exchange, names, out=tmp_path, live=live(sandbox))
    assert not sandbox.requests
    assert not list(tmp_path.iterdir())
    # Allowed, only what is named is done.
    (made,) = record(exchange, ["orders.cancel_all"], out=tmp_path, live=live(sandbox, allow_trading=True))
    assert made.outcome == "new"
    assert {one.effect for one in chosen(exchange, ["orders"], reads_only=True)} == {"read"}


def test_without_keys_nothing_is_called(tmp_path: Path, played: Any) -> None:
    sandbox = played("bitopro")
    with pytest.raises(RecordingRefused, match="BITOPRO_API_KEY and BITOPRO_API_SECRET"):
        record(exchanges()["bitopro"], ["orders.open"], out=tmp_path, live=live(sandbox, environment={}))
    (made,) = record(exchanges()["bitopro"], ["market.pairs"], out=tmp_path, live=live(sandbox, environment={}))
    assert made.outcome == "new"


def test_a_recording_that_fails_leaves_no_cassette(tmp_path: Path, played: Any) -> None:
    exchange = exchanges()["bitopro"]
    sandbox = played("bitopro")
    for fault in ("status:502", "garbage", "truncated", "accept-then-reset"):
        sandbox.fault(fault)
        (made,) = record(exchange, ["orders.open"], out=tmp_path, live=live(sandbox))
        assert made.failure
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    wrong = {**environment("bitopro"), "BITOPRO_API_SECRET": "canary-wrong"}
    (made,) = record(exchange, ["orders.open"], out=tmp_path, live=live(sandbox, environment=wrong))
    assert "InvalidSignature" in made.failure
    assert "canary" not in made.failure
    # What was there before stays.
    (made,) = record(exchange, ["orders.open"], out=tmp_path, live=live(sandbox))
    before = made.path.read_bytes()
    sandbox.fault("status:502")
    (made,) = record(exchange, ["orders.open"], out=tmp_path, live=live(sandbox))
    assert made.failure
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [before]


def test_a_recording_that_is_given_up_leaves_no_cassette(tmp_path: Path) -> None:
    exchange = exchanges()["bitok"]
    head = label(exchange, "scenario", SANDBOX)
    with pytest.raises(CassetteError, match="nothing was called"), recording(tmp_path / "a.yaml", exchange, head):
        pass
    with pytest.raises(KeyError), recording(tmp_path / "b.yaml", exchange, head):
        raise KeyError
    with recording(tmp_path / "c.yaml", exchange, head) as take:
        take.discard()
    assert not list(tmp_path.iterdir())


# -- scrubbing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"who": "me.and+you@mail.example.com"}', f'{{"who": "{MAIL}"}}'),
        (f'{{"to": "{COIN}"}}', f'{{"to": "{ADDRESS}"}}'),
        ('{"to": "0x52908400098527886E0F7030069857D2E4169EE7"}', f'{{"to": "{ADDRESS}"}}'),
        ('{"to": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"}', f'{{"to": "{ADDRESS}"}}'),
        ('{"address": "any text", "n": 1.10}', f'{{"address":"{ADDRESS}","n":1.10}}'),
        ('{"api_key": "canary-key-H6yR9sC4uE1gBnV0aWjK"}', '{"api_key": "demo"}'),
        ("<html>canary-secret-Zq8%2B%2F%3DvXw2NbD5kfJ7mLpT3</html>", "<html>demo</html>"),
        ('{"kept":   [1.50, "as it was"]}', '{"kept":   [1.50, "as it was"]}'),
    ],
)
def test_what_is_scrubbed(text: str, clean: str) -> None:
    exchange = exchanges()["bitopro"]
    operation = next(one for one in exchange.operations if one.id == "orders.open")
    demo = dict.fromkeys(CANARIES, "demo")
    assert scrubbed(text, exchange, operation, CANARIES, demo) == clean


def test_balances_are_scrubbed_wherever_they_stand() -> None:
    exchange = exchanges()["bitok"]
    demo = dict.fromkeys(CANARIES, "demo")
    for name, text, clean in (
        (
            "orders.create",
            '{"success":1,"return":{"received":0.1,"remains":0,"order_id":0,"funds":{"usd":325.50,"btc":2}}}',
            '{"success":1,"return":{"received":0.1,"remains":0,"order_id":0,"funds":{"usd":0.00,"btc":0}}}',
        ),
        ("market.ticker", '{"vol_cur":10.5}', '{"vol_cur":10.5}'),
    ):
        operation = next(one for one in exchange.operations if one.id == name)
        assert scrubbed(text, exchange, operation, CANARIES, demo, balances=True) == clean
    assert NOW_MS


def test_a_live_recording_of_an_unchanged_reply_changes_no_byte(tmp_path: Path, played: Any) -> None:
    """The clock goes on; where it shows in no request, it is no change."""
    exchange = exchanges()["bitopro"]
    sandbox = played("bitopro")
    (first,) = record(exchange, ["market.pairs"], out=tmp_path, live=live(sandbox), today=date(2030, 1, 1))
    before = first.path.read_bytes()
    (again,) = record(exchange, ["market.pairs"], out=tmp_path, live=live(sandbox), today=date(2031, 1, 1))
    assert (again.outcome, again.path.read_bytes()) == ("unchanged", before)
    # A signed call has its time in it, and is another one each time.
    made = [next(record(exchange, ["account.balances"], out=tmp_path, live=live(sandbox))) for _ in range(2)]
    assert [one.outcome for one in made] == ["new", "changed"]
    replay(made[1].path, exchange, Label.read(read(made[1].path)["specie"]))
