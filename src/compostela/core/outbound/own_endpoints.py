"""This server as a next hop: mail that leads back here must not be sent (RFC 5321 §5.1, §6.3)."""

from collections.abc import Callable, Iterable

from compostela.core.networks import parse_address
from compostela.core.outbound.ports import Refusal

_EVERYWHERE = ("0.0.0.0", "::")


class OwnEndpoints:
    """The names with which this server greets and the sockets that it listens on.

    With NAT or a load balancer in front its address is another's: there the name decides. Only a name with a dot counts: `localhost`
    or `mail` may be the name of many machines (RFC 5321 §2.3.5 wants a full name)."""

    def __init__(
        self, names: Iterable[str], listening: Iterable[tuple[str, int]], is_of_this_machine: Callable[[str], bool]
    ) -> None:
        """`listening` are hosts and ports as configured; port 0 is not known before the start and never matches.
        `is_of_this_machine` tells whether an interface of the machine has an address."""
        self._names = frozenset(_folded(name) for name in names if "." in name.strip("."))
        self._hosts: dict[int, set[str]] = {}
        for host, port in listening:
            if port:
                self._hosts.setdefault(port, set()).add(host)
        self._is_of_this_machine = is_of_this_machine

    def has_name(self, name: str) -> bool:
        """Whether a server that greets with this name, or a mail exchanger of this name, is this one."""
        return _folded(name) in self._names

    def has_address(self, address: str, port: int) -> bool:
        """Whether a connection to the IP address and port reaches one of this server's listeners."""
        hosts = self._hosts.get(port, ())
        if not hosts:
            return False
        found = parse_address(address.strip("[]"))
        if found is None:
            return False
        known = {parse_address(host.strip("[]")) for host in hosts}
        # a host name in the configuration means every address of the machine
        is_everywhere = None in known or _EVERYWHERE[found.version == 6] in hosts
        return found in known or (is_everywhere and (found.is_loopback or self._is_of_this_machine(str(found))))


NO_ENDPOINTS = OwnEndpoints((), (), lambda _: False)


def leads_back(place: str) -> Refusal:
    """What is said of a next hop that is this server. For good, and only of this host: another one that asked to wait may take
    the mail later."""
    why = f"{place} leads back to this server: the mail would be in a loop"
    return Refusal.own(554, "5.4.6", why, is_of_host=True, leads_back=True)


def _folded(name: str) -> str:
    return name.rstrip(".").lower()
