"""SPF at MAIL (RFC 7208)."""

import logging
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, defer, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.mailauth.spf.evaluation import check_identity
from compostela.mailauth.spf.result import SpfCode, SpfIdentity, SpfResult, received_spf
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext

_log = logging.getLogger(__name__)

MAX_TEXT = 480
"""Characters of a reply: it is one line of at most 512 octets (RFC 5321 §4.5.3.1.5)."""
SPF_HEADER = "mail:org.apache.james.spf.header"
_TEMPORARY = defer(451, "4.4.3", "Temporarily rejected: Problem on SPF lookup")
_PERMANENT = deny(554, "5.7.1", "Block caused by an invalid SPF record")


@dataclass(frozen=True, slots=True)
class SPFHandlerSettings:
    """Parameters of `SPFHandler`."""

    blocks_softfail: Annotated[bool, Boolean("blockSoftFail")] = False
    """Whether a soft fail is refused like a fail."""
    blocks_permerror: Annotated[bool, Boolean("blockPermError")] = True
    """Whether mail is refused if the domain's SPF record is wrong."""
    checks_all: Annotated[bool, Boolean("checkAuthNetworks")] = False
    """Whether clients that may relay are checked too."""


class SPFHandler(SmtpHook):
    """Asks at MAIL whether the domain of the sender, or with the null sender the name given at HELO, lets the client use its
    name. A fail is refused; the result goes into the mail attribute `org.apache.james.spf.header`, as the text of a
    Received-SPF field. Clients that may relay are not asked about, unless `checkAuthNetworks` is true."""

    parameters = SPFHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._settings = read(SPFHandlerSettings, settings)
        self._dns = context.authentication_dns
        self._clock = context.clock

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        if (session.relaying_allowed and not self._settings.checks_all) or (sender is None and session.helo is None):
            return DECLINED
        identity = SpfIdentity(session.remote_address, session.helo or "unknown", sender)
        result = await check_identity(identity, self._dns, self._clock.now(), session.hello_name)
        session.attributes[SPF_HEADER] = received_spf(result, identity, session.hello_name)
        _log.info(
            "SPF checked",
            extra={
                "ip": identity.ip,
                "sender": identity.address,
                "result": result.code.value,
                "mechanism": result.mechanism,
                "problem": result.problem,
            },
        )
        return self._answer(result, identity.domain)

    def _answer(self, result: SpfResult, domain: str) -> HookResult:
        match result.code:
            case SpfCode.FAIL:
                return _refusal(result, domain)
            case SpfCode.SOFTFAIL if self._settings.blocks_softfail:
                return _refusal(result, domain)
            case SpfCode.PERMERROR if self._settings.blocks_permerror:
                return _PERMANENT
            case SpfCode.TEMPERROR:
                return _TEMPORARY
            case _:
                return DECLINED


def _refusal(result: SpfResult, domain: str) -> HookResult:
    """The reply says that the explanation is the domain's own, since it may contain anything (RFC 7208 §6.2)."""
    if result.explanation is None:
        return deny(554, "5.7.1", f"Blocked by SPF: {domain} does not let this host send its mail")
    told = f"Blocked by SPF: {domain} explains: {result.explanation}"
    return deny(554, "5.7.1", told[:MAX_TEXT])


HOOKS: dict[str, type[SmtpHook]] = {
    "SPFHandler": SPFHandler,
}
