"""SubAddressing: `user+folder@example.org` is the user, and names a mailbox (RFC 5233 §1 tells of such details)."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from compostela.base.declarations import Boolean
from compostela.base.declared import read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.delivery.storage_directive import StorageDirective
from compostela.core.mail import notification
from compostela.core.mail.attributes import SMTP_AUTH_USER
from compostela.core.mail.model import Mail
from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.rights import Right
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

SEPARATOR = "+"
INBOX = "INBOX"


def without_detail(address: MailAddress) -> tuple[MailAddress, str]:
    """The address of the user, and the detail after the first `+`; empty without one."""
    local, _, detail = address.local_part.partition(SEPARATOR)
    return (MailAddress(local, address.domain), detail) if local and detail else (address, "")


@dataclass(frozen=True, slots=True)
class SubAddressingSettings:
    """Parameters of `SubAddressing`."""

    anyone: Annotated[bool, Boolean("anyoneMayPost")] = False
    """Whether all senders may post to the mailbox, not only its owner."""


class SubAddressing(Mailet):
    """Delivers mail for `user+folder` to the mailbox `folder` of `user`. The name is compared without regard to case, after its `%`
    escapes are decoded. The mail goes to INBOX if there is no such mailbox, or if the sender may not post to it: only its owner
    may, after a login. With `anyoneMayPost` all senders may. A recipient is left as it is if no user has the name before the `+`.
    Place this mailet before the check of local recipients, and set `subAddressing` on `ValidRcptHandler`, which otherwise refuses
    such recipients."""

    parameters = SubAddressingSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._anyone = read(SubAddressingSettings, settings).anyone

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        folders: dict[MailAddress, list[str]] = {}
        for recipient in mail.recipients:
            base, detail = without_detail(recipient)
            user = await self._user_of(recipient, base) if detail else None
            if user is None:
                folders.setdefault(recipient, []).append(INBOX)
                continue
            notification.inherit(mail, recipient, [base])
            folders.setdefault(base, []).append(await self._folder(mail, user, unquote(detail)))
        for recipient, names in folders.items():
            if any(name != INBOX for name in names):
                StorageDirective(list(dict.fromkeys(names))).put(mail, recipient)
        mail.recipients = list(folders)

    async def _user_of(self, recipient: MailAddress, base: MailAddress) -> Username | None:
        """None if the address belongs to a user as it is, and if there is no such user without the detail."""
        users = self.context.users
        return await users.user_for(base) if await users.user_for(recipient) is None else None

    async def _folder(self, mail: Mail, user: Username, wanted: str) -> str:
        for mailbox in await self.context.mailboxes.list(user):
            if mailbox.path.name.casefold() == wanted.casefold():
                sender = _sender_of(mail)
                may = self._anyone or (
                    sender is not None and Right.POST in self.context.mailboxes.rights_of(Actor.of(sender), mailbox)
                )
                return mailbox.path.name if may else INBOX
        return INBOX


def _sender_of(mail: Mail) -> Username | None:
    """The user that was logged in on the SMTP session; None without a login."""
    name = mail.attributes.get(SMTP_AUTH_USER)
    try:
        return Username.parse(name) if isinstance(name, str) else None
    except InvalidArgument:
        return None
