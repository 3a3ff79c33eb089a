"""Invented exchanges that say everything the language can say, and the clients that they become.

Run with SPECIE_UPDATE_GOLDEN=1 to write the golden files anew, and read the difference.
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

from specie.compiler import compile_specs, grammar, source, stream_grammar
from specie.compiler.connections import TAKEN
from specie.compiler.diagnostics import Complaints
from specie.compiler.write import with_lists
from specie.runtime import InvalidValue, Nonces, StreamOptions, Unsigned, WebhookSignatureMismatch

from .acme import GOLDEN, SPECS, imported, rendered

EXPECTED = GOLDEN / "expected"
ROOT = Path(__file__).parents[2]


# --- the text -------------------------------------------------------------------------------------------------------


def test_golden() -> None:
    files = with_lists(rendered())
    if os.environ.get("SPECIE_UPDATE_GOLDEN"):
        for path, text in files.items():
            (EXPECTED / path).parent.mkdir(parents=True, exist_ok=True)
            (EXPECTED / path).write_text(text, encoding="utf-8")
    expected = {
        path.relative_to(EXPECTED).as_posix(): path.read_text(encoding="utf-8")
        for path in EXPECTED.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert set(files) == set(expected)
    for path, text in files.items():
        assert text == expected[path], f"{path} is not what is expected"


def _records(shape: Any, found: dict[str, grammar.Record]) -> None:
    match shape:
        case grammar.Record():
            if shape.what not in found:
                found[shape.what] = shape
                for inner in shape.keys.values():
                    _records(inner, found)
        case grammar.Names():
            _records(shape.value, found)
        case grammar.Many():
            _records(shape.item, found)
        case grammar.Either():
            for one in (shape.scalar, shape.sequence, shape.mapping, shape.records):
                _records(one, found)
        case _:
            pass


def _keys(node: source.Node | None) -> Iterator[str]:
    if isinstance(node, source.Mapping):
        for entry in node:
            yield entry.key.removesuffix("?")
            yield from _keys(entry.value)
    elif isinstance(node, source.Sequence):
        for item in node:
            yield from _keys(item)


def test_the_golden_spec_uses_every_key_of_the_grammar() -> None:
    found: dict[str, grammar.Record] = {}
    _records(grammar.EXCHANGE_FILE, found)
    for shape in (grammar.GROUP_FILE, *stream_grammar.FILES.values()):
        _records(shape, found)
    texts = [path.read_text(encoding="utf-8") for path in SPECS.rglob("*.yaml")]
    used = {key for text in texts for key in _keys(source.parse(text, "", Complaints()))}
    assert {key.removesuffix("?") for record in found.values() for key in record.keys} - used == set()


def _sentences(node: source.Node | None, wanted: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, source.Mapping):
        for entry in node:
            if entry.key in wanted:
                items = entry.value.items if isinstance(entry.value, source.Sequence) else (entry.value,)
                yield from (" ".join(item.raw.split()) for item in items if isinstance(item, source.Scalar))
            else:
                yield from _sentences(entry.value, wanted)
    elif isinstance(node, source.Sequence):
        for item in node:
            yield from _sentences(item, wanted)


def test_every_sentence_of_the_spec_reaches_a_docstring() -> None:
    """Above all what is assumed and where documents conflict: nothing is invented silently."""
    parsed = [source.parse(path.read_text(encoding="utf-8"), "", Complaints()) for path in SPECS.rglob("*.yaml")]
    printed = " ".join(" ".join(text.split()) for text in rendered().values())
    wanted = ("doc", "assumed", "conflict", "deprecated")
    sentences = [sentence for node in parsed for sentence in _sentences(node, wanted)]
    assert len(sentences) > 70
    assert [sentence for sentence in sentences if sentence.rstrip(".") not in printed] == []


@pytest.mark.parametrize("command", ["ruff format --check", "ruff check", "mypy --strict"])
def test_golden_pleases(command: str, tmp_path: Path) -> None:
    environment = {**os.environ, "MYPYPATH": str(ROOT / "generator")}
    arguments = [sys.executable, "-m", *command.split()]
    if "mypy" in command:
        arguments += ["--cache-dir", str(tmp_path), "--namespace-packages", "--explicit-package-bases"]
    else:
        arguments += ["--line-length", "120"]
    done = subprocess.run(
        [*arguments, "acme", "bourse", "casa"],
        cwd=EXPECTED,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- the client -----------------------------------------------------------------------------------------------------


class Wire(BaseAdapter):
    """Takes requests in place of the network, keeps them, and answers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[object] = []
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        self.requests.append(request)
        response = requests.Response()
        response.status_code = 200
        response.url = str(request.url)
        response.request = request
        response._content = json.dumps(self.answers.pop(0)).encode()
        return response

    def close(self) -> None:
        pass

    @property
    def last(self) -> requests.PreparedRequest:
        return self.requests[-1]

    @property
    def text(self) -> str:
        body = self.last.body or b""
        return body.decode() if isinstance(body, bytes) else body

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(str(self.last.url)).query)


@pytest.fixture(scope="module")
def acme() -> Iterator[ModuleType]:
    with imported(EXPECTED, "acme") as module:
        yield module


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def client(acme: ModuleType, wire: Wire) -> Any:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", wire)
    return acme.Acme(
        api_key="key", api_secret="acme", session=session, clock=lambda: 1_700_000_000_000, nonces=Nonces(), retries=0
    )


def _data(value: object) -> dict[str, object]:
    return {"success": True, "code": 0, "data": value}


TRADE = {"tradeId": 7, "side": "buy", "price": "1.50", "time": "1700000000000"}
TICKER = {
    "symbol": "BTC_USD", "lastPrice": "60000.10", "status": 1, "updated": 1700000000000, "tags": [], "limits": {},
    "trades": {"9": {"side": "sell", "price": 2, "time": 1}}, "nested": [[1, 2], []],
}  # fmt: skip


def test_exports(acme: ModuleType) -> None:
    names = acme.__all__
    assert {"Acme", "AsyncAcme", "Market", "AsyncOrders", "Ticker", "Side", "AsyncStreams", "webhooks"} <= set(names)
    assert "Webhooks" not in names
    aliases = {name for name in names if not isinstance(getattr(acme, name), type | ModuleType)}
    assert "Event" in aliases
    assert all(getattr(acme, name).__name__ == name for name in set(names) - aliases - {"webhooks"})
    assert acme.Event == acme.Paid | acme.Redeemed | acme.Refused
    assert acme.webhooks.__name__ == "acme.webhooks"


def test_get(client: Any, wire: Wire, acme: ModuleType) -> None:
    wire.answers = [_data(TICKER)]
    ticker = client.market.ticker("BTC_USD", depth=5)
    assert wire.last.url == "https://api.acme.example/v1/ticker/BTC_USD?depth=5"
    assert ticker.last_price == Decimal("60000.10")
    assert ticker.status is acme.Status.OPEN
    assert ticker.updated_utc.isoformat() == "2023-11-14T22:13:20+00:00"
    assert [trade.trade_id for trade in ticker.trades] == ["9"]
    assert (ticker.tags, ticker.limits, ticker.nested, ticker.parent) == ([], {}, [[1, 2], []], None)


def test_join_and_repeat(client: Any, wire: Wire, acme: ModuleType) -> None:
    wire.answers = [_data({"BTC_USD": TICKER}), _data({})]
    tickers = client.market.tickers(symbols=["BTC_USD", "ETH_USD"], sides=[acme.Side.BUY, acme.Side.SELL])
    assert wire.query == [("side", "buy"), ("side", "sell"), ("symbols", "BTC_USD,ETH_USD")]
    assert tickers["BTC_USD"].symbol == "BTC_USD"
    assert client.market.tickers(symbols="BTC_USD") == {}


def test_rows_and_at(client: Any, wire: Wire) -> None:
    book = {"bids": [["1.5", "2"], ["1.4", "3", 4]], "asks": [], "t": "1700000000.25", "T": None}
    wire.answers = [_data({"e": book}), _data([book])]
    found = client.market.book("BTC_USD")
    assert (found.bids[0].price, found.bids[0].orders, found.bids[1].orders) == (Decimal("1.5"), None, 4)
    assert found.updated_utc.microsecond == 250_000


def test_second_server_header_and_ok(client: Any, wire: Wire) -> None:
    wire.answers = [{"status": "fine", "rows": {"items": [["1", 2]]}}]
    assert client.market.candles("1m", trace="t") == [[Decimal(1), Decimal(2)]]
    assert str(wire.last.url).startswith("https://charts.acme.example/candles?")
    assert wire.last.headers["X-Trace"] == "t"


def test_pages(client: Any, wire: Wire) -> None:
    second = {**TRADE, "tradeId": 8}
    wire.answers = [_data({"rows": [TRADE, second]}), _data({"rows": [second]}), _data({"rows": []})]
    assert [trade.trade_id for trade in client.market.iter_trades("BTC_USD", limit=2)] == ["7", "8"]
    assert parse_qsl(urlsplit(str(wire.requests[1].url)).query) == [
        ("from", "2"),
        ("limit", "2"),
        ("symbol", "BTC_USD"),
    ]
    wire.answers = [_data({"7": TRADE}), _data([])]
    assert [trade.trade_id for trade in client.market.iter_pages_of_trades()] == ["7"]
    assert wire.query == [("page", "2")]


def test_a_default_that_is_sent(client: Any, wire: Wire) -> None:
    wire.answers = [_data({"rows": []})]
    client.market.trades("BTC_USD")
    assert wire.query == [("from", "0"), ("symbol", "BTC_USD")]


def test_signed_body(client: Any, wire: Wire, acme: ModuleType) -> None:
    wire.answers = [_data({"orderId": 2**60, "side": "buy", "price": "", "created": "1"})]
    order = client.orders.create(
        "BTC_USD", side=acme.Side.BUY, type=acme.OrderType.LIMIT, amount=Decimal("0.10"), price="5", client_id=3
    )
    assert (order.order_id, order.price) == (str(2**60), None)
    body = json.loads(wire.text)
    assert body == {
        "side": "buy", "type": "LIMIT", "amount": "0.10", "price": "5", "clientId": "3",
        "timestamp": 1_700_000_000_000,
    }  # fmt: skip
    assert wire.last.headers["X-ACME-KEY"] == "key"
    assert "X-ACME-EXPIRES" not in wire.last.headers


def test_rules(client: Any, acme: ModuleType) -> None:
    side, kind = acme.Side.BUY, acme.OrderType
    with pytest.raises(InvalidValue, match="price unless type == MARKET"):
        client.orders.create("BTC_USD", side=side, type=kind.LIMIT, amount=1)
    with pytest.raises(InvalidValue, match="one of amount, quote_amount"):
        client.orders.create("BTC_USD", side=side, type=kind.MARKET, amount=1, quote_amount=1)


def test_input_model_as_whole_body(client: Any, wire: Wire, acme: ModuleType) -> None:
    batch = acme.BatchOrder(pair="BTC_USD", side=acme.Side.SELL, amount=1, price="2.50", labels=["a"])
    with pytest.raises(InvalidValue, match="price unless type == MARKET"):
        acme.BatchOrder(pair="BTC_USD", side=acme.Side.SELL, amount=1)
    wire.answers = [_data([])]
    assert client.orders.create_batch([batch]) == []
    assert json.loads(wire.text) == [
        {
            "market": "BTC_USD", "type": "LIMIT", "kind": "batch", "side": "sell", "amount": "1", "price": 2.5,
            "labels": ["a"], "created": 1_700_000_000_000,
        }
    ]  # fmt: skip


def test_form_and_cancel(client: Any, wire: Wire) -> None:
    wire.answers = [_data({"done": 1}), _data(None)]
    assert client.orders.edit(17, hidden=False) is True
    assert parse_qsl(wire.text) == [
        ("method", "editOrder"), ("orderId", "17"), ("hidden", "0"), ("nonce", "1700000000000"),
    ]  # fmt: skip
    assert client.orders.cancel(17) is None
    assert (wire.last.method, urlsplit(str(wire.last.url)).path) == ("DELETE", "/v1/orders/17")


def test_windows(client: Any, wire: Wire) -> None:
    day, start = 86_400_000, 1_600_000_000_000
    wire.answers = [_data([]), _data([])]
    assert list(client.orders.iter_history(start=start, end=start + 100 * day)) == []
    spans = [dict(parse_qsl(urlsplit(str(one.url)).query)) for one in wire.requests]
    middle = start + 10 * day
    assert [(int(span["start"]), int(span["end"])) for span in spans] == [(middle, start + 100 * day), (start, middle)]


def test_from_env(acme: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TEST_API_KEY", "from the environment")
    with acme.Acme.from_env(timeout=3) as client:
        assert client._settings.credentials.api_key == "from the environment"
        assert client._settings.credentials.missing() == ("api_secret",)
    asyncio.run(acme.AsyncAcme.from_env(expire_after=5).close())


def test_streams(client: Any, acme: ModuleType) -> None:
    names = {name: str(inspect.signature(one)) for name, one in vars(acme.Streams).items() if inspect.isfunction(one)}
    assert names["order_book"] == (
        "(self, symbol: 'str | Sequence[str]', *, depth: 'Literal[5, 10] | None' = None) -> 'Stream[BookChange]'"
    )
    assert names["book"] == "(self, symbol: 'str', *, depth: 'Literal[5, 10] | None' = None) -> 'LocalBook'"
    assert names["orders"] == "(self) -> 'Stream[OrderUpdate | Order]'"
    assert names["notices"] == "(self) -> 'Stream[OrderUpdate | Notice]'"
    assert names["trades"].startswith("(self, side: 'Side | Sequence[Side]', *, span: 'str | None' = None")
    assert names["with_options"] == (
        "(self, *, version: 'Literal[1, 2] | None' = None, **options: 'Unpack[StreamOptions]') -> 'Self'"
    )
    changed = client.streams.with_options(version=1, queue=5)
    assert type(changed) is type(client.streams) is acme.Streams
    assert changed is not client.streams


def test_no_option_of_a_connection_hides_one_of_all_streams() -> None:
    assert set(StreamOptions.__annotations__) | {"channel", "channels", "request", "self", "options"} == TAKEN


def test_webhooks(acme: ModuleType) -> None:
    secrets = {"api_key": "key", "api_secret": "acme"}

    def parse(fields: dict[str, str], **more: Any) -> Any:
        signature = acme.webhooks.sign(list(fields.items()), **secrets)
        body = urlencode({**fields, "sig": signature})
        return acme.webhooks.parse({}, body.encode(), **secrets, **more)

    paid = parse({"id": "7", "txid": "0x1", "amount": "1.50"})
    assert paid == acme.Paid(id="7", amount=Decimal("1.50"), txid="0x1")
    assert parse({"id": "7", "voucher": "v"}) == acme.Redeemed(id="7", voucher="v")
    assert parse({"id": "7", "reason": "r"}, webhook="voucher") == acme.Refused(id="7", reason="r")
    with pytest.raises(WebhookSignatureMismatch):
        acme.webhooks.parse({}, b"id=7&txid=1&amount=2&sig=key%3A00", **secrets)
    (exchange,) = compile_specs(SPECS, ["acme"])
    verify = next(group.verify for group in exchange.groups if group.verify)
    (vector,) = verify.vectors
    text = acme.webhooks.sign([tuple(pair) for pair in vector.given["fields"]], **secrets)
    assert text == "key:" + hmac.new(b"acme", vector.expect["text"].encode(), "sha256").hexdigest()


@pytest.mark.usefixtures("acme")
def test_vectors_of_the_spec() -> None:
    (exchange,) = compile_specs(SPECS, ["acme"])
    assert exchange.auth is not None
    auth = importlib.import_module("acme.auth")
    secrets = {one.name for one in exchange.auth.credentials} | {one.name for one in exchange.auth.options}
    vector = next(vector for vector in exchange.auth.vectors if vector.derived)
    credentials = {"api_key": "key", **{name: value for name, value in vector.given.items() if name in secrets}}
    request = {name: value for name, value in vector.given.items() if name not in secrets}
    headers: dict[str, str | None] = auth.sign(auth.Credentials(**credentials), Unsigned(**request))
    assert (headers["X-ACME-PAYLOAD"], headers["X-ACME-EXPIRES"]) == ("e30=", "5")
