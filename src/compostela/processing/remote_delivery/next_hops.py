"""Where a domain's mail goes: gateways, or its mail exchangers (RFC 5321 §5)."""

import random
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, DnsTemporaryFailure, MxHost
from compostela.core.networks import parse_address
from compostela.core.outbound.own_endpoints import OwnEndpoints, leads_back
from compostela.core.outbound.ports import Refusal
from compostela.model.domain import Domain
from compostela.processing.remote_delivery.settings import SMTP_PORT, SMTPS_PORT, RemoteDeliverySettings

MAX_HOPS = 10


@dataclass(frozen=True, slots=True)
class Hop:
    """An address to try."""

    address: str
    port: int
    name: str = ""
    """The name that led to the address, for its certificate."""
    implicit_tls: bool = False
    """TLS begins with the connection (RFC 8314 §3)."""

    def __str__(self) -> str:
        place = f"{self.address}:{self.port}"
        return f"{self.name}[{place}]" if self.name and self.name != self.address else place


class Routes(Protocol):
    """Where a domain's mail goes. Embedded and distributed alike: each process finds it out for itself."""

    async def find(self, domain: Domain) -> list[Hop] | Refusal:
        """Addresses to try, best first."""
        ...


class NextHops:
    """Finds the addresses for a domain, best first."""

    def __init__(self, settings: RemoteDeliverySettings, dns: DnsResolver, own: OwnEndpoints) -> None:
        self._settings = settings
        self._dns = dns
        self._own = own
        self._gateways = [Hop(host, port, host) for host, port in settings.gateways]

    async def find(self, domain: Domain) -> list[Hop] | Refusal:
        """A refusal without a code is tried again later."""
        found = await self._found(domain)
        if isinstance(found, Refusal) or not self._settings.implicit_tls:
            return found
        return [one for hop in found for one in _with_implicit_tls(hop)]

    async def _found(self, domain: Domain) -> list[Hop] | Refusal:
        if self._gateways:
            gateways = [*self._gateways]
            if self._settings.load_balancing:
                random.shuffle(gateways)
            return gateways
        if domain.name.startswith("["):
            return self._literal(domain)
        try:
            exchangers = await self._dns.mx(domain)
            if not any(exchanger.host for exchanger in exchangers):
                return Refusal.own(556, "5.1.10", f"{domain} takes no mail (null MX)")
            hops = await self._addresses(domain, exchangers)
        except DnsNoSuchName:
            code = 0 if self._settings.max_dns_retries else 550
            return Refusal(code, f"No route to host: {domain} does not exist", is_unknown_domain=True)
        except DnsTemporaryFailure as error:
            return Refusal(0, f"DNS look-up of {domain} failed: {error}")
        return hops if isinstance(hops, Refusal) else hops[:MAX_HOPS]

    async def _addresses(self, domain: Domain, exchangers: list[MxHost]) -> list[Hop] | Refusal:
        """Addresses of the hosts that have any, by preference, shuffled within one. This server's own preference and all after
        it are left out: those hosts would hand the mail to this one (RFC 5321 §5.1). So are loopback addresses: they name no
        particular machine. Raises `DnsNoSuchName`, `DnsTemporaryFailure` when no host has an address."""
        hops: list[Hop] = []
        unknown: DnsNoSuchName | DnsTemporaryFailure | None = None
        comes_back = False
        random.shuffle(exchangers)
        by_preference = sorted((one for one in exchangers if one.host), key=lambda one: one.preference)
        for _, group in groupby(by_preference, key=lambda one: one.preference):
            hosts = [one.host for one in group]
            found: list[Hop] = []
            is_own = any(self._own.has_name(host) for host in hosts)
            for host in hosts:
                try:
                    addresses = await self._dns.addresses(host)
                except DnsTemporaryFailure as error:
                    unknown = error
                    continue
                except DnsNoSuchName as error:
                    unknown = unknown or error
                    continue
                away = [one for one in addresses if not _is_loopback(one)]
                comes_back = comes_back or len(away) < len(addresses)
                is_own = is_own or any(self._own.has_address(one, SMTP_PORT) for one in away)
                found += [Hop(one, SMTP_PORT, host) for one in away]
            if is_own:
                comes_back = True
                break
            hops += found
        if hops:
            return hops
        if comes_back and not isinstance(unknown, DnsTemporaryFailure):
            return leads_back(f"the best exchanger of {domain}")
        if unknown is not None:
            raise unknown
        return Refusal(0, f"no exchanger of {domain} has a usable address")

    def _literal(self, domain: Domain) -> list[Hop] | Refusal:
        """Where an address literal leads (RFC 5321 §4.1.3)."""
        address = domain.name[1:-1].removeprefix("ipv6:")
        if parse_address(address) is None:
            return Refusal.own(550, "5.1.2", f"{domain} is no address of the Internet")
        if _is_loopback(address) or self._own.has_address(address, SMTP_PORT):
            return leads_back(str(domain))
        return [Hop(address, SMTP_PORT)]


def _with_implicit_tls(hop: Hop) -> tuple[Hop, ...]:
    """Port 465 comes before port 25. On a port that the operator has named, only TLS from the start is tried."""
    if hop.port != SMTP_PORT:
        return (replace(hop, implicit_tls=True),)
    return replace(hop, port=SMTPS_PORT, implicit_tls=True), hop


def _is_loopback(address: str) -> bool:
    parsed = parse_address(address)
    return parsed is not None and (parsed.is_loopback or parsed.is_unspecified)
