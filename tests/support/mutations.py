"""Requests that differ from a recorded one in just one thing: the method, a part of the address, a parameter, a field
of the body, a header. Replay must refuse each of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from vcr.request import Request

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def mutations(request: Request) -> Iterator[tuple[str, Request]]:
    """What is altered, and the altered request."""
    for method in METHODS:
        if method != request.method:
            yield f"method {method}", _with(request, method=method)
    for what, uri in _addresses(str(request.uri)):
        yield what, _with(request, uri=uri)
    for what, body in _bodies(request):
        yield what, _with(request, body=body)
    for what, headers in _headers(dict(request.headers)):
        yield what, _with(request, headers=headers)


def step_mutations(step: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same for a step of a transcript: each thing that a client sent, altered in turn."""
    if "address" in step:
        for what, address in _addresses(str(step["address"])):
            yield what, {**step, "address": address}
        for what, headers in _headers(dict(step.get("headers", {}))):
            yield what, {**step, "headers": headers}
        yield "one header too many", {**step, "headers": {**step.get("headers", {}), "X-SURPLUS": "1"}}
    if "sent" in step:
        if "event" in step:
            yield "event", {**step, "event": other(step["event"])}
            yield "no event", {"sent": step["sent"]}
            yield "data", {**step, "sent": other(str(step["sent"]))}
            return
        document = json.loads(step["sent"])
        for path in _paths(document):
            for how, changed in _changes(document, path):
                yield f"{'.'.join(map(str, path))}: {how}", {**step, "sent": json.dumps(changed)}
        yield "one member too many", {**step, "sent": json.dumps({**document, "surplus": 1})}
        yield "no JSON", {**step, "sent": f"{step['sent']}}}"}


def altered_leaves(document: Any) -> Iterator[tuple[str, Any]]:
    """The place of each scalar in what was received, and the whole with another value there."""
    for path in _paths(document):
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        if not isinstance(holder[path[-1]], dict | list):
            how, changed = next(iter(_changes(document, path)))
            yield ".".join(map(str, path)) + f": {how}", changed


def _with(request: Request, **changed: Any) -> Request:
    given = {"method": request.method, "uri": request.uri, "body": request.body, "headers": dict(request.headers)}
    return Request(**{**given, **changed})


def other(text: str) -> str:
    """A text of the same length and kind, but for its last character."""
    if not text:
        return "x"
    last = text[-1]
    if last.isdigit():
        return text[:-1] + str((int(last) + 1) % 10)
    return text[:-1] + ("a" if last not in "aA" else "b")


def _addresses(uri: str) -> Iterator[tuple[str, str]]:
    parts = urlsplit(uri)
    yield "scheme", parts._replace(scheme="http").geturl()
    yield "host", parts._replace(netloc=f"x{parts.netloc}").geturl()
    yield "port", parts._replace(netloc=f"{parts.netloc}:8443").geturl()
    yield (
        "slash at the end",
        parts._replace(path=parts.path.removesuffix("/") if parts.path.endswith("/") else f"{parts.path}/").geturl(),
    )
    segments = parts.path.split("/")
    for index, segment in enumerate(segments):
        if segment:
            for what, one in (("", other(segment)), (" in the other case", segment.swapcase())):
                if one != segment:
                    path = "/".join([*segments[:index], one, *segments[index + 1 :]])
                    yield f"path segment {segment}{what}", parts._replace(path=path).geturl()
            yield (
                f"without {segment}",
                parts._replace(path="/".join([*segments[:index], *segments[index + 1 :]])).geturl(),
            )
    for what, query in _pairs(parts.query, "query"):
        yield what, parts._replace(query=query).geturl()


def _pairs(text: str, what: str) -> Iterator[tuple[str, str]]:
    """The pairs of a query or a form: each name, each value, each left out, each twice; and one too many."""
    pairs = text.split("&") if text else []
    for index, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        for how, changed in {
            "name": [f"{other(name)}={value}"],
            "value": [f"{name}={other(value)}"],
            "empty": [f"{name}="] if value else [f"{name}=x"],
            "left out": [],
            "twice": [pair, pair],
        }.items():
            yield f"{what} {name}: {how}", "&".join([*pairs[:index], *changed, *pairs[index + 1 :]])
    if len(pairs) > 1:
        yield f"{what}: order", "&".join(reversed(pairs))
    yield f"{what}: one too many", "&".join([*pairs, "surplus=1"])


def _bodies(request: Request) -> Iterator[tuple[str, bytes | None]]:
    body = request.body
    if not body:
        yield "body where none was", b"{}"
        return
    text = body.decode()
    yield "without a body", None
    yield "body: a space at its end", f"{text} ".encode()
    kind = next((str(value) for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if "json" not in kind:
        yield from ((what, one.encode()) for what, one in _pairs(text, "form"))
        return
    document = json.loads(text)
    for path in _paths(document):
        shown = ".".join(map(str, path))
        for how, changed in _changes(document, path):
            yield f"body {shown}: {how}", json.dumps(changed, separators=(",", ":"), ensure_ascii=False).encode()


def _paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _paths(value, (*path, key))


def _changes(document: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    *way, last = path

    def changed(change: Any) -> Any:
        whole = copy.deepcopy(document)
        holder = whole
        for step in way:
            holder = holder[step]
        change(holder)
        return whole

    def value_of(holder: Any) -> Any:
        return holder[last]

    holder = document
    for step in way:
        holder = holder[step]
    value = value_of(holder)
    if isinstance(value, bool):
        yield "value", changed(lambda it: it.__setitem__(last, not value))
    elif isinstance(value, int | float | Decimal):
        yield "value", changed(lambda it: it.__setitem__(last, value + 1))
        yield "text", changed(lambda it: it.__setitem__(last, str(value)))
    elif isinstance(value, str):
        yield "value", changed(lambda it: it.__setitem__(last, other(value)))
    yield "null", changed(lambda it: it.__setitem__(last, None))
    yield "left out", changed(lambda it: it.__delitem__(last))
    if isinstance(last, str):

        def rename(it: dict[str, Any]) -> None:
            pairs = [(other(key) if key == last else key, one) for key, one in it.items()]
            it.clear()
            it.update(pairs)

        yield "name", changed(rename)


def _headers(headers: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in headers.items():
        text = str(value)
        for how, one in {
            "last character": other(text),
            "first character": ("x" if text[0] != "x" else "y") + text[1:],
            "case": text.swapcase(),
            "empty": "",
        }.items():
            if one != text:
                yield f"header {name}: {how}", {**headers, name: one}
        yield f"header {name}: left out", {key: one for key, one in headers.items() if key != name}
