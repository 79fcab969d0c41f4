"""Hooks that look at the message or mark it."""

import re
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Integer, Parsed, Size, Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookCode, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mime import headers
from compostela.smtp_hooks.context import HookContext

_FIELD_START = re.compile(rb"^[^ \t\r\n]", re.MULTILINE)
"""What is no continuation and not the empty line at the end."""


@dataclass(frozen=True, slots=True)
class SetMimeHeaderHandlerSettings:
    """Parameters of `SetMimeHeaderHandler`."""

    name: Annotated[str, Parsed("headername", headers.parse_field_name)]
    """Name of the field."""
    value: Annotated[str, Text("headervalue")]
    """Its value."""


class SetMimeHeaderHandler(SmtpHook):
    """Sets one header field, taking the place of those of the same name."""

    parameters = SetMimeHeaderHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        made = read(SetMimeHeaderHandlerSettings, settings)
        self._name, self._value = made.name, made.value

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        block = headers.remove(mail.content.header, [self._name.encode()])
        line = headers.field_line(self._name, self._value)
        mail.content = mail.content.with_header(headers.add_last(block, line))
        return DECLINED


@dataclass(frozen=True, slots=True)
class SetMailAttributeMessageHookSettings:
    """Parameters of `SetMailAttributeMessageHook`."""

    name: Annotated[str, Text("name")]
    """Name of the attribute."""
    value: Annotated[str, Text("value")]
    """Its value."""


class SetMailAttributeMessageHook(SmtpHook):
    """Sets one mail attribute to a text."""

    parameters = SetMailAttributeMessageHookSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        made = read(SetMailAttributeMessageHookSettings, settings)
        self._name, self._value = made.name, made.value

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        mail.attributes[self._name] = self._value
        return DECLINED


@dataclass(frozen=True, slots=True)
class EnforceHeaderLimitationsMessageHookSettings:
    """Parameters of `EnforceHeaderLimitationsMessageHook`."""

    max_lines: Annotated[int, Integer("maxLines", minimum=1)] = 500
    """Fields; a folded one counts once."""
    max_bytes: Annotated[int, Size("maxSize", unit="K")] = 64 * 1024
    """Octets."""


class EnforceHeaderLimitationsMessageHook(SmtpHook):
    """Bounds the header block, with the Received field of this server."""

    parameters = EnforceHeaderLimitationsMessageHookSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        made = read(EnforceHeaderLimitationsMessageHookSettings, settings)
        self._max_lines, self._max_bytes = made.max_lines, made.max_bytes

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        block = mail.content.header
        # a field has at least one line, and to count line ends is much quicker than to find fields
        if block.count(b"\n") >= self._max_lines and len(_FIELD_START.findall(block)) > self._max_lines:
            return HookResult(HookCode.DENYSOFT, 552, "5.3.4", "Too many header lines")
        if len(block) > self._max_bytes:
            return HookResult(HookCode.DENYSOFT, 552, "5.3.4", "The header is too large")
        return DECLINED


@dataclass(frozen=True, slots=True)
class MaxUnknownCmdHandlerSettings:
    """Parameters of `MaxUnknownCmdHandler`."""

    limit: Annotated[int, Integer("maxUnknownCmdCount", minimum=1)] = 5
    """Unknown commands that are answered."""


class MaxUnknownCmdHandler(SmtpHook):
    """Hangs up after `maxUnknownCmdCount` unknown commands."""

    parameters = MaxUnknownCmdHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._limit = read(MaxUnknownCmdHandlerSettings, settings).limit

    async def on_unknown(self, session: SmtpSession, verb: str) -> HookResult:
        session.unknown_commands += 1
        if session.unknown_commands > self._limit:
            return HookResult(HookCode.DENY, 521, "", "Closing connection as too many unknown commands received", True)
        return DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "MaxUnknownCmdHandler": MaxUnknownCmdHandler,
    "SetMimeHeaderHandler": SetMimeHeaderHandler,
    "SetMailAttributeMessageHook": SetMailAttributeMessageHook,
    "EnforceHeaderLimitationsMessageHook": EnforceHeaderLimitationsMessageHook,
}
