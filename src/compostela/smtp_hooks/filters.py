"""Hooks that ask other programs: SpamAssassin about messages, CrowdSec about clients.

A program that does not answer stops no mail: it is logged, and the mail goes on as if the hook were not there."""

import logging
import math
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Duration, Parsed, Size
from compostela.base.declared import Group, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.filtering.ports import FilterUnavailable
from compostela.core.filtering.settings import SpamdSettings
from compostela.core.mail.attributes import SPAM_FLAG, SPAM_STATUS
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookCode, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.smtp_hooks.context import HookContext
from compostela.smtp_hooks.lookups import MIN_LIMIT_SECONDS

_log = logging.getLogger(__name__)

_SPAM = deny(
    554,
    "5.7.0",
    "This message reaches the spam hits threshold. Please contact the Postmaster if the email is not SPAM. Message rejected",
)
_BANNED = deny(554, "5.7.1", "Rejected: your address is banned")


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is not a number") from None
    if not 0 <= score < math.inf:
        raise InvalidArgument(f"must be 0 or more, but is {text!r}")
    return score


@dataclass(frozen=True, slots=True)
class SpamAssassinHandlerSettings:
    """Parameters of `SpamAssassinHandler`."""

    spamd: Annotated[SpamdSettings, Group()]
    timeout_seconds: Annotated[float, Duration("timeout", minimum=MIN_LIMIT_SECONDS)] = 30.0
    """How long an answer may take."""
    rejection: Annotated[float, Parsed("spamdRejectionHits", _score, "number, at least 0")] = 0.0
    """The score from which a message is refused; 0 refuses none."""
    max_bytes: Annotated[int, Size("maxSize", unit="K")] = 512 * 1024
    """Larger messages are not looked at, in octets."""
    checks_all: Annotated[bool, Boolean("checkAuthNetworks")] = True
    """Whether messages of clients that may relay are looked at."""


class SpamAssassinHandler(SmtpHook):
    """Has spamd look at each message and notes what it says in the mail attributes `org.apache.james.spamassassin.status`
    (`Yes, hits=7.5 required=5.0`) and `org.apache.james.spamassassin.flag` (`YES` or `NO`). A score of
    `spamdRejectionHits` and more is refused; 0 refuses nothing. Messages beyond `maxSize` are not looked at, nor, with
    `checkAuthNetworks` false, what comes from clients that may relay."""

    parameters = SpamAssassinHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._settings = made = read(SpamAssassinHandlerSettings, settings)
        self._scanner = context.spamd(made.spamd.host, made.spamd.port, made.timeout_seconds)

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        if mail.size > self._settings.max_bytes or (session.relaying_allowed and not self._settings.checks_all):
            return DECLINED
        try:
            verdict = await self._scanner.scan(mail.content)
        except FilterUnavailable as error:
            _log.warning("a mail was not looked at for spam", extra={"mail": mail.name, "error": str(error)})
            return DECLINED
        mail.attributes[SPAM_STATUS] = verdict.status
        mail.attributes[SPAM_FLAG] = verdict.flag
        if 0 < self._settings.rejection <= verdict.score:
            _log.info("spam refused", extra={"mail": mail.name, "ip": session.remote_address, "score": verdict.score})
            return _SPAM
        return DECLINED


class _CrowdsecHook(SmtpHook):
    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._bans = context.bans
        if self._bans is None:
            settings.error("the handler needs crowdsec.properties, with crowdsecUrl and apiKey")

    async def _is_banned(self, session: SmtpSession) -> bool:
        if self._bans is None or not await self._bans.bans(session.remote_address):
            return False
        _log.info("a client is banned by CrowdSec", extra={"ip": session.remote_address})
        return True


class CrowdsecSMTPConnectHandler(_CrowdsecHook):
    """Refuses connections of clients that CrowdSec bans, with 554 instead of the greeting (`crowdsec.properties`)."""

    async def on_connect(self, session: SmtpSession) -> HookResult:
        return (
            HookResult(HookCode.DENY, 554, "5.7.1", _BANNED.text, True) if await self._is_banned(session) else DECLINED
        )


class CrowdsecEhloHook(_CrowdsecHook):
    """Refuses HELO and EHLO of clients that CrowdSec bans (`crowdsec.properties`)."""

    async def on_helo(self, session: SmtpSession, name: str) -> HookResult:
        return _BANNED if await self._is_banned(session) else DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "CrowdsecEhloHook": CrowdsecEhloHook,
    "CrowdsecSMTPConnectHandler": CrowdsecSMTPConnectHandler,
    "SpamAssassinHandler": SpamAssassinHandler,
}
