"""Bytes to models: where the result lies in a reply, whether the reply is a success, and which pass reads it.

The passes are tried in order of speed: msgspec as the spec says, msgspec with ids that may be numbers, plain Python.
Which of the first two succeeded last is remembered, and the last one has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from . import fast
from .basics import is_array, is_object
from .reference import Mismatch, found, parse, read, step, unaccounted
from .shapes import JSON, ListShape, ModelShape, Scalar, Shape, describe, shapes_of

__all__ = ["Mismatch", "Refused", "ReplyDecoder"]

_END: Final = 2048
"""Bytes at each end of a long reply in which an error would show."""


class Refused(Exception):
    """The reply says that the call failed, whatever its HTTP status.

    Attributes:
        parsed: The reply.
    """

    def __init__(self, parsed: Any) -> None:
        super().__init__("refused")
        self.parsed = parsed


class ReplyDecoder:
    """Reads the replies of one operation.

    Args:
        shape: What the result is.
        envelope: Keys that lead to the result, from the top.
        ok: Members of the top that a success has, and their values.
        at: Keys that lead on from there.
        at_optional: Only if there is an object to go into; else the bare result stands there.
        sole: The result may be an array that holds just it.
        errors: Keys of the top whose presence means an error.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        envelope: Sequence[str] = (),
        ok: Sequence[tuple[str, object]] = (),
        at: Sequence[str] = (),
        at_optional: bool = False,
        sole: bool = False,
        errors: Sequence[str] = (),
    ) -> None:
        self.shape = shape
        self.envelope = tuple(envelope)
        self.ok = tuple(ok)
        self.at = tuple(at)
        self.at_optional = at_optional
        self.sole = sole
        if not envelope and not at and isinstance(shape, ModelShape) and not shape.row:
            taken = {field.wire for field in shapes_of(shape.cls)}
            errors = [key for key in errors if key not in taken]
        self.errors = tuple(errors)
        # Arrays have no such keys, and an envelope shows them. A bare object must be searched: msgspec steps over
        # what no field takes.
        bare_object = not envelope and not at and not _is_array(shape)
        self._needles = tuple(f'"{key}"'.encode() for key in errors) if bare_object else ()
        # An error in place of a model with a required field does not pass for one, so a long reply is searched at its
        # ends only.
        self._demanding = isinstance(shape, ModelShape) and not all(field.optional for field in shapes_of(shape.cls))
        self._passes: list[Callable[[bytes], Any]] | None = None

    def decode(self, body: bytes) -> Any:
        """The result that a body holds.

        Raises:
            Refused: The body says that the call failed.
            Mismatch: The body is not what it should be.
        """
        if self._needles and self._may_be_error(body):
            self._refuse(parse(body))
        try:
            return self.quickly(body)
        except fast.Doubtful:
            pass
        return self.reference(body)

    def quickly(self, body: bytes) -> Any:
        """The result, by the fast passes alone.

        Raises:
            Doubtful: They do not know: `decode` does.
        """
        passes = self._passes
        if passes is None:
            passes = self._passes = self._make_passes()
        for attempt in passes:
            try:
                result = attempt(body)
            except fast.Doubtful:
                continue
            if attempt is not passes[0]:
                self._passes = [attempt, *(other for other in passes if other is not attempt)]
            return result
        raise fast.Doubtful("no fast pass could read it")

    def reference(self, body: bytes) -> Any:
        """The result, by the reference pass alone."""
        parsed = parse(body) if body or not isinstance(self.shape, Scalar) or self.shape.kind != "nothing" else None
        self._refuse(parsed)
        if isinstance(self.shape, Scalar) and self.shape.kind == "nothing":
            return None
        value, path = self._locate(parsed)
        return read(self.shape, value, path)

    def unaccounted(self, body: bytes) -> list[str]:
        """The JSON paths of a body that no model took."""
        parsed = parse(body) if body else None
        return list(self._unaccounted(parsed))

    def _may_be_error(self, body: bytes) -> bool:
        if self._demanding and len(body) > 4 * _END:
            body = body[:_END] + body[-_END:]
        for needle in self._needles:  # this runs at every reply, and `any` costs twice as much
            if needle in body:
                return True
        return b"\\" in body and b"\\u00" in body

    # -- where the result lies ---------------------------------------------------------------------------------------

    def _refuse(self, parsed: Any) -> None:
        if is_object(parsed):
            members = parsed
            if any(_tells(members.get(key)) for key in self.errors):
                raise Refused(members)
        if not self.ok:
            return
        # A success says so, and a refusal says something else there; a reply that says neither is no answer at all.
        key, wanted = self.ok[0]
        if not is_object(parsed):
            raise Mismatch("$", f"an object with {key!r}", found(parsed))
        for key, wanted in self.ok:
            if key not in parsed:
                raise Mismatch(step("$", key), f"{wanted!r}, the mark of a success", "nothing (the key is missing)")
            if not _same(parsed[key], wanted):
                raise Refused(parsed)

    def _locate(self, parsed: Any) -> tuple[Any, str]:
        value, path = parsed, "$"
        for index, key in enumerate((*self.envelope, *self.at)):
            if index == len(self.envelope) and self.at_optional and not is_object(value):
                break
            value, path = _member(value, key, path)
        if self.sole and is_array(value) and not _is_array(self.shape):
            items = value
            if len(items) != 1:
                raise Mismatch(path, f"{describe(self.shape)}, or an array of just one", found(items))
            value, path = items[0], f"{path}[0]"
        return value, path

    def _unaccounted(self, parsed: Any) -> Iterator[str]:
        value, path = parsed, "$"
        known: set[str] = {key for key, _ in self.ok}
        if known and not (self.envelope or self.at) and is_object(parsed):
            value = {key: item for key, item in parsed.items() if key not in known}
        for index, key in enumerate((*self.envelope, *self.at)):
            if index == len(self.envelope) and self.at_optional and not is_object(value):
                break
            if not is_object(value):
                return
            members = value
            yield from (step(path, other) for other in members if other != key and other not in known)
            value, path, known = members.get(key), step(path, key), set[str]()
        if self.sole and is_array(value) and not _is_array(self.shape):
            items = value
            value, path = (items[0] if items else None), f"{path}[0]"
        yield from unaccounted(self.shape, value, path)

    # -- the fast passes ---------------------------------------------------------------------------------------------

    def _make_passes(self) -> list[Callable[[bytes], Any]]:
        if isinstance(self.shape, Scalar) and self.shape.kind == "nothing":
            return []
        if (self.sole and _is_array(self.shape)) or not fast.available():
            return []
        passes: list[Callable[[bytes], Any]] = []
        for mixed in (False, True):
            try:
                passes.append(_Pass(self, mixed).read)
            except Exception:  # noqa: S112 - what msgspec cannot build, the reference pass reads
                continue
        return passes


class _Pass:
    """One fast pass, from the bytes of the whole reply to the result."""

    def __init__(self, reply: ReplyDecoder, mixed: bool) -> None:
        self._reply = reply
        self._errors: list[str] = []
        plain = not (reply.envelope or reply.at or reply.sole)
        self._unwrap = None if plain else self._unwrapped
        self._decoder = fast.FastDecoder(reply.shape, mixed=mixed, wrap=None if plain else self._wrapped)
        self._top = self._top_decoder() if reply.ok and not (reply.envelope or reply.at) else None
        self.read: Callable[[bytes], Any] = self._decoder.decode if plain and self._top is None else self._read

    def _read(self, body: bytes) -> Any:
        if self._top is not None:
            self._judge(self._top.decode(body))
        return self._decoder.decode(body, self._unwrap)

    def _top_decoder(self) -> fast.FastDecoder:
        # The result is the top itself, and says there that it is a success; msgspec looks at it twice.
        import msgspec

        return fast.FastDecoder(JSON, mixed=False, wrap=lambda _: msgspec.defstruct("Top", self._shown_members()))

    def _judge(self, top: Any) -> None:
        for index, (_, expected) in enumerate(self._reply.ok):
            if not _same(getattr(top, f"ok{index}"), expected):
                raise fast.Doubtful("not a success")
        for name in self._errors:
            if _tells(getattr(top, name)):
                raise fast.Doubtful("an error")

    def _wrapped(self, kind: Any) -> Any:
        import msgspec

        reply = self._reply
        if reply.sole:
            kind = kind | list[kind]
        keys = (*reply.envelope, *reply.at)
        for index in reversed(range(len(keys))):
            members: list[Any] = [("result", kind, msgspec.field(name=keys[index]))]
            if index == 0:
                members += self._shown_members()
            struct = msgspec.defstruct("Envelope", members)
            kind = struct | kind if reply.at_optional and index == len(reply.envelope) else struct
        return kind

    def _shown_members(self) -> list[Any]:
        """What the top shows besides the result: what a success has, and what an error has."""
        import msgspec

        reply = self._reply
        shown = [(f"ok{index}", key) for index, (key, _) in enumerate(reply.ok)]
        taken = {key for key, _ in reply.ok} | {*reply.envelope[:1], *reply.at[:1]}
        self._errors = [f"error{index}" for index, key in enumerate(reply.errors) if key not in taken]
        shown += [(f"error{index}", key) for index, key in enumerate(reply.errors) if key not in taken]
        return [(name, Any, msgspec.field(name=key, default=None)) for name, key in shown]

    def _unwrapped(self, value: Any) -> Any:
        reply = self._reply
        if reply.envelope or (reply.at and hasattr(value, "result")):
            self._judge(value)
        for _ in reply.envelope:
            value = value.result
        for index, _ in enumerate(reply.at):
            if index == 0 and reply.at_optional and not hasattr(value, "result"):
                break
            value = value.result
        if reply.sole and is_array(value):
            items = value
            if len(items) != 1:
                raise fast.Doubtful("not just one")
            value = items[0]
        return value


def _tells(value: Any) -> bool:
    """Whether the value of an error key says anything: `null`, an empty text and 0 mean that there was no error."""
    return not (value is None or value == "" or value is False or value == 0 or value == [] or value == {})


def _same(value: Any, expected: object) -> bool:
    # 1 is not true, but "1" is 1: what a success looks like is written by people, sometimes as text.
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected or (isinstance(value, str) and value.lower() == str(expected).lower())
    return value == expected or (isinstance(value, str) and value == str(expected))


def _is_array(shape: Shape) -> bool:
    return (isinstance(shape, ListShape) and shape.key is None) or (isinstance(shape, ModelShape) and shape.row)


def _member(value: Any, key: str, path: str) -> tuple[Any, str]:
    if not is_object(value):
        raise Mismatch(path, f"an object with the key {key!r}", found(value))
    members = value
    if key not in members:
        raise Mismatch(step(path, key), "the result", "nothing (the key is missing)")
    return members[key], step(path, key)
