"""A real Redis on this machine, for those tests that share something among machines."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """The URL of an empty Redis that keeps nothing; skips the test where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed; Debian's package is called so")
    pytest.importorskip("redis", reason="the package redis is not installed: pip install redis")
    for _ in range(5):
        port = _free_port()
        said = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        with subprocess.Popen([program, *said], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                if _answers(server, port):
                    yield f"redis://127.0.0.1:{port}/0"
                    return
            finally:
                server.terminate()
    raise RuntimeError("redis-server did not start at five free ports")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it is there within ten seconds; not, if another program took the port."""
    for _ in range(500):
        if server.poll() is not None:
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return server.poll() is None
        except OSError:
            time.sleep(0.02)
    return False
