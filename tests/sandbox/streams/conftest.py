"""A sandbox with a seed, in which time goes by as the test says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.replay import exchanges

from specie.sandbox import Sandbox

pytest.importorskip("aiohttp")


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """With the exchange that the file is named after, or with all."""
    models = exchanges()
    name = request.path.stem.removeprefix("test_")
    chosen = [models[name]] if name in models else list(models.values())
    with Sandbox(models=chosen, seed=7, limits=False) as sandbox:
        yield sandbox
        sandbox.check()
