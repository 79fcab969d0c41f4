"""REQUIRETLS (RFC 8689): a mail that must not travel without verified TLS, or, with `TLS-Required: No`, that may."""

from collections.abc import Sequence

from compostela.core.mail.attributes import REQUIRE_TLS
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mime import headers

PARAMETER = "REQUIRETLS"
_FIELD = b"tls-required"
_NO_TLS = deny(530, "5.7.10", "REQUIRETLS needs a connection under TLS")
_VALUE = deny(501, "5.5.4", "REQUIRETLS takes no value")


class SmtpRequireTlsEhloHook(SmtpHook):
    """Shows `REQUIRETLS` under TLS."""

    def helo_features(self, session: SmtpSession) -> Sequence[str]:
        return (PARAMETER,) if session.is_tls else ()


class SmtpRequireTlsParameterHook(SmtpHook):
    """REQUIRETLS of MAIL: without a value, and under TLS only (RFC 8689 §4.1)."""

    def mail_parameters(self) -> Sequence[str]:
        return (PARAMETER,)

    async def on_mail_parameter(self, session: SmtpSession, name: str, value: str | None) -> HookResult:
        if value is not None:
            return _VALUE
        return DECLINED if session.is_tls else _NO_TLS


class SmtpRequireTlsMessageHook(SmtpHook):
    """Sets the attribute `REQUIRETLS`: true by the parameter, else false by a field `TLS-Required: No` (RFC 8689 §5)."""

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if PARAMETER in session.mail_parameters:
            mail.attributes[REQUIRE_TLS] = True
        elif mail.content.header.lower().count(_FIELD):
            # most headers lack it, and to look for a word is much quicker than to look for a field
            values = headers.values(mail.content.header, _FIELD)
            if len(values) == 1 and values[0].lower() == b"no":
                mail.attributes[REQUIRE_TLS] = False
        return DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "SmtpRequireTlsEhloHook": SmtpRequireTlsEhloHook,
    "SmtpRequireTlsMessageHook": SmtpRequireTlsMessageHook,
    "SmtpRequireTlsParameterHook": SmtpRequireTlsParameterHook,
}
