"""What the transports of streams share: waiting by the machine's clock, and a logger that keeps silent."""

from __future__ import annotations

import asyncio
import logging
import time

__all__ = ["pause", "silent_logger"]


def silent_logger(name: str) -> logging.Logger:
    """A logger that drops everything: at DEBUG, transports log the headers of a handshake, credentials included."""
    logger = logging.Logger(name)
    logger.disabled = True
    return logger


async def pause(until: float | None, wake: asyncio.Event) -> None:
    """Wait for a time of the monotonic clock, or until an event is set."""
    try:
        async with asyncio.timeout(None if until is None else max(0.0, until - time.monotonic())):
            await wake.wait()
    except TimeoutError:
        pass
