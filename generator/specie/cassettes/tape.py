"""One cassette, recorded or replayed: the rules are the same for the command, the tests, and whoever else uses them.

Replay is strict. A call is answered by a recorded one of the same method, address (query and order included), body and
signature, each to the last byte; and in the end every recorded call must have been made. vcrpy's own matchers compare
what a query or a JSON body mean, but a signature is over bytes.

A recording is written when it has ended well, whole, in place of what was there; unless nothing but its date and the
generator's version would change, or a clock that no request shows, and then the file keeps its bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import attrs
import yaml

from specie.compiler.model import Exchange

from .label import Label

_MATCHERS = ("method", "exact_uri", "exact_body", "kept_headers")
_KEPT_OF_REPLIES = frozenset(("content-type",))


class CassetteError(Exception):
    """A cassette is not there, is not one, or was not played to its end."""


def kept_headers(exchange: Exchange) -> frozenset[str]:
    """Headers of requests that say something of a call: those of the signature, and what the body is.

    All others, cookies among them, are never written.
    """
    signed = {name.lower() for name, _ in exchange.auth.headers} if exchange.auth else set[str]()
    own = {
        one.wire.lower() for operation in exchange.operations for one in operation.parameters if one.where == "header"
    }
    return frozenset(signed | own | {"content-type"})


@attrs.define
class Take:
    """A recording that is being made."""

    discarded: bool = False
    request: Any = None
    """What is written in place of the request that is being sent, if it is another one."""
    scrub: Callable[[str], str] | None = None
    """Takes out of a reply what it must not show."""
    connections: list[Any] | None = None
    """What went over the connections of streams meanwhile, if that is recorded: see `transcript`."""
    outcome: str = ""
    """`new`, `changed` or `unchanged`, when it has ended well."""

    def discard(self) -> None:
        """It went wrong: nothing is to be written."""
        self.discarded = True


@contextmanager
def recording(
    path: Path, exchange: Exchange, label: Label, origins: Mapping[str, str] | None = None
) -> Generator[Take]:
    """Record the calls of the block into `path`. If it raises, or its `Take` is discarded, the file stays as it was.

    Args:
        path: The cassette.
        exchange: Whose calls they are.
        label: Its head.
        origins: Base URLs that stand for servers of the exchange, by their names: the exchange's own are written.
    """
    take, shelf = Take(), _Shelf()
    servers = {one.name: one.url for one in exchange.servers}
    # Longest first: one address may begin with another.
    moved = sorted(((url, servers[name]) for name, url in (origins or {}).items()), key=lambda pair: -len(pair[0]))

    def before_request(request: Any) -> Any:
        if take.request is not None:
            return take.request
        uri = next((own + request.uri[len(url) :] for url, own in moved if request.uri.startswith(url)), request.uri)
        return _request(request, uri)

    def before_response(response: Any) -> Any:
        kept = _reply(response)
        if take.scrub is not None:
            text = kept["body"]["string"]
            text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
            kept["body"] = {"string": take.scrub(text).encode()}
        return kept

    serializer = _Serializer(label, take)
    vcr = _vcr(exchange, "all", before_request, before_response, shelf, serializer)
    with vcr.use_cassette(str(path), allow_playback_repeats=False):
        yield take
    if take.discarded:
        return
    if not shelf.text and take.connections:
        shelf.text = serializer.serialize({"version": 1, "interactions": []})
    if not shelf.text:
        raise CassetteError(f"{path}: nothing was called")
    take.outcome = settle(path, shelf.text, label)


@contextmanager
def replaying(path: Path, exchange: Exchange) -> Generator[Any]:
    """Answer the calls of the block from a cassette, each once; raises `CassetteError` if some were not made."""
    if not path.is_file():
        raise CassetteError(f"no cassette {path}")
    vcr = _vcr(exchange, "none", None, _reply, _Shelf(), _Serializer(None))
    with vcr.use_cassette(str(path), allow_playback_repeats=False) as cassette:
        yield cassette
    if not cassette.all_played:
        unplayed = [
            f"{request.method} {request.uri}"
            for index, request in enumerate(cassette.requests)
            if not cassette.play_counts[index]
        ]
        raise CassetteError(f"{path}: recorded calls that were not made: {', '.join(unplayed)}")


def load(path: Path, exchange: Exchange) -> Any:
    """The vcrpy cassette at `path`, with the rules of replay, outside of any call."""
    vcr = _vcr(exchange, "none", None, _reply, _Shelf(), _Serializer(None))
    cassette = import_module("vcr.cassette").Cassette
    settings = vcr.get_merged_config(path=str(path), allow_playback_repeats=False)
    return cassette.load(**{name: one for name, one in settings.items() if name in _TAKEN})


_TAKEN = (
    "path",
    "serializer",
    "persister",
    "match_on",
    "record_mode",
    "before_record_request",
    "before_record_response",
    "allow_playback_repeats",
)


_CONTENTS = frozenset(("interactions", "notifications"))


def read(path: Path) -> dict[str, Any]:
    """A cassette as plain data. Raises `CassetteError` if it is none."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found: Any = yaml.load(path.read_text("utf-8"), Loader=loader)  # noqa: S506 - a safe loader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CassetteError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict) or "specie" not in found or not _CONTENTS & found.keys():
        raise CassetteError(f"{path} is no cassette of Specie's: it has no label")
    return cast("dict[str, Any]", found)


# --- vcrpy, told how ----------------------------------------------------------------------------------------------


def _vcr(
    exchange: Exchange,
    mode: str,
    before_request: Callable[[Any], Any] | None,
    before_response: Callable[[Any], Any],
    shelf: _Shelf,
    labelled: _Serializer,
) -> Any:
    kept = kept_headers(exchange)

    def filtered(request: Any) -> Any:
        changed = before_request(request) if before_request is not None else _request(request, request.uri)
        changed.headers = {name: value for name, value in changed.headers.items() if name.lower() in kept}
        return changed

    vcr: Any = import_module("vcr").VCR(
        record_mode=mode,
        match_on=_MATCHERS,
        before_record_request=filtered,
        before_record_response=before_response,
        decode_compressed_response=True,
        record_on_exception=False,
        serializer="labelled",
    )
    vcr.register_serializer("labelled", labelled)
    vcr.register_persister(shelf)
    vcr.register_matcher("exact_uri", _same_uri)
    vcr.register_matcher("exact_body", _same_body)
    vcr.register_matcher("kept_headers", _same_headers)
    return vcr


def _request(request: Any, uri: str) -> Any:
    """A copy: the request itself is on its way."""
    return type(request)(request.method, uri, request.body, dict(request.headers))


def _reply(response: dict[str, Any]) -> dict[str, Any]:
    kept = {name: one for name, one in response["headers"].items() if name.lower() in _KEPT_OF_REPLIES}
    return {**response, "headers": kept}


def _same_uri(one: Any, other: Any) -> None:
    _same("addresses", one.uri, other.uri)


def _same_body(one: Any, other: Any) -> None:
    _same("bodies", one.body or b"", other.body or b"")


def _same_headers(one: Any, other: Any) -> None:
    # What is kept was chosen before.
    _same("headers", *({name.lower(): str(value) for name, value in it.headers.items()} for it in (one, other)))


def _same(what: str, one: object, other: object) -> None:
    if one != other:
        raise AssertionError(f"{what} differ: {one!r} and {other!r}")


class _Shelf:
    """Where vcrpy puts a cassette: nowhere yet. It reads UTF-8, whatever the machine's own encoding."""

    text = ""

    def load_cassette(self, cassette_path: str, serializer: Any) -> Any:
        path = Path(cassette_path)
        if isinstance(serializer, _Serializer) and serializer.label is None and path.is_file():
            return import_module("vcr.serialize").deserialize(path.read_text("utf-8"), serializer)
        raise import_module("vcr.persisters.filesystem").CassetteNotFoundError

    def save_cassette(self, cassette_path: str, cassette_dict: Any, serializer: Any) -> None:
        del cassette_path
        self.text = str(import_module("vcr.serialize").serialize(cassette_dict, serializer))


class _Dumper(yaml.SafeDumper):
    """YAML in which replies of several lines stand as they were sent, for a reader."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    dumping: Any = dumper  # its stubs leave a type open
    node: yaml.ScalarNode = dumping.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
    return node


_Dumper.add_representer(str, _text)


def dump(data: Mapping[str, Any]) -> str:
    """Data as the YAML of a cassette."""
    return str(yaml.dump(dict(data), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4096))


@attrs.frozen
class _Serializer:
    """vcrpy's YAML, with the label of the cassette before it, and the transcript if there is one."""

    label: Label | None
    take: Take | None = None

    def serialize(self, cassette: dict[str, Any]) -> str:
        whole: dict[str, Any] = {} if self.label is None else {"specie": self.label.written()}
        whole["version"] = cassette["version"]
        if self.take is not None and self.take.connections is not None:
            whole["connections"] = self.take.connections
        return dump({**whole, "interactions": cassette["interactions"]})

    def deserialize(self, text: str) -> dict[str, Any]:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return cast("dict[str, Any]", yaml.load(text, Loader=loader))  # noqa: S506 - a safe loader


# --- what is written in the end --------------------------------------------------------------------------------------


def settle(path: Path, text: str, label: Label) -> str:
    """Bring the file in line with a recording that ended well, and say what that came to."""
    if path.is_file():
        before = path.read_text("utf-8")
        if before == text or before == _dated_as(path, text, label):
            return "unchanged"
    outcome = "changed" if path.is_file() else "new"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, "utf-8", newline="\n")
    part.replace(path)
    return outcome


def _dated_as(path: Path, text: str, label: Label) -> str | None:
    """The new text with the date, version and clock of the old cassette, if that has such."""
    try:
        old = Label.read(read(path)["specie"])
    except (CassetteError, ValueError):
        return None
    # A clock that shows in no request says no more than the date.
    was = attrs.evolve(label, recorded=old.recorded, generator=old.generator, clock_ms=old.clock_ms)
    new, kept = (dump({"specie": one.written()}) for one in (label, was))
    return kept + text[len(new) :] if text.startswith(new) else None
