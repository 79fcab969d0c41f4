"""An SMTP hook of one's own.

In smtpserver.xml:

    <handler class="examples.hooks.OfficeHours">
        <closed>sales@example.org</closed>
    </handler>
"""

from compostela.base.settings import Settings
from compostela.core.smtp.hooks import DECLINED, HookResult, SmtpHook, defer
from compostela.core.smtp.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.processing.smtp_hooks.context import HookContext


class OfficeHours(SmtpHook):
    """Asks senders to come back later for the addresses that are closed."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._closed = {MailAddress.parse(address) for address in settings.strings("closed")}

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if recipient in self._closed:
            return defer(450, "4.2.1", f"{recipient} takes no mail now, try again later")
        return DECLINED
