"""The examples of the developers' guide, loaded by their dotted paths."""

import base64
import time
from importlib.resources import files
from pathlib import Path

import pytest
from examples.mechanisms import ticket
from examples.tasks import Expiry

from compostela.core.repository.ports import RepositoryUrl
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import Uid
from compostela.testing.conversation import conversation
from compostela.testing.mails import a_mail
from compostela.testing.server import BOB, running
from compostela.testing.waiting import eventually
from tests.dialogues.authentication import greet, serving
from tests.dialogues.hooks import with_hooks

PAIR = """<mailet match="examples.mailets.SubjectContains=invoice" class="examples.mailets.AddNote"><note>Check it.</note></mailet>
<mailet match="All" class="AddDeliveredToHeader"/>"""
HANDLER = '<handler class="examples.hooks.OfficeHours"><closed>ann@example.org</closed></handler>'


async def test_own_mailet_matcher_and_hook(tmp_path: Path) -> None:
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    container = default.replace('<mailet match="All" class="AddDeliveredToHeader"/>', PAIR)
    async with (
        running(tmp_path, container=container, handlers=HANDLER) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        await c.client("HELO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<ann@example.org>")
        await c.server("250 ", "250 2.1.0", "450 4.2.1 ann@example.org takes no mail now")
        await c.client("RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 2.1.5", "354")
        await c.client("Subject: Your Invoice", "", "Pay.", ".")
        await c.server("250 2.6.0")

        async def delivered() -> bytes | None:
            mailbox = await server.store.mailboxes.find(MailboxPath.inbox(BOB))
            message = await server.store.mailboxes.message(mailbox.id, Uid(1)) if mailbox else None
            return message.content.header if message else None

        assert b"X-Note: Check it.\r\n" in await eventually(delivered)


async def test_own_task(tmp_path: Path) -> None:
    extensions = {"extensions.properties": "guice.extension.tasks = examples.tasks.ExpireMails\n"}
    async with running(tmp_path, files=extensions) as server:
        await server.under_test.start_web()
        repository = await server.store.repositories.select(RepositoryUrl.parse("file://var/mail/spam"))
        for name, age in (("old", 3 * 86400), ("new", 60)):
            mail = a_mail(name)
            mail.last_updated_at = time.time() - age
            await repository.store(mail)
        tasks = server.under_test.tasks
        task = await tasks.wait(await tasks.submit("expire-mails", Expiry("var/mail/spam", 2)), 20)
        assert task.state.information == {"repositoryPath": "var/mail/spam", "removedCount": 1}
        assert await repository.retrieve("new") is not None


async def test_own_hook_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "office-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: office\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[compostela.smtp_hooks]\nHours = examples.hooks:OfficeHours\n")
    monkeypatch.syspath_prepend(tmp_path)
    async with with_hooks(tmp_path, '<handler class="Hours"><closed>ann@example.org</closed></handler>') as (c, _):
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<ann@example.org>")
        await c.server("250 2.1.0", "450 4.2.1 ann@example.org takes no mail now")


async def test_own_hook_that_asks_dns(tmp_path: Path) -> None:
    handler = '<handler class="examples.hooks.OwnList"><list>suspects.example.</list></handler>'
    async with with_hooks(tmp_path, handler, {"1.0.0.127.suspects.example": {"A": ["127.0.0.2"]}}) as (c, names):
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>")
        await c.server("250 2.1.0", "451 4.7.1 We do not know you yet", "451 4.7.1")
        assert names.questions == [("1.0.0.127.suspects.example", "A")]


SECRET = "a secret of no less than 32 characters"
TICKETS = f"<saslMechanisms>PLAIN, examples.mechanisms.WebTickets</saslMechanisms><ticketSecret>{SECRET}</ticketSecret>"


async def test_own_mechanism(tmp_path: Path) -> None:
    good = base64.b64encode(ticket(SECRET.encode(), "bob@example.org", int(time.time()) + 60)).decode()
    async with serving(tmp_path, TICKETS) as server:
        async with conversation(server.ports["smtp"]) as c:
            assert await greet(c) == ["PLAIN", "X-WEB-TICKET"]
            await c.client("AUTH X-WEB-TICKET")
            await c.server("334 ")
            await c.client(good)
            await c.server("235 2.7.0")
        async with conversation(server.ports["imap"]) as c:
            assert "AUTH=X-WEB-TICKET" in await c.server("* OK [CAPABILITY ")
            await c.client(f"a1 AUTHENTICATE X-WEB-TICKET {good}", 'a2 LIST "" INBOX')
            await c.until("a1 OK")
            await c.until("a2 OK")


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (ticket(SECRET.encode(), "bob@example.org", 1), "535 5.7.8"),
        (ticket(b"another secret", "bob@example.org", 1 << 40), "535 5.7.8"),
        (ticket(SECRET.encode(), "nobody@example.org", 1 << 40), "535 5.7.8"),
        (b"bob@example.org", "501 5.5.2"),
        (b"\xff\0never\0", "501 5.5.2"),
    ],
    ids=["old", "of another", "of nobody", "no ticket", "garbage"],
)
async def test_own_mechanism_refuses(tmp_path: Path, octets: bytes, answer: str) -> None:
    async with serving(tmp_path, TICKETS) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client(f"AUTH X-WEB-TICKET {base64.b64encode(octets).decode()}", "RSET")
        await c.server(answer, "250 2.0.0")
