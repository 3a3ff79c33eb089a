"""A server on 127.0.0.1 that keeps what it was sent, byte by byte, and answers what a test scripted, faults included."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple


class Got(NamedTuple):
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers each request with the next of `script`: a dict or list (JSON, 200), `(status, headers, bytes)`, raw bytes, or the name of a fault."""

    def __init__(self, tls: Path | None = None) -> None:
        """`tls`: a PEM file with key and certificate, for a server that speaks HTTPS."""
        self._context = None
        if tls is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls)
        self.script: list[Any] = []
        self.got: list[Got] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'' if tls is None else 's'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self._context is not None:
            try:
                connection = self._context.wrap_socket(connection, server_side=True)
            except OSError:  # the client does not trust us
                connection.close()
                return
            self._open.append(connection)
        stream = connection.makefile("rb")
        try:
            while line := stream.readline():
                method, target, version = line.decode("latin-1").split(" ", 2)
                if not version.startswith("HTTP/1."):
                    return
                headers: dict[str, str] = {}
                while (field := stream.readline().decode("latin-1").strip()) != "":
                    name, _, value = field.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", "0")))
                self.got.append(Got(method, target, headers, body))
                if not self._answer(connection, self.script.pop(0) if self.script else {}):
                    return
        except (OSError, ValueError):  # gone, or no HTTP at all
            return
        finally:
            stream.close()
            connection.close()

    def _answer(self, connection: socket.socket, answer: Any) -> bool:
        if answer == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if answer == "hang up":
            return False
        if isinstance(answer, bytes):
            connection.sendall(answer)
            return True
        if answer == "silence":
            time.sleep(1.5)
            return False
        if answer == "truncated":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n[{")
            return False
        if answer == "answer and close silently":  # keep-alive promised, then closed: what a restarting server does
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            time.sleep(0.05)
            return False
        status, headers, body = answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer).encode())
        lines = [
            f"HTTP/1.1 {status} X",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return True


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
