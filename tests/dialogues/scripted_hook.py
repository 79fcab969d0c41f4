"""A hook that answers what its parameters say."""

from compostela.base.errors import TemporaryFailure
from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.core.smtp_hooks.hooks import DECLINED, HookCode, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext


class ScriptedHook(SmtpHook):
    """`role` is one of connect, helo, mail, rcpt, message, unknown; `answer` a code of hooks, `raise` or `fail`."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._role = settings.required("role")
        self._answer = settings.required("answer")
        self._code = settings.integer("code", 0)
        self._enhanced = settings.text("enhanced", "")
        self._text = settings.text("text", "")
        self._disconnect = settings.boolean("disconnect", False)

    def _say(self, role: str) -> HookResult:
        if role != self._role:
            return DECLINED
        if self._answer == "raise":
            raise RuntimeError("on purpose")
        if self._answer == "fail":
            raise TemporaryFailure("on purpose")
        return HookResult(HookCode(self._answer), self._code, self._enhanced, self._text, self._disconnect)

    async def on_connect(self, session: SmtpSession) -> HookResult:
        return self._say("connect")

    async def on_helo(self, session: SmtpSession, name: str) -> HookResult:
        return self._say("helo")

    async def on_mail(self, session: SmtpSession, sender: MailAddress | None) -> HookResult:
        return self._say("mail")

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        return self._say("rcpt")

    async def on_message(self, session: SmtpSession, mail: Mail) -> HookResult:
        return self._say("message")

    async def on_unknown(self, session: SmtpSession, verb: str) -> HookResult:
        return self._say("unknown")
