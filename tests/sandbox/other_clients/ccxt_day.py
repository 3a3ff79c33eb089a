"""A trading day by ccxt's `bitopro`: python ccxt_day.py BASE_URL API_KEY API_SECRET."""

from __future__ import annotations

import sys

from storyteller import Story  # before ccxt: from here on nobody leaves this machine

import ccxt  # isort: skip

PAIR = "BTC/TWD"
base_url, key, secret = sys.argv[1:]
exchange = ccxt.bitopro({"apiKey": key, "secret": secret, "enableRateLimit": False})
exchange.urls["api"] = {"rest": base_url}

story = Story()
story.step("markets", lambda: {name: market["precision"] for name, market in exchange.load_markets().items()})
story.step("book", lambda: exchange.fetch_order_book(PAIR, 5))
story.step("balance", exchange.fetch_balance)

order = story.step("create", lambda: exchange.create_order(PAIR, "limit", "buy", 0.01, 2_000_000)) or {}
story.step("balance_held", exchange.fetch_balance)
story.step("query", lambda: exchange.fetch_order(order["id"], PAIR))
story.step("query_open", lambda: exchange.fetch_open_orders(PAIR))
story.step("cancel", lambda: exchange.cancel_order(order["id"], PAIR))
story.step("query_cancelled", lambda: exchange.fetch_order(order["id"], PAIR))
story.step("balance_freed", exchange.fetch_balance)

sold = story.step("sell", lambda: exchange.create_order(PAIR, "market", "sell", 0.01)) or {}
story.step("query_sold", lambda: exchange.fetch_order(sold["id"], PAIR))
story.step("trades", lambda: exchange.fetch_my_trades(PAIR))
story.step("balance_sold", exchange.fetch_balance)

first = story.step("create_first", lambda: exchange.create_order(PAIR, "limit", "buy", 0.01, 2_000_000)) or {}
second = story.step("create_second", lambda: exchange.create_order(PAIR, "limit", "buy", 0.02, 2_000_000)) or {}
story.step("cancel_both", lambda: exchange.cancel_orders([first["id"], second["id"]], PAIR))
story.step("withdraw", lambda: exchange.withdraw("BTC", 0.01, "demo-wallet"))

# Where it does not mean what the documents mean.
story.step("capitals", lambda: exchange.create_order(PAIR, "LIMIT", "BUY", 0.01, 2_000_000))
story.step("cancel_all", lambda: exchange.cancel_all_orders(PAIR))
story.step("market_buy", lambda: exchange.create_order(PAIR, "market", "buy", 0.01))
story.step("own_id", lambda: exchange.create_order(PAIR, "limit", "buy", 0.01, 2_000_000, {"clientOrderId": "12345"}))
story.step("fees", exchange.fetch_trading_fees)
story.step("too_much", lambda: exchange.create_order(PAIR, "limit", "buy", 100, 2_000_000))
story.tell("ccxt")
