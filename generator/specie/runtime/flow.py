"""The life of a call as a conversation: the flow says what it needs done, and is told what came of it.

It yields steps; a driver does them, blocking or awaiting, and answers. So sync and async clients decide nothing twice,
and a test is a talk: send it a 429, look at what it asks for.

Everything that may have to be waited for comes before the nonce: first room under the exchange's limits, then the turn
where calls of a key go one at a time. One deadline, the timeout's `total`, runs over all of it. Only a read is made
again, each attempt with a nonce and a signature of its own; how attempts end is judged in `judge.py`. One attempt more
has even a call with an effect, where the exchange refused it for its clock or nonce alone, and so did not do it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any, TypeGuard, cast

from .budgets import Ticket
from .clock import ServerClock, server_date
from .credentials import BaseCredentials
from .decode import ReplyDecoder
from .errors import ClientClosed, ClockSkew, InvalidNonce, NotSent, OutcomeUnknown, RateLimited
from .job import Job
from .judge import Ended, Judge
from .operation import Exchange, Operation
from .outbound import Outgoing, credentials_of, outgoing, quickly, slowly, unsent
from .plan import Draft, plan_for
from .receipts import remember
from .settings import Settings
from .shapes import shape_of
from .steps import Call, Enter, Failure, Response, Send, Sleep, Step
from .turnstile import Turnstile
from .watch import Attempt

__all__ = ["call", "raw_call"]


def call(
    settings: Settings, closed: Callable[[], bool], operation: Operation[Any], arguments: Mapping[str, Any]
) -> Call:
    """One call of an operation, from arguments to result."""
    plan = plan_for(operation)
    given = plan.accept(arguments)
    decoder = _decoder(settings.exchange, operation)
    job = Job(
        settings,
        name=operation.name,
        auth=operation.auth,
        effect=operation.effect,
        server=operation.server,
        template=operation.path,
        draft=lambda now_ms: plan.draft(given, now_ms),
        decode=decoder.decode,
        decoder=decoder,
        sent=given,
        client_order_id=plan.client_order_id(given),
        limits=operation.limits,
        cost=operation.cost,
    )
    life = _Life(job, closed)
    result = yield from life.run()
    if operation.server_time is not None:
        life.told_time(operation.server_time, result)
    if operation.receipt is not None:
        remember(settings, operation.effect, operation.receipt, result)
    return result


def raw_call(
    settings: Settings,
    closed: Callable[[], bool],
    *,
    draft: Callable[[int], Draft],
    name: str,
    auth: bool,
    effect: str,
    server: str,
) -> Call:
    """One call that no spec describes: signed and judged like any other, its reply given back as parsed JSON."""
    errors = settings.exchange.errors
    decoder = ReplyDecoder(shape_of(Any), errors=_error_keys(errors.message))
    job = Job(
        settings,
        name=name,
        auth=auth,
        effect=effect,
        server=server,
        template=None,
        draft=draft,
        decode=decoder.reference,
        decoder=decoder,
        sent={},
        client_order_id=None,
    )
    return (yield from _Life(job, closed).run())


def _error_keys(message: Iterable[str]) -> list[str]:
    return [key.partition(".")[0] for key in message]


def _decoder(exchange: Exchange, operation: Operation[Any]) -> ReplyDecoder:
    decoder = operation.decoder
    if decoder is None:
        envelope = exchange.envelope
        bare = operation.bare
        operation.decoder = decoder = ReplyDecoder(
            shape_of(operation.returns),
            envelope=() if bare or envelope.result is None else envelope.result.split("."),
            ok=tuple(operation.ok.items()) if bare else (*envelope.ok.items(), *operation.ok.items()),
            at=operation.at.split(".") if operation.at else (),
            at_optional=operation.at_optional,
            sole=operation.sole,
            errors=_error_keys(exchange.errors.message),
        )
    return cast(ReplyDecoder, decoder)


def _is_cancelled(cause: BaseException | None) -> TypeGuard[BaseException]:
    return cause is not None and not isinstance(cause, Exception)


class _Life:
    """One call, attempt by attempt."""

    __slots__ = (
        "account",
        "attempts",
        "came",
        "closed",
        "credentials",
        "in_order",
        "job",
        "mended",
        "settings",
        "started",
        "times",
        "watched",
        "went_out",
    )

    def __init__(self, job: Job, closed: Callable[[], bool]) -> None:
        settings = job.settings
        self.job = job
        self.settings = settings
        self.closed = closed
        self.started = settings.monotonic()
        self.credentials: BaseCredentials | None = None
        self.account = ""
        self.attempts = 0
        auth = settings.exchange.auth
        self.in_order = job.auth and auth is not None and auth.nonce == "increasing"
        self.mended = False  # by a look at the exchange's clock; once is enough
        self.times: tuple[int, int] | None = None  # when the last one was sent and received, by the local clock
        self.came: tuple[int, int, int] | None = None  # the same, and the server's time in the head of the reply
        self.went_out = False  # whether anything of this attempt may have left this machine
        self.watched: Attempt | None = None

    def left(self) -> float | None:
        """Seconds that are left of the whole call; 0 when its time is over."""
        total = self.settings.timeout.total
        return None if total is None else max(0.0, total - (self.settings.monotonic() - self.started))

    def run(self) -> Call:
        settings, job = self.settings, self.job
        if job.auth:
            self.credentials = credentials = credentials_of(settings, job.name)
            if credentials.blocking:
                what = "the credentials could not be read"
                self.account = yield from slowly(job, credentials.fingerprint, what)
            else:
                self.account = credentials.fingerprint()
        tried = 0
        while True:
            if self.closed():
                raise ClientClosed(f"{job.name}: the client is closed", operation=job.name)
            ended = yield from self._attempt()
            error = ended.error
            if error is None:
                return ended.value
            if isinstance(error, (ClockSkew, InvalidNonce)) and (yield from self._mend(error)):
                settings.watch.retrying(job, self.attempts, error, 0.0)
                continue
            if ended.again and not self.closed():
                tried += 1
                pause = settings.retries.wait(tried, ended.wait, settings.random)
                left = self.left()
                if pause is not None and (left is None or pause < left):
                    settings.watch.retrying(job, self.attempts, error, pause)
                    yield Sleep(pause)
                    continue
            if isinstance(error, OutcomeUnknown):
                settings.watch.doubted(error)
            # Raised here, outside of every `except`, so that no exception drags along what a reply held: only what it
            # says is masked.
            raise error from error.__cause__

    # -- one attempt -------------------------------------------------------------------------------------------------

    def _attempt(self) -> Generator[Step, Any, Ended]:
        """Room under the limits, the turn, nonce and signature, there and back."""
        job, meter = self.job, self.settings.meter
        self.attempts += 1
        self.went_out, self.watched = False, None
        charges = meter.charges(
            job.name, auth=job.auth, server=job.server, account=self.account, limits=job.limits, cost=job.cost
        )
        ticket = (yield from meter.admit(charges, job.name, self.left())) if charges else None
        held = ticket  # until it was told how the attempt ended
        try:
            in_turn = self._one_at_a_time() if self.in_order else self._there_and_back()
            out, answer = yield from in_turn
            if held is not None:
                if meter.budgets.blocking:
                    answer = yield from self._settled(held, answer)
                else:
                    meter.ended(held, self.went_out, answer.headers if isinstance(answer, Response) else None)
                held = None
            if isinstance(answer, Failure) and _is_cancelled(cause := answer.cause):
                doubtful = answer.sent and job.changes_something
                if not doubtful:
                    raise cause
            ended = Judge(job, out).judge(answer)
            if self.watched is not None:
                self.watched.ended(answer, ended.error, self.settings.monotonic())
        except Exception:
            yield from (meter.settle(held) if self.went_out else meter.unsent(held))
            raise
        except BaseException:
            if held is not None:
                meter.ended(held, self.went_out)  # where a store may block it must not be asked now: there, it lapses
            raise
        finally:
            if self.watched is not None:
                self.watched.abandoned()
        if isinstance(ended.error, RateLimited):
            yield from meter.refused(ticket, ended.error.retry_after)
        elif ended.error is None and isinstance(answer, Response):
            self.settings.watch.understood(job, answer.body)
        return ended

    def _settled(self, ticket: Ticket, answer: Response | Failure) -> Generator[Step, Any, Response | Failure]:
        """Tell where limits are kept how it ended; who is cancelled meanwhile is told as if no answer had come."""
        meter, sent = self.settings.meter, self.went_out
        try:
            if isinstance(answer, Response):
                yield from meter.settle(ticket, answer.headers)
            elif sent:
                yield from meter.settle(ticket)  # nothing of it comes any more
            else:
                yield from meter.unsent(ticket)
        except GeneratorExit:
            raise
        except BaseException as error:
            if not (sent and self.job.changes_something and _is_cancelled(error)):
                raise
            return Failure(True, "the call was cancelled in flight", error)
        return answer

    def _one_at_a_time(self) -> Generator[Step, Any, tuple[Outgoing, Response | Failure]]:
        turnstile = self.settings.nonces.turnstile(self.scope)
        if not (yield from self._entered(turnstile)):
            raise NotSent(
                f"{self.job.name}: nothing was sent: other calls of this key were not done in time, and the exchange "
                "takes them one at a time",
                operation=self.job.name,
            )
        try:
            return (yield from self._there_and_back())
        finally:
            turnstile.leave()

    def _entered(self, turnstile: Turnstile) -> Generator[Step, Any, bool]:
        try:
            entered: bool = yield Enter(turnstile, self.left())
            return entered
        except Exception as error:
            failed = unsent(self.job, "no turn could be had", error)
        raise failed from failed.__cause__

    def _there_and_back(self) -> Generator[Step, Any, tuple[Outgoing, Response | Failure]]:
        settings, job = self.settings, self.job
        out = yield from outgoing(job, self.credentials, self.scope)
        now = settings.monotonic()
        self.watched = settings.watch.sending(job, out.request, out.path, out.origin, self.attempts, now)
        clock = settings.clock
        sent_ms = clock.local_ms() if isinstance(clock, ServerClock) else 0
        self.went_out = True
        answer: Response | Failure = yield Send(
            out.request, settings.timeout.left(now - self.started), job.changes_something
        )
        self.came = None
        if isinstance(answer, Failure):
            self.went_out = answer.sent
        elif isinstance(clock, ServerClock):
            self.times = (sent_ms, clock.local_ms())
            if (server_ms := server_date(answer.headers)) is not None:
                self.came = (*self.times, server_ms)
                clock.observe(*self.came)
        return out, answer

    def told_time(self, field: str, result: object) -> None:
        """Learn from a result one field of which is the exchange's clock."""
        from .evidence import time_of

        clock = self.settings.clock
        if isinstance(clock, ServerClock) and self.times is not None and (told := time_of(result, field)) is not None:
            clock.observe(*self.times, told.first, told.last - told.first + 1)

    @property
    def scope(self) -> str:
        """Whose nonces are drawn, and whose turn it is."""
        return f"{self.settings.exchange.name}:{self.account}"

    # -- a clock or a nonce that the exchange did not like -----------------------------------------------------------

    def _mend(self, error: ClockSkew | InvalidNonce) -> Generator[Step, Any, bool]:
        """Learn from a refusal; gives whether another attempt may do better."""
        settings, auth = self.settings, self.settings.exchange.auth
        clock = settings.clock
        if self.mended or self.credentials is None or auth is None:
            return False
        skewed = isinstance(error, ClockSkew)
        learned = isinstance(clock, ServerClock) and self.came is not None
        if skewed and not learned:
            return False
        self.mended = True
        if isinstance(clock, ServerClock) and self.came is not None:
            clock.resync(*self.came)
        if skewed and auth.nonce == "unique":
            # Nonces that were drawn from a clock that was ahead would keep all later ones ahead.
            rewind = partial(settings.nonces.rewind, self.scope, clock())
            what = "the nonces could not be put right"
            if settings.nonces.blocking:
                yield from slowly(self.job, rewind, what)
            else:
                quickly(self.job, rewind, what)
        return True
