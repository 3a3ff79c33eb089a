"""Deposits, withdrawals and vouchers, through their states."""

from __future__ import annotations

from decimal import Decimal

import pytest

from specie.sandbox.market import (
    AboveMaximum,
    BelowMinimum,
    Currency,
    DuplicateReference,
    EntryKind,
    InsufficientFunds,
    Market,
    PrecisionExceeded,
    Stage,
    TransferKind,
    TransferNotCancellable,
    TransferNotFound,
    TransferState,
    UnknownCurrency,
    UnknownVoucher,
    VoucherSpent,
    Window,
)

from .conftest import NOW, instrument, quiet

D = Decimal
S = TransferState


@pytest.fixture
def market() -> Market:
    btc = Currency("BTC", withdrawal_fee=D("0.001"), min_withdrawal=D("0.01"), max_withdrawal=D(5))
    return quiet(instrument(), currencies=[btc])


def states(market: Market, transfer_id: int, *after_ms: int) -> list[TransferState]:
    found: list[TransferState] = []
    for after in after_ms:
        market.advance(NOW + after)
        market.check()
        found.append(market.transfer("ann", transfer_id).state)
    return found


def test_a_deposit_is_credited_at_the_end_of_its_path(market: Market) -> None:
    deposit = market.deposit("ann", "BTC", D(1), now_ms=NOW, chain="main")
    assert (deposit.state, deposit.address) == (S.NEW, market.deposit_address("ann", "BTC", "main"))
    assert states(market, deposit.id, 999, 1_000, 2_000, 4_999) == [S.NEW, S.VERIFIED, S.PROCESSING, S.PROCESSING]
    assert market.balance("ann", "BTC").available == 10
    assert states(market, deposit.id, 5_000) == [S.COMPLETED]
    assert market.balance("ann", "BTC").available == 11
    done = market.transfer("ann", deposit.id)
    assert (done.created_ms, done.updated_ms, len(done.txid or "")) == (NOW, NOW + 5_000, 64)


def test_a_withdrawal_is_held_at_first_and_gone_at_last(market: Market) -> None:
    withdrawal = market.withdraw("ann", "BTC", D(2), "somewhere", now_ms=NOW, reference="r1", memo="m")
    assert (withdrawal.fee, withdrawal.total, withdrawal.txid) == (D("0.001"), D("2.001"), None)
    assert market.balance("ann", "BTC").held == D("2.001")
    assert states(market, withdrawal.id, 2_000, 5_000, 10_000) == [S.VERIFIED, S.PROCESSING, S.COMPLETED]
    balance = market.balance("ann", "BTC")
    assert (balance.available, balance.held) == (D("7.999"), 0)
    kinds = [entry.kind for entry in market.ledger("ann", currency="BTC")][1:]
    assert kinds == [EntryKind.HOLD_TRANSFER, EntryKind.WITHDRAWAL, EntryKind.WITHDRAWAL_FEE]


def test_a_withdrawal_can_be_cancelled_until_it_is_on_its_way(market: Market) -> None:
    first = market.withdraw("ann", "BTC", D(2), "somewhere", now_ms=NOW)
    second = market.withdraw("ann", "BTC", D(2), "somewhere", now_ms=NOW)
    assert market.cancel_transfer("ann", first.id, now_ms=NOW + 3_000).state is S.CANCELLED
    assert market.balance("ann", "BTC").held == D("2.001")
    with pytest.raises(TransferNotCancellable):
        market.cancel_transfer("ann", second.id, now_ms=NOW + 5_000)
    assert states(market, first.id, 60_000) == [S.CANCELLED]
    assert market.balance("ann", "BTC").total == D("7.999")
    with pytest.raises(TransferNotFound):
        market.transfer("bob", first.id)


def test_a_path_of_its_own_may_end_in_refusal(market: Market) -> None:
    path = (Stage(S.VERIFIED, 10), Stage(S.REFUSED, 20))
    withdrawal = market.withdraw("ann", "BTC", D(2), "somewhere", now_ms=NOW, path=path)
    assert states(market, withdrawal.id, 10, 20) == [S.VERIFIED, S.REFUSED]
    assert market.balance("ann", "BTC").available == 10
    for wrong in ((), (Stage(S.VERIFIED, 1),), (Stage(S.COMPLETED, 2), Stage(S.VERIFIED, 3))):
        with pytest.raises(ValueError, match="final"):
            market.deposit("ann", "BTC", D(1), now_ms=NOW, path=wrong)


def test_what_may_not_be_withdrawn(market: Market) -> None:
    def withdraw(amount: str, currency: str = "BTC", reference: str | None = None) -> None:
        market.withdraw("ann", currency, D(amount), "somewhere", now_ms=NOW, reference=reference)

    for amount, refusal in (
        ("0.001", BelowMinimum),
        ("-1", BelowMinimum),
        ("5.1", AboveMaximum),
        ("1.000000001", PrecisionExceeded),
    ):
        with pytest.raises(refusal):
            withdraw(amount)
    with pytest.raises(UnknownCurrency):
        withdraw("1", "NOPE")
    withdraw("4.9995", reference="once")
    with pytest.raises(DuplicateReference):
        withdraw("1", reference="once")
    with pytest.raises(InsufficientFunds) as caught:
        withdraw("5")
    assert (caught.value.available, caught.value.needed) == (D("4.9995"), D("5.001"))
    assert len(market.transfers("ann", kind=TransferKind.WITHDRAWAL)) == 1
    market.check()


def test_a_voucher_goes_from_hand_to_hand_once(market: Market) -> None:
    made = market.create_voucher("ann", "USD", D(500), now_ms=NOW, reference="v")
    assert made.voucher_code is None
    market.advance(NOW + 1_000)
    market.check()
    code = market.transfer("ann", made.id).voucher_code
    assert code is not None
    assert market.balance("ann", "USD").total == 99_500
    market.redeem_voucher("bob", code, now_ms=NOW + 1_000)
    with pytest.raises(VoucherSpent):
        market.redeem_voucher("ann", code, now_ms=NOW + 1_000)
    with pytest.raises(UnknownVoucher):
        market.redeem_voucher("ann", "nothing", now_ms=NOW + 1_000)
    market.check()
    market.advance(NOW + 2_000)
    assert market.balance("bob", "USD").total == 100_500
    market.check()


def test_a_redemption_that_is_cancelled_leaves_the_voucher(market: Market) -> None:
    at_once = (Stage(S.COMPLETED, 0),)
    code = market.create_voucher("ann", "USD", D(5), now_ms=NOW, path=at_once).voucher_code
    assert code is not None
    redemption = market.redeem_voucher("bob", code, now_ms=NOW)
    market.cancel_transfer("bob", redemption.id, now_ms=NOW)
    market.check()
    assert market.redeem_voucher("ann", code, now_ms=NOW, path=at_once).state is S.COMPLETED
    assert market.balance("ann", "USD").total == 100_000
    market.check()


def test_addresses_and_histories(market: Market) -> None:
    address = market.deposit_address("ann", "BTC")
    assert address == market.deposit_address("ann", "BTC")
    assert address != market.deposit_address("bob", "BTC")
    for step in range(3):
        market.deposit("ann", "BTC", D(1), now_ms=NOW + 1 + step)
    assert len(market.transfers("ann", Window(start_ms=NOW + 2))) == 2
    opening = market.transfers("ann", kind=TransferKind.DEPOSIT, currency="USD")
    assert [(transfer.state, transfer.amount) for transfer in opening] == [(S.COMPLETED, 100_000)]
