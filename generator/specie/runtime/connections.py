"""The connections of the blocking clients: what `requests` does not do by itself.

An answer that trickles in, a byte now and then, never lets a timeout between two bytes expire; here every byte of head
and body is read under the deadline of the whole call. Certificates are trusted as the user says. All connections of a
client can be cut at once, so that closing it waits for nobody. And after a fork, the child opens connections of its
own: two processes that write to one socket mix their orders.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

__all__ = ["Adapter", "renew", "until"]

_CALL = threading.local()


@contextmanager
def until(deadline: float | None) -> Generator[None, None, None]:
    """Answers that this thread reads meanwhile end at a deadline, by `time.monotonic()`."""
    _CALL.deadline = deadline
    try:
        yield
    finally:
        _CALL.deadline = None


class _Pieces(io.RawIOBase):
    """The bytes of a socket, as they come, until the deadline."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._stream = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call took too long")
        patience: float | None = self._sock.gettimeout()
        if patience is None or left < patience:
            self._sock.settimeout(left)
        count: int | None = self._stream.readinto(buffer)
        return count

    def fileno(self) -> int:
        number: int = self._stream.fileno()
        return number

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


class _Bounded:
    """Stands for a socket where `http.client` opens it for reading."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Pieces(self._sock, self._deadline))


class _Answer(http.client.HTTPResponse):
    def __init__(self, fleet: _Fleet, sock: Any, *more: Any, **named: Any) -> None:
        fleet.note(sock)  # if its end is the answer's, the connection lets go of it now
        deadline: float | None = getattr(_CALL, "deadline", None)
        read_from: Any = sock if deadline is None else _Bounded(sock, deadline)
        super().__init__(read_from, *more, **named)

    def begin(self) -> None:
        super().begin()
        answer: Any = self
        # After such as 103 Early Hints the answer is still to come. If it stayed in the connection, it would be taken
        # for that of the next call.
        while 101 < self.status < 200:
            answer.headers = None
            super().begin()
        if self.status == 101:
            self.will_close = True


class _Fleet:
    """The connections of one client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plain: WeakSet[Any] = WeakSet()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._over = False

    def join(self, connection: Any, *, plain: bool) -> Any:
        """A connection was made, and is not open yet; `plain` if it will not be encrypted."""
        connection.response_class = partial(_Answer, self)
        if plain:
            with self._lock:
                self._plain.add(connection)
        return connection

    def note(self, sock: Any) -> None:
        """This is used from now on, whatever connection has it."""
        if isinstance(sock, socket.socket):
            with self._lock:
                self._sockets.add(sock)

    def check(self, connection: Any) -> None:
        """Let nothing be sent once the client is closed, whatever a thread had begun before. What is encrypted has been
        agreed on by now; before that it is not cut, so that it surely ends here, with nothing sent.
        """
        self.note(getattr(connection, "sock", None))
        if self._over:
            raise NewConnectionError(connection, "the client was closed")

    def cut(self) -> None:
        """End all of them at once, in whatever call they are."""
        self._over = True
        with self._lock:
            sockets: set[Any] = {*self._sockets, *(getattr(one, "sock", None) for one in self._plain)}
        for sock in sockets:
            if isinstance(sock, socket.socket):
                with suppress(OSError):
                    # Not the method of a TLS socket: that one drops its encryption first, and what another thread
                    # writes just then would go out in the clear.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Pool(HTTPConnectionPool):
    def __init__(self, fleet: _Fleet, *more: Any, **named: Any) -> None:
        self._fleet = fleet
        super().__init__(*more, **named)

    def _new_conn(self) -> Any:
        return self._fleet.join(super()._new_conn(), plain=True)

    def _validate_conn(self, conn: Any) -> None:
        super()._validate_conn(conn)
        self._fleet.check(conn)


class _TlsPool(HTTPSConnectionPool):
    def __init__(self, fleet: _Fleet, *more: Any, **named: Any) -> None:
        self._fleet = fleet
        super().__init__(*more, **named)

    def _new_conn(self) -> Any:
        return self._fleet.join(super()._new_conn(), plain=False)

    def _validate_conn(self, conn: Any) -> None:
        super()._validate_conn(conn)  # it connects
        self._fleet.check(conn)


class Adapter(HTTPAdapter):
    """Carries the calls of one client.

    Args:
        connections: How many are kept open.
        tls: Whom to trust; the usual authorities unless given.
    """

    def __init__(self, connections: int, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._fleet = _Fleet()
        self._pools = {"http": partial(_Pool, self._fleet), "https": partial(_TlsPool, self._fleet)}
        super().__init__(pool_maxsize=connections)

    def cut(self) -> None:
        """End all calls at once, and let none begin any more."""
        self._fleet.cut()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **self._trust(), **more)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **self._trust(), **more)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        if self._tls is None:  # else the usual authorities would be added to those given
            usual: Any = getattr(super(), "cert_verify")  # noqa: B009 - it has no types
            usual(conn, url, verify, cert)

    def _trust(self) -> dict[str, Any]:
        return {} if self._tls is None else {"ssl_context": self._tls}


_LEFT_BEHIND: list[object] = []
"""What a forked child inherited. It is kept and never touched: its locks may be held, its sockets are the parent's."""


def renew(session: requests.Session, *, own: bool) -> requests.Session | None:
    """The session that goes on in a forked child, or None if another one is to be made."""
    if own:
        _LEFT_BEHIND.append(session)
        return None
    for adapter in session.adapters.values():
        if isinstance(adapter, HTTPAdapter):
            same: Any = adapter
            _LEFT_BEHIND.append((same.poolmanager, dict(same.proxy_manager)))
            same.__setstate__(same.__getstate__())  # as unpickling does: with empty pools
    return session
