"""No test looks up a host or leaves this machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

_LOCAL = ("localhost", "")


class NetworkUsed(AssertionError):
    """A test tried to reach another machine."""


def _is_local(host: object) -> bool:
    if host is None:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(text).is_loopback or text in ("0.0.0.0", "::")
    except ValueError:
        return False


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make name resolution and connections of anything but the loopback fail the test."""
    look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def guarded_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        if not _is_local(host):
            raise NetworkUsed(f"a test looked up {host!r}")
        return look_up(host, *rest, **named)

    def refuse_far(address: Any) -> None:
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise NetworkUsed(f"a test connected to {address!r}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_far(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_far(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
