"""What comes in, what goes out, and what ends a request early: plain data, before and after HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from urllib.parse import unquote_to_bytes

import attrs

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Refused(Exception):
    """The exchange says no. `error` is the class of the refusal, in the words of a spec's errors map."""

    def __init__(self, error: str, message: str, *, status: int | None = None, verbatim: bool = False) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.status = status
        """The HTTP status, where the errors map is not to choose it."""
        self.verbatim = verbatim
        """Whether the message is the exchange's own text already."""


@attrs.frozen
class Reply:
    """An answer, as it goes out."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@attrs.define
class Received:
    """A request as it came in, with nothing decoded but its lines.

    `prefix` is that part of the path which is the sandbox's own; `path` is the whole path with it, and `query` stands
    without its question mark. Both are as they were sent.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    prefix: str = ""

    @property
    def real_path(self) -> str:
        """The path as the exchange itself would have been sent it."""
        return self.path.removeprefix(self.prefix)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(found) > 1:
            raise Refused("InvalidRequest", f"the header {name} came {len(found)} times")
        return found[0] if found else None

    @property
    def content_type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @cached_property
    def text(self) -> str:
        """The body as text."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise Refused("InvalidRequest", "the body is not UTF-8") from None

    @cached_property
    def query_pairs(self) -> list[tuple[str, str]]:
        return list(pairs(self.query, "query"))

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """The fields of a form; none if the body is not one."""
        return list(pairs(self.text, "form")) if self.content_type == FORM else []


def pairs(text: str, what: str) -> Iterable[tuple[str, str]]:
    """The names and values of a query or a form, in their order; `+` is a space in either."""
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise Refused("InvalidRequest", f"the {what} is broken at '{part[:40]}': name=value is wanted")
        yield unescaped(name.replace("+", " "), what), unescaped(value.replace("+", " "), what)


def unescaped(text: str, what: str) -> str:
    """Percent-encoded text, decoded."""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Refused("InvalidRequest", f"the {what} is not UTF-8 at '{text[:40]}'") from None
