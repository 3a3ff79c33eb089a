"""Every stream of every exchange over real sockets: a client reads them through a bad network while orders are traded
by REST, and in the end what was told is what REST says, and nothing of it is left running.
"""

from __future__ import annotations

import pytest
from support.agreeing import VENUES
from support.followers import scene
from support.following import BODIES, until
from support.proxy import CALM, Weather

pytest.importorskip("aiohttp")

WEATHERS = {
    "splits": Weather(pieces=60),
    "delays": Weather(pieces=500, delay_ms=4),
    "cuts": Weather(pieces=300, cut_after=(600, 4_000)),
    "corrupts": Weather(corrupt_after=(600, 2_500)),
}


@pytest.mark.parametrize("weather", WEATHERS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", VENUES)
def test_through_any_weather_what_is_told_is_what_rest_says(name: str, body: str, weather: str) -> None:
    with scene(name, body) as at:
        at.follow()
        at.proxy.weather = WEATHERS[weather]
        at.proxy.cut()
        at.trade(8)
        if weather in ("cuts", "corrupts"):
            until(lambda: at.proxy.harmed)
        # What a message had that came broken, or was lost with a connection, the next whole state makes good.
        at.proxy.weather = CALM
        at.lose_connections()
        at.trade()
        at.agree()
