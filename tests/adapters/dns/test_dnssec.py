"""DNSSEC: knot signs, unbound validates, and what it says of it counts if it is trusted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.core.dns.settings import DnsSettings, TrustInResolvers
from tests.contracts.dns import FORGED, PLAIN, SIGNED, TLSA, SecuredDnsContract
from tests.signed_zones import needs_signed_zones, signed_zones

RECORDS = f"mx A 192.0.2.1\nalias CNAME mx\n_25._tcp.mx TLSA {TLSA}\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    zones = dict.fromkeys((SIGNED, PLAIN, FORGED), RECORDS)
    async with signed_zones(tmp_path, zones, unsigned=PLAIN, forged=FORGED) as address:
        yield address


@needs_signed_zones
class TestSecuredDns(SecuredDnsContract):
    @pytest.fixture
    def secured(self, server: str) -> DnspythonResolver:
        return DnspythonResolver(DnsSettings(servers=(server,), use_system=False))


@needs_signed_zones
async def test_a_resolver_that_is_not_trusted_secures_nothing(server: str) -> None:
    resolver = DnspythonResolver(DnsSettings(servers=(server,), use_system=False, dnssec=TrustInResolvers.NONE))
    answer = await resolver.secured(f"_25._tcp.mx.{SIGNED}", "TLSA")
    assert (answer.records, answer.is_secure) == ([TLSA], False)
