"""One word in five trees: spec, generated method, test, cassette, example; and nothing in any of them that no spec knows."""

from __future__ import annotations

import ast
import inspect
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from support.calls import operations
from support.replay import CASSETTES, ROOT, TRADING_DAY, cassette_path, client_class, exchanges, trading_day_path

from specie.cassettes import Label
from specie.cassettes.label import example_provenance
from specie.cassettes.tape import read
from specie.cli import main
from specie.compiler.model import Exchange, Group, Operation, Where
from specie.compiler.render import render
from specie.compiler.write import with_lists

GENERATED = ROOT / "generated" / "specie"
WORDS = {"market", "orders", "account", "wallet", "streams", "webhooks"}
EXCHANGES = [pytest.param(one, id=one.name) for one in exchanges().values()]
GROUPS = [
    pytest.param(exchange, group, id=f"{exchange.name}.{group.name}")
    for exchange in exchanges().values()
    for group in exchange.groups
]


@cache
def rendered() -> dict[str, str]:
    return with_lists(render(exchanges().values()))


def files_below(folder: Path, suffix: str = "") -> set[str]:
    """Files, but for what Python and editors leave behind."""
    found = (one for one in folder.rglob(f"*{suffix}") if one.is_file() and "__pycache__" not in one.parts)
    return {one.relative_to(folder).as_posix() for one in found}


def cassette_tests(exchange: Exchange, group: str) -> dict[str, ast.FunctionDef]:
    """The tests in an exchange's file of a group that take the `client` of a cassette."""
    path = ROOT / "tests" / exchange.name / f"test_{group}.py"
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    return {one.name.removeprefix("test_"): one for one in functions if "client" in [it.arg for it in one.args.args]}


# -- spec to code ----------------------------------------------------------------------------------------------------


def group_class(exchange: Exchange, operation: Operation, prefix: str) -> Any:
    module = __import__(f"specie.{exchange.name}.{operation.group}", fromlist=["_"])
    return getattr(module, prefix + "".join(map(str.capitalize, operation.group.split("_"))))


@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_every_operation_is_a_method_of_both_clients(exchange: Exchange, operation: Operation) -> None:
    blocking, asyncio = (getattr(group_class(exchange, operation, prefix), operation.name) for prefix in ("", "Async"))
    assert inspect.signature(blocking) == inspect.signature(asyncio)
    assert inspect.getdoc(blocking) == inspect.getdoc(asyncio)
    assert not inspect.iscoroutinefunction(blocking)
    assert inspect.iscoroutinefunction(asyncio)
    names = list(inspect.signature(blocking).parameters)[1:]
    assert sorted(names) == sorted(one.name for one in operation.parameters if one.argument)


@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_required_means_required(exchange: Exchange, operation: Operation) -> None:
    parameters = inspect.signature(getattr(group_class(exchange, operation, ""), operation.name)).parameters
    demanded = {one.name for one in operation.parameters if one.demanded}
    assert {name for name, one in parameters.items() if name != "self" and one.default is one.empty} == demanded
    positional = {name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD} - {"self"}
    paths = {one.name for one in operation.parameters if one.where == "path" and one.argument}
    assert positional >= paths & demanded
    assert len(positional) <= max(len(paths), 1)


@pytest.mark.parametrize(("exchange", "operation"), operations(lambda _, operation: operation.pages is not None))
def test_every_paged_operation_has_iterators(exchange: Exchange, operation: Operation) -> None:
    blocking, asyncio = (
        getattr(group_class(exchange, operation, prefix), f"iter_{operation.name}") for prefix in ("", "Async")
    )
    one, other = inspect.signature(blocking), inspect.signature(asyncio)
    assert one.parameters == other.parameters
    assert f"Async{one.return_annotation}" == other.return_annotation
    assert operation.pages is not None
    whole = inspect.signature(getattr(group_class(exchange, operation, ""), operation.name)).parameters
    assert set(whole) - set(one.parameters) == set(operation.pages.without)


class _Blocking(ast.NodeTransformer):
    """Asyncio code as if it were blocking."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        plain = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields if hasattr(node, name)})
        return self.generic_visit(ast.copy_location(plain, node))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.generic_visit(node.value)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(node.id.removeprefix("Async"), node.ctx)


@pytest.mark.parametrize(("exchange", "group"), GROUPS)
def test_the_bodies_differ_in_async_alone(exchange: Exchange, group: Group) -> None:
    tree = ast.parse((GENERATED / exchange.name / f"{group.name}.py").read_text("utf-8"))
    classes = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    asyncio = next(
        one for name, one in classes.items() if any(getattr(base, "id", "") == "AsyncGroup" for base in one.bases)
    )
    blocking = classes[asyncio.name.removeprefix("Async")]
    asyncio.name = blocking.name
    assert ast.dump(_Blocking().visit(asyncio)) == ast.dump(blocking)


@pytest.mark.parametrize(("exchange", "group"), GROUPS)
def test_a_method_is_a_docstring_and_one_statement(exchange: Exchange, group: Group) -> None:
    tree = ast.parse((GENERATED / exchange.name / f"{group.name}.py").read_text("utf-8"))
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    groups = [one for one in classes if {getattr(base, "id", "") for base in one.bases} & {"Group", "AsyncGroup"}]
    assert len(groups) == 2
    for method in (one for found in groups for one in found.body if not isinstance(one, ast.Expr)):
        assert isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        assert ast.get_docstring(method), method.name
        assert len(method.body) == 2, method.name


@pytest.mark.parametrize(("exchange", "group"), GROUPS)
def test_a_group_hangs_on_both_clients(exchange: Exchange, group: Group) -> None:
    for prefix in ("", "Async"):
        client = client_class(exchange.name, prefix)
        assert group.name in vars(client)
        assert getattr(client, group.name).__doc__


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_groups_bear_the_common_words(exchange: Exchange) -> None:
    assert {group.name for group in exchange.groups} <= WORDS


def test_there_are_all_places_a_parameter_may_have() -> None:
    # What the sandbox and these tests know of; a place added to the language must be added to them.
    assert set(get_args(Where)) == {"path", "query", "body", "form", "header"}


# -- spec to tests, cassettes and examples ---------------------------------------------------------------------------


@pytest.mark.parametrize(("exchange", "group"), GROUPS)
def test_every_operation_has_its_test(exchange: Exchange, group: Group) -> None:
    tested = cassette_tests(exchange, group.name)
    assert sorted(tested) == sorted(one.name for one in group.operations)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_no_test_file_is_of_no_group(exchange: Exchange) -> None:
    groups = {group.name for group in exchange.groups}
    for path in (ROOT / "tests" / exchange.name).glob("test_*.py"):
        group = path.stem.removeprefix("test_")
        assert group in groups or not cassette_tests(exchange, group), f"{path.name}: no such group"


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_operation_has_its_cassette_and_no_other_is_there(exchange: Exchange) -> None:
    wanted = {f"{one.group}/{one.name}.yaml" for one in exchange.operations} | {f"{TRADING_DAY}.yaml"}
    # What was recorded from elsewhere says so in its name, and stands beside; tests/test_cassettes.py plays it.
    others = {path.replace(".yaml", f".{source}.yaml") for path in wanted for source in ("sandbox", "live")}
    assert wanted <= files_below(CASSETTES / exchange.name) <= wanted | others


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_exchange_has_its_trading_day(exchange: Exchange) -> None:
    path = ROOT / "tests" / exchange.name / f"test_{TRADING_DAY}.py"
    tree = ast.parse(path.read_text("utf-8"))
    tests = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    # Each test that takes the day plays the whole cassette.
    assert [one.name for one in tests if "day" in [it.arg for it in one.args.args]] == ["test_a_trading_day"]
    assert trading_day_path(exchange.name).is_file()


@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_a_cassette_says_what_it_is(exchange: Exchange, operation: Operation) -> None:
    path = cassette_path(exchange.name, operation)
    if not path.is_file():
        pytest.fail(f"no cassette {path.relative_to(ROOT)}")
    cassette = read(path)
    label = Label.read(cassette["specie"])
    assert label.of == f"{exchange.name}.{operation.id}"
    assert label.provenance == example_provenance(exchange, operation)
    assert label.docs == exchange.docs.version
    assert label.page == exchange.url(operation.see)
    server = next(one.url for one in exchange.servers if one.name == operation.server)
    for interaction in cassette["interactions"]:
        assert interaction["request"]["method"] == operation.method
        assert interaction["request"]["uri"].startswith(f"{server}/")
        assert "127.0.0.1" not in json.dumps(interaction)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_operation_has_its_example_and_no_other_is_there(exchange: Exchange) -> None:
    folder = Path(exchange.folder) / "examples"
    replies = {f"{one.group}/{one.name}.json" for one in exchange.operations}
    assert files_below(folder, ".json") == replies
    assert {note.replace(".yaml", ".json") for note in files_below(folder, ".yaml")} <= replies
    assert files_below(folder) == files_below(folder, ".json") | files_below(folder, ".yaml")


@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_every_operation_names_the_page_that_was_read(exchange: Exchange, operation: Operation) -> None:
    assert operation.see
    assert re.match("https?://", exchange.url(operation.see))


def test_no_folder_is_of_no_exchange() -> None:
    names = set(exchanges())
    assert {one.name for one in CASSETTES.iterdir() if one.is_dir()} <= names
    assert {one.name for one in GENERATED.iterdir() if one.is_dir() and one.name != "__pycache__"} == names
    assert {one.name for one in (ROOT / "tests").iterdir() if one.is_dir() and any(one.glob("test_*.py"))} >= names


# -- generated -------------------------------------------------------------------------------------------------------


def test_generating_again_changes_no_byte() -> None:
    assert files_below(GENERATED) == set(rendered())
    for path, text in rendered().items():
        assert (GENERATED / path).read_bytes() == text.encode(), f"{path}: run specie generate"


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_package_is_typed(exchange: Exchange) -> None:
    assert (GENERATED / exchange.name / "py.typed").is_file()
    assert not (GENERATED / "__init__.py").exists()


def test_the_list_shows_every_operation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json", "--specs", str(ROOT / "specs")]) == 0
    rows = json.loads(capsys.readouterr().out)
    listed = {(row["exchange"], row["group"], row["name"]) for row in rows}
    assert len(listed) == len(rows) >= 67
    assert listed == {(name, one.group, one.name) for name, it in exchanges().items() for one in it.operations}


def test_an_operation_costs_at_most_120_lines() -> None:
    lines = sum(text.count("\n") for path, text in rendered().items() if path.endswith(".py"))
    assert lines / sum(len(one.operations) for one in exchanges().values()) <= 120
