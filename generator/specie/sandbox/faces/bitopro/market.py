"""Books, prices, trades and rules, which anyone may read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ...market import Candle, Level, Market, Side, Span, Ticker, Trade
from .. import Call
from .listing import (
    BASE_PRECISION,
    CHAINS,
    CURRENCIES,
    LISTED,
    MAKER_FEE,
    MAX_DAILY,
    MAX_OPEN_ORDERS,
    TAKER_FEE,
    Listed,
)
from .words import DAY_MS, BitoProGroup, coins, refusal, text, wrong_parameter

_TRADES = 100
"""How many trades there are in a reply; no page says."""
_OTC_MARGIN = Decimal("0.01")
_MINUTE_MS = 60_000
_SPANS: Mapping[str, Span] = {
    "1m": _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS,
    "3h": 180 * _MINUTE_MS,
    "4h": 240 * _MINUTE_MS,
    "6h": 360 * _MINUTE_MS,
    "12h": 720 * _MINUTE_MS,
    "1d": DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": "month",
}


class MarketGroup(BitoProGroup):
    """The operations of `market`."""

    def market_order_book(self, call: Call) -> Any:
        pair = self.pair(call.arguments["pair"])
        scale = call.arguments.get("scale", 0)
        if scale > LISTED[pair].scale_levels:
            raise refusal("InvalidRequest", f"Invalid scale: {scale}")
        grouping = self.market.instruments[pair].price_tick.scaleb(scale) if scale else None
        book = self.market.book(pair, call.arguments.get("limit", 5), grouping=grouping)
        return {"asks": levels_of(book.asks), "bids": levels_of(book.bids)}

    def market_ticker(self, call: Call) -> Any:
        return ticker_of(self.market.ticker(self.pair(call.arguments["pair"])))

    def market_tickers(self, _: Call) -> Any:
        return [ticker_of(self.market.ticker(pair)) for pair in self.market.instruments]

    def market_trades(self, call: Call) -> Any:
        return recent_trades(self.market, self.pair(call.arguments["pair"]))

    def market_candles(self, call: Call) -> Any:
        pair, resolution = self.pair(call.arguments["pair"]), call.arguments["resolution"]
        start_ms, end_ms = call.arguments["start"] * 1000, call.arguments["end"] * 1000
        if start_ms > end_ms:
            raise wrong_parameter("from")
        if resolution in ("1m", "5m"):
            start_ms = max(start_ms, call.now_ms - 365 * DAY_MS)
        candles = self.market.candles(pair, _SPANS[resolution], start_ms=start_ms, end_ms=end_ms)
        return [_candle(one) for one in candles]

    def market_pairs(self, _: Call) -> Any:
        return [_pair(pair, listed) for pair, listed in LISTED.items()]

    def market_currencies(self, _: Call) -> Any:
        return [
            {
                "currency": chain.label,
                "withdrawFee": text(currency.withdrawal_fee),
                "minWithdraw": text(currency.min_withdrawal),
                "maxWithdraw": text(currency.max_withdrawal or Decimal(0)),
                "maxDailyWithdraw": MAX_DAILY[currency.code],
                "withdraw": True,
                "deposit": True,
                "depositConfirmation": str(chain.confirmations),
            }
            for currency in CURRENCIES
            for chain in CHAINS[currency.code]
        ]

    def market_fees(self, _: Call) -> Any:
        return {
            "tradingFeeRate": [_rank(0, "<", Decimal(1)), _rank(1, ">=", Decimal("0.9"))],
            "restrictionsOfWithdrawalFees": _withdrawal_restrictions(),
            "cryptocurrencyDepositFeeAndConfirmation": [
                {
                    "currency": chain.label,
                    "generalDepositFees": "0",
                    # A bank confirms no blocks; the recorded row of TWD is empty here.
                    "blockchainConfirmationRequired": str(chain.confirmations or ""),
                }
                for chains in CHAINS.values()
                for chain in chains
            ],
            # Accounts of level 1 make no vouchers of TWD; the recorded row says so with empty texts.
            "ttCheckFeesAndLimitationsLevel1": [
                _vouchers("TWD", "", "", ""),
                _vouchers("BTC", "0.0001", "0.01", "0.1"),
            ],
            "ttCheckFeesAndLimitationsLevel2": [
                _vouchers("TWD", "30", "10000000", "20000000"),
                _vouchers("BTC", "0.0001", "5", "10"),
            ],
        }

    def market_otc_price(self, call: Call) -> Any:
        code = call.arguments["currency"].upper()
        last = self.market.ticker(f"{code}_TWD").last if f"{code}_TWD" in self.market.instruments else None
        if last is None:
            raise refusal("InvalidRequest", "Cannot list price, please try again later")
        return {
            "currency": code.lower(),
            "buySwapQuotation": _quotation(last * (1 + _OTC_MARGIN)),
            "sellSwapQuotation": _quotation(last * (1 - _OTC_MARGIN)),
        }


def recent_trades(market: Market, pair: str) -> list[Any]:
    """The latest trades of a pair, newest first."""
    return [_trade(one) for one in reversed(market.trades(pair)[-_TRADES:])]


def levels_of(levels: Iterable[Level]) -> list[Any]:
    """One side of a book, best price first; the total is of all down to a level."""
    total = Decimal(0)
    rows: list[Any] = []
    for level in levels:
        total += level.amount
        rows.append(
            {"amount": text(level.amount), "count": level.count, "price": text(level.price), "total": text(total)}
        )
    return rows


def ticker_of(ticker: Ticker) -> Any:
    """What the last 24 hours came to."""
    none = Decimal(0)
    return {
        "pair": ticker.pair.lower(),
        "lastPrice": coins(ticker.last or none),
        "isBuyer": ticker.last_side is Side.BUY,
        "priceChange24hr": text((ticker.change_ratio * 100).quantize(Decimal("0.01"))),
        "volume24hr": coins(ticker.volume),
        "high24hr": coins(ticker.high or none),
        "low24hr": coins(ticker.low or none),
    }


def _trade(trade: Trade) -> Any:
    return {
        "timestamp": trade.time_ms // 1000,
        "price": coins(trade.price),
        "amount": coins(trade.amount),
        "isBuyer": trade.taker_side is Side.BUY,  # as in the ticker, and as other clients read it
    }


def _candle(candle: Candle) -> Any:
    return {
        "timestamp": candle.open_ms,
        "open": text(candle.open),
        "high": text(candle.high),
        "low": text(candle.low),
        "close": text(candle.close),
        "volume": text(candle.volume),
    }


def _pair(pair: str, listed: Listed) -> Any:
    base, _, quote = pair.lower().partition("_")
    return {
        "pair": pair.lower(),
        "base": base,
        "quote": quote,
        "basePrecision": str(BASE_PRECISION),
        "quotePrecision": str(listed.price_places),
        "minLimitBaseAmount": listed.min_amount,
        "maxLimitBaseAmount": listed.max_amount,
        "minMarketBuyQuoteAmount": listed.min_market_buy,
        "orderOpenLimit": str(MAX_OPEN_ORDERS),
        "maintain": False,
        "orderBookQuotePrecision": str(listed.price_places),
        "orderBookQuoteScaleLevel": str(listed.scale_levels),
        "amountPrecision": str(listed.shown_places),
    }


def _rank(rank: int, symbol: str, share: Decimal) -> Any:
    return {
        "rank": rank,
        "twdVolumeSymbol": symbol,
        "twdVolume": "3000000",
        "bitoAmountSymbol": symbol,
        "bitoAmount": "3000",
        "makerFee": text(MAKER_FEE * share),
        "takerFee": text(TAKER_FEE * share),
        "makerBitoFee": text(MAKER_FEE * share * Decimal("0.8")),
        "takerBitoFee": text(TAKER_FEE * share * Decimal("0.8")),
        "rankCondition": "or",
        "gridBotMakerFee": "0.0005",
        "gridBotTakerFee": "0.0005",
    }


def _withdrawal_restrictions() -> list[Any]:
    return [
        {
            "currency": chain.label,
            "fee": text(currency.withdrawal_fee),
            "minimumTradingAmount": text(currency.min_withdrawal),
            "maximumTradingAmount": text(currency.max_withdrawal or Decimal(0)),
            "dailyCumulativeMaximumAmount": MAX_DAILY[currency.code],
            "remarks": "",
            "protocol": chain.protocol.lower(),
            "twdWithdrawMonthly": "5000000" if currency.code == "TWD" else None,
        }
        for currency in CURRENCIES
        for chain in CHAINS[currency.code]
    ]


def _vouchers(currency: str, least: str, most: str, daily: str) -> Any:
    return {
        "currency": currency,
        "redeemDailyCumulativeMaximumAmount": daily,
        "generateMinimumTradingAmount": least,
        "generateMaximumTradingAmount": most,
        "generateDailyCumulativeMaximumAmount": daily,
    }


def _quotation(rate: Decimal) -> Any:
    return {"twd": {"pricingCurrency": "TWD", "exchangeRate": text(rate.quantize(Decimal("0.000001")))}}
