"""The shapes in which a secret may stand in a text."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote_plus


def shapes(secret: str) -> Iterator[str]:
    plain = secret.encode()
    yield from (secret, quote_plus(secret), plain.hex(), secret[::-1])
    for shift in range(3):  # base64 of a text in which the secret stands anywhere
        text = base64.b64encode(b"\0" * shift + plain).decode().rstrip("=")
        yield text[4 if shift else 0 : -4]
