"""The exchanges, served on this machine from their specs.

    with Sandbox("acme") as sandbox:
        client = Acme(**sandbox.client_options)

A request is checked as the exchange is documented to check it, and never by generated code: which operation it means
(`routes`), whether there are too many (`limits`), whether it is signed (`signatures`), whether its parameters may be so
(`parameters`). What passes is answered by a *face* (`faces`): behind it is a market that lives (`market`), or, where an
exchange has only a spec, there are the examples of its documents. What does not pass is refused in the exchange's own
shape (`refusals`). The same market is told as it moves: `streams` lets connections in and serves them, and `callbacks`
posts what an exchange tells its client by itself.

`desk` puts these together for one exchange without touching a socket; `server` puts the desks of several exchanges
behind one port (`listener`), and has them fail as it is told (`faults`, `delivery`, `tampering`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .command import run
    from .demo import demo_credentials
    from .desk import Desk
    from .faces import Call, Examples, Face
    from .faults import UnknownFault
    from .limits import Usage
    from .listener import SandboxUnavailable
    from .log import Seen
    from .server import Sandbox
    from .wire import Received, Refused, Reply

__all__ = [
    "Call",
    "Desk",
    "Examples",
    "Face",
    "Received",
    "Refused",
    "Reply",
    "Sandbox",
    "SandboxUnavailable",
    "Seen",
    "UnknownFault",
    "Usage",
    "demo_credentials",
    "run",
]

_HOMES = {
    "Call": "faces",
    "Desk": "desk",
    "Examples": "faces",
    "Face": "faces",
    "Received": "wire",
    "Refused": "wire",
    "Reply": "wire",
    "Sandbox": "server",
    "SandboxUnavailable": "listener",
    "Seen": "log",
    "UnknownFault": "faults",
    "Usage": "limits",
    "demo_credentials": "demo",
    "run": "command",
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: pytest loads the plugin of this package in every session, used or not.
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
