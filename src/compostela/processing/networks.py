"""Networks among the parameters of mailets, matchers and hooks."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from compostela.base.settings import Settings

Network = IPv4Network | IPv6Network


def read_networks(settings: Settings, name: str) -> tuple[Network, ...]:
    """Addresses and networks (`192.0.2.1`, `127.*`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`), with commas or
    blanks between them."""
    found: list[Network] = []
    for text in (word for item in settings.strings(name) for word in item.split()):
        try:
            found.append(ip_network(_with_length(text), strict=False))
        except ValueError as error:
            settings.error(f"{text!r} is not an address or a network: {error}", name)
    return tuple(found)


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """False for what is no address."""
    try:
        known = ip_address(address.removeprefix("::ffff:"))
    except ValueError:
        return False
    return any(known in network for network in networks)


def _with_length(text: str) -> str:
    """`10.1.*` as `10.1.0.0/16`."""
    head, star, rest = text.partition(".*")
    if not star or rest.strip(".*"):
        return text
    parts = head.split(".")
    return ".".join([*parts, "0", "0", "0"][:4]) + f"/{8 * len(parts)}"
