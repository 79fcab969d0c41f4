"""Reports to senders about what became of their mail: the common form of all notices, and delivery status notifications
(RFC 3464, RFC 3461 §6; RFC 6533 for internationalised mail)."""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mail import notification
from compostela.core.mail.attributes import (
    BINARY,
    DELIVERY_ERROR,
    DELIVERY_ERROR_CODE,
    DELIVERY_REMOTE_MTA,
    DELIVERY_STATUS,
    IS_DELIVERY_PERMANENT_ERROR,
    REQUIRE_TLS,
    SMTP_UTF8,
)
from compostela.core.mail.model import Mail
from compostela.core.mail.own import own_mail
from compostela.core.outbound.ports import Refusal
from compostela.core.queue.model import SPOOL
from compostela.mime.builder import BuiltPart, HeaderList, message_part, multipart, standard_headers, text_part
from compostela.mime.dsn import RecipientStatus, status_part
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name

MAX_ATTACHED_BYTES = 1024 * 1024
"""Of a larger message only the header block is sent back."""
FAILED = "failed"
DELAYED = "delayed"
DELIVERED = "delivered"
RELAYED = "relayed"
EXPANDED = "expanded"
ACTIONS = (FAILED, DELAYED, DELIVERED, EXPANDED, RELAYED)
_CONDITIONS = {FAILED: notification.FAILURE, DELAYED: notification.DELAY}
_STATUS = {FAILED: "5.0.0", DELAYED: "4.0.0"}
_EXPIRED = "4.4.7"
"""Of a mail that was tried in vain to the end (RFC 3463 §3.5)."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_REPLY = re.compile(r"[245][0-9]{2}(?:[ -]|$)")
_STATED = re.compile(r"[245][0-9]{2}[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3})\b")
_PREFIXES = {DELAYED: "Delayed:", DELIVERED: "Delivered:", RELAYED: "Relayed:", EXPANDED: "Forwarded:"}
_TEXTS = {
    DELAYED: "Your message could not yet be delivered. You need do nothing: the server goes on trying.",
    DELIVERED: "Your message was delivered.",
    EXPANDED: "Your message was accepted and forwarded to another address. You will get no further reports about it.",
    RELAYED: "Your message was handed to a server that does not report deliveries. You will get no further reports about it.",
}


class Attachment(enum.Enum):
    """How much of the original is sent back."""

    MESSAGE = "message"
    HEADS = "heads"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ReportForm:
    """The form of a report. `default_status` is used if no reply of a next hop gives a better one."""

    action: str
    sender: MailAddress
    prefix: str
    text: str
    attachment: Attachment = Attachment.MESSAGE
    default_status: str = "unknown"


def condition_of(action: str) -> str:
    """The word in NOTIFY that asks for reports of this action."""
    return _CONDITIONS.get(action, notification.SUCCESS)


async def enqueue_report(
    mail: Mail,
    recipients: Sequence[MailAddress],
    action: str,
    context: MailetContext,
    run: PipelineRun,
    refusal: Refusal | None = None,
) -> None:
    """A report of the server itself, to a sender who asked for it with NOTIFY. `refusal`: why a mail waits."""
    condition = condition_of(action)
    told = [one for one in recipients if notification.wants(mail, one, condition, unless_told=False)]
    if mail.sender is None or not told or is_disposition_notification(mail):
        return
    effect = run.effect(f"report/{action}", *told)
    part = mail.copy(mail.name, told)
    for name in (DELIVERY_ERROR, DELIVERY_STATUS):
        part.attributes.pop(name, None)
    part.error_message = None
    if refusal is not None:
        part.error_message = refusal.text
        part.attributes[DELIVERY_STATUS] = refusal.enhanced
    form = ReportForm(action, context.postmaster, _PREFIXES[action], _TEXTS[action], Attachment.HEADS)
    content = await report(part, mail.sender, form, context.hello_name, context.clock.now())
    made = notice(part, mail.sender, content, context.clock.now(), effect)
    await context.queues.queue(SPOOL).enqueue(made, effect=effect)


def notice(mail: Mail, to: MailAddress, content: MessageContent, now: float, effect: Effect) -> Mail:
    """The mail that carries a report: with the empty sender, and with REQUIRETLS if the original had it (RFC 8689 §5)."""
    made = own_mail(part_name(mail, effect), None, [to], content, now)
    made.trace_id = mail.trace_id
    if mail.attributes.get(REQUIRE_TLS) is True:
        made.attributes[REQUIRE_TLS] = True
    if is_international(mail):
        made.attributes[SMTP_UTF8] = True
    return made


def is_disposition_notification(mail: Mail) -> bool:
    """Whether the mail is an MDN: no report is sent about one, whatever its sender (RFC 8098 §3)."""
    kind = (Headers(mail.content.header).get(b"Content-Type") or b"").lower()
    return b"multipart/report" in kind and b"disposition-notification" in kind


def is_international(mail: Mail) -> bool:
    """Whether a notice about the mail holds addresses or fields that only RFC 6533's forms can show."""
    addresses = mail.recipients if mail.sender is None else [mail.sender, *mail.recipients]
    declared = bool(mail.attributes.get(SMTP_UTF8))
    return declared and (not mail.content.header.isascii() or any(not one.is_ascii for one in addresses))


def notice_headers(
    mail: Mail, to: MailAddress, sender: MailAddress, prefix: str, hello_name: str, now: float
) -> HeaderList:
    original = Headers(mail.content.header)
    subject = decode(original.get(b"Subject") or b"")
    headers = [
        *standard_headers(f"<{sender}>", f"<{to}>", f"{prefix} {subject}".strip(), hello_name, now),
        ("Auto-Submitted", "auto-replied"),
    ]
    message_id = original.get(b"Message-ID")
    if message_id is not None:
        headers.append(("In-Reply-To", message_id.decode("ascii", "replace")))
    return headers


async def original_part(mail: Mail, attachment: Attachment) -> list[BuiltPart]:
    """The message, its header block or nothing. What must not travel without TLS, and what is no text, is not sent back."""
    utf8 = is_international(mail)
    guarded = mail.attributes.get(REQUIRE_TLS) is True or bool(mail.attributes.get(BINARY))
    if attachment is Attachment.NONE:
        return []
    if attachment is Attachment.MESSAGE and mail.size <= MAX_ATTACHED_BYTES and not guarded:
        return [message_part(await mail.content.read(), utf8=utf8)]
    return [message_part(mail.content.header, headers_only=True, utf8=utf8)]


async def report(mail: Mail, to: MailAddress, form: ReportForm, hello_name: str, now: float) -> MessageContent:
    """A delivery status notification about the recipients of the mail. RET overrules the form's attachment, and only of what
    failed the message itself is sent back (RFC 3461 §4.3, §6.2)."""
    utf8 = is_international(mail)
    told = public(mail.error_message or "")
    error = escaped(str(mail.attributes.get(DELIVERY_ERROR) or told))
    text = form.text.replace("[machine]", hello_name)
    kind = "Failed recipient(s)" if form.action == FAILED else "Recipient(s)"
    text += f"\r\n{kind}:\r\n" + "".join(f"{recipient}\r\n" for recipient in mail.recipients)
    if error:
        text += f"\r\nError message:\r\n{told if error in told else error}\r\n"
    status = status_part(
        hello_name,
        [_status(recipient, error, mail, form) for recipient in mail.recipients],
        received_from=mail.remote_host,
        envelope_id=notification.envelope_id_of(mail),
        arrived_at=mail.arrived_at or None,
        utf8=utf8,
    )
    attachment = form.attachment
    returns = notification.return_of(mail)
    if attachment is not Attachment.NONE and returns is not None:
        full = returns == notification.FULL and form.action == FAILED
        attachment = Attachment.MESSAGE if full else Attachment.HEADS
    parts = [text_part(text), status, *await original_part(mail, attachment)]
    headers = notice_headers(mail, to, form.sender, form.prefix, hello_name, now)
    header, body = multipart(headers, "report", parts, "; report-type=delivery-status", utf8=utf8)
    return MessageContent(header, MemoryBody(body))


def _status(recipient: MailAddress, error: str, mail: Mail, form: ReportForm) -> RecipientStatus:
    line = " ".join(error.split())[:900]
    return RecipientStatus(
        final_recipient=str(recipient),
        original_recipient=notification.original_recipient_of(mail, recipient),
        action=form.action,
        status=_status_code(line, mail, form),
        # the type smtp is for replies alone (RFC 3464 §2.3.6, §9.3)
        diagnostic=f"{'smtp' if _REPLY.match(line) else 'x-compostela'}; {line}" if line else None,
        remote_mta=_remote_mta(mail),
        last_attempt_at=mail.last_updated_at or None,
    )


def _remote_mta(mail: Mail) -> str | None:
    host = mail.attributes.get(DELIVERY_REMOTE_MTA)
    return host if isinstance(host, str) else None


def _status_code(line: str, mail: Mail, form: ReportForm) -> str:
    status = mail.attributes.get(DELIVERY_STATUS)
    if isinstance(status, str) and status:
        return status
    # what mailets and error mappings say is text, which begins as a reply does
    stated = _STATED.match(line)
    if stated is not None:
        return stated[1]
    code = mail.attributes.get(DELIVERY_ERROR_CODE)
    if isinstance(code, int) and 400 <= code <= 599:
        return f"{code // 100}.0.0"
    if form.default_status != "unknown":
        return form.default_status
    if form.action == FAILED and mail.attributes.get(IS_DELIVERY_PERMANENT_ERROR) is False:
        return _EXPIRED
    return _STATUS.get(form.action, "2.0.0")


def public(error_message: str) -> str:
    """Without what only operators may see, the trace of an error."""
    if error_message.startswith("Traceback"):
        return "An internal error occurred"
    return escaped(error_message)


def escaped(text: str) -> str:
    """What another server said, without control characters that move a terminal's cursor; line ends and tabs stay."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
