"""Guesses are counted, delayed, and their addresses shut out."""

import asyncio
from ipaddress import ip_network

import pytest

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.authentication import throttle as throttle_module
from compostela.core.authentication.throttle import Throttle, ThrottleSettings, read_throttle_settings
from compostela.testing.clock import FakeClock
from tests.unit.core.accounts import element, reader

HERE = "192.0.2.7"


class Guarded:
    """A throttle with a clock that a test moves; delays are written down instead of slept."""

    def __init__(self, settings: ThrottleSettings) -> None:
        self.clock = FakeClock()
        self.slept: list[float] = []
        self.failures, self.bans = InProcessFailedLogins(self.clock), InProcessBans(self.clock)
        self.is_key_there = True
        self.settings = settings
        self.throttle = self.node()

    def node(self) -> Throttle:
        """As another process of the cluster has it."""
        return Throttle(self.settings, self.failures, self.bans, self.clock, self, self._sleep)

    async def secret(self, name: str) -> bytes:
        if not self.is_key_there:
            raise TemporaryFailure("away")
        return name.encode().ljust(32)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def fail(self, times: int, address: str = HERE, name: str = "bob@example.org") -> None:
        for number in range(times):
            await self.throttle.failed(address, name, f"{address} {number}")


def guarded(max_failures: int = 20, exempt: str = "") -> Guarded:
    return Guarded(ThrottleSettings(max_failures=max_failures, exempt=tuple(ip_network(one) for one in exempt.split())))


async def test_each_failure_past_the_second_waits_twice_as_long_up_to_the_longest() -> None:
    guard = guarded()
    await guard.fail(9)
    assert guard.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


async def test_the_user_is_counted_too_whatever_the_address() -> None:
    guard = guarded()
    for number in range(4):
        await guard.throttle.failed(f"192.0.2.{number}", "Bob@example.org", f"guess {number}")
    assert guard.slept == [0.5, 1.0]
    await guard.throttle.succeeded("bob@example.org")
    await guard.throttle.failed("192.0.2.9", "bob@example.org", "once more")
    assert guard.slept == [0.5, 1.0]


async def test_who_gives_no_name_is_counted_by_his_address_alone() -> None:
    guard = guarded()
    for number in range(4):
        await guard.throttle.failed(f"192.0.2.{number}", "", f"token {number}")
    assert guard.slept == []


async def test_the_same_guess_counts_once_in_a_cluster() -> None:
    guard = guarded()
    for _ in range(5):
        await guard.node().failed(HERE, "bob@example.org", "old password")
    assert guard.slept == []


async def test_while_the_key_of_all_cannot_be_read_guesses_count_by_process() -> None:
    guard = guarded()
    guard.is_key_there = False
    for throttle in (guard.throttle, guard.throttle, guard.node(), guard.throttle):
        await throttle.failed(HERE, "bob@example.org", "old password")
    assert guard.slept == []
    guard.is_key_there = True
    await guard.throttle.failed(HERE, "bob@example.org", "old password")
    assert guard.slept == [0.5]
    await guard.node().failed(HERE, "bob@example.org", "old password")
    assert guard.slept == [0.5, 0.5]


async def test_the_same_guess_counts_once() -> None:
    guard = guarded(max_failures=3)
    for _ in range(10):
        await guard.throttle.failed(HERE, "bob@example.org", "old password")
    assert not await guard.throttle.is_shut_out(HERE)
    assert guard.slept == []


async def test_a_ban_begins_at_the_limit_and_ends_by_itself() -> None:
    guard = guarded(max_failures=3)
    await guard.fail(2)
    assert not await guard.throttle.is_shut_out(HERE)
    await guard.fail(3)
    assert await guard.throttle.is_shut_out(HERE)
    assert not await guard.throttle.is_shut_out("192.0.2.8")
    guard.clock.advance(900)
    assert not await guard.throttle.is_shut_out(HERE)
    assert await guard.throttle.bans() == []


async def test_failures_are_forgotten_after_their_window() -> None:
    guard = guarded(max_failures=3)
    await guard.fail(2)
    guard.clock.advance(601)
    await guard.throttle.failed(HERE, "bob@example.org", "a third")
    assert not await guard.throttle.is_shut_out(HERE)


async def test_no_limit_shuts_nobody_out() -> None:
    guard = guarded(max_failures=0)
    await guard.fail(100)
    assert await guard.throttle.bans() == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:DB8:0:0:1::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
async def test_a_network_of_64_bits_is_one_address(one: str, other: str, is_same: bool) -> None:
    guard = guarded(max_failures=3)
    await guard.fail(3, one)
    assert await guard.throttle.is_shut_out(other) is is_same
    assert await guard.throttle.clear(other) is is_same
    assert await guard.throttle.is_shut_out(one) is not is_same


async def test_a_ban_can_be_cleared_by_the_name_that_is_listed() -> None:
    guard = guarded(max_failures=3)
    await guard.fail(3, "2001:db8::1")
    (ban,) = await guard.throttle.bans()
    assert ban.address == "2001:db8::/64"
    assert await guard.throttle.clear(ban.address)
    with pytest.raises(InvalidArgument):
        await guard.throttle.clear("somewhere")


async def test_exempt_networks_are_delayed_and_not_shut_out() -> None:
    guard = guarded(max_failures=3, exempt="192.0.2.0/24 2001:db8::/32")
    for address in (HERE, "2001:db8::1", "::ffff:192.0.2.7"):
        await guard.fail(5, address)
        assert not await guard.throttle.is_shut_out(address), address
    assert guard.slept


async def test_few_passwords_of_an_address_are_looked_at_together() -> None:
    guard = guarded(exempt="192.0.2.200")
    looking: dict[str, int] = {}
    most: dict[str, int] = {}
    go_on = asyncio.Event()

    async def look(address: str) -> None:
        async with guard.throttle.turn(address):
            looking[address] = looking.get(address, 0) + 1
            most[address] = max(most.get(address, 0), looking[address])
            await go_on.wait()
            looking[address] -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            for address in (HERE, "192.0.2.8", "192.0.2.200"):
                group.create_task(look(address))
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
    assert most == {HERE: throttle_module.MAX_AT_ONCE, "192.0.2.8": throttle_module.MAX_AT_ONCE, "192.0.2.200": 20}
    assert guard.throttle._turns == {}


async def test_who_is_cancelled_leaves_his_turn_to_others() -> None:
    guard = guarded()
    looked: list[str] = []

    async def look(name: str, go_on: asyncio.Event) -> None:
        async with guard.throttle.turn(HERE):
            await go_on.wait()
            looked.append(name)

    never, now = asyncio.Event(), asyncio.Event()
    now.set()
    gone = [asyncio.create_task(look("gone", never)) for _ in range(3 * throttle_module.MAX_AT_ONCE)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(look("waiting", now))
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    async with asyncio.timeout(10):
        await waiting
    assert looked == ["waiting"]
    assert guard.throttle._turns == {}


def test_settings() -> None:
    settings, problems = reader()
    assert read_throttle_settings(settings) == ThrottleSettings()
    values = {
        "failures.limit": "5", "failures.window": "1h", "ban.duration": "2h", "delay.first": "100ms", "delay.max": "3",
        "exempt.networks": "192.0.2.10, 2001:db8::/32",
    }  # fmt: skip
    settings, problems = reader(*(element(name, value) for name, value in values.items()))
    networks = (ip_network("192.0.2.10"), ip_network("2001:db8::/32"))
    assert read_throttle_settings(settings) == ThrottleSettings(5, 3600.0, 7200.0, 0.1, 3.0, networks)
    assert problems.found == []
    settings, problems = reader(element("exempt.networks", "here"))
    read_throttle_settings(settings)
    assert "'here' is no network such as 192.0.2.0/24" in str(problems.found)
