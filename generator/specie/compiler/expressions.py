"""Signing steps: expressions over a closed vocabulary, checked where they stand and printed as Python.

An expression is written in Python's notation and read by Python's parser, but it never runs as Python: only what the
tables below name is understood, and everything else is complained of. The printed text becomes part of a generated
`sign()`; what an expression is worth without that code is `evaluation.py`'s to say.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, cast

import attrs

from .diagnostics import Complaints, Place, suggest

Kind: TypeAlias = Literal["text", "bytes", "int", "pairs"]


@attrs.frozen
class Expression:
    """A checked expression. `optional`: it may be absent (None); `kinds` are those of the names it uses."""

    text: str
    tree: ast.expr = attrs.field(eq=False, repr=False)
    kind: Kind
    names: frozenset[str]
    optional: bool = False
    kinds: Mapping[str, str] = attrs.field(factory=dict[str, str], eq=False, repr=False)

    @property
    def scope(self) -> str:
        """What a later expression may know it as: its kind, with a question mark if it may be absent."""
        return self.kind + ("?" if self.optional else "")


@attrs.frozen
class _Function:
    takes: tuple[tuple[Kind, ...], ...]
    gives: Kind
    printed: str


_DATA: tuple[Kind, ...] = ("text", "bytes")
HASHES = ("md5", "sha256", "sha512")
MACS = ("md5", "sha256", "sha384", "sha512")
_FUNCTIONS: dict[str, _Function] = {
    "base64": _Function((_DATA,), "text", "base64"),
    "base64url": _Function((_DATA,), "text", "base64url"),
    "hex": _Function((("bytes",),), "text", ""),
    "json": _Function((), "text", "compact_json"),
    "form": _Function((("pairs",),), "text", "form"),
    "php_form": _Function((("pairs",),), "text", "php_form"),
    "sorted": _Function((("pairs",),), "pairs", "sorted_pairs"),
    "without": _Function((("pairs",), ("text",)), "pairs", "without"),
    **{f"hmac_{name}": _Function((_DATA, _DATA), "bytes", f"hmac_{name}") for name in MACS},
    **{name: _Function((_DATA,), "bytes", name) for name in HASHES},
}
_WORDS: dict[str, str] = {"text": "text", "bytes": "bytes", "int": "a whole number", "pairs": "a list of pairs"}
_OUTSIDE: dict[type[ast.AST], str] = {
    ast.Attribute: "an attribute ('.')", ast.Subscript: "a subscript ('[…]')", ast.Lambda: "a lambda",
    ast.JoinedStr: "an f-string", ast.Compare: "a comparison", ast.Starred: "a '*'", ast.List: "a list",
    ast.Tuple: "a tuple", ast.Dict: "a dict", ast.Set: "a set", ast.UnaryOp: "a sign or 'not'",
    ast.NamedExpr: "an assignment", ast.Await: "'await'", ast.Yield: "'yield'", ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension", ast.DictComp: "a comprehension", ast.GeneratorExp: "a comprehension",
}  # fmt: skip
_VOCABULARY = f"; there are names, 'text', whole numbers, '+', 'or', 'if … else', and {', '.join(_FUNCTIONS)}"
_LONGEST, _DEEPEST = 1000, 20


# --- reading and checking -----------------------------------------------------------------------------------------


def parse(
    text: str,
    scope: Mapping[str, str],
    place: Place,
    complaints: Complaints,
    *,
    quoted: bool = False,
) -> Expression | None:
    """The expression in `text`, or None if something is wrong with it, which is then complained of.

    `scope` says of each known name what it is: `text`, `int`, `bytes`, `pairs`, with `?` for what may be absent.
    `quoted` says that the scalar at `place` stands in quotes (it need not be said where the source is known).
    """
    columns = _columns(text, place, complaints.sources.get(place.file, []), quoted)
    stripped = text.lstrip()
    indent = len(text) - len(stripped)
    stripped = stripped.rstrip()

    def refuse(message: str, at: int = 0) -> Expression | None:
        at = min(indent + at, len(columns) - 1)
        complaints.add("E060", attrs.evolve(place, column=columns[at], width=1), message)
        return None

    if not stripped:
        return refuse("an expression is missing here")
    if len(stripped) > _LONGEST:
        return refuse(f"an expression of more than {_LONGEST} characters; make steps of its parts")
    if len(stripped.splitlines()) > 1:
        return refuse("an expression stands on one line")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        # The parser counts from 1, and gives 0 for the end of the text.
        return refuse(f"not an expression: {error.msg}", error.offset - 1 if error.offset else len(stripped))
    except (ValueError, MemoryError, RecursionError) as error:
        return refuse(f"not an expression: {error}")
    checker = _Checker(stripped, indent, columns, scope, place, complaints)
    found = checker.check(tree, scope)
    if found is None or checker.failed:
        return None
    kind = bare_kind(found)
    kinds = {name: scope[name] for name in sorted(checker.names)}
    return Expression(stripped, tree, kind, frozenset(kinds), found.endswith("?"), kinds)


def _columns(text: str, place: Place, source: list[str], quoted: bool) -> list[int]:
    """For each character of a scalar the column where it stands, quotes and escapes counted."""
    plain = [place.column + index + quoted for index in range(len(text) + 1)]
    line = source[place.line - 1] if 1 <= place.line <= len(source) else ""
    quote = line[place.column - 1 : place.column]
    if quote not in ("'", '"'):
        return plain
    columns: list[int] = []
    at = place.column
    for _ in range(len(text) + 1):
        columns.append(at + 1)
        following = line[at : at + 2]
        if quote == "'":
            at += 2 if following == "''" else 1
        else:
            at += {"\\x": 4, "\\u": 6, "\\U": 10}.get(following, 2) if following[:1] == "\\" else 1
    return columns


def bare_kind(kind: str) -> Kind:
    return cast(Kind, kind.rstrip("?"))


def _cure(kind: str) -> str:
    return {"bytes": "; wrap it in hex() or base64()", "pairs": "; wrap it in form()"}.get(kind, "")


@attrs.define
class _Checker:
    """Walks the tree; a method gives the kind of a node, or None where something was complained of."""

    text: str
    indent: int
    columns: list[int]
    scope: Mapping[str, str]
    place: Place
    complaints: Complaints
    names: set[str] = attrs.Factory(set[str])
    failed: bool = False
    depth: int = 0

    def complain(self, code: str, node: ast.expr | ast.keyword, message: str) -> str | None:
        """Gives None, so that a method can end with it."""
        self.failed = True
        encoded = self.text.encode()  # the parser counts bytes
        start = len(encoded[: node.col_offset].decode(errors="replace"))
        end = len(encoded[: node.end_col_offset].decode(errors="replace"))
        first, last = self.columns[self.indent + start], self.columns[self.indent + end]
        self.complaints.add(code, attrs.evolve(self.place, column=first, width=max(1, last - first)), message)
        return None

    def check(self, node: ast.expr, scope: Mapping[str, str]) -> str | None:
        self.depth += 1
        try:
            if self.depth > _DEEPEST:
                return None if self.failed else self.complain("E060", node, "too deep; make steps of its parts")
            match node:
                case ast.Name():
                    return self._name(node, scope)
                case ast.Constant():
                    return self._constant(node)
                case ast.BoolOp(op=ast.Or()):
                    return self._first(node, scope)
                case ast.BinOp(op=ast.Add()):
                    return self._sum(node, scope)
                case ast.IfExp():
                    return self._choice(node, scope)
                case ast.Call():
                    return self._call(node, scope)
                case _:
                    return self.complain("E065", node, f"{self._what(node)} has no place here{_VOCABULARY}")
        finally:
            self.depth -= 1

    def _what(self, node: ast.expr) -> str:
        if isinstance(node, ast.BoolOp):
            return "'and'"
        return "an operator other than '+'" if isinstance(node, ast.BinOp) else _OUTSIDE.get(type(node), "this")

    def _name(self, node: ast.Name, scope: Mapping[str, str]) -> str | None:
        if node.id in scope:
            self.names.add(node.id)
            return scope[node.id]
        if node.id in _FUNCTIONS:
            return self.complain("E061", node, f"'{node.id}' is a function; write {node.id}(…)")
        return self.complain("E061", node, f"unknown name '{node.id}'{suggest(node.id, scope)}")

    def _constant(self, node: ast.Constant) -> str | None:
        if type(node.value) is int:
            return "int"
        if not isinstance(node.value, str):
            shown = ast.get_source_segment(self.text, node) or "this"
            return self.complain("E065", node, f"'{shown}' has no place here; there are 'text' and whole numbers")
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            return self.complain("E065", node, "a lone surrogate is no text; write the character itself")
        return "text"

    def _first(self, node: ast.BoolOp, scope: Mapping[str, str]) -> str | None:
        kinds = [self.check(value, scope) for value in node.values]
        # Whether it may be absent is for the last one to say: the others are passed over then.
        return self._same(node, kinds, str(kinds[-1]).endswith("?"))

    def _choice(self, node: ast.IfExp, scope: Mapping[str, str]) -> str | None:
        test = self.check(node.test, scope)
        narrowed = dict(scope)
        if isinstance(node.test, ast.Name) and test:
            narrowed[node.test.id] = bare_kind(test)
        kinds = [self.check(node.body, narrowed), self.check(node.orelse, scope)]
        return self._same(node, kinds, any(str(kind).endswith("?") for kind in kinds)) if test else None

    def _same(self, node: ast.expr, kinds: list[str | None], optional: bool) -> str | None:
        known = [bare_kind(kind) for kind in kinds if kind]
        if len(known) < len(kinds):
            return None
        if len(set(known)) > 1:
            mixed = " and ".join(_WORDS[kind] for kind in dict.fromkeys(known))
            cure = "; '' + number is text" if set(known) == {"text", "int"} else ""
            return self.complain("E063", node, f"this is {mixed} by turns; all must be of one kind{cure}")
        return known[0] + ("?" if optional else "")

    def _sum(self, node: ast.BinOp, scope: Mapping[str, str]) -> str | None:
        parts = list(operands(node))
        kinds = [self.check(part, scope) for part in parts]
        for part, kind in zip(parts, kinds, strict=True):
            if kind and bare_kind(kind) not in ("text", "int"):
                self.complain("E063", part, f"{_WORDS[bare_kind(kind)]} cannot be joined{_cure(bare_kind(kind))}")
            elif kind and kind.endswith("?") and not isinstance(part, ast.Name):
                self.complain("E063", part, "this may be absent; make a step of it, or write (… or '')")
        if self.failed:
            return None
        optional = any(str(kind).endswith("?") for kind in kinds)
        return ("text" if "text" in {bare_kind(str(kind)) for kind in kinds} else "int") + ("?" if optional else "")

    def _call(self, node: ast.Call, scope: Mapping[str, str]) -> str | None:
        if not isinstance(node.func, ast.Name):
            return self.complain("E065", node.func, f"only a function's name may be called{_VOCABULARY}")
        name = node.func.id
        function = _FUNCTIONS.get(name)
        if function is None:
            if name in scope:
                return self.complain("E062", node.func, f"'{name}' is not a function; write it without ()")
            return self.complain("E062", node.func, f"unknown function '{name}'{suggest(name, _FUNCTIONS)}")
        if {name, function.printed} & set(scope):  # printed, the step would hide the function
            return self.complain("E062", node.func, f"'{name}' names a function and a value here; rename the value")
        if name == "json":
            self._json(node, scope)
        else:
            self._arguments(node, name, function, scope)
        return function.gives

    def _arguments(self, node: ast.Call, name: str, function: _Function, scope: Mapping[str, str]) -> None:
        for keyword in node.keywords:
            self.complain("E064", keyword, f"{name}() takes no named arguments")
        wanted = len(function.takes)
        if len(node.args) != wanted and not node.keywords:
            plural = "argument" if wanted == 1 else "arguments"
            self.complain("E064", node, f"{name}() takes {wanted} {plural}, here are {len(node.args)}")
        for index, argument in enumerate(node.args):
            kind = self.check(argument, scope)
            if not kind or index >= wanted:
                continue
            if bare_kind(kind) not in function.takes[index]:
                takes = " or ".join(_WORDS[one] for one in function.takes[index])
                bare = bare_kind(kind)
                cure = "; '' + number is text" if bare == "int" and "text" in function.takes[index] else ""
                cure = cure or (_cure(bare) if "text" in function.takes[index] else "")
                if function.takes[index] == ("bytes",):
                    cure = ", such as hmac_sha256(key, text) gives"
                self.complain("E063", argument, f"{name}() takes {takes}, and this is {_WORDS[bare]}{cure}")
            elif kind.endswith("?"):
                cure = f"; write {ast.unparse(argument)} or ''" if isinstance(argument, ast.Name) else ""
                self.complain("E063", argument, f"{name}() needs a value, and this may be absent{cure}")

    def _json(self, node: ast.Call, scope: Mapping[str, str]) -> None:
        for argument in node.args:
            self.complain("E064", argument, "json() takes named values only: json(name=value)")
        seen: set[str] = set()
        for keyword in node.keywords:
            name = keyword.arg
            if name is None or not name.isascii() or name == "__debug__":
                self.complain("E065", keyword, "json() takes plain names only: json(name=value)")
            elif name in seen:
                self.complain("E064", keyword, f"json() is given '{name}' twice")
            seen.add(name or "")
            kind = self.check(keyword.value, scope)
            if kind and bare_kind(kind) not in ("text", "int"):
                bare = bare_kind(kind)
                self.complain("E063", keyword.value, f"JSON has no place for {_WORDS[bare]}{_cure(bare)}")


def operands(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of `a + b + c`, from the left; what stands in parentheses on the right is one part."""
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp):
        parts.append(node.right)
        node = node.left
    yield node
    yield from reversed(parts)


# --- printing -------------------------------------------------------------------------------------------------------


def print_python(expression: Expression, names: Mapping[str, str], *, as_text: bool = False) -> str:
    """Python source with the value of the expression; `names` says how a name is spoken where it is not itself.

    `as_text` prints a whole number as text too, as a header needs it.
    """
    printer = _Printer(expression.kinds, names)
    return printer.text(expression) if as_text and expression.kind == "int" else printer.show(expression.tree)


def functions(expression: Expression) -> frozenset[str]:
    """The names of `specie.runtime.signing` that the printed text needs."""
    called = {node.func.id for node in ast.walk(expression.tree) if isinstance(node, ast.Call)
              and isinstance(node.func, ast.Name)}  # fmt: skip
    return frozenset(_FUNCTIONS[name].printed for name in called) - {""}


def quote(text: str) -> str:
    """A Python literal in ASCII, in double quotes unless single ones save escapes."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    special = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", mark: "\\" + mark}

    def escape(character: str) -> str:
        code = ord(character)
        if character in special or 32 <= code < 127:
            return special.get(character, character)
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return mark + "".join(map(escape, text)) + mark


@attrs.define
class _Printer:
    kinds: Mapping[str, str]
    names: Mapping[str, str]

    def show(self, node: ast.expr) -> str:
        match node:
            case ast.Name():
                return self.names.get(node.id, node.id)
            case ast.Constant():
                return quote(node.value) if isinstance(node.value, str) else str(node.value)
            case ast.BoolOp():
                return " or ".join(self._inner(value, ast.IfExp) for value in node.values)
            case ast.IfExp():
                body = self._given(node.test)._inner(node.body, ast.IfExp)
                return f"{body} if {self._inner(node.test, ast.IfExp)} else {self.show(node.orelse)}"
            case ast.BinOp():
                return self._sum(node)
            case ast.Call(func=ast.Name(id="hex")):
                return f"{self._inner(node.args[0], ast.IfExp, ast.BoolOp)}.hex()"
            case ast.Call(func=ast.Name(id=name)):
                arguments = [self.show(argument) for argument in node.args]
                arguments += [f"{keyword.arg}={self.show(keyword.value)}" for keyword in node.keywords]
                return f"{_FUNCTIONS[name].printed}({', '.join(arguments)})"
            case _:
                raise TypeError(f"unchecked expression: {ast.dump(node)}")

    def text(self, expression: Expression) -> str:
        node = expression.tree
        if not expression.optional:
            return f"str({self.show(node)})"
        if isinstance(node, ast.BinOp):
            return self._sum(node, "str({})")
        return f"None if {self._inner(node, ast.IfExp)} is None else str({self.show(node)})"

    def _given(self, test: ast.expr) -> _Printer:
        """The printer of what stands behind a test: what was tested is there."""
        given = {test.id: bare_kind(self.kinds[test.id])} if isinstance(test, ast.Name) else {}
        return _Printer({**self.kinds, **given}, self.names)

    def _inner(self, node: ast.expr, *wrapped: type[ast.expr]) -> str:
        absent = isinstance(node, ast.BinOp) and self._optional(node)  # prints an `if … else`
        return f"({self.show(node)})" if absent or isinstance(node, wrapped) else self.show(node)

    def _optional(self, node: ast.BinOp) -> list[str]:
        """The names of a sum that may be absent: with them the sum is absent."""
        found = [part.id for part in operands(node) if isinstance(part, ast.Name)]
        return [name for name in dict.fromkeys(found) if self.kinds.get(name, "").endswith("?")]

    def _sum(self, node: ast.BinOp, wrapped: str = "{}") -> str:
        numbers: list[str] = []
        texts: list[str] = []
        for part in operands(node):
            shown = self._inner(part, ast.IfExp, ast.BoolOp)
            if kind_of(part, self.kinds) == "text":
                texts += [f"str({' + '.join(numbers)})", shown] if numbers else [shown]
                numbers = []
            elif texts:
                texts.append(f"str({shown})")
            else:
                numbers.append(shown)
        printed = " + ".join(texts or numbers)
        missing = [f"{self.names.get(name, name)} is None" for name in self._optional(node)]
        printed = wrapped.replace("{}", printed)
        return f"None if {' or '.join(missing)} else {printed}" if missing else printed


def kind_of(node: ast.expr, kinds: Mapping[str, str]) -> Kind:
    """The kind of a checked node."""
    match node:
        case ast.Name():
            return bare_kind(kinds[node.id])
        case ast.Constant():
            return "text" if isinstance(node.value, str) else "int"
        case ast.BoolOp():
            return kind_of(node.values[0], kinds)
        case ast.IfExp():
            return kind_of(node.body, kinds)
        case ast.BinOp():
            return "text" if any(kind_of(part, kinds) == "text" for part in operands(node)) else "int"
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name].gives
        case _:
            raise TypeError(f"unchecked expression: {ast.dump(node)}")
