"""What `Resend`, `Redirect`, `Forward`, `NotifyPostmaster` and `NotifySender` share: a new mail made of one that is processed.

The new mail starts in the root processor. Its message gets a Received field (RFC 5321 §4.4), and keeps those of the first, so that
the limit on these fields ends loops of such mailets.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from compostela.base.declarations import Boolean, Choice, Parsed, Text
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.attributes import DELIVERY_ERROR, DELIVERY_ERROR_CODE, DELIVERY_STATUS, SENT_BY_MAILET
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime import headers
from compostela.mime.builder import (
    BuiltPart,
    HeaderList,
    message_part,
    multipart,
    new_message_id,
    singlepart,
    text_part,
)
from compostela.mime.dates import format_date
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, field_line
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import is_international
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.recipients import mailboxes
from compostela.processing.matchers.networks import is_fake
from compostela.processing.pipeline_run import PipelineRun, part_name

_KEYWORDS = ("sender", "from", "replyto", "postmaster", "reversepath", "recipients", "to", "null", "unaltered")
Target = MailAddress | str
"""An address or a keyword in lower case."""
Targets = tuple[Target, ...]


def parse_targets(text: str) -> Targets:
    """Addresses and keywords with commas between. Raises `InvalidArgument`."""
    found: list[Target] = []
    for word in (one.strip() for one in text.split(",")):
        if word.lower() in _KEYWORDS:
            found.append(word.lower())
        elif word:
            try:
                found.append(MailAddress.parse(word))
            except InvalidArgument as wrong:
                raise InvalidArgument(
                    f"{word!r} is neither an address nor one of {', '.join(_KEYWORDS)}: {wrong}"
                ) from wrong
    return tuple(found)


class Shown(enum.Enum):
    """How much of the original is in the new message."""

    UNALTERED = "unaltered"
    HEADS = "heads"
    BODY = "body"
    ALL = "all"
    NONE = "none"
    MESSAGE = "message"


_SHOWN = {one.value: one for one in Shown}
_ADDRESSES = "addresses and words"

# elements whose defaults differ among the mailets
Sender = Annotated[Targets, Parsed("sender", parse_targets, _ADDRESSES, older=("sendingAddress",))]
ReversePath = Annotated[Targets, Parsed("reversePath", parse_targets, _ADDRESSES)]
Recipients = Annotated[Targets, Parsed("recipients", parse_targets, _ADDRESSES)]
To = Annotated[Targets, Parsed("to", parse_targets, _ADDRESSES)]
Prefix = Annotated[str, Text("prefix")]
Message = Annotated[str, Text("message", older=("notice",))]
Inline = Annotated[Shown, Choice("inline", _SHOWN)]
Attached = Annotated[Shown, Choice("attachment", _SHOWN)]
PassesThrough = Annotated[bool, Boolean("passThrough")]
IsReply = Annotated[bool, Boolean("isReply")]


@dataclass(frozen=True, slots=True)
class RedirectionSettings(Declared):
    """Parameters of the family. A class that is derived from it gives fields other defaults."""

    WITHOUT_EFFECT = ("debug", "static")

    sender: Sender = ()
    """Author of the new message (From)."""
    reverse_path: ReversePath = ()
    """Sender of the new mail's envelope."""
    reply_to: Annotated[Targets, Parsed("replyTo", parse_targets, _ADDRESSES, older=("replyto",))] = ()
    """Where answers go (Reply-To)."""
    recipients: Recipients = ()
    """Recipients of the new mail's envelope; without any, those of the mail."""
    to: To = ()
    """Recipients in the header (To)."""
    subject: Annotated[str, Text("subject")] = ""
    """The new subject, by default that of the mail."""
    prefix: Prefix = ""
    """What the subject begins with."""
    message: Message = ""
    """Text at the beginning of the new message, if `inline` is not unaltered."""
    inline: Inline = Shown.UNALTERED
    """What of the original is in the text."""
    attachment: Attached = Shown.NONE
    """What of the original is attached."""
    passes_through: PassesThrough = False
    """Whether the mail itself goes on."""
    checks_domain: Annotated[bool, Boolean("fakeDomainCheck")] = False
    """Whether no new mail is made if the sender's domain has neither an exchanger nor an address."""
    attaches_error: Annotated[bool, Boolean("attachError", older=("attachStackTrace",))] = False
    """Whether the mail's error is attached."""
    is_reply: IsReply = False
    """Whether the new message refers to that of the mail (In-Reply-To)."""


class Redirection(Mailet):
    """A mailet of the family. Classes that derive from it have a class of parameters with their defaults."""

    parameters: ClassVar[type[RedirectionSettings]] = RedirectionSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(self.parameters, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        recipients = self._new_recipients(mail)
        if recipients and not (
            self._settings.checks_domain and mail.sender and await is_fake(mail.sender.domain, self.context)
        ):
            effect = run.effect("resent", *mail.recipients)
            made = mail.copy(part_name(mail, effect), recipients)
            made.sender = self._new_sender(mail)
            made.content = await self._new_content(mail)
            made.state, made.error_message = ROOT, None
            for name in (DELIVERY_ERROR, DELIVERY_ERROR_CODE, DELIVERY_STATUS):
                made.attributes.pop(name, None)
            made.attributes[SENT_BY_MAILET] = True
            await self.context.queues.queue(SPOOL).enqueue(made, effect=effect)
        if not self._settings.passes_through:
            mail.state = GHOST

    # the envelope

    def _new_recipients(self, mail: Mail) -> list[MailAddress]:
        wanted = self._settings.recipients or ("unaltered",)
        return mail.recipients if "unaltered" in wanted else self._resolved(wanted, mail)

    def _new_sender(self, mail: Mail) -> MailAddress | None:
        wanted = self._settings.reverse_path
        if not wanted or "unaltered" in wanted:
            return mail.sender
        return next(iter(self._resolved(wanted, mail)), None)

    def _resolved(self, wanted: Sequence[Target], mail: Mail) -> list[MailAddress]:
        found = [one for target in wanted for one in self._addresses(target, mail)]
        return list(dict.fromkeys(found))

    def _addresses(self, target: Target, mail: Mail) -> list[MailAddress]:
        envelope = [mail.sender] if mail.sender is not None else []
        match target:
            case MailAddress():
                return [target]
            case "postmaster":
                return [self.context.postmaster]
            case "sender" | "reversepath":
                return envelope
            case "recipients":
                return mail.recipients
            case "to":
                return _in_field(mail, b"To")
            case "from":
                return _in_field(mail, b"From") or envelope
            case "replyto":
                return _in_field(mail, b"Reply-To") or _in_field(mail, b"From") or envelope
            case _:
                return []

    # the message

    async def _new_content(self, mail: Mail) -> MessageContent:
        now = self.context.clock.now()
        host = self.context.hello_name
        trace = field_line(
            "Received", f"from {host} by {host} ({type(self).__name__}) id {mail.name}; {format_date(now)}"
        )
        changed = self._changed_fields(mail)
        if self._settings.inline is Shown.UNALTERED:
            block = headers.remove(mail.content.header, [name.encode() for name, _ in changed])
            lines = [field_line(name, value) for name, value in changed if value]
            block = headers.add_first(headers.add_last(block, *lines) if lines else block, trace)
            return mail.content.with_header(block)
        header, body = await self._built(mail, changed, now)
        old = [
            mail.content.header[one.start : one.end].rstrip(b"\r\n")
            for one in Headers(mail.content.header)
            if one.name.lower() == b"received"
        ]
        return MessageContent(headers.add_first(header, trace, *old), MemoryBody(body))

    def _changed_fields(self, mail: Mail) -> list[tuple[str, str]]:
        """Header fields of the new message that differ; an empty value removes the field."""
        fields: list[tuple[str, str]] = []
        made = self._settings
        for name, wanted in (("From", made.sender), ("To", made.to), ("Reply-To", made.reply_to)):
            if wanted and "unaltered" not in wanted:
                value = ", ".join(f"<{one}>" for one in self._resolved(wanted, mail))
                if value or name != "From":  # a message needs an author (RFC 5322 §3.6.2)
                    fields.append((name, value))
        original = Headers(mail.content.header)
        subject = decode(original.get(b"Subject") or b"")
        if made.subject or made.prefix:
            fields.append(("Subject", f"{made.prefix} {made.subject or subject}".strip()))
        message_id = original.get(b"Message-ID")
        if made.is_reply and message_id is not None:
            fields.append(("In-Reply-To", message_id.decode("ascii", "replace")))
        return fields

    async def _built(self, mail: Mail, changed: list[tuple[str, str]], now: float) -> tuple[bytes, bytes]:
        original = Headers(mail.content.header)
        fields = dict(changed)
        for name in ("From", "To", "Cc", "Reply-To", "Subject"):
            value = original.get(name.encode())
            if name not in fields and value is not None:
                fields[name] = decode(value)
        fields |= {
            "Date": format_date(now),
            "Message-ID": new_message_id(self.context.hello_name),
            "MIME-Version": "1.0",
        }
        fields |= self._own_fields()
        kept: HeaderList = [(name, value) for name, value in fields.items() if value]
        parts = await self._parts(mail)
        utf8 = is_international(mail)
        if len(parts) == 1:
            return singlepart(kept, parts[0], utf8=utf8)
        return multipart(kept, "mixed", parts, utf8=utf8)

    def _own_fields(self) -> dict[str, str]:
        return {}

    async def _parts(self, mail: Mail) -> list[BuiltPart]:
        text = self._text(mail)
        shown = await _shown(mail, self._settings.inline, is_attached=False)
        parts = [text_part(text)] if text or not shown else []
        parts += shown + await _shown(mail, self._settings.attachment, is_attached=True)
        if self._settings.attaches_error and mail.error_message:
            error = text_part(mail.error_message)
            parts.append(
                BuiltPart((*error.headers, ("Content-Disposition", "attachment; filename=error.txt")), error.body)
            )
        return parts

    def _text(self, mail: Mail) -> str:
        return self._settings.message


async def _shown(mail: Mail, shown: Shown, *, is_attached: bool) -> list[BuiltPart]:
    """The body is taken as it is, with the fields that say what it is: charsets and parts stay."""
    content = mail.content
    utf8 = is_international(mail)
    if shown is Shown.MESSAGE or (shown is Shown.ALL and is_attached):
        return [message_part(await content.read(), utf8=utf8)]
    parts: list[BuiltPart] = []
    if shown in (Shown.HEADS, Shown.ALL):
        heads = message_part(content.header, headers_only=True, utf8=utf8)
        parts.append(heads if is_attached else text_part(content.header.decode("utf-8", "replace")))
    if shown in (Shown.BODY, Shown.ALL):
        described = [
            (field.name.decode(), headers.unfold(field.value).decode("utf-8", "replace"))
            for field in Headers(content.header)
            if field.name.lower().startswith(b"content-")
        ]
        if is_attached:
            described = [one for one in described if one[0].lower() != "content-disposition"]
            described.append(("Content-Disposition", "attachment"))
        parts.append(BuiltPart(tuple(described), await content.body.read()))
    return parts


def _in_field(mail: Mail, name: bytes) -> list[MailAddress]:
    return [one for value in Headers(mail.content.header).get_all(name) for one in mailboxes(value)]
