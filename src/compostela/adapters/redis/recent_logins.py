"""Recent logins that all nodes share: the time of the last one of an address."""

import logging

from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.keys import EXPIRY_MARGIN_SECONDS, PREFIX
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import KEPT_LOGIN_SECONDS, RecentLogins

_log = logging.getLogger(__name__)

_EXPIRY_MILLISECONDS = int((KEPT_LOGIN_SECONDS + EXPIRY_MARGIN_SECONDS) * 1000)


class RedisRecentLogins:
    """See `compostela.core.authentication.failure_ports`. While Redis is away, each process knows its own logins: `meanwhile`
    is told of all, so that a login of this process is known also in the moment in which Redis goes away."""

    def __init__(self, engine: RedisEngine, clock: Clock, meanwhile: RecentLogins, prefix: str = PREFIX) -> None:
        self._engine = engine
        self._clock = clock
        self._meanwhile = meanwhile
        self._prefix = f"{prefix}:login:"
        self._complaints = Complaints(_log, clock)

    async def note(self, address: str) -> None:
        await self._meanwhile.note(address)
        try:
            await self._engine.read("SET", self._prefix + address, repr(self._clock.now()), "PX", _EXPIRY_MILLISECONDS)
        except TemporaryFailure as error:
            self._complaints.error("recent logins are known to this process only while Redis is away", error)

    async def within(self, address: str, seconds: float) -> bool:
        if await self._meanwhile.within(address, seconds):
            return True
        try:
            noted = await self._engine.read("GET", self._prefix + address)
        except TemporaryFailure as error:
            self._complaints.error("recent logins are known to this process only while Redis is away", error)
            return False
        return isinstance(noted, bytes) and self._clock.now() - float(noted) <= seconds
