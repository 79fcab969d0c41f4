"""DSN (RFC 3461): what senders ask to be told is taken at MAIL and RCPT and kept on the mail."""

from collections.abc import Sequence
from datetime import UTC, datetime

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.mail.attributes import (
    DSN_ARRIVAL_DATE,
    DSN_ENVELOPE_ID,
    DSN_NOTIFY,
    DSN_ORIGINAL_RECIPIENT,
    DSN_RETURN,
)
from compostela.core.mail.model import Mail
from compostela.core.mail.notification import CONDITIONS, FULL, HEADERS_ONLY, NEVER, note
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mime import xtext
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext

MAX_ENVELOPE_ID = 100
"""Characters (RFC 3461 §5.4)."""
MAX_ORIGINAL_RECIPIENT = 500
_BAD_ENVELOPE_ID = deny(501, "5.5.4", "Syntactically incorrect value for ENVID parameter")
_BAD_NOTIFY = deny(501, "5.5.4", "Syntactically incorrect value for NOTIFY parameter")
_BAD_ORIGINAL = deny(501, "5.5.4", "Syntactically incorrect value for ORCPT parameter")


class DSNEhloHook(SmtpHook):
    """Shows `DSN` in the reply to EHLO."""

    def helo_features(self, session: SmtpSession) -> Sequence[str]:
        return ("DSN",)


class DSNMailParameterHook(SmtpHook):
    """RET and ENVID of MAIL (RFC 3461 §4.3, §4.4). A RET that is neither FULL nor HDRS says nothing; an ENVID that is no xtext
    is refused."""

    def mail_parameters(self) -> Sequence[str]:
        return ("RET", "ENVID")

    async def on_mail_parameter(self, session: SmtpSession, name: str, value: str | None) -> HookResult:
        if name == "ENVID":
            if not value or len(value) > MAX_ENVELOPE_ID or not xtext.is_xtext(value):
                return _BAD_ENVELOPE_ID
            session.attributes[DSN_ENVELOPE_ID] = value
        elif (value or "").upper() in (FULL, HEADERS_ONLY):
            session.attributes[DSN_RETURN] = (value or "").upper()
        return DECLINED


class DSNRcptParameterHook(SmtpHook):
    """NOTIFY and ORCPT of RCPT (RFC 3461 §4.1, §4.2), with addresses of the type `utf-8` in internationalised transactions
    (RFC 6533 §3)."""

    def rcpt_parameters(self) -> Sequence[str]:
        return ("NOTIFY", "ORCPT")

    async def on_rcpt_parameter(
        self, session: SmtpSession, recipient: MailAddress, name: str, value: str | None
    ) -> HookResult:
        if name == "NOTIFY":
            return DECLINED if _notify(value or "") is not None else _BAD_NOTIFY
        if value is not None and not value.isascii() and not session.is_utf8:
            return _BAD_ORIGINAL
        return DECLINED if _original(value or "") is not None else _BAD_ORIGINAL


def _notify(value: str) -> str | None:
    """In capitals, without repetitions; None when it is malformed."""
    conditions = value.upper().split(",")
    if not CONDITIONS.issuperset(conditions) or (NEVER in conditions and len(conditions) > 1):
        return None
    return ",".join(dict.fromkeys(conditions))


def _original(value: str) -> str | None:
    """In ASCII, None when it is malformed."""
    kind, _, address = value.partition(";")
    if not address or len(value) > MAX_ORIGINAL_RECIPIENT:
        return None
    try:
        if kind.lower() == "rfc822":
            xtext.decode(address)
            return f"rfc822;{address}"
        if kind.lower() == "utf-8":
            encoded = f"utf-8;{xtext.encode_utf8_address(xtext.decode_utf8_address(address))}"
            return encoded if len(encoded) <= MAX_ORIGINAL_RECIPIENT else None
    except InvalidArgument:
        return None
    return None


class DSNMessageHook(SmtpHook):
    """Puts what was asked on the mail, as the attributes `dsn-envid`, `dsn-ret`, `dsn-notify`, `dsn-orcpt` and
    `dsn-arrival-date`; the reports and the next hop go by it."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._clock = context.clock

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        for name in (DSN_ENVELOPE_ID, DSN_RETURN):
            if name in session.attributes:
                mail.attributes[name] = session.attributes[name]
        if session.recipient_parameters:
            _note_recipients(session, mail)
        mail.attributes[DSN_ARRIVAL_DATE] = datetime.fromtimestamp(self._clock.now(), UTC)
        return DECLINED


def _note_recipients(session: SmtpSession, mail: Mail) -> None:
    notify: dict[MailAddress, str] = {}
    original: dict[MailAddress, str] = {}
    for recipient, parameters in session.recipient_parameters.items():
        if (value := _notify(parameters.get("NOTIFY") or "")) is not None:
            notify[recipient] = value
        if (value := _original(parameters.get("ORCPT") or "")) is not None:
            original[recipient] = value
    note(mail, DSN_NOTIFY, notify)
    note(mail, DSN_ORIGINAL_RECIPIENT, original)


HOOKS: dict[str, type[SmtpHook]] = {
    "DSNEhloHook": DSNEhloHook,
    "DSNMailParameterHook": DSNMailParameterHook,
    "DSNMessageHook": DSNMessageHook,
    "DSNRcptParameterHook": DSNRcptParameterHook,
}
