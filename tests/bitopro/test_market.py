"""bitopro.market, against cassettes of the documented examples."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.exact import exactly

from specie.bitopro import (
    BookLevel,
    Candle,
    CandleResolution,
    Comparison,
    CurrencyInfo,
    DepositRequirement,
    LimitationsAndFees,
    OrderBook,
    OtcPrice,
    OtcQuotation,
    Ticker,
    Trade,
    TradingFee,
    TradingPair,
    TTCheckLimitation,
    WithdrawalRestriction,
)
from specie.runtime import Millis, Seconds

LEVEL = BookLevel(price=Decimal("100000000"), amount=Decimal("10000000000"), count=2, total=Decimal("10000000000"))
ETH_BTC = Ticker(
    pair="eth_btc",
    last_price=Decimal("0.03252800"),
    is_buyer=False,
    price_change_24h=Decimal("0"),
    volume_24h=Decimal("0.00000000"),
    high_24h=Decimal("0.03252800"),
    low_24h=Decimal("0.03252800"),
)


def test_order_book(client: Any) -> None:
    book = OrderBook(asks=[LEVEL], bids=[LEVEL])
    exactly(client.market.order_book("btc_twd"), book)
    exactly(client.market.order_book("bito_eth", limit=50, scale=0), book)
    exactly(client.market.order_book(pair="btc_twd", limit=1, scale=3), book)


def test_ticker(client: Any) -> None:
    exactly(client.market.ticker("eth_btc"), ETH_BTC)


def test_tickers(client: Any) -> None:
    btg_twd = Ticker(
        pair="btg_twd",
        last_price=Decimal("541.00000000"),
        is_buyer=False,
        price_change_24h=Decimal("0"),
        volume_24h=Decimal("0.00000000"),
        high_24h=Decimal("541.00000000"),
        low_24h=Decimal("541.00000000"),
    )
    exactly(client.market.tickers(), [ETH_BTC, btg_twd])


def test_trades(client: Any) -> None:
    trades = client.market.trades("btc_twd")
    exactly(
        trades,
        [
            Trade(
                price=Decimal("126709.00000000"),
                amount=Decimal("0.11000000"),
                is_buyer=False,
                timestamp=Seconds(1551753875),
            ),
            Trade(
                price=Decimal("126787.00000000"),
                amount=Decimal("0.10000000"),
                is_buyer=False,
                timestamp=Seconds(1551753796),
            ),
        ],
    )
    assert [trade.timestamp_utc for trade in trades] == [
        datetime(2019, 3, 5, 2, 44, 35, tzinfo=UTC),
        datetime(2019, 3, 5, 2, 43, 16, tzinfo=UTC),
    ]


def test_candles(client: Any) -> None:
    candles = client.market.candles(
        "btc_usdt",
        resolution=CandleResolution.ONE_WEEK,
        start=1550822974,
        end=datetime(2019, 8, 21, 8, 10, 34, tzinfo=UTC),
    )
    exactly(
        candles,
        [
            Candle(
                open_time=Millis(1551052800000),
                open=Decimal("4099.99"),
                high=Decimal("4444.47"),
                low=Decimal("3875.32"),
                close=Decimal("3955.8"),
                volume=Decimal("13.35162928"),
            ),
            Candle(
                open_time=Millis(1552262400000),
                open=Decimal("4000"),
                high=Decimal("111111111.11"),
                low=Decimal("3955.8"),
                close=Decimal("3955.8"),
                volume=Decimal("2.00500074"),
            ),
        ],
    )
    assert [candle.open_time_utc for candle in candles] == [
        datetime(2019, 2, 25, tzinfo=UTC),
        datetime(2019, 3, 11, tzinfo=UTC),
    ]
    # A minute and a month differ by a capital only.
    for resolution in CandleResolution:
        assert client.market.candles("btc_usdt", resolution=resolution, start=1, end=2) == candles


def test_pairs(client: Any) -> None:
    exactly(
        client.market.pairs(),
        [
            TradingPair(
                pair="mv_twd",
                base="mv",
                quote="twd",
                base_precision=8,
                quote_precision=3,
                min_limit_base_amount=Decimal("0.01"),
                max_limit_base_amount=Decimal("100000"),
                min_market_buy_quote_amount=Decimal("3"),
                order_open_limit=200,
                in_maintenance=False,
                order_book_quote_precision=3,
                order_book_quote_scale_level=5,
                amount_precision=2,
            ),
            TradingPair(
                pair="ape_usdt",
                base="ape",
                quote="usdt",
                base_precision=8,
                quote_precision=4,
                min_limit_base_amount=Decimal("1"),
                max_limit_base_amount=Decimal("10000000"),
                min_market_buy_quote_amount=Decimal("5"),
                order_open_limit=200,
                in_maintenance=False,
                order_book_quote_precision=4,
                order_book_quote_scale_level=4,
                amount_precision=4,
            ),
        ],
    )


def test_currencies(client: Any) -> None:
    def currency(name: str, fee: str, least: str, most: str, daily: str, confirmations: int) -> CurrencyInfo:
        return CurrencyInfo(
            currency=name,
            withdraw_fee=Decimal(fee),
            min_withdraw=Decimal(least),
            max_withdraw=Decimal(most),
            max_daily_withdraw=Decimal(daily),
            withdrawal_open=True,
            deposit_open=True,
            deposit_confirmations=confirmations,
        )

    exactly(
        client.market.currencies(),
        [
            currency("TWD", "15", "100", "1000000", "2000000", 0),
            currency("USDT (ETH-ERC20)", "10", "10", "300000", "500000", 64),
            currency("USDT (BSC-BEP20)", "0.3", "10", "300000", "500000", 15),
        ],
    )


def test_fees(client: Any) -> None:
    def rank(number: int, symbol: Comparison, maker: str, taker: str, maker_bito: str, taker_bito: str) -> TradingFee:
        return TradingFee(
            rank=number,
            twd_volume_symbol=symbol,
            twd_volume=Decimal("3000000"),
            bito_amount_symbol=symbol,
            bito_amount=Decimal("3000"),
            maker_fee=Decimal(maker),
            taker_fee=Decimal(taker),
            maker_bito_fee=Decimal(maker_bito),
            taker_bito_fee=Decimal(taker_bito),
            rank_condition="or",
            grid_bot_maker_fee=Decimal("0.0005"),
            grid_bot_taker_fee=Decimal("0.0005"),
        )

    def withdrawal(
        currency: str,
        fee: str,
        least: str,
        most: str,
        daily: str,
        protocol: str,
        remarks: str | None = None,
        monthly: Decimal | None = None,
    ) -> WithdrawalRestriction:
        return WithdrawalRestriction(
            currency=currency,
            fee=Decimal(fee),
            minimum_amount=Decimal(least),
            maximum_amount=Decimal(most),
            daily_maximum_amount=Decimal(daily),
            remarks=remarks,
            protocol=protocol,
            twd_monthly_maximum_amount=monthly,
        )

    def vouchers(currency: str, redeemed: str, least: str, most: str) -> TTCheckLimitation:
        return TTCheckLimitation(
            currency=currency,
            redeem_daily_maximum_amount=Decimal(redeemed),
            generate_minimum_amount=Decimal(least),
            generate_maximum_amount=Decimal(most),
            generate_daily_maximum_amount=Decimal(redeemed),
        )

    exactly(
        client.market.fees(),
        LimitationsAndFees(
            trading_fees=[
                rank(0, Comparison.LESS, "0.001", "0.002", "0.0008", "0.0016"),
                rank(1, Comparison.AT_LEAST, "0.0009", "0.0018", "0.00072", "0.00144"),
            ],
            withdrawal_restrictions=[
                withdrawal("ADA", "0.5", "1", "20000", "50000", "main"),
                withdrawal("APE (ETH-ERC20)", "2.93", "5.86", "72700", "727000", "erc20", "Suspended withdraw"),
                withdrawal("TRX", "75", "300", "200000", "500000", "main"),
                withdrawal("TWD", "30", "100", "2000000", "2000000", "main", None, Decimal("5000000")),
                withdrawal("USDC (Binance Smart Chain)", "0.057", "1", "50000", "100000", "bsc"),
            ],
            deposit_requirements=[
                DepositRequirement(currency="ADA", fee=Decimal("0"), confirmations_required=300),
                DepositRequirement(currency="APE (ETH-ERC20)", fee=Decimal("0"), confirmations_required=12),
            ],
            tt_check_level_1=[vouchers("BCD", "613", "1", "103"), vouchers("BCH", "6.38", "0.007", "1.07")],
            tt_check_level_2=[vouchers("BCD", "81633", "1", "40817"), vouchers("BCH", "851", "0.0064", "425.2605")],
        ),
    )


def test_otc_price(client: Any) -> None:
    exactly(
        client.market.otc_price("btc"),
        OtcPrice(
            currency="btc",
            buy={"twd": OtcQuotation(pricing_currency="TWD", exchange_rate=Decimal("1130752.513945"))},
            sell={"twd": OtcQuotation(pricing_currency="TWD", exchange_rate=Decimal("1107699.219"))},
        ),
    )
