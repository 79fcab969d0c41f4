"""What counters of failed logins, bans, recent logins and rate limits keep to. Subclasses give the fixtures `clock` (set by
hand), and `failed_logins`, `bans`, `recent_logins`, `rate_limits` or `connections` with the same as another node has it:
`…_elsewhere`."""

import asyncio

import pytest

from compostela.app.limits import Limits
from compostela.core.authentication.failure_ports import KEPT_LOGIN_SECONDS, Ban, Bans, FailedLogins, RecentLogins
from compostela.core.authentication.known_tokens import KnownToken, KnownTokens
from compostela.core.rate_limits.ports import ConnectionCounts, RateLimit, RateLimits
from compostela.testing.clock import FakeClock

HERE, THERE = "192.0.2.7", "2001:db8::/64"
HOURLY = RateLimit(10, 3600.0)


async def counted(failures: FailedLogins, key: str, attempt: bytes) -> int:
    return await failures.count(key, attempt, window_seconds=600, most=5)


async def forgets_from_the_beginning(
    failures: FailedLogins, bans: Bans, logins: RecentLogins, limits: RateLimits, clock: FakeClock
) -> None:
    """After a flood of 50 keys, each of the four keeps the last ten, which is its limit."""
    limit = RateLimit(1, 3600.0)
    for number in range(50):
        clock.advance(0.01)
        await counted(failures, f"{number}", b"1")
        await bans.add(Ban(f"192.0.2.{number}", 1, clock.now() + 900))
        await limits.take(f"{number}", 1, limit)
        await logins.note(f"{number}")
    assert [await counted(failures, key, b"2") for key in ("49", "0")] == [2, 1]
    assert [ban.address for ban in await bans.all()] == [f"192.0.2.{number}" for number in range(40, 50)]
    assert [await limits.take(key, 1, limit) for key in ("49", "0")] == [False, True]
    assert [await logins.within(key, 60) for key in ("49", "40", "39")] == [True, True, False]


class FailedLoginsContract:
    ports = (FailedLogins,)

    async def test_different_attempts_are_counted_by_key(
        self, failed_logins: FailedLogins, failed_logins_elsewhere: FailedLogins
    ) -> None:
        assert await counted(failed_logins, "a", b"1") == 1
        assert await counted(failed_logins_elsewhere, "a", b"1") == 1, "the same again"
        assert await counted(failed_logins_elsewhere, "a", b"2") == 2
        assert await counted(failed_logins, "b", b"1") == 1

    async def test_all_at_once_are_counted(self, failed_logins: FailedLogins) -> None:
        counts = await asyncio.gather(*(counted(failed_logins, "a", b"%d" % n) for n in range(5)))
        assert sorted(counts) == [1, 2, 3, 4, 5]

    async def test_beyond_the_most_the_count_may_stay(self, failed_logins: FailedLogins) -> None:
        counts = [await counted(failed_logins, "a", b"%d" % n) for n in range(20)]
        assert counts[:5] == [1, 2, 3, 4, 5]
        assert min(counts[5:]) >= 5

    async def test_a_window_begins_with_the_first_attempt(self, failed_logins: FailedLogins, clock: FakeClock) -> None:
        await counted(failed_logins, "a", b"1")
        clock.advance(599)
        assert await counted(failed_logins, "a", b"2") == 2
        clock.advance(2)
        assert await counted(failed_logins, "a", b"3") == 1

    async def test_what_is_forgotten_begins_anew(
        self, failed_logins: FailedLogins, failed_logins_elsewhere: FailedLogins
    ) -> None:
        for key in ("a", "b", "c"):
            await counted(failed_logins, key, b"1")
        await failed_logins_elsewhere.forget("a")
        assert [await counted(failed_logins, key, b"2") for key in ("a", "b")] == [1, 2]
        await failed_logins.forget_all()
        assert await counted(failed_logins, "c", b"2") == 1


class BansContract:
    ports = (Bans,)

    async def test_a_ban_is_in_force_everywhere_until_its_time(
        self, bans: Bans, bans_elsewhere: Bans, clock: FakeClock
    ) -> None:
        ban = Ban(HERE, 20, clock.now() + 900)
        assert await bans.find(HERE) is None
        await bans.add(ban)
        assert await bans.find(HERE) == await bans_elsewhere.find(HERE) == ban
        assert await bans.find(THERE) is None
        clock.advance(899)
        assert await bans.find(HERE) == ban
        clock.advance(1)
        assert await bans.find(HERE) is None
        assert await bans.all() == []

    async def test_bans_are_listed_the_oldest_first(self, bans: Bans, bans_elsewhere: Bans, clock: FakeClock) -> None:
        first, second = Ban(HERE, 1, clock.now() + 900), Ban(THERE, 2, clock.now() + 600)
        for ban in (first, second):
            await bans.add(ban)
        assert await bans_elsewhere.all() == [first, second]
        again = Ban(HERE, 3, clock.now() + 901)
        await bans.add(again)
        assert sorted(await bans.all(), key=lambda ban: ban.failures) == [second, again]

    async def test_a_removed_ban_is_over_everywhere(self, bans: Bans, bans_elsewhere: Bans, clock: FakeClock) -> None:
        await bans.add(Ban(HERE, 1, clock.now() + 900))
        assert await bans_elsewhere.remove(HERE)
        assert not await bans.remove(HERE)
        assert await bans.find(HERE) is None
        await bans.add(Ban(HERE, 1, clock.now() + 900))
        clock.advance(900)
        assert not await bans.remove(HERE), "it was over"
        await bans.add(Ban(THERE, 1, clock.now() + 900))
        assert await bans.remove_all()
        assert not await bans.remove_all()


class RecentLoginsContract:
    ports = (RecentLogins,)

    async def test_a_login_is_recent_for_a_time_on_all_nodes(
        self, recent_logins: RecentLogins, recent_logins_elsewhere: RecentLogins, clock: FakeClock
    ) -> None:
        await recent_logins.note(HERE)
        assert await recent_logins_elsewhere.within(HERE, 60)
        assert not await recent_logins_elsewhere.within(THERE, KEPT_LOGIN_SECONDS)
        clock.advance(61)
        assert not await recent_logins.within(HERE, 60)
        assert await recent_logins_elsewhere.within(HERE, 62)
        await recent_logins_elsewhere.note(HERE)
        assert await recent_logins.within(HERE, 60)

    async def test_a_login_is_known_for_its_time(self, recent_logins: RecentLogins, clock: FakeClock) -> None:
        await recent_logins.note(HERE)
        clock.advance(KEPT_LOGIN_SECONDS - 1)
        assert await recent_logins.within(HERE, KEPT_LOGIN_SECONDS)


class EndedSessionsContract(RecentLoginsContract):
    """They are notes as recent logins are, in a place of their own. A subclass gives the fixtures `limits` and `limits_elsewhere`."""

    ports = (RecentLogins,)

    @pytest.fixture
    def recent_logins(self, limits: Limits) -> RecentLogins:
        return limits.ended_sessions

    @pytest.fixture
    def recent_logins_elsewhere(self, limits_elsewhere: Limits) -> RecentLogins:
        return limits_elsewhere.ended_sessions

    async def test_a_login_is_no_session(self, limits: Limits, limits_elsewhere: Limits) -> None:
        await limits.recent_logins.note(HERE)
        for one in (limits, limits_elsewhere):
            assert not await one.ended_sessions.within(HERE, 60)


class KnownTokensContract:
    """A subclass gives the fixtures `known_tokens` and `known_tokens_elsewhere`, of another node that knows the same."""

    ports = (KnownTokens,)

    async def test_a_token_is_known_on_all_nodes_until_its_time_is_over(
        self, known_tokens: KnownTokens, known_tokens_elsewhere: KnownTokens, clock: FakeClock
    ) -> None:
        assert await known_tokens.find("d1") is None
        kept = KnownToken("änn@example.org", "session 1")
        await known_tokens.keep("d1", kept, 60)
        assert await known_tokens_elsewhere.find("d1") == kept
        assert await known_tokens_elsewhere.find("d2") is None
        clock.advance(59)
        assert await known_tokens.find("d1") == kept
        clock.advance(2)
        for one in (known_tokens, known_tokens_elsewhere):
            assert await one.find("d1") is None

    async def test_the_last_answer_counts(self, known_tokens: KnownTokens, clock: FakeClock) -> None:
        await known_tokens.keep("d1", KnownToken("ann"), 10)
        await known_tokens.keep("d1", KnownToken("ann", "s"), 60)
        clock.advance(30)
        assert await known_tokens.find("d1") == KnownToken("ann", "s")


class RateLimitsContract:
    ports = (RateLimits,)

    async def test_a_limit_holds_for_all_nodes_together(
        self, rate_limits: RateLimits, rate_limits_elsewhere: RateLimits
    ) -> None:
        taken = [await one.take("ann", 1, HOURLY) for one in (rate_limits, rate_limits_elsewhere) * 6]
        assert taken == [True] * 10 + [False] * 2
        assert await rate_limits.take("bob", 10, HOURLY)

    async def test_of_many_at_once_no_more_than_the_limit_pass(self, rate_limits: RateLimits) -> None:
        assert sum(await asyncio.gather(*(rate_limits.take("ann", 1, HOURLY) for _ in range(40)))) == 10

    async def test_what_was_refused_is_not_taken(self, rate_limits: RateLimits) -> None:
        assert await rate_limits.take("ann", 8, HOURLY)
        assert not await rate_limits.take("ann", 3, HOURLY)
        assert await rate_limits.take("ann", 2, HOURLY)
        assert await rate_limits.take("ann", 0, HOURLY)
        assert not await rate_limits.take("carol", 11, HOURLY)

    async def test_the_window_slides(self, rate_limits: RateLimits, clock: FakeClock) -> None:
        clock.advance(-(clock.monotonic() % 3600) + 3600)
        assert await rate_limits.take("ann", 10, HOURLY)
        clock.advance(3600 + 400)
        assert not await rate_limits.take("ann", 2, HOURLY), "eight ninths of the last hour count"
        assert await rate_limits.take("ann", 1, HOURLY)
        clock.advance(2 * 3600)
        assert await rate_limits.take("ann", 10, HOURLY)

    async def test_limits_of_different_windows_are_apart(self, rate_limits: RateLimits) -> None:
        assert await rate_limits.take("ann", 10, HOURLY)
        assert await rate_limits.take("ann", 10, RateLimit(100, 86400.0))


def entered(counts: ConnectionCounts, server: str = "smtp", address: str | None = HERE) -> bool:
    return counts.enter(server, address, most=5, most_of_address=3)


class ConnectionCountsContract:
    ports = (ConnectionCounts,)

    def test_connections_of_all_processes_count(
        self, connections: ConnectionCounts, connections_elsewhere: ConnectionCounts
    ) -> None:
        both = (connections, connections_elsewhere) * 3
        assert [entered(one) for one in both] == [True] * 3 + [False] * 3
        assert [entered(one, address=THERE) for one in both] == [True] * 2 + [False] * 4, "five of the server"
        assert entered(connections, "imap"), "each server has its own"

    def test_one_that_leaves_makes_room(
        self, connections: ConnectionCounts, connections_elsewhere: ConnectionCounts
    ) -> None:
        for _ in range(3):
            assert entered(connections)
        assert not entered(connections_elsewhere)
        connections.leave("smtp", HERE)
        assert entered(connections_elsewhere)
        assert not entered(connections)

    def test_an_unknown_client_counts_for_the_server_alone(
        self, connections: ConnectionCounts, connections_elsewhere: ConnectionCounts
    ) -> None:
        assert [entered(connections, address=None) for _ in range(6)] == [True] * 5 + [False]
        connections.leave("smtp", None)
        assert entered(connections_elsewhere)
        assert not entered(connections_elsewhere)

    def test_without_limits_any_number_enters(self, connections: ConnectionCounts) -> None:
        for number in range(20):
            assert connections.enter("pop3", f"192.0.2.{number % 2}", most=0, most_of_address=0)
        connections.leave("pop3", "192.0.2.0")
        assert connections.enter("lmtp", HERE, most=1, most_of_address=0)
        assert not connections.enter("lmtp", THERE, most=1, most_of_address=0)
