"""ccxt.pro's `bitopro` watches the market: python ccxt_watch.py REST_URL STREAMS_URL API_KEY API_SECRET."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from storyteller import Story  # before ccxt: from here on nobody leaves this machine

import ccxt.pro  # isort: skip

PAIR = "BTC/TWD"
rest_url, streams_url, key, secret = sys.argv[1:]
story = Story()


async def begin() -> Any:
    """Made on the loop that it is used on."""
    made = ccxt.pro.bitopro({"apiKey": key, "secret": secret, "login": "me@example.org", "enableRateLimit": False})
    made.urls["api"] = {"rest": rest_url}
    made.urls["ws"] = {"public": f"{streams_url}/v1/pub", "private": f"{streams_url}/v1/pub/auth"}
    return made


async def several(watch: Callable[[], Awaitable[Any]], count: int = 1) -> list[Any]:
    return [await asyncio.wait_for(watch(), 30) for _ in range(count)]


with asyncio.Runner() as runner:
    exchange = runner.run(begin())
    story.step("books", lambda: runner.run(several(lambda: exchange.watch_order_book(PAIR, 10), 3)))
    story.step("ticker", lambda: runner.run(several(lambda: exchange.watch_ticker(PAIR))))
    story.step("trades", lambda: runner.run(several(lambda: exchange.watch_trades(PAIR))))
    # Where it does not do what the documents say.
    story.step("balance", lambda: runner.run(several(exchange.watch_balance)))
    runner.run(exchange.close())

story.tell("ccxt")
