"""`dnsservice.xml`."""

import enum
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from compostela.base.declarations import Boolean, Choice, Integer, Many
from compostela.base.declared import Declared, Reader
from compostela.base.errors import InvalidArgument


class TrustInResolvers(enum.Enum):
    """Which resolvers' AD bit is trusted."""

    LOOPBACK = "loopback"
    ALL = "all"
    NONE = "none"


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


def _server(text: str) -> str:
    try:
        server_address(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is no address of a name server") from None
    return text


@dataclass(frozen=True, slots=True)
class DnsSettings(Declared):
    """`dnsservice.xml`: which servers are asked, and how much is remembered."""

    WITHOUT_EFFECT = ("authoritative", "negativeCacheTTL", "verbose", "setAsDNSJavaDefault", "searchpaths", "class")

    servers: Annotated[tuple[str, ...], Many("servers/server", _server)] = ()
    """Addresses of name servers, asked before those of the system; each with `:port` if it is not 53."""
    use_system: Annotated[bool, Boolean("autodiscover")] = True
    """Ask the system's name servers."""
    max_cache_size: Annotated[int, Integer("maxcachesize", minimum=1)] = 50_000
    """Answers that are kept."""
    single_ip_per_mx: Annotated[bool, Boolean("singleIPperMX")] = False
    """Try only the first address of an exchanger."""
    dnssec: Annotated[TrustInResolvers, Choice("dnssec", {one.value: one for one in TrustInResolvers})] = (
        TrustInResolvers.LOOPBACK
    )
    """Which of the servers are believed if they say that they have validated an answer with DNSSEC, which DANE needs: those on
    loopback addresses (`loopback`), all (`all`: the way to them must be safe), or none (`none`)."""


read_dns_settings = Reader(DnsSettings)
