"""Settings of connections through a load balancer that sends a PROXY header first."""

from dataclasses import dataclass

from compostela.core.networks import Network, is_in


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Every connection begins with a PROXY header."""

    first: bool = True
    """The header precedes the TLS handshake; otherwise it follows it."""
    networks: tuple[Network, ...] = ()
    """Peers whose header is believed; empty for all."""

    def believes(self, peer: str) -> bool:
        return not self.networks or is_in(peer, self.networks)
