"""The TLS policy of a next hop: DANE first, then MTA-STS."""

from compostela.core.outbound.dane_policies import DanePolicies
from compostela.core.outbound.sts_policies import StsPolicies
from compostela.core.outbound.tls import OPPORTUNISTIC, TlsPolicy
from compostela.model.domain import Domain


class TlsPolicies:
    """Finds out what a domain demands of TLS to its exchangers."""

    def __init__(self, dane: DanePolicies | None = None, sts: StsPolicies | None = None) -> None:
        self._dane = dane
        self._sts = sts

    async def find(self, domain: Domain, host: str, port: int) -> TlsPolicy:
        """What counts for an exchanger of the domain. Does not raise: a policy that cannot be met has a `failure`."""
        if self._dane is not None and (policy := await self._dane.find(domain, host, port)) is not None:
            # an MTA-STS policy must not replace a DANE policy that fails (RFC 8461 §2)
            return policy
        if self._sts is not None and (policy := await self._sts.find(domain, host)) is not None:
            return policy
        return OPPORTUNISTIC
