"""Which recipients are taken."""

import enum
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Choice, Integer
from compostela.base.declared import read
from compostela.base.errors import TemporaryFailure
from compostela.base.settings import Settings
from compostela.core.rewriting.resolution import ONLY_REPORTS, MappingError, Resolution
from compostela.core.smtp_hooks.hooks import DECLINED, OK, HookResult, SmtpHook, defer, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext

_POSTMASTERS = frozenset({"postmaster", "abuse"})


class TableCheck(enum.Enum):
    """What a mapping must be for its source to be a recipient."""

    EXISTS = "mappingExists"
    ANY_VALID = "anyMappingValid"
    ALL_VALID = "allMappingsValid"


_CHECKS = {check.value: check for check in TableCheck}


@dataclass(frozen=True, slots=True)
class ValidRcptHandlerSettings:
    """Parameters of `ValidRcptHandler`."""

    use_table: Annotated[bool, Boolean("enableRecipientRewriteTable")] = True
    """Whether an address with a mapping is a recipient."""
    takes_details: Annotated[bool, Boolean("subAddressing")] = False
    """Whether `user+folder` is a recipient if `user` is."""
    check: Annotated[TableCheck, Choice("recipientRewriteTableCheck", _CHECKS)] = TableCheck.EXISTS
    """What a mapping must be: there, with at least one target that leads somewhere, with such targets only."""


class ValidRcptHandler(SmtpHook):
    """A recipient in a local domain is a user or has a mapping; `recipientRewriteTableCheck` says whether the mapping must
    lead somewhere. An address in a foreign domain does, one in a local domain when it is a user's. With `subAddressing`,
    `user+folder` is taken if `user` is: for a container with the mailet `SubAddressing`. An address that SRS made takes mail from the
    null sender only."""

    parameters = ValidRcptHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._domains = context.domains
        self._users = context.users
        self._rewriting = context.rewriting
        made = read(ValidRcptHandlerSettings, settings)
        self._use_table, self._takes_details, self._check = made.use_table, made.takes_details, made.check

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if not await self._domains.contains(recipient.domain):
            return DECLINED
        try:
            if await self._users.user_for(recipient) is not None or await self._is_detailed(recipient):
                return DECLINED
            if self._use_table:
                resolution = await self._rewriting.resolve(recipient)
                if not resolution.takes(sender):
                    return deny(550, "5.7.1", ONLY_REPORTS)
                if await self._is_accepted(resolution):
                    return DECLINED
        except MappingError as error:
            return deny(550, "5.1.1", str(error))
        except TemporaryFailure:
            return defer(451, "4.0.0", f"Unexpected error for {recipient}")
        return deny(550, "5.1.1", f"Unknown user: {recipient}")

    async def _is_detailed(self, recipient: MailAddress) -> bool:
        local, _, detail = recipient.local_part.partition("+")
        if not self._takes_details or not local or not detail:
            return False
        return await self._users.user_for(MailAddress(local, recipient.domain)) is not None

    async def _is_accepted(self, resolution: Resolution) -> bool:
        if resolution.is_empty or self._check is TableCheck.EXISTS:
            return not resolution.is_empty
        leading = [await self._leads_somewhere(one) for one in (*resolution.targets, *resolution.forwards)]
        return any(leading) if self._check is TableCheck.ANY_VALID else all(leading)

    async def _leads_somewhere(self, target: MailAddress) -> bool:
        return not await self._domains.contains(target.domain) or await self._users.user_for(target) is not None


class PostmasterAbuseRcptHook(SmtpHook):
    """Mail for postmaster and abuse of a local domain is taken, whatever other hooks would say (RFC 5321 §4.5.1)."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._domains = context.domains

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if recipient.local_part.lower() in _POSTMASTERS and await self._domains.contains(recipient.domain):
            return OK
        return DECLINED


@dataclass(frozen=True, slots=True)
class MaxRcptHandlerSettings:
    """Parameters of `MaxRcptHandler`."""

    limit: Annotated[int, Integer("maxRcpt", minimum=0)] = 0
    """Recipients of one mail; 0 for any number."""


class MaxRcptHandler(SmtpHook):
    """At most `maxRcpt` recipients; 0 for any number."""

    parameters = MaxRcptHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._limit = self.recipient_limit = read(MaxRcptHandlerSettings, settings).limit

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if self._limit and len(session.recipients) >= self._limit:
            return defer(452, "4.5.3", "Requested action not taken: max recipients reached")
        return DECLINED


class SupressDuplicateRcptHandler(SmtpHook):
    """A recipient that was given before is answered with 250 and not added again."""

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if recipient in session.recipients:
            # no other hook is asked again: a refusal now would take away what was accepted
            session.recipients.remove(recipient)
            return OK
        return DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "ValidRcptHandler": ValidRcptHandler,
    "MaxRcptHandler": MaxRcptHandler,
    "SupressDuplicateRcptHandler": SupressDuplicateRcptHandler,
}
