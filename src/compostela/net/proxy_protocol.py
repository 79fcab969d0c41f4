"""Settings of connections through a load balancer that sends a PROXY header first."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean
from compostela.core.networks import Network, Networks, is_in
from compostela.net.host_addresses import system_addresses


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Every connection begins with a PROXY header."""

    first: Annotated[bool, Boolean("proxyFirst")] = True
    """The header precedes the TLS handshake of a `socketTLS` port, or follows it."""
    networks: Annotated[tuple[Network, ...] | None, Networks("proxyNetworks", system_addresses)] = None
    """Peers whose PROXY header is believed; all of them without it. If no name in it has an address, no peer is
    believed."""
    required: Annotated[bool, Boolean("proxyRequired")] = True
    """Every connection begins with a PROXY header, version 1 or 2."""

    def believes(self, peer: str) -> bool:
        return self.networks is None or is_in(peer, self.networks)
