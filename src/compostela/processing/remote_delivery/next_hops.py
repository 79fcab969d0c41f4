"""Where a domain's mail goes: gateways, or its mail exchangers (RFC 5321 §5)."""

import ipaddress
import random
from dataclasses import dataclass

from compostela.core.dns.ports import DnsNoSuchName, DnsTemporaryFailure
from compostela.core.outbound.ports import Refusal
from compostela.model.domain import Domain
from compostela.processing.mailet import MailetContext
from compostela.processing.remote_delivery.settings import SMTP_PORT, RemoteDeliverySettings

MAX_HOPS = 10


@dataclass(frozen=True, slots=True)
class Hop:
    """An address to try."""

    address: str
    port: int
    name: str = ""
    """The name that led to the address, for its certificate."""


class NextHops:
    """Finds the addresses for a domain, best first."""

    NO_SUCH_DOMAIN = "No route to host: "

    def __init__(self, settings: RemoteDeliverySettings, context: MailetContext) -> None:
        self._settings = settings
        self._context = context

    async def find(self, domain: Domain) -> list[Hop] | Refusal:
        """A refusal without a code is tried again later."""
        if self._settings.gateways:
            gateways = [Hop(host, port, host) for host, port in self._settings.gateways]
            if self._settings.load_balancing:
                random.shuffle(gateways)
            return gateways
        if domain.name.startswith("["):
            return _literal(domain)
        try:
            hosts = await self._exchangers(domain)
            if not hosts:
                return Refusal(556, f"556 5.1.10 {domain} takes no mail (null MX)")
            hops = await self._addresses(hosts)
        except DnsNoSuchName:
            return Refusal(
                0 if self._settings.max_dns_retries else 550, f"{self.NO_SUCH_DOMAIN}{domain} does not exist"
            )
        except DnsTemporaryFailure as error:
            return Refusal(0, f"DNS look-up of {domain} failed: {error}")
        if not hops:
            return Refusal(0, f"no exchanger of {domain} has a usable address")
        return hops[:MAX_HOPS]

    async def _exchangers(self, domain: Domain) -> list[str]:
        """Hosts by preference, shuffled within one; none for the null MX (RFC 7505)."""
        found = await self._context.dns.mx(domain)
        random.shuffle(found)
        return [exchanger.host for exchanger in sorted(found, key=lambda one: one.preference) if exchanger.host]

    async def _addresses(self, hosts: list[str]) -> list[Hop]:
        """Addresses of the hosts that have any; loopback addresses, which would lead back here, are left out."""
        hops: list[Hop] = []
        unknown: DnsNoSuchName | DnsTemporaryFailure | None = None
        for host in hosts:
            try:
                addresses = await self._context.dns.addresses(host)
            except (DnsNoSuchName, DnsTemporaryFailure) as error:
                unknown = error
                continue
            hops += [Hop(one, SMTP_PORT, host) for one in addresses if not _leads_back(one)]
        if not hops and unknown is not None:
            raise unknown
        return hops


def _literal(domain: Domain) -> list[Hop] | Refusal:
    """Where an address literal leads (RFC 5321 §4.1.3)."""
    address = domain.name[1:-1].removeprefix("ipv6:")
    try:
        if _leads_back(address):
            return Refusal(550, f"550 5.4.6 {domain} leads back here")
    except ValueError:
        return Refusal(550, f"550 5.1.2 {domain} is no address of the Internet")
    return [Hop(address, SMTP_PORT)]


def _leads_back(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return parsed.is_loopback or parsed.is_unspecified
