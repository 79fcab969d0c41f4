"""The server's resolver as SPF and DKIM ask it."""

from collections.abc import Awaitable
from typing import TypeVar

from compostela.core.dns.ports import DnsNoSuchName, DnsResolver, DnsTemporaryFailure
from compostela.mailauth.dns import DnsFailure

T = TypeVar("T")


class ResolverDns:
    """See `compostela.mailauth.dns.AuthenticationDns`."""

    def __init__(self, resolver: DnsResolver) -> None:
        self._resolver = resolver

    async def txt(self, name: str) -> list[str]:
        return await _found(self._resolver.txt(name))

    async def ipv4(self, name: str) -> list[str]:
        return await _found(self._resolver.ipv4(name))

    async def ipv6(self, name: str) -> list[str]:
        return await _found(self._resolver.ipv6(name))

    async def exchangers(self, name: str) -> list[str]:
        return [one.host for one in await _found(self._resolver.exchangers(name))]

    async def names(self, address: str) -> list[str]:
        return await _found(self._resolver.reverse(address))


async def _found(answer: Awaitable[list[T]]) -> list[T]:
    try:
        return await answer
    except DnsNoSuchName:
        return []
    except DnsTemporaryFailure as error:
        raise DnsFailure(str(error)) from error
