"""Mailets that store mails elsewhere, tell everybody, or change the form of a body."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.core.mail.attributes import SENT_BY_MAILET
from compostela.core.mail.model import GHOST
from compostela.mime.scanner import describe
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import ANN, BOB, SENDER, mail_of, mailet, served, server_context, spooled, text_of

HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>a &lt; b</p>"
PLAIN = "Content-Type: text/plain\r\n\r\na < b"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("folder", "consume"), [("Sent", False), ("Copies", True)])
async def test_a_copy_for_the_sender_is_stored_once(folder: str, consume: bool, context: MailetContext) -> None:
    parameters = {"folder": folder, "consume": "true"} if consume else {}
    made = mailet("ToSenderFolder", context, **parameters)
    for _ in range(2):
        mail = await served(made, mail_of("Subject: x\r\n\r\n", ANN, BOB))
    assert (mail.state == GHOST) == consume
    mailbox = await context.mailboxes.find(MailboxPath.personal(Username.parse(ANN), folder))
    assert (await context.mailboxes.status(mailbox)).messages == 1


async def test_a_sender_who_is_no_user_keeps_nothing(context: MailetContext) -> None:
    for sender in (SENDER, None):
        mail = await served(mailet("ToSenderFolder", context, consume="true"), mail_of("Subject: x\r\n\r\n", sender))
        assert mail.state == "root"


async def test_a_mail_to_all_users(context: MailetContext) -> None:
    made = mailet("MailToAllUsers", context)
    for _ in range(2):
        await served(made, mail_of("Subject: x\r\n\r\n", SENDER, "all@example.org"))
    (mail,) = await spooled(context)
    assert sorted(map(str, mail.recipients)) == [ANN, BOB]
    assert mail.attributes[SENT_BY_MAILET] is True


async def test_the_servers_time(context: MailetContext) -> None:
    mail = await served(mailet("ServerTime", context), mail_of())
    (answer,) = await spooled(context)
    assert (mail.state, answer.sender, [str(one) for one in answer.recipients]) == (GHOST, None, [SENDER])
    assert "The time of the server mail.example.org is 20" in await text_of(answer)
    await served(mailet("ServerTime", context), mail_of("Subject: x\r\n\r\n", None), 1)
    assert await spooled(context) == []


def alternative(*parts: str) -> str:
    inside = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return f'Content-Type: multipart/alternative; boundary="b"\r\n\r\n{inside}--b--\r\n'


async def test_html_becomes_plain_text(context: MailetContext) -> None:
    made = mailet("ToPlainText", context)
    text = await text_of(await served(made, mail_of(f"Subject: x\r\n{HTML}\r\n")))
    assert "Content-Type: text/plain;\r\n charset=utf-8\r\n" in text
    assert "a < b" in text
    assert await text_of(await served(made, mail_of(alternative(PLAIN, HTML)))) == alternative(PLAIN)
    assert await text_of(await served(made, mail_of(PLAIN))) == PLAIN


async def test_a_calendar_becomes_an_attachment(context: MailetContext) -> None:
    message = "Subject: x\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n"
    mail = await served(mailet("TextCalendarBodyToAttachment", context), mail_of(message))
    body = await mail.content.body.read()
    (part,) = describe(mail.content.header, body).root.children
    assert (part.type, part.subtype, part.disposition) == (b"text", b"calendar", b"attachment")
    assert (b"method", b"REQUEST") in part.parameters
    assert body[slice(*part.body)] == b"BEGIN:VCALENDAR\r\n"
    assert await text_of(await served(mailet("TextCalendarBodyToAttachment", context), mail_of(PLAIN))) == PLAIN
