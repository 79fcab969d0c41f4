"""Limits that all nodes share, in Redis; while it is away each process counts for itself."""

from typing import NamedTuple

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.redis.bans import RedisBans
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.failed_logins import RedisFailedLogins
from compostela.adapters.redis.rate_limits import RedisRateLimits
from compostela.adapters.redis.recent_logins import RedisRecentLogins
from compostela.base.clock import Clock


class RedisLimits(NamedTuple):
    failed_logins: RedisFailedLogins
    bans: RedisBans
    recent_logins: RedisRecentLogins
    rate_limits: RedisRateLimits


def limits_of(redis: RedisEngine, clock: Clock) -> RedisLimits:
    return RedisLimits(
        RedisFailedLogins(redis, clock, InProcessFailedLogins(clock)),
        RedisBans(redis, clock, InProcessBans(clock)),
        RedisRecentLogins(redis, clock, InProcessRecentLogins(clock)),
        RedisRateLimits(redis, clock, InProcessRateLimits(clock)),
    )
