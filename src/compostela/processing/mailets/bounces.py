"""Mailets that tell a sender what became of a mail."""

from abc import abstractmethod

from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail import notification
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.builder import multipart, singlepart, text_part
from compostela.model.mail_address import MailAddress
from compostela.processing import delivery_reports
from compostela.processing.delivery_reports import (
    Attachment,
    ReportForm,
    is_disposition_notification,
    is_international,
    notice,
    original_part,
)
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

DEFAULT_MESSAGE = (
    "Hi. This is the mail server at [machine].\r\nI'm afraid I wasn't able to deliver your message to the following "
    "addresses.\r\nThis is a permanent error; I've given up. Sorry it didn't work out.\r\n"
)
_ATTACHMENTS = {"message": Attachment.MESSAGE, "all": Attachment.MESSAGE, "heads": Attachment.HEADS,
                "none": Attachment.NONE, "body": Attachment.MESSAGE, "unaltered": Attachment.MESSAGE}  # fmt: skip


class _Notification(Mailet):
    """Common to both: to the reverse path, from the null sender, never about a mail that has a null sender itself, nor about
    recipients of whom the sender did not want to hear this (NOTIFY, RFC 3461 §4.1)."""

    condition = notification.FAILURE

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._prefix = settings.text("prefix", "Re:")
        self._attachment = settings.choice("attachment", Attachment.MESSAGE, _ATTACHMENTS)
        self._pass_through = settings.boolean("passThrough", True)
        self._sender = self._read_sender(settings)
        settings.ignored("debug", "inline")

    def _read_sender(self, settings: Settings) -> MailAddress:
        text = settings.text("sender", "postmaster")
        if text in ("postmaster", "unaltered", "sender"):
            return self.context.postmaster
        return settings.parsed("sender", self.context.postmaster, MailAddress.parse)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        told = [one for one in mail.recipients if notification.wants(mail, one, self.condition, unless_told=True)]
        if mail.sender is not None and told and not is_disposition_notification(mail):
            about = mail if len(told) == len(mail.recipients) else mail.copy(mail.name, told)
            effect = run.effect("notice", *mail.recipients)
            content = await self._build(about, mail.sender)
            made = notice(about, mail.sender, content, self.context.clock.now(), effect)
            await self.context.queues.queue(SPOOL).enqueue(made, effect=effect)
        if not self._pass_through:
            mail.state = GHOST

    @abstractmethod
    async def _build(self, mail: Mail, to: MailAddress) -> MessageContent:
        """The notification."""


class Bounce(_Notification):
    """A note that a person can read; for senders who have used DSN (RFC 3461) in the form of a delivery status notification."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._message = settings.text("message", settings.text("notice", DEFAULT_MESSAGE))
        settings.ignored("attachError", "attachStackTrace")

    async def _build(self, mail: Mail, to: MailAddress) -> MessageContent:
        if notification.is_asked(mail):
            form = ReportForm(delivery_reports.FAILED, self._sender, self._prefix, self._message, self._attachment)
            return await delivery_reports.report(mail, to, form, self.context.hello_name, self.context.clock.now())
        text = self._message.replace("[machine]", self.context.hello_name)
        text += "\r\nFailed recipient(s):\r\n" + "".join(f"{recipient}\r\n" for recipient in mail.recipients)
        if mail.error_message:
            text += f"\r\nError message:\r\n{delivery_reports.public(mail.error_message)}\r\n"
        headers = delivery_reports.notice_headers(
            mail, to, self._sender, self._prefix, self.context.hello_name, self.context.clock.now()
        )
        utf8 = is_international(mail)
        original = await original_part(mail, self._attachment)
        if original:
            header, body = multipart(headers, "mixed", [text_part(text), *original], utf8=utf8)
        else:
            header, body = singlepart(headers, text_part(text), utf8=utf8)
        return MessageContent(header, MemoryBody(body))


class DSNBounce(_Notification):
    """A delivery status notification (RFC 3464)."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        action = settings.text("action", delivery_reports.FAILED).lower()
        if action not in delivery_reports.ACTIONS:
            settings.error(f"{action!r} is none of {', '.join(delivery_reports.ACTIONS)}", "action")
        self.condition = delivery_reports.condition_of(action)
        self._form = ReportForm(
            action=action,
            sender=self._sender,
            prefix=self._prefix,
            text=settings.text("messageString", DEFAULT_MESSAGE),
            attachment=self._attachment,
            default_status=settings.text("defaultStatus", "unknown"),
        )

    async def _build(self, mail: Mail, to: MailAddress) -> MessageContent:
        return await delivery_reports.report(mail, to, self._form, self.context.hello_name, self.context.clock.now())
