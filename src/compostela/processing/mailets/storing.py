"""Mailets that store a mail, or send it, elsewhere than to its recipients."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.clock import as_datetime
from compostela.base.declarations import Boolean, Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import SENT_BY_MAILET
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.builder import singlepart, text_part
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import is_international, notice, notice_headers
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name

ALL_USERS_BATCH = 100
"""Recipients of one mail of `MailToAllUsers`."""


@dataclass(frozen=True, slots=True)
class ToSenderFolderSettings:
    """Parameters of `ToSenderFolder`."""

    folder: Annotated[str, Text("folder")] = "Sent"
    """The mailbox."""
    consume: Annotated[bool, Boolean("consume")] = False
    """Whether a mail that was stored ends here."""


class ToSenderFolder(Mailet):
    """Stores the mail in the mailbox `folder` of its sender, if that is a user here. With `consume` the mail ends here."""

    parameters = ToSenderFolderSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ToSenderFolderSettings, settings)
        self._folder, self._consume = made.folder, made.consume

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        user = await self.context.users.user_for(mail.sender) if mail.sender is not None else None
        if user is None or mail.sender is None:
            return
        effect = run.effect("sender", mail.sender, *mail.recipients)
        await self.context.mailboxes.deliver(user, mail.content, effect, [self._folder])
        if self._consume:
            mail.state = GHOST


class MailToAllUsers(Mailet):
    """Sends the mail to every user, in mails of at most 100 recipients, and goes on with the mail itself. Restrict its
    senders with a matcher."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        batch: list[MailAddress] = []
        async for user in self.context.users.names():
            address = self.context.users.address_of(user)
            if address is not None:
                batch.append(address)
            if len(batch) == ALL_USERS_BATCH:
                await self._send(mail, batch, run)
                batch = []
        if batch:
            await self._send(mail, batch, run)

    async def _send(self, mail: Mail, recipients: list[MailAddress], run: PipelineRun) -> None:
        effect = run.effect("everybody", *recipients)
        made = mail.copy(part_name(mail, effect), recipients)
        made.state = ROOT
        made.attributes[SENT_BY_MAILET] = True
        await self.context.queues.queue(SPOOL).enqueue(made, effect=effect)


class ServerTime(Mailet):
    """Answers with the server's time. The mail ends here; one from the null sender gets no answer."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail_from, now = mail.sender, self.context.clock.now()
        if mail_from is not None:
            host, utf8 = self.context.hello_name, is_international(mail)
            fields = notice_headers(mail, mail_from, self.context.postmaster, "Re:", host, now)
            text = f"The time of the server {host} is {as_datetime(now).isoformat(timespec='seconds')}."
            header, body = singlepart(fields, text_part(text), utf8=utf8)
            effect = run.effect("time", *mail.recipients)
            made = notice(mail, mail_from, MessageContent(header, MemoryBody(body)), now, effect)
            await self.context.queues.queue(SPOOL).enqueue(made, effect=effect)
        mail.state = GHOST
