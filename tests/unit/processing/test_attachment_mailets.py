"""Attachments that are taken out, saved, decoded and put back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.mime.scanner import describe
from compostela.processing.mailet import MailetContext
from compostela.processing.mailets.attachments import REMOVED, SAVED
from compostela.testing.pipeline import mail_of, mailet, served, server_context, text_of

PDF = (
    'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="=?utf-8?q?=C3=A4.pdf?="\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8="
)
PICTURE = 'Content-Type: image/png; name="../../b.png"\r\n\r\npicture'
TEXT = "Content-Type: text/plain; charset=iso-8859-1\r\n\r\ntext"
HEADER = 'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'


def message(*parts: str) -> str:
    return HEADER + "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"


ALL = message(TEXT, PDF, PICTURE)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


async def test_matched_attachments_are_taken_out_and_all_else_stays(context: MailetContext) -> None:
    strip = mailet(
        "StripAttachment", context, pattern=r".*\.pdf", remove="matched", decodeFilename="true", attribute="kept"
    )
    mail = await served(strip, mail_of(ALL))
    assert await text_of(mail) == message(TEXT, PICTURE)
    assert mail.attributes[REMOVED] == ["ä.pdf"]
    assert mail.attributes["kept"] == {"ä.pdf": PDF.encode()}


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        ({"notpattern": r".*\.png", "remove": "matched"}, [TEXT, PICTURE]),
        ({"mimeType": "image/png", "remove": "matched"}, [TEXT, PDF]),
        ({"pattern": "nothing", "remove": "all"}, [TEXT]),
        ({"pattern": ".*"}, [TEXT, PDF, PICTURE]),
        ({"pattern": "b", "replaceFilenamePattern": r"/^.*\/(.*)\.png$/$1//", "remove": "matched"}, [TEXT, PDF]),
    ],
)
async def test_which_attachments_go(parameters: dict[str, str], left: list[str], context: MailetContext) -> None:
    assert await text_of(await served(mailet("StripAttachment", context, **parameters), mail_of(ALL))) == message(*left)


async def test_attachments_are_saved_in_the_directory_and_nowhere_else(context: MailetContext, tmp_path: Path) -> None:
    strip = mailet("StripAttachment", context, pattern=".*", directory="file://var/saved")
    mail = await served(strip, mail_of(ALL))
    names = mail.attributes[SAVED]
    assert isinstance(names, list)
    (folder,) = tmp_path.rglob("saved")
    assert sorted(path.name for path in folder.iterdir()) == sorted(map(str, names))
    assert {path.read_bytes() for path in folder.iterdir()} == {b"hello", b"picture"}


@pytest.mark.parametrize("parameters", [{}, {"pattern": "("}, {"pattern": "x", "remove": "some"}])
async def test_strip_attachment_refuses(parameters: dict[str, str], context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        mailet("StripAttachment", context, **parameters)


async def test_attachments_come_back(context: MailetContext) -> None:
    mail = mail_of(ALL)
    await served(
        mailet("StripAttachment", context, mimeType="application/pdf", remove="matched", attribute="kept"), mail
    )
    await served(mailet("RecoverAttachment", context, attribute="kept"), mail)
    assert await text_of(mail) == message(TEXT, PICTURE, PDF)


async def test_attachments_come_back_to_a_message_without_parts(context: MailetContext) -> None:
    mail = mail_of("Subject: x\r\nContent-Type: text/html\r\n\r\n<p>hello</p>\r\n")
    mail.attributes["kept"] = {"a": PDF.encode()}
    await served(mailet("RecoverAttachment", context, attribute="kept"), mail)
    root = describe(mail.content.header, await mail.content.body.read()).root
    assert [(part.type, part.subtype) for part in root.children] == [(b"text", b"html"), (b"application", b"pdf")]
    assert mail.content.header.startswith(b"Subject: x\r\nMIME-Version: 1.0\r\n")


async def test_kept_parts_are_decoded(context: MailetContext) -> None:
    mail = mail_of()
    mail.attributes["kept"] = {"a": PDF.encode(), "b": PICTURE.encode()}
    await served(mailet("MimeDecodingMailet", context, attribute="kept"), mail)
    assert mail.attributes["kept"] == {"a": b"hello", "b": b"picture"}


@pytest.mark.parametrize("kind", ["signed", "encrypted"])
async def test_parts_that_are_signed_or_encrypted_stay(kind: str, context: MailetContext) -> None:
    text = message(TEXT, PDF).replace("multipart/mixed", f"multipart/{kind}")
    strip = mailet("StripAttachment", context, pattern=".*", remove="all")
    assert await text_of(await served(strip, mail_of(text))) == text


async def test_the_first_part_is_taken_out(context: MailetContext) -> None:
    strip = mailet("StripAttachment", context, pattern="nothing", remove="all")
    assert await text_of(await served(strip, mail_of(message(PDF, TEXT)))) == message(TEXT)
