"""The `specie` command: `generate`, `lint`, `list` and `sandbox`."""

from .main import main

__all__ = ["main"]
