"""Mailets that change texts: what they change, and what must stay as it was."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import mail_of, mailet, served, server_context, text_of

ALTERNATIVE = (
    'Subject: x\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n--o\r\nContent-Type: multipart/alternative; boundary="i"\r\n\r\n'
    "--i\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n"
    "--i\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>cafe</body></html>\r\n--i--\r\n"
    "--o\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nan attachment\r\n--o--\r\n"
)
SIGNED = 'Content-Type: multipart/signed; boundary="b"\r\n\r\n--b\r\n\r\ncafé\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n'


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


async def after(name: str, context: MailetContext, message: str, **parameters: str) -> str:
    return await text_of(await served(mailet(name, context, **parameters), mail_of(message)))


async def test_a_footer_in_plain_text(context: MailetContext) -> None:
    made = await after("AddFooter", context, "Subject: x\r\n\r\nhello", text="-- the end")
    assert made.endswith("\r\n\r\nhello\r\n-- the end\r\n")
    assert made.startswith("Subject: x\r\n")


async def test_a_footer_in_both_alternatives_and_not_in_attachments(context: MailetContext) -> None:
    made = await after("AddFooter", context, ALTERNATIVE, text="1 < 2\nä")
    assert "caf=E9\r\n1 < 2\r\n=E4\r\n" in made  # the charset is kept
    assert "<body>cafe<br>1 &lt; 2<br>=C3=A4</body>" in made
    assert made.endswith("\r\n\r\nan attachment\r\n--o--\r\n")


async def test_a_footer_that_the_charset_lacks(context: MailetContext) -> None:
    made = await after("AddFooter", context, "Content-Type: text/plain; charset=us-ascii\r\n\r\nhello\r\n", text="€")
    assert "charset=utf-8" in made
    assert made.endswith("hello\r\n=E2=82=AC\r\n")


@pytest.mark.parametrize("name", ["AddFooter", "ConvertTo7Bit"])
async def test_what_is_signed_is_not_touched(name: str, context: MailetContext) -> None:
    parameters = {"text": "footer"} if name == "AddFooter" else {}
    assert await after(name, context, SIGNED, **parameters) == SIGNED


async def test_replacements(context: MailetContext) -> None:
    message = "Subject: =?utf-8?q?caf=C3=A9?= a//b\r\n\r\nabcXabc\r\naaaa\r\n"
    made = await after(
        "ReplaceContent", context, message,
        subjectPattern=r"/(CAF)É/$1e!/i/,/\/\//-//", bodyPattern="/b(c)x/[$1]\\n/i/,/aa/a/r/",
    )  # fmt: skip
    assert "Subject: cafe! a-b\r\n" in made
    assert made.endswith("\r\n\r\na[c]\r\nabc\r\na\r\n")


async def test_replacements_from_a_file_and_a_charset(context: MailetContext, tmp_path: Path) -> None:
    (tmp_path / "conf" / "rules").write_bytes("# rules\n/hello/caf\xe9//\n".encode("iso-8859-1"))
    made = await after(
        "ReplaceContent", context, "Subject: x\r\n\r\nhello\r\n", bodyPatternFile="file://conf/rules?iso-8859-1", charset="iso-8859-1"
    )  # fmt: skip
    assert "charset=iso-8859-1" in made
    assert made.endswith("caf=E9\r\n")


@pytest.mark.parametrize("pattern", ["x", "/(/x//", "/a/b/", "/a/b/q/", "/a/$1//"])
async def test_a_wrong_replacement_is_refused(pattern: str, context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        mailet("ReplaceContent", context, bodyPattern=pattern)


async def test_eight_bit_parts_are_encoded(context: MailetContext) -> None:
    message = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncafé\r\n"
    made = await after("ConvertTo7Bit", context, message)
    assert made.isascii()
    assert made.endswith("Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n")


async def test_only_the_text_stays(context: MailetContext) -> None:
    made = await after("OnlyText", context, ALTERNATIVE)
    assert made.startswith("Subject: x\r\nContent-Type: text/plain;\r\n charset=iso-8859-1\r\n")
    assert made.endswith("\r\n\r\ncaf=E9")
    html = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>a &amp; b</p>\r\n"
    assert "a & b" in await after("OnlyText", context, html)


async def test_a_mail_without_text_goes_to_its_processor(context: MailetContext) -> None:
    mail = await served(
        mailet("OnlyText", context, NotextProcessor="other"), mail_of("Content-Type: image/png\r\n\r\nx")
    )
    assert mail.state == "other"
    assert mailet("OnlyText", context, NotextProcessor="other").processors == ("other",)


async def test_long_header_lines_are_folded(context: MailetContext) -> None:
    words = " ".join(["word"] * 10)
    made = await after(
        "FoldLongLines", context, f"Subject: {words}\r\nX-One: {'x' * 40}\r\n\r\nbody", maxCharacters="20"
    )
    header = made.partition("\r\n\r\n")[0]
    assert header.replace("\r\n ", " ") == f"Subject: {words}\r\nX-One: {'x' * 40}"
    assert all(len(line) <= 20 or "x" in line for line in header.split("\r\n"))
    short = "Subject: a b\r\n\r\n" + "b " * 2000
    assert await after("FoldLongLines", context, short) == short
