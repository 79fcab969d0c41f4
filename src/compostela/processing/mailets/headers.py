"""Mailets on header fields. They make a new header block; the body is never touched."""

import logging

from compostela.base.settings import Settings
from compostela.core.delivery.headers import DELIVERED_TO
from compostela.core.mail.model import GHOST, Mail
from compostela.mime import headers
from compostela.mime.encoded_words import decode
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

MAX_LOGGED_BYTES = 64 * 1024
"""Of a header block or body in the log."""


class RemoveMimeHeader(Mailet):
    """Removes the fields named, also from the headers of single recipients."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._names = frozenset(name.lower().encode() for name in settings.strings("name"))
        if not self._names:
            settings.error("RemoveMimeHeader needs 'name'")

    def removes(self, name: bytes) -> bool:
        return name in self._names

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        lower = mail.content.header.lower()
        if any(name in lower for name in self._names):
            mail.content = mail.content.with_header(headers.remove(mail.content.header, self._names))
        if mail.per_recipient_headers:
            mail.per_recipient_headers = {
                who: [(name, value) for name, value in pairs if name.lower().encode() not in self._names]
                for who, pairs in mail.per_recipient_headers.items()
            }


class RemoveMimeHeaderByPrefix(Mailet):
    """Removes the fields whose name begins so, also from the headers of single recipients."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._prefix = settings.required("name").lower().encode()

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        block = headers.remove_where(mail.content.header, lambda name: name.lower().startswith(self._prefix))
        mail.content = mail.content.with_header(block)
        mail.per_recipient_headers = {
            who: [(name, value) for name, value in pairs if not name.lower().encode().startswith(self._prefix)]
            for who, pairs in mail.per_recipient_headers.items()
        }


class SetMimeHeader(Mailet):
    """Adds a field."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._line = headers.field_line(settings.required("name"), settings.required("value"))

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.content = mail.content.with_header(headers.add_last(mail.content.header, self._line))


class AddSubjectPrefix(Mailet):
    """Puts a text before the subject, decoded and encoded again."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._prefix = settings.required("subjectPrefix")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        block = mail.content.header
        subject = decode(headers.Headers(block).get(b"Subject") or b"")
        line = headers.field_line("Subject", f"{self._prefix} {subject}".strip())
        mail.content = mail.content.with_header(headers.add_last(headers.remove(block, [b"subject"]), line))


class AddDeliveredToHeader(Mailet):
    """`Delivered-To` for each recipient, seen by that recipient alone."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        for recipient in mail.recipients:
            mail.per_recipient_headers.setdefault(recipient, []).append((DELIVERED_TO, str(recipient)))


class LogMessage(Mailet):
    """Writes the header block (`headers`) and the body (`body`, at most `maxBody` octets of it, 0 for the most that is written at all,
    64 KiB) to the log, after `comment`. Without `passThrough` that is the end of the mail."""

    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._headers = settings.boolean("headers", True)
        self._body = settings.boolean("body", True)
        self._max_body = settings.integer("maxBody", 0, minimum=0) or MAX_LOGGED_BYTES
        self._comment = settings.text("comment", "")
        self._pass_through = settings.boolean("passThrough", True)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        extra: dict[str, object] = {"mail": mail.name, "size": mail.size}
        if self._headers:
            extra["header"] = mail.content.header[:MAX_LOGGED_BYTES].decode("utf-8", "replace")
        if self._body:
            length = min(self._max_body, MAX_LOGGED_BYTES)
            extra["body"] = (await mail.content.body.read(0, length)).decode("utf-8", "replace")
        _log.info("message: %s", self._comment, extra=extra)
        if not self._pass_through:
            mail.state = GHOST
