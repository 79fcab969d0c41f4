"""Hooks about logins: POP before SMTP, and accounts of the server's own."""

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.authentication.failure_ports import KEPT_LOGIN_SECONDS
from compostela.core.authentication.static_accounts import StaticAccounts
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.username import Username
from compostela.smtp_hooks.context import HookContext, HookFactory


class POP3BeforeSMTPHandler(SmtpHook):
    """An address from which somebody has read mail within `expireTime` may relay. Logins at the mailbox protocols count, those
    at SMTP do not."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._seconds = settings.duration("expireTime", 3600.0, unit="ms")
        if self._seconds > KEPT_LOGIN_SECONDS:
            settings.error("logins are known for 30 days: give at most that", "expireTime")
        self._logins = context.recent_logins

    async def on_connect(self, session: SmtpSession) -> HookResult:
        if await self._logins.within(session.remote_address, self._seconds):
            session.is_authorized_network = True
        return DECLINED


class ConfigurationAuthHook(SmtpHook):
    """Accounts that log in at this server, and only here, with passwords from the configuration:
    `accounts/account` with `username` and `passwords/password`."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        passwords: dict[Username, list[str]] = {}
        accounts = settings.section("accounts")
        for account in accounts.sections("account") if accounts is not None else ():
            name = account.required("username")
            section = account.section("passwords")
            words = [one.body for one in section.sections("password") if one.body] if section else []
            if not words:
                account.error("an account needs at least one 'passwords/password'")
            elif name:
                try:
                    passwords.setdefault(Username.parse(name), []).extend(words)
                except InvalidArgument as wrong:
                    account.error(str(wrong), "username")
            account.finish()
        if not passwords:
            settings.error("at least one 'accounts/account' is needed")
        self.accounts = StaticAccounts(passwords)


HOOKS: dict[str, HookFactory] = {
    "POP3BeforeSMTPHandler": POP3BeforeSMTPHandler,
    "ConfigurationAuthHook": ConfigurationAuthHook,
}
