"""Guessing passwords is made slow: failed logins are counted, delayed, and past a limit their address is shut out."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Protocol

from compostela.base.clock import Clock
from compostela.base.declarations import Duration, Integer, Many
from compostela.base.declared import Reader
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.base.metrics import counter
from compostela.core.authentication.failure_ports import Ban, Bans, FailedLogins

TOLD_APART = 32
"""Different failures of a key that are counted at least, whatever the limit: delays grow with them."""
FREE_FAILURES = 2
"""Failures that wait no longer than usual: people mistype."""
MAX_AT_ONCE = 4
"""Passwords of one address that are looked at together: a thousand guesses on as many connections must not all be looked at before the
first is counted, nor keep others from the threads that do it."""
IPV6_PREFIX = 64
KNOWN_ADDRESSES = 4096
"""So many addresses are kept as they were parsed: a login asks for that of its client five times."""
SECRET = "throttle"
"""The name of the secret that is the key of guesses."""

_failures = counter("failedLogins", "Logins that were refused")
_bans = counter("bannedAddresses", "Addresses shut out after failed logins")

Network = IPv4Network | IPv6Network


def _parsed_network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is no network such as 192.0.2.0/24") from None


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """`authentication.properties`."""

    max_failures: Annotated[int, Integer("failures.limit", minimum=0)] = 20
    """Different failed logins of an address within `window` after which it is shut out; 0 for any number. The same wrong password tried
    again counts once: a forgotten mail program does not get its address shut out."""
    window_seconds: Annotated[float, Duration("failures.window")] = 600.0
    """After that a failure is forgotten."""
    ban_seconds: Annotated[float, Duration("ban.duration")] = 900.0
    """How long an address is shut out."""
    first_delay_seconds: Annotated[float, Duration("delay.first")] = 0.5
    """How long the third failure waits for its answer; each further one waits twice as long."""
    max_delay_seconds: Annotated[float, Duration("delay.max")] = 8.0
    """The longest that one waits."""
    exempt: Annotated[tuple[Network, ...], Many("exempt.networks", _parsed_network)] = ()
    """Networks that are never shut out, such as that of a webmail; delays apply to their users all the same."""


read_throttle_settings = Reader(ThrottleSettings)


class _Turns(asyncio.Semaphore):
    users = 0
    """Logins that wait for a turn or have one."""


class _Turn:
    """A class, not a generator: the event loop keeps an account of each asynchronous generator, and every login takes a turn."""

    __slots__ = ("_key", "_network", "_own", "_turns", "_was_ready")

    def __init__(
        self, turns: dict[str, _Turns], network: str | None, was_ready: bool, key: Callable[[], Awaitable[bytes]]
    ) -> None:
        """`network` is None for one that waits for none."""
        self._turns = turns
        self._network = network
        self._was_ready = was_ready
        self._key = key
        self._own: _Turns | None = None

    async def __aenter__(self) -> bool:
        if self._network is None:
            return False
        # before the turn: a guess that waits for it after its turn would let another begin
        await self._key()
        own = self._turns.setdefault(self._network, _Turns(MAX_AT_ONCE))
        has_waited = own.locked() or not self._was_ready
        own.users += 1
        try:
            await own.acquire()
        except BaseException:
            self._leave(own)
            raise
        self._own = own
        return has_waited

    async def __aexit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.release()
            self._leave(self._own)

    def _leave(self, own: _Turns) -> None:
        own.users -= 1
        if not own.users and self._network is not None:
            del self._turns[self._network]


class Secrets(Protocol):
    """What the throttle needs of the user store."""

    async def secret(self, name: str) -> bytes:
        """See `compostela.core.users.ports.UserStore`. Raises `TemporaryFailure`."""
        ...


class Throttle:
    """The rules. What is counted is in the ports; turns are those of the process.

    A guess is counted as a digest under the key `SECRET`, which all processes share, so that the same guess counts once in the
    whole cluster. As long as the key cannot be read, a key of the process takes its place."""

    def __init__(
        self,
        settings: ThrottleSettings,
        failures: FailedLogins,
        bans: Bans,
        clock: Clock,
        secrets: Secrets,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._failures = failures
        self._bans = bans
        self._clock = clock
        self._sleep = sleep
        self._turns: dict[str, _Turns] = {}
        self._secrets = secrets
        self._shared_key: bytes | None = None
        self._own_key = os.urandom(32)

    async def is_shut_out(self, address: str) -> bool:
        return await self._bans.find(_place(address)) is not None

    def turn(self, address: str) -> "_Turn":
        """Wait for a turn to check a password, as an `async with` block. It gives whether there was a wait: the address may have been shut out
        meanwhile."""
        return _Turn(self._turns, None if self._is_exempt(address) else _place(address), self._has_key, self._key)

    @property
    def _has_key(self) -> bool:
        return self._shared_key is not None

    async def failed(self, address: str, name: str, attempt: str) -> None:
        """Counts a failure, by its address and by the name that was tried, empty for none, and waits. `attempt` tells one guess from
        another."""
        _failures.inc()
        network = _place(address)
        guess = f"{name}\x00{attempt}".encode("utf-8", "replace")
        digest = hashlib.blake2b(guess, key=await self._key(), digest_size=8).digest()
        by_address = await self._count(f"ip {network}", digest)
        by_name = await self._count(f"user {name[:255].lower()}", digest) if name else 0
        if 0 < self._settings.max_failures <= by_address and not self._is_exempt(address):
            await self._ban(network, by_address)
        beyond = max(by_address, by_name) - FREE_FAILURES
        if beyond > 0:
            delay = self._settings.first_delay_seconds * 2.0 ** min(beyond - 1, 16)
            await self._sleep(min(delay, self._settings.max_delay_seconds))

    async def succeeded(self, name: str) -> None:
        """Forget the failures of a name: its user only mistyped. Those of the address stay: it may belong to a guesser with an
        account."""
        await self._failures.forget(f"user {name.lower()}")

    async def bans(self) -> list[Ban]:
        """Those in force, the oldest first."""
        return await self._bans.all()

    async def clear(self, address: str | None = None) -> bool:
        """Lets an address in again, or all; False when it was not shut out. Raises `InvalidArgument` for what is no address."""
        if address is None:
            await self._failures.forget_all()
            return await self._bans.remove_all()
        network = network_of(address)
        await self._failures.forget(f"ip {network}")
        return await self._bans.remove(network)

    async def _key(self) -> bytes:
        if self._shared_key is None:
            try:
                self._shared_key = await self._secrets.secret(SECRET)
            except TemporaryFailure:
                return self._own_key
        return self._shared_key

    async def _count(self, key: str, digest: bytes) -> int:
        most = max(self._settings.max_failures, TOLD_APART)
        return await self._failures.count(key, digest, window_seconds=self._settings.window_seconds, most=most)

    async def _ban(self, network: str, failures: int) -> None:
        _bans.inc()
        await self._failures.forget(f"ip {network}")
        await self._bans.add(Ban(network, failures, self._clock.now() + self._settings.ban_seconds))

    def _is_exempt(self, address: str) -> bool:
        try:
            parsed = _parsed(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._settings.exempt)


@lru_cache(maxsize=KNOWN_ADDRESSES)
def network_of(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address or network, since a client there usually has all of its addresses. Raises
    `InvalidArgument`."""
    try:
        parsed = _parsed(address.partition("/")[0])
    except ValueError:
        raise InvalidArgument(f"{address!r} is no IP address") from None
    if parsed.version == 4:
        return str(parsed)
    return str(ip_network((parsed, IPV6_PREFIX), strict=False))


@lru_cache(maxsize=KNOWN_ADDRESSES)
def _parsed(address: str) -> IPv4Address | IPv6Address:
    """Without its zone; an IPv4 address in the clothes of IPv6 is one of IPv4."""
    parsed = ip_address(address.partition("%")[0])
    return parsed if parsed.version == 4 else parsed.ipv4_mapped or parsed


def _place(address: str) -> str:
    try:
        return network_of(address)
    except InvalidArgument:
        return address
