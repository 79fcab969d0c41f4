"""Hooks about logins: POP before SMTP, and accounts of the server's own."""

from dataclasses import dataclass, field
from typing import Annotated, Self

from compostela.base.declarations import Duration, Parsed, Texts
from compostela.base.declared import Declared, Each, read
from compostela.base.settings import Settings
from compostela.core.authentication.failure_ports import KEPT_LOGIN_SECONDS
from compostela.core.authentication.static_accounts import StaticAccounts
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.username import Username
from compostela.smtp_hooks.context import HookContext


@dataclass(frozen=True, slots=True)
class POP3BeforeSMTPHandlerSettings(Declared):
    """Parameters of `POP3BeforeSMTPHandler`."""

    seconds: Annotated[float, Duration("expireTime", unit="ms")] = 3600.0
    """How long a login lets an address relay, at most 30 days."""

    def completed(self, settings: Settings) -> Self:
        if self.seconds > KEPT_LOGIN_SECONDS:
            settings.error("logins are known for 30 days: give at most that", "expireTime")
        return self


class POP3BeforeSMTPHandler(SmtpHook):
    """An address from which somebody has read mail within `expireTime` may relay. Logins at the mailbox protocols count, those
    at SMTP do not."""

    parameters = POP3BeforeSMTPHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._seconds = read(POP3BeforeSMTPHandlerSettings, settings).seconds
        self._logins = context.recent_logins

    async def on_connect(self, session: SmtpSession) -> HookResult:
        if await self._logins.within(session.remote_address, self._seconds):
            session.is_authorized_network = True
        return DECLINED


@dataclass(frozen=True, slots=True)
class AccountSettings(Declared):
    """One account."""

    name: Annotated[Username | None, Parsed("username", Username.parse, required=True)] = None
    """Name of the account."""
    passwords: Annotated[tuple[str, ...], Texts("passwords/password")] = field(default=(), repr=False)
    """Its passwords, at least one."""

    def completed(self, settings: Settings) -> Self:
        if not self.passwords:
            settings.error("an account needs at least one 'passwords/password'")
        return self


@dataclass(frozen=True, slots=True)
class ConfigurationAuthHookSettings(Declared):
    """Parameters of `ConfigurationAuthHook`."""

    accounts: Annotated[tuple[AccountSettings, ...], Each("accounts/account")] = ()

    @property
    def passwords(self) -> dict[Username, list[str]]:
        """The passwords of each account."""
        found: dict[Username, list[str]] = {}
        for account in self.accounts:
            if account.name is not None and account.passwords:
                found.setdefault(account.name, []).extend(account.passwords)
        return found

    def completed(self, settings: Settings) -> Self:
        if not self.passwords:
            settings.error("at least one 'accounts/account' is needed")
        return self


class ConfigurationAuthHook(SmtpHook):
    """Accounts that log in at this server, and only here, with passwords from the configuration."""

    parameters = ConfigurationAuthHookSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self.accounts = StaticAccounts(read(ConfigurationAuthHookSettings, settings).passwords)


HOOKS: dict[str, type[SmtpHook]] = {
    "POP3BeforeSMTPHandler": POP3BeforeSMTPHandler,
    "ConfigurationAuthHook": ConfigurationAuthHook,
}
