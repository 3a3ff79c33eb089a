"""YAML less what surprises: what is read is what was written, and every node knows its place."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from specie.compiler import source
from specie.compiler.diagnostics import Complaints, SpecError, suggest
from specie.compiler.source import Mapping, Node, Scalar, Sequence, parse
from specie.compiler.values import plain

SPECS = Path(__file__).parents[2] / "specs"


def read(text: str) -> Node:
    complaints = Complaints()
    node = parse(text, "a.yaml", complaints)
    complaints.stop()
    assert node is not None
    return node


def codes(text: str) -> list[str]:
    complaints = Complaints()
    parse(text, "a.yaml", complaints)
    return [complaint.code for complaint in complaints]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("True", "True"), ("1:30", "1:30"), ("0123", "0123"), ("0x1F", "0x1F"),
        ("0o17", "0o17"), ("1e3", "1e3"), ("1_000", "1_000"), (".5", ".5"), ("5.", "5."), ("+1", "+1"), (".inf", ".inf"),
        (".nan", ".nan"), ("~", "~"), ("Null", "Null"), ("2026-01-31", "2026-01-31"), ("=", "="), ("١٢", "١٢"),
        ("true", True), ("false", False), ("null", None), ("", None), ("0", 0), ("-2006", -2006), ("12345678901234567890", 12345678901234567890),
        ("1.50", Decimal("1.50")), ("-0.1", Decimal("-0.1")), ("'1'", "1"), ('"true"', "true"), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_scalars(written: str, value: object) -> None:
    node = read(f"a: {written}\n")
    found = plain(node)["a"]
    assert (found, type(found)) == (value, type(value))


def test_decimals_keep_their_digits() -> None:
    assert str(plain(read("a: 1.500\n"))["a"]) == "1.500"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1\nb: *x\n", ["E007", "E007"]),
        ("a: !!int 1\n", ["E008"]),
        ("a: !x 1\n", ["E008"]),
        ("a: {<<: {b: 1}}\n", ["E005"]),
        ("a: 1\na: 2\n", ["E006"]),
        ('a: 1\n"a": 2\n', ["E006"]),
        ("? {a: 1}\n: 2\n", ["E004"]),
        ("a: 1\n---\nb: 2\n", ["E002"]),
        ("", ["E003"]),
        ("a: \x00\n", ["E009"]),
        ("a: \x1b[31m\n", ["E009"]),
        ("a: [1\n", ["E001"]),
        ('a: "\\ud800"\n', ["E001"]),
        ("[" * 60, ["E009"]),
        ("a: *unknown\n", ["E007"]),
        ("%YAML 9.9\n---\na: 1\n", ["E001"]),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_what_a_spec_has_no_use_for(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_quoted_merge_key_is_a_key() -> None:
    assert plain(read('"<<": 1\n')) == {"<<": 1}


def test_places_point_at_what_was_written() -> None:
    text = "a: {b: [one, 'two'], c?: \"three\"}\nd:\n  - four five\n"
    lines = text.split("\n")

    def check(node: Node) -> None:
        if isinstance(node, Scalar):
            place = node.place
            assert lines[place.line - 1][place.column - 1 :][: place.width].strip("'\"") == node.raw
        for inner in node.items if isinstance(node, Sequence) else ():
            check(inner)
        for entry in node if isinstance(node, Mapping) else ():
            assert lines[entry.place.line - 1][entry.place.column - 1 :].startswith(entry.key)
            check(entry.value)

    check(read(text))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"], ids=ascii)
def test_lines_are_counted_as_yaml_counts_them(end: str) -> None:
    complaints = Complaints()
    parse(f"a: 1{end}b: 2{end}b: 3{end}", "a.yaml", complaints)
    (complaint,) = complaints
    assert (complaint.code, complaint.place.line, complaint.place.column) == ("E006", 3, 1)
    assert "    3 | b: 3\n" in str(SpecError(complaints, complaints.sources))


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e"], ids=ascii)
def test_other_separators_are_refused(separator: str) -> None:
    assert codes(f"a: 1{separator}b: 2\n") == ["E009"]


def test_the_caret_stands_under_wide_characters() -> None:
    complaints = Complaints()
    parse("{価格: 1, 価格: 2}\n", "a.yaml", complaints)
    shown = str(SpecError(complaints, complaints.sources)).split("\n")
    assert shown[1:3] == ["    1 | {価格: 1, 価格: 2}", "      | " + " " * 10 + "^^^^"]


def test_complaints_hide_no_character() -> None:
    complaints = Complaints()
    parse("\u202ea: 1\n\u202ea: 2\n", "a.yaml", complaints)
    shown = str(SpecError(complaints, complaints.sources))
    assert "\u202e" not in shown
    assert "'\\u202ea' stands here twice" in shown


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_json_is_read_as_json(value: object) -> None:
    text = json.dumps({"a": value}, ensure_ascii=True)
    if "\\ud" in text or len(text) > 900:
        return  # YAML knows no pairs of surrogates, and no key of more than 1024 characters
    assert plain(read(text)) == {"a": value}


@given(TEXTS)
def test_a_plain_scalar_is_itself_or_says_so(text: str) -> None:
    """What is read without complaint is never another text than was written."""
    complaints = Complaints()
    node = parse(f"a: {text}\n", "a.yaml", complaints)
    if complaints.found or not isinstance(node, Mapping):
        return
    value = node.get("a")
    if isinstance(value, Scalar) and value.plain:
        written = text.split(" #")[0].strip(" ")
        assert value.raw == written or text.startswith("#") or "#" in text
        assert value.value is None or str(value.value) == value.raw or value.raw in ("true", "false")


def test_both_loaders_read_the_same_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SPECS.glob("*/*.yaml"))]
    fast = [plain(read(text)) for text in texts]
    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)
    assert [plain(read(text)) for text in texts[:4]] == fast[:4]
    with pytest.raises(SpecError, match="this PyYAML lacks libyaml"):
        read("a: {price?: decimal}\n")


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("Sied", ["Side", "Pair"], "; did you mean 'Side'?"),
        ("decimal", ["Decimal"], "; did you mean 'Decimal'?"),
        ("x", ["a", "b"], "; known are a, b"),
        ("x", [], ""),
        ("x", [str(number) for number in range(50)], ""),
    ],
)
def test_suggestions(word: str, known: list[str], said: str) -> None:
    assert suggest(word, known) == said
