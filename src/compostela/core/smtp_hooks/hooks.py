"""SMTP hooks: how a server's behaviour is extended at each step of a session (James's fastfail handlers and message hooks).

A hook overrides the methods of the roles that it plays. For each role the chain asks its hooks in order; the first answer
other than `DECLINED` decides, so the hooks after an accepting one are not asked.
"""

import enum
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import ClassVar, TypeVar

from compostela.base.declared import NoSettings
from compostela.base.settings import Settings
from compostela.core.authentication.static_accounts import NO_ACCOUNTS, StaticAccounts
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress


class HookCode(enum.Enum):
    """What a hook says."""

    OK = "ok"
    """Accepted: no further hook is asked."""
    DENY = "deny"
    """Refused for good."""
    DENYSOFT = "denysoft"
    """Refused for now."""
    DECLINED = "declined"
    """Ask the next."""


@dataclass(frozen=True, slots=True)
class HookResult:
    """An answer, with the reply when it is not the usual one (554 and 451), and whether to hang up."""

    code: HookCode
    reply_code: int = 0
    enhanced: str = ""
    text: str = ""
    disconnect: bool = False


DECLINED = HookResult(HookCode.DECLINED)
OK = HookResult(HookCode.OK)


def deny(reply_code: int = 554, enhanced: str = "5.7.1", text: str = "Email rejected") -> HookResult:
    """5xx."""
    return HookResult(HookCode.DENY, reply_code, enhanced, text)


def defer(
    reply_code: int = 451, enhanced: str = "4.7.1", text: str = "Temporary problem. Please try again later"
) -> HookResult:
    """4xx."""
    return HookResult(HookCode.DENYSOFT, reply_code, enhanced, text)


class SmtpHook:
    """Base of all hooks. The constructor gets the `<handler>` element, whose children are its parameters, and what the
    server offers to hooks (`compostela.smtp_hooks.context.HookContext`). It reads its parameters; what it does not ask for is reported
    as unknown. `parameters` is the class that declares them, which the constructor reads with `compostela.base.declared.read`."""

    parameters: ClassVar[type] = NoSettings
    """What the reference shows of the parameters. A hook may also read them from `settings` without a declaration."""

    def __init__(self, settings: Settings, context: object = None) -> None:
        self.settings = settings

    async def on_connect(self, session: SmtpSession) -> HookResult:
        """Before the greeting."""
        return DECLINED

    async def on_helo(self, session: SmtpSession, name: str) -> HookResult:
        return DECLINED

    recipient_limit: int = 0
    """More recipients of one mail than so many the hook refuses (for LIMITS, RFC 9422); 0 for any number."""

    lifespan_seconds: float = 0.0
    """A connection ends after so long; 0 for any time."""

    accounts: StaticAccounts = NO_ACCOUNTS
    """Accounts that may log in at this server beside the users of the repository."""

    def ehlo_lines(self, session: SmtpSession) -> Sequence[str]:
        """EHLO keywords with their values, shown before those of the server itself."""
        return ()

    def helo_features(self, session: SmtpSession) -> Sequence[str]:
        """EHLO keywords with their values, shown after those of the server itself."""
        return ()

    def mail_parameters(self) -> Sequence[str]:
        """Names of MAIL parameters that the hook understands. They are in `session.mail_parameters`."""
        return ()

    def rcpt_parameters(self) -> Sequence[str]:
        """Names of RCPT parameters that the hook understands. They are in `session.rcpt_parameters`."""
        return ()

    async def on_mail_parameter(self, session: SmtpSession, name: str, value: str | None) -> HookResult:
        """One of the hook's parameters, given with MAIL, before anybody is asked about the sender."""
        return DECLINED

    async def on_rcpt_parameter(
        self, session: SmtpSession, recipient: MailAddress, name: str, value: str | None
    ) -> HookResult:
        """One of the hook's parameters, given with this recipient, before anybody is asked about the recipient. The
        recipient may yet be refused; those of the accepted are in `session.recipient_parameters`."""
        return DECLINED

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        return DECLINED

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        return DECLINED

    async def on_unknown(self, session: SmtpSession, verb: str) -> HookResult:
        return DECLINED

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        """After the final dot, before the mail is enqueued. The hook may change the mail."""
        return DECLINED


T = TypeVar("T")
MailParameterRole = Callable[[SmtpSession, str, str | None], Awaitable[HookResult]]
RcptParameterRole = Callable[[SmtpSession, MailAddress, str, str | None], Awaitable[HookResult]]


class HookChain:
    """The hooks of one server, sorted by role once, so that a role without hooks costs nothing."""

    def __init__(self, hooks: Iterable[SmtpHook]) -> None:
        self.hooks = list(hooks)
        self.on_connect = self._players(SmtpHook.on_connect, lambda hook: hook.on_connect)
        self.on_helo = self._players(SmtpHook.on_helo, lambda hook: hook.on_helo)
        self.on_mail = self._players(SmtpHook.on_mail, lambda hook: hook.on_mail)
        self.on_rcpt = self._players(SmtpHook.on_rcpt, lambda hook: hook.on_rcpt)
        self.on_unknown = self._players(SmtpHook.on_unknown, lambda hook: hook.on_unknown)
        self.on_message = self._players(SmtpHook.on_message, lambda hook: hook.on_message)
        self.ehlo_lines = self._players(SmtpHook.ehlo_lines, lambda hook: hook.ehlo_lines)
        self.helo_features = self._players(SmtpHook.helo_features, lambda hook: hook.helo_features)
        self.mail_parameters: dict[str, list[MailParameterRole]] = {}
        self.rcpt_parameters: dict[str, list[RcptParameterRole]] = {}
        for hook in self.hooks:
            for name in hook.mail_parameters():
                self.mail_parameters.setdefault(name.upper(), []).append(hook.on_mail_parameter)
            for name in hook.rcpt_parameters():
                self.rcpt_parameters.setdefault(name.upper(), []).append(hook.on_rcpt_parameter)
        self.recipient_limit = min((hook.recipient_limit for hook in self.hooks if hook.recipient_limit), default=0)

        self.accounts = reduce(or_, (hook.accounts for hook in self.hooks), NO_ACCOUNTS)
        self.lifespan_seconds = min(
            (hook.lifespan_seconds for hook in self.hooks if hook.lifespan_seconds), default=0.0
        )

    def _players(self, unplayed: object, role: Callable[[SmtpHook], T]) -> list[T]:
        name = getattr(unplayed, "__name__", "")
        return [role(hook) for hook in self.hooks if getattr(type(hook), name) is not unplayed]
