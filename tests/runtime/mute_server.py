"""A server on this machine that takes requests and leaves whoever sent them waiting; and a thread that waits for it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

SOON = 20.0
"""Far less than any timeout here, far more than anything takes."""


class Mute:
    """Takes requests, says as much as `start`, and then nothing until the test is over.

    Args:
        tls: With it, the handshake waits for `handshake` to be set.
    """

    def __init__(self, start: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self._start = start
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self.connected = threading.Event()
        self.handshake = threading.Event()
        self.asked = threading.Event()
        self.left = threading.Event()
        self.requests = 0
        self.url = f"http{'' if tls is None else 's'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.handshake.set()
        self.hang_up()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SOON)
        self._listener.close()

    def hang_up(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        self.connected.set()
        with connection, suppress(OSError):
            connection.settimeout(SOON)
            if self._tls is not None:
                self.handshake.wait(SOON)
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            with connection:
                while piece := connection.recv(65536):
                    if b" HTTP/1.1\r\n" in piece:
                        self.requests += 1
                        connection.sendall(self._start)
                        self.asked.set()
        self.left.set()


class Caller(threading.Thread):
    """Makes a call, and keeps how it ended."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.ended: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.ended = self._call()
        except BaseException as error:
            self.ended = error

    def outcome(self) -> Any:
        self.join(SOON)
        assert not self.is_alive(), "the call hangs"
        return self.ended
