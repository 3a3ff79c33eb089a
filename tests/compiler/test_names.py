"""Names that are taken, and names that are made."""

from __future__ import annotations

import inspect

import pytest

from specie import runtime
from specie.compiler import names
from specie.compiler.views import RUNTIME, SIGNING
from specie.runtime import signing
from specie.runtime.options import ClientOptions


def public(one: type) -> set[str]:
    return {name for name in dir(one) if not name.startswith("_")}


def test_what_the_runtime_has_is_refused() -> None:
    assert public(runtime.Client) | public(runtime.AsyncClient) <= names.CLIENT
    assert public(runtime.BaseCredentials) <= names.CREDENTIALS
    assert not (public(runtime.Group) | public(runtime.AsyncGroup) | public(runtime.Model))
    taken = set(inspect.signature(runtime.Client).parameters) - {"exchange", "credentials"}
    assert taken | set(ClientOptions.__annotations__) == names.CONSTRUCTOR


def test_what_is_imported_exists() -> None:
    assert [name for name in RUNTIME if not hasattr(runtime, name) and name not in SIGNING] == []
    assert [name for name in SIGNING if not hasattr(signing, name)] == []


@pytest.mark.parametrize(
    ("case", "wire"),
    [("snake", "order_id_2"), ("camel", "orderId2"), ("pascal", "OrderId2"), ("upper", "ORDER_ID_2")],
)
def test_wire_names(case: str, wire: str) -> None:
    assert names.wire_name("order_id_2", case) == wire


def test_every_case_of_the_language_is_tried() -> None:
    assert len({names.wire_name("order_id", case) for case in names.CASES}) == len(names.CASES)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("buy", "BUY"),
        ("stop-limit", "STOP_LIMIT"),
        ("a.b c", "A_B_C"),
        ("1m", None),
        ("", None),
        ("é", None),
        ("-", None),
    ],
)
def test_member_names(value: str, name: str | None) -> None:
    assert names.member_name(value) == name


@pytest.mark.parametrize(
    ("title", "name"), [("Acme", "Acme"), ("acme 24", "Acme24"), ("order_book", "OrderBook"), ("A.B", "AB")]
)
def test_class_names(title: str, name: str) -> None:
    assert names.class_name(title) == name
