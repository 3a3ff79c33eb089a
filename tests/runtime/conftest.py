"""What the tests of the runtime share: a hand-written exchange, a client that talks to the test, a server that misbehaves on demand."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine is slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
if importlib.util.find_spec("specie.runtime" if importlib.util.find_spec("specie") else "specie") is None:
    sys.path.insert(0, str(HERE.parents[1] / "generator"))

from local_server import Server  # noqa: E402


@pytest.fixture
def server() -> Iterator[Server]:
    """An HTTP server on this machine that answers what the test scripts."""
    with Server() as running:
        yield running
