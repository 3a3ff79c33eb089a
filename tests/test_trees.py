"""One word in five trees: spec, generated method, test, cassette, example; and nothing in any of them that no spec knows."""

from __future__ import annotations

import ast
import inspect
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_overloads

import pytest
from support.calls import declared, operations
from support.replay import CASSETTES, ROOT, TRADING_DAY, cassette_path, client_class, exchanges, trading_day_path
from support.session import SESSION

from specie.cassettes import Label
from specie.cassettes.label import example_provenance
from specie.cassettes.tape import read
from specie.cli import main
from specie.compiler.advice import example_file
from specie.compiler.model import Exchange, Group, Operation, Where
from specie.compiler.render import render
from specie.compiler.stream_model import Stream
from specie.compiler.write import with_lists

GENERATED = ROOT / "generated" / "specie"
WORDS = {"market", "orders", "account", "wallet", "streams", "webhooks"}
EXCHANGES = [pytest.param(one, id=one.name) for one in exchanges().values()]
GROUPS = [
    pytest.param(exchange, group, id=f"{exchange.name}.{group.name}")
    for exchange in exchanges().values()
    for group in exchange.groups
]
HUNG = [one for one in GROUPS if one.values[1].kind != "webhooks"]
"""The groups that hang on the clients."""
STREAMS = [
    pytest.param(exchange, one, id=f"{exchange.name}.{one.id}")
    for exchange in exchanges().values()
    for one in exchange.streams
]
WEBHOOKS = [one for one in GROUPS if one.values[1].kind == "webhooks"]


@cache
def rendered() -> dict[str, str]:
    return with_lists(render(exchanges().values()))


def files_below(folder: Path, suffix: str = "") -> set[str]:
    """Files, but for what Python and editors leave behind."""
    found = (one for one in folder.rglob(f"*{suffix}") if one.is_file() and "__pycache__" not in one.parts)
    return {one.relative_to(folder).as_posix() for one in found}


def cassette_tests(exchange: Exchange, group: str) -> dict[str, ast.FunctionDef]:
    """The tests in an exchange's file of a group that take the `client`, or the `notifications`, of a cassette."""
    path = ROOT / "tests" / exchange.name / f"test_{group}.py"
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    played = {"client", "notifications"}
    return {one.name.removeprefix("test_"): one for one in functions if played & {it.arg for it in one.args.args}}


# -- spec to code ----------------------------------------------------------------------------------------------------


def group_class(exchange: Exchange, operation: Operation | Stream, prefix: str) -> Any:
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


@pytest.mark.parametrize(("exchange", "stream"), STREAMS)
def test_every_stream_is_a_method_of_both_clients(exchange: Exchange, stream: Stream) -> None:
    for name in [stream.name, *(["book"] if stream.book else [])]:
        blocking, asyncio = (getattr(group_class(exchange, stream, prefix), name) for prefix in ("", "Async"))
        one, other = inspect.signature(blocking), inspect.signature(asyncio)
        assert one.parameters == other.parameters
        assert f"Async{one.return_annotation}" == other.return_annotation
        assert inspect.getdoc(blocking) == inspect.getdoc(asyncio)
        assert not inspect.iscoroutinefunction(asyncio)
        parameters = {key: value for key, value in one.parameters.items() if key != "self"}
        assert set(parameters) == {value.name for value in stream.parameters}
        demanded = {value.name for value in stream.parameters if value.demanded}
        assert {key for key, value in parameters.items() if value.default is value.empty} == demanded
        positional = [key for key, value in parameters.items() if value.kind is value.POSITIONAL_OR_KEYWORD]
        assert positional == [value.name for value in stream.parameters if value == stream.several]
        takes_several = [key for key, value in parameters.items() if "Sequence[" in value.annotation]
        assert takes_several == ([] if name == "book" else positional)


@pytest.mark.parametrize(("exchange", "stream"), STREAMS)
def test_a_feed_says_what_the_spec_does(exchange: Exchange, stream: Stream) -> None:
    module = import_module(f"specie.{exchange.name}.streams")
    feed = getattr(module, f"_{stream.name.upper()}")
    connection = next(one for group in exchange.groups for one in group.connections if one.name == stream.connection)
    assert (feed.name, feed.channel or "", feed.whole, feed.unique) == (
        stream.id, stream.channel, stream.whole, stream.unique,
    )  # fmt: skip
    assert (feed.connection.name, feed.connection.server, feed.connection.auth) == (
        connection.name, connection.server, connection.auth,
    )  # fmt: skip
    assert list(feed.when) == [one.key for one in stream.when]
    assert [one.name for one in feed.parameters] == [one.name for one in stream.parameters]
    # What is asked by REST is named by text, and found when it is needed.
    client = client_class(exchange.name, "")
    for called in rest_calls(feed):
        group, _, method = called.partition(".")
        assert group in vars(client)
        module = import_module(f"specie.{exchange.name}.{group}")
        assert callable(getattr(getattr(module, "".join(map(str.capitalize, group.split("_")))), method))


def rest_calls(feed: Any) -> list[str]:
    book, resync = feed.book, feed.resync
    found = [book.check, book.snapshot and book.snapshot.call] if book else []
    found += [resync.call, *(part.call for part in (resync.known, resync.closed) if part)] if resync else []
    return [one for one in found if one]


class _Blocking(ast.NodeTransformer):
    """Asyncio code as if it were blocking."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        plain = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields if hasattr(node, name)})
        return self.generic_visit(ast.copy_location(plain, node))

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.generic_visit(node.value)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(node.id.removeprefix("Async"), node.ctx)


@pytest.mark.parametrize(("exchange", "group"), HUNG)
def test_the_bodies_differ_in_async_alone(exchange: Exchange, group: Group) -> None:
    tree = ast.parse((GENERATED / exchange.name / f"{group.name}.py").read_text("utf-8"))
    classes = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    asyncio = next(one for one in classes.values() if bases(one) & {"AsyncGroup", "AsyncStreamGroup"})
    blocking = classes[asyncio.name.removeprefix("Async")]
    asyncio.name = blocking.name
    assert ast.dump(_Blocking().visit(asyncio)) == ast.dump(blocking)


def bases(one: ast.ClassDef) -> set[str]:
    return {getattr(base, "id", "") for base in one.bases}


@pytest.mark.parametrize(("exchange", "group"), HUNG)
def test_a_method_is_a_docstring_and_one_statement(exchange: Exchange, group: Group) -> None:
    tree = ast.parse((GENERATED / exchange.name / f"{group.name}.py").read_text("utf-8"))
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    groups = [one for one in classes if bases(one) & {"Group", "AsyncGroup", "StreamGroup", "AsyncStreamGroup"}]
    assert len(groups) == 2
    for method in (one for found in groups for one in found.body if not isinstance(one, ast.Expr)):
        assert isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        assert ast.get_docstring(method), method.name
        assert len(method.body) == 2, method.name


@pytest.mark.parametrize(("exchange", "group"), HUNG)
def test_a_group_hangs_on_both_clients(exchange: Exchange, group: Group) -> None:
    for prefix in ("", "Async"):
        client = client_class(exchange.name, prefix)
        assert group.name in vars(client)
        assert getattr(client, group.name).__doc__


@pytest.mark.parametrize(("exchange", "group"), WEBHOOKS)
def test_webhooks_are_a_module_of_the_package(exchange: Exchange, group: Group) -> None:
    package = import_module(f"specie.{exchange.name}")
    module = getattr(package, group.name)
    assert group.name in package.__all__
    assert group.name not in vars(client_class(exchange.name, ""))
    signatures = [inspect.signature(one) for one in get_overloads(module.parse)]
    hooks = [f"Literal[{one.name!r}]" for one in group.webhooks]
    assert [one.parameters["webhook"].annotation for one in signatures] == [*hooks, "None"]
    assert inspect.getdoc(module.parse)
    assert group.verify is not None
    for vector in group.verify.vectors:
        secrets = {name: vector.given[name] for name in group.verify.credentials}
        signed = module.sign([tuple(pair) for pair in vector.given["fields"]], **secrets)
        assert signed == vector.expect[group.verify.steps[-1].name]


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
    assert sorted(tested) == sorted(one.name for one in (*group.operations, *group.streams, *group.webhooks))


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_no_test_file_is_of_no_group(exchange: Exchange) -> None:
    groups = {group.name for group in exchange.groups}
    for path in (ROOT / "tests" / exchange.name).glob("test_*.py"):
        group = path.stem.removeprefix("test_")
        assert group in groups or not cassette_tests(exchange, group), f"{path.name}: no such group"


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_operation_has_its_cassette_and_no_other_is_there(exchange: Exchange) -> None:
    wanted = {f"{one.group}/{one.name}.yaml" for one in exchange.operations} | {f"{TRADING_DAY}.yaml"}
    known = wanted | transcripts(exchange)
    # What was recorded from elsewhere says so in its name, and stands beside; tests/test_cassettes.py plays it.
    others = {path.replace(".yaml", f".{source}.yaml") for path in known for source in ("sandbox", "live")}
    assert wanted <= files_below(CASSETTES / exchange.name) <= known | others


def transcripts(exchange: Exchange) -> set[str]:
    """Where what streams and webhooks told is kept, and what streams told while orders were traded."""
    found = {f"{one.group}/{one.name}.yaml" for one in (*exchange.streams, *exchange.webhooks)}
    return found | ({f"streams/{SESSION}.yaml"} if exchange.streams else set())


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_stream_and_webhook_has_its_transcript(exchange: Exchange) -> None:
    assert transcripts(exchange) <= files_below(CASSETTES / exchange.name)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_exchange_with_streams_has_its_session(exchange: Exchange) -> None:
    path = ROOT / "tests" / exchange.name / f"test_{SESSION}.py"
    assert path.is_file() is bool(exchange.streams)
    if exchange.streams:
        tree = ast.parse(path.read_text("utf-8"))
        tests = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
        assert [one.name for one in tests if SESSION in [it.arg for it in one.args.args]] == ["test_a_session"]


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
    listed = (*exchange.operations, *exchange.streams, *exchange.webhooks)
    replies = {f"{one.group}/{one.name}.json" for one in listed}
    assert files_below(folder, ".json") == replies
    assert {note.replace(".yaml", ".json") for note in files_below(folder, ".yaml")} <= replies
    assert files_below(folder) == files_below(folder, ".json") | files_below(folder, ".yaml")


@pytest.mark.parametrize(("exchange", "operation"), operations())
def test_every_operation_names_the_page_that_was_read(exchange: Exchange, operation: Operation) -> None:
    assert operation.see
    assert re.match("https?://", exchange.url(operation.see))


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_stream_and_webhook_has_documented_messages(exchange: Exchange) -> None:
    for one in (*exchange.streams, *exchange.webhooks):
        messages = json.loads(example_file(exchange, one).read_text("utf-8"))
        assert isinstance(messages, list)
        assert messages
        assert all(isinstance(message, dict) for message in messages)
        assert re.match("https?://", exchange.url(one.see))


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
    listed = {(row["kind"], row["exchange"], row["group"], row["name"]) for row in rows}
    assert len(listed) == len(rows) >= 67
    for kind in ("operation", "stream", "webhook"):
        wanted = {(name, one.group, one.name) for name, it in exchanges().items() for one in getattr(it, f"{kind}s")}
        assert {found[1:] for found in listed if found[0] == kind} == wanted


def test_an_operation_costs_at_most_120_lines() -> None:
    lines = sum(text.count("\n") for path, text in rendered().items() if path.endswith(".py"))
    assert lines / sum(map(declared, exchanges().values())) <= 120
