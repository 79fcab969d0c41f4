"""Mailets that compute the values of header fields."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Duration, Many, Parsed
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
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
MAX_CLASSIFIED_BYTES = 256 * 1024
"""Of the body, this much is looked at to classify a bounce."""


def replace_field(mail: Mail, name: str, value: str) -> None:
    """The field once, with this value."""
    block = headers.remove(mail.content.header, [name.encode()])
    mail.content = mail.content.with_header(headers.add_last(block, headers.field_line(name, value)))


@dataclass(frozen=True, slots=True)
class ExpiresSettings(Declared):
    """Parameters of `Expires`."""

    minimum_seconds: Annotated[float | None, Duration("minAge", unit="d")] = None
    """A field that is there is moved to at least so long from now."""
    maximum_seconds: Annotated[float | None, Duration("maxAge", unit="d")] = None
    """A field that is there is moved to at most so long from now."""
    default_seconds: Annotated[float | None, Duration("defaultAge", unit="d")] = None
    """A field that is missing is set to so long from now."""

    def completed(self, settings: Settings) -> Self:
        ages = (self.minimum_seconds, self.maximum_seconds, self.default_seconds)
        if all(age is None for age in ages):
            settings.error("Expires needs 'minAge', 'maxAge' or 'defaultAge'")
        minimum, maximum = self.minimum_seconds, self.maximum_seconds
        if minimum is not None and maximum is not None and minimum > maximum:
            settings.error("'minAge' is longer than 'maxAge'", "minAge")
        return self


class Expires(Mailet):
    """Sets the field Expires (RFC 4021 §2.1.50) to `defaultAge` from now where it is missing, and moves one that is there to at least
    `minAge` and at most `maxAge` from now."""

    parameters = ExpiresSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._ages = read(ExpiresSettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        now = self.context.clock.now()
        value = headers.Headers(mail.content.header).get(b"Expires")
        given = parse(value) if value is not None else None
        expires = given
        if expires is None:
            expires = None if self._ages.default_seconds is None else now + self._ages.default_seconds
        else:
            if self._ages.maximum_seconds is not None:
                expires = min(expires, now + self._ages.maximum_seconds)
            if self._ages.minimum_seconds is not None:
                expires = max(expires, now + self._ages.minimum_seconds)
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


def _mapping(text: str) -> tuple[str, str]:
    attribute, semicolon, name = (one.strip() for one in text.partition(";"))
    if not semicolon or not attribute or not headers.is_field_name(name):
        raise InvalidArgument(f"{text!r} is not 'attribute;header'")
    return attribute, name


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """Parameters of the mailets that copy attributes to header fields."""

    mappings: Annotated[tuple[tuple[str, str], ...], Many("simplemapping", _mapping, required=True)] = ()
    """An attribute and a header field: `attribute;header`."""


class MailAttributesToMimeHeaders(Mailet):
    """Copies attributes to header fields. A list gives one field with its first value."""

    parameters = MappingSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._mappings = read(MappingSettings, settings).mappings

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
    """Copies attributes that are lists to header fields, one for each value."""

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


@dataclass(frozen=True, slots=True)
class ClassifyBounceSettings:
    """Parameters of `ClassifyBounce`."""

    name: Annotated[str, Parsed("headerName", headers.parse_field_name)]
    """The field that takes the kind of answer."""


class ClassifyBounce(Mailet):
    """Notes in the field `headerName` what kind of automatic answer the message looks like: `Out of the office`, `Mailbox full`,
    `Delivery failure` or `Normal`. The subject counts before the text."""

    parameters = ClassifyBounceSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._name = read(ClassifyBounceSettings, settings).name

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
