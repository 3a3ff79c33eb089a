"""Nonces that machines share: the last one of each key lies in a Redis, and is drawn by one script there, which nothing
can come between.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .forks import renew_in_children
from .nonce import RUN_GAP_MS, NonceSource, Series

if TYPE_CHECKING:
    import redis

__all__ = ["RedisNonces"]

# `Series.drawn`, in Lua. Its numbers are doubles, exact as far as nonces of milliseconds or microseconds go, but must
# be written without an exponent. What is stored: last, since, before, and first and last of each spent run. ARGV: the
# clock, the last nonce that the asking process was given, and the gap between runs.
_NEXT: Final = """
local now, floor, gap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local stored = {}
for number in string.gmatch(redis.call('GET', KEYS[1]) or '', '%d+') do table.insert(stored, tonumber(number)) end
if #stored == 0 then stored = {floor, 0, floor} end
local last = stored[1]
local value = math.max(now, last + 1)
for at = 4, #stored, 2 do
  if stored[at] <= value and value <= stored[at + 1] then value = stored[at + 1] + 1 end
end
local kept = {value, stored[2], stored[3]}
local leap = value > last + gap
if leap then kept[2], kept[3] = value, last end
for at = 4, #stored, 2 do
  if not leap or stored[at + 1] > last then
    table.insert(kept, stored[at])
    table.insert(kept, stored[at + 1])
  end
end
for at = 1, #kept do kept[at] = string.format('%.0f', kept[at]) end
redis.call('SET', KEYS[1], table.concat(kept, ' '))
return kept[1]
"""
_REPLACE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class RedisNonces(NonceSource):
    """Nonces shared by all machines that use the same Redis.

    They never repeat, but calls of different processes may overtake one another on their way. So where an exchange
    refuses a nonce below the last one, give each machine a key of its own, and its processes a `FileNonces`.

    The Redis must keep what it is given: with persistence, and without eviction. Should it lose it, each process still
    goes on above what it was given itself.

    Args:
        redis: A blocking client of the package `redis`, or the URL of one, such as `redis://localhost:6379/0`.
        prefix: What the names of the keys in the Redis begin with.

    Raises:
        ImportError: A URL was given, and `redis` is not installed: `pip install specie[redis]`.
        TypeError: It is an asyncio client.
    """

    blocking = True

    def __init__(self, redis: redis.Redis | str, *, prefix: str = "specie:nonces:") -> None:
        client: Any = redis
        if isinstance(redis, str):
            try:
                package: Any = import_module("redis")
            except ImportError:
                raise ImportError("RedisNonces needs the package redis: pip install specie[redis]") from None
            client = package.Redis.from_url(redis, socket_timeout=5, socket_connect_timeout=5)
        elif ".asyncio" in type(redis).__module__:
            raise TypeError("RedisNonces takes a blocking redis.Redis or a URL; asyncio clients draw in a thread")
        self._client = client
        self._prefix = prefix
        self._draw = client.register_script(_NEXT)
        self._replace = client.register_script(_REPLACE)
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}
        renew_in_children(self)

    def next(self, scope: str, now_ms: int) -> int:
        """See `NonceSource.next`.

        Raises:
            redis.RedisError: The Redis cannot be reached, or failed.
        """
        value = int(self._draw(keys=[self._prefix + scope], args=[now_ms, self._last.get(scope, 0), RUN_GAP_MS]))
        with self._lock:
            self._last[scope] = max(value, self._last.get(scope, 0))
        return value

    def rewind(self, scope: str, now_ms: int) -> None:
        """See `NonceSource.rewind`; raises as `next` does."""
        key = self._prefix + scope
        while stored := self._client.get(key):
            last, since, before, *spent = map(int, stored.split())
            series = Series(last, since, before, tuple(zip(spent[::2], spent[1::2], strict=True))).rewound(now_ms)
            numbers = (*series[:3], *(number for run in series.spent for number in run))
            if self._replace(keys=[key], args=[stored, " ".join(map(str, numbers))]):
                with self._lock:
                    self._last[scope] = series.last
                return

    def forked(self) -> None:
        """See `forks`."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"RedisNonces(prefix={self._prefix!r})"  # a URL may hold a password
