"""What the scripts here have in common: they stay on this machine, and tell what came of each step in one JSON.

These scripts run in an environment that has no Specie, and know nothing of it but an address and two keys.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

reached: list[str] = []
"""Hosts other than this one that somebody tried to look up or to reach; some clients swallow the error."""


def stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.connect"):
        host = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        host = host[0] if isinstance(host, tuple) else host
        if not is_here(host):
            reached.append(str(host))
            raise PermissionError(f"{event} of {host!r}: a test leaves this machine for nothing")


def is_here(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


class Story:
    """The steps of a script, by name: what the client said, or what it raised."""

    def __init__(self) -> None:
        self.steps: dict[str, Any] = {}

    def step(self, name: str, ask: Callable[[], Any]) -> Any:
        """Ask for something; a failure is part of the story, and gives None."""
        try:
            said = ask()
        except Exception as error:
            self.steps[name] = {"raised": [one.__name__ for one in type(error).__mro__], "text": str(error)}
            return None
        # bitopro-client does not raise: what it returns may be the error itself.
        self.steps[name] = {"returned_error": repr(said)} if isinstance(said, Exception) else {"said": said}
        return said

    def tell(self, *packages: str) -> None:
        versions = {name: version(name) for name in packages}
        print(json.dumps({"versions": versions, "reached": reached, "steps": self.steps}))


sys.addaudithook(stay_here)
