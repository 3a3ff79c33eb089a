"""A trading day by the exchange's own bitopro-client: python bitopro_client_day.py BASE_URL API_KEY API_SECRET."""

from __future__ import annotations

import sys
from enum import Enum

from storyteller import Story  # before the client: from here on nobody leaves this machine

from bitoproClient.bitopro_restful_client import BitoproRestfulClient, OrderType, StatusKind, WithdrawProtocol  # isort: skip

PAIR = "btc_twd"
base_url, key, secret = sys.argv[1:]
client = BitoproRestfulClient(key, secret)
client.baseUrl = base_url


class WithStops(Enum):
    """The order type that its own enum lacks."""

    STOP_LIMIT = 2


def order_id(receipt: object) -> str:
    return str(receipt["orderId"]) if isinstance(receipt, dict) else "0"


def limit_order(amount: str) -> object:
    return client.create_an_order("BUY", amount, "2000000", OrderType.Limit, PAIR, client_id=7)


story = Story()
story.step("markets", client.get_trading_pairs)
story.step("book", lambda: client.get_order_book(PAIR))
story.step("balance", client.get_account_balance)

order = story.step("create", lambda: limit_order("0.01"))
story.step("balance_held", client.get_account_balance)
story.step("query", lambda: client.get_an_order(PAIR, order_id(order)))
story.step("query_open", lambda: client.get_open_orders(PAIR))
story.step("cancel", lambda: client.cancel_an_order(order_id(order), PAIR))
story.step("query_cancelled", lambda: client.get_an_order(PAIR, order_id(order)))
story.step("balance_freed", client.get_account_balance)

sold = story.step("sell", lambda: client.create_an_order("SELL", "0.01", type=OrderType.Market, pair=PAIR))
story.step("history", lambda: client.get_all_orders(PAIR))
story.step("trades", lambda: client.get_trades_list(PAIR))
story.step("balance_sold", client.get_account_balance)

story.step("create_second", lambda: limit_order("0.02"))
story.step("cancel_all", lambda: client.cancel_all_orders("all"))
story.step("withdraw", lambda: client.withdraw("btc", WithdrawProtocol.MAIN, "demo-wallet", 0.01))

# Where it does not do what the documents say.
story.step("history_open", lambda: client.get_all_orders(PAIR, ignoreTimeLimitEnable=True, status_kind=StatusKind.OPEN))
story.step("history_done", lambda: client.get_all_orders(PAIR, status_kind=StatusKind.DONE))
story.step("tickers", client.get_tickers)
third = story.step("create_third", lambda: limit_order("0.03"))
story.step("cancel_several", lambda: client.cancel_multiple_orders({"BTC_TWD": [order_id(third)]}))
story.step("cancel_third", lambda: client.cancel_an_order(order_id(third), PAIR))
# One of three lengths of what comes before it puts `>` where base64 and its URL-safe form differ.
for stop_price in ("350000", "3500000", "35000000"):
    story.step(
        f"stop_{stop_price}",
        lambda stop_price=stop_price: client.create_an_order(
            "BUY", "0.01", "2000000", WithStops.STOP_LIMIT, PAIR, stop_price, ">="
        ),
    )
story.step("cancel_stops", lambda: client.cancel_all_orders("all"))
story.step("too_much", lambda: limit_order("100"))
# Last, so that all else was told: what keeps the scripts on this machine does keep them there.
client.baseUrl = "https://exchange.invalid"
story.step("elsewhere", client.get_trading_pairs)
story.tell("bitopro-client")
