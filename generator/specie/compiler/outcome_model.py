"""What a spec says of outcomes and of trading rules: how a lost call is found again, and what an order must keep to.

Names are Python names: of operations of the same group, of their parameters, and of fields of what they return.
"""

from __future__ import annotations

from typing import Any

import attrs

from .diagnostics import Place
from .model import Caveats, TypeExpression


@attrs.frozen
class Look:
    """One read that may show what became of a call."""

    call: str
    given: tuple[tuple[str, Any], ...]
    """Its arguments: text is an argument of the lost call, `since` or a template; anything else is itself."""
    match: tuple[tuple[str, str], ...]
    confirm: tuple[tuple[str, str], ...]
    ids: tuple[str, ...]
    time: str
    full: int | None
    total: tuple[str, str] | None
    item: TypeExpression
    place: Place


@attrs.frozen
class State:
    """The read that shows the state of an order which was to be cancelled; states as they are on the wire."""

    call: str
    given: tuple[tuple[str, Any], ...]
    field: str
    cancelled: tuple[str | int, ...]
    open: tuple[str | int, ...]
    over: tuple[str | int, ...]
    item: TypeExpression


@attrs.frozen
class Reconcile:
    """How the outcome of an operation is found out; or `none`: why it cannot be."""

    none: str
    settle: float
    receipt: str
    own_id: str
    by_own_id: tuple[Look, ...]
    by_values: tuple[Look, ...]
    state: State | None
    doc: str
    caveats: Caveats
    place: Place

    @property
    def looks(self) -> tuple[Look, ...]:
        return (*self.by_own_id, *self.by_values)

    @property
    def calls(self) -> tuple[str, ...]:
        """The operations that it reads, each once."""
        said = [look.call for look in self.looks] + ([self.state.call] if self.state else [])
        return tuple(dict.fromkeys(said))


@attrs.frozen
class Figure:
    """Where the bounds of one figure of an order stand."""

    step: str
    places: str | int
    least: str
    most: str
    doc: str
    caveats: Caveats

    @property
    def said(self) -> tuple[tuple[str, str | int], ...]:
        """What is said of it, by key."""
        found = (("step", self.step), ("places", self.places), ("least", self.least), ("most", self.most))
        return tuple((key, value) for key, value in found if value != "")


@attrs.frozen
class PairRules:
    """Where the trading rules of a pair stand. `figures` by name: price, amount, value, quote_amount."""

    call: str
    pair: str
    figures: tuple[tuple[str, Figure], ...]
    item: TypeExpression
    doc: str
    caveats: Caveats
    place: Place
