"""The escape hatch: a call that no spec describes, drafted like one that a spec does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring as json_text
from typing import Any

from .basics import is_array, is_mapping, is_tuple
from .converters import Bad, converter_of
from .errors import InvalidValue
from .plan import Draft
from .shapes import JSON

__all__ = ["raw_draft"]

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+\Z")


def raw_draft(
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None,
    body: Any,
    form: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
) -> Callable[[int], Draft]:
    """How such a call is drafted, at each attempt.

    Raises:
        InvalidValue: The path is not one, or there are both a body and a form.
    """
    if not _PATH.match(path) or any(part in (".", "..") for part in path.split("/")):
        raise InvalidValue(
            f"path: {path!r} must begin with a slash and be encoded as it is sent, without a query", parameter="path"
        )
    if body is not None and form is not None:
        raise InvalidValue("a request has a body or a form, not both", parameter="form")
    converter = converter_of(JSON, None)
    name = f"{method.upper()} {path}"

    def texts(values: Mapping[str, Any] | None) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for key, value in (values or {}).items():
            items: Sequence[Any] = value if is_array(value) or is_tuple(value) else [value]
            for item in items:
                if item is not None:
                    try:
                        found.append((key, converter.text(converter.accept(item))))
                    except Bad as bad:
                        raise bad.error(name, key) from None
        return found

    def draft(now_ms: int) -> Draft:
        made = Draft(method.upper(), path)
        for key, value in texts(query):
            made.add_query(key, value)
        made.fields.extend(texts(form))
        made.has_form = form is not None
        try:
            if is_mapping(body):
                made.has_body = True
                for key, value in body.items():
                    made.body.append(f"{json_text(str(key))}:{converter.json(value, now_ms)}")
            elif body is not None:
                made.whole = converter.json(body, now_ms)
        except Bad as bad:
            raise bad.error(name, "body") from None
        made.headers.update(headers or {})
        return made

    return draft
