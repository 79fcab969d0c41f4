"""Networks as operators write them, and whether an address lies in them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Any

from compostela.base.declarations import Listed
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

Network = IPv4Network | IPv6Network
Resolve = Callable[[str], list[str]]
"""Addresses of a host name, none when it is unknown."""

_MAPPED_BITS = 96
"""The length of the prefix `::ffff:0:0`."""
_LARGEST = {4: 8, 6: 16}
"""Lengths of the largest networks that may be somebody's own."""
_OF_NOBODY = (ip_network("fc00::/7"), ip_network("fe80::/10"))
"""Larger, and not of the open Internet."""


def read_networks(settings: Settings, name: str, resolve: Resolve) -> tuple[Network, ...]:
    """The networks of an element: separated by commas or blanks, in one element or several. What is neither a network nor
    looks like a name is an error; a name that is not known now is a warning, for the server must start without DNS too."""
    found: list[Network] = []
    for text in (word for line in settings.strings(name) for word in line.split()):
        try:
            networks = parse_network(text, resolve)
        except InvalidArgument as wrong:
            settings.error(f"{name}: {wrong}", name)
            continue
        if not networks:
            settings.problems.warning(
                settings.place_of(name), f"{name}: the name {text!r} has no address now and counts for nothing"
            )
        found += networks
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Networks(Listed):
    """An element with networks, as `read_networks` reads it."""

    resolve: Resolve

    def read(self, settings: Settings, default: Any) -> object:
        found = read_networks(settings, self.name, self.resolve)
        # networks of which none is known now are not the same as no limit
        return found if settings.strings(self.name) else default


def parse_network(text: str, resolve: Resolve) -> list[Network]:
    """Parse James's forms: an address or a host name, optionally with `/` and a prefix length or netmask, and `127.*`.
    IPv4 and IPv6. Raises `InvalidArgument`; an unknown host name gives an empty list."""
    host, slash, mask = text.partition("/")
    if "*" in host:
        return [_wildcard(text)]
    is_address = _is_address(host)
    hosts = [host.strip("[]")] if is_address else _named(host, text, resolve)
    networks: list[Network] = []
    for one in hosts:
        # a netmask or a length for IPv4 says nothing of the IPv6 addresses of a name, even if it has no others today
        keep = slash and (":" not in one or is_address or not _is_for_ipv4(mask))
        try:
            networks.append(_unmapped(ip_network(f"{one}/{mask}" if keep else one, strict=False)))
        except ValueError as error:
            raise InvalidArgument(f"{text!r} is not an address or a network: {error}") from error
    return networks


def _unmapped(network: Network) -> Network:
    """An IPv4 network that is written as IPv6 (`::ffff:192.0.2.0/120`, RFC 4291 §2.5.5.2) as the IPv4 network that it is."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ip_network((mapped, network.prefixlen - _MAPPED_BITS))


def _is_for_ipv4(mask: str) -> bool:
    return "." in mask or (mask.isdecimal() and int(mask) <= 32)


def _wildcard(text: str) -> Network:
    """`127.*`, `10.1.*.*`: stars only at the end."""
    parts = text.split(".")
    fixed = [part for part in parts if part != "*"]
    if "/" in text or len(parts) > 4 or parts[: len(fixed)] != fixed:
        raise InvalidArgument(
            f"{text!r} is not an address or a network: stars are allowed at the end only, as in '10.1.*'"
        )
    try:
        return ip_network(f"{'.'.join([*fixed, '0', '0', '0', '0'][:4])}/{8 * len(fixed)}")
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is not an address or a network: {error}") from error


def _named(host: str, text: str, resolve: Resolve) -> list[str]:
    if host.lower() == "localhost":
        return ["127.0.0.1", "::1"]
    labels = host.rstrip(".").split(".")
    if labels[-1].isdigit() or not all(label.replace("-", "").replace("_", "").isalnum() for label in labels):
        raise InvalidArgument(f"{text!r} is not an address, a network or a host name")
    return resolve(host)


def _is_address(text: str) -> bool:
    return parse_address(text.strip("[]")) is not None


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 address that was written as IPv6 as what it is; None when it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def reversed_address(address: str) -> str:
    """An address as block lists name it: octets of IPv4, nibbles of IPv6 from the last to the first (RFC 5782 §2.1, §2.4).
    Raises ValueError."""
    known = ip_address(address.partition("%")[0])
    known = getattr(known, "ipv4_mapped", None) or known
    return known.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    known = parse_address(address)
    return known is not None and any(known in network for network in networks)


def too_large(networks: Iterable[Network]) -> list[Network]:
    """Those, put together, that are more of the Internet than anybody has."""
    listed = list(networks)
    put_together: tuple[Network, ...] = (
        *collapse_addresses(one for one in listed if isinstance(one, IPv4Network)),
        *collapse_addresses(one for one in listed if isinstance(one, IPv6Network)),
    )
    return [one for one in put_together if one.prefixlen < _LARGEST[one.version] and one not in _OF_NOBODY]
