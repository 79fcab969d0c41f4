"""Which mail goes first: MT-PRIORITY (RFC 6710), and priorities of domains."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Integer, Parsed
from compostela.base.declared import Each, read
from compostela.base.settings import Settings
from compostela.core.mail.attributes import MAIL_PRIORITY
from compostela.core.mail.model import Mail
from compostela.core.queue.model import HIGHEST_PRIORITY, LOWEST_PRIORITY, NORMAL_PRIORITY
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import PRIORITY, SmtpSession
from compostela.model.domain import Domain
from compostela.smtp_hooks.context import HookContext

_VALUE = re.compile(r"0|-?[1-9]")
_BAD_PRIORITY = deny(501, "5.5.4", "Syntactically incorrect value for MT-PRIORITY parameter")


class SmtpMtPriorityEhloHook(SmtpHook):
    """Shows `MT-PRIORITY` in the reply to EHLO."""

    def helo_features(self, session: SmtpSession) -> Sequence[str]:
        return ("MT-PRIORITY",)


class SmtpMtPriorityParameterHook(SmtpHook):
    """MT-PRIORITY of MAIL: -9 to 9. A priority above 0 is for clients that may relay; that of others is lowered to 0
    (RFC 6710 §4.1)."""

    def mail_parameters(self) -> Sequence[str]:
        return ("MT-PRIORITY",)

    async def on_mail_parameter(self, session: SmtpSession, name: str, value: str | None) -> HookResult:
        if value is None or not _VALUE.fullmatch(value):
            return _BAD_PRIORITY
        priority = int(value)
        session.attributes[PRIORITY] = priority if session.relaying_allowed else min(priority, NORMAL_PRIORITY)
        return DECLINED


class SmtpMtPriorityMessageHook(SmtpHook):
    """Puts the priority on the mail, as the attribute `MAIL_PRIORITY`."""

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        priority = session.attributes.get(PRIORITY)
        if priority is not None:
            mail.attributes[MAIL_PRIORITY] = priority
        return DECLINED


@dataclass(frozen=True, slots=True)
class PriorityEntry:
    """One domain."""

    domain: Annotated[Domain | None, Parsed("domain", Domain.parse, "domain", required=True)] = None
    """Domain of recipients."""
    priority: Annotated[int, Integer("priority", minimum=LOWEST_PRIORITY, maximum=HIGHEST_PRIORITY)] = NORMAL_PRIORITY
    """Priority of mail to that domain; the highest goes first."""


@dataclass(frozen=True, slots=True)
class MailPriorityHandlerSettings:
    """Parameters of `MailPriorityHandler`."""

    entries: Annotated[tuple[PriorityEntry, ...], Each("priorityEntries/priorityEntry")] = ()


class MailPriorityHandler(SmtpHook):
    """Gives a mail the highest of the priorities of its recipients' domains."""

    parameters = MailPriorityHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        entries = read(MailPriorityHandlerSettings, settings).entries
        self._priorities = {one.domain: one.priority for one in entries if one.domain is not None}

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        found = [self._priorities[one.domain] for one in mail.recipients if one.domain in self._priorities]
        if found:
            mail.attributes[MAIL_PRIORITY] = max(found)
        return DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "MailPriorityHandler": MailPriorityHandler,
    "SmtpMtPriorityEhloHook": SmtpMtPriorityEhloHook,
    "SmtpMtPriorityMessageHook": SmtpMtPriorityMessageHook,
    "SmtpMtPriorityParameterHook": SmtpMtPriorityParameterHook,
}
