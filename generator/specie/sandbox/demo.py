"""Credentials that open the sandbox and nothing else: the same on every machine, and plainly no secrets."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from specie.compiler.model import Exchange


@attrs.frozen
class Key:
    """A key, with what it may do: everything, unless `permissions` say what."""

    credentials: Mapping[str, str]
    permissions: frozenset[str] | None = None


def numbered_credentials(exchange: Exchange, number: int) -> dict[str, str]:
    """The same for a further account, by its number: `demo-acme-2-api-key`."""
    if exchange.auth is None:
        return {}
    return {
        one.name: f"demo-{exchange.name}-{number}-{one.name}".replace("_", "-") for one in exchange.auth.credentials
    }


def demo_credentials(exchange: Exchange, permission: str = "") -> dict[str, str]:
    """What a client of the sandbox gives for each credential of an exchange: `demo-acme-api-key`, and so on.

    That key may do all. With a permission, it is another key of the same account, which may do only what needs no other
    permission: `demo-acme-view-api-key`.
    """
    if exchange.auth is None:
        return {}
    if permission and permission not in permissions(exchange):
        known = ", ".join(permissions(exchange))
        there = f"there is {known}" if known else "its documents name none"
        raise ValueError(f"{exchange.name} has no permission '{permission}' that is weaker than all; {there}")
    start = f"demo-{exchange.name}-{permission}-" if permission else f"demo-{exchange.name}-"
    return {one.name: f"{start}{one.name}".replace("_", "-") for one in exchange.auth.credentials}


def demo_keys(exchange: Exchange) -> list[Key]:
    """The key that may do all, and one for each weaker permission of the exchange."""
    whole = Key(demo_credentials(exchange))
    single = [Key(demo_credentials(exchange, one), frozenset((one,))) for one in permissions(exchange)]
    return [whole, *single]


def permissions(exchange: Exchange) -> list[str]:
    """The permissions of a spec's operations with which alone a key may not do all."""
    asked = [set(operation.permissions) for operation in exchange.operations if operation.permissions]
    return sorted(name for name in set[str]().union(*asked) if not all(name in one for one in asked))
