"""Sentences of `require:`, checked against the parameters and enums that they speak of.

The runtime, which judges calls by them, parses the sentences; here they are only held against the spec.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Table
from itertools import combinations, product

from specie.runtime.rules import RuleSyntaxError, Word, parse_rule

from .diagnostics import Complaints, suggest
from .model import TIMES, Enum, ListOf, NamedType, Plain, Ref, Rule, Value
from .source import Scalar

_ORDERED = ("int", "decimal", *TIMES)


def check_rule(sentence: Scalar, values: Iterable[Value], named: Table[str, NamedType], complaints: Complaints) -> None:
    """Complain of what is no rule, and of names and values that there are not."""
    by_name = {value.name: value for value in values}
    arguments = [name for name, value in by_name.items() if value.argument]

    def wrong(code: str, word: Word, message: str) -> None:
        complaints.add(code, sentence.part(word.start, word.end), message)

    try:
        rule = parse_rule(sentence.raw)
    except RuleSyntaxError as error:
        # `require: [one of a, b]` are two rules to YAML.
        counts = sentence.raw.startswith(("one of ", "at least one of ", "at most one of ")) and "," not in sentence.raw
        cure = "; between brackets a comma ends the rule: put it in quotes" if counts else ""
        complaints.add("E052", sentence.part(error.start, error.end), f"not a rule: {error.reason}{cure}")
        return
    for name in rule.names:
        if name.text not in by_name:
            wrong("E050", name, f"no parameter '{name.text}'{suggest(name.text, arguments)}")
        elif name.text not in arguments:
            wrong("E050", name, f"'{name.text}' is always sent, and no caller gives it")
    for use in rule.values:
        found = by_name.get(use.parameter.text)
        why = _misfit(use.value.text, found, named) if found else None
        if why:
            wrong("E051", use.value, why)
    if rule.kind in ("<", "<=", "span"):
        for name in rule.names:
            found = by_name.get(name.text)
            wanted = TIMES if rule.span and rule.span[1] else _ORDERED
            if found and not (isinstance(found.type, Plain) and found.type.name in (*wanted, "json")):
                wrong(
                    "E051", name, f"'{name.text}' is no {'time' if wanted is TIMES else 'number'}, so it has no order"
                )


def _misfit(word: str, value: Value, named: Table[str, NamedType]) -> str | None:
    """Why a parameter can never be equal to `word`; None where it can."""
    kind = value.type.item if isinstance(value.type, ListOf) else value.type
    enum = named.get(kind.name) if isinstance(kind, Ref) else None
    if isinstance(enum, Enum):
        known = [member.name for member in enum.members]
        if word not in known and word not in [str(member.value) for member in enum.members]:
            return f"{enum.name} has no '{word}'{suggest(word, known)}"
    elif value.choices and word not in [str(choice) for choice in value.choices]:
        return f"'{value.name}' is never '{word}'{suggest(word, [str(choice) for choice in value.choices])}"
    elif kind == Plain("bool") and word not in ("true", "false"):
        return f"'{value.name}' is true or false, not '{word}'"
    elif kind == Plain("int") and not word.removeprefix("-").isdecimal():
        return f"'{value.name}' is a whole number, not '{word}'"
    return None


def kept_apart(rules: Iterable[Rule]) -> set[frozenset[str]]:
    """Pairs of parameters that no call may give together."""
    pairs: set[frozenset[str]] = set()
    for one in rules:
        try:
            rule = parse_rule(one.text)
        except RuleSyntaxError:
            continue
        for first, second in combinations(rule.groups, 2) if rule.kind in ("one", "most") else ():
            pairs |= {frozenset((left.text, right.text)) for left, right in product(first, second)}
    return pairs
