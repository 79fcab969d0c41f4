"""Mailets that compute the values of header fields."""

import re

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.base.units import parse_duration
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import Mail
from compostela.mime import headers
from compostela.mime.builder import new_message_id
from compostela.mime.dates import format_date, parse
from compostela.mime.editing import editable, text_of
from compostela.mime.encoded_words import decode
from compostela.mime.scanner import describe
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

_MESSAGE_ID = re.compile(rb"<[^<>@\s]+@[^<>@\s]+>")
_NAME = re.compile(r"[!-9;-~]+")
MAX_CLASSIFIED_BYTES = 256 * 1024
"""Of the body, this much is looked at to classify a bounce."""


def replace_field(mail: Mail, name: str, value: str) -> None:
    """The field once, with this value."""
    block = headers.remove(mail.content.header, [name.encode()])
    mail.content = mail.content.with_header(headers.add_last(block, headers.field_line(name, value)))


class Expires(Mailet):
    """Sets the field Expires (RFC 4021 §2.1.50) to `defaultAge` from now where it is missing, and moves one that is there to at least
    `minAge` and at most `maxAge` from now. Bare numbers are days."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        ages = [
            settings.parsed(name, None, lambda text: parse_duration(text, "d"))
            for name in ("minAge", "maxAge", "defaultAge")
        ]
        self._minimum, self._maximum, self._default = ages
        if all(age is None for age in ages):
            settings.error("Expires needs 'minAge', 'maxAge' or 'defaultAge'")
        if self._minimum is not None and self._maximum is not None and self._minimum > self._maximum:
            settings.error("'minAge' is longer than 'maxAge'", "minAge")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        now = self.context.clock.now()
        value = headers.Headers(mail.content.header).get(b"Expires")
        given = parse(value) if value is not None else None
        expires = given
        if expires is None:
            expires = None if self._default is None else now + self._default
        else:
            if self._maximum is not None:
                expires = min(expires, now + self._maximum)
            if self._minimum is not None:
                expires = max(expires, now + self._minimum)
        if expires is not None and expires != given:
            replace_field(mail, "Expires", format_date(expires))


class SanitizeMimeMessageId(Mailet):
    """Gives a message whose Message-ID is malformed a new one."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        value = headers.Headers(mail.content.header).get(b"Message-ID")
        if value is not None and not _MESSAGE_ID.fullmatch(value):
            replace_field(mail, "Message-ID", new_message_id(self.context.hello_name))


class SaveMailNameInHeaders(Mailet):
    """Notes the mail's name in the field `X-JAMES-Mail-Name`."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        replace_field(mail, "X-JAMES-Mail-Name", mail.name)


class MailAttributesToMimeHeaders(Mailet):
    """Copies attributes to header fields: `simplemapping` is `attribute;header`, once or several times. A list gives one field with
    its first value."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._mappings = [one for one in map(self._parse, settings.strings("simplemapping")) if one is not None]
        if not self._mappings:
            settings.error(f"{type(self).__name__} needs 'simplemapping'")

    def _parse(self, text: str) -> tuple[str, str] | None:
        attribute, semicolon, name = (one.strip() for one in text.partition(";"))
        if not semicolon or not attribute or not _NAME.fullmatch(name):
            self.settings.error(f"{text!r} is not 'attribute;header'", "simplemapping")
            return None
        return attribute, name

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        lines = [
            headers.field_line(name, value)
            for attribute, name in self._mappings
            for value in self._chosen(_texts(mail.attributes.get(attribute)))
        ]
        if lines:
            mail.content = mail.content.with_header(headers.add_last(mail.content.header, *lines))

    def _chosen(self, values: list[str]) -> list[str]:
        return values[:1]


class MailAttributesListToMimeHeaders(MailAttributesToMimeHeaders):
    """Copies attributes that are lists to header fields, one for each value: `simplemapping` is `attribute;header`, once or several
    times."""

    def _chosen(self, values: list[str]) -> list[str]:
        return values


def _texts(value: AttributeValue) -> list[str]:
    match value:
        case None:
            return []
        case list():
            return [text for one in value for text in _texts(one)]
        case dict():
            return [text for one in value.values() for text in _texts(one)]
        case bytes():
            return [value.decode("utf-8", "replace")]
        case bool():
            return [str(value).lower()]
        case _:
            return [str(value)]


_OUT_OF_OFFICE = re.compile(
    r"out\s+of\s+(?:the\s+|my\s+)?office|away\s+from\s+my\s+(?:e-?)?mail|on\s+(?:annual\s+)?leave|back\s+in\s+the\s+office"
    r"|i\s+am\s+(?:away|overseas)|on\s+vacation|automatic\s+reply",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"mailbox\s+(?:is\s+|size\s+)?(?:full|limit)|over\s+(?:its\s+|the\s+)?quota|quota\s+exceeded|account\s+is\s+full|disk\s*space\s+quota"
    r"|\b[45]\.2\.2\b",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"(?:user|recipient|address|mailbox)(?:es)?\s+(?:was\s+|were\s+|is\s+)?(?:unknown|not\s+found|not\s+recognized|unavailable)"
    r"|(?:unknown|no\s+such|invalid)\s+(?:user|recipient|address|mailbox)|delivery\s+(?:status\s+notification\s+\(failure\)|fail)"
    r"|permanent\s+(?:fatal\s+)?error|permanent\s+delivery\s+failure|undeliver(?:able|ed)|account\s+has\s+been\s+closed"
    r"|(?:could|was)\s+not\s+(?:be\s+)?deliver|\b5\.[17]\.\d{1,3}\b",
    re.IGNORECASE,
)
_CLASSES = ((_OUT_OF_OFFICE, "Out of the office"), (_FULL, "Mailbox full"), (_FAILURE, "Delivery failure"))


class ClassifyBounce(Mailet):
    """Notes in the field `headerName` what kind of automatic answer the message looks like: `Out of the office`, `Mailbox full`,
    `Delivery failure` or `Normal`. The subject counts before the text."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._name = settings.required("headerName")
        if self._name and not _NAME.fullmatch(self._name):
            raise InvalidArgument(f"{self._name!r} is not the name of a header field")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        subject = decode(headers.Headers(mail.content.header).get(b"Subject") or b"")
        body = await mail.content.body.read(0, MAX_CLASSIFIED_BYTES)
        text = next(
            (
                text_of(part, body)
                for part in editable(describe(mail.content.header, body).root)
                if part.type in (b"text", b"message")
            ),
            "",
        )
        found = (name for looked_at in (subject, text) for pattern, name in _CLASSES if pattern.search(looked_at))
        replace_field(mail, self._name, next(found, "Normal"))
