"""What is logged, by the standard `logging`: loggers are called `specie.<exchange>`, and no line holds a credential.

DEBUG tells of each attempt, INFO of each retry, WARNING of a call whose outcome nobody knows. Each record bears the
same facts as data in its attribute `specie`, as a hook would get them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from .errors import OutcomeUnknown
from .hooks import Replied, Retrying

if TYPE_CHECKING:
    import logging

__all__ = ["DEBUG", "INFO", "attempted", "doubted", "hook_failed", "logger_of", "retried"]

DEBUG: Final = 10
INFO: Final = 20
"""Levels as `logging` has them, which is not imported before the first call."""


@cache
def logger_of(exchange: str) -> logging.Logger:
    """The logger of an exchange."""
    import logging

    return logging.getLogger(f"specie.{exchange}")


def attempted(logger: logging.Logger, record: Replied) -> None:
    """One attempt came to its end."""
    came = "no reply" if record.status is None else f"HTTP {record.status}, {record.size} bytes"
    logger.debug(
        "%s: attempt %d: %s %s: %s, %s, %.3f s",
        record.operation,
        record.attempt,
        record.method,
        record.path,
        came,
        record.error or "good",
        record.seconds,
        extra={"specie": record._asdict()},
    )


def retried(logger: logging.Logger, record: Retrying) -> None:
    """Another attempt will be made."""
    logger.info(
        "%s: attempt %d ended in %s; the next one in %.3f s",
        record.operation,
        record.attempt,
        record.error,
        record.pause,
        extra={"specie": record._asdict()},
    )


def doubted(logger: logging.Logger, exchange: str, error: OutcomeUnknown) -> None:
    """Nobody knows what became of a call."""
    facts = {
        "exchange": exchange,
        "operation": error.operation,
        "method": error.method,
        "path": error.path,
        "sent_at_ms": error.sent_at_ms,
        "client_order_id": error.client_order_id,
        "status": error.status,
    }
    logger.warning("%s", error, extra={"specie": facts})


def hook_failed(logger: logging.Logger, name: str) -> None:
    """A hook raised; to be called while that is handled."""
    logger.exception("the hook %s raised; the call goes on", name)
