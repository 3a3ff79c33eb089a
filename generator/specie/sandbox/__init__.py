"""The exchanges, served on this machine from their specs.

    with Sandbox("acme") as sandbox:
        client = Acme(**sandbox.client_options)

A request is checked as the exchange is documented to check it, and never by generated code: which operation it means
(`routes`), whether it is signed (`signatures`), whether its parameters may be so (`parameters`). What passes is
answered by a *face* (`faces`), of which the plainest serves the documented examples; what does not is refused in the
exchange's own shape (`refusals`). `desk` puts these together for one exchange without touching a socket, and `server`
puts the desks of several exchanges behind one port.
"""

from .demo import demo_credentials
from .desk import Desk
from .faces import Call, Examples, Face
from .server import Sandbox, SandboxUnavailable, Seen, run
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
    "demo_credentials",
    "run",
]
