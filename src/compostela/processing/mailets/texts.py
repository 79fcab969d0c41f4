"""Mailets that change the text of a message. Charsets are kept where they have all characters; signed parts are not touched."""

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Integer, Parsed, Text
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent, Octets
from compostela.core.mail.model import Mail
from compostela.mime import headers
from compostela.mime.conversion import CannotConvert, converted, fits_seven_bit
from compostela.mime.editing import Change, changed, editable, header_of, text_of, with_text
from compostela.mime.encoded_words import decode
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import html_text
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.mailets.substitutions import NO_SUBSTITUTIONS, Substitutions, parse_list, read_files
from compostela.processing.pipeline_run import PipelineRun

Edit = Callable[[bytes, bytes], tuple[bytes, bytes] | None]
"""Takes and gives header block and body; None for no change."""


async def edit(mail: Mail, change: Edit) -> bool:
    """Changes the mail's content; False for no change."""
    header = mail.content.header

    def work(body: Octets) -> tuple[bytes, bytes] | None:
        return change(header, bytes(body))

    made = await mail.content.body.apply(work)
    if made is not None:
        mail.content = MessageContent(made[0], MemoryBody(made[1]))
    return made is not None


def is_text(part: Part, *subtypes: bytes) -> bool:
    """Whether the part is shown as text of one of these subtypes and is no attachment."""
    return part.type == b"text" and part.subtype in subtypes and (part.disposition or b"").lower() != b"attachment"


@dataclass(frozen=True, slots=True)
class AddFooterSettings:
    """Parameters of `AddFooter`."""

    text: Annotated[str, Text("text")]
    """What is added."""


class AddFooter(Mailet):
    """Adds `text` below the text of a message: to plain text and to HTML, in an alternative to both."""

    parameters = AddFooterSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._text = read(AddFooterSettings, settings).text

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, self._added)

    def _added(self, header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        changes = [
            with_text(part, header_of(part, header, body), self._with_footer(part, text_of(part, body)))
            for part in self._texts(describe(header, body).root)
        ]
        return changed(header, body, changes) if changes else None

    def _texts(self, part: Part) -> list[Part]:
        if not part.is_multipart:
            return [part] if is_text(part, b"plain", b"html") else []
        if part.subtype == b"alternative":
            return [text for child in part.children for text in self._texts(child)]
        return self._texts(part.children[0]) if part.subtype in (b"mixed", b"related") else []

    def _with_footer(self, part: Part, text: str) -> str:
        if part.subtype == b"plain":
            return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{self._text}\n"
        footer = "<br>" + html.escape(self._text, quote=False).replace("\n", "<br>")
        end = max(text.lower().rfind("</body"), 0) or max(text.lower().rfind("</html"), 0) or len(text)
        return text[:end] + footer + text[end:]


@dataclass(frozen=True, slots=True)
class ReplaceContentSettings(Declared):
    """Parameters of `ReplaceContent`."""

    WITHOUT_EFFECT = ("debug",)

    subject: Annotated[Substitutions, Parsed("subjectPattern", parse_list, "substitutions")] = NO_SUBSTITUTIONS
    """What is replaced in the subject."""
    subject_files: Annotated[str, Text("subjectPatternFile")] = ""
    """Files with further substitutions for the subject."""
    body: Annotated[Substitutions, Parsed("bodyPattern", parse_list, "substitutions")] = NO_SUBSTITUTIONS
    """What is replaced in the body."""
    body_files: Annotated[str, Text("bodyPatternFile")] = ""
    """Files with further substitutions for the body."""
    charset: Annotated[str, Text("charset")] = ""
    """The charset that the text gets, by default its own."""

    def completed(self, settings: Settings) -> Self:
        try:
            "".encode(self.charset or "utf-8")
        except LookupError:
            settings.error(f"{self.charset!r} is not a known charset", "charset")
        return self


class ReplaceContent(Mailet):
    """Replaces text in the subject and in the body of a message with one part: `/regular expression/replacement/flags/`, several
    with commas between. Flags: i any case, m lines, s dots match line ends, r again while it changes something. The files hold one
    a line and have `?charset` after their names if they are not in UTF-8."""

    parameters = ReplaceContentSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ReplaceContentSettings, settings)
        self._subject = made.subject + self._in_files(made.subject_files, "subjectPatternFile")
        self._body = made.body + self._in_files(made.body_files, "bodyPatternFile")
        self._charset = made.charset

    def _in_files(self, names: str, element: str) -> Substitutions:
        try:
            return read_files(names, self.context.resolve) if names else NO_SUBSTITUTIONS
        except InvalidArgument as wrong:
            self.settings.error(f"{element}: {wrong}", element)
            return NO_SUBSTITUTIONS

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if self._subject:
            subject = decode(headers.Headers(mail.content.header).get(b"Subject") or b"")
            replaced = self._subject.apply(subject)
            if replaced != subject:
                replace_field(mail, "Subject", replaced)
        if self._body or self._charset:
            await edit(mail, self._replaced)

    def _replaced(self, header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        root = describe(header, body).root
        if root.children or root.type != b"text":
            return None
        text = text_of(root, body)
        replaced = self._body.apply(text)
        if replaced == text and not self._charset:
            return None
        return changed(header, body, [with_text(root, header, replaced, self._charset)])


class ConvertTo7Bit(Mailet):
    """Encodes parts with 8-bit octets or lines that are too long: text as quoted-printable, all else as base64 (RFC 6152 §3). A
    signed message is left as it is."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, self._converted)

    @staticmethod
    def _converted(header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        try:
            made = converted(header, body, fits_seven_bit)
        except CannotConvert:
            return None
        return None if made == (header, body) else made


@dataclass(frozen=True, slots=True)
class OnlyTextSettings:
    """Parameters of `OnlyText`."""

    processor: Annotated[str, Text("NotextProcessor")] = ""
    """Processor for mails without text, which go on by default."""


class OnlyText(Mailet):
    """Makes the message its first text, plain before HTML, without attachments."""

    parameters = OnlyTextSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._processor = read(OnlyTextSettings, settings).processor
        self.processors = (self._processor,) if self._processor else ()

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        found = await edit(mail, _only_text)
        if not found and self._processor:
            mail.state = self._processor


def _only_text(header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
    root = describe(header, body).root
    if root.type == b"text" and root.subtype == b"plain":
        return header, body
    leaves = list(editable(root))
    chosen = [part for kind in (b"plain", b"html") for part in leaves if is_text(part, kind)]
    if not chosen:
        return None
    text = text_of(chosen[0], body)
    if chosen[0].subtype == b"html":
        text = html_text(text)
    whole = headers.remove(header, [b"content-disposition", b"content-id", b"content-description", b"content-language"])
    plain = Part(b"text", b"plain", chosen[0].parameters, b"7bit", (0, 0), (0, 0), 0)
    made: Change = with_text(plain, whole, text)
    return made.header or header, made.body or b""


@dataclass(frozen=True, slots=True)
class FoldLongLinesSettings:
    """Parameters of `FoldLongLines`."""

    limit: Annotated[int, Integer("maxCharacters", minimum=1)] = 998
    """Octets of a line that stays whole."""


class FoldLongLines(Mailet):
    """Folds header lines with more than `maxCharacters` octets at a blank (RFC 5322 §2.1.1)."""

    parameters = FoldLongLinesSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._limit = read(FoldLongLinesSettings, settings).limit

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        block = mail.content.header
        lines = block.split(b"\n")
        if any(len(line.rstrip(b"\r")) > self._limit for line in lines):
            mail.content = mail.content.with_header(b"\n".join(_folded(line, self._limit) for line in lines))


def _folded(line: bytes, limit: int) -> bytes:
    """A word that is longer than the limit stays whole."""
    out: list[bytes] = []
    start = line.find(b":") + 1 if line[:1] not in (b" ", b"\t") else 1
    while len(line.rstrip(b"\r")) > limit:
        # a fold keeps the blank: it begins the next line, which must hold more than blanks
        skip = start + len(line[start:]) - len(line[start:].lstrip(b" "))
        at = line.rfind(b" ", skip, limit + 1)
        if at <= 0:
            at = line.find(b" ", max(skip, limit))
        if at <= 0 or not line[at:].strip():
            break
        out.append(line[:at])
        line, start = line[at:], 1
    return b"\r\n".join([*out, line])
