"""Where messages and events of channels go: a queue that somebody reads, or a book that is kept up to date.

A sink belongs to the loop that reads the connection: it never waits, and what it does is done before the next message
is looked at.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .channels import Channel
from .events import StreamEvent
from .options import Options

if TYPE_CHECKING:
    from .board import Board, Subscription

__all__ = ["Sink", "notify"]

_LOGGER = logging.getLogger("specie.streams")


class Sink:
    """Takes what comes of channels."""

    @property
    def full(self) -> bool:
        """Whether the connection should not be read for now."""
        return False

    def attach(self, board: Board, subscription: Subscription) -> None:
        """It is subscribed; called once, before anything else."""

    def detach(self) -> None:
        """Nobody wants it any more: what it began for itself has to end."""

    def deliver(self, channel: Channel, message: Any, whole: bool) -> None:
        """A message came; `whole` says that it is the whole state."""

    def tell(self, event: StreamEvent, channels: tuple[Channel, ...] | None) -> None:
        """Something happened to these channels, or to the whole connection."""

    def fail(self, error: Exception) -> None:
        """It is over; nothing follows."""

    def end(self) -> None:
        """It was closed; nothing follows."""


def notify(options: Options, event: StreamEvent) -> None:
    """Call the user's listener; what it raises is logged, and changes nothing."""
    if options.listener is not None:
        try:
            options.listener(event)
        except (Exception, SystemExit):  # it would end the loop that reads for others as well
            _LOGGER.exception("the listener raised; the stream goes on")
