"""Guessing passwords is made slow: failed logins are counted, delayed, and past a limit their address is shut out."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from compostela.base.clock import Clock
from compostela.base.errors import InvalidArgument
from compostela.base.metrics import counter
from compostela.base.settings import Settings

MAX_KNOWN = 20_000
"""Addresses and users that are remembered at once; those that failed longest ago are forgotten first."""
FREE_FAILURES = 2
"""Failures that wait no longer than usual: people mistype."""
MAX_AT_ONCE = 4
"""Passwords of one address that are looked at together: a thousand guesses on as many connections must not all be looked at before the
first is counted, nor keep others from the threads that do it."""
IPV6_PREFIX = 64

_failures = counter("failedLogins", "Logins that were refused")
_bans = counter("bannedAddresses", "Addresses shut out after failed logins")

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """`authentication.properties`."""

    max_failures: int = 20
    """Different failed logins of an address within `window` after which it is shut out; 0 for any number. The same wrong password tried
    again counts once: a forgotten mail program shuts nobody out."""
    window_seconds: float = 600.0
    """After that a failure is forgotten."""
    ban_seconds: float = 900.0
    """How long an address is shut out."""
    first_delay_seconds: float = 0.5
    """How long the third failure waits for its answer; each further one waits twice as long."""
    max_delay_seconds: float = 8.0
    """The longest that one waits."""
    exempt: tuple[Network, ...] = ()
    """Networks that are never shut out, such as that of a webmail; delays apply to their users all the same."""


def read_throttle_settings(settings: Settings) -> ThrottleSettings:
    """Reads the whole file."""
    exempt: list[Network] = []
    for text in settings.strings("exempt.networks"):
        try:
            exempt.append(ip_network(text))
        except ValueError:
            settings.error(f"{text!r} is no network such as 192.0.2.0/24", "exempt.networks")
    read = ThrottleSettings(
        max_failures=settings.integer("failures.limit", 20, minimum=0),
        window_seconds=settings.duration("failures.window", 600.0),
        ban_seconds=settings.duration("ban.duration", 900.0),
        first_delay_seconds=settings.duration("delay.first", 0.5, unit="s"),
        max_delay_seconds=settings.duration("delay.max", 8.0, unit="s"),
        exempt=tuple(exempt),
    )
    settings.finish()
    return read


@dataclass(frozen=True, slots=True)
class Ban:
    """An address that is shut out: itself, or for IPv6 its network of 64 bits."""

    address: str
    failures: int
    until: float
    """Epoch seconds."""


@dataclass(slots=True)
class _Failures:
    attempts: set[bytes] = field(default_factory=set)
    since: float = 0.0


class _Turns(asyncio.Semaphore):
    users = 0
    """Who waits or has his turn."""


class Throttle:
    """In the memory of the process: a ban is short, and no reason to write for every guess. Each node has its own."""

    def __init__(
        self, settings: ThrottleSettings, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._known: OrderedDict[str, _Failures] = OrderedDict()
        self._banned: OrderedDict[str, Ban] = OrderedDict()
        self._turns: dict[str, _Turns] = {}
        self._key = os.urandom(32)

    def is_shut_out(self, address: str) -> bool:
        network = _place(address)
        ban = self._banned.get(network)
        if ban is not None and ban.until <= self._clock.now():
            del self._banned[network]
            return False
        return ban is not None

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """In which a password may be looked at; who waited for it may be shut out by now."""
        if self._is_exempt(address):
            yield
            return
        network = _place(address)
        turns = self._turns.setdefault(network, _Turns(MAX_AT_ONCE))
        turns.users += 1
        try:
            async with turns:
                yield
        finally:
            turns.users -= 1
            if not turns.users:
                del self._turns[network]

    async def failed(self, address: str, name: str, attempt: str) -> None:
        """Counts a failure, by its address and by the name that was tried, empty for none, and waits. `attempt` tells one guess from
        another."""
        _failures.inc()
        network = _place(address)
        digest = hashlib.blake2b(
            f"{name}\x00{attempt}".encode("utf-8", "replace"), key=self._key, digest_size=8
        ).digest()
        by_address = self._count(f"ip {network}", digest)
        by_name = self._count(f"user {name[:255].lower()}", digest) if name else 0
        if 0 < self._settings.max_failures <= by_address and not self._is_exempt(address):
            self._ban(network, by_address)
        beyond = max(by_address, by_name) - FREE_FAILURES
        if beyond > 0:
            delay = self._settings.first_delay_seconds * 2.0 ** min(beyond - 1, 16)
            await self._sleep(min(delay, self._settings.max_delay_seconds))

    def succeeded(self, name: str) -> None:
        """Who knows the password mistyped it before. The address stays counted: it may belong to a guesser with an account."""
        self._known.pop(f"user {name.lower()}", None)

    def bans(self) -> list[Ban]:
        """Those in force, the oldest first."""
        return [ban for ban in list(self._banned.values()) if self.is_shut_out(ban.address)]

    def clear(self, address: str | None = None) -> bool:
        """Lets an address in again, or all; False when it was not shut out. Raises `InvalidArgument` for what is no address."""
        if address is None:
            found = bool(self._banned)
            self._banned.clear()
            self._known.clear()
            return found
        network = network_of(address)
        self._known.pop(f"ip {network}", None)
        return self._banned.pop(network, None) is not None

    def _count(self, key: str, digest: bytes) -> int:
        now = self._clock.monotonic()
        failures = self._known.pop(key, None)
        if failures is None or now - failures.since > self._settings.window_seconds:
            failures = _Failures(since=now)
        if len(failures.attempts) <= max(self._settings.max_failures, 32):
            failures.attempts.add(digest)
        self._known[key] = failures
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return len(failures.attempts)

    def _ban(self, network: str, failures: int) -> None:
        _bans.inc()
        self._known.pop(f"ip {network}", None)
        self._banned.pop(network, None)
        self._banned[network] = Ban(network, failures, self._clock.now() + self._settings.ban_seconds)
        if len(self._banned) > MAX_KNOWN:
            self._banned.popitem(last=False)

    def _is_exempt(self, address: str) -> bool:
        try:
            parsed = _parsed(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._settings.exempt)


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address or network, for whoever has one address there has all of them. Raises
    `InvalidArgument`."""
    try:
        parsed = _parsed(address.partition("/")[0])
    except ValueError:
        raise InvalidArgument(f"{address!r} is no IP address") from None
    if parsed.version == 4:
        return str(parsed)
    return str(ip_network((parsed, IPV6_PREFIX), strict=False))


def _parsed(address: str) -> IPv4Address | IPv6Address:
    """Without its zone; an IPv4 address in the clothes of IPv6 is one of IPv4."""
    parsed = ip_address(address.partition("%")[0])
    return parsed if parsed.version == 4 else parsed.ipv4_mapped or parsed


def _place(address: str) -> str:
    try:
        return network_of(address)
    except InvalidArgument:
        return address
