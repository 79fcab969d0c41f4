"""The hook that stops mail loops."""

import logging
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Integer
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.hops import MAX_RECEIVED, TOO_MANY_HOPS, has_too_many_hops
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.smtp_hooks.context import HookContext

_log = logging.getLogger(__name__)

_CODE, _ENHANCED, _TEXT = TOO_MANY_HOPS.split(" ", 2)


@dataclass(frozen=True, slots=True)
class ReceivedLimitHandlerSettings:
    """Parameters of `ReceivedLimitHandler`."""

    limit: Annotated[int, Integer("maxReceived", minimum=1)] = MAX_RECEIVED
    """Received fields of a mail."""


class ReceivedLimitHandler(SmtpHook):
    """Refuses a mail with more than `maxReceived` Received fields, with this server's own (RFC 5321 §6.3): it is in a loop. Every
    SMTP and LMTP server has this hook; name it as a handler only to set another limit."""

    parameters = ReceivedLimitHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._limit = read(ReceivedLimitHandlerSettings, settings).limit

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if not has_too_many_hops(mail.content.header, self._limit):
            return DECLINED
        _log.warning("mail refused: too many hops", extra={"mail": mail.name, "ip": session.remote_address})
        return deny(int(_CODE), _ENHANCED, _TEXT)


HOOKS: dict[str, type[SmtpHook]] = {
    "ReceivedLimitHandler": ReceivedLimitHandler,
}
