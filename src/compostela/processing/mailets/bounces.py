"""Mailets that tell a sender what became of a mail."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

from compostela.base.declarations import Boolean, Choice, Parsed, Text, Word
from compostela.base.declared import Declared, read
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


def _sender(text: str) -> MailAddress | None:
    return None if text in ("postmaster", "unaltered", "sender") else MailAddress.parse(text)


@dataclass(frozen=True, slots=True)
class NotificationSettings(Declared, ABC):
    """Parameters of both mailets."""

    WITHOUT_EFFECT: ClassVar[tuple[str, ...]] = ("debug", "inline")

    prefix: Annotated[str, Text("prefix")] = "Re:"
    """What the subject begins with."""
    attachment: Annotated[Attachment, Choice("attachment", _ATTACHMENTS)] = Attachment.MESSAGE
    """How much of the mail is attached: `heads` is its header, `none` nothing, all others the message."""
    passes_through: Annotated[bool, Boolean("passThrough")] = True
    """Whether the mail goes on."""
    sender: Annotated[MailAddress | None, Parsed("sender", _sender, "address")] = None
    """Author of the notification; by default, and with `postmaster`, `unaltered` and `sender`, the postmaster."""

    @abstractmethod
    def form(self, sender: MailAddress) -> ReportForm:
        """The form of the notification as a report."""


@dataclass(frozen=True, slots=True)
class BounceSettings(NotificationSettings):
    """Parameters of `Bounce`."""

    WITHOUT_EFFECT = (*NotificationSettings.WITHOUT_EFFECT, "attachError", "attachStackTrace")

    message: Annotated[str, Text("message", older=("notice",))] = DEFAULT_MESSAGE
    """The text. `[machine]` becomes the server's own name."""

    def form(self, sender: MailAddress) -> ReportForm:
        return ReportForm(delivery_reports.FAILED, sender, self.prefix, self.message, self.attachment)


@dataclass(frozen=True, slots=True)
class DSNBounceSettings(NotificationSettings):
    """Parameters of `DSNBounce`."""

    action: Annotated[str, Word("action", delivery_reports.ACTIONS)] = delivery_reports.FAILED
    """What became of the mail (RFC 3464 §2.3.3)."""
    message: Annotated[str, Text("messageString")] = DEFAULT_MESSAGE
    """The text for people. `[machine]` becomes the server's own name."""
    default_status: Annotated[str, Text("defaultStatus")] = "unknown"
    """Status of recipients whose error has none."""

    def form(self, sender: MailAddress) -> ReportForm:
        return ReportForm(self.action, sender, self.prefix, self.message, self.attachment, self.default_status)


class _Notification(Mailet):
    """Common to both: to the reverse path, from the null sender, never about a mail that has a null sender itself, nor about
    recipients of whom the sender did not want to hear this (NOTIFY, RFC 3461 §4.1)."""

    parameters: ClassVar[type[NotificationSettings]]
    condition = notification.FAILURE

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(self.parameters, settings)
        self._passes_through = made.passes_through
        self._form = made.form(made.sender or context.postmaster)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        told = [one for one in mail.recipients if notification.wants(mail, one, self.condition, unless_told=True)]
        if mail.sender is not None and told and not is_disposition_notification(mail):
            about = mail if len(told) == len(mail.recipients) else mail.copy(mail.name, told)
            effect = run.effect("notice", *mail.recipients)
            content = await self._build(about, mail.sender)
            made = notice(about, mail.sender, content, self.context.clock.now(), effect)
            await self.context.queues.queue(SPOOL).enqueue(made, effect=effect)
        if not self._passes_through:
            mail.state = GHOST

    @abstractmethod
    async def _build(self, mail: Mail, to: MailAddress) -> MessageContent:
        """The notification."""


class Bounce(_Notification):
    """A note that a person can read; for senders who have used DSN (RFC 3461) in the form of a delivery status notification."""

    parameters = BounceSettings

    async def _build(self, mail: Mail, to: MailAddress) -> MessageContent:
        if notification.is_asked(mail):
            return await delivery_reports.report(
                mail, to, self._form, self.context.hello_name, self.context.clock.now()
            )
        text = self._form.text.replace("[machine]", self.context.hello_name)
        text += "\r\nFailed recipient(s):\r\n" + "".join(f"{recipient}\r\n" for recipient in mail.recipients)
        if mail.error_message:
            text += f"\r\nError message:\r\n{delivery_reports.public(mail.error_message)}\r\n"
        headers = delivery_reports.notice_headers(
            mail, to, self._form.sender, self._form.prefix, self.context.hello_name, self.context.clock.now()
        )
        utf8 = is_international(mail)
        original = await original_part(mail, self._form.attachment)
        if original:
            header, body = multipart(headers, "mixed", [text_part(text), *original], utf8=utf8)
        else:
            header, body = singlepart(headers, text_part(text), utf8=utf8)
        return MessageContent(header, MemoryBody(body))


class DSNBounce(_Notification):
    """A delivery status notification (RFC 3464)."""

    parameters = DSNBounceSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self.condition = delivery_reports.condition_of(self._form.action)

    async def _build(self, mail: Mail, to: MailAddress) -> MessageContent:
        return await delivery_reports.report(mail, to, self._form, self.context.hello_name, self.context.clock.now())
