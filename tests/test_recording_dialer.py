"""What the recorder of transcripts writes down is what a replay plays back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from specie.cassettes.listening import RecordingDialer
from specie.cassettes.transcript import check
from specie.runtime import Replay
from specie.runtime.streams.links import Gone, Refused, Unreachable

SANDBOX, OWN = "ws://127.0.0.1:1/acme", "wss://stream.acme.example"
SCRIPT: list[list[dict[str, Any]]] = [
    [
        {"address": f"{OWN}/", "headers": {"X-KEY": "k"}},
        {"sent": '{"id": 1}'},
        {"received": '{"price": 1.10}'},
        {"ping": True},
        {"pause": 3.0},
        {"received": '{"price":0.00000001}', "event": "book"},
        {"call": 1},
        {"received": '"text"', "event": "book"},
        {"received": "no JSON"},
        {"drop": "reset"},
    ],
    [{"address": f"{OWN}/"}, {"refuse": {"status": 503, "body": "later"}}],
    [{"unreachable": "no name"}],
]


def test_what_was_recorded_is_what_was_played() -> None:
    check(SCRIPT)
    replay = Replay([[{**SCRIPT[0][0], "address": SANDBOX}, *SCRIPT[0][1:]], SCRIPT[1][1:], SCRIPT[2]], strict=True)
    dialer = RecordingDialer(replay, {SANDBOX: OWN})

    async def listen() -> None:
        link = await dialer.dial(SANDBOX, {"X-KEY": "k"}, 1.0)
        await link.send('{"id": 1}')
        heard = 0
        while not isinstance(frame := await link.receive(None), Gone):
            heard += frame is not None
            if heard == 3 and not replay.calls:
                replay.called()
                dialer.called()
        await link.close()
        with pytest.raises(Refused):
            await dialer.dial(SANDBOX, {}, 1.0)
        with pytest.raises(Unreachable):
            await dialer.dial(SANDBOX, {}, 1.0)
        dialer.called()  # nothing is open: nowhere is it written

    asyncio.run(asyncio.wait_for(listen(), 20))
    assert not replay.unplayed
    assert dialer.connections == SCRIPT
