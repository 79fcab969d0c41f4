"""Counters in the memory of the process keep to the contracts, and are bounded."""

import pytest

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.connection_counts import InProcessConnections
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.known_tokens import InProcessKnownTokens
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.core.authentication.failure_ports import Bans, FailedLogins, RecentLogins
from compostela.core.authentication.known_tokens import KnownToken, KnownTokens
from compostela.core.rate_limits.ports import ConnectionCounts, RateLimits
from compostela.testing.clock import FakeClock
from tests.contracts.limits import (
    BansContract,
    ConnectionCountsContract,
    FailedLoginsContract,
    KnownTokensContract,
    RateLimitsContract,
    RecentLoginsContract,
    forgets_from_the_beginning,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestInProcessFailedLogins(FailedLoginsContract):
    @pytest.fixture
    def failed_logins(self, clock: FakeClock) -> FailedLogins:
        return InProcessFailedLogins(clock)

    @pytest.fixture
    def failed_logins_elsewhere(self, failed_logins: FailedLogins) -> FailedLogins:
        return failed_logins  # there is one process


class TestInProcessBans(BansContract):
    @pytest.fixture
    def bans(self, clock: FakeClock) -> Bans:
        return InProcessBans(clock)

    @pytest.fixture
    def bans_elsewhere(self, bans: Bans) -> Bans:
        return bans


class TestInProcessRecentLogins(RecentLoginsContract):
    @pytest.fixture
    def recent_logins(self, clock: FakeClock) -> RecentLogins:
        return InProcessRecentLogins(clock)

    @pytest.fixture
    def recent_logins_elsewhere(self, recent_logins: RecentLogins) -> RecentLogins:
        return recent_logins


class TestInProcessKnownTokens(KnownTokensContract):
    @pytest.fixture
    def known_tokens(self, clock: FakeClock) -> KnownTokens:
        return InProcessKnownTokens(clock)

    @pytest.fixture
    def known_tokens_elsewhere(self, known_tokens: KnownTokens) -> KnownTokens:
        return known_tokens

    async def test_it_is_bounded(self, clock: FakeClock) -> None:
        known = InProcessKnownTokens(clock, most=2)
        for digest in ("d1", "d2", "d3"):
            await known.keep(digest, KnownToken("ann"), 60)
        assert [await known.find(digest) is not None for digest in ("d1", "d2", "d3")] == [False, True, True]


class TestInProcessRateLimits(RateLimitsContract):
    @pytest.fixture
    def rate_limits(self, clock: FakeClock) -> RateLimits:
        return InProcessRateLimits(clock)

    @pytest.fixture
    def rate_limits_elsewhere(self, rate_limits: RateLimits) -> RateLimits:
        return rate_limits


class TestInProcessConnections(ConnectionCountsContract):
    @pytest.fixture
    def connections(self) -> ConnectionCounts:
        return InProcessConnections()

    @pytest.fixture
    def connections_elsewhere(self, connections: ConnectionCounts) -> ConnectionCounts:
        return connections


async def test_a_flood_of_keys_is_forgotten_from_its_beginning(clock: FakeClock) -> None:
    await forgets_from_the_beginning(
        InProcessFailedLogins(clock, 10),
        InProcessBans(clock, 10),
        InProcessRecentLogins(clock, 10),
        InProcessRateLimits(clock, 10),
        clock,
    )
