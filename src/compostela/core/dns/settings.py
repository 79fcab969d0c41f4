"""`dnsservice.xml`."""

import enum
from dataclasses import dataclass
from ipaddress import ip_address

from compostela.base.settings import Settings


class TrustInResolvers(enum.Enum):
    """Which resolvers' AD bit is trusted."""

    LOOPBACK = "loopback"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Which servers are asked, and how much is remembered."""

    servers: tuple[str, ...] = ()
    """Addresses of name servers, asked before those of the system; each with `:port` if it is not 53."""
    use_system: bool = True
    """Ask the system's name servers."""
    max_cache_size: int = 50_000
    """Answers that are kept."""
    single_ip_per_mx: bool = False
    """Try only the first address of an exchanger."""
    dnssec: TrustInResolvers = TrustInResolvers.LOOPBACK
    """Which of the servers are believed if they say that they have validated an answer with DNSSEC, which DANE needs: those on
    loopback addresses (`loopback`), all (`all`: the way to them must be safe), or none (`none`)."""


DNS_PORT = 53


def server_address(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. Raises ValueError."""
    host, port = text, DNS_PORT
    if text.startswith("[") or text.count(":") == 1:
        host, _, digits = text.rpartition(":") if not text.endswith("]") else (text, "", str(DNS_PORT))
        port = int(digits)
        host = host.removeprefix("[").removesuffix("]")
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port")
    return str(ip_address(host)), port


def read_dns_settings(settings: Settings) -> DnsSettings:
    section = settings.section("servers")
    servers = tuple(section.strings("server")) if section is not None else ()
    for server in servers:
        try:
            server_address(server)
        except ValueError:
            settings.error(f"{server!r} is no address of a name server", "servers")
    read = DnsSettings(
        servers=servers,
        use_system=settings.boolean("autodiscover", True),
        max_cache_size=settings.integer("maxcachesize", 50_000, minimum=1),
        single_ip_per_mx=settings.boolean("singleIPperMX", False),
        dnssec=settings.choice("dnssec", TrustInResolvers.LOOPBACK, {one.value: one for one in TrustInResolvers}),
    )
    settings.ignored("authoritative", "negativeCacheTTL", "verbose", "setAsDNSJavaDefault", "searchpaths", "class")
    settings.finish()
    return read
