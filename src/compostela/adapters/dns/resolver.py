"""DNS look-ups with dnspython. The library takes most of a second to import, so that waits for the first look-up."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from compostela.core.dns.ports import DnsNoSuchName, DnsTemporaryFailure, MxHost, SecuredAnswer
from compostela.core.dns.settings import DnsSettings, TrustInResolvers, server_address
from compostela.core.networks import parse_address
from compostela.model.domain import Domain

if TYPE_CHECKING:
    import dns.asyncresolver
    import dns.resolver

_log = logging.getLogger(__name__)

LIFETIME_SECONDS = 20.0
MAX_TOLD_RECORDS = 10
"""Of an answer in the log."""
LOCAL_SERVER = "127.0.0.1"


class DnspythonResolver:
    """See `compostela.core.dns.ports`."""

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings

    @cached_property
    def _resolver(self) -> "dns.asyncresolver.Resolver":
        import dns.asyncresolver
        import dns.flags
        import dns.nameserver
        import dns.resolver

        resolver = dns.asyncresolver.Resolver(configure=False)
        servers: list[str | dns.nameserver.Nameserver] = [
            dns.nameserver.Do53Nameserver(*server_address(server)) for server in self._settings.servers
        ]
        if self._settings.use_system:
            try:
                servers += [str(one) for one in dns.asyncresolver.Resolver().nameservers]
            except dns.resolver.NoResolverConfiguration:
                servers = servers or [LOCAL_SERVER]
        resolver.nameservers = servers or [LOCAL_SERVER]
        resolver.cache = dns.resolver.LRUCache(self._settings.max_cache_size)
        resolver.lifetime = LIFETIME_SECONDS
        # asks for the AD bit without the signatures (RFC 6840 §5.7)
        resolver.flags = dns.flags.RD | dns.flags.AD
        return resolver

    async def mx(self, domain: Domain) -> list[MxHost]:
        answer = await self._ask(domain.name, "MX")
        if answer is None:
            await self.addresses(domain.name)
            return [MxHost(0, domain.name)]
        return _by_preference(answer)

    async def exchangers(self, domain: str) -> list[MxHost]:
        return _by_preference(await self._required(domain, "MX"))

    async def addresses(self, host: str) -> list[str]:
        found: list[str] = []
        for kind in ("A", "AAAA"):
            answer = await self._ask(host, kind)
            if answer is not None:
                found += [str(record) for record in answer]
        if not found:
            raise DnsNoSuchName(f"{host} has no address")
        return found[:1] if self._settings.single_ip_per_mx else found

    async def ipv4(self, host: str) -> list[str]:
        return [str(record) for record in await self._required(host, "A")]

    async def ipv6(self, host: str) -> list[str]:
        return [str(record) for record in await self._required(host, "AAAA")]

    async def txt(self, name: str) -> list[str]:
        answer = await self._required(name, "TXT")
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    async def records(self, name: str, kind: str) -> list[str]:
        # chunksize=0: the digits in one piece, without blanks
        return [record.to_text(chunksize=0) for record in await self._required(name, kind)]

    async def secured(self, name: str, kind: str) -> SecuredAnswer:
        import dns.flags
        import dns.resolver

        try:
            answer = await self._answer(name, kind)
        except (dns.resolver.NXDOMAIN, DnsNoSuchName):
            return SecuredAnswer(name, [], is_secure=False)
        is_secure = bool(answer.response.flags & dns.flags.AD) and self._is_trusted(answer.nameserver)
        found = [] if answer.rrset is None else [record.to_text(chunksize=0) for record in answer.rrset]
        return SecuredAnswer(answer.canonical_name.to_text(omit_final_dot=True), found, is_secure)

    def _is_trusted(self, server: str | None) -> bool:
        """Whether the AD bit of a server counts."""
        trust = self._settings.dnssec
        address = parse_address(server or "")
        return trust is TrustInResolvers.ALL or (
            trust is TrustInResolvers.LOOPBACK and address is not None and address.is_loopback
        )

    async def reverse(self, address: str) -> list[str]:
        import dns.exception
        import dns.reversename

        try:
            name = dns.reversename.from_address(address)
        except dns.exception.SyntaxError as error:
            raise DnsNoSuchName(f"{address} is no address") from error
        answer = await self._required(str(name), "PTR")
        return [str(record).rstrip(".") for record in answer]

    async def _required(self, name: str, kind: str) -> "dns.resolver.Answer":
        answer = await self._ask(name, kind)
        if answer is None:
            raise DnsNoSuchName(f"{name} has no {kind} record")
        return answer

    async def _ask(self, name: str, kind: str) -> "dns.resolver.Answer | None":
        """None when the name exists without such a record."""
        if not _log.isEnabledFor(logging.DEBUG):
            return await self._resolve(name, kind)
        query = {"query": name, "type": kind}
        try:
            answer = await self._resolve(name, kind)
        except (DnsNoSuchName, DnsTemporaryFailure) as error:
            _log.debug("DNS answer", extra={**query, "failure": str(error)})
            raise
        found = [] if answer is None else [str(record) for record in answer]
        _log.debug("DNS answer", extra={**query, "records": ", ".join(found[:MAX_TOLD_RECORDS]), "count": len(found)})
        return answer

    async def _resolve(self, name: str, kind: str) -> "dns.resolver.Answer | None":
        import dns.resolver

        try:
            answer = await self._answer(name, kind)
        except dns.resolver.NXDOMAIN as error:
            raise DnsNoSuchName(f"{name} does not exist") from error
        return None if answer.rrset is None else answer

    async def _answer(self, name: str, kind: str) -> "dns.resolver.Answer":
        """With `rrset` None if the name has no such record. Raises `DnsNoSuchName` for what is no name, `DnsTemporaryFailure`, and
        the library's own NXDOMAIN, which carries the response."""
        resolver = self._resolver
        import dns.exception
        import dns.name
        import dns.resolver

        try:
            # a backslash begins an escape in dnspython's names, and is only itself in ours
            return await resolver.resolve(_ascii(name).replace("\\", "\\\\"), kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise
        except (dns.name.EmptyLabel, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.BadEscape) as error:
            raise DnsNoSuchName(f"{name} is no host name") from error
        except dns.resolver.LifetimeTimeout as error:
            # the library's text repeats every attempt at every server
            servers = ", ".join(map(str, resolver.nameservers))
            raise DnsTemporaryFailure(
                f"no answer to {name} {kind} in {resolver.lifetime:g} seconds ({servers})"
            ) from error
        except (dns.exception.DNSException, OSError) as error:
            raise DnsTemporaryFailure(str(error)) from error


def _by_preference(answer: "dns.resolver.Answer") -> list[MxHost]:
    return sorted(MxHost(record.preference, str(record.exchange).rstrip(".")) for record in answer)


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError as error:
        raise DnsNoSuchName(f"{name} is no host name") from error
