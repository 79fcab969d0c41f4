"""Greylisting (RFC 6647): the first mail of a client, sender and recipient gets 4xx. A mail server tries again, much malware does not."""

import hashlib
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Annotated

from compostela.base.clock import Clock
from compostela.base.declarations import Duration, Integer
from compostela.core.filtering.ports import GreylistStore, SeenTriplet
from compostela.model.mail_address import MailAddress

_KEY_BYTES = 16
_RENEWALS = 24
"""A triplet that has passed is written anew when so great a part (1/n) of its time is over, not for every mail."""


@dataclass(frozen=True, slots=True)
class GreylistRules:
    """Times in seconds, networks in bits."""

    block_seconds: Annotated[float, Duration("tempBlockTime", unit="ms")] = 3600.0
    """A second attempt before that is refused too."""
    unseen_seconds: Annotated[float, Duration("unseenLifeTime", unit="ms")] = 4 * 3600.0
    """A second attempt after that counts as the first."""
    known_seconds: Annotated[float, Duration("autoWhiteListLifeTime", unit="ms")] = 36 * 86400.0
    """How long, from its last mail on, a triplet is let through that has come again in time."""
    ipv4_prefix: Annotated[int, Integer("ipv4Prefix", minimum=8, maximum=32)] = 32
    """All addresses of such a network count as one client."""
    ipv6_prefix: Annotated[int, Integer("ipv6Prefix", minimum=16, maximum=128)] = 64
    """The same for IPv6."""


class Greylisting:
    """The decision, over a store of triplets."""

    def __init__(self, store: GreylistStore, rules: GreylistRules, clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    async def passes(self, address: str, sender: MailAddress | None, recipient: MailAddress) -> bool:
        """Whether the mail is to be taken now; if not, the attempt is remembered. Raises `StorageFull`, `TemporaryFailure`."""
        rules, now = self._rules, self._clock.now()
        key = self._key(address, sender, recipient)
        seen = await self._store.find(key)
        if seen is None or seen.until <= now:
            await self._store.remember(key, SeenTriplet(now, now + rules.unseen_seconds, False))
            return False
        if not seen.has_passed and now < seen.since + rules.block_seconds:
            return False
        if not seen.has_passed or seen.until - now < rules.known_seconds * (1 - 1 / _RENEWALS):
            await self._store.remember(key, SeenTriplet(seen.since, now + rules.known_seconds, True))
        return True

    def _key(self, address: str, sender: MailAddress | None, recipient: MailAddress) -> bytes:
        """A one-way hash: senders and recipients cannot be read from the store."""
        triplet = "\x00".join((self._network(address), str(sender or "").lower(), str(recipient).lower()))
        return hashlib.blake2b(triplet.encode("utf-8", "replace"), digest_size=_KEY_BYTES).digest()

    def _network(self, address: str) -> str:
        try:
            client = ip_address(address.removeprefix("::ffff:").partition("%")[0])
        except ValueError:
            return address
        prefix = self._rules.ipv4_prefix if client.version == 4 else self._rules.ipv6_prefix
        return str(ip_network((client, prefix), strict=False))
