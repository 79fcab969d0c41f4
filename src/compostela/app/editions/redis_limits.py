"""Limits that all nodes share, in Redis; while it is away each process counts for itself."""

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.redis.bans import RedisBans
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.failed_logins import RedisFailedLogins
from compostela.adapters.redis.keys import PREFIX
from compostela.adapters.redis.known_tokens import RedisKnownTokens
from compostela.adapters.redis.rate_limits import RedisRateLimits
from compostela.adapters.redis.recent_logins import RedisRecentLogins
from compostela.app.limits import Limits
from compostela.base.clock import Clock

ENDED_SESSIONS = f"{PREFIX}:ended"
"""Before the keys of ended sessions, which are notes as recent logins are."""


def limits_of(redis: RedisEngine, clock: Clock) -> Limits:
    return Limits(
        RedisFailedLogins(redis, clock, InProcessFailedLogins(clock)),
        RedisBans(redis, clock, InProcessBans(clock)),
        RedisRecentLogins(redis, clock, InProcessRecentLogins(clock)),
        RedisRecentLogins(redis, clock, InProcessRecentLogins(clock), ENDED_SESSIONS),
        RedisKnownTokens(redis, clock),
        RedisRateLimits(redis, clock, InProcessRateLimits(clock)),
    )
