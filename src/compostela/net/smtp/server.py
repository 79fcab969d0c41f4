"""What all sessions of one SMTP server share."""

from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.core.blob.ports import BlobStore
from compostela.core.networks import is_in
from compostela.core.queue.ports import MailQueue
from compostela.core.smtp_hooks.hooks import HookChain
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.domain import Domain
from compostela.net.authentication.logins import Logins
from compostela.net.smtp.settings import SmtpSettings


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Settings and parts of one SMTP server."""

    settings: SmtpSettings
    hooks: HookChain
    queue: MailQueue
    blobs: BlobStore
    logins: Logins
    default_domain: Domain
    clock: Clock

    @property
    def max_recipients(self) -> int:
        """Recipients of one mail, by the settings and the handlers."""
        return min(self.settings.max_recipients, self.hooks.recipient_limit or self.settings.max_recipients)

    @property
    def limits(self) -> str:
        """For EHLO (RFC 9422)."""
        mails = f" MAILMAX={self.settings.max_mails}" if self.settings.max_mails else ""
        return f"LIMITS RCPTMAX={self.max_recipients}{mails}"

    def is_authorized(self, address: str) -> bool:
        """Whether a client may relay by its address."""
        return is_in(address, self.settings.authorized_networks)

    def mechanisms(self, session: SmtpSession) -> list[str]:
        """Names of the mechanisms that may be used on this channel."""
        if not self.settings.auth_enabled:
            return []
        return self.settings.auth.available(tls=session.is_tls, bound=session.bound_mechanisms)
