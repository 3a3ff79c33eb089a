"""What an exchange's refusals mean: by status, code and text, the error that is raised."""

from __future__ import annotations

from specie import runtime

from .diagnostics import suggest
from .model import Errors, Refusal
from .source import Entry, Mapping, Scalar
from .values import Scope, sentences, tidy


def read(node: Mapping, scope: Scope) -> Errors:
    """The `errors` of an exchange."""
    return Errors(
        message=sentences(node.get("message")),
        code=node.text("code"),
        status=tuple(refusal(entry, scope) for entry in node.mapping("status")),
        codes=tuple(refusal(entry, scope) for entry in node.mapping("codes")),
        texts=tuple(refusal(entry, scope) for entry in node.mapping("texts")),
    )


def refusal(entry: Entry, scope: Scope) -> Refusal:
    """One entry: what raises which error."""
    said: Mapping = entry.value if isinstance(entry.value, Mapping) else Mapping((), entry.place)
    raised = said.get("raise") if isinstance(entry.value, Mapping) else entry.value
    name = raised.raw if isinstance(raised, Scalar) and not raised.broken else "ApiError"
    known = _raisable()
    if raised is not None and name not in known:
        scope.complaints.add("E070", raised.place, f"unknown error '{name}'{suggest(name, known)}")
    number = entry.number
    match = number if isinstance(number, int) and not isinstance(number, bool) else entry.key
    return Refusal(match, name, tidy(said.text("doc")), said.text("see"), scope.caveats(said))


def _raisable() -> list[str]:
    base = runtime.ApiError
    return [name for name, one in vars(runtime).items() if isinstance(one, type) and issubclass(one, base)]
