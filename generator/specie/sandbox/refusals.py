"""A refusal in the exchange's own shape, chosen from the errors map of its spec.

A class of refusal is looked for among the codes, then the statuses, then the texts; failing that, the class above it.
Where several entries fit, the one is taken whose words are most like the message: so a lacking parameter gets the code
of lacking parameters. Where the body itself says whether it is a success (`envelope.ok`) and no status is documented,
the status is 200, as such exchanges have it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

from specie.compiler.model import Exchange, Refusal

from .wire import Refused, Reply

_ABOVE = {
    "InvalidSymbol": "InvalidRequest",
    "InvalidOrder": "InvalidRequest",
    "OrderNotFound": "NotFound",
    "InvalidSignature": "AuthenticationFailed",
    "InvalidNonce": "AuthenticationFailed",
    "ClockSkew": "AuthenticationFailed",
    "InsufficientFunds": "InvalidRequest",
}
_STATUS = {
    "InvalidRequest": 400,
    "AuthenticationFailed": 401,
    "PermissionDenied": 403,
    "NotFound": 404,
    "RequestTimeout": 408,
    "RateLimited": 429,
    "ServerError": 500,
}


@attrs.frozen
class Refusals:
    """The refusals of one exchange."""

    exchange: Exchange

    def reply(self, refused: Refused) -> Reply:
        """How the exchange says it."""
        errors = self.exchange.errors
        chain = _chain(refused.error)
        code: str | int | None = None
        status: int | None = None
        message = refused.message
        for error in chain:
            coded = _nearest(errors.codes, error, message) if errors.code else None
            by_status = _nearest(errors.status, error, message)
            by_text = _nearest(errors.texts, error, message)
            if coded is not None:
                code = coded.match
            elif by_status is not None:
                status = int(by_status.match)
            elif by_text is not None and not refused.verbatim:
                message = str(by_text.match).replace("*", message)
            else:
                continue
            break
        status = refused.status or status or self._status(chain)
        body = json.dumps(self._body(code, message), ensure_ascii=False)
        return Reply(status, body.encode())

    def _status(self, chain: list[str]) -> int:
        errors = self.exchange.errors
        if self.exchange.envelope is not None and self.exchange.envelope.ok and not errors.status:
            return 200
        for error in chain:
            documented = next((one for one in errors.status if one.error == error), None)
            if documented is not None:
                return int(documented.match)
        return next((_STATUS[error] for error in chain if error in _STATUS), 400)

    def _body(self, code: str | int | None, message: str) -> dict[str, Any]:
        body: dict[str, Any] = {}
        errors, envelope = self.exchange.errors, self.exchange.envelope
        for key, success in envelope.ok if envelope is not None else ():
            _put(body, key, _negated(success))
        keys = [key for key in errors.message if code is None or key != errors.code]
        if code is not None:
            text = isinstance(code, str) and re.fullmatch(r"-?[0-9]+", code)
            _put(body, errors.code, int(code) if text else code)
        _put(body, keys[0] if keys else "error", message)
        return body


def _chain(error: str) -> list[str]:
    """A class of refusal and those above it."""
    chain = [error]
    while chain[-1] in _ABOVE:
        chain.append(_ABOVE[chain[-1]])
    return chain


def _nearest(refusals: tuple[Refusal, ...], error: str, message: str) -> Refusal | None:
    words = _words(message)
    found = [one for one in refusals if one.error == error]
    return max(found, key=lambda one: len(words & _words(f"{one.doc} {one.match}")), default=None)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _negated(success: Any) -> Any:
    if isinstance(success, bool):
        return not success
    if isinstance(success, int):
        return 0 if success else 1
    return "error"


def _put(body: dict[str, Any], key: str, value: Any) -> None:
    """Put a value under a dotted key."""
    *outer, last = key.split(".")
    for name in outer:
        body = body.setdefault(name, {})
    body[last] = value
