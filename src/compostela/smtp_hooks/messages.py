"""Hooks that look at the message or mark it."""

import re

from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookCode, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mime import headers
from compostela.smtp_hooks.context import HookContext, HookFactory

_FIELD_NAME = re.compile(r"[!-9;-~]+")
"""RFC 5322 §2.2."""
_FIELD_START = re.compile(rb"^[^ \t\r\n]", re.MULTILINE)
"""What is no continuation and not the empty line at the end."""


class SetMimeHeaderHandler(SmtpHook):
    """Sets one header field, taking the place of those of the same name."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._name = settings.required("headername")
        self._value = settings.required("headervalue")
        if self._name and not _FIELD_NAME.fullmatch(self._name):
            settings.error(f"{self._name!r} is no name of a header field", "headername")

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        block = headers.remove(mail.content.header, [self._name.encode()])
        line = headers.field_line(self._name, self._value)
        mail.content = mail.content.with_header(headers.add_last(block, line))
        return DECLINED


class SetMailAttributeMessageHook(SmtpHook):
    """Sets one mail attribute to a text."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._name = settings.required("name")
        self._value = settings.required("value")

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        mail.attributes[self._name] = self._value
        return DECLINED


class EnforceHeaderLimitationsMessageHook(SmtpHook):
    """Bounds the header block, with the Received field of this server: `maxLines` fields, of which a folded one counts once,
    and `maxSize` octets."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._max_lines = settings.integer("maxLines", 500, minimum=1)
        self._max_bytes = settings.size("maxSize", 64 * 1024, unit="K")

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        block = mail.content.header
        if sum(1 for _ in _FIELD_START.finditer(block)) > self._max_lines:
            return HookResult(HookCode.DENYSOFT, 552, "5.3.4", "Too many header lines")
        if len(block) > self._max_bytes:
            return HookResult(HookCode.DENYSOFT, 552, "5.3.4", "The header is too large")
        return DECLINED


class MaxUnknownCmdHandler(SmtpHook):
    """Hangs up after `maxUnknownCmdCount` unknown commands."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._limit = settings.integer("maxUnknownCmdCount", 5, minimum=1)

    async def on_unknown(self, session: SmtpSession, verb: str) -> HookResult:
        session.unknown_commands += 1
        if session.unknown_commands > self._limit:
            return HookResult(HookCode.DENY, 521, "", "Closing connection as too many unknown commands received", True)
        return DECLINED


HOOKS: dict[str, HookFactory] = {
    "MaxUnknownCmdHandler": MaxUnknownCmdHandler,
    "SetMimeHeaderHandler": SetMimeHeaderHandler,
    "SetMailAttributeMessageHook": SetMailAttributeMessageHook,
    "EnforceHeaderLimitationsMessageHook": EnforceHeaderLimitationsMessageHook,
}
