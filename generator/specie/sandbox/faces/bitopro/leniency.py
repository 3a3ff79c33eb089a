"""What BitoPro is believed to take though its pages do not say so; a lenient sandbox takes it too.

Nothing here was tried on the live exchange. Each leniency is for what one client in use sends, and goes no further:
those of the exchange itself (bitopro-client from PyPI, bitopro-api-node, bitopro-api-go), and ccxt, which quotes the
replies to its own orders. What no client was seen to send is refused here as everywhere. So is base64 of the URL-safe
alphabet, which bitopro-client signs with: whether the exchange takes that is an open question, and signatures are
judged before a face hears of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs

from specie.compiler.model import Operation

from ...values import json_document
from ...wire import JSON, Received
from ..live import to_json


def as_documented(operation: Operation, held: Mapping[str, str], received: Received) -> Received:
    """A request put as the pages have it; the same one, if it is so already."""
    if received.method == "DELETE" and received.body:
        # [client] bitopro-api-node sends what it signs as a body too. README.md signs the same object for a DELETE, but
        # no page gives one a body.
        document = json_document(received.text)
        received = attrs.evolve(received, body=b"") if _is_signed_object(document) else received
    if received.body and received.header("content-type") is None:
        # [client] ccxt sends JSON by POST and PUT without saying that it is.
        received = attrs.evolve(received, headers=(*received.headers, ("Content-Type", JSON)))
    if received.body and received.content_type == JSON:
        received = _members(received, lambda members: _without_path(members, held))
        if operation.id == "orders.create":
            received = _members(received, _in_capitals)
    if operation.id == "orders.history":
        received = _without_python(received)
    return received


def _is_signed_object(document: object) -> bool:
    return isinstance(document, dict) and set(cast("dict[str, Any]", document)) <= {"identity", "nonce"}


def _members(received: Received, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Received:
    """The same request with other members in its body, if that is an object."""
    document = json_document(received.text)
    if not isinstance(document, dict):
        return received
    before = cast("dict[str, Any]", document)
    after = change(before)
    return received if after == before else attrs.evolve(received, body=to_json(after).encode())


def _without_path(members: dict[str, Any], held: Mapping[str, str]) -> dict[str, Any]:
    # [client] ccxt repeats in the body what stands in the path: the pair of an order, the currency of a withdrawal.
    return {name: value for name, value in members.items() if name not in held or value != held[name]}


def _in_capitals(members: dict[str, Any]) -> dict[str, Any]:
    # [docs] README.md has "type":"limit" in the order that it signs, though the page of the call has LIMIT.
    # [client] ccxt sends side and type as its caller wrote them, mostly in small letters; bitopro-client has Limit and
    # Market; bitopro-api-go has "action":"buy" in its tests.
    return {
        name: value.upper() if name in ("action", "type") and isinstance(value, str) else value
        for name, value in members.items()
    }


def _without_python(received: Received) -> Received:
    # [client] bitopro-client always says ignoreTimeLimitEnable, and as Python writes it. False is what the page has for
    # a call that does not say it.
    parts = [part for part in received.query.split("&") if part != "ignoreTimeLimitEnable=False"]
    wanted = {"ignoreTimeLimitEnable=True": "ignoreTimeLimitEnable=true"}
    query = "&".join(wanted.get(part, part) for part in parts)
    return received if query == received.query else attrs.evolve(received, query=query)
