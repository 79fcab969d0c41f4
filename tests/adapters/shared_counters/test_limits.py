"""Counters that workers share keep to the contracts, are bounded, and do without their file when it fails."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.shared_counters import engine
from compostela.adapters.shared_counters.bans import SharedBans
from compostela.adapters.shared_counters.connection_counts import SharedConnections
from compostela.adapters.shared_counters.engine import FILE, RETRY_SECONDS, CountersFile
from compostela.adapters.shared_counters.failed_logins import SharedFailedLogins
from compostela.adapters.shared_counters.rate_limits import SharedRateLimits
from compostela.adapters.shared_counters.recent_logins import SharedRecentLogins
from compostela.core.authentication.failure_ports import Ban
from compostela.core.rate_limits.ports import RateLimit
from compostela.testing.clock import FakeClock
from tests.contracts.limits import (
    BansContract,
    ConnectionCountsContract,
    FailedLoginsContract,
    RateLimitsContract,
    RecentLoginsContract,
    counted,
    entered,
    forgets_from_the_beginning,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path, clock: FakeClock) -> Iterator[CountersFile]:
    opened = CountersFile(tmp_path, clock.monotonic)
    yield opened
    opened.close()


@pytest.fixture
def file_elsewhere(tmp_path: Path, clock: FakeClock) -> Iterator[CountersFile]:
    opened = CountersFile(tmp_path, clock.monotonic)
    yield opened
    opened.close()


def failed_logins_on(file: CountersFile, clock: FakeClock, most: int = 100) -> SharedFailedLogins:
    return SharedFailedLogins(file, clock, InProcessFailedLogins(clock), most)


def bans_on(file: CountersFile, clock: FakeClock, most: int = 100) -> SharedBans:
    return SharedBans(file, clock, InProcessBans(clock), most)


def recent_logins_on(file: CountersFile, clock: FakeClock, most: int = 100) -> SharedRecentLogins:
    return SharedRecentLogins(file, clock, InProcessRecentLogins(clock), most)


def rate_limits_on(file: CountersFile, clock: FakeClock, most: int = 100) -> SharedRateLimits:
    return SharedRateLimits(file, clock, InProcessRateLimits(clock), most)


class TestSharedFailedLogins(FailedLoginsContract):
    @pytest.fixture
    def failed_logins(self, file: CountersFile, clock: FakeClock) -> SharedFailedLogins:
        return failed_logins_on(file, clock)

    @pytest.fixture
    def failed_logins_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> SharedFailedLogins:
        return failed_logins_on(file_elsewhere, clock)


class TestSharedBans(BansContract):
    @pytest.fixture
    def bans(self, file: CountersFile, clock: FakeClock) -> SharedBans:
        return bans_on(file, clock)

    @pytest.fixture
    def bans_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> SharedBans:
        return bans_on(file_elsewhere, clock)


class TestSharedRecentLogins(RecentLoginsContract):
    @pytest.fixture
    def recent_logins(self, file: CountersFile, clock: FakeClock) -> SharedRecentLogins:
        return recent_logins_on(file, clock)

    @pytest.fixture
    def recent_logins_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> SharedRecentLogins:
        return recent_logins_on(file_elsewhere, clock)


class TestSharedRateLimits(RateLimitsContract):
    @pytest.fixture
    def rate_limits(self, file: CountersFile, clock: FakeClock) -> SharedRateLimits:
        return rate_limits_on(file, clock)

    @pytest.fixture
    def rate_limits_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> SharedRateLimits:
        return rate_limits_on(file_elsewhere, clock)


class TestSharedConnections(ConnectionCountsContract):
    @pytest.fixture
    def connections(self, file: CountersFile, clock: FakeClock) -> SharedConnections:
        return SharedConnections(file, clock, 1)

    @pytest.fixture
    def connections_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> SharedConnections:
        return SharedConnections(file_elsewhere, clock, 2)


async def test_a_flood_of_keys_is_forgotten_from_its_beginning(
    file: CountersFile, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TRIM_EVERY", 1)
    failures, bans = failed_logins_on(file, clock, 10), bans_on(file, clock, 10)
    logins, limits = recent_logins_on(file, clock, 10), rate_limits_on(file, clock, 10)
    await forgets_from_the_beginning(failures, bans, logins, limits, clock)


async def test_a_locked_file_hangs_no_caller_and_the_worker_counts_for_itself(
    tmp_path: Path, file: CountersFile, file_elsewhere: CountersFile, clock: FakeClock
) -> None:
    failures, bans, limits = failed_logins_on(file, clock), bans_on(file, clock), rate_limits_on(file, clock)
    connections = SharedConnections(file, clock, 1)
    elsewhere = SharedConnections(file_elsewhere, clock, 2)
    assert entered(connections)
    locker = apsw.Connection(str(tmp_path / FILE))
    locker.execute("BEGIN IMMEDIATE")
    assert entered(connections)
    connections.leave("smtp", "192.0.2.7")
    assert [await counted(failures, "a", attempt) for attempt in (b"1", b"2")] == [1, 2]
    await bans.add(Ban("192.0.2.7", 1, clock.now() + 900))
    assert await bans.find("192.0.2.7") is not None
    assert [await limits.take("ann", 1, RateLimit(1, 60)) for _ in range(2)] == [True, False]
    locker.execute("ROLLBACK")
    locker.close()
    clock.advance(RETRY_SECONDS)
    assert entered(connections)
    assert [entered(elsewhere) for _ in range(2)] == [True, False], "two of the other worker's are open"
    assert await counted(failures, "a", b"1") == 1, "in the file it is the first"
    assert [ban.address for ban in await bans.all()] == ["192.0.2.7"]


def test_what_a_dead_worker_has_left_goes_with_the_first_count_of_the_next_one_of_its_number(
    file: CountersFile, file_elsewhere: CountersFile, clock: FakeClock
) -> None:
    """Whatever kept others from forgetting it, such as a full disk."""
    dead, living = SharedConnections(file, clock, 1), SharedConnections(file_elsewhere, clock, 2)
    assert [entered(dead) for _ in range(3)] == [True] * 3
    next_one = SharedConnections(file, clock, 1)
    assert next_one.enter("imap", "192.0.2.7", most=3, most_of_address=0)
    assert entered(living)


def test_connections_of_a_dead_worker_are_forgotten(
    file: CountersFile, file_elsewhere: CountersFile, clock: FakeClock
) -> None:
    dead, living = SharedConnections(file, clock, 1), SharedConnections(file_elsewhere, clock, 2)
    assert [entered(dead) for _ in range(3)] == [True] * 3
    assert not entered(living)
    living.forget([1, 3])
    assert [entered(living) for _ in range(4)] == [True] * 3 + [False]
