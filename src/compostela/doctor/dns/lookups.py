"""DNS as the checks ask it: what does not exist is an empty list, what has no answer ends the check."""

from collections.abc import Awaitable
from typing import TypeVar

from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, MxHost
from compostela.doctor.subject import Subject

T = TypeVar("T")


class Lookups:
    """All raise `DnsTemporaryFailure`."""

    def __init__(self, resolver: DnsResolver) -> None:
        self._resolver = resolver

    async def txt(self, name: str) -> list[str]:
        return await _found(self._resolver.txt(name))

    async def addresses(self, host: str) -> list[str]:
        return await _found(self._resolver.ipv4(host)) + await _found(self._resolver.ipv6(host))

    async def ipv4(self, host: str) -> list[str]:
        return await _found(self._resolver.ipv4(host))

    async def exchangers(self, domain: str) -> list[MxHost]:
        return await _found(self._resolver.exchangers(domain))

    async def records(self, name: str, kind: str) -> list[str]:
        return await _found(self._resolver.records(name, kind))

    async def names(self, address: str) -> list[str]:
        return await _found(self._resolver.reverse(address))

    async def public_addresses(self, subject: Subject) -> list[str]:
        """Those of the configuration; without any, those of the server's name."""
        return list(subject.settings.addresses) or await self.addresses(subject.host)


async def _found(answer: Awaitable[list[T]]) -> list[T]:
    try:
        return await answer
    except DnsNoSuchName:
        return []
