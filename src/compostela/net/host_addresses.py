"""Addresses of host names in the configuration, from the machine's own resolver."""

import socket


def system_addresses(name: str) -> list[str]:
    """The addresses that the system knows for a host name now; none when the name is unknown or DNS does not answer."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):  # UnicodeError: a name of no form that the resolver knows
        return []
