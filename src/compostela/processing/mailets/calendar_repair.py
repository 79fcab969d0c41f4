"""The mailet that repairs invitations whose calendar got into the header of its part."""

import re

from compostela.core.mail.model import Mail
from compostela.mime import headers
from compostela.mime.editing import Change, changed, editable, header_of, with_text
from compostela.mime.parameters import Parameters, get
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import decoded_octets
from compostela.processing.mailet import Mailet
from compostela.processing.mailets.texts import edit
from compostela.processing.pipeline_run import PipelineRun

_BEGIN = re.compile(rb"BEGIN:VCALENDAR", re.IGNORECASE)
_END = re.compile(rb"END:VCALENDAR[^\r\n]*(?:\r?\n|\Z)", re.IGNORECASE)
_METHOD = re.compile(rb"^METHOD:[ \t]*([A-Za-z-]{1,32})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_KEPT = (b"method", b"charset", b"name", b"component")
MAX_PARAMETER_BYTES = 256
"""A parameter that is longer is taken for a piece of the calendar."""


class ICSSanitizer(Mailet):
    """Repairs text/calendar parts whose calendar got into the part's header, as parameters of Content-Type or as lines of their own,
    as broken senders write them: the calendar becomes the body. Other parts keep their octets."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, _repaired)


def _repaired(header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
    changes = []
    for part in editable(describe(header, body).root):
        if part.type == b"text" and part.subtype == b"calendar":
            change = _repair(part, header_of(part, header, body), body[slice(*part.body)])
            if change is not None:
                changes.append(change)
    return changed(header, body, changes) if changes else None


def _repair(part: Part, block: bytes, octets: bytes) -> Change | None:
    found = _BEGIN.search(block)
    if found is None or _BEGIN.search(decoded_octets(octets, part.encoding)):
        return None
    end = _END.search(block, found.start())
    if end is None:
        # an empty line in the calendar has ended the header
        calendar, rest = block[found.start() :] + octets, b"\r\n"
    else:
        calendar, rest = block[found.start() : end.end()], block[end.end() :]
    text = _unindented(calendar)
    kept: Parameters = tuple(
        (name, value)
        for name, value in part.parameters
        if name in _KEPT and len(value) <= MAX_PARAMETER_BYTES and not _BEGIN.search(value)
    )
    method = _METHOD.search(text)
    if method is not None and get(kept, b"method") is None:
        kept = (*kept, (b"method", method[1]))
    before = block[: found.start()]
    fields = [one for one in headers.fields(before) if one.name.lower() != b"content-type"]
    block = b"".join(before[one.start : one.end].rstrip(b"\r\n") + b"\r\n" for one in fields) + (rest or b"\r\n")
    return with_text(part, block, _decoded(text, part), parameters=kept)


def _unindented(calendar: bytes) -> bytes:
    """The lines of the calendar without the blank that folded them into a header field, and without the quote at its end."""
    lines = calendar.replace(b"\r\n", b"\n").strip(b"\n").split(b"\n")
    if len(lines) > 1 and all(line[:1] in (b" ", b"\t") for line in lines[1:] if line):
        lines = [lines[0], *(line[1:] for line in lines[1:])]
    lines = [line for line in lines if line.strip()]
    lines[-1] = lines[-1].rstrip(b' \t";')
    return b"\n".join(lines) + b"\n"


def _decoded(text: bytes, part: Part) -> str:
    charset = (get(part.parameters, b"charset") or b"utf-8").decode("ascii", "replace")
    try:
        return text.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return text.decode("utf-8", "replace")
