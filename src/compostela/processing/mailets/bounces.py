"""Mailets that tell a sender that a mail was not delivered."""

import enum
from abc import abstractmethod

from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import DELIVERY_ERROR, DELIVERY_ERROR_CODE, SENT_BY_MAILET
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.builder import (
    BuiltPart,
    HeaderList,
    message_part,
    multipart,
    singlepart,
    standard_headers,
    text_part,
)
from compostela.mime.dsn import RecipientStatus, status_part
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.run import PipelineRun, part_name

MAX_ATTACHED_BYTES = 1024 * 1024
"""Of a larger message only the header block is sent back."""
DEFAULT_MESSAGE = (
    "Hi. This is the mail server at [machine].\r\nI'm afraid I wasn't able to deliver your message to the following "
    "addresses.\r\nThis is a permanent error; I've given up. Sorry it didn't work out.\r\n"
)


class Attachment(enum.Enum):
    """How much of the original is sent back."""

    MESSAGE = "message"
    HEADS = "heads"
    NONE = "none"


_ATTACHMENTS = {"message": Attachment.MESSAGE, "all": Attachment.MESSAGE, "heads": Attachment.HEADS,
                "none": Attachment.NONE, "body": Attachment.MESSAGE, "unaltered": Attachment.MESSAGE}  # fmt: skip


class _Notification(Mailet):
    """Common to both: to the reverse path, from the null sender, never about a mail that has a null sender itself."""

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
        if mail.sender is not None:
            header, body = await self._build(mail, mail.sender)
            notice = Mail(
                name=part_name(mail),
                sender=None,
                recipients=[mail.sender],
                content=MessageContent(header, MemoryBody(body)),
                state=ROOT,
                arrived_at=self.context.clock.now(),
                last_updated_at=self.context.clock.now(),
                attributes={SENT_BY_MAILET: True},
                trace_id=mail.trace_id,
            )
            await self.context.queues.queue(SPOOL).enqueue(notice, effect=run.effect("notice", *mail.recipients))
        if not self._pass_through:
            mail.state = GHOST

    @abstractmethod
    async def _build(self, mail: Mail, to: MailAddress) -> tuple[bytes, bytes]:
        """(header block, body) of the notification."""

    def _headers(self, mail: Mail, to: MailAddress) -> HeaderList:
        original = Headers(mail.content.header)
        subject = decode(original.get(b"Subject") or b"")
        headers = [
            *standard_headers(
                f"<{self._sender}>", f"<{to}>", f"{self._prefix} {subject}".strip(), self.context.hello_name,
                self.context.clock.now(),
            ),
            ("Auto-Submitted", "auto-replied"),
        ]  # fmt: skip
        message_id = original.get(b"Message-ID")
        if message_id is not None:
            headers.append(("In-Reply-To", message_id.decode("ascii", "replace")))
        return headers

    async def _original(self, mail: Mail) -> list[BuiltPart]:
        match self._attachment:
            case Attachment.NONE:
                return []
            case Attachment.MESSAGE if mail.size <= MAX_ATTACHED_BYTES:
                return [message_part(await mail.content.read())]
            case _:
                return [message_part(mail.content.header, headers_only=True)]


class Bounce(_Notification):
    """A note that a person can read."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._message = settings.text("message", settings.text("notice", DEFAULT_MESSAGE))
        settings.ignored("attachError", "attachStackTrace")

    async def _build(self, mail: Mail, to: MailAddress) -> tuple[bytes, bytes]:
        text = self._message.replace("[machine]", self.context.hello_name)
        text += "\r\nFailed recipient(s):\r\n" + "".join(f"{recipient}\r\n" for recipient in mail.recipients)
        if mail.error_message:
            text += f"\r\nError message:\r\n{_public(mail.error_message)}\r\n"
        headers = self._headers(mail, to)
        original = await self._original(mail)
        if not original:
            return singlepart(headers, text_part(text))
        return multipart(headers, "mixed", [text_part(text), *original])


class DSNBounce(_Notification):
    """A delivery status notification (RFC 3464)."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._message = settings.text("messageString", DEFAULT_MESSAGE)
        self._action = settings.text("action", "failed").lower()
        if self._action not in ("failed", "delayed", "delivered", "expanded", "relayed"):
            settings.error(f"{self._action!r} is none of failed, delayed, delivered, expanded, relayed", "action")
        self._default_status = settings.text("defaultStatus", "unknown")

    async def _build(self, mail: Mail, to: MailAddress) -> tuple[bytes, bytes]:
        error = str(mail.attributes.get(DELIVERY_ERROR) or _public(mail.error_message or ""))
        text = self._message.replace("[machine]", self.context.hello_name)
        text += "\r\nFailed recipient(s):\r\n" + "".join(f"{recipient}\r\n" for recipient in mail.recipients)
        if error:
            text += f"\r\nError message:\r\n{error}\r\n"
        status = status_part(
            self.context.hello_name,
            [self._status(recipient, error, mail) for recipient in mail.recipients],
            received_from=mail.remote_host,
            arrived_at=mail.arrived_at or None,
        )
        parts = [text_part(text), status, *await self._original(mail)]
        return multipart(self._headers(mail, to), "report", parts, "; report-type=delivery-status")

    def _status(self, recipient: MailAddress, error: str, mail: Mail) -> RecipientStatus:
        line = " ".join(error.split())[:900]
        return RecipientStatus(
            final_recipient=str(recipient),
            action=self._action,
            status=self._status_code(line, mail.attributes.get(DELIVERY_ERROR_CODE)),
            diagnostic=f"smtp; {line}" if line else None,
            last_attempt_at=mail.last_updated_at or None,
        )

    def _status_code(self, line: str, code: object) -> str:
        for word in line.split()[:4]:
            numbers = word.split(".")
            if len(numbers) == 3 and numbers[0] in "245" and all(number.isdigit() for number in numbers):
                return word
        if isinstance(code, int) and 400 <= code <= 599:
            return f"{code // 100}.0.0"
        if self._default_status != "unknown":
            return self._default_status
        return {"delivered": "2.0.0", "relayed": "2.0.0", "expanded": "2.0.0", "delayed": "4.0.0"}.get(
            self._action, "5.0.0"
        )


def _public(error_message: str) -> str:
    """Without what only operators may see: of a traceback the last line."""
    if error_message.startswith("Traceback"):
        return "An internal error occurred"
    return error_message
