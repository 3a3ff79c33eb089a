"""Reads specs of exchange APIs and prints typed clients.

    load → check → resolve → render → write

`compile_specs` does the first three and gives the model; `render` gives the files as text; `write` brings a folder in
line with them. Each stage can be used alone.
"""

from .diagnostics import Complaint, Place, SpecError
from .load import NoSpecs, compile_specs, default_specs

__all__ = ["Complaint", "NoSpecs", "Place", "SpecError", "compile_specs", "default_specs"]
