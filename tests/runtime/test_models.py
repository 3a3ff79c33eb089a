"""Models, enums and times as a user holds them."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from handwritten import BatchOrder, Book, Level, OrderReceipt, OrderType, Side, Status, Trade
from hypothesis import given
from hypothesis import strategies as st

from specie.runtime import InvalidValue, Millis, Model, utc_exact, utc_iso, utc_millis, utc_seconds

LEVEL = Level(price=Decimal("1.50"), quantity=Decimal(2))
TRADE = Trade(trade_id="1", side=Side.BUY, price=Decimal(1), amount=Decimal(2), timestamp=Millis(1_700_000_000_123))


def test_models_are_attrs_classes() -> None:
    assert attrs.has(Level)
    assert [(field.name, field.type) for field in attrs.fields(Level)] == [
        ("price", Decimal),
        ("quantity", Decimal),
        ("count", int | None),
    ]
    assert attrs.asdict(LEVEL) == {"price": Decimal("1.50"), "quantity": Decimal(2), "count": None}
    assert attrs.evolve(LEVEL, count=3).count == 3
    assert not attrs.has(Model)


def test_models_cannot_be_changed() -> None:
    for attempt in (
        lambda: setattr(LEVEL, "price", 1),
        lambda: delattr(LEVEL, "price"),
        lambda: setattr(LEVEL, "prize", 1),
    ):
        with pytest.raises(AttributeError):
            attempt()
    assert not hasattr(LEVEL, "__dict__")
    untouched = pickle.loads(pickle.dumps(OrderReceipt(order_id="1", amount=Decimal(1))))
    with pytest.raises(AttributeError):
        untouched.amount = Decimal(2)


def test_constructors_take_keywords_and_want_what_is_required() -> None:
    with pytest.raises(TypeError, match="price"):
        Level(quantity=Decimal(1))  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Level(Decimal(1), Decimal(2))  # type: ignore[misc]
    with pytest.raises(TypeError, match="prize"):
        Level(price=Decimal(1), quantity=Decimal(1), prize=1)  # type: ignore[call-arg]


def test_models_compare_hash_and_print_by_their_fields() -> None:
    twin = Level(price=Decimal("1.50"), quantity=Decimal(2), count=None)
    assert twin == LEVEL
    assert hash(twin) == hash(LEVEL)
    assert attrs.evolve(LEVEL, count=1) != LEVEL
    assert (Decimal("1.50"), Decimal(2), None) != LEVEL
    assert repr(LEVEL) == "Level(price=Decimal('1.50'), quantity=Decimal('2'), count=None)"
    assert Book(bids=[LEVEL], asks=[]) == Book(bids=[twin], asks=[])


def test_models_survive_pickling_and_copying() -> None:
    for model in (LEVEL, TRADE, Book(bids=[LEVEL], asks=[]), BatchOrder(pair="a", type=OrderType.MARKET, amount=1)):
        for twin in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
            assert twin == model
            assert type(twin) is type(model)


def test_times_have_a_datetime_beside_them() -> None:
    assert TRADE.timestamp_utc == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
    assert Book(bids=[], asks=[]).time_utc is None


@given(st.integers(-60_000_000_000_000, 250_000_000_000_000))
def test_datetimes_are_exact(millis: int) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert utc_millis(millis) - epoch == timedelta(milliseconds=millis)
    assert utc_seconds(millis // 1000) - epoch == timedelta(seconds=millis // 1000)
    assert utc_exact(Decimal(millis).scaleb(-3)) - epoch == timedelta(milliseconds=millis)


def test_times_of_each_kind() -> None:
    assert utc_exact(Decimal("1570599531.4812345")).microsecond == 481_234
    assert utc_iso("2026-01-31T12:00:00Z") == utc_iso("2026-01-31T20:00:00+08:00") == utc_iso("2026-01-31T12:00:00")
    assert utc_iso("2026-01-31T12:00:00Z").utcoffset() == timedelta(0)
    assert [utc(None) for utc in (utc_millis, utc_seconds, utc_exact, utc_iso)] == [None] * 4
    for attempt in (
        lambda: utc_millis(10**20),
        lambda: utc_seconds(-(10**20)),
        lambda: utc_exact(Decimal("1e500")),
        lambda: utc_iso("yesterday"),
    ):
        with pytest.raises(InvalidValue):
            attempt()


@pytest.mark.parametrize(("enum", "known", "unknown"), [(Side, "BUY", "HOLD"), (Status, 3, 42)])
def test_enums_keep_what_they_do_not_know(enum: type[Side] | type[Status], known: object, unknown: object) -> None:
    member, stranger = enum(known), enum(unknown)
    assert member.is_known
    assert member is enum(known)
    assert not stranger.is_known
    assert stranger == unknown == stranger.value
    assert stranger == enum(unknown)
    assert hash(stranger) == hash(unknown)
    assert stranger != member
    assert f"{stranger}" == str(unknown)
    assert {stranger: 1}[enum(unknown)] == 1
    assert isinstance(stranger, enum)
    assert stranger not in list(enum)
    for value in (member, stranger):
        for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
            assert twin == value
            assert twin.is_known == value.is_known
    assert repr(stranger) == f"<{enum.__name__}: {unknown!r}>"
    assert repr(member).startswith(f"<{enum.__name__}.")


@pytest.mark.parametrize("value", [None, 5.5, [], True])
def test_enums_refuse_what_is_of_another_kind(value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        Side(value)
    if value is not True:
        with pytest.raises(ValueError, match="is not a valid"):
            Status(value)


@given(st.text())
def test_no_text_is_too_odd_for_an_open_enum(value: str) -> None:
    assert Side(value) == value
    assert pickle.loads(pickle.dumps(Side(value))) == value
    repr(Side(value))
