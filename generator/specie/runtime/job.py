"""One call, as all its attempts see it: what is asked, of whom, and how the reply is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .decode import ReplyDecoder
from .limit import Limit
from .plan import Draft
from .settings import Settings

__all__ = ["Job"]


class Job:
    """One call.

    Args:
        settings: Those of the client.
        name: The operation.
        auth: Whether it is signed.
        effect: Its kind of effect; only a `read` is made again.
        server: Name of the server.
        template: The path with its parameters in braces, if a spec has it.
        draft: Gives the request as of a time, before it is signed.
        decode: Reads a reply.
        decoder: Knows what a reply may hold.
        sent: The arguments, for an error to tell.
        client_order_id: The caller's own id of an order.
        limits: Those of the operation itself.
        cost: What it costs under limits that do not count calls.
    """

    __slots__ = (
        "auth",
        "client_order_id",
        "cost",
        "decode",
        "decoder",
        "draft",
        "effect",
        "limits",
        "name",
        "sent",
        "server",
        "settings",
        "template",
    )

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        auth: bool,
        effect: str,
        server: str,
        template: str | None,
        draft: Callable[[int], Draft],
        decode: Callable[[bytes], Any],
        decoder: ReplyDecoder,
        sent: Mapping[str, object],
        client_order_id: str | None,
        limits: tuple[Limit, ...] = (),
        cost: int = 1,
    ) -> None:
        self.settings = settings
        self.name = name
        self.auth = auth
        self.effect = effect
        self.server = server
        self.template = template
        self.draft = draft
        self.decode = decode
        self.decoder = decoder
        self.sent = sent
        self.client_order_id = client_order_id
        self.limits = limits
        self.cost = cost

    @property
    def changes_something(self) -> bool:
        """Whether it has an effect, so that it is never made again in doubt."""
        return self.effect != "read"

    def masked(self, text: str) -> str:
        """A text without the client's credentials."""
        credentials = self.settings.credentials
        return text if credentials is None else credentials.mask(text)
