"""The relay rule, required authentication, and the sender addresses that a user may use."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Body, Boolean, Many
from compostela.base.declared import Declared, Each, Taken, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.core.networks import Network, Resolve, is_in, read_networks
from compostela.core.smtp_hooks.hooks import DECLINED, OK, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mime import addresses
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext

_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?!\d+\.?$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?"
)
"""A name with a dot that is no address: what a real server calls itself."""
_AUTHORS = (b"From", b"Sender", b"Resent-From", b"Resent-Sender")
"""Fields that mail programs show as the sender of a message (RFC 5322 §3.6.2, §3.6.6)."""
_AUTHENTICATE = deny(530, "5.7.0", "Authentication Required")  # RFC 4954 §6
_DENIED = deny(550, "5.7.1", "Requested action not taken: relaying denied")
_WRONG_SENDER = deny(503, "5.7.1", "Incorrect Authentication for Specified Email Address")
_NO_FROM = deny(503, "5.5.4", "Missing From header")
_TOO_MANY = deny(554, "5.6.0", "Too many addresses in the From header")


class AuthRequiredToRelayRcptHook(SmtpHook):
    """Mail for foreign domains is taken only from authorised networks and authenticated users. The local part of an address
    is never read as a route (`user%other@here`, `other!user@here`)."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._domains = context.domains

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if session.relaying_allowed or await self._domains.contains(recipient.domain):
            return DECLINED
        return _AUTHENTICATE if session.auth_announced else _DENIED


class AuthRequiredHook(SmtpHook):
    """With `auth/required`: MAIL only from authorised networks and authenticated users."""

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        return DECLINED if session.relaying_allowed else _AUTHENTICATE


class SenderAuthIdentifyVerificationHook(SmtpHook):
    """verifyIdentity: at MAIL, again at RCPT, and for each mailbox of the From, Sender and Resent fields."""

    def __init__(self, settings: Settings, context: HookContext, *, relaxed: bool) -> None:
        super().__init__(settings)
        self._domains = context.domains
        self._rewriting = context.rewriting
        self._relaxed = relaxed

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        return await self._check(session, sender)

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        return await self._check(session, sender)

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if self._relaxed and session.user is None:
            return DECLINED
        headers = Headers(mail.content.header)
        mailboxes: dict[str, None] = {}
        for name in _AUTHORS:
            for field in headers.get_all(name):
                found = addresses.parse(field)
                if len(found) >= addresses.MAX_ADDRESSES:
                    # there may be more of them than can be looked at
                    return _TOO_MANY
                mailboxes.update(dict.fromkeys(one.text() for one in (*found, *_hidden(field)) if one.is_mailbox))
            if name == b"From" and session.user is not None and not mailboxes:
                return _NO_FROM
        for mailbox in mailboxes:
            result = await self._check_mailbox(session, mailbox)
            if result is not DECLINED:
                return result
        return DECLINED

    async def _check_mailbox(self, session: SmtpSession, mailbox: str) -> HookResult:
        """Without a login only the domain counts: an address of ours is refused even if no user can have its local part."""
        try:
            if session.user is not None:
                return await self._check(session, MailAddress.parse(mailbox))
            return await self._check_domain(session, Domain.parse(mailbox.rpartition("@")[2]))
        except InvalidArgument:
            return DECLINED if session.user is None else _WRONG_SENDER

    async def _check(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if sender is None:
            return DECLINED
        if session.user is not None:
            return DECLINED if await self._rewriting.can_send_as(session.user, sender) else _WRONG_SENDER
        return await self._check_domain(session, sender.domain)

    async def _check_domain(self, session: SmtpSession, domain: Domain) -> HookResult:
        if session.is_authorized_network or not await self._domains.contains(domain):
            return DECLINED
        if self._relaxed and session.helo is not None and _DOMAIN.fullmatch(session.helo):
            return DECLINED
        return _AUTHENTICATE


def _hidden(field: bytes) -> list[addresses.Address]:
    """Mailboxes that show up when encoded words are decoded first, as some programs do."""
    if b"=?" not in field:
        return []
    return [one for one in addresses.parse(decode(field).encode()) if one.host and b"." in one.host]


class AcceptRecipientIfRelayingIsAllowed(SmtpHook):
    """Accepts any recipient from clients that may relay. Put it before hooks that check recipients."""

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        return OK if session.relaying_allowed else DECLINED


@dataclass(frozen=True, slots=True)
class AllowedSenderSettings:
    """One sender."""

    section: Annotated[Settings, Taken(lambda settings: settings)]
    address: Annotated[MailAddress | None, Body("", MailAddress.parse, "address")] = None
    """A sender that is taken."""
    from_ips: Annotated[tuple[str, ...], Many("fromIps")] = ()
    """Addresses, networks and host names of the clients from which that sender is taken; by default from all."""

    def networks(self, resolve: Resolve) -> tuple[Network, ...] | None:
        """Of the clients; None for all."""
        return read_networks(self.section, "fromIps", resolve) if self.section.has("fromIps") else None


@dataclass(frozen=True, slots=True)
class AllowedUnauthenticatedSenderSettings(Declared):
    """Parameters of `AllowedUnauthenticatedSender`."""

    null: Annotated[bool, Boolean("allowNullSender")] = False
    """Whether the null sender is taken."""
    senders: Annotated[tuple[AllowedSenderSettings, ...], Each("allowedSenders/allowedSender")] = ()

    def completed(self, settings: Settings) -> Self:
        found: set[MailAddress] = set()
        for one in self.senders:
            if one.address in found:
                one.section.error(f"{one.address} is listed twice; 'fromIps' takes several networks")
            if one.address is not None:
                found.add(one.address)
        if not found:
            settings.error("at least one 'allowedSenders/allowedSender' is needed")
        return self


class AllowedUnauthenticatedSender(SmtpHook):
    """Of clients that relay by their address, without a login, only the listed senders are taken, each, with `fromIps`, from
    these addresses and networks alone. `allowNullSender` lists the null sender too."""

    parameters = AllowedUnauthenticatedSenderSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        made = read(AllowedUnauthenticatedSenderSettings, settings)
        self._null = made.null
        networks = [(one.address, one.networks(context.host_addresses)) for one in made.senders]
        self._senders = {address: found for address, found in networks if address is not None}

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if session.user is not None or not session.is_authorized_network or self._is_allowed(session, sender):
            return DECLINED
        text = f"Sender <{sender or ''}> is not allowed for unauthenticated connection from {session.remote_address}"
        return deny(550, "5.7.1", text)

    def _is_allowed(self, session: SmtpSession, sender: MailAddress | None) -> bool:
        if sender is None:
            return self._null
        if sender not in self._senders:
            return False
        networks = self._senders[sender]
        return networks is None or is_in(session.remote_address, networks)


HOOKS: dict[str, type[SmtpHook]] = {
    "AllowedUnauthenticatedSender": AllowedUnauthenticatedSender,
    "AcceptRecipientIfRelayingIsAllowed": AcceptRecipientIfRelayingIsAllowed,
}
