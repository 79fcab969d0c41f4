"""What dialogues about processing share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import Uid
from compostela.model.username import Username
from compostela.testing.conversation import Conversation
from compostela.testing.server import Server
from compostela.testing.waiting import no_mail_is_queued

NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"


async def send(c: Conversation, recipients: list[str], text: str = "Subject: x\r\n\r\nhello", sender: str = "") -> None:
    await c.server("220 ")
    await c.client("EHLO client.example")
    await c.until("250 ")
    await c.client(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA")
    await c.server("250 2.1.0", *("250 2.1.5" for _ in recipients), "354")
    await c.client(text, ".")
    await c.server("250 2.6.0")


async def messages(server: Server, user: Username) -> list[bytes]:
    mailbox = await server.store.mailboxes.find(MailboxPath.inbox(user))
    if mailbox is None:
        return []
    uids, _ = await server.store.mailboxes.uids(mailbox.id)
    found = await server.store.mailboxes.messages(mailbox.id, list(uids))
    return [await found[Uid(uid)].content.read() for uid in uids]


async def idle(server: Server) -> bool | None:
    return await no_mail_is_queued(server.store.queues)


class NextHop:
    """A scripted next hop: answers RCPT with what the test wants, keeps what it takes."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers
        self.taken: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 next.example\r\n")
        while line := await reader.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EHLO":
                writer.write(b"250-next.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"RCPT":
                writer.write((self.answers.pop(0) if self.answers else "250 ok").encode() + b"\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


@contextlib.asynccontextmanager
async def next_hop(answers: list[str]) -> AsyncIterator[tuple[NextHop, str]]:
    """With the configuration that leads there."""
    hop = NextHop(answers)
    server = await asyncio.start_server(hop.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    container = (
        default.replace(
            "<outgoing>outgoing</outgoing>", f"<outgoing>outgoing</outgoing><gateway>127.0.0.1:{port}</gateway>"
        )
        .replace("5 minutes, 15 minutes, 30 minutes, 1 hour, 20*4 hours", "10 ms, 10 ms")
        .replace(">24<", ">2<")
    )
    try:
        yield hop, container
    finally:
        server.close()
