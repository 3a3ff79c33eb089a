"""What Bitok posts when a withdrawal, or what is done with a voucher, has come to its end: a signed form.

It is signed as the page says to verify it: over the fields as PHP's `http_build_query` writes them, by the secret of
the key that asked.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import quote_plus, urlsplit

from ...callbacks import Post
from ...market import Transfer, TransferKind, TransferState, TransferUpdated
from ...wire import FORM, Refused
from .. import Call
from ..live import trimmed

_ERRORS = {
    TransferKind.WITHDRAWAL: "Not enough funds",
    TransferKind.VOUCHER_CREATION: "Not enough funds",
    TransferKind.VOUCHER_REDEMPTION: "Voucher does not exist",
}
"""The only reasons for a cancellation that the page knows."""


class Notices:
    """Which transfers are to be told of, and where."""

    def __init__(self) -> None:
        self._addresses: dict[int, str] = {}

    @property
    def pending(self) -> bool:
        """Whether there is still something to be told."""
        return bool(self._addresses)

    def expect(self, transfer: Transfer, address: str) -> None:
        """Tell of a transfer when it has come to its end, if an address was given."""
        if address:
            self._addresses[transfer.id] = address

    def posts(self, events: Sequence[object], credentials_of: Callable[[str], Mapping[str, str]]) -> Iterable[Post]:
        """What is to be posted after an action."""
        for one in events:
            if isinstance(one, TransferUpdated) and one.transfer.is_final:
                address = self._addresses.pop(one.transfer.id, None)
                if address is not None:
                    secret = credentials_of(one.transfer.account)["api_secret"]
                    yield Post(address, FORM, signed(_fields(one.transfer), secret).encode())


def signed(fields: Sequence[tuple[str, str]], secret: str) -> str:
    """A form with its signature as the last field."""
    query = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in fields)
    return f"{query}&signature={hmac.new(secret.encode(), query.encode(), 'sha512').hexdigest()}"


def address_of(call: Call) -> str:
    """The address that a call wants to be told at, or nothing. An address is one of HTTP."""
    address: str = call.arguments.get("notify_url", "")
    try:
        parts = urlsplit(address)
        sound = not address or (parts.scheme in ("http", "https") and bool(parts.hostname))
    except ValueError:
        sound = False
    if not sound:
        raise Refused("InvalidRequest", "Invalid parameter notify_url", verbatim=True)
    return address


def _fields(transfer: Transfer) -> Sequence[tuple[str, str]]:
    paid = transfer.state is TransferState.COMPLETED
    fields = [
        ("id", str(transfer.id)),
        ("invoice", transfer.reference or ""),
        ("amount", format(trimmed(transfer.amount), "f")),
        ("currency", transfer.currency),
        ("status", "paid" if paid else "cancelled"),
    ]
    if not paid:
        return [*fields, ("error", _ERRORS[transfer.kind])]
    if transfer.kind is TransferKind.WITHDRAWAL:
        return [*fields, ("txid", transfer.txid or "")]
    if transfer.kind is TransferKind.VOUCHER_CREATION:
        return [*fields, ("voucher_code", transfer.voucher_code or "")]
    return fields


def _escaped(text: str) -> str:
    """As PHP escapes: it leaves letters, digits and -_. alone, and writes a space as +."""
    return quote_plus(text).replace("~", "%7E")
