"""Counters that workers share keep to the contracts, are bounded, and do without their file when it fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.shared_counters import connection_counts, engine
from compostela.adapters.shared_counters.bans import SharedBans
from compostela.adapters.shared_counters.connection_counts import SharedConnections
from compostela.adapters.shared_counters.engine import FILE, RETRY_SECONDS, CountersFile
from compostela.adapters.shared_counters.failed_logins import SharedFailedLogins
from compostela.adapters.shared_counters.rate_limits import SharedRateLimits
from compostela.adapters.shared_counters.recent_logins import SharedRecentLogins
from compostela.app.limits import Limits, shared_limits
from compostela.base.worker_table import make_table, mark_absent
from compostela.core.authentication.failure_ports import Ban
from compostela.core.rate_limits.ports import RateLimit
from compostela.testing.clock import FakeClock
from tests.contracts.limits import (
    BansContract,
    ConnectionCountsContract,
    EndedSessionsContract,
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
def table() -> Iterator[int]:
    """The descriptor of memory that workers share."""
    descriptor = make_table()
    yield descriptor
    os.close(descriptor)


def counts_of(table: int, number: int, clock: FakeClock) -> Iterator[SharedConnections]:
    counts = SharedConnections(table, number, clock)
    yield counts
    counts.close()


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


class TestSharedEndedSessions(EndedSessionsContract):
    @pytest.fixture
    def limits(self, file: CountersFile, clock: FakeClock) -> Limits:
        return shared_limits(file, clock)

    @pytest.fixture
    def limits_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> Limits:
        return shared_limits(file_elsewhere, clock)


class TestSharedRateLimits(RateLimitsContract):
    @pytest.fixture
    def rate_limits(self, file: CountersFile, clock: FakeClock) -> SharedRateLimits:
        return rate_limits_on(file, clock)

    @pytest.fixture
    def rate_limits_elsewhere(self, file_elsewhere: CountersFile, clock: FakeClock) -> SharedRateLimits:
        return rate_limits_on(file_elsewhere, clock)


class TestSharedConnections(ConnectionCountsContract):
    @pytest.fixture
    def connections(self, table: int, clock: FakeClock) -> Iterator[SharedConnections]:
        yield from counts_of(table, 1, clock)

    @pytest.fixture
    def connections_elsewhere(self, table: int, clock: FakeClock) -> Iterator[SharedConnections]:
        yield from counts_of(table, 2, clock)


async def test_a_flood_of_keys_is_forgotten_from_its_beginning(
    file: CountersFile, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TRIM_EVERY", 1)
    failures, bans = failed_logins_on(file, clock, 10), bans_on(file, clock, 10)
    logins, limits = recent_logins_on(file, clock, 10), rate_limits_on(file, clock, 10)
    await forgets_from_the_beginning(failures, bans, logins, limits, clock)


async def test_a_locked_file_hangs_no_caller_and_the_worker_counts_for_itself(
    tmp_path: Path, file: CountersFile, clock: FakeClock
) -> None:
    failures, bans, limits = failed_logins_on(file, clock), bans_on(file, clock), rate_limits_on(file, clock)
    locker = apsw.Connection(str(tmp_path / FILE))
    locker.execute("BEGIN IMMEDIATE")
    assert [await counted(failures, "a", attempt) for attempt in (b"1", b"2")] == [1, 2]
    await bans.add(Ban("192.0.2.7", 1, clock.now() + 900))
    assert await bans.find("192.0.2.7") is not None
    assert [await limits.take("ann", 1, RateLimit(1, 60)) for _ in range(2)] == [True, False]
    locker.execute("ROLLBACK")
    locker.close()
    clock.advance(RETRY_SECONDS)
    assert await counted(failures, "a", b"1") == 1, "in the file it is the first"
    assert [ban.address for ban in await bans.all()] == ["192.0.2.7"]


def test_connections_of_a_dead_worker_are_forgotten(table: int, clock: FakeClock) -> None:
    dead, living = SharedConnections(table, 1, clock), SharedConnections(table, 2, clock)
    assert [entered(dead) for _ in range(3)] == [True] * 3
    assert not entered(living)
    mark_absent(table, 1)
    assert [entered(living) for _ in range(4)] == [True] * 3 + [False]
    living.close()
    next_one = SharedConnections(table, 1, clock)
    assert [entered(next_one) for _ in range(4)] == [True] * 3 + [False], "it begins with nothing"
    next_one.close()


def test_when_there_is_no_room_for_more_addresses_they_count_in_their_worker(
    table: int, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_counts, "BUCKETS", 1)
    here, elsewhere = SharedConnections(table, 1, clock), SharedConnections(table, 2, clock)
    addresses = [f"192.0.2.{number}" for number in range(connection_counts.PLACES + 1)]
    for address in addresses:
        assert here.enter("smtp", address, most=0, most_of_address=1)
    *counted_by_all, last = addresses
    for address in counted_by_all:
        assert not elsewhere.enter("smtp", address, most=0, most_of_address=1)
    assert elsewhere.enter("smtp", last, most=0, most_of_address=1)
    assert not here.enter("smtp", last, most=0, most_of_address=1)
    for address in addresses:
        here.leave("smtp", address)
    assert elsewhere.enter("smtp", addresses[0], most=0, most_of_address=1)
    for one in (here, elsewhere):
        one.close()


def test_processes_that_race_for_the_last_places_take_all_of_them_and_no_more(table: int) -> None:
    """Each process counts connections in as fast as it can, and counts none out until all processes have ended their attempts."""
    limit, runs = 500, 4
    script = """if True:
        import sys
        from compostela.adapters.shared_counters.connection_counts import SharedConnections
        from compostela.base.clock import SystemClock
        counts = SharedConnections(int(sys.argv[1]), int(sys.argv[2]), SystemClock())
        print("ready", flush=True)
        sys.stdin.readline()
        taken = sum(counts.enter("smtp", "192.0.2.7", most=0, most_of_address=int(sys.argv[3])) for _ in range(2000))
        print(taken, flush=True)
        sys.stdin.readline()
    """
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(table), str(number), str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[table],
        )
        for number in range(1, runs + 1)
    ]
    assert said_by(racers) == ["ready"] * runs
    for racer in racers:
        print(file=racer.stdin, flush=True)
    taken = sum(map(int, said_by(racers)))
    for racer in racers:
        racer.communicate()
    assert taken == limit


def said_by(processes: list["subprocess.Popen[str]"]) -> list[str]:
    """The next line of each."""
    return [one.stdout.readline().strip() for one in processes if one.stdout is not None]


async def test_a_login_that_is_nothing_new_changes_no_file(
    file: CountersFile, file_elsewhere: CountersFile, clock: FakeClock
) -> None:
    failed_logins, recent_logins = failed_logins_on(file, clock), recent_logins_on(file, clock)

    def version() -> int:
        return int(file_elsewhere.read("PRAGMA data_version")[0][0])

    await recent_logins.note("192.0.2.1")
    await failed_logins.count("user bob", b"1", window_seconds=60, most=5)
    before = version()
    await failed_logins.forget("user ann")
    await recent_logins.note("192.0.2.1")
    assert version() == before
    await failed_logins.forget("user bob")
    assert version() != before
    assert await failed_logins.count("user bob", b"2", window_seconds=60, most=5) == 1
    before = version()
    clock.advance(1.0)
    await recent_logins.note("192.0.2.1")
    assert version() != before
    assert await recent_logins.within("192.0.2.1", 0.0)
