"""SMTP hooks of one's own: a simple one, and one that asks DNS.

In smtpserver.xml:

    <handler class="examples.hooks.OfficeHours">
        <closed>sales@example.org</closed>
    </handler>
"""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Many, Parsed
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.networks import reversed_address
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext
from compostela.smtp_hooks.lookups import LookupSettings, first_listed, parse_zone


@dataclass(frozen=True, slots=True)
class OfficeHoursSettings:
    """Parameters of `OfficeHours`."""

    closed: Annotated[frozenset[MailAddress], Many("closed", MailAddress.parse, frozenset)] = frozenset()
    """Addresses that take no mail now."""


class OfficeHours(SmtpHook):
    """Asks senders to come back later for the addresses that are closed."""

    parameters = OfficeHoursSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._closed = read(OfficeHoursSettings, settings).closed

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if recipient in self._closed:
            return defer(450, "4.2.1", f"{recipient} takes no mail now, try again later")
        return DECLINED


@dataclass(frozen=True, slots=True)
class OwnListSettings(LookupSettings):
    """Parameters of `OwnList`."""

    zone: Annotated[str, Parsed("list", parse_zone)]
    """The list."""


class OwnList(SmtpHook):
    """Keeps clients waiting that are on a list of the operator's own, in DNS, until they are taken from it.

    <handler class="examples.hooks.OwnList">
        <list>suspects.example.org</list>
    </handler>
    """

    parameters = OwnListSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._settings = read(OwnListSettings, settings)
        self._dns = context.dns

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if session.relaying_allowed:
            return DECLINED
        # asked once a connection, however many recipients there are
        if self not in session.remembered:
            limit = self._settings.limit_seconds
            name = f"{reversed_address(session.remote_address)}.{self._settings.zone}"
            session.remembered[self] = (await first_listed(self._dns, [name], limit)).listed is not None
        return defer(451, "4.7.1", "We do not know you yet") if session.remembered[self] else DECLINED
