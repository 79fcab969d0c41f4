"""What MTA-STS policies demand of next hops (RFC 8461 §5)."""

import asyncio
import logging
import re

from cachetools import LRUCache

from compostela.base.clock import Clock
from compostela.base.errors import CompostelaError
from compostela.core.autoconfiguration.mta_sts import POLICY_PATH, MtaStsPolicy, parse_policy
from compostela.core.autoconfiguration.settings import MtaStsMode
from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, DnsTemporaryFailure
from compostela.core.outbound.sts_ports import FetchPolicy, StoredStsPolicy, StsPolicyStore
from compostela.core.outbound.tls import Demand, PolicyType, TlsFailure, TlsFailureType, TlsPolicy
from compostela.model.domain import Domain

_log = logging.getLogger(__name__)

MAX_AGE_SECONDS = 31_557_600
"""A policy counts for a year at most (RFC 8461 §3.2)."""
RETRY_SECONDS = 300.0
"""A policy that could not be fetched is not asked for again before (RFC 8461 §3.3)."""
REMEMBERED_SECONDS = 300.0
"""A process looks into the store for a domain's policy this often."""
MAX_DOMAINS = 10_000
"""Domains that a process remembers."""
_RECORD = re.compile(r"v=STSv1\s*;(?:.*;)?\s*id=([A-Za-z0-9]{1,32})\s*(?:;|$)")


class _Known:
    """What a process knows of a domain."""

    __slots__ = ("failure", "lock", "looked_at", "policy", "stored", "tried_at", "tried_id")

    def __init__(self) -> None:
        self.stored: StoredStsPolicy | None = None
        self.policy: MtaStsPolicy | None = None
        self.looked_at = -REMEMBERED_SECONDS
        self.tried_at = -RETRY_SECONDS
        self.tried_id = ""
        self.failure: TlsFailure | None = None
        self.lock = asyncio.Lock()


class StsPolicies:
    """Looks up a domain's record, and fetches its policy when the record's id is new or half of the policy's time is over."""

    def __init__(self, dns: DnsResolver, fetch: FetchPolicy, store: StsPolicyStore, clock: Clock) -> None:
        self._dns = dns
        self._fetch = fetch
        self._store = store
        self._clock = clock
        self._domains: LRUCache[str, _Known] = LRUCache(MAX_DOMAINS)

    async def find(self, domain: Domain, host: str) -> TlsPolicy | None:
        """What the domain's policy demands of its exchanger `host`. None without a policy. Does not raise. A policy that cannot be
        fetched demands nothing and has a `failure`, for reports."""
        if domain.name.startswith("["):
            return None
        known = self._domains.setdefault(domain.name, _Known())
        async with known.lock:
            await self._renew(domain, known)
        if known.policy is None or known.stored is None:
            if known.failure is None:
                return None
            return TlsPolicy(PolicyType.STS, domain=domain.name, is_testing=True, failure=known.failure)
        return _demands(domain, known.policy, host)

    async def _renew(self, domain: Domain, known: _Known) -> None:
        now = self._clock.now()
        if known.stored is not None and known.stored.until <= now:
            known.stored = known.policy = None
        if now - known.looked_at >= REMEMBERED_SECONDS:
            await self._look(domain, known, now)
        record = await self._record(domain)
        stored = known.stored
        if record is None:
            # the policy counts to its end all the same: the record may be an attacker's to hide (RFC 8461 §3.3)
            known.failure = None
            return
        is_old = stored is not None and now > (stored.fetched_at + stored.until) / 2
        is_wanted = stored is None or stored.id != record or is_old
        if is_wanted and (record != known.tried_id or now - known.tried_at >= RETRY_SECONDS):
            known.tried_at, known.tried_id = now, record
            await self._get(domain, known, record, now)

    async def _look(self, domain: Domain, known: _Known, now: float) -> None:
        try:
            stored = await self._store.get(domain, now)
        except CompostelaError as error:
            _log.warning("an MTA-STS policy cannot be read from the store", extra={"domain": domain}, exc_info=error)
            return
        known.looked_at = now
        if stored is not None and (known.stored is None or stored.fetched_at > known.stored.fetched_at):
            known.stored, known.policy = stored, parse_policy(stored.text)

    async def _record(self, domain: Domain) -> str | None:
        """The id of the domain's record. None without one that is valid (RFC 8461 §3.1)."""
        try:
            texts = await self._dns.txt(f"_mta-sts.{domain.name}")
        except (DnsNoSuchName, DnsTemporaryFailure):
            return None
        records = [text for text in texts if text.startswith("v=STSv1")]
        found = _RECORD.match(records[0]) if len(records) == 1 else None
        return found[1] if found else None

    async def _get(self, domain: Domain, known: _Known, record: str, now: float) -> None:
        try:
            text = await self._fetch(f"mta-sts.{domain.name}", POLICY_PATH)
            policy = parse_policy(text)
        except (OSError, DnsTemporaryFailure) as error:
            known.failure = TlsFailure(TlsFailureType.STS_POLICY_FETCH_ERROR, f"the policy cannot be fetched: {error}")
        except ValueError as error:
            known.failure = TlsFailure(TlsFailureType.STS_POLICY_INVALID, f"the policy is not valid: {error}")
        else:
            until = now + min(policy.max_age, MAX_AGE_SECONDS)
            known.stored, known.policy, known.failure = StoredStsPolicy(record, text, now, until), policy, None
            try:
                await self._store.put(domain, known.stored)
            except CompostelaError as error:
                _log.warning("an MTA-STS policy cannot be stored", extra={"domain": domain}, exc_info=error)
            return
        _log.info("MTA-STS: %s", known.failure.text, extra={"domain": domain})


def _demands(domain: Domain, policy: MtaStsPolicy, host: str) -> TlsPolicy | None:
    if policy.mode == MtaStsMode.NONE.value:
        return None
    failure = None
    if not policy.covers(host):
        text = f"{host} is not named by the MTA-STS policy of {domain}"
        failure = TlsFailure(TlsFailureType.VALIDATION_FAILURE, text)
    return TlsPolicy(
        PolicyType.STS,
        Demand.WEB_PKI,
        domain.name,
        text=tuple(policy.text.splitlines()),
        exchangers=policy.mx,
        is_testing=policy.mode == MtaStsMode.TESTING.value,
        failure=failure,
    )
