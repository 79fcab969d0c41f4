"""SRS from a forward to the report that comes back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import SENT_BY_MAILET
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.testing.conversation import conversation
from compostela.testing.mails import address
from compostela.testing.pipeline import BOB, mail_of, mailet, served, spooled
from compostela.testing.server import Server, running

SRS = {"recipientrewritetable.xml": "<recipientrewritetable><srs/></recipientrewritetable>"}
NO_SPOOLER = """<mailetcontainer><spooler><threads>0</threads></spooler><processors>
<processor state="root"><mailet match="All" class="Null"/></processor>
<processor state="transport"><mailet match="All" class="RemoveMimeHeader"><name>bcc</name></mailet></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path, files=SRS, container=NO_SPOOLER) as started:
        for target in ("bob@elsewhere.example", "ann@example.org"):
            source = MappingSource.of_address(address(BOB))
            await started.under_test.services.rewriting.add(source, Mapping(MappingType.FORWARD, target))
        yield started


async def test_a_forward_keeps_its_sender_and_reports_come_back(server: Server) -> None:
    context = server.under_test.mailet_context
    table = mailet("RecipientRewriteTable", context)
    await served(table, mail_of("Subject: x\r\n\r\n", "sender@remote.example", BOB))
    (forward,) = await spooled(context)
    rewritten = str(forward.sender)
    assert rewritten.startswith("SRS0=")
    assert rewritten.endswith("=remote.example=sender@example.org")
    assert forward.attributes[SENT_BY_MAILET] is True
    async with conversation(server.ports["smtp"]) as c:
        await c.client("EHLO next.example", "MAIL FROM:<>", f"RCPT TO:<{rewritten}>")
        await c.until("250 2.1.5")
        await c.client(f"RCPT TO:<{rewritten.replace('sender@', 'other@')}>")
        await c.server("550 5.1.1 This is no address of a mail")
        await c.client("RSET", "MAIL FROM:<eve@remote.example>", f"RCPT TO:<{rewritten}>")
        await c.until("550 5.7.1 This address takes only reports")
    report = mail_of("Auto-Submitted: auto-replied\r\n\r\n", None, rewritten)
    assert (await served(table, report, 1)).recipients == []
    (back,) = await spooled(context)
    assert (back.sender, back.recipients) == (None, [address("sender@remote.example")])
    assert back.attributes[SENT_BY_MAILET] is True


async def test_mail_with_a_sender_does_not_go_to_a_rewritten_address(server: Server) -> None:
    context = server.under_test.mailet_context
    srs = server.under_test.services.rewriting.srs
    assert srs is not None
    rewritten = await srs.rewritten(address("sender@remote.example"))
    mail = mail_of("Subject: buy\r\n\r\n", "eve@remote.example", str(rewritten))
    assert (await served(mailet("RecipientRewriteTable", context), mail)).recipients == []
    (refused,) = await spooled(context)
    assert (refused.state, refused.recipients) == ("error", [rewritten])
    assert refused.error_message is not None
    assert refused.error_message.startswith("550 5.7.1 This address takes only reports")


@pytest.mark.parametrize("sender", ["ann@example.org", None])
async def test_our_own_senders_are_not_rewritten(server: Server, sender: str | None) -> None:
    context = server.under_test.mailet_context
    await served(mailet("RecipientRewriteTable", context), mail_of("Subject: x\r\n\r\n", sender, BOB))
    (forward,) = await spooled(context)
    assert forward.sender == (address(BOB) if sender else None)
    mail = await served(mailet("SRS", context), mail_of("Subject: x\r\n\r\n", sender, "bob@elsewhere.example"))
    assert mail.sender == (address(sender) if sender else None)


async def test_the_mailet_rewrites_strangers(server: Server) -> None:
    context = server.under_test.mailet_context
    mail = await served(
        mailet("SRS", context), mail_of("Subject: x\r\n\r\n", "a@remote.example", "b@elsewhere.example")
    )
    assert str(mail.sender).startswith("SRS0=")


async def test_without_the_setting_the_mailet_is_a_mistake(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        with pytest.raises(InvalidArgument, match="needs <srs/>"):
            mailet("SRS", server.under_test.mailet_context)
