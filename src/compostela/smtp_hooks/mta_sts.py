"""Incoming mail comes under TLS, as the domain's MTA-STS policy (RFC 8461) promises to senders."""

import logging

from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress

_log = logging.getLogger(__name__)

_TLS_NEEDED = deny(571, "5.7.1", "Mail is taken under TLS only, give STARTTLS first")


class EnforceMtaSts(SmtpHook):
    """Refuses MAIL without TLS: mode `enforce` (RFC 8461 §5)."""

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        return DECLINED if session.is_tls else _TLS_NEEDED


class TestMtaSts(SmtpHook):
    """Logs MAIL without TLS: mode `testing` (RFC 8461 §5)."""

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if not session.is_tls:
            _log.warning(
                "mail without TLS, against the MTA-STS policy",
                extra={"ip": session.remote_address, "helo": session.helo, "sender": str(sender or "")},
            )
        return DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "EnforceMtaSts": EnforceMtaSts,
    "TestMtaSts": TestMtaSts,
}
