"""How every call must end under every fault: the table that the matrix holds clients against.

It is written down from what the faults do and from what `errors.py` promises, and derived from nothing that it tests.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from specie.runtime import Timeout

PATIENT = Timeout(connect=10.0, read=10.0, total=30.0)
HASTY = Timeout(connect=10.0, read=0.3, total=30.0)
"""For silence: whoever waits gives up soon, and may ask again."""
BRIEF = Timeout(connect=10.0, read=10.0, total=0.5)
"""For answers that trickle: the whole call is over soon."""

Clock: TypeAlias = Literal["fixed", "learning"]


@attrs.frozen
class Fault:
    """A fault, and how calls must end that meet it once.

    Endings are names of classes: `result`, or just that class of error.
    """

    line: str
    """As the sandbox takes it."""
    done: bool
    """Whether the exchange does what it is asked by a call with an effect."""
    effect: str
    """How a call with an effect ends. It is never made a second time."""
    read: str
    """How a read ends that may not be made again."""
    again: str
    """How a read ends that may."""
    timeout: Timeout = PATIENT
    altered: bool = False
    """Whether a reply that can be read differs from that without the fault."""
    pause: float = 0.0
    """Seconds that the exchange asks for before the next attempt."""
    clock: Clock = "fixed"
    """Whether the client learns the exchange's time."""

    @property
    def name(self) -> str:
        return f"{self.line}, learned" if self.clock == "learning" else self.line


FAULTS: tuple[Fault, ...] = (
    # Nothing arrives, or nothing is done.
    Fault("refuse:60s", False, "NotSent", "NotSent", "result"),
    Fault("reset", False, "OutcomeUnknown", "NoReply", "result"),
    Fault("read-then-reset", False, "OutcomeUnknown", "NoReply", "result"),
    Fault("timeout", False, "OutcomeUnknown", "NoReply", "result", HASTY),
    # It is done, and no answer comes, or none that can be read.
    Fault("accept-then-reset", True, "OutcomeUnknown", "NoReply", "result"),
    Fault("accept-then-timeout", True, "OutcomeUnknown", "NoReply", "result", HASTY),
    Fault("late:20s", True, "OutcomeUnknown", "NoReply", "result", HASTY),
    Fault("slow-headers:20s", True, "OutcomeUnknown", "NoReply", "NoReply", BRIEF),
    Fault("slow-body:20s", True, "OutcomeUnknown", "NoReply", "NoReply", BRIEF),
    Fault("truncated", True, "OutcomeUnknown", "NoReply", "result"),
    Fault("truncated-chunks", True, "OutcomeUnknown", "NoReply", "result"),
    Fault("garbage", True, "OutcomeUnknown", "InvalidResponse", "result"),
    Fault("page", True, "OutcomeUnknown", "InvalidResponse", "result"),
    Fault("empty", True, "OutcomeUnknown", "InvalidResponse", "result"),
    Fault("null", True, "OutcomeUnknown", "InvalidResponse", "InvalidResponse"),
    # A status is answered. Up to 499, 408 aside, it says no; what redirects or fails has said nothing.
    Fault("status:302", False, "OutcomeUnknown", "ApiError", "ApiError"),
    Fault("status:401", False, "AuthenticationFailed", "AuthenticationFailed", "AuthenticationFailed"),
    Fault("status:403", False, "PermissionDenied", "PermissionDenied", "PermissionDenied"),
    Fault("status:404", False, "NotFound", "NotFound", "NotFound"),
    Fault("status:408", False, "OutcomeUnknown", "RequestTimeout", "result"),
    Fault("status:429", False, "RateLimited", "RateLimited", "result"),
    Fault("status:429:1s", False, "RateLimited", "RateLimited", "result", pause=1.0),
    Fault("status:429:date+1s", False, "RateLimited", "RateLimited", "result", pause=1.0),
    Fault("status:429:60s", False, "RateLimited", "RateLimited", "RateLimited", pause=60.0),
    Fault("status:500", False, "OutcomeUnknown", "ServerError", "result"),
    Fault("status:502", False, "OutcomeUnknown", "ServerError", "result"),
    Fault("status:503", False, "OutcomeUnknown", "ServerError", "result"),
    Fault("status:504", False, "OutcomeUnknown", "ServerError", "result"),
    Fault("accept-then-status:302", True, "OutcomeUnknown", "ApiError", "ApiError"),
    Fault("accept-then-status:408", True, "OutcomeUnknown", "RequestTimeout", "result"),
    Fault("accept-then-status:500", True, "OutcomeUnknown", "ServerError", "result"),
    Fault("accept-then-status:502", True, "OutcomeUnknown", "ServerError", "result"),
    Fault("accept-then-status:504", True, "OutcomeUnknown", "ServerError", "result"),
    # Unusual, and no reason for anything but a result.
    Fault("late:50ms", True, "result", "result", "result"),
    Fault("slow-headers:50ms", True, "result", "result", "result"),
    Fault("slow-body:50ms", True, "result", "result", "result"),
    Fault("duplicated", True, "result", "result", "result", altered=True),
    Fault("reordered", True, "result", "result", "result", altered=True),
    Fault("unknown-fields", True, "result", "result", "result", altered=True),
    Fault("unknown-enums", True, "result", "result", "result", altered=True),
    Fault("transfer-refused", True, "result", "result", "result"),
    # The clock of the exchange and that of the client differ; exchanges that do not look do not mind. The others refuse,
    # and a client that learns the time calls again by the right one, even if the call has an effect.
    Fault("clock:+600s", True, "result", "result", "result", altered=True),
    Fault("clock:-600s", True, "result", "result", "result", altered=True),
    Fault("clock:+600s", True, "result", "result", "result", altered=True, clock="learning"),
    Fault("clock:-600s", True, "result", "result", "result", altered=True, clock="learning"),
)

LEFT_OUT = (
    "Left out is accept-then-status:4xx: an exchange that does what it is asked, and then says no, lies, and no client can "
    "see through that."
)
"""What the sandbox knows and the matrix does not, and why."""


@attrs.frozen
class Ending:
    """How the calls of one cell must end."""

    done: bool
    effect: str
    read: str
    again: str


def expected(fault: Fault, exchange: str, operation: str, *, auth: bool) -> Ending:
    """How calls of one operation must end under one fault."""
    usual = Ending(fault.done, fault.effect, fault.read, fault.again)
    if auth and fault.clock == "fixed" and fault.line.startswith("clock") and checks_clock(exchange, operation):
        return Ending(False, *["ClockSkew"] * 3)
    if f"{exchange}.{operation}" in EXCEPTIONS.get(fault.line, ()):
        return attrs.evolve(usual, effect="result", read="result", again="result")
    return usual


def checks_clock(exchange: str, operation: str) -> bool:
    """Whether a signed call is refused if it was signed by a clock that is off."""
    # What BitoPro signs of a body is the body alone, and in these two there is no time.
    return exchange == "bitopro" and operation not in ("orders.cancel_batch", "wallet.withdraw")


EXCEPTIONS: dict[str, tuple[str, ...]] = {
    "empty": ("bibox.orders.cancel_all",),  # its reply says nothing: nothing is to be read in it
    "null": (  # nothing in their replies must be there, or what must is a list
        "bibox.market.api_domains",
        "bibox.orders.cancel_all",
        "bitok.market.ticker",
        "bitok.market.trades",
        "bitok.market.order_book",
        "bitok.market.pairs",
        "bitok.wallet.history",  # the id of a transfer is the key of its row, whatever the row says
        "bitopro.orders.cancel_batch",
        "bitopro.orders.cancel_all",
        "bitopro.orders.cancel_all_of_pair",
    ),
}
"""Operations whose calls end in a result where the table has an error."""

# --- effects --------------------------------------------------------------------------------------------------------


@attrs.frozen
class Change:
    """What differs in the books of an account: how many orders are new or no longer open, and how many transfers new."""

    placed: int = 0
    ended: int = 0
    transferred: int = 0


NOTHING = Change()
DOES: dict[str, Change] = {
    "orders.create": Change(placed=1),
    "orders.create_batch": Change(placed=2),
    "orders.cancel": Change(ended=1),
    "orders.cancel_batch": Change(ended=2),
    "orders.cancel_all": Change(ended=2),
    "orders.cancel_all_of_pair": Change(ended=2),
    "wallet.withdraw": Change(transferred=1),
    "wallet.create_voucher": Change(transferred=1),
    "wallet.redeem_voucher": Change(transferred=1),
}
"""What an operation does, once, in the scene that is set up for it."""

FOUND_OUT: dict[str, tuple[str, str]] = {
    "bibox.orders.create": ("Placed", "NotPlaced"),
    "bibox.orders.cancel": ("Cancelled", "NotCancelled"),
    "bitexbit.orders.create": ("Placed", "NotPlaced"),
    "bitexbit.orders.cancel": ("Cancelled", "NotCancelled"),
    "bitok.orders.create": ("Placed", "NotPlaced"),
    "bitopro.orders.create": ("Placed", "NotPlaced"),
    "bitopro.orders.cancel": ("Cancelled", "NotCancelled"),
    "bitopro.wallet.withdraw": ("Transferred", "NotTransferred"),
}
"""What `reconcile` must answer where the call was done, at once, and where it was not, a minute later."""

NOT_YET = "StillUnknown"
"""What it must answer at once where the call was not done: it may still be on its way."""

NOBODY = "nobody knows"
"""What becomes of asking for any other operation: no document shows a way to find out, and `reconcile` does not guess."""
