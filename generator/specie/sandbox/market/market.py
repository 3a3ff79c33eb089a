"""The market as a face sees it: one object, to which every call that changes something brings the time.

A call first lets happen what is due by its time, then does its own thing, and tells the listeners of each. Time never
goes back: a call with an earlier time is taken as made at the latest time seen.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from decimal import Decimal, localcontext
from heapq import merge
from types import MappingProxyType

from . import invariants
from .agenda import Agenda
from .amounts import EXACT, ZERO, is_multiple
from .book import Book, BookOrders
from .events import Listener, Outbox
from .flow import Crowd, Crowds, OrderFlow
from .ledger import Balance, Ledger, LedgerEntry
from .matching import Listing, Matching
from .records import Currency, Fill, Instrument, NewOrder, Order, Side, Trade
from .refusals import OrderNotFound, UnknownCurrency, UnknownInstrument
from .tape import Candle, Span, Ticker, trade_id
from .transfers import Path, Stage, Transfer, TransferKind, TransferState
from .wallet import Wallet
from .window import ALL, Window

_NO_FUNDS: Mapping[str, Decimal] = MappingProxyType({})
_NO_FLOWS: Mapping[str, OrderFlow] = MappingProxyType({})
_NO_PATHS: Mapping[TransferKind, Path] = MappingProxyType({})
_AT_ONCE = (Stage(TransferState.COMPLETED, 0),)


class Market:
    """An exchange without a face: instruments, accounts, and other people where there is a flow."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        now_ms: int,
        flows: Mapping[str, OrderFlow] = _NO_FLOWS,
        currencies: Iterable[Currency] = (),
        paths: Mapping[TransferKind, Path] = _NO_PATHS,
        seed: int = 0,
    ) -> None:
        self.now_ms = now_ms
        """The latest time seen, in milliseconds; what is read is as of then."""
        self.instruments = {instrument.pair: instrument for instrument in instruments}
        self.currencies = {currency.code: currency for currency in currencies}
        for instrument in self.instruments.values():
            for code in (instrument.base, instrument.quote):
                self.currencies.setdefault(code, Currency(code))
            unit = self.currencies[instrument.base].unit
            if not is_multiple(instrument.amount_step, unit):
                raise ValueError(f"{instrument.pair}: amounts would be finer than {unit:f} {instrument.base}")
        self._agenda = Agenda()
        self._outbox = Outbox()
        self._ledger = Ledger(now_ms)
        self._matching = Matching(self.currencies, self._ledger, self._outbox)
        self._wallet = Wallet(self.currencies, self._ledger, self._agenda, self._outbox, seed, paths)
        self._listings = {pair: Listing(instrument, now_ms) for pair, instrument in self.instruments.items()}
        crowds = [Crowd(flow, self._listing(pair), self._matching, seed) for pair, flow in flows.items()]
        self._crowds = Crowds(crowds, self._agenda)
        with localcontext(EXACT):
            self._crowds.begin(now_ms)

    # time

    def advance(self, now_ms: int) -> None:
        """Let happen what is due by a time: what other people do, and how transfers move on."""
        with self._at(now_ms):
            pass

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have the events of each action told; gives what ends it. A listener may read, and not change the market."""
        self._outbox.listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._outbox.listeners:
                self._outbox.listeners.remove(listener)

        return unsubscribe

    def check(self) -> None:
        """Raise `InvariantBroken` if money was made or lost, a book is crossed, or an order does not add up."""
        with localcontext(EXACT):
            invariants.check(self._ledger, self._matching.orders, self._wallet, self._listings)

    # accounts

    @property
    def accounts(self) -> tuple[str, ...]:
        return self._ledger.accounts

    def open_account(self, account: str, funds: Mapping[str, Decimal] = _NO_FUNDS, *, now_ms: int) -> None:
        """Open an account; its funds come as completed deposits."""
        with self._at(now_ms):
            for code, amount in funds.items():
                self._wallet.require_amount(code, amount)
            self._ledger.open(account)
            for code, amount in funds.items():
                self._transfer(account, TransferKind.DEPOSIT, code, amount, path=_AT_ONCE)

    def balance(self, account: str, currency: str) -> Balance:
        self._ledger.require(account)
        if currency not in self.currencies:
            raise UnknownCurrency(currency)
        return self._ledger.balance(account, currency)

    def balances(self, account: str) -> list[Balance]:
        """One for each currency, also where there is nothing."""
        return [self.balance(account, code) for code in self.currencies]

    def ledger(self, account: str, window: Window = ALL, *, currency: str | None = None) -> list[LedgerEntry]:
        """Every change of the account's balances, oldest first."""
        entries = self._ledger.entries(account, window)
        return [entry for entry in entries if currency is None or entry.currency == currency]

    # orders

    def place(self, account: str, order: NewOrder, *, now_ms: int) -> Order:
        """Place an order, and give it as it is when all has come of it that comes at once."""
        with self._at(now_ms):
            self._ledger.require(account)
            return self._matching.place(self._listing(order.pair), account, order, self.now_ms)

    def cancel(self, account: str, order_id: int, *, now_ms: int) -> Order:
        with self._at(now_ms):
            return self._cancel(self.order(account, order_id))

    def cancel_several(self, account: str, order_ids: Iterable[int], *, now_ms: int) -> list[Order]:
        """Cancel those of the orders that are the account's and open; the others are passed over."""
        with self._at(now_ms):
            found: list[Order] = []
            for order_id in order_ids:
                try:
                    order = self.order(account, order_id)
                except OrderNotFound:
                    continue
                if order.is_open:
                    found.append(self._cancel(order))
            return found

    def cancel_all(self, account: str, pair: str | None = None, *, now_ms: int) -> list[Order]:
        """Cancel the account's open orders, of one pair or of all."""
        with self._at(now_ms):
            return [self._cancel(order) for order in self.open_orders(account, pair)]

    def order(self, account: str, order_id: int) -> Order:
        self._ledger.require(account)
        return self._matching.orders.find(account, order_id)

    def order_by_client_id(self, account: str, client_id: str) -> Order:
        """The newest order that bears a client id."""
        self._ledger.require(account)
        return self._matching.orders.find_by_client_id(account, client_id)

    def open_orders(self, account: str, pair: str | None = None) -> list[Order]:
        """Oldest first."""
        self._ledger.require(account)
        return self._matching.orders.open_of(account, self._pairs(pair))

    def orders(self, account: str, window: Window = ALL, *, pair: str | None = None) -> list[Order]:
        """Open and closed ones, oldest first; the window is of ids and of the times of placing."""
        self._ledger.require(account)
        self._pairs(pair)
        orders = self._matching.orders.history(account, window)
        return [order for order in orders if pair is None or order.pair == pair]

    def fills(
        self, account: str, window: Window = ALL, *, pair: str | None = None, order_id: int | None = None
    ) -> list[Fill]:
        """Oldest first."""
        self._ledger.require(account)
        self._pairs(pair)
        fills = self._matching.orders.fills(account, window, order_id)
        return [fill for fill in fills if pair is None or fill.pair == pair]

    # the public market

    def book(self, pair: str, depth: int | None = None, *, grouping: Decimal | None = None) -> Book:
        """The book summed by price: of each side so many prices, or all; put together to multiples of `grouping`."""
        return self._listing(pair).book.summed(depth, grouping)

    def book_orders(self, pair: str, depth: int | None = None) -> BookOrders:
        """The book order by order: of each side so many, or all."""
        return self._listing(pair).book.detailed(depth)

    def trades(self, pair: str | None = None, window: Window = ALL) -> list[Trade]:
        """Trades of one pair or of all, oldest first; they are kept for 25 hours at least."""
        tapes = [self._listing(one).tape.trades(window) for one in self._pairs(pair)]
        return list(tapes[0] if len(tapes) == 1 else merge(*tapes, key=trade_id))

    def ticker(self, pair: str) -> Ticker:
        listing = self._listing(pair)
        bid, ask = (listing.book.top(side) for side in Side)
        return listing.tape.ticker(pair, self.now_ms, bid, ask)

    def candles(self, pair: str, span: Span, *, start_ms: int | None = None, end_ms: int | None = None) -> list[Candle]:
        """Candles that open within the bounds, oldest first. There is none for a span without trades."""
        return self._listing(pair).tape.candles(span, start_ms, end_ms)

    # the wallet

    def deposit(
        self,
        account: str,
        currency: str,
        amount: Decimal,
        *,
        now_ms: int,
        chain: str = "",
        memo: str = "",
        path: Path | None = None,
    ) -> Transfer:
        """Money is seen on its way to the account's address, and is the account's when the path is at its end."""
        with self._at(now_ms):
            return self._transfer(account, TransferKind.DEPOSIT, currency, amount, chain=chain, memo=memo, path=path)

    def withdraw(
        self,
        account: str,
        currency: str,
        amount: Decimal,
        address: str,
        *,
        now_ms: int,
        chain: str = "",
        memo: str = "",
        reference: str | None = None,
        path: Path | None = None,
    ) -> Transfer:
        """Ask for money to be sent; the currency's fee is charged besides."""
        with self._at(now_ms):
            return self._transfer(
                account,
                TransferKind.WITHDRAWAL,
                currency,
                amount,
                address=address,
                chain=chain,
                memo=memo,
                reference=reference,
                path=path,
            )

    def create_voucher(
        self,
        account: str,
        currency: str,
        amount: Decimal,
        *,
        now_ms: int,
        reference: str | None = None,
        path: Path | None = None,
    ) -> Transfer:
        """Ask for money to be written on a voucher; its code is known when the transfer is completed."""
        with self._at(now_ms):
            return self._transfer(
                account, TransferKind.VOUCHER_CREATION, currency, amount, reference=reference, path=path
            )

    def redeem_voucher(
        self, account: str, code: str, *, now_ms: int, reference: str | None = None, path: Path | None = None
    ) -> Transfer:
        """Ask for what a voucher is worth; nobody else can redeem it from now on."""
        with self._at(now_ms):
            currency, amount = self._wallet.voucher(code)
            kind = TransferKind.VOUCHER_REDEMPTION
            return self._transfer(account, kind, currency, amount, voucher_code=code, reference=reference, path=path)

    def cancel_transfer(self, account: str, transfer_id: int, *, now_ms: int) -> Transfer:
        """Take back what is not on its way yet."""
        with self._at(now_ms):
            return self._wallet.cancel(account, transfer_id, self.now_ms)

    def refuse_transfers(self, refused: bool) -> None:
        """Whether, from now on, what is withdrawn or done with a voucher is taken on, and refused when it would have
        been completed.
        """
        self._wallet.refuses = refused

    def transfer(self, account: str, transfer_id: int) -> Transfer:
        return self._wallet.find(account, transfer_id)

    def transfers(
        self,
        account: str,
        window: Window = ALL,
        *,
        kind: TransferKind | None = None,
        currency: str | None = None,
    ) -> list[Transfer]:
        """Oldest first; the window is of ids and of the times of asking."""
        return [
            transfer
            for transfer in self._wallet.history(account, window)
            if (kind is None or transfer.kind is kind) and (currency is None or transfer.currency == currency)
        ]

    def deposit_address(self, account: str, currency: str, chain: str = "") -> str:
        """Where the account receives a currency; always the same, and plainly of no real chain."""
        return self._wallet.address(account, currency, chain)

    # within

    @contextmanager
    def _at(self, now_ms: int) -> Generator[None, None, None]:
        """One action at a time, after all that is due by then."""
        if self._outbox.delivering:
            raise RuntimeError("a listener may not change the market")
        with localcontext(EXACT):
            self._catch_up(max(now_ms, self.now_ms))
            try:
                yield
            finally:
                self._deliver()

    def _catch_up(self, now_ms: int) -> None:
        self._crowds.expect(self.now_ms, now_ms)
        while (due := self._agenda.take(now_ms)) is not None:
            due_ms, action = due
            self.now_ms = self._ledger.now_ms = due_ms
            action(due_ms)
            self._deliver()
        self.now_ms = self._ledger.now_ms = now_ms

    def _deliver(self) -> None:
        changed = self._ledger.changed
        balances = [self._ledger.balance(*key) for key in changed]
        changed.clear()
        self._outbox.deliver(balances if self._outbox.listeners else ())

    def _listing(self, pair: str) -> Listing:
        try:
            return self._listings[pair]
        except KeyError:
            raise UnknownInstrument(pair) from None

    def _pairs(self, pair: str | None) -> Iterable[str]:
        if pair is None:
            return self.instruments
        self._listing(pair)
        return (pair,)

    def _cancel(self, order: Order) -> Order:
        return self._matching.cancel(self._listing(order.pair), order, self.now_ms)

    def _transfer(
        self,
        account: str,
        kind: TransferKind,
        currency: str,
        amount: Decimal,
        *,
        path: Path | None,
        address: str = "",
        chain: str = "",
        memo: str = "",
        reference: str | None = None,
        voucher_code: str | None = None,
    ) -> Transfer:
        if kind is TransferKind.DEPOSIT:
            address = self._wallet.address(account, currency, chain)
        transfer = Transfer(
            id=0,
            account=account,
            kind=kind,
            currency=currency,
            amount=amount,
            fee=ZERO,
            state=TransferState.NEW,
            address=address,
            chain=chain,
            memo=memo,
            reference=reference,
            voucher_code=voucher_code,
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )
        return self._wallet.open(transfer, path)
