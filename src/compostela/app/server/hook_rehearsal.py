"""A dry run of an SMTP server's hooks: what they would say of a connection and its mail. Nothing is changed."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

from compostela.app.server.hook_chains import smtp_chain
from compostela.base.settings import Problems, Settings
from compostela.core.mail.model import Mail
from compostela.core.networks import is_in
from compostela.core.smtp_hooks.hooks import DECLINED, HookCode, HookResult, SmtpHook
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.net.smtp.settings import SmtpSettings
from compostela.smtp_hooks.context import HookContext
from compostela.smtp_hooks.greylist import UnchangedGreylist

_PACKAGE = "compostela."
_REPLIES = {HookCode.DENY: "554", HookCode.DENYSOFT: "451"}


@dataclass(frozen=True, slots=True)
class HookStep:
    """A hook that said something; `recipient` is "" when it is about the whole mail."""

    step: str
    hook: str
    recipient: str
    reply: str


@dataclass(frozen=True, slots=True)
class Connection:
    """How the mail comes. `tls` is the protocol's version, "" for none; `user` has logged in."""

    address: str
    helo: str = ""
    tls: str = ""
    user: Username | None = None


class HookRehearsal:
    """Of one SMTP server. Hooks of one's own are left out, for they may do anything; what hooks keep in the memory of a process, such
    as clients that wrote to a spam trap, begins empty."""

    def __init__(self, settings: SmtpSettings, context: HookContext) -> None:
        self._settings = settings
        self._context = context

    def is_authorized(self, address: str) -> bool:
        """Whether a client with this address may relay without a login."""
        return is_in(address, self._settings.authorized_networks)

    async def rehearse(self, mail: Mail, connection: Connection) -> list[HookStep]:
        """Takes the recipients that would be refused out of the mail: all, if the mail itself is refused. Hooks of messages may
        change it."""
        context = replace(self._context, greylist=UnchangedGreylist(self._context.greylist), _shared={})
        handlers = self._settings.chain.handlers
        fresh = tuple(replace(one, settings=Settings(one.settings.node, Problems())) for one in handlers)
        chain = smtp_chain(replace(self._settings, chain=replace(self._settings.chain, handlers=fresh)), context)
        is_authorized = self.is_authorized(connection.address)
        session = SmtpSession(
            id=mail.trace_id,
            remote_address=connection.address,
            remote_host=mail.remote_host,
            hello_name=self._settings.server.hello_name,
            is_authorized_network=is_authorized,
            auth_announced=self._settings.announces_auth(is_authorized),
            helo=connection.helo or None,
            is_esmtp=True,
            tls_protocol=connection.tls or None,
            user=connection.user,
        )
        steps: list[HookStep] = []

        async def is_refused(step: str, recipient: MailAddress | None = None) -> bool:
            for hook in chain.hooks:
                if not type(hook).__module__.startswith(_PACKAGE):
                    continue
                said = await _asked(hook, step, session, mail, connection, recipient)
                if said.code is not HookCode.DECLINED:
                    about = "" if recipient is None else str(recipient)
                    steps.append(HookStep(step, type(hook).__name__, about, _reply(said)))
                    return said.code is not HookCode.OK
            return False

        for step in ("connect", "helo", "mail"):
            if await is_refused(step):
                mail.recipients = []
                return steps
        session.sender_given, session.sender = True, mail.sender
        for recipient in list(mail.recipients):
            if await is_refused("rcpt", recipient):
                mail.recipients.remove(recipient)
            else:
                session.recipients.append(recipient)
        if mail.recipients and await is_refused("message"):
            mail.recipients = []
        return steps


def _asked(
    hook: SmtpHook, step: str, session: SmtpSession, mail: Mail, connection: Connection, recipient: MailAddress | None
) -> Awaitable[HookResult]:
    match step:
        case "connect":
            return hook.on_connect(session)
        case "helo":
            return hook.on_helo(session, connection.helo) if connection.helo else _declined()
        case "mail":
            return hook.on_mail(session, mail.sender)
        case "rcpt" if recipient is not None:
            return hook.on_rcpt(session, mail.sender, recipient)
        case _:
            return hook.on_message(session, mail)


async def _declined() -> HookResult:
    return DECLINED


def _reply(said: HookResult) -> str:
    if said.code is HookCode.OK:
        return "accepted: no further hook is asked"
    code = str(said.reply_code) if said.reply_code else _REPLIES[said.code]
    return " ".join(one for one in (code, said.enhanced, said.text) if one)
