"""`dnsservice.xml`."""

from dataclasses import dataclass

from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Which servers are asked, and how much is remembered."""

    servers: tuple[str, ...] = ()
    """Addresses of name servers, asked before those of the system."""
    use_system: bool = True
    """Ask the system's name servers."""
    max_cache_size: int = 50_000
    """Answers that are kept."""
    single_ip_per_mx: bool = False
    """Try only the first address of an exchanger."""


def read_dns_settings(settings: Settings) -> DnsSettings:
    servers = settings.section("servers")
    read = DnsSettings(
        servers=tuple(servers.strings("server")) if servers is not None else (),
        use_system=settings.boolean("autodiscover", True),
        max_cache_size=settings.integer("maxcachesize", 50_000, minimum=1),
        single_ip_per_mx=settings.boolean("singleIPperMX", False),
    )
    settings.ignored("authoritative", "negativeCacheTTL", "verbose", "setAsDNSJavaDefault", "searchpaths", "class")
    settings.finish()
    return read
