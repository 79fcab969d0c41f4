"""Rate limits that all nodes share: two counters in one hash, changed by one script."""

import logging

from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.keys import EXPIRY_MARGIN_SECONDS, PREFIX
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.rate_limits.ports import RateLimit, RateLimits

_log = logging.getLogger(__name__)

# A clock that is a little late counts into the present part. One that is far off begins anew: a key must not stay full
# until the clocks of the others have come that far.
_TAKE = """
local position, quantity, limit, expiry = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local part = math.floor(position)
local passed = position - part
local known = redis.call('HMGET', KEYS[1], 'part', 'present', 'last')
local known_part, present, last = tonumber(known[1]), tonumber(known[2]) or 0, tonumber(known[3]) or 0
if known_part == part + 1 then
  part, passed = known_part, 0
elseif known_part ~= part then
  last = (known_part == part - 1) and present or 0
  present = 0
end
if last * (1 - passed) + present + quantity > limit then return 0 end
redis.call('HSET', KEYS[1], 'part', part, 'present', present + quantity, 'last', last)
redis.call('PEXPIRE', KEYS[1], expiry)
return 1
"""


class RedisRateLimits:
    """See `compostela.core.rate_limits.ports`. While Redis is away, limits hold by process: `meanwhile` counts."""

    def __init__(self, engine: RedisEngine, clock: Clock, meanwhile: RateLimits, prefix: str = PREFIX) -> None:
        self._engine = engine
        self._clock = clock
        self._meanwhile = meanwhile
        self._prefix = prefix
        self._complaints = Complaints(_log, clock)

    async def take(self, key: str, quantity: int, limit: RateLimit) -> bool:
        name = f"{self._prefix}:rate:{limit.window_seconds:g}:{key}"
        position = self._clock.now() / limit.window_seconds
        expiry = int((2 * limit.window_seconds + EXPIRY_MARGIN_SECONDS) * 1000)
        try:
            return bool(await self._engine.run(_TAKE, name, repr(position), quantity, limit.quantity, expiry))
        except TemporaryFailure as error:
            self._complaints.error("rate limits are counted in this process while Redis is away", error)
            return await self._meanwhile.take(key, quantity, limit)
