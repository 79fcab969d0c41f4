"""Matchers on addresses of clients and on what DNS says of domains. All but `RecipientHasMXRecord` match the mail as a whole."""

from compostela.base.errors import InvalidArgument
from compostela.core.dns.ports import DnsNoSuchName
from compostela.core.mail.model import Mail
from compostela.core.networks import Network, is_in, parse_network, reversed_address
from compostela.mime.headers import Headers
from compostela.model.domain import Domain
from compostela.processing.mailet import Matcher, MatcherContext, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, given, some


class _Networks(ConditionMatcher[tuple[Network, ...]]):
    def parse(self, condition: str) -> tuple[Network, ...]:
        found: list[Network] = []
        for text in some(condition):
            networks = parse_network(text, self.context.host_addresses)
            if not networks:
                raise InvalidArgument(f"the name {text!r} has no address")
            found += networks
        return tuple(found)


class RemoteAddrInNetwork(_Networks):
    """The client's address lies in one of these networks."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, is_in(mail.remote_address, self.wanted))


class RemoteAddrNotInNetwork(_Networks):
    """The client's address lies in none of these networks."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, not is_in(mail.remote_address, self.wanted))


class XOriginatingIpInNetwork(_Networks):
    """The address in the field X-Originating-IP lies in one of these networks."""

    async def match(self, mail: Mail) -> Recipients:
        value = Headers(mail.content.header).get(b"X-Originating-IP") or b""
        return whole(mail, is_in(value.decode("ascii", "replace").strip(" []"), self.wanted))


class InSpammerBlacklist(ConditionMatcher[str]):
    """The client's address is on this DNS block list (RFC 5782)."""

    def parse(self, condition: str) -> str:
        return given(condition).strip(".")

    async def match(self, mail: Mail) -> Recipients:
        try:
            name = reversed_address(mail.remote_address)
        except ValueError:
            return ()
        try:
            return whole(mail, bool(await self.context.dns.ipv4(f"{name}.{self.wanted}")))
        except DnsNoSuchName:
            return ()


class SenderInFakeDomain(Matcher):
    """The sender's domain takes no mail: it has neither MX nor address records."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and await is_fake(mail.sender.domain, self.context))


async def is_fake(domain: Domain, context: MatcherContext) -> bool:
    """Whether mail to the domain has nowhere to go. Raises `DnsTemporaryFailure`."""
    try:
        return not any(one.host for one in await context.dns.mx(domain))
    except DnsNoSuchName:
        return True


class _Exchangers(ConditionMatcher[frozenset[str]]):
    def parse(self, condition: str) -> frozenset[str]:
        return frozenset(one.lower().rstrip(".") for one in some(condition))

    async def _has_them(self, domain: Domain) -> bool:
        try:
            found = await self.context.dns.exchangers(domain.name)
        except DnsNoSuchName:
            return False
        return {one.host.lower().rstrip(".") for one in found} == self.wanted


class SenderHasMXRecord(_Exchangers):
    """The MX hosts of the sender's domain are exactly these."""

    async def match(self, mail: Mail) -> Recipients:
        return whole(mail, mail.sender is not None and await self._has_them(mail.sender.domain))


class RecipientHasMXRecord(_Exchangers):
    """Recipients in domains whose MX hosts are exactly these."""

    async def match(self, mail: Mail) -> Recipients:
        domains = {domain for domain in {one.domain for one in mail.recipients} if await self._has_them(domain)}
        return [one for one in mail.recipients if one.domain in domains]
