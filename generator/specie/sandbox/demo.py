"""Credentials that open the sandbox and nothing else: the same on every machine, and plainly no secrets."""

from __future__ import annotations

from specie.compiler.model import Exchange


def demo_credentials(exchange: Exchange) -> dict[str, str]:
    """What a client of the sandbox gives for each credential of an exchange: `demo-acme-api-key`, and so on."""
    if exchange.auth is None:
        return {}
    names = [credential.name for credential in exchange.auth.credentials]
    return {name: f"demo-{exchange.name}-{name}".replace("_", "-") for name in names}
