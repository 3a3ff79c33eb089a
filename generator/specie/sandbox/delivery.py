"""A reply on its way out, whole or as a fault has it.

What a fault does to a connection is done to the socket, below aiohttp: a reset is a TCP reset, and a body that is cut
short ends with the connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from .faults import Ending
from .wire import Reply

if TYPE_CHECKING:
    from aiohttp import web

_PIECES = 16
"""In how many pieces something slow comes."""


async def deliver(
    request: web.BaseRequest, reply: Reply, now_ms: int, ending: Ending = "reply", span_ms: int = 0
) -> web.StreamResponse:
    """Answer a request; `now_ms` is the time on the clock of the exchange."""
    from aiohttp import web

    headers = {"Content-Type": reply.content_type, "Date": http_date(now_ms), **dict(reply.headers)}
    phrase = reason(reply.status)
    if ending == "silence":
        await asyncio.Event().wait()  # until the client gives up: that cancels it
    if ending == "late":
        await asyncio.sleep(span_ms / 1000)
    if ending in ("reply", "late"):
        return web.Response(status=reply.status, reason=phrase, body=reply.body, headers=headers)
    transport = request.transport
    if transport is not None and ending == "reset":
        _reset(transport)
    elif transport is not None:
        chunked = ending == "truncated-chunks"
        # What is cut short promises at least a byte that does not come.
        length = max(1, len(reply.body)) if ending == "truncated" else len(reply.body)
        headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(length)}
        lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {text}" for name, text in headers.items())]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        half = reply.body[: len(reply.body) // 2]
        if chunked:
            half = f"{max(1, len(reply.body)):x}\r\n".encode() + half
        await _write(transport, head, span_ms if ending == "slow-headers" else 0)
        body = reply.body if ending in ("slow-headers", "slow-body") else half
        await _write(transport, body, span_ms if ending == "slow-body" else 0)
        transport.close()
    return web.Response()  # goes nowhere: its connection is closed


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection with RST, and not, as a server that is done with it would, with FIN."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _write(transport: asyncio.Transport, data: bytes, span_ms: int) -> None:
    """Write at once, or piece by piece over so long."""
    if not span_ms:
        transport.write(data)
        return
    size = -(-len(data) // _PIECES) or 1
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    for piece in pieces:
        transport.write(piece)
        await asyncio.sleep(span_ms / 1000 / len(pieces))


def http_date(now_ms: int) -> str:
    """A time as HTTP headers have it, in whole seconds."""
    return formatdate(now_ms // 1000, usegmt=True)


def reason(status: int) -> str:
    """What HTTP calls a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"


def gateway_page(status: int) -> Reply:
    """What stands before an exchange says when the exchange does not."""
    title = f"{status} {reason(status)}"
    page = f"<html>\n<head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center></body>\n</html>\n"
    return Reply(status, page.encode(), "text/html")
