"""Counters in Redis keep to the contracts, hold for all nodes, and go on in the process while Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.redis.bans import RedisBans
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.redis.failed_logins import RedisFailedLogins
from compostela.adapters.redis.known_tokens import RedisKnownTokens
from compostela.adapters.redis.rate_limits import RedisRateLimits
from compostela.adapters.redis.recent_logins import RedisRecentLogins
from compostela.app.editions.redis_limits import limits_of
from compostela.app.limits import Limits
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import Ban, Bans, FailedLogins, RecentLogins
from compostela.core.authentication.known_tokens import KnownTokens
from compostela.core.rate_limits.ports import RateLimit, RateLimits
from compostela.testing.clock import START, FakeClock
from tests.contracts.distance import SKEW_SECONDS
from tests.contracts.limits import (
    BansContract,
    EndedSessionsContract,
    FailedLoginsContract,
    KnownTokensContract,
    RateLimitsContract,
    RecentLoginsContract,
    counted,
)
from tests.distributed.redis.server import RedisServer

SECONDS = 30.0


def failed_logins_of(engine: RedisEngine, clock: FakeClock) -> FailedLogins:
    return RedisFailedLogins(engine, clock, InProcessFailedLogins(clock))


def bans_of(engine: RedisEngine, clock: FakeClock) -> Bans:
    return RedisBans(engine, clock, InProcessBans(clock))


def rate_limits_of(engine: RedisEngine, clock: FakeClock) -> RateLimits:
    return RedisRateLimits(engine, clock, InProcessRateLimits(clock))


def recent_logins_of(engine: RedisEngine, clock: FakeClock) -> RecentLogins:
    return RedisRecentLogins(engine, clock, InProcessRecentLogins(clock))


class TestRedisFailedLogins(FailedLoginsContract):
    @pytest.fixture
    def failed_logins(self, engine: RedisEngine, clock: FakeClock) -> FailedLogins:
        return failed_logins_of(engine, clock)

    @pytest.fixture
    def failed_logins_elsewhere(self, engine_elsewhere: RedisEngine, clock: FakeClock) -> FailedLogins:
        return failed_logins_of(engine_elsewhere, clock)


class TestRedisBans(BansContract):
    @pytest.fixture
    def bans(self, engine: RedisEngine, clock: FakeClock) -> Bans:
        return bans_of(engine, clock)

    @pytest.fixture
    def bans_elsewhere(self, engine_elsewhere: RedisEngine, clock: FakeClock) -> Bans:
        return bans_of(engine_elsewhere, clock)


class TestRedisRecentLogins(RecentLoginsContract):
    @pytest.fixture
    def recent_logins(self, engine: RedisEngine, clock: FakeClock) -> RecentLogins:
        return recent_logins_of(engine, clock)

    @pytest.fixture
    def recent_logins_elsewhere(self, engine_elsewhere: RedisEngine, clock: FakeClock) -> RecentLogins:
        return recent_logins_of(engine_elsewhere, clock)


class TestRedisEndedSessions(EndedSessionsContract):
    @pytest.fixture
    def limits(self, engine: RedisEngine, clock: FakeClock) -> Limits:
        return limits_of(engine, clock)

    @pytest.fixture
    def limits_elsewhere(self, engine_elsewhere: RedisEngine, clock: FakeClock) -> Limits:
        return limits_of(engine_elsewhere, clock)


class TestRedisKnownTokens(KnownTokensContract):
    @pytest.fixture
    def known_tokens(self, engine: RedisEngine, clock: FakeClock) -> KnownTokens:
        return RedisKnownTokens(engine, clock)

    @pytest.fixture
    def known_tokens_elsewhere(self, engine_elsewhere: RedisEngine, clock: FakeClock) -> KnownTokens:
        return RedisKnownTokens(engine_elsewhere, clock)


class TestRedisRateLimits(RateLimitsContract):
    @pytest.fixture
    def rate_limits(self, engine: RedisEngine, clock: FakeClock) -> RateLimits:
        return rate_limits_of(engine, clock)

    @pytest.fixture
    def rate_limits_elsewhere(self, engine_elsewhere: RedisEngine, clock: FakeClock) -> RateLimits:
        return rate_limits_of(engine_elsewhere, clock)


async def test_a_flood_of_bans_is_forgotten_from_its_beginning(engine: RedisEngine, clock: FakeClock) -> None:
    bans = RedisBans(engine, clock, InProcessBans(clock), most=10)
    for number in range(50):
        await bans.add(Ban(f"192.0.2.{number}", 1, clock.now() + 900 + number))
    assert [ban.address for ban in await bans.all()] == [f"192.0.2.{number}" for number in range(40, 50)]


async def test_bans_that_ended_leave_redis(engine: RedisEngine, clock: FakeClock) -> None:
    bans = bans_of(engine, clock)
    await bans.add(Ban("192.0.2.1", 1, clock.now() + 900))
    clock.advance(901)
    await bans.add(Ban("192.0.2.2", 1, clock.now() + 900))
    fields = await engine.read("HKEYS", "{compostela:bans}")
    assert fields == [b"added", b"@192.0.2.2"]


async def test_counters_expire_by_themselves(engine: RedisEngine, clock: FakeClock) -> None:
    await counted(failed_logins_of(engine, clock), "a", b"1")
    await rate_limits_of(engine, clock).take("ann", 1, RateLimit(10, 3600))
    for key, longest in (("compostela:failures:a", 660), ("compostela:rate:3600:ann", 7260)):
        left = int(str(await engine.read("TTL", key)))
        assert 0 < left <= longest, key


async def test_a_clock_that_is_far_ahead_keeps_no_sender_out(
    engine: RedisEngine, engine_elsewhere: RedisEngine, clock: FakeClock
) -> None:
    minutely = RateLimit(10, 60.0)
    ahead = rate_limits_of(engine_elsewhere, FakeClock(START + SKEW_SECONDS))
    assert await ahead.take("ann", 10, minutely)
    assert await rate_limits_of(engine, clock).take("ann", 10, minutely)


# Redis away


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def own_engine(own_server: RedisServer) -> AsyncIterator[RedisEngine]:
    engine = own_server.engine()
    yield engine
    await engine.close()


async def is_back(engine: RedisEngine) -> None:
    until = time.monotonic() + SECONDS
    while True:
        try:
            return await engine.check()
        except TemporaryFailure:
            assert time.monotonic() < until, "Redis does not come back"
            await asyncio.sleep(0.05)


async def test_counting_goes_on_in_the_process_while_redis_is_away_and_returns_to_it(
    own_server: RedisServer, own_engine: RedisEngine, clock: FakeClock
) -> None:
    failures, bans = failed_logins_of(own_engine, clock), bans_of(own_engine, clock)
    limits = rate_limits_of(own_engine, clock)
    hourly = RateLimit(3, 3600.0)
    own_server.kill()
    assert [await counted(failures, "a", b"%d" % number) for number in range(3)] == [1, 2, 3]
    assert [await limits.take("ann", 1, hourly) for _ in range(4)] == [True] * 3 + [False]
    logins = recent_logins_of(own_engine, clock)
    await logins.note("192.0.2.8")
    assert await logins.within("192.0.2.8", 60)
    assert not await logins.within("192.0.2.9", 60)
    ban = Ban("192.0.2.7", 3, clock.now() + 900)
    await bans.add(ban)
    assert (await bans.find(ban.address), await bans.all()) == (ban, [ban])
    own_server.start()
    await is_back(own_engine)
    assert await bans.find(ban.address) == ban, "a ban of this process stays in force"
    assert await counted(failures, "a", b"9") == 1, "Redis counts again"
    assert await bans.remove(ban.address)
    assert await bans.all() == []


async def test_a_redis_that_gives_no_answer_is_waited_for_once(own_server: RedisServer, clock: FakeClock) -> None:
    engine = own_server.engine(timeout_seconds=0.3, retry_seconds=3600.0)
    failures = failed_logins_of(engine, clock)
    own_server.freeze()
    try:
        counts = [await counted(failures, "a", b"%d" % number) for number in range(200)]
        assert counts[:6] == [1, 2, 3, 4, 5, 6]
        with pytest.raises(TemporaryFailure, match="a moment ago"):
            await engine.read("GET", "a")
    finally:
        own_server.thaw()
    await is_back(engine)
    await engine.close()


async def test_wrong_credentials_are_a_temporary_failure_without_the_password(own_server: RedisServer) -> None:
    settings = own_server.settings()
    engine = RedisEngine(
        type(settings)(
            type(settings.address)(settings.address.servers, username="unknown", password="secret-word"),
            timeout_seconds=SECONDS,
        )
    )
    with pytest.raises(TemporaryFailure) as raised:
        await engine.check()
    assert "secret-word" not in str(raised.value)
    await engine.close()
