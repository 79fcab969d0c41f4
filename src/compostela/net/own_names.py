"""The machine's own name and addresses, as domains that it may manage (`autodetect` and `autodetectIP` of domainlist.xml)."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain
from compostela.net.host_addresses import system_addresses


def own_names(*, addresses: bool) -> list[Domain]:
    """The host name, or its addresses as literals (RFC 5321 §4.1.3) but for those of loopback and of one link."""
    name = socket.gethostname()
    return list(_literals(name) if addresses else _names(name))


def _names(name: str) -> Iterator[Domain]:
    try:
        yield Domain.parse(name)
    except InvalidArgument:
        return


def _literals(name: str) -> Iterator[Domain]:
    for text in system_addresses(name):
        address = ip_address(text.partition("%")[0])
        if not (address.is_loopback or address.is_link_local):
            yield Domain(f"[{'IPv6:' if address.version == 6 else ''}{address}]".lower())
