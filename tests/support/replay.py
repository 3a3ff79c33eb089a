"""Cassettes: what a generated client sent and was answered, recorded by vcrpy and replayed without a network.

`SPECIE_RECORD=1 pytest tests/<exchange>` records anew from the sandbox; the addresses that are written are the exchange's own. A
cassette says where its replies come from: `documented` (an example that the exchange publishes) or `assumed` (written by us
where the documents show none).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from vcr import VCR
from vcr.request import Request

from specie.compiler import compile_specs
from specie.compiler.model import Exchange, Operation
from specie.runtime import Nonces
from specie.sandbox import Sandbox, demo_credentials

from .bodies import Blocking

ROOT = Path(__file__).resolve().parents[2]
CASSETTES = ROOT / "cassettes"
NOW_MS = 1_700_000_000_000
RECORDING = os.environ.get("SPECIE_RECORD") == "1"


@cache
def exchanges() -> dict[str, Exchange]:
    return {one.name: one for one in compile_specs(ROOT / "specs")}


def client_class(exchange: str, prefix: str = "") -> Any:
    name = exchanges()[exchange].class_name
    return getattr(import_module(f"specie.{exchange}"), prefix + name)


def cassette_path(exchange: str, operation: Operation) -> Path:
    return CASSETTES / exchange / operation.group / f"{operation.name}.yaml"


def provenance(exchange: Exchange, operation: Operation) -> str:
    note = Path(exchange.folder) / "examples" / operation.group / f"{operation.name}.yaml"
    return (
        "assumed" if note.is_file() and "assumed" in (yaml.safe_load(note.read_text("utf-8")) or {}) else "documented"
    )


def kept_headers(exchange: Exchange) -> set[str]:
    """Headers that say something of a call: those of the signature, and what the body is."""
    signed = {name.lower() for name, _ in exchange.auth.headers} if exchange.auth else set()
    return signed | {"content-type"}


class _Dumper(yaml.SafeDumper):
    """YAML in which replies of several lines stand as they were sent, for a reader."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


class _Serializer:
    """vcrpy's YAML, with the label of the cassette before it."""

    def __init__(self, label: dict[str, Any]) -> None:
        self._label = label

    def serialize(self, cassette: dict[str, Any]) -> str:
        labelled = {"specie": self._label, "version": cassette["version"], "interactions": cassette["interactions"]}
        return yaml.dump(labelled, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4096)

    def deserialize(self, text: str) -> dict[str, Any]:
        return dict(yaml.safe_load(text))


def _same_headers(kept: set[str]) -> Any:
    def said(request: Request) -> dict[str, str]:
        return {name.lower(): str(value) for name, value in request.headers.items() if name.lower() in kept}

    def same_headers(one: Request, other: Request) -> None:
        assert said(one) == said(other), f"headers differ: {said(one)} and {said(other)}"

    return same_headers


def _same_body(one: Request, other: Request) -> None:
    # vcrpy's own matcher compares what JSON and forms mean; a signature is over bytes.
    assert (one.body or b"") == (other.body or b""), f"bodies differ: {one.body!r} and {other.body!r}"


def _same_uri(one: Request, other: Request) -> None:
    assert one.uri == other.uri, f"addresses differ: {one.uri} and {other.uri}"


@contextmanager
def open_cassette(
    path: Path, exchange: Exchange, label: dict[str, Any], sandbox: Sandbox | None = None
) -> Iterator[Any]:
    """Replay the cassette at `path`, strictly; or record it from `sandbox`."""
    kept = kept_headers(exchange)

    def before_request(request: Request) -> Request:
        request.headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        if sandbox is not None:
            for server in exchange.servers:
                if server.url.startswith("http"):
                    request.uri = request.uri.replace(sandbox.url(exchange.name, server.name), server.url)
        return request

    def before_response(response: dict[str, Any]) -> dict[str, Any]:
        kept_of_reply = ("content-type",)
        response["headers"] = {
            name: value for name, value in response["headers"].items() if name.lower() in kept_of_reply
        }
        return response

    vcr = VCR(
        record_mode="all" if sandbox is not None else "none",
        match_on=["method", "exact_uri", "exact_body", "kept_headers"],
        before_record_request=before_request,
        before_record_response=before_response,
        decode_compressed_response=True,
        serializer="labelled",
    )
    vcr.register_serializer("labelled", _Serializer(label))
    vcr.register_matcher("exact_uri", _same_uri)
    vcr.register_matcher("exact_body", _same_body)
    vcr.register_matcher("kept_headers", _same_headers(kept))
    if sandbox is not None:
        path.unlink(missing_ok=True)
    elif not path.is_file():
        raise AssertionError(
            f"no cassette {path.relative_to(ROOT)}; record it: SPECIE_RECORD=1 pytest tests/{exchange.name}"
        )
    with vcr.use_cassette(str(path), allow_playback_repeats=False) as cassette:
        yield cassette
    if sandbox is None:
        assert cassette.all_played, f"{path.relative_to(ROOT)}: not every recorded call was made"


def options(exchange: Exchange) -> dict[str, Any]:
    """Clock, nonces and credentials that make every signature repeatable."""
    return {**demo_credentials(exchange), "clock": lambda: NOW_MS, "nonces": Nonces()}


@contextmanager
def replayed(exchange: Exchange, operation: Operation, body: str) -> Iterator[Any]:
    """A client of `exchange`, blocking or asyncio, whose calls are answered by the cassette of `operation`."""
    path = cassette_path(exchange.name, operation)
    label = {
        "provenance": provenance(exchange, operation),
        "operation": f"{exchange.name}.{operation.id}",
        "docs": exchange.docs.version,
        "page": exchange.url(operation.see),
    }
    if RECORDING and body == "blocking":
        with (
            Sandbox(exchange.name, specs=ROOT / "specs", examples=True, limits=False, clock=lambda: NOW_MS) as sandbox,
            open_cassette(path, exchange, label, sandbox),
            client_class(exchange.name)(**options(exchange), base_url=sandbox.client_options["base_url"]) as client,
        ):
            yield client
        return
    with open_cassette(path, exchange, label):
        if body == "blocking":
            with client_class(exchange.name)(**options(exchange)) as client:
                yield client
        else:
            loop = asyncio.new_event_loop()
            client = client_class(exchange.name, "Async")(**options(exchange))
            try:
                yield Blocking(client, loop)
            finally:
                loop.run_until_complete(client.close())
                loop.close()
