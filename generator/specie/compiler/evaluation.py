"""What a signing step is worth, and what it must have been made of: the second opinion on generated code.

`evaluate` gives the value of an expression by other means than the runtime that generated clients stand on, so that a
server can judge them. `solve` runs an expression backwards, to learn from a request what only its sender knew (a
nonce, say).
"""

from __future__ import annotations

import ast
import base64
import binascii
import functools
import hashlib
import hmac
import json
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import attrs

from .expressions import HASHES, MACS, Expression, kind_of, operands

Pairs: TypeAlias = list[tuple[str, str]]


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """The value of an expression: text, bytes, int, a list of pairs, or None where it is absent.

    A name that `values` lacks is absent. Nothing of the runtime is used here: this is the second opinion.
    """
    return _evaluate(expression.tree, values)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _add(left: Any, right: Any) -> Any:
    return left + right if isinstance(left, int) and isinstance(right, int) else f"{left}{right}"


def _compact(values: dict[str, Any]) -> str:
    present = {name: value for name, value in values.items() if value is not None}
    return json.dumps(present, separators=(",", ":"), ensure_ascii=False)


def _sorted(pairs: Pairs) -> Pairs:
    return sorted(pairs, key=lambda pair: pair[0])


def _without(pairs: Pairs, name: str) -> Pairs:
    return [pair for pair in pairs if pair[0] != name]


def _php_form(pairs: list[tuple[str, str]]) -> str:
    return urllib.parse.urlencode(pairs).replace("~", "%7E")


def _mac(name: str) -> Callable[[Any, Any], bytes]:
    return lambda key, message: hmac.new(_bytes(key), _bytes(message), name).digest()


def _printed(encode: Callable[[bytes], bytes]) -> Callable[[str | bytes], str]:
    return lambda value: encode(_bytes(value)).decode("ascii")


def _hash(name: str) -> Callable[[Any], bytes]:
    return lambda value: hashlib.new(name, _bytes(value)).digest()


_APPLY: dict[str, Callable[..., Any]] = {
    "base64": _printed(base64.standard_b64encode),
    "base64url": _printed(base64.urlsafe_b64encode),
    "hex": bytes.hex,
    "form": urllib.parse.urlencode,
    "php_form": _php_form,
    "sorted": _sorted,
    "without": _without,
    **{f"hmac_{name}": _mac(name) for name in MACS},
    **{name: _hash(name) for name in HASHES},
}


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name():
            return values.get(node.id)
        case ast.Constant():
            return node.value
        case ast.BoolOp():
            found: Any = None
            for value in node.values:
                found = _evaluate(value, values)
                if found:
                    break
            return found
        case ast.IfExp():
            return _evaluate(node.body if _evaluate(node.test, values) else node.orelse, values)
        case ast.BinOp():
            parts = [_evaluate(part, values) for part in operands(node)]
            if any(part is None for part in parts):
                return None
            return functools.reduce(_add, parts)
        case ast.Call(func=ast.Name(id="json")):
            return _compact({str(keyword.arg): _evaluate(keyword.value, values) for keyword in node.keywords})
        case ast.Call(func=ast.Name(id=name)):
            return _APPLY[name](*(_evaluate(argument, values) for argument in node.args))
        case _:
            raise TypeError(f"unchecked expression: {ast.dump(node)}")


# --- solving --------------------------------------------------------------------------------------------------------


def solve(expression: Expression, value: Any, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the names that `known` lacks must be for the expression to give `value`; None if that cannot be said.

    `{}` means that nothing was unknown, and that the value is right.
    """
    return _Solver(expression.kinds, known).solve(expression.tree, value)


def decided(expression: Expression, known: Mapping[str, Any]) -> bool:
    """Whether what is known decides the value: a body decides `body or …`, whatever stands behind it."""
    return _Solver(expression.kinds, known).decided(expression.tree)


_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}\Z")
_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z")
_INTEGER = re.compile(r"-?[0-9]{1,30}\Z", re.ASCII)


@attrs.define
class _Solver:
    kinds: Mapping[str, str]
    known: Mapping[str, Any]

    def solve(self, node: ast.expr, value: Any) -> dict[str, Any] | None:
        if self.decided(node):
            found = _evaluate(node, self.known)
            same = found == value or (isinstance(found, int) and isinstance(value, str) and str(found) == value)
            return {} if same else None
        match node:
            case ast.Name():
                return self._bind(node.id, value)
            case ast.BoolOp():
                return self._first(node.values, value)
            case ast.IfExp(test=test) if self.decided(test):
                return self.solve(node.body if _evaluate(test, self.known) else node.orelse, value)
            case ast.BinOp():
                return self._sum(list(operands(node)), value)
            case ast.Call(func=ast.Name(id="json")):
                return self._json(node, value)
            case ast.Call(func=ast.Name(id=name), args=[inner]) if name in ("base64", "base64url", "hex"):
                raw = _decode(name, value)
                if raw is not None and kind_of(inner, self.kinds) == "text":
                    try:
                        return self.solve(inner, raw.decode())
                    except UnicodeDecodeError:
                        return None
                return None if raw is None else self.solve(inner, raw)
            case _:
                return None

    def decided(self, node: ast.expr) -> bool:
        """Whether what is known decides the value."""
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                if not self.decided(value):
                    return False
                if _evaluate(value, self.known):
                    return True
            return True
        if isinstance(node, ast.Name):
            return node.id in self.known
        return all(self.decided(child) for child in _children(node))

    def _bind(self, name: str, value: Any) -> dict[str, Any] | None:
        kind = self.kinds[name]
        if value is None:
            return {name: None} if kind.endswith("?") else None
        if kind.startswith("int") and isinstance(value, str):
            return {name: int(value)} if _INTEGER.match(value) else None
        right = {"text": str, "int": int, "bytes": bytes, "pairs": list}[kind.rstrip("?")]
        return {name: value} if isinstance(value, right) and not isinstance(value, bool) else None

    def _first(self, nodes: list[ast.expr], value: Any) -> dict[str, Any] | None:
        for index, node in enumerate(nodes):
            if self.decided(node):
                if _evaluate(node, self.known) or index == len(nodes) - 1:
                    return self.solve(node, value)
                continue
            found = self.solve(node, value) if value or index == len(nodes) - 1 else None
            if found is not None:
                return found
            if not (isinstance(node, ast.Name) and self.kinds[node.id].endswith("?")):
                return None
            rest = _Solver(self.kinds, {**self.known, node.id: None})._first(nodes[index + 1 :], value)
            return None if rest is None else {node.id: None, **rest}
        return None

    def _sum(self, parts: list[ast.expr], value: Any) -> dict[str, Any] | None:
        """One unknown part may be found: the others are taken away."""
        unknown = [index for index, part in enumerate(parts) if not self.decided(part)]
        if value is None:  # a sum is absent when one of its parts is
            names = [part.id for part in parts if isinstance(part, ast.Name) and part.id not in self.known]
            optional = [name for name in dict.fromkeys(names) if self.kinds[name].endswith("?")]
            return {optional[0]: None} if len(optional) == 1 else None
        if len(unknown) != 1:
            return None
        before = [_evaluate(part, self.known) for part in parts[: unknown[0]]]
        after = [_evaluate(part, self.known) for part in parts[unknown[0] + 1 :]]
        if any(part is None for part in (*before, *after)):
            return None
        node = parts[unknown[0]]
        if all(kind_of(part, self.kinds) == "int" for part in parts):
            if isinstance(value, str):
                value = int(value) if _INTEGER.match(value) else None
            return None if value is None else self.solve(node, value - sum(before) - sum(after))
        head, tail = "".join(map(str, before)), "".join(map(str, after))
        fits = isinstance(value, str) and len(value) >= len(head + tail)
        if not (fits and value.startswith(head) and value.endswith(tail)):
            return None
        return self.solve(node, value[len(head) : len(value) - len(tail)])

    def _json(self, node: ast.Call, value: Any) -> dict[str, Any] | None:
        try:
            decoded = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            return None
        names = {str(keyword.arg): keyword.value for keyword in node.keywords}
        if not isinstance(decoded, dict) or not set(cast("dict[str, Any]", decoded)) <= set(names):
            return None
        found: dict[str, Any] = {}
        for name, inner in names.items():
            given = cast("dict[str, Any]", decoded).get(name)
            # JSON tells numbers from text; a header does not. So here a number must be one.
            if isinstance(given, str) != (kind_of(inner, self.kinds) == "text") and given is not None:
                return None
            solver = _Solver(self.kinds, {**self.known, **found})
            part = solver.solve(inner, given)
            if part is None:
                return None
            found.update(part)
        return found


def _children(node: ast.expr) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword):
            yield child.value
        elif isinstance(child, ast.expr) and not (isinstance(node, ast.Call) and child is node.func):
            yield child


def _decode(name: str, value: Any) -> bytes | None:
    """The bytes that were printed by `base64`, `base64url` or `hex`, or None if they were not."""
    pattern = {"base64": _BASE64, "base64url": _BASE64URL, "hex": _HEX}[name]
    if not isinstance(value, str) or not pattern.match(value):
        return None
    try:
        if name == "hex":
            return bytes.fromhex(value)
        padded = value + "=" * (-len(value) % 4) if name == "base64url" else value
        return base64.b64decode(padded, altchars=b"-_" if name == "base64url" else None, validate=True)
    except (binascii.Error, ValueError):
        return None
