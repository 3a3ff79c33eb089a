"""Two small exchanges that no document knows: one speaks JSON and codes, the other one form for everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from specie.compiler import compile_specs
from specie.compiler.model import Exchange

ACME = {
    "exchange.yaml": """
        title: Acme
        doc: A spot exchange in Utopia.
        servers: {rest: https://api.acme.example/v1, charts: https://charts.acme.example}
        docs: {base: https://docs.acme.example/, version: v1}
        case: camel
        envelope: {result: data}
        auth:
          doc: HMAC-SHA256 over a payload and all of the request.
          see: auth
          credentials:
            api_key: Sent as it is.
            api_secret: Signs; never sent.
            identity?: E-mail address of the account.
          options:
            expire_after?: {type: int, doc: Milliseconds after which the exchange must drop the call.}
          steps:
            payload: base64(json(identity=identity, nonce=nonce))
            signature: hex(hmac_sha256(api_secret, payload + method + path + query + body))
            expires: now_ms + expire_after
          headers: {X-Key: api_key, X-Payload: payload, X-Sign: signature, X-Expires: expires}
          nonce: increasing
        errors:
          message: [message, error]
          code: error
          status:
            404: NotFound
            422: {raise: InvalidRequest, doc: Something is wrong with a parameter., see: errors}
          codes:
            -1: {raise: InvalidRequest, doc: A parameter is lacking., see: errors}
            -2: {raise: InvalidRequest, doc: A parameter has a bad value., see: errors}
            -3: {raise: InvalidSignature, doc: The signature does not fit., see: errors}
          texts:
            nonce too small: InvalidNonce
            "Balance for * not enough": InsufficientFunds
    """,
    "market.yaml": """
        doc: Prices that anyone may read.
        types:
          Ticker:
            doc: The last price.
            fields: {last_price: decimal}
          Interval: {doc: Length of a candle., enum: {ONE_MINUTE: 1m, ONE_HOUR: 1h}}
        endpoints:
          ticker:
            get: /ticker
            doc: The last price of one pair.
            see: market#ticker
            query:
              symbol: {type: str, doc: The pair., example: BTC_USD}
              depth?: {type: int, range: 1..50, doc: Levels.}
              step?: {type: int, choices: [1, 5, 10], doc: Width of a level.}
              sides?: {type: [str], join: ",", length: 1..2, doc: Sides.}
              since?: {type: millis, doc: Begin.}
              until?: {type: seconds, doc: End.}
              fraction?: {type: exact_seconds, doc: A moment.}
              at?: {type: iso_time, doc: Another moment.}
              exact?: {type: bool, doc: Not rounded.}
              above?: {type: decimal, range: "> 0", doc: Least price.}
              tags?: {type: [id], doc: Repeated.}
            require: [depth only when step absent]
            returns: Ticker
          candles:
            get: /{symbol}/{interval}/chart
            server: charts
            doc: Candles of one pair.
            see: market#candles
            path:
              symbol: {type: str, doc: The pair., example: BTC_USD}
              interval: Interval
            returns: {type: [json], bare: true}
          book:
            get: /book
            doc: The book.
            see: market#book
            query: {group: {type: int, const: 0}}
            returns: json
          book_grouped:
            get: /book
            doc: The book by price.
            see: market#book
            query: {group: {type: int, const: 1}}
            returns: json
    """,
    "orders.yaml": """
        doc: Orders.
        types:
          Side: {doc: Side of an order., enum: [BUY, SELL]}
          OrderType: {doc: Kind of an order., enum: {LIMIT: limit, MARKET: market}}
          Receipt:
            doc: What was taken.
            fields: {order_id: id}
          Leg:
            doc: One of several orders.
            fields:
              pair: str
              type: OrderType
              amount?: decimal
              quote_amount?: {wire: amount, type: decimal}
              price?: decimal
            require:
              - price unless type == MARKET
              - one of amount, quote_amount
              - quote_amount when type == MARKET
              - quote_amount only when type == MARKET
        endpoints:
          create:
            post: /orders/{pair}
            doc: Place an order.
            see: orders#create
            auth: true
            effect: create
            path: {pair: {type: str, doc: The pair., example: BTC_USD}}
            body:
              side: Side
              type: OrderType
              amount?: {type: decimal, range: "> 0", doc: In base currency.}
              quote_amount?: {wire: amount, type: decimal, range: "> 0", doc: In quote currency.}
              price?: {type: decimal, as: number, doc: In quote currency.}
              timestamp: {type: millis, default: now, doc: Now.}
              flags?: {type: bool, default: true, send: true, doc: Flags.}
              client_id?: {type: id, doc: Own id.}
            require:
              - one of amount, quote_amount
              - price unless type == MARKET
              - price only when type == LIMIT
              - quote_amount only when type == MARKET and side == BUY
              - quote_amount when type == MARKET and side == BUY
            returns: Receipt
          create_batch:
            post: /orders/batch
            doc: Place several orders.
            see: orders#batch
            auth: true
            effect: create
            body: {orders: {type: [Leg], whole: true, length: 1..3, doc: The orders., example: [{pair: A, type: market, quote_amount: 1}]}}
            returns: json
          cancel_all:
            delete: /orders/all
            doc: Cancel all.
            see: orders#cancel
            auth: true
            effect: cancel
            returns: json
          cancel:
            delete: /orders/{pair}
            doc: Cancel those of a pair.
            see: orders#cancel
            auth: true
            effect: cancel
            path: {pair: {type: str, doc: The pair., example: BTC_USD}}
            returns: json
          forgotten:
            get: /orders/forgotten
            doc: Nobody wrote an example.
            see: orders#forgotten
            auth: true
            returns: json
    """,
}
FORMICA = {
    "exchange.yaml": """
        title: Formica
        doc: An exchange with one address.
        servers: {rest: https://formica.example}
        docs: {base: https://docs.formica.example/, version: v1}
        envelope: {ok: {success: 1}, result: return}
        auth:
          doc: HMAC-SHA512 over the body.
          see: auth
          credentials: {api_key: Sent as it is., api_secret: Signs.}
          adds: {form: {nonce: nonce}}
          steps: {signature: "hex(hmac_sha512(api_secret, body))"}
          headers: {Key: api_key, Sign: signature}
          nonce: increasing
        errors: {message: error}
    """,
    "account.yaml": """
        doc: The account.
        endpoints:
          info:
            post: /
            doc: Balances.
            see: info
            auth: true
            effect: read
            form: {method: {const: getInfo}}
            returns: json
          history:
            post: /
            doc: What was.
            see: history
            auth: true
            effect: read
            form:
              method: {const: history}
              offset?: {wire: from, type: int, doc: How many to skip.}
            returns: json
    """,
}


@pytest.fixture(scope="session")
def write_spec(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, dict[str, str]], Path]:
    def write(name: str, files: dict[str, str]) -> Path:
        folder = tmp_path_factory.mktemp("specs") / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(dedent(text), encoding="utf-8")
        return folder

    return write


def example(folder: Path, name: str, text: str) -> None:
    path = folder / "examples" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def acme_folder(write_spec: Callable[[str, dict[str, str]], Path]) -> Path:
    folder = write_spec("acme", ACME)
    for group, names in {
        "market": ["ticker", "candles", "book", "book_grouped"],
        "orders": ["create", "create_batch", "cancel_all", "cancel"],
    }.items():
        for name in names:
            # Odd spaces and digits: the bytes of the file are the bytes of the reply.
            example(folder, f"{group}/{name}", f'{{ "data" :{{"of":"{group}.{name}","x":1.10}} }}\n')
    return folder


@pytest.fixture(scope="session")
def acme(acme_folder: Path) -> Exchange:
    return compile_specs(acme_folder.parent)[0]


@pytest.fixture(scope="session")
def formica(write_spec: Callable[[str, dict[str, str]], Path]) -> Exchange:
    folder = write_spec("formica", FORMICA)
    example(folder, "account/info", '{"success":1,"return":{}}')
    example(folder, "account/history", '{"success":1,"return":[]}')
    return compile_specs(folder.parent)[0]
