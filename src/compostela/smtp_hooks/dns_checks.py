"""What DNS says of the sender, the recipient and the name that a client gives itself. Where DNS does not answer in time,
the client is told to come again (451 4.4.3)."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Self

from compostela.base.declarations import Many
from compostela.base.declared import Declared, read
from compostela.base.settings import Settings
from compostela.core.dns.ports import DnsNoSuchName, DnsTemporaryFailure
from compostela.core.networks import Network, is_in, read_networks
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext
from compostela.smtp_hooks.lookups import ClientCheckSettings, LookupSettings, bounded

MAX_EXCHANGERS = 10
"""Exchangers of one domain that are looked at."""
MAX_NAME = 255
"""Characters of a client's name in a reply."""


class _ClientCheck(SmtpHook):
    """A check that clients which may relay are spared, unless `checkAuthNetworks` is true."""

    parameters = ClientCheckSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        made = read(ClientCheckSettings, settings)
        self._checks_all, self._limit = made.checks_all, made.limit_seconds
        self._dns = context.dns

    def _spares(self, session: SmtpSession) -> bool:
        return session.relaying_allowed and not self._checks_all


class ValidSenderDomainHandler(_ClientCheck):
    """The sender's domain has an MX record or an address, and does not refuse all mail (RFC 7505 §4.2). The null sender and
    address literals pass."""

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if sender is None or self._spares(session) or sender.domain.name.startswith("["):
            return DECLINED
        try:
            exchangers = await bounded(self._dns.mx(sender.domain), self._limit)
        except DnsNoSuchName:
            return deny(501, "5.1.7", f"The sender's domain {sender.domain} has no MX record and no address")
        except DnsTemporaryFailure:
            return defer(
                451, "4.4.3", f"Temporarily rejected: the sender's domain {sender.domain} can not be looked up"
            )
        if any(not one.host for one in exchangers):
            return deny(550, "5.7.27", f"The sender's domain {sender.domain} takes no mail")
        return DECLINED


@dataclass(frozen=True, slots=True)
class ValidRcptMXSettings(LookupSettings, Declared):
    """Parameters of `ValidRcptMX`."""

    networks: Annotated[tuple[Network, ...], Many("invalidMXNetworks", required=True)] = ()
    """Addresses, networks and host names where no exchanger may be."""

    def completed(self, settings: Settings) -> Self:
        if not settings.strings("invalidMXNetworks"):
            settings.error("ValidRcptMX needs 'invalidMXNetworks'")
        return self


class ValidRcptMX(SmtpHook):
    """Refuses what clients that may relay send to a foreign domain one of whose exchangers has an address in
    `invalidMXNetworks`, so that it would go to this machine or into its own network."""

    parameters = ValidRcptMXSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        networks = read_networks(settings, "invalidMXNetworks", context.host_addresses)
        made = read(ValidRcptMXSettings, settings, networks=networks)
        self._networks, self._limit = made.networks, made.limit_seconds
        self._dns = context.dns
        self._domains = context.domains

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        domain = recipient.domain
        if not session.relaying_allowed or await self._domains.contains(domain):
            return DECLINED
        try:
            wrong = await bounded(self._in_networks(domain), self._limit)
        except DnsNoSuchName:
            return DECLINED
        except DnsTemporaryFailure:
            return defer(451, "4.4.3", f"Temporarily rejected: the domain {domain} can not be looked up")
        if wrong is None:
            return DECLINED
        return deny(530, "5.7.1", f"Invalid MX {wrong} for domain {domain}. Reject email")

    async def _in_networks(self, domain: Domain) -> str | None:
        if domain.name.startswith("["):
            literal = domain.name.strip("[]").removeprefix("ipv6:")
            return literal if is_in(literal, self._networks) else None
        for exchanger in (await self._dns.mx(domain))[:MAX_EXCHANGERS]:
            try:
                addresses = await self._dns.addresses(exchanger.host) if exchanger.host else []
            except DnsNoSuchName:
                continue
            for address in addresses:
                if is_in(address, self._networks):
                    return address
        return None


class ResolvableEhloHeloHandler(_ClientCheck):
    """The name given at HELO has an address; an address literal is one. Asked at MAIL."""

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if session.helo is None or self._spares(session) or _is_address(session.helo):
            return DECLINED
        try:
            await bounded(self._dns.addresses(session.helo), self._limit)
        except DnsNoSuchName:
            return deny(501, "5.5.4", f"Provided EHLO/HELO {_shown(session.helo)} can not resolved.")
        except DnsTemporaryFailure:
            return _unsure(session.helo)
        return DECLINED


class ReverseEqualsEhloHeloHandler(_ClientCheck):
    """The name given at HELO is one of those that reverse DNS has for the client's address. Asked at MAIL."""

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if session.helo is None or self._spares(session):
            return DECLINED
        names: list[str] = []
        try:
            names = await bounded(self._dns.reverse(session.remote_address), self._limit)
        except DnsNoSuchName:
            pass
        except DnsTemporaryFailure:
            return _unsure(session.helo)
        given = session.helo.rstrip(".").lower()
        if any(name.rstrip(".").lower() == given for name in names):
            return DECLINED
        return deny(501, "5.5.4", f"Provided EHLO/HELO {_shown(session.helo)} not equal reverse of connecting host.")


def _is_address(helo: str) -> bool:
    try:
        ip_address(helo.removeprefix("[").removesuffix("]").lower().removeprefix("ipv6:"))
    except ValueError:
        return False
    return True


def _shown(helo: str) -> str:
    return helo[:MAX_NAME]


def _unsure(helo: str) -> HookResult:
    return defer(451, "4.4.3", f"Temporarily rejected: EHLO/HELO {_shown(helo)} can not be looked up")


HOOKS: dict[str, type[SmtpHook]] = {
    "ResolvableEhloHeloHandler": ResolvableEhloHeloHandler,
    "ReverseEqualsEhloHeloHandler": ReverseEqualsEhloHeloHandler,
    "ValidRcptMX": ValidRcptMX,
    "ValidSenderDomainHandler": ValidSenderDomainHandler,
}
