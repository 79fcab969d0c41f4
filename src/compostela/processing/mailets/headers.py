"""Mailets on header fields. They make a new header block; the body is never touched."""

import logging
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Integer, Many, Text
from compostela.base.declared import read
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


@dataclass(frozen=True, slots=True)
class RemoveMimeHeaderSettings:
    """Parameters of `RemoveMimeHeader`."""

    names: Annotated[tuple[str, ...], Many("name", required=True)] = ()
    """Fields that are removed."""


class RemoveMimeHeader(Mailet):
    """Removes the fields named, also from the headers of single recipients."""

    parameters = RemoveMimeHeaderSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._names = frozenset(name.lower().encode() for name in read(RemoveMimeHeaderSettings, settings).names)

    def removes(self, name: bytes) -> bool:
        return name in self._names

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        header = headers.remove(mail.content.header, self._names)
        if header is not mail.content.header:
            mail.content = mail.content.with_header(header)
        if mail.per_recipient_headers:
            mail.per_recipient_headers = {
                who: [(name, value) for name, value in pairs if name.lower().encode() not in self._names]
                for who, pairs in mail.per_recipient_headers.items()
            }


@dataclass(frozen=True, slots=True)
class RemoveMimeHeaderByPrefixSettings:
    """Parameters of `RemoveMimeHeaderByPrefix`."""

    prefix: Annotated[str, Text("name")]
    """The beginning of the names of the fields that are removed, in any case."""


class RemoveMimeHeaderByPrefix(Mailet):
    """Removes the fields whose name begins so, also from the headers of single recipients."""

    parameters = RemoveMimeHeaderByPrefixSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._prefix = read(RemoveMimeHeaderByPrefixSettings, settings).prefix.lower().encode()

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        block = headers.remove_where(mail.content.header, lambda name: name.lower().startswith(self._prefix))
        mail.content = mail.content.with_header(block)
        mail.per_recipient_headers = {
            who: [(name, value) for name, value in pairs if not name.lower().encode().startswith(self._prefix)]
            for who, pairs in mail.per_recipient_headers.items()
        }


@dataclass(frozen=True, slots=True)
class SetMimeHeaderSettings:
    """Parameters of `SetMimeHeader`."""

    name: Annotated[str, Text("name")]
    """The field's name."""
    value: Annotated[str, Text("value")]
    """Its value."""


class SetMimeHeader(Mailet):
    """Adds a field."""

    parameters = SetMimeHeaderSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        field = read(SetMimeHeaderSettings, settings)
        self._line = headers.field_line(field.name, field.value)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.content = mail.content.with_header(headers.add_last(mail.content.header, self._line))


@dataclass(frozen=True, slots=True)
class AddSubjectPrefixSettings:
    """Parameters of `AddSubjectPrefix`."""

    prefix: Annotated[str, Text("subjectPrefix")]
    """The text, which a blank follows."""


class AddSubjectPrefix(Mailet):
    """Puts a text before the subject, decoded and encoded again."""

    parameters = AddSubjectPrefixSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._prefix = read(AddSubjectPrefixSettings, settings).prefix

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


@dataclass(frozen=True, slots=True)
class LogMessageSettings:
    """Parameters of `LogMessage`."""

    headers: Annotated[bool, Boolean("headers")] = True
    """Whether the header block is written."""
    body: Annotated[bool, Boolean("body")] = True
    """Whether the body is written."""
    max_body_bytes: Annotated[int, Integer("maxBody", minimum=0)] = 0
    """At most so many octets of the body are written, and never more than 64 KiB. 0 for 64 KiB."""
    comment: Annotated[str, Text("comment")] = ""
    """Text before all that."""
    passes_through: Annotated[bool, Boolean("passThrough")] = True
    """Whether the mail goes on."""


class LogMessage(Mailet):
    """Writes the header block and the body to the log."""

    parameters = LogMessageSettings
    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(LogMessageSettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        extra: dict[str, object] = {"mail": mail.name, "size": mail.size}
        if self._settings.headers:
            extra["header"] = mail.content.header[:MAX_LOGGED_BYTES].decode("utf-8", "replace")
        if self._settings.body:
            length = min(self._settings.max_body_bytes or MAX_LOGGED_BYTES, MAX_LOGGED_BYTES)
            extra["body"] = (await mail.content.body.read(0, length)).decode("utf-8", "replace")
        _log.info("message: %s", self._settings.comment, extra=extra)
        if not self._settings.passes_through:
            mail.state = GHOST
