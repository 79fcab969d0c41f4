"""Extensions between this server and Postfix: out to it with our client, and back from it over the wire."""

import asyncio
from pathlib import Path

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.outbound.ports import SendOptions, Wishes
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.net.outbound.client import SmtpClient
from compostela.testing.server import PASSWORD, running
from tests.dialogues.smtp_extensions import DSN, KEEPING, UTF8, kept
from tests.end_to_end.postfix import needs_postfix, running_postfix

pytestmark = needs_postfix
BOB, RENÉE = MailAddress.parse("bob@example.org"), MailAddress.parse("renée@example.org")


async def test_wishes_and_internationalised_mail_pass_through_postfix(tmp_path: Path) -> None:
    wishes = Wishes(
        utf8=True,
        envelope_id="QQ+2B1",
        returns="HDRS",
        notify={BOB: "SUCCESS,FAILURE", RENÉE: "NEVER"},
        original_recipients={BOB: "rfc822;Bob+2Bx@elsewhere.example"},
    )
    content = MessageContent(
        "From: bjørn@b.example\r\nSubject: Grüße\r\n\r\n".encode(), MemoryBody(b"line\r\n.\r\n..dots\r\nend\r\n")
    )
    async with running(tmp_path, handlers=DSN + UTF8, container=KEEPING) as server:
        await server.under_test.services.users.add(Username.parse(str(RENÉE)), PASSWORD)
        with running_postfix(server.ports["smtp"]) as postfix:
            options = SendOptions(hello_name="client.example")
            sender = MailAddress.parse("bjørn@b.example")
            sent = await SmtpClient().send("127.0.0.1", postfix.port, sender, [BOB, RENÉE], content, options, wishes)
            assert (sent.delivered, sent.refused) == ([BOB, RENÉE], {})
            assert sent.passed_on == {BOB, RENÉE}
            await asyncio.to_thread(postfix.wait_until_empty)
        mail = await kept(server)
        assert mail.sender == sender
        assert mail.recipients == [BOB, RENÉE]
        assert mail.attributes["SMTPUTF8"] is True
        assert (mail.attributes["dsn-envid"], mail.attributes["dsn-ret"]) == ("QQ+2B1", "HDRS")
        assert mail.attributes["dsn-notify"] == {str(BOB): "SUCCESS,FAILURE", str(RENÉE): "NEVER"}
        original = mail.attributes["dsn-orcpt"]
        assert isinstance(original, dict)
        assert original[str(BOB)] == "rfc822;Bob+2Bx@elsewhere.example"
        assert (await mail.content.body.read()) == b"line\r\n.\r\n..dots\r\nend\r\n"
        assert "Subject: Grüße\r\n".encode() in mail.content.header
