"""Addresses that are known before the connection, in place of a look-up of aiohttp's own."""

import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult


class KnownAddresses(AbstractResolver):
    """Gives the same addresses for each host."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        families = {address: socket.AF_INET6 if ":" in address else socket.AF_INET for address in self._addresses}
        return [
            ResolveResult(hostname=host, host=address, port=port, family=own, proto=0, flags=socket.AI_NUMERICHOST)
            for address, own in families.items()
            if family in (socket.AF_UNSPEC, own)
        ]

    async def close(self) -> None:
        """Nothing is open."""
