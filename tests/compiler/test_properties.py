"""Properties of the compiler: whatever the grammar allows is refused cleanly, or printed as ruff would have it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from specie.compiler import SpecError, compile_specs
from specie.compiler.characters import visible
from specie.compiler.python import WIDTH, docstring, fit, literal, prose, quote, wrap
from specie.compiler.render import render

QUICK = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def ruff(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", check=False)


def formatted(text: str) -> str:
    done = ruff("format", "--isolated", "--line-length", str(WIDTH), "-", text=text)
    assert done.returncode == 0, done.stderr + text
    return done.stdout


# --- strings --------------------------------------------------------------------------------------------------------


@given(st.text())
@example("\ud800")
@example("\\")
@example("'\"")
def test_a_quoted_text_is_that_text(text: str) -> None:
    quoted = quote(text)
    assert eval(quoted) == text
    assert all(visible(character) for character in quoted)


@given(TEXT, st.sampled_from([0, 4, 8]))
@example('"', 0)
@example("\\", 4)
@example('\\"', 4)
@example('"""', 4)
@example("\\\\\\", 0)
def test_a_docstring_says_its_text(text: str, indent: int) -> None:
    words = " ".join(text.split())
    if not words:
        return
    printed = docstring("\n".join(wrap(words, indent)), indent)
    value = eval(printed)
    assert " ".join(value.split()) == " ".join(words.split())
    assert all(visible(character) or character == "\n" for character in printed)


@QUICK
@given(st.lists(st.text(st.sampled_from("ab \"'\\{}\u00e9\u202e価"), max_size=150), min_size=1, max_size=30))
def test_ruff_leaves_docstrings_and_strings_alone(texts: list[str]) -> None:
    classes = [
        f"class C{number}:\n    {docstring(chr(10).join(wrap(text, 4)), 4)}\n\n    a = {quote(text[:70])}\n"
        for number, text in enumerate(texts)
        if text.strip()
    ]
    source = "\n\n".join(classes)
    assert formatted(source) == source


@given(TEXT)
def test_prose_is_text_inside_three_quotes(text: str) -> None:
    assert eval(f'"""x{prose(text)}x"""') == f"x{text}x".replace("\r", "\n") or "\r" in text


# --- line breaking --------------------------------------------------------------------------------------------------

WORDS = ("abc_de", "order", "price_amount", "symbol", "x", "timestamp", "limit_long_name", "credentials.api_key")
NAMES = st.lists(st.sampled_from(WORDS[:-1]), min_size=1, max_size=4).map("_".join)
SIMPLE = st.sampled_from(["str", "int", "Amount", "OrderType", "Sequence[Id]", "dict[str, list[Decimal]]"])
TYPES = SIMPLE | SIMPLE.map(lambda one: f"{one} | Sequence[{one}]") | SIMPLE.map(lambda one: f"list[{one}]")
STRINGS = st.text(st.sampled_from("ab c\"'\\é,()[]{}: =/"), max_size=50).map(quote)
NUMBERS = st.lists(st.integers(0, 9999), min_size=1, max_size=25).map(lambda found: literal(tuple(found)))
ATOMS = STRINGS | st.sampled_from(WORDS)
CALLS = st.tuples(ATOMS, ATOMS, st.sampled_from(["g({0}, {1})", "g({0}).hex()", "h(g({0}), {1})"])).map(
    lambda found: found[2].format(found[0].replace("{", "(").replace("}", ")"), found[1])
)


@st.composite
def signatures(draw: st.DrawFn) -> str:
    names = draw(st.lists(NAMES, max_size=9, unique=True))
    demanded = draw(st.integers(0, len(names)))
    said = ["self"]
    for index, name in enumerate(names):
        said += ["*"] if index == 1 else []
        said.append(f"{name}: {draw(TYPES)}" + ("" if index < demanded else " | None = None"))
    start = draw(st.sampled_from(["", "async "]))
    code = f"{start}def {draw(NAMES)}({', '.join(said)}) -> {draw(TYPES)}:"
    return f"{fit(code)}\n    pass\n"


@st.composite
def calls(draw: st.DrawFn) -> str:
    parameters: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        said = [quote(draw(NAMES)), draw(SIMPLE)]
        said += [
            f"{key}={draw(STRINGS)}" for key in draw(st.sets(st.sampled_from(["wire", "range", "join"])).map(sorted))
        ]
        said += [f"choices={draw(NUMBERS)}"] if draw(st.booleans()) else []
        parameters.append(f"query({', '.join(said)})")
    facts = [f"name={draw(STRINGS)}", 'method="GET"']
    facts += [f"parameters=({', '.join(parameters)}{',' * (len(parameters) == 1)})"] if parameters else []
    facts.append(f"servers={literal(draw(st.dictionaries(NAMES, NAMES, min_size=1, max_size=4)))}")
    return fit(f"_X: Operation[{draw(TYPES)}] = Operation({', '.join(facts)})") + "\n"


@st.composite
def steps(draw: st.DrawFn) -> str:
    operands = draw(st.lists(ATOMS | CALLS, min_size=1, max_size=5))
    value = draw(st.sampled_from([" + ", " or "])).join(operands)
    if draw(st.booleans()):
        value = f"{operands[0]} if {draw(NAMES)} else {operands[-1]}"
    code = f"{draw(NAMES)} = {value}"
    return f"def f():\n    {fit(code, 4)}\n"


@st.composite
def tables(draw: st.DrawFn) -> str:
    items = draw(st.lists(st.tuples(STRINGS, CALLS | st.sampled_from(WORDS)), min_size=1, max_size=6))
    code = "return {" + ", ".join(f"{key}: {value}" for key, value in items) + "}"
    return f"def f():\n    {fit(code, 4)}\n"


def check_fit(codes: list[str]) -> None:
    """That ruff changes none of these; all of them at once, since starting it takes longer than its work."""
    source = "\n# --\n".join(codes)
    found = re.sub(r"\n+(?=# --\n)|(?<=\n# --\n)\n*", "\n", formatted(source))
    for ours, theirs in zip(source.split("\n# --\n"), found.split("\n# --\n"), strict=True):
        assert ours.strip() == theirs.strip()


@QUICK
@given(st.lists(signatures(), min_size=5, max_size=15))
def test_signatures_are_broken_as_ruff_does(codes: list[str]) -> None:
    check_fit(codes)


@QUICK
@given(st.lists(calls(), min_size=5, max_size=15))
def test_calls_are_broken_as_ruff_does(codes: list[str]) -> None:
    check_fit(codes)


@QUICK
@given(st.lists(steps(), min_size=5, max_size=15))
def test_steps_are_broken_as_ruff_does(codes: list[str]) -> None:
    check_fit(codes)


@QUICK
@given(st.lists(tables(), min_size=5, max_size=15))
def test_tables_are_broken_as_ruff_does(codes: list[str]) -> None:
    check_fit(codes)


# --- whole specs ----------------------------------------------------------------------------------------------------

SENTENCES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200).filter(str.strip)
WIRES = st.text(st.sampled_from("aZ_-. '\"\\é$"), min_size=1, max_size=12).filter(str.strip)
VALUES = st.sampled_from(["buy", "SELL", "stop-limit", "a b", "x'y", 'x"z', "1m"]) | st.sampled_from(
    ["buy", "SELL", "é1"]
)
SCALARS = ("str", "id", "int", "bool", "decimal", "millis", "seconds", "exact_seconds", "iso_time", "json")
FIELD_NAMES = st.sampled_from(["price", "side", "order_id", "t", "amount_in_quote", "type", "time", "note", "maker"])
TYPE_NAMES = ("Order", "Trade", "Side", "Level", "Pair", "HTTPError", "A1")


@st.composite
def type_expressions(draw: st.DrawFn, depth: int = 0) -> Any:
    kind = draw(st.integers(0, 9 if depth < 2 else 6))
    if kind <= 4:
        return draw(st.sampled_from(SCALARS))
    if kind <= 6:
        return draw(st.sampled_from(TYPE_NAMES))
    inner = draw(type_expressions(depth + 1))
    return [inner] if kind <= 8 else {"map": inner}


@st.composite
def parameters(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["bare", "int", "str", "list", "time", "any"]))
    options: list[dict[str, Any]]
    said: dict[str, Any] = draw(
        st.fixed_dictionaries({}, optional={"doc": SENTENCES, "wire": WIRES, "assumed": SENTENCES})
    )
    match kind:
        case "bare":
            return draw(type_expressions())
        case "int":
            low, high = sorted(draw(st.tuples(st.integers(-5, 99), st.integers(-5, 99))))
            options = [{"range": f"{low}..{high}"}, {"choices": [low, high + 1]}, {"range": f"> {low}"}]
            more = draw(st.sampled_from(options))
            return {"type": "int", **said, **more}
        case "str":
            options = [{"length": "1..5"}, {"const": "x"}, {"default": "d", "send": True}]
            more = draw(st.sampled_from(options))
            return {"type": "str", **said, **more}
        case "list":
            return {"type": [draw(st.sampled_from(SCALARS))], "join": ",", **said}
        case "time":
            return {"type": "millis", "default": "now", **said}
        case _:
            return {"type": draw(type_expressions()), **said}


def mappings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    found = st.dictionaries(FIELD_NAMES, st.tuples(st.booleans(), values), min_size=1, max_size=5)
    return found.map(lambda names: {name + "?" * optional: value for name, (optional, value) in names.items()})


@st.composite
def named_types(draw: st.DrawFn) -> dict[str, Any]:
    doc = {"doc": draw(SENTENCES)} if draw(st.booleans()) else {}
    match draw(st.sampled_from(["enum", "numbers", "fields", "row", "scalar"])):
        case "enum":
            return {**doc, "enum": draw(st.lists(VALUES, min_size=1, max_size=4, unique=True))}
        case "numbers":
            return {**doc, "enum": {"ONE": 1, "TWO": {"value": 2, "doc": draw(SENTENCES)}}}
        case "row":
            return {
                **doc,
                "row": [{name.removesuffix("?"): kind} for name, kind in draw(mappings(type_expressions())).items()],
            }
        case "scalar":
            return {**doc, "scalar": draw(st.sampled_from(SCALARS))}
        case _:
            return {**doc, "fields": draw(mappings(type_expressions()))}


@st.composite
def endpoints(draw: st.DrawFn) -> dict[str, Any]:
    method = draw(st.sampled_from(["get", "post", "delete"]))
    place = draw(st.sampled_from(["query"] if method == "get" else ["query", "body", "form"]))
    said: dict[str, Any] = {
        method: "/x",
        "doc": draw(SENTENCES),
        "see": draw(SENTENCES),
        "effect": "create",
        place: draw(mappings(parameters())),
    }
    said["returns"] = draw(type_expressions() | st.just("nothing"))
    first = next(iter(said[place])).removesuffix("?")
    if draw(st.booleans()):
        said["require"] = draw(
            st.lists(st.sampled_from([f"{first} when {first} absent", "price when side given"]), max_size=2)
        )
    if isinstance(said["returns"], list) and draw(st.booleans()):
        names = [name.removesuffix("?") for name in said[place]]
        said["pages"] = {"page": names[0], "size": names[-1]}
    return said


KEYS = st.sampled_from(["a", "b.c", "é", "data-id", "x'y"])
TEXTS = st.sampled_from(["x", "absent", "present", 'a "b"', "\\", "é"])
SIMPLE_VALUES = st.sampled_from(["str", "int", {"type": "str", "letters": "upper"}, {"type": "int", "choices": [1, 5]}])
TOLD_TYPES = ("Order", "Trade", "LevelWithAVeryLongNameIndeed")
YIELDED = st.sampled_from([*TOLD_TYPES, ["Order"], {"map": "Trade"}, {"keyed": "Order", "key": "id"}, "json"])


@st.composite
def cases(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = draw(st.lists(KEYS, max_size=2, unique=True))
    found: list[dict[str, Any]] = [
        {"when": {key: draw(TEXTS)}, "type": draw(st.sampled_from(TOLD_TYPES))} for key in keys
    ]
    return [*found, {"type": draw(YIELDED)}]


@st.composite
def streams(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(["pair", "depth?", "a", "b?"]), max_size=3, unique=True))
    channel = draw(st.sampled_from(["trades", "book@", "é'", 'a"b'])) + "".join(
        f"[:{{{name[:-1]}}}]" if name.endswith("?") else f".{{{name}}}" for name in names
    )
    said: dict[str, Any] = {
        "doc": draw(SENTENCES),
        "see": draw(SENTENCES),
        "connection": "market",
        "parameters": {name: draw(SIMPLE_VALUES) for name in names},
        "channel": channel,
        "when": {"of": "{channel}"},
        "yields": draw(YIELDED | cases()),
        "whole": draw(st.sampled_from(["never", "first", "always"])),
    }
    said |= draw(
        st.fixed_dictionaries({}, optional={"deprecated": SENTENCES, "assumed": SENTENCES, "conflict": SENTENCES})
    )
    if draw(st.booleans()):
        said["at"] = "data"
    if draw(st.booleans()):
        said["when"][draw(KEYS)] = draw(TEXTS)
    return said


@st.composite
def groups_of_streams(draw: st.DrawFn) -> dict[str, Any]:
    connection: dict[str, Any] = {
        "doc": draw(SENTENCES),
        "server": "stream",
        "subscribe": {
            draw(WIRES): draw(TEXTS),
            "to": "{channels}",
        },
    }
    connection |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "ping": st.sampled_from(["10s", "500ms"]),
                "silence": st.sampled_from(["10min", "1h"]),
                "refusals": st.just({"200": {"raise": "InvalidSymbol", "doc": "No such pair."}}),
                "options": st.just({"version": {"type": "int", "default": 2}, "word": {"type": "str", "default": "a"}}),
                "assumed": SENTENCES,
            },
        )
    )
    names = st.sampled_from(["orders", "own_trades_of_the_account", "ticker", "x"])
    return {
        "doc": draw(SENTENCES),
        "connections": {"market": connection},
        "streams": draw(st.dictionaries(names, streams(), min_size=1, max_size=3)),
    }


@st.composite
def groups_of_webhooks(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(["paid", "withdrawal_of_a_coin", "x"]), min_size=1, max_size=3, unique=True))
    made: dict[str, Any] = {}
    for name in names:
        key = draw(st.sampled_from([name, "error"]))
        kinds = st.sampled_from(["Order", "Trade"])
        made[name] = {
            "doc": draw(SENTENCES),
            "see": "page",
            "yields": [{"when": {key: "present"}, "type": draw(kinds)}],
        }
    steps = {
        "text": "form(without(fields, 'sig'))",
        "made": draw(st.sampled_from(["hex(hmac_md5(key, text))", "key + text"])),
    }
    found = {
        "doc": draw(SENTENCES),
        "verify": {"doc": draw(SENTENCES), "field": "sig", "steps": steps},
        "webhooks": made,
    }
    # It must be said exactly where two of them fit alike; now and then it is wrong.
    unclear = sum("error" in made[name]["yields"][0]["when"] for name in names) > 1
    return found | ({"otherwise": "Trade"} if unclear != (draw(st.integers(0, 5)) == 0) else {})


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    exchange = {
        "title": draw(st.sampled_from(["Acme", "acme 24", "A.B.C"])),
        "doc": draw(SENTENCES),
        "servers": {"rest": "https://api.acme.example"},
        "docs": {"base": "https://docs.acme.example/"},
        "case": draw(st.sampled_from(["snake", "camel", "pascal", "upper"])),
        "types": {name: draw(named_types()) for name in TYPE_NAMES},
    }
    names = st.sampled_from(["order", "orders", "create_all", "get", "type", "iter_x"])
    market = {"doc": draw(SENTENCES), "endpoints": draw(st.dictionaries(names, endpoints(), min_size=1, max_size=4))}
    return {"exchange": exchange, "market": market}


@st.composite
def told(draw: st.DrawFn) -> dict[str, Any]:
    """An exchange that tells things by itself, and has no more than types beside."""
    fields = {"doc": draw(SENTENCES), "fields": {"id": "id", "price?": "decimal", "sent_at": "millis"}}
    exchange = {
        "title": "Acme",
        "doc": draw(SENTENCES),
        "servers": {"rest": "https://api.acme.example", "stream": "wss://stream.acme.example"},
        "docs": {"base": "https://docs.acme.example/"},
        "auth": {"doc": "A key.", "credentials": {"key": "Sent."}, "headers": {"KEY": "key"}},
        "types": {"Order": fields, "Trade": fields, "LevelWithAVeryLongNameIndeed": {"row": [{"price": "decimal"}]}},
    }
    groups = {"streams": draw(groups_of_streams()), "webhooks": draw(groups_of_webhooks())}
    chosen = draw(st.sets(st.sampled_from(list(groups)), min_size=1))
    return {"exchange": exchange, **{name: groups[name] for name in sorted(chosen)}}


def compiled(spec: dict[str, Any], folder: Path) -> dict[str, str] | SpecError:
    (folder / "acme").mkdir(parents=True)
    for name, content in spec.items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / "acme" / f"{name}.yaml").write_text(text, encoding="utf-8")
    try:
        return render(compile_specs(folder))
    except SpecError as error:
        return error


def check_spec(spec: dict[str, Any], seen: Callable[[bool], None]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = compiled(spec, folder / "specs")
        seen(not isinstance(made, SpecError))
        if isinstance(made, SpecError):
            assert made.complaints
            assert all(complaint.place.line >= 1 and complaint.place.column >= 1 for complaint in made.complaints)
            assert str(made).endswith("nothing was written")
            return
        for path, text in made.items():
            compile(text, path, "exec")
            (folder / "out" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "out" / path).write_text(text, encoding="utf-8")
        options = ("--isolated", "--line-length", str(WIDTH), str(folder / "out"))
        done = ruff("format", "--check", "--diff", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        done = ruff("check", "--select", "F,I,E9,PLE", "--config", "lint.isort.known-first-party=['specie']", *options)
        assert done.returncode == 0, done.stdout + done.stderr


def judged(strategy: st.SearchStrategy[dict[str, Any]]) -> float:
    """Judges random specs; gives the part of them that was accepted."""
    outcomes: list[bool] = []

    @settings(QUICK, derandomize=True)
    @given(strategy)
    def check(spec: dict[str, Any]) -> None:
        check_spec(spec, outcomes.append)

    check()
    return sum(outcomes) / len(outcomes)


def test_random_specs_are_refused_or_printed_well() -> None:
    assert judged(specs()) > 1 / 8


def test_random_streams_and_webhooks_are_refused_or_printed_well() -> None:
    assert judged(told()) > 1 / 4
