"""What dialogues about sieve share."""

from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, Server
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, send

MAIL = "From: a@b.example\r\nTo: bob@example.org\r\nSubject: {}\r\nMessage-ID: <{}@b.example>\r\n\r\nhello"


async def put(server: Server, text: str, user: Username = BOB) -> None:
    await server.under_test.services.sieve.put(user, "main", text.encode(), activate=True)


async def deliver(
    server: Server, subject: str = "x", sender: str = "ann@example.org", to: str = "bob@example.org"
) -> None:
    async with conversation(server.ports["smtp"]) as c:
        await send(c, [to], MAIL.format(subject, subject), sender)
    await eventually(lambda: idle(server))


async def in_mailbox(server: Server, user: Username, name: str) -> list[bytes]:
    mailbox = await server.store.mailboxes.find(MailboxPath.personal(user, name))
    if mailbox is None:
        return []
    uids, _ = await server.store.mailboxes.uids(mailbox.id)
    found = await server.store.mailboxes.messages(mailbox.id, list(uids))
    return [await one.content.read() for one in found.values()]
