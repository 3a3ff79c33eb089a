"""What a test may ask and set while a sandbox runs, over HTTP: below `/control`.

    curl -d 'status:502 x3 on orders.create' http://127.0.0.1:8080/control/faults     sets a fault
    curl http://127.0.0.1:8080/control/faults                                         those that are still to come
    curl -X DELETE http://127.0.0.1:8080/control/faults                               clears them all
    curl http://127.0.0.1:8080/control/state                                          requests, limits, balances, orders
    curl http://127.0.0.1:8080/control/check                                          do the books balance?
    curl -d 60 http://127.0.0.1:8080/control/advance                                  a minute goes by in seeded markets

From Python, `Sandbox` has all of it as methods.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from specie.compiler.model import is_list

from .faults import UnknownFault
from .market import InvariantBroken, Market
from .wire import Reply

if TYPE_CHECKING:
    from .server import Sandbox

PREFIX = "control"
_PATHS = {
    "/control/faults": ("GET", "POST", "DELETE"),
    "/control/state": ("GET",),
    "/control/check": ("GET",),
    "/control/advance": ("POST",),
}


async def control(sandbox: Sandbox, method: str, path: str, body: bytes) -> Reply:
    """Answer a request to `/control/…`."""
    methods = _PATHS.get(path)
    if methods is None:
        return _reply(404, {"error": f"there is no {path}; there is {', '.join(_PATHS)}"})
    if method not in methods:
        return _reply(405, {"error": f"{path} takes {', '.join(methods)}"})
    if path == "/control/state":
        return _reply(200, state(sandbox))
    if path == "/control/check":
        try:
            sandbox.check()
        except InvariantBroken as broken:
            return _reply(409, {"sound": False, "error": str(broken)})
        return _reply(200, {"sound": True})
    if path == "/control/advance":
        try:
            await sandbox.pass_time(float(body))
        except ValueError as error:
            return _reply(400, {"error": str(error)})
        return _reply(200, {"seconds": float(body)})
    if method == "DELETE":
        sandbox.clear_faults()
    elif method == "POST":
        try:
            for line in _lines(body):
                sandbox.fault(line)
        except UnknownFault as error:
            return _reply(400, {"error": str(error)})
    return _reply(200, {"faults": list(sandbox.faults)})


def _lines(body: bytes) -> list[str]:
    """Faults, one a line; or as JSON, `{"fault": "…"}` or `{"faults": ["…"]}`."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            given: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise UnknownFault(f"the body is not JSON: {error}") from None
        lines: object = given.get("faults", [given.get("fault")])
        known = set(given) <= {"fault", "faults"}
        if not known or not is_list(lines) or not all(isinstance(one, str) for one in lines):
            raise UnknownFault('the body is a fault, or {"fault": "…"}, or {"faults": ["…", …]}')
        return lines
    if not text:
        raise UnknownFault("the body is empty; it is a fault, such as status:502 x3 on orders.create")
    return text.splitlines()


def state(sandbox: Sandbox) -> dict[str, Any]:
    """How things stand, as JSON."""
    return {
        "seed": sandbox.seed,
        "faults": list(sandbox.faults),
        "exchanges": {
            name: {
                "base_url": sandbox.client_options_of(name)["base_url"],
                "requests": sandbox.request_count_of(name),
                "limits": [attrs.asdict(one) for one in sandbox.usage(name)],
                "market": _market(market) if (market := sandbox.market(name)) is not None else None,
            }
            for name in sandbox.exchanges
        },
    }


def _market(market: Market) -> dict[str, Any]:
    return {
        "now_ms": market.now_ms,
        "accounts": {
            account: {
                "balances": {
                    one.currency: {"available": format(one.available, "f"), "held": format(one.held, "f")}
                    for one in market.balances(account)
                },
                "orders": len(market.orders(account)),
                "open_orders": len(market.open_orders(account)),
                "fills": len(market.fills(account)),
            }
            for account in market.accounts
        },
    }


def _reply(status: int, document: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(document, indent=1).encode())
