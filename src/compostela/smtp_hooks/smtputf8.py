"""SMTPUTF8 (RFC 6531): addresses and header fields in UTF-8, for clients that declare them.

Without the declaration the server itself refuses an address that is not ASCII, whatever hooks there are."""

from collections.abc import Sequence

from compostela.core.mail.attributes import SMTP_UTF8
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress

_VALUE = deny(501, "5.5.4", "SMTPUTF8 takes no value")
_NOT_DECLARED = deny(553, "5.6.7", "An internationalised address needs SMTPUTF8")


class SmtpUtf8MailHook(SmtpHook):
    """Offers `SMTPUTF8` and takes it at MAIL. What was declared so is marked with the attribute `SMTPUTF8`, and goes only to
    next hops that take it."""

    def ehlo_lines(self, session: SmtpSession) -> Sequence[str]:
        return ("SMTPUTF8",)

    def mail_parameters(self) -> Sequence[str]:
        return ("SMTPUTF8",)

    async def on_mail_parameter(self, session: SmtpSession, name: str, value: str | None) -> HookResult:
        return DECLINED if value is None else _VALUE

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if session.is_utf8:
            mail.attributes[SMTP_UTF8] = True
        return DECLINED


class SmtpUtf8RcptHook(SmtpHook):
    """Refuses recipients that are not ASCII in transactions that were not declared as internationalised."""

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        return DECLINED if recipient.is_ascii or session.is_utf8 else _NOT_DECLARED


HOOKS: dict[str, type[SmtpHook]] = {
    "SmtpUtf8MailHook": SmtpUtf8MailHook,
    "SmtpUtf8RcptHook": SmtpUtf8RcptHook,
}
