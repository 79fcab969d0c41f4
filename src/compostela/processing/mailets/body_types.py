"""Mailets that give the body of a message another form."""

from compostela.core.mail.model import Mail
from compostela.mime.editing import Change, as_mixed, changed, editable, header_of, text_of, with_text
from compostela.mime.headers import remove
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.mime.text import html_text
from compostela.processing.mailet import Mailet
from compostela.processing.mailets.texts import edit, is_text
from compostela.processing.pipeline_run import PipelineRun


class ToPlainText(Mailet):
    """Turns HTML into plain text. In an alternative that has plain text already, the HTML is removed."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, _plain)


def _plain(header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
    root = describe(header, body).root
    superfluous = _superfluous(root)
    changes = []
    for part in editable(root):
        if part in superfluous:
            changes.append(Change(part, None, None))
        elif is_text(part, b"html"):
            plain = Part(b"text", b"plain", part.parameters, part.encoding, part.header, part.body, part.lines)
            changes.append(with_text(plain, header_of(part, header, body), html_text(text_of(part, body))))
    return changed(header, body, changes) if changes else None


def _superfluous(part: Part) -> list[Part]:
    """HTML beside plain text in an alternative."""
    found = [one for child in part.children for one in _superfluous(child)]
    if part.subtype == b"alternative" and any(is_text(child, b"plain") for child in part.children):
        found += [child for child in part.children if is_text(child, b"html")]
    return found


class TextCalendarBodyToAttachment(Mailet):
    """Makes a message that is nothing but text/calendar one with this as its attachment."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await edit(mail, _attached)


def _attached(header: bytes, body: bytes) -> tuple[bytes, bytes] | None:
    root = describe(header, body).root
    if (root.type, root.subtype) != (b"text", b"calendar"):
        return None
    return as_mixed(remove(header, [b"content-disposition"]), body, b"Content-Disposition: attachment")
