"""Greylisting as a hook."""

import logging
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Many
from compostela.base.declared import Declared, Group, read
from compostela.base.errors import TemporaryFailure
from compostela.base.settings import Settings
from compostela.core.filtering.greylisting import Greylisting, GreylistRules
from compostela.core.filtering.ports import GreylistStore, SeenTriplet
from compostela.core.networks import Network, is_in, read_networks
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext

_log = logging.getLogger(__name__)

_COME_AGAIN = defer(451, "4.4.3", "Temporary rejected: Please try again later.")


@dataclass(frozen=True, slots=True)
class GreylistSettings(Declared):
    """Parameters of the hook."""

    WITHOUT_EFFECT = ("repositoryPath", "sqlFile", "datasource")

    rules: Annotated[GreylistRules, Group()]
    spared: Annotated[tuple[Network, ...], Many("whitelistedNetworks")] = ()
    """Addresses, networks and host names of clients that are let through."""

    def completed(self, settings: Settings) -> Self:
        if self.rules.block_seconds >= self.rules.unseen_seconds:
            settings.error("'unseenLifeTime' must be longer than 'tempBlockTime': no mail could pass", "unseenLifeTime")
        return self


class GreylistHandler(SmtpHook):
    """Defers the first mail of each triplet of client address, sender and recipient for `tempBlockTime`. Who has come again
    within `unseenLifeTime` is let through until nothing has come for `autoWhiteListLifeTime`. Clients that may relay and those in
    `whitelistedNetworks` are not asked. `ipv4Prefix` and `ipv6Prefix` take whole networks for one client, beyond James. The
    triplets are in the server's own store, so that James's elements for the database have no meaning."""

    parameters = GreylistSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        spared = read_networks(settings, "whitelistedNetworks", context.host_addresses)
        made = read(GreylistSettings, settings, spared=spared)
        self._domains = context.domains
        self._spared = made.spared
        self._greylisting = Greylisting(context.greylist, made.rules, context.clock)

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if session.relaying_allowed or is_in(session.remote_address, self._spared):
            return DECLINED
        if not await self._domains.contains(recipient.domain):
            # refused for good by the relay rule, and not worth a row
            return DECLINED
        try:
            passes = await self._greylisting.passes(session.remote_address, sender, recipient)
        except TemporaryFailure as error:
            # what cannot be remembered would be new for ever
            _log.warning("greylisting has no store, the recipient is let through: %s", error)
            return DECLINED
        return DECLINED if passes else _COME_AGAIN


class UnchangedGreylist:
    """The store in a dry run: triplets that are known count, none is remembered."""

    def __init__(self, real: GreylistStore) -> None:
        self._real = real

    async def find(self, key: bytes) -> SeenTriplet | None:
        return await self._real.find(key)

    async def remember(self, key: bytes, seen: SeenTriplet) -> None:
        return


HOOKS: dict[str, type[SmtpHook]] = {
    "GreylistHandler": GreylistHandler,
    "JDBCGreylistHandler": GreylistHandler,
}
