"""Which next hops must be authenticated with DANE (RFC 7672 §2.2)."""

from compostela.core.dns.ports import DnsTemporaryFailure, SecuredDns
from compostela.core.outbound.dane import TlsaRecord
from compostela.core.outbound.tls import Demand, PolicyType, TlsFailure, TlsFailureType, TlsPolicy
from compostela.model.domain import Domain

MAX_RECORDS = 50
"""TLSA records of one host that are looked at."""


class DanePolicies:
    """Finds TLSA records by a validating resolver."""

    def __init__(self, dns: SecuredDns) -> None:
        self._dns = dns

    async def find(self, domain: Domain, host: str, port: int) -> TlsPolicy | None:
        """What TLSA records demand of an exchanger of the domain. None if the domain's exchangers, the host's addresses or the
        records are not secured by DNSSEC, or there are no records. If a look-up fails, the policy has a `failure`: the host must not
        be used, for the failure may be an attacker's (RFC 7672 §2.1.1)."""
        try:
            if not (await self._dns.secured(domain.name, "MX")).is_secure:
                return None
            at = await self._dns.secured(host, "A")
            if not at.is_secure:
                return None
            # of an alias, the records at its target come first (RFC 7672 §2.2.2)
            for base in dict.fromkeys((at.name, host)):
                found = await self._dns.secured(f"_{port}._tcp.{base}", "TLSA")
                if found.is_secure and found.records:
                    return _policy(base, found.records[:MAX_RECORDS])
        except DnsTemporaryFailure as error:
            failure = TlsFailure(
                TlsFailureType.DNSSEC_INVALID, f"the TLSA records of {host} cannot be looked up: {error}"
            )
            return TlsPolicy(PolicyType.TLSA, Demand.DANE, host, failure=failure)
        return None


def _policy(base: str, texts: list[str]) -> TlsPolicy:
    records = [record for record in map(TlsaRecord.parse, texts) if record is not None and record.is_usable]
    demand = Demand.DANE if records else Demand.ENCRYPTION
    return TlsPolicy(PolicyType.TLSA, demand, base, tuple(records), tuple(texts))
