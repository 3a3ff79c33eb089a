"""`require:` sentences: what the parameters of a call demand of one another.

One parser for the compiler, which points a caret at what is wrong, and for the runtime, which refuses a call before
it is sent.

    price unless type == MARKET
    symbol only when status == settled
    one of order_id, symbol
    end - start <= 90d
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn, cast

__all__ = ["Rule", "RuleSyntaxError", "compile_rule", "may_break", "parse_rule"]


class RuleSyntaxError(ValueError):
    """A sentence that is no rule.

    Attributes:
        reason: What is wrong.
        start: Where in the text, counted in characters from 0.
        end: Where it ends.
    """

    def __init__(self, reason: str, start: int, end: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.start = start
        self.end = max(end, start + 1)


class Word(NamedTuple):
    """A name or value in a rule, and where it stands."""

    text: str
    start: int
    end: int


class ValueUse(NamedTuple):
    """A value that a parameter is compared with."""

    parameter: Word
    value: Word


class Condition(NamedTuple):
    """One comparison; those of a rule are joined by `and`."""

    parameter: Word
    test: str  # ==, !=, in, given, absent
    values: tuple[Word, ...]


class Rule(NamedTuple):
    """A rule, parsed.

    Attributes:
        text: As it was written.
        kind: `when`, `unless`, `only`, `one`, `least`, `most`, `<`, `<=` or `span`.
        groups: The alternatives that are counted or demanded, each of one or more names.
        conditions: When it applies.
        span: For `span`: the largest difference and its unit (`""`, `ms`, `s`, `min`, `h`, `d`).
    """

    text: str
    kind: str
    groups: tuple[tuple[Word, ...], ...]
    conditions: tuple[Condition, ...] = ()
    span: tuple[Decimal, str] | None = None

    @property
    def names(self) -> tuple[Word, ...]:
        """Every parameter that it names, with its place in the text."""
        return (
            *(name for group in self.groups for name in group),
            *(condition.parameter for condition in self.conditions),
        )

    @property
    def values(self) -> tuple[ValueUse, ...]:
        """Every value that a parameter is compared with, with its place in the text."""
        return tuple(
            ValueUse(condition.parameter, value) for condition in self.conditions for value in condition.values
        )


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?[0-9][A-Za-z0-9_.]*)|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign><=|==|!=|[<+,()-]))"
)
_SPAN: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|min|h|d|)\Z")
_SECONDS: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_KEYWORDS: Final = frozenset(
    ("when", "unless", "only", "one", "of", "at", "least", "most", "and", "in", "given", "absent")
)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[_Token] = []
        self.next = 0
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                raise RuleSyntaxError(f"{text[start]!r} means nothing in a rule", start, start + 1)
            kind = match.lastgroup
            self.tokens.append(_Token(kind, match.group(kind), match.start(kind), match.end(kind)))
            position = match.end()

    def fail(self, reason: str, token: _Token | None = None) -> NoReturn:
        token = token or self.peek()
        raise RuleSyntaxError(reason, token.start, token.end)

    def peek(self, ahead: int = 0) -> _Token:
        index = self.next + ahead
        return (
            self.tokens[index]
            if index < len(self.tokens)
            else _Token("end", "", len(self.text.rstrip()), len(self.text.rstrip()) + 1)
        )

    def take(self) -> _Token:
        token = self.peek()
        self.next += 1
        return token

    def skip(self, *words: str) -> bool:
        if all(
            self.peek(index).text == word and self.peek(index).kind in ("word", "sign")
            for index, word in enumerate(words)
        ):
            self.next += len(words)
            return True
        return False

    def name(self) -> Word:
        token = self.peek()
        if token.kind != "word":
            self.fail(f"a parameter's name is expected here{f', not {token.text!r}' if token.text else ''}")
        if token.text in _KEYWORDS:
            self.fail(f"a parameter's name is expected here, not the word {token.text!r}")
        self.next += 1
        return Word(token.text, token.start, token.end)

    def value(self) -> Word:
        token = self.take()
        if token.kind not in ("word", "number", "text"):
            self.fail("a value is expected here", token)
        text = token.text[1:-1] if token.kind == "text" else token.text
        return Word(text, token.start, token.end)

    def names(self, *, plus: bool) -> tuple[tuple[Word, ...], ...]:
        groups: list[tuple[Word, ...]] = []
        while True:
            group = [self.name()]
            while plus and self.skip("+"):
                group.append(self.name())
            groups.append(tuple(group))
            if not (self.skip(",") or (not plus and self.skip("and"))):
                return tuple(groups)

    def conditions(self) -> tuple[Condition, ...]:
        found = [self.condition()]
        while self.skip("and"):
            found.append(self.condition())
        return tuple(found)

    def condition(self) -> Condition:
        parameter = self.name()
        token = self.take()
        if token.text in ("given", "absent"):
            return Condition(parameter, token.text, ())
        if token.text in ("==", "!="):
            return Condition(parameter, token.text, (self.value(),))
        if token.text == "in":
            if not self.skip("("):
                self.fail("`in` is followed by values in parentheses")
            values = [self.value()]
            while self.skip(","):
                values.append(self.value())
            if not self.skip(")"):
                self.fail("a closing parenthesis is missing")
            return Condition(parameter, "in", tuple(values))
        self.fail("a condition goes on with ==, !=, in, given or absent", token)

    def rule(self) -> Rule:
        for kind, words in (
            ("least", ("at", "least", "one", "of")),
            ("most", ("at", "most", "one", "of")),
            ("one", ("one", "of")),
        ):
            if self.skip(*words):
                alternatives = self.names(plus=True)
                if len(alternatives) < 2:
                    self.fail("at least two alternatives are needed")
                return Rule(self.text, kind, alternatives)
        first = self.name()
        if self.skip("-"):
            second = self.name()
            if not self.skip("<="):
                self.fail("a difference is compared by <=")
            token = self.take()
            match = _SPAN.match(token.text) if token.kind == "number" else None
            if match is None:
                self.fail("a span is a number, or one of ms, s, min, h or d, such as 90d", token)
            return Rule(self.text, "span", ((first,), (second,)), (), (Decimal(match[1]), match[2]))
        for sign in ("<=", "<"):
            if self.skip(sign):
                return Rule(self.text, sign, ((first,), (self.name(),)))
        groups: tuple[tuple[Word, ...], ...] = ((first,),)
        if self.skip(",") or self.skip("and"):
            groups += self.names(plus=False)
        if self.skip("only", "when"):
            return Rule(self.text, "only", groups, self.conditions())
        if self.skip("when"):
            return Rule(self.text, "when", groups, self.conditions())
        if self.skip("unless"):
            return Rule(self.text, "unless", groups, self.conditions())
        self.fail("a rule goes on with when, unless, only when, <, <= or -")


def parse_rule(text: str) -> Rule:
    """The rule that a sentence says.

    Raises:
        RuleSyntaxError: It says none; with the place of what is wrong.
    """
    parser = _Parser(text)
    rule = parser.rule()
    if parser.peek().kind != "end":
        parser.fail(f"the rule should end before {parser.peek().text!r}")
    return rule


# -- evaluation ------------------------------------------------------------------------------------------------------

Values = Mapping[str, Any]
"""What the caller gave, by Python name, in comparable form; what was not given is absent or None."""


def compile_rule(
    rule: Rule, known: Callable[[str, str], frozenset[object]], unit: Callable[[str], str]
) -> Callable[[Values], tuple[str, str] | None]:
    """A function that looks at a call and says what breaks the rule: the parameter and a sentence, or None.

    Args:
        rule: The rule.
        known: The values that a word stands for, given the parameter's name and the word.
        unit: The unit in which a parameter counts time: `millis`, `seconds`, `exact`, or empty.
    """
    tests: list[tuple[str, str, frozenset[object]]] = [
        (
            condition.parameter.text,
            condition.test,
            frozenset[object]().union(*(known(condition.parameter.text, value.text) for value in condition.values)),
        )
        for condition in rule.conditions
    ]
    groups = [tuple(word.text for word in group) for group in rule.groups]
    flat = [name for group in groups for name in group]
    words = _listed(["+".join(group) for group in groups])

    def applies(given: Values) -> bool:
        for name, test, values in tests:  # noqa: SIM110 - this runs at every call, and `all` costs twice as much
            if not _holds(given.get(name), test, values):
                return False
        return True

    def state(given: Values) -> str:
        parts = [
            f"{name} is {given[name]}" if given.get(name) is not None else f"{name} was not given"
            for name, _, _ in tests
        ]
        return ", ".join(dict.fromkeys(parts))

    def needed(given: Values) -> tuple[str, str] | None:
        for name in flat:  # before the conditions, which cost more: mostly there is nothing to refuse
            if given.get(name) is None:
                if applies(given) == (rule.kind == "when"):
                    return name, f"{name} is required here ({state(given)})"
                break
        return None

    def refused(given: Values) -> tuple[str, str] | None:
        for name in flat:
            if given.get(name) is not None:
                if not applies(given):
                    return name, f"{name} must not be given here ({state(given)})"
                break
        return None

    def counted(given: Values) -> tuple[str, str] | None:
        present: list[str] = []  # the first given name of each alternative
        for group in groups:
            for name in group:
                if given.get(name) is not None:
                    present.append(name)
                    break
        if not present and rule.kind != "most":
            return flat[0], f"one of {words} is required"
        if len(present) > 1 and rule.kind != "least":
            return present[1], f"only one of {words} may be given, not {present[0]} and {present[1]} together"
        return None

    def ordered(given: Values) -> tuple[str, str] | None:
        first, second = flat
        left, right = given.get(first), given.get(second)
        if left is None or right is None or left < right or (rule.kind == "<=" and left == right):
            return None
        return first, f"{first} ({left}) must be {'below' if rule.kind == '<' else 'at most'} {second} ({right})"

    def spanned(given: Values) -> tuple[str, str] | None:
        first, second = flat
        left, right = given.get(first), given.get(second)
        if left is None or right is None or rule.span is None:
            return None
        number, word = rule.span
        if left - right <= in_unit(number, word, unit(first)):
            return None
        return first, f"{first} may be at most {number}{word} after {second}"

    if rule.kind in ("when", "unless"):
        return needed
    if rule.kind == "only":
        return refused
    if rule.kind in ("one", "least", "most"):
        return counted
    return spanned if rule.kind == "span" else ordered


def may_break(rule: Rule, given: Container[str]) -> bool:
    """Whether a call that gives these parameters, and no others, can break a rule, whatever their values."""
    names = [word.text for group in rule.groups for word in group]
    if rule.kind in ("when", "unless"):
        return not all(name in given for name in names)
    if rule.kind == "only":
        return any(name in given for name in names)
    return rule.kind in ("one", "least", "most") or all(name in given for name in names)


def _holds(value: Any, test: str, values: frozenset[object]) -> bool:
    if test == "given":
        return value is not None
    if test == "absent":
        return value is None
    if isinstance(value, list):
        inside = any(str(item) in values for item in cast("list[object]", value))
    else:
        inside = value is not None and (value in values or str(value) in values)
    return inside if test in ("==", "in") else not inside


def in_unit(number: Decimal, word: str, unit: str) -> Decimal:
    """A span such as 90 `d` counted in a unit of time."""
    if not word:
        return number
    return number * _SECONDS[word] * (1000 if unit == "millis" else 1)


def parse_span(text: str) -> tuple[Decimal, str]:
    """A span of time such as `90d`.

    Raises:
        ValueError: It is none.
    """
    match = _SPAN.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a span of time such as 90d")
    return Decimal(match[1]), match[2]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]
