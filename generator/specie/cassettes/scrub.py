"""What a cassette of a real account must not show, taken out of a reply.

Requests need no scrubbing: what is written of them is what a client with demo credentials would have sent at the same
moment (`recorder`), so no key and no signature was ever in them. Of replies, headers but the content type are dropped
(`tape`). This is about their bodies.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast
from urllib.parse import quote, quote_plus

from specie.compiler.model import Enum, Exchange, KeyedBy, ListOf, MapOf, Operation, Plain, TypeExpression
from specie.sandbox.faces.live import to_json

Path: TypeAlias = tuple[str | int, ...]

MAIL = "someone@example.org"
ADDRESS = "scrubbed-address"
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_COIN = re.compile(
    r"\b(?:0x[0-9a-fA-F]{40}|(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,87}|[13LMT][1-9A-HJ-NP-Za-km-z]{25,34}|r[1-9A-HJ-NP-Za-km-z]{24,34})\b"
)
"""Ethereum and its kin, bech32, base58 of Bitcoin, Litecoin and Tron, Ripple."""
_ADDRESS_NAMES = re.compile("addr(?:ess)?(?:es)?$|^(?:memo|tag|destination_?tag)$", re.IGNORECASE)
_BALANCE_NAMES = re.compile("balance|available|held|hold|reserve|stake|funds|equity|frozen", re.IGNORECASE)


def scrubbed(
    text: str,
    exchange: Exchange,
    operation: Operation,
    secrets: Mapping[str, str],
    demo: Mapping[str, str],
    *,
    balances: bool = False,
) -> str:
    """The body of a reply without credentials, e-mail addresses and coin addresses; with `balances`, what the account
    holds becomes 0, each with its own number of places."""
    for name, secret in secrets.items():
        for shape in _shapes(secret):
            text = text.replace(shape, demo.get(name, "scrubbed"))
    text = _MAIL.sub(MAIL, text)
    text = _COIN.sub(ADDRESS, text)
    try:
        document: Any = json.loads(text, parse_float=Decimal)
    except ValueError:
        return text
    before = to_json(document)
    document = _addresses(document)
    if balances and operation.auth:
        for path in list(_balances(exchange, operation, document)):
            _put(document, path, _nothing)
    after = to_json(document)
    # The bytes of the exchange stay where nothing was to be taken out.
    return text if after == before else after


def _shapes(secret: str) -> list[str]:
    """A secret as it may stand in a text, the longest first."""
    plain = secret.encode()
    shapes = {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        base64.b64encode(plain).decode(),
        base64.urlsafe_b64encode(plain).decode(),
    }
    return sorted((one for one in shapes if one), key=len, reverse=True)


def _addresses(found: Any, name: str = "") -> Any:
    """The same without what stands under a name of addresses."""
    if isinstance(found, dict):
        return {key: _addresses(one, key) for key, one in cast("dict[str, Any]", found).items()}
    if isinstance(found, list):
        return [_addresses(one, name) for one in cast("Sequence[Any]", found)]
    return ADDRESS if isinstance(found, str) and found and _ADDRESS_NAMES.search(name) else found


def _balances(exchange: Exchange, operation: Operation, document: Any) -> Iterator[Path]:
    """Where a reply says how much the account holds: amounts in the group `account`, and what is named so elsewhere."""
    for path, names, kind in amounts(exchange, operation, document):
        if kind == "decimal" and (operation.group == "account" or any(_BALANCE_NAMES.search(one) for one in names)):
            yield path


def amounts(exchange: Exchange, operation: Operation, document: Any) -> Iterator[tuple[Path, Sequence[str], str]]:
    """Every scalar of a reply that the model knows: its path, the names on the way to it, and its kind."""
    path: Path = ()
    keys = [] if operation.returns.bare or exchange.envelope is None else exchange.envelope.result.split(".")
    for key in [*filter(None, keys), *operation.returns.at]:
        if isinstance(document, dict) and key in document:
            document, path = cast("dict[str, Any]", document)[key], (*path, key)
    if operation.returns.sole and isinstance(document, list):
        document, path = cast("Sequence[Any]", document)[0], (*path, 0)
    yield from _walk(exchange, operation.returns.type, document, path, ())


def _walk(
    exchange: Exchange, kind: TypeExpression, found: Any, path: Path, names: tuple[str, ...]
) -> Iterator[tuple[Path, Sequence[str], str]]:
    if isinstance(kind, Plain):
        yield path, names, kind.name
    elif isinstance(kind, ListOf):
        for index, one in enumerate(cast("Sequence[Any]", found) if isinstance(found, list) else []):
            yield from _walk(exchange, kind.item, one, (*path, index), names)
    elif isinstance(kind, MapOf | KeyedBy):
        inner = kind.value if isinstance(kind, MapOf) else kind.item
        for key, one in (cast("dict[str, Any]", found) if isinstance(found, dict) else {}).items():
            yield from _walk(exchange, inner, one, (*path, key), names)
    elif not isinstance(named := exchange.named[kind.name], Enum):
        for index, field in enumerate(named.fields):
            if named.row and isinstance(found, list) and index < len(cast("Sequence[Any]", found)):
                yield from _walk(exchange, field.type, found[index], (*path, index), (*names, field.name))
            elif not named.row and isinstance(found, dict) and field.wire in found:
                one = cast("dict[str, Any]", found)[field.wire]
                yield from _walk(exchange, field.type, one, (*path, field.wire), (*names, field.name))


def _put(document: Any, path: Path, change: Any) -> None:
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = change(document[path[-1]])


def _nothing(amount: Any) -> Any:
    """0, written like the amount."""
    if amount is None or amount == "":
        return amount
    places = str(amount).partition(".")[2]
    zero = f"0.{'0' * len(places)}" if places else "0"
    return zero if isinstance(amount, str) else Decimal(zero)
