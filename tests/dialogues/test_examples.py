"""The examples of the developers' guide, loaded by their dotted paths."""

from importlib.resources import files
from pathlib import Path

from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import Uid
from tests.dialogues.conversation import conversation
from tests.dialogues.hooks import with_hooks
from tests.dialogues.server import BOB, running
from tests.dialogues.waiting import eventually

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


async def test_own_hook_that_asks_dns(tmp_path: Path) -> None:
    handler = '<handler class="examples.hooks.OwnList"><list>suspects.example.</list></handler>'
    async with with_hooks(tmp_path, handler, {"1.0.0.127.suspects.example": {"A": ["127.0.0.2"]}}) as (c, names):
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>")
        await c.server("250 2.1.0", "451 4.7.1 We do not know you yet", "451 4.7.1")
        assert names.questions == [("1.0.0.127.suspects.example", "A")]
