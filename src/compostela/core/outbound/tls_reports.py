"""How TLS went with next hops, counted by day for reports (RFC 8460)."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from compostela.base.clock import Clock
from compostela.base.errors import CompostelaError
from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, DnsTemporaryFailure
from compostela.core.outbound.tls import TlsSession
from compostela.model.domain import Domain

_log = logging.getLogger(__name__)

DAY_SECONDS = 86400
FLUSH_SECONDS = 60.0
MAX_PENDING = 10_000
"""Different results that a process counts between two writes; others are not counted."""
MAX_RECEIVERS = 5
"""Of a domain's record; further ones get no report."""
RECORD = "_smtp._tls."


class TlsResult(msgspec.Struct, frozen=True, array_like=True):
    """What is counted: one way in which sessions went."""

    policy_type: str
    policy_domain: str
    policy_text: tuple[str, ...] = ()
    exchangers: tuple[str, ...] = ()
    failure_type: str = ""
    """"" of a success."""
    host: str = ""
    """The exchanger and its address, of a failure."""
    address: str = ""

    @classmethod
    def of(cls, session: TlsSession, domain: Domain) -> "TlsResult":
        policy = session.policy
        common = (policy.type.value, policy.domain or domain.name, policy.text, policy.exchangers)
        if session.failure is None:
            return cls(*common)
        return cls(*common, session.failure.type.value, session.host, session.address)


class TlsResultStore(Protocol):
    """Counts by day (days since 1970, UTC) and domain of the recipients, until their report is sent.

    Embedded: rows of the data folder that all processes add to. Distributed: rows in Cassandra that are added up when they are
    read."""

    async def add(self, day: int, domain: Domain, counts: Mapping[TlsResult, int]) -> None:
        """Durable when it returns. Raises `TemporaryFailure`, `StorageFull`."""
        ...

    async def domains(self, day: int) -> Sequence[Domain]:
        """Sorted: those with results of this day. Raises `TemporaryFailure`."""
        ...

    async def results(self, day: int, domain: Domain) -> Mapping[TlsResult, int]:
        """Raises `TemporaryFailure`."""
        ...

    async def remove(self, day: int, domain: Domain) -> None:
        """Harmless if done again. Nothing may be added for that day afterwards. Raises `TemporaryFailure`."""
        ...


async def receivers_of(domain: Domain, dns: DnsResolver) -> list[str]:
    """`rua` of the domain's record (RFC 8460 §3): `mailto:` and `https:` addresses. Raises `DnsTemporaryFailure`."""
    try:
        texts = await dns.txt(f"{RECORD}{domain.name}")
    except DnsNoSuchName:
        return []
    records = [text for text in texts if text.startswith("v=TLSRPTv1;")]
    if len(records) != 1:
        return []
    tags = dict(part.strip().partition("=")[::2] for part in records[0].split(";"))
    found = [one.strip() for one in tags.get("rua", "").split(",")]
    return [one for one in found if one.startswith(("mailto:", "https://"))][:MAX_RECEIVERS]


class TlsResults:
    """Counts sessions of this process. A crash loses what was counted since the last `flush`; no mail depends on it."""

    def __init__(self, store: TlsResultStore, dns: DnsResolver, clock: Clock) -> None:
        self._store = store
        self._dns = dns
        self._clock = clock
        self._pending: dict[tuple[int, Domain], dict[TlsResult, int]] = {}
        self._count = 0

    def note(self, domain: Domain, session: TlsSession) -> None:
        """One session with an exchanger of the domain."""
        key = int(self._clock.now() // DAY_SECONDS), domain
        result = TlsResult.of(session, domain)
        if result not in self._pending.get(key, {}):
            if self._count >= MAX_PENDING:
                return
            self._count += 1
        results = self._pending.setdefault(key, {})
        results[result] = results.get(result, 0) + 1

    async def flush(self) -> None:
        """Writes what was counted, of domains that ask for reports. What cannot be written is dropped, and logged."""
        pending, self._pending, self._count = self._pending, {}, 0
        for (day, domain), results in pending.items():
            try:
                if results and await receivers_of(domain, self._dns):
                    await self._store.add(day, domain, results)
            except DnsTemporaryFailure:
                _log.debug(
                    "TLS results of a domain are not kept: its record cannot be looked up", extra={"domain": domain}
                )
            except CompostelaError as error:
                _log.warning("TLS results of a domain cannot be kept", extra={"domain": domain}, exc_info=error)


async def keep_flushing(results: TlsResults) -> None:
    """Writes what was counted every minute, until it is cancelled."""
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        await results.flush()
