"""Is a request signed as the spec's steps say? Judged from the bytes that came, by interpreting the steps.

What the server knows (credentials, method, path, query, body) is put in; what only the client knew (its nonce, its
clock, an optional credential) is recovered by running the steps backwards from headers and fields that carry it. Then
every header must be what the steps make of all that.

The signed `path` is the path as it was sent. Here that begins with the sandbox's own prefix (`/acme/rest`), which the
exchange would not see; since a client that does not know of the prefix signs without it, either is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import attrs

from specie.compiler.evaluation import decided, evaluate, solve
from specie.compiler.expressions import Expression
from specie.compiler.model import Addition, Auth, Operation

from .demo import Key
from .values import json_document
from .wire import FORM, Received, Refused

MAX_SKEW_MS = 60_000
"""How far a client's clock may be off, where an exchange refuses one that is: assumed."""

_CLOCKED = frozenset(("now_ms",))


@attrs.frozen
class Signer:
    """Who signed a request: an account, by a key that may do all or what its permissions say."""

    account: str
    permissions: frozenset[str] | None = None

    def may(self, operation: Operation) -> bool:
        return (
            not operation.permissions or self.permissions is None or bool(self.permissions & {*operation.permissions})
        )


class Signatures:
    """Judges the signed requests of one exchange, and remembers their nonces.

    All the first keys are of one account; each that is added has an account of its own.

    Args:
        auth: How requests are signed.
        keys: The keys.
        timed: Nonces that are off the clock are refused. For exchanges that document a refusal of clocks that are off:
            how far, and by what they tell it, none says.
    """

    def __init__(self, auth: Auth, keys: Sequence[Key], *, timed: bool = False) -> None:
        self._auth = auth
        self._timed = timed
        optional = {one.name for one in auth.credentials if not one.required}
        # What an account may lack, a client may say as it likes: no document says that it is checked.
        self._keys = [_without(one, optional) for one in keys]
        named = set(self._keys[0].credentials)
        self._carriers = [(header, expression.text) for header, expression in auth.headers if expression.text in named]
        self._optional = optional
        self._accounts = dict.fromkeys(map(self._name, self._keys), self._name(self._keys[0]))
        self._nonces: dict[str, _Nonces] = {}

    def add(self, key: Key) -> str:
        """Take in the key of a further account; gives the account's name."""
        key = _without(key, self._optional)
        account = self._name(key)
        self._keys.append(key)
        self._accounts[account] = account
        return account

    def credentials_of(self, account: str) -> Mapping[str, str]:
        """The required credentials of the key that may do all on an account."""
        return next(key.credentials for key in self._keys if self._name(key) == account)

    def carried(self, received: Received) -> bool:
        """Whether a request bears a header of the signature."""
        return any(received.header(name) is not None for name, _ in self._auth.headers)

    def check(self, received: Received, now_ms: int) -> Signer:
        """Who signed a request well; or `Refused`."""
        came = {name: received.header(name) for name, _ in self._auth.headers}
        for name, expression in self._auth.headers:
            if came[name] is None and not expression.optional and not self._maybe_absent(expression):
                raise Refused("AuthenticationFailed", f"a request header is lacking: {name}")
        key = self._key(came)
        paths = dict.fromkeys((received.path, received.real_path))
        if not any("path" in step.expression.names for step in self._auth.steps):
            paths = {received.path: None}
        known = self._recover(key, list(paths), came, received, now_ms)
        nonce = known.get("nonce")
        if isinstance(nonce, int):
            if self._timed and abs(nonce - now_ms) > MAX_SKEW_MS:
                raise Refused("ClockSkew", f"the clock is off: the nonce is {nonce}, and it is {now_ms} now")
            self._nonces.setdefault(self._name(key), _Nonces(self._auth.nonce)).use(nonce)
        return Signer(self._accounts[self._name(key)], key.permissions)

    def _key(self, came: Mapping[str, str | None]) -> Key:
        """The key that the headers name; the first, if none of them names one."""
        fitting = self._keys
        for header, credential in self._carriers:
            fitting = [one for one in fitting if one.credentials[credential] == came[header]]
            if not fitting:
                message = f"a request header has a bad value: the key in {header} is unknown"
                raise Refused("AuthenticationFailed", message)
        return fitting[0]

    def _name(self, key: Key) -> str:
        return "|".join(key.credentials[credential] for _, credential in self._carriers)

    def _recover(
        self, key: Key, paths: list[str], came: Mapping[str, str | None], received: Received, now_ms: int
    ) -> dict[str, Any]:
        """What is known in the end, by the first of the paths with which the signature fits."""
        try:
            return _Recovery(self._auth, self._given(key, received, paths[0]), now_ms).run(came, received)
        except Refused:
            if len(paths) == 1:
                raise
        return self._recover(key, paths[1:], came, received, now_ms)

    def _given(self, key: Key, received: Received, path: str) -> dict[str, Any]:
        fields = received.fields if received.content_type == FORM else []
        request = {"method": received.method, "path": path, "query": received.query, "body": received.text}
        return {**key.credentials, **request, "fields": fields}

    def _maybe_absent(self, expression: Expression) -> bool:
        """Whether a header that names a step may be absent because the step may."""
        steps = {step.name: step.expression.optional for step in self._auth.steps}
        return steps.get(expression.text, False)


def _without(key: Key, names: set[str]) -> Key:
    return attrs.evolve(key, credentials={name: text for name, text in key.credentials.items() if name not in names})


@attrs.define
class _Nonces:
    """The nonces that a key has used: none twice, and where the spec says so, none below the last."""

    rule: Literal["unique", "increasing"]
    last: int = 0
    used: set[int] = attrs.field(factory=set[int])

    def use(self, nonce: int) -> None:
        if self.rule == "increasing":
            if nonce <= self.last:
                raise Refused("InvalidNonce", f"the nonce {nonce} is not greater than the last one, {self.last}")
            self.last = nonce
        elif nonce in self.used:
            raise Refused("InvalidNonce", f"the nonce {nonce} was used before")
        else:
            self.used.add(nonce)


@attrs.define
class _Recovery:
    """One request's steps, filled in until nothing is left to be learnt."""

    auth: Auth
    known: dict[str, Any]
    now_ms: int

    def run(self, came: Mapping[str, str | None], received: Received) -> dict[str, Any]:
        for addition in self.auth.adds:
            self._learn_addition(addition, received)
        waiting = list(self.auth.headers)
        while waiting:
            self._evaluate_steps()
            left = [(name, one) for name, one in waiting if not self._settled(name, one, came[name])]
            if len(left) == len(waiting):
                break
            waiting = left
        for name, expression in waiting:
            self._accept_unknowable(name, expression, came[name])
        return self.known

    def _evaluate_steps(self) -> None:
        for step in self.auth.steps:
            if step.name not in self.known and decided(step.expression, self.known):
                self.known[step.name] = evaluate(step.expression, self.known)

    def _learn_addition(self, addition: Addition, received: Received) -> None:
        value = _added(addition, received)
        error = "InvalidNonce" if "nonce" in addition.expression.names else "AuthenticationFailed"
        if value is None and not addition.expression.optional:
            raise Refused(error, f"parameter '{addition.wire}' is lacking")
        found = solve(addition.expression, value, self.known)
        if found is None:
            raise Refused(error, f"parameter '{addition.wire}' has a bad value")
        self.known.update(found)

    def _settled(self, name: str, expression: Expression, value: str | None) -> bool:
        """Whether a header is judged now; a wrong one is `Refused`."""
        steps = {step.name: step.expression for step in self.auth.steps}
        found = solve(expression, value, self.known)
        if found is None:
            if decided(expression, self.known):
                raise Refused("InvalidSignature", f"the signature does not fit what was sent: {name} is wrong")
            return False
        learnt: dict[str, Any] = {}
        queue = list(found.items())
        while queue:
            key, bound = queue.pop()
            if key in steps:
                deeper = solve(steps[key], bound, {**self.known, **learnt})
                if deeper is None:
                    return False
                queue += deeper.items()
            learnt[key] = bound
        self.known.update(learnt)
        return True

    def _accept_unknowable(self, name: str, expression: Expression, value: str | None) -> None:
        """A header that only its sender can account for, such as a time until which the call is good.

        It must be a whole number made of the client's clock and options, and, being made of the clock, not be past.
        """
        steps = {step.name: step.expression for step in self.auth.steps}
        source = steps.get(expression.text, expression)
        free = {"now_ms", "nonce"} | {one.name for one in self.auth.options}
        unknown = source.names - self.known.keys()
        if value is None and source.optional:
            return
        if source.kind != "int" or not unknown or not unknown <= free:
            raise Refused("InvalidSignature", f"the signature does not fit what was sent: {name} is wrong")
        if value is None or not value.isascii() or not value.isdigit():
            raise Refused("AuthenticationFailed", f"a request header has a bad value: {name} is not a whole number")
        if source.names & _CLOCKED and int(value) < self.now_ms:
            raise Refused("ClockSkew", f"arrived after the expiry in {name}: it is {self.now_ms} now")


def _added(addition: Addition, received: Received) -> Any:
    """What came in the place of an addition."""
    if addition.where == "header":
        return received.header(addition.wire)
    if addition.where == "body":
        document = json_document(received.text) if received.body else None
        return cast("dict[str, Any]", document).get(addition.wire) if isinstance(document, dict) else None
    pairs: Iterable[tuple[str, str]] = received.query_pairs if addition.where == "query" else received.fields
    found = [text for name, text in pairs if name == addition.wire]
    if len(found) > 1:
        raise Refused("InvalidRequest", f"parameter '{addition.wire}' has a bad value: it came {len(found)} times")
    return found[0] if found else None
