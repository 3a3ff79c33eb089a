"""Slots in Redis, for several machines: one script, which Redis runs as a whole, by Redis's own clock.

What a machine holds when it dies is given back when its calls' deadlines and one window are over. Redis must keep what
it is told: a server that evicts keys, or forgets them when it starts again, forgets slots that are in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .budgets import GRACE, Charge, Room, Ticket, Wait, nap_of, pause_of, span_of
from .limit import Told

if TYPE_CHECKING:
    import redis

__all__ = ["RedisBudgets"]

# KEYS: for each limit its settled slots by the time at which they are free, its held ones by the time at which they
# are if no reply comes, the sum of both, places by number, places by the time until which they are kept, the pause;
# and last the counter of places. A member is `id:weight`. All times are milliseconds.
_SCRIPT: Final = """
local told = redis.call('TIME')
local now = told[1] * 1000 + told[2] / 1000
local what, limits = ARGV[1], cjson.decode(ARGV[2])

local function weight(member) return tonumber(string.match(member, ':(%d+)$')) end
local function names(index)
    local base = (index - 1) * 6
    return KEYS[base + 1], KEYS[base + 2], KEYS[base + 3], KEYS[base + 4], KEYS[base + 5], KEYS[base + 6]
end
local function keep(index, limit)  -- all keys of a limit until the same moment: the sum must not outlive its parts
    local first, last = (index - 1) * 6 + 1, (index - 1) * 6 + 5
    local ttl = math.ceil(limit.lease + 2 * limit.span + 60000)
    for key = first, last do ttl = math.max(ttl, redis.call('PTTL', KEYS[key])) end
    for key = first, last do redis.call('PEXPIRE', KEYS[key], ttl) end
end
local function add(key, total, at, member)
    if weight(member) > 0 and redis.call('ZADD', key, at, member) == 1 then
        redis.call('INCRBY', total, weight(member))
    end
end
local function remove(key, total, member)
    if redis.call('ZREM', key, member) == 1 then redis.call('DECRBY', total, weight(member)) end
end
local function used(index)
    local spent, held, total = names(index)
    for _, key in ipairs({spent, held}) do
        for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now)) do remove(key, total, member) end
    end
    return tonumber(redis.call('GET', total) or '0')
end
local function wait(index, limit, place)
    local spent, held, _, places, kept, pause = names(index)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now)) do
        redis.call('ZREM', kept, member)
        redis.call('ZREM', places, member)
    end
    local before, ahead = '+inf', 0
    if place > 0 then before = '(' .. place end
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', places, '-inf', before)) do ahead = ahead + weight(member) end
    local in_use = used(index)
    local need, longest = in_use + ahead + limit.weight - limit.count, 0
    if need > 0 then
        local laps = math.max(0, math.ceil((need - in_use) / limit.count))
        need = need - laps * limit.count
        local slots = {}
        for _, key in ipairs({spent, held}) do
            local found = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
            for one = 1, #found, 2 do
                local at = tonumber(found[one + 1])
                if key == held then at = math.min(at, now + limit.span) end
                slots[#slots + 1] = {at, weight(found[one])}
            end
        end
        table.sort(slots, function(a, b) return a[1] < b[1] end)
        local free_at = now
        for _, slot in ipairs(slots) do
            if need <= 0 then break end
            need = need - slot[2]
            free_at = slot[1]
        end
        longest = math.max(free_at - now, 0) + laps * limit.span
    end
    local paused = tonumber(redis.call('GET', pause) or '0')
    if paused > now then
        longest = math.max(longest, paused - now + math.min(1, ahead / limit.count) * limit.seconds * 1000)
    end
    return longest
end
local function leave(index, place, limit)
    local _, _, _, places, kept = names(index)
    redis.call('ZREM', places, place .. ':' .. limit.weight)
    redis.call('ZREM', kept, place .. ':' .. limit.weight)
end

if what == 'take' then
    local id, place, queue = ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
    local longest, which = 0, 0
    for index, limit in ipairs(limits) do
        local one = wait(index, limit, place)
        if one > longest then longest, which = one, index end
    end
    if which == 0 then
        for index, limit in ipairs(limits) do
            local _, held, total = names(index)
            if place > 0 then leave(index, place, limit) end
            add(held, total, now + limit.lease + limit.span, id .. ':' .. limit.weight)
            keep(index, limit)
        end
        return {'0', 0, 0}
    end
    if queue then
        if place == 0 then place = redis.call('INCR', KEYS[#KEYS]) end
        local nap = math.min(math.max(longest, 1), math.max(1000, longest / 2))
        for index, limit in ipairs(limits) do
            local _, _, _, places, kept = names(index)
            redis.call('ZADD', places, place, place .. ':' .. limit.weight)
            redis.call('ZADD', kept, now + nap + limit.grace, place .. ':' .. limit.weight)
            keep(index, limit)
        end
    end
    return {string.format('%.3f', longest), which, place}
elseif what == 'settle' or what == 'release' then
    for index, limit in ipairs(limits) do
        local spent, held, total = names(index)
        remove(held, total, ARGV[3] .. ':' .. limit.weight)
        if what == 'settle' then
            add(spent, total, now + limit.span, ARGV[3] .. ':' .. (limit.cost or limit.weight))
            if limit.used then
                local more = limit.used - used(index)  -- others share the limit, from elsewhere
                if more > 0 then add(spent, total, now + limit.span, ARGV[3] .. '+:' .. more) end
            end
        end
        keep(index, limit)
    end
elseif what == 'leave' then
    for index, limit in ipairs(limits) do leave(index, ARGV[3], limit) end
elseif what == 'penalise' then
    for index, limit in ipairs(limits) do
        local _, _, _, _, _, pause = names(index)
        if limit.pause > 0 and now + limit.pause > tonumber(redis.call('GET', pause) or '0') then
            redis.call('SET', pause, string.format('%.3f', now + limit.pause), 'PX', math.ceil(limit.pause))
        end
    end
elseif what == 'headroom' then
    local rooms = {}
    for index, limit in ipairs(limits) do
        local longest = wait(index, limit, 0)
        rooms[#rooms + 1] = {used(index), string.format('%.3f', longest)}
    end
    return rooms
end
"""


class RedisBudgets:
    """Slots that all share who use the same Redis, from 6.0 on, with the package `redis` (the extra `redis`).

    Args:
        client: A `redis.Redis`, or a URL such as `redis://localhost:6379/0`.
        address: What tells machines with different addresses apart: limits per `ip` are shared only by those that give
            the same. Machines that leave through one address give nothing, or the same.
        prefix: What the names of all keys in Redis begin with.

    Raises:
        ImportError: If a URL was given, and `redis` is not installed: `pip install specie[redis]`.
        TypeError: If it is an asyncio client.
    """

    blocking: bool = True

    def __init__(self, client: redis.Redis | str, *, address: str = "", prefix: str = "specie") -> None:
        self._own = isinstance(client, str)
        if isinstance(client, str):
            try:
                package: Any = import_module("redis")
            except ImportError:
                raise ImportError("RedisBudgets needs the package redis: pip install specie[redis]") from None
            self._client: Any = package.Redis.from_url(client, socket_timeout=5, socket_connect_timeout=5)
        elif ".asyncio" in type(client).__module__:
            raise TypeError("RedisBudgets takes a blocking redis.Redis or a URL; asyncio clients ask in a thread")
        else:
            self._client = client
        self._address = address
        self._prefix = prefix
        self._script: Any = self._client.register_script(_SCRIPT)

    def take(
        self, charges: Sequence[Charge], now: float, *, lease: float, place: int = 0, queue: bool = True
    ) -> Ticket | Wait:
        from uuid import uuid4

        ticket = Ticket(uuid4().hex, tuple(charges))
        answer = self._run("take", charges, [ticket.id, place, int(queue)], lease=lease)
        seconds, index = float(answer[0]) / 1000, int(answer[1])
        if index == 0:
            return ticket
        charge = charges[index - 1]
        return Wait(seconds, nap_of(seconds) if queue else 0.0, int(answer[2]), charge)

    def settle(self, ticket: Ticket, now: float, told: Mapping[str, Told] | None = None) -> None:
        self._run("settle", ticket.charges, [ticket.id], told=told)

    def release(self, ticket: Ticket) -> None:
        self._run("release", ticket.charges, [ticket.id])

    def leave(self, charges: Sequence[Charge], place: int) -> None:
        self._run("leave", charges, [place])

    def penalise(self, charges: Sequence[Charge], now: float, seconds: float | None) -> None:
        self._run("penalise", charges, [], pause=seconds)

    def headroom(self, charges: Sequence[Charge], now: float) -> list[Room]:
        return [Room(int(used), float(wait) / 1000) for used, wait in self._run("headroom", charges, [])]

    def close(self) -> None:
        """Close the connections, unless the client was given. Closing twice does nothing more."""
        if self._own:
            self._client.close()

    def _run(
        self,
        what: str,
        charges: Sequence[Charge],
        arguments: list[Any],
        *,
        lease: float = 0.0,
        pause: float | None = None,
        told: Mapping[str, Told] | None = None,
    ) -> Any:
        from json import dumps

        limits: list[dict[str, float]] = []
        keys: list[str] = []
        for one in charges:
            limit: dict[str, float] = {
                "count": one.allowed,
                "seconds": one.seconds,
                "weight": min(one.weight, one.allowed),
                "span": span_of(one.seconds) * 1000,
                "lease": lease * 1000,
                "grace": GRACE * 1000,
                "pause": pause_of(one, pause) * 1000,
            }
            if told is not None and one.key in told:
                limit |= {name: value for name, value in told[one.key]._asdict().items() if value is not None}
            limits.append(limit)
            # The braces make a cluster keep all of an exchange's keys in one place.
            exchange, _, rest = one.key.partition(" ")
            address = f" {self._address}" if self._address and "ip" in one.scope else ""
            keys += [f"{self._prefix}:{{{exchange}}}:{rest}{address}:{part}" for part in _PARTS]
        keys.append(f"{self._prefix}:{{{charges[0].key.partition(' ')[0] if charges else ''}}}:places")
        return self._script(keys=keys, args=[what, dumps(limits), *arguments])

    def __repr__(self) -> str:  # a URL may hold a password
        return f"RedisBudgets(prefix={self._prefix!r})"


_PARTS: Final = ("spent", "held", "used", "places", "kept", "pause")
