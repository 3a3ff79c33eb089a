"""The `specie` command: `generate`, `lint`, `list`, `sandbox`, `record`, `cassettes` and `demo`."""

from .main import main

__all__ = ["main"]
