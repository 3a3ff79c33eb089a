"""What is wrong with a spec: a code, a place, the line with a caret, and what to write instead.

Nothing here raises while a spec is read. Complaints are collected, so that a person sees all of them at once;
only when a stage is over does `Complaints.stop` turn them into a `SpecError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

import attrs

from . import characters


@attrs.frozen
class Place:
    """Where something stands: a file, and a line and column counted from 1."""

    file: str
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@attrs.frozen
class Complaint:
    """One thing that is wrong, and where.

    `code` is stable from release to release: tests and editors may rely on it.
    """

    code: str
    message: str
    place: Place

    def __str__(self) -> str:
        return f"{self.place} {self.code} {self.message}"


class SpecError(Exception):
    """A spec that cannot be compiled, with every complaint about it, in the order of the files."""

    def __init__(self, complaints: Iterable[Complaint], sources: dict[str, list[str]]) -> None:
        self.complaints = sorted(complaints, key=lambda one: (one.place.file, one.place.line, one.place.column))
        self._sources = sources
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = [self._show(complaint) for complaint in self.complaints]
        count = len(self.complaints)
        return "\n".join([*shown, f"{count} {'complaint' if count == 1 else 'complaints'}; nothing was written"])

    def _show(self, complaint: Complaint) -> str:
        place = complaint.place
        lines = self._sources.get(place.file, [])
        if not 1 <= place.line <= len(lines):
            return str(complaint)
        line = lines[place.line - 1]
        before, culprit = line[: place.column - 1], line[place.column - 1 :][: place.width]
        # A tab stays one, so that the caret stands under the culprit however wide the terminal makes it.
        margin = "".join(one if one == "\t" else " " * characters.width(_shown(one)) for one in before)
        carets = "^" * max(1, characters.width(_shown(culprit)))
        gutter = f"{place.line:>5} | "
        return f"{complaint}\n{gutter}{_shown(line)}\n{' ' * (len(gutter) - 2)}| {margin}{carets}"


def _shown(line: str) -> str:
    return "\t".join(characters.shown(part) for part in line.split("\t"))


@attrs.define
class Complaints:
    """Collects what is wrong while the stages run."""

    found: list[Complaint] = attrs.Factory(list[Complaint])
    sources: dict[str, list[str]] = attrs.Factory(dict[str, list[str]])

    def add(self, code: str, place: Place, message: str) -> None:
        complaint = Complaint(code, characters.shown(message), place)
        if complaint not in self.found:
            self.found.append(complaint)

    def stop(self) -> None:
        """Raise `SpecError` if anything was wrong so far."""
        if self.found:
            raise SpecError(self.found, self.sources)

    def __iter__(self) -> Iterator[Complaint]:
        return iter(self.found)


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of a complaint about a word that is not known: what was probably meant, or what there is."""
    choices = list(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if not close:
        folded = {choice.casefold(): choice for choice in choices}
        close = [folded[word.casefold()]] if word.casefold() in folded else []
    if close:
        return f"; did you mean '{close[0]}'?"
    if 0 < len(choices) <= 20:
        return f"; known are {', '.join(choices)}"
    return ""
