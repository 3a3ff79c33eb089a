"""How facts are spoken in Python: quoting, docstrings, line breaking, imports.

Every string of a spec reaches printed code through `quote` or `docstring`, so that none can end a literal, name a
keyword or run. `fit` breaks lines as `ruff format` would, so the output needs no formatter.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from decimal import Decimal

from .characters import escape, visible, width
from .model import is_list, is_mapping, is_tuple

WIDTH = 120
_INDENT = "    "


def quote(text: str) -> str:
    """A string literal that is `text`, in double quotes unless single ones save escapes, as ruff has it."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    named = {"\\": "\\\\", mark: f"\\{mark}", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return mark + "".join(named.get(one) or (one if visible(one) else escape(one)) for one in text) + mark


def literal(value: object) -> str:
    """Python source of a plain value."""
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, Decimal):
        return f'Decimal("{format(value, "f")}")'
    if is_list(value):
        return f"[{', '.join(map(literal, value))}]"
    if is_tuple(value):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if is_mapping(value):
        return "{" + ", ".join(f"{literal(key)}: {literal(one)}" for key, one in value.items()) + "}"
    return quote(str(value))


def prose(text: str) -> str:
    """Text that may stand inside a docstring."""
    shown = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return "".join(one if one == "\n" or visible(one) else escape(one) for one in shown)


def docstring(text: str, indent: int) -> str:
    """`text`, which is wrapped already, as a docstring at `indent` spaces; its first line comes without them."""
    lines = prose(text).strip().split("\n")
    margin = " " * indent
    # A quote at either end would join those of the docstring.
    if lines[0].startswith('"'):
        lines[0] = f"\\{lines[0]}"
    if re.search(r'(?<!\\)(?:\\\\)*"\Z', lines[-1]):
        lines[-1] = lines[-1][:-1] + '\\"'
    if len(lines) == 1 and indent + width(lines[0]) + 6 <= WIDTH:
        return f'"""{lines[0]}"""'
    body = [f"{margin}{line}".rstrip() for line in lines[1:]]
    return "\n".join([f'"""{lines[0]}', *body, f'{margin}"""'])


def wrap(text: str, indent: int, first: str = "", hang: int = 0) -> list[str]:
    """Prose as lines that fit, the first one led by `first`, the others by `hang` spaces."""
    return textwrap.wrap(
        " ".join(text.split()),
        max(40, WIDTH - indent),
        initial_indent=first,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def wrap_doc(text: str, indent: int) -> list[str]:
    """Prose as the first lines of a docstring, whose quotes take room in the first one."""
    first, *others = wrap(text, indent, " " * 3)
    return [first.strip(), *others]


# --- line breaking ----------------------------------------------------------------------------------------------------


def fit(code: str, indent: int = 0) -> str:
    """One logical line, broken as `ruff format` would if it is too long. Its first line comes without indentation."""
    if _fits(code, indent):
        return code
    union = _parts(code, " | ")
    if re.match(r"\w+: .*,\Z", code) and len(union) > 1:
        return f"\n{' ' * indent}".join(union)
    operators = None if code.startswith("def ") else _operators(code)
    if operators:
        return _broken_at_operators(indent, *operators)
    brackets = _brackets(code)
    return code if brackets is None else _broken_at_brackets(code, indent, *brackets)


def _fits(code: str, indent: int) -> bool:
    return indent + width(code) <= WIDTH


def _broken_at_brackets(code: str, indent: int, opening: int, closing: int) -> str:
    """What the brackets hold on a line of its own; or, if that is too long, each part on its own line."""
    parts = _parts(code[opening + 1 : closing], ",")
    together = ", ".join(parts)
    inner = indent + len(_INDENT)
    head, tail = code[: opening + 1], code[closing:]
    # A list, a tuple or a dict, unlike the arguments of a call, is never put on one line of its own.
    if _is_call(code, opening) and _fits(together, inner):
        lines = [together]
    else:
        lines = [fit(f"{part},", inner) for part in parts]
    return "\n".join([head, *(" " * inner + line for line in lines), " " * indent + tail])


def _brackets(code: str) -> tuple[int, int] | None:
    """The outermost brackets to break at: the first ones of a definition, the last ones of anything else."""
    pairs: list[tuple[int, int]] = []
    stack: list[int] = []
    for index, character in _outside_strings(code):
        if character in "([{":
            stack.append(index)
        elif character in ")]}":
            start = stack.pop()
            subscript = character == "]" and _is_call(code, start)
            if not stack and index > start + 1 and not subscript:
                pairs.append((start, index))
    if not pairs:
        return None
    return pairs[0] if code.startswith(("def ", "async def ")) else pairs[-1]


def _is_call(code: str, opening: int) -> bool:
    """Whether the brackets belong to the name before them: a call or a subscript, not a list, a tuple or a dict."""
    return opening > 0 and (code[opening - 1].isalnum() or code[opening - 1] in "_])")


def _operators(code: str) -> tuple[str, list[str]] | None:
    """What stands before an expression with operators, and its operands, each led by its operator."""
    head, value = re.match(r"((?:return |\w+(?:: \w+)? = )?)(.*)", code, re.DOTALL).groups()  # type: ignore[union-attr]
    for operator in (" if ", " else "), (" or ",), (" + ",), (" | ",):
        parts = _parts(value, *operator)
        if len(parts) > 1 and head:
            return head, parts
    return None


def _broken_at_operators(indent: int, head: str, parts: list[str]) -> str:
    inner = indent + len(_INDENT)
    together = " ".join(parts)
    brackets = _brackets(parts[-1])
    if len(parts) == 2 and parts[-1].endswith(")") and brackets:
        # Behind a single operator, the arguments of the last call are broken, if all before them fits.
        before = len(head) + len(parts[0]) + 1
        broken = _broken_at_brackets(head + together, indent, before + brackets[0], before + brackets[1])
        if _fits(broken.partition("\n")[0], indent):
            return broken
    lines = [together] if _fits(together, inner) else [fit(part, inner) for part in parts]
    return "\n".join([f"{head}(", *(" " * inner + line for line in lines), " " * indent + ")"])


def _parts(code: str, *separators: str) -> list[str]:
    """`code` cut at what separates it outside of strings and brackets. An operator leads the part that follows it."""
    parts: list[str] = []
    depth = start = 0
    for index, character in _outside_strings(code):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and any(code.startswith(one, index) for one in separators):
            parts.append(code[start:index].strip())
            start = index + (1 if character == "," else 0)
    return [part for part in (*parts, code[start:].strip()) if part]


def _outside_strings(code: str) -> Iterator[tuple[int, str]]:
    quoted, index = "", 0
    while index < len(code):
        character = code[index]
        if quoted:
            if character == "\\":
                index += 1
            elif character == quoted:
                quoted = ""
        elif character in "\"'":
            quoted = character
        else:
            yield index, character
        index += 1


# --- imports ----------------------------------------------------------------------------------------------------------

_STANDARD = {
    "AsyncIterator": "collections.abc",
    "Iterable": "collections.abc",
    "Iterator": "collections.abc",
    "Mapping": "collections.abc",
    "Sequence": "collections.abc",
    "datetime": "datetime",
    "Decimal": "decimal",
    "cached_property": "functools",
    "Any": "typing",
    "Literal": "typing",
    "Self": "typing",
    "TYPE_CHECKING": "typing",
    "TypeAlias": "typing",
    "TypedDict": "typing",
    "Unpack": "typing",
    "overload": "typing",
}


def imports(body: str, runtime: Iterable[str], local: dict[str, str]) -> str:
    """The import block that `body` needs: from the standard library, from the runtime, and from modules beside it.

    `local` maps a name to another module, such as `.orders`, that has it. What the text does not use is not imported.
    """
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    blocks = [["from __future__ import annotations"]]
    blocks.append(_from({name: module for name, module in _STANDARD.items() if name in used}))
    beside = {name: module for name, module in local.items() if name in used}
    absolute = {name: module for name, module in beside.items() if not module.startswith(".")}
    blocks.append(_from({name: "specie.runtime" for name in runtime if name in used and name not in local} | absolute))
    blocks.append(_from({name: module for name, module in beside.items() if name not in absolute}))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _from(names: dict[str, str]) -> list[str]:
    modules: dict[str, list[str]] = {}
    for name, module in names.items():
        modules.setdefault(module, []).append(name)
    return [import_line(module, found) for module, found in sorted(modules.items())]


def import_line(module: str, names: Iterable[str], indent: int = 0) -> str:
    """One `from … import …`, in the order that ruff wants."""
    ordered = sorted(set(names), key=_import_order)
    line = f"from {module} import {', '.join(ordered)}"
    if indent + len(line) <= WIDTH:
        return line
    margin = " " * indent
    return "\n".join([f"from {module} import (", *(f"{margin}    {name}," for name in ordered), f"{margin})"])


def _import_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Constants, then classes, then functions; numbers inside names count as numbers."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    pieces: list[str] = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return kind, [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]
