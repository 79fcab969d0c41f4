"""Bans that all nodes share: one hash of addresses, and a sorted set of the times at which they end."""

import logging

from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.keys import PREFIX
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.core.authentication.bans_elsewhere import BansElsewhere
from compostela.core.authentication.failure_ports import Ban, Bans

_log = logging.getLogger(__name__)

MAX_BANS = 20_000
"""Kept at once; those that end first are forgotten first."""

# A value is '<number> <failures> <until>'; numbers tell which was added first. Both keys have one hash tag.
_ADD = """
local address, failures, till, now, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local ends = KEYS[1] .. ':ends'
local number = redis.call('HINCRBY', KEYS[1], 'added', 1)
redis.call('HSET', KEYS[1], '@' .. address, number .. ' ' .. failures .. ' ' .. till)
redis.call('ZADD', ends, till, address)
local over = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)
local extra = redis.call('ZCARD', ends) - most
if extra > #over then over = redis.call('ZRANGE', ends, 0, extra - 1) end
for _, one in ipairs(over) do
  redis.call('HDEL', KEYS[1], '@' .. one)
  redis.call('ZREM', ends, one)
end
return number
"""
_REMOVE = """
local known = redis.call('HGET', KEYS[1], '@' .. ARGV[1])
redis.call('HDEL', KEYS[1], '@' .. ARGV[1])
redis.call('ZREM', KEYS[1] .. ':ends', ARGV[1])
return known
"""
_REMOVE_ALL = """
local ends = KEYS[1] .. ':ends'
local found = redis.call('ZCOUNT', ends, '(' .. ARGV[1], '+inf')
redis.call('DEL', KEYS[1], ends)
return found
"""


class RedisBans(BansElsewhere):
    """See `compostela.core.authentication.failure_ports`."""

    def __init__(
        self, engine: RedisEngine, clock: Clock, meanwhile: Bans, prefix: str = PREFIX, most: int = MAX_BANS
    ) -> None:
        super().__init__(meanwhile, Complaints(_log, clock), "bans are kept in this process while Redis is away")
        self._engine = engine
        self._clock = clock
        self._key = f"{{{prefix}:bans}}"
        self._most = most

    async def _add(self, ban: Ban) -> None:
        now = repr(self._clock.now())
        await self._engine.run(_ADD, self._key, ban.address, ban.failures, repr(ban.until), now, self._most)

    async def _find(self, address: str) -> Ban | None:
        return self._in_force(address, await self._engine.read("HGET", self._key, f"@{address}"))

    async def _all(self) -> list[Ban]:
        pairs = await self._engine.read("HGETALL", self._key)
        assert isinstance(pairs, dict)
        numbered = sorted(
            (int(value.split()[0]), field[1:].decode(), value) for field, value in pairs.items() if field[:1] == b"@"
        )
        known = [self._in_force(address, value) for _, address, value in numbered]
        return [ban for ban in known if ban is not None]

    async def _remove(self, address: str) -> bool:
        value = await self._engine.run(_REMOVE, self._key, address)
        return self._in_force(address, value) is not None

    async def _remove_all(self) -> bool:
        return bool(await self._engine.run(_REMOVE_ALL, self._key, repr(self._clock.now())))

    def _in_force(self, address: str, value: object) -> Ban | None:
        if not isinstance(value, bytes):
            return None
        _, failures, until = value.split()
        ban = Ban(address, int(failures), float(until))
        return ban if ban.until > self._clock.now() else None
