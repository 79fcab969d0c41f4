"""Failed logins that all nodes share: the attempts of a key in one hash, with the time of the first."""

import logging

from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.keys import EXPIRY_MARGIN_SECONDS, PREFIX
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import FailedLogins

_log = logging.getLogger(__name__)

_COUNT = """
local attempt, now, window, most = 'a' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local since = tonumber(redis.call('HGET', KEYS[1], 'since'))
if not since or now - since > window then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'since', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
if redis.call('HLEN', KEYS[1]) - 1 <= most then redis.call('HSET', KEYS[1], attempt, '') end
return redis.call('HLEN', KEYS[1]) - 1
"""


class RedisFailedLogins:
    """See `compostela.core.authentication.failure_ports`. While Redis is away, `meanwhile` counts in the process."""

    def __init__(self, engine: RedisEngine, clock: Clock, meanwhile: FailedLogins, prefix: str = PREFIX) -> None:
        self._engine = engine
        self._clock = clock
        self._meanwhile = meanwhile
        self._prefix = f"{prefix}:failures:"
        self._complaints = Complaints(_log, clock)

    async def count(self, key: str, attempt: bytes, *, window_seconds: float, most: int) -> int:
        expiry = int((window_seconds + EXPIRY_MARGIN_SECONDS) * 1000)
        now = repr(self._clock.now())
        try:
            counted = await self._engine.run(_COUNT, self._prefix + key, attempt, now, window_seconds, most, expiry)
            return int(str(counted))
        except TemporaryFailure as error:
            self._complaints.error("failed logins are counted in this process while Redis is away", error)
            return await self._meanwhile.count(key, attempt, window_seconds=window_seconds, most=most)

    async def forget(self, key: str) -> None:
        await self._meanwhile.forget(key)
        try:
            await self._engine.read("UNLINK", self._prefix + key)
        except TemporaryFailure as error:
            self._complaints.error("failed logins cannot be forgotten while Redis is away", error)

    async def forget_all(self) -> None:
        await self._meanwhile.forget_all()
        try:
            await self._engine.forget_keys(self._prefix)
        except TemporaryFailure as error:
            self._complaints.error("failed logins cannot be forgotten while Redis is away", error)
