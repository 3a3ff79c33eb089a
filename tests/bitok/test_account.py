"""bitok.account, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitok import SortOrder
from specie.bitok.account import AccountInfo, Rights, Transaction, TransactionPage
from specie.bitok.market import TradingFee
from specie.runtime import Seconds


def test_info(client: Any) -> None:
    def amounts(usd: str, btc: str, sc: str, ltc: str) -> dict[str, Decimal]:
        figures = {"usd": usd, "btc": btc, "sc": sc, "ltc": ltc, "ruc": "0", "nmc": "0"}
        return {currency: Decimal(figure) for currency, figure in figures.items()}

    info = client.account.info()
    expected = AccountInfo(
        funds=amounts("325", "23.998", "121.998", "0"),
        funds_on_hold=amounts("0", "1", "0", "0.02"),
        affiliate_amount=amounts("0.0000123", "0", "0", "0.0002"),
        affiliate_funds=None,
        rights=Rights(info=True, trade=True),
        transaction_count=80,
        open_orders=1,
        server_time=Seconds(1342123547),
    )
    exactly(info, expected)
    assert info.server_time_utc == datetime(2012, 7, 12, 20, 5, 47, tzinfo=UTC)


def test_transactions(client: Any) -> None:
    transaction = Transaction(
        id="1081672",
        type="trade",
        amount=Decimal("0.5135923100"),
        currency="btc",
        timestamp=Seconds(1457960494),
        direction="income",
        status=2,
        description="BTC payment",
    )
    page = client.account.transactions()
    exactly(page, TransactionPage(total=173, rows=[transaction]))
    assert page.rows[0].timestamp_utc == datetime(2016, 3, 14, 13, 1, 34, tzinfo=UTC)
    everything = client.account.transactions(
        offset=0,
        count=10,
        from_id="1081672",
        end_id=9223372036854775808,
        order=SortOrder.ASC,
        since=datetime(2016, 3, 14, 13, 1, 34, 999_999, UTC),
        end=1457960495,
    )
    exactly(everything, page)
    exactly(client.account.transactions(offset=1000, from_id=1, end_id="1081672", order=SortOrder.DESC), page)


def test_fee(client: Any) -> None:
    exactly(client.account.fee("btc_usd"), TradingFee(rate=Decimal("0.002")))
