"""What `pip install specie` brings to pytest: the fixture `specie_sandbox`.

    def test_my_bot(specie_sandbox):
        sandbox = specie_sandbox("bitopro", seed=7)
        with BitoPro(**sandbox.client_options) as bitopro:
            ...
            sandbox.fault("accept-then-timeout on orders.create")

Every session of a project that has Specie loads this module, so it imports nothing but pytest until the fixture is
used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .server import Sandbox


@pytest.fixture
def specie_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Serves exchanges on this machine while the test lasts: call it as you would `specie.sandbox.Sandbox`."""
    from contextlib import ExitStack

    try:
        from .server import Sandbox
    except ModuleNotFoundError as error:
        pytest.fail(f"specie_sandbox needs {error.name}: pip install 'specie[sandbox]'", pytrace=False)
    with ExitStack() as stack:

        def serve(*exchanges: str, **options: Any) -> Sandbox:
            return stack.enter_context(Sandbox(*exchanges, **options))

        yield serve
