"""user+folder from RCPT to the mailbox."""

from pathlib import Path

from compostela.model.mailbox_path import MailboxPath
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, SMTP, running
from compostela.testing.waiting import eventually

FORM = SMTP.replace(
    '<handler class="ValidRcptHandler"/>',
    '<handler class="ValidRcptHandler"><subAddressing>true</subAddressing></handler>',
)
CONTAINER = """<mailetcontainer><spooler><threads>2</threads></spooler><processors>
<processor state="root"><mailet match="All" class="SubAddressing"><anyoneMayPost>true</anyoneMayPost></mailet>
<mailet match="RecipientIsLocal" class="LocalDelivery"/><mailet match="All" class="Null"/></processor>
<processor state="transport"><mailet match="All" class="RemoveMimeHeader"><name>bcc</name></mailet></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""


async def test_a_mail_to_a_detail_of_a_user_reaches_the_mailbox(tmp_path: Path) -> None:
    async with running(tmp_path, container=CONTAINER, smtp=FORM) as server:
        mailboxes = server.under_test.services.mailboxes.system
        lists = await mailboxes.create(MailboxPath.personal(BOB, "Lists"))
        async with conversation(server.ports["smtp"]) as c:
            await c.client("EHLO client.example", "MAIL FROM:<eve@else.example>")
            await c.until("250 2.1.0")
            await c.client("RCPT TO:<nobody+lists@example.org>", "RCPT TO:<bob+lists@example.org>", "DATA")
            await c.server("550 5.1.1", "250 2.1.5", "354 ")
            await c.client("Subject: x", "", "hello", ".")
            await c.server("250 2.6.0")

        async def stored() -> int | None:
            return (await mailboxes.status(lists)).messages or None

        assert await eventually(stored) == 1


async def test_without_the_setting_a_detail_is_no_user(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.client("EHLO client.example", "MAIL FROM:<eve@else.example>", "RCPT TO:<bob+lists@example.org>")
        await c.until("250 2.1.0")
        await c.server("550 5.1.1")
